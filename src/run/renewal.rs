//! SIGHUP: the configuration and the files of TLS are read again.
//!
//! All of it counts or none: what cannot be used is logged and counted, and what was in force stays.

use std::io;
use std::sync::Arc;

use metrics::Counter;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::app::App;
use crate::app::keys;
use crate::config;
use crate::config::Problems;
use crate::config::Sources;
use crate::http::tls::Tls;
use crate::http::tls::TlsError;

/// When the configuration is read again, and from where.
pub struct Renewals {
    hangups: Signal,
    sources: Sources,
}

/// Why what was in force stays.
#[derive(Debug, thiserror::Error)]
enum NotRenewed {
    #[error("{0}")]
    Configuration(Problems),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Renewals {
    /// On every SIGHUP from now on. Must be called inside a runtime.
    pub fn on_hangup(sources: Sources) -> io::Result<Self> {
        let hangups = signal(SignalKind::hangup())?;
        Ok(Self { hangups, sources })
    }

    /// Reads the configuration of `app` again whenever that is asked for.
    pub(super) async fn run(mut self, app: &App, tls: Option<Arc<Tls>>) {
        let failures = failures(app);
        while self.hangups.recv().await.is_some() {
            if !once(app, tls.clone(), self.sources.clone()).await {
                failures.increment(1);
            }
        }
        // Nobody can ask any more.
        std::future::pending::<()>().await;
    }
}

/// Reads the configuration of `app` again; whether what it says is in force now.
pub async fn once(app: &App, tls: Option<Arc<Tls>>, sources: Sources) -> bool {
    let own = app.clone();
    // It reads files.
    let renewed = tokio::task::spawn_blocking(move || renew(&own, tls.as_deref(), &sources));
    match renewed.await {
        Ok(Ok(waiting)) => {
            limit_tokens(app).await;
            tell(&waiting);
            true
        }
        Ok(Err(reason)) => {
            tracing::error!(%reason, "the configuration was not read again: the one before stays in force");
            false
        }
        Err(_) => false,
    }
}

async fn limit_tokens(app: &App) {
    let longest = app.config.tokens.max_lifetime;
    let noted = keys::limit_tokens(app.store.as_ref(), longest, app.clock.now());
    if let Err(error) = noted.await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "keys stay published for as long as tokens could live before"
        );
    }
}

fn failures(app: &App) -> Counter {
    app.registry.counter(
        "ostler_reloads_failed_total",
        "Times that the configuration could not be read again (SIGHUP): the one before is in force.",
        &[],
    )
}

/// Returns the keys that differ and wait for the next start.
fn renew(app: &App, tls: Option<&Tls>, sources: &Sources) -> Result<Vec<&'static str>, NotRenewed> {
    let (newer, warnings) = config::check(sources).map_err(NotRenewed::Configuration)?;
    let (renewed, waiting) = app.config.renewed_by(newer);
    if let (Some(tls), Some(files)) = (tls, &renewed.server.tls) {
        tls.reload(&files.cert_file, &files.key_file)?;
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    app.throttle.renew(renewed.limits.failed_auth_per_minute);
    app.config.renew(renewed);
    Ok(waiting)
}

fn tell(waiting: &[&str]) {
    tracing::info!("the configuration was read again");
    if !waiting.is_empty() {
        let keys = waiting.join(", ");
        tracing::warn!(keys, "these keys have changed and wait for the next start");
    }
}

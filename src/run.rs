//! The life of the server process: open, listen, serve until told to stop, leave nothing behind.
//!
//! - [`serve`]: the server
//! - [`init`]: `ostler init`
//! - [`dev`]: both, with a demo
//! - [`recovery`]: `ostler admin recover`, which asks a running server through the [`local_socket`]
//! - [`renewal`]: a running server reads its configuration again

pub mod dev;
pub mod local_socket;
pub mod recovery;
pub mod renewal;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::app::audit::retention;
use crate::app::clean_up;
use crate::app::directory::REVOCATION_KEPT;
use crate::app::keys::note_signatures;
use crate::app::keys::schedule;
use crate::app::open::Ground;
use crate::app::open::StartError;
use crate::app::retries;
use crate::app::usage::Pace;
use crate::app::usage::report;
use crate::app::usage::series;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::domain::id::ClientId;
use crate::domain::secret::Secret;
use crate::http::server::ListenError;
use crate::http::server::Listeners;
use crate::shutdown::Shutdown;

use renewal::Renewals;

/// Why the server ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It could not listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The demo could not be made.
    #[error("the demo could not be made: {0}")]
    Demo(String),
    /// A file of ours could not be written or read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Serves until `shutdown`.
pub async fn serve(
    config: Config,
    renewals: Renewals,
    shutdown: &Shutdown,
) -> Result<(), RunError> {
    let app = Ground::open(config, Arc::new(SystemClock))
        .await?
        .build()
        .await?;
    let listeners = Listeners::bind(&app.config, Arc::clone(&app.clock)).await?;
    serve_renewed(listeners, &app, renewals, shutdown).await;
    Ok(())
}

/// Serves `app` until `shutdown`, and reads its configuration again whenever that is asked for.
async fn serve_renewed(listeners: Listeners, app: &App, renewals: Renewals, shutdown: &Shutdown) {
    let tls = listeners.tls();
    tokio::select! {
        () = serve_on(listeners, app, shutdown) => {}
        () = renewals.run(app, tls) => {}
    }
}

/// Serves `app` on open listeners until `shutdown`.
pub async fn serve_on(listeners: Listeners, app: &App, shutdown: &Shutdown) {
    let socket = local_socket::listen(app).await;
    tracing::info!(
        listen = %app.config.server.listen,
        issuer = %app.config.server.issuer,
        management = %app.config.management.listen,
        version = env!("CARGO_PKG_VERSION"),
        "serving",
    );
    let (served, all_served) = watch::channel(());
    let serving = async {
        listeners.serve(app, shutdown).await;
        drop(served);
    };
    let until_all_served = || {
        let mut all_served = all_served.clone();
        // Nothing is ever sent: what is waited for is the end of the sender.
        async move { drop(all_served.changed().await) }
    };
    // What requests leave behind is delivered until the last of them has been answered, and once
    // more after it.
    tokio::join!(
        serving,
        app.usage.run(Pace::default(), until_all_served()),
        app.series
            .run(series::PACE, || app.clock.now(), until_all_served()),
        app.refused_calls.run(until_all_served()),
        forget_expired_revocations(app, shutdown),
        clean_up(app, shutdown),
        Box::pin(keep_audit_trails_short(app, shutdown)),
        Box::pin(keep_keys(app, until_all_served())),
        forget_kept_answers(app, shutdown),
        forget_old_usage(app, shutdown),
        Box::pin(local_socket::serve(app, socket, shutdown)),
    );
    tracing::info!("stopped");
}

/// A revoked token's row goes some time after the token's own end: by then every clock agrees that
/// it is over.
async fn forget_expired_revocations(app: &App, shutdown: &Shutdown) {
    let mut hourly = tokio::time::interval(Duration::from_hours(1));
    loop {
        tokio::select! {
            () = shutdown.triggered() => return,
            _ = hourly.tick() => {}
        }
        let before = app.clock.now().saturating_sub(REVOCATION_KEPT);
        let removed = match before {
            Ok(before) => app.store.remove_revoked_tokens(before).await,
            Err(_) => continue,
        };
        match removed {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "forgot revocations of expired tokens"),
            Err(error) => tracing::warn!(%error, "revocations of expired tokens were not removed"),
        }
    }
}

/// What is older than `audit.retention_days` goes from the audit trails.
async fn keep_audit_trails_short(app: &App, shutdown: &Shutdown) {
    let mut hourly = tokio::time::interval(Duration::from_hours(1));
    loop {
        tokio::select! {
            () = shutdown.triggered() => return,
            _ = hourly.tick() => {}
        }
        match retention::once(app).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "removed audit events that were too old"),
            Err(error) => tracing::warn!(%error, "audit events that are too old were not removed"),
        }
    }
}

/// Secrets and credentials that ended long ago are forgotten.
async fn clean_up(app: &App, shutdown: &Shutdown) {
    let mut hourly = tokio::time::interval(Duration::from_hours(1));
    loop {
        tokio::select! {
            () = shutdown.triggered() => return,
            _ = hourly.tick() => {}
        }
        let cleaned_up = tokio::select! {
            () = shutdown.triggered() => return,
            cleaned_up = clean_up::once(app) => cleaned_up,
        };
        if let Err(error) = cleaned_up {
            tracing::warn!(%error, "secrets that ended long ago were not removed");
        }
    }
}

/// The signing keys of this node follow their records, and their schedule; at the end it is noted when
/// they have last signed.
async fn keep_keys(app: &App, stop: impl Future<Output = ()>) {
    /// How long the end of the process waits for it.
    const LAST_NOTE: Duration = Duration::from_secs(1);
    tokio::select! {
        () = stop => {}
        () = keep_following(app) => {}
    }
    let noted = tokio::time::timeout(LAST_NOTE, note_signatures(app)).await;
    if !matches!(noted, Ok(Ok(()))) {
        tracing::warn!("when the signing keys have last signed may be recorded too early");
    }
}

async fn keep_following(app: &App) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_behind = false;
    loop {
        ticks.tick().await;
        match schedule::once(app).await {
            Ok(()) => is_behind = false,
            Err(error) if !is_behind => {
                is_behind = true;
                tracing::warn!(?error, "the signing keys do not follow their schedule now");
            }
            Err(_) => {}
        }
    }
}

/// An answer that was given under an `Idempotency-Key` is kept for a day.
async fn forget_kept_answers(app: &App, shutdown: &Shutdown) {
    let mut hourly = tokio::time::interval(Duration::from_hours(1));
    loop {
        tokio::select! {
            () = shutdown.triggered() => return,
            _ = hourly.tick() => {}
        }
        match retries::forget_expired(app, app.clock.now()).await {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "forgot answers that were kept for retries"),
            Err(error) => tracing::warn!(%error, "answers kept for retries were not removed"),
        }
    }
}

/// What was used is told for as many days as the configuration says.
async fn forget_old_usage(app: &App, shutdown: &Shutdown) {
    let mut hourly = tokio::time::interval(Duration::from_hours(1));
    loop {
        tokio::select! {
            () = shutdown.triggered() => return,
            _ = hourly.tick() => {}
        }
        match report::forget_old(app, app.clock.now()).await {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "forgot old usage"),
            Err(error) => tracing::warn!(%error, "old usage was not removed"),
        }
    }
}

/// Initialises the store that `config` names. `hand_over` shows the credential to somebody; the
/// store counts as initialised only after it has returned `Ok`.
pub async fn init(
    config: Config,
    hand_over: impl FnOnce(&ClientId, &Secret) -> std::io::Result<()>,
) -> Result<(), RunError> {
    let ground = Ground::create(config, Arc::new(SystemClock)).await?;
    let first = ground.init().await?;
    hand_over(&first.client_id, &first.secret).map_err(|source| RunError::File {
        path: "standard output".to_owned(),
        source,
    })?;
    ground.finish_init(first).await?;
    Ok(())
}

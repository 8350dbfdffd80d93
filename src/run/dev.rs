//! `ostler dev`: a server to try, with a demo, in one command.
//!
//! It is `init`, a demo and `serve`, on data of its own. The secrets of its two clients are kept in
//! a file beside the data, so that a second start prints working lines again: the one exception to
//! *a secret is shown once*, and the reason why this is not how a real server is run.

mod demo;
mod secrets_file;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::App;
use crate::app::open::Ground;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::http::server::Listeners;
use crate::shutdown::Shutdown;

use super::RunError;
use super::renewal::Renewals;
use super::serve_renewed;

pub use secrets_file::DevSecrets;
pub use secrets_file::HeldCredential;

/// What the demo is, once it stands.
pub struct Demo {
    /// The server's name, where clients find it.
    pub issuer: String,
    /// Where its admin API is, if that is not below the issuer.
    pub admin_url: Option<String>,
    /// The token endpoint.
    pub token_endpoint: String,
    /// The introspection endpoint.
    pub introspection_endpoint: String,
    /// The audience of the demo's API.
    pub audience: &'static str,
    /// The first administrator.
    pub administrator: HeldCredential,
    /// The demo's account.
    pub bot: HeldCredential,
    /// Where its data is.
    pub data_dir: PathBuf,
}

/// Serves the demo until `shutdown`; `announce` tells somebody about it as soon as it answers.
pub async fn dev(
    config: Config,
    renewals: Renewals,
    shutdown: &Shutdown,
    announce: impl FnOnce(&Demo) -> io::Result<()>,
) -> Result<(), RunError> {
    let secrets_path = config.data.dir.join(secrets_file::NAME);
    let ground = Ground::create(config, Arc::new(SystemClock)).await?;
    let mut secrets = if ground.is_initialised().await? {
        secrets_file::read(&secrets_path)?
    } else {
        let first = ground.init().await?;
        let administrator = HeldCredential::of(first.client_id, &first.secret);
        let secrets = DevSecrets {
            administrator,
            demo: None,
        };
        secrets_file::write(&secrets_path, &secrets)?;
        ground.finish_init(first).await?;
        secrets
    };
    let app = ground.build().await?;
    let bot = demo::complete(&app, &mut secrets, &secrets_path).await?;
    let listeners = Listeners::bind(&app.config, Arc::clone(&app.clock)).await?;
    let demo = describe(&app, secrets.administrator, bot);
    announce(&demo).map_err(|source| RunError::File {
        path: "standard output".to_owned(),
        source,
    })?;
    serve_renewed(listeners, &app, renewals, shutdown).await;
    Ok(())
}

fn describe(app: &App, administrator: HeldCredential, bot: HeldCredential) -> Demo {
    use crate::oauth::metadata::paths;
    let issuer = &app.config.server.issuer;
    Demo {
        issuer: issuer.to_string(),
        admin_url: app.config.admin.listen.map(|address| {
            let scheme = app.config.server.tls.as_ref().map_or("http", |_| "https");
            format!("{scheme}://{address}{}", issuer.path())
        }),
        token_endpoint: issuer.endpoint(paths::TOKEN),
        introspection_endpoint: issuer.endpoint(paths::INTROSPECT),
        audience: demo::AUDIENCE,
        administrator,
        bot,
        data_dir: app.config.data.dir.clone(),
    }
}

//! `ostler dev`: a server to try, with a demo, in one command.

use std::io;
use std::io::IsTerminal;
use std::path::Path;

use clap::Args;
use secrecy::ExposeSecret;

use super::environment::Environment;
use super::failure::Failure;
use super::local;
use super::profile;
use super::profile::Profile;
use super::settings::SettingsArgs;
use super::terminal;
use crate::config::Config;
use crate::config::DatabaseEngine;
use crate::config::Sources;
use crate::run;
use crate::run::dev::Demo;
use crate::run::renewal::Renewals;
use crate::shutdown::Shutdown;

/// Where the demo's data is, unless another place is said.
const DATA_DIR: &str = ".ostler-dev";

/// The profile beside the data, for the shell.
const PROFILE: &str = "profile.toml";

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Everything is under ./.ostler-dev, or the directory of --data: delete it, and nothing was ever there.
Its secrets are kept there and never expire, so this is not how a real server is run; that is
`ostler init` and `ostler serve`.")]
pub struct Dev {
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Dev {
    /// Serves a demo until it is told to stop.
    pub fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let sources = with_defaults(self.settings.sources(environment));
        let (config, _log) = local::prepare(&sources)?;
        check(&config)?;
        local::block_on(async {
            let renewals = local::renewals_on_signals(sources)?;
            let shutdown = local::shutdown_on_signals()?;
            if io::stdin().is_terminal() {
                // Nobody keeps a demo whose window is closed.
                shutdown.listen_for_hangup().map_err(local::no_signals)?;
            }
            serve(config, renewals, &shutdown).await
        })
    }
}

async fn serve(config: Config, renewals: Renewals, shutdown: &Shutdown) -> Result<(), Failure> {
    // The future of a whole server is large.
    let announced = Box::pin(run::dev::dev(config, renewals, shutdown, announce)).await;
    announced.map_err(local::failure)
}

/// All of it in one directory.
fn with_defaults(sources: Sources) -> Sources {
    sources
        .default_to("data.dir", DATA_DIR)
        .default_to("keys.dir", "<data.dir>/keys")
}

/// A demo with secrets in a file must not be reached by others, nor be put into a database that
/// somebody uses.
fn check(config: &Config) -> Result<(), Failure> {
    let listeners = [
        Some(config.server.listen),
        Some(config.management.listen),
        config.admin.listen,
    ];
    for address in listeners.into_iter().flatten() {
        if !address.ip().is_loopback() {
            return Err(Failure::failed(format!(
                "`ostler dev` is for this machine only, and {address} can be reached from others"
            ))
            .fix("listen on 127.0.0.1, or run `ostler init` and `ostler serve`"));
        }
    }
    if config.database.engine != DatabaseEngine::Sqlite || config.redis.url.is_some() {
        return Err(
            Failure::failed("`ostler dev` brings its own database and live state")
                .fix("unset database.url and redis.url, or run `ostler init` and `ostler serve`"),
        );
    }
    Ok(())
}

fn announce(demo: &Demo) -> io::Result<()> {
    let path = demo.data_dir.join(PROFILE);
    let profile = Profile {
        url: Some(demo.issuer.clone()),
        admin_url: demo.admin_url.clone(),
        client_id: Some(demo.administrator.client_id.clone()),
        client_secret: Some(demo.administrator.secret.clone()),
        ..Profile::default()
    };
    let written = profile::write(&path, profile);
    written.map_err(|failure| io::Error::other(failure.sentence().to_owned()))?;
    let told = terminal::print(&welcome(demo));
    told.map_err(|failure| io::Error::other(failure.sentence().to_owned()))
}

/// What to do next, in lines to paste. The second `curl` gets a token of its own to introspect, so
/// that each works by itself.
fn welcome(demo: &Demo) -> String {
    let client = format!("{}:{}", demo.bot.client_id, demo.bot.secret.expose_secret());
    let token = format!(
        "curl -sS -u '{client}' -d grant_type=client_credentials {}",
        shell_word(&demo.token_endpoint)
    );
    // With a slash in it, so that it is taken for a file.
    let profile = Path::new(".").join(&demo.data_dir).join(PROFILE);
    let extract = r#"sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'"#;
    let introspection = format!(
        "curl -sS -u '{client}' -d token=\"$({token} | {extract})\" {}",
        shell_word(&demo.introspection_endpoint)
    );
    format!(
        "Ostler is at {issuer}\n\
         \n\
         Get a token, as the account demo-bot, for the API demo ({audience}):\n\
         \n\
         {token}\n\
         \n\
         Ask whether a token is active, and what it says:\n\
         \n\
         {introspection}\n\
         \n\
         Administer it:\n\
         \n\
         {program} account list --profile {profile}\n\
         \n\
         Ctrl-C stops it; its data stays in {data}.\n",
        issuer = demo.issuer,
        audience = demo.audience,
        program = shell_word(&program()),
        profile = shell_word(&profile.display().to_string()),
        data = demo.data_dir.display(),
    )
}

/// This program as it was called: nothing says that a shell finds it by its name alone.
fn program() -> String {
    let called = std::env::args_os().next();
    called.map_or_else(|| "ostler".to_owned(), |path| path.display().to_string())
}

/// A text as one word of a shell: the brackets of an IPv6 address are a pattern there.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn checked(variables: &[(&str, &str)]) -> Result<Config, Failure> {
        let sources = Sources::new().environment(variables.iter().copied());
        let (config, _) = config::check(&with_defaults(sources)).unwrap();
        check(&config).map(|()| config)
    }

    #[test]
    fn everything_is_below_one_directory() {
        let config = checked(&[]).unwrap();
        assert_eq!(config.keys.dir, config.data.dir.join("keys"));
        let config = checked(&[("OSTLER_DATA__DIR", "/tmp/x")]).unwrap();
        assert_eq!(config.keys.dir.to_str(), Some("/tmp/x/keys"));
    }

    #[test]
    fn a_path_or_an_address_is_one_word() {
        for (text, word) in [
            ("http://127.0.0.1:80/x", "http://127.0.0.1:80/x"),
            ("http://[::1]:80/x", "'http://[::1]:80/x'"),
            ("./.ostler-dev/p", "./.ostler-dev/p"),
            ("/a b/c", "'/a b/c'"),
            ("./it's", r"'./it'\''s'"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }

    #[test]
    fn a_demo_is_not_for_others() {
        for variables in [
            &[
                ("OSTLER_SERVER__LISTEN", "0.0.0.0:8080"),
                ("OSTLER_SERVER__BEHIND_TLS_PROXY", "true"),
                ("OSTLER_SERVER__ISSUER", "http://127.0.0.1:8080"),
            ][..],
            &[("OSTLER_DATABASE__URL", "postgres://localhost/ostler")],
            &[("OSTLER_REDIS__URL", "redis://127.0.0.1")],
        ] {
            assert!(checked(variables).is_err(), "{variables:?}");
        }
    }
}

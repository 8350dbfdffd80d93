//! `ostler doctor`: what is wrong on the server's own machine, look by look.
//!
//! It reads, and changes nothing. Each look says what it found; one that finds something wrong says
//! what to do, and the others go on.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::environment::Environment;
use super::failure::Exit;
use super::failure::Failure;
use super::settings::SettingsArgs;
use super::terminal;
use super::terminal::printable;
use crate::config;
use crate::config::Config;
use crate::keys::file::read_private;
use crate::run::local_socket;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
It looks at the configuration, at the directory of the keys, and at the server when it runs: what its
readiness says, whether it answers under its issuer, and that its local socket is nobody else's. It
changes nothing, and ends with 6 when something is wrong.

When nobody has a credential any more with which to administer: ostler admin recover.")]
pub struct Doctor {
    #[command(flatten)]
    settings: SettingsArgs,
}

/// What a look found: a line that says so, or what is wrong and what to do.
type Found = Result<String, Failure>;

impl Doctor {
    /// Takes every look.
    pub fn run(&self, environment: &Environment) -> Result<(), Failure> {
        super::config::check(environment, &self.settings)?;
        let checked = config::check(&self.settings.sources(environment));
        let (config, _) = checked.map_err(|problems| Failure::failed(problems.to_string()))?;
        super::until_done(async {
            let mut wrong = tell(keys(&config));
            for found in server(&config).await {
                wrong += tell(found);
            }
            wrong += tell(issuer(&config).await);
            wrong += socket(&config).map_or(0, tell);
            match wrong {
                0 => Ok(()),
                1 => Err(Failure::new(Exit::Negative, "one thing is wrong")),
                count => Err(Failure::new(
                    Exit::Negative,
                    format!("{count} things are wrong"),
                )),
            }
        })
    }
}

/// Says what was found; how many things are wrong with it.
fn tell(found: Found) -> usize {
    match found {
        Ok(line) => {
            terminal::note(&format!("✓ {}", printable(&line)));
            0
        }
        Err(failure) => {
            let text = failure.to_string();
            terminal::note(&text.replacen("error: ", "✗ ", 1));
            1
        }
    }
}

/// Whether the keys are there, and nobody else's to read or to exchange.
fn keys(config: &Config) -> Found {
    let path = &config.keys.dir;
    let shown = path.display();
    let Ok(found) = fs::metadata(path) else {
        let failure = Failure::failed(format!("there are no keys in {shown}"));
        return Err(failure.fix("make them: ostler init"));
    };
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let what = format!("others can look into {shown} (its mode is {mode:04o})");
        return Err(Failure::failed(what).fix(format!("chmod 700 {shown}")));
    }
    let unreadable = |error: std::io::Error| Failure::failed(format!("{shown}: {error}"));
    let mut count = 0;
    for file in fs::read_dir(path).map_err(unreadable)? {
        let file = file.map_err(unreadable)?.path();
        if file.extension().is_some_and(|kind| kind == "md") {
            continue;
        }
        read_private(&file).map_err(|error| Failure::failed(error.to_string()))?;
        count += 1;
    }
    Ok(format!(
        "{count} files in {shown} are nobody else's to read"
    ))
}

/// Whether a server that runs here can be asked by nobody else of this machine; `None` where there is
/// no socket to ask it through.
fn socket(config: &Config) -> Option<Found> {
    let path = local_socket::path_in(&config.data.dir);
    let shown = path.display();
    let mode = fs::symlink_metadata(&path).ok()?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let what = format!("others can open {shown} (its mode is {mode:04o})");
        return Some(Err(Failure::failed(what).fix(format!("chmod 600 {shown}"))));
    }
    Some(Ok(format!("{shown} is nobody else's to ask")))
}

/// What the server says of itself, check by check.
async fn server(config: &Config) -> Vec<Found> {
    match readiness(config).await {
        Ok(report) => {
            let checks = report["checks"].as_array().cloned().unwrap_or_default();
            checks.iter().map(check).collect()
        }
        Err(failure) => vec![Err(failure)],
    }
}

async fn readiness(config: &Config) -> Result<Value, Failure> {
    let client = Client::of_listener(nearby(config.management.listen))?;
    client.send(client.get("/readyz?verbose")?).await?.json()
}

/// The same listener, as it is reached from this machine.
fn nearby(listen: SocketAddr) -> SocketAddr {
    if !listen.ip().is_unspecified() {
        return listen;
    }
    let loopback: std::net::IpAddr = match listen {
        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(loopback, listen.port())
}

fn check(check: &Value) -> Found {
    let text = |member: &str| check[member].as_str().unwrap_or_default();
    let (name, status, reason) = (text("name"), text("status"), text("reason"));
    if status == "ok" {
        return Ok(format!("{name}: ok"));
    }
    Err(Failure::failed(format!("{name}: {status}: {reason}")))
}

/// Whether clients that are told the issuer find this server there.
async fn issuer(config: &Config) -> Found {
    let issuer = &config.server.issuer;
    let client = Client::new(issuer)?;
    let path = "/.well-known/oauth-authorization-server";
    let metadata = client.send(client.get(path)?).await?.success()?.json()?;
    if metadata["issuer"] == issuer.as_str() {
        return Ok(format!("{issuer} answers, and says that it is that"));
    }
    let said = metadata["issuer"].as_str().unwrap_or("nothing").to_owned();
    Err(
        Failure::failed(format!("{issuer} answers, and says that it is {said}"))
            .fix("set server.issuer to the URL by which clients reach this server"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_asked_at_an_address_that_it_has() {
        for (listen, asked) in [
            ("127.0.0.1:9090", "127.0.0.1:9090"),
            ("0.0.0.0:9090", "127.0.0.1:9090"),
            ("[::]:9090", "[::1]:9090"),
            ("192.0.2.7:9090", "192.0.2.7:9090"),
            ("[2001:db8::7]:9090", "[2001:db8::7]:9090"),
        ] {
            let listen: SocketAddr = listen.parse().unwrap();
            assert_eq!(nearby(listen).to_string(), asked);
        }
    }
}

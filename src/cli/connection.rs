//! Which server, as whom: from flags, then the environment, then a profile.
//!
//! Each is looked for by itself, with two exceptions that keep a secret where it belongs: a
//! profile's identity is used only at that profile's server, and its secret only for its client id.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use super::environment::Environment;
use super::failure::Exit;
use super::failure::Failure;
use super::profile;
use super::profile::Profile;
use super::secret_source::SecretSource;
use crate::domain::issuer::Issuer;
use crate::domain::organization::DEFAULT_ORGANIZATION;

/// The flags of every command that talks to a server.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Server and identity")]
pub struct ConnectionArgs {
    /// The server, as its issuer is written [env: OSTLER_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// Where the admin API has a listener of its own [env: OSTLER_ADMIN_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub admin_url: Option<String>,
    /// The client id [env: OSTLER_CLIENT_ID]
    #[arg(long, global = true, value_name = "ID")]
    pub client_id: Option<String>,
    /// A file with the client secret, - for standard input [env: OSTLER_CLIENT_SECRET_FILE, or
    /// OSTLER_CLIENT_SECRET with the secret itself]
    #[arg(long, global = true, value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// The organization, by name or id [env: OSTLER_ORGANIZATION] [default: default]
    #[arg(long, global = true, value_name = "ORG")]
    pub organization: Option<String>,
    /// A profile by name, or a file of profiles when there is a slash in it [env: OSTLER_PROFILE]
    #[arg(long, global = true, value_name = "PROFILE")]
    pub profile: Option<String>,
}

/// Whom to be.
#[derive(Clone, Debug)]
pub enum Identity {
    /// A client, whose secret is exchanged for a token.
    Client {
        /// Its id.
        id: String,
        /// Where its secret is.
        secret: SecretSource,
    },
    /// The bearer of this token.
    Token(SecretString),
}

/// A server, and who we are there if anybody.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The server's base URL.
    pub server: Issuer,
    /// The base URL of its admin API.
    pub admin: Issuer,
    /// By name or id.
    pub organization: String,
    /// `None` when nothing says who we are.
    pub identity: Option<Identity>,
}

impl Connection {
    /// What flags, environment and profile say.
    pub fn find(args: &ConnectionArgs, environment: &Environment) -> Result<Self, Failure> {
        let said = |flag: &Option<String>, variable| match flag {
            Some(value) => Ok(Some(value.clone())),
            None => environment.text(variable),
        };
        let name = said(&args.profile, "OSTLER_PROFILE")?;
        let profile = profile::find(name.as_deref(), environment)?.unwrap_or_default();

        let url = said(&args.url, "OSTLER_URL")?;
        let base = |url: &Option<String>| {
            url.as_deref()
                .map(|url| url.trim_end_matches('/').to_owned())
        };
        let is_profiles_server = url.is_none() || base(&url) == base(&profile.url);
        let url = url.or_else(|| profile.url.clone()).ok_or_else(no_server)?;
        let admin = said(&args.admin_url, "OSTLER_ADMIN_URL")?;
        let admin = admin.or_else(|| profile.admin_url.clone().filter(|_| is_profiles_server));
        let organization = said(&args.organization, "OSTLER_ORGANIZATION")?
            .or_else(|| profile.organization.clone())
            .unwrap_or_else(|| DEFAULT_ORGANIZATION.to_owned());
        let known = if is_profiles_server {
            profile
        } else {
            Profile::default()
        };
        let server = parse(&url)?;
        Ok(Self {
            admin: admin.as_deref().map_or_else(|| Ok(server.clone()), parse)?,
            server,
            organization,
            identity: identity(args, environment, known)?,
        })
    }
}

fn identity(
    args: &ConnectionArgs,
    environment: &Environment,
    profile: Profile,
) -> Result<Option<Identity>, Failure> {
    let flagged = args.client_id.is_some() || args.client_secret_file.is_some();
    let said_id = match &args.client_id {
        Some(id) => Some(id.clone()),
        None => environment.text("OSTLER_CLIENT_ID")?,
    };
    let said_secret = match &args.client_secret_file {
        Some(path) => Some(SecretSource::file(path.clone())),
        None => secret_of_environment(environment)?,
    };
    let token = environment.text("OSTLER_TOKEN")?.map(SecretString::from);
    let is_whole = said_id.is_some() && said_secret.is_some();
    if let Some(token) = token.filter(|_| !flagged && !is_whole) {
        return Ok(Some(Identity::Token(token)));
    }

    let profiles_secret = profile
        .client_secret
        .map(SecretSource::Value)
        .or_else(|| profile.client_secret_file.map(SecretSource::file));
    let is_profiles_client = said_id.is_none() || said_id == profile.client_id;
    let Some(id) = said_id.or(profile.client_id) else {
        return match said_secret {
            Some(_) => Err(Failure::usage("there is a client secret, but no client id")
                .fix("give --client-id ID, or set OSTLER_CLIENT_ID")),
            None => Ok(None),
        };
    };
    let secret = said_secret
        .or_else(|| profiles_secret.filter(|_| is_profiles_client))
        .unwrap_or(SecretSource::Prompt);
    Ok(Some(Identity::Client { id, secret }))
}

fn secret_of_environment(environment: &Environment) -> Result<Option<SecretSource>, Failure> {
    let value = environment.text("OSTLER_CLIENT_SECRET")?;
    let file = environment.path("OSTLER_CLIENT_SECRET_FILE");
    match (value, file) {
        (Some(_), Some(_)) => Err(Failure::usage(
            "OSTLER_CLIENT_SECRET and OSTLER_CLIENT_SECRET_FILE are both set",
        )
        .fix("unset one of the two")),
        (Some(value), None) => Ok(Some(SecretSource::Value(value.into()))),
        (None, Some(path)) => Ok(Some(SecretSource::file(path))),
        (None, None) => Ok(None),
    }
}

/// Secrets travel to this URL, so it follows the rule of issuers: https, or a loopback host.
fn parse(url: &str) -> Result<Issuer, Failure> {
    // Whatever else is wrong with it: what stands before an `@` may be a password.
    if url.contains('@') {
        return Err(user_info());
    }
    Issuer::parse(url).map_err(|reason| {
        Failure::usage(format!("the server's URL {url} cannot be used: {reason}"))
            .fix("write it as https://HOST, or http://127.0.0.1:PORT for a server on this machine")
    })
}

/// A URL in the form `https://user:password@host`, which is not repeated.
fn user_info() -> Failure {
    Failure::usage("the server's URL carries a user name or password: there is an `@` in it")
        .detail("whoever sees the URL sees the password, and no server of ours asks for one there")
        .fix(
            "write what is behind the `@` only, as https://HOST, and say who you are with \
             OSTLER_CLIENT_ID and OSTLER_CLIENT_SECRET_FILE (ostler help environment)",
        )
}

fn no_server() -> Failure {
    Failure::usage("no server is named")
        .fix("give --url URL, set OSTLER_URL, or name a profile with --profile or OSTLER_PROFILE")
        .detail(
            "`ostler dev` writes a profile beside its data: --profile ./.ostler-dev/profile.toml",
        )
}

/// Nothing says who we are.
pub fn no_identity() -> Failure {
    Failure::new(Exit::NotAllowed, "no identity is named").fix(
        "set OSTLER_CLIENT_ID and OSTLER_CLIENT_SECRET (or OSTLER_CLIENT_SECRET_FILE), set \
         OSTLER_TOKEN, or use a profile",
    )
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const SERVER: &str = "https://auth.example.com";

    fn find(args: &ConnectionArgs, variables: &[(&str, &str)]) -> Result<Connection, Failure> {
        Connection::find(args, &variables.iter().copied().collect())
    }

    /// Who a connection is, in a word, with where its secret is from.
    fn who(connection: Connection) -> String {
        match connection.identity {
            None => "nobody".to_owned(),
            Some(Identity::Token(token)) => format!("token {}", token.expose_secret()),
            Some(Identity::Client { id, secret }) => match secret {
                SecretSource::Value(value) => format!("{id} {}", value.expose_secret()),
                SecretSource::File(path) => format!("{id} {}", path.display()),
                SecretSource::Stdin => format!("{id} -"),
                SecretSource::Prompt => format!("{id} ?"),
            },
        }
    }

    /// A file with one profile: `p` with the secret `s` at [`SERVER`].
    fn profile() -> (tempfile::TempDir, String) {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("profile.toml");
        let profile = Profile {
            url: Some(SERVER.to_owned()),
            client_id: Some("p".to_owned()),
            client_secret: Some("s".into()),
            organization: Some("acme".to_owned()),
            ..Profile::default()
        };
        profile::write(&path, profile).unwrap();
        let name = path.to_str().unwrap().to_owned();
        (directory, name)
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_the_profile() {
        let (_directory, file) = profile();
        let profile = ("OSTLER_PROFILE", file.as_str());
        let id = ("OSTLER_CLIENT_ID", "e");
        let secret = ("OSTLER_CLIENT_SECRET", "es");
        let token = ("OSTLER_TOKEN", "t");
        let flags = ConnectionArgs {
            client_id: Some("f".to_owned()),
            client_secret_file: Some("-".into()),
            ..ConnectionArgs::default()
        };
        let none = ConnectionArgs::default();
        for (args, variables, expected) in [
            (&none, vec![profile], "p s"),
            (&none, vec![profile, token], "token t"),
            (&none, vec![profile, id, secret], "e es"),
            (&none, vec![profile, id, secret, token], "e es"),
            (&none, vec![profile, secret], "p es"),
            (&none, vec![profile, id, token], "token t"),
            // The profile's secret belongs to another client.
            (&none, vec![profile, id], "e ?"),
            (&flags, vec![profile, id, secret, token], "f -"),
        ] {
            assert_eq!(who(find(args, &variables).unwrap()), expected);
        }
    }

    #[test]
    fn a_profiles_secret_goes_to_its_server_only() {
        let (_directory, file) = profile();
        let other = ("OSTLER_URL", "https://other.example");
        let profile = ("OSTLER_PROFILE", file.as_str());
        let none = ConnectionArgs::default();
        assert_eq!(who(find(&none, &[profile, other]).unwrap()), "nobody");
        let same = find(&none, &[profile, ("OSTLER_URL", SERVER)]).unwrap();
        assert_eq!(same.organization, "acme");
        assert_eq!(who(same), "p s");
    }

    #[test]
    fn a_secret_is_not_sent_over_plain_http_to_another_machine() {
        let none = ConnectionArgs::default();
        for url in [
            "http://auth.example.com",
            "http://10.0.0.1:8080",
            "auth.example.com",
            "",
        ] {
            assert!(find(&none, &[("OSTLER_URL", url)]).is_err(), "{url}");
        }
        let local = find(&none, &[("OSTLER_URL", "http://127.0.0.1:8080")]).unwrap();
        assert_eq!(local.organization, "default");
        assert_eq!(local.admin, local.server);
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        let none = ConnectionArgs::default();
        let server = ("OSTLER_URL", SERVER);
        for variables in [
            vec![server, ("OSTLER_CLIENT_SECRET", "hidden")],
            vec![
                server,
                ("OSTLER_CLIENT_SECRET", "hidden"),
                ("OSTLER_CLIENT_SECRET_FILE", "f"),
            ],
        ] {
            let failure = find(&none, &variables).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(!failure.to_string().contains("hidden"));
        }
    }
}

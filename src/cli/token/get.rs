//! `ostler token get`.

use std::path::PathBuf;

use clap::Args;
use secrecy::ExposeSecret;

use super::verify;
use crate::cli::authorization_server::AuthorizationServer;
use crate::cli::authorization_server::ClientCredentials;
use crate::cli::authorization_server::access_token;
use crate::cli::authorization_server::warn_of_end;
use crate::cli::client::Client;
use crate::cli::connection::Identity;
use crate::cli::connection::no_identity;
use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::lifetime::Span;
use crate::cli::output::Document;
use crate::cli::output::View;
use crate::cli::request::quoted;
use crate::cli::shell::Shell;
use crate::cli::terminal;
use crate::domain::issuer::Issuer;

const VIEW: View = View {
    columns: &[],
    id: "access_token",
};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  curl -H \"Authorization: Bearer $(ostler token get --scope read)\" https://jira.example.com/
  ostler token get --resource https://jira.example.com --show
  ostler token get -o json      # the whole token response")]
pub struct Get {
    /// Only these scopes, separated by commas or blanks; all that are granted when left out
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scope: Vec<String>,
    /// The audience of the API that the token is for
    #[arg(long, value_name = "URI")]
    resource: Option<String>,
    /// What it may reach, as RFC 9396 has it: JSON, - for standard input
    #[arg(long, value_name = "FILE")]
    authorization_details: Option<PathBuf>,
    /// A shorter lifetime than it would have
    #[arg(long, value_name = "TIME")]
    expires_in: Option<Span>,
    /// Show what the token says instead of the token itself
    #[arg(long)]
    show: bool,
}

impl Get {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let connection = shell.connection()?;
        let parameters = self.parameters().await?;
        if shell.manner().shows_curl() {
            let line = as_curl(&connection.server, &parameters);
            return terminal::print(&format!("{line}\n"));
        }
        let client = client(connection.identity).await?;
        let server = AuthorizationServer::discover(Client::new(&connection.server)?).await?;
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let answer = server.token(&client, &parameters).await?.success()?;
        warn_of_end(&answer);
        let token = access_token(&answer)?;
        if self.show {
            return verify::show(shell, &server, &token).await;
        }
        match shell.output.format {
            None => terminal::print(&format!("{}\n", token.expose_secret())),
            Some(_) => shell.show(&Document::of(&answer)?, &VIEW),
        }
    }
}

impl Get {
    /// Those of the request, beside the grant type.
    async fn parameters(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        let scope = Some(self.scope.join(" ")).filter(|scope| !scope.is_empty());
        let details = match &self.authorization_details {
            Some(path) => Some(input::file_or_stdin(path).await?.trim().to_owned()),
            None => None,
        };
        let lifetime = self.expires_in.map(|span| span.as_secs().to_string());
        let said = [
            ("scope", scope),
            ("resource", self.resource.clone()),
            ("authorization_details", details),
            ("expires_in", lifetime),
        ];
        let said = said.into_iter();
        Ok(said
            .filter_map(|(name, value)| Some((name, value?)))
            .collect())
    }
}

/// The request as a line of the shell, with variables for the client id and its secret.
fn as_curl(server: &Issuer, parameters: &[(&'static str, String)]) -> String {
    let mut words = vec![
        "curl -sS -u \"$OSTLER_CLIENT_ID:$OSTLER_CLIENT_SECRET\"".to_owned(),
        "-d grant_type=client_credentials".to_owned(),
    ];
    for (name, value) in parameters {
        let pair = quoted(&format!("{name}={value}"));
        words.push(format!("--data-urlencode {pair}"));
    }
    words.push(quoted(&server.endpoint("/oauth/token")));
    words.join(" \\\n  ")
}

/// Whose secret is exchanged.
async fn client(identity: Option<Identity>) -> Result<ClientCredentials, Failure> {
    match identity.ok_or_else(no_identity)? {
        Identity::Client { id, secret } => ClientCredentials::read(id, secret).await,
        Identity::Token(_) => Err(
            Failure::usage("a token cannot be exchanged for another one")
                .fix("unset OSTLER_TOKEN, and name a client id and its secret"),
        ),
    }
}

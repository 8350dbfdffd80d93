//! `ostler token get`.

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
use crate::cli::output::Document;
use crate::cli::output::View;
use crate::cli::shell::Shell;
use crate::cli::terminal;

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
    /// Show what the token says instead of the token itself
    #[arg(long)]
    show: bool,
}

impl Get {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let connection = shell.connection()?;
        let client = client(connection.identity).await?;
        let server = AuthorizationServer::discover(Client::new(connection.server)?).await?;
        let scope = self.scope.join(" ");
        let mut parameters = Vec::new();
        if !scope.is_empty() {
            parameters.push(("scope", scope.as_str()));
        }
        if let Some(resource) = &self.resource {
            parameters.push(("resource", resource.as_str()));
        }
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

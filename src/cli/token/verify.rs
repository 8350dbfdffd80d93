//! `ostler token verify`: the check of a resource server, and then the server's own word.
//!
//! Offline, with the published keys: signature, issuer, audience and time. Whether a token has been
//! taken back only the server knows, so it is asked too when there is an identity to ask as.

use clap::Args;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde_json::Value;

use super::TokenArgs;
use super::decode;
use crate::cli::authorization_server::AuthorizationServer;
use crate::cli::authorization_server::Caller;
use crate::cli::client::Client;
use crate::cli::connection::Identity;
use crate::cli::connection::no_identity;
use crate::cli::failure::Exit;
use crate::cli::failure::Failure;
use crate::cli::lifetime::in_words;
use crate::cli::output::View;
use crate::cli::session::Session;
use crate::cli::shell::Shell;
use crate::cli::terminal;
use crate::domain::token::Claims;
use crate::jwt::InvalidToken;
use crate::jwt::VerifiedToken;

const VIEW: View = View {
    columns: &[],
    id: "jti",
};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler token verify --audience https://jira.example.com --require-scope write - < token
  ostler token get | ostler token verify --api jira -

It ends with 0 when the token is good, and with 6 when it is not. Without --api or --audience the
audience is not checked; without an identity the server is not asked whether it was revoked.")]
pub struct Verify {
    #[command(flatten)]
    token: TokenArgs,
    /// The API that it should be for, by name or id; looked up at the server
    #[arg(long, value_name = "API", conflicts_with = "audience")]
    api: Option<String>,
    /// The audience that it should have
    #[arg(long, value_name = "URI")]
    audience: Option<String>,
    /// A scope that it should have; may be repeated
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    require_scope: Vec<String>,
}

impl Verify {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let token = self.token.read(shell).await?;
        let mut connection = shell.connection()?;
        connection.identity = asker(connection.identity, &token);
        let server = AuthorizationServer::discover(Client::new(&connection.server)?).await?;
        let caller = match connection.identity.take() {
            Some(identity) => Some(Caller::of(identity).await?),
            None => None,
        };
        let audience = match (&self.api, &caller) {
            (None, _) => self.audience.clone(),
            (Some(api), Some(caller)) => {
                let session = Session::of(&server, connection, caller.clone()).await?;
                Some(audience_of(&session, api).await?)
            }
            (Some(_), None) => return Err(nobody_to_look_it_up()),
        };

        let verified = offline(shell, &server, &token).await?;
        let claims = verified.claims();
        if let Some(expected) = audience {
            check_audience(claims, &expected)?;
        }
        self.check_scopes(claims)?;
        let asked = match &caller {
            Some(caller) => {
                ask(&server, caller, &token).await?;
                "the server says that it is active"
            }
            None => "not asked whether it was revoked: no identity is named",
        };
        terminal::note(&format!("{}; {asked}", in_a_line(shell, &token, claims)?));
        print_claims(shell, &token)
    }

    fn check_scopes(&self, claims: &Claims) -> Result<(), Failure> {
        let missing: Vec<&str> = self
            .require_scope
            .iter()
            .map(String::as_str)
            .filter(|scope| !claims.scopes.has(scope))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let held = match claims.scopes.to_string() {
            none if none.is_empty() => "none".to_owned(),
            scopes => scopes,
        };
        let what = format!(
            "scope {} missing (the token has {held})",
            missing.join(", ")
        );
        let api = self.api.as_deref().unwrap_or("API");
        let account = claims.account;
        let grant = format!("ostler account access grant {account} --api {api} --scope");
        Err(negative(what).fix(format!("{grant} {}", missing.join(","))))
    }
}

async fn audience_of(session: &Session, api: &str) -> Result<String, Failure> {
    let found = session.look(&session.here(&["apis", api])?).await?.json()?;
    match &found["audience"] {
        Value::String(audience) => Ok(audience.clone()),
        _ => Err(Failure::failed(format!(
            "the server did not say the audience of {api}"
        ))),
    }
}

fn nobody_to_look_it_up() -> Failure {
    no_identity().detail("--api is looked up at the server; --audience needs nobody")
}

/// Shows a token that was just issued, verified with the published keys.
pub async fn show(
    shell: &Shell,
    server: &AuthorizationServer,
    token: &SecretString,
) -> Result<(), Failure> {
    let verified = offline(shell, server, token).await?;
    terminal::note(&in_a_line(shell, token, verified.claims())?);
    print_claims(shell, token)
}

/// A token that is to be checked does not vouch for itself.
fn asker(identity: Option<Identity>, token: &SecretString) -> Option<Identity> {
    identity.filter(|identity| match identity {
        Identity::Token(own) => own.expose_secret() != token.expose_secret(),
        Identity::Client { .. } => true,
    })
}

async fn offline(
    shell: &Shell,
    server: &AuthorizationServer,
    token: &SecretString,
) -> Result<VerifiedToken, Failure> {
    let keys = server.keys().await?;
    let verified = keys.verify(token.expose_secret(), server.issuer(), shell.now());
    verified.map_err(|reason| {
        let failure = negative(reason.to_string());
        match reason {
            InvalidToken::Expired => failure.fix("get a new one: ostler token get"),
            InvalidToken::Issuer | InvalidToken::UnknownKey => failure.fix(format!(
                "see whether it is a token of {}; name its server with --url",
                server.issuer()
            )),
            _ => failure,
        }
    })
}

fn check_audience(claims: &Claims, expected: &str) -> Result<(), Failure> {
    if *claims.audience == *expected {
        return Ok(());
    }
    let what = format!("the token is for {}, not for {expected}", claims.audience);
    Err(negative(what).fix(format!("ostler token get --resource {expected}")))
}

async fn ask(
    server: &AuthorizationServer,
    caller: &Caller,
    token: &SecretString,
) -> Result<(), Failure> {
    let answer = server.introspect(caller, token.expose_secret()).await?;
    match answer.get("active") {
        Some(Value::Bool(true)) => Ok(()),
        Some(Value::Bool(false)) => Err(negative("the server says that the token is not active")
            .detail("it was revoked, its account or credential was stopped or lost access, or")
            .detail("you may not see it: that takes the scope `introspect` for its API")
            .fix("get a new one (ostler token get), or look at its account")),
        _ => Err(Failure::failed(
            "the server's introspection answer has no `active`",
        )),
    }
}

/// What was found good.
fn in_a_line(shell: &Shell, token: &SecretString, claims: &Claims) -> Result<String, Failure> {
    let header = decode::header(token.expose_secret())?;
    let alg = terminal::printable(header["alg"].as_str().unwrap_or_default()).into_owned();
    let left = in_words(claims.expires_at - shell.now().as_second());
    Ok(format!("✓ signature ok ({alg}), {left} left"))
}

fn print_claims(shell: &Shell, token: &SecretString) -> Result<(), Failure> {
    let claims = decode::claims(token.expose_secret())?;
    decode::json_unless_said(shell.output).show(&claims, &VIEW)
}

fn negative(what: impl Into<String>) -> Failure {
    Failure::new(Exit::Negative, what)
}

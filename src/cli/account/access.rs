//! `ostler account access`: what an account is granted.

mod revoke;

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use serde_json::Value;
use serde_json::json;

use super::Account;
use crate::cli::client::Answer;
use crate::cli::failure::Failure;
use crate::cli::grant;
use crate::cli::grant::GrantArgs;
use crate::cli::output::Document;
use crate::cli::output::View;
use crate::cli::request::Request;
use crate::cli::session::Session;
use crate::cli::shell::Shell;
use crate::cli::terminal;
use crate::cli::terminal::printable;

const VIEW: View = View {
    columns: &[],
    id: "",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Show the grants of an account
    #[command(visible_alias = "get")]
    Show(Account),
    /// Put grants in place of the present ones; taking any away kills the account's tokens
    Set(Set),
    /// Add one grant to the present ones
    Grant(Box<Grant>),
    /// Take an API, scopes or resources away; the account's tokens are dead
    Revoke(Box<revoke::Revoke>),
}

const EXAMPLES: &str = "\
Examples:
  Look at it, edit it, see what would change, change it:
    ostler account access show ci-deployer -o json > access.json
    ostler account access set ci-deployer --file access.json --dry-run
    ostler account access set ci-deployer --file access.json

  The file is a list of grants, as the API has it:
    [{\"api\": \"jira\", \"scopes\": [\"read\"], \"resources\": {\"project\": [\"APOLLO\"]}}]";

#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Set {
    #[command(flatten)]
    account: Account,
    /// The grants as JSON, - for standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler account access grant ci-deployer --api jira --scope write --project APOLLO")]
pub struct Grant {
    #[command(flatten)]
    account: Account,
    #[command(flatten)]
    added: GrantArgs,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Show(account) => {
            let session = shell.session()?;
            let access = session.read(&account.path_of(&session, "access")?).await?;
            shell.show(&Document::of(&access)?, &VIEW)
        }
        Verb::Set(set) => {
            let wanted = grant::from_file(&set.file).await?;
            let session = shell.session()?;
            let path = set.account.path_of(&session, "access")?;
            let seen = session.glance(&path).await?;
            put(shell, &session, &path, seen.as_ref(), wanted).await
        }
        Verb::Grant(grant) => grant.run(shell).await,
        Verb::Revoke(revoke) => revoke.run(shell).await,
    }
}

impl Grant {
    async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let Some(added) = self.added.grant::<Self>(&session).await? else {
            return Err(Failure::usage("no API is named").fix("add --api API --scope SCOPES"));
        };
        let path = self.account.path_of(&session, "access")?;
        let present = session.look(&path).await?;
        let mut grants = grants_of(&present)?;
        grants.push(added);
        put(shell, &session, &path, Some(&present), json!(grants)).await
    }
}

fn grants_of(present: &Answer) -> Result<Vec<Value>, Failure> {
    match present.json()?.get("access") {
        Some(Value::Array(grants)) => Ok(grants.clone()),
        _ => Err(Failure::failed(
            "the server answered without the account's access",
        )),
    }
}

async fn put(
    shell: &Shell,
    session: &Session,
    path: &str,
    seen: Option<&Answer>,
    wanted: Value,
) -> Result<(), Failure> {
    let body = json!({"access": wanted});
    let dry_run = shell.manner().is_dry_run();
    let request = if dry_run {
        // The server says what would become of it.
        Request::put(format!("{path}?dry_run=true"), body).asking_only()
    } else {
        Request::put(path, body)
    };
    let answer = session.perform(request.matching(seen)).await?;
    let answer = Document::of(&answer)?;
    if answer.value["tokens_revoked"] == true {
        let verb = if dry_run { "would be" } else { "are" };
        terminal::note(&format!(
            "note: something was taken away: the account's tokens {verb} dead"
        ));
    }
    for warning in answer.value["warnings"].as_array().into_iter().flatten() {
        let text = warning.as_str().map(printable).unwrap_or_default();
        terminal::note(&format!("warning: {text}"));
    }
    shell.show(&answer, &VIEW)
}

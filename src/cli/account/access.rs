//! `ostler account access`: what an account may do.

use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use serde_json::Value;
use serde_json::json;

use super::Account;
use crate::cli::client::Answer;
use crate::cli::failure::Failure;
use crate::cli::grant::GrantArgs;
use crate::cli::input;
use crate::cli::output::Document;
use crate::cli::output::View;
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
    Get(Account),
    /// Put grants in place of the present ones; taking any away kills the account's tokens
    Set(Set),
    /// Add one grant to the present ones
    Grant(Box<Grant>),
}

const EXAMPLES: &str = "\
Examples:
  Look at it, edit it, see what would change, change it:
    ostler account access get ci-deployer -o json > access.json
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
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler account access grant ci-deployer --api jira --scope write --project APOLLO")]
pub struct Grant {
    #[command(flatten)]
    account: Account,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    added: GrantArgs,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Get(account) => {
            let session = shell.session().await?;
            let access = session.read(&account.path_of(&session, "access")?).await?;
            shell.show(&Document::of(&access)?, &VIEW)
        }
        Verb::Set(set) => {
            let wanted = from_file(&set.file).await?;
            let session = shell.session().await?;
            let path = set.account.path_of(&session, "access")?;
            let seen = session.glance(&path).await?;
            put(shell, &session, &path, seen.as_ref(), &wanted, set.dry_run).await
        }
        Verb::Grant(grant) => grant.run(shell).await,
    }
}

impl Grant {
    async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session().await?;
        let Some(added) = self.added.grant::<Self>(&session).await? else {
            return Err(Failure::usage("no API is named").fix("add --api API --scope SCOPES"));
        };
        let path = self.account.path_of(&session, "access")?;
        let present = session.read(&path).await?;
        let Some(Value::Array(mut grants)) = present.json()?.get("access").cloned() else {
            return Err(Failure::failed(
                "the server answered without the account's access",
            ));
        };
        grants.push(added);
        put(
            shell,
            &session,
            &path,
            Some(&present),
            &json!(grants),
            self.dry_run,
        )
        .await
    }
}

async fn put(
    shell: &Shell,
    session: &Session,
    path: &str,
    seen: Option<&Answer>,
    wanted: &Value,
    dry_run: bool,
) -> Result<(), Failure> {
    let target = if dry_run {
        format!("{path}?dry_run=true")
    } else {
        path.to_owned()
    };
    let body = json!({"access": wanted});
    let answer = session.replace(&target, seen, &body).await?;
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

/// A list of grants, or what `access get` prints.
pub async fn from_file(path: &Path) -> Result<Value, Failure> {
    let text = input::file_or_stdin(path).await?;
    let read: Value = serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::usage(format!(
            "{} is not JSON at line {line}, column {column}",
            path.display()
        ))
    })?;
    let grants = match read {
        Value::Object(mut answer) => answer.remove("access"),
        grants => Some(grants),
    };
    grants.filter(Value::is_array).ok_or_else(|| {
        Failure::usage(format!("{} is not a list of grants", path.display()))
            .fix(r#"write [{"api": "...", "scopes": ["..."], "resources": {}}]"#)
    })
}

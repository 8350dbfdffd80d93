//! `ostler account roles`: the roles of an account.

use clap::Args;
use clap::Subcommand;
use serde_json::json;

use super::Account;
use crate::cli::failure::Failure;
use crate::cli::output::Document;
use crate::cli::output::View;
use crate::cli::shell::Shell;

const VIEW: View = View {
    columns: &[],
    id: "",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Show the roles of an account
    Get(Account),
    /// Put roles in place of the present ones; taking any away kills the account's tokens
    Set(Set),
}

#[derive(Args, Clone, Debug)]
pub struct Set {
    #[command(flatten)]
    account: Account,
    /// The roles; owner, operator and auditor are built in
    #[arg(value_name = "ROLE", required_unless_present = "none")]
    roles: Vec<String>,
    /// Take all roles away
    #[arg(long, conflicts_with = "roles")]
    none: bool,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session().await?;
    let answer = match verb {
        Verb::Get(account) => session.read(&account.path_of(&session, "roles")?).await?,
        Verb::Set(set) => {
            let path = set.account.path_of(&session, "roles")?;
            let seen = session.glance(&path).await?;
            session
                .replace(&path, seen.as_ref(), &json!({"roles": set.roles}))
                .await?
        }
    };
    shell.show(&Document::of(&answer)?, &VIEW)
}

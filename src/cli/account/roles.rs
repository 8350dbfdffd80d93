//! `ostler account roles`: the roles of an account.

use clap::Args;
use clap::Subcommand;
use serde_json::Value;
use serde_json::json;

use super::Account;
use crate::cli::client::Answer;
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
    #[command(visible_alias = "get")]
    Show(Account),
    /// Put roles in place of the present ones; taking any away kills the account's tokens
    Set(Set),
    /// Give an account roles beside the present ones
    Add(Several),
    /// Take roles away; the account's tokens are dead
    Remove(Several),
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

#[derive(Args, Clone, Debug)]
pub struct Several {
    #[command(flatten)]
    account: Account,
    /// The roles
    #[arg(value_name = "ROLE", required = true)]
    roles: Vec<String>,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session()?;
    let answer = match verb {
        Verb::Show(account) => session.read(&account.path_of(&session, "roles")?).await?,
        Verb::Set(set) => {
            let path = set.account.path_of(&session, "roles")?;
            let seen = session.glance(&path).await?;
            let body = json!({"roles": set.roles});
            session.replace(&path, seen.as_ref(), body).await?
        }
        Verb::Add(roles) => roles.edit(shell, added).await?,
        Verb::Remove(roles) => roles.edit(shell, removed).await?,
    };
    shell.show(&Document::of(&answer)?, &VIEW)
}

impl Several {
    async fn edit(
        &self,
        shell: &Shell,
        edited: fn(Vec<String>, &[String]) -> Vec<String>,
    ) -> Result<Answer, Failure> {
        let session = shell.session()?;
        let path = self.account.path_of(&session, "roles")?;
        let seen = session.look(&path).await?;
        let present = seen.json()?;
        let present = present["roles"].as_array().into_iter().flatten();
        let present = present.filter_map(Value::as_str).map(str::to_owned);
        let roles = edited(present.collect(), &self.roles);
        let body = json!({"roles": roles});
        session.replace(&path, Some(&seen), body).await
    }
}

fn added(mut present: Vec<String>, more: &[String]) -> Vec<String> {
    for role in more {
        if !present.contains(role) {
            present.push(role.clone());
        }
    }
    present
}

fn removed(mut present: Vec<String>, less: &[String]) -> Vec<String> {
    present.retain(|role| !less.contains(role));
    present
}

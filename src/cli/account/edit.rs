//! `ostler account edit`.

use clap::Args;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Account;
use super::VIEW;
use super::create::label;
use crate::cli::body::Body;
use crate::cli::failure::Failure;
use crate::cli::lifetime::End;
use crate::cli::lifetime::Span;
use crate::cli::output::Document;
use crate::cli::shell::Shell;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler account edit ci-deployer --owner ops@example.com --label team=ops --expires 1w
  ostler account edit ci-deployer --description '' --remove-label team

An earlier end counts at once, and the account's tokens are dead.")]
pub struct Edit {
    #[command(flatten)]
    account: Account,
    /// Another name; its e-mail stays the same
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What it is for; '' for nothing
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Who answers for it; '' for nobody
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// A label to set, beside the others; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// A label to take away; may be repeated
    #[arg(long, value_name = "KEY")]
    remove_label: Vec<String>,
    /// Its end: 90d, never, or an instant such as 2027-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN")]
    expires: Option<End>,
    /// The longest lifetime of its tokens; 0 for that of its APIs
    #[arg(long, value_name = "TIME")]
    max_token_lifetime: Option<Span>,
}

impl Edit {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let body = self.body(shell).some_change()?;
        let session = shell.session()?;
        let edited = session
            .edit_now(&self.account.path(&session)?, body)
            .await?;
        shell.show(&Document::of(&edited)?, &VIEW)
    }

    fn body(&self, shell: &Shell) -> Body {
        let mut body = Body::new();
        body.say("name", self.name.as_ref());
        body.say_text("description", self.description.as_ref());
        body.say_text("owner", self.owner.as_ref());
        let removed = self
            .remove_label
            .iter()
            .map(|key| (key.clone(), json!(null)));
        let set = self
            .label
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)));
        let labels: Map<String, Value> = removed.chain(set).collect();
        body.say("labels", (!labels.is_empty()).then_some(labels));
        let end = self.expires.map(|end| end.instant(shell.now()));
        body.say("expires_at", end.map(|at| at.map(|at| at.to_string())));
        let lifetime = self.max_token_lifetime.map(Span::as_secs);
        let lifetime = lifetime.map(|secs| Some(secs).filter(|secs| *secs > 0));
        body.say("max_token_lifetime_seconds", lifetime);
        body
    }
}

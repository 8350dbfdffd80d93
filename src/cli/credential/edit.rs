//! `ostler credential edit`.

use clap::Args;
use serde_json::Value;
use serde_json::json;

use super::Existing;
use super::VIEW;
use crate::cli::body::Body;
use crate::cli::failure::Failure;
use crate::cli::grant::AccessArgs;
use crate::cli::output::Document;
use crate::cli::session::Session;
use crate::cli::shell::Shell;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler credential edit ci-deployer/nightly --allowed-network 10.0.0.0/8,192.0.2.7/32
  ostler credential edit ci-deployer/nightly --any-network
  ostler credential edit ci-deployer/nightly --api jira --scope read --project APOLLO

What it is narrowed to is replaced as a whole; where that takes something away, its tokens are dead.")]
pub struct Edit {
    #[command(flatten)]
    existing: Existing,
    /// Another name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The networks from which it may be used (CIDR), in place of the present ones
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    allowed_network: Vec<String>,
    /// It may be used from anywhere
    #[arg(long, conflicts_with = "allowed_network")]
    any_network: bool,
    #[command(flatten)]
    narrowing: AccessArgs,
    /// It may do all that its account may
    #[arg(long, conflicts_with_all = ["api", "access_file"], help_heading = "Access")]
    all_access: bool,
}

impl Edit {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let body = self.body(&session).await?;
        let edited = session
            .edit_now(&self.existing.path(&session)?, body)
            .await?;
        shell.show(&Document::of(&edited)?, &VIEW)
    }

    async fn body(&self, session: &Session) -> Result<Value, Failure> {
        let mut body = Body::new();
        body.say("name", self.name.as_ref());
        body.say_all("allowed_networks", &self.allowed_network);
        body.say("allowed_networks", self.any_network.then(|| json!([])));
        let narrowing = self.narrowing.grants::<Self>(session).await?;
        body.say("access", narrowing);
        body.say("access", self.all_access.then_some(Value::Null));
        body.some_change()
    }
}

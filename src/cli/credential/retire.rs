//! `ostler credential retire`: the old secret of a rotation ends before its overlap does.
//!
//! The server refuses while the old secret is in use, and says how it knows.

use clap::Args;
use serde_json::Value;

use super::Existing;
use super::rotate::evidence;
use crate::cli::failure::Exit;
use crate::cli::failure::Failure;
use crate::cli::list::Query;
use crate::cli::shell::Shell;
use crate::cli::terminal;
use crate::cli::terminal::printable;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler credential retire ci-deployer/github-actions
  ostler credential retire ci-deployer/github-actions --secret sec_01j9... --force")]
pub struct Retire {
    #[command(flatten)]
    existing: Existing,
    /// The secret, by its id; the one in its overlap when left out
    #[arg(long, value_name = "ID")]
    secret: Option<String>,
    /// Even though it is in use: whoever uses it gets no more tokens
    #[arg(long)]
    force: bool,
}

impl Retire {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let seen = session.look(&self.existing.path(&session)?).await?;
        let credential = seen.json()?;
        let secret = self.chosen(&credential)?;
        let id = secret["id"].as_str().unwrap_or_default();
        let hint = printable(secret["hint"].as_str().unwrap_or_default()).into_owned();
        let question = format!(
            "Retire the old secret …{hint} of {}, {}?",
            self.existing.credential,
            evidence(secret, shell.now())
        );
        shell.confirm(&question).await?;

        let force = Query::new().and("force", self.force.then_some(true));
        let place = &self.existing.credential;
        let path = place.below(&session, "credentials", &["secrets", id])?;
        session.delete(&force.after(&path), Some(&seen)).await?;
        terminal::note(&format!("✓ the old secret …{hint} is retired"));
        Ok(())
    }

    fn chosen<'c>(&self, credential: &'c Value) -> Result<&'c Value, Failure> {
        let secrets = credential["secrets"].as_array().into_iter().flatten();
        let is_meant = |secret: &&Value| match &self.secret {
            Some(id) => secret["id"] == id.as_str(),
            None => secret["status"] == "overlap",
        };
        let mut meant = secrets.filter(is_meant);
        meant.next().ok_or_else(|| {
            let what = match &self.secret {
                Some(id) => format!("the credential has no secret {id}"),
                None => "no secret of this credential is in its overlap".to_owned(),
            };
            let place = &self.existing.credential;
            Failure::new(Exit::NotFound, what)
                .fix(format!("see its secrets: ostler credential show {place}"))
        })
    }
}

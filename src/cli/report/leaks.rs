//! `ostler report leaks` and `dismiss`: secrets that somebody has reported as leaked, where a person
//! decides what follows.

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::filters::SearchArgs;
use crate::cli::list::PageArgs;
use crate::cli::output::View;
use crate::cli::shell::Shell;
use crate::cli::terminal;
use crate::cli::terminal::printable;

const VIEW: View = View {
    columns: &[
        ("REPORTED", "reported_at"),
        ("FROM", "address"),
        ("TYPE", "subject.type"),
        ("OF", "subject.id"),
        ("ACCOUNT", "account"),
        ("SECRET", "secret"),
    ],
    id: "secret",
};

#[derive(Args, Clone, Debug)]
pub struct Leaks {
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
To agree with a report, revoke what was reported:
  ostler credential revoke ci-deployer/github-actions
  ostler api-token revoke ci-deployer/dashboard")]
pub struct Dismiss {
    /// The id of the secret, as `ostler report leaks` shows it
    secret: String,
}

impl Leaks {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = session.here(&["leaks"])?;
        let filters = self.search.query();
        let found = session.filtered(&path, &filters, &self.page).await?;
        shell.show(&found, &VIEW)
    }
}

impl Dismiss {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = session.here(&["leaks", &self.secret])?;
        let secret = printable(&self.secret);
        let question = format!("Dismiss the report? {secret} goes on working.");
        shell.confirm(&question).await?;
        session.delete(&path, None).await?;
        terminal::note(&format!("✓ the report of {secret} is dismissed"));
        Ok(())
    }
}

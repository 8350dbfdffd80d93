//! `ostler account list`.

use clap::Args;

use super::VIEW;
use crate::cli::failure::Failure;
use crate::cli::filters::FilterArgs;
use crate::cli::list::PageArgs;
use crate::cli::shell::Shell;

#[derive(Args, Clone, Debug, Default)]
#[command(after_help = "\
Examples:
  Who may write to APOLLO, and when was it last used?
    ostler account list --api jira --scope write --resource project:APOLLO --sort -last_used_at

  What nobody has used for three months:
    ostler account list --unused-for 90d -o id")]
pub struct List {
    #[command(flatten)]
    filters: FilterArgs,
    #[command(flatten)]
    page: PageArgs,
}

impl List {
    /// Reads the list and shows it.
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = session.here(&["service-accounts"])?;
        let found = session
            .filtered(&path, &self.filters.query(), &self.page)
            .await?;
        shell.show(&found, &VIEW)
    }
}

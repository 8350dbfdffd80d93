//! `ostler credential list`: those of an account, or the inventory of the organization.

use clap::Args;

use super::VIEW;
use crate::cli::failure::Failure;
use crate::cli::filters::FilterArgs;
use crate::cli::list::PageArgs;
use crate::cli::output::View;
use crate::cli::shell::Shell;

/// The inventory names the account of each.
pub const INVENTORY: View = View {
    columns: &[
        ("ACCOUNT", "account.name"),
        ("NAME", "name"),
        ("STATUS", "status"),
        ("CLIENT ID", "client_id"),
        ("EXPIRES", "expires_at"),
        ("LAST USED", "last_used_at"),
        ("ID", "id"),
    ],
    id: "id",
};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler credential list ci-deployer
  ostler credential list -o csv

  Which of them can write to APOLLO, and were not used for three months?
    ostler credential list --scope write --resource project:APOLLO --unused-for 90d")]
pub struct List {
    /// The account, by name or id; those of all accounts when left out
    account: Option<String>,
    #[command(flatten)]
    filters: FilterArgs,
    #[command(flatten)]
    page: PageArgs,
}

impl List {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let (path, view) = match &self.account {
            Some(account) => {
                let path = session.here(&["service-accounts", account, "credentials"])?;
                (path, &VIEW)
            }
            None => (session.here(&["credentials"])?, &INVENTORY),
        };
        let filters = self.filters.query();
        let found = session.filtered(&path, &filters, &self.page).await?;
        shell.show(&found, view)
    }
}

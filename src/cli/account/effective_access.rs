//! `ostler account effective-access`.

use clap::Args;

use super::Account;
use crate::cli::failure::Failure;
use crate::cli::list::Query;
use crate::cli::output::Document;
use crate::cli::output::View;
use crate::cli::shell::Shell;

const VIEW: View = View {
    columns: &[
        ("API", "api"),
        ("SCOPES", "scopes"),
        ("RESOURCES", "resources"),
        ("VIA", "via"),
    ],
    id: "api",
};

#[derive(Args, Clone, Debug)]
pub struct EffectiveAccess {
    #[command(flatten)]
    account: Account,
    /// What is left of it for this credential or API token, by name or id
    #[arg(long, value_name = "CREDENTIAL")]
    credential: Option<String>,
}

impl EffectiveAccess {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = self.account.path_of(&session, "effective-access")?;
        let query = Query::new().and("credential", self.credential.as_ref());
        let found = session.read(&query.after(&path)).await?;
        shell.show(&Document::of(&found)?, &VIEW)
    }
}

//! `ostler org`: organizations.

use clap::Args;
use clap::Subcommand;
use serde_json::json;

use super::failure::Failure;
use super::list::PageArgs;
use super::output::Document;
use super::output::View;
use super::session;
use super::shell::Shell;

const VIEW: View = View {
    columns: &[
        ("NAME", "name"),
        ("STATUS", "status"),
        ("ACCOUNTS", "service_account_count"),
        ("QUOTA", "max_service_accounts"),
        ("ID", "id"),
    ],
    id: "id",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Make an organization
    Create(Create),
    /// Show an organization
    Get {
        /// The organization, by name or id
        #[arg(value_name = "ORG")]
        org: String,
    },
    /// List the organizations
    List {
        #[command(flatten)]
        page: PageArgs,
    },
}

#[derive(Args, Clone, Debug)]
pub struct Create {
    /// Its name: 1 to 30 of a-z, 0-9 and -, beginning with a letter
    name: String,
    /// The most service accounts that it may have; no limit when left out
    #[arg(long, value_name = "N")]
    max_service_accounts: Option<u64>,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session().await?;
    let document = match verb {
        Verb::Create(create) => {
            let mut body = json!({"name": create.name});
            if let Some(quota) = create.max_service_accounts {
                body["max_service_accounts"] = json!(quota);
            }
            let path = session::path(&["organizations"])?;
            Document::of(&session.post(&path, &body).await?)?
        }
        Verb::Get { org } => {
            let path = session::path(&["organizations", &org])?;
            Document::of(&session.read(&path).await?)?
        }
        Verb::List { page } => {
            let path = session::path(&["organizations"])?;
            session.list(&path, &page).await?
        }
    };
    shell.show(&document, &VIEW)
}

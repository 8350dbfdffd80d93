//! `ostler scope`: what tokens may do at an API.

use clap::Args;
use clap::Subcommand;
use serde_json::json;

use super::failure::Failure;
use super::list::PageArgs;
use super::output::Document;
use super::output::View;
use super::shell::Shell;

const VIEW: View = View {
    columns: &[("SCOPE", "name"), ("DESCRIPTION", "description")],
    id: "name",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Add a scope to an API
    Create(Create),
    /// List the scopes of an API
    List {
        /// The API, by name or id
        #[arg(value_name = "API")]
        api: String,
        #[command(flatten)]
        page: PageArgs,
    },
}

#[derive(Args, Clone, Debug)]
pub struct Create {
    /// The API, by name or id
    api: String,
    /// The scope, as tokens carry it
    scope: String,
    /// What it allows
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session().await?;
    let document = match verb {
        Verb::Create(create) => {
            let mut body = json!({"name": create.scope});
            if let Some(description) = create.description {
                body["description"] = json!(description);
            }
            let path = session.here(&["apis", &create.api, "scopes"])?;
            Document::of(&session.post(&path, &body).await?)?
        }
        Verb::List { api, page } => {
            let path = session.here(&["apis", &api, "scopes"])?;
            session.list(&path, &page).await?
        }
    };
    shell.show(&document, &VIEW)
}

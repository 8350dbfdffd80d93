//! `ostler resource`: the things inside an API that access can be limited to.

use std::str::FromStr;

use clap::Args;
use clap::Subcommand;
use serde_json::json;

use super::failure::Failure;
use super::list::PageArgs;
use super::output::Document;
use super::output::View;
use super::shell::Shell;

const VIEW: View = View {
    columns: &[
        ("TYPE", "type"),
        ("KEY", "key"),
        ("NAME", "name"),
        ("ID", "id"),
    ],
    id: "id",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Tell of a resource that an API has
    Create(Create),
    /// Show a resource
    Get {
        /// The API, by name or id
        #[arg(value_name = "API")]
        api: String,
        /// The resource, as TYPE:KEY or by id
        #[arg(value_name = "TYPE:KEY")]
        resource: String,
    },
    /// List the resources of an API
    List {
        /// The API, by name or id
        #[arg(value_name = "API")]
        api: String,
        #[command(flatten)]
        page: PageArgs,
    },
}

/// `project:APOLLO`.
#[derive(Clone, Debug)]
struct TypeAndKey {
    resource_type: String,
    key: String,
}

impl FromStr for TypeAndKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // No type has a colon, so what follows the first one is the key.
        match text.split_once(':') {
            Some((resource_type, key)) if !resource_type.is_empty() && !key.is_empty() => {
                Ok(Self {
                    resource_type: resource_type.to_owned(),
                    key: key.to_owned(),
                })
            }
            _ => Err("write TYPE:KEY, such as project:APOLLO".to_owned()),
        }
    }
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  ostler resource create jira project:APOLLO --name 'Apollo 11'")]
pub struct Create {
    /// The API, by name or id
    api: String,
    /// Its type and its key in that API
    #[arg(value_name = "TYPE:KEY")]
    resource: TypeAndKey,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session().await?;
    let document = match verb {
        Verb::Create(create) => {
            let TypeAndKey { resource_type, key } = create.resource;
            let mut body = json!({"type": resource_type, "key": key});
            if let Some(name) = create.name {
                body["name"] = json!(name);
            }
            let path = session.here(&["apis", &create.api, "resources"])?;
            Document::of(&session.post(&path, &body).await?)?
        }
        Verb::Get { api, resource } => {
            let path = session.here(&["apis", &api, "resources", &resource])?;
            Document::of(&session.read(&path).await?)?
        }
        Verb::List { api, page } => {
            let path = session.here(&["apis", &api, "resources"])?;
            session.list(&path, &page).await?
        }
    };
    shell.show(&document, &VIEW)
}

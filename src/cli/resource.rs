//! `ostler resource`: the things inside an API that access can be limited to.

use std::str::FromStr;

use clap::Args;
use clap::Subcommand;

use super::api;
use super::body::Body;
use super::failure::Failure;
use super::filters::SearchArgs;
use super::list::PageArgs;
use super::output::Document;
use super::output::View;
use super::session::Session;
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
    #[command(visible_alias = "get")]
    Show(Resource),
    /// List the resources of an API
    List {
        /// The API, by name or id
        #[arg(value_name = "API")]
        api: String,
        #[command(flatten)]
        search: SearchArgs,
        /// Only those of this type
        #[arg(long = "type", value_name = "TYPE", help_heading = "Filters")]
        resource_type: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Change what people call a resource
    Edit {
        #[command(flatten)]
        resource: Resource,
        /// What people call it; '' for nothing
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
    },
    /// Delete a resource for good: tokens that reach it are dead
    Delete {
        #[command(flatten)]
        resource: Resource,
        /// Even though somebody has access to it
        #[arg(long)]
        force: bool,
    },
}

/// A resource and its API.
#[derive(Args, Clone, Debug)]
pub struct Resource {
    /// The API, by name or id
    #[arg(value_name = "API")]
    api: String,
    /// The resource, as TYPE:KEY or by id
    #[arg(value_name = "TYPE:KEY")]
    resource: String,
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
    let session = shell.session()?;
    let document = match verb {
        Verb::Create(create) => {
            let TypeAndKey { resource_type, key } = create.resource;
            let mut body = Body::new();
            body.say("type", Some(resource_type));
            body.say("key", Some(key));
            body.say("name", create.name);
            let path = session.here(&["apis", &create.api, "resources"])?;
            Document::of(&session.post(&path, body.value()).await?)?
        }
        Verb::Show(resource) => Document::of(&session.read(&resource.path(&session)?).await?)?,
        Verb::List {
            api,
            search,
            resource_type,
            page,
        } => {
            let path = session.here(&["apis", &api, "resources"])?;
            let filters = search.query().and("type", resource_type);
            session.filtered(&path, &filters, &page).await?
        }
        Verb::Edit { resource, name } => {
            let mut body = Body::new();
            body.say_text("name", name.as_ref());
            let path = resource.path(&session)?;
            Document::of(&session.edit_now(&path, body.some_change()?).await?)?
        }
        Verb::Delete { resource, force } => {
            let path = resource.path(&session)?;
            let gone = format!("the resource {} of {}", resource.resource, resource.api);
            return api::remove(shell, &session, &path, &gone, force).await;
        }
    };
    shell.show(&document, &VIEW)
}

impl Resource {
    fn path(&self, session: &Session) -> Result<String, Failure> {
        session.here(&["apis", &self.api, "resources", &self.resource])
    }
}

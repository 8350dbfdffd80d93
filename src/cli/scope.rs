//! `ostler scope`: what tokens may do at an API.

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
    columns: &[("SCOPE", "name"), ("DESCRIPTION", "description")],
    id: "name",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Add a scope to an API
    Create(Create),
    /// Show a scope
    #[command(visible_alias = "get")]
    Show(Scope),
    /// List the scopes of an API
    List {
        /// The API, by name or id
        #[arg(value_name = "API")]
        api: String,
        #[command(flatten)]
        search: SearchArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Delete a scope for good: tokens with it are dead
    Delete {
        #[command(flatten)]
        scope: Scope,
        /// Even though somebody has it
        #[arg(long)]
        force: bool,
    },
}

/// A scope and its API.
#[derive(Args, Clone, Debug)]
pub struct Scope {
    /// The API, by name or id
    api: String,
    /// The scope, as tokens carry it
    scope: String,
}

#[derive(Args, Clone, Debug)]
pub struct Create {
    #[command(flatten)]
    scope: Scope,
    /// What it allows
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session()?;
    let document = match verb {
        Verb::Create(create) => {
            let mut body = Body::new();
            body.say("name", Some(&create.scope.scope));
            body.say("description", create.description.as_ref());
            let path = session.here(&["apis", &create.scope.api, "scopes"])?;
            Document::of(&session.post(&path, body.value()).await?)?
        }
        Verb::Show(scope) => Document::of(&session.read(&scope.path(&session)?).await?)?,
        Verb::List { api, search, page } => {
            let path = session.here(&["apis", &api, "scopes"])?;
            session.filtered(&path, &search.query(), &page).await?
        }
        Verb::Delete { scope, force } => {
            let path = scope.path(&session)?;
            let gone = format!("the scope {} of {}", scope.scope, scope.api);
            return api::remove(shell, &session, &path, &gone, force).await;
        }
    };
    shell.show(&document, &VIEW)
}

impl Scope {
    fn path(&self, session: &Session) -> Result<String, Failure> {
        session.here(&["apis", &self.api, "scopes", &self.scope])
    }
}

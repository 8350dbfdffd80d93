//! `ostler api`: the protected APIs, which OAuth calls resource servers.

mod edit;

use clap::Args;
use clap::Subcommand;
use serde_json::Value;
use serde_json::json;

use super::body::Body;
use super::failure::Failure;
use super::filters::SearchArgs;
use super::lifetime::Span;
use super::list::PageArgs;
use super::list::Query;
use super::output::Document;
use super::output::View;
use super::session::Session;
use super::shell::Shell;
use super::terminal;
use super::terminal::printable;

const VIEW: View = View {
    columns: &[
        ("NAME", "name"),
        ("AUDIENCE", "audience"),
        ("RESOURCE TYPES", "resource_types"),
        ("ID", "id"),
    ],
    id: "id",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Make an API with its scopes and resource types
    Create(Create),
    /// Show an API
    #[command(visible_alias = "get")]
    Show(Api),
    /// List the APIs
    List {
        #[command(flatten)]
        search: SearchArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Change its resource types or its tokens
    Edit(edit::Edit),
    /// Delete an API for good: its tokens are dead, and its audience stays reserved
    Delete(Delete),
}

/// An API that exists.
#[derive(Args, Clone, Debug)]
pub struct Api {
    /// The API, by name or id
    #[arg(value_name = "API")]
    pub api: String,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler api create jira --audience https://jira.example.com \\
      --scope 'read=See issues' --scope 'write=Change issues' --resource-type project")]
pub struct Create {
    /// Its name: 1 to 30 of a-z, 0-9 and -, beginning with a letter
    name: String,
    /// The `aud` of its tokens: an absolute URI, which never changes
    #[arg(long, value_name = "URI")]
    audience: String,
    /// A scope, with a description if you like; may be repeated
    #[arg(long, value_name = "SCOPE[=TEXT]")]
    scope: Vec<String>,
    /// A type of resource that access can be limited to; may be repeated
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    resource_type: Vec<String>,
    #[command(flatten)]
    token: TokenArgs,
}

/// What the tokens of an API are like.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Its tokens")]
pub struct TokenArgs {
    /// The lifetime of its tokens
    #[arg(long, value_name = "TIME")]
    lifetime: Option<Span>,
    /// ES256, RS256 or EdDSA
    #[arg(long, value_name = "ALG")]
    signing_alg: Option<String>,
    /// at+jwt, or JWT for verifiers that refuse anything else
    #[arg(long, value_name = "TYP")]
    typ: Option<String>,
}

impl TokenArgs {
    /// The members that were said, if any were.
    fn value(&self) -> Option<Value> {
        let mut token = Body::new();
        token.say("lifetime_seconds", self.lifetime.map(Span::as_secs));
        token.say("signing_alg", self.signing_alg.as_ref());
        token.say("typ", self.typ.as_ref());
        Some(token.value()).filter(|token| *token != json!({}))
    }
}

#[derive(Args, Clone, Debug)]
pub struct Delete {
    #[command(flatten)]
    api: Api,
    /// Even though somebody has access to it
    #[arg(long)]
    force: bool,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session()?;
    let document = match verb {
        Verb::Create(create) => {
            let path = session.here(&["apis"])?;
            Document::of(&session.post(&path, create.body()).await?)?
        }
        Verb::Show(api) => Document::of(&session.read(&api.path(&session)?).await?)?,
        Verb::List { search, page } => {
            let path = session.here(&["apis"])?;
            session.filtered(&path, &search.query(), &page).await?
        }
        Verb::Edit(edit) => edit.run(&session).await?,
        Verb::Delete(delete) => {
            let name = &delete.api.api;
            let path = delete.api.path(&session)?;
            let gone = format!("the API {name}, with its scopes, resources and tokens");
            return remove(shell, &session, &path, &gone, delete.force).await;
        }
    };
    shell.show(&document, &VIEW)
}

/// Deletes something of an API's that may be in use, once somebody has thought again.
pub async fn remove(
    shell: &Shell,
    session: &Session,
    path: &str,
    what: &str,
    force: bool,
) -> Result<(), Failure> {
    let seen = session.glance(path).await?;
    shell
        .confirm(&format!("Delete {what}? It cannot be undone."))
        .await?;
    let force = Query::new().and("force", force.then_some(true));
    session.delete(&force.after(path), seen.as_ref()).await?;
    terminal::note(&format!("✓ {} is deleted", printable(what)));
    Ok(())
}

impl Api {
    fn path(&self, session: &Session) -> Result<String, Failure> {
        session.here(&["apis", &self.api])
    }
}

impl Create {
    fn body(&self) -> Value {
        let mut body = Body::new();
        body.say("name", Some(&self.name));
        body.say("audience", Some(&self.audience));
        let scopes: Vec<Value> = self.scope.iter().map(|text| scope(text)).collect();
        body.say("scopes", Some(scopes));
        body.say("resource_types", Some(&self.resource_type));
        body.say("token", self.token.value());
        body.value()
    }
}

/// `read=See issues`; a scope that has a `=` itself is made with `ostler scope create`.
fn scope(text: &str) -> Value {
    match text.split_once('=') {
        Some((name, description)) => json!({"name": name, "description": description}),
        None => json!({"name": text}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_may_have_a_description() {
        assert_eq!(scope("read:issues"), json!({"name": "read:issues"}));
        assert_eq!(
            scope("r=a = b"),
            json!({"name": "r", "description": "a = b"})
        );
    }
}

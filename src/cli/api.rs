//! `ostler api`: the protected APIs, which OAuth calls resource servers.

use clap::Args;
use clap::Subcommand;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::failure::Failure;
use super::lifetime::Span;
use super::list::PageArgs;
use super::output::Document;
use super::output::View;
use super::shell::Shell;

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
    Get {
        /// The API, by name or id
        #[arg(value_name = "API")]
        api: String,
    },
    /// List the APIs
    List {
        #[command(flatten)]
        page: PageArgs,
    },
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
    /// The lifetime of its tokens
    #[arg(long, value_name = "TIME", help_heading = "Its tokens")]
    lifetime: Option<Span>,
    /// ES256, RS256 or EdDSA
    #[arg(long, value_name = "ALG", help_heading = "Its tokens")]
    signing_alg: Option<String>,
    /// at+jwt, or JWT for verifiers that refuse anything else
    #[arg(long, value_name = "TYP", help_heading = "Its tokens")]
    typ: Option<String>,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session().await?;
    let document = match verb {
        Verb::Create(create) => {
            let path = session.here(&["apis"])?;
            Document::of(&session.post(&path, &create.body()).await?)?
        }
        Verb::Get { api } => Document::of(&session.read(&session.here(&["apis", &api])?).await?)?,
        Verb::List { page } => session.list(&session.here(&["apis"])?, &page).await?,
    };
    shell.show(&document, &VIEW)
}

impl Create {
    fn body(&self) -> Value {
        let mut body = json!({
            "name": self.name,
            "audience": self.audience,
            "scopes": self.scope.iter().map(|text| scope(text)).collect::<Vec<_>>(),
            "resource_types": self.resource_type,
        });
        let mut token = Map::new();
        if let Some(lifetime) = self.lifetime {
            token.insert("lifetime_seconds".to_owned(), json!(lifetime.as_secs()));
        }
        if let Some(alg) = &self.signing_alg {
            token.insert("signing_alg".to_owned(), json!(alg));
        }
        if let Some(typ) = &self.typ {
            token.insert("typ".to_owned(), json!(typ));
        }
        if !token.is_empty() {
            body["token"] = Value::Object(token);
        }
        body
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

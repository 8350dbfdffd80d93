//! `ostler key`: the keys that sign access tokens.

use clap::Args;
use clap::Subcommand;
use serde_json::Value;
use serde_json::json;

use super::body::Body;
use super::failure::Failure;
use super::list::PageArgs;
use super::list::Query;
use super::output::Document;
use super::output::View;
use super::session;
use super::session::Session;
use super::shell::Shell;

const VIEW: View = View {
    columns: &[
        ("KID", "kid"),
        ("ALG", "alg"),
        ("STATE", "state"),
        ("CREATED", "created_at"),
        ("ACTIVE FROM", "active_from"),
        ("LAST SIGNED", "last_signed_at"),
        ("LEAVES JWKS", "leaves_jwks_at"),
    ],
    id: "kid",
};

#[derive(Clone, Debug, Subcommand)]
#[command(after_help = "\
A change of keys that nobody notices: create one, wait until verifiers have seen it (an hour), activate
it; the old one verifies on until its last token is dead. `rotate` does it by itself. A key that has
leaked is revoked.")]
pub enum Verb {
    /// List the signing keys
    List {
        /// Only those in this state: pending, active, retiring, retired or revoked
        #[arg(long, value_name = "STATE", help_heading = "Filters")]
        state: Option<String>,
        /// Only those of this algorithm: ES256, RS256 or EdDSA
        #[arg(long, value_name = "ALG", help_heading = "Filters")]
        alg: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a signing key
    #[command(visible_alias = "get")]
    Show(Key),
    /// Make a key; it is published, and signs once it is activated
    Create {
        /// ES256, RS256 or EdDSA
        #[arg(value_name = "ALG")]
        alg: String,
    },
    /// Let a published key sign in place of the active one of its algorithm
    Activate {
        #[command(flatten)]
        key: Key,
        /// Also before verifiers have had the time to learn it: they may refuse its tokens
        #[arg(long)]
        force: bool,
    },
    /// Let another key sign in place of this one, whose tokens stay good
    Retire {
        #[command(flatten)]
        key: Key,
        /// Also before verifiers have had the time to learn the other one
        #[arg(long)]
        force: bool,
    },
    /// Take a key back for good: all tokens that it signed are dead at once
    Revoke(Key),
    /// Begin the change to a new key, of every algorithm or of one
    Rotate {
        /// ES256, RS256 or EdDSA; all of them when left out
        #[arg(value_name = "ALG")]
        alg: Option<String>,
        /// Now, also before verifiers have had the time to learn the new keys
        #[arg(long)]
        force: bool,
    },
}

#[derive(Args, Clone, Debug)]
pub struct Key {
    /// The key; put -- before one that begins with a dash
    // A thumbprint is base64url, and one in 64 begins with a dash.
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    kid: String,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session()?;
    let keys = session::path(&["keys"])?;
    let document = match verb {
        Verb::List { state, alg, page } => {
            let filters = Query::new().and("state", state).and("alg", alg);
            session.filtered(&keys, &filters, &page).await?
        }
        Verb::Create { alg } => Document::of(&session.post(&keys, json!({"alg": alg})).await?)?,
        Verb::Show(key) => {
            let path = session::path(&["keys", &key.kid])?;
            Document::of(&session.read(&path).await?)?
        }
        Verb::Activate { key, force } => key.act(&session, "activate", forced(force)).await?,
        Verb::Retire { key, force } => key.act(&session, "retire", forced(force)).await?,
        Verb::Revoke(key) => {
            let question = format!("Revoke {}? All tokens that it signed die at once.", key.kid);
            shell.confirm(&question).await?;
            key.act(&session, "revoke", json!({})).await?
        }
        Verb::Rotate { alg, force } => {
            let mut body = Body::new();
            body.say("alg", alg);
            body.say_set("force", force);
            let path = format!("{keys}/rotate");
            Document::of(&session.post(&path, body.value()).await?)?
        }
    };
    shell.show(&document, &VIEW)
}

fn forced(force: bool) -> Value {
    let mut body = Body::new();
    body.say_set("force", force);
    body.value()
}

impl Key {
    async fn act(&self, session: &Session, verb: &str, body: Value) -> Result<Document, Failure> {
        let path = session::path(&["keys", &self.kid])?;
        let seen = session.glance(&path).await?;
        Document::of(&session.act(&path, seen.as_ref(), verb, body).await?)
    }
}

//! `ostler key`: the keys that sign access tokens.

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
pub enum Verb {
    /// List the signing keys
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Make a key; it is published, and signs once it is activated
    Create {
        /// ES256, RS256 or EdDSA
        #[arg(value_name = "ALG")]
        alg: String,
    },
    /// Let a published key sign in place of the active one of its algorithm
    Activate {
        /// The key; put -- before one that begins with a dash
        // A thumbprint is base64url, and one in 64 begins with a dash.
        #[arg(value_name = "KID", allow_hyphen_values = true)]
        kid: String,
        /// Also before verifiers have had the time to learn it: they may refuse its tokens
        #[arg(long)]
        force: bool,
    },
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session().await?;
    let document = match verb {
        Verb::List { page } => session.list(&session::path(&["keys"])?, &page).await?,
        Verb::Create { alg } => {
            let path = session::path(&["keys"])?;
            Document::of(&session.post(&path, &json!({"alg": alg})).await?)?
        }
        Verb::Activate { kid, force } => {
            let body = if force {
                json!({"force": true})
            } else {
                json!({})
            };
            let path = session::path(&["keys", &kid, "activate"])?;
            Document::of(&session.post(&path, &body).await?)?
        }
    };
    shell.show(&document, &VIEW)
}

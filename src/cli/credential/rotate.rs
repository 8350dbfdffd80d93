//! `ostler credential rotate`.

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::Existing;
use super::VIEW;
use crate::cli::body::Body;
use crate::cli::failure::Failure;
use crate::cli::lifetime::Lifetime;
use crate::cli::lifetime::Span;
use crate::cli::lifetime::told;
use crate::cli::output::Document;
use crate::cli::secret_sink::SecretArgs;
use crate::cli::shell::Shell;
use crate::cli::terminal;
use crate::cli::terminal::printable;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  A new secret in a file, the old one works for another day:
    ostler credential rotate ci-deployer/github-actions --overlap 24h --secret-out ci.env

  The old secret has leaked, so it and every token end now:
    ostler credential rotate ci-deployer/github-actions --overlap 0 --revoke-tokens -o json")]
pub struct Rotate {
    #[command(flatten)]
    existing: Existing,
    /// How long the old secret works on, 0 = not at all; 24 h when left out
    #[arg(long, value_name = "TIME")]
    overlap: Option<Span>,
    /// The lifetime of the new secret: 30d, never; that of the old one when left out
    #[arg(long, value_name = "TIME")]
    expires: Option<Lifetime>,
    /// End all tokens of the credential too
    #[arg(long)]
    revoke_tokens: bool,
    /// End an overlap that is still going on
    #[arg(long)]
    end_overlap: bool,
    #[command(flatten)]
    secret: SecretArgs,
}

impl Rotate {
    /// Makes the new secret, hands it over, and tells what becomes of the old one.
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let sink = shell.sink(&self.secret)?;
        let session = shell.session()?;
        let path = self.existing.path(&session)?;
        let seen = session.glance(&path).await?;
        let rotated = session
            .act(&path, seen.as_ref(), "rotate", self.body())
            .await?;
        let rotated = Document::of(&rotated)?;
        let old = what_becomes_of_the_old(&rotated.value, shell.now());
        sink.hand_over(session.issuer(), rotated, "", &VIEW)?;
        for line in old {
            terminal::note(&line);
        }
        Ok(())
    }

    fn body(&self) -> Value {
        let mut body = Body::new();
        body.say("overlap_seconds", self.overlap.map(Span::as_secs));
        body.say("expires_in_seconds", self.expires.map(Lifetime::as_secs));
        body.say_set("revoke_tokens", self.revoke_tokens);
        body.say_set("end_overlap", self.end_overlap);
        body.value()
    }
}

/// Until when the old secret works, and when it was last used.
fn what_becomes_of_the_old(credential: &Value, now: Timestamp) -> Vec<String> {
    let secrets = credential["secrets"].as_array().into_iter().flatten();
    let old = secrets.filter(|secret| secret["status"] == "overlap");
    old.map(|old| {
        let text = |member: &str| old[member].as_str().unwrap_or_default();
        let (hint, end) = (printable(text("hint")), told(text("ends_at"), now));
        format!(
            "  old secret …{hint} works until {end}, {}",
            evidence(old, now)
        )
    })
    .collect()
}

/// When a secret was last used, and from where.
pub fn evidence(secret: &Value, now: Timestamp) -> String {
    let text = |member: &str| secret[member].as_str();
    match (text("last_used_at"), text("last_used_address")) {
        (Some(at), Some(address)) => {
            format!("last used {} from {}", told(at, now), printable(address))
        }
        (Some(at), None) => format!("last used {}", told(at, now)),
        (None, _) => "never used".to_owned(),
    }
}

//! `ostler credential create`.

use clap::Args;

use super::FIRST_CREDENTIAL;
use super::VIEW;
use super::place;
use crate::cli::body::Body;
use crate::cli::failure::Failure;
use crate::cli::grant::AccessArgs;
use crate::cli::lifetime::Lifetime;
use crate::cli::output::Document;
use crate::cli::secret_sink::SecretArgs;
use crate::cli::shell::Shell;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler credential create ci-deployer/github-actions --expires 30d --secret-out ci.env

  One that may do less than its account, and only from one network:
    ostler credential create ci-deployer/nightly --api jira --scope read --project APOLLO \\
        --allowed-network 10.0.0.0/8 --secret-out nightly.env")]
pub struct Create {
    /// The account, and the name of the new credential: `default` when left out
    #[arg(value_name = "ACCOUNT[/NAME]")]
    credential: String,
    /// The lifetime of its secret: 30d, never; 90 days when left out
    #[arg(long, value_name = "TIME")]
    expires: Option<Lifetime>,
    /// A network from which it may be used (CIDR); may be repeated, any when left out
    #[arg(long, value_name = "NETWORK")]
    allowed_network: Vec<String>,
    #[command(flatten)]
    narrowing: AccessArgs,
    #[command(flatten)]
    secret: SecretArgs,
}

impl Create {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let sink = shell.sink(&self.secret)?;
        let session = shell.session()?;
        let place = place::new(&self.credential, FIRST_CREDENTIAL);
        let mut body = Body::new();
        body.say("name", Some(&place.name));
        let lifetime = self.expires.map(Lifetime::as_secs);
        body.say("expires_in_seconds", lifetime);
        body.say_all("allowed_networks", &self.allowed_network);
        body.say("access", self.narrowing.grants::<Self>(&session).await?);
        let path = session.here(&["service-accounts", &place.account, "credentials"])?;
        let made = session.post(&path, body.value()).await?;
        sink.hand_over(session.issuer(), Document::of(&made)?, "", &VIEW)
    }
}

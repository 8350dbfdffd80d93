//! `ostler report leak`: a secret that was found where it should not be.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::request::Request;
use crate::cli::session;
use crate::cli::shell::Shell;
use crate::cli::terminal;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler report leak --url https://auth.example.com found.txt

It takes no identity: whoever holds a secret may report it. The answer does not tell whether it was one;
a live one is revoked with its tokens at once, or waits for a person, by the policy of its organization.")]
pub struct Leak {
    /// A file with the secret, - for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    secret: PathBuf,
}

impl Leak {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let text = input::file_or_stdin(&self.secret).await?;
        let secret = match text.trim() {
            "" => return Err(Failure::usage("there is no secret: the input is empty")),
            secret => secret,
        };
        let body = json!({"secret": secret});
        let request = Request::post(session::path(&["leaks"])?, body.clone());
        let request = request.with_secret("secret", "SECRET").open();
        let client = Client::new(&shell.connection()?.admin)?;
        shell.manner().show_instead(&request, client.base())?;
        let built = client.post(&request.path)?.json(&body);
        client.send(built).await?.success()?;
        terminal::note("✓ it is reported");
        Ok(())
    }
}

//! `ostler audit verify`.

use std::path::PathBuf;

use clap::Args;

use super::Chain;
use crate::cli::body::Body;
use crate::cli::failure::Exit;
use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::output::Document;
use crate::cli::output::Format;
use crate::cli::output::View;
use crate::cli::request::Request;
use crate::cli::shell::Shell;
use crate::cli::terminal;

const VIEW: View = View {
    columns: &[],
    id: "head",
};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  Keep the signed head somewhere else, and see later that nothing before it is gone:
    ostler audit verify -o id > head.jws
    ostler audit verify --head head.jws

It ends with 0 when the chain is whole, and with 6 when it is not.")]
pub struct Verify {
    #[command(flatten)]
    chain: Chain,
    /// A head from an earlier time, as `-o id` printed it; - for standard input
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
}

impl Verify {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let head = match &self.head {
            Some(path) => Some(input::file_or_stdin(path).await?),
            None => None,
        };
        let mut body = Body::new();
        body.say("head", head.as_ref().map(|head| head.trim()));
        let session = shell.session()?;
        let path = self.chain.path(&session, &["verify"])?;
        let request = Request::post(path, body.value()).patient();
        let answer = Document::of(&session.ask(request).await?)?;
        let is_whole = answer.value["ok"] == true;
        // A chain that is not whole has no head that could be kept.
        if is_whole || shell.output.format != Some(Format::Id) {
            shell.show(&answer, &VIEW)?;
        }
        if is_whole {
            let checked = &answer.value["checked"];
            terminal::note(&format!("✓ the chain is whole: {checked} events"));
            return Ok(());
        }
        Err(negative(&answer.value["first_bad_sequence"]))
    }
}

fn negative(first_bad: &serde_json::Value) -> Failure {
    let failure = Failure::new(Exit::Negative, "the audit chain is not whole");
    match first_bad.as_u64() {
        Some(sequence) => {
            failure.detail(format!("the first event that is not right is {sequence}"))
        }
        None => failure.detail("it does not lead to the head that was given"),
    }
    .fix("keep the database as it is, and compare it with a backup and with exported events")
}

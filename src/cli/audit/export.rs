//! `ostler audit export`.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::Chain;
use super::Filters;
use crate::cli::failure::Failure;
use crate::cli::files::NewFile;
use crate::cli::shell::Shell;
use crate::cli::terminal;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler audit export --out audit.ndjson
  ostler audit export --from 2027-01-01T00:00:00Z | jq -r .action | sort | uniq -c")]
pub struct Export {
    #[command(flatten)]
    chain: Chain,
    #[command(flatten)]
    filters: Filters,
    /// A new file for them (0600); standard output when left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let path = self.chain.path(&session, &[])?;
        let path = self
            .filters
            .query()
            .and("format", Some("ndjson"))
            .after(&path);
        let Some(out) = &self.out else {
            return session.download(&path, &mut io::stdout()).await;
        };
        let mut file = NewFile::create(out)?;
        session.download(&path, &mut file).await?;
        file.finish("")?;
        terminal::note(&format!("✓ the events are in {}", out.display()));
        Ok(())
    }
}

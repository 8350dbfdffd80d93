//! `ostler audit export`.

use std::io;
use std::io::Write;
use std::mem;
use std::path::PathBuf;

use clap::Args;

use super::Chain;
use super::Filters;
use crate::cli::failure::Failure;
use crate::cli::files::NewFile;
use crate::cli::progress::Progress;
use crate::cli::request::Request;
use crate::cli::shell::Shell;
use crate::cli::terminal;
use crate::cli::terminal::printable_json;

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
        // Whoever takes the trail away is in it.
        let request = Request::get(path).patient().recorded();
        let Some(out) = &self.out else {
            if terminal::stdout_is_terminal() {
                return session.download(&request, &mut Screen::default()).await;
            }
            return session.download(&request, &mut io::stdout()).await;
        };
        // Before there is a file.
        session.show_instead(&request)?;
        let mut file = NewFile::create(out)?;
        let mut counted = Counted::new(&mut file);
        session.download(&request, &mut counted).await?;
        drop(counted);
        file.finish("")?;
        terminal::note(&format!("✓ the events are in {}", out.display()));
        Ok(())
    }
}

/// Standard output where it is a terminal, which no line may steer.
#[derive(Default)]
struct Screen {
    /// A line that has not ended yet.
    begun: Vec<u8>,
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        if let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.begun.split_off(end + 1);
            let lines = mem::replace(&mut self.begun, rest);
            let lines = String::from_utf8_lossy(&lines);
            io::stdout().write_all(printable_json(&lines).as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// A file that tells how many lines are in it by now.
struct Counted<'f> {
    file: &'f mut NewFile,
    lines: usize,
    progress: Progress,
}

impl<'f> Counted<'f> {
    fn new(file: &'f mut NewFile) -> Self {
        Self {
            file,
            lines: 0,
            progress: Progress::new(),
        }
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        let ends = bytes.iter().take(written).filter(|byte| **byte == b'\n');
        self.lines += ends.count();
        self.progress.say(&format!("{} events written", self.lines));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

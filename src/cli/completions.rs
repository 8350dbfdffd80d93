//! `ostler completions` and `ostler man`: what a shell and `man` know of the commands, written from
//! the commands themselves.

use std::path::PathBuf;

use clap::Args;
use clap::Command;
use clap_complete::Shell;

use super::failure::Failure;
use super::terminal;

/// How they are put into use.
pub const EXAMPLES: &str = "\
Examples:
  source <(ostler completions bash)
  ostler completions zsh > ~/.zfunc/_ostler
  ostler completions fish > ~/.config/fish/completions/ostler.fish";

#[derive(Args, Clone, Debug)]
pub struct Completions {
    /// bash, zsh or fish
    #[arg(value_enum, value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

impl Completions {
    /// Prints them.
    pub fn run(&self, mut cli: Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut cli, "ostler", &mut script);
        terminal::print(&String::from_utf8_lossy(&script))
    }
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler man ~/.local/share/man/man1 && man ostler-account-create")]
pub struct Man {
    /// A directory that exists
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Man {
    /// Writes a page for each command.
    pub fn run(&self, cli: Command) -> Result<(), Failure> {
        let written = clap_mangen::generate_to(cli, &self.directory);
        written.map_err(|error| {
            let directory = self.directory.display();
            Failure::failed(format!("cannot write into {directory}: {error}"))
        })
    }
}

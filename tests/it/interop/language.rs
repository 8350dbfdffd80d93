//! Where programs come from: a language each, with its own way of getting libraries.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::interpreters::Interpreter;
use crate::interpreters::interop;
use crate::interpreters::must;

/// A folder of `tests/interop/`.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    /// Node, with packages of its registry.
    JavaScript,
    /// Python 3, likewise.
    Python,
    /// A crate with a lock file of its own.
    Rust,
    /// `curl` and `jq`, as the system has them.
    Shell,
}

impl Language {
    /// What starts a program. Blocks while libraries are installed or built, the first time.
    pub fn command(self, program: &str) -> Command {
        let mut command = match self {
            Self::JavaScript => Interpreter::Node.command_of(program),
            Self::Python => Interpreter::Python.command_of(program),
            Self::Rust => {
                let mut command = Command::new(crate_of_clients());
                command.arg(program);
                command
            }
            Self::Shell => {
                let mut command = Command::new("bash");
                command.arg(interop("shell").join(format!("{program}.sh")));
                command
            }
        };
        command.env("NO_PROXY", "127.0.0.1");
        command
    }
}

/// The program of the Rust crate, built the first time.
fn crate_of_clients() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop-rust");
        let manifest = interop("rust").join("Cargo.toml");
        // Cargo itself keeps two builds apart. The `cargo` of the path, and not the one that built
        // this: rustup's tells every compiler which toolchain it is, whatever a library asks for.
        must(
            "cargo",
            [
                "build".as_ref(),
                "--quiet".as_ref(),
                "--locked".as_ref(),
                "--manifest-path".as_ref(),
                manifest.as_os_str(),
                "--target-dir".as_ref(),
                target.as_os_str(),
            ],
        );
        target.join("debug/ostler-interop")
    })
}

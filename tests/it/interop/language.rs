//! Where programs come from: a language each, with its own way of getting libraries.

use std::process::Command;

use crate::interpreters::Interpreter;

/// A folder of `tests/interop/`.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    /// Node, with packages of its registry.
    JavaScript,
    /// Python 3, likewise.
    Python,
}

impl Language {
    /// What starts a program. Blocks while libraries are installed or built, the first time.
    pub fn command(self, program: &str) -> Command {
        match self {
            Self::JavaScript => Interpreter::Node.command_of(program),
            Self::Python => Interpreter::Python.command_of(program),
        }
    }
}

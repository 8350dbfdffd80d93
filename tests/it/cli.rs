//! The shell, as a person or a script meets it: the real binary, with all that it prints.

mod accounts;
mod credentials;
mod dev;
mod exit_codes;
mod hangup;
mod identity;
mod output;
mod secrets;
mod server;
pub mod shell;
mod terminal;
mod tokens;

use shell::Person;
use shell::Ran;

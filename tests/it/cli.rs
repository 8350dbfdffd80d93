//! The shell, as a person or a script meets it: the real binary, with all that it prints.

mod accounts;
mod api_tokens;
mod apply;
mod apply_meanwhile;
mod apply_twice;
mod audit;
mod credentials;
mod dev;
mod edits;
mod exit_codes;
mod hangup;
mod help;
mod identity;
mod if_match;
mod output;
mod private_files;
mod readme;
mod recover;
mod reports;
mod requests;
mod secrets;
mod server;
pub mod shell;
mod terminal;
mod tokens;

use shell::Person;
use shell::Ran;

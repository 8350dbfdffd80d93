//! The shell: `ostler <noun> <verb>`.
//!
//! It talks to a server over HTTP like any other client, as the identity that flags, environment or
//! a profile name ([`connection`]). Data goes to standard output and everything else to standard
//! error; the exit code tells a script how it ended ([`failure::Exit`]).
//!
//! A secret never comes from the command line ([`exposed`]), goes to a pipe only when that was asked
//! for ([`secret_sink`]), and is in no failure. What other people wrote cannot steer the terminal
//! that it is shown on ([`terminal`]).

#![expect(
    clippy::doc_markdown,
    reason = "the docs of flags are help texts, where backticks would be shown"
)]

mod account;
mod admin;
mod api;
mod api_token;
mod apply;
mod audit;
mod authorization_server;
mod body;
mod client;
mod completions;
mod config;
mod connection;
mod credential;
mod dev;
mod doctor;
mod environment;
mod exposed;
mod failure;
mod files;
mod filters;
mod grant;
mod group;
mod init;
mod input;
mod key;
mod lifetime;
mod list;
mod local;
mod manner;
mod organization;
mod output;
mod problem;
mod profile;
mod progress;
mod report;
mod request;
mod resource;
mod role;
mod scope;
mod secret_sink;
mod secret_source;
mod serve;
mod session;
mod settings;
mod shell;
mod terminal;
mod token;
mod topics;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;

use environment::Environment;
use failure::Exit;
use failure::Failure;
use grant::type_flags;
use shell::Noun;
use shell::Shell;

const AFTER_HELP: &str = "\
Topics: `ostler help environment` for servers, identities and profiles, `ostler help formatting`,
`ostler help exit-codes`, `ostler help config`.";

/// An OAuth 2.0 authorization server for scripts, services and other machines
#[derive(Debug, Parser)]
#[command(name = "ostler", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: a server with a demo, in one command
    Dev(dev::Dev),
    /// Make a new store ready, with its keys and its first administrator
    Init(init::Init),
    /// Run the server
    Serve(serve::Serve),
    /// Check the configuration, and say what is in force
    #[command(subcommand, after_help = topics::CONFIG)]
    Config(config::Verb),
    /// Say what is wrong with this server, on its own machine
    Doctor(doctor::Doctor),
    /// Get back in, on the server's own machine
    #[command(subcommand)]
    Admin(admin::Verb),
    /// Service accounts: the identities of machines
    Account(Noun<account::Verb>),
    /// Credentials: the ways in which an account proves itself
    Credential(Noun<credential::Verb>),
    /// API tokens: for tools that can hold nothing else
    ApiToken(Noun<api_token::Verb>),
    /// Organizations: the tenants
    Org(Noun<organization::Verb>),
    /// APIs: what tokens are for
    Api(Noun<api::Verb>),
    /// Scopes: what tokens may do at an API
    Scope(Noun<scope::Verb>),
    /// Resources: the things inside an API that access can be limited to
    Resource(Noun<resource::Verb>),
    /// Roles: named bundles of access
    Role(Noun<role::Verb>),
    /// Groups: accounts that share roles
    Group(Noun<group::Verb>),
    /// Signing keys
    Key(Noun<key::Verb>),
    /// Access tokens: get one, look into one, check one, take one back
    Token(Noun<token::Verb>),
    /// The audit trail: who changed what
    Audit(Noun<audit::Verb>),
    /// Reports: what needs attention
    Report(Noun<report::Verb>),
    /// Bring an organization to the state that a file declares
    Apply(apply::Apply),
    /// Say where an organization differs from what a file declares
    Diff(apply::Diff),
    /// Print the completions of a shell: bash, zsh or fish
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Completions),
    /// Write the manual pages into a directory
    Man(completions::Man),
    #[command(hide = true, about = topics::EXIT_CODES, help_template = "{about}\n")]
    ExitCodes,
    #[command(hide = true, about = topics::ENVIRONMENT, help_template = "{about}\n")]
    Environment,
    #[command(hide = true, about = topics::FORMATTING, help_template = "{about}\n")]
    Formatting,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let ended = match exposed::find(&arguments) {
        Some(failure) => Err(failure),
        None => match Cli::try_parse_from(type_flags::carried(arguments, &Cli::command())) {
            Ok(cli) => run(cli.command),
            Err(help_or_mistake) => {
                // Nobody has to read it.
                let _ = help_or_mistake.print();
                return u8::try_from(help_or_mistake.exit_code())
                    .unwrap_or(1)
                    .into();
            }
        },
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.exit() != Exit::Shown {
                terminal::note(&failure.to_string());
            }
            failure.exit().code().into()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let environment = Environment::of_process();
    match command {
        Command::Dev(dev) => dev.run(&environment),
        Command::Init(init) => init.run(&environment),
        Command::Serve(serve) => serve.run(&environment),
        Command::Config(verb) => config::run(&environment, &verb),
        Command::Doctor(doctor) => doctor.run(&environment),
        Command::Admin(verb) => admin::run(&environment, &verb),
        Command::Account(noun) => remote(environment, noun, account::run),
        Command::Credential(noun) => remote(environment, noun, credential::run),
        Command::ApiToken(noun) => remote(environment, noun, api_token::run),
        Command::Org(noun) => remote(environment, noun, organization::run),
        Command::Api(noun) => remote(environment, noun, api::run),
        Command::Scope(noun) => remote(environment, noun, scope::run),
        Command::Resource(noun) => remote(environment, noun, resource::run),
        Command::Role(noun) => remote(environment, noun, role::run),
        Command::Group(noun) => remote(environment, noun, group::run),
        Command::Key(noun) => remote(environment, noun, key::run),
        Command::Token(noun) => remote(environment, noun, token::run),
        Command::Audit(noun) => remote(environment, noun, audit::run),
        Command::Report(noun) => remote(environment, noun, report::run),
        Command::Apply(apply) => apply.run(environment),
        Command::Diff(diff) => diff.run(environment),
        Command::Completions(completions) => completions.run(Cli::command()),
        Command::Man(man) => man.run(Cli::command()),
        Command::ExitCodes => terminal::print(&format!("{}\n", topics::EXIT_CODES)),
        Command::Environment => terminal::print(&format!("{}\n", topics::ENVIRONMENT)),
        Command::Formatting => terminal::print(&format!("{}\n", topics::FORMATTING)),
    }
}

/// Runs a verb of a noun.
fn remote<V: Subcommand>(
    environment: Environment,
    noun: Noun<V>,
    verb: impl AsyncFnOnce(&Shell, V) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let shell = Shell::new(environment, noun.connection, noun.manner, noun.output);
    until_done(verb(&shell, noun.verb))
}

/// Runs what talks to a server, until it is done or somebody presses Ctrl-C.
fn until_done(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let ended = runtime.block_on(async {
        tokio::select! {
            // Heard from the first moment on.
            biased;
            Ok(()) = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
            ended = work => ended,
        }
    });
    // A thread may still wait for input that nobody gives.
    runtime.shutdown_background();
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_fit_together() {
        Cli::command().debug_assert();
    }
}

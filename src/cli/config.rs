//! `ostler config`: the configuration, without a server.

mod reference;

use clap::Args;
use clap::Subcommand;
use serde_json::Value;
use serde_json::json;

use super::environment::Environment;
use super::failure::Exit;
use super::failure::Failure;
use super::output::Document;
use super::output::Output;
use super::output::OutputArgs;
use super::output::View;
use super::settings::SettingsArgs;
use super::terminal;
use super::terminal::printable;
use crate::config;
use crate::config::InForce;
use crate::config::Problems;

const VIEW: View = View {
    columns: &[("KEY", "key"), ("VALUE", "value"), ("FROM", "from")],
    id: "key",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Read and check the configuration, and report every mistake at once
    Check {
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Show what is in force, and where it came from; passwords are not shown
    Show(Show),
    /// Print a configuration file with every key, its default and what it does
    Reference,
}

#[derive(Args, Clone, Debug)]
pub struct Show {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
pub fn run(environment: &Environment, verb: &Verb) -> Result<(), Failure> {
    match verb {
        Verb::Check { settings } => check(environment, settings),
        Verb::Show(show) => show.run(environment),
        Verb::Reference => terminal::print(&reference::text()),
    }
}

/// Says whether the configuration is good.
pub fn check(environment: &Environment, settings: &SettingsArgs) -> Result<(), Failure> {
    let (_, warnings) = config::check(&settings.sources(environment)).map_err(negative)?;
    for warning in warnings {
        terminal::note(&format!("warning: {}", printable(&warning.to_string())));
    }
    terminal::note("✓ the configuration is good");
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn negative(problems: Problems) -> Failure {
    Failure::new(Exit::Negative, problems.to_string())
}

impl Show {
    fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let sources = self.settings.sources(environment);
        let in_force = config::in_force(&sources).map_err(negative)?;
        let items: Vec<Value> = in_force.iter().map(item).collect();
        let document = Document::from(json!({"items": items, "next_cursor": null}));
        Output::new(self.output).show(&document, &VIEW)
    }
}

fn item(key: &InForce) -> Value {
    json!({"key": key.key, "value": key.value, "from": key.origin.to_string()})
}

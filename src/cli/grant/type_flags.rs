//! Flags named for resource types: `--project APOLLO,GEMINI`.
//!
//! Which types an API declares only its server knows, and clap takes no flag that it was not told
//! of. So such flags are written over before clap sees them, into a hidden one that carries name
//! and value; whether the API has the type is looked at later.

use std::ffi::OsString;

use clap::Command;

/// The hidden flag.
pub const CARRIER: &str = "resource-type-flag";

/// The commands that take a grant.
const COMMANDS: &[&[&str]] = &[
    &["account", "create"],
    &["account", "access", "grant"],
    &["account", "access", "revoke"],
    &["api-token", "create"],
    &["credential", "create"],
    &["credential", "edit"],
    &["role", "create"],
    &["role", "edit"],
];

/// The command line with unknown flags of a command that takes a grant carried by the hidden one. Without `--api` there is no type that a flag could name, and clap's own message about
/// an unknown flag is the better one.
pub fn carried(arguments: Vec<OsString>, cli: &Command) -> Vec<OsString> {
    let Some(known) = flags_of_command(&arguments, cli) else {
        return arguments;
    };
    let mut carried = Vec::with_capacity(arguments.len());
    let mut arguments = arguments.into_iter().peekable();
    while let Some(argument) = arguments.next() {
        let name = argument.to_str().and_then(|text| text.strip_prefix("--"));
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            carried.push(argument);
            continue;
        };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        if known.iter().any(|known| known == name) {
            carried.push(argument);
            continue;
        }
        let next = arguments.peek().and_then(|next| next.to_str());
        let next = next
            .filter(|next| !next.starts_with('-'))
            .map(str::to_owned);
        let takes_next = value.is_none() && next.is_some();
        match value.or(next) {
            Some(value) => carried.push(format!("--{CARRIER}={name}={value}").into()),
            None => carried.push(argument),
        }
        if takes_next {
            arguments.next();
        }
    }
    carried
}

/// The long flags of the command that is called, if it is one that takes a grant, with `--api`.
fn flags_of_command(arguments: &[OsString], cli: &Command) -> Option<Vec<String>> {
    let words: Vec<&str> = arguments
        .iter()
        .skip(1)
        .filter_map(|word| word.to_str())
        .collect();
    let path = COMMANDS.iter().find(|path| words.starts_with(path))?;
    let names_api = |word: &&str| *word == "--api" || word.starts_with("--api=");
    words.iter().find(|word| names_api(word))?;
    let mut command = cli;
    let mut flags = vec!["help".to_owned()];
    let mut collect = |command: &Command| {
        let longs = command.get_arguments().filter_map(|flag| flag.get_long());
        flags.extend(longs.map(str::to_owned));
    };
    for name in *path {
        command = command.find_subcommand(name)?;
        collect(command);
    }
    Some(flags)
}

#[cfg(test)]
mod tests {
    use clap::Args;
    use clap::Subcommand;

    use super::*;
    use crate::cli::account;
    use crate::cli::connection::ConnectionArgs;

    fn carried_line(line: &str) -> String {
        let account = account::Verb::augment_subcommands(Command::new("account"));
        let cli = Command::new("ostler").subcommand(ConnectionArgs::augment_args(account));
        let arguments = line.split_whitespace().map(OsString::from).collect();
        let carried = carried(arguments, &cli);
        let words: Vec<String> = carried
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect();
        words.join(" ").replace(CARRIER, "CARRIER")
    }

    #[test]
    fn unknown_flags_of_a_grant_are_carried_wherever_they_stand() {
        for (line, expected) in [
            (
                "ostler account create --project A,B ci-bot --api jira --scope r --space=* --yes --url u",
                "ostler account create --CARRIER=project=A,B ci-bot --api jira --scope r \
                 --CARRIER=space=* --yes --url u",
            ),
            (
                "ostler account access grant ci-bot --api=jira --project A --dry-run",
                "ostler account access grant ci-bot --api=jira --CARRIER=project=A --dry-run",
            ),
        ] {
            assert_eq!(carried_line(line), expected);
        }
    }

    #[test]
    fn other_command_lines_stay_as_they_are() {
        for line in [
            "ostler",
            "ostler account create ci-bot --project A",
            "ostler account list --api jira --project A",
            "ostler account create ci-bot --api jira --scope r --help",
        ] {
            assert_eq!(carried_line(line), line);
        }
    }
}

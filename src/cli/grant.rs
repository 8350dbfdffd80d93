//! A grant of access on the command line: `--api jira --scope read,write --project APOLLO,GEMINI`.
//!
//! `--project APOLLO,GEMINI` says the same as `--resource project=APOLLO,GEMINI`: there is a flag
//! named for each resource type that the API declares (see [`type_flags`]).

pub mod type_flags;

use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Command;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::connection::ConnectionArgs;
use super::failure::Exit;
use super::failure::Failure;
use super::input;
use super::list::PageArgs;
use super::manner::Manner;
use super::output::OutputArgs;
use super::session::Session;

/// The flags that describe one grant.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Access")]
pub struct GrantArgs {
    /// The API to give access to
    #[arg(long, value_name = "API")]
    pub api: Option<String>,
    /// Its scopes, separated by commas
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', requires = "api")]
    pub scope: Vec<String>,
    /// Its resources: TYPE=KEY,KEY, or TYPE=* for all; --TYPE KEY,KEY says the same
    #[arg(long, value_name = "TYPE=KEYS", requires = "api")]
    pub resource: Vec<String>,
    /// `TYPE=KEYS` of a flag that may be named for a resource type.
    #[arg(long = type_flags::CARRIER, hide = true, requires = "api")]
    pub type_flag: Vec<String>,
}

impl GrantArgs {
    /// The grant, if one is described, on the command line of `A`.
    pub async fn grant<A: Args>(&self, session: &Session) -> Result<Option<Value>, Failure> {
        let Some(api) = &self.api else {
            return Ok(None);
        };
        let mut resources = Map::new();
        for text in &self.resource {
            add(&mut resources, text)?;
        }
        if !self.type_flag.is_empty() {
            let declared = resource_types(session, api).await?;
            for text in &self.type_flag {
                let (name, _) = text.split_once('=').unwrap_or((text, ""));
                if !declared.iter().any(|declared| declared == name) {
                    return Err(undeclared(api, name, &declared, &flags_of::<A>()));
                }
                add(&mut resources, text)?;
            }
        }
        Ok(Some(
            json!({"api": api, "scopes": self.scope, "resources": resources}),
        ))
    }

    /// The API by its name, as answers tell it, where that can be looked up.
    pub async fn api_name(&self, session: &Session) -> Result<String, Failure> {
        let said = self.api.clone().unwrap_or_default();
        let found = session.look(&session.here(&["apis", &said])?).await;
        let found = found.and_then(|found| found.json()).unwrap_or_default();
        Ok(found["name"].as_str().map_or(said, str::to_owned))
    }
}

/// The flags that describe all the access of something: one grant, or a file of them.
#[derive(Args, Clone, Debug, Default)]
pub struct AccessArgs {
    #[command(flatten)]
    grant: GrantArgs,
    /// All its access, as JSON: a list of grants, - for standard input
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "api",
        help_heading = "Access"
    )]
    access_file: Option<PathBuf>,
}

impl AccessArgs {
    /// The list of grants, if one is described, on the command line of `A`.
    pub async fn grants<A: Args>(&self, session: &Session) -> Result<Option<Value>, Failure> {
        let grant = self.grant.grant::<A>(session).await?;
        match &self.access_file {
            Some(path) => from_file(path).await.map(Some),
            None => Ok(grant.map(|grant| json!([grant]))),
        }
    }
}

/// A list of grants, or what `account access show` prints.
pub async fn from_file(path: &Path) -> Result<Value, Failure> {
    let text = input::file_or_stdin(path).await?;
    let read: Value = serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::usage(format!(
            "{} is not JSON at line {line}, column {column}",
            path.display()
        ))
    })?;
    let grants = match read {
        Value::Object(mut answer) => answer.remove("access"),
        grants => Some(grants),
    };
    grants.filter(Value::is_array).ok_or_else(|| {
        Failure::usage(format!("{} is not a list of grants", path.display()))
            .fix(r#"write [{"api": "...", "scopes": ["..."], "resources": {}}]"#)
    })
}

/// `project=A,B`, `project=*`, and `project=` for none.
fn add(resources: &mut Map<String, Value>, text: &str) -> Result<(), Failure> {
    let (name, keys) = text.split_once('=').ok_or_else(|| {
        Failure::usage(format!("--resource {text} has no `=`"))
            .fix("write TYPE=KEY,KEY, or TYPE=* for all of them")
    })?;
    let keys = match keys {
        "*" => json!("*"),
        "" => json!([]),
        keys => keys.split(',').collect(),
    };
    match resources.insert(name.to_owned(), keys) {
        None => Ok(()),
        Some(_) => Err(Failure::usage(format!(
            "the resources of type {name} are said twice"
        ))),
    }
}

async fn resource_types(session: &Session, api: &str) -> Result<Vec<String>, Failure> {
    let found = session.look_for(&session.here(&["apis", api])?).await?;
    let Some(found) = found else {
        return Err(unknown(session, api).await);
    };
    let api = found.json()?;
    let types = api["resource_types"].as_array().into_iter().flatten();
    Ok(types.filter_map(Value::as_str).map(str::to_owned).collect())
}

/// There is no such API. Which one was meant is a courtesy, and a refusal without it is right too.
async fn unknown(session: &Session, api: &str) -> Failure {
    let known = api_names(session).await.unwrap_or_default();
    let failure = Failure::new(Exit::NotFound, format!("there is no API `{api}`"));
    match nearest(api, known.iter().map(String::as_str)) {
        Some(meant) => failure.fix(format!("did you mean {meant}?")),
        None => failure.fix("see which there are: ostler api list"),
    }
}

async fn api_names(session: &Session) -> Result<Vec<String>, Failure> {
    let path = session.here(&["apis"])?;
    let list = session.list(&path, &PageArgs::default()).await?;
    let apis = list.value["items"].as_array().into_iter().flatten();
    let names = apis.filter_map(|api| api["name"].as_str());
    Ok(names.map(str::to_owned).collect())
}

/// The long flags of a command over HTTP, for typos.
fn flags_of<A: Args>() -> Vec<String> {
    let command = A::augment_args(Command::new(""));
    let command = ConnectionArgs::augment_args(OutputArgs::augment_args(command));
    let command = Manner::augment_args(command);
    let shown = command.get_arguments().filter(|flag| !flag.is_hide_set());
    shown
        .filter_map(|flag| flag.get_long())
        .map(str::to_owned)
        .collect()
}

fn undeclared(api: &str, name: &str, declared: &[String], known: &[String]) -> Failure {
    let what = format!("--{name} is no flag, and the API {api} has no resource type `{name}`");
    let failure = Failure::usage(what);
    let all = declared.iter().chain(known).map(String::as_str);
    match nearest(name, all) {
        Some(nearest) => failure.fix(format!("did you mean --{nearest}?")),
        None if declared.is_empty() => failure.fix("it has none: leave the flag out"),
        None => failure.fix(format!("its types are {}", declared.join(", "))),
    }
}

/// The name that was probably meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 64 {
        return None;
    }
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_a_star_and_nothing_is_empty() {
        let mut resources = Map::new();
        for text in ["project=A,B", "space=*", "page="] {
            add(&mut resources, text).unwrap();
        }
        let expected = json!({"project": ["A", "B"], "space": "*", "page": []});
        assert_eq!(Value::Object(resources.clone()), expected);
        assert!(add(&mut resources, "page=X").is_err());
        assert!(add(&mut resources, "no equals sign").is_err());
    }

    #[test]
    fn an_unknown_flag_is_told_with_what_was_probably_meant() {
        let declared = ["project".to_owned(), "space".to_owned()];
        let known = flags_of::<GrantArgs>();
        for (name, fix) in [
            ("projct", "did you mean --project?"),
            ("scop", "did you mean --scope?"),
            ("organisation", "did you mean --organization?"),
            ("xyzzy", "its types are project, space"),
        ] {
            let failure = undeclared("jira", name, &declared, &known).to_string();
            assert!(failure.contains(fix), "{failure}");
        }
    }
}

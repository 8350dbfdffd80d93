//! How an answer is shown: `-o table|json|yaml|csv|id`.
//!
//! Without `-o` it is a table on a terminal and tab-separated on a pipe. JSON is the API's own, byte
//! for byte; on a terminal it is indented. Nothing that reaches a terminal can steer it.

mod cell;
mod csv;
mod table;

use clap::Args;
use clap::ValueEnum;
use serde_json::Value;

use super::client::Answer;
use super::failure::Failure;
use super::terminal;
use super::terminal::printable_json;

/// The flag of every command that prints data.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct OutputArgs {
    /// How to print the answer: table, json, yaml, csv or id; when left out, a table on a terminal
    /// and tab-separated on a pipe
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    pub output: Option<Format>,
}

/// A form of output.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// Aligned columns, with their titles
    Table,
    /// The API's JSON, verbatim
    Json,
    /// The same as YAML
    Yaml,
    /// Comma-separated values with a header (RFC 4180)
    Csv,
    /// Only the id, one a line
    Id,
}

/// Where output goes and in which form.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// What was asked for.
    pub format: Option<Format>,
    /// Whether a person reads it.
    pub is_terminal: bool,
}

/// An answer, as the API wrote it and as it is understood.
#[derive(Clone, Debug)]
pub struct Document {
    /// The JSON.
    pub text: String,
    /// What it says.
    pub value: Value,
}

/// How a kind of thing is shown.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The columns of a list: the title and the member.
    pub columns: &'static [(&'static str, &'static str)],
    /// The member that `-o id` prints.
    pub id: &'static str,
}

impl Output {
    /// What the flag says, for this process.
    pub fn new(args: OutputArgs) -> Self {
        Self {
            format: args.output,
            is_terminal: terminal::stdout_is_terminal(),
        }
    }

    /// Prints a document.
    pub fn show(self, document: &Document, view: &View) -> Result<(), Failure> {
        terminal::print(&self.render(document, view)?)
    }

    /// Prints a document that cannot be had again.
    pub fn show_once(self, document: &Document, view: &View) -> Result<(), Failure> {
        terminal::print_once(&self.render(document, view)?)
    }

    fn render(self, document: &Document, view: &View) -> Result<String, Failure> {
        let value = &document.value;
        match self.format {
            Some(Format::Json) => Ok(self.json(document)),
            Some(Format::Yaml) => self.yaml(value),
            Some(Format::Csv) => Ok(self.lines_of(csv::render(value, view))),
            Some(Format::Id) => ids(value, view),
            Some(Format::Table) => Ok(table::aligned(value, view)),
            None if self.is_terminal => Ok(table::aligned(value, view)),
            None => Ok(table::separated(value, view)),
        }
    }

    fn json(self, document: &Document) -> String {
        let mut text = document.text.trim_end().to_owned();
        if self.is_terminal
            && let Ok(indented) = serde_json::to_string_pretty(&document.value)
        {
            text = printable_json(&indented).into_owned();
        }
        text.push('\n');
        text
    }

    fn yaml(self, value: &Value) -> Result<String, Failure> {
        let text = serde_saphyr::to_string(value)
            .map_err(|_| Failure::failed("the answer cannot be written as YAML"))?;
        let mut text = self.lines_of(text);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }

    /// The same lines, harmless where they go to a terminal.
    fn lines_of(self, text: String) -> String {
        if !self.is_terminal {
            return text;
        }
        let mut shown = String::with_capacity(text.len());
        for line in text.lines() {
            shown.push_str(&terminal::printable(line));
            shown.push('\n');
        }
        shown
    }
}

impl Document {
    /// What an answer says.
    pub fn of(answer: &Answer) -> Result<Self, Failure> {
        Ok(Self {
            text: answer.text()?.to_owned(),
            value: answer.json()?,
        })
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Self {
        Self {
            text: value.to_string(),
            value,
        }
    }
}

/// The things of a list, or the one thing that it is.
fn things(value: &Value) -> &[Value] {
    match value.get("items") {
        Some(Value::Array(items)) => items,
        _ => std::slice::from_ref(value),
    }
}

/// A value in words: a line, or one for each object of a list.
pub fn lines(value: &Value) -> Vec<String> {
    cell::lines(value)
}

/// A grant of access in words: `demo: read, write on project APOLLO, GEMINI`.
pub fn in_words(grant: &Value) -> String {
    cell::object(grant)
}

/// A member of a thing, or of a thing inside it: `actor.name`.
fn member_of<'t>(thing: &'t Value, member: &str) -> &'t Value {
    member.split('.').fold(thing, |thing, part| &thing[part])
}

fn is_list(value: &Value) -> bool {
    value.get("items").is_some_and(Value::is_array)
}

fn ids(value: &Value, view: &View) -> Result<String, Failure> {
    let no_id = || Failure::usage("this answer has no id").fix("use another format than -o id");
    let id = |thing: &Value| match member_of(thing, view.id) {
        Value::String(id) => Ok(format!("{}\n", terminal::printable(id))),
        _ => Err(no_id()),
    };
    things(value).iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const VIEW: View = View {
        columns: &[
            ("NAME", "name"),
            ("SCOPES", "scopes"),
            ("USED", "last_used_at"),
        ],
        id: "id",
    };

    fn shown(format: Option<Format>, is_terminal: bool, value: Value) -> String {
        let output = Output {
            format,
            is_terminal,
        };
        output.render(&Document::from(value), &VIEW).unwrap()
    }

    fn two() -> Value {
        json!({"items": [
            {"id": "sa_1", "name": "ci-bot", "scopes": ["read", "write"], "last_used_at": null},
            {"id": "sa_2", "name": "a \"b\", c\u{1b}[2J\n", "scopes": [], "last_used_at": "2026"},
        ], "next_cursor": null})
    }

    #[test]
    fn a_list_is_a_table_on_a_terminal_and_tab_separated_on_a_pipe() {
        insta::assert_snapshot!(shown(None, true, two()), @r#"
        NAME                 SCOPES      USED
        ci-bot               read,write  -
        a "b", c\u{1b}[2J\n  -           2026
        "#);
        assert_eq!(
            shown(None, false, two()),
            "ci-bot\tread,write\t\na \"b\", c\\u{1b}[2J\\n\t\t2026\n"
        );
    }

    #[test]
    fn json_is_verbatim_on_a_pipe_and_harmless_on_a_terminal() {
        let text = "{\"b\":1,  \"a\":\"\u{9b}\"}";
        let document = Document {
            text: text.to_owned(),
            value: serde_json::from_str(text).unwrap(),
        };
        let mut output = Output {
            format: Some(Format::Json),
            is_terminal: false,
        };
        assert_eq!(
            output.render(&document, &VIEW).unwrap(),
            format!("{text}\n")
        );
        output.is_terminal = true;
        let shown = output.render(&document, &VIEW).unwrap();
        assert_eq!(shown, "{\n  \"b\": 1,\n  \"a\": \"\\u009b\"\n}\n");
    }

    #[test]
    fn no_form_steers_a_terminal() {
        for format in [
            Format::Table,
            Format::Json,
            Format::Yaml,
            Format::Csv,
            Format::Id,
        ] {
            let odd = json!({"items": [{"id": "\u{202e}", "name": "\u{202e}\u{9b}1m"}]});
            let text = shown(Some(format), true, odd);
            assert!(!text.contains(['\u{202e}', '\u{9b}']), "{format:?}: {text}");
        }
    }

    #[test]
    fn csv_quotes_what_would_break_a_row() {
        assert_eq!(
            shown(Some(Format::Csv), false, two()),
            "name,scopes,last_used_at\r\nci-bot,\"read,write\",\r\n\
             \"a \"\"b\"\", c\u{1b}[2J\n\",,2026\r\n"
        );
    }

    #[test]
    fn ids_are_one_a_line() {
        assert_eq!(shown(Some(Format::Id), false, two()), "sa_1\nsa_2\n");
        assert_eq!(
            shown(Some(Format::Id), false, json!({"id": "sa_3"})),
            "sa_3\n"
        );
        let output = Output {
            format: Some(Format::Id),
            is_terminal: false,
        };
        assert!(
            output
                .render(&Document::from(json!({"access": []})), &VIEW)
                .is_err()
        );
    }

    #[test]
    fn one_thing_is_shown_with_all_its_members() {
        let thing = json!({
            "id": "sa_1", "last_used_at": null, "labels": {"team": "ops"},
            "access": [
                {"api": "demo", "scopes": ["read"], "resources": {"project": ["A", "B"]}},
                {"api": "wiki", "scopes": ["read", "write"], "resources": {"space": "*", "page": []}},
            ],
            "scopes": [{"name": "read", "description": "See"}, {"name": "write", "description": null}],
            "credential": {"id": "cred_1", "secrets": [{"hint": "Xk3f", "ends_at": null}]},
        });
        insta::assert_snapshot!(shown(None, true, thing.clone()), @r"
        id                  sa_1
        last used at        -
        labels              team=ops
        access              demo: read on project A, B
                            wiki: read, write on all space, no page
        scopes              read (See)
                            write
        credential.id       cred_1
        credential.secrets  hint=Xk3f
        ");
        assert_eq!(
            shown(None, false, thing),
            "id\tsa_1\nlast_used_at\t\nlabels\tteam=ops\n\
             access\tdemo: read on project A, B; wiki: read, write on all space, no page\n\
             scopes\tread (See); write\ncredential.id\tcred_1\ncredential.secrets\thint=Xk3f\n"
        );
    }

    #[test]
    fn yaml_says_the_same() {
        let text = shown(Some(Format::Yaml), false, two());
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read, two());
    }

    #[test]
    fn an_empty_list_says_so_only_to_a_person() {
        let empty = json!({"items": [], "next_cursor": null});
        assert_eq!(shown(None, false, empty.clone()), "");
        assert_eq!(shown(None, true, empty), "NAME  SCOPES  USED\n");
    }
}

//! Comma-separated values ([RFC 4180]).
//!
//! [RFC 4180]: https://www.rfc-editor.org/rfc/rfc4180

use serde_json::Value;

use super::View;
use super::cell;
use super::is_list;
use super::member_of;
use super::things;

/// The header and a row for each thing: the columns of a list, all members of a single thing.
pub fn render(value: &Value, view: &View) -> String {
    if !is_list(value) {
        let (names, values): (Vec<_>, Vec<_>) = cell::members(value).into_iter().unzip();
        return row(names.into_iter()) + &row(values.into_iter().map(cell::text));
    }
    let columns = || view.columns.iter().map(|(_, member)| *member);
    let mut text = row(columns().map(str::to_owned));
    for thing in things(value) {
        text.push_str(&row(
            columns().map(|member| cell::text(member_of(thing, member)))
        ));
    }
    text
}

fn row(fields: impl Iterator<Item = String>) -> String {
    let fields: Vec<String> = fields.map(quoted).collect();
    format!("{}\r\n", fields.join(","))
}

fn quoted(field: String) -> String {
    if field.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

//! Tables for people, and the same separated by tabs for scripts.

use serde_json::Value;

use super::View;
use super::cell;
use super::is_list;
use super::member_of;
use super::things;
use crate::cli::terminal::printable;

/// Aligned: a list with its titles, a single thing with a line for each member.
pub fn aligned(value: &Value, view: &View) -> String {
    if is_list(value) {
        let titles = view.columns.iter().map(|(title, _)| (*title).to_owned());
        let mut rows = vec![titles.collect()];
        rows.extend(things(value).iter().map(|thing| cells(thing, view, "-")));
        return columns(&rows);
    }
    columns(&details(value))
}

/// Separated by tabs, without titles: the cells of a list, or member and value.
pub fn separated(value: &Value, view: &View) -> String {
    let rows: Vec<Vec<String>> = if is_list(value) {
        let rows = things(value).iter().map(|thing| cells(thing, view, ""));
        rows.collect()
    } else {
        let members = cell::members(value).into_iter();
        members
            .map(|(name, value)| vec![shown(&name, ""), shown(&cell::text(value), "")])
            .collect()
    };
    rows.iter().map(|row| row.join("\t") + "\n").collect()
}

fn cells(thing: &Value, view: &View, absent: &str) -> Vec<String> {
    let members = view.columns.iter();
    let members = members.map(|(_, member)| member_of(thing, member));
    members
        .map(|value| shown(&cell::text(value), absent))
        .collect()
}

/// Two columns: member and value, the latter over several lines where it is a list of objects.
fn details(value: &Value) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (name, value) in cell::members(value) {
        let mut title = shown(&name.replace('_', " "), "");
        for line in cell::lines(value) {
            rows.push(vec![std::mem::take(&mut title), shown(&line, "-")]);
        }
    }
    rows
}

fn shown(text: &str, absent: &str) -> String {
    match text {
        "" => absent.to_owned(),
        text => printable(text).into_owned(),
    }
}

/// Pads every cell but the last of a row.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            let padding = width - cell.chars().count() + 2;
            line.extend(std::iter::repeat_n(' ', padding));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

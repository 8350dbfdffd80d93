//! A statement that is put together from conditions: what comes from outside is only ever an
//! argument, and the text around it is ours.

use std::fmt::Display;

use crate::domain::folded::folded;

use super::query::Query;
use super::query::assembled;

/// What a placeholder stands for.
#[derive(Clone, Debug)]
enum Argument {
    Text(String),
    Number(i64),
}

/// The conditions of a statement, with their arguments.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    texts: Vec<String>,
    arguments: Vec<Argument>,
}

impl Conditions {
    /// A placeholder for a text.
    pub(super) fn text(&mut self, value: impl Into<String>) -> String {
        self.argument(Argument::Text(value.into()))
    }

    /// A placeholder for a number.
    pub(super) fn number(&mut self, value: i64) -> String {
        self.argument(Argument::Number(value))
    }

    fn argument(&mut self, argument: Argument) -> String {
        self.arguments.push(argument);
        format!("${}", self.arguments.len())
    }

    /// One more condition, all of which must hold.
    pub(super) fn add(&mut self, condition: String) {
        self.texts.push(condition);
    }

    /// A condition that a column holds one of these; of none it holds nothing.
    pub(super) fn add_one_of(&mut self, column: &str, values: impl IntoIterator<Item = String>) {
        let listed: Vec<_> = values.into_iter().map(|value| self.text(value)).collect();
        if listed.is_empty() {
            self.add("1 = 0".to_owned());
        } else {
            self.add(format!("{column} IN ({})", listed.join(", ")));
        }
    }

    /// Only what comes after this id, in a list by ids. Ids are never empty, so the empty text comes
    /// before all of them.
    pub(super) fn add_after<Id: Display>(&mut self, column: &str, after: Option<Id>) {
        let after = self.text(after.map_or_else(String::new, |id| id.to_string()));
        self.add(format!("{column} > {after}"));
    }

    /// `text` in one of the columns, which are folded, or as the id.
    pub(super) fn add_search(&mut self, text: &str, columns: &[&str], id: &str) {
        let text = folded(text);
        let pattern = self.text(containing(&text));
        let mut found: Vec<_> = columns
            .iter()
            .map(|column| format!(r"{column} LIKE {pattern} ESCAPE '\'"))
            .collect();
        let text = self.text(text);
        found.push(format!("{id} = {text}"));
        self.add(format!("({})", found.join(" OR ")));
    }

    /// `{select} WHERE {conditions} {rest}`
    pub(super) fn statement(self, select: &str, rest: &str) -> Query<'static> {
        self.written(|conditions| format!("{select}\nWHERE {conditions}\n{rest}"))
    }

    /// A statement that is written around the conditions.
    pub(super) fn written(self, write: impl FnOnce(&str) -> String) -> Query<'static> {
        let query = assembled(write(&self.texts.join("\n  AND ")));
        self.arguments
            .into_iter()
            .fold(query, |query, argument| match argument {
                Argument::Text(text) => query.bind(text),
                Argument::Number(number) => query.bind(number),
            })
    }
}

/// A pattern of LIKE, with `\` as its escape, for what contains `text`, folded as the column is.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_has_no_wildcards_of_its_own() {
        for (text, pattern) in [
            ("bot", "%bot%"),
            ("100%_\\", r"%100\%\_\\%"),
            ("", "%%"),
            ("ä", "%ä%"),
        ] {
            assert_eq!(containing(text), pattern, "{text}");
        }
    }

    #[test]
    fn a_list_of_nothing_holds_for_nothing() {
        let mut conditions = Conditions::default();
        conditions.add_one_of("id", []);
        assert_eq!(conditions.texts, ["1 = 0"]);
        conditions.add_one_of("id", ["a".to_owned(), "b".to_owned()]);
        assert_eq!(conditions.texts[1], "id IN ($1, $2)");
        assert_eq!(conditions.number(7), "$3");
    }
}

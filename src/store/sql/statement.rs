//! A statement that is put together from conditions: what comes from outside is only ever an
//! argument, and the text around it is ours. So are ids, which nothing but letters and digits is in.

use std::fmt::Display;

use crate::domain::folded::folded;

use super::query::Query;
use super::query::assembled;

/// At the end of what is asked of each row: PostgreSQL then asks it of each, and not of all rows of the table
/// before the first, for a page that shows two hundred.
pub(super) const EACH: &str = "LIMIT 1 OFFSET 0";

/// How many ids of a list are arguments.
const MOST_AS_ARGUMENTS: usize = 16;

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
    /// Whether it says ids themselves, so that hardly any other statement has the same text.
    has_ids: bool,
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

    /// An id in the text of the statement. A placeholder is looked for by its name among the names of all
    /// by `SQLite`, which takes longer than all else when there are thousands.
    pub(super) fn id(&mut self, id: impl Into<String>) -> String {
        let id = id.into();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !id.bytes().all(is_plain) {
            return self.text(id);
        }
        self.has_ids = true;
        format!("'{id}'")
    }

    /// A condition that a column holds one of these ids; of none it holds nothing.
    pub(super) fn add_one_of(&mut self, column: &str, ids: impl IntoIterator<Item = String>) {
        let ids: Vec<_> = ids.into_iter().collect();
        // A few are the same again and again, and so is the statement.
        let listed: Vec<_> = if ids.len() > MOST_AS_ARGUMENTS {
            ids.into_iter().map(|id| self.id(id)).collect()
        } else {
            ids.into_iter().map(|id| self.text(id)).collect()
        };
        if listed.is_empty() {
            self.add("1 = 0".to_owned());
        } else {
            self.add(format!("{column} IN ({})", listed.join(", ")));
        }
    }

    /// A select for a part of the statement, with conditions of its own.
    pub(super) fn select(&mut self, select: &str, add: impl FnOnce(&mut Self)) -> String {
        let mut inner = Self {
            arguments: std::mem::take(&mut self.arguments),
            ..Self::default()
        };
        add(&mut inner);
        self.arguments = inner.arguments;
        self.has_ids |= inner.has_ids;
        format!("{select} WHERE {}", inner.texts.join(" AND "))
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
        // What is asked once does not take the place of a statement that is remembered.
        let query = query.persistent(!self.has_ids);
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
        conditions.add_one_of("id", (10..30).map(|number| format!("id_{number}")));
        assert!(conditions.texts[2].starts_with("id IN ('id_10', 'id_11', "));
        assert_eq!(conditions.number(7), "$4");
    }

    #[test]
    fn what_is_no_id_is_an_argument() {
        for text in ["", "a'b", "a b", "a\\b", "a;b", "a$b", "\u{e4}"] {
            let mut conditions = Conditions::default();
            let said = conditions.id(text);
            let is_argument = !text.is_empty();
            assert_eq!(said == "$1", is_argument, "{text}: {said}");
        }
    }
}

//! Several kinds of rows in one statement.
//!
//! What issuance must know of a client is spread over a dozen tables and must be read in one
//! snapshot. A transaction would do, for two more round trips and the danger of one that is left
//! open. One statement is a snapshot by itself: a `UNION ALL` of *facts*, each with the same
//! columns, of which every kind uses as many as it needs:
//!
//! `part` (which kind), `id` (of what it is about), the texts `a` to `e`, the numbers `x` to `z`.

use std::fmt::Write;

use super::failure::Answer;
use super::failure::Failure;

const TEXTS: [&str; 5] = ["a", "b", "c", "d", "e"];
const NUMBERS: [&str; 3] = ["x", "y", "z"];

/// How one kind of fact is selected.
pub(super) struct Fact<'q> {
    /// Which kind.
    pub(super) part: &'static str,
    /// The column of the id.
    pub(super) id: &'static str,
    /// The columns that become `a`, `b`, ...
    pub(super) texts: &'static [&'static str],
    /// The columns that become `x`, `y`, ...
    pub(super) numbers: &'static [&'static str],
    /// What follows FROM.
    pub(super) from: &'static str,
    /// What follows WHERE.
    pub(super) condition: &'q str,
}

/// The statement that reads all of these.
pub(super) fn union<'q>(facts: impl IntoIterator<Item = Fact<'q>>) -> String {
    let selects: Vec<_> = facts.into_iter().map(|fact| fact.select()).collect();
    selects.join("\nUNION ALL\n")
}

impl Fact<'_> {
    fn select(&self) -> String {
        let mut select = format!("SELECT '{}' AS part, {} AS id", self.part, self.id);
        // A NULL says its type: PostgreSQL joins the selects pairwise, and takes a bare one for text.
        for (number, name) in TEXTS.iter().enumerate() {
            let column = self.texts.get(number).unwrap_or(&"CAST(NULL AS TEXT)");
            let _ = write!(select, ", {column} AS {name}");
        }
        for (number, name) in NUMBERS.iter().enumerate() {
            let column = self.numbers.get(number).unwrap_or(&"CAST(NULL AS BIGINT)");
            let _ = write!(select, ", {column} AS {name}");
        }
        let _ = write!(select, "\nFROM {} WHERE {}", self.from, self.condition);
        select
    }
}

/// Names what could not be read, where the name of a column would say nothing.
pub(super) fn named<T>(what: &'static str, answer: Answer<T>) -> Answer<T> {
    answer.map_err(|failure| match failure {
        Failure::Unreadable(_) => Failure::Unreadable(what),
        other => other,
    })
}

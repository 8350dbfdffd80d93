//! A declaration read member by member: whatever is wrong is noted with its place, so that all of it
//! is told at once.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::Value;

use super::node::Kind;
use super::node::Node;
use crate::cli::grant::nearest;
use crate::domain::prose;

/// Where a value stands: its line, and the names that lead to it.
#[derive(Clone, Debug, Default)]
pub struct Place {
    line: u64,
    path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "{}", self.line),
            path => write!(f, "{}: {path}", self.line),
        }
    }
}

/// A member that may be null, which says something else than leaving it out.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Nullable<T> {
    /// It is null.
    Null,
    /// It is something.
    Value(T),
}

impl<T> Nullable<T> {
    /// `None` for null.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// What is wrong, in the order in which it was found.
#[derive(Debug, Default)]
pub struct Mistakes(RefCell<Vec<(Place, String)>>);

impl Mistakes {
    /// Notes a mistake.
    pub fn note(&self, place: &Place, what: impl Into<String>) {
        self.0.borrow_mut().push((place.clone(), what.into()));
    }

    /// Notes that nothing has this name, with the one that was probably meant.
    pub fn unknown<'k>(
        &self,
        place: &Place,
        what: impl fmt::Display,
        name: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        let meant = nearest(name, known);
        let meant = meant.map(|best| format!("; did you mean `{best}`?"));
        self.note(place, format!("{what}{}", meant.unwrap_or_default()));
    }

    /// A line for each, from the first line of the file to the last.
    pub fn into_lines(self) -> Vec<String> {
        let mut mistakes = self.0.into_inner();
        mistakes.sort_by_key(|(place, _)| place.line);
        let lines = mistakes.into_iter();
        lines
            .map(|(place, what)| format!("{place}: {what}"))
            .collect()
    }
}

/// A value that is being read. What is wrong with it is noted, and then it is `None`.
#[derive(Clone)]
pub struct Field<'d> {
    /// Where it stands.
    pub place: Place,
    node: &'d Node,
    mistakes: &'d Mistakes,
}

impl<'d> Field<'d> {
    /// The whole declaration.
    pub fn root(node: &'d Node, mistakes: &'d Mistakes) -> Self {
        let place = Place {
            line: node.line,
            path: String::new(),
        };
        Self {
            place,
            node,
            mistakes,
        }
    }

    fn below(&self, part: &str, node: &'d Node) -> Self {
        let path = match (self.place.path.as_str(), part.starts_with('[')) {
            ("", _) => part.to_owned(),
            (path, true) => format!("{path}{part}"),
            (path, false) => format!("{path}.{part}"),
        };
        let place = Place {
            line: node.line,
            path,
        };
        Self {
            place,
            node,
            mistakes: self.mistakes,
        }
    }

    /// Notes that something is wrong with it.
    pub fn note<T>(&self, what: impl Into<String>) -> Option<T> {
        self.mistakes.note(&self.place, what);
        None
    }

    /// Whether it is null, or nothing is written.
    pub fn is_null(&self) -> bool {
        matches!(self.node.kind, Kind::Scalar(Value::Null))
    }

    /// A text.
    pub fn text(&self) -> Option<String> {
        match &self.node.kind {
            Kind::Scalar(Value::String(text)) => Some(text.clone()),
            Kind::Scalar(Value::Number(_) | Value::Bool(_)) => {
                self.note("this is no text: put it into quotes")
            }
            _ => self.note("this has to be a text"),
        }
    }

    /// A text that keeps a rule.
    pub fn parsed<T, E: fmt::Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<String> {
        let text = self.text()?;
        self.told(parse(&text)).map(|_| text)
    }

    /// What `parse` makes of a text.
    pub fn read<T, E: fmt::Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        self.told(parse(&self.text()?))
    }

    /// What came of it; the mistake is noted.
    pub fn told<T, E: fmt::Display>(&self, result: Result<T, E>) -> Option<T> {
        result.map_or_else(|error| self.note(error.to_string()), Some)
    }

    /// A text for people, of at most so many characters.
    pub fn prose(&self, max_chars: usize) -> Option<String> {
        self.parsed(|text| prose::parse(text, max_chars))
    }

    /// One of these words.
    pub fn one_of(&self, words: &[&str]) -> Option<String> {
        let text = self.text()?;
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        let words = words.join("`, `");
        self.note(format!("this has to be one of `{words}`"))
    }

    /// A whole number in a range.
    pub fn number(&self, range: &RangeInclusive<u64>) -> Option<u64> {
        let number = match &self.node.kind {
            Kind::Scalar(Value::Number(number)) => number.as_u64(),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        let rule = || {
            self.note(format!(
                "this has to be a whole number from {least} to {most}"
            ))
        };
        number.or_else(rule)
    }

    /// True or false.
    pub fn boolean(&self) -> Option<bool> {
        match self.node.kind {
            Kind::Scalar(Value::Bool(flag)) => Some(flag),
            _ => self.note("this has to be true or false"),
        }
    }

    /// What `read` makes of it, or null when it is that.
    pub fn nullable<T>(&self, read: impl FnOnce(&Self) -> Option<T>) -> Option<Nullable<T>> {
        if self.is_null() {
            return Some(Nullable::Null);
        }
        read(self).map(Nullable::Value)
    }

    /// The items of a list; null is an empty one.
    pub fn list(&self) -> Option<Vec<Self>> {
        match &self.node.kind {
            Kind::List(items) => {
                let items = items.iter().enumerate();
                Some(
                    items
                        .map(|(at, node)| self.below(&format!("[{at}]"), node))
                        .collect(),
                )
            }
            Kind::Scalar(Value::Null) => Some(Vec::new()),
            _ => self.note("this has to be a list"),
        }
    }

    /// A list of texts.
    pub fn texts(&self) -> Option<Vec<(String, Place)>> {
        let items = self.list()?.into_iter();
        Some(
            items
                .filter_map(|item| Some((item.text()?, item.place)))
                .collect(),
        )
    }

    /// The word or the list that it is.
    pub fn word(&self) -> Option<&str> {
        match &self.node.kind {
            Kind::Scalar(Value::String(word)) => Some(word),
            _ => None,
        }
    }

    /// Things by their names; null is none.
    pub fn named(&self) -> Option<Vec<(String, Self)>> {
        match &self.node.kind {
            Kind::Members(members) => {
                let members = members.iter();
                Some(
                    members
                        .map(|(name, node)| (name.clone(), self.below(name, node)))
                        .collect(),
                )
            }
            Kind::Scalar(Value::Null) => Some(Vec::new()),
            _ => self.note("this has to be names with what belongs to each"),
        }
    }

    /// The members of a thing, which `read` takes by their names; the others are mistakes.
    pub fn members<T>(&self, read: impl FnOnce(&mut Members<'d>) -> T) -> Option<T> {
        let mut members = Members {
            members: self.named()?,
            known: Vec::new(),
        };
        let thing = read(&mut members);
        for (name, field) in &members.members {
            if !members.known.contains(&name.as_str()) {
                let known = members.known.iter().copied();
                let what = format!("there is no member `{name}` here");
                field.mistakes.unknown(&field.place, what, name, known);
            }
        }
        Some(thing)
    }
}

/// The members of a thing.
pub struct Members<'d> {
    members: Vec<(String, Field<'d>)>,
    known: Vec<&'static str>,
}

impl<'d> Members<'d> {
    /// A member, if it is there, as `read` makes of it.
    pub fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Field<'d>) -> Option<T>,
    ) -> Option<T> {
        self.known.push(name);
        let (_, field) = self.members.iter().find(|(member, _)| member == name)?;
        read(field.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_noted_with_its_place() {
        let text = "name: 7\nadmn: true\ntags:\n- a\n- b: c\nage: old\n";
        let node = Node::parse(text).unwrap();
        let mistakes = Mistakes::default();
        let root = Field::root(&node, &mistakes);
        root.members(|members| {
            members.take("name", |field| field.text());
            members.take("admin", |field| field.boolean());
            members.take("tags", |field| field.texts());
            members.take("age", |field| field.nullable(|age| age.number(&(0..=150))));
            members.take("other", |field| field.text())
        });
        let found = mistakes.into_lines();
        assert_eq!(
            found,
            [
                "1: name: this is no text: put it into quotes",
                "2: admn: there is no member `admn` here; did you mean `admin`?",
                "5: tags[1]: this has to be a text",
                "6: age: this has to be a whole number from 0 to 150",
            ]
        );
    }
}

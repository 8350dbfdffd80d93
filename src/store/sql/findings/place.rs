//! Where a row of a kind of findings stands, as a text that travels in a cursor.

use super::super::failure::Answer;
use super::super::failure::Failure;

/// Where a row stands.
pub(super) struct Place {
    /// In which part of its kind.
    pub(super) part: usize,
    /// Where it was last used, and when, in a part that is ordered so.
    pub(super) last_use: Option<(String, i64)>,
    /// The id of what it is about.
    pub(super) subject: String,
}

impl Place {
    /// Reads what [`Place::text`] wrote.
    pub(super) fn parse(text: &str) -> Answer<Self> {
        let mut values = text.split('/');
        let part = values.next().and_then(|part| part.parse().ok());
        let subject = values.next().map(str::to_owned);
        let (organization, last_at) = (values.next(), values.next());
        let last_at = last_at.and_then(|at| at.parse().ok());
        Ok(Self {
            part: part.ok_or(Failure::Unreadable("place"))?,
            last_use: organization.map(str::to_owned).zip(last_at),
            subject: subject.ok_or(Failure::Unreadable("place"))?,
        })
    }

    /// No id has a slash.
    pub(super) fn text(&self) -> String {
        let Self { part, subject, .. } = self;
        match &self.last_use {
            None => format!("{part}/{subject}"),
            Some((organization, at)) => format!("{part}/{subject}/{organization}/{at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        for text in ["0/sa_1", "1/cred_1/org_1/1500", "0/sa_1/org_1/0"] {
            assert_eq!(Place::parse(text).unwrap().text(), text);
        }
        for odd in ["", "sa_1", "x/sa_1"] {
            assert!(Place::parse(odd).is_err(), "{odd}");
        }
    }
}

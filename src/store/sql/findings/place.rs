//! Where a row of a kind of findings stands, as a text that travels in a cursor.

use super::super::failure::Answer;
use super::super::failure::Failure;
use super::super::statement::Conditions;

/// Where a row stands.
pub(super) struct Place {
    /// In which part of its kind.
    pub(super) part: usize,
    /// Its organization and its number, in a part that is walked by an index of these.
    pub(super) walked: Option<(String, i64)>,
    /// The id that settles the rest.
    pub(super) id: String,
}

impl Place {
    /// Reads what [`Place::text`] wrote.
    pub(super) fn parse(text: &str) -> Answer<Self> {
        let mut values = text.split('/');
        let part = values.next().and_then(|part| part.parse().ok());
        let id = values.next().map(str::to_owned);
        let (organization, number) = (values.next(), values.next());
        let number = number.and_then(|number| number.parse().ok());
        Ok(Self {
            part: part.ok_or(Failure::Unreadable("place"))?,
            walked: organization.map(str::to_owned).zip(number),
            id: id.ok_or(Failure::Unreadable("place"))?,
        })
    }

    /// As arguments, for a comparison with what the part is ordered by.
    pub(super) fn values(&self, conditions: &mut Conditions) -> String {
        let mut values = Vec::new();
        if let Some((organization, number)) = &self.walked {
            values.push(conditions.text(organization.as_str()));
            values.push(conditions.number(*number));
        }
        values.push(conditions.text(self.id.as_str()));
        values.join(", ")
    }

    /// No id has a slash.
    pub(super) fn text(&self) -> String {
        let Self { part, id, .. } = self;
        match &self.walked {
            None => format!("{part}/{id}"),
            Some((organization, number)) => format!("{part}/{id}/{organization}/{number}"),
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

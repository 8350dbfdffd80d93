//! The parameters of a query, taken one by one: one that is unknown, malformed or there twice is
//! refused, since a `dry_run` that is ignored would do harm.

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use url::form_urlencoded;

use crate::app::page::DEFAULT_LIMIT;
use crate::app::page::MAX_LIMIT;
use crate::app::page::Order;
use crate::app::page::PageRequest;
use crate::app::page::SortKey;
use crate::app::problem::Mistake;
use crate::app::problem::Mistakes;
use crate::app::problem::Submitted;
use crate::app::problem::nearest;
use crate::app::problem::quoted;
use crate::domain::instant;

/// The longest text, in characters.
const MAX_TEXT: usize = 200;

const SPAN_RULE: &str =
    "a whole number with its unit, `s`, `m`, `h`, `d` or `w`, such as `90d`; at most ten years";

/// The parameters of a query.
pub(super) struct Query {
    parameters: Vec<(String, String)>,
    known: Vec<&'static str>,
    mistakes: Mistakes,
}

impl Query {
    /// Reads the part of the URI after the `?`.
    pub(super) fn parse(query: &str) -> Self {
        let parameters = form_urlencoded::parse(query.as_bytes());
        Self {
            parameters: parameters.into_owned().collect(),
            known: Vec::new(),
            mistakes: Mistakes::default(),
        }
    }

    fn note(&mut self, code: &'static str, detail: String, hint: Option<String>) {
        self.mistakes.note(Mistake {
            pointer: None,
            code,
            detail,
            hint,
        });
    }

    fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut values = Vec::new();
        self.parameters.retain_mut(|(own, value)| {
            let found = own == name;
            if found {
                values.push(std::mem::take(value));
            }
            !found
        });
        if values.len() > 1 {
            let detail = format!("the parameter `{name}` stands there twice");
            self.note("duplicate", detail, None);
        }
        values.pop()
    }

    /// A parameter that may be left out; empty is not said.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.take(name).filter(|text| !text.is_empty())
    }

    /// A parameter that is `true` or `false`; not said is `false`.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        match self.take(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                let detail = format!("the parameter `{name}` is `true` or `false`");
                self.note("invalid", detail, None);
                false
            }
        }
    }

    /// A parameter that `parse` accepts; `rule` says what it has to be.
    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        rule: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.take(name)?;
        let value = parse(&text);
        if value.is_none() {
            self.note("invalid", format!("`{name}` is {rule}"), None);
        }
        value
    }

    /// A parameter that `parse` accepts; its error says the rule.
    pub(super) fn read<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.take(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(rule) => {
                self.note("invalid", format!("`{name}` is {rule}"), None);
                None
            }
        }
    }

    /// A parameter that is one of these words.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        self.read(name, |text| {
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value).ok_or_else(|| {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                format!("one of `{}`", words.join("`, `"))
            })
        })
    }

    /// A parameter that people write: 1 to 200 characters, none of them a control character.
    pub(super) fn prose(&mut self, name: &'static str) -> Option<String> {
        self.read(name, |text| {
            let right = (1..=MAX_TEXT).contains(&text.chars().count())
                && !text.chars().any(char::is_control);
            if right {
                Ok(text.to_owned())
            } else {
                Err(format!(
                    "a text of 1 to {MAX_TEXT} characters, without control characters"
                ))
            }
        })
    }

    /// A parameter that is a span of time, such as `90d`.
    pub(super) fn span(&mut self, name: &'static str) -> Option<Duration> {
        self.read(name, |text| read_span(text).ok_or(SPAN_RULE))
    }

    /// A parameter that is an instant of RFC 3339.
    pub(super) fn instant(&mut self, name: &'static str) -> Option<Timestamp> {
        self.read(name, instant::parse)
    }

    /// `sort`: one of these keys, with `-` before it for the greatest first.
    pub(super) fn order(&mut self, keys: &[(&'static str, SortKey)]) -> Order {
        let order = self.read("sort", |text| {
            let (descending, word) = match text.strip_prefix('-') {
                Some(word) => (true, word),
                None => (false, text),
            };
            let found = keys.iter().find(|(own, _)| *own == word);
            found
                .map(|(_, key)| Order {
                    key: *key,
                    descending,
                })
                .ok_or_else(|| {
                    let words: Vec<_> = keys.iter().map(|(word, _)| *word).collect();
                    format!("one of `{}`, with `-` before it or not", words.join("`, `"))
                })
        });
        order.unwrap_or_default()
    }

    /// `limit` and `cursor`.
    pub(super) fn page(self) -> Submitted<PageRequest> {
        let (page, ()) = self.page_of(|_| ())?;
        Ok(page)
    }

    /// `limit` and `cursor`, and what `read` takes besides.
    pub(super) fn page_of<T>(
        mut self,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Submitted<(PageRequest, T)> {
        let wanted = read(&mut self);
        let limit = match self.take("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => {
                let limit = read_number(&text).filter(|n| (1..=MAX_LIMIT).contains(n));
                if limit.is_none() {
                    let detail = format!("`limit` is a whole number from 1 to {MAX_LIMIT}");
                    self.note("invalid", detail, None);
                }
                limit.unwrap_or(DEFAULT_LIMIT)
            }
        };
        let cursor = self.take("cursor");
        self.end()?;
        Ok((PageRequest { limit, cursor }, wanted))
    }

    /// Refuses the query when something was wrong with it, or something was not taken.
    pub(super) fn end(mut self) -> Submitted<()> {
        for (name, _) in std::mem::take(&mut self.parameters) {
            if self.mistakes.is_full() {
                break;
            }
            let hint = nearest(&name, self.known.iter().copied());
            let hint = hint.map(|best| format!("did you mean `{best}`?"));
            let detail = format!("there is no parameter {} here", quoted(&name));
            self.note("unknown_parameter", detail, hint);
        }
        self.mistakes.check()
    }
}

/// A whole number in the one way to write it: no sign, and no zeros before it.
fn read_number(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain)
}

/// A whole number of seconds, minutes, hours, days or weeks; at least one second, at most ten years.
fn read_span(text: &str) -> Option<Duration> {
    const LONGEST_SECS: u64 = 3_660 * 24 * 60 * 60;
    let (number, unit_secs) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1),
        (at, 'm') => (&text[..at], 60),
        (at, 'h') => (&text[..at], 60 * 60),
        (at, 'd') => (&text[..at], 24 * 60 * 60),
        (at, 'w') => (&text[..at], 7 * 24 * 60 * 60),
        _ => return None,
    };
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| digits)?;
    let seconds = number.checked_mul(unit_secs)?;
    (1..=LONGEST_SECS)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_with_its_unit() {
        for (text, seconds) in [
            ("1s", 1),
            ("30m", 1_800),
            ("12h", 43_200),
            ("90d", 7_776_000),
            ("2w", 1_209_600),
            ("0014d", 1_209_600),
        ] {
            assert_eq!(
                read_span(text),
                Some(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for odd in [
            "",
            "d",
            "0d",
            "-1d",
            "+1d",
            "1.5d",
            "90",
            "90 d",
            "90D",
            "1y",
            "4000d",
            "1é",
            "99999999999999999999d",
            "18446744073709551615w",
        ] {
            assert_eq!(read_span(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_is_not_of_its_rule_is_refused_by_name() {
        let refused =
            Query::parse("status=off&q=&unused_for=90&sort=size&owner=a%00b").page_of(|query| {
                query.one_of("status", &[("on", 1), ("idle", 2)]);
                query.prose("q");
                query.prose("owner");
                query.span("unused_for");
                query.order(&[("name", SortKey::Name)])
            });
        assert_eq!(
            details(refused),
            [
                "`status` is one of `on`, `idle`",
                "`q` is a text of 1 to 200 characters, without control characters",
                "`owner` is a text of 1 to 200 characters, without control characters",
                &format!("`unused_for` is {SPAN_RULE}"),
                "`sort` is one of `name`, with `-` before it or not",
            ]
        );
    }

    #[test]
    fn a_list_is_ordered_by_one_key_in_one_direction() {
        let order = |query| {
            let keys = [("name", SortKey::Name)];
            let (_, order) = Query::parse(query)
                .page_of(|query| query.order(&keys))
                .unwrap();
            (order.key, order.descending)
        };
        assert_eq!(order(""), (SortKey::Id, false));
        assert_eq!(order("sort=name"), (SortKey::Name, false));
        assert_eq!(order("sort=-name"), (SortKey::Name, true));
    }

    fn page(query: &str) -> Submitted<PageRequest> {
        Query::parse(query).page()
    }

    fn details(refused: Submitted<impl std::fmt::Debug>) -> Vec<String> {
        let problem = refused.unwrap_err();
        let mistakes = problem.mistakes().iter();
        mistakes.map(|mistake| mistake.detail.clone()).collect()
    }

    #[test]
    fn a_page_has_a_size_and_a_beginning() {
        assert_eq!(page("").unwrap(), PageRequest::default());
        let request = page("cursor=a%2Bb&limit=200").unwrap();
        assert_eq!(request.limit, 200);
        assert_eq!(request.cursor.as_deref(), Some("a+b"));
    }

    #[test]
    fn what_is_malformed_unknown_or_there_twice_is_refused_all_at_once() {
        for limit in [
            "0",
            "201",
            "-1",
            "x",
            "",
            "1e2",
            "99999999999",
            "%2B5",
            "+5",
            "05",
            "5.0",
            "%205",
        ] {
            let found = details(page(&format!("limit={limit}")));
            assert_eq!(
                found,
                ["`limit` is a whole number from 1 to 200"],
                "{limit}"
            );
        }
        assert_eq!(
            details(page("limit=1&limit=1&lmit=3&x")),
            [
                "the parameter `limit` stands there twice",
                "there is no parameter `lmit` here",
                "there is no parameter `x` here",
            ]
        );
    }

    #[test]
    fn a_flag_is_said_in_one_way() {
        let flag = |query| {
            let mut query = Query::parse(query);
            let flag = query.flag("dry_run");
            query.end().map(|()| flag)
        };
        assert!(!flag("").unwrap());
        assert!(!flag("dry_run=false").unwrap());
        assert!(flag("dry_run=true").unwrap());
        for odd in ["dry_run", "dry_run=1", "dry_run=TRUE", "dryrun=true"] {
            assert!(flag(odd).is_err(), "{odd}");
        }
    }
}

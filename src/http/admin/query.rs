//! The parameters of a query, taken one by one: one that is unknown, malformed or there twice is
//! refused, since a `dry_run` that is ignored would do harm.

use url::form_urlencoded;

use crate::app::page::DEFAULT_LIMIT;
use crate::app::page::MAX_LIMIT;
use crate::app::page::PageRequest;
use crate::app::problem::Mistake;
use crate::app::problem::Mistakes;
use crate::app::problem::Submitted;
use crate::app::problem::nearest;
use crate::app::problem::quoted;

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

    /// `limit` and `cursor`.
    pub(super) fn page(mut self) -> Submitted<PageRequest> {
        let limit = match self.take("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => {
                let limit = text.parse().ok().filter(|n| (1..=MAX_LIMIT).contains(n));
                if limit.is_none() {
                    let detail = format!("`limit` is a whole number from 1 to {MAX_LIMIT}");
                    self.note("invalid", detail, None);
                }
                limit.unwrap_or(DEFAULT_LIMIT)
            }
        };
        let cursor = self.take("cursor");
        self.end()?;
        Ok(PageRequest { limit, cursor })
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

#[cfg(test)]
mod tests {
    use super::*;

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
        for limit in ["0", "201", "-1", "x", "", "1e2", "99999999999"] {
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

//! Lists, a page at a time.
//!
//! A cursor says after which item the next page begins. It is signed together with the list that it
//! belongs to, so one that was made up, or that comes from another list, another organization or
//! another server, is refused. Since items are in the order of their ids, and ids grow with time,
//! inserts and deletions neither repeat nor skip an item.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keys::server_key::Purpose;
use crate::keys::server_key::SIGNATURE_LEN;
use crate::keys::server_key::ServerKey;
use crate::store::Page;

/// In which order a list is.
pub use crate::store::Order;
/// What a list is ordered by.
pub use crate::store::SortKey;

use super::problem::Mistake;
use super::problem::Problem;

/// How many items a page has unless the caller says otherwise.
pub const DEFAULT_LIMIT: u16 = 50;

/// The most items of a page.
pub const MAX_LIMIT: u16 = 200;

/// Which part of a list is wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PageRequest {
    /// How many items, 1 to [`MAX_LIMIT`].
    pub limit: u16,
    /// Where it goes on, as an earlier page said.
    pub cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            cursor: None,
        }
    }
}

/// A text to look for, where one was said: a part of what people call a thing, without regard to case, or
/// its id.
pub type Search = Option<String>;

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the list goes on; `None` at its end.
    pub next_cursor: Option<String>,
}

impl<T> Listing<T> {
    /// The same part, of other items.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Listing<U> {
        Listing {
            items: self.items.into_iter().map(convert).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

/// A list, by everything that tells it from other lists: its kind, and the ids of its parents.
pub struct List<'a> {
    /// Signs its cursors.
    pub key: &'a ServerKey,
    /// Such as `["apis", "org_..."]`.
    pub path: Vec<String>,
}

impl List<'_> {
    /// What to ask the store for.
    pub fn page<Id: FromStr>(&self, request: &PageRequest) -> Result<Page<Id>, Problem> {
        let after = match &request.cursor {
            None => None,
            Some(cursor) => Some(self.open(cursor).ok_or_else(foreign_cursor)?),
        };
        Ok(Page {
            // One more than is shown tells whether there are more.
            limit: request.limit + 1,
            after,
        })
    }

    /// What to show of what the store gave.
    pub fn listing<T, Id: ToString>(
        &self,
        request: &PageRequest,
        mut items: Vec<T>,
        id: impl FnOnce(&T) -> Id,
    ) -> Listing<T> {
        let limit = usize::from(request.limit);
        let goes_on = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| goes_on);
        Listing {
            next_cursor: last.map(|last| self.seal(&id(last).to_string())),
            items,
        }
    }

    /// What to show of a search that took too long: what it has found, and where it goes on.
    pub fn unfinished<T>(&self, found: Vec<T>, stopped_at: &impl ToString) -> Listing<T> {
        Listing {
            next_cursor: Some(self.seal(&stopped_at.to_string())),
            items: found,
        }
    }

    fn seal(&self, after: &str) -> String {
        let mut cursor = self
            .key
            .sign(Purpose::Cursor, &self.message(after))
            .to_vec();
        cursor.extend_from_slice(after.as_bytes());
        URL_SAFE_NO_PAD.encode(cursor)
    }

    fn open<Id: FromStr>(&self, cursor: &str) -> Option<Id> {
        let cursor = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (signature, after) = cursor.split_at_checked(SIGNATURE_LEN)?;
        let after = std::str::from_utf8(after).ok()?;
        let ours = self
            .key
            .verify(Purpose::Cursor, &self.message(after), signature);
        after.parse().ok().filter(|_| ours)
    }

    /// The parts with their lengths, so that no two lists have the same message.
    fn message(&self, after: &str) -> Vec<u8> {
        let parts = self.path.iter().map(String::as_str).chain([after]);
        parts
            .flat_map(|part| [&part.len().to_be_bytes()[..], part.as_bytes()].concat())
            .collect()
    }
}

fn foreign_cursor() -> Problem {
    Problem::mistake(Mistake {
        pointer: None,
        code: "invalid",
        detail: "`cursor` is not one that this list gave out".to_owned(),
        hint: Some("begin again without `cursor`".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list<'a>(key: &'a ServerKey, path: &[&str]) -> List<'a> {
        List {
            key,
            path: path.iter().map(ToString::to_string).collect(),
        }
    }

    fn request(limit: u16, cursor: Option<String>) -> PageRequest {
        PageRequest { limit, cursor }
    }

    #[test]
    fn a_list_is_read_page_by_page_to_its_end() {
        let key = ServerKey::from_bytes(&[1; 32]);
        let list = list(&key, &["numbers", "org_1"]);
        let all: Vec<u32> = (1..=7).collect();
        let (mut read, mut cursor) = (Vec::new(), None);
        loop {
            let request = request(3, cursor);
            let page: Page<u32> = list.page(&request).unwrap();
            let rest = all
                .iter()
                .filter(|n| page.after.is_none_or(|after| **n > after));
            let found: Vec<u32> = rest.take(page.limit.into()).copied().collect();
            let listing = list.listing(&request, found, |number| *number);
            read.extend(listing.items);
            match listing.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(read, all);
    }

    #[test]
    fn a_full_last_page_says_that_it_is_the_last() {
        let key = ServerKey::from_bytes(&[1; 32]);
        let list = list(&key, &["numbers"]);
        let listing = list.listing(&request(3, None), vec![1, 2, 3], |number| *number);
        assert_eq!(listing.next_cursor, None);
    }

    #[test]
    fn a_cursor_of_another_list_organization_or_server_is_refused() {
        let (key, other) = (
            ServerKey::from_bytes(&[1; 32]),
            ServerKey::from_bytes(&[2; 32]),
        );
        let home = list(&key, &["apis", "org_1"]);
        let cursor = home.seal("7");
        assert_eq!(home.open::<u32>(&cursor), Some(7));
        for elsewhere in [
            list(&key, &["apis", "org_2"]),
            list(&key, &["accounts", "org_1"]),
            list(&key, &["apis"]),
            list(&key, &["apis", "org_", "1"]),
            list(&other, &["apis", "org_1"]),
        ] {
            assert_eq!(elsewhere.open::<u32>(&cursor), None);
        }
    }

    #[test]
    fn a_forged_or_cut_cursor_is_refused() {
        let key = ServerKey::from_bytes(&[1; 32]);
        let list = list(&key, &["apis"]);
        let good = list.seal("7");
        let mut forged = URL_SAFE_NO_PAD.decode(&good).unwrap();
        *forged.last_mut().unwrap() = b'8';
        let forged = URL_SAFE_NO_PAD.encode(forged);
        for bad in [
            "",
            "7",
            &good[..good.len() - 2],
            &format!("{good}="),
            &forged,
        ] {
            let refused = list.page::<u32>(&request(3, Some(bad.to_owned())));
            assert_eq!(refused.unwrap_err().code(), "validation_failed", "{bad}");
        }
    }
}

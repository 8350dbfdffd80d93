//! Lists: all pages of them, or one.

use clap::Args;
use serde_json::Value;
use serde_json::json;
use url::form_urlencoded;

use super::failure::Failure;
use super::output::Document;
use super::progress::Progress;
use super::session::Session;

/// The most things on a page, as the API has it.
const PAGE: u32 = 200;

/// The most pages that are fetched in one go: 200,000 things.
const MAX_PAGES: usize = 1000;

/// The flags of every list.
#[derive(Args, Clone, Debug, Default)]
pub struct PageArgs {
    /// Only one page of at most N (1 to 200); all pages when left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: Option<u32>,
    /// Where that page begins: the `next_cursor` of the one before
    #[arg(
        long,
        value_name = "CURSOR",
        requires = "limit",
        allow_hyphen_values = true
    )]
    cursor: Option<String>,
}

/// The parameters of a query that were said.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(&'static str, String)>);

impl Query {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more, if it was said.
    #[must_use]
    pub fn and(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.0.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// A path with these parameters behind it.
    pub fn after(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let start = format!("{path}?");
        let query_at = start.len();
        let mut query = form_urlencoded::Serializer::for_suffix(start, query_at);
        query.extend_pairs(&self.0);
        query.finish()
    }
}

impl Session {
    /// Reads a list.
    pub async fn list(&self, path: &str, page: &PageArgs) -> Result<Document, Failure> {
        self.filtered(path, &Query::new(), page).await
    }

    /// Reads what of a list answers to `filters`.
    pub async fn filtered(
        &self,
        path: &str,
        filters: &Query,
        page: &PageArgs,
    ) -> Result<Document, Failure> {
        let limit = page.limit.unwrap_or(PAGE);
        let query = |cursor: Option<&str>| {
            let query = filters.clone().and("limit", Some(limit));
            query.and("cursor", cursor).after(path)
        };
        let first = self.read(&query(page.cursor.as_deref())).await?;
        let document = Document::of(&first)?;
        if page.limit.is_some() || next_cursor(&document.value).is_none() {
            return Ok(document);
        }
        let mut whole = document.value;
        let mut progress = Progress::new();
        for _ in 1..MAX_PAGES {
            let Some(cursor) = next_cursor(&whole) else {
                return Ok(Document::from(whole));
            };
            progress.say(&format!("{} read", items_in(&whole)));
            let next = self.read(&query(Some(&cursor))).await?.json()?;
            whole = joined(whole, next);
        }
        Err(Failure::failed("there is more than fits in one list")
            .fix("go page by page with --limit and --cursor"))
    }
}

fn next_cursor(page: &Value) -> Option<String> {
    page.get("next_cursor")?.as_str().map(str::to_owned)
}

fn items_in(page: &Value) -> usize {
    page["items"].as_array().map_or(0, Vec::len)
}

/// Two pages as one, in the form of a page.
fn joined(mut value: Value, next: Value) -> Value {
    value["next_cursor"] = next.get("next_cursor").cloned().unwrap_or(Value::Null);
    if let (Some(Value::Array(items)), Value::Object(mut next)) = (value.get_mut("items"), next)
        && let Some(Value::Array(more)) = next.get_mut("items")
    {
        items.append(more);
    } else {
        // Without items there is nothing to go on with.
        value["next_cursor"] = json!(null);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_and_those_not_said_left_out() {
        let query = |cursor: Option<&str>| Query::new().and("limit", Some(7)).and("cursor", cursor);
        assert_eq!(query(None).after("/x"), "/x?limit=7");
        assert_eq!(
            query(Some("c/=&")).after("/x"),
            "/x?limit=7&cursor=c%2F%3D%26"
        );
        assert_eq!(Query::new().after("/x"), "/x");
    }

    #[test]
    fn pages_join_into_one() {
        let first = json!({"items": [1, 2], "next_cursor": "c"});
        let whole = joined(first, json!({"items": [3], "next_cursor": null}));
        assert_eq!(items_in(&whole), 3);
        let text = Document::from(whole).text;
        assert_eq!(text, r#"{"items":[1,2,3],"next_cursor":null}"#);
    }
}

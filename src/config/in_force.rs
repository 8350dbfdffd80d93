//! What is in force: each key with its value and where that came from.
//!
//! A secret shows what it leads to, and never what opens it.

use url::Url;

use super::keys::KEYS;
use super::keys::Key;
use super::problem::Origin;
use super::reader::Reader;
use super::value::Raw;

/// A key, with what is in force for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InForce {
    /// The path of the key.
    pub key: &'static str,
    /// Its value as text; `None` where it is left out, and off.
    pub value: Option<String>,
    /// Where that came from.
    pub origin: Origin,
}

/// Every key, in the order of the table.
pub(super) fn of(reader: &Reader) -> Vec<InForce> {
    let in_force = |key: &'static Key| {
        let setting = reader.setting(key).filter(|set| !set.raw.is_empty());
        let value = setting.as_ref().map(|set| text_of(key, &set.raw));
        InForce {
            key: key.path,
            value,
            origin: setting.map_or(Origin::Default, |set| set.origin),
        }
    };
    KEYS.iter().map(in_force).collect()
}

fn text_of(key: &Key, raw: &Raw) -> String {
    let text = match raw {
        Raw::Word(text) | Raw::Text(text) => text.clone(),
        Raw::Number(number) => number.to_string(),
        Raw::Switch(flag) => flag.to_string(),
        Raw::List(list) => list.join(", "),
        Raw::Other(name) => (*name).to_owned(),
    };
    if key.is_secret() { hidden(&text) } else { text }
}

/// A URL without its password, and without its options: they may be one too.
fn hidden(text: &str) -> String {
    if text.starts_with("sqlite:") {
        return text.to_owned();
    }
    let Ok(mut url) = Url::parse(text) else {
        return "(not shown)".to_owned();
    };
    url.set_query(None);
    url.set_fragment(None);
    let is_hidden = url.password().is_none() || url.set_password(Some("...")).is_ok();
    if is_hidden {
        url.to_string()
    } else {
        "(not shown)".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_opens_it() {
        for (text, shown) in [
            ("sqlite://data/ostler.db", "sqlite://data/ostler.db"),
            ("postgres://u:hunter2@db/x", "postgres://u:...@db/x"),
            ("postgres://u@db/x?password=hunter2", "postgres://u@db/x"),
            ("redis://:hunter2@cache:6379/1", "redis://:...@cache:6379/1"),
            (
                "unix:///run/redis.sock?pass=hunter2",
                "unix:///run/redis.sock",
            ),
            ("hunter2", "(not shown)"),
        ] {
            assert_eq!(hidden(text), shown);
        }
    }
}

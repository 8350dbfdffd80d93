//! `authorization_details` in a request ([RFC 9396 §2]): which resources the token is to be for.
//!
//! An array of objects with a `type` of the API, `identifiers` (a list, or `"*"` for all that is
//! held) and, if the client likes, `locations`, which can only be the API itself. The same type
//! twice means both together. A member that we do not know is refused rather than ignored
//! ([RFC 9396 §5]): it may have been meant as a limit.
//!
//! [RFC 9396 §2]: https://www.rfc-editor.org/rfc/rfc9396#section-2
//! [RFC 9396 §5]: https://www.rfc-editor.org/rfc/rfc9396#section-5

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Deserializer;

use super::refusal::Refusal;
use super::refusal::quoted;
use crate::domain::access::Restrictions;
use crate::domain::api::Api;
use crate::domain::resource::Identifiers;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;

/// The resources that a request for a token of `api` mentions.
pub fn parse(text: &str, api: &Api) -> Result<Restrictions, Refusal> {
    let objects: Vec<Presented<'_>> = serde_json::from_str(text).map_err(|_| {
        // The reason of the parser would repeat parts of the text.
        Refusal::invalid_authorization_details(
            "authorization_details is not a JSON array of objects with type, identifiers (a list \
             of strings, or '*') and perhaps locations",
        )
    })?;
    let mut wanted: BTreeMap<ResourceType, Vec<Identifiers>> = BTreeMap::new();
    for object in &objects {
        let (kind, identifiers) = (object.resource_type(api)?, object.identifiers()?);
        object.check_locations(api)?;
        wanted.entry(kind).or_default().push(identifiers);
    }
    let whole = |(kind, parts)| (kind, Identifiers::union_of(parts));
    Ok(wanted.into_iter().map(whole).collect())
}

/// An object, not yet believed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Presented<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    identifiers: PresentedIdentifiers<'a>,
    #[serde(borrow, default, deserialize_with = "not_null")]
    locations: Option<Vec<Cow<'a, str>>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PresentedIdentifiers<'a> {
    Word(#[serde(borrow)] Cow<'a, str>),
    List(#[serde(borrow)] Vec<Cow<'a, str>>),
}

/// A member that may be left out, and may not be `null`.
fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Presented<'_> {
    fn resource_type(&self, api: &Api) -> Result<ResourceType, Refusal> {
        let mut types = api.resource_types.iter();
        let known = types.find(|kind| kind.as_str() == self.r#type);
        known.cloned().ok_or_else(|| {
            Refusal::invalid_authorization_details(format!(
                "{} has no resource type {}",
                api.audience,
                quoted(&self.r#type)
            ))
        })
    }

    fn identifiers(&self) -> Result<Identifiers, Refusal> {
        let keys = match &self.identifiers {
            PresentedIdentifiers::Word(word) if word == "*" => return Ok(Identifiers::All),
            PresentedIdentifiers::Word(_) => {
                return Err(Refusal::invalid_authorization_details(
                    "identifiers is neither a list of strings nor '*'",
                ));
            }
            PresentedIdentifiers::List(keys) => keys,
        };
        keys.iter()
            .map(|key| {
                ResourceKey::parse(key).map_err(|_| {
                    let shown = quoted(key);
                    let text = format!("{shown} cannot be an identifier: it is not held");
                    Refusal::invalid_authorization_details(text)
                })
            })
            .collect::<Result<_, _>>()
            .map(Identifiers::Listed)
    }

    /// RFC 9396 section 2.2: where the resources are. A token is for one API.
    fn check_locations(&self, api: &Api) -> Result<(), Refusal> {
        let audience = api.audience.as_str();
        match &self.locations {
            None => Ok(()),
            Some(locations) if locations[..] == [audience] => Ok(()),
            Some(_) => Err(Refusal::invalid_authorization_details(format!(
                "locations can only be {audience}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::fixtures::JIRA;
    use crate::oauth::fixtures::JIRA_ID;
    use crate::oauth::fixtures::api;
    use crate::oauth::fixtures::keys;
    use crate::oauth::fixtures::wiki;

    fn jira() -> std::sync::Arc<Api> {
        api(JIRA_ID, "jira", JIRA, "read", &["board", "project"])
    }

    fn restrictions(sets: &[(&str, &str)]) -> Restrictions {
        sets.iter()
            .map(|(kind, text)| (ResourceType::parse(kind).unwrap(), keys(text)))
            .collect()
    }

    #[test]
    fn objects_are_read_and_the_same_type_twice_is_both() {
        // RFC 9396 §2, §2.2.
        for (text, expected) in [
            ("[]", &[][..]),
            (
                r#"[{"type":"project","identifiers":["A","B","A"]}]"#,
                &[("project", "A B")],
            ),
            (
                r#" [ {"identifiers":"*", "type":"project"} ] "#,
                &[("project", "*")],
            ),
            (
                r#"[{"type":"project","locations":["https://jira.example"],"identifiers":[]}]"#,
                &[("project", "")],
            ),
            (
                r#"[{"type":"project","identifiers":["A"]},{"type":"board","identifiers":["1"]},
                    {"type":"project","identifiers":["B"]}]"#,
                &[("board", "1"), ("project", "A B")],
            ),
            (
                r#"[{"type":"project","identifiers":["A"]},{"type":"project","identifiers":"*"}]"#,
                &[("project", "*")],
            ),
            (
                r#"[{"type":"pro\u006aect","identifiers":["\u0041"]}]"#,
                &[("project", "A")],
            ),
        ] {
            assert_eq!(parse(text, &jira()), Ok(restrictions(expected)), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        // RFC 9396 §5: unknown types and fields, missing and invalid values.
        for text in [
            "",
            "x",
            "null",
            "{}",
            r#"{"type":"project","identifiers":["A"]}"#,
            "[null]",
            "[[]]",
            "[1]",
            r#"["project"]"#,
            "[{}]",
            r#"[{"type":"project"}]"#,
            r#"[{"identifiers":["A"]}]"#,
            r#"[{"type":"repo","identifiers":["A"]}]"#,
            r#"[{"type":"Project","identifiers":["A"]}]"#,
            r#"[{"type":1,"identifiers":["A"]}]"#,
            r#"[{"type":null,"identifiers":["A"]}]"#,
            r#"[{"type":"project","identifiers":"A"}]"#,
            r#"[{"type":"project","identifiers":""}]"#,
            r#"[{"type":"project","identifiers":null}]"#,
            r#"[{"type":"project","identifiers":1}]"#,
            r#"[{"type":"project","identifiers":{}}]"#,
            r#"[{"type":"project","identifiers":[1]}]"#,
            r#"[{"type":"project","identifiers":["*"]}]"#,
            r#"[{"type":"project","identifiers":[""]}]"#,
            r#"[{"type":"project","identifiers":["A B"]}]"#,
            r#"[{"type":"project","identifiers":["\u0000"]}]"#,
            r#"[{"type":"project","identifiers":["\ud800"]}]"#,
            r#"[{"type":"project","identifiers":["A"],"actions":["read"]}]"#,
            r#"[{"type":"project","identifiers":["A"],"identifiers":["B"]}]"#,
            r#"[{"type":"project","type":"board","identifiers":["A"]}]"#,
            r#"[{"type":"project","identifiers":["A"],"locations":[]}]"#,
            r#"[{"type":"project","identifiers":["A"],"locations":null}]"#,
            r#"[{"type":"project","identifiers":["A"],"locations":"https://jira.example"}]"#,
            r#"[{"type":"project","identifiers":["A"],"locations":["https://wiki.example"]}]"#,
            r#"[{"type":"project","identifiers":["A"],"locations":["https://jira.example","x"]}]"#,
            r#"[{"type":"project","identifiers":["A"]}] x"#,
            r#"[{"type":"project","identifiers":["A"]},]"#,
        ] {
            let refusal = parse(text, &jira()).expect_err(text);
            assert_eq!(refusal.code(), "invalid_authorization_details", "{text}");
        }
        let deep = "[".repeat(10_000);
        assert!(parse(&deep, &jira()).is_err());
    }

    #[test]
    fn an_api_without_resource_types_knows_no_type() {
        let text = r#"[{"type":"project","identifiers":["A"]}]"#;
        let refusal = parse(text, &wiki()).unwrap_err();
        assert_eq!(
            refusal.description(),
            "https://wiki.example has no resource type 'project'"
        );
    }
}

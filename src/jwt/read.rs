//! What a token's JSON says, read with exact types.
//!
//! A member of the wrong type, twice or missing makes the whole text worthless. Members that we do
//! not know are ignored (RFC 7515 section 4, RFC 7519 section 4), but for those of
//! `authorization_details`, where one might be a limit that we would not keep.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Deserializer;
use serde::de;
use serde::de::SeqAccess;
use serde::de::Visitor;

use super::strict::Object;
use super::strict::present;
use super::strict::some;
use super::words::Words;
use crate::domain::organization::Generation;
use crate::domain::resource::Identifiers;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::scope::ScopeSet;
use crate::domain::token::AuthorizationDetail;
use crate::domain::token::Claims;
use crate::domain::token::Generations;

/// The members of a JOSE header that count. Those that carry or point to a key (`jwk`, `jku`,
/// `x5c`, `x5u`) do not: our keys are our own (RFC 8725 section 3.10).
#[derive(Deserialize)]
pub(super) struct Header<'a> {
    #[serde(borrow)]
    pub(super) alg: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) typ: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) kid: Cow<'a, str>,
    /// Whether there is a `crit`. We know no extension, so whatever is in it is not understood
    /// (RFC 7515 section 4.1.11).
    #[serde(default, deserialize_with = "present")]
    pub(super) crit: bool,
    /// Whether there is a `b64` (RFC 7797), which would change what is signed.
    #[serde(default, deserialize_with = "present")]
    pub(super) b64: bool,
}

/// Reads a header.
pub(super) fn header(json: &[u8]) -> Option<Header<'_>> {
    let Object(header) = serde_json::from_slice(json).ok()?;
    Some(header)
}

/// Reads the claims, in the words of others, and `nbf`, which we never write but would honour.
pub(super) fn claims(json: &[u8], words: &Words) -> Option<(Claims, Option<i64>)> {
    let Object(read) = serde_json::from_slice::<Object<Read<'_>>>(json).ok()?;
    let not_before = read.nbf.map(i64::try_from).transpose().ok()?;
    Some((read.into_claims(words)?, not_before))
}

/// The claims, as they are read: texts are still just texts.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    iat: u64,
    exp: u64,
    #[serde(default, deserialize_with = "some")]
    nbf: Option<u64>,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "some")]
    scope: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    authorization_details: Vec<Object<Detail<'a>>>,
    #[serde(borrow)]
    org: Cow<'a, str>,
    #[serde(borrow)]
    epoch: Cow<'a, str>,
    org_gen: u64,
    account_gen: u64,
    credential_gen: u64,
}

impl Read<'_> {
    fn into_claims(self, words: &Words) -> Option<Claims> {
        let generations = Generations {
            epoch: parse(&self.epoch)?,
            organization: generation(self.org_gen)?,
            account: generation(self.account_gen)?,
            credential: generation(self.credential_gen)?,
        };
        Some(Claims {
            account: parse(&self.sub)?,
            client_id: parse(&self.client_id)?,
            issued_at: self.iat.try_into().ok()?,
            expires_at: self.exp.try_into().ok()?,
            id: parse(&self.jti)?,
            scopes: self.scopes(words)?,
            details: self.details()?,
            organization: parse(&self.org)?,
            generations,
            issuer: words.text(&self.iss),
            audience: words.text(&self.aud),
        })
    }

    fn scopes(&self, words: &Words) -> Option<ScopeSet> {
        match &self.scope {
            Some(scope) => words.scopes(scope).ok(),
            None => Some(ScopeSet::default()),
        }
    }

    fn details(&self) -> Option<Vec<AuthorizationDetail>> {
        let mut details =
            Vec::<AuthorizationDetail>::with_capacity(self.authorization_details.len());
        for Object(detail) in &self.authorization_details {
            let detail = detail.read(&self.aud)?;
            let mut types = details.iter().map(|before| &before.resource_type);
            if types.any(|before| *before == detail.resource_type) {
                return None;
            }
            details.push(detail);
        }
        Some(details)
    }
}

/// An object of `authorization_details`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Detail<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    locations: Vec<Cow<'a, str>>,
    identifiers: ReadIdentifiers,
}

impl Detail<'_> {
    fn read(&self, audience: &str) -> Option<AuthorizationDetail> {
        let located = matches!(self.locations.as_slice(), [location] if location == audience);
        located.then_some(AuthorizationDetail {
            resource_type: ResourceType::parse(&self.r#type).ok()?,
            identifiers: self.identifiers.0.clone(),
        })
    }
}

/// `"*"`, or a list of keys.
struct ReadIdentifiers(Identifiers);

impl<'de> Deserialize<'de> for ReadIdentifiers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdentifiersVisitor).map(Self)
    }
}

struct IdentifiersVisitor;

impl<'de> Visitor<'de> for IdentifiersVisitor {
    type Value = Identifiers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"*\" or a list of keys")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Identifiers, E> {
        match word {
            "*" => Ok(Identifiers::All),
            _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Identifiers, A::Error> {
        let keys = std::iter::from_fn(|| list.next_element().transpose());
        let keys = keys.map(|key| key.map(|ReadKey(key)| key));
        keys.collect::<Result<_, _>>().map(Identifiers::Listed)
    }
}

struct ReadKey(ResourceKey);

impl<'de> Deserialize<'de> for ReadKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor).map(Self)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = ResourceKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key of a resource")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<ResourceKey, E> {
        ResourceKey::parse(key).map_err(E::custom)
    }
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn generation(counter: u64) -> Option<Generation> {
    counter.try_into().ok().map(Generation)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::json;

    use super::*;
    use crate::jwt::fixtures;
    use crate::jwt::fixtures::claims_json;

    fn claims(json: &[u8]) -> Option<(Claims, Option<i64>)> {
        super::claims(json, &Words::default())
    }

    fn good() -> Value {
        serde_json::from_str(&claims_json()).unwrap()
    }

    fn reads(value: &Value) -> bool {
        claims(value.to_string().as_bytes()).is_some()
    }

    /// A value of every JSON type, and numbers of every kind.
    fn values() -> Vec<Value> {
        vec![
            json!(null),
            json!(true),
            json!(0),
            json!(1),
            json!(-1),
            json!(1.5),
            json!(1e300),
            json!(u64::MAX),
            json!(""),
            json!("*"),
            json!("x"),
            json!("1800000000"),
            json!([]),
            json!([1]),
            json!(["x"]),
            json!({}),
            json!({"x": 1}),
        ]
    }

    /// The values of other types that a claim may take all the same.
    fn may_be(claim: &str, value: &Value) -> bool {
        match claim {
            // Any text: they are compared later, byte by byte.
            "iss" => value.is_string(),
            "scope" => {
                *value == json!("x") || *value == json!("*") || *value == json!("1800000000")
            }
            "iat" | "exp" | "org_gen" | "account_gen" | "credential_gen" => {
                *value == json!(0) || *value == json!(1)
            }
            "authorization_details" => *value == json!([]),
            _ => false,
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(
            claims(claims_json().as_bytes()),
            Some((fixtures::claims(), None))
        );
        let mut least = fixtures::claims();
        least.scopes = ScopeSet::default();
        least.details.clear();
        let json = super::super::write::claims(&least).unwrap();
        assert_eq!(claims(&json), Some((least, None)));
    }

    #[test]
    fn every_claim_has_exactly_its_type() {
        for (claim, own) in good().as_object().unwrap() {
            for value in values().iter().filter(|value| *value != own) {
                let mut changed = good();
                changed[claim] = value.clone();
                assert_eq!(reads(&changed), may_be(claim, value), "{claim}: {value}");
            }
        }
    }

    #[test]
    fn no_claim_may_be_missing_but_scope_and_details() {
        for claim in good().as_object().unwrap().keys() {
            let mut without = good();
            without.as_object_mut().unwrap().remove(claim);
            let optional = ["scope", "authorization_details"].contains(&claim.as_str());
            assert_eq!(reads(&without), optional, "{claim}");
        }
    }

    #[test]
    fn no_claim_may_be_there_twice() {
        let json = claims_json();
        for (claim, value) in good().as_object().unwrap() {
            // Spelled with an escape, it is still the same member.
            let escaped = format!("\\u{:04x}{}", claim.as_bytes()[0], &claim[1..]);
            for name in [claim, &escaped] {
                let twice = format!(r#"{{"{name}":{value},{}"#, &json[1..]);
                assert!(serde_json::from_str::<Value>(&twice).is_ok(), "{twice}");
                assert!(claims(twice.as_bytes()).is_none(), "{twice}");
            }
        }
    }

    #[test]
    fn numbers_are_integers_within_64_bits() {
        for number in [
            "1800000900.0",
            "18e8",
            "-1",
            "9223372036854775808",
            "18446744073709551616",
            "1e400",
            "\"1800000900\"",
            "0x10",
            "01",
            "NaN",
        ] {
            let changed = claims_json().replace("1800000900", number);
            assert!(claims(changed.as_bytes()).is_none(), "{number}");
        }
        let latest = claims_json().replace("1800000900", "9223372036854775807");
        assert!(claims(latest.as_bytes()).is_some());
    }

    #[test]
    fn not_before_is_read_when_it_is_an_integer() {
        let with = |nbf: &str| format!(r#"{{"nbf":{nbf},{}"#, &claims_json()[1..]);
        assert_eq!(claims(with("7").as_bytes()).unwrap().1, Some(7));
        for wrong in ["null", "\"7\"", "7.5", "-7", "[7]"] {
            assert!(claims(with(wrong).as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_we_do_not_know_is_ignored() {
        let more = format!(r#"{{"cnf":{{"jkt":null}},{}"#, &claims_json()[1..]);
        assert!(claims(more.as_bytes()).is_some());
    }

    #[test]
    fn a_detail_is_exactly_what_we_write() {
        let good = json!({"type": "project", "locations": ["https://api.example.com/v1"], "identifiers": ["A"]});
        let change = |member: &str, value: Value| {
            let mut changed = good.clone();
            changed[member] = value;
            json!([changed])
        };
        let mut wrong = vec![
            json!(good),
            json!({"project": good}),
            json!([good, good]),
            json!([["project", ["https://api.example.com/v1"], ["A"]]]),
            change("type", json!("Project")),
            change("type", json!(["project"])),
            change("locations", json!([])),
            change("locations", json!("https://api.example.com/v1")),
            change(
                "locations",
                json!(["https://api.example.com/v1", "https://other"]),
            ),
            change("locations", json!(["https://other"])),
            change("identifiers", json!("A")),
            change("identifiers", json!(["*"])),
            change("identifiers", json!([1])),
            change("identifiers", json!(null)),
            change("identifiers", json!({"A": true})),
            change("actions", json!(["read"])),
        ];
        for member in ["type", "locations", "identifiers"] {
            let mut without = good.clone();
            without.as_object_mut().unwrap().remove(member);
            wrong.push(json!([without]));
        }
        for details in wrong {
            let mut changed = super::tests::good();
            changed["authorization_details"] = details;
            assert!(!reads(&changed), "{changed}");
        }
        let mut right = super::tests::good();
        right["authorization_details"] = json!([good]);
        assert!(reads(&right));
    }

    #[test]
    fn a_header_has_exactly_its_types_too() {
        let read = |json: &str| header(json.as_bytes()).is_some();
        assert!(read(
            r#"{"alg":"ES256","typ":"JWT","kid":"k","jwk":{},"x5c":1}"#
        ));
        for wrong in [
            "",
            "null",
            "{}",
            "[]",
            r#"["ES256","JWT","k"]"#,
            r#"{"alg":"ES256","typ":"JWT"}"#,
            r#"{"alg":"ES256","kid":"k"}"#,
            r#"{"typ":"JWT","kid":"k"}"#,
            r#"{"alg":"ES256","typ":"JWT","kid":["k"]}"#,
            r#"{"alg":"ES256","typ":null,"kid":"k"}"#,
            r#"{"alg":1,"typ":"JWT","kid":"k"}"#,
            r#"{"alg":"ES256","alg":"none","typ":"JWT","kid":"k"}"#,
            r#"{"alg":"ES256","typ":"JWT","kid":"k","kid":"k"}"#,
            r#"{"alg":"ES256","typ":"JWT","kid":"k"} "x""#,
            r#"{"alg":"ES256","typ":"JWT","kid":"k",}"#,
            "\u{feff}{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k\"}",
        ] {
            assert!(!read(wrong), "{wrong}");
        }
    }

    #[test]
    fn nesting_without_end_is_an_error_and_not_a_crash() {
        let deep = "[".repeat(100_000);
        assert!(claims(deep.as_bytes()).is_none());
        assert!(claims(format!(r#"{{"x":{deep}"#).as_bytes()).is_none());
        assert!(header(format!(r#"{{"crit":{deep}"#).as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (header(&bytes), claims(&bytes));
        }

        #[test]
        fn one_changed_byte_never_reads_as_the_same_claims(at: prop::sample::Index, byte: u8) {
            let json = claims_json().into_bytes();
            let mut changed = json.clone();
            changed[at.index(json.len())] = byte;
            if changed != json {
                prop_assert_ne!(claims(&changed), Some((fixtures::claims(), None)));
            }
        }
    }
}

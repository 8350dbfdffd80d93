//! Retries: a call that is made again under the same `Idempotency-Key` is not carried out again.
//!
//! A caller who did not hear the answer cannot know whether the call was carried out. Under a key it
//! may ask again: the second call gets the answer of the first, and no second secret is made. What is
//! kept for that holds no secret, so that answer has `null` where the first had one.

use std::time::Duration;

use serde_json::Value;

use super::digest::Digest;
use super::id::AccountId;
use super::resource::Identifiers;
use super::secret::Secret;
use super::secret::SecretKind;
use super::version::EntityTag;

/// How long an answer is kept.
pub const KEPT_FOR: Duration = Duration::from_hours(24);

/// A text that cannot be a key; the message says the rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`Idempotency-Key` is 1 to 255 printable ASCII characters")]
pub struct InvalidKey;

/// What a caller calls one call, to be able to ask for its answer again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Checks the rule.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidKey> {
        let printable = |byte: &u8| (b' '..=b'~').contains(byte);
        let text = std::str::from_utf8(text).map_err(|_| InvalidKey)?;
        if (1..=255).contains(&text.len()) && text.as_bytes().iter().all(printable) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidKey)
        }
    }
}

/// A call under a key, as it is known again: by digests, since neither the key nor what was sent
/// needs to be kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyedCall {
    /// Of the caller, the route and the key.
    pub id: Digest,
    /// Of what was sent, and by a token of what reach.
    pub request: Digest,
}

impl KeyedCall {
    /// A call of `route` by `caller`. What was sent are the query and the body. What some calls are told
    /// depends on the organizations that the presented token reaches; an account may have tokens that
    /// reach less than others, and with one of these it is another call.
    pub fn new(
        caller: AccountId,
        reach: &Identifiers,
        route: &str,
        key: &IdempotencyKey,
        [query, body]: [&[u8]; 2],
    ) -> Self {
        let caller = caller.to_text();
        let mut request = vec![query, body];
        match reach {
            Identifiers::All => request.push(b"*"),
            Identifiers::Listed(keys) => {
                request.push(b"");
                request.extend(keys.iter().map(|key| key.as_str().as_bytes()));
            }
        }
        Self {
            id: Digest::of(&[
                caller.as_str().as_bytes(),
                route.as_bytes(),
                key.0.as_bytes(),
            ]),
            request: Digest::of(&request),
        }
    }
}

/// An answer that is kept to be given again. It holds no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptAnswer {
    /// Its status.
    pub status: u16,
    /// The version that it shows, if it is about one thing.
    pub tag: Option<EntityTag>,
    /// Its body, JSON or empty.
    pub body: String,
}

/// The value with `null` for every secret in it.
pub fn without_secrets(value: Value) -> Value {
    match value {
        Value::String(text) if is_secret(&text) => Value::Null,
        Value::Array(items) => items.into_iter().map(without_secrets).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, without_secrets(value)))
            .collect(),
        other => other,
    }
}

fn is_secret(text: &str) -> bool {
    SecretKind::ALL
        .into_iter()
        .any(|kind| Secret::parse(kind, text).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_printable_and_bounded() {
        let longest = "x".repeat(255);
        for good in ["k", "a b", "8e03978e-40d5-43dd-bc93-6894a57f9324", &longest] {
            assert!(IdempotencyKey::parse(good.as_bytes()).is_ok(), "{good}");
        }
        let longer = "x".repeat(256);
        for bad in [
            &b""[..],
            b"a\tb",
            b"\xff",
            "ä".as_bytes(),
            longer.as_bytes(),
        ] {
            assert_eq!(IdempotencyKey::parse(bad), Err(InvalidKey), "{bad:?}");
        }
    }

    #[test]
    fn a_call_is_known_by_its_caller_route_key_and_content() {
        let call = |caller, route, key: &str, body: &str| {
            let key = IdempotencyKey::parse(key.as_bytes()).unwrap();
            let caller = AccountId::from_bits(caller);
            KeyedCall::new(
                caller,
                &Identifiers::All,
                route,
                &key,
                [b"", body.as_bytes()],
            )
        };
        let first = call(1, "/a", "k", "{}");
        assert_eq!(first, call(1, "/a", "k", "{}"));
        for other in [
            call(2, "/a", "k", "{}"),
            call(1, "/b", "k", "{}"),
            call(1, "/a", "l", "{}"),
        ] {
            assert_ne!(first.id, other.id);
        }
        let different = call(1, "/a", "k", "{ }");
        assert_eq!(first.id, different.id);
        assert_ne!(first.request, different.request);
    }

    #[test]
    fn a_call_by_a_token_of_another_reach_is_another_one() {
        let call = |reach: &Identifiers| {
            let key = IdempotencyKey::parse(b"k").unwrap();
            KeyedCall::new(AccountId::from_bits(1), reach, "/a", &key, [b"", b"{}"])
        };
        let of = |keys: &[&str]| Identifiers::listed(keys.iter().copied()).unwrap();
        let reaches = [
            Identifiers::All,
            of(&[]),
            of(&["a"]),
            of(&["b"]),
            of(&["a", "b"]),
        ];
        for (number, one) in reaches.iter().enumerate() {
            for (other_number, other) in reaches.iter().enumerate() {
                assert_eq!(call(one).id, call(other).id);
                let is_same = call(one).request == call(other).request;
                assert_eq!(is_same, number == other_number, "{one:?}, {other:?}");
            }
        }
    }

    // Security case 144.
    #[test]
    fn no_secret_is_left_at_any_depth() {
        let secret = |kind| Secret::from_random(kind, &[7; 32]).expose().to_owned();
        let [client, token, code] = SecretKind::ALL.map(secret);
        let answer = json!({
            "name": "ci",
            "client_secret": client,
            "list": [{"token": token}, code, "ostler_cs_short", 1, null],
        });
        assert_eq!(
            without_secrets(answer),
            json!({
                "name": "ci",
                "client_secret": null,
                "list": [{"token": null}, null, "ostler_cs_short", 1, null],
            })
        );
    }
}

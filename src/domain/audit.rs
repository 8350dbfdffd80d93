//! Audit events: one row per change, chained by hash.
//!
//! Each chain (one per organization, and one for the instance) is a list in which every event
//! carries the SHA-256 of itself and of its predecessor, over the canonical JSON of [RFC 8785]. An
//! edit, a deletion or a re-ordering breaks the chain at the first bad row: see
//! [`audit_event`](super::audit_event) for what is hashed, and [`audit_chain`](super::audit_chain)
//! for how a chain is walked.
//!
//! [RFC 8785]: https://www.rfc-editor.org/rfc/rfc8785

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::id::ClientId;
use super::id::EventId;
use super::id::OrganizationId;
use super::id::RequestId;

/// The name of the instance's own chain.
const INSTANCE: &str = "instance";

/// Which chain an event is in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Chain {
    /// What belongs to no organization: keys, organizations made.
    Instance,
    /// An organization's own.
    Organization(OrganizationId),
}

impl Chain {
    /// The name in the database.
    pub fn name(self) -> String {
        match self {
            Self::Instance => INSTANCE.to_owned(),
            Self::Organization(id) => id.to_string(),
        }
    }

    /// The chain of this name.
    pub fn parse(name: &str) -> Option<Self> {
        if name == INSTANCE {
            return Some(Self::Instance);
        }
        name.parse().ok().map(Self::Organization)
    }
}

/// Who did it. Only what the server itself knows: nothing here comes from a header or a body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Actor {
    /// `service_account`, `local` for a person at the server's own machine, `anonymous` for whoever
    /// reports a leaked secret, or `system` for the server itself.
    pub kind: &'static str,
    /// Its id; empty for all but accounts.
    pub id: String,
    /// Its name at the time; a command or a job has one too.
    pub name: String,
    /// The client id of the credential that let it in; `None` for who has none.
    pub credential: Option<ClientId>,
    /// The address that the request came from.
    pub address: Option<String>,
    /// The `User-Agent`, bounded.
    pub user_agent: Option<String>,
}

/// To what it was done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// What kind of thing, such as `service_account`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Its name at the time.
    pub name: String,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AuditResult {
    /// The change was made.
    Success,
    /// The caller was known and was not allowed to.
    Refused,
}

impl AuditResult {
    /// The word in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
        }
    }

    /// The result of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Success, Self::Refused]
            .into_iter()
            .find(|result| result.as_str() == name)
    }
}

/// The largest value of a field that an event tells, in bytes of its canonical JSON. Events are read by
/// the page, and kept for a year: of a larger value it tells the digest, which proves what the value
/// was to whoever has it.
pub const MAX_VALUE_BYTES: usize = 8 * 1024;

/// The most things of one kind whose ids an event tells; how many there were stands beside them. So many
/// ids are within [`MAX_VALUE_BYTES`].
pub const MAX_TOLD: u16 = 200;

/// The value of one field before and after a change. Only fields that are named here by the code
/// that makes the change get in: never a secret, a hash or a private key.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes(pub BTreeMap<&'static str, (Value, Value)>);

impl Changes {
    /// Notes that `field` went from `before` to `after`.
    #[must_use]
    pub fn with(
        mut self,
        field: &'static str,
        before: impl Into<Value>,
        after: impl Into<Value>,
    ) -> Self {
        self.0.insert(field, (before.into(), after.into()));
        self
    }

    /// The same, unless both are equal: an edit tells what it changed.
    #[must_use]
    pub fn with_difference(
        self,
        field: &'static str,
        before: impl Into<Value>,
        after: impl Into<Value>,
    ) -> Self {
        let (before, after) = (before.into(), after.into());
        if before == after {
            self
        } else {
            self.with(field, before, after)
        }
    }

    /// Notes that tokens die of the change, if they do.
    #[must_use]
    pub fn with_tokens_revoked(self, revoked: bool) -> Self {
        if revoked {
            self.with("tokens_revoked", false, true)
        } else {
            self
        }
    }

    /// The JSON of the `changes` member. A value that is too large is told by its digest.
    pub fn to_json(&self) -> Value {
        let field = |(name, (before, after)): (&&'static str, &(Value, Value))| {
            let change = serde_json::json!({"before": told(before), "after": told(after)});
            ((*name).to_owned(), change)
        };
        Value::Object(self.0.iter().map(field).collect())
    }
}

/// The value, or how many parts and bytes it has and the SHA-256 of its canonical JSON.
fn told(value: &Value) -> Value {
    let text = canonical(value);
    if text.len() <= MAX_VALUE_BYTES {
        return value.clone();
    }
    let items = match value {
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        _ => None,
    };
    serde_json::json!({"items": items, "bytes": text.len(), "sha256": hash_of(&text)})
}

/// What happened, before it has its place in a chain.
#[derive(Clone, Debug)]
pub struct AuditDraft {
    /// The event's id.
    pub id: EventId,
    /// The chain that it goes into.
    pub chain: Chain,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What, such as `service_account.disable`.
    pub action: &'static str,
    /// To what.
    pub target: Target,
    /// How it ended.
    pub result: AuditResult,
    /// How many times (refused calls are gathered).
    pub count: u32,
    /// The request that did it.
    pub request_id: Option<RequestId>,
    /// What changed.
    pub changes: Changes,
}

/// The SHA-256 of an event, in lower-case hex.
pub type EventHash = String;

/// What the first event of a chain has as its `previous_hash`: 64 zeros.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of an event's members, all but `hash` itself.
pub fn hash(members: &Value) -> EventHash {
    hash_of(&canonical(members))
}

fn hash_of(text: &str) -> EventHash {
    use std::fmt::Write;
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// The canonical JSON of [RFC 8785] for what occurs here: objects, arrays, strings, whole numbers,
/// booleans and null. (`serde_json` writes strings as section 3.2.2.2 wants them; members are sorted
/// by their UTF-16, which is another order than that of their bytes.)
///
/// [RFC 8785]: https://www.rfc-editor.org/rfc/rfc8785
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            let members: Vec<_> = sorted
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_sorts_its_members_and_has_no_blanks() {
        let value = serde_json::json!({"b": [1, {"z": null, "a": "é\n"}], "a": true});
        assert_eq!(
            canonical(&value),
            r#"{"a":true,"b":[1,{"a":"é\n","z":null}]}"#
        );
    }

    #[test]
    fn of_a_value_that_is_too_large_the_digest_is_told() {
        let largest: Value = "x".repeat(MAX_VALUE_BYTES - 2).into();
        let larger: Value = "x".repeat(MAX_VALUE_BYTES - 1).into();
        let list: Value = vec![larger.clone(), Value::Null].into();
        for (value, told) in [
            (&largest, largest.clone()),
            (
                &larger,
                serde_json::json!({"items": null, "bytes": 8_193, "sha256": hash(&larger)}),
            ),
            (
                &list,
                serde_json::json!({"items": 2, "bytes": 8_200, "sha256": hash(&list)}),
            ),
        ] {
            let changes = Changes::default().with("access", Value::Null, value.clone());
            let json = changes.to_json();
            assert_eq!(
                json["access"],
                serde_json::json!({"before": null, "after": told})
            );
        }
    }

    // RFC 8785 §3.2.3.
    #[test]
    fn members_are_sorted_by_their_utf_16() {
        let value = serde_json::json!({"\u{fb33}": 1, "\u{1f600}": 2, "\u{20ac}": 3, "1": 4});
        assert_eq!(
            canonical(&value),
            "{\"1\":4,\"\u{20ac}\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}"
        );
    }
}

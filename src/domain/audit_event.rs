//! An event in its place: what is kept of it, and what is hashed.
//!
//! Everything is kept as it was written, and read back without judging it: an event that somebody
//! has edited behind our back is still shown, and [`AuditEvent::is_sealed`] says that it is not what
//! was sealed.

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::audit::AuditDraft;
use super::audit::EventHash;
use super::audit::canonical;
use super::audit::hash;
use super::audit_chain::Link;

/// An event of a chain, as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditEvent {
    /// Its id.
    pub id: String,
    /// Its number in the chain, from 1.
    pub sequence: i64,
    /// When, in whole milliseconds.
    pub at: Timestamp,
    /// The latest `at` of the chain up to here. Events are not quite in the order of time (refused
    /// calls are gathered first), and this is: it makes a span of time a span of numbers. It is an
    /// index, so it is neither shown nor hashed.
    pub latest_at: Timestamp,
    /// Who.
    pub actor: RecordedActor,
    /// What.
    pub action: String,
    /// To what.
    pub target: RecordedTarget,
    /// How it ended.
    pub result: String,
    /// How many times.
    pub count: i64,
    /// The request that did it.
    pub request_id: Option<String>,
    /// What changed, as canonical JSON.
    pub changes: String,
    /// The hash of the event before it.
    pub previous_hash: EventHash,
    /// Its own hash.
    pub hash: EventHash,
}

/// Who did it, as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordedActor {
    /// What kind.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its name at the time.
    pub name: String,
    /// The client id of its credential.
    pub credential: Option<String>,
    /// The address that the request came from.
    pub address: Option<String>,
    /// The `User-Agent`.
    pub user_agent: Option<String>,
}

/// To what it was done, as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordedTarget {
    /// What kind.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its name at the time.
    pub name: String,
}

impl AuditDraft {
    /// Gives the event its place after the last one; `latest_at` is the latest instant before it.
    pub fn seal(&self, last: &Link, latest_at: Timestamp) -> AuditEvent {
        let mut event = AuditEvent {
            id: self.id.to_string(),
            sequence: last.sequence + 1,
            at: self.at,
            latest_at: latest_at.max(self.at),
            actor: RecordedActor {
                kind: self.actor.kind.to_owned(),
                id: self.actor.id.clone(),
                name: self.actor.name.clone(),
                credential: self.actor.credential.map(|id| id.to_string()),
                address: self.actor.address.clone(),
                user_agent: self.actor.user_agent.clone(),
            },
            action: self.action.to_owned(),
            target: RecordedTarget {
                kind: self.target.kind.to_owned(),
                id: self.target.id.clone(),
                name: self.target.name.clone(),
            },
            result: self.result.as_str().to_owned(),
            count: i64::from(self.count),
            request_id: self.request_id.map(|id| id.to_string()),
            changes: canonical(&self.changes.to_json()),
            previous_hash: last.hash.clone(),
            hash: EventHash::new(),
        };
        event.hash = hash(&event.members());
        event
    }
}

impl AuditEvent {
    /// Its place in the chain.
    pub fn link(&self) -> Link {
        Link {
            sequence: self.sequence,
            hash: self.hash.clone(),
        }
    }

    /// What changed. What is no JSON any more is shown as the text that it is.
    pub fn changes(&self) -> Value {
        serde_json::from_str(&self.changes).unwrap_or_else(|_| self.changes.as_str().into())
    }

    /// What is hashed: all members that answers show, but `hash`.
    pub fn members(&self) -> Value {
        json!({
            "id": self.id,
            "sequence": self.sequence,
            "at": self.at.to_string(),
            "actor": {
                "type": self.actor.kind,
                "id": self.actor.id,
                "name": self.actor.name,
                "credential": self.actor.credential,
                "address": self.actor.address,
                "user_agent": self.actor.user_agent,
            },
            "action": self.action,
            "target": {
                "type": self.target.kind,
                "id": self.target.id,
                "name": self.target.name,
            },
            "result": self.result,
            "count": self.count,
            "request_id": self.request_id,
            "changes": self.changes(),
            "previous_hash": self.previous_hash,
        })
    }

    /// Whether it is what was sealed, to the last byte.
    pub fn is_sealed(&self) -> bool {
        canonical(&self.changes()) == self.changes && hash(&self.members()) == self.hash
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::audit::Actor;
    use crate::domain::audit::AuditResult;
    use crate::domain::audit::Chain;
    use crate::domain::audit::Changes;
    use crate::domain::audit::Target;
    use crate::domain::id::EventId;

    pub(in crate::domain) fn draft(second: i64) -> AuditDraft {
        AuditDraft {
            id: EventId::from_bits(1),
            chain: Chain::Instance,
            at: Timestamp::from_second(second).unwrap(),
            actor: Actor {
                kind: "local",
                id: String::new(),
                name: "init".into(),
                credential: None,
                address: None,
                user_agent: None,
            },
            action: "instance.init",
            target: Target {
                kind: "instance",
                id: String::new(),
                name: String::new(),
            },
            result: AuditResult::Success,
            count: 1,
            request_id: None,
            changes: Changes::default().with("status", "active", "disabled"),
        }
    }

    fn sealed(after: &Link) -> AuditEvent {
        draft(0).seal(after, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_hash_depends_on_place_and_content() {
        let first = sealed(&Link::genesis());
        assert_eq!((first.hash.len(), first.sequence), (64, 1));
        assert_eq!(first, sealed(&Link::genesis()));
        let elsewhere = |sequence, hash: &str| {
            let hash = hash.to_owned();
            sealed(&Link { sequence, hash }).hash
        };
        assert_ne!(first.hash, elsewhere(1, &Link::genesis().hash));
        assert_ne!(first.hash, elsewhere(0, &first.hash));
        let mut edited = draft(0);
        edited.count = 2;
        let edited = edited.seal(&Link::genesis(), Timestamp::UNIX_EPOCH);
        assert_ne!(first.hash, edited.hash);
    }

    #[test]
    fn an_edit_of_any_member_is_seen() {
        type Edit = fn(&mut AuditEvent);
        let edits: [Edit; 17] = [
            |event| event.id.push('x'),
            |event| event.sequence += 1,
            |event| event.at = Timestamp::from_second(1).unwrap(),
            |event| event.actor.kind.push('x'),
            |event| event.actor.id.push('x'),
            |event| event.actor.name.push('x'),
            |event| event.actor.credential = Some(String::new()),
            |event| event.actor.address = Some("192.0.2.1".into()),
            |event| event.actor.user_agent = Some(String::new()),
            |event| event.action.push('x'),
            |event| event.target.kind.push('x'),
            |event| event.target.name.push('x'),
            |event| event.result = "refused".into(),
            |event| event.count = 2,
            |event| event.request_id = Some(String::new()),
            |event| event.changes = event.changes.replace("disabled", "active"),
            // The same JSON in other words is another text.
            |event| event.changes.insert(1, ' '),
        ];
        let event = sealed(&Link::genesis());
        assert!(event.is_sealed());
        for (number, edit) in edits.into_iter().enumerate() {
            let mut edited = event.clone();
            edit(&mut edited);
            assert!(!edited.is_sealed(), "edit {number}");
        }
    }
}

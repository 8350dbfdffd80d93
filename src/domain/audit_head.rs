//! What is signed of a chain: that it had this event at this place.
//!
//! A *head* is given out, so that its holder can tell later whether the chain still contains what it
//! contained then. A *checkpoint* stays with the chain where retention has removed its beginning. The
//! two are told apart by the type in their header: whoever can write in the database and has got hold
//! of a head must not be able to pass it off as a checkpoint, and delete what is before it.

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::audit::Chain;
use super::audit_chain::Link;

/// What a signed link is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// It is given out.
    Head,
    /// It stands for the events before it, which are gone.
    Checkpoint,
}

impl Purpose {
    /// The `typ` in the header.
    pub fn typ(self) -> &'static str {
        match self {
            Self::Head => "ostler-audit-head+jws",
            Self::Checkpoint => "ostler-audit-checkpoint+jws",
        }
    }
}

/// A link of a chain, and of whose chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChainLink {
    /// The chain.
    pub chain: Chain,
    /// The place in it.
    pub link: Link,
}

impl ChainLink {
    /// The payload that is signed at `now` for the server `issuer`.
    pub fn payload(&self, issuer: &str, now: Timestamp) -> Value {
        json!({
            "iss": issuer,
            "chain": self.chain.name(),
            "sequence": self.link.sequence,
            "hash": self.link.hash,
            "iat": now.as_second(),
        })
    }

    /// Reads a payload, whoever it was signed for.
    pub fn parse(payload: &Value) -> Option<Self> {
        let hash = payload["hash"].as_str().filter(|hash| is_hash(hash))?;
        let sequence = payload["sequence"].as_i64();
        Some(Self {
            chain: Chain::parse(payload["chain"].as_str()?)?,
            link: Link {
                sequence: sequence.filter(|sequence| *sequence >= 0)?,
                hash: hash.to_owned(),
            },
        })
    }
}

fn is_hash(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 64 && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::OrganizationId;

    #[test]
    fn what_is_signed_is_read_back_and_nothing_else() {
        let organization = Chain::Organization(OrganizationId::from_bits(7));
        for chain in [Chain::Instance, organization] {
            let link = ChainLink {
                chain,
                link: Link::genesis(),
            };
            let payload = link.payload("https://auth.example.com", Timestamp::UNIX_EPOCH);
            assert_eq!(ChainLink::parse(&payload), Some(link));
            for (member, value) in [
                ("chain", json!("org_x")),
                ("chain", Value::Null),
                ("sequence", json!(-1)),
                ("sequence", json!("1")),
                ("hash", json!("abc")),
                ("hash", json!("G".repeat(64))),
            ] {
                let mut odd = payload.clone();
                odd[member] = value;
                assert_eq!(ChainLink::parse(&odd), None, "{odd}");
            }
        }
    }
}

//! The names of our keys.
//!
//! `ostler:<format>:<instance>:...`: servers with different issuers share a Redis without meeting,
//! and so do versions that write differently. What makes tokens dead carries the epoch too: after a
//! restore from a backup nothing that was said before counts. Usage does not: a use stays true.

use std::fmt::Write;

use ring::digest;

use crate::domain::issuer::Issuer;
use crate::domain::token::Epoch;
use crate::domain::token::TokenId;
use crate::domain::usage::UsageKind;
use crate::domain::usage::UsageSubject;
use crate::live::Generational;
use crate::live::failures::FailureCounter;
use crate::live::failures::Window;

/// Raised when names or values change in a way that an older server would misread.
const FORMAT: u32 = 1;

/// Where the keys of one instance are.
#[derive(Clone, Debug)]
pub struct Namespace {
    instance: String,
    epoch: Epoch,
}

impl Namespace {
    /// The names of the instance with this issuer, in this history of its database.
    pub fn new(issuer: &Issuer, epoch: Epoch) -> Self {
        let hash = digest::digest(&digest::SHA256, issuer.as_str().as_bytes());
        let mut instance = format!("ostler:{FORMAT}:");
        push_hex(&mut instance, &hash.as_ref()[..8]);
        Self { instance, epoch }
    }

    pub(super) fn token(&self, id: TokenId) -> String {
        format!("{}:{}:dead:jti:{id}", self.instance, self.epoch)
    }

    pub(super) fn generation(&self, whose: Generational) -> String {
        let Self { instance, epoch } = self;
        match whose {
            Generational::Organization(id) => format!("{instance}:{epoch}:dead:before:{id}"),
            Generational::Account(id) => format!("{instance}:{epoch}:dead:before:{id}"),
            Generational::Credential(id) => format!("{instance}:{epoch}:dead:before:{id}"),
        }
    }

    pub(super) fn usage(&self, subject: UsageSubject, kind: UsageKind) -> String {
        let (instance, kind) = (&self.instance, kind.as_str());
        match subject {
            UsageSubject::Account(id) => format!("{instance}:usage:{id}:{kind}"),
            UsageSubject::Credential(id) => format!("{instance}:usage:{id}:{kind}"),
            UsageSubject::Secret(id) => format!("{instance}:usage:{id}:{kind}"),
        }
    }

    pub(super) fn failures(&self, counter: &FailureCounter, window: Window) -> String {
        let mut key = format!(
            "{}:{}:failures:{}:",
            self.instance, self.epoch, window.number
        );
        push_hex(&mut key, &counter.digest());
        key
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::id::AccountId;

    fn names(issuer: &str, epoch: u8) -> Namespace {
        let issuer = Issuer::parse(issuer).unwrap();
        Namespace::new(&issuer, Epoch::from_random([epoch; 8]))
    }

    #[test]
    fn names_carry_the_instance_and_what_kills_the_epoch() {
        let names = names("https://auth.example.com", 1);
        let account = AccountId::from_bits(1);
        assert_eq!(
            names.token(TokenId::from_bytes([0; 16])),
            "ostler:1:1ce18487e0b9bfef:11111111:dead:jti:AAAAAAAAAAAAAAAAAAAAAA"
        );
        assert_eq!(
            names.generation(Generational::Account(account)),
            "ostler:1:1ce18487e0b9bfef:11111111:dead:before:sa_00000000000000000000000001"
        );
        assert_eq!(
            names.usage(UsageSubject::Account(account), UsageKind::Seen),
            "ostler:1:1ce18487e0b9bfef:usage:sa_00000000000000000000000001:seen"
        );
    }

    #[test]
    fn instances_and_epochs_do_not_meet() {
        let id = TokenId::from_bytes([0; 16]);
        let here = names("https://auth.example.com", 1).token(id);
        assert_ne!(here, names("https://auth.example.com", 2).token(id));
        assert_ne!(here, names("https://auth.example.com/", 1).token(id));
    }

    #[test]
    fn what_people_present_is_not_in_a_name() {
        let counter = FailureCounter {
            client_id: "a secret in the wrong place".into(),
            address: IpAddr::from([192, 0, 2, 1]),
        };
        let window = Window {
            number: 7,
            ends_at: Timestamp::MAX,
        };
        let key = names("https://auth.example.com", 1).failures(&counter, window);
        let (prefix, digest) = key.rsplit_once(':').unwrap();
        assert_eq!(prefix, "ostler:1:1ce18487e0b9bfef:11111111:failures:7");
        assert_eq!(digest.len(), 32);
        assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}

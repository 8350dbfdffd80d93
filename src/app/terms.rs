//! The terms on which a call is made: what must still be so (`If-Match`), and what its answer is kept
//! under (`Idempotency-Key`).
//!
//! They travel with the [`Caller`](super::authority::Caller), so that every change knows them: an
//! action asks [`AuditedChange::check_version`](super::audited::AuditedChange::check_version) about
//! the thing that it changes, and need not think of retries at all.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crate::domain::version::EntityTag;
use crate::domain::version::IfMatch;
use crate::domain::version::Versioned;

use super::problem::Problem;
use super::retries::Keyed;

/// Something that has the version of another thing: the access of an account, say.
#[derive(Clone, Debug)]
pub struct Tagged<T> {
    /// What it is.
    pub thing: T,
    /// The version.
    pub tag: EntityTag,
}

impl<T> Versioned for Tagged<T> {
    fn tag(&self) -> EntityTag {
        self.tag.clone()
    }
}

/// The terms of a call.
#[derive(Debug, Default)]
pub struct Terms {
    if_match: Option<IfMatch>,
    keyed: Option<Keyed>,
    /// Whether a version has been compared with what the caller wants to change.
    is_compared: AtomicBool,
}

impl Terms {
    /// What a call says of itself.
    pub fn new(if_match: Option<IfMatch>, keyed: Option<Keyed>) -> Self {
        Self {
            if_match,
            keyed,
            ..Self::default()
        }
    }

    /// The call as one that may be made again; `None` without a key.
    pub fn keyed(&self) -> Option<&Keyed> {
        self.keyed.as_ref()
    }

    /// Refuses to change another version than the caller has seen.
    pub(super) fn check(&self, thing: &impl Versioned) -> Result<(), Problem> {
        self.is_compared.store(true, Ordering::Release);
        match &self.if_match {
            Some(wanted) if !wanted.holds_for(&thing.tag()) => Err(Problem::PreconditionFailed),
            _ => Ok(()),
        }
    }

    /// Refuses a change for which nobody has compared a version, though the caller wants to change
    /// this one and no other: what has no version is not it.
    pub(super) fn check_compared(&self) -> Result<(), Problem> {
        match &self.if_match {
            Some(IfMatch::OneOf(_)) if !self.is_compared.load(Ordering::Acquire) => {
                Err(Problem::PreconditionFailed)
            }
            _ => Ok(()),
        }
    }
}

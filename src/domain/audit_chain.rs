//! Walking a chain of audit events: whether each one follows the one before it.
//!
//! The walk is handed the events one by one, in the order of their numbers, and keeps nothing but the
//! last link, so a chain of any length takes no more memory than one of two events. It finds the
//! first number at which the chain is not what it was: an event that was edited, is missing, or
//! stands in another's place. What a chain cannot tell by itself is that its end was cut off; a head
//! that was kept elsewhere does ([`Walk::expecting`]).

use jiff::Timestamp;

use super::audit::EventHash;
use super::audit::GENESIS;
use super::audit_event::AuditEvent;

/// A place in a chain: the number of an event, and its hash.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// The event's number; 0 before the first.
    pub sequence: i64,
    /// The event's hash.
    pub hash: EventHash,
}

impl Link {
    /// The place before the first event.
    pub fn genesis() -> Self {
        Self {
            sequence: 0,
            hash: GENESIS.to_owned(),
        }
    }
}

/// The first number at which a chain does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BrokenAt(pub i64);

/// How far a chain has been walked.
#[derive(Clone, Debug)]
pub struct Walk {
    last: Link,
    latest_at: Option<Timestamp>,
    checked: u64,
    expected: Option<Link>,
}

impl Walk {
    /// A walk that begins after `start`.
    pub fn after(start: Link) -> Self {
        Self {
            last: start,
            latest_at: None,
            checked: 0,
            expected: None,
        }
    }

    /// The same walk, on which this link has to be met if it lies ahead.
    #[must_use]
    pub fn expecting(self, head: Option<Link>) -> Self {
        Self {
            expected: head,
            ..self
        }
    }

    /// Where it has come to.
    pub fn last(&self) -> &Link {
        &self.last
    }

    /// How many events were checked.
    pub fn checked(&self) -> u64 {
        self.checked
    }

    /// Takes the next event that is there; `None` for one that cannot even be read.
    pub fn step(&mut self, event: Option<&AuditEvent>) -> Result<(), BrokenAt> {
        let next = self.last.sequence + 1;
        let event = event.filter(|event| self.follows(event));
        let Some(event) = event else {
            return Err(BrokenAt(next));
        };
        self.last = event.link();
        self.latest_at = Some(event.latest_at);
        self.checked += 1;
        if self.contradicts_expected() {
            return Err(BrokenAt(next));
        }
        Ok(())
    }

    /// Ends the walk at `head`, where the chain says that it ends.
    pub fn end(&self, head: &Link) -> Result<(), BrokenAt> {
        if self.last.sequence != head.sequence {
            return Err(BrokenAt(self.last.sequence + 1));
        }
        if self.last.hash != head.hash || self.contradicts_expected() {
            return Err(BrokenAt(self.last.sequence.max(1)));
        }
        match &self.expected {
            Some(expected) if expected.sequence > self.last.sequence => {
                Err(BrokenAt(self.last.sequence + 1))
            }
            _ => Ok(()),
        }
    }

    fn follows(&self, event: &AuditEvent) -> bool {
        let latest_at = self.latest_at.map(|before| before.max(event.at));
        event.sequence == self.last.sequence + 1
            && event.previous_hash == self.last.hash
            && latest_at.is_none_or(|latest_at| event.latest_at == latest_at)
            && event.latest_at >= event.at
            && event.is_sealed()
    }

    fn contradicts_expected(&self) -> bool {
        self.expected.as_ref().is_some_and(|expected| {
            expected.sequence == self.last.sequence && expected.hash != self.last.hash
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit_event::tests::draft;

    /// A chain of events at these seconds.
    fn chain(seconds: &[i64]) -> Vec<AuditEvent> {
        let (mut last, mut latest_at) = (Link::genesis(), Timestamp::UNIX_EPOCH);
        let seal = |second: &i64| {
            let event = draft(*second).seal(&last, latest_at);
            (last, latest_at) = (event.link(), event.latest_at);
            event
        };
        seconds.iter().map(seal).collect()
    }

    fn walk(events: &[AuditEvent], head: &Link, expected: Option<Link>) -> Result<u64, i64> {
        let mut walk = Walk::after(Link::genesis()).expecting(expected);
        for event in events {
            walk.step(Some(event)).map_err(|BrokenAt(at)| at)?;
        }
        walk.end(head).map_err(|BrokenAt(at)| at)?;
        Ok(walk.checked())
    }

    #[test]
    fn a_chain_that_was_left_alone_holds_also_where_time_went_back() {
        let events = chain(&[5, 7, 6, 7, 1]);
        assert_eq!(walk(&events, &events[4].link(), None), Ok(5));
        assert_eq!(walk(&[], &Link::genesis(), None), Ok(0));
    }

    // Security case 166.
    #[test]
    fn the_first_bad_event_is_found() {
        let events = chain(&[1, 2, 3, 4, 5]);
        let head = events[4].link();
        let without = |number: usize| {
            let mut events = events.clone();
            events.remove(number);
            events
        };
        let edited = |number: usize, edit: fn(&mut AuditEvent)| {
            let mut events = events.clone();
            edit(&mut events[number]);
            events
        };
        let reordered = {
            let mut events = events.clone();
            events.swap(1, 2);
            (events[1].sequence, events[2].sequence) = (2, 3);
            events
        };
        for (what, tampered, first_bad) in [
            ("the first is gone", without(0), 1),
            ("one is gone", without(2), 3),
            ("the last is gone", without(4), 5),
            ("edited", edited(2, |event| event.action.push('x')), 3),
            ("its index", edited(2, |e| e.latest_at = Timestamp::MAX), 3),
            ("renumbered", edited(2, |event| event.sequence = 7), 3),
            ("two in each other's place", reordered, 2),
        ] {
            assert_eq!(walk(&tampered, &head, None), Err(first_bad), "{what}");
        }
        let mut unreadable = Walk::after(events[0].link());
        assert_eq!(unreadable.step(None), Err(BrokenAt(2)));
    }

    #[test]
    fn an_event_that_was_sealed_anew_is_betrayed_by_its_successor() {
        let mut events = chain(&[1, 2, 3]);
        let mut other = draft(2);
        other.count = 9;
        events[1] = other.seal(&events[0].link(), events[0].latest_at);
        assert_eq!(walk(&events, &events[2].link(), None), Err(3));
    }

    #[test]
    fn a_head_that_was_kept_elsewhere_betrays_a_chain_that_was_cut_or_written_anew() {
        let events = chain(&[1, 2, 3]);
        let (cut, kept) = (&events[..2], events[2].link());
        assert_eq!(walk(cut, &events[1].link(), None), Ok(2));
        assert_eq!(walk(cut, &events[1].link(), Some(kept.clone())), Err(3));

        let anew = chain(&[1, 2, 4, 5]);
        assert_eq!(walk(&anew, &anew[3].link(), None), Ok(4));
        assert_eq!(walk(&anew, &anew[3].link(), Some(kept.clone())), Err(3));

        let longer = chain(&[1, 2, 3, 4]);
        assert_eq!(walk(&longer, &longer[3].link(), Some(kept)), Ok(4));
    }
}

//! What was noted, until it is delivered.
//!
//! One entry per credential and secret, so that a busy credential costs one entry however often it is
//! used, and to note a use touches one place in memory. An entry stays where it is: each kind of use in it
//! has a mark for each destination that lacks it, which goes when it was delivered unchanged. So one
//! that is being written can still be read, and one that changes meanwhile is written again. Entries
//! that lack nothing make room when others need it.

use std::collections::HashSet;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use metrics::Counter;

use crate::domain::id::AccountId;
use crate::domain::id::CredentialId;
use crate::domain::id::SecretId;
use crate::domain::usage::CredentialUse;
use crate::domain::usage::UsageKind;
use crate::domain::usage::UsageStamp;
use crate::domain::usage::UsageSubject;

use super::Use;
use super::backlog::Backlog;
use super::map::Dealer;
use super::map::IdMap;
use super::millis::Millis;

/// How many entries are kept at most.
pub(super) const CAPACITY: usize = 65_536;

/// Requests of different credentials seldom wait for each other; and of the sights that are entered
/// together there are several for each.
const SHARDS: usize = 8;

/// The longest user agent that is kept, in characters.
const MAX_USER_AGENT: usize = 200;

/// One of the two ends of the way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Destination {
    /// The live state.
    Live,
    /// The store.
    Store,
}

/// Undelivered uses, and what was delivered lately; bounded.
pub(super) struct Buffer {
    /// Of each shard.
    capacity: usize,
    dealer: Dealer,
    shards: [Mutex<Shard>; SHARDS],
    /// Sights of tokens that are in no entry yet: of most of them the entry has not been looked at for long.
    sights: Backlog<Sight>,
    /// Who lacks a new use: the store, and where others look to the live state too.
    wanted_by: Owed,
    dropped: AtomicU64,
    dropped_total: Counter,
}

#[derive(Default)]
struct Shard {
    entries: IdMap<Key, Entry>,
    /// Where the latest use came from: many credentials may be used from one place.
    latest: Option<Arc<Origin>>,
}

/// A token of a credential was seen, by whoever: the server does not know from where it came to them.
struct Sight {
    account: AccountId,
    credential: CredentialId,
    at: Timestamp,
}

/// What was used.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Key {
    credential: CredentialId,
    secret: Option<SecretId>,
}

/// The uses of one credential by one secret. There are as many of these as clients, and every request
/// comes by: it is small.
struct Entry {
    account: AccountId,
    /// By [`UsageKind`].
    uses: [Option<Noted>; UsageKind::ALL.len()],
}

/// The first and the last use of one kind.
#[derive(Clone)]
struct Noted {
    first_at: Millis,
    last_at: Millis,
    origin: Arc<Origin>,
    owed: Owed,
}

/// Where a use came from.
#[derive(PartialEq)]
struct Origin {
    address: Option<IpAddr>,
    user_agent: Option<Arc<str>>,
}

/// Which destinations lack a use.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
struct Owed(u8);

impl Buffer {
    pub(super) fn new(capacity: usize, is_shared: bool, dropped_total: Counter) -> Self {
        let wanted_by = if is_shared {
            Owed::to(Destination::Store).and(Destination::Live)
        } else {
            Owed::to(Destination::Store)
        };
        Self {
            capacity: capacity.div_ceil(SHARDS),
            dealer: Dealer::default(),
            shards: Default::default(),
            sights: Backlog::default(),
            wanted_by,
            dropped: AtomicU64::new(0),
            dropped_total,
        }
    }

    /// Notes a use. Returns whether it may be the first of its secret: forgetting costs an early flush.
    pub(super) fn note(&self, usage: &Use<'_>) -> bool {
        let Some(sight) = Sight::of(usage) else {
            return self.enter(usage);
        };
        self.sights.put(sight, |sights| self.enter_sights(sights));
        false
    }

    /// Enters all that was noted.
    fn enter_all_sights(&self) {
        self.sights.file(|sights| self.enter_sights(sights));
    }

    fn enter_sights(&self, sights: &[Sight]) {
        let dealt = self.dealer.deal(sights, |sight| sight.credential, SHARDS);
        for (shard, sights) in self.shards.iter().zip(dealt) {
            let mut shard = lock(shard);
            shard.fetch(sights.iter().map(|sight| Key::of(&sight.usage())));
            for sight in sights {
                self.enter_into(&mut shard, &sight.usage());
            }
        }
    }

    fn enter(&self, usage: &Use<'_>) -> bool {
        self.enter_into(&mut lock(self.shard_of(usage.credential)), usage)
    }

    fn enter_into(&self, shard: &mut Shard, usage: &Use<'_>) -> bool {
        let origin = shard.origin_of(usage);
        let key = Key::of(usage);
        if let Some(entry) = shard.entries.get_mut(&key) {
            return entry.note(usage, origin, self.wanted_by) && usage.secret.is_some();
        }
        let dropped = shard.make_room(self.capacity);
        self.note_dropped(dropped);
        let mut entry = Entry::of(usage.account);
        let is_first = entry.note(usage, origin, self.wanted_by);
        shard.entries.insert(key, entry);
        is_first && usage.secret.is_some()
    }

    fn shard_of(&self, credential: CredentialId) -> &Mutex<Shard> {
        &self.shards[self.dealer.place(credential, SHARDS)]
    }

    /// The stamps of these things that the store lacks; of one thing there may be several.
    pub(super) fn stamps_of(&self, subjects: &[UsageSubject]) -> Vec<UsageStamp> {
        self.enter_all_sights();
        let wanted: HashSet<_> = subjects.iter().copied().collect();
        let is_wanted = |key: &Key, entry: &Entry| {
            wanted.contains(&UsageSubject::Account(entry.account))
                || wanted.contains(&UsageSubject::Credential(key.credential))
                || key
                    .secret
                    .is_some_and(|secret| wanted.contains(&UsageSubject::Secret(secret)))
        };
        let mut uses = Vec::new();
        for shard in &self.shards {
            let shard = lock(shard);
            let lacking = shard.lacking(Destination::Store);
            let wanted = lacking.filter(|(key, entry)| is_wanted(key, entry));
            uses.extend(wanted.flat_map(|(key, entry)| entry.owed(Destination::Store, *key)));
        }
        uses.iter()
            .flat_map(CredentialUse::stamps)
            .filter(|stamp| wanted.contains(&stamp.subject))
            .collect()
    }

    /// All uses that `destination` lacks, in portions: those of so many credentials and secrets each, in
    /// the order of their ids. So what lies together in the table of the store is written together, and
    /// most of its pages once. A portion is looked for when it is asked for: of all there is a copy of the
    /// ids, never of what is known of them.
    pub(super) fn pending(
        &self,
        destination: Destination,
        portion: usize,
    ) -> impl Iterator<Item = Vec<CredentialUse>> {
        let mut keys = self.lacking(destination).into_iter();
        std::iter::from_fn(move || {
            let mut uses = Vec::new();
            while uses.is_empty() && !keys.as_slice().is_empty() {
                for key in keys.by_ref().take(portion) {
                    let shard = lock(self.shard_of(key.credential));
                    let entry = shard.entries.get(&key);
                    uses.extend(
                        entry
                            .into_iter()
                            .flat_map(|entry| entry.owed(destination, key)),
                    );
                }
            }
            (!uses.is_empty()).then_some(uses)
        })
    }

    fn lacking(&self, destination: Destination) -> Vec<Key> {
        self.enter_all_sights();
        let entries = self.shards.iter().map(|shard| lock(shard).entries.len());
        // Room for all of them is made while nobody waits for it.
        let mut keys = Vec::with_capacity(entries.sum());
        for shard in &self.shards {
            let shard = lock(shard);
            let lacking = shard.lacking(destination);
            keys.extend(lacking.map(|(key, _)| *key));
        }
        keys.sort_unstable();
        keys
    }

    /// Takes note of what was delivered, but for what has changed since.
    pub(super) fn settle(&self, destination: Destination, delivered: &[CredentialUse]) {
        for one in delivered {
            let key = Key {
                credential: one.credential,
                secret: one.secret,
            };
            let mut shard = lock(self.shard_of(key.credential));
            if let Some(entry) = shard.entries.get_mut(&key) {
                entry.settle(destination, one);
            }
        }
    }

    /// How much was dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn note_dropped(&self, count: usize) {
        if count > 0 {
            self.dropped.fetch_add(count as u64, Ordering::Relaxed);
            self.dropped_total.increment(count as u64);
        }
    }
}

impl Shard {
    /// Has memory bring the entries of these, all of them at once: one after the other, each would be
    /// waited for.
    fn fetch(&self, keys: impl Iterator<Item = Key>) {
        let entries = keys.filter_map(|key| self.entries.get(&key));
        let seen = entries.map(|entry| entry.uses[UsageKind::Seen as usize].is_some());
        black_box(seen.fold(false, |all, one| all ^ one));
    }

    /// Where a use came from. Most often it is the place of the one before, and nothing is allocated.
    fn origin_of(&mut self, usage: &Use<'_>) -> Arc<Origin> {
        let latest = self.latest.as_ref().filter(|origin| origin.is_of(usage));
        if let Some(same) = latest {
            return Arc::clone(same);
        }
        let key = Key::of(usage);
        let own = self.entries.get(&key);
        let same = own.and_then(|entry| entry.origin_of(usage));
        let origin = same.unwrap_or_else(|| Arc::new(Origin::of(usage)));
        self.latest = Some(Arc::clone(&origin));
        origin
    }

    /// The entries in which there is something that `destination` lacks: few, most often.
    fn lacking(&self, destination: Destination) -> impl Iterator<Item = (&Key, &Entry)> {
        let entries = self.entries.iter();
        entries.filter(move |(_, entry)| entry.is_owed_to(destination))
    }

    /// Makes room for one more entry. What lacks nothing goes first, and then what the store has, where
    /// every reading finds it. Where all that is left is known nowhere else, the oldest eighth goes;
    /// returns how many these were.
    fn make_room(&mut self, capacity: usize) -> usize {
        let is_needed: [fn(&Entry) -> bool; 2] =
            [Entry::is_owed, |entry| entry.is_owed_to(Destination::Store)];
        for is_needed in is_needed {
            if self.entries.len() < capacity {
                return 0;
            }
            self.entries.retain(|_, entry| is_needed(entry));
        }
        if self.entries.len() < capacity {
            return 0;
        }
        let mut by_age: Vec<_> = self
            .entries
            .iter()
            .map(|(key, entry)| (entry.last_at(), *key))
            .collect();
        let count = by_age.len().div_ceil(8);
        if count < by_age.len() {
            by_age.select_nth_unstable_by_key(count, |(at, _)| *at);
        }
        for (_, key) in &by_age[..count] {
            self.entries.remove(key);
        }
        count
    }
}

impl Sight {
    /// This use, if there is no more to it.
    fn of(usage: &Use<'_>) -> Option<Self> {
        let is_bare = usage.kind == UsageKind::Seen
            && usage.secret.is_none()
            && usage.address.is_none()
            && usage.user_agent.is_none();
        is_bare.then_some(Self {
            account: usage.account,
            credential: usage.credential,
            at: usage.at,
        })
    }

    fn usage(&self) -> Use<'static> {
        Use {
            kind: UsageKind::Seen,
            account: self.account,
            credential: self.credential,
            secret: None,
            at: self.at,
            address: None,
            user_agent: None,
        }
    }
}

impl Key {
    fn of(usage: &Use<'_>) -> Self {
        Self {
            credential: usage.credential,
            secret: usage.secret,
        }
    }
}

impl Entry {
    fn of(account: AccountId) -> Self {
        Self {
            account,
            uses: Default::default(),
        }
    }

    /// Returns whether it is the first authentication here.
    fn note(&mut self, usage: &Use<'_>, origin: Arc<Origin>, owed: Owed) -> bool {
        let at = Millis::of(usage.at);
        let one = Noted {
            first_at: at,
            last_at: at,
            origin,
            owed,
        };
        let noted = &mut self.uses[usage.kind as usize];
        let is_first = noted.is_none();
        match noted {
            Some(noted) => noted.merge(one),
            None => *noted = Some(one),
        }
        is_first && usage.kind == UsageKind::Authenticated
    }

    fn origin_of(&self, usage: &Use<'_>) -> Option<Arc<Origin>> {
        let origins = self.uses.iter().flatten().map(|noted| &noted.origin);
        origins
            .filter(|origin| origin.is_of(usage))
            .map(Arc::clone)
            .next()
    }

    /// The uses in it that `destination` lacks.
    fn owed(&self, destination: Destination, key: Key) -> impl Iterator<Item = CredentialUse> {
        let uses = UsageKind::ALL.into_iter().zip(&self.uses);
        uses.filter_map(move |(kind, noted)| {
            let noted = noted.as_ref()?;
            let is_owed = noted.owed.includes(destination);
            is_owed.then(|| noted.by(self.account, key, kind))
        })
    }

    fn settle(&mut self, destination: Destination, delivered: &CredentialUse) {
        if let Some(noted) = &mut self.uses[delivered.kind as usize]
            && noted.is_as_in(delivered)
        {
            noted.owed = noted.owed.but(destination);
        }
    }

    fn is_owed(&self) -> bool {
        let mut noted = self.uses.iter().flatten();
        noted.any(Noted::is_owed)
    }

    fn is_owed_to(&self, destination: Destination) -> bool {
        let mut noted = self.uses.iter().flatten();
        noted.any(|noted| noted.owed.includes(destination))
    }

    fn last_at(&self) -> Millis {
        let noted = self.uses.iter().flatten();
        noted
            .map(|noted| noted.last_at)
            .max()
            .unwrap_or(Millis::MIN)
    }
}

impl Noted {
    fn is_owed(&self) -> bool {
        self.owed != Owed::default()
    }

    /// Takes in one more use.
    fn merge(&mut self, one: Self) {
        // The store has the uses before, where it lacks none of them.
        self.first_at = if self.owed.includes(Destination::Store) {
            self.first_at.min(one.first_at)
        } else {
            one.first_at
        };
        if !self.is_owed() || one.last_at >= self.last_at {
            self.last_at = one.last_at;
            self.origin = one.origin;
        }
        self.owed = one.owed;
    }

    fn by(&self, account: AccountId, key: Key, kind: UsageKind) -> CredentialUse {
        CredentialUse {
            account,
            credential: key.credential,
            secret: key.secret,
            kind,
            first_at: self.first_at.instant(),
            last_at: self.last_at.instant(),
            address: self.origin.address,
            user_agent: self.origin.user_agent.clone(),
        }
    }

    fn is_as_in(&self, delivered: &CredentialUse) -> bool {
        self.first_at == Millis::of(delivered.first_at)
            && self.last_at == Millis::of(delivered.last_at)
            && self.origin.address == delivered.address
            && self.origin.user_agent == delivered.user_agent
    }
}

impl Origin {
    fn of(usage: &Use<'_>) -> Self {
        Self {
            address: usage.address.map(|address| address.to_canonical()),
            user_agent: usage.user_agent.map(printable),
        }
    }

    fn is_of(&self, usage: &Use<'_>) -> bool {
        self.address == usage.address.map(|address| address.to_canonical())
            && self.user_agent.as_deref() == usage.user_agent
    }
}

impl Owed {
    fn to(destination: Destination) -> Self {
        Self(1 << destination as u8)
    }

    fn and(self, destination: Destination) -> Self {
        Self(self.0 | Self::to(destination).0)
    }

    fn but(self, destination: Destination) -> Self {
        Self(self.0 & !Self::to(destination).0)
    }

    fn includes(self, destination: Destination) -> bool {
        self.0 & Self::to(destination).0 != 0
    }
}

/// A user agent that may be shown and logged: bounded, and without control characters.
fn printable(user_agent: &str) -> Arc<str> {
    let shown = user_agent.chars().take(MAX_USER_AGENT);
    let text: String = shown
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect();
    text.into()
}

fn lock(mutex: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_user_agent_is_bounded_and_printable() {
        assert_eq!(&*printable("curl/8.1 (x86)"), "curl/8.1 (x86)");
        assert_eq!(
            &*printable("a\r\nb\u{1b}[0m"),
            "a\u{FFFD}\u{FFFD}b\u{FFFD}[0m"
        );
        assert_eq!(printable(&"é".repeat(5_000)).chars().count(), 200);
    }

    fn authenticated(credential: u128, second: i64) -> Use<'static> {
        Use {
            kind: UsageKind::Authenticated,
            account: AccountId::from_bits(1),
            credential: CredentialId::from_bits(credential),
            secret: Some(SecretId::from_bits(credential)),
            at: Timestamp::from_second(second).unwrap(),
            address: None,
            user_agent: Some("curl"),
        }
    }

    fn buffer(capacity: usize) -> Buffer {
        Buffer::new(capacity, false, Counter::noop())
    }

    #[test]
    fn what_is_delivered_makes_room_and_then_the_oldest_eighth() {
        let shard = |owed: fn(i64) -> Owed| {
            let mut shard = Shard::default();
            for (credential, number) in (0..80).zip(0..) {
                let one = authenticated(credential, number);
                let mut entry = Entry::of(one.account);
                entry.note(&one, Arc::new(Origin::of(&one)), owed(number));
                shard.entries.insert(Key::of(&one), entry);
            }
            shard
        };
        let mut all_owed = shard(|_| Owed::to(Destination::Store));
        assert_eq!(all_owed.make_room(81), 0);
        assert_eq!(all_owed.make_room(80), 10);
        let left = |number| {
            all_owed
                .entries
                .contains_key(&Key::of(&authenticated(number, 0)))
        };
        assert_eq!((0..80).filter(|number| left(*number)).min(), Some(10));
        assert_eq!(all_owed.entries.len(), 70);

        let mut some_owed = shard(|number| match number % 2 {
            0 => Owed::default(),
            _ => Owed::to(Destination::Live),
        });
        assert_eq!(some_owed.make_room(80), 0);
        assert_eq!(some_owed.entries.len(), 40);

        let mut known_to_the_store = shard(|number| match number % 2 {
            0 => Owed::to(Destination::Live),
            _ => Owed::to(Destination::Live).and(Destination::Store),
        });
        assert_eq!(known_to_the_store.make_room(80), 0);
        assert_eq!(known_to_the_store.entries.len(), 40);
        assert_eq!(known_to_the_store.make_room(40), 5);
    }

    fn pending(buffer: &Buffer, destination: Destination) -> Vec<CredentialUse> {
        buffer.pending(destination, 1).flatten().collect()
    }

    #[test]
    fn what_is_owed_comes_in_the_order_of_its_ids_and_in_portions() {
        let buffer = buffer(100);
        for credential in (0..20).rev() {
            buffer.note(&authenticated(credential, 10));
        }
        let portions: Vec<_> = buffer.pending(Destination::Store, 8).collect();
        assert_eq!(portions.iter().map(Vec::len).collect::<Vec<_>>(), [8, 8, 4]);
        let credentials = portions.iter().flatten().map(|one| one.credential.bits());
        assert!(credentials.eq(0..20));

        // What is delivered while the portions are looked through is not in a later one.
        let mut looked_through = buffer.pending(Destination::Store, 8);
        let first = looked_through.next().unwrap();
        buffer.settle(Destination::Store, &first);
        buffer.settle(Destination::Store, &portions[1]);
        let rest: Vec<_> = looked_through.collect();
        assert_eq!(rest.len(), 1);
        assert!(rest[0].iter().eq(&portions[2]));
    }

    #[test]
    fn what_was_delivered_is_not_said_again_and_a_later_use_is() {
        let buffer = buffer(100);
        assert!(buffer.note(&authenticated(1, 10)));
        assert!(!buffer.note(&authenticated(1, 20)));
        let first = pending(&buffer, Destination::Store);
        assert!(!buffer.note(&authenticated(1, 30)));
        // It has changed meanwhile.
        buffer.settle(Destination::Store, &first);
        let second = pending(&buffer, Destination::Store);
        let span = |uses: &[CredentialUse]| {
            let [one] = uses else { panic!("{uses:?}") };
            (one.first_at.as_second(), one.last_at.as_second())
        };
        assert_eq!((span(&first), span(&second)), ((10, 20), (10, 30)));

        buffer.settle(Destination::Store, &second);
        assert_eq!(pending(&buffer, Destination::Store), []);
        assert!(!buffer.note(&authenticated(1, 40)));
        assert_eq!(span(&pending(&buffer, Destination::Store)), (40, 40));
        assert_eq!(pending(&buffer, Destination::Live), []);
    }

    #[test]
    fn an_entry_is_small() {
        // There is one for each client, and every request touches it.
        assert_eq!(size_of::<(Key, Entry)>(), 160);
    }
}

//! Refused calls of callers who are known, on their way to the audit trail.
//!
//! That somebody who authenticated asked for what they may not have is evidence. But a row for each
//! such call would let every holder of a credential fill the disk, so they are *gathered*: one event
//! per actor (an account by one of its credentials), action and minute, with a count, which tells of
//! the first of them when, from where and to what. A request only calls [`RefusedCalls::note`], which
//! waits for nothing; an event is written once its minute is over, and at shutdown. A process that is
//! killed loses the last minute.
//!
//! The event is in the chain of the *actor's* organization, whatever the call was about. And what is
//! missing leaves the same event as what is somebody else's, so that a trail tells nobody what
//! another organization has.
//!
//! Memory and rows are bounded, see [`gathering`].

mod gathering;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;

use crate::clock::Clock;
use crate::domain::audit::Actor;
use crate::domain::audit::AuditDraft;
use crate::domain::audit::AuditResult;
use crate::domain::audit::Chain;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::id::AccountId;
use crate::domain::id::ClientId;
use crate::domain::id::OrganizationId;
use crate::domain::token::Claims;
use crate::oauth::client_auth::AuthenticatedClient;
use crate::store::Lookup;
use crate::store::Store;
use crate::store::StoreError;
use crate::telemetry::registry::Registry;

use super::authority::Caller;
use super::authority::Identity;
use super::authority::Origin;
use super::to_completion;
use gathering::Gathered;
use gathering::Gathering;

/// How often is looked whether a minute is over.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many events one transaction holds: other changes of the organization wait for that long.
const BATCH: usize = 50;

/// How long the end of the process waits for the last events.
const LAST_FLUSH: Duration = Duration::from_millis(1_500);

/// The name of the actor where there were too many to tell them apart.
const OTHERS: &str = "(others)";

/// A call that was refused to somebody who is known.
#[derive(Clone, Copy, Debug)]
pub struct RefusedCall {
    /// Whose call it was.
    pub account: AccountId,
    /// By which of its credentials.
    pub client_id: ClientId,
    /// The organization that the account belongs to.
    pub organization: OrganizationId,
    /// What it would have done, in the word of the event of a success.
    pub action: &'static str,
    /// When.
    pub at: Timestamp,
}

impl RefusedCall {
    /// A call of an authenticated client.
    pub fn of_client(client: &AuthenticatedClient, action: &'static str, at: Timestamp) -> Self {
        let client = client.client();
        Self {
            account: client.account,
            client_id: client.client_id,
            organization: client.organization,
            action,
            at,
        }
    }

    /// A call of the bearer of a token that says this.
    pub fn of_bearer(claims: &Claims, action: &'static str, at: Timestamp) -> Self {
        Self {
            account: claims.account,
            client_id: claims.client_id,
            organization: claims.organization,
            action,
            at,
        }
    }

    /// A call of the admin API. A person at the server's own machine is refused nothing, and others
    /// call nothing.
    pub fn of_caller(caller: &Caller, action: &'static str, at: Timestamp) -> Option<Self> {
        match *caller.identity() {
            Identity::Local { .. } | Identity::Anonymous | Identity::Job { .. } => None,
            Identity::Account {
                account,
                organization,
                client_id,
            } => Some(Self {
                account,
                client_id,
                organization,
                action,
                at,
            }),
        }
    }
}

/// What else is known of a refused call.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// To what it would have been done, as far as the caller named it.
    pub target: Target,
    /// Where it came from.
    pub origin: Origin,
}

/// Notes refused calls, and writes them into the audit trail.
pub struct RefusedCalls {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    gathering: Gathering,
    /// Whose turn it is to write: what is written twice is forgotten twice.
    turn: Mutex<()>,
}

impl RefusedCalls {
    /// Writes into `store`; [`RefusedCalls::run`] does it in the background.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, registry: &Registry) -> Self {
        let dropped = registry.counter(
            "ostler_refused_calls_dropped_total",
            "Refused calls that are in no audit event because too many could not be written.",
            &[],
        );
        Self {
            store,
            clock,
            gathering: Gathering::new(dropped),
            turn: Mutex::default(),
        }
    }

    /// Notes a call. `describe` is asked only about the first of its kind in a minute.
    pub fn note(&self, call: RefusedCall, describe: impl FnOnce() -> Circumstances) {
        self.gathering.note(call, describe);
    }

    /// Writes the events of the minutes that are over. What could not be written stays.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let now = self.clock.now();
        self.write(self.gathering.before_the_minute_of(now)).await
    }

    /// Writes every event, also those of the minute that is not over.
    pub async fn flush_all(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.write(self.gathering.all()).await
    }

    /// Writes in the background until `stop`, then once more.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.keep_writing() => {}
        }
        match tokio::time::timeout(LAST_FLUSH, self.flush_all()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last refused calls are not in the audit trail"
            ),
            Err(_) => tracing::warn!("the last refused calls may not be in the audit trail"),
        }
    }

    async fn keep_writing(&self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_behind = false;
        loop {
            ticks.tick().await;
            match self.flush().await {
                Ok(()) => is_behind = false,
                Err(error) if !is_behind => {
                    is_behind = true;
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "refused calls cannot be written now; they are kept and tried again"
                    );
                }
                Err(_) => {}
            }
        }
    }

    async fn write(&self, calls: Vec<Gathered>) -> Result<(), StoreError> {
        let mut by_organization: BTreeMap<OrganizationId, Vec<Gathered>> = BTreeMap::new();
        for call in calls {
            let organization = call.key.organization;
            by_organization.entry(organization).or_default().push(call);
        }
        let mut written = Ok(());
        for (organization, calls) in by_organization {
            // What stands against one chain need not stand against another.
            if let Err(error) = self.write_chain(organization, &calls).await {
                written = Err(error);
            }
        }
        written
    }

    async fn write_chain(
        &self,
        organization: OrganizationId,
        calls: &[Gathered],
    ) -> Result<(), StoreError> {
        let mut names = BTreeMap::new();
        for batch in calls.chunks(BATCH) {
            let mut events = Vec::with_capacity(batch.len());
            for call in batch {
                let actor = self.actor(call, &mut names).await?;
                events.push(event(call, actor));
            }
            let store = Arc::clone(&self.store);
            to_completion(async move { store.record_events(organization, &events).await }).await?;
            self.gathering.forget(batch);
        }
        Ok(())
    }

    async fn actor(
        &self,
        call: &Gathered,
        names: &mut BTreeMap<AccountId, String>,
    ) -> Result<Actor, StoreError> {
        let (id, name) = match call.key.actor {
            None => (String::new(), OTHERS.to_owned()),
            Some((account, _)) => {
                let name = match names.entry(account) {
                    Entry::Occupied(known) => known.get().clone(),
                    Entry::Vacant(place) => {
                        let name = self.name(call.key.organization, account).await?;
                        place.insert(name).clone()
                    }
                };
                (account.to_string(), name)
            }
        };
        let origin = call.circumstances.origin.clone();
        Ok(Actor {
            kind: "service_account",
            id,
            name,
            credential: call.key.actor.map(|(_, client_id)| client_id),
            address: origin.address,
            user_agent: origin.user_agent,
        })
    }

    /// What the account is called now; nothing when it is gone.
    async fn name(
        &self,
        organization: OrganizationId,
        account: AccountId,
    ) -> Result<String, StoreError> {
        let lookup = Lookup::Id(account);
        let found = self.store.find_account(organization, &lookup).await?;
        let name = found.map(|account| account.name.to_string());
        Ok(name.unwrap_or_default())
    }
}

fn event(call: &Gathered, actor: Actor) -> AuditDraft {
    AuditDraft {
        id: call.id,
        chain: Chain::Organization(call.key.organization),
        at: call.at,
        actor,
        action: call.key.action,
        target: call.circumstances.target.clone(),
        result: AuditResult::Refused,
        count: call.count,
        request_id: call.circumstances.origin.request_id,
        changes: Changes::default(),
    }
}

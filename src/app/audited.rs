//! A change that somebody makes: it commits with exactly one audit event, which says who.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::account::ServiceAccount;
use crate::domain::audit::Actor;
use crate::domain::audit::AuditDraft;
use crate::domain::audit::AuditResult;
use crate::domain::audit::Chain;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::credential::Credential;
use crate::domain::id::EventId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RequestId;
use crate::domain::organization::Organization;
use crate::domain::quota::Limited;
use crate::domain::version::Versioned;
use crate::live::Dead;
use crate::store::AccessOf;
use crate::store::Change;
use crate::store::Lookup;
use crate::store::StoreError;

use super::App;
use super::authority::Caller;
use super::authority::Identity;
use super::authority::InOrganization;
use super::authority::OnInstance;
use super::authority::Origin;
use super::change;
use super::change::OpenChange;
use super::directory::Touched;
use super::init::new_id;
use super::problem::BearerFault;
use super::problem::Conflict;
use super::problem::Problem;
use super::terms::Terms;
use super::tokens;

/// An open change with who makes it and when.
pub struct AuditedChange {
    app: App,
    chain: Chain,
    actor: Actor,
    request_id: Option<RequestId>,
    terms: Arc<Terms>,
    /// The instant of the change; everything in it happens then.
    pub now: Timestamp,
    /// The transaction, and what it touches.
    pub open: OpenChange,
}

impl InOrganization {
    /// Begins a change in the organization, under its lock.
    pub(super) async fn begin(&self) -> Result<AuditedChange, Problem> {
        let organization = Some(self.organization.id);
        AuditedChange::begin_for(&self.app, &self.caller, organization).await
    }
}

impl OnInstance {
    /// Begins a change of the instance, under its lock.
    pub(super) async fn begin(&self) -> Result<AuditedChange, Problem> {
        AuditedChange::begin_for(&self.app, &self.caller, None).await
    }
}

impl AuditedChange {
    /// Begins a change that a caller makes, on the terms of the call.
    async fn begin_for(
        app: &App,
        caller: &Caller,
        organization: Option<OrganizationId>,
    ) -> Result<Self, Problem> {
        let mut change = Self::begin_by(app, caller, organization).await?;
        change.terms = Arc::clone(caller.terms());
        if let Some(keyed) = caller.terms().keyed() {
            let now = change.now;
            if let Some(earlier) = keyed.answered_in(change.rows(), now).await? {
                return Err(earlier.into());
            }
        }
        Ok(change)
    }

    /// Begins a change that a caller makes, on no terms. A call may wait for its own body and for
    /// other changes; whoever is stopped meanwhile, on whichever node, makes none after it: their
    /// token is looked at once more, under the locks, and is answered like any that is dead. (On
    /// PostgreSQL a change that is past this look is made although the key of the token is taken back
    /// before its end: keys belong to the instance, which it does not lock.)
    pub(super) async fn begin_by(
        app: &App,
        caller: &Caller,
        organization: Option<OrganizationId>,
    ) -> Result<Self, Problem> {
        let (identity, origin) = (caller.identity(), caller.origin());
        let Some(token) = caller.token() else {
            return Ok(Self::begin(app, identity, origin, organization).await?);
        };
        let by = token.claims().organization;
        let mut open = change::begin_by(app, organization, by).await?;
        if let Err(dead) = tokens::check_in(app, token, open.rows.as_mut()).await? {
            tracing::info!(%dead, "a caller was stopped while the call waited");
            return Err(Problem::Unauthorized(BearerFault::Invalid));
        }
        Ok(Self::over(app, open, identity, origin, organization).await?)
    }

    /// Begins a change by somebody who has no need of a token of ours to make it: the proof that they
    /// may is another one.
    pub(super) async fn begin(
        app: &App,
        identity: &Identity,
        origin: &Origin,
        organization: Option<OrganizationId>,
    ) -> Result<Self, StoreError> {
        let open = change::begin(app, organization).await?;
        Self::over(app, open, identity, origin, organization).await
    }

    async fn over(
        app: &App,
        mut open: OpenChange,
        identity: &Identity,
        origin: &Origin,
        organization: Option<OrganizationId>,
    ) -> Result<Self, StoreError> {
        // Named before the change, which may delete the very account that makes it.
        let actor = name_actor(identity, origin, open.rows.as_mut()).await?;
        Ok(Self {
            app: app.clone(),
            chain: organization.map_or(Chain::Instance, Chain::Organization),
            actor,
            request_id: origin.request_id,
            terms: Arc::default(),
            now: to_the_millisecond(app.clock.now()),
            open,
        })
    }

    /// Reads and writes.
    pub fn rows(&mut self) -> &mut dyn Change {
        self.open.rows.as_mut()
    }

    /// A new id, made at the instant of the change.
    pub fn new_id<Id>(&self, generate: impl FnOnce(u64, u128) -> Id) -> Id {
        new_id(generate, self.now)
    }

    /// Refuses to change another version of a thing than the caller wants to change (`If-Match`).
    /// Every action on a thing asks this, once it is known that the request itself is right.
    pub fn check_version(&self, thing: &impl Versioned) -> Result<(), Problem> {
        self.terms.check(thing)
    }

    /// Refuses to make one more of what the organization has enough of.
    pub(super) async fn check_room(
        &mut self,
        organization: OrganizationId,
        what: Limited,
    ) -> Result<(), Problem> {
        if self.rows().is_full(organization, what).await? {
            return Err(Problem::conflict(Conflict::QuotaReached, what.to_string()));
        }
        Ok(())
    }

    /// The account as this change has left it so far.
    pub async fn reread(&mut self, account: &ServiceAccount) -> Result<ServiceAccount, Problem> {
        let lookup = Lookup::Id(account.id);
        let found = self
            .rows()
            .find_account(account.organization, &lookup)
            .await?;
        found.ok_or(Problem::NotFound("service account"))
    }

    /// Notes that the account has changed.
    pub fn touch_account(&mut self, account: &ServiceAccount) {
        self.open.touch(Touched::Account(account.id));
    }

    /// Notes that access changes in this change.
    pub async fn note_access_change(&mut self, of: AccessOf) -> Result<(), StoreError> {
        let at = self.now;
        match self.chain {
            Chain::Organization(organization) => {
                let rows = self.rows();
                rows.note_access_change(organization, of, at).await
            }
            Chain::Instance => Ok(()),
        }
    }

    /// Raises the account's generation: every token that it has is dead.
    pub async fn kill_tokens_of(&mut self, account: &ServiceAccount) -> Result<(), StoreError> {
        let raised = self
            .rows()
            .raise_account_generation(account.organization, account.id)
            .await?;
        self.open.touch(Touched::Account(account.id));
        self.open.kill(Dead::Account(account.id, raised));
        Ok(())
    }

    /// Raises the organization's generation: every token of its accounts is dead.
    pub async fn kill_tokens_in(&mut self, organization: &Organization) -> Result<(), StoreError> {
        let raised = self
            .rows()
            .raise_organization_generation(organization.id)
            .await?;
        self.open.touch(Touched::Organization(organization.id));
        self.open.kill(Dead::Organization(organization.id, raised));
        Ok(())
    }

    /// Raises the credential's generation: every token that it got is dead.
    pub async fn kill_tokens_got_by(&mut self, credential: &Credential) -> Result<(), StoreError> {
        let raised = self
            .rows()
            .raise_credential_generation(credential.organization, credential.id)
            .await?;
        self.open.touch(Touched::Account(credential.account));
        self.open
            .kill(Dead::Credential(credential.client_id, raised));
        Ok(())
    }

    /// Makes the change durable with its audit event, and lets this node and the live state know. Of
    /// a call under a key it is the last word: it is durable with the answer, a moment later
    /// ([`super::retries`]).
    pub async fn commit(
        self,
        action: &'static str,
        target: Target,
        changes: Changes,
    ) -> Result<(), Problem> {
        self.terms.check_compared()?;
        let terms = Arc::clone(&self.terms);
        let ready = self.ready(action, target, changes);
        match terms.keyed() {
            Some(keyed) => keyed.hold(ready),
            None => ready.commit().await?,
        }
        Ok(())
    }

    /// The same for a change that is made on no terms: by the server itself, or for somebody who is
    /// no caller of the admin API.
    pub(super) async fn commit_on_no_terms(
        self,
        action: &'static str,
        target: Target,
        changes: Changes,
    ) -> Result<(), StoreError> {
        self.ready(action, target, changes).commit().await
    }

    fn ready(self, action: &'static str, target: Target, changes: Changes) -> ReadyChange {
        let event = AuditDraft {
            id: new_id(EventId::generate, self.now),
            chain: self.chain,
            at: self.now,
            actor: self.actor,
            action,
            target,
            result: AuditResult::Success,
            count: 1,
            request_id: self.request_id,
            changes,
        };
        ReadyChange {
            app: self.app,
            open: self.open,
            event,
        }
    }
}

/// A change that is whole, with its audit event, and not durable yet. Dropped, it has not happened.
pub(super) struct ReadyChange {
    app: App,
    open: OpenChange,
    event: AuditDraft,
}

impl ReadyChange {
    /// Writes what becomes durable with it.
    pub(super) fn rows(&mut self) -> &mut dyn Change {
        self.open.rows.as_mut()
    }

    /// Makes it durable, and lets this node and the live state know.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.open.commit(&self.app, &self.event).await
    }
}

/// The store keeps milliseconds; so an answer says the same instant now and later.
fn to_the_millisecond(now: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

async fn name_actor(
    identity: &Identity,
    origin: &Origin,
    rows: &mut dyn Change,
) -> Result<Actor, StoreError> {
    let mut credential = None;
    let (kind, id, name) = match *identity {
        Identity::Local { command } => ("local", String::new(), command.to_owned()),
        Identity::Anonymous => ("anonymous", String::new(), String::new()),
        Identity::Job { name } => ("system", String::new(), name.to_owned()),
        Identity::Account {
            account,
            organization,
            client_id,
        } => {
            credential = Some(client_id);
            let found = rows
                .find_account(organization, &Lookup::Id(account))
                .await?;
            let name = found.map(|account| account.name.to_string());
            let id = account.to_string();
            ("service_account", id, name.unwrap_or_default())
        }
    };
    Ok(Actor {
        kind,
        id,
        name,
        credential,
        address: origin.address.clone(),
        user_agent: origin.user_agent.clone(),
    })
}

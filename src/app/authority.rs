//! Authority: what a caller may do, decided by the token that it presents.
//!
//! A caller holds one grant of the built-in API `ostler`: the scopes and identifiers of its token,
//! whatever its account might hold besides. Two proofs come of it: [`InOrganization`] is the only way
//! to what is in an organization, so that nothing can be looked up by its id alone, and
//! [`OnInstance`] to what belongs to no organization.
//!
//! Nobody gains or hands on more of `ostler` than the token holds: [`Caller::may_hand_on`] is asked
//! by every action that widens, enables, or returns a secret.

use std::borrow::Cow;
use std::sync::Arc;

use crate::domain::access::Access;
use crate::domain::access::Grant;
use crate::domain::id::AccountId;
use crate::domain::id::ClientId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RequestId;
use crate::domain::organization::Organization;
use crate::domain::resource::Identifiers;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::role;
use crate::domain::role::AdminScope;
use crate::domain::role::OSTLER_API;
use crate::domain::scope::ScopeSet;

use super::App;
use super::lookup;
use super::problem::Problem;
use super::terms::Terms;
use super::tokens;
use super::tokens::ActiveToken;

/// Who is calling.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Identity {
    /// A service account, by an access token of this server.
    Account {
        /// Its id.
        account: AccountId,
        /// The organization that it belongs to.
        organization: OrganizationId,
        /// Which of its credentials got the token.
        client_id: ClientId,
    },
    /// A person at the server's own machine, by this command.
    Local {
        /// The command.
        command: &'static str,
    },
    /// Somebody of whom nothing is known but what they hold: a secret that they report as leaked.
    Anonymous,
    /// The server itself.
    Job {
        /// Which of its jobs.
        name: &'static str,
    },
}

/// Where a call came from, as far as the server itself knows.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The address of the client.
    pub address: Option<String>,
    /// The `User-Agent`, bounded and printable.
    pub user_agent: Option<String>,
    /// The request.
    pub request_id: Option<RequestId>,
}

/// Somebody who is known, and what they may do.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Identity,
    /// What says so; `None` for who needs no token.
    token: Option<ActiveToken>,
    held: Grant,
    origin: Origin,
    terms: Arc<Terms>,
}

impl Caller {
    /// The bearer of an active token for this server.
    pub fn bearer(token: ActiveToken, origin: Origin) -> Self {
        let claims = token.claims();
        Self {
            identity: Identity::Account {
                account: claims.account,
                organization: claims.organization,
                client_id: claims.client_id,
            },
            held: tokens::held_by(claims),
            token: Some(token),
            origin,
            terms: Arc::default(),
        }
    }

    /// A person at the server's own machine, who may do everything.
    pub fn local(command: &'static str) -> Self {
        Self {
            identity: Identity::Local { command },
            token: None,
            held: role::everything_grant(),
            origin: Origin::default(),
            terms: Arc::default(),
        }
    }

    /// The same caller, calling on these terms.
    #[must_use]
    pub fn on(self, terms: Terms) -> Self {
        Self {
            terms: Arc::new(terms),
            ..self
        }
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The token that it presents; `None` for who needs none.
    pub(super) fn token(&self) -> Option<&ActiveToken> {
        self.token.as_ref()
    }

    /// Where the call came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The terms of the call.
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// Whether it is this account that calls.
    pub fn is(&self, other: AccountId) -> bool {
        matches!(self.identity, Identity::Account { account, .. } if account == other)
    }

    /// The organizations that the token reaches.
    pub fn organizations(&self) -> &Identifiers {
        let kind = ResourceType::parse(role::ORGANIZATION_TYPE);
        kind.map_or(&NO_ORGANIZATION, |kind| self.held.resources.of(&kind))
    }

    /// Whether the token reaches the organization.
    pub fn sees(&self, organization: OrganizationId) -> bool {
        ResourceKey::parse(&organization.to_string())
            .is_ok_and(|key| self.organizations().contains(&key))
    }

    /// Refuses a caller whose token does not hold `scope`.
    pub fn require(&self, scope: AdminScope) -> Result<(), Problem> {
        if scope.is_held_in(&self.held.scopes) {
            Ok(())
        } else {
            Err(Problem::InsufficientScope(scope))
        }
    }

    /// Proof that the caller holds `scope` in the organization of this name or id. One that the
    /// token does not reach is answered exactly like one that does not exist.
    pub async fn in_organization(
        self,
        app: &App,
        organization: &str,
        scope: AdminScope,
    ) -> Result<InOrganization, Problem> {
        let unknown = || Problem::NotFound("organization");
        let lookup = lookup::organization(organization).ok_or_else(unknown)?;
        let found = app.store.find_organization(&lookup).await?;
        let organization = found
            .filter(|found| self.sees(found.id))
            .ok_or_else(unknown)?;
        self.require(scope)?;
        Ok(InOrganization {
            app: app.clone(),
            caller: self,
            organization,
        })
    }

    /// Proof that the caller holds `scope` on the whole instance, which takes `organization: "*"`.
    pub fn on_instance(self, app: &App, scope: AdminScope) -> Result<OnInstance, Problem> {
        self.require(scope)?;
        self.require_every_organization()?;
        Ok(OnInstance {
            app: app.clone(),
            caller: self,
        })
    }

    /// Refuses a caller whose token is not for every organization.
    pub fn require_every_organization(&self) -> Result<(), Problem> {
        if *self.organizations() == Identifiers::All {
            return Ok(());
        }
        Err(Problem::Forbidden(Cow::Borrowed(
            "this concerns the whole instance, and takes a token for every organization (`\"*\"`)",
        )))
    }

    /// Refuses to hand on more of `ostler` than the token holds: `resulting` is all that whoever is
    /// widened, enabled, or given a secret will then be able to do.
    pub fn may_hand_on(&self, resulting: &Access) -> Result<(), Problem> {
        let held = Access::from_iter([self.held.clone()]);
        let beyond: ScopeSet = resulting
            .at(OSTLER_API)
            .flat_map(Grant::by_scope)
            .filter(|part| !Access::from_iter([part.clone()]).lies_within(&held))
            .flat_map(|part| part.scopes.iter().cloned().collect::<Vec<_>>())
            .collect();
        if beyond.is_empty() {
            return Ok(());
        }
        Err(Problem::Forbidden(
            format!(
                "nobody hands on more of `ostler` than the presented token holds; this would reach \
                 further in: {beyond}"
            )
            .into(),
        ))
    }

    /// Refuses to let anybody edit the access, roles or groups of their own account.
    pub fn may_edit_access_of(&self, account: AccountId) -> Result<(), Problem> {
        if self.is(account) {
            Err(Problem::Forbidden(Cow::Borrowed(
                "nobody edits the access, roles or groups of their own account",
            )))
        } else {
            Ok(())
        }
    }
}

static NO_ORGANIZATION: Identifiers = Identifiers::NONE;

/// Proof that a caller may do something in an organization.
#[derive(Clone)]
pub struct InOrganization {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) organization: Organization,
}

impl InOrganization {
    /// The organization's id.
    pub fn id(&self) -> OrganizationId {
        self.organization.id
    }
}

/// Proof that a caller may do something that concerns the whole instance.
#[derive(Clone)]
pub struct OnInstance {
    pub(super) app: App,
    pub(super) caller: Caller,
}

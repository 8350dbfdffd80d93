//! Making a service account, with its access and its first credential if they are given.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::access::Access;
use crate::domain::access_size::AccessSize;
use crate::domain::account::ServiceAccount;
use crate::domain::account::email;
use crate::domain::account::six_characters;
use crate::domain::audit::Changes;
use crate::domain::holdings::Holdings;
use crate::domain::id::AccountId;
use crate::domain::name::AccountName;
use crate::domain::name::Name;
use crate::domain::organization::Generation;
use crate::domain::organization::Status;
use crate::domain::role::AdminScope;
use crate::domain::role::Role;
use crate::domain::version::EntityTag;
use crate::domain::version::Version;
use crate::domain::version::Versioned;
use crate::random;
use crate::store::Holder;

use super::super::access::PresentedAccess;
use super::super::access::Reading;
use super::super::access::budget;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::credentials;
use super::super::credentials::IssuedCredential;
use super::super::credentials::NewCredential;
use super::super::problem::Conflict;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::DescribedAccount;
use super::target;

/// An account that is to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its name.
    pub name: AccountName,
    /// What it is for.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
    /// Its end; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// The longest lifetime of its tokens.
    pub max_token_lifetime: Option<Duration>,
    /// Its own grants, which take `access:write`.
    pub access: Option<PresentedAccess>,
    /// Its roles, by name, which take `access:write`.
    pub roles: Option<Vec<String>>,
    /// Its first credential, which takes `credentials:write`.
    pub credential: Option<NewCredential>,
}

/// The members of a new account that take a scope of their own, as far as the body has them, right or
/// wrong: whoever may not give them is told that, and not how they are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct InlineMembers {
    /// Its grants or its roles, which take `access:write`.
    pub access: bool,
    /// Its first credential, which takes `credentials:write`.
    pub credential: bool,
}

impl InlineMembers {
    fn of(new: &NewAccount) -> Self {
        Self {
            access: new.access.is_some() || new.roles.is_some(),
            credential: new.credential.is_some(),
        }
    }

    fn check(self, within: &InOrganization) -> Result<(), Problem> {
        if self.access {
            within.caller.require(AdminScope::AccessWrite)?;
        }
        if self.credential {
            within.caller.require(AdminScope::CredentialsWrite)?;
        }
        Ok(())
    }
}

/// An account that was made.
#[derive(Debug)]
pub struct CreatedAccount {
    /// The account.
    pub account: DescribedAccount,
    /// Its first credential, if one was asked for.
    pub credential: Option<IssuedCredential>,
}

impl Versioned for CreatedAccount {
    fn tag(&self) -> EntityTag {
        self.account.tag()
    }
}

/// Makes an account.
pub async fn create(
    within: InOrganization,
    inline: InlineMembers,
    submitted: Submitted<NewAccount>,
) -> Result<CreatedAccount, Problem> {
    to_completion(async move {
        inline.check(&within)?;
        let mut new = submitted?;
        InlineMembers::of(&new).check(&within)?;
        if let Some(presented) = &mut new.access {
            within.recognise_audiences(presented).await?;
        }
        if let Some(credential) = &mut new.credential {
            credential.recognise_audiences(&within).await?;
        }
        let within = &within;
        let mut change = within.begin().await?;
        let mut reading = Reading::of_nothing(within);
        let meaning = Meaning::read(within, &mut change, &mut reading, &new).await?;
        if !reading.is_good() {
            drop(change);
            return Err(reading.refuse().await);
        }
        let resulting = Holdings {
            own: meaning.access.clone(),
            roles: meaning.roles.clone(),
            groups: Vec::new(),
        };
        within.caller.may_hand_on(&resulting.access())?;
        budget::check(AccessSize::default(), AccessSize::of_holdings(&resulting))?;
        check_quota(within, &mut change).await?;
        let account = add(within, &mut change, &new, &meaning).await?;
        let issued = match &new.credential {
            None => None,
            Some(credential) => {
                let narrowing = meaning.narrowing.clone();
                let issued =
                    credentials::add(&within.app, &mut change, &account, credential, narrowing)
                        .await?;
                Some(issued.describe(&reading.book, change.now))
            }
        };
        let described = DescribedAccount {
            status: account.status_at(change.now),
            access: reading.book.describe(&meaning.access),
            roles: meaning.roles.iter().map(|role| role.name.clone()).collect(),
            last_used_at: None,
            active_credentials: u32::from(issued.is_some()),
            active_api_tokens: 0,
            account,
        };
        let changes = changes(&described, issued.as_ref());
        change
            .commit(
                "service_account.create",
                target(&described.account),
                changes,
            )
            .await?;
        Ok(CreatedAccount {
            account: described,
            credential: issued,
        })
    })
    .await
}

/// What the names in a new account turn out to mean.
struct Meaning {
    access: Access,
    roles: Vec<Arc<Role>>,
    narrowing: Option<Access>,
}

impl Meaning {
    /// Reads all of it, and notes all that is wrong with it.
    async fn read(
        within: &InOrganization,
        change: &mut AuditedChange,
        reading: &mut Reading<'_>,
        new: &NewAccount,
    ) -> Result<Self, Problem> {
        let now = change.now;
        if new.expires_at.is_some_and(|end| end <= now) {
            let detail = "the end of the account has to be in the future";
            reading.mistakes.add("/expires_at", "invalid", detail);
        }
        let limit = within.app.config.tokens.max_lifetime;
        if new
            .max_token_lifetime
            .is_some_and(|lifetime| lifetime > limit)
        {
            let detail = format!("tokens live for at most {} seconds here", limit.as_secs());
            let at = "/max_token_lifetime_seconds";
            reading.mistakes.add(at, "invalid", detail);
        }
        let access = match &new.access {
            None => Access::NOTHING,
            Some(presented) => reading.read(change.rows(), presented).await?,
        };
        let names = new.roles.as_deref().unwrap_or_default();
        let roles = reading.roles(change.rows(), "/roles", names).await?;
        let mut narrowing = None;
        if let Some(credential) = &new.credential {
            let (lifetime, mistakes) = (credential.lifetime, &mut reading.mistakes);
            let organization = within.id();
            credentials::check_expiry(change, organization, "/credential", lifetime, mistakes)
                .await?;
            if let Some(presented) = &credential.access {
                narrowing = Some(reading.narrowing(change.rows(), presented).await?);
            }
        }
        Ok(Self {
            access,
            roles,
            narrowing,
        })
    }
}

async fn check_quota(within: &InOrganization, change: &mut AuditedChange) -> Result<(), Problem> {
    // Read again under the lock: the quota may have changed since the caller was let in.
    let id = crate::store::Lookup::Id(within.id());
    let organization = change.rows().find_organization(&id).await?;
    let Some(limit) = organization.and_then(|found| found.max_service_accounts) else {
        return Ok(());
    };
    if change.rows().count_accounts(within.id()).await? < limit {
        return Ok(());
    }
    Err(Problem::conflict(
        Conflict::QuotaReached,
        format!("the organization may have {limit} service accounts (`max_service_accounts`)"),
    ))
}

async fn add(
    within: &InOrganization,
    change: &mut AuditedChange,
    new: &NewAccount,
    meaning: &Meaning,
) -> Result<ServiceAccount, Problem> {
    let host = within.app.config.server.issuer.host();
    let organization = within.organization.name.as_str();
    let account = ServiceAccount {
        id: change.new_id(AccountId::generate),
        organization: within.id(),
        email: email(
            &new.name,
            &six_characters(random::bytes()),
            organization,
            host,
        ),
        name: new.name.clone(),
        description: new.description.clone(),
        owner: new.owner.clone(),
        labels: new.labels.clone(),
        status: Status::Active,
        generation: Generation::FIRST,
        expires_at: new.expires_at,
        max_token_lifetime: new.max_token_lifetime,
        created_at: change.now,
        updated_at: change.now,
        version: Version::FIRST,
    };
    let rows = change.rows();
    let taken = "another service account of this organization has this name";
    let added = rows.add_account(&account).await;
    added.map_err(|error| Problem::of_write(error, taken))?;
    if !meaning.roles.is_empty() {
        let roles: Vec<_> = meaning.roles.iter().map(|role| role.id).collect();
        rows.replace_roles(within.id(), account.id, &roles).await?;
    }
    if !meaning.access.grants().is_empty() {
        let holder = Holder::Account(account.id);
        rows.replace_access(within.id(), holder, Some(&meaning.access))
            .await?;
    }
    change.reread(&account).await
}

fn changes(made: &DescribedAccount, issued: Option<&IssuedCredential>) -> Changes {
    let account = &made.account;
    let seconds = account
        .max_token_lifetime
        .map(|lifetime| lifetime.as_secs());
    let roles: Vec<_> = made.roles.iter().map(Name::as_str).collect();
    let credential = issued.map(|issued| issued.credential.credential.id.to_string());
    let labels: Value = account.labels.clone().into_iter().collect();
    let end = account.expires_at.map(|end| end.to_string());
    Changes::default()
        .with("name", Value::Null, account.name.as_str())
        .with("email", Value::Null, account.email.as_str())
        .with("description", Value::Null, account.description.clone())
        .with("owner", Value::Null, account.owner.clone())
        .with("labels", Value::Null, labels)
        .with("expires_at", Value::Null, end)
        .with("max_token_lifetime_seconds", Value::Null, seconds)
        .with("access", Value::Null, made.access.to_json())
        .with("roles", Value::Null, roles)
        .with("credential", Value::Null, credential)
}

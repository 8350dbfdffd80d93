//! The way back in: a new credential for the account `administrator`, for whoever sits at the server's
//! own machine.
//!
//! No call of the admin API takes away the last one who administers everything (`administrators`), and
//! yet a leak that is reported ends the last secret, and people lose theirs. Whoever can read the data
//! and `keys/` has all of it in their hands anyway, so no more is asked of them than that.
//!
//! The account has again what `init` gave it: it and its organization are active, an end that has passed
//! is taken away, and it holds all of `ostler` on every organization. What else it holds stays. Where it
//! was deleted (or has another name now) it is made anew, and is another identity.
//!
//! Where anything was given back, every other credential and API token of the account is taken back for
//! good, with its tokens: they were made for less, and nobody knows who holds them by now. Where the
//! account was as it should be, they are left alone.

mod restored;

pub use restored::Restored;

use std::iter;

use serde_json::Value;

use crate::domain::access::Access;
use crate::domain::account::ServiceAccount;
use crate::domain::audit::Changes;
use crate::domain::credential::Credential;
use crate::domain::id::ClientId;
use crate::domain::name::Label;
use crate::domain::organization::DEFAULT_ORGANIZATION;
use crate::domain::organization::Organization;
use crate::domain::organization::Status;
use crate::domain::role;
use crate::domain::role::AdminScope;
use crate::domain::role::OSTLER_API;
use crate::domain::rotation::Lifetime;
use crate::domain::secret::Secret;
use crate::store::AccessOf;
use crate::store::Holder;
use crate::store::Lookup;

use super::App;
use super::access::Book;
use super::accounts;
use super::administrators;
use super::audited::AuditedChange;
use super::authority::Caller;
use super::authority::InOrganization;
use super::credentials;
use super::credentials::NewCredential;
use super::directory::Touched;
use super::init;
use super::init::ADMINISTRATOR;
use super::problem::Problem;
use super::to_completion;

/// The command that asks for it, as audit events name it.
pub const COMMAND: &str = "admin recover";

/// A credential that administers everything: the secret is shown once.
pub struct Recovered {
    /// Its `client_id`.
    pub client_id: ClientId,
    /// Its secret. It ends when that of any new credential would.
    pub secret: Secret,
    /// What was not as `init` had made it.
    pub restored: Vec<Restored>,
}

/// Makes a new credential for the account `administrator` of the first organization, and gives the
/// account back what it needs for that.
pub async fn recover(app: &App) -> Result<Recovered, Problem> {
    let caller = Caller::local(COMMAND);
    let within = caller
        .in_organization(app, DEFAULT_ORGANIZATION, AdminScope::AccessWrite)
        .await?;
    to_completion(async move {
        let mut recovery = Recovery {
            change: within.begin().await?,
            within,
            restored: Vec::new(),
            changes: Changes::default(),
        };
        let organization = recovery.restore_organization().await?;
        let account = match recovery.find_account().await? {
            None => recovery.make_account(&organization).await?,
            Some(account) => recovery.restore_account(account).await?,
        };
        recovery.finish(account).await
    })
    .await
}

/// The change, and what it comes to.
struct Recovery {
    within: InOrganization,
    change: AuditedChange,
    restored: Vec<Restored>,
    changes: Changes,
}

impl Recovery {
    async fn restore_organization(&mut self) -> Result<Organization, Problem> {
        let lookup = Lookup::Id(self.within.id());
        let found = self.change.rows().find_organization(&lookup).await?;
        let found = found.ok_or(Problem::NotFound("organization"))?;
        if found.status == Status::Active {
            return Ok(found);
        }
        let before = found.status.as_str();
        let organization = Organization {
            status: Status::Active,
            ..found
        };
        let rows = self.change.rows();
        rows.update_organization(&organization).await?;
        self.change
            .open
            .touch(Touched::Organization(organization.id));
        let after = organization.status.as_str();
        self.note(Restored::Organization, "organization_status", before, after);
        Ok(organization)
    }

    async fn find_account(&mut self) -> Result<Option<ServiceAccount>, Problem> {
        let lookup = Lookup::Name(ADMINISTRATOR.to_owned());
        let rows = self.change.rows();
        Ok(rows.find_account(self.within.id(), &lookup).await?)
    }

    /// Makes the account. The quota of the organization is no reason to stay locked out.
    async fn make_account(
        &mut self,
        organization: &Organization,
    ) -> Result<ServiceAccount, Problem> {
        let host = self.within.app.config.server.issuer.host();
        let now = self.change.now;
        let account = init::administrator(organization, host, "ostler admin recover", now);
        let added = self.change.rows().add_account(&account).await;
        let taken = "another service account of this organization has this name";
        added.map_err(|error| Problem::of_write(error, taken))?;
        self.replace_access(&account, &Access::NOTHING, &role::everything())
            .await?;
        let email = account.email.as_str();
        self.note(Restored::Account, "email", Value::Null, email);
        Ok(account)
    }

    async fn restore_account(
        &mut self,
        account: ServiceAccount,
    ) -> Result<ServiceAccount, Problem> {
        self.restore_status(&account).await?;
        self.restore_end(&account).await?;
        self.restore_access(&account).await?;
        if !self.restored.is_empty() {
            self.revoke_others(&account).await?;
        }
        Ok(account)
    }

    async fn restore_status(&mut self, account: &ServiceAccount) -> Result<(), Problem> {
        if account.status == Status::Active {
            return Ok(());
        }
        let (now, active) = (self.change.now, Status::Active);
        let rows = self.change.rows();
        rows.set_account_status(account.organization, account.id, active, now)
            .await?;
        let before = account.status.as_str();
        self.note(Restored::Status, "status", before, active.as_str());
        Ok(())
    }

    async fn restore_end(&mut self, account: &ServiceAccount) -> Result<(), Problem> {
        let now = self.change.now;
        let Some(end) = account.expires_at.filter(|end| *end <= now) else {
            return Ok(());
        };
        let endless = ServiceAccount {
            expires_at: None,
            updated_at: now,
            ..account.clone()
        };
        let written = self.change.rows().update_account(&endless).await;
        written.map_err(|error| Problem::of_write(error, "the name is taken"))?;
        self.note(Restored::End, "expires_at", end.to_string(), Value::Null);
        Ok(())
    }

    /// Its own grants of `ostler` are replaced by the one that is more than all of them.
    async fn restore_access(&mut self, account: &ServiceAccount) -> Result<(), Problem> {
        let held = accounts::holdings(&mut self.change, account).await?;
        if administrators::administers_all(&held.access()) {
            return Ok(());
        }
        let others = held.own.grants().iter();
        let others = others.filter(|grant| grant.api != OSTLER_API).cloned();
        let after: Access = others.chain([role::everything_grant()]).collect();
        self.replace_access(account, &held.own, &after).await?;
        let of = AccessOf::Account(account.id);
        self.change.note_access_change(of).await?;
        self.restored.push(Restored::Access);
        Ok(())
    }

    async fn replace_access(
        &mut self,
        account: &ServiceAccount,
        before: &Access,
        after: &Access,
    ) -> Result<(), Problem> {
        let mut book = Book::new(&self.within);
        let (rows, holder) = (self.change.rows(), Holder::Account(account.id));
        book.learn(rows, after).await?;
        rows.replace_access(account.organization, holder, Some(after))
            .await?;
        let told = |access| book.describe(access).to_json();
        self.tell("access", told(before), told(after));
        Ok(())
    }

    async fn revoke_others(&mut self, account: &ServiceAccount) -> Result<(), Problem> {
        let now = self.change.now;
        let rows = self.change.rows();
        let count = rows.revoke_all_credentials(account.organization, account.id, now);
        let count = count.await?;
        self.change.kill_tokens_of(account).await?;
        self.tell("credentials_revoked", Value::Null, count);
        self.tell("tokens_revoked", false, true);
        Ok(())
    }

    /// Makes the credential, and all of it durable.
    async fn finish(mut self, account: ServiceAccount) -> Result<Recovered, Problem> {
        let (app, change) = (&self.within.app, &mut self.change);
        let rows = change.rows();
        let known = rows.list_credentials(account.organization, account.id);
        let new = NewCredential {
            name: free_name(&known.await?),
            lifetime: Lifetime::Usual,
            allowed_networks: Vec::new(),
            access: None,
        };
        // However many there are: each takes a person at the machine, and ends by itself.
        let added = credentials::add(app, change, &account, &new, None).await?;
        let issued = added.describe(&Book::new(&self.within), change.now);
        let credential = issued.credential.credential;
        self.tell("credential", Value::Null, credential.id.to_string());
        self.tell("client_id", Value::Null, credential.client_id.to_string());
        let target = accounts::target(&account);
        let action = "service_account.recover";
        self.change.commit(action, target, self.changes).await?;
        Ok(Recovered {
            client_id: credential.client_id,
            secret: issued.secret,
            restored: self.restored,
        })
    }

    fn note(
        &mut self,
        restored: Restored,
        field: &'static str,
        before: impl Into<Value>,
        after: impl Into<Value>,
    ) {
        self.restored.push(restored);
        self.tell(field, before, after);
    }

    fn tell(&mut self, field: &'static str, before: impl Into<Value>, after: impl Into<Value>) {
        let changes = std::mem::take(&mut self.changes);
        self.changes = changes.with(field, before, after);
    }
}

/// A name that no credential of the account has: `recovered`, `recovered-2` and so on.
fn free_name(known: &[Credential]) -> Label {
    let numbered = (2..).map(|number: u32| format!("recovered-{number}"));
    let mut names = iter::once("recovered".to_owned()).chain(numbered);
    let is_free = |name: &String| known.iter().all(|other| other.name.as_str() != name);
    let name = names.find(is_free).unwrap_or_default();
    Label::parse(&name).expect("a built-in name follows the rule")
}

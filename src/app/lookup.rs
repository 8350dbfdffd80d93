//! What a path segment or a member of a body may name: a thing by its id, or by its name.
//!
//! A text that can be neither names nothing, and is not looked up: so nothing that breaks a rule (a
//! NUL, say) ever reaches the database.

use crate::domain::account::ServiceAccount;
use crate::domain::api::ApiRecord;
use crate::domain::api_token::ApiToken;
use crate::domain::credential::Credential;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::ApiTokenId;
use crate::domain::id::CredentialId;
use crate::domain::id::GroupId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;
use crate::domain::name::AccountName;
use crate::domain::name::Label;
use crate::domain::name::Name;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::store::Change;
use crate::store::Lookup;
use crate::store::ResourceLookup;

use super::authority::InOrganization;
use super::problem::Problem;

/// An organization.
pub fn organization(text: &str) -> Option<Lookup<OrganizationId>> {
    by_name(text)
}

/// An API.
pub fn api(text: &str) -> Option<Lookup<ApiId>> {
    by_name(text)
}

/// A role.
pub fn role(text: &str) -> Option<Lookup<RoleId>> {
    by_name(text)
}

/// A group.
pub fn group(text: &str) -> Option<Lookup<GroupId>> {
    by_name(text)
}

/// A service account, whose name is compared without case.
pub fn account(text: &str) -> Option<Lookup<AccountId>> {
    text.parse().map(Lookup::Id).ok().or_else(|| {
        let name = AccountName::parse(text).ok()?;
        Some(Lookup::Name(name.folded()))
    })
}

/// A credential of an account.
pub fn credential(text: &str) -> Option<Lookup<CredentialId>> {
    text.parse().map(Lookup::Id).ok().or_else(|| {
        let name = Label::parse(text).ok()?;
        Some(Lookup::Name(name.as_str().to_owned()))
    })
}

/// An API token of an account.
pub fn api_token(text: &str) -> Option<Lookup<ApiTokenId>> {
    text.parse().map(Lookup::Id).ok().or_else(|| {
        let name = Label::parse(text).ok()?;
        Some(Lookup::Name(name.as_str().to_owned()))
    })
}

/// A resource of an API: an id, or `type:key`.
pub fn resource(text: &str) -> Option<ResourceLookup> {
    text.parse().map(ResourceLookup::Id).ok().or_else(|| {
        let (kind, key) = text.split_once(':')?;
        let kind = ResourceType::parse(kind).ok()?;
        let key = ResourceKey::parse(key).ok()?;
        Some(ResourceLookup::Key(kind, key))
    })
}

fn by_name<Id: std::str::FromStr>(text: &str) -> Option<Lookup<Id>> {
    text.parse().map(Lookup::Id).ok().or_else(|| {
        let name = Name::parse(text).ok()?;
        Some(Lookup::Name(name.as_str().to_owned()))
    })
}

impl InOrganization {
    /// An account of the organization.
    pub(super) async fn account(&self, text: &str) -> Result<ServiceAccount, Problem> {
        let unknown = || Problem::NotFound("service account");
        let lookup = account(text).ok_or_else(unknown)?;
        let found = self.app.store.find_account(self.id(), &lookup).await?;
        found.ok_or_else(unknown)
    }

    /// An account of the organization, inside a change.
    pub(super) async fn account_in(
        &self,
        rows: &mut dyn Change,
        text: &str,
    ) -> Result<ServiceAccount, Problem> {
        let unknown = || Problem::NotFound("service account");
        let lookup = account(text).ok_or_else(unknown)?;
        let found = rows.find_account(self.id(), &lookup).await?;
        found.ok_or_else(unknown)
    }

    /// A credential of an account.
    pub(super) async fn credential(
        &self,
        owner: AccountId,
        text: &str,
    ) -> Result<Credential, Problem> {
        let unknown = || Problem::NotFound("credential");
        let lookup = credential(text).ok_or_else(unknown)?;
        let store = &self.app.store;
        let found = store.find_credential(self.id(), owner, &lookup).await?;
        found.ok_or_else(unknown)
    }

    /// A credential of an account, inside a change.
    pub(super) async fn credential_in(
        &self,
        rows: &mut dyn Change,
        owner: AccountId,
        text: &str,
    ) -> Result<Credential, Problem> {
        let unknown = || Problem::NotFound("credential");
        let lookup = credential(text).ok_or_else(unknown)?;
        let found = rows.find_credential(self.id(), owner, &lookup).await?;
        found.ok_or_else(unknown)
    }

    /// An API token of an account.
    pub(super) async fn api_token(
        &self,
        owner: AccountId,
        text: &str,
    ) -> Result<ApiToken, Problem> {
        let unknown = || Problem::NotFound("API token");
        let lookup = api_token(text).ok_or_else(unknown)?;
        let store = &self.app.store;
        let found = store.find_api_token(self.id(), owner, &lookup).await?;
        found.ok_or_else(unknown)
    }

    /// An API token of an account, inside a change.
    pub(super) async fn api_token_in(
        &self,
        rows: &mut dyn Change,
        owner: AccountId,
        text: &str,
    ) -> Result<ApiToken, Problem> {
        let unknown = || Problem::NotFound("API token");
        let lookup = api_token(text).ok_or_else(unknown)?;
        let found = rows.find_api_token(self.id(), owner, &lookup).await?;
        found.ok_or_else(unknown)
    }

    /// An API of the organization.
    pub(super) async fn api(&self, text: &str) -> Result<ApiRecord, Problem> {
        let unknown = || Problem::NotFound("API");
        let lookup = api(text).ok_or_else(unknown)?;
        let found = self.app.store.find_api(self.id(), &lookup).await?;
        found.ok_or_else(unknown)
    }

    /// An API of the organization, inside a change.
    pub(super) async fn api_in(
        &self,
        rows: &mut dyn Change,
        text: &str,
    ) -> Result<ApiRecord, Problem> {
        let unknown = || Problem::NotFound("API");
        let lookup = api(text).ok_or_else(unknown)?;
        let found = rows.find_api(self.id(), &lookup).await?;
        found.ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_id_is_one_and_the_rest_is_a_name_that_could_exist() {
        let id = OrganizationId::generate(1, 1);
        assert_eq!(organization(&id.to_string()), Some(Lookup::Id(id)));
        assert_eq!(
            organization("default"),
            Some(Lookup::Name("default".into()))
        );
        for nothing in ["", "a\0b", "Default", "org_x", "a/b", "é"] {
            assert_eq!(organization(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn an_account_is_found_without_regard_to_case() {
        assert_eq!(
            account("CI-Deployer"),
            Some(Lookup::Name("ci-deployer".into()))
        );
        assert_eq!(account("a\0bcdef"), None);
    }

    #[test]
    fn a_resource_is_an_id_or_its_type_and_key() {
        let kind = ResourceType::parse("project").unwrap();
        let key = ResourceKey::parse("a:b").unwrap();
        assert_eq!(
            resource("project:a:b"),
            Some(ResourceLookup::Key(kind, key))
        );
        assert_eq!(resource("project"), None);
        assert_eq!(resource("project:"), None);
    }
}

//! Roles: named bundles of access, of which three are built in code; and the scopes of the built-in
//! API `ostler`.
//!
//! `ostler` is the API of this very server: its audience is the issuer, the instance owns it and
//! nobody changes it, so a service account can administer. Its resource types are `organization`
//! (organization ids) and `api` (API ids, for `introspect`).

use super::access::Access;
use super::access::Grant;
use super::access::Restrictions;
use super::api::Api;
use super::api::Audience;
use super::api::TokenSettings;
use super::id::ApiId;
use super::id::OrganizationId;
use super::id::RoleId;
use super::name::Name;
use super::resource::Identifiers;
use super::resource::ResourceKey;
use super::resource::ResourceType;
use super::scope::Scope;
use super::scope::ScopeSet;
use super::version::EntityTag;
use super::version::Version;
use super::version::Versioned;

/// The id of the built-in API.
pub const OSTLER_API: ApiId = ApiId::from_bits(0);

/// The name of the built-in API; no other API may have it.
pub const OSTLER_NAME: &str = "ostler";

/// The resource type whose keys are organization ids.
pub const ORGANIZATION_TYPE: &str = "organization";

/// The resource type whose keys are API ids.
pub const API_TYPE: &str = "api";

/// A scope of the built-in API.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AdminScope {
    /// `accounts:read`.
    AccountsRead,
    /// `accounts:write`.
    AccountsWrite,
    /// `credentials:write`.
    CredentialsWrite,
    /// `access:write`.
    AccessWrite,
    /// `apis:read`.
    ApisRead,
    /// `apis:write`.
    ApisWrite,
    /// `keys:read`.
    KeysRead,
    /// `keys:write`.
    KeysWrite,
    /// `audit:read`.
    AuditRead,
    /// `organizations:read`.
    OrganizationsRead,
    /// `organizations:write`.
    OrganizationsWrite,
    /// `system:read`.
    SystemRead,
    /// `introspect`.
    Introspect,
}

impl AdminScope {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::AccountsRead,
        Self::AccountsWrite,
        Self::CredentialsWrite,
        Self::AccessWrite,
        Self::ApisRead,
        Self::ApisWrite,
        Self::KeysRead,
        Self::KeysWrite,
        Self::AuditRead,
        Self::OrganizationsRead,
        Self::OrganizationsWrite,
        Self::SystemRead,
        Self::Introspect,
    ];

    /// The scope in a token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccountsRead => "accounts:read",
            Self::AccountsWrite => "accounts:write",
            Self::CredentialsWrite => "credentials:write",
            Self::AccessWrite => "access:write",
            Self::ApisRead => "apis:read",
            Self::ApisWrite => "apis:write",
            Self::KeysRead => "keys:read",
            Self::KeysWrite => "keys:write",
            Self::AuditRead => "audit:read",
            Self::OrganizationsRead => "organizations:read",
            Self::OrganizationsWrite => "organizations:write",
            Self::SystemRead => "system:read",
            Self::Introspect => "introspect",
        }
    }

    /// What it opens, in a few words.
    pub fn opens(self) -> &'static str {
        match self {
            Self::AccountsRead => {
                "Read accounts, credentials, API tokens, access, roles, groups, usage and findings"
            }
            Self::AccountsWrite => {
                "Create, edit, disable, enable and delete accounts; revoke tokens"
            }
            Self::CredentialsWrite => "Change credentials, secrets and API tokens",
            Self::AccessWrite => "Change access, roles, groups and their members",
            Self::ApisRead => "Read APIs, their scopes and resources",
            Self::ApisWrite => "Change APIs, their scopes and resources",
            Self::KeysRead => "Read the signing keys",
            Self::KeysWrite => "Change the signing keys",
            Self::AuditRead => "Read, verify and export audit events",
            Self::OrganizationsRead => "Read organizations",
            Self::OrganizationsWrite => "Create and change organizations",
            Self::SystemRead => "Read what the server says of itself",
            Self::Introspect => "Introspect tokens",
        }
    }

    /// The scope of this text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// Whether a token with `scopes` opens what this scope opens: `x:write` implies `x:read`.
    pub fn is_held_in(self, scopes: &ScopeSet) -> bool {
        let implied_by_write = || {
            let write = self
                .as_str()
                .strip_suffix(":read")
                .map(|stem| format!("{stem}:write"));
            write.is_some_and(|write| scopes.has(&write))
        };
        scopes.has(self.as_str()) || implied_by_write()
    }
}

/// The set with every `x:read` that an `x:write` in it implies, among the scopes of `ostler`.
pub fn with_implied(scopes: &ScopeSet) -> ScopeSet {
    AdminScope::ALL
        .into_iter()
        .filter(|scope| scope.is_held_in(scopes))
        .filter_map(|scope| Scope::parse(scope.as_str()).ok())
        .chain(scopes.iter().cloned())
        .collect()
}

fn scope_set(scopes: impl IntoIterator<Item = AdminScope>) -> ScopeSet {
    scopes
        .into_iter()
        .filter_map(|scope| Scope::parse(scope.as_str()).ok())
        .collect()
}

fn resource_type(text: &str) -> ResourceType {
    ResourceType::parse(text).expect("the built-in resource types follow the rule")
}

/// The built-in API of the server with this issuer.
pub fn ostler_api(issuer: &Audience) -> Api {
    Api {
        id: OSTLER_API,
        organization: None,
        name: Name::parse(OSTLER_NAME).expect("the built-in name follows the rule"),
        audience: issuer.clone(),
        scopes: scope_set(AdminScope::ALL),
        resource_types: vec![resource_type(API_TYPE), resource_type(ORGANIZATION_TYPE)],
        token: TokenSettings::default(),
    }
}

/// A grant of `ostler` with these scopes on these organizations, and every API in them.
pub fn ostler_grant(scopes: ScopeSet, organizations: Identifiers) -> Grant {
    Grant {
        api: OSTLER_API,
        scopes,
        resources: Restrictions::from_iter([
            (resource_type(ORGANIZATION_TYPE), organizations),
            (resource_type(API_TYPE), Identifiers::All),
        ]),
    }
}

/// Every scope on every organization.
pub fn everything_grant() -> Grant {
    ostler_grant(scope_set(AdminScope::ALL), Identifiers::All)
}

/// What the first administrator holds: every scope on every organization.
pub fn everything() -> Access {
    Access::from_iter([everything_grant()])
}

/// A named bundle of access, given to accounts and to groups.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// The organization whose accounts may have it.
    pub organization: OrganizationId,
    /// Its name, unique in the organization.
    pub name: Name,
    /// What it is for.
    pub description: Option<String>,
    /// What it grants.
    pub access: Access,
    /// Raised by every change of it.
    pub version: Version,
}

impl Versioned for Role {
    fn tag(&self) -> EntityTag {
        EntityTag::of(self.id, self.version)
    }
}

impl Role {
    /// Whether every organization has it, and nobody changes it.
    pub fn is_built_in(&self) -> bool {
        BuiltInRole::of_id(self.id).is_some()
    }
}

/// A role where only its name is meant.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct NamedRole {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: Name,
}

/// A role that every organization has. It means the account's own organization.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum BuiltInRole {
    /// Every scope.
    Owner,
    /// All but `organizations:write` and `keys:write`.
    Operator,
    /// The reading ones, not `introspect`.
    Auditor,
}

impl BuiltInRole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Operator, Self::Auditor];

    /// The name in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Its id, the same in every organization. It comes before the ids that are generated.
    pub const fn id(self) -> RoleId {
        RoleId::from_bits(match self {
            Self::Owner => 1,
            Self::Operator => 2,
            Self::Auditor => 3,
        })
    }

    /// The role of this id.
    pub fn of_id(id: RoleId) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id() == id)
    }

    fn description(self) -> &'static str {
        match self {
            Self::Owner => "Built in: administers everything in the organization.",
            Self::Operator => {
                "Built in: administers everything in the organization, but neither the \
                 organization itself nor signing keys."
            }
            Self::Auditor => "Built in: reads what administrators see in the organization.",
        }
    }

    /// As a role of `organization`.
    pub fn of(self, organization: OrganizationId) -> Role {
        Role {
            id: self.id(),
            organization,
            name: Name::parse(self.as_str()).expect("the built-in names follow the rule"),
            description: Some(self.description().to_owned()),
            access: Access::from_iter([self.grant(organization)]),
            version: Version::FIRST,
        }
    }

    /// The scopes of `ostler` that it holds.
    pub fn scopes(self) -> ScopeSet {
        let held = |scope: &AdminScope| match self {
            Self::Owner => true,
            Self::Operator => !matches!(
                scope,
                AdminScope::OrganizationsWrite | AdminScope::KeysWrite
            ),
            Self::Auditor => scope.as_str().ends_with(":read"),
        };
        scope_set(AdminScope::ALL.into_iter().filter(held))
    }

    /// What it grants to an account of `organization`.
    pub fn grant(self, organization: OrganizationId) -> Grant {
        let own = ResourceKey::parse(&organization.to_string()).ok();
        ostler_grant(
            self.scopes(),
            Identifiers::Listed(own.into_iter().collect()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_implies_reading() {
        let scopes = ScopeSet::parse("accounts:write introspect").unwrap();
        assert!(AdminScope::AccountsRead.is_held_in(&scopes));
        assert!(!AdminScope::ApisRead.is_held_in(&scopes));
        assert_eq!(
            with_implied(&scopes).to_string(),
            "accounts:read accounts:write introspect"
        );
    }

    #[test]
    fn the_built_in_roles_hold_what_the_contract_says() {
        assert_eq!(BuiltInRole::Owner.scopes().len(), 13);
        assert_eq!(BuiltInRole::Operator.scopes().len(), 11);
        assert_eq!(
            BuiltInRole::Auditor.scopes().to_string(),
            "accounts:read apis:read audit:read keys:read organizations:read system:read"
        );
    }
}

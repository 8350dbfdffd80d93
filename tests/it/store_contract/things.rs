//! Things to put in a store.

use std::time::Duration;

use jiff::Timestamp;
use ostler::domain::access::Access;
use ostler::domain::access::Grant;
use ostler::domain::access::Restrictions;
use ostler::domain::account::ServiceAccount;
use ostler::domain::api::Api;
use ostler::domain::api::ApiRecord;
use ostler::domain::api::Audience;
use ostler::domain::api::DescribedScope;
use ostler::domain::api::TokenSettings;
use ostler::domain::audit::Actor;
use ostler::domain::audit::AuditDraft;
use ostler::domain::audit::AuditResult;
use ostler::domain::audit::Chain;
use ostler::domain::audit::Changes;
use ostler::domain::audit::Target;
use ostler::domain::credential::Credential;
use ostler::domain::credential::CredentialKind;
use ostler::domain::group::Group;
use ostler::domain::id::AccountId;
use ostler::domain::id::ApiId;
use ostler::domain::id::ClientId;
use ostler::domain::id::CredentialId;
use ostler::domain::id::EventId;
use ostler::domain::id::GroupId;
use ostler::domain::id::OrganizationId;
use ostler::domain::id::ResourceId;
use ostler::domain::id::RoleId;
use ostler::domain::id::SecretId;
use ostler::domain::name::AccountName;
use ostler::domain::name::Label;
use ostler::domain::name::Name;
use ostler::domain::organization::Generation;
use ostler::domain::organization::LeakReport;
use ostler::domain::organization::Organization;
use ostler::domain::organization::Policy;
use ostler::domain::organization::Status;
use ostler::domain::resource::Identifiers;
use ostler::domain::resource::Resource;
use ostler::domain::resource::ResourceKey;
use ostler::domain::resource::ResourceType;
use ostler::domain::role::NamedRole;
use ostler::domain::role::Role;
use ostler::domain::scope::Scope;
use ostler::domain::scope::ScopeSet;
use ostler::domain::secret::PepperId;
use ostler::domain::secret::SecretHash;
use ostler::domain::secret::StoredSecret;
use ostler::domain::token::Epoch;
use ostler::domain::version::Version;
use ostler::store::Instance;
use ostler::store::Page;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;

/// An instant, in seconds.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// 128 bits that no other id has.
pub fn bits() -> u128 {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).unwrap();
    u128::from_le_bytes(bytes)
}

/// What `init` writes.
pub fn instance() -> Instance {
    Instance {
        epoch: Epoch::from_random([7; 8]),
        pepper: PepperId([1; 8]),
        initialized_at: Some(at(1_000)),
    }
}

/// An organization.
pub fn organization(name: &str) -> Organization {
    Organization {
        id: OrganizationId::generate(1_000, bits()),
        name: Name::parse(name).unwrap(),
        status: Status::Active,
        generation: Generation::FIRST,
        max_service_accounts: Some(250),
        policy: Policy {
            leak_report: LeakReport::Finding,
            allow_never_expires: false,
            max_token_lifetime: Some(Duration::from_secs(77)),
        },
        created_at: at(1_000),
        version: Version::FIRST,
    }
}

/// An account.
pub fn account(organization: OrganizationId, name: &str) -> ServiceAccount {
    let id = AccountId::generate(1_000, bits());
    ServiceAccount {
        id,
        organization,
        name: AccountName::parse(name).unwrap(),
        email: format!("{name}-{id}@example.serviceaccount.localhost"),
        description: Some("Deploys, “often” \u{1F680}".to_owned()),
        owner: None,
        labels: [("team".to_owned(), "größe".to_owned())].into(),
        status: Status::Active,
        generation: Generation::FIRST,
        expires_at: Some(at(9_000)),
        max_token_lifetime: Some(Duration::from_mins(5)),
        created_at: at(1_000),
        updated_at: at(1_001),
        version: Version::FIRST,
    }
}

/// A secret.
pub fn secret(second: i64) -> StoredSecret {
    let id = SecretId::generate(1_000, bits());
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(&bits().to_le_bytes());
    StoredSecret {
        id,
        hash: SecretHash::from_bytes(hash),
        pepper: PepperId([1; 8]),
        hint: "aB3x".to_owned(),
        created_at: at(second),
        ends_at: Some(at(second + 500)),
        revoked_at: None,
    }
}

/// A credential with one secret.
pub fn credential(account: &ServiceAccount, name: &str) -> Credential {
    Credential {
        id: CredentialId::generate(1_000, bits()),
        organization: account.organization,
        account: account.id,
        client_id: ClientId::generate(1_000, bits()),
        kind: CredentialKind::ClientSecret,
        name: Label::parse(name).unwrap(),
        status: Status::Active,
        generation: Generation::FIRST,
        allowed_networks: vec![
            "10.0.0.0/8".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ],
        narrowing: None,
        created_at: at(1_000),
        version: Version::FIRST,
        secrets: vec![secret(1_000)],
    }
}

/// An API with the scopes `read` and `write` and the resource type `project`.
pub fn api(organization: OrganizationId, name: &str) -> ApiRecord {
    let scopes = ScopeSet::parse("read write").unwrap();
    let described = |scope: &Scope| {
        let description = format!("to {scope}");
        DescribedScope::new(scope.clone(), Some(description))
    };
    ApiRecord {
        described_scopes: scopes.iter().map(described).collect(),
        api: Api {
            id: ApiId::generate(1_000, bits()),
            organization: Some(organization),
            name: Name::parse(name).unwrap(),
            audience: Audience::parse(&format!("https://{name}.example")).unwrap(),
            scopes,
            resource_types: vec![project()],
            token: TokenSettings::default(),
        },
        created_at: at(1_000),
        version: Version::FIRST,
    }
}

/// A resource of type `project`.
pub fn resource(api: ApiId, key: &str) -> Resource {
    Resource {
        id: ResourceId::generate(1_000, bits()),
        api,
        resource_type: project(),
        key: ResourceKey::parse(key).unwrap(),
        name: Some(Label::parse("The project").unwrap()),
        version: Version::FIRST,
    }
}

/// A role.
pub fn role(organization: OrganizationId, name: &str, access: Access) -> Role {
    Role {
        id: RoleId::generate(1_000, bits()),
        organization,
        name: Name::parse(name).unwrap(),
        description: Some("What “it” is for".to_owned()),
        access,
        version: Version::FIRST,
    }
}

/// A group without roles and members.
pub fn group(organization: OrganizationId, name: &str) -> Group {
    Group {
        id: GroupId::generate(1_000, bits()),
        organization,
        name: Name::parse(name).unwrap(),
        description: None,
        roles: Vec::new(),
        member_count: 0,
        version: Version::FIRST,
    }
}

/// These roles by name, in the order of their ids.
pub fn named<const N: usize>(roles: [&Role; N]) -> Vec<NamedRole> {
    let named = roles.map(|role| NamedRole {
        id: role.id,
        name: role.name.clone(),
    });
    let mut named = named.to_vec();
    named.sort();
    named
}

/// The resource type `project`.
pub fn project() -> ResourceType {
    ResourceType::parse("project").unwrap()
}

/// A grant on some projects.
pub fn grant(api: ApiId, scopes: &str, projects: Identifiers) -> Grant {
    Grant {
        api,
        scopes: ScopeSet::parse(scopes).unwrap(),
        resources: Restrictions::from_iter([(project(), projects)]),
    }
}

/// Access of these grants.
pub fn access<const N: usize>(grants: [Grant; N]) -> Access {
    Access::from_iter(grants)
}

/// These keys.
pub fn listed<const N: usize>(keys: [&str; N]) -> Identifiers {
    Identifiers::listed(keys).unwrap()
}

/// An event of an organization.
pub fn event_of(organization: OrganizationId) -> AuditDraft {
    event(Chain::Organization(organization))
}

/// An event, at an instant that is not whole in milliseconds.
pub fn event(chain: Chain) -> AuditDraft {
    AuditDraft {
        id: EventId::generate(1_000, bits()),
        chain,
        at: Timestamp::new(1_000, 123_456_789).unwrap(),
        actor: Actor {
            kind: "service_account",
            id: "sa_x".to_owned(),
            name: "admin".to_owned(),
            credential: Some(ClientId::from_bits(7)),
            address: Some("192.0.2.1".to_owned()),
            user_agent: None,
        },
        action: "thing.change",
        target: Target {
            kind: "thing",
            id: "thing_1".to_owned(),
            name: "Thing “1”".to_owned(),
        },
        result: AuditResult::Success,
        count: 1,
        request_id: None,
        changes: Changes::default().with("status", "active", "disabled"),
    }
}

/// The first page, as long as any.
pub fn first_page<Id>() -> Page<Id> {
    Page {
        limit: 201,
        after: None,
    }
}

//! A small world for the tests of this module: an organization with two APIs and one client.

use std::sync::Arc;

use jiff::Timestamp;
use smallvec::smallvec;

use crate::domain::access::Access;
use crate::domain::access::Grant;
use crate::domain::api::Api;
use crate::domain::api::Audience;
use crate::domain::api::TokenSettings;
use crate::domain::client::Client;
use crate::domain::client::ClientSecret;
use crate::domain::credential::CredentialKind;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::ClientId;
use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;
use crate::domain::id::SecretId;
use crate::domain::liveness::Standing;
use crate::domain::name::Name;
use crate::domain::organization::Generation;
use crate::domain::organization::Status;
use crate::domain::resource::Identifiers;
use crate::domain::resource::ResourceType;
use crate::domain::role;
use crate::domain::scope::ScopeSet;
use crate::domain::secret::PepperId;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretHash;
use crate::domain::secret::SecretKind;
use crate::domain::token::Epoch;

use super::authorization::Authorization;
use super::client_auth::AuthenticatedClient;
use super::client_auth::PresentedCredential;
use super::client_auth::authenticate;
use super::form::Form;

pub const ISSUER: &str = "https://auth.example";
pub const JIRA: &str = "https://jira.example";
pub const WIKI: &str = "https://wiki.example";
pub const JIRA_ID: ApiId = ApiId::from_bits(11);
pub const WIKI_ID: ApiId = ApiId::from_bits(12);
pub const HOME: OrganizationId = OrganizationId::from_bits(1);
pub const PEPPER: PepperId = PepperId([7; 8]);

/// The second `n` of the epoch.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The `n`th secret.
pub fn secret(n: u8) -> Secret {
    Secret::from_random(SecretKind::ClientSecret, &[n; 32])
}

/// Stands in for the HMAC: the first random characters say which secret it is.
pub fn hash(secret: &Secret) -> (PepperId, SecretHash) {
    let mut bytes = [1; 32];
    bytes.copy_from_slice(&secret.expose().as_bytes()[15..47]);
    (PEPPER, SecretHash::from_bytes(bytes))
}

pub fn stored(n: u8, ends_at: Option<i64>) -> ClientSecret {
    let (pepper, hash) = hash(&secret(n));
    ClientSecret {
        id: SecretId::from_bits(n.into()),
        hash,
        pepper,
        ends_at: ends_at.map(at),
    }
}

pub fn form(body: &str) -> Form<'_> {
    Form::parse(
        [&b"application/x-www-form-urlencoded"[..]],
        None,
        body.as_bytes(),
    )
    .unwrap()
}

pub fn api(id: ApiId, name: &str, audience: &str, scopes: &str, types: &[&str]) -> Arc<Api> {
    let types = types.iter().map(|kind| ResourceType::parse(kind).unwrap());
    Arc::new(Api {
        id,
        organization: Some(HOME),
        name: Name::parse(name).unwrap(),
        audience: Audience::parse(audience).unwrap(),
        scopes: ScopeSet::parse(scopes).unwrap(),
        resource_types: types.collect(),
        token: TokenSettings::default(),
    })
}

pub fn jira() -> Arc<Api> {
    api(JIRA_ID, "jira", JIRA, "read write", &["project"])
}

pub fn wiki() -> Arc<Api> {
    api(WIKI_ID, "wiki", WIKI, "read edit", &[])
}

pub fn ostler() -> Arc<Api> {
    Arc::new(role::ostler_api(&Audience::parse(ISSUER).unwrap()))
}

/// `A B` are two keys, `*` is all, the empty text none.
pub fn keys(text: &str) -> Identifiers {
    match text {
        "*" => Identifiers::All,
        list => Identifiers::listed(list.split_ascii_whitespace()).unwrap(),
    }
}

pub fn grant(api: ApiId, scopes: &str, resources: &[(&str, &str)]) -> Grant {
    let resources = resources
        .iter()
        .map(|(kind, text)| (ResourceType::parse(kind).unwrap(), keys(text)));
    Grant {
        api,
        scopes: ScopeSet::parse(scopes).unwrap(),
        resources: resources.collect(),
    }
}

/// A client with secret 1, which never ends, and with these grants.
pub fn client(grants: impl IntoIterator<Item = Grant>) -> Client {
    let access = Access::from_iter(grants);
    let apis = [jira(), wiki()];
    let granted = apis
        .into_iter()
        .filter(|api| access.at(api.id).next().is_some());
    Client {
        organization: HOME,
        account: AccountId::from_bits(2),
        credential: CredentialId::from_bits(3),
        client_id: ClientId::from_bits(4),
        kind: CredentialKind::ClientSecret,
        standing: standing(),
        secrets: smallvec![stored(1, None)],
        allowed_networks: Box::default(),
        organization_max_token_lifetime: None,
        account_max_token_lifetime: None,
        apis: granted.collect(),
        access: Arc::new(access),
    }
}

pub fn standing() -> Standing {
    Standing {
        epoch: Epoch::from_random([1; 8]),
        organization: (Status::Active, Generation(1)),
        account: (Status::Active, Generation(2)),
        account_ends_at: None,
        credential: (Status::Active, Generation(3)),
    }
}

/// The proof that `client` used its secret `n` at second 0.
pub fn authenticated(client: Client, n: u8) -> AuthenticatedClient {
    let body = credentials(client.client_id, n);
    let presented = PresentedCredential::of_request(Authorization::Absent, &form(&body)).unwrap();
    let from = "127.0.0.1".parse().unwrap();
    authenticate(Some(Arc::new(client)), &presented, hash, from, at(0)).unwrap()
}

/// An id and the `n`th secret, in a body.
pub fn credentials(client_id: ClientId, n: u8) -> String {
    format!("client_id={client_id}&client_secret={}", secret(n).expose())
}

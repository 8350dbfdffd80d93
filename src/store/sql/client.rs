//! Clients and tokens, as issuance and introspection see them: one statement each.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::api::Api;
use crate::domain::client::Client;
use crate::domain::client::ClientSecret;
use crate::domain::credential::CredentialKind;
use crate::domain::credential::CredentialRef;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::ClientId;
use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;
use crate::domain::liveness::Standing;
use crate::domain::organization::Generation;
use crate::domain::organization::Status;
use crate::domain::role::BuiltInRole;
use crate::domain::role::OSTLER_API;
use crate::domain::secret::SecretHash;
use crate::domain::signing_key::KeyState;
use crate::domain::token::Epoch;
use crate::domain::token::TokenId;
use crate::store::TokenStanding;

use super::access;
use super::access::Grants;
use super::api;
use super::api::Apis;
use super::facts::Fact;
use super::facts::named;
use super::facts::union;
use super::failure::Answer;
use super::intern::Interned;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::one;
use super::secret;

/// The facts of the client with the id `$1`.
static BY_ID: LazyLock<String> = LazyLock::new(|| facts("client_id = $1"));

/// The facts of the client that has, or had, the secret with the HMAC `$1`.
static BY_SECRET: LazyLock<String> =
    LazyLock::new(|| facts("credential.id = (SELECT credential_id FROM secret WHERE hmac = $1)"));

/// The facts of the client that meets a condition. Grants and APIs read what the account holds; what
/// is left of it after the credential's narrowing is decided here.
fn facts(whose: &str) -> String {
    let client = format!(
        "WITH client AS (
            SELECT credential.id AS of_credential, account_id AS of_account,
                   credential.organization_id AS of_organization
            FROM credential WHERE {whose}
        ), held AS (
            SELECT role_id AS of_role FROM account_role JOIN client ON account_id = of_account
            UNION
            SELECT role_id AS of_role FROM group_member JOIN client ON account_id = of_account
            JOIN group_role ON group_role.group_id = group_member.group_id
        )"
    );
    let own = [
        Fact {
            part: "instance",
            id: "epoch",
            texts: &[],
            numbers: &[],
            from: "instance",
            condition: "id = 1",
        },
        Fact {
            part: "organization",
            id: "id",
            texts: &["status"],
            numbers: &["generation", "max_token_lifetime_seconds"],
            from: "organization JOIN client ON id = of_organization",
            condition: "1 = 1",
        },
        Fact {
            part: "account",
            id: "id",
            texts: &["status"],
            numbers: &["generation", "expires_at", "max_token_lifetime_seconds"],
            from: "service_account JOIN client ON id = of_account",
            condition: "deleted_at IS NULL",
        },
        Fact {
            part: "credential",
            id: "id",
            texts: &["status", "kind", "allowed_networks", "client_id"],
            numbers: &["generation", "is_narrowed"],
            from: "credential JOIN client ON id = of_credential",
            condition: "1 = 1",
        },
        Fact {
            part: "secret",
            id: "id",
            texts: &["hmac", "pepper"],
            numbers: &["position", "ends_at"],
            from: "secret JOIN client ON credential_id = of_credential",
            condition: "revoked_at IS NULL",
        },
        Fact {
            part: "role",
            id: "of_role",
            texts: &[],
            numbers: &[],
            from: "held",
            condition: "1 = 1",
        },
    ];
    let held = "holder_id IN (SELECT of_account FROM client
                              UNION ALL SELECT of_credential FROM client
                              UNION ALL SELECT of_role FROM held)";
    let granted = "api.organization_id IS NOT NULL AND api.deleted_at IS NULL AND api.id IN
                   (SELECT api_id FROM access_grant JOIN client ON holder_id = of_account
                    UNION ALL
                    SELECT api_id FROM access_grant JOIN held ON holder_id = of_role)";
    let facts = own
        .into_iter()
        .chain(access::facts(held))
        .chain(api::bare_facts(granted));
    format!("{client}\n{}", union(facts))
}

#[derive(Default)]
struct Parts {
    epoch: Option<Epoch>,
    organization: Option<OrganizationFact>,
    account: Option<AccountFact>,
    credential: Option<CredentialFact>,
    /// By position.
    secrets: BTreeMap<i64, ClientSecret>,
    roles: BTreeSet<RoleId>,
    grants: Grants,
    apis: Apis,
}

struct OrganizationFact {
    id: OrganizationId,
    standing: (Status, Generation),
    max_token_lifetime: Option<Duration>,
}

struct AccountFact {
    id: AccountId,
    standing: (Status, Generation),
    ends_at: Option<Timestamp>,
    max_token_lifetime: Option<Duration>,
}

struct CredentialFact {
    id: CredentialId,
    client_id: ClientId,
    standing: (Status, Generation),
    kind: CredentialKind,
    allowed_networks: Box<[IpNet]>,
    is_narrowed: bool,
}

pub(super) async fn find(
    db: &mut Db,
    client_id: ClientId,
    interned: &Interned,
) -> Answer<Option<Client>> {
    read_client(db, &BY_ID, client_id.to_string(), interned).await
}

/// The client that has the secret with this hash, or had it.
pub(super) async fn find_by_secret(
    db: &mut Db,
    hash: &SecretHash,
    interned: &Interned,
) -> Answer<Option<Client>> {
    read_client(db, &BY_SECRET, secret::text_of(hash), interned).await
}

async fn read_client(
    db: &mut Db,
    facts: &'static str,
    whose: String,
    interned: &Interned,
) -> Answer<Option<Client>> {
    let query = sqlx::query(sqlx::AssertSqlSafe(facts));
    let rows = all(db, query.bind(whose)).await?;
    let mut parts = Parts::default();
    for row in &rows {
        named("client", parts.take_in(row))?;
    }
    Ok(parts.client(interned))
}

impl Parts {
    fn take_in(&mut self, row: &Row) -> Answer<()> {
        match row.text("part")? {
            "instance" => self.epoch = Some(row.parse("id")?),
            "organization" => self.organization = Some(read_organization(row)?),
            "account" => self.account = Some(read_account(row)?),
            "credential" => self.credential = Some(read_credential(row)?),
            "secret" => {
                self.secrets.insert(row.integer("x")?, read_secret(row)?);
            }
            "role" => {
                self.roles.insert(row.parse("id")?);
            }
            _ => {
                self.grants.take_in(row)?;
                self.apis.take_in(row)?;
            }
        }
        Ok(())
    }

    /// The client, if there is all of it.
    fn client(mut self, interned: &Interned) -> Option<Client> {
        let (epoch, organization) = (self.epoch?, self.organization.take()?);
        let (account, credential) = (self.account.take()?, self.credential.take()?);
        let (access, apis) = self.access(&organization, &account, &credential);
        let apis = interned.apis(apis);
        Some(Client {
            organization: organization.id,
            account: account.id,
            credential: credential.id,
            client_id: credential.client_id,
            kind: credential.kind,
            standing: Standing {
                epoch,
                organization: organization.standing,
                account: account.standing,
                account_ends_at: account.ends_at,
                credential: credential.standing,
            },
            secrets: self.secrets.into_values().collect(),
            allowed_networks: credential.allowed_networks,
            organization_max_token_lifetime: organization.max_token_lifetime,
            account_max_token_lifetime: account.max_token_lifetime,
            access: interned.access(access, &apis),
            apis,
        })
    }

    /// What the account holds, by itself, by its roles and by its groups', as far as the credential
    /// leaves it: [`Holdings::access`](crate::domain::holdings::Holdings::access), from rows.
    fn access(
        &mut self,
        organization: &OrganizationFact,
        account: &AccountFact,
        credential: &CredentialFact,
    ) -> (Access, Vec<Api>) {
        let records = std::mem::take(&mut self.apis).into_records();
        let apis: Vec<Api> = records.into_iter().map(|record| record.api).collect();
        let is_there = |id: ApiId| id == OSTLER_API || apis.iter().any(|api| api.id == id);
        let own = self.grants.of(&account.id.to_string());
        let mut held: Vec<_> = own.into_grants().collect();
        for role in &self.roles {
            match BuiltInRole::of_id(*role) {
                Some(built_in) => held.push(built_in.grant(organization.id)),
                None => held.extend(self.grants.of(&role.to_string()).into_grants()),
            }
        }
        held.retain(|grant| is_there(grant.api));
        let held = Access::from_iter(held);
        let access = if credential.is_narrowed {
            held.narrowed_by(&self.grants.of(&credential.id.to_string()))
        } else {
            held
        };
        let left = access.apis();
        let apis = apis
            .into_iter()
            .filter(|api| left.contains(&api.id))
            .collect();
        (access, apis)
    }
}

fn read_organization(row: &Row) -> Answer<OrganizationFact> {
    Ok(OrganizationFact {
        id: row.parse("id")?,
        standing: (row.status("a")?, row.generation("x")?),
        max_token_lifetime: row.optional_seconds("y")?,
    })
}

fn read_account(row: &Row) -> Answer<AccountFact> {
    Ok(AccountFact {
        id: row.parse("id")?,
        standing: (row.status("a")?, row.generation("x")?),
        ends_at: row.optional_instant("y")?,
        max_token_lifetime: row.optional_seconds("z")?,
    })
}

fn read_credential(row: &Row) -> Answer<CredentialFact> {
    Ok(CredentialFact {
        id: row.parse("id")?,
        client_id: row.parse("d")?,
        standing: (row.status("a")?, row.generation("x")?),
        kind: row.word("b", CredentialKind::parse)?,
        allowed_networks: row.json("c")?,
        is_narrowed: row.flag("y")?,
    })
}

fn read_secret(row: &Row) -> Answer<ClientSecret> {
    Ok(ClientSecret {
        id: row.parse("id")?,
        hash: row.word("a", secret::read_hash)?,
        pepper: row.parse("b")?,
        ends_at: row.optional_instant("y")?,
    })
}

/// One statement by unique keys: the bound of a revocation on another node is zero because of it.
pub(super) async fn find_token_standing(
    db: &mut Db,
    client_id: ClientId,
    token: TokenId,
    kid: &str,
) -> Answer<Option<TokenStanding>> {
    let query = sqlx::query(
        "SELECT instance.epoch, organization.id AS organization_id,
                organization.status AS organization_status,
                organization.generation AS organization_generation,
                service_account.id AS account_id,
                service_account.status AS account_status,
                service_account.generation AS account_generation,
                service_account.expires_at AS account_ends_at,
                credential.id AS credential_id, credential.kind AS credential_kind,
                credential.status AS credential_status,
                credential.generation AS credential_generation,
                CASE WHEN revoked_token.jti IS NULL THEN 0 ELSE 1 END AS is_revoked,
                signing_key.state AS key_state
         FROM credential
         JOIN service_account ON service_account.id = credential.account_id
         JOIN organization ON organization.id = credential.organization_id
         JOIN instance ON instance.id = 1
         LEFT JOIN revoked_token ON revoked_token.jti = $2
         LEFT JOIN signing_key ON signing_key.kid = $3
         WHERE credential.client_id = $1 AND service_account.deleted_at IS NULL",
    );
    let query = query
        .bind(client_id.to_string())
        .bind(token.to_string())
        .bind(kid);
    one(db, query)
        .await?
        .as_ref()
        .map(read_standing)
        .transpose()
}

fn read_standing(row: &Row) -> Answer<TokenStanding> {
    Ok(TokenStanding {
        standing: Standing {
            epoch: row.parse("epoch")?,
            organization: (
                row.status("organization_status")?,
                row.generation("organization_generation")?,
            ),
            account: (
                row.status("account_status")?,
                row.generation("account_generation")?,
            ),
            account_ends_at: row.optional_instant("account_ends_at")?,
            credential: (
                row.status("credential_status")?,
                row.generation("credential_generation")?,
            ),
        },
        account: row.parse("account_id")?,
        organization: row.parse("organization_id")?,
        credential: CredentialRef::of(
            row.parse("credential_id")?,
            row.word("credential_kind", CredentialKind::parse)?,
        ),
        token_is_revoked: row.flag("is_revoked")?,
        key_verifies: row
            .optional_text("key_state")?
            .and_then(KeyState::parse)
            .is_some_and(KeyState::verifies),
    })
}

//! Credentials.

use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialKind;
use crate::domain::credential::CredentialRef;
use crate::domain::folded::folded;
use crate::domain::id::AccountId;
use crate::domain::id::CredentialId;
use crate::domain::id::OrganizationId;
use crate::domain::name::Label;
use crate::domain::organization::Generation;
use crate::domain::organization::Status;
use crate::store::Holder;
use crate::store::Lookup;
use crate::store::Page;

use super::access;
use super::failure::Answer;
use super::failure::Failure;
use super::last_use;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::execute_one;
use super::query::flag;
use super::query::millis;
use super::query::one;
use super::query::paged;
use super::query::placeholders;
use super::secret;

/// What is missing when a change touches nothing.
const WHAT: &str = "credential";

macro_rules! columns {
    () => {
        "credential.id, credential.organization_id, credential.account_id, credential.client_id,
         credential.kind, credential.name, credential.status, credential.generation,
         credential.allowed_networks, credential.is_narrowed, credential.created_at,
         credential.row_version"
    };
}
pub(super) use columns;

/// What [`complete`] wants.
pub(super) const COLUMNS: &str = columns!();

/// Credentials with client secrets, or those of another kind.
macro_rules! select {
    ($rest:literal) => {
        $crate::store::sql::credential::select!("client_secret", $rest)
    };
    ($kind:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $crate::store::sql::credential::columns!(),
            " FROM credential WHERE organization_id = $1 AND kind = '",
            $kind,
            "' ",
            $rest
        )
    };
}
pub(super) use select;

fn read(row: &Row) -> Answer<Credential> {
    let narrowing = row.flag("is_narrowed")?.then_some(Access::NOTHING);
    Ok(Credential {
        id: row.parse("id")?,
        organization: row.parse("organization_id")?,
        account: row.parse("account_id")?,
        client_id: row.parse("client_id")?,
        kind: row.word("kind", CredentialKind::parse)?,
        name: row.read("name", Label::parse)?,
        status: row.status("status")?,
        generation: row.generation("generation")?,
        allowed_networks: row.json("allowed_networks")?,
        narrowing,
        created_at: row.instant("created_at")?,
        version: row.version("row_version")?,
        secrets: Vec::new(),
    })
}

/// Reads the credentials, and then what belongs to each.
pub(super) async fn complete(db: &mut Db, rows: &[Row]) -> Answer<Vec<Credential>> {
    let mut credentials: Vec<Credential> = rows.iter().map(read).collect::<Answer<_>>()?;
    let ids: Vec<_> = credentials
        .iter()
        .map(|credential| credential.id.to_string())
        .collect();
    let mut secrets = secret::of_credentials(db, &ids).await?;
    let mut grants = access::of_holders(db, &ids).await?;
    for (credential, id) in credentials.iter_mut().zip(&ids) {
        let own = secrets.extract_if(.., |(owner, _)| owner == id);
        credential.secrets = own.map(|(_, secret)| secret).collect();
        if let Some(narrowing) = &mut credential.narrowing {
            *narrowing = grants.of(id);
        }
    }
    Ok(credentials)
}

pub(super) async fn find(
    db: &mut Db,
    organization: OrganizationId,
    account: AccountId,
    credential: &Lookup<CredentialId>,
) -> Answer<Option<Credential>> {
    let query = match credential {
        Lookup::Id(_) => select!("AND account_id = $2 AND id = $3"),
        Lookup::Name(_) => select!("AND account_id = $2 AND name = $3"),
    };
    let query = sqlx::query(query)
        .bind(organization.to_string())
        .bind(account.to_string())
        .bind(credential.to_string());
    let rows = all(db, query).await?;
    Ok(complete(db, &rows).await?.pop())
}

pub(super) async fn list(
    db: &mut Db,
    organization: OrganizationId,
    accounts: Option<&[AccountId]>,
    page: Page<CredentialId>,
) -> Answer<Vec<Credential>> {
    let query = match accounts {
        None => sqlx::query(select!("AND id > $2 ORDER BY id LIMIT $3")),
        Some([]) => return Ok(Vec::new()),
        Some(accounts) => assembled(format!(
            "{} AND account_id IN ({}) AND id > $2 ORDER BY id LIMIT $3",
            select!(""),
            placeholders(4, accounts.len())
        )),
    };
    let query = paged(query.bind(organization.to_string()), page);
    let ids = accounts.unwrap_or_default().iter();
    let query = ids.fold(query, |query, id| query.bind(id.to_string()));
    let rows = all(db, query).await?;
    complete(db, &rows).await
}

pub(super) async fn of_account(
    db: &mut Db,
    organization: OrganizationId,
    account: AccountId,
) -> Answer<Vec<Credential>> {
    let query = sqlx::query(select!("AND account_id = $2 ORDER BY id"));
    let query = query
        .bind(organization.to_string())
        .bind(account.to_string());
    let rows = all(db, query).await?;
    complete(db, &rows).await
}

/// Of every kind: the first of them, and how many there are.
pub(super) async fn refs_of_account(
    db: &mut Db,
    organization: OrganizationId,
    account: AccountId,
    limit: u16,
) -> Answer<(Vec<CredentialRef>, u32)> {
    let query = sqlx::query(
        "SELECT id, kind, count(*) OVER () AS number FROM credential
         WHERE organization_id = $1 AND account_id = $2 ORDER BY id LIMIT $3",
    );
    let query = query
        .bind(organization.to_string())
        .bind(account.to_string())
        .bind(i64::from(limit));
    let rows = all(db, query).await?;
    let count = rows.first().map(|row| row.optional_count("number"));
    let count = count.transpose()?.flatten();
    let refs = rows.iter().map(|row| {
        let kind = row.word("kind", CredentialKind::parse)?;
        Ok(CredentialRef::of(row.parse("id")?, kind))
    });
    Ok((refs.collect::<Answer<_>>()?, count.unwrap_or(0)))
}

/// With its secrets and its narrowing.
pub(super) async fn add(db: &mut Db, credential: &Credential) -> Answer<()> {
    let query = sqlx::query(
        "INSERT INTO credential
             (id, organization_id, account_id, client_id, kind, name, status, generation,
              allowed_networks, is_narrowed, created_at, updated_at, folded_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)",
    );
    let query = query
        .bind(credential.id.to_string())
        .bind(credential.organization.to_string())
        .bind(credential.account.to_string())
        .bind(credential.client_id.to_string())
        .bind(credential.kind.as_str())
        .bind(credential.name.as_str())
        .bind(credential.status.as_str())
        .bind(credential.generation.0)
        .bind(networks(credential)?)
        .bind(flag(credential.narrowing.is_some()))
        .bind(millis(credential.created_at))
        .bind(folded(credential.name.as_str()));
    execute(db, query).await?;
    let subject = last_use::Subject::Credential(credential.id.to_string());
    last_use::add(db, credential.organization, subject, credential.created_at).await?;
    for secret in &credential.secrets {
        secret::insert(db, credential.id, secret).await?;
    }
    secret::settle_ends(db, &[&credential.id.to_string()]).await?;
    match &credential.narrowing {
        Some(narrowing) => access::add(db, Holder::Credential(credential.id), narrowing).await,
        None => Ok(()),
    }
}

pub(super) async fn update(db: &mut Db, credential: &Credential, at: Timestamp) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE credential
         SET name = $3, folded_name = $6, allowed_networks = $4, updated_at = $5,
             row_version = row_version + 1
         WHERE organization_id = $1 AND id = $2",
    );
    let query = query
        .bind(credential.organization.to_string())
        .bind(credential.id.to_string())
        .bind(credential.name.as_str())
        .bind(networks(credential)?)
        .bind(millis(at))
        .bind(folded(credential.name.as_str()));
    execute_one(db, query, WHAT).await
}

fn networks(credential: &Credential) -> Answer<String> {
    let networks = serde_json::to_string(&credential.allowed_networks);
    networks.map_err(|_| Failure::Unreadable("allowed_networks"))
}

pub(super) async fn set_status(
    db: &mut Db,
    organization: OrganizationId,
    credential: CredentialId,
    status: Status,
    at: Timestamp,
) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE credential SET status = $3, updated_at = $4, row_version = row_version + 1,
             revoked_at = CASE WHEN $3 = 'revoked' THEN $4 ELSE revoked_at END
         WHERE organization_id = $1 AND id = $2",
    );
    let query = query
        .bind(organization.to_string())
        .bind(credential.to_string())
        .bind(status.as_str())
        .bind(millis(at));
    execute_one(db, query, WHAT).await
}

/// Of whichever kind.
pub(super) async fn revoke_all(
    db: &mut Db,
    organization: OrganizationId,
    account: AccountId,
    at: Timestamp,
) -> Answer<u64> {
    let query = sqlx::query(
        "UPDATE credential SET status = 'revoked', updated_at = $3, revoked_at = $3,
             row_version = row_version + 1
         WHERE organization_id = $1 AND account_id = $2 AND status <> 'revoked'",
    );
    let query = query
        .bind(organization.to_string())
        .bind(account.to_string())
        .bind(millis(at));
    execute(db, query).await
}

pub(super) async fn raise_generation(
    db: &mut Db,
    organization: OrganizationId,
    credential: CredentialId,
) -> Answer<Generation> {
    let query = sqlx::query(
        "UPDATE credential SET generation = generation + 1, row_version = row_version + 1
         WHERE organization_id = $1 AND id = $2
         RETURNING generation",
    );
    let query = query
        .bind(organization.to_string())
        .bind(credential.to_string());
    let row = one(db, query).await?.ok_or(Failure::Missing(WHAT))?;
    row.generation("generation")
}

/// Its secrets and its narrowing go with it.
pub(super) async fn remove(
    db: &mut Db,
    organization: OrganizationId,
    credential: CredentialId,
) -> Answer<()> {
    let query = sqlx::query("DELETE FROM credential WHERE organization_id = $1 AND id = $2");
    let query = query
        .bind(organization.to_string())
        .bind(credential.to_string());
    execute_one(db, query, WHAT).await
}

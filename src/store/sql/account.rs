//! Service accounts, and the tombstones of those that were deleted.

use jiff::Timestamp;

use crate::domain::account::ServiceAccount;
use crate::domain::folded::folded;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::domain::name::AccountName;
use crate::domain::organization::Generation;
use crate::domain::organization::Status;
use crate::store::Lookup;
use crate::store::Page;

use super::failure::Answer;
use super::failure::Failure;
use super::last_use;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::execute_one;
use super::query::millis;
use super::query::one;
use super::query::paged;
use super::query::placeholders;
use super::query::seconds;

/// What is missing when a change touches nothing.
const WHAT: &str = "service account";

macro_rules! columns {
    () => {
        "service_account.id, service_account.organization_id, service_account.name,
         service_account.email, service_account.description, service_account.owner,
         service_account.labels, service_account.status, service_account.generation,
         service_account.expires_at, service_account.max_token_lifetime_seconds,
         service_account.created_at, service_account.updated_at, service_account.row_version"
    };
}

/// What [`read`] wants.
pub(super) const COLUMNS: &str = columns!();

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM service_account WHERE organization_id = $1 AND deleted_at IS NULL ",
            $rest
        )
    };
}

pub(super) fn read(row: &Row) -> Answer<ServiceAccount> {
    Ok(ServiceAccount {
        id: row.parse("id")?,
        organization: row.parse("organization_id")?,
        name: row.read("name", AccountName::parse)?,
        email: row.text("email")?.to_owned(),
        description: row.optional_text("description")?.map(str::to_owned),
        owner: row.optional_text("owner")?.map(str::to_owned),
        labels: row.json("labels")?,
        status: row.status("status")?,
        generation: row.generation("generation")?,
        expires_at: row.optional_instant("expires_at")?,
        max_token_lifetime: row.optional_seconds("max_token_lifetime_seconds")?,
        created_at: row.instant("created_at")?,
        updated_at: row.instant("updated_at")?,
        version: row.version("row_version")?,
    })
}

pub(super) async fn find(
    db: &mut Db,
    organization: OrganizationId,
    account: &Lookup<AccountId>,
) -> Answer<Option<ServiceAccount>> {
    let (query, key) = match account {
        Lookup::Id(id) => (select!("AND id = $2"), id.to_string()),
        Lookup::Name(name) => (select!("AND folded_name = $2"), name.to_ascii_lowercase()),
    };
    let query = sqlx::query(query).bind(organization.to_string()).bind(key);
    one(db, query).await?.as_ref().map(read).transpose()
}

pub(super) async fn list(
    db: &mut Db,
    organization: OrganizationId,
    page: Page<AccountId>,
) -> Answer<Vec<ServiceAccount>> {
    let query = sqlx::query(select!("AND id > $2 ORDER BY id LIMIT $3"));
    let query = paged(query.bind(organization.to_string()), page);
    all(db, query).await?.iter().map(read).collect()
}

pub(super) async fn count(db: &mut Db, organization: OrganizationId) -> Answer<u32> {
    let query = sqlx::query(
        "SELECT count(*) AS accounts FROM service_account
         WHERE organization_id = $1 AND deleted_at IS NULL",
    );
    let row = one(db, query.bind(organization.to_string())).await?;
    let count = row.map(|row| row.optional_count("accounts")).transpose()?;
    count.flatten().ok_or(Failure::Unreadable("accounts"))
}

pub(super) async fn list_names(
    db: &mut Db,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Answer<Vec<(AccountId, AccountName)>> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let query = assembled(format!(
        "SELECT id, name FROM service_account WHERE organization_id = $1 AND id IN ({})",
        placeholders(2, accounts.len())
    ));
    let query = query.bind(organization.to_string());
    let query = accounts
        .iter()
        .fold(query, |query, id| query.bind(id.to_string()));
    let named = |row: &Row| Ok((row.parse("id")?, row.read("name", AccountName::parse)?));
    all(db, query).await?.iter().map(named).collect()
}

pub(super) async fn add(db: &mut Db, account: &ServiceAccount) -> Answer<()> {
    let query = sqlx::query(
        "INSERT INTO service_account
             (id, organization_id, name, folded_name, email, description, owner, labels, status,
              generation, expires_at, max_token_lifetime_seconds, created_at, updated_at,
              search_text)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    );
    let query = query
        .bind(account.id.to_string())
        .bind(account.organization.to_string())
        .bind(account.name.as_str())
        .bind(account.name.folded())
        .bind(account.email.as_str())
        .bind(account.description.as_deref())
        .bind(account.owner.as_deref())
        .bind(labels(account)?)
        .bind(account.status.as_str())
        .bind(account.generation.0)
        .bind(account.expires_at.map(millis))
        .bind(account.max_token_lifetime.map(seconds))
        .bind(millis(account.created_at))
        .bind(millis(account.updated_at))
        .bind(search_text(account));
    execute(db, query).await?;
    let subject = last_use::Subject::Account(account.id.to_string());
    last_use::add(db, account.organization, subject, account.created_at).await
}

pub(super) async fn update(db: &mut Db, account: &ServiceAccount) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE service_account
         SET name = $3, folded_name = $4, description = $5, owner = $6, labels = $7,
             expires_at = $8, max_token_lifetime_seconds = $9, updated_at = $10,
             search_text = $11, row_version = row_version + 1
         WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
    );
    let query = query
        .bind(account.organization.to_string())
        .bind(account.id.to_string())
        .bind(account.name.as_str())
        .bind(account.name.folded())
        .bind(account.description.as_deref())
        .bind(account.owner.as_deref())
        .bind(labels(account)?)
        .bind(account.expires_at.map(millis))
        .bind(account.max_token_lifetime.map(seconds))
        .bind(millis(account.updated_at))
        .bind(search_text(account));
    execute_one(db, query, WHAT).await
}

/// What people wrote of the account, for those who look for a part of it.
fn search_text(account: &ServiceAccount) -> String {
    let written = [
        account.name.as_str(),
        account.email.as_str(),
        account.owner.as_deref().unwrap_or_default(),
        account.description.as_deref().unwrap_or_default(),
    ];
    folded(&written.join(" "))
}

fn labels(account: &ServiceAccount) -> Answer<String> {
    serde_json::to_string(&account.labels).map_err(|_| Failure::Unreadable("labels"))
}

pub(super) async fn set_status(
    db: &mut Db,
    organization: OrganizationId,
    account: AccountId,
    status: Status,
    at: Timestamp,
) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE service_account SET status = $3, updated_at = $4, row_version = row_version + 1
         WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
    );
    let query = query
        .bind(organization.to_string())
        .bind(account.to_string())
        .bind(status.as_str())
        .bind(millis(at));
    execute_one(db, query, WHAT).await
}

pub(super) async fn raise_generation(
    db: &mut Db,
    organization: OrganizationId,
    account: AccountId,
) -> Answer<Generation> {
    let query = sqlx::query(
        "UPDATE service_account SET generation = generation + 1, row_version = row_version + 1
         WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
         RETURNING generation",
    );
    let query = query
        .bind(organization.to_string())
        .bind(account.to_string());
    let row = one(db, query).await?.ok_or(Failure::Missing(WHAT))?;
    row.generation("generation")
}

/// Purges what the account could do and leaves its tombstone: disabled, one generation on, and
/// without its name, which another may take.
pub(super) async fn remove(
    db: &mut Db,
    organization: OrganizationId,
    account: AccountId,
    at: Timestamp,
) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE service_account
         SET status = 'disabled', generation = generation + 1, updated_at = $3, deleted_at = $3,
             row_version = row_version + 1
         WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
    );
    let query = query
        .bind(organization.to_string())
        .bind(account.to_string())
        .bind(millis(at));
    execute_one(db, query, WHAT).await?;
    let credentials =
        sqlx::query("DELETE FROM credential WHERE organization_id = $1 AND account_id = $2");
    let credentials = credentials
        .bind(organization.to_string())
        .bind(account.to_string());
    execute(db, credentials).await?;
    for purge in [
        "DELETE FROM access_grant WHERE holder_id = $1",
        "DELETE FROM account_role WHERE account_id = $1",
        "UPDATE account_group SET row_version = row_version + 1
         WHERE id IN (SELECT group_id FROM group_member WHERE account_id = $1)",
        "DELETE FROM group_member WHERE account_id = $1",
        "DELETE FROM last_use WHERE subject_id = $1",
    ] {
        execute(db, sqlx::query(purge).bind(account.to_string())).await?;
    }
    Ok(())
}

/// Notes a change of what belongs to the account, and makes sure that the organization has it.
pub(super) async fn touch(
    db: &mut Db,
    organization: OrganizationId,
    account: AccountId,
) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE service_account SET row_version = row_version + 1
         WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
    );
    let query = query
        .bind(organization.to_string())
        .bind(account.to_string());
    execute_one(db, query, WHAT).await
}

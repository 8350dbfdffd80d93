//! Organizations.

use crate::domain::id::OrganizationId;
use crate::domain::name::Name;
use crate::domain::organization::Generation;
use crate::domain::organization::LeakReport;
use crate::domain::organization::Organization;
use crate::domain::organization::Policy;
use crate::store::Lookup;
use crate::store::OrganizationFilter;
use crate::store::Page;

use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::execute;
use super::query::execute_one;
use super::query::flag;
use super::query::millis;
use super::query::one;
use super::query::seconds;
use super::statement::Conditions;

/// What is missing when a change touches nothing.
const WHAT: &str = "organization";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, status, generation, max_service_accounts, leak_report,
                    allow_never_expires, max_token_lifetime_seconds, created_at, row_version
             FROM organization ",
            $rest
        )
    };
}

fn read(row: &Row) -> Answer<Organization> {
    Ok(Organization {
        id: row.parse("id")?,
        name: row.read("name", Name::parse)?,
        status: row.status("status")?,
        generation: row.generation("generation")?,
        max_service_accounts: row.optional_count("max_service_accounts")?,
        policy: Policy {
            leak_report: row.word("leak_report", LeakReport::parse)?,
            allow_never_expires: row.flag("allow_never_expires")?,
            max_token_lifetime: row.optional_seconds("max_token_lifetime_seconds")?,
        },
        created_at: row.instant("created_at")?,
        version: row.version("row_version")?,
    })
}

/// Keeps other changes of the organization out until the end of the transaction. It sets a column
/// to itself because that locks a row in the words of both databases.
pub(super) async fn lock(db: &mut Db, organization: OrganizationId) -> Answer<()> {
    if db.backend_name() == "PostgreSQL" {
        queue(
            db,
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            organization,
        )
        .await?;
    }
    let query = sqlx::query("UPDATE organization SET status = status WHERE id = $1");
    execute(db, query.bind(organization.to_string())).await?;
    Ok(())
}

/// Keeps changes of the organization out until the end of the transaction, and nobody else who does
/// this. Where several may write at once: the words are PostgreSQL's alone.
pub(super) async fn share(db: &mut Db, organization: OrganizationId) -> Answer<()> {
    let shared = "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))";
    queue(db, shared, organization).await
}

/// Takes a lock that is given in the order in which it was asked for. One of a row is not: who shares
/// it lets others in who came after the change that waits, and could keep that out for ever.
async fn queue(db: &mut Db, lock: &'static str, organization: OrganizationId) -> Answer<()> {
    one(db, sqlx::query(lock).bind(organization.to_string())).await?;
    Ok(())
}

pub(super) async fn find(
    db: &mut Db,
    organization: &Lookup<OrganizationId>,
) -> Answer<Option<Organization>> {
    let query = match organization {
        Lookup::Id(_) => sqlx::query(select!("WHERE id = $1")),
        Lookup::Name(_) => sqlx::query(select!("WHERE name = $1")),
    };
    let row = one(db, query.bind(organization.to_string())).await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn list(
    db: &mut Db,
    among: Option<&[OrganizationId]>,
    filter: &OrganizationFilter,
    page: Page<OrganizationId>,
) -> Answer<Vec<Organization>> {
    let mut conditions = Conditions::default();
    conditions.add_after("id", page.after);
    if let Some(among) = among {
        conditions.add_one_of("id", among.iter().map(ToString::to_string));
    }
    if let Some(status) = filter.status {
        conditions.add(format!("status = '{}'", status.as_str()));
    }
    if let Some(text) = &filter.text {
        conditions.add_search(text, &["name"], "id");
    }
    let limit = conditions.number(page.limit.into());
    let query = conditions.statement(select!(""), &format!("ORDER BY id LIMIT {limit}"));
    all(db, query).await?.iter().map(read).collect()
}

pub(super) async fn raise_generation(
    db: &mut Db,
    organization: OrganizationId,
) -> Answer<Generation> {
    let query = sqlx::query(
        "UPDATE organization SET generation = generation + 1, row_version = row_version + 1
         WHERE id = $1 RETURNING generation",
    );
    let row = one(db, query.bind(organization.to_string())).await?;
    row.ok_or(Failure::Missing(WHAT))?.generation("generation")
}

pub(super) async fn add(db: &mut Db, organization: &Organization) -> Answer<()> {
    let query = sqlx::query(
        "INSERT INTO organization
             (id, name, status, generation, max_service_accounts, leak_report,
              allow_never_expires, max_token_lifetime_seconds, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    );
    let query = query
        .bind(organization.id.to_string())
        .bind(organization.name.as_str())
        .bind(organization.status.as_str())
        .bind(organization.generation.0)
        .bind(organization.max_service_accounts.map(i64::from))
        .bind(organization.policy.leak_report.as_str())
        .bind(flag(organization.policy.allow_never_expires))
        .bind(organization.policy.max_token_lifetime.map(seconds))
        .bind(millis(organization.created_at));
    execute(db, query).await?;
    Ok(())
}

pub(super) async fn update(db: &mut Db, organization: &Organization) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE organization
         SET status = $2, max_service_accounts = $3, leak_report = $4, allow_never_expires = $5,
             max_token_lifetime_seconds = $6, row_version = row_version + 1
         WHERE id = $1",
    );
    let query = query
        .bind(organization.id.to_string())
        .bind(organization.status.as_str())
        .bind(organization.max_service_accounts.map(i64::from))
        .bind(organization.policy.leak_report.as_str())
        .bind(flag(organization.policy.allow_never_expires))
        .bind(organization.policy.max_token_lifetime.map(seconds));
    execute_one(db, query, WHAT).await
}

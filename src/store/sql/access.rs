//! Grants: which scopes at which API on which resources, for an account, a role or a credential.

use std::collections::BTreeMap;

use crate::domain::access::Access;
use crate::domain::access::Grant;
use crate::domain::access_size::text_bytes;
use crate::domain::id::ApiId;
use crate::domain::id::OrganizationId;
use crate::domain::resource::Identifiers;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::scope::Scope;
use crate::store::ApiHolder;
use crate::store::Holder;

use super::account;
use super::facts::Fact;
use super::facts::named;
use super::facts::union;
use super::failure::Answer;
use super::query::Db;
use super::query::Query;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::execute_one;
use super::query::flag;
use super::query::one;
use super::role;

/// The most rows that one statement inserts.
const BATCH: usize = 200;

/// How the grants that meet a condition are read.
pub(super) fn facts(condition: &str) -> [Fact<'_>; 2] {
    [
        Fact {
            part: "grant",
            id: "holder_id",
            texts: &["api_id", "scope"],
            numbers: &["position"],
            from: "access_grant LEFT JOIN access_scope USING (holder_id, position)",
            condition,
        },
        Fact {
            part: "restriction",
            id: "holder_id",
            texts: &["api_id", "resource_type", "resource_key"],
            numbers: &["position", "is_all"],
            from: "access_grant JOIN access_type USING (holder_id, position)
                   LEFT JOIN access_resource USING (holder_id, position, resource_type)",
            condition,
        },
    ]
}

/// Grants that are put together from their facts, by holder and position.
#[derive(Default)]
pub(super) struct Grants(BTreeMap<String, BTreeMap<i64, Parts>>);

#[derive(Default)]
struct Parts {
    api: Option<ApiId>,
    scopes: Vec<Scope>,
    resources: BTreeMap<ResourceType, Reached>,
}

/// The resources of one type, as they are read.
#[derive(Default)]
struct Reached {
    is_all: bool,
    keys: Vec<ResourceKey>,
}

impl Grants {
    /// Takes in a fact, if it is one of a grant.
    pub(super) fn take_in(&mut self, row: &Row) -> Answer<()> {
        let taken = match row.text("part")? {
            "grant" => self.take_scope(row),
            "restriction" => self.take_restriction(row),
            _ => Ok(()),
        };
        named("grant", taken)
    }

    fn take_scope(&mut self, row: &Row) -> Answer<()> {
        let parts = self.parts(row)?;
        if row.optional_text("b")?.is_some() {
            parts.scopes.push(row.read("b", Scope::parse)?);
        }
        Ok(())
    }

    fn take_restriction(&mut self, row: &Row) -> Answer<()> {
        let is_all = row.flag("y")?;
        let parts = self.parts(row)?;
        let resource_type = row.read("b", ResourceType::parse)?;
        let reached = parts.resources.entry(resource_type).or_default();
        reached.is_all |= is_all;
        if row.optional_text("c")?.is_some() {
            reached.keys.push(row.read("c", ResourceKey::parse)?);
        }
        Ok(())
    }

    fn parts(&mut self, row: &Row) -> Answer<&mut Parts> {
        let holder = row.text("id")?.to_owned();
        let grants = self.0.entry(holder).or_default();
        let parts = grants.entry(row.integer("x")?).or_default();
        parts.api = Some(row.parse("a")?);
        Ok(parts)
    }

    /// What a holder has been granted.
    pub(super) fn of(&mut self, holder: &str) -> Access {
        let grants = self.0.remove(holder).unwrap_or_default();
        grants.into_values().filter_map(Parts::grant).collect()
    }
}

impl Parts {
    fn grant(self) -> Option<Grant> {
        Some(Grant {
            api: self.api?,
            scopes: self.scopes.into_iter().collect(),
            resources: self
                .resources
                .into_iter()
                .map(|(kind, reached)| (kind, reached.identifiers()))
                .collect(),
        })
    }
}

impl Reached {
    fn identifiers(self) -> Identifiers {
        if self.is_all {
            Identifiers::All
        } else {
            Identifiers::Listed(self.keys.into_iter().collect())
        }
    }
}

pub(super) async fn find(
    db: &mut Db,
    organization: OrganizationId,
    holder: Holder,
) -> Answer<Option<Access>> {
    let query = match holder {
        Holder::Account(_) => sqlx::query(
            "SELECT 1 AS has_access FROM service_account
             WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
        ),
        Holder::Credential(_) => sqlx::query(
            "SELECT is_narrowed AS has_access FROM credential
             WHERE organization_id = $1 AND id = $2",
        ),
        Holder::Role(_) => {
            sqlx::query("SELECT 1 AS has_access FROM role WHERE organization_id = $1 AND id = $2")
        }
    };
    let holder = id_of(holder);
    let row = one(db, query.bind(organization.to_string()).bind(&holder)).await?;
    match row.map(|row| row.flag("has_access")).transpose()? {
        Some(true) => Ok(Some(
            of_holders(db, std::slice::from_ref(&holder))
                .await?
                .of(&holder),
        )),
        _ => Ok(None),
    }
}

/// The grants of these holders.
pub(super) async fn of_holders(db: &mut Db, holders: &[String]) -> Answer<Grants> {
    let mut grants = Grants::default();
    if holders.is_empty() {
        return Ok(grants);
    }
    let list = super::query::placeholders(1, holders.len());
    let query = assembled(union(facts(&format!("holder_id IN ({list})"))));
    let query = holders.iter().fold(query, Query::bind);
    for row in all(db, query).await? {
        grants.take_in(&row)?;
    }
    Ok(grants)
}

/// Whoever has a role that grants anything at the API `$1`, and the role.
const HELD: &str = "WITH held AS (
    SELECT account_id AS of_account, role_id AS of_role FROM account_role
    WHERE role_id IN (SELECT role_id FROM access_grant WHERE api_id = $1)
    UNION
    SELECT account_id AS of_account, role_id AS of_role FROM group_member
    JOIN group_role ON group_role.group_id = group_member.group_id
    WHERE role_id IN (SELECT role_id FROM access_grant WHERE api_id = $1)
)";

/// Every account with a stored grant at this API, of its own or by a role.
pub(super) async fn list_holders(db: &mut Db, api: ApiId) -> Answer<Vec<ApiHolder>> {
    let holder = Fact {
        part: "holder",
        id: "service_account.id",
        texts: &[
            "organization_id",
            "organization.status",
            "service_account.status",
        ],
        numbers: &["expires_at"],
        from: "service_account JOIN organization ON organization.id = organization_id",
        condition: "service_account.id IN (SELECT account_id FROM access_grant WHERE api_id = $1
                                           UNION ALL SELECT of_account FROM held)",
    };
    let held = Fact {
        part: "held",
        id: "of_account",
        texts: &["of_role"],
        numbers: &[],
        from: "held",
        condition: "1 = 1",
    };
    let grants = facts("credential_id IS NULL AND api_id = $1");
    let statement = union(grants.into_iter().chain([holder, held]));
    let query = assembled(format!("{HELD}\n{statement}"));
    let rows = all(db, query.bind(api.to_string())).await?;

    let mut grants = Grants::default();
    let mut holders = BTreeMap::new();
    for row in &rows {
        grants.take_in(row)?;
        if row.text("part")? == "holder" {
            let holder = named("holder", read_holder(row))?;
            holders.insert(row.text("id")?, holder);
        }
    }
    for (id, holder) in &mut holders {
        holder.access = grants.of(id);
    }
    let mut of_roles: BTreeMap<&str, Access> = BTreeMap::new();
    for row in &rows {
        if row.text("part")? != "held" {
            continue;
        }
        let role = row.text("a")?;
        let of_role = of_roles.entry(role).or_insert_with(|| grants.of(role));
        if let Some(holder) = holders.get_mut(row.text("id")?) {
            let own = holder.access.grants().iter();
            holder.access = own.chain(of_role.grants()).cloned().collect();
        }
    }
    Ok(holders.into_values().collect())
}

fn read_holder(row: &Row) -> Answer<ApiHolder> {
    Ok(ApiHolder {
        account: row.parse("id")?,
        organization: (row.parse("a")?, row.status("b")?),
        status: row.status("c")?,
        expires_at: row.optional_instant("x")?,
        access: Access::NOTHING,
    })
}

pub(super) async fn replace(
    db: &mut Db,
    organization: OrganizationId,
    holder: Holder,
    access: Option<&Access>,
) -> Answer<()> {
    match holder {
        Holder::Account(account) => account::touch(db, organization, account).await?,
        Holder::Role(role) => role::touch(db, organization, role).await?,
        Holder::Credential(credential) => {
            let query = sqlx::query(
                "UPDATE credential SET is_narrowed = $3, row_version = row_version + 1
                 WHERE organization_id = $1 AND id = $2",
            );
            let query = query
                .bind(organization.to_string())
                .bind(credential.to_string())
                .bind(flag(access.is_some()));
            execute_one(db, query, "credential").await?;
        }
    }
    let query = sqlx::query("DELETE FROM access_grant WHERE holder_id = $1");
    execute(db, query.bind(id_of(holder))).await?;
    match access {
        Some(access) => add(db, holder, access).await,
        None => Ok(()),
    }
}

/// Writes the grants of a holder that has none.
pub(super) async fn add(db: &mut Db, holder: Holder, access: &Access) -> Answer<()> {
    for (grant, position) in access.grants().iter().zip(0_i64..) {
        let place = (id_of(holder), position);
        add_grant(db, &place, holder, grant).await?;
        add_scopes(db, &place, grant.scopes.iter().as_slice()).await?;
        for (resource_type, identifiers) in grant.resources.iter() {
            add_restriction(db, &place, resource_type, identifiers).await?;
        }
    }
    Ok(())
}

macro_rules! insert_grant {
    ($holder:literal) => {
        concat!(
            "INSERT INTO access_grant (holder_id, position, api_id, text_bytes, ",
            $holder,
            ") VALUES ($1, $2, $3, $4, $1)"
        )
    };
}

async fn add_grant(
    db: &mut Db,
    place: &(String, i64),
    holder: Holder,
    grant: &Grant,
) -> Answer<()> {
    let query = sqlx::query(match holder {
        Holder::Account(_) => insert_grant!("account_id"),
        Holder::Role(_) => insert_grant!("role_id"),
        Holder::Credential(_) => insert_grant!("credential_id"),
    });
    let query = query
        .bind(place.0.as_str())
        .bind(place.1)
        .bind(grant.api.to_string())
        .bind(i64::try_from(text_bytes(grant)).unwrap_or(i64::MAX));
    execute(db, query).await?;
    Ok(())
}

async fn add_scopes(db: &mut Db, place: &(String, i64), scopes: &[Scope]) -> Answer<()> {
    for batch in scopes.chunks(BATCH) {
        let rows = (3..3 + batch.len()).map(|n| format!("($1, $2, ${n})"));
        let query = assembled(format!(
            "INSERT INTO access_scope (holder_id, position, scope) VALUES {}",
            rows.collect::<Vec<_>>().join(", ")
        ));
        let query = query.bind(place.0.as_str()).bind(place.1);
        let query = batch
            .iter()
            .fold(query, |query, scope| query.bind(scope.as_str()));
        execute(db, query).await?;
    }
    Ok(())
}

async fn add_restriction(
    db: &mut Db,
    place: &(String, i64),
    resource_type: &ResourceType,
    identifiers: &Identifiers,
) -> Answer<()> {
    let query = sqlx::query(
        "INSERT INTO access_type (holder_id, position, resource_type, is_all)
         VALUES ($1, $2, $3, $4)",
    );
    let query = query
        .bind(place.0.as_str())
        .bind(place.1)
        .bind(resource_type.as_str())
        .bind(flag(*identifiers == Identifiers::All));
    execute(db, query).await?;
    let Identifiers::Listed(keys) = identifiers else {
        return Ok(());
    };
    let keys: Vec<_> = keys.iter().collect();
    for batch in keys.chunks(BATCH) {
        let rows = (4..4 + batch.len()).map(|n| format!("($1, $2, $3, ${n})"));
        let query = assembled(format!(
            "INSERT INTO access_resource (holder_id, position, resource_type, resource_key)
             VALUES {}",
            rows.collect::<Vec<_>>().join(", ")
        ));
        let query = query
            .bind(place.0.as_str())
            .bind(place.1)
            .bind(resource_type.as_str());
        let query = batch
            .iter()
            .fold(query, |query, key| query.bind(key.as_str()));
        execute(db, query).await?;
    }
    Ok(())
}

/// The id under which a holder's grants are stored.
pub(super) fn id_of(holder: Holder) -> String {
    match holder {
        Holder::Account(id) => id.to_string(),
        Holder::Role(id) => id.to_string(),
        Holder::Credential(id) => id.to_string(),
    }
}

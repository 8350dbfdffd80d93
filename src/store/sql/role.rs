//! Roles, who has them, and all that accounts hold.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::folded::folded;
use crate::domain::folded::is_found;
use crate::domain::holdings::Holdings;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;
use crate::domain::name::Name;
use crate::domain::organization::Generation;
use crate::domain::role::BuiltInRole;
use crate::domain::role::NamedRole;
use crate::domain::role::Role;
use crate::store::Holder;
use crate::store::Lookup;
use crate::store::NamedHolder;
use crate::store::Page;
use crate::store::RoleChanges;
use crate::store::RoleReads;
use crate::store::StoreError;
use crate::store::WriteError;

use super::SqlStore;
use super::access;
use super::access::Grants;
use super::account;
use super::change::SqlChange;
use super::facts::Fact;
use super::facts::named;
use super::facts::union;
use super::failure::Answer;
use super::holdings;
use super::organization;
use super::query::Db;
use super::query::Query;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::execute_one;
use super::query::millis;
use super::query::placeholders;
use super::statement::Conditions;

/// What is missing when a change touches nothing.
const WHAT: &str = "role";

/// The most accounts that one statement names.
pub(super) const BATCH: usize = 500;

/// How the heads of roles are read.
pub(super) fn head<'q>(from: &'static str, condition: &'q str) -> Fact<'q> {
    Fact {
        part: "role",
        id: "role.id",
        texts: &["organization_id", "name", "description"],
        numbers: &["role.row_version"],
        from,
        condition,
    }
}

/// Roles that are put together from their facts.
#[derive(Default)]
pub(super) struct Roles {
    heads: BTreeMap<RoleId, Role>,
    /// Of the roles, and of whoever else was asked for.
    pub(super) grants: Grants,
}

impl Roles {
    /// Takes in a fact, if it is one of a role or a grant.
    pub(super) fn take_in(&mut self, row: &Row) -> Answer<()> {
        if row.text("part")? == "role" {
            let role = named(WHAT, read_head(row))?;
            self.heads.insert(role.id, role);
        }
        self.grants.take_in(row)
    }

    /// All of them, in the order of their ids.
    pub(super) fn complete(&mut self) -> Vec<Role> {
        let heads = std::mem::take(&mut self.heads).into_values();
        let with_access = |role: Role| Role {
            access: self.grants.of(&role.id.to_string()),
            ..role
        };
        heads.map(with_access).collect()
    }
}

fn read_head(row: &Row) -> Answer<Role> {
    Ok(Role {
        id: row.parse("id")?,
        organization: row.parse("a")?,
        name: row.read("b", Name::parse)?,
        description: row.optional_text("c")?.map(str::to_owned),
        access: Access::NOTHING,
        version: row.version("x")?,
    })
}

async fn read_all(db: &mut Db, query: Query<'_>) -> Answer<Vec<Role>> {
    let mut roles = Roles::default();
    for row in all(db, query).await? {
        roles.take_in(&row)?;
    }
    Ok(roles.complete())
}

/// The statement that reads the organization's own roles among `ids`, with their grants.
fn own_roles(ids: &str) -> String {
    let of_role = format!("role.id IN ({ids})");
    let of_holder = format!("holder_id IN ({ids})");
    let facts = access::facts(&of_holder).into_iter();
    union(facts.chain([head("role", &of_role)]))
}

async fn find(
    db: &mut Db,
    organization: OrganizationId,
    role: &Lookup<RoleId>,
) -> Answer<Option<Role>> {
    let (built_in, query) = match role {
        Lookup::Id(id) => (
            BuiltInRole::of_id(*id),
            own_roles("SELECT id FROM role WHERE organization_id = $1 AND id = $2"),
        ),
        Lookup::Name(name) => (
            BuiltInRole::parse(name),
            own_roles("SELECT id FROM role WHERE organization_id = $1 AND name = $2"),
        ),
    };
    if let Some(built_in) = built_in {
        return Ok(Some(built_in.of(organization)));
    }
    let query = assembled(query)
        .bind(organization.to_string())
        .bind(role.to_string());
    Ok(read_all(db, query).await?.pop())
}

async fn list(
    db: &mut Db,
    organization: OrganizationId,
    text: Option<&str>,
    page: Page<RoleId>,
) -> Answer<Vec<Role>> {
    let is_next = |role: &BuiltInRole| page.after.is_none_or(|after| role.id() > after);
    let built_in = BuiltInRole::ALL.into_iter().filter(is_next);
    let built_in = built_in.map(|role| role.of(organization));
    let built_in = built_in.filter(|role| text.is_none_or(|text| is_meant(role, text)));
    let mut roles: Vec<_> = built_in.take(page.limit.into()).collect();
    let rest = page.limit - u16::try_from(roles.len()).unwrap_or(page.limit);
    let mut conditions = Conditions::default();
    let organization = conditions.text(organization.to_string());
    conditions.add(format!("organization_id = {organization}"));
    conditions.add_after("id", page.after);
    if let Some(text) = text {
        conditions.add_search(text, &["search_text"], "id");
    }
    let limit = conditions.number(rest.into());
    let query = conditions.written(|conditions| {
        own_roles(&format!(
            "SELECT id FROM role WHERE {conditions} ORDER BY id LIMIT {limit}"
        ))
    });
    roles.extend(read_all(db, query).await?);
    Ok(roles)
}

/// The same of a role that is built in.
fn is_meant(role: &Role, text: &str) -> bool {
    let written = [Some(role.name.as_str()), role.description.as_deref()];
    is_found(text, written.into_iter().flatten(), &role.id.to_string())
}

/// What people wrote of a role, for those who look for a part of it.
fn search_text(role: &Role) -> String {
    let description = role.description.as_deref().unwrap_or_default();
    folded(&format!("{} {description}", role.name))
}

async fn list_of(
    db: &mut Db,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Answer<BTreeMap<AccountId, Vec<NamedRole>>> {
    let mut roles: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for batch in accounts.chunks(BATCH) {
        let query = assembled(format!(
            "SELECT account_id, role_id, role.name FROM account_role
             JOIN service_account ON service_account.id = account_id
             JOIN role ON role.id = role_id
             WHERE service_account.organization_id = $1 AND account_id IN ({})
             ORDER BY account_id, role_id",
            placeholders(2, batch.len())
        ));
        let query = query.bind(organization.to_string());
        let query = batch
            .iter()
            .fold(query, |query, id| query.bind(id.to_string()));
        for row in all(db, query).await? {
            let account = row.parse("account_id")?;
            roles.entry(account).or_default().push(NamedRole {
                id: row.parse("role_id")?,
                name: row.read("name", Name::parse)?,
            });
        }
    }
    Ok(roles)
}

async fn list_accounts_with(
    db: &mut Db,
    organization: OrganizationId,
    role: RoleId,
    limit: u32,
) -> Answer<Vec<AccountId>> {
    let query = sqlx::query(
        "SELECT id FROM service_account
         WHERE organization_id = $1 AND deleted_at IS NULL AND id IN
             (SELECT account_id FROM account_role WHERE role_id = $2
              UNION
              SELECT account_id FROM group_member
              JOIN group_role ON group_role.group_id = group_member.group_id
              WHERE role_id = $2)
         ORDER BY id LIMIT $3",
    );
    let query = query
        .bind(organization.to_string())
        .bind(role.to_string())
        .bind(i64::from(limit));
    all(db, query)
        .await?
        .iter()
        .map(|row| row.parse("id"))
        .collect()
}

async fn list_in_force(
    db: &mut Db,
    organization: OrganizationId,
    now: Timestamp,
) -> Answer<Vec<RoleId>> {
    let query = sqlx::query(
        "WITH holder AS (
             SELECT id FROM service_account
             WHERE organization_id = $1 AND deleted_at IS NULL AND status = 'active'
               AND (expires_at IS NULL OR expires_at > $2)
         )
         SELECT role_id FROM account_role JOIN holder ON holder.id = account_id
         UNION
         SELECT role_id FROM group_member JOIN holder ON holder.id = account_id
         JOIN group_role ON group_role.group_id = group_member.group_id",
    );
    let query = query.bind(organization.to_string()).bind(millis(now));
    let rows = all(db, query).await?;
    rows.iter().map(|row| row.parse("role_id")).collect()
}

async fn list_holders(
    db: &mut Db,
    organization: OrganizationId,
    role: RoleId,
    limit: u32,
) -> Answer<Vec<NamedHolder>> {
    let query = sqlx::query(
        "SELECT 'service_account' AS kind, service_account.id, service_account.name
         FROM account_role JOIN service_account ON service_account.id = account_id
         WHERE organization_id = $1 AND role_id = $2
         UNION ALL
         SELECT 'group' AS kind, account_group.id, account_group.name
         FROM group_role JOIN account_group ON account_group.id = group_id
         WHERE organization_id = $1 AND role_id = $2
         ORDER BY kind DESC, id LIMIT $3",
    );
    let query = query
        .bind(organization.to_string())
        .bind(role.to_string())
        .bind(i64::from(limit));
    all(db, query).await?.iter().map(read_holder).collect()
}

/// A row of `kind`, `name` and `id`.
pub(super) fn read_holder(row: &Row) -> Answer<NamedHolder> {
    Ok(NamedHolder {
        kind: row.text("kind")?.to_owned(),
        name: row.text("name")?.to_owned(),
        id: row.text("id")?.to_owned(),
    })
}

async fn add(db: &mut Db, role: &Role) -> Answer<()> {
    let query = sqlx::query(
        "INSERT INTO role (id, organization_id, name, description, search_text)
         VALUES ($1, $2, $3, $4, $5)",
    );
    let query = query
        .bind(role.id.to_string())
        .bind(role.organization.to_string())
        .bind(role.name.as_str())
        .bind(role.description.as_deref())
        .bind(search_text(role));
    execute(db, query).await?;
    access::add(db, Holder::Role(role.id), &role.access).await
}

async fn update(db: &mut Db, role: &Role) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE role SET description = $3, search_text = $4
         WHERE organization_id = $1 AND id = $2",
    );
    let query = query
        .bind(role.organization.to_string())
        .bind(role.id.to_string())
        .bind(role.description.as_deref())
        .bind(search_text(role));
    execute_one(db, query, WHAT).await?;
    let holder = Holder::Role(role.id);
    access::replace(db, role.organization, holder, Some(&role.access)).await
}

async fn remove(db: &mut Db, organization: OrganizationId, role: RoleId) -> Answer<()> {
    touch(db, organization, role).await?;
    for statement in [
        "UPDATE service_account SET row_version = row_version + 1
         WHERE id IN (SELECT account_id FROM account_role WHERE role_id = $1)",
        "UPDATE account_group SET row_version = row_version + 1
         WHERE id IN (SELECT group_id FROM group_role WHERE role_id = $1)",
        "DELETE FROM account_role WHERE role_id = $1",
        "DELETE FROM group_role WHERE role_id = $1",
        "DELETE FROM role WHERE id = $1",
    ] {
        execute(db, sqlx::query(statement).bind(role.to_string())).await?;
    }
    Ok(())
}

/// Notes a change of what belongs to the role, and makes sure that the organization has it.
pub(super) async fn touch(db: &mut Db, organization: OrganizationId, role: RoleId) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE role SET row_version = row_version + 1 WHERE organization_id = $1 AND id = $2",
    );
    let query = query.bind(organization.to_string()).bind(role.to_string());
    execute_one(db, query, WHAT).await
}

async fn replace(
    db: &mut Db,
    organization: OrganizationId,
    account: AccountId,
    roles: &[RoleId],
) -> Answer<()> {
    account::touch(db, organization, account).await?;
    let query = sqlx::query("DELETE FROM account_role WHERE account_id = $1");
    execute(db, query.bind(account.to_string())).await?;
    for role in roles.iter().collect::<BTreeSet<_>>() {
        let query = sqlx::query(
            "INSERT INTO account_role (account_id, role_id) SELECT $1, id FROM role
             WHERE id = $2 AND (organization_id = $3 OR organization_id IS NULL)",
        );
        let query = query
            .bind(account.to_string())
            .bind(role.to_string())
            .bind(organization.to_string());
        execute_one(db, query, WHAT).await?;
    }
    Ok(())
}

async fn raise_generations(
    db: &mut Db,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Answer<Vec<(AccountId, Generation)>> {
    let mut raised = Vec::with_capacity(accounts.len());
    for batch in accounts.chunks(BATCH) {
        let query = assembled(format!(
            "UPDATE service_account
             SET generation = generation + 1, row_version = row_version + 1
             WHERE organization_id = $1 AND deleted_at IS NULL AND id IN ({})
             RETURNING id, generation",
            placeholders(2, batch.len())
        ));
        let query = query.bind(organization.to_string());
        let query = batch
            .iter()
            .fold(query, |query, id| query.bind(id.to_string()));
        for row in all(db, query).await? {
            raised.push((row.parse("id")?, row.generation("generation")?));
        }
    }
    Ok(raised)
}

#[async_trait]
impl RoleReads for SqlStore {
    async fn find_role(
        &self,
        organization: OrganizationId,
        role: &Lookup<RoleId>,
    ) -> Result<Option<Role>, StoreError> {
        let role = role.clone();
        self.read(move |db| Box::pin(async move { find(db, organization, &role).await }))
            .await
    }

    async fn list_roles(
        &self,
        organization: OrganizationId,
        text: Option<&str>,
        page: Page<RoleId>,
    ) -> Result<Vec<Role>, StoreError> {
        let text = text.map(str::to_owned);
        self.read(move |db| {
            Box::pin(async move { list(db, organization, text.as_deref(), page).await })
        })
        .await
    }

    async fn list_roles_of(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, Vec<NamedRole>>, StoreError> {
        let accounts = accounts.to_vec();
        self.read(move |db| Box::pin(async move { list_of(db, organization, &accounts).await }))
            .await
    }

    async fn find_holdings(
        &self,
        organization: OrganizationId,
        account: AccountId,
    ) -> Result<Option<Holdings>, StoreError> {
        self.read(move |db| {
            Box::pin(async move {
                let mut found = holdings::list(db, organization, &[account]).await?;
                Ok(found.remove(&account))
            })
        })
        .await
    }

    async fn list_holdings(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, Holdings>, StoreError> {
        let accounts = accounts.to_vec();
        self.read(move |db| {
            Box::pin(async move { holdings::list(db, organization, &accounts).await })
        })
        .await
    }
}

#[async_trait]
impl RoleChanges for SqlChange {
    async fn find_role(
        &mut self,
        organization: OrganizationId,
        role: &Lookup<RoleId>,
    ) -> Result<Option<Role>, StoreError> {
        self.0.run(|db| find(db, organization, role)).await
    }

    async fn list_holdings(
        &mut self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, Holdings>, StoreError> {
        self.0
            .run(|db| holdings::list(db, organization, accounts))
            .await
    }

    async fn list_accounts_with_role(
        &mut self,
        organization: OrganizationId,
        role: RoleId,
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError> {
        self.0
            .run(|db| list_accounts_with(db, organization, role, limit))
            .await
    }

    async fn list_roles_in_force(
        &mut self,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<Vec<RoleId>, StoreError> {
        self.0.run(|db| list_in_force(db, organization, now)).await
    }

    async fn list_holders_of_role(
        &mut self,
        organization: OrganizationId,
        role: RoleId,
        limit: u32,
    ) -> Result<Vec<NamedHolder>, StoreError> {
        self.0
            .run(|db| list_holders(db, organization, role, limit))
            .await
    }

    async fn add_role(&mut self, role: &Role) -> Result<(), WriteError> {
        self.0.run(|db| add(db, role)).await
    }

    async fn update_role(&mut self, role: &Role) -> Result<(), StoreError> {
        self.0.run(|db| update(db, role)).await
    }

    async fn remove_role(
        &mut self,
        organization: OrganizationId,
        role: RoleId,
    ) -> Result<(), StoreError> {
        self.0.run(|db| remove(db, organization, role)).await
    }

    async fn replace_roles(
        &mut self,
        organization: OrganizationId,
        account: AccountId,
        roles: &[RoleId],
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| replace(db, organization, account, roles))
            .await
    }

    async fn raise_account_generations(
        &mut self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, Generation)>, StoreError> {
        self.0
            .run(|db| raise_generations(db, organization, accounts))
            .await
    }

    async fn raise_organization_generation(
        &mut self,
        organization: OrganizationId,
    ) -> Result<Generation, StoreError> {
        self.0
            .run(|db| organization::raise_generation(db, organization))
            .await
    }
}

//! Groups, their roles and their members.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::domain::folded::folded;
use crate::domain::group::Group;
use crate::domain::group::Member;
use crate::domain::id::AccountId;
use crate::domain::id::GroupId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;
use crate::domain::name::AccountName;
use crate::domain::name::Name;
use crate::domain::role::NamedRole;
use crate::store::GroupChanges;
use crate::store::GroupReads;
use crate::store::Lookup;
use crate::store::Page;
use crate::store::StoreError;
use crate::store::WriteError;

use super::SqlStore;
use super::account;
use super::change::SqlChange;
use super::facts::Fact;
use super::facts::named;
use super::facts::union;
use super::failure::Answer;
use super::failure::Failure;
use super::inventory;
use super::query::Db;
use super::query::Query;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::execute_one;
use super::query::one;
use super::statement::Conditions;

/// What is missing when a change touches nothing.
const WHAT: &str = "group";

/// The statement that reads the groups that meet a condition.
fn select(condition: &str) -> String {
    union([
        Fact {
            part: "group",
            id: "account_group.id",
            texts: &["account_group.organization_id", "name", "description"],
            numbers: &[
                "(SELECT count(*) FROM group_member WHERE group_id = account_group.id)",
                "account_group.row_version",
            ],
            from: "account_group",
            condition,
        },
        Fact {
            part: "group_role",
            id: "account_group.id",
            texts: &["role_id", "role.name"],
            numbers: &[],
            from: "account_group JOIN group_role ON group_id = account_group.id
                   JOIN role ON role.id = role_id",
            condition,
        },
    ])
}

async fn read_all(db: &mut Db, query: Query<'_>) -> Answer<Vec<Group>> {
    let mut groups = BTreeMap::new();
    let mut roles: BTreeMap<GroupId, Vec<NamedRole>> = BTreeMap::new();
    for row in &all(db, query).await? {
        let id = row.parse("id")?;
        if row.text("part")? == "group" {
            groups.insert(id, named(WHAT, read(row))?);
        } else {
            roles
                .entry(id)
                .or_default()
                .push(named(WHAT, read_role(row))?);
        }
    }
    let with_roles = |(id, group)| {
        let mut roles = roles.remove(&id).unwrap_or_default();
        roles.sort_unstable();
        Group { roles, ..group }
    };
    Ok(groups.into_iter().map(with_roles).collect())
}

fn read(row: &Row) -> Answer<Group> {
    Ok(Group {
        id: row.parse("id")?,
        organization: row.parse("a")?,
        name: row.read("b", Name::parse)?,
        description: row.optional_text("c")?.map(str::to_owned),
        roles: Vec::new(),
        member_count: row.optional_count("x")?.ok_or(Failure::Unreadable(WHAT))?,
        version: row.version("y")?,
    })
}

fn read_role(row: &Row) -> Answer<NamedRole> {
    Ok(NamedRole {
        id: row.parse("a")?,
        name: row.read("b", Name::parse)?,
    })
}

async fn find(
    db: &mut Db,
    organization: OrganizationId,
    group: &Lookup<GroupId>,
) -> Answer<Option<Group>> {
    let query = select(match group {
        Lookup::Id(_) => "account_group.organization_id = $1 AND account_group.id = $2",
        Lookup::Name(_) => "account_group.organization_id = $1 AND account_group.name = $2",
    });
    let query = assembled(query)
        .bind(organization.to_string())
        .bind(group.to_string());
    Ok(read_all(db, query).await?.pop())
}

async fn list(
    db: &mut Db,
    organization: OrganizationId,
    text: Option<&str>,
    page: Page<GroupId>,
) -> Answer<Vec<Group>> {
    let mut conditions = Conditions::default();
    let organization = conditions.text(organization.to_string());
    conditions.add(format!("organization_id = {organization}"));
    conditions.add_after("id", page.after);
    if let Some(text) = text {
        conditions.add_search(text, &["search_text"], "id");
    }
    let limit = conditions.number(page.limit.into());
    let query = conditions.written(|conditions| {
        select(&format!(
            "account_group.id IN (SELECT id FROM account_group
                                  WHERE {conditions} ORDER BY id LIMIT {limit})"
        ))
    });
    read_all(db, query).await
}

/// Whether to look at each member takes longer than to look through the organization for a text.
async fn is_large(db: &mut Db, group: GroupId) -> Answer<bool> {
    let query =
        sqlx::query("SELECT account_id FROM group_member WHERE group_id = $1 LIMIT 1 OFFSET 10000");
    Ok(one(db, query.bind(group.to_string())).await?.is_some())
}

async fn list_members(
    db: &mut Db,
    organization: OrganizationId,
    group: GroupId,
    text: Option<&str>,
    page: Page<AccountId>,
) -> Answer<Vec<Member>> {
    let is_large = text.is_some() && is_large(db, group).await?;
    let mut conditions = Conditions::default();
    let (of, group) = (
        conditions.text(organization.to_string()),
        conditions.text(group.to_string()),
    );
    conditions.add(format!(
        "account_group.organization_id = {of} AND group_id = {group}"
    ));
    conditions.add_after("account_id", page.after);
    if let Some(text) = text {
        // A name and an e-mail are ASCII.
        let columns = ["service_account.folded_name", "lower(email)"];
        conditions.add_search(text, &columns, "service_account.id");
        if is_large && let Some(few) = inventory::few_written(db, organization, text).await? {
            conditions.add_one_of("account_id", few);
        }
    }
    let limit = conditions.number(page.limit.into());
    let query = conditions.statement(
        "SELECT service_account.id, service_account.name, email FROM group_member
         JOIN account_group ON account_group.id = group_id
         JOIN service_account ON service_account.id = account_id",
        &format!("ORDER BY account_id LIMIT {limit}"),
    );
    all(db, query).await?.iter().map(read_member).collect()
}

fn read_member(row: &Row) -> Answer<Member> {
    Ok(Member {
        id: row.parse("id")?,
        name: row.read("name", AccountName::parse)?,
        email: row.text("email")?.to_owned(),
    })
}

async fn list_member_ids(
    db: &mut Db,
    organization: OrganizationId,
    group: GroupId,
    limit: u32,
) -> Answer<Vec<AccountId>> {
    let query = sqlx::query(
        "SELECT account_id FROM group_member JOIN account_group ON id = group_id
         WHERE organization_id = $1 AND group_id = $2 ORDER BY account_id LIMIT $3",
    );
    let query = query
        .bind(organization.to_string())
        .bind(group.to_string())
        .bind(i64::from(limit));
    let rows = all(db, query).await?;
    rows.iter().map(|row| row.parse("account_id")).collect()
}

async fn add(db: &mut Db, group: &Group) -> Answer<()> {
    let query = sqlx::query(
        "INSERT INTO account_group (id, organization_id, name, description, search_text)
         VALUES ($1, $2, $3, $4, $3 || ' ' || $5)",
    );
    let query = query
        .bind(group.id.to_string())
        .bind(group.organization.to_string())
        .bind(group.name.as_str())
        .bind(group.description.as_deref())
        .bind(folded(group.description.as_deref().unwrap_or_default()));
    execute(db, query).await?;
    let roles: Vec<_> = group.roles.iter().map(|role| role.id).collect();
    add_roles(db, group.organization, group.id, &roles).await
}

async fn add_roles(
    db: &mut Db,
    organization: OrganizationId,
    group: GroupId,
    roles: &[RoleId],
) -> Answer<()> {
    for role in roles.iter().collect::<BTreeSet<_>>() {
        let query = sqlx::query(
            "INSERT INTO group_role (group_id, role_id) SELECT $1, id FROM role
             WHERE id = $2 AND (organization_id = $3 OR organization_id IS NULL)",
        );
        let query = query
            .bind(group.to_string())
            .bind(role.to_string())
            .bind(organization.to_string());
        execute_one(db, query, "role").await?;
    }
    Ok(())
}

async fn update(
    db: &mut Db,
    organization: OrganizationId,
    group: GroupId,
    description: Option<&str>,
    roles: &[RoleId],
) -> Answer<()> {
    touch(db, organization, group).await?;
    // A name is in lower case already.
    let query = sqlx::query(
        "UPDATE account_group SET description = $2, search_text = name || ' ' || $3 WHERE id = $1",
    );
    let query = query
        .bind(group.to_string())
        .bind(description)
        .bind(folded(description.unwrap_or_default()));
    execute(db, query).await?;
    let query = sqlx::query("DELETE FROM group_role WHERE group_id = $1");
    execute(db, query.bind(group.to_string())).await?;
    add_roles(db, organization, group, roles).await
}

/// Its roles and its memberships go with it.
async fn remove(db: &mut Db, organization: OrganizationId, group: GroupId) -> Answer<()> {
    let query = sqlx::query("DELETE FROM account_group WHERE organization_id = $1 AND id = $2");
    let query = query.bind(organization.to_string()).bind(group.to_string());
    execute_one(db, query, WHAT).await
}

async fn add_member(
    db: &mut Db,
    organization: OrganizationId,
    group: GroupId,
    account: AccountId,
) -> Answer<bool> {
    touch(db, organization, group).await?;
    account::touch(db, organization, account).await?;
    let query = sqlx::query(
        "INSERT INTO group_member (group_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    );
    let query = query.bind(group.to_string()).bind(account.to_string());
    Ok(execute(db, query).await? == 1)
}

async fn remove_member(
    db: &mut Db,
    organization: OrganizationId,
    group: GroupId,
    account: AccountId,
) -> Answer<bool> {
    touch(db, organization, group).await?;
    account::touch(db, organization, account).await?;
    let query = sqlx::query("DELETE FROM group_member WHERE group_id = $1 AND account_id = $2");
    let query = query.bind(group.to_string()).bind(account.to_string());
    Ok(execute(db, query).await? == 1)
}

/// Notes a change of what belongs to the group, and makes sure that the organization has it.
async fn touch(db: &mut Db, organization: OrganizationId, group: GroupId) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE account_group SET row_version = row_version + 1
         WHERE organization_id = $1 AND id = $2",
    );
    let query = query.bind(organization.to_string()).bind(group.to_string());
    execute_one(db, query, WHAT).await
}

#[async_trait]
impl GroupReads for SqlStore {
    async fn find_group(
        &self,
        organization: OrganizationId,
        group: &Lookup<GroupId>,
    ) -> Result<Option<Group>, StoreError> {
        let group = group.clone();
        self.read(move |db| Box::pin(async move { find(db, organization, &group).await }))
            .await
    }

    async fn list_groups(
        &self,
        organization: OrganizationId,
        text: Option<&str>,
        page: Page<GroupId>,
    ) -> Result<Vec<Group>, StoreError> {
        let text = text.map(str::to_owned);
        self.read(move |db| {
            Box::pin(async move { list(db, organization, text.as_deref(), page).await })
        })
        .await
    }

    async fn list_members(
        &self,
        organization: OrganizationId,
        group: GroupId,
        text: Option<&str>,
        page: Page<AccountId>,
    ) -> Result<Vec<Member>, StoreError> {
        let text = text.map(str::to_owned);
        self.read(move |db| {
            Box::pin(
                async move { list_members(db, organization, group, text.as_deref(), page).await },
            )
        })
        .await
    }
}

#[async_trait]
impl GroupChanges for SqlChange {
    async fn find_group(
        &mut self,
        organization: OrganizationId,
        group: &Lookup<GroupId>,
    ) -> Result<Option<Group>, StoreError> {
        self.0.run(|db| find(db, organization, group)).await
    }

    async fn list_member_ids(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError> {
        self.0
            .run(|db| list_member_ids(db, organization, group, limit))
            .await
    }

    async fn add_group(&mut self, group: &Group) -> Result<(), WriteError> {
        self.0.run(|db| add(db, group)).await
    }

    async fn update_group(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
        description: Option<&str>,
        roles: &[RoleId],
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| update(db, organization, group, description, roles))
            .await
    }

    async fn remove_group(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
    ) -> Result<(), StoreError> {
        self.0.run(|db| remove(db, organization, group)).await
    }

    async fn add_member(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
        account: AccountId,
    ) -> Result<bool, StoreError> {
        self.0
            .run(|db| add_member(db, organization, group, account))
            .await
    }

    async fn remove_member(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
        account: AccountId,
    ) -> Result<bool, StoreError> {
        self.0
            .run(|db| remove_member(db, organization, group, account))
            .await
    }
}

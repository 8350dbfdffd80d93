//! All that accounts hold: their own grants, and those of their roles and of their groups' roles. One
//! statement, so that all of it is of one moment.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::holdings::HeldGroup;
use crate::domain::holdings::Holdings;
use crate::domain::id::AccountId;
use crate::domain::id::GroupId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;
use crate::domain::name::Name;
use crate::domain::role::BuiltInRole;
use crate::domain::role::Role;

use super::access;
use super::facts::Fact;
use super::facts::named;
use super::facts::union;
use super::failure::Answer;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::placeholders;
use super::role;
use super::role::Roles;

/// What these accounts hold; those that do not exist are left out.
pub(super) async fn list(
    db: &mut Db,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Answer<BTreeMap<AccountId, Holdings>> {
    let mut found = BTreeMap::new();
    for batch in accounts.chunks(role::BATCH) {
        let query = assembled(statement(batch.len())).bind(organization.to_string());
        let query = batch
            .iter()
            .fold(query, |query, id| query.bind(id.to_string()));
        let mut parts = Parts::default();
        for row in &all(db, query).await? {
            named("holding", parts.take_in(row))?;
        }
        found.extend(parts.complete(organization));
    }
    Ok(found)
}

/// `$1` is the organization, and the accounts follow it.
fn statement(accounts: usize) -> String {
    let facts = [
        Fact {
            part: "account",
            id: "of_account",
            texts: &[],
            numbers: &[],
            from: "holder",
            condition: "1 = 1",
        },
        Fact {
            part: "account_role",
            id: "account_id",
            texts: &["role_id"],
            numbers: &[],
            from: "account_role JOIN holder ON account_id = of_account",
            condition: "1 = 1",
        },
        Fact {
            part: "member",
            id: "account_id",
            texts: &["group_id", "name"],
            numbers: &[],
            from: "group_member JOIN holder ON account_id = of_account
                   JOIN account_group ON account_group.id = group_id",
            condition: "1 = 1",
        },
        Fact {
            part: "group_role",
            id: "group_id",
            texts: &["role_id"],
            numbers: &[],
            from: "group_role",
            condition: "group_id IN (SELECT group_id FROM group_member
                                     JOIN holder ON account_id = of_account)",
        },
        role::head(
            "role JOIN held ON role.id = of_role",
            "organization_id IS NOT NULL",
        ),
    ];
    let grants = access::facts(
        "holder_id IN (SELECT of_account FROM holder UNION ALL SELECT of_role FROM held)",
    );
    format!(
        "WITH holder AS (
             SELECT id AS of_account FROM service_account
             WHERE organization_id = $1 AND deleted_at IS NULL AND id IN ({})
         ), held AS (
             SELECT role_id AS of_role FROM account_role JOIN holder ON account_id = of_account
             UNION
             SELECT role_id AS of_role FROM group_member JOIN holder ON account_id = of_account
             JOIN group_role ON group_role.group_id = group_member.group_id
         )\n{}",
        placeholders(2, accounts),
        union(facts.into_iter().chain(grants))
    )
}

#[derive(Default)]
struct Parts {
    accounts: BTreeMap<AccountId, Links>,
    group_roles: BTreeMap<GroupId, BTreeSet<RoleId>>,
    roles: Roles,
}

#[derive(Default)]
struct Links {
    roles: BTreeSet<RoleId>,
    groups: BTreeMap<GroupId, Name>,
}

impl Parts {
    fn take_in(&mut self, row: &Row) -> Answer<()> {
        match row.text("part")? {
            "account" => {
                self.links(row)?;
            }
            "account_role" => {
                let role = row.parse("a")?;
                self.links(row)?.roles.insert(role);
            }
            "member" => {
                let (group, name) = (row.parse("a")?, row.read("b", Name::parse)?);
                self.links(row)?.groups.insert(group, name);
            }
            "group_role" => {
                let roles = self.group_roles.entry(row.parse("id")?).or_default();
                roles.insert(row.parse("a")?);
            }
            _ => self.roles.take_in(row)?,
        }
        Ok(())
    }

    fn links(&mut self, row: &Row) -> Answer<&mut Links> {
        Ok(self.accounts.entry(row.parse("id")?).or_default())
    }

    fn complete(mut self, organization: OrganizationId) -> BTreeMap<AccountId, Holdings> {
        let built_in = BuiltInRole::ALL.map(|role| role.of(organization));
        let roles = self.roles.complete().into_iter().chain(built_in);
        let roles: BTreeMap<RoleId, Arc<Role>> =
            roles.map(|role| (role.id, Arc::new(role))).collect();
        let known = |ids: &BTreeSet<RoleId>| -> Vec<Arc<Role>> {
            ids.iter().filter_map(|id| roles.get(id).cloned()).collect()
        };
        let nothing = BTreeSet::new();
        let held = |(id, name)| HeldGroup {
            id,
            name,
            roles: known(self.group_roles.get(&id).unwrap_or(&nothing)),
        };
        let mut grants = self.roles.grants;
        let holdings = |(account, links): (AccountId, Links)| {
            let holdings = Holdings {
                own: grants.of(&account.to_string()),
                roles: known(&links.roles),
                groups: links.groups.into_iter().map(held).collect(),
            };
            (account, holdings)
        };
        self.accounts.into_iter().map(holdings).collect()
    }
}

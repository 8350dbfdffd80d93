//! Who may hold what is asked for, where they are not many.
//!
//! What is looked for is the rarest part of it, with all that is beside it in a grant left to the list.

use std::collections::BTreeSet;

use crate::domain::id::ApiId;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::scope::Scope;
use crate::store::Holding;
use crate::store::HoldingRole;
use crate::store::Order;
use crate::store::SortKey;

use super::super::failure::Answer;
use super::super::query::Db;
use super::super::query::all;
use super::super::statement::Conditions;
use super::few::FEW;

/// Of how many the database makes a list for itself, in which each that is met on the way is looked for.
const SOME: usize = 20_000;

/// Who may hold what is asked for: accounts, and credentials whose narrowing names it.
pub(super) enum Holders<'h> {
    /// These.
    Few(BTreeSet<String>),
    /// Those who hold this part of it.
    Some(Part<'h>),
}

/// A part of what is asked for, and the built-in roles that hold all of it.
#[derive(Clone, Copy)]
pub(super) struct Part<'h> {
    what: What<'h>,
    roles: &'h [HoldingRole],
}

#[derive(Clone, Copy)]
enum What<'h> {
    Resource(&'h ResourceType, &'h ResourceKey),
    Scope(&'h Scope),
    Api(ApiId),
}

/// Those that hold the rarest part of what is asked for, when they are not many.
pub(super) async fn of<'h>(
    db: &mut Db,
    holding: Option<&'h Holding>,
    order: Order,
) -> Answer<Option<Holders<'h>>> {
    let Some(holding) = holding else {
        return Ok(None);
    };
    // In the order of their ids all that is looked at for each stands side by side.
    let most = match order.key {
        SortKey::Id => FEW + 1,
        _ => SOME,
    };
    let mut fewest = None;
    for part in Part::of(holding) {
        let among = fewest.map_or(most, |(count, _)| count);
        let count = count(db, part, among).await?;
        if count < among {
            fewest = Some((count, part));
        }
        if count <= FEW {
            break;
        }
    }
    let Some((count, part)) = fewest else {
        return Ok(None);
    };
    if count > FEW {
        return Ok(Some(Holders::Some(part)));
    }
    let mut conditions = Conditions::default();
    let select = part.holders(&mut conditions);
    let rows = all(db, conditions.written(|_| select)).await?;
    let ids = rows.iter().map(|row| row.text("id").map(str::to_owned));
    Ok(Some(Holders::Few(ids.collect::<Answer<_>>()?)))
}

/// How many hold this part, up to a bound.
async fn count(db: &mut Db, part: Part<'_>, bound: usize) -> Answer<usize> {
    let mut conditions = Conditions::default();
    let holders = part.holders(&mut conditions);
    let query = conditions.written(|_| {
        format!(
            "SELECT count(*) AS found
             FROM (SELECT 1 FROM ({holders}) AS holder LIMIT {bound}) AS bounded"
        )
    });
    let row = all(db, query).await?.pop();
    let found = row.map_or(Ok(0), |row| row.integer("found"))?;
    Ok(usize::try_from(found).unwrap_or(bound))
}

impl Holders<'_> {
    /// Adds that one of these ids is that of a holder. Where there are some, the list is walked all the same:
    /// no index is to begin there.
    pub(super) fn restrict(&self, conditions: &mut Conditions, ids: &[&str]) {
        let is_one_of = |list: &str| {
            let each = ids.iter().map(|id| format!("{id} IN ({list})"));
            each.collect::<Vec<_>>().join(" OR ")
        };
        let condition = match self {
            Holders::Few(few) if few.is_empty() => "1 = 0".to_owned(),
            Holders::Few(few) => {
                let few: Vec<_> = few.iter().map(|id| conditions.id(id.as_str())).collect();
                format!("({})", is_one_of(&few.join(", ")))
            }
            Holders::Some(part) => {
                let holders = part.holders(conditions);
                format!("CASE WHEN {} THEN 1 END = 1", is_one_of(&holders))
            }
        };
        conditions.add(condition);
    }
}

impl<'h> Part<'h> {
    /// The parts that are asked for, the rarest first.
    fn of(holding: &'h Holding) -> impl Iterator<Item = Self> {
        let resource = holding.resource.as_ref();
        let parts = [
            resource.map(|(kind, key)| What::Resource(kind, key)),
            holding.scope.as_ref().map(What::Scope),
            holding.api.map(What::Api),
        ];
        let roles = &holding.roles;
        parts.into_iter().flatten().map(|what| Self { what, roles })
    }

    /// A select of the ids of accounts and credentials that may hold it: by a grant of their own, or by a
    /// role, which an account has by a group or not.
    fn holders(self, conditions: &mut Conditions) -> String {
        let own = self.what.of_grants(conditions, "");
        let roles = self.of_roles(conditions);
        let roles_of_groups = self.of_roles(conditions);
        format!(
            "{own}
             UNION ALL
             SELECT account_id AS id FROM account_role WHERE role_id IN ({roles})
             UNION ALL
             SELECT group_member.account_id AS id FROM group_role
             JOIN group_member ON group_member.group_id = group_role.group_id
             WHERE role_id IN ({roles_of_groups})"
        )
    }

    /// The roles that may, those included whose grants are not stored. Ids carry their kind, so roles stand
    /// side by side in an index, among far more accounts.
    fn of_roles(self, conditions: &mut Conditions) -> String {
        let stored = self
            .what
            .of_grants(conditions, "AND holder_id >= 'role' AND holder_id < 'rolf'");
        let built_in = conditions.select("SELECT id FROM role", |role| {
            role.add_one_of("id", self.roles.iter().map(|role| role.id.to_string()));
        });
        format!("{stored} UNION ALL {built_in}")
    }
}

impl What<'_> {
    /// Whoever has a grant with it: an account, a role or a credential, and is one of `which`.
    fn of_grants(self, conditions: &mut Conditions, which: &str) -> String {
        match self {
            Self::Resource(kind, key) => {
                let listed = "SELECT holder_id AS id FROM access_resource";
                let listed = conditions.select(listed, |listed| {
                    let (kind, key) = (listed.text(kind.as_str()), listed.text(key.as_str()));
                    listed.add(format!(
                        "resource_type = {kind} AND resource_key = {key} {which}"
                    ));
                });
                let all = "SELECT holder_id AS id FROM access_type";
                let all = conditions.select(all, |all| {
                    let kind = all.text(kind.as_str());
                    all.add(format!("resource_type = {kind} AND is_all = 1 {which}"));
                });
                format!("{listed} UNION ALL {all}")
            }
            Self::Scope(scope) => {
                let scopes = "SELECT holder_id AS id FROM access_scope";
                conditions.select(scopes, |scopes| {
                    let scope = scopes.text(scope.as_str());
                    scopes.add(format!("scope = {scope} {which}"));
                })
            }
            Self::Api(api) => {
                let grants = "SELECT holder_id AS id FROM access_grant";
                conditions.select(grants, |grants| {
                    let api = grants.text(api.to_string());
                    grants.add(format!("api_id = {api} {which}"));
                })
            }
        }
    }
}

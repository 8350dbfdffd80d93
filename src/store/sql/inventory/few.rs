//! The accounts, or the credentials, that meet a condition, where they are few.

use std::collections::BTreeSet;

use crate::domain::credential::CredentialKind;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;
use crate::store::AccountFilter;
use crate::store::CredentialFilter;
use crate::store::Holding;

use super::super::failure::Answer;
use super::super::query::Db;
use super::super::query::all;
use super::super::query::millis;
use super::super::statement::Conditions;

/// How many ids may be listed in a statement. With more than these that meet a condition a page is
/// found by walking: of a hundred thousand, one in fifty is another that is read for it.
const FEW: usize = 2_000;

/// The accounts that may meet the filter, when one of its conditions leaves only a few; those that do
/// not are among them too.
pub(super) async fn few_accounts(
    db: &mut Db,
    organization: OrganizationId,
    filter: &AccountFilter,
) -> Answer<Option<BTreeSet<String>>> {
    let mut few: Option<BTreeSet<String>> = None;
    let mut take = |found: Option<BTreeSet<String>>| {
        let Some(found) = found else { return };
        few = Some(match few.take() {
            Some(known) => known.intersection(&found).cloned().collect(),
            None => found,
        });
    };
    if let Some(text) = &filter.text {
        let mut conditions = Conditions::default();
        let organization = conditions.text(organization.to_string());
        conditions.add(format!("organization_id = {organization}"));
        conditions.add("deleted_at IS NULL".to_owned());
        conditions.add_search(text, &["search_text"], "id");
        take(few_ids(db, conditions, "SELECT id FROM service_account").await?);
    }
    if let Some(owner) = &filter.owner {
        let mut conditions = Conditions::default();
        let organization = conditions.text(organization.to_string());
        conditions.add(format!("organization_id = {organization}"));
        conditions.add("deleted_at IS NULL".to_owned());
        let owner = conditions.text(owner.as_str());
        conditions.add(format!("owner = {owner}"));
        take(few_ids(db, conditions, "SELECT id FROM service_account").await?);
    }
    if let Some(since) = filter.unused_since {
        let mut conditions = Conditions::default();
        let organization = conditions.text(organization.to_string());
        conditions.add(format!("organization_id = {organization}"));
        conditions.add("account_id IS NOT NULL".to_owned());
        let since = conditions.number(millis(since));
        conditions.add(format!("last_at <= {since}"));
        take(few_ids(db, conditions, "SELECT account_id AS id FROM last_use").await?);
    }
    if let Some(holding) = &filter.holding {
        take(few_holders(db, holding).await?);
    }
    Ok(few)
}

/// The few credentials that may meet a condition, or those of few holders.
pub(super) enum Few {
    Credentials(BTreeSet<String>),
    /// What an account holds, its credentials may be left with; and who is narrowed has named it.
    Holders(BTreeSet<String>),
}

impl Few {
    /// Adds that it is one of these.
    pub(super) fn restrict(&self, conditions: &mut Conditions) {
        match self {
            Self::Credentials(ids) => conditions.add_one_of("credential.id", ids.iter().cloned()),
            Self::Holders(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| conditions.text(id.as_str())).collect();
                let ids = match ids.join(", ") {
                    none if none.is_empty() => "''".to_owned(),
                    some => some,
                };
                conditions.add(format!(
                    "(credential.account_id IN ({ids}) OR credential.id IN ({ids}))"
                ));
            }
        }
    }
}

/// Which credentials may meet the filter, for each of its conditions that leaves only a few.
pub(super) async fn few_credentials(
    db: &mut Db,
    organization: OrganizationId,
    kind: CredentialKind,
    filter: &CredentialFilter,
) -> Answer<Vec<Few>> {
    let statements = [
        filter.account.map(|account| {
            let mut own = of_kind(organization, kind);
            let account = own.text(account.to_string());
            own.add(format!("credential.account_id = {account}"));
            (own, "SELECT id FROM credential")
        }),
        filter.owner.as_deref().map(|owner| {
            let select = "SELECT credential.id AS id FROM service_account CROSS JOIN credential";
            (owned(organization, kind, owner), select)
        }),
        filter.text.as_deref().map(|text| {
            let mut named = of_kind(organization, kind);
            named.add_search(text, &["folded_name", "client_id"], "id");
            (named, "SELECT id FROM credential")
        }),
        filter.unused_since.map(|since| {
            let mut unused = Conditions::default();
            let organization = unused.text(organization.to_string());
            unused.add(format!("organization_id = {organization}"));
            unused.add("credential_id IS NOT NULL".to_owned());
            let since = unused.number(millis(since));
            unused.add(format!("last_at <= {since}"));
            (unused, "SELECT credential_id AS id FROM last_use")
        }),
        filter.ending.map(|ending| {
            let mut ends = Conditions::default();
            let after = ends.number(millis(ending.after));
            let until = ends.number(millis(ending.until));
            ends.add(format!("ends_at > {after} AND ends_at <= {until}"));
            (ends, "SELECT DISTINCT credential_id AS id FROM secret")
        }),
    ];
    let mut all = Vec::new();
    for (conditions, select) in statements.into_iter().flatten() {
        let few = few_ids(db, conditions, select).await?;
        all.extend(few.map(Few::Credentials));
    }
    if let Some(holding) = &filter.holding {
        all.extend(few_holders(db, holding).await?.map(Few::Holders));
    }
    Ok(all)
}

fn of_kind(organization: OrganizationId, kind: CredentialKind) -> Conditions {
    let mut conditions = Conditions::default();
    let organization = conditions.text(organization.to_string());
    conditions.add(format!("credential.organization_id = {organization}"));
    conditions.add(format!("credential.kind = '{}'", kind.as_str()));
    conditions
}

fn owned(organization: OrganizationId, kind: CredentialKind, owner: &str) -> Conditions {
    let mut theirs = of_kind(organization, kind);
    let organization = theirs.text(organization.to_string());
    theirs.add(format!("service_account.organization_id = {organization}"));
    theirs.add("service_account.deleted_at IS NULL".to_owned());
    let owner = theirs.text(owner);
    theirs.add(format!("service_account.owner = {owner}"));
    theirs.add("credential.account_id = service_account.id".to_owned());
    theirs
}

/// The accounts that may hold what is asked for, when they are few: who holds the rarest part of it,
/// and who has a role that does.
async fn few_holders(db: &mut Db, holding: &Holding) -> Answer<Option<BTreeSet<String>>> {
    let Some(mut holders) = few_holders_of_a_part(db, holding).await? else {
        return Ok(None);
    };
    holders.extend(holding.roles.iter().map(|role| role.id.to_string()));
    let is_role = |id: &String| id.parse::<RoleId>().is_ok();
    let roles: Vec<String> = holders.iter().filter(|id| is_role(id)).cloned().collect();
    if roles.is_empty() {
        return Ok(Some(holders));
    }
    for select in [
        "SELECT DISTINCT account_id AS id FROM account_role",
        "SELECT DISTINCT group_member.account_id AS id FROM group_role
         JOIN group_member ON group_member.group_id = group_role.group_id",
    ] {
        let mut conditions = Conditions::default();
        conditions.add_one_of("role_id", roles.clone());
        match few_ids(db, conditions, select).await? {
            Some(more) => holders.extend(more),
            None => return Ok(None),
        }
    }
    Ok(Some(holders))
}

async fn few_holders_of_a_part(db: &mut Db, holding: &Holding) -> Answer<Option<BTreeSet<String>>> {
    if let Some((kind, key)) = &holding.resource {
        let mut listed = Conditions::default();
        let (of_kind, of_key) = (listed.text(kind.as_str()), listed.text(key.as_str()));
        listed.add(format!(
            "resource_type = {of_kind} AND resource_key = {of_key}"
        ));
        let mut all_of_kind = Conditions::default();
        let of_kind = all_of_kind.text(kind.as_str());
        all_of_kind.add(format!("resource_type = {of_kind} AND is_all = 1"));
        let listed = few_ids(
            db,
            listed,
            "SELECT DISTINCT holder_id AS id FROM access_resource",
        )
        .await?;
        let all_of_kind = few_ids(
            db,
            all_of_kind,
            "SELECT DISTINCT holder_id AS id FROM access_type",
        )
        .await?;
        if let (Some(mut few), Some(more)) = (listed, all_of_kind) {
            few.extend(more);
            return Ok(Some(few));
        }
    }
    if let Some(scope) = &holding.scope {
        let mut conditions = Conditions::default();
        let scope = conditions.text(scope.as_str());
        conditions.add(format!("scope = {scope}"));
        let select = "SELECT DISTINCT holder_id AS id FROM access_scope";
        if let Some(few) = few_ids(db, conditions, select).await? {
            return Ok(Some(few));
        }
    }
    if let Some(api) = holding.api {
        let mut conditions = Conditions::default();
        let api = conditions.text(api.to_string());
        conditions.add(format!("api_id = {api}"));
        let select = "SELECT DISTINCT holder_id AS id FROM access_grant";
        return few_ids(db, conditions, select).await;
    }
    Ok(None)
}

/// The ids that a statement gives, when they are few.
async fn few_ids(
    db: &mut Db,
    conditions: Conditions,
    select: &str,
) -> Answer<Option<BTreeSet<String>>> {
    let rest = format!("LIMIT {}", FEW + 1);
    let rows = all(db, conditions.statement(select, &rest)).await?;
    if rows.len() > FEW {
        return Ok(None);
    }
    let ids = rows.iter().map(|row| row.text("id").map(str::to_owned));
    ids.collect::<Answer<_>>().map(Some)
}

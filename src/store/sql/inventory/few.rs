//! The accounts, or the credentials, that meet a condition, where they are few.

use std::collections::BTreeSet;

use crate::domain::credential::CredentialKind;
use crate::domain::id::OrganizationId;
use crate::store::AccountFilter;
use crate::store::CredentialFilter;

use super::super::failure::Answer;
use super::super::query::Db;
use super::super::query::all;
use super::super::query::millis;
use super::super::statement::Conditions;

/// How many ids may be listed in a statement. Where more meet a condition a page is found by walking:
/// of a hundred thousand accounts at least one in fifty is then on the page.
pub(super) const FEW: usize = 2_000;

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
    Ok(few)
}

/// Which credentials may meet the filter, for each of its conditions that leaves only a few.
pub(super) async fn few_credentials(
    db: &mut Db,
    organization: OrganizationId,
    kind: CredentialKind,
    filter: &CredentialFilter,
) -> Answer<Vec<BTreeSet<String>>> {
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
        all.extend(few_ids(db, conditions, select).await?);
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

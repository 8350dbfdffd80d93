//! The accounts, or the credentials, that meet a condition, where they are few.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::account::AccountStatus;
use crate::domain::credential::CredentialKind;
use crate::domain::credential::CredentialStatus;
use crate::domain::id::OrganizationId;
use crate::store::AccountFilter;
use crate::store::CredentialFilter;
use crate::store::Ending;

use super::super::ends::BY_INDEX;
use super::super::ends::End;
use super::super::ends::has_ended;
use super::super::failure::Answer;
use super::super::query::Db;
use super::super::query::all;
use super::super::query::millis;
use super::super::statement::Conditions;
use super::accounts::account_status;
use super::add_ending;

/// How many ids may be listed in a statement. Where more meet a condition a page is found by walking:
/// of a hundred thousand accounts at least one in fifty is then on the page.
pub(super) const FEW: usize = 2_000;

const OF_CREDENTIALS: &str = "SELECT id FROM credential";

/// A statement that gives the ids of those that meet a condition.
struct Asked {
    select: &'static str,
    conditions: Conditions,
    /// By which column they are a span of an index. It is said as their order: `PostgreSQL` plans a statement
    /// once for all arguments, and would read the whole table for a span that may be long.
    span: Option<&'static str>,
}

impl Asked {
    fn new(select: &'static str, conditions: Conditions) -> Self {
        Self {
            select,
            conditions,
            span: None,
        }
    }

    fn span(self, column: &'static str) -> Self {
        Self {
            span: Some(column),
            ..self
        }
    }
}

/// The accounts that may meet the filter, when one of its conditions leaves only a few; those that do
/// not are among them too.
pub(super) async fn few_accounts(
    db: &mut Db,
    organization: OrganizationId,
    filter: &AccountFilter,
) -> Answer<Option<BTreeSet<String>>> {
    // In the words of its index.
    const END: &str = "coalesce(service_account.expires_at, 9223372036854775807)";
    let account = |add: &dyn Fn(&mut Conditions)| {
        let mut conditions = Conditions::default();
        let organization = conditions.text(organization.to_string());
        conditions.add(format!("organization_id = {organization}"));
        conditions.add("deleted_at IS NULL".to_owned());
        add(&mut conditions);
        Asked::new("SELECT id FROM service_account", conditions)
    };
    let expired = filter.status;
    let expired = expired.filter(|(status, _)| *status == AccountStatus::Expired);
    let statements = [
        filter
            .text
            .as_deref()
            .map(|text| account(&|named| named.add_search(text, &["search_text"], "id"))),
        filter.owner.as_deref().map(|owner| {
            account(&|owned| {
                let owner = owned.text(owner);
                owned.add(format!("owner = {owner}"));
            })
        }),
        expired.map(|(status, now)| {
            account(&|expired| {
                let has_expired = account_status(expired, status, now);
                expired.add(has_expired);
            })
            .span(END)
        }),
        filter.ending.map(|ending| {
            account(&|ends| add_ending(ends, "service_account.expires_at", ending)).span(END)
        }),
        filter.unused_since.map(|since| {
            let unused = unused(organization, "account_id", since);
            Asked::new("SELECT account_id AS id FROM last_use", unused).span("last_at")
        }),
    ];
    let mut few: Option<BTreeSet<String>> = None;
    for asked in statements.into_iter().flatten() {
        let found = few_ids(db, asked).await?;
        few = match (few, found) {
            (Some(known), Some(found)) => Some(&known & &found),
            (known, found) => known.or(found),
        };
    }
    Ok(few)
}

/// What may be unused since then, by the id in this column: what was made later, and never used, is not.
fn unused(organization: OrganizationId, id: &str, since: Timestamp) -> Conditions {
    let mut conditions = Conditions::default();
    let organization = conditions.text(organization.to_string());
    conditions.add(format!("organization_id = {organization}"));
    conditions.add(format!("{id} IS NOT NULL"));
    let since = conditions.number(millis(since));
    conditions.add(format!("last_at <= {since}"));
    conditions.add(format!("quiet_from <= {since}"));
    conditions
}

/// Which credentials may meet the filter, for each of its conditions that leaves only a few.
pub(super) async fn few_credentials(
    db: &mut Db,
    organization: OrganizationId,
    kind: CredentialKind,
    filter: &CredentialFilter,
) -> Answer<Vec<BTreeSet<String>>> {
    let expired = filter.status;
    let expired = expired.filter(|(status, _)| *status == CredentialStatus::Expired);
    let statements = [
        filter.account.map(|account| {
            let mut own = of_kind(organization, kind);
            let account = own.text(account.to_string());
            own.add(format!("credential.account_id = {account}"));
            Asked::new(OF_CREDENTIALS, own)
        }),
        filter.owner.as_deref().map(|owner| {
            let select = "SELECT credential.id AS id FROM service_account CROSS JOIN credential";
            Asked::new(select, owned(organization, kind, owner))
        }),
        filter.text.as_deref().map(|text| {
            let mut named = of_kind(organization, kind);
            named.add_search(text, &["folded_name", "client_id"], "id");
            Asked::new(OF_CREDENTIALS, named)
        }),
        filter.unused_since.map(|since| {
            let unused = unused(organization, "credential_id", since);
            Asked::new("SELECT credential_id AS id FROM last_use", unused).span("last_at")
        }),
        expired.map(|(_, now)| {
            let mut expired = of_kind(organization, kind);
            expired.add("credential.status = 'active'".to_owned());
            let now = expired.number(millis(now));
            expired.add(has_ended(now));
            expired.add(BY_INDEX.to_owned());
            Asked::new(OF_CREDENTIALS, expired).span("last_end")
        }),
    ];
    let mut all = Vec::new();
    for asked in statements.into_iter().flatten() {
        all.extend(few_ids(db, asked).await?);
    }
    if let Some(ending) = filter.ending {
        all.extend(few_ending(db, organization, kind, ending).await?);
    }
    Ok(all)
}

/// Those with an end in one column or the other; in which of the two it counts is left to the list.
async fn few_ending(
    db: &mut Db,
    organization: OrganizationId,
    kind: CredentialKind,
    ending: Ending,
) -> Answer<Option<BTreeSet<String>>> {
    let mut few = BTreeSet::new();
    for end in End::ALL {
        let mut ends = of_kind(organization, kind);
        let (after, until) = (
            ends.number(millis(ending.after)),
            ends.number(millis(ending.until)),
        );
        let column = end.column();
        ends.add(format!("{column} > {after} AND {column} <= {until}"));
        if let End::OfTheLast = end {
            // In the words of its index.
            ends.add("credential.last_end > credential.newest_end".to_owned());
        }
        let asked = Asked::new(OF_CREDENTIALS, ends).span(column);
        let Some(found) = few_ids(db, asked).await? else {
            return Ok(None);
        };
        few.extend(found);
    }
    Ok((few.len() <= FEW).then_some(few))
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
async fn few_ids(db: &mut Db, asked: Asked) -> Answer<Option<BTreeSet<String>>> {
    let order = asked.span.map(|column| format!("ORDER BY {column} "));
    let rest = format!("{}LIMIT {}", order.unwrap_or_default(), FEW + 1);
    let rows = all(db, asked.conditions.statement(asked.select, &rest)).await?;
    if rows.len() > FEW {
        return Ok(None);
    }
    let ids = rows.iter().map(|row| row.text("id").map(str::to_owned));
    ids.collect::<Answer<_>>().map(Some)
}

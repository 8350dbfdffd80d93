//! Accounts and credentials by filters, in an order.
//!
//! Each order has an index, so that a page is read from where it begins and not sorted, and conditions
//! are checked on the way. That is quick where many accounts meet them. So those that may leave only a
//! few are asked first who meets them ([`few`], [`holders`]): where it is few, the page is made of these.

mod accounts;
mod credentials;
mod few;
mod held;
mod holders;

use std::collections::BTreeSet;
use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::access::Access;
use crate::domain::account::ServiceAccount;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialKind;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::store::AccountFilter;
use crate::store::CredentialFilter;
use crate::store::Ending;
use crate::store::InventoryReads;
use crate::store::Order;
use crate::store::Page;
use crate::store::Placed;
use crate::store::Position;
use crate::store::SortKey;
use crate::store::StoreError;

use super::SqlStore;
use super::access;
use super::account;
use super::credential;
use super::ends::End;
use super::ends::NEVER;
use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::millis;
use super::query::placeholders;
use super::statement::Conditions;
use super::statement::EACH;
use holders::Holders;

/// A list as it is asked for: which table, and how it is ordered.
struct Listed {
    table: &'static str,
    /// Whether it is made of a few, which are sorted, rather than walked in its order.
    is_few: bool,
    select: String,
    key: Key,
    /// The column that settles equal keys.
    id: &'static str,
}

/// The column or expression that a list is ordered by.
enum Key {
    /// Nothing before the id.
    None,
    Text(&'static str),
    Number(String),
}

impl Listed {
    fn accounts(columns: &str, order: Order, is_few: bool) -> Self {
        let key = match order.key {
            SortKey::Id => Key::None,
            SortKey::Name => Key::Text("service_account.folded_name"),
            SortKey::CreatedAt => Key::Number("service_account.created_at".to_owned()),
            SortKey::LastUsedAt => Key::Number("last_use.last_at".to_owned()),
            SortKey::ExpiresAt => {
                Key::Number(format!("coalesce(service_account.expires_at, {NEVER})"))
            }
        };
        Self::of("service_account", columns, key, order.key, is_few)
    }

    /// Those whose end is in this column, when they are ordered by it.
    fn credentials(columns: &str, order: Order, end: End, is_few: bool) -> Self {
        let key = match order.key {
            SortKey::Id => Key::None,
            SortKey::Name => Key::Text("credential.name"),
            SortKey::CreatedAt => Key::Number("credential.created_at".to_owned()),
            SortKey::LastUsedAt => Key::Number("last_use.last_at".to_owned()),
            SortKey::ExpiresAt => Key::Number(end.column().to_owned()),
        };
        Self::of("credential", columns, key, order.key, is_few)
    }

    fn of(table: &'static str, columns: &str, key: Key, by: SortKey, is_few: bool) -> Self {
        let is_account = table == "service_account";
        let (from, id) = match (by, is_account) {
            (SortKey::LastUsedAt, _) => {
                // The first of the two is walked, and the other looked up.
                let from = if is_few {
                    format!("{table} CROSS JOIN last_use")
                } else {
                    format!("last_use CROSS JOIN {table}")
                };
                let id = if is_account {
                    "last_use.account_id"
                } else {
                    "last_use.credential_id"
                };
                (from, id)
            }
            (_, true) => (table.to_owned(), "service_account.id"),
            (_, false) => (table.to_owned(), "credential.id"),
        };
        let value = match &key {
            Key::None => String::new(),
            Key::Text(column) => format!(", {column} AS place"),
            Key::Number(column) => format!(", {column} AS place"),
        };
        Self {
            table,
            is_few,
            select: format!("SELECT {columns}{value}\nFROM {from}"),
            key,
            id,
        }
    }

    /// Only what is in the organization, and after where the page begins.
    fn begin(
        &self,
        organization: OrganizationId,
        order: Order,
        page: &Page<Position>,
    ) -> Answer<Conditions> {
        let mut conditions = Conditions::default();
        let organization = conditions.text(organization.to_string());
        let table = self.table;
        conditions.add(format!("{table}.organization_id = {organization}"));
        if order.key == SortKey::LastUsedAt {
            if self.is_few {
                conditions.add(format!("last_use.subject_id = {table}.id"));
            } else {
                conditions.add(format!("last_use.organization_id = {organization}"));
                conditions.add(format!("{table}.id = {}", self.id));
                // The index is one of these only, and its condition has to be said.
                conditions.add(format!("{} IS NOT NULL", self.id));
            }
        }
        if let Some(after) = &page.after {
            let than = if order.descending { "<" } else { ">" };
            let id = conditions.text(after.id.as_str());
            let after = match &self.key {
                Key::None => format!("{} {than} {id}", self.id),
                Key::Text(column) => {
                    let value = conditions.text(after.value.as_str());
                    format!("({column}, {}) {than} ({value}, {id})", self.id)
                }
                Key::Number(column) => {
                    let value = after.value.parse();
                    let value = conditions.number(value.map_err(|_| Failure::Unreadable("place"))?);
                    format!("({column}, {}) {than} ({value}, {id})", self.id)
                }
            };
            conditions.add(after);
        }
        Ok(conditions)
    }

    async fn rows(
        &self,
        db: &mut Db,
        mut conditions: Conditions,
        order: Order,
        limit: u16,
    ) -> Answer<Vec<Row>> {
        let direction = if order.descending { " DESC" } else { "" };
        let key = match &self.key {
            Key::None => String::new(),
            Key::Text(column) => format!("{column}{direction}, "),
            Key::Number(column) => format!("{column}{direction}, "),
        };
        let limit = conditions.number(limit.into());
        let rest = format!("ORDER BY {key}{}{direction} LIMIT {limit}", self.id);
        all(db, conditions.statement(&self.select, &rest)).await
    }

    fn position(&self, row: &Row) -> Answer<Position> {
        let value = match &self.key {
            Key::None => String::new(),
            Key::Text(_) => row.text("place")?.to_owned(),
            Key::Number(_) => row.integer("place")?.to_string(),
        };
        Ok(Position {
            value,
            id: row.text("id")?.to_owned(),
        })
    }
}

pub(super) async fn find_accounts(
    db: &mut Db,
    organization: OrganizationId,
    filter: &AccountFilter,
    order: Order,
    page: Page<Position>,
) -> Answer<Vec<Placed<ServiceAccount>>> {
    let few = few::few_accounts(db, organization, filter).await?;
    let holders = holders::of(db, filter.holding.as_ref(), order).await?;
    let is_few = few.is_some() || matches!(holders, Some(Holders::Few(_)));
    let listed = Listed::accounts(account::COLUMNS, order, is_few);
    let mut conditions = listed.begin(organization, order, &page)?;
    conditions.add("service_account.deleted_at IS NULL".to_owned());
    accounts::restrict(&mut conditions, organization, filter);
    add_end_of_unused(&mut conditions, order, filter.unused_since);
    if let Some(few) = few {
        conditions.add_one_of("service_account.id", few);
    }
    if let Some(holders) = &holders {
        let id = if is_few {
            "service_account.id"
        } else {
            listed.id
        };
        holders.restrict(&mut conditions, &[id]);
    }
    let rows = listed.rows(db, conditions, order, page.limit).await?;
    let placed = rows.iter().map(|row| {
        Ok(Placed {
            item: account::read(row)?,
            position: listed.position(row)?,
        })
    });
    placed.collect()
}

pub(super) async fn find_credentials(
    db: &mut Db,
    organization: OrganizationId,
    kind: CredentialKind,
    filter: &CredentialFilter,
    order: Order,
    page: Page<Position>,
) -> Answer<Vec<Placed<Credential>>> {
    let ends: &[End] = match order.key {
        // Each part is read by an index, and there is nothing to sort but two pages.
        SortKey::ExpiresAt => &End::ALL,
        _ => &[End::OfTheNewest],
    };
    let few = few::few_credentials(db, organization, kind, filter).await?;
    let holders = holders::of(db, filter.holding.as_ref(), order).await?;
    let is_few = !few.is_empty() || matches!(holders, Some(Holders::Few(_)));
    let mut found = Vec::new();
    for end in ends {
        let listed = Listed::credentials(credential::COLUMNS, order, *end, is_few);
        let mut conditions = listed.begin(organization, order, &page)?;
        conditions.add(format!("credential.kind = '{}'", kind.as_str()));
        credentials::restrict(&mut conditions, organization, filter);
        if order.key == SortKey::ExpiresAt {
            credentials::restrict_to(&mut conditions, *end, filter);
        }
        add_end_of_unused(&mut conditions, order, filter.unused_since);
        for few in &few {
            conditions.add_one_of("credential.id", few.iter().cloned());
        }
        // What an account holds, its credentials may be left with; and who is narrowed has named it.
        if let Some(holders) = &holders {
            let ids = ["credential.account_id", "credential.id"];
            holders.restrict(&mut conditions, &ids);
        }
        for row in listed.rows(db, conditions, order, page.limit).await? {
            found.push((listed.position(&row)?, row));
        }
    }
    if ends.len() > 1 {
        merge(&mut found, order, page.limit);
    }
    let (positions, rows): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let credentials = credential::complete(db, &rows).await?.into_iter();
    let placed = credentials.zip(positions);
    Ok(placed
        .map(|(item, position)| Placed { item, position })
        .collect())
}

/// Makes one page of those of both parts, which are ordered by numbers.
fn merge(found: &mut Vec<(Position, Row)>, order: Order, limit: u16) {
    found.sort_by_cached_key(|(position, _)| {
        let number: i64 = position.value.parse().unwrap_or(i64::MAX);
        (number, position.id.clone())
    });
    if order.descending {
        found.reverse();
    }
    found.truncate(limit.into());
}

/// The accounts of which somebody wrote this text, where they are few; it looks at all texts.
pub(super) async fn few_written(
    db: &mut Db,
    organization: OrganizationId,
    text: &str,
) -> Answer<Option<BTreeSet<String>>> {
    let filter = AccountFilter {
        text: Some(text.to_owned()),
        ..AccountFilter::default()
    };
    few::few_accounts(db, organization, &filter).await
}

fn add_unused(conditions: &mut Conditions, table: &str, since: Timestamp) {
    let since = conditions.number(millis(since));
    // The sign keeps SQLite from walking by this index: many were made before, and few are unused.
    conditions.add(format!("+{table}.created_at <= {since}"));
    conditions.add(format!(
        "EXISTS (SELECT 1 FROM last_use AS use_of
            WHERE use_of.subject_id = {table}.id AND use_of.last_at <= {since} {EACH})"
    ));
}

/// In the order of last use, those that are unused for long stand together: nothing behind them is
/// looked at.
fn add_end_of_unused(conditions: &mut Conditions, order: Order, since: Option<Timestamp>) {
    if let Some(since) = since.filter(|_| order.key == SortKey::LastUsedAt) {
        let since = conditions.number(millis(since));
        conditions.add(format!("last_use.last_at <= {since}"));
    }
}

fn add_ending(conditions: &mut Conditions, end: &str, ending: Ending) {
    let (after, until) = (
        conditions.number(millis(ending.after)),
        conditions.number(millis(ending.until)),
    );
    let end = format!("coalesce({end}, {NEVER})");
    conditions.add(format!("{end} > {after}"));
    conditions.add(format!("{end} <= {until}"));
}

pub(super) async fn list_access(
    db: &mut Db,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Answer<HashMap<AccountId, Access>> {
    if accounts.is_empty() {
        return Ok(HashMap::new());
    }
    let query = assembled(format!(
        "SELECT id FROM service_account
         WHERE organization_id = $1 AND deleted_at IS NULL AND id IN ({})",
        placeholders(2, accounts.len())
    ));
    let query = query.bind(organization.to_string());
    let query = accounts
        .iter()
        .fold(query, |query, id| query.bind(id.to_string()));
    let rows = all(db, query).await?;
    let ids: Vec<_> = rows
        .iter()
        .map(|row| row.text("id").map(str::to_owned))
        .collect::<Answer<_>>()?;
    let mut grants = access::of_holders(db, &ids).await?;
    let with_access = rows
        .iter()
        .zip(&ids)
        .map(|(row, id)| Ok((row.parse("id")?, grants.of(id))));
    with_access.collect()
}

#[async_trait]
impl InventoryReads for SqlStore {
    async fn find_accounts(
        &self,
        organization: OrganizationId,
        filter: &AccountFilter,
        order: Order,
        page: Page<Position>,
    ) -> Result<Vec<Placed<ServiceAccount>>, StoreError> {
        let filter = filter.clone();
        self.read_snapshot(move |db| {
            Box::pin(async move { find_accounts(db, organization, &filter, order, page).await })
        })
        .await
    }

    async fn find_credentials(
        &self,
        organization: OrganizationId,
        kind: CredentialKind,
        filter: &CredentialFilter,
        order: Order,
        page: Page<Position>,
    ) -> Result<Vec<Placed<Credential>>, StoreError> {
        let filter = filter.clone();
        self.read_snapshot(move |db| {
            Box::pin(
                async move { find_credentials(db, organization, kind, &filter, order, page).await },
            )
        })
        .await
    }

    async fn list_access(
        &self,
        organization: OrganizationId,
        accounts: &[AccountId],
    ) -> Result<HashMap<AccountId, Access>, StoreError> {
        let accounts = accounts.to_vec();
        self.read_snapshot(move |db| {
            Box::pin(async move { list_access(db, organization, &accounts).await })
        })
        .await
    }
}

//! Usage series: counts that are added once, by the id of their batch.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::domain::credential::CredentialKind;
use crate::domain::credential::CredentialRef;
use crate::domain::finding::NETWORK_KNOWN_FOR;
use crate::domain::id::ClientId;
use crate::domain::id::OrganizationId;
use crate::domain::usage_series::AddressCount;
use crate::domain::usage_series::By;
use crate::domain::usage_series::CountKey;
use crate::domain::usage_series::Counted;
use crate::domain::usage_series::Counts;
use crate::domain::usage_series::Hour;
use crate::domain::usage_series::NetworkUse;
use crate::store::AddressRow;
use crate::store::ClientOwner;
use crate::store::CountBatch;
use crate::store::Hours;
use crate::store::SeriesOf;
use crate::store::SeriesRow;
use crate::store::StoreError;
use crate::store::UsageSeries;

use super::SqlStore;
use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::millis;
use super::query::parts;
use super::query::values;
use super::statement::Conditions;

/// The most rows that one statement removes, so that nobody waits long for it.
const REMOVED_AT_ONCE: u64 = 5_000;

/// A count as the database has it.
fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

async fn client_owners(db: &mut Db, clients: &[ClientId]) -> Answer<Vec<ClientOwner>> {
    let mut conditions = Conditions::default();
    conditions.add_one_of("client_id", clients.iter().map(ToString::to_string));
    let select = "SELECT client_id, organization_id, account_id, id, kind FROM credential";
    let rows = all(db, conditions.statement(select, "")).await?;
    rows.iter().map(read_owner).collect()
}

fn read_owner(row: &Row) -> Answer<ClientOwner> {
    let kind = row.word("kind", CredentialKind::parse)?;
    Ok(ClientOwner {
        client_id: row.parse("client_id")?,
        organization: row.parse("organization_id")?,
        account: row.parse("account_id")?,
        credential: CredentialRef::of(row.parse("id")?, kind),
    })
}

/// In the order in which every node writes, so that two of them do not wait for each other.
async fn add(db: &mut Db, batch: &CountBatch) -> Answer<()> {
    let query =
        sqlx::query("INSERT INTO usage_batch (id, at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING");
    let id = URL_SAFE_NO_PAD.encode(batch.id);
    if execute(db, query.bind(id).bind(millis(batch.at))).await? == 0 {
        return Ok(());
    }
    let mut counts = batch.counts.clone();
    counts.sort_unstable_by_key(|(key, _)| (subject_of(key), *key));
    for some in parts(db, &counts) {
        add_counts(db, some).await?;
    }
    let mut addresses = batch.addresses.clone();
    addresses
        .sort_unstable_by_key(|one| (subject_of_address(one), one.hour, one.address.to_string()));
    for some in parts(db, &addresses) {
        add_addresses(db, some).await?;
    }
    let mut networks = batch.networks.clone();
    networks.sort_unstable_by_key(|one| (one.account.to_string(), one.network.to_string()));
    for some in parts(db, &networks) {
        add_networks(db, some).await?;
    }
    Ok(())
}

fn subject_of(key: &CountKey) -> String {
    match key.counted {
        Counted::Account(account, _) => account.to_string(),
        Counted::Organization => key.organization.to_string(),
    }
}

fn subject_of_address(one: &AddressCount) -> String {
    let account = one.account.map(|account| account.to_string());
    account.unwrap_or_else(|| one.organization.to_string())
}

async fn add_counts(db: &mut Db, counts: &[(CountKey, Counts)]) -> Answer<()> {
    let query = assembled(format!(
        "INSERT INTO usage_hour
             (subject_id, organization_id, hour, credential_id, api_id, refusal,
              issued, refused, introspected)
         VALUES {}
         ON CONFLICT (subject_id, hour, credential_id, api_id, refusal) DO UPDATE SET
             issued = usage_hour.issued + excluded.issued,
             refused = usage_hour.refused + excluded.refused,
             introspected = usage_hour.introspected + excluded.introspected",
        values(db, counts.len(), 9)
    ));
    let query = counts.iter().fold(query, |query, (key, counts)| {
        let credential = match key.counted {
            Counted::Account(_, credential) => credential.to_string(),
            Counted::Organization => String::new(),
        };
        query
            .bind(subject_of(key))
            .bind(key.organization.to_string())
            .bind(millis(key.hour.start()))
            .bind(credential)
            .bind(key.api.map(|api| api.to_string()).unwrap_or_default())
            .bind(key.refusal.unwrap_or_default())
            .bind(stored(counts.issued))
            .bind(stored(counts.refused))
            .bind(stored(counts.introspected))
    });
    execute(db, query).await?;
    Ok(())
}

async fn add_addresses(db: &mut Db, addresses: &[AddressCount]) -> Answer<()> {
    let query = assembled(format!(
        "INSERT INTO usage_address (subject_id, hour, address, requests, last_at)
         VALUES {}
         ON CONFLICT (subject_id, hour, address) DO UPDATE SET
             requests = usage_address.requests + excluded.requests,
             last_at = CASE WHEN excluded.last_at > usage_address.last_at
                            THEN excluded.last_at ELSE usage_address.last_at END",
        values(db, addresses.len(), 5)
    ));
    let query = addresses.iter().fold(query, |query, one| {
        query
            .bind(subject_of_address(one))
            .bind(millis(one.hour.start()))
            .bind(one.address.to_string())
            .bind(stored(one.count))
            .bind(millis(one.last_at))
    });
    execute(db, query).await?;
    Ok(())
}

/// A network that was not used for long begins anew.
async fn add_networks(db: &mut Db, networks: &[NetworkUse]) -> Answer<()> {
    let known_for = NETWORK_KNOWN_FOR.as_millis();
    let query = assembled(format!(
        "INSERT INTO usage_network (account_id, organization_id, network, first_at, last_at)
         VALUES {}
         ON CONFLICT (account_id, network) DO UPDATE SET
             first_at = CASE
                 WHEN excluded.first_at - usage_network.last_at > {known_for}
                 THEN excluded.first_at ELSE usage_network.first_at END,
             last_at = CASE WHEN excluded.last_at > usage_network.last_at
                            THEN excluded.last_at ELSE usage_network.last_at END",
        values(db, networks.len(), 5)
    ));
    let query = networks.iter().fold(query, |query, one| {
        query
            .bind(one.account.to_string())
            .bind(one.organization.to_string())
            .bind(one.network.to_string())
            .bind(millis(one.first_at))
            .bind(millis(one.last_at))
    });
    execute(db, query).await?;
    Ok(())
}

/// What may go, a part at a time: a table, its key, and the condition with one number.
const FORGOTTEN: [(&str, &str, &str); 4] = [
    (
        "usage_hour",
        "subject_id, hour, credential_id, api_id, refusal",
        "hour < $1",
    ),
    ("usage_address", "subject_id, hour, address", "hour < $1"),
    ("usage_batch", "id", "at < $1"),
    ("usage_network", "account_id, network", "last_at < $1"),
];

async fn remove_some(db: &mut Db, what: usize, before: Timestamp) -> Answer<u64> {
    let (table, key, condition) = FORGOTTEN[what];
    let query = assembled(format!(
        "DELETE FROM {table} WHERE ({key}) IN
             (SELECT {key} FROM {table} WHERE {condition} LIMIT {REMOVED_AT_ONCE})"
    ));
    execute(db, query.bind(millis(before))).await
}

fn conditions(organization: OrganizationId, of: SeriesOf, hours: Hours) -> Conditions {
    let mut conditions = Conditions::default();
    let subject = match of {
        SeriesOf::Account(account) => account.to_string(),
        SeriesOf::Organization => organization.to_string(),
    };
    let subject = conditions.text(subject);
    conditions.add(format!("subject_id = {subject}"));
    add_hours(&mut conditions, hours);
    conditions
}

fn add_hours(conditions: &mut Conditions, hours: Hours) {
    let from = conditions.number(millis(hours.from.start()));
    let until = conditions.number(millis(hours.until.start()));
    conditions.add(format!("hour >= {from} AND hour < {until}"));
}

async fn series(
    db: &mut Db,
    organization: OrganizationId,
    of: SeriesOf,
    hours: Hours,
    by: By,
    limit: u32,
) -> Answer<Vec<SeriesRow>> {
    let mut conditions = match (of, by) {
        // The organization's own counts are not kept by credential.
        (SeriesOf::Organization, By::Credential) => {
            let mut conditions = Conditions::default();
            let organization = conditions.text(organization.to_string());
            conditions.add(format!("organization_id = {organization}"));
            conditions.add("subject_id <> organization_id".to_owned());
            add_hours(&mut conditions, hours);
            conditions
        }
        _ => conditions(organization, of, hours),
    };
    let key = match by {
        By::Total => "''",
        By::Api => "api_id",
        By::Refusal => {
            conditions.add("refusal <> ''".to_owned());
            "refusal"
        }
        By::Credential => "credential_id",
    };
    let select = format!(
        "SELECT hour, {key} AS of_what, CAST(sum(issued) AS BIGINT) AS issued,
                CAST(sum(refused) AS BIGINT) AS refused,
                CAST(sum(introspected) AS BIGINT) AS introspected
         FROM usage_hour"
    );
    let limit = conditions.number(limit.into());
    let grouped = match by {
        By::Total => "hour".to_owned(),
        _ => format!("hour, {key}"),
    };
    let rest = format!("GROUP BY {grouped} ORDER BY {grouped} LIMIT {limit}");
    let rows = all(db, conditions.statement(&select, &rest)).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Answer<SeriesRow> {
    let key = row.text("of_what")?;
    Ok(SeriesRow {
        hour: Hour::of(row.instant("hour")?),
        key: (!key.is_empty()).then(|| key.to_owned()),
        counts: Counts {
            issued: count(row, "issued")?,
            refused: count(row, "refused")?,
            introspected: count(row, "introspected")?,
        },
    })
}

fn count(row: &Row, column: &'static str) -> Answer<u64> {
    let count = row.integer(column)?;
    u64::try_from(count).map_err(|_| Failure::Unreadable(column))
}

async fn addresses(
    db: &mut Db,
    organization: OrganizationId,
    of: SeriesOf,
    hours: Hours,
    limit: u32,
) -> Answer<Vec<AddressRow>> {
    let mut conditions = conditions(organization, of, hours);
    let select = "SELECT address, CAST(sum(requests) AS BIGINT) AS requests,
                         max(last_at) AS last_at
                  FROM usage_address";
    let limit = conditions.number(limit.into());
    let rest = format!("GROUP BY address ORDER BY 2 DESC, 3 DESC, 1 LIMIT {limit}");
    let rows = all(db, conditions.statement(select, &rest)).await?;
    let read = |row: &Row| {
        Ok(AddressRow {
            address: row.parse("address")?,
            count: count(row, "requests")?,
            last_at: row.instant("last_at")?,
        })
    };
    rows.iter().map(read).collect()
}

#[async_trait]
impl UsageSeries for SqlStore {
    async fn list_client_owners(
        &self,
        clients: &[ClientId],
    ) -> Result<Vec<ClientOwner>, StoreError> {
        let clients = clients.to_vec();
        self.read(move |db| Box::pin(async move { client_owners(db, &clients).await }))
            .await
    }

    async fn add_counts(&self, batch: &CountBatch) -> Result<(), StoreError> {
        let batch = batch.clone();
        self.write_together(move |db| Box::pin(async move { add(db, &batch).await }))
            .await
    }

    async fn remove_counts(
        &self,
        hour: Hour,
        network_unused_since: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        for (what, (table, ..)) in FORGOTTEN.iter().enumerate() {
            let before = match *table {
                "usage_network" => network_unused_since,
                _ => hour.start(),
            };
            loop {
                let some = self.write(move |db| Box::pin(remove_some(db, what, before)));
                let some = some.await?;
                removed += some;
                if some < REMOVED_AT_ONCE {
                    break;
                }
            }
        }
        Ok(removed)
    }

    async fn list_series(
        &self,
        organization: OrganizationId,
        of: SeriesOf,
        hours: Hours,
        by: By,
        limit: u32,
    ) -> Result<Vec<SeriesRow>, StoreError> {
        self.read(move |db| Box::pin(series(db, organization, of, hours, by, limit)))
            .await
    }

    async fn list_addresses(
        &self,
        organization: OrganizationId,
        of: SeriesOf,
        hours: Hours,
        limit: u32,
    ) -> Result<Vec<AddressRow>, StoreError> {
        self.read(move |db| Box::pin(addresses(db, organization, of, hours, limit)))
            .await
    }
}

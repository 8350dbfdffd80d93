//! Findings: how the rows of a kind are read, a page at a time. What is found is in [`kinds`].
//!
//! A kind has one part or more (accounts, and what belongs to them), which are read one after the
//! other. Each part has an order of its own, in which a page goes on after the row before: that of an
//! index, where much is looked at, so that a page reads about as many rows as it shows. Where more may be
//! passed over, a page ends after so many rows, with what it has.

mod by_end;
mod by_overlap;
mod by_use;
mod kinds;
mod place;
mod stretch;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::credential::CredentialKind;
use crate::domain::credential::CredentialRef;
use crate::domain::finding::FindingKind;
use crate::domain::id::OrganizationId;
use crate::store::FindingPage;
use crate::store::FindingReads;
use crate::store::FindingRow;
use crate::store::FoundCredential;
use crate::store::FoundRows;
use crate::store::StoreError;

use super::SqlStore;
use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Query;
use super::query::Row;
use super::query::all;
use super::statement::Conditions;
use kinds::found;
use place::Place;
use stretch::Stretch;

/// How the rows of a part are selected: the columns of [`Found::read`], where from, and in which order.
struct Found {
    columns: Columns,
    from: String,
    conditions: Vec<String>,
    order: Order,
    /// Where many rows may be passed over: what is walked, a stretch for each page.
    stretch: Option<Stretch>,
}

/// In which order the rows of a part are.
#[derive(Clone, Copy)]
enum Order {
    /// By the id of what they are about.
    Subject,
    /// By an organization, a number and an id, as an index has them.
    Walked(Walk),
}

/// The expressions that a part is walked by.
#[derive(Clone, Copy)]
struct Walk {
    organization: &'static str,
    number: &'static str,
    id: &'static str,
}

impl Walk {
    /// All three, as they are compared and sorted by.
    fn columns(self) -> String {
        let Self {
            organization,
            number,
            id,
        } = self;
        format!("{organization}, {number}, {id}")
    }
}

/// The expressions of the columns that differ; `NULL` where a kind has none.
#[derive(Clone, Copy)]
struct Columns {
    subject: &'static str,
    at: &'static str,
    other_at: &'static str,
    third_at: &'static str,
    network: &'static str,
    count: &'static str,
    before: &'static str,
    has_credential: bool,
}

const NOTHING: &str = "CAST(NULL AS BIGINT)";

impl Columns {
    /// Of an account, at this instant.
    const fn of_account(at: &'static str) -> Self {
        Self {
            subject: "account.id",
            at,
            other_at: NOTHING,
            third_at: NOTHING,
            network: "CAST(NULL AS TEXT)",
            count: NOTHING,
            before: NOTHING,
            has_credential: false,
        }
    }

    fn select(&self) -> String {
        let credential = if self.has_credential {
            "credential.id AS credential_id, credential.kind AS credential_kind,
             credential.name AS credential_name"
        } else {
            "CAST(NULL AS TEXT) AS credential_id, CAST(NULL AS TEXT) AS credential_kind,
             CAST(NULL AS TEXT) AS credential_name"
        };
        format!(
            "SELECT {} AS subject, account.organization_id AS organization_id,
                    account.id AS account_id, account.name AS account_name,
                    {credential},
                    {} AS at, {} AS other_at, {} AS third_at, {} AS network,
                    {} AS requests, {} AS earlier",
            self.subject,
            self.at,
            self.other_at,
            self.third_at,
            self.network,
            self.count,
            self.before
        )
    }
}

async fn list(
    db: &mut Db,
    kind: FindingKind,
    now: Timestamp,
    page: &FindingPage,
) -> Answer<FoundRows> {
    let after = page.after.as_deref().map(Place::parse).transpose()?;
    let begun = after.as_ref().map_or(0, |place| place.part);
    let mut rows = Vec::new();
    for (part, found) in found(kind, now).iter().enumerate().skip(begun) {
        let after = after.as_ref().filter(|place| place.part == part);
        let limit = i64::from(page.limit) - i64::try_from(rows.len()).unwrap_or(i64::MAX);
        if limit <= 0 {
            break;
        }
        let among = page.among.as_deref();
        let end = found.end_of_stretch(db, part, among, after).await?;
        let selected = found.select(among, after, end.as_ref(), limit);
        for row in all(db, selected).await? {
            rows.push(found.read(part, &row)?);
        }
        if let Some(end) = end.filter(|_| rows.len() < page.limit.into()) {
            let stopped_at = Some(end.text());
            return Ok(FoundRows { rows, stopped_at });
        }
    }
    let stopped_at = None;
    Ok(FoundRows { rows, stopped_at })
}

impl Found {
    /// At most `limit` rows, after this place and not after the end of a stretch.
    fn select(
        &self,
        among: Option<&[OrganizationId]>,
        after: Option<&Place>,
        end: Option<&Place>,
        limit: i64,
    ) -> Query<'static> {
        let (organization, order, place) = match self.order {
            Order::Subject => {
                let subject = self.columns.subject;
                ("account.organization_id", subject.to_owned(), String::new())
            }
            Order::Walked(walk) => {
                let Walk { number, id, .. } = walk;
                let place = format!(", {number} AS place_number, {id} AS place_id");
                (walk.organization, walk.columns(), place)
            }
        };
        let mut conditions = begun(&self.conditions, (organization, &order), among, after);
        if let Some(end) = end {
            let end = end.values(&mut conditions);
            conditions.add(format!("({order}) <= ({end})"));
        }
        let select = format!("{}{place} FROM {}", self.columns.select(), self.from);
        let limit = conditions.number(limit);
        conditions.statement(&select, &format!("ORDER BY {order} LIMIT {limit}"))
    }

    /// A row of this part.
    fn read(&self, part: usize, row: &Row) -> Answer<FindingRow> {
        let place = match self.order {
            Order::Subject => Place {
                part,
                walked: None,
                id: row.text("subject")?.to_owned(),
            },
            Order::Walked(_) => {
                let organization = row.text("organization_id")?.to_owned();
                Place {
                    part,
                    walked: Some((organization, row.integer("place_number")?)),
                    id: row.text("place_id")?.to_owned(),
                }
            }
        };
        read(&place, row)
    }
}

/// These conditions, in these organizations, and only what is after this place in this order.
fn begun(
    conditions: &[String],
    (organization, order): (&str, &str),
    among: Option<&[OrganizationId]>,
    after: Option<&Place>,
) -> Conditions {
    let mut begun = Conditions::default();
    for condition in conditions {
        begun.add(condition.clone());
    }
    if let Some(among) = among {
        begun.add_one_of(organization, among.iter().map(ToString::to_string));
    }
    if let Some(after) = after {
        let after = after.values(&mut begun);
        begun.add(format!("({order}) > ({after})"));
    }
    begun
}

fn read(place: &Place, row: &Row) -> Answer<FindingRow> {
    let count = |column| {
        let count = row.optional_integer(column)?.map(u64::try_from);
        count.transpose().map_err(|_| Failure::Unreadable(column))
    };
    let credential = match row.optional_text("credential_id")? {
        Some(_) => Some(FoundCredential {
            id: CredentialRef::of(
                row.parse("credential_id")?,
                row.word("credential_kind", CredentialKind::parse)?,
            ),
            name: row.text("credential_name")?.to_owned(),
        }),
        None => None,
    };
    Ok(FindingRow {
        place: place.text(),
        subject: row.text("subject")?.to_owned(),
        organization: row.parse("organization_id")?,
        account: row.parse("account_id")?,
        account_name: row.text("account_name")?.to_owned(),
        credential,
        at: row.instant("at")?,
        other_at: row.optional_instant("other_at")?,
        third_at: row.optional_instant("third_at")?,
        network: row.optional_text("network")?.map(str::to_owned),
        count: count("requests")?,
        before: count("earlier")?,
    })
}

#[async_trait]
impl FindingReads for SqlStore {
    async fn list_findings(
        &self,
        kind: FindingKind,
        now: Timestamp,
        page: &FindingPage,
    ) -> Result<FoundRows, StoreError> {
        let page = page.clone();
        self.read(move |db| Box::pin(async move { list(db, kind, now, &page).await }))
            .await
    }
}

//! Findings: what an administrator should look at, each with its evidence and the call that mends it.
//!
//! They follow from how things stand at this moment, so there is nothing to acknowledge: what is
//! mended is gone. A reading first writes what this node has noted of usage, and is exact for it.

mod action;
mod evidence;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::access::Grant;
use crate::domain::credential::CredentialRef;
use crate::domain::finding::FindingKind;
use crate::domain::finding::Severity;
use crate::domain::finding::is_writing;
use crate::domain::holdings::Holdings;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::domain::resource::Identifiers;
use crate::domain::role::AdminScope;
use crate::domain::role::OSTLER_API;
use crate::domain::signing_key::KeyState;
use crate::store::FindingPage;
use crate::store::FindingRow;
use crate::store::FoundRows;
use crate::store::Position;
use crate::store::StoreError;

use super::App;
use super::access::Book;
use super::authority::Caller;
use super::page::List;
use super::page::Listing;
use super::page::PageRequest;
use super::problem::Problem;
use super::problem::Submitted;

/// Which findings are wanted: those that meet all that is said.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FindingQuery {
    /// Of this kind.
    pub kind: Option<FindingKind>,
    /// As pressing as this.
    pub severity: Option<Severity>,
}

/// What is found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// What it is about.
    pub subject: Subject,
    /// From when on it is so.
    pub since: Timestamp,
    /// What it rests on: members that depend on the kind.
    pub evidence: Value,
    /// The call that mends it.
    pub action: Action,
}

/// What a finding is about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What kind of thing.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Its name; that of a secret's credential.
    pub name: String,
}

/// A call of the admin API.
#[derive(Clone, Debug)]
pub struct Action {
    /// The method.
    pub method: &'static str,
    /// The path, from the root of the server.
    pub path: String,
    /// The body; `Null` = none.
    pub body: Value,
}

/// A finding with its place among those of its kind.
struct Placed {
    finding: Finding,
    position: Position,
}

/// What was found in one go.
#[derive(Default)]
struct Found {
    placed: Vec<Placed>,
    /// Where the search was ended, when that was before it had found enough.
    stopped_at: Option<Position>,
}

impl Found {
    fn all(placed: Vec<Placed>) -> Self {
        Self {
            placed,
            stopped_at: None,
        }
    }
}

/// What was found, the most pressing kinds first: in the organization of this name or id, or in all
/// that the token reaches.
pub async fn list(
    app: &App,
    caller: &Caller,
    organization: Option<String>,
    request: Submitted<(PageRequest, FindingQuery)>,
) -> Result<Listing<Finding>, Problem> {
    let scope = AdminScope::AccountsRead;
    let among = if let Some(named) = &organization {
        let within = caller.clone().in_organization(app, named, scope).await?;
        Some(vec![within.id()])
    } else {
        caller.require(scope)?;
        reached(caller.organizations())
    };
    let (request, query) = request?;
    let list = List {
        key: &app.server_key,
        path: vec!["findings".to_owned(), format!("{organization:?} {query:?}")],
    };
    let page = list.page::<Position>(&request)?;
    let now = app.clock.now();
    app.usage.flush_to_store().await?;
    app.series.flush(now).await?;

    let search = Search { app, among, now };
    let found = search.find(&query, page.after, page.limit.into()).await?;
    let listing = match &found.stopped_at {
        Some(stopped_at) => list.unfinished(found.placed, stopped_at),
        None => list.listing(&request, found.placed, |placed| placed.position.clone()),
    };
    Ok(listing.map(|placed| placed.finding))
}

/// The organizations of a token; `None` = all.
fn reached(organizations: &Identifiers) -> Option<Vec<OrganizationId>> {
    match organizations {
        Identifiers::All => None,
        Identifiers::Listed(keys) => {
            let ids = keys.iter().filter_map(|key| key.as_str().parse().ok());
            Some(ids.collect())
        }
    }
}

/// The most accounts whose grants are looked at for one page: there may be very many. A page that would
/// take more ends before it is full.
const MAX_LOOKED_AT: usize = 200;

/// Of how many the grants are read at once.
const READ_AT_ONCE: usize = 50;

/// Where and when is looked.
struct Search<'a> {
    app: &'a App,
    among: Option<Vec<OrganizationId>>,
    now: Timestamp,
}

impl Search<'_> {
    /// At most `limit` findings after `after`, kind by kind.
    async fn find(
        &self,
        query: &FindingQuery,
        mut after: Option<Position>,
        limit: usize,
    ) -> Result<Found, StoreError> {
        let begun = after.as_ref().map(|position| position.value.clone());
        let kinds = FindingKind::ALL.into_iter();
        let kinds = kinds
            .skip_while(|kind| begun.as_ref().is_some_and(|begun| begun != kind.as_str()))
            .filter(|kind| query.kind.is_none_or(|wanted| wanted == *kind))
            .filter(|kind| {
                query
                    .severity
                    .is_none_or(|wanted| wanted == kind.severity())
            });
        let mut found = Found::default();
        for kind in kinds {
            let key = after
                .take_if(|position| position.value == kind.as_str())
                .map(|position| position.id);
            let of_kind = self.of_kind(kind, key, limit - found.placed.len()).await?;
            found.placed.extend(of_kind.placed);
            found.stopped_at = of_kind.stopped_at;
            if found.placed.len() >= limit || found.stopped_at.is_some() {
                break;
            }
        }
        Ok(found)
    }

    async fn of_kind(
        &self,
        kind: FindingKind,
        after: Option<String>,
        limit: usize,
    ) -> Result<Found, StoreError> {
        match kind {
            FindingKind::SigningKeyOld => self.old_keys(after, limit).await.map(Found::all),
            FindingKind::WriteOnAllResources => self.wide_access(after, limit).await,
            _ => {
                let FoundRows { rows, stopped_at } = self.rows(kind, after, limit).await?;
                let found = rows.iter().map(|row| self.placed(kind, row));
                Ok(Found {
                    placed: found.collect(),
                    stopped_at: stopped_at.map(|place| position(kind, &place)),
                })
            }
        }
    }

    async fn rows(
        &self,
        kind: FindingKind,
        after: Option<String>,
        limit: usize,
    ) -> Result<FoundRows, StoreError> {
        let page = FindingPage {
            among: self.among.clone(),
            after,
            limit: u16::try_from(limit).unwrap_or(u16::MAX),
        };
        self.app.store.list_findings(kind, self.now, &page).await
    }

    fn placed(&self, kind: FindingKind, row: &FindingRow) -> Placed {
        Placed {
            finding: Finding {
                kind,
                subject: subject(row),
                since: evidence::since(kind, row),
                evidence: evidence::of(kind, row),
                action: action::of(kind, row, self.now),
            },
            position: position(kind, &row.place),
        }
    }

    /// The instance's keys: only for those who see the whole of it.
    async fn old_keys(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<Placed>, StoreError> {
        if self.among.is_some() {
            return Ok(Vec::new());
        }
        let kind = FindingKind::SigningKeyOld;
        let rotation = self.app.config.keys.rotation;
        let keys = self.app.store.list_signing_keys().await?.into_iter();
        let mut old: Vec<_> = keys
            .filter(|key| key.state == KeyState::Active)
            .filter(|key| after.as_ref().is_none_or(|after| key.kid > *after))
            .filter_map(|key| {
                let since = key.active_from?.saturating_add(rotation).ok()?;
                (since < self.now).then(|| Placed {
                    position: position(kind, &key.kid),
                    finding: Finding {
                        kind,
                        subject: Subject {
                            kind: "signing_key",
                            id: key.kid.clone(),
                            name: key.algorithm.as_str().to_owned(),
                        },
                        since,
                        evidence: evidence::of_key(&key, rotation),
                        action: action::of_key(&key),
                    },
                })
            })
            .collect();
        old.sort_by(|one, other| one.position.id.cmp(&other.position.id));
        old.truncate(limit);
        Ok(old)
    }

    /// The accounts whose grants really do hold a writing scope on all resources of a type. The
    /// store tells of more, so the grants of each are looked at, up to a number.
    async fn wide_access(&self, after: Option<String>, limit: usize) -> Result<Found, StoreError> {
        let kind = FindingKind::WriteOnAllResources;
        let rows = self.rows(kind, after, MAX_LOOKED_AT).await?.rows;
        // Many accounts hold the same few APIs: each is read once.
        let mut books = BTreeMap::new();
        let mut found = Vec::new();
        for rows in rows.chunks(READ_AT_ONCE) {
            let holdings = self.holdings(rows).await?;
            for row in rows {
                let Some(holdings) = holdings.get(&row.account) else {
                    continue;
                };
                let own = || Book::of(self.app, row.organization);
                let book = books.entry(row.organization).or_insert_with(own);
                found.extend(self.if_wide(row, holdings, book).await?);
                if found.len() == limit {
                    return Ok(Found::all(found));
                }
            }
        }
        let last = rows.last().filter(|_| rows.len() == MAX_LOOKED_AT);
        Ok(Found {
            placed: found,
            stopped_at: last.map(|row| position(kind, &row.place)),
        })
    }

    /// What the accounts of these rows hold.
    async fn holdings(
        &self,
        rows: &[FindingRow],
    ) -> Result<BTreeMap<AccountId, Holdings>, StoreError> {
        let mut accounts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in rows {
            let of_one = accounts.entry(row.organization).or_default();
            of_one.push(row.account);
        }
        let mut holdings = BTreeMap::new();
        for (organization, accounts) in accounts {
            let store = &self.app.store;
            holdings.extend(store.list_holdings(organization, &accounts).await?);
        }
        Ok(holdings)
    }

    /// The finding of an account whose access is really too wide, by its own grants or its roles.
    async fn if_wide(
        &self,
        row: &FindingRow,
        holdings: &Holdings,
        book: &mut Book,
    ) -> Result<Option<Placed>, StoreError> {
        let store = &self.app.store;
        let access = holdings.access();
        let Some(wide) = access.grants().iter().find(|grant| is_wide(grant)) else {
            return Ok(None);
        };
        let told = holdings.own.grants().iter().chain([wide]).cloned();
        book.read(store.as_ref(), &told.collect()).await?;
        let mut placed = self.placed(FindingKind::WriteOnAllResources, row);
        placed.finding.evidence = evidence::of_grant(row, wide, book);
        if holdings.own.grants().iter().any(is_wide) {
            placed.finding.action.body = action::narrowed(&holdings.own, book);
        } else {
            placed.finding.action = action::by_which_role(row);
        }
        Ok(Some(placed))
    }
}

/// Whether a grant holds a writing scope on all resources of a type. Those of `ostler` do not count:
/// who administers this server is a matter of its own.
fn is_wide(grant: &Grant) -> bool {
    grant.api != OSTLER_API
        && grant.scopes.iter().any(|scope| is_writing(scope.as_str()))
        && grant
            .resources
            .iter()
            .any(|(_, identifiers)| *identifiers == Identifiers::All)
}

fn position(kind: FindingKind, place: &str) -> Position {
    Position {
        value: kind.as_str().to_owned(),
        id: place.to_owned(),
    }
}

/// What a row is about.
fn subject(row: &FindingRow) -> Subject {
    match &row.credential {
        Some(found) if matches!(found.id, CredentialRef::ApiToken(_)) => Subject {
            kind: found.id.noun(),
            id: found.id.to_string(),
            name: found.name.clone(),
        },
        Some(found) => Subject {
            kind: if row.subject == found.id.to_string() {
                "credential"
            } else {
                "secret"
            },
            id: row.subject.clone(),
            name: found.name.clone(),
        },
        None => Subject {
            kind: "service_account",
            id: row.account.to_string(),
            name: row.account_name.clone(),
        },
    }
}

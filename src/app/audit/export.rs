//! Exporting a chain: every event that was there when it was asked for, a page at a time.
//!
//! Reading everything at once is worth an event of its own, which is durable before the first line
//! goes out. Then pages are read as fast as they are taken, and no faster: two of them are all that
//! an export of any length keeps in memory.

use tokio::sync::mpsc;

use crate::domain::audit::Chain;
use crate::domain::audit::Changes;
use crate::domain::audit_event::AuditEvent;
use crate::store::EventFilter;
use crate::store::Page;
use crate::store::StoreError;

use super::super::App;
use super::super::audited::AuditedChange;
use super::super::problem::Problem;
use super::super::to_completion;
use super::Trail;

/// How many events are read at once.
const PAGE: u16 = 200;

/// Events, page by page, the newest first; an error is the last.
pub type Pages = mpsc::Receiver<Result<Vec<AuditEvent>, StoreError>>;

/// Exports the events of a chain. Whoever drops the pages ends it.
pub async fn export(trail: Trail, filter: EventFilter) -> Result<Pages, Problem> {
    let (app, chain) = (trail.app.clone(), trail.chain);
    let is_filtered = filter != EventFilter::default();
    let up_to = to_completion(note(trail, is_filtered)).await?;
    let (pages, exported) = mpsc::channel(1);
    tokio::spawn(async move { read(&app, chain, &filter, up_to, &pages).await });
    Ok(exported)
}

/// Notes the export in its chain; returns the number of the last event before that one.
async fn note(trail: Trail, is_filtered: bool) -> Result<i64, Problem> {
    let organization = match trail.chain {
        Chain::Instance => None,
        Chain::Organization(id) => Some(id),
    };
    let up_to = trail.app.store.find_extent(trail.chain).await?;
    let up_to = up_to.head.sequence;
    let change = AuditedChange::begin_by(&trail.app, &trail.caller, organization).await?;
    let none = serde_json::Value::Null;
    let changes = Changes::default()
        .with("up_to_sequence", none.clone(), up_to)
        .with("filtered", none, is_filtered);
    change
        .commit("audit_event.export", trail.owner, changes)
        .await?;
    Ok(up_to)
}

async fn read(
    app: &App,
    chain: Chain,
    filter: &EventFilter,
    up_to: i64,
    pages: &mpsc::Sender<Result<Vec<AuditEvent>, StoreError>>,
) {
    let mut before = up_to + 1;
    loop {
        let page = Page {
            limit: PAGE,
            after: Some(before),
        };
        let found = app.store.list_events(chain, filter, page).await;
        let goes_on = match &found {
            Ok(events) => {
                before = events.last().map_or(0, |event| event.sequence);
                events.len() == usize::from(PAGE)
            }
            Err(_) => false,
        };
        // Nobody takes it any more: then nobody wants the rest either.
        if pages.send(found).await.is_err() || !goes_on {
            return;
        }
    }
}

//! Retention: events that are older than `audit.retention_days` go, in a job that is audited itself.
//!
//! What goes is always the beginning of a chain. Before it goes it is verified, and a signed
//! checkpoint takes its place, from which the chain is verified ever after. A chain that does not hold
//! is left as it is: what is wrong with it is evidence.
//!
//! Days are whole (in UTC), so that a chain is cut once a day at most, and each cut is one event.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::audit::Chain;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::audit_chain::BrokenAt;
use crate::domain::audit_chain::Link;
use crate::domain::audit_chain::Walk;
use crate::domain::audit_head::Purpose;
use crate::store::Checkpoint;
use crate::store::Lookup;
use crate::store::StoreError;

use super::super::App;
use super::super::audited::AuditedChange;
use super::super::authority::Identity;
use super::super::authority::Origin;
use super::super::to_completion;
use super::owner;
use super::the_instance;
use super::verify::sign;
use super::verify::start;
use super::verify::walk_on;

/// How many events go at once: other changes of the organization wait for that long.
const BATCH: i64 = 5_000;

/// Who does it.
const JOB: Identity = Identity::Job {
    name: "audit-retention",
};

const DAY_SECS: i64 = 24 * 60 * 60;

/// Removes what is too old now, from every chain. Returns how many events.
pub async fn once(app: &App) -> Result<u64, StoreError> {
    let before = oldest_kept(app.clock.now(), app.config.audit.retention);
    let mut removed = 0;
    for chain in app.store.list_chains_before(before).await? {
        let app = app.clone();
        // Each batch is a change, which is not cut short when the server is told to stop.
        while let Some(batch) = to_completion({
            let app = app.clone();
            async move { cut(&app, chain, before).await }
        })
        .await?
        {
            removed += batch;
        }
    }
    Ok(removed)
}

/// The beginning of the day that `retention` reaches back to.
fn oldest_kept(now: Timestamp, retention: Duration) -> Timestamp {
    let kept = now.saturating_sub(retention).unwrap_or(Timestamp::MIN);
    let day = kept.as_second().div_euclid(DAY_SECS) * DAY_SECS;
    Timestamp::from_second(day).unwrap_or(Timestamp::MIN)
}

/// Removes a batch of a chain's events before this instant; `None` when nothing more is to be done.
async fn cut(app: &App, chain: Chain, before: Timestamp) -> Result<Option<u64>, StoreError> {
    let extent = app.store.find_extent(chain).await?;
    let Some(last) = app.store.find_last_before(chain, before).await? else {
        return Ok(None);
    };
    let Some(begin) = start(app, chain, extent.checkpoint.as_ref()) else {
        tracing::error!(
            chain = chain.name(),
            "the audit checkpoint is not of our making: nothing is removed"
        );
        return Ok(None);
    };
    let up_to = last.min(begin.sequence.saturating_add(BATCH));
    let (walk, found) = walk_on(app, chain, Walk::after(begin.clone()), up_to).await?;
    if let Some(BrokenAt(sequence)) = broken(&walk, found, up_to) {
        tracing::error!(
            chain = chain.name(),
            sequence,
            "the audit chain is broken: nothing is removed"
        );
        return Ok(None);
    }
    let checkpoint = Checkpoint {
        link: walk.last().clone(),
        signed: sign(
            app,
            Purpose::Checkpoint,
            chain,
            walk.last(),
            app.clock.now(),
        ),
    };
    remove(app, chain, extent.checkpoint, &begin, &checkpoint).await
}

fn broken(walk: &Walk, found: Result<(), BrokenAt>, up_to: i64) -> Option<BrokenAt> {
    let last = walk.last().sequence;
    found
        .err()
        .or_else(|| (last < up_to).then_some(BrokenAt(last + 1)))
}

async fn remove(
    app: &App,
    chain: Chain,
    found: Option<Checkpoint>,
    begin: &Link,
    checkpoint: &Checkpoint,
) -> Result<Option<u64>, StoreError> {
    let organization = match chain {
        Chain::Instance => None,
        Chain::Organization(id) => Some(id),
    };
    let mut change = AuditedChange::begin(app, &JOB, &Origin::default(), organization).await?;
    if change.rows().find_checkpoint(chain).await? != found {
        // Another node is at it.
        return Ok(None);
    }
    let target = target(&mut change, chain).await?;
    let removed = change.rows().remove_events(chain, checkpoint).await?;
    let changes = Changes::default().with(
        "first_sequence",
        begin.sequence + 1,
        checkpoint.link.sequence + 1,
    );
    change
        .commit_on_no_terms("audit_event.expire", target, changes)
        .await?;
    Ok(Some(removed))
}

async fn target(change: &mut AuditedChange, chain: Chain) -> Result<Target, StoreError> {
    let Chain::Organization(id) = chain else {
        return Ok(the_instance());
    };
    let found = change.rows().find_organization(&Lookup::Id(id)).await?;
    Ok(found.as_ref().map_or_else(
        || Target {
            kind: "organization",
            id: id.to_string(),
            name: String::new(),
        },
        owner,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_kept_until_all_of_it_is_too_old() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let days = |days: u32| Duration::from_hours(24) * days;
        for (now, kept, oldest) in [
            ("2026-03-03T23:59:59Z", days(2), "2026-03-01T00:00:00Z"),
            ("2026-03-04T00:00:00Z", days(2), "2026-03-02T00:00:00Z"),
            ("1970-01-01T00:00:01Z", days(1), "1969-12-31T00:00:00Z"),
        ] {
            assert_eq!(oldest_kept(at(now), kept), at(oldest), "{now}");
        }
    }
}

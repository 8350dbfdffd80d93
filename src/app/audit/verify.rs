//! Verifying a chain: every event is read, hashed and compared with what follows it.
//!
//! The work grows with the chain and nothing else does: events are read in batches, and the time of a
//! request is no limit, since whoever asked may wait for the answer in pieces. Whether a chain may be
//! walked now is known before ([`walks`](super::walks)). When nobody waits for the answer any more, the
//! walk ends.
//!
//! Retention may remove the beginning of the chain meanwhile. Then the walk begins anew after the
//! checkpoint that it has left.

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::domain::audit::Chain;
use crate::domain::audit_chain::BrokenAt;
use crate::domain::audit_chain::Link;
use crate::domain::audit_chain::Walk;
use crate::domain::audit_head::ChainLink;
use crate::domain::audit_head::Purpose;
use crate::store::ChainExtent;
use crate::store::Checkpoint;
use crate::store::StoreError;

use super::super::App;
use super::super::problem::Mistake;
use super::super::problem::Problem;
use super::Trail;
use super::head;
use super::head::NotSigned;

/// How many events are read at once: few enough that hashing them holds nobody up.
const BATCH: u16 = 500;

/// What was found of a chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verification {
    /// How many events were checked.
    pub checked: u64,
    /// The first number at which the chain does not hold; `None` when it does.
    pub first_bad_sequence: Option<i64>,
    /// The signed head of a chain that holds. One that does not is vouched for by nobody.
    pub head: Option<String>,
}

/// What is found, once it is found.
pub type Verifying = oneshot::Receiver<Result<Verification, StoreError>>;

/// Begins to verify a chain, also against a head that was given out earlier. Whoever drops the answer
/// ends it.
pub async fn begin(trail: Trail, presented: Option<&str>) -> Result<Verifying, Problem> {
    let presented = presented.map(|text| read_head(&trail, text)).transpose()?;
    let (mut answer, verifying) = oneshot::channel();
    let (app, chain) = (trail.app, trail.chain);
    let turn = app.walks.begin(chain).await?;
    tokio::spawn(async move {
        let _turn = turn;
        let found = tokio::select! {
            () = answer.closed() => return,
            found = verify(&app, chain, presented) => found,
        };
        // Who has gone away meanwhile does not want to know.
        drop(answer.send(found));
    });
    Ok(verifying)
}

/// What a presented head says, if it is one of this chain that we signed.
fn read_head(trail: &Trail, text: &str) -> Result<Link, Problem> {
    let wrong = |detail: String| {
        Problem::mistake(Mistake {
            pointer: Some("/head".to_owned()),
            code: "invalid",
            detail: format!("`head` is not one that this chain's `verify` gave out: {detail}"),
            hint: None,
        })
    };
    let opened = head::open(&trail.app.audit_key, Purpose::Head, text);
    let opened = opened.map_err(|fault: NotSigned| wrong(fault.to_string()))?;
    if opened.chain != trail.chain {
        return Err(wrong("it is the head of another chain".to_owned()));
    }
    Ok(opened.link)
}

async fn verify(
    app: &App,
    chain: Chain,
    presented: Option<Link>,
) -> Result<Verification, StoreError> {
    let mut extent = app.store.find_extent(chain).await?;
    loop {
        let (walk, found) = walk(app, chain, &extent, presented.clone()).await?;
        if found.is_err() {
            let now = app.store.find_extent(chain).await?;
            if now.checkpoint != extent.checkpoint {
                extent = now;
                continue;
            }
        }
        let broken_at = found.err().map(|BrokenAt(sequence)| sequence);
        return Ok(Verification {
            checked: walk.checked(),
            first_bad_sequence: broken_at,
            head: broken_at
                .is_none()
                .then(|| sign(app, Purpose::Head, chain, &extent.head, app.clock.now())),
        });
    }
}

async fn walk(
    app: &App,
    chain: Chain,
    extent: &ChainExtent,
    presented: Option<Link>,
) -> Result<(Walk, Result<(), BrokenAt>), StoreError> {
    let Some(start) = start(app, chain, extent.checkpoint.as_ref()) else {
        // What should stand for the beginning is not of our making: the first event is missing.
        return Ok((Walk::after(Link::genesis()), Err(BrokenAt(1))));
    };
    let walk = Walk::after(start).expecting(presented);
    let (walk, found) = walk_on(app, chain, walk, extent.head.sequence).await?;
    let found = found.and_then(|()| {
        walk.end(&extent.head)?;
        if extent.last_sequence > extent.head.sequence {
            return Err(BrokenAt(extent.head.sequence + 1));
        }
        Ok(())
    });
    Ok((walk, found))
}

/// Where the walk of a chain begins: after its checkpoint, if it is one that we signed.
pub(super) fn start(app: &App, chain: Chain, checkpoint: Option<&Checkpoint>) -> Option<Link> {
    let Some(checkpoint) = checkpoint else {
        return Some(Link::genesis());
    };
    let signed = head::open(&app.audit_key, Purpose::Checkpoint, &checkpoint.signed);
    let claimed = ChainLink {
        chain,
        link: checkpoint.link.clone(),
    };
    signed
        .is_ok_and(|signed| signed == claimed)
        .then_some(claimed.link)
}

/// Walks on up to the event of this number.
pub(super) async fn walk_on(
    app: &App,
    chain: Chain,
    mut walk: Walk,
    up_to: i64,
) -> Result<(Walk, Result<(), BrokenAt>), StoreError> {
    while walk.last().sequence < up_to {
        let after = walk.last().sequence;
        // Nobody closes it.
        let _turn = app.walks.batches.acquire().await;
        let events = app.store.walk_chain(chain, after, up_to, BATCH).await?;
        if events.is_empty() {
            break;
        }
        let walked = tokio::task::spawn_blocking(move || {
            let found = events
                .iter()
                .try_for_each(|event| walk.step(event.as_ref()));
            (walk, found)
        });
        let (walked, found) = walked
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        walk = walked;
        if found.is_err() {
            return Ok((walk, found));
        }
    }
    Ok((walk, Ok(())))
}

/// Signs a link of a chain.
pub(super) fn sign(
    app: &App,
    purpose: Purpose,
    chain: Chain,
    link: &Link,
    now: Timestamp,
) -> String {
    let link = ChainLink {
        chain,
        link: link.clone(),
    };
    let issuer = app.config.server.issuer.as_str();
    head::sign(&app.audit_key, purpose, &link, issuer, now)
}

//! The audit event at the end of every change, and the events of what is no change. How they are read
//! back is in [`trail`].

mod trail;
mod traits;

use jiff::Timestamp;

use crate::domain::audit::AuditDraft;
use crate::domain::audit::GENESIS;
use crate::domain::audit_chain::Link;
use crate::domain::audit_event::AuditEvent;

use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::execute;
use super::query::execute_one;
use super::query::millis;
use super::query::one;

/// Appends the event to its chain, as the last thing before the commit. The head is locked last of
/// all rows and only for two statements, so changes of different organizations meet nowhere else than
/// in the instance's chain, and never in a circle.
pub(super) async fn append(db: &mut Db, event: &AuditDraft) -> Answer<()> {
    let event = AuditDraft {
        at: stored(event.at)?,
        ..event.clone()
    };
    let chain = event.chain.name();
    let (head, latest_at) = lock_head(db, &chain).await?;
    let sealed = event.seal(&head, latest_at);
    insert(db, &chain, &sealed).await?;
    move_head(db, &chain, &sealed).await
}

/// Appends those of the events that are not in the trail yet.
pub(super) async fn append_missing(db: &mut Db, events: &[AuditDraft]) -> Answer<()> {
    for event in events {
        if !is_there(db, event).await? {
            append(db, event).await?;
        }
    }
    Ok(())
}

async fn is_there(db: &mut Db, event: &AuditDraft) -> Answer<bool> {
    let query = sqlx::query("SELECT sequence FROM audit_event WHERE id = $1");
    let found = one(db, query.bind(event.id.to_string())).await?;
    Ok(found.is_some())
}

/// The instant as the column keeps it: what is hashed must be what is stored.
fn stored(at: Timestamp) -> Answer<Timestamp> {
    Timestamp::from_millisecond(millis(at)).map_err(|_| Failure::Unreadable("at"))
}

/// Locks the head of a chain, which is made when it is missing: an upsert that changes nothing does
/// both in the words of both databases.
async fn lock_head(db: &mut Db, chain: &str) -> Answer<(Link, Timestamp)> {
    let query = sqlx::query(
        "INSERT INTO audit_head (chain, sequence, hash, latest_at, max_lateness)
         VALUES ($1, 0, $2, 0, 0)
         ON CONFLICT (chain) DO UPDATE SET sequence = audit_head.sequence
         RETURNING sequence, hash, latest_at",
    );
    let head = one(db, query.bind(chain).bind(GENESIS)).await?;
    let head = head.ok_or(Failure::Unreadable("audit head"))?;
    let link = Link {
        sequence: head.integer("sequence")?,
        hash: head.text("hash")?.to_owned(),
    };
    Ok((link, head.instant("latest_at")?))
}

async fn insert(db: &mut Db, chain: &str, event: &AuditEvent) -> Answer<()> {
    let query = sqlx::query(
        "INSERT INTO audit_event
             (chain, sequence, id, at, latest_at, actor_type, actor_id, actor_name,
              actor_credential, actor_address, actor_user_agent, action, target_type, target_id,
              target_name, result, occurrences, request_id, changes, previous_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                 $19, $20, $21)",
    );
    let query = query
        .bind(chain)
        .bind(event.sequence)
        .bind(event.id.as_str())
        .bind(millis(event.at))
        .bind(millis(event.latest_at))
        .bind(event.actor.kind.as_str())
        .bind(event.actor.id.as_str())
        .bind(event.actor.name.as_str())
        .bind(event.actor.credential.as_deref())
        .bind(event.actor.address.as_deref())
        .bind(event.actor.user_agent.as_deref())
        .bind(event.action.as_str())
        .bind(event.target.kind.as_str())
        .bind(event.target.id.as_str())
        .bind(event.target.name.as_str())
        .bind(event.result.as_str())
        .bind(event.count)
        .bind(event.request_id.as_deref())
        .bind(event.changes.as_str())
        .bind(event.previous_hash.as_str())
        .bind(event.hash.as_str());
    execute(db, query).await?;
    Ok(())
}

async fn move_head(db: &mut Db, chain: &str, event: &AuditEvent) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE audit_head
         SET sequence = $2, hash = $3, latest_at = $4,
             max_lateness = CASE WHEN max_lateness < $5 THEN $5 ELSE max_lateness END
         WHERE chain = $1",
    );
    let query = query
        .bind(chain)
        .bind(event.sequence)
        .bind(event.hash.as_str())
        .bind(millis(event.latest_at))
        .bind(millis(event.latest_at) - millis(event.at));
    execute_one(db, query, "audit head").await
}

//! The audit trail read back: listed, walked, and cut at its beginning.

use std::fmt::Write;

use jiff::Timestamp;

use crate::domain::audit::Chain;
use crate::domain::audit_chain::Link;
use crate::domain::audit_event::AuditEvent;
use crate::domain::audit_event::RecordedActor;
use crate::domain::audit_event::RecordedTarget;
use crate::store::ChainExtent;
use crate::store::Checkpoint;
use crate::store::EventFilter;
use crate::store::Named;
use crate::store::Page;

use super::super::failure::Answer;
use super::super::query::Db;
use super::super::query::Query;
use super::super::query::Row;
use super::super::query::all;
use super::super::query::assembled;
use super::super::query::execute;
use super::super::query::execute_one;
use super::super::query::millis;
use super::super::query::one;

/// The most chains that are asked for at once.
const CHAINS: i64 = 1_000;

const SELECT: &str = "SELECT sequence, id, at, latest_at, actor_type, actor_id, actor_name,
        actor_credential, actor_address, actor_user_agent, action, target_type, target_id,
        target_name, result, occurrences, request_id, changes, previous_hash, hash
 FROM audit_event WHERE chain = $1";

fn read(row: &Row) -> Answer<AuditEvent> {
    let text = |column| row.text(column).map(ToOwned::to_owned);
    let optional = |column| {
        let text = row.optional_text(column);
        text.map(|text| text.map(ToOwned::to_owned))
    };
    Ok(AuditEvent {
        id: text("id")?,
        sequence: row.integer("sequence")?,
        at: row.instant("at")?,
        latest_at: row.instant("latest_at")?,
        actor: RecordedActor {
            kind: text("actor_type")?,
            id: text("actor_id")?,
            name: text("actor_name")?,
            credential: optional("actor_credential")?,
            address: optional("actor_address")?,
            user_agent: optional("actor_user_agent")?,
        },
        action: text("action")?,
        target: RecordedTarget {
            kind: text("target_type")?,
            id: text("target_id")?,
            name: text("target_name")?,
        },
        result: text("result")?,
        count: row.integer("occurrences")?,
        request_id: optional("request_id")?,
        changes: text("changes")?,
        previous_hash: text("previous_hash")?,
        hash: text("hash")?,
    })
}

/// A value of a condition.
enum Value {
    Text(String),
    Number(i64),
}

/// The conditions of a list, with their values: `$1` is the chain.
struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition, in which `?` stands for the value.
    fn add(&mut self, condition: &str, value: Value) {
        self.values.push(value);
        let number = format!("${}", self.values.len() + 1);
        let _ = write!(self.text, "\n AND {}", condition.replace('?', &number));
    }

    /// Adds what names an actor or a target; a client is named in a column of its own.
    fn add_named(&mut self, what: &str, clients: &str, named: &Named) {
        let (condition, text) = match named {
            Named::Client(id) => (format!("{clients} = ?"), id),
            Named::Id(id) => (format!("{what}_id = ?"), id),
            Named::Name(name) => (format!("{what}_name = ?"), name),
            Named::Any(text) => (format!("({what}_id = ? OR {what}_name = ?)"), text),
        };
        self.add(&condition, Value::Text(text.clone()));
    }

    fn bind<'q>(self, query: Query<'q>, chain: &str) -> Query<'q> {
        let query = query.bind(chain.to_owned());
        self.values
            .into_iter()
            .fold(query, |query, value| match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            })
    }
}

fn conditions(filter: &EventFilter, before: Option<i64>) -> Conditions {
    let mut all = Conditions {
        text: String::new(),
        values: Vec::new(),
    };
    if let Some(before) = before {
        all.add("sequence < ?", Value::Number(before));
    }
    if let Some(action) = &filter.action {
        all.add("action = ?", Value::Text(action.clone()));
    }
    if let Some(actor) = &filter.actor {
        all.add_named("actor", "actor_credential", actor);
    }
    if let Some(target) = &filter.target {
        all.add_named("target", "target_name", target);
    }
    if let Some(result) = filter.result {
        all.add("result = ?", Value::Text(result.as_str().to_owned()));
    }
    if let Some(request) = filter.request_id {
        all.add("request_id = ?", Value::Text(request.to_string()));
    }
    add_span(&mut all, filter);
    all
}

/// A span of time. Its ends are turned into numbers, by which events are in order, and each event is
/// asked for its own instant besides: it may be late, but never by more than the head says.
fn add_span(all: &mut Conditions, filter: &EventFilter) {
    if let Some(from) = filter.from {
        all.add("at >= ?", Value::Number(rounded_up(from)));
        all.add(
            "sequence >= coalesce(
                 (SELECT sequence FROM audit_event WHERE chain = $1 AND latest_at >= ?
                  ORDER BY latest_at, sequence LIMIT 1), 9223372036854775807)",
            Value::Number(rounded_up(from)),
        );
    }
    if let Some(to) = filter.to {
        all.add("at < ?", Value::Number(rounded_up(to)));
        all.add(
            "sequence < coalesce(
                 (SELECT sequence FROM audit_event WHERE chain = $1 AND latest_at >=
                      ? + (SELECT max_lateness FROM audit_head WHERE chain = $1)
                  ORDER BY latest_at, sequence LIMIT 1), 9223372036854775807)",
            Value::Number(rounded_up(to)),
        );
    }
}

/// The first whole millisecond that is not before `at`: what is stored is whole.
fn rounded_up(at: Timestamp) -> i64 {
    let whole = millis(at);
    let is_whole = Timestamp::from_millisecond(whole).is_ok_and(|stored| stored >= at);
    if is_whole { whole } else { whole + 1 }
}

pub(in crate::store::sql) async fn list(
    db: &mut Db,
    chain: Chain,
    filter: &EventFilter,
    page: Page<i64>,
) -> Answer<Vec<AuditEvent>> {
    let conditions = conditions(filter, page.after);
    let text = format!(
        "{SELECT}{}\n ORDER BY sequence DESC LIMIT {}",
        conditions.text, page.limit
    );
    let query = conditions.bind(assembled(text), &chain.name());
    all(db, query).await?.iter().map(read).collect()
}

pub(in crate::store::sql) async fn find_extent(db: &mut Db, chain: Chain) -> Answer<ChainExtent> {
    // The row of numbers is always there, whatever else is.
    let query = sqlx::query(
        "SELECT numbers.last_sequence,
                audit_head.sequence AS head_sequence, audit_head.hash AS head_hash,
                audit_checkpoint.sequence AS checkpoint_sequence,
                audit_checkpoint.hash AS checkpoint_hash, audit_checkpoint.signed
         FROM (SELECT max(sequence) AS last_sequence FROM audit_event WHERE chain = $1) numbers
         LEFT JOIN audit_head ON audit_head.chain = $1
         LEFT JOIN audit_checkpoint ON audit_checkpoint.chain = $1",
    );
    let Some(row) = one(db, query.bind(chain.name())).await? else {
        return Ok(ChainExtent {
            head: Link::genesis(),
            last_sequence: 0,
            checkpoint: None,
        });
    };
    let head = link(&row, "head_sequence", "head_hash")?;
    Ok(ChainExtent {
        head: head.unwrap_or_else(Link::genesis),
        last_sequence: row.optional_integer("last_sequence")?.unwrap_or(0),
        checkpoint: checkpoint(&row)?,
    })
}

fn link(row: &Row, sequence: &'static str, hash: &'static str) -> Answer<Option<Link>> {
    let (sequence, hash) = (row.optional_integer(sequence)?, row.optional_text(hash)?);
    Ok(sequence.zip(hash).map(|(sequence, hash)| Link {
        sequence,
        hash: hash.to_owned(),
    }))
}

fn checkpoint(row: &Row) -> Answer<Option<Checkpoint>> {
    let link = link(row, "checkpoint_sequence", "checkpoint_hash")?;
    let signed = row.optional_text("signed")?;
    Ok(link.zip(signed).map(|(link, signed)| Checkpoint {
        link,
        signed: signed.to_owned(),
    }))
}

pub(in crate::store::sql) async fn walk(
    db: &mut Db,
    chain: Chain,
    after: i64,
    up_to: i64,
    limit: u16,
) -> Answer<Vec<Option<AuditEvent>>> {
    let query = assembled(format!(
        "{SELECT} AND sequence > $2 AND sequence <= $3 ORDER BY sequence LIMIT $4"
    ));
    let query = query
        .bind(chain.name())
        .bind(after)
        .bind(up_to)
        .bind(i64::from(limit));
    let rows = all(db, query).await?;
    Ok(rows.iter().map(|row| read(row).ok()).collect())
}

pub(in crate::store::sql) async fn list_chains_before(
    db: &mut Db,
    before: Timestamp,
) -> Answer<Vec<Chain>> {
    let query = sqlx::query(
        "SELECT chain FROM audit_head
         WHERE EXISTS (SELECT 1 FROM audit_event
                       WHERE audit_event.chain = audit_head.chain AND audit_event.latest_at < $1)
         LIMIT $2",
    );
    let rows = all(db, query.bind(millis(before)).bind(CHAINS)).await?;
    rows.iter()
        .map(|row| row.word("chain", Chain::parse))
        .collect()
}

pub(in crate::store::sql) async fn find_last_before(
    db: &mut Db,
    chain: Chain,
    before: Timestamp,
) -> Answer<Option<i64>> {
    let query = sqlx::query(
        "SELECT sequence FROM audit_event WHERE chain = $1 AND latest_at < $2
         ORDER BY latest_at DESC, sequence DESC LIMIT 1",
    );
    let row = one(db, query.bind(chain.name()).bind(millis(before))).await?;
    row.map(|row| row.integer("sequence")).transpose()
}

pub(in crate::store::sql) async fn find_checkpoint(
    db: &mut Db,
    chain: Chain,
) -> Answer<Option<Checkpoint>> {
    let query = sqlx::query(
        "SELECT sequence AS checkpoint_sequence, hash AS checkpoint_hash, signed
         FROM audit_checkpoint WHERE chain = $1",
    );
    let row = one(db, query.bind(chain.name())).await?;
    row.map_or(Ok(None), |row| checkpoint(&row))
}

pub(in crate::store::sql) async fn remove(
    db: &mut Db,
    chain: Chain,
    checkpoint: &Checkpoint,
) -> Answer<u64> {
    let query = sqlx::query(
        "INSERT INTO audit_checkpoint (chain, sequence, hash, signed) VALUES ($1, $2, $3, $4)
         ON CONFLICT (chain) DO UPDATE SET
             sequence = excluded.sequence, hash = excluded.hash, signed = excluded.signed",
    );
    let query = query
        .bind(chain.name())
        .bind(checkpoint.link.sequence)
        .bind(checkpoint.link.hash.as_str())
        .bind(checkpoint.signed.as_str());
    execute_one(db, query, "audit checkpoint").await?;
    let query = sqlx::query("DELETE FROM audit_event WHERE chain = $1 AND sequence <= $2");
    execute(db, query.bind(chain.name()).bind(checkpoint.link.sequence)).await
}

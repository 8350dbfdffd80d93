//! Calls that were made under an `Idempotency-Key`.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::digest::Digest;
use crate::domain::retry::KeptAnswer;
use crate::domain::retry::KeyedCall;
use crate::domain::version::EntityTag;
use crate::store::AnsweredCall;
use crate::store::AnsweredCallWrites;
use crate::store::AnsweredCalls;
use crate::store::StoreError;

use super::SqlStore;
use super::change::SqlChange;
use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::execute;
use super::query::millis;
use super::query::one;

/// The most rows that one statement deletes.
const BATCH: u16 = 5_000;

fn read(row: &Row) -> Answer<AnsweredCall> {
    let status = u16::try_from(row.integer("status")?);
    let tag = row.optional_text("tag")?;
    Ok(AnsweredCall {
        call: KeyedCall {
            id: row.parse("id")?,
            request: row.parse("request")?,
        },
        answer: KeptAnswer {
            status: status.map_err(|_| Failure::Unreadable("status"))?,
            tag: tag.map(|tag| EntityTag::kept(tag.to_owned())),
            body: row.text("body")?.to_owned(),
        },
        at: row.instant("made_at")?,
    })
}

async fn find(db: &mut Db, id: &Digest, expired: Timestamp) -> Answer<Option<AnsweredCall>> {
    let query = sqlx::query(
        "SELECT id, request, status, tag, body, made_at FROM answered_call
         WHERE id = $1 AND made_at > $2",
    );
    let row = one(db, query.bind(id.as_str()).bind(millis(expired))).await?;
    row.as_ref().map(read).transpose()
}

/// Adds a call, in the place of one that is over.
async fn add(db: &mut Db, call: &AnsweredCall, expired: Timestamp) -> Answer<bool> {
    let query = sqlx::query(
        "INSERT INTO answered_call (id, request, status, tag, body, made_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE
         SET request = excluded.request, status = excluded.status, tag = excluded.tag,
             body = excluded.body, made_at = excluded.made_at
         WHERE answered_call.made_at <= $7",
    );
    let answer = &call.answer;
    let query = query
        .bind(call.call.id.as_str())
        .bind(call.call.request.as_str())
        .bind(i64::from(answer.status))
        .bind(answer.tag.as_ref().map(EntityTag::as_str))
        .bind(answer.body.as_str())
        .bind(millis(call.at))
        .bind(millis(expired));
    Ok(execute(db, query).await? == 1)
}

async fn remove(db: &mut Db, expired: Timestamp) -> Answer<u64> {
    let query = sqlx::query(
        "DELETE FROM answered_call WHERE id IN
             (SELECT id FROM answered_call WHERE made_at <= $1 LIMIT $2)",
    );
    execute(db, query.bind(millis(expired)).bind(i64::from(BATCH))).await
}

#[async_trait]
impl AnsweredCalls for SqlStore {
    async fn find_answered_call(
        &self,
        id: &Digest,
        expired: Timestamp,
    ) -> Result<Option<AnsweredCall>, StoreError> {
        let id = id.clone();
        self.read(move |db| Box::pin(async move { find(db, &id, expired).await }))
            .await
    }

    async fn keep_answer(
        &self,
        call: &AnsweredCall,
        expired: Timestamp,
    ) -> Result<bool, StoreError> {
        let call = call.clone();
        self.write(move |db| Box::pin(async move { add(db, &call, expired).await }))
            .await
    }

    async fn remove_answered_calls(&self, expired: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let batch = self.write(move |db| Box::pin(remove(db, expired))).await?;
            removed += batch;
            if batch < u64::from(BATCH) {
                return Ok(removed);
            }
        }
    }
}

#[async_trait]
impl AnsweredCallWrites for SqlChange {
    async fn find_answered_call(
        &mut self,
        id: &Digest,
        expired: Timestamp,
    ) -> Result<Option<AnsweredCall>, StoreError> {
        self.0.run(|db| find(db, id, expired)).await
    }

    async fn add_answered_call(
        &mut self,
        call: &AnsweredCall,
        expired: Timestamp,
    ) -> Result<bool, StoreError> {
        self.0.run(|db| add(db, call, expired)).await
    }
}

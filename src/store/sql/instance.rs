//! The instance's row.

use crate::store::Instance;

use super::failure::Answer;
use super::query::Db;
use super::query::execute;
use super::query::millis;
use super::query::one;

/// Reads a row that always exists.
pub(super) async fn ping(db: &mut Db) -> Answer<()> {
    one(db, sqlx::query("SELECT id FROM instance_lock")).await?;
    Ok(())
}

/// Keeps other changes of the instance out until the end of the transaction.
pub(super) async fn lock(db: &mut Db) -> Answer<()> {
    execute(db, sqlx::query("UPDATE instance_lock SET id = id")).await?;
    Ok(())
}

pub(super) async fn find(db: &mut Db) -> Answer<Option<Instance>> {
    let query = sqlx::query("SELECT epoch, pepper, initialized_at FROM instance WHERE id = 1");
    let Some(row) = one(db, query).await? else {
        return Ok(None);
    };
    Ok(Some(Instance {
        epoch: row.parse("epoch")?,
        pepper: row.parse("pepper")?,
        initialized_at: row.optional_instant("initialized_at")?,
    }))
}

pub(super) async fn put(db: &mut Db, instance: &Instance) -> Answer<()> {
    let query = sqlx::query(
        "INSERT INTO instance (id, epoch, pepper, initialized_at) VALUES (1, $1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET
             epoch = excluded.epoch,
             pepper = excluded.pepper,
             initialized_at = excluded.initialized_at",
    );
    let query = query
        .bind(instance.epoch.to_string())
        .bind(instance.pepper.to_string())
        .bind(instance.initialized_at.map(millis));
    execute(db, query).await?;
    Ok(())
}

//! The schema and its versions.
//!
//! Every migration is one script for both databases, with one more where they differ. All that are
//! missing run in one transaction under a lock, so a start that is killed half-way leaves the old
//! version, and two nodes that start at once do not meet.

use super::connector::Engine;
use super::failure::Answer;
use super::query::Db;
use super::query::execute;
use super::query::one;
use super::query::script;

/// One step of the schema.
struct Migration {
    version: i64,
    shared: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// The steps, in order.
const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    shared: include_str!("../migrations/0001_schema.sql"),
    sqlite: include_str!("../migrations/0001_sqlite.sql"),
    postgres: include_str!("../migrations/0001_postgres.sql"),
}];

/// The version that this program works with.
pub(super) const LATEST: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// What the schema turned out to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Schema {
    /// It is of the version that this program works with.
    Current,
    /// It is of a later version, which this program does not know.
    Newer(i64),
}

/// Brings the schema to the latest version.
pub(super) async fn run(db: &mut Db, engine: Engine) -> Answer<Schema> {
    script(db, engine.begin_change()).await?;
    let migrated = run_locked(db, engine).await;
    let end = if migrated.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    let ended = script(db, end).await;
    let schema = migrated?;
    ended?;
    Ok(schema)
}

async fn run_locked(db: &mut Db, engine: Engine) -> Answer<Schema> {
    if engine == Engine::Postgres {
        // Held until the end of the transaction. Any number does that nobody else locks. Another
        // node may be at work, and a step may take longer than a query.
        script(
            db,
            "SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(7310012884);",
        )
        .await?;
    }
    script(
        db,
        "CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT NOT NULL PRIMARY KEY)",
    )
    .await?;
    let found = version(db).await?;
    if found > LATEST {
        return Ok(Schema::Newer(found));
    }
    for migration in MIGRATIONS {
        if migration.version > found {
            script(db, migration.shared).await?;
            script(db, migration.of(engine)).await?;
            let note = sqlx::query("INSERT INTO schema_migration (version) VALUES ($1)");
            execute(db, note.bind(migration.version)).await?;
        }
    }
    Ok(Schema::Current)
}

async fn version(db: &mut Db) -> Answer<i64> {
    let query = sqlx::query("SELECT max(version) AS version FROM schema_migration");
    let row = one(db, query).await?;
    let version = row.map(|row| row.optional_integer("version")).transpose()?;
    Ok(version.flatten().unwrap_or(0))
}

impl Migration {
    fn of(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }
}

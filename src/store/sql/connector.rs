//! Making one connection, with everything that must be true of it before it is used.

use std::path::Path;

use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::percent_encode;
use sqlx::ConnectOptions;
use sqlx::any::AnyConnectOptions;

use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::one;
use super::query::script;

/// Knows how to reach the database.
pub(super) struct Connector {
    options: AnyConnectOptions,
    engine: Engine,
}

/// Which database it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Engine {
    /// A file, and no other process.
    Sqlite,
    /// A server, and perhaps other nodes.
    Postgres,
}

/// All of a path but these is written as `%XX`, so that no character of it can mean something else.
const IN_A_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');

impl Engine {
    /// Whether several may write at once.
    pub(super) fn has_many_writers(self) -> bool {
        match self {
            Self::Sqlite => false,
            Self::Postgres => true,
        }
    }

    /// What begins a change. SQLite takes its one write lock at once, so that a change never fails
    /// half-way because another was faster.
    pub(super) fn begin_change(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }

    /// What begins several reads of one state.
    pub(super) fn begin_snapshot(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN DEFERRED",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

impl Connector {
    /// To a file that exists.
    pub(super) fn to_file(file: &Path) -> Result<Self, sqlx::Error> {
        let path = percent_encode(file.as_os_str().as_encoded_bytes(), IN_A_PATH);
        Self::new(&format!("sqlite://{path}?mode=rw"), Engine::Sqlite)
    }

    /// To a server.
    pub(super) fn to_server(url: &str) -> Result<Self, sqlx::Error> {
        Self::new(url, Engine::Postgres)
    }

    fn new(url: &str, engine: Engine) -> Result<Self, sqlx::Error> {
        sqlx::any::install_default_drivers();
        let options: AnyConnectOptions = url.parse()?;
        let options = options.disable_statement_logging();
        Ok(Self { options, engine })
    }

    /// Which database it is.
    pub(super) fn engine(&self) -> Engine {
        self.engine
    }

    /// Whether nothing is on the way that could cut off an idle connection.
    pub(super) fn is_local(&self) -> bool {
        self.engine == Engine::Sqlite
    }

    /// A connection that may be used.
    pub(super) async fn connect(&self) -> Answer<Db> {
        let mut connection = self.options.connect().await?;
        match self.engine {
            Engine::Sqlite => prepare_sqlite(&mut connection).await?,
            Engine::Postgres => prepare_postgres(&mut connection).await?,
        }
        Ok(connection)
    }
}

/// What a database can be, that this server does not entrust revocations to.
const NOT_SYNCHRONOUS: &str = "does not wait for the disk: a commit could be lost";
const NOT_LOGGED_AHEAD: &str = "does not keep a write-ahead log";
const NO_FOREIGN_KEYS: &str = "does not check foreign keys";
const STANDBY: &str = "is a standby, which may not know of the latest revocation";
const READ_ONLY: &str = "is read-only";

/// Durable (WAL with `synchronous=FULL`), strict, and small: an idle connection costs little memory.
/// The settings that a promise rests on are read back, since a pragma that is not understood is
/// silently ignored.
async fn prepare_sqlite(db: &mut Db) -> Answer<()> {
    const FULL: i64 = 2;
    script(
        db,
        "PRAGMA busy_timeout = 1500;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA recursive_triggers = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA mmap_size = 0;
         PRAGMA cache_size = -512;
         PRAGMA temp_store = MEMORY;",
    )
    .await?;
    let mode = only(db, "PRAGMA journal_mode").await?;
    if mode.text("journal_mode")? != "wal" {
        return Err(Failure::Unfit(NOT_LOGGED_AHEAD));
    }
    let synchronous = only(db, "PRAGMA synchronous").await?;
    if synchronous.integer("synchronous")? != FULL {
        return Err(Failure::Unfit(NOT_SYNCHRONOUS));
    }
    let foreign_keys = only(db, "PRAGMA foreign_keys").await?;
    if !foreign_keys.flag("foreign_keys")? {
        return Err(Failure::Unfit(NO_FOREIGN_KEYS));
    }
    Ok(())
}

/// Bounded, and by a server that keeps what it acknowledges and knows the latest. No statement of ours is
/// worth a compiler or helpers: they take longer to begin than a page takes to be read.
async fn prepare_postgres(db: &mut Db) -> Answer<()> {
    script(
        db,
        "SET application_name = 'ostler';
         SET statement_timeout = 1800;
         SET jit = off;
         SET max_parallel_workers_per_gather = 0;
         SET idle_in_transaction_session_timeout = 15000;",
    )
    .await?;
    let facts = only(
        db,
        "SELECT current_setting('synchronous_commit') AS synchronous,
                CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END AS is_standby",
    )
    .await?;
    if facts.flag("is_standby")? {
        return Err(Failure::Unfit(STANDBY));
    }
    if !["on", "remote_apply"].contains(&facts.text("synchronous")?) {
        return Err(Failure::Unfit(NOT_SYNCHRONOUS));
    }
    Ok(())
}

/// Refuses a server that takes no changes. Later, a primary that is demoted refuses them itself.
pub(super) async fn check_writable(db: &mut Db) -> Answer<()> {
    let query = "SELECT current_setting('transaction_read_only') AS read_only";
    match only(db, query).await?.text("read_only")? {
        "off" => Ok(()),
        _ => Err(Failure::Unfit(READ_ONLY)),
    }
}

/// The one row of a query that has no arguments.
async fn only(db: &mut Db, query: &'static str) -> Answer<Row> {
    let row = one(db, sqlx::query(query)).await?;
    row.ok_or(Failure::Unreadable("setting"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_connection_to_a_file_is_durable_and_strict() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x.db");
        std::fs::File::create(&file).unwrap();
        let connector = Connector::to_file(&file).unwrap();
        for _ in 0..2 {
            let mut db = connector.connect().await.unwrap();
            for (pragma, column, value) in [
                ("PRAGMA synchronous", "synchronous", 2),
                ("PRAGMA foreign_keys", "foreign_keys", 1),
                ("PRAGMA recursive_triggers", "recursive_triggers", 1),
                ("PRAGMA mmap_size", "mmap_size", 0),
                ("PRAGMA busy_timeout", "timeout", 1_500),
            ] {
                let row = only(&mut db, pragma).await.unwrap();
                assert_eq!(row.integer(column).unwrap(), value, "{pragma}");
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_cannot_have_a_write_ahead_log_is_refused() {
        // SQLite answers the old mode and no error, which is why it is read back.
        let connector = Connector::new("sqlite::memory:", Engine::Sqlite).unwrap();
        let refused = connector.connect().await.unwrap_err();
        assert!(matches!(refused, Failure::Unfit(NOT_LOGGED_AHEAD)));
    }
}

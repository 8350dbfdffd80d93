//! The store over SQLite and PostgreSQL: one set of statements, by sqlx's `Any`.
//!
//! - [`files`], [`connector`], [`migrations`]: what must be true before the first query;
//! - [`pool`], [`turns`], [`gate`]: who may ask the database, and whether it is asked at all;
//! - [`transaction`]: how a change ends;
//! - [`query`], [`facts`], [`statement`], [`failure`]: asking, reading rows, and what a failure means;
//! - one file per noun, with every statement about it;
//! - [`reads`] and [`change`]: the two traits, which only put these together.
//!
//! **Nothing is cancelled half-way.** A caller may go away at any time, and a query that is dropped
//! while it runs leaves its connection in doubt. So reads run in a task of their own, to their end or
//! their deadline, and a connection in doubt is closed, never lent again.

mod access;
mod access_size;
mod account;
mod answered_call;
mod api;
mod api_token;
mod audit;
mod change;
mod clean_up;
mod client;
mod connector;
mod counts;
mod credential;
mod credential_counts;
mod ends;
mod facts;
mod failure;
mod files;
mod findings;
mod gate;
mod group;
mod holdings;
mod instance;
mod intern;
mod inventory;
mod last_use;
mod leak;
mod lifecycle;
mod migrations;
mod organization;
mod pool;
mod query;
mod reads;
mod resource;
mod revoked_token;
mod role;
mod secret;
mod signing_key;
mod statement;
mod transaction;
mod turns;
mod usage;
mod usage_series;

pub use files::DataDirLock;
pub use files::FileError;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use connector::Connector;
use connector::Engine;
use failure::Answer;
use failure::Failure;
use gate::Gate;
use intern::Interned;
use migrations::Schema;
use pool::Pool;
use query::Db;
use query::Work;
use transaction::Transaction;
use turns::Turns;

use crate::detached::detached;
use crate::domain::id::OrganizationId;

use super::StoreError;

/// How long reaching the database and bringing its schema up to date may take.
const OPEN_LIMIT: Duration = Duration::from_mins(1);

/// How many connections of the embedded store only read.
const READERS: u32 = 3;

/// Where the durable facts are, and how they are reached.
#[derive(Clone, Debug)]
pub struct SqlOptions {
    /// `sqlite:` with a file, or `postgres:`.
    pub url: SecretString,
    /// Whether a database file that is missing is made. Only `init` and `dev` want that: a server
    /// that does not find its facts must not begin without any.
    pub create_if_missing: bool,
    /// The most connections to a PostgreSQL server, at least 2; the pings have one more.
    pub connections: u32,
}

impl SqlOptions {
    /// The usual number of connections to a PostgreSQL server.
    pub const CONNECTIONS: u32 = 16;
}

/// Why the store cannot be opened. Each message is for the person who starts the server.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The files of the embedded store.
    #[error(transparent)]
    Files(#[from] FileError),
    /// What the URL names cannot be reached, or must not be used as it is.
    #[error("the database cannot be used")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A later version of this program has been here.
    #[error(
        "the database has schema version {found} and this program knows {known}: run a newer ostler"
    )]
    Newer {
        /// The version of the schema.
        found: i64,
        /// The version that this program works with.
        known: i64,
    },
}

impl OpenError {
    /// Whether another process has the store.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Files(FileError::Locked(_)))
    }
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        Self::Database(Box::new(failure))
    }
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        Failure::from(error).into()
    }
}

/// The store.
pub struct SqlStore {
    engine: Engine,
    gate: Arc<Gate>,
    readers: Arc<Pool>,
    writers: Arc<Pool>,
    turns: Turns,
    interned: Arc<Interned>,
    pings: JoinHandle<()>,
    /// Of the embedded store: kept until everything else is gone.
    _lock: Option<DataDirLock>,
}

impl SqlStore {
    /// Opens the store: takes its lock, checks that it keeps what it acknowledges, and brings its
    /// schema up to date.
    pub async fn open(options: &SqlOptions) -> Result<Self, OpenError> {
        let (connector, lock) = reach(options)?;
        let connector = Arc::new(connector);
        let prepared = timeout(OPEN_LIMIT, prepare(&connector));
        prepared.await.map_err(|_| Failure::TooLate)??;
        Ok(Self::over(connector, options, lock))
    }

    fn over(connector: Arc<Connector>, options: &SqlOptions, lock: Option<DataDirLock>) -> Self {
        let gate = Arc::new(Gate::new());
        let engine = connector.engine();
        let (readers, writers, turns) = match engine {
            Engine::Sqlite => (
                Pool::new(&connector, &gate, READERS),
                Pool::new(&connector, &gate, 1),
                Turns::new(1),
            ),
            Engine::Postgres => {
                let pool = Pool::new(&connector, &gate, options.connections.max(2));
                // Half of the connections are left for reading, whatever changes wait for.
                (
                    Arc::clone(&pool),
                    pool,
                    Turns::new(options.connections.max(2) / 2),
                )
            }
        };
        let pings = tokio::spawn({
            let (gate, pools) = (
                Arc::clone(&gate),
                [Arc::clone(&readers), Arc::clone(&writers)],
            );
            async move { gate::keep(&gate, &connector, &pools).await }
        });
        Self {
            engine,
            gate,
            readers,
            writers,
            turns,
            interned: Arc::default(),
            pings,
            _lock: lock,
        }
    }

    /// Makes a query of one statement, to its end.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Db) -> Work<'c, T> + Send + 'static,
    {
        let mut lease = self.readers.acquire().await?;
        to_its_end(async move { lease.run(work).await }).await
    }

    /// Makes several queries that see one state, to their end.
    async fn read_snapshot<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Db) -> Work<'c, T> + Send + 'static,
    {
        let begin = self.engine.begin_snapshot();
        let mut lease = self.readers.acquire().await?;
        to_its_end(async move {
            lease.begin(begin).await?;
            let answer = lease.run(work).await;
            lease.roll_back().await;
            answer
        })
        .await
    }

    /// Begins a transaction in its turn, under the lock of the organization or the instance, and
    /// under that of whose account makes it.
    async fn transaction(
        &self,
        organization: Option<OrganizationId>,
        by: Option<OrganizationId>,
    ) -> Result<Transaction, StoreError> {
        self.gate.check()?;
        let turn = self.turns.wait(organization).await?;
        let lease = self.writers.acquire().await?;
        Transaction::begin(lease, turn, self.engine, organization, by).await
    }

    /// Makes a write of one statement that is no change: usage, and forgetting what has expired.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Db) -> Work<'c, T> + Send + 'static,
    {
        let mut lease = self.writers.acquire().await?;
        to_its_end(async move { lease.run(work).await }).await
    }

    /// Makes several writes that are no change, all or none of them, to their end.
    async fn write_together<F>(&self, work: F) -> Result<(), StoreError>
    where
        F: for<'c> FnOnce(&'c mut Db) -> Work<'c, ()> + Send + 'static,
    {
        let begin = self.engine.begin_change();
        let mut lease = self.writers.acquire().await?;
        to_its_end(async move {
            lease.begin(begin).await?;
            let answer = lease.run(work).await;
            match answer {
                Ok(()) => lease.commit().await,
                Err(failure) => {
                    lease.roll_back().await;
                    Err(failure)
                }
            }
        })
        .await
    }
}

impl Drop for SqlStore {
    fn drop(&mut self) {
        self.pings.abort();
    }
}

fn to_its_end<T: Send + 'static>(
    query: impl Future<Output = Answer<T>> + Send + 'static,
) -> impl Future<Output = Result<T, StoreError>> + Send {
    let ended = detached(query);
    async move {
        match ended.await {
            Ok(answer) => Ok(answer?),
            Err(error) => Err(StoreError::Unavailable(Box::new(error))),
        }
    }
}

/// Checks the database and its schema on a connection of its own.
async fn prepare(connector: &Connector) -> Result<(), OpenError> {
    let mut db = connector.connect().await?;
    if connector.engine() == Engine::Postgres {
        connector::check_writable(&mut db).await?;
    }
    let schema = migrations::run(&mut db, connector.engine()).await?;
    let _ = sqlx::Connection::close(db).await;
    match schema {
        Schema::Current => Ok(()),
        Schema::Newer(found) => Err(OpenError::Newer {
            found,
            known: migrations::LATEST,
        }),
    }
}

/// Reads the URL, and makes the files of the embedded store ready.
fn reach(options: &SqlOptions) -> Result<(Connector, Option<DataDirLock>), OpenError> {
    let url = options.url.expose_secret();
    let Some(rest) = url.strip_prefix("sqlite:") else {
        return Ok((Connector::to_server(url)?, None));
    };
    let file = rest.strip_prefix("//").unwrap_or(rest);
    let file = file.split_once('?').map_or(file, |(file, _)| file);
    let file = percent_decode_str(file).decode_utf8();
    let file = PathBuf::from(
        file.map_err(|_| Failure::Unfit("has a file name that is not text"))?
            .as_ref(),
    );
    let lock = DataDirLock::acquire(files::directory_of(&file))?;
    let file = files::prepare_database(&file, options.create_if_missing)?;
    Ok((Connector::to_file(&file)?, Some(lock)))
}

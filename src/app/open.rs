//! From a configuration to an [`App`]: what must be true before the first request.

use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::DatabaseEngine;
use crate::domain::api::Audience;
use crate::domain::role;
use crate::domain::signing_key::Algorithm;
use crate::domain::signing_key::SigningKeyRecord;
use crate::jwt::KeyRing;
use crate::jwt::KeyRingError;
use crate::jwt::key_files;
use crate::jwt::key_files::KeyFilesFault;
use crate::keys::KeysDir;
use crate::keys::audit_key::AuditKey;
use crate::keys::file::KeyFileError;
use crate::keys::pepper::Pepper;
use crate::keys::server_key::ServerKey;
use crate::live::LiveState;
use crate::live::SharedUsage;
use crate::live::counters::LiveCounters;
use crate::live::memory::MemoryLive;
use crate::live::redis::DEADLINE;
use crate::live::redis::InvalidRedisUrl;
use crate::live::redis::Namespace;
use crate::live::redis::RedisLive;
use crate::live::redis::RedisOptions;
use crate::store::Instance;
use crate::store::OpenError;
use crate::store::SqlOptions;
use crate::store::SqlStore;
use crate::store::Store;
use crate::store::StoreError;
use crate::telemetry::registry::Registry;

use super::App;
use super::Parts;
use super::audit::walks::Walks;
use super::current::CurrentConfig;
use super::directory::Directory;
use super::init::FirstAdministrator;
use super::init::InitError;
use super::init::init;
use super::keys;
use super::keys::KeyTurn;
use super::refused_calls::RefusedCalls;
use super::retries::under_way::UnderWay;
use super::throttle::Throttle;
use super::usage::UsageRecorder;
use super::usage::series::UsageSeries;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `init` has not been run, or has not finished.
    #[error("this store is not initialised: run `ostler init` once, with the same configuration")]
    NotInitialised,
    /// The pepper is not the one that the stored secrets were hashed under.
    #[error(
        "{file} is not the pepper of this database (it has {found}, the database wants {wanted}): \
         restore the `keys` directory that belongs to it"
    )]
    WrongPepper {
        /// The file.
        file: String,
        /// The fingerprint of what is in it.
        found: String,
        /// The fingerprint that the database holds.
        wanted: String,
    },
    /// `init` could not do its work.
    #[error(transparent)]
    Init(#[from] InitError),
    /// A file of `keys/` is missing, or others can read it.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A signing key cannot be made or read.
    #[error(transparent)]
    SigningKey(#[from] KeyFilesFault),
    /// The signing keys are not what the records say.
    #[error(transparent)]
    KeyRing(#[from] KeyRingError),
    /// The database cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The URL of Redis is none.
    #[error("redis.url is {0}")]
    Redis(#[from] InvalidRedisUrl),
}

impl StartError {
    /// Whether another process has the store.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Open(error) if error.is_locked())
    }
}

/// A store that is open and up to date, with the files that belong to it.
pub struct Ground {
    config: Config,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    keys_dir: KeysDir,
}

impl Ground {
    /// Ground that is there already: the store is opened and its schema brought up to date.
    pub async fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let keys_dir = match KeysDir::open(&config.keys.dir) {
            Err(KeyFileError::Missing { .. }) => return Err(StartError::NotInitialised),
            found => found?,
        };
        Self::of(config, clock, keys_dir, false).await
    }

    /// Ground that is made where it is not there yet: for `init`.
    pub async fn create(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let keys_dir = KeysDir::create(&config.keys.dir)?;
        Self::of(config, clock, keys_dir, true).await
    }

    async fn of(
        config: Config,
        clock: Arc<dyn Clock>,
        keys_dir: KeysDir,
        create_if_missing: bool,
    ) -> Result<Self, StartError> {
        let options = SqlOptions {
            url: config.database.url.clone(),
            create_if_missing,
            connections: SqlOptions::CONNECTIONS,
        };
        Ok(Self {
            store: Arc::new(SqlStore::open(&options).await?),
            config,
            clock,
            keys_dir,
        })
    }

    /// Whether `init` has finished here.
    pub async fn is_initialised(&self) -> Result<bool, StartError> {
        let instance = self.store.find_instance().await?;
        Ok(instance.is_some_and(|instance| instance.initialized_at.is_some()))
    }

    /// Initialises the empty store. The caller shows the secret and then says
    /// [`FirstAdministrator::handed_over`] through [`Ground::finish_init`].
    pub async fn init(&self) -> Result<FirstAdministrator, StartError> {
        if self.is_initialised().await? {
            return Err(InitError::AlreadyInitialised.into());
        }
        let now = self.clock.now();
        let pepper = Pepper::load_or_create(&self.keys_dir, &self.config.secrets.pepper_file)?;
        ServerKey::load_or_create(&self.keys_dir)?;
        AuditKey::load_or_create(&self.keys_dir)?;
        let keys = first_signing_keys(&self.keys_dir, now)?;
        let first = init(self.store.as_ref(), &self.config, &pepper, &keys, now).await?;
        Ok(first)
    }

    /// Marks the store as initialised, once somebody holds the administrator's secret.
    pub async fn finish_init(&self, first: FirstAdministrator) -> Result<(), StartError> {
        let now = self.clock.now();
        first.handed_over(self.store.as_ref(), now).await?;
        Ok(())
    }

    /// The application on this ground.
    pub async fn build(self) -> Result<App, StartError> {
        let instance = self.store.find_instance().await?;
        let Some(instance) = instance.filter(|found| found.initialized_at.is_some()) else {
            return Err(StartError::NotInitialised);
        };
        let pepper_file = &self.config.secrets.pepper_file;
        let pepper = Pepper::load(&self.keys_dir, pepper_file)?;
        if pepper.id() != instance.pepper {
            return Err(StartError::WrongPepper {
                file: pepper_file.display().to_string(),
                found: pepper.id().to_string(),
                wanted: instance.pepper.to_string(),
            });
        }
        let server_key = ServerKey::load(&self.keys_dir)?;
        let audit_key = AuditKey::load(&self.keys_dir)?;
        let lifetime = self.config.tokens.max_lifetime;
        keys::limit_tokens(self.store.as_ref(), lifetime, self.clock.now()).await?;
        let key_ring = KeyRing::load(&self.keys_dir, &self.store.list_signing_keys().await?)?;
        let issuer = Audience::parse(self.config.server.issuer.as_str())
            .expect("an issuer follows the rule of audiences");
        let directory = self.directory().await?;
        let registry = Registry::new();
        let (live, shared_usage) = self.live(&instance, &registry).await?;
        let limit = self.config.limits.failed_auth_per_minute;
        Ok(App(Arc::new(Parts {
            usage: UsageRecorder::new(Arc::clone(&self.store), shared_usage, &registry),
            series: UsageSeries::new(Arc::clone(&self.store), &registry),
            refused_calls: RefusedCalls::new(
                Arc::clone(&self.store),
                Arc::clone(&self.clock),
                &registry,
            ),
            throttle: Throttle::new(Arc::clone(&live), limit, &registry),
            registry,
            clock: self.clock,
            live,
            directory,
            ostler: Arc::new(role::ostler_api(&issuer)),
            key_ring,
            keys_dir: self.keys_dir,
            key_turn: KeyTurn::default(),
            pepper,
            server_key,
            audit_key,
            walks: Walks::new(),
            under_way: UnderWay::default(),
            store: self.store,
            config: CurrentConfig::new(self.config),
        })))
    }

    async fn live(
        &self,
        instance: &Instance,
        registry: &Registry,
    ) -> Result<(Arc<dyn LiveState>, Option<Arc<dyn SharedUsage>>), StartError> {
        let clock = Arc::clone(&self.clock);
        let counters = LiveCounters::new(|name, help| registry.counter(name, help, &[]));
        let Some(url) = &self.config.redis.url else {
            return Ok((Arc::new(MemoryLive::new(clock, &counters)), None));
        };
        let options = RedisOptions {
            url: url.clone(),
            names: Namespace::new(&self.config.server.issuer, instance.epoch),
            deadline: DEADLINE,
        };
        let redis = Arc::new(RedisLive::connect(options, clock, counters).await?);
        Ok((redis.clone(), Some(redis)))
    }

    async fn directory(&self) -> Result<Directory, StoreError> {
        let store = Arc::clone(&self.store);
        match self.config.database.engine {
            DatabaseEngine::Sqlite => Directory::embedded(store, self.clock.now()).await,
            DatabaseEngine::Postgres => Ok(Directory::shared(store)),
        }
    }
}

/// One key per algorithm: those that an `init` which was cut short has left, and new ones.
fn first_signing_keys(
    dir: &KeysDir,
    now: Timestamp,
) -> Result<Vec<SigningKeyRecord>, KeyFilesFault> {
    let left = key_files::list_unrecorded(dir)?;
    let key_of = |algorithm: Algorithm| {
        let found = left.iter().find(|(_, of)| *of == algorithm);
        let kid = found.map_or_else(
            || key_files::generate(dir, algorithm),
            |(kid, _)| Ok(kid.clone()),
        )?;
        Ok(SigningKeyRecord::pending(kid, algorithm, now))
    };
    Algorithm::ALL.into_iter().map(key_of).collect()
}

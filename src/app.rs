//! The application: everything that a request may touch, and the actions on it.
//!
//! The admin API, the shell at the server's own machine and the console call the same functions for
//! the same action, so that no rule is written twice.
//!
//! - [`directory`]: what the OAuth endpoints know of clients and tokens; the only way from a request
//!   to those facts
//! - [`clients`]: a client authenticates, or in [`exchange`] the holder of an API token; [`issuance`]
//!   gives it a token
//! - [`tokens`]: whether a token that comes back is active; [`introspection`] tells others, and
//!   [`revocation`] takes one back
//! - [`authority`]: what a caller of the admin API may do; each of its actions takes a proof of it:
//!   [`organizations`], [`accounts`], [`credentials`], [`api_tokens`], [`access`],
//!   [`account_roles`], [`effective_access`], [`roles`], [`groups`], [`apis`], [`resources`],
//!   [`keys`], [`audit`]; [`problem`] is why one was not carried out, [`page`] a part of a list,
//!   [`held`] what lists are asked about access
//! - [`findings`]: what an administrator should look at; [`token_tools`]: what one can find out about a
//!   token; [`system`]: about the server
//! - [`change`]: how a durable change is made, to its end, with its audit event and its effects;
//!   [`terms`]: on which terms; [`retries`]: once, however often it is asked for
//! - [`leaks`]: a secret is reported as leaked; [`clean_up`]: what ended long ago is forgotten
//! - [`throttle`]: how many guesses are too many
//! - [`usage`]: what was used and how often, on its way from the request to the store, and as it is
//!   shown; [`refused_calls`] likewise
//! - [`init`]: the first organization, administrator and keys; [`recovery`]: the way back in when
//!   nobody holds an administrator's secret any more
//! - [`open`]: from a configuration to an [`App`]; [`current`] is the configuration in force

pub mod access;
pub mod account_roles;
pub mod accounts;
mod administrators;
pub mod api_tokens;
pub mod apis;
pub mod audit;
mod audited;
pub mod authority;
pub mod change;
pub mod clean_up;
pub mod clients;
pub mod credentials;
pub mod current;
pub mod directory;
pub mod edit;
pub mod effective_access;
pub mod exchange;
pub mod findings;
pub mod groups;
pub mod held;
pub mod in_use;
pub mod init;
pub mod introspection;
pub mod issuance;
pub mod keys;
pub mod leaks;
mod lookup;
pub mod open;
pub mod organizations;
pub mod page;
pub mod problem;
pub mod recovery;
mod reduction;
pub mod refused_calls;
pub mod resources;
pub mod retries;
pub mod revocation;
pub mod roles;
pub mod system;
pub mod terms;
pub mod throttle;
pub mod token_tools;
pub mod tokens;
pub mod usage;

/// The faults that an action may end with, for those who answer it.
pub use crate::store::StoreError;

use std::future::Future;
use std::sync::Arc;

use crate::clock::Clock;
use crate::detached::detached;
use crate::domain::api::Api;
use crate::jwt::KeyRing;
use crate::keys::KeysDir;
use crate::keys::audit_key::AuditKey;
use crate::keys::pepper::Pepper;
use crate::keys::server_key::ServerKey;
use crate::live::LiveState;
use crate::store::Store;
use crate::telemetry::registry::Registry;

use audit::walks::Walks;
use current::CurrentConfig;
use directory::Directory;
use keys::KeyTurn;
use refused_calls::RefusedCalls;
use retries::under_way::UnderWay;
use throttle::Throttle;
use usage::UsageRecorder;
use usage::series::UsageSeries;

/// Everything that a request may touch. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
pub struct Parts {
    /// What is configured.
    pub config: CurrentConfig,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Durable facts.
    pub store: Arc<dyn Store>,
    /// Perishable facts.
    pub live: Arc<dyn LiveState>,
    /// Clients and tokens, as the OAuth endpoints see them.
    pub directory: Directory,
    /// What was used, on its way to the store.
    pub usage: UsageRecorder,
    /// How often, hour by hour, on its way to the store.
    pub series: UsageSeries,
    /// What was refused to callers who are known, on its way to the audit trail.
    pub refused_calls: RefusedCalls,
    /// How many guesses are too many.
    pub throttle: Throttle,
    /// What is counted and measured.
    pub registry: Registry,
    /// The built-in API: this very server.
    pub ostler: Arc<Api>,
    /// The signing keys.
    pub key_ring: KeyRing,
    /// Where the files of keys are.
    pub keys_dir: KeysDir,
    /// What secrets are hashed under.
    pub pepper: Pepper,
    /// Whose turn it is to let the signing keys follow their records.
    pub key_turn: KeyTurn,
    /// What vouches for cursors.
    pub server_key: ServerKey,
    /// What signs the heads of audit chains.
    pub audit_key: AuditKey,
    /// Which audit chains are walked.
    pub walks: Arc<Walks>,
    /// The calls under a key that are being carried out.
    pub under_way: UnderWay,
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Runs `work` to its end, also when the request that asked for it is gone: a client that hangs up
/// must not cancel a transaction half-way.
pub fn to_completion<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Send {
    let ended = detached(work);
    async move {
        match ended.await {
            Ok(value) => value,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that is being torn down cancels a task that nobody aborts; then
                // this future is not polled again either.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

/// Runs what keeps a core busy where it holds up no request: a worker that it would occupy has other
/// requests in its queue, and the end of transactions among them.
async fn off_the_workers<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, problem::Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| problem::Problem::Unavailable(Box::new(error)))
}

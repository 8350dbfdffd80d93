//! `ostler admin recover`: the way back in for whoever sits at the server's own machine.
//!
//! A server that runs here is asked through its [socket](super::local_socket): on the embedded store it
//! has the lock, and remembers what the change touches. Where none runs the change is made on the store
//! itself, under its lock. (PostgreSQL has no such lock and needs none: servers elsewhere decide by
//! what it says.)

use std::io;
use std::sync::Arc;

use secrecy::SecretString;

use crate::app::open::Ground;
use crate::app::open::StartError;
use crate::app::problem::Problem;
use crate::app::recovery::Recovered;
use crate::app::recovery::Restored;
use crate::app::recovery::recover as recover_in;
use crate::clock::SystemClock;
use crate::config::Config;

use super::local_socket;

/// A credential that administers everything, to be shown once.
#[derive(Clone, Debug)]
pub struct RecoveredCredential {
    /// The issuer of the server that it is for.
    pub issuer: String,
    /// Its `client_id`.
    pub client_id: String,
    /// Its secret.
    pub secret: SecretString,
    /// What the account was given back, in sentences.
    pub restored: Vec<String>,
}

impl RecoveredCredential {
    /// Of the server with this issuer.
    pub(super) fn of(issuer: &str, recovered: &Recovered) -> Self {
        let sentences = recovered
            .restored
            .iter()
            .map(|part| Restored::sentence(*part));
        Self {
            issuer: issuer.to_owned(),
            client_id: recovered.client_id.to_string(),
            secret: recovered.secret.expose().into(),
            restored: sentences.map(str::to_owned).collect(),
        }
    }
}

/// Why there is no new credential.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// No server runs here, and the store cannot be opened either.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It was refused, or could not be done.
    #[error("{detail}")]
    Refused {
        /// The code of the problem, as the admin API has it.
        code: String,
        /// What happened, for a person.
        detail: String,
    },
    /// The server cannot be asked, or has not answered.
    #[error("cannot ask the server at {path}")]
    Unanswered {
        /// The socket.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl From<Problem> for RecoverError {
    fn from(problem: Problem) -> Self {
        Self::Refused {
            code: problem.code().to_owned(),
            detail: problem.detail().into_owned(),
        }
    }
}

/// Makes a new credential for the account `administrator` of what `config` names.
pub async fn recover(config: Config) -> Result<RecoveredCredential, RecoverError> {
    if let Some(recovered) = local_socket::ask_to_recover(&config.data.dir).await? {
        return Ok(recovered);
    }
    let issuer = config.server.issuer.to_string();
    let ground = Ground::open(config, Arc::new(SystemClock)).await?;
    let recovered = recover_in(&ground.build().await?).await?;
    Ok(RecoveredCredential::of(&issuer, &recovered))
}

//! The configuration in force: most of it for the life of the process, some of it until it is read
//! again ([`Config::renewed_by`]).

use std::ops::Deref;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::config::Config;

/// The configuration in force. It is read as if it were a [`Config`].
pub struct CurrentConfig {
    current: ArcSwap<&'static Config>,
    changes: watch::Sender<()>,
}

impl CurrentConfig {
    /// This configuration, until another one.
    pub fn new(config: Config) -> Self {
        Self {
            current: ArcSwap::from_pointee(keep(config)),
            changes: watch::Sender::new(()),
        }
    }

    /// Puts another configuration in its place.
    pub fn renew(&self, config: Config) {
        self.current.store(keep(config).into());
        self.changes.send_replace(());
    }

    /// Hears of every change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }
}

impl Deref for CurrentConfig {
    type Target = Config;

    fn deref(&self) -> &Config {
        **self.current.load()
    }
}

/// Keeps a configuration for good, so that whoever reads it needs no share of it. It is small, and
/// another one comes when a person has edited it.
fn keep(config: Config) -> &'static Config {
    Box::leak(Box::new(config))
}

//! Ostler: an OAuth 2.0 authorization server for non-human identities.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod http;
pub mod jwt;
pub mod keys;
pub mod live;
pub mod oauth;
pub mod random;
pub mod run;
pub mod shutdown;
pub mod store;
pub mod telemetry;

//! Ostler: an OAuth 2.0 authorization server for non-human identities.
//!
//! One package, a library and a thin binary. In reading order:
//!
//! - [`domain`]: the nouns and their rules; no I/O
//! - [`oauth`]: the specifications: facts in, decision out; synchronous
//! - [`jwt`]: access tokens signed, verified, and their keys published
//! - [`store`]: durable facts, in SQLite or PostgreSQL
//! - [`live`]: perishable facts, in this process or in Redis
//! - [`keys`], [`random`]: the files that must not be read by others, and random bits
//! - [`app`]: everything that a request may touch, and the actions on it
//! - [`http`]: extract, call, respond; and the transport below it
//! - [`run`]: the life of the server process
//! - [`cli`]: the shell
//! - [`config`], [`clock`], [`detached`], [`recent`], [`shelf`], [`shutdown`], [`telemetry`]: what several
//!   of these need
//!
//! `main -> cli -> run -> http -> app -> store, live, jwt, oauth -> domain`: each imports what its
//! arrow points to and nothing else. Two rules hold it together: *the store could not answer* is an
//! error of its own that can only become a 503, and a change commits together with its audit event
//! or not at all.
//!
//! A request to the token endpoint passes through [`http::edge`], [`http::oauth`], [`oauth::form`],
//! [`app::clients`] (which asks [`app::directory`] for the facts and [`oauth::client_auth`] for the
//! proof), [`app::issuance`], [`oauth::grant`] and [`jwt`].

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod detached;
pub mod domain;
pub mod http;
pub mod jwt;
pub mod keys;
pub mod live;
pub mod oauth;
pub mod random;
pub mod recent;
pub mod run;
pub mod shelf;
pub mod shutdown;
pub mod store;
pub mod telemetry;

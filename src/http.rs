//! HTTP: extract, call, respond. There are no rules in here.
//!
//! The way of a request, from the outside in:
//!
//! - [`serve`]: the accept loop; [`limits`] says what a peer may take, [`shutdown`](crate::shutdown) when it ends,
//!   [`tls`] what it speaks;
//! - [`edge`]: what surrounds every request: its id, its bounds, its numbers ([`metrics`]), panics,
//!   [`fields`] that no answer should be without, and answers that no handler gave; [`address`] says who is calling, [`body`] bounds what is read;
//! - the handlers; [`management`] has those of the management listener.

pub mod address;
pub mod admin;
mod alarm;
pub mod body;
mod connection;
pub mod edge;
pub mod error;
mod fields;
pub mod limits;
pub mod management;
pub mod metrics;
pub mod oauth;
mod open_files;
mod refused;
pub mod serve;
pub mod server;
mod socket;
pub mod tls;

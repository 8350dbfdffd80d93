//! The harness: a whole server in this process, and actors that talk to it over the wire.
//!
//! Each test starts a server of its own, on a free port, with a store of its own and a clock that
//! the test moves. `OSTLER_TEST_STORE=postgres` runs the same tests on PostgreSQL and Redis.

pub mod administration;
pub mod client;
mod database;
pub mod document;
pub mod log;
pub mod server;
pub mod verifier;
mod watch;
pub mod wire;

pub use client::TestClient;
pub use server::TestServer;
pub use verifier::Verifier;
pub use wire::Reply;

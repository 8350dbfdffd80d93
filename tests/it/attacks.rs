//! Attacks on the whole server: the cases of our security policy that concern more than one endpoint.
//! Those of a single one are beside its other tests; a comment says which case a test is
//! (`// Security case 35.`).
//!
//! Every forged token is tried wherever a token is taken: at introspection, asked about and as the
//! bearer who asks, at revocation, and at the admin API, which checks as much on every request.

mod claims;
mod client_auth;
mod degenerate;
mod ended;
mod endpoints;
mod floods;
mod forger;
mod headers;
mod held_back;
mod io_errors;
mod issuance;
mod killed;
mod killed_changes;
mod memory;
mod no_texts;
mod parameters;
mod process;
mod purposes;
mod requests;
mod revocation;
mod routes;
pub mod secrets;
mod signatures;
mod sizes;
mod stage;
mod streams;
mod user_agents;

//! The nouns and their rules.
//!
//! Nothing here performs I/O, knows HTTP or SQL, or awaits: values come in, decisions go out. The
//! words are those of the field; where ours differ (an *account* is what RFC 6749 calls a client's
//! owner, a *credential* is its registered client), the type says so.

pub mod access;
pub mod access_size;
pub mod account;
pub mod api;
pub mod api_token;
pub mod audit;
pub mod audit_chain;
pub mod audit_event;
pub mod audit_head;
pub mod client;
pub mod credential;
pub mod difference;
pub mod digest;
pub mod finding;
pub mod folded;
pub mod group;
pub mod holdings;
pub mod id;
pub mod instant;
pub mod issuer;
pub mod json;
pub mod key_schedule;
pub mod leak;
pub mod liveness;
pub mod located;
pub mod name;
pub mod network;
pub mod organization;
pub mod prose;
pub mod quota;
pub mod region;
pub mod resource;
pub mod resource_keys;
pub mod retirement;
pub mod retry;
pub mod role;
pub mod rotation;
pub mod scope;
pub mod secret;
pub mod signing_key;
pub mod token;
pub mod usage;
pub mod usage_series;
pub mod version;

//! Black-box tests: one binary, one harness.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod admin;
mod architecture;
mod attacks;
mod cli;
mod compose;
mod faults;
mod fuzz_seeds;
mod hang_ups;
mod harness;
mod interop;
mod interpreters;
mod introspect;
mod jwks;
mod key_ring;
mod live_contract;
mod lost_answers;
mod management;
mod metadata;
mod overload;
mod random_operations;
mod readme;
mod redis_faults;
mod restart;
mod revoke;
mod services;
mod store_contract;
mod test_keys;
mod throttle;
mod token;
mod transport;
mod two_nodes;
mod usage_recorder;
mod usage_series;

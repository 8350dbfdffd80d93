//! What the server tells about itself.
//!
//! - [`log`]: lines on standard error, for people at a terminal and in JSON for everything else
//! - [`registry`]: numbers, for Prometheus
//! - [`health`]: whether the server can do its work, asked check by check
//! - [`request_id`]: what ties an answer to its log lines

pub mod health;
pub mod log;
pub mod registry;
pub mod request_id;

//! The cases, by noun. Each is run by `on_both!` in the parent.

pub mod client;
pub mod instance;
pub mod organization;

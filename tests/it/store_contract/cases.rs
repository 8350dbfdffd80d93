//! The cases, by noun. Each is run by `on_both!` in the parent.

pub mod access;
pub mod account;
pub mod answered_call;
pub mod api;
pub mod api_edit;
pub mod api_token;
pub mod audit;
pub mod audit_trail;
pub mod change;
pub mod clean_up;
pub mod client;
pub mod credential;
pub mod ended;
pub mod group;
pub mod held;
pub mod instance;
pub mod inventory;
pub mod leak;
pub mod lifecycle;
pub mod open;
pub mod organization;
pub mod role;
pub mod token;
pub mod usage;
pub mod usage_series;

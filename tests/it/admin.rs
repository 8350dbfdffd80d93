//! The admin API, as administrators see it: one file per resource, and what holds for all of them.
//!
//! Contract, section 3. The caller's authority is in `authority`, what a body may be in `bodies`,
//! paging in `lists`, and what is written down in `audit`.

mod access;
mod accounts;
mod actors;
mod apis;
mod audit;
mod authority;
mod bodies;
mod credentials;
mod edges;
mod hand_on;
mod keys;
mod lists;
mod organizations;
mod refused_calls;
mod resources;
mod roles;
mod rotation;
mod scopes;

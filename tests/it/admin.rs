//! The admin API, as administrators see it: one file per resource, and what holds for all of them.
//!
//! Contract, section 3. The caller's authority is in `authority` and `hand_on`, and over their own account
//! in `own_account`, each route by who calls it in `matrix`, what is of another organization in a path in
//! `crossing` and elsewhere in `foreign_names`, what is told to whoever reads in `readers`, what a body may
//! be in `bodies`, in an edit, in `same_rules`, and by whichever other way, in `every_way`, what no body may
//! say in `unwritable`, which of several mistakes is told in `check_order`, paging in `lists`, what lists can
//! be asked in `searches`, whose change an answer is of in `own_answers`, changes of one version in
//! `versions` and every route by its version in `if_match`, calls that are made again in `retries` and every
//! route under a key in `keyed`, what is written down in `audit` and `changes` and what of each in `told`,
//! and what the API says of itself in `openapi`.

mod access;
mod account_edits;
mod account_roles;
mod accounts;
pub mod actors;
mod api_edits;
mod api_tokens;
mod apis;
mod audit;
mod audit_events;
pub mod audit_verify;
mod authority;
mod bodies;
mod bounds;
mod budget;
mod changes;
mod check_order;
mod clean_up;
mod credential_edits;
mod credentials;
mod crossing;
mod edges;
mod effective_access;
mod every_way;
mod filters;
mod findings;
mod foreign_names;
mod groups;
mod hand_on;
mod if_match;
mod inventories;
pub mod key_life;
mod key_schedule;
mod keyed;
mod keys;
mod largest_access;
mod leaks;
mod lists;
mod matrix;
mod openapi;
mod organization_life;
mod organizations;
mod own_account;
mod own_answers;
pub mod readers;
mod reductions;
mod refused_calls;
mod resources;
mod retirement;
mod retries;
mod roles;
mod rotation;
mod same_rules;
mod schemathesis;
mod scopes;
mod searches;
mod token_tools;
mod told;
mod unwritable;
mod usage;
mod versions;

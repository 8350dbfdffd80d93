//! What every store promises: each case runs on SQLite and on PostgreSQL.
//!
//! Where durability is the claim, the store is closed and opened afresh between the write and the
//! look ([`Bench::reopen`]).

mod bench;
mod cases;

use bench::Bench;

/// Runs each case once per database.
macro_rules! on_both {
    ($($module:ident :: $case:ident,)*) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                cases::$module::$case(&mut Bench::sqlite().await).await;
            })*
        }
        mod postgres {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                cases::$module::$case(&mut Bench::postgres().await).await;
            })*
        }
    };
}

on_both! {
    instance::an_empty_store_has_no_instance_and_keeps_the_one_that_is_written,
    instance::signing_keys_keep_their_state_and_one_is_active_per_algorithm,
    organization::organizations_are_found_by_id_and_by_name_and_paged_by_id,
    organization::a_name_is_taken_once,
    client::a_client_holds_everything_that_issuance_must_know,
    client::a_client_has_the_access_that_its_credential_leaves,
    client::a_client_of_a_deleted_account_is_none,
    client::equal_access_is_kept_once,
}

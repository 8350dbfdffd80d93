//! What every store promises: each case runs on SQLite and on PostgreSQL.
//!
//! Where durability is the claim, the store is closed and opened afresh between the write and the
//! look ([`Bench::reopen`]).

/// What a call answers, which must be an answer.
macro_rules! ok {
    ($call:expr) => {
        $call.await.unwrap()
    };
}

/// A call finds nothing.
macro_rules! none {
    ($call:expr) => {
        assert!($call.await.unwrap().is_none(), stringify!($call))
    };
}

/// A call lists nothing.
macro_rules! empty {
    ($call:expr) => {
        assert!($call.await.unwrap().is_empty(), stringify!($call))
    };
}

mod bench;
mod cases;
mod faults;
mod files;
pub mod things;

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
    instance::a_keys_last_signature_only_moves_forward,
    instance::the_longest_life_of_what_a_key_signs_is_noted,
    organization::organizations_are_found_by_id_and_by_name_and_paged_by_id,
    organization::a_name_is_taken_once,
    account::an_account_keeps_every_member,
    account::a_name_is_unique_without_regard_to_case_among_the_living,
    account::a_deleted_account_is_gone_with_all_that_it_had,
    account::a_tombstone_keeps_its_id_and_its_email,
    account::generations_only_rise_and_are_returned,
    account::nothing_of_another_organization_is_found,
    account::nothing_of_another_organization_is_changed,
    access::grants_come_back_as_they_were_written,
    access::a_credential_that_is_not_narrowed_differs_from_one_narrowed_to_nothing,
    access::holders_are_those_with_a_grant_at_the_api_by_whichever_way,
    credential::a_credential_keeps_its_secrets_in_order_and_its_narrowing,
    credential::credentials_of_every_kind_are_counted_and_the_first_are_named,
    credential::secrets_end_and_are_revoked,
    credential::all_credentials_of_an_account_are_revoked_at_once,
    credential::credentials_are_paged_by_id_and_filtered_by_account,
    credential::a_secret_is_forgotten_and_its_use_is_known_of_its_credential,
    credential::a_removed_credential_takes_its_secrets_and_narrowing_with_it,
    api_token::an_api_token_is_found_and_is_no_credential_in_the_lists_of_those,
    api_token::the_name_of_a_revoked_api_token_is_free_again,
    api_token::api_tokens_are_paged_by_id_and_counted_while_they_are_active,
    api_token::a_client_is_found_by_any_of_its_secrets,
    leak::a_report_is_kept_once_and_listed_while_its_secret_lives,
    leak::a_report_that_was_dismissed_is_gone_and_may_come_again,
    clean_up::what_ended_is_forgotten_with_what_it_leaves_bare,
    lifecycle::an_organization_is_edited_and_its_generation_rises,
    lifecycle::an_account_is_edited_and_its_name_stays_unique,
    lifecycle::a_credential_is_edited_and_its_name_stays_unique,
    lifecycle::accounts_are_named_within_their_organization,
    lifecycle::every_change_of_a_thing_raises_its_version,
    answered_call::a_call_is_added_once_with_its_answer,
    answered_call::a_call_whose_change_is_rolled_back_was_not_answered,
    answered_call::a_call_that_changed_nothing_keeps_its_answer,
    answered_call::a_call_is_over_after_its_time,
    api::an_api_keeps_its_settings_scopes_and_types,
    api::an_audience_is_unique_on_the_instance,
    api::a_removed_scope_leaves_every_grant,
    api::resources_are_found_by_id_and_by_key,
    api_edit::an_api_is_edited_and_a_type_leaves_every_grant,
    api_edit::a_removed_api_leaves_every_grant_and_its_audience_stays_reserved,
    api_edit::a_resource_is_renamed_and_removed,
    api_edit::holders_of_a_part_are_named_and_their_accounts_found,
    client::a_client_holds_everything_that_issuance_must_know,
    client::a_client_has_the_access_that_its_credential_leaves,
    client::a_client_has_the_access_of_its_roles_and_of_its_groups,
    client::a_client_of_a_deleted_account_is_none,
    client::equal_access_is_kept_once,
    role::the_built_in_roles_come_first_and_are_nobodys,
    role::a_role_keeps_its_access_and_is_edited,
    role::a_removed_role_is_taken_from_everybody,
    role::roles_are_replaced,
    role::the_accounts_with_a_role_are_found_once_each,
    role::the_roles_in_force_are_those_of_active_accounts,
    role::holdings_say_where_each_part_is_from,
    role::generations_of_several_accounts_are_raised_at_once,
    group::a_group_keeps_its_roles_and_its_members,
    group::a_removed_group_leaves_its_members,
    group::a_deleted_account_leaves_its_groups,
    group::nothing_of_another_organization_is_found_or_changed,
    token::a_token_stands_as_its_organization_account_and_credential_do,
    token::a_token_stands_as_the_key_that_signed_it,
    token::a_change_sees_how_a_token_stands_in_it,
    token::a_token_is_revoked_once_and_stays_revoked,
    token::revoked_tokens_are_forgotten_after_their_end,
    usage::uses_are_merged_in_any_order,
    usage::many_uses_at_once_are_all_stored,
    usage::what_is_known_of_a_secret_that_is_gone_is_known_of_its_credential,
    usage_series::a_batch_is_added_once_however_often_it_is_sent,
    usage_series::addresses_come_with_the_most_requests_first,
    usage_series::old_hours_are_forgotten,
    inventory::accounts_come_in_each_order,
    inventory::accounts_are_found_by_each_filter,
    inventory::accounts_are_found_by_what_they_hold,
    inventory::credentials_come_by_each_filter_and_in_each_order,
    ended::what_has_ended_follows_from_the_secrets_whatever_became_of_them,
    held::credentials_are_found_by_what_is_left_to_them,
    change::a_change_that_is_dropped_has_not_happened,
    change::nothing_is_done_after_a_failure,
    change::a_change_sees_its_own_writes_and_nobody_else_does,
    change::fifty_changes_of_one_organization_happen_one_after_the_other,
    change::changes_of_several_organizations_do_not_wait_for_each_other,
    change::a_change_keeps_out_those_that_stop_who_makes_it,
    change::a_change_that_waits_keeps_out_those_that_come_after_it,
    audit::each_change_has_its_event_and_the_chain_holds,
    audit::chains_are_apart,
    audit::an_event_is_never_edited_or_deleted,
    audit::events_of_what_is_no_change_are_appended_once,
    audit::a_change_whose_event_cannot_be_written_has_not_happened,
    audit_trail::events_come_newest_first_and_are_found_by_every_filter,
    audit_trail::a_span_of_time_misses_no_event_however_late_it_is,
    audit_trail::a_chain_is_walked_from_one_number_to_another,
    audit_trail::a_chain_reaches_to_its_head_and_its_last_event,
    audit_trail::only_what_is_before_a_checkpoint_is_removed,
    open::migrations_run_once_and_a_newer_schema_is_refused,
    open::a_closed_store_answers_nothing,
    open::a_row_that_cannot_be_read_is_corrupt_and_closes_nothing,
}

//! What nobody has used: accounts, and the credentials and API tokens of accounts that somebody uses.
//!
//! An account that is unused as a whole is one finding and not one more for each credential. A page
//! walks the index of last uses, the longest unused first, so it reads about as many rows as it shows.
//! Only credentials of accounts that were told before are passed over, at the end of the list of those.

use super::super::ends::has_live_secret;
use super::super::statement::EACH;
use super::Columns;
use super::Found;
use super::Order;
use super::Stretch;
use super::Walk;
use super::kinds::ACCOUNT;
use super::kinds::is_usable;

/// Accounts that were last used before `since`; and what else was, of accounts that were used since.
pub(super) fn unused(now: i64, since: i64) -> Vec<Found> {
    let before = format!("last_use.last_at > 0 AND last_use.last_at < {since}");
    let is_used = format!(">= {since}");
    vec![
        of_accounts_by_use("last_use.last_at", now, vec![before.clone()]),
        of_credentials_by_use("last_use.last_at", now, before, &is_used, Vec::new()),
    ]
}

/// Accounts that were made before `since` and never used; and what else was, of accounts that were used.
pub(super) fn never_used(now: i64, since: i64) -> Vec<Found> {
    let never = "last_use.last_at = 0".to_owned();
    let made = |what: &str| format!("{what}.created_at < {since}");
    vec![
        of_accounts_by_use(
            "account.created_at",
            now,
            vec![never.clone(), made("account")],
        ),
        of_credentials_by_use(
            "credential.created_at",
            now,
            never,
            "> 0",
            vec![made("credential")],
        ),
    ]
}

/// As the index of last uses has what this column names.
fn by_last_use(id: &'static str) -> Order {
    Order::Walked(Walk {
        organization: "last_use.organization_id",
        number: "last_use.last_at",
        id,
    })
}

/// Accounts, by their last use.
fn of_accounts_by_use(at: &'static str, now: i64, more: Vec<String>) -> Found {
    let walked = [
        "last_use.account_id IS NOT NULL",
        "account.id = last_use.account_id",
    ];
    Found {
        columns: Columns {
            subject: "last_use.account_id",
            ..Columns::of_account(at)
        },
        // The first of these is walked, and the other looked up.
        from: format!("last_use CROSS JOIN {ACCOUNT}"),
        conditions: [walked.map(str::to_owned).to_vec(), is_usable(now), more].concat(),
        order: by_last_use("last_use.account_id"),
        stretch: None,
    }
}

/// Credentials and API tokens that may be used, by their last use, which is `unused`, of accounts whose
/// last use `is_used`.
///
/// Those of other accounts are passed over one by one: a join would be of whole tables on PostgreSQL.
fn of_credentials_by_use(
    at: &'static str,
    now: i64,
    unused: String,
    is_used: &str,
    more: Vec<String>,
) -> Found {
    let walked = vec!["last_use.credential_id IS NOT NULL".to_owned(), unused];
    let account_is_used = format!(
        "CASE WHEN (SELECT used.last_at FROM credential AS owned
             JOIN last_use AS used ON used.subject_id = owned.account_id
             WHERE owned.id = last_use.credential_id {EACH}) {is_used} THEN 1 END = 1"
    );
    let own = vec![
        account_is_used,
        "credential.id = last_use.credential_id".to_owned(),
        "use_of_account.subject_id = credential.account_id".to_owned(),
        "account.id = credential.account_id".to_owned(),
        "credential.status = 'active'".to_owned(),
        has_live_secret(now),
    ];
    let stretch = Stretch {
        from: "last_use",
        conditions: walked.clone(),
    };
    Found {
        columns: Columns {
            subject: "last_use.credential_id",
            other_at: "use_of_account.last_at",
            has_credential: true,
            ..Columns::of_account(at)
        },
        from: format!(
            "last_use CROSS JOIN credential CROSS JOIN last_use AS use_of_account
             CROSS JOIN {ACCOUNT}"
        ),
        conditions: [walked, own, is_usable(now), more].concat(),
        order: by_last_use("last_use.credential_id"),
        stretch: Some(stretch),
    }
}

//! What nobody has used: accounts, and the credentials and API tokens of accounts that somebody uses.
//!
//! An account that is unused as a whole is one finding and not one more for each credential. A page
//! walks the index of last uses, the longest unused first, so it reads about as many rows as it shows.
//! Only credentials of accounts that were told before are passed over, at the end of the list of those.

use super::Columns;
use super::Found;
use super::Order;
use super::Walk;
use super::kinds::ACCOUNT;
use super::kinds::is_usable;

/// Accounts that were last used before `since`; and what else was, of accounts that were used since.
pub(super) fn unused(now: i64, since: i64) -> Vec<Found> {
    let before = format!("last_use.last_at > 0 AND last_use.last_at < {since}");
    let is_used = format!("use_of_account.last_at >= {since}");
    vec![
        of_accounts_by_use("last_use.last_at", now, vec![before.clone()]),
        of_credentials_by_use("last_use.last_at", now, vec![before], &is_used),
    ]
}

/// Accounts that were made before `since` and never used; and what else was, of accounts that were used.
pub(super) fn never_used(now: i64, since: i64) -> Vec<Found> {
    let never = "last_use.last_at = 0".to_owned();
    let is_used = "use_of_account.last_at > 0";
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
            vec![never, made("credential")],
            is_used,
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
    }
}

/// Credentials and API tokens that may be used, by their last use, of accounts that are used: that of the
/// account is at hand, as `use_of_account`.
fn of_credentials_by_use(at: &'static str, now: i64, more: Vec<String>, is_used: &str) -> Found {
    let walked = [
        "last_use.credential_id IS NOT NULL",
        "credential.id = last_use.credential_id",
        "use_of_account.subject_id = credential.account_id",
        "account.id = credential.account_id",
        "credential.status = 'active'",
    ];
    // What is passed over is passed over by the first of these, and its secrets need not be looked for.
    let is_used_and_has_live_secret = format!(
        "CASE WHEN {is_used} AND EXISTS (SELECT 1 FROM secret
             WHERE secret.credential_id = credential.id AND secret.revoked_at IS NULL
               AND (secret.ends_at IS NULL OR secret.ends_at > {now})) THEN 1 END = 1"
    );
    let own = walked.map(str::to_owned).to_vec();
    let own = [own, vec![is_used_and_has_live_secret]].concat();
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
        conditions: [own, is_usable(now), more].concat(),
        order: by_last_use("last_use.credential_id"),
    }
}

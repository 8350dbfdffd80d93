//! What ends soon, and what never does: accounts, and the newest secret of each credential among those
//! that work; where the one that was to take its place was taken back or has ended, the one before it
//! counts.
//!
//! A page walks an index of ends; of credentials there is a part for each column ([`End`]) and kind.

use crate::domain::credential::CredentialKind;

use super::super::ends::End;
use super::super::ends::NEVER;
use super::Columns;
use super::Found;
use super::Order;
use super::Walk;
use super::kinds::ACCOUNT;
use super::kinds::OF_ONE_ACCOUNT;
use super::kinds::is_usable;
use super::kinds::works;

/// Both kinds of credentials.
const KINDS: [CredentialKind; 2] = [CredentialKind::ClientSecret, CredentialKind::ApiToken];

/// What ends after `now`, and not after `soon`.
pub(super) fn expiring_soon(now: i64, soon: i64) -> Vec<Found> {
    let columns = Columns {
        subject: "secret.id",
        ..Columns::of_account("secret.ends_at")
    };
    let of_kind = |kind| {
        End::ALL.map(|end| {
            let column = end.column();
            let ends = format!("{column} > {now} AND {column} <= {soon}");
            of_newest_secrets(columns, kind, end, ends, now)
        })
    };
    let secrets = KINDS.into_iter().flat_map(of_kind);
    std::iter::once(accounts(now, soon))
        .chain(secrets)
        .collect()
}

/// Client secrets without an end. (Every API token has one.)
pub(super) fn never_expires(now: i64) -> Vec<Found> {
    let columns = Columns {
        subject: "credential.id",
        ..Columns::of_account("secret.created_at")
    };
    let parts = End::ALL.map(|end| {
        let never = format!("{} = {NEVER}", end.column());
        of_newest_secrets(columns, CredentialKind::ClientSecret, end, never, now)
    });
    parts.into()
}

fn accounts(now: i64, soon: i64) -> Found {
    // In the words of its index.
    let end = "coalesce(account.expires_at, 9223372036854775807)";
    let ends = format!("{end} > {now} AND {end} <= {soon}");
    Found {
        columns: Columns::of_account("account.expires_at"),
        from: ACCOUNT.to_owned(),
        conditions: [is_usable(now), vec![ends]].concat(),
        order: Order::Walked(Walk {
            organization: "account.organization_id",
            number: end,
            id: "account.id",
        }),
        stretch: None,
    }
}

/// The newest secret that works of each credential that may be used and `ends` so.
fn of_newest_secrets(
    columns: Columns,
    kind: CredentialKind,
    end: End,
    ends: String,
    now: i64,
) -> Found {
    let own = vec![
        OF_ONE_ACCOUNT.to_owned(),
        format!("credential.kind = '{}'", kind.as_str()),
        end.holds(now),
        "credential.status = 'active'".to_owned(),
        ends,
        works("secret", now),
        format!(
            "NOT EXISTS (SELECT 1 FROM secret AS newer
             WHERE newer.credential_id = secret.credential_id
               AND newer.position > secret.position AND {})",
            works("newer", now)
        ),
    ];
    Found {
        columns: Columns {
            has_credential: true,
            ..columns
        },
        // The first is walked, and the others are looked up.
        from: format!("credential CROSS JOIN secret CROSS JOIN {ACCOUNT}"),
        conditions: [own, is_usable(now)].concat(),
        order: Order::Walked(Walk {
            organization: "credential.organization_id",
            number: end.column(),
            id: "credential.id",
        }),
        stretch: None,
    }
}

//! What ends soon, and what never does: accounts, and the newest secret of each credential among those
//! that work; where the one that was to take its place was taken back or has ended, the one before it
//! counts.
//!
//! A page walks an index of ends. That of a credential is the end of its newest secret until that has
//! passed, and then the latest of the others: two columns, so a part for each, and for each kind.

use crate::domain::credential::CredentialKind;

use super::super::inventory::NEVER;
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

/// In which column the end of a credential is.
#[derive(Clone, Copy)]
enum End {
    /// Its newest secret's, until it has passed.
    OfTheNewest,
    /// The latest of its secrets', from then on.
    OfTheLast,
}

impl End {
    const ALL: [Self; 2] = [Self::OfTheNewest, Self::OfTheLast];

    fn column(self) -> &'static str {
        match self {
            Self::OfTheNewest => "credential.newest_end",
            Self::OfTheLast => "credential.last_end",
        }
    }

    /// That the end is in this column; in the words of its index.
    fn holds(self, now: i64) -> Vec<String> {
        match self {
            Self::OfTheNewest => Vec::new(),
            Self::OfTheLast => vec![
                format!("credential.newest_end <= {now}"),
                "credential.last_end > credential.newest_end".to_owned(),
            ],
        }
    }
}

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
        conditions: [own, end.holds(now), is_usable(now)].concat(),
        order: Order::Walked(Walk {
            organization: "credential.organization_id",
            number: end.column(),
            id: "credential.id",
        }),
    }
}

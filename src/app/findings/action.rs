//! The calls that mend findings.

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::domain::access::Access;
use crate::domain::credential::CredentialRef;
use crate::domain::credential::DEFAULT_SECRET_LIFETIME;
use crate::domain::finding::FindingKind;
use crate::domain::id::ApiTokenId;
use crate::domain::name::Label;
use crate::domain::signing_key::SigningKeyRecord;
use crate::store::FindingRow;
use crate::store::FoundCredential;

use super::super::access::Book;
use super::super::access::DescribedIdentifiers;
use super::Action;

/// What mends the finding of a row. What only a person can know (the name of an owner, which
/// resources are needed) is left for them to fill in.
pub(super) fn of(kind: FindingKind, row: &FindingRow, now: Timestamp) -> Action {
    let account = account_path(row);
    if let Some(FoundCredential { id, name }) = &row.credential
        && let CredentialRef::ApiToken(token) = id
    {
        return of_api_token(kind, &format!("{account}/api-tokens"), *token, name);
    }
    let credential = row
        .credential
        .as_ref()
        .map(|found| format!("{account}/credentials/{}", found.id));
    let lifetime = DEFAULT_SECRET_LIFETIME;
    match (kind, credential) {
        (FindingKind::ExpiringSoon, Some(credential)) => {
            post(format!("{credential}/rotate"), json!({}))
        }
        (FindingKind::ExpiringSoon, None) => {
            let end = now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
            patch(account, json!({"expires_at": end}))
        }
        (FindingKind::NeverExpires, Some(credential)) => post(
            format!("{credential}/rotate"),
            json!({"expires_in_seconds": lifetime.as_secs()}),
        ),
        // Its users have to move on, and only a person can see to that: by when and where from they
        // used it. Retiring the secret before is refused.
        (FindingKind::OverlapStillUsed, Some(credential)) => Action {
            method: "GET",
            path: credential,
            body: Value::Null,
        },
        (FindingKind::LeakReported, Some(credential)) => {
            post(format!("{credential}/revoke"), json!({}))
        }
        (FindingKind::Unused | FindingKind::NeverUsed, Some(credential)) => {
            post(format!("{credential}/disable"), json!({}))
        }
        (FindingKind::NoOwner, _) => patch(account, json!({"owner": "who answers for it"})),
        (FindingKind::WriteOnAllResources, _) => Action {
            method: "PUT",
            path: format!("{account}/access?dry_run=true"),
            // The grants with which to begin are known to who found them.
            body: Value::Null,
        },
        (FindingKind::DormantWokeUp | FindingKind::NewNetwork, _) => {
            post(format!("{account}/revoke-tokens"), json!({}))
        }
        (FindingKind::RefusalsAboveHabit, _) => Action {
            method: "GET",
            path: format!("{account}/usage?by=refusal"),
            body: Value::Null,
        },
        _ => post(format!("{account}/disable"), json!({})),
    }
}

/// An API token is never renewed, nor stopped for a while: another is made, and the old one goes when
/// nobody uses it.
fn of_api_token(kind: FindingKind, tokens: &str, token: ApiTokenId, name: &str) -> Action {
    let is_over = [
        FindingKind::LeakReported,
        FindingKind::Unused,
        FindingKind::NeverUsed,
    ];
    if is_over.contains(&kind) {
        return Action {
            method: "DELETE",
            path: format!("{tokens}/{token}"),
            body: Value::Null,
        };
    }
    let successor: String = format!("after {name}")
        .chars()
        .take(Label::MAX_CHARS)
        .collect();
    post(tokens.to_owned(), json!({"name": successor.trim_end()}))
}

/// What mends the finding of a signing key.
pub(super) fn of_key(key: &SigningKeyRecord) -> Action {
    let body = json!({"alg": key.algorithm.as_str()});
    post("/admin/v1/keys/rotate".to_owned(), body)
}

/// Where it is told by which role an account holds what it holds.
pub(super) fn by_which_role(row: &FindingRow) -> Action {
    let account = account_path(row);
    Action {
        method: "GET",
        path: format!("{account}/effective-access"),
        body: Value::Null,
    }
}

fn account_path(row: &FindingRow) -> String {
    format!(
        "/admin/v1/organizations/{}/service-accounts/{}",
        row.organization, row.account
    )
}

/// The same access without *all* where something may be written: which resources are needed there is
/// for a person to say, so the call above only tells what would follow.
pub(super) fn narrowed(access: &Access, book: &Book) -> Value {
    let grants = access.grants().iter().map(|grant| {
        let mut described = book.describe_grant(grant);
        if super::is_wide(grant) {
            for identifiers in described.resources.values_mut() {
                if *identifiers == DescribedIdentifiers::All {
                    *identifiers = DescribedIdentifiers::Listed(Vec::new());
                }
            }
        }
        described
    });
    json!({"access": grants.collect::<Vec<_>>()})
}

fn post(path: String, body: Value) -> Action {
    Action {
        method: "POST",
        path,
        body,
    }
}

fn patch(path: String, body: Value) -> Action {
    Action {
        method: "PATCH",
        path,
        body,
    }
}

//! Which credentials have ended, whatever became of their secrets.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ostler::domain::account::ServiceAccount;
use ostler::domain::credential::Credential;
use ostler::domain::credential::CredentialKind;
use ostler::domain::credential::CredentialStatus;
use ostler::domain::secret::StoredSecret;
use ostler::store::CredentialFilter;
use ostler::store::Order;
use ostler::store::Page;
use ostler::store::Store;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::at;
use crate::store_contract::things::credential;
use crate::store_contract::things::event_of;
use crate::store_contract::things::secret;

/// What is done to a secret.
enum Step<'s> {
    Add(&'s StoredSecret),
    End(&'s StoredSecret, Option<i64>),
    Revoke(&'s StoredSecret),
    Remove(&'s StoredSecret),
}

async fn take(bench: &Bench, credential: &Credential, step: &Step<'_>) {
    let home = credential.organization;
    let mut change = bench.change(home).await;
    match step {
        Step::Add(secret) => ok!(change.add_secret(home, credential.id, secret)),
        Step::End(secret, end) => ok!(change.set_secret_end(home, secret.id, end.map(at))),
        Step::Revoke(secret) => ok!(change.revoke_secret(home, secret.id, at(1_001))),
        Step::Remove(secret) => ok!(change.remove_secret(home, secret.id)),
    }
    ok!(change.commit(&event_of(home)));
}

async fn list(
    store: &dyn Store,
    account: &ServiceAccount,
    kind: CredentialKind,
    status: Option<(CredentialStatus, Timestamp)>,
) -> Vec<Credential> {
    let filter = CredentialFilter {
        status,
        ..CredentialFilter::default()
    };
    let page = Page {
        limit: 10,
        after: None,
    };
    let home = account.organization;
    let found = ok!(store.find_credentials(home, kind, &filter, Order::default(), page));
    found.into_iter().map(|placed| placed.item).collect()
}

/// How many of the account's are active, in every way to ask.
async fn counts(
    store: &dyn Store,
    account: &ServiceAccount,
    kind: CredentialKind,
    now: Timestamp,
) -> Vec<u32> {
    let (home, accounts) = (account.organization, [account.id]);
    let of = |counts: BTreeMap<_, u32>| counts.get(&account.id).copied().unwrap_or(0);
    match kind {
        CredentialKind::ClientSecret => {
            let counted = ok!(store.count_active_credentials_of(home, &accounts, now));
            vec![of(counted)]
        }
        CredentialKind::ApiToken => vec![
            of(ok!(store.count_active_api_tokens_of(home, &accounts, now))),
            ok!(store.count_active_api_tokens(home, Some(account.id), now)),
            ok!(store.count_active_api_tokens(home, None, now)),
        ],
    }
}

/// Lists and counts say of each moment what follows from the secrets themselves.
async fn check(bench: &Bench, account: &ServiceAccount, kind: CredentialKind, step: usize) {
    let store = bench.store();
    let all = list(store, account, kind, None).await;
    assert_eq!(all.len(), 2);
    for second in [
        0, 1_099, 1_100, 1_199, 1_200, 1_499, 1_500, 1_799, 1_800, 9_999,
    ] {
        let now = at(second);
        for status in [CredentialStatus::Active, CredentialStatus::Expired] {
            let found = list(store, account, kind, Some((status, now))).await;
            let found: Vec<_> = found.iter().map(|one| one.id).collect();
            let expected = all.iter().filter(|one| one.status_at(now) == status);
            let expected: Vec<_> = expected.map(|one| one.id).collect();
            assert_eq!(
                found, expected,
                "{kind:?}, step {step}, {status:?} at {second}"
            );
        }
        let active = all.iter().map(|one| one.status_at(now));
        let active = active.filter(|status| *status == CredentialStatus::Active);
        let active = u32::try_from(active.count()).unwrap();
        for count in counts(store, account, kind, now).await {
            assert_eq!(count, active, "{kind:?}, step {step}, at {second}");
        }
    }
}

pub async fn what_has_ended_follows_from_the_secrets_whatever_became_of_them(bench: &mut Bench) {
    let home = bench.organization("home").await.id;
    for (name, kind) in [
        ("first-bot", CredentialKind::ClientSecret),
        ("other-bot", CredentialKind::ApiToken),
    ] {
        let account = bench.account(home, name).await;
        let made = ["changing", "plain"].map(|name| Credential {
            kind,
            ..credential(&account, name)
        });
        let mut change = bench.change(home).await;
        for one in &made {
            ok!(change.add_credential(one));
        }
        ok!(change.commit(&event_of(home)));
        let first = &made[0].secrets[0];
        let (second, third) = (&secret(1_000), &secret(1_300));
        let steps = [
            Step::Add(second),
            Step::End(second, None),
            Step::End(first, Some(1_200)),
            Step::Revoke(second),
            Step::Add(third),
            Step::End(third, Some(1_100)),
            Step::Revoke(first),
            Step::Remove(second),
            // The last that was not taken back, before its end.
            Step::Revoke(third),
            Step::End(third, Some(1_500)),
            Step::Remove(first),
            Step::Remove(third),
        ];
        check(bench, &account, kind, 0).await;
        for (step, taken) in steps.iter().enumerate() {
            take(bench, &made[0], taken).await;
            check(bench, &account, kind, step + 1).await;
        }
    }
}

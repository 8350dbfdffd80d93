//! Usage stamps.

use ostler::domain::id::AccountId;
use ostler::domain::id::CredentialId;
use ostler::domain::id::SecretId;
use ostler::domain::usage::UsageKind;
use ostler::domain::usage::UsageStamp;
use ostler::domain::usage::UsageSubject;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::at;

fn stamp(subject: UsageSubject, kind: UsageKind, first: i64, last: i64) -> UsageStamp {
    UsageStamp {
        subject,
        kind,
        first_at: at(first),
        last_at: at(last),
        address: Some(format!("192.0.2.{}", last % 250).parse().unwrap()),
        user_agent: Some(format!("agent “{last}”").into()),
    }
}

pub async fn stamps_are_merged_in_any_order(bench: &mut Bench) {
    let account = UsageSubject::Account(AccountId::from_bits(1));
    let credential = UsageSubject::Credential(CredentialId::from_bits(1));
    let secret = UsageSubject::Secret(SecretId::from_bits(1));
    let used = UsageKind::Authenticated;
    let mut bare = stamp(secret, UsageKind::Seen, 9, 9);
    bare.address = None;
    bare.user_agent = None;
    let stamps = [
        stamp(account, used, 20, 30),
        stamp(account, UsageKind::Issued, 20, 30),
        stamp(credential, used, 5, 6),
        bare.clone(),
        // The same use again, in the same batch: later, earlier, and both.
        stamp(account, used, 25, 40),
        stamp(account, used, 10, 12),
    ];
    bench.store().record_usage(&stamps).await.unwrap();
    let store = bench.reopen().await;
    let merged = UsageStamp {
        first_at: at(10),
        ..stamp(account, used, 0, 40)
    };
    assert_stored(
        store,
        account,
        vec![merged.clone(), stamp(account, UsageKind::Issued, 20, 30)],
    )
    .await;
    assert_stored(store, credential, vec![stamp(credential, used, 5, 6)]).await;
    assert_stored(store, secret, vec![bare]).await;

    // In batches of their own, twice, the old after the new.
    for again in [
        stamp(credential, used, 7, 8),
        stamp(credential, used, 1, 2),
        stamp(credential, used, 5, 6),
    ] {
        ok!(store.record_usage(std::slice::from_ref(&again)));
        ok!(store.record_usage(&[again]));
    }
    let merged = UsageStamp {
        first_at: at(1),
        ..stamp(credential, used, 0, 8)
    };
    let store = bench.reopen().await;
    assert_stored(store, credential, vec![merged]).await;

    let many: Vec<_> = (10..1_010)
        .map(|number| {
            stamp(
                UsageSubject::Account(AccountId::from_bits(number)),
                used,
                1,
                2,
            )
        })
        .collect();
    ok!(store.record_usage(&many));
    ok!(store.record_usage(&[]));
    let subjects: Vec<_> = many.iter().map(|stamp| stamp.subject).collect();
    assert_eq!(store.list_usage(&subjects).await.unwrap().len(), 1_000);
    empty!(store.list_usage(&[]));
}

async fn assert_stored(
    store: &dyn ostler::store::Store,
    subject: UsageSubject,
    mut expected: Vec<UsageStamp>,
) {
    let mut stored = store.list_usage(&[subject]).await.unwrap();
    stored.sort_by_key(|stamp| stamp.kind);
    expected.sort_by_key(|stamp| stamp.kind);
    assert_eq!(stored, expected);
}

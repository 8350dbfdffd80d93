//! Evidence of use.

use ostler::domain::credential::Credential;
use ostler::domain::id::AccountId;
use ostler::domain::id::CredentialId;
use ostler::domain::id::SecretId;
use ostler::domain::secret::StoredSecret;
use ostler::domain::usage::CredentialUse;
use ostler::domain::usage::UsageKind;
use ostler::domain::usage::UsageStamp;
use ostler::domain::usage::UsageSubject;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::at;
use crate::store_contract::things::credential;
use crate::store_contract::things::event_of;
use crate::store_contract::things::secret;

const ACCOUNT: AccountId = AccountId::from_bits(1);
const CREDENTIALS: [CredentialId; 2] = [CredentialId::from_bits(1), CredentialId::from_bits(2)];
const SECRETS: [SecretId; 2] = [SecretId::from_bits(1), SecretId::from_bits(2)];
const USED: UsageKind = UsageKind::Authenticated;

/// A use of the first credential, by one of the secrets.
fn used(secret: usize, kind: UsageKind, first: i64, last: i64) -> CredentialUse {
    CredentialUse {
        account: ACCOUNT,
        credential: CREDENTIALS[0],
        secret: Some(SECRETS[secret]),
        kind,
        first_at: at(first),
        last_at: at(last),
        address: Some(format!("192.0.2.{}", last % 250).parse().unwrap()),
        user_agent: Some(format!("agent “{last}”").into()),
    }
}

/// What is known of a thing whose last use was that one.
fn stamp(subject: UsageSubject, kind: UsageKind, first: i64, last: i64) -> UsageStamp {
    let like = used(0, kind, first, last);
    UsageStamp {
        subject,
        kind,
        first_at: like.first_at,
        last_at: like.last_at,
        address: like.address,
        user_agent: like.user_agent,
    }
}

pub async fn uses_are_merged_in_any_order(bench: &mut Bench) {
    let uses = [
        used(0, USED, 20, 30),
        used(0, UsageKind::Issued, 21, 31),
        // The same use again, in the same batch: later, earlier, and both.
        used(0, USED, 25, 40),
        used(0, USED, 10, 12),
        // By the other secret, and by none.
        used(1, USED, 5, 50),
        CredentialUse {
            secret: None,
            address: None,
            user_agent: None,
            ..used(0, UsageKind::Seen, 9, 9)
        },
        // Of the account too.
        CredentialUse {
            credential: CREDENTIALS[1],
            ..used(1, USED, 1, 60)
        },
    ];
    bench.store().record_usage(&uses).await.unwrap();
    // Once more, the old after the new.
    bench.store().record_usage(&uses[3..4]).await.unwrap();
    bench.store().record_usage(&uses).await.unwrap();

    let store = bench.reopen().await;
    let seen = |subject| UsageStamp {
        address: None,
        user_agent: None,
        ..stamp(subject, UsageKind::Seen, 9, 9)
    };
    let secret = UsageSubject::Secret(SECRETS[0]);
    let credential = UsageSubject::Credential(CREDENTIALS[0]);
    let account = UsageSubject::Account(ACCOUNT);
    for (subject, expected) in [
        (
            secret,
            vec![
                stamp(secret, USED, 10, 40),
                stamp(secret, UsageKind::Issued, 21, 31),
            ],
        ),
        (
            credential,
            vec![
                stamp(credential, USED, 5, 50),
                stamp(credential, UsageKind::Issued, 21, 31),
                seen(credential),
            ],
        ),
        (
            account,
            vec![
                stamp(account, USED, 1, 60),
                stamp(account, UsageKind::Issued, 21, 31),
                seen(account),
            ],
        ),
    ] {
        assert_eq!(stored(store, &[subject]).await, expected);
    }
    // Asked for together, each is its own.
    let together = stored(store, &[secret, credential, account]).await;
    assert_eq!(together.len(), 8);
}

pub async fn many_uses_at_once_are_all_stored(bench: &mut Bench) {
    // More than one statement, of every length that there is.
    for count in [1, 2, 127, 128, 1_001] {
        let uses: Vec<_> = (1_000..1_000 + count)
            .map(|number| CredentialUse {
                account: AccountId::from_bits(number),
                credential: CredentialId::from_bits(number),
                ..used(0, USED, 1, 2)
            })
            .collect();
        ok!(bench.store().record_usage(&uses));
        let subjects: Vec<_> = uses
            .iter()
            .map(|one| UsageSubject::Account(one.account))
            .collect();
        let stamps = stored(bench.store(), &subjects).await;
        assert_eq!(stamps.len(), subjects.len());
    }
    empty!(bench.store().list_usage(&[]));
}

pub async fn what_is_known_of_a_secret_that_is_gone_is_known_of_its_credential(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let forever = StoredSecret {
        ends_at: None,
        ..secret(1_000)
    };
    // Two that ended at 1,500, and one that lives.
    let rotated = Credential {
        secrets: vec![secret(1_000), secret(1_000), forever],
        ..credential(&account, "rotated")
    };
    let mut change = bench.change(organization).await;
    ok!(change.add_credential(&rotated));
    ok!(change.commit(&event_of(organization)));
    let by = |place: usize, first, last| CredentialUse {
        account: account.id,
        credential: rotated.id,
        secret: Some(rotated.secrets[place].id),
        ..used(0, USED, first, last)
    };
    let store = bench.store();
    ok!(store.record_usage(&[by(0, 20, 30), by(1, 25, 40), by(2, 50, 60)]));

    let mut change = bench.change(organization).await;
    ok!(change.clean_up_secrets(organization, at(1_500)));
    ok!(change.commit(&event_of(organization)));
    let store = bench.store();
    let [old, older, alive] =
        [0, 1, 2].map(|place| UsageSubject::Secret(rotated.secrets[place].id));
    empty!(store.list_usage(&[old, older]));
    assert_eq!(stored(store, &[alive]).await, [stamp(alive, USED, 50, 60)]);
    let credential = UsageSubject::Credential(rotated.id);
    assert_eq!(
        stored(store, &[credential]).await,
        [stamp(credential, USED, 20, 60)]
    );
    // What came from the two that are gone is one use, the latest of theirs.
    let account = UsageSubject::Account(account.id);
    assert_eq!(
        stored(store, &[account]).await,
        [stamp(account, USED, 20, 60)]
    );
    let rows = bench.rows("SELECT last_at || ' ' || address FROM usage_stamp ORDER BY last_at");
    assert_eq!(rows.await, ["40000 192.0.2.40", "60000 192.0.2.60"]);
}

/// Sorted, so that they can be compared.
async fn stored(store: &dyn ostler::store::Store, subjects: &[UsageSubject]) -> Vec<UsageStamp> {
    let mut stamps = store.list_usage(subjects).await.unwrap();
    stamps.sort_by_key(|stamp| (stamp.subject, stamp.kind));
    stamps
}

//! How tokens stand.

use ostler::domain::audit::Chain;
use ostler::domain::organization::Generation;
use ostler::domain::organization::Status;
use ostler::domain::signing_key::Algorithm;
use ostler::domain::signing_key::KeyState;
use ostler::domain::signing_key::SigningKeyRecord;
use ostler::domain::token::TokenId;
use ostler::store::RevokedToken;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::at;
use crate::store_contract::things::event;
use crate::store_contract::things::event_of;
use crate::store_contract::things::instance;

/// The key that signed, of which there is no record.
const KID: &str = "kid";

fn token(number: u8) -> TokenId {
    TokenId::from_bytes([number; 16])
}

pub async fn a_token_stands_as_its_organization_account_and_credential_do(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let credential = bench.credential(&account, "one").await;
    let mut change = bench.change(organization).await;
    ok!(change.raise_account_generation(organization, account.id));
    ok!(change.raise_credential_generation(organization, credential.id));
    ok!(change.raise_credential_generation(organization, credential.id));
    ok!(change.set_credential_status(organization, credential.id, Status::Revoked, at(1)));
    ok!(change.commit(&event_of(organization)));
    bench
        .sql("UPDATE organization SET status = 'disabled', generation = 4")
        .await
        .unwrap();

    let store = bench.reopen().await;
    let found = store
        .find_token_standing(credential.client_id, token(1), KID)
        .await;
    let found = found.unwrap().unwrap();
    assert_eq!(found.organization, organization);
    assert_eq!(found.account, account.id);
    assert_eq!(found.credential.id(), credential.id);
    assert!(!found.token_is_revoked);
    assert_eq!(found.standing.epoch, instance().epoch);
    assert_eq!(
        found.standing.organization,
        (Status::Disabled, Generation(4))
    );
    assert_eq!(found.standing.account, (Status::Active, Generation(2)));
    assert_eq!(found.standing.account_ends_at, account.expires_at);
    assert_eq!(found.standing.credential, (Status::Revoked, Generation(3)));

    let client = store
        .find_client(credential.client_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.standing, found.standing);
}

pub async fn a_token_is_revoked_once_and_stays_revoked(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let client = bench.credential(&account, "one").await.client_id;
    let revoked = RevokedToken {
        id: token(1),
        organization,
        expires_at: at(5_000),
    };
    for is_new in [true, false] {
        let mut change = bench.change(organization).await;
        assert_eq!(
            change.add_revoked_token(&revoked, at(4_000)).await.unwrap(),
            is_new
        );
        if is_new {
            ok!(change.commit(&event_of(organization)));
        }
    }
    let store = bench.reopen().await;
    let standing = async |id| {
        store
            .find_token_standing(client, id, KID)
            .await
            .unwrap()
            .unwrap()
    };
    assert!(standing(token(1)).await.token_is_revoked);
    assert!(!standing(token(2)).await.token_is_revoked);
    assert_eq!(
        store.list_revoked_tokens(at(4_999)).await.unwrap(),
        [revoked]
    );
    empty!(store.list_revoked_tokens(at(5_000)));
}

pub async fn a_token_stands_as_the_key_that_signed_it(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let client = bench.credential(&account, "one").await.client_id;
    let verifies = async |bench: &Bench| {
        let standing = bench.store().find_token_standing(client, token(1), KID);
        standing.await.unwrap().unwrap().key_verifies
    };
    assert!(!verifies(bench).await, "nobody knows the key");
    let mut key = SigningKeyRecord::pending(KID.to_owned(), Algorithm::Es256, at(10));
    let mut change = bench.store().begin(None).await.unwrap();
    ok!(change.add_signing_key(&key));
    ok!(change.commit(&event(Chain::Instance)));
    for (state, expected) in [
        (KeyState::Pending, false),
        (KeyState::Active, true),
        (KeyState::Retiring, true),
        (KeyState::Retired, false),
        (KeyState::Revoked, false),
    ] {
        key.state = state;
        let mut change = bench.store().begin(None).await.unwrap();
        ok!(change.update_signing_key(&key));
        ok!(change.commit(&event(Chain::Instance)));
        assert_eq!(verifies(bench).await, expected, "{}", state.as_str());
    }
}

pub async fn a_change_sees_how_a_token_stands_in_it(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let client = bench.credential(&account, "one").await.client_id;
    let outside = bench.store().find_token_standing(client, token(1), KID);
    let outside = outside.await.unwrap();
    let mut change = bench.change(organization).await;
    let before = change.find_token_standing(client, token(1), KID).await;
    assert_eq!(before.unwrap(), outside);
    ok!(change.set_account_status(organization, account.id, Status::Disabled, at(1)));
    let revoked = RevokedToken {
        id: token(1),
        organization,
        expires_at: at(5_000),
    };
    ok!(change.add_revoked_token(&revoked, at(1)));
    let after = change.find_token_standing(client, token(1), KID).await;
    let after = after.unwrap().unwrap();
    assert_eq!(after.standing.account.0, Status::Disabled);
    assert!(after.token_is_revoked);
}

pub async fn revoked_tokens_are_forgotten_after_their_end(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    // More than are read or deleted at once.
    let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
                   UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7
                   UNION ALL SELECT 8 UNION ALL SELECT 9)";
    let insert = format!(
        "INSERT INTO revoked_token (jti, organization_id, expires_at, revoked_at)
         SELECT 'AAAAAAAAAAAAAAAA' || 'A' || a.d || b.d || c.d || e.d || 'A', '{organization}',
                CASE WHEN a.d < 6 THEN 5000000 ELSE 6000000 END, 0
         FROM {digits} a, {digits} b, {digits} c, {digits} e"
    );
    assert_eq!(bench.sql(&insert).await.unwrap(), 10_000);

    let store = bench.reopen().await;
    let listed = store.list_revoked_tokens(at(4_000)).await.unwrap();
    assert_eq!(listed.len(), 10_000);
    assert!(listed.is_sorted_by_key(|token| token.id.to_string()));
    assert_eq!(
        store.list_revoked_tokens(at(5_000)).await.unwrap().len(),
        4_000
    );

    assert_eq!(store.remove_revoked_tokens(at(5_000)).await.unwrap(), 0);
    assert_eq!(store.remove_revoked_tokens(at(5_001)).await.unwrap(), 6_000);
    let store = bench.reopen().await;
    assert_eq!(store.list_revoked_tokens(at(0)).await.unwrap().len(), 4_000);
}

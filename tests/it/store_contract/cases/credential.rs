//! Credentials and secrets.

use ostler::domain::credential::Credential;
use ostler::domain::credential::CredentialKind;
use ostler::domain::credential::CredentialRef;
use ostler::domain::organization::Generation;
use ostler::domain::organization::Status;
use ostler::domain::resource::Identifiers;
use ostler::domain::secret::StoredSecret;
use ostler::domain::usage::CredentialUse;
use ostler::domain::usage::UsageKind;
use ostler::domain::usage::UsageSubject;
use ostler::domain::version::Version;
use ostler::store::Holder;
use ostler::store::Lookup;
use ostler::store::Page;
use ostler::store::WriteError;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::access;
use crate::store_contract::things::at;
use crate::store_contract::things::credential;
use crate::store_contract::things::event_of;
use crate::store_contract::things::grant;
use crate::store_contract::things::secret;

/// Compares all but the HMACs by their text, and the HMACs as they are meant to be.
fn assert_same(one: &Credential, other: &Credential) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
    for (one, other) in one.secrets.iter().zip(&other.secrets) {
        assert!(one.hash.matches(&other.hash));
    }
}

pub async fn a_credential_keeps_its_secrets_in_order_and_its_narrowing(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let api = bench.api(organization, "app").await.api.id;
    let mut full = credential(&account, "CI, “main”");
    full.narrowing = Some(access([grant(api, "read", Identifiers::All)]));
    full.status = Status::Disabled;
    // Three of one instant, in an order that their ids do not have.
    full.secrets = vec![secret(1_000), secret(1_000), secret(1_000)];
    full.secrets
        .sort_by_key(|secret| std::cmp::Reverse(secret.id));
    let mut bare = credential(&account, "bare");
    bare.allowed_networks.clear();
    bare.secrets = vec![StoredSecret {
        ends_at: None,
        revoked_at: Some(at(3)),
        ..secret(1)
    }];
    let mut change = bench.change(organization).await;
    for credential in [&full, &bare] {
        ok!(change.add_credential(credential));
    }
    let seen = change
        .list_credentials(organization, account.id)
        .await
        .unwrap();
    assert_eq!(seen.len(), 2);
    let newest = secret(1_000);
    ok!(change.add_secret(organization, full.id, &newest));
    full.secrets.push(newest);
    full.version = Version(2);
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    for credential in [&full, &bare] {
        for lookup in [
            Lookup::Id(credential.id),
            Lookup::Name(credential.name.to_string()),
        ] {
            let found = store
                .find_credential(organization, account.id, &lookup)
                .await;
            assert_same(&found.unwrap().unwrap(), credential);
        }
    }

    let mut change = bench.change(organization).await;
    let taken = change.add_credential(&credential(&account, "bare")).await;
    assert!(matches!(taken, Err(WriteError::Taken)));
}

pub async fn credentials_of_every_kind_are_counted_and_the_first_are_named(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let other = bench.account(organization, "other-bot").await;
    bench.credential(&other, "one").await;
    let mut token = credential(&account, "tool");
    token.kind = CredentialKind::ApiToken;
    let mut revoked = credential(&account, "old");
    revoked.status = Status::Revoked;
    let all = [credential(&account, "one"), token, revoked];
    let mut change = bench.change(organization).await;
    assert_eq!(
        ok!(change.list_credential_refs(organization, account.id, 2)),
        (vec![], 0)
    );
    for credential in &all {
        ok!(change.add_credential(credential));
    }
    let mut refs = all.map(|credential| CredentialRef::of(credential.id, credential.kind));
    refs.sort_by_key(|credential| credential.id());
    for limit in [2, 3, 200] {
        let (named, count) = ok!(change.list_credential_refs(organization, account.id, limit));
        assert_eq!(named, refs[..refs.len().min(usize::from(limit))]);
        assert_eq!(count, 3);
    }
}

pub async fn secrets_end_and_are_revoked(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let mut known = bench.credential(&account, "one").await;
    let newest = secret(1_100);
    let mut change = bench.change(organization).await;
    ok!(change.add_secret(organization, known.id, &newest));
    let first = known.secrets[0].id;
    ok!(change.set_secret_end(organization, first, Some(at(1_200))));
    ok!(change.set_secret_end(organization, newest.id, None));
    ok!(change.revoke_secret(organization, first, at(1_150)));
    ok!(change.set_credential_status(organization, known.id, Status::Revoked, at(1_160)));
    let raised = change
        .raise_credential_generation(organization, known.id)
        .await;
    assert_eq!(raised.unwrap(), Generation(2));
    ok!(change.commit(&event_of(organization)));

    known.secrets.push(StoredSecret {
        ends_at: None,
        ..newest
    });
    known.secrets[0].ends_at = Some(at(1_200));
    known.secrets[0].revoked_at = Some(at(1_150));
    known.status = Status::Revoked;
    known.generation = Generation(2);
    known.version = Version(7);
    let store = bench.reopen().await;
    let found = store
        .find_credential(organization, account.id, &Lookup::Id(known.id))
        .await;
    assert_same(&found.unwrap().unwrap(), &known);

    // A secret that was revoked is not one that issuance knows.
    let client = store.find_client(known.client_id).await.unwrap().unwrap();
    assert_eq!(client.secrets.len(), 1);
    assert_eq!(client.secrets[0].id, known.secrets[1].id);
}

pub async fn all_credentials_of_an_account_are_revoked_at_once(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "first-bot").await;
    let other = bench.account(organization, "second-bot").await;
    let own = bench.credential(&account, "a").await;
    let revoked = bench.credential(&account, "b").await;
    let foreign = bench.credential(&other, "a").await;
    let mut token = credential(&account, "tool");
    token.kind = CredentialKind::ApiToken;
    let mut change = bench.change(organization).await;
    ok!(change.add_credential(&token));
    ok!(change.set_credential_status(organization, revoked.id, Status::Revoked, at(1_100)));
    let count = change.revoke_all_credentials(organization, account.id, at(1_200));
    assert_eq!(count.await.unwrap(), 2);
    ok!(change.commit(&event_of(organization)));

    bench.reopen().await;
    let standing = bench
        .rows("SELECT id, status, coalesce(revoked_at, 0) FROM credential")
        .await;
    for (credential, standing_of) in [
        (own.id, "revoked 1200000"),
        (token.id, "revoked 1200000"),
        (revoked.id, "revoked 1100000"),
        (foreign.id, "active 0"),
    ] {
        let row = format!("{credential} {standing_of}");
        assert!(standing.contains(&row), "{row}: {standing:?}");
    }
}

pub async fn credentials_are_paged_by_id_and_filtered_by_account(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let one = bench.account(organization, "first-bot").await;
    let two = bench.account(organization, "second-bot").await;
    let mut all = Vec::new();
    for (account, name) in [(&one, "a"), (&two, "a"), (&one, "b")] {
        all.push(bench.credential(account, name).await);
    }
    all.sort_by_key(|credential| credential.id);
    let store = bench.store();
    let list = async |accounts, limit, after| -> Vec<Credential> {
        let page = Page { limit, after };
        store
            .list_credentials(organization, accounts, page)
            .await
            .unwrap()
    };
    let listed = list(None, 201, None).await;
    assert_eq!(listed.len(), 3);
    for (listed, made) in listed.iter().zip(&all) {
        assert_same(listed, made);
    }
    let listed = list(None, 1, Some(all[0].id)).await;
    assert_eq!(listed.len(), 1);
    assert_same(&listed[0], &all[1]);

    let accounts = [one.id];
    let of_one: Vec<_> = all
        .iter()
        .filter(|credential| credential.account == one.id)
        .collect();
    let listed = list(Some(&accounts), 201, None).await;
    assert_eq!(listed.len(), 2);
    assert_same(&listed[1], of_one[1]);
    assert!(
        list(Some(&accounts), 201, Some(of_one[1].id))
            .await
            .is_empty()
    );
    assert!(list(Some(&[]), 201, None).await.is_empty());
}

pub async fn a_removed_credential_takes_its_secrets_and_narrowing_with_it(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let (doomed, other) = (
        bench.credential(&account, "one").await,
        bench.credential(&account, "two").await,
    );
    let api = bench.api(organization, "app").await.api.id;
    let mut change = bench.change(organization).await;
    let narrowing = access([grant(api, "read", Identifiers::All)]);
    let holder = Holder::Credential(doomed.id);
    ok!(change.replace_access(organization, holder, Some(&narrowing)));
    ok!(change.commit(&event_of(organization)));
    let mut change = bench.change(organization).await;
    ok!(change.remove_credential(organization, doomed.id));
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    none!(store.find_client(doomed.client_id));
    assert!(store.find_client(other.client_id).await.unwrap().is_some());
    assert_eq!(
        bench.rows("SELECT credential_id FROM secret").await,
        [other.id.to_string()]
    );
    for table in [
        "access_grant",
        "access_scope",
        "access_type",
        "access_resource",
    ] {
        let left = bench.rows(&format!("SELECT holder_id FROM {table}")).await;
        assert!(left.is_empty(), "{table}");
    }
}

pub async fn a_secret_is_forgotten_and_its_use_is_known_of_its_credential(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let other = bench.organization("beta").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let mut full = credential(&account, "ci");
    full.secrets = vec![secret(1), secret(2)];
    let (older, newer) = (full.secrets[0].id, full.secrets[1].id);
    let mut change = bench.change(organization).await;
    ok!(change.add_credential(&full));
    ok!(change.commit(&event_of(organization)));
    let used = |secret, second| CredentialUse {
        account: account.id,
        credential: full.id,
        secret: Some(secret),
        kind: UsageKind::Authenticated,
        first_at: at(second),
        last_at: at(second),
        address: None,
        user_agent: None,
    };
    let noted = [used(older, 1), used(newer, 2)];
    bench.store().record_usage(&noted).await.unwrap();

    let mut change = bench.change(other).await;
    assert!(change.remove_secret(other, older).await.is_err());
    drop(change);
    let mut change = bench.change(organization).await;
    ok!(change.remove_secret(organization, older));
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    let lookup = Lookup::Id(full.id);
    let found = store
        .find_credential(organization, account.id, &lookup)
        .await;
    let found = found.unwrap().unwrap();
    assert_eq!(found.version, Version(2));
    assert_eq!(
        found
            .secrets
            .iter()
            .map(|secret| secret.id)
            .collect::<Vec<_>>(),
        [newer]
    );
    let used = async |subject| store.list_usage(&[subject]).await.unwrap();
    assert_eq!(used(UsageSubject::Secret(older)).await, []);
    assert_eq!(used(UsageSubject::Secret(newer)).await.len(), 1);
    // The credential was used all the same.
    let credential = used(UsageSubject::Credential(full.id)).await;
    assert_eq!(
        (credential[0].first_at, credential[0].last_at),
        (at(1), at(2))
    );
}

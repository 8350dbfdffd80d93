//! API tokens: credentials of their own kind.

use std::collections::BTreeMap;

use ostler::domain::account::ServiceAccount;
use ostler::domain::api_token::ApiToken;
use ostler::domain::credential::Credential;
use ostler::domain::credential::CredentialKind;
use ostler::domain::credential::CredentialRef;
use ostler::domain::id::OrganizationId;
use ostler::domain::organization::Status;
use ostler::domain::resource::Identifiers;
use ostler::domain::version::Version;
use ostler::store::CredentialFilter;
use ostler::store::Lookup;
use ostler::store::Order;
use ostler::store::Page;
use ostler::store::Position;
use ostler::store::WriteError;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::access;
use crate::store_contract::things::at;
use crate::store_contract::things::credential;
use crate::store_contract::things::event_of;
use crate::store_contract::things::first_page;
use crate::store_contract::things::grant;
use crate::store_contract::things::secret;

/// An API token that ends at second 1,500.
fn api_token(account: &ServiceAccount, name: &str) -> Credential {
    Credential {
        kind: CredentialKind::ApiToken,
        allowed_networks: Vec::new(),
        ..credential(account, name)
    }
}

async fn add(bench: &Bench, credential: &Credential) {
    let mut change = bench.change(credential.organization).await;
    ok!(change.add_credential(credential));
    ok!(change.commit(&event_of(credential.organization)));
}

async fn revoke(bench: &Bench, token: &Credential) {
    let organization = token.organization;
    let mut change = bench.change(organization).await;
    ok!(change.set_credential_status(organization, token.id, Status::Revoked, at(1_200)));
    ok!(change.commit(&event_of(organization)));
}

fn assert_same(found: &ApiToken, made: &Credential) {
    assert_eq!(format!("{:?}", found.credential()), format!("{made:?}"));
    assert!(found.secret().hash.matches(&made.secrets[0].hash));
    assert_eq!(found.id().credential(), made.id);
}

pub async fn an_api_token_is_found_and_is_no_credential_in_the_lists_of_those(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let other = bench.account(organization, "other-bot").await;
    let api = bench.api(organization, "app").await.api.id;
    let mut token = api_token(&account, "one");
    token.narrowing = Some(access([grant(api, "read", Identifiers::All)]));
    add(bench, &token).await;
    let plain = bench.credential(&account, "one").await;

    let id = ApiToken::of(token.clone()).unwrap().id();
    let mut change = bench.change(organization).await;
    let lookup = Lookup::Id(id);
    let found = change.find_api_token(organization, account.id, &lookup);
    assert_same(&found.await.unwrap().unwrap(), &token);
    drop(change);
    let store = bench.reopen().await;
    for lookup in [Lookup::Id(id), Lookup::Name("one".to_owned())] {
        let found = store.find_api_token(organization, account.id, &lookup);
        assert_same(&found.await.unwrap().unwrap(), &token);
        none!(store.find_api_token(organization, other.id, &lookup));
    }
    let lookup = Lookup::Id(token.id);
    none!(store.find_credential(organization, account.id, &lookup));
    let listed = store.list_credentials(organization, None, first_page());
    let listed = listed.await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, plain.id);
    let client = store.find_client(token.client_id).await.unwrap().unwrap();
    assert_eq!(client.kind, CredentialKind::ApiToken);
}

pub async fn the_name_of_a_revoked_api_token_is_free_again(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let (first, second) = (api_token(&account, "one"), api_token(&account, "one"));
    add(bench, &first).await;
    let mut change = bench.change(organization).await;
    let taken = change.add_credential(&second).await;
    assert!(matches!(taken, Err(WriteError::Taken)));
    drop(change);
    revoke(bench, &first).await;
    let name = Lookup::Name("one".to_owned());
    let store = bench.store();
    let found = store.find_api_token(organization, account.id, &name);
    let found = found.await.unwrap().unwrap();
    assert_eq!(found.credential().id, first.id);

    add(bench, &second).await;
    // Whichever was made first, the one that lives is meant.
    let store = bench.reopen().await;
    let found = store.find_api_token(organization, account.id, &name);
    let found = found.await.unwrap().unwrap();
    assert_eq!(found.credential().id, second.id);
    let everything = CredentialFilter::default();
    let page = Page {
        limit: 201,
        after: None,
    };
    let kind = CredentialKind::ApiToken;
    let listed = store.find_credentials(organization, kind, &everything, Order::default(), page);
    assert_eq!(listed.await.unwrap().len(), 2);
}

pub async fn api_tokens_are_paged_by_id_and_counted_while_they_are_active(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let foreign = bench.organization("beta").await.id;
    let one = bench.account(organization, "first-bot").await;
    let two = bench.account(organization, "second-bot").await;
    let stranger = bench.account(foreign, "first-bot").await;
    let mut all = Vec::new();
    for (account, name) in [(&one, "a"), (&two, "a"), (&one, "b"), (&one, "c")] {
        let token = api_token(account, name);
        add(bench, &token).await;
        all.push(token);
    }
    add(bench, &api_token(&stranger, "a")).await;
    bench.credential(&one, "a").await;
    revoke(bench, &all[3]).await;
    all[3].status = Status::Revoked;
    all[3].version = Version(2);
    let of_one = [0, 2, 3].map(|place: usize| all[place].id);
    all.sort_by_key(|token| token.id);

    let store = bench.reopen().await;
    let list = async |account, limit, after: Option<&Credential>| -> Vec<ApiToken> {
        let after = after.map(|token| Position {
            value: String::new(),
            id: token.id.to_string(),
        });
        let filter = CredentialFilter {
            account,
            ..CredentialFilter::default()
        };
        let (kind, page) = (CredentialKind::ApiToken, Page { limit, after });
        let order = Order::default();
        let listed = store.find_credentials(organization, kind, &filter, order, page);
        let listed = listed.await.unwrap().into_iter();
        listed
            .map(|placed| ApiToken::of(placed.item).unwrap())
            .collect()
    };
    let listed = list(None, 201, None).await;
    assert_eq!(listed.len(), 4);
    let listed = list(None, 1, Some(&all[0])).await;
    assert_same(&listed[0], &all[1]);
    let listed = list(Some(one.id), 201, None).await;
    assert_eq!(listed.len(), 3);
    assert!(
        listed
            .iter()
            .all(|token| of_one.contains(&token.credential().id))
    );

    let count = async |organization: OrganizationId, account, second| {
        let counted = store.count_active_api_tokens(organization, account, at(second));
        counted.await.unwrap()
    };
    assert_eq!(count(organization, None, 1_499).await, 3);
    assert_eq!(count(organization, Some(one.id), 1_499).await, 2);
    assert_eq!(count(organization, Some(stranger.id), 1_499).await, 0);
    assert_eq!(count(organization, None, 1_500).await, 0);
    let by_account = async |accounts: &[_], second| {
        let counted = store.count_active_api_tokens_of(organization, accounts, at(second));
        counted.await.unwrap()
    };
    let accounts = [one.id, two.id, stranger.id];
    let counted = by_account(&accounts, 1_499).await;
    assert_eq!(counted, BTreeMap::from([(one.id, 2), (two.id, 1)]));
    assert!(by_account(&accounts, 1_500).await.is_empty());
    assert!(by_account(&[], 1_499).await.is_empty());
}

pub async fn a_client_is_found_by_any_of_its_secrets(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let known = bench.credential(&account, "one").await;
    let token = api_token(&account, "one");
    add(bench, &token).await;
    let newest = secret(1_100);
    let mut change = bench.change(organization).await;
    ok!(change.add_secret(organization, known.id, &newest));
    ok!(change.revoke_secret(organization, known.secrets[0].id, at(1_200)));
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    for (hash, client_id) in [
        (known.secrets[0].hash, known.client_id),
        (newest.hash, known.client_id),
        (token.secrets[0].hash, token.client_id),
    ] {
        let found = store.find_client_of_secret(&hash).await.unwrap().unwrap();
        let by_id = store.find_client(client_id).await.unwrap().unwrap();
        assert_eq!(format!("{found:?}"), format!("{by_id:?}"));
        let owner = store.find_secret_owner(&hash).await.unwrap().unwrap();
        let credential = CredentialRef::of(found.credential, found.kind);
        assert_eq!((owner.account, owner.credential), (account.id, credential));
        assert_eq!(owner.organization, organization);
    }
    none!(store.find_client_of_secret(&secret(1).hash));
    none!(store.find_secret_owner(&secret(1).hash));
}

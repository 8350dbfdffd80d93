//! Service accounts.

use ostler::domain::account::ServiceAccount;
use ostler::domain::organization::Generation;
use ostler::domain::organization::Status;
use ostler::domain::role::BuiltInRole;
use ostler::store::Holder;
use ostler::store::Lookup;
use ostler::store::Page;
use ostler::store::ResourceFilter;
use ostler::store::WriteError;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::access;
use crate::store_contract::things::account;
use crate::store_contract::things::at;
use crate::store_contract::things::event_of;
use crate::store_contract::things::first_page;

pub async fn an_account_keeps_every_member(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let mut full = account(organization, "Deploy-Bot");
    full.status = Status::Disabled;
    full.generation = Generation(7);
    let mut bare = account(organization, "bare-bot");
    bare.description = None;
    bare.owner = Some("ops@example.org".to_owned());
    bare.labels.clear();
    bare.expires_at = None;
    bare.max_token_lifetime = None;
    let mut change = bench.change(organization).await;
    for account in [&full, &bare] {
        ok!(change.add_account(account));
    }
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    for account in [&full, &bare] {
        for lookup in [
            Lookup::Id(account.id),
            Lookup::Name(account.name.to_string().to_ascii_uppercase()),
        ] {
            let found = store.find_account(organization, &lookup).await.unwrap();
            assert_same(&found.unwrap(), account);
        }
    }
    assert_eq!(store.count_accounts(organization).await.unwrap(), 2);

    let mut all = [full, bare];
    all.sort_by_key(|account| account.id);
    let page = |limit, after| Page { limit, after };
    let list = store.list_accounts(organization, page(201, None)).await;
    let list = list.unwrap();
    assert_eq!(list.len(), 2);
    assert_same(&list[0], &all[0]);
    assert_same(&list[1], &all[1]);
    let rest = page(201, Some(all[0].id));
    let list = store.list_accounts(organization, rest).await.unwrap();
    assert_eq!(list.len(), 1);
    assert_same(&list[0], &all[1]);
}

fn assert_same(one: &ServiceAccount, other: &ServiceAccount) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}

pub async fn a_name_is_unique_without_regard_to_case_among_the_living(bench: &mut Bench) {
    let alpha = bench.organization("alpha").await.id;
    let beta = bench.organization("beta").await.id;
    let first = bench.account(alpha, "deploy-bot").await;
    bench.account(beta, "deploy-bot").await;

    let mut change = bench.change(alpha).await;
    let taken = change.add_account(&account(alpha, "DEPLOY-bot")).await;
    assert!(matches!(taken, Err(WriteError::Taken)));
    drop(change);

    let mut change = bench.change(alpha).await;
    ok!(change.remove_account(alpha, first.id, at(2_000)));
    ok!(change.add_account(&account(alpha, "DEPLOY-bot")));
    ok!(change.commit(&event_of(alpha)));
    assert_eq!(bench.reopen().await.count_accounts(alpha).await.unwrap(), 1);
}

pub async fn a_deleted_account_is_gone_with_all_that_it_had(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let doomed = bench.account(organization, "deploy-bot").await;
    let credential = bench.credential(&doomed, "one").await;
    let mut change = bench.change(organization).await;
    let holder = Holder::Account(doomed.id);
    let own = access([BuiltInRole::Owner.grant(organization)]);
    ok!(change.replace_access(organization, holder, Some(&own)));
    ok!(change.replace_roles(organization, doomed.id, &[BuiltInRole::Owner.id()]));
    ok!(change.commit(&event_of(organization)));

    let mut change = bench.change(organization).await;
    ok!(change.remove_account(organization, doomed.id, at(2_000)));
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    for lookup in [Lookup::Id(doomed.id), Lookup::Name("deploy-bot".to_owned())] {
        none!(store.find_account(organization, &lookup));
    }
    assert_eq!(store.count_accounts(organization).await.unwrap(), 0);
    empty!(store.list_accounts(organization, first_page()));
    empty!(store.list_roles_of(organization, &[doomed.id]));
    none!(store.find_access(organization, holder));
    empty!(store.list_credentials(organization, None, first_page()));
    let gone = store
        .find_token_standing(credential.client_id, token(), "kid")
        .await;
    assert!(gone.unwrap().is_none());
}

pub async fn a_tombstone_keeps_its_id_and_its_email(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let doomed = bench.account(organization, "deploy-bot").await;
    let mut change = bench.change(organization).await;
    ok!(change.remove_account(organization, doomed.id, at(2_000)));
    ok!(change.commit(&event_of(organization)));

    for (again, what) in [
        (
            ServiceAccount {
                id: doomed.id,
                ..account(organization, "second-bot")
            },
            "id",
        ),
        (
            ServiceAccount {
                email: doomed.email.clone(),
                ..account(organization, "second-bot")
            },
            "e-mail",
        ),
    ] {
        let mut change = bench.change(organization).await;
        let taken = change.add_account(&again).await;
        assert!(matches!(taken, Err(WriteError::Taken)), "{what}");
    }
    let mut change = bench.change(organization).await;
    assert!(
        change
            .remove_account(organization, doomed.id, at(3_000))
            .await
            .is_err()
    );
    drop(change);
    let removed = "SELECT id FROM service_account WHERE deleted_at = 2000000 AND generation = 2";
    assert_eq!(
        bench.rows(removed).await.len(),
        1,
        "one tombstone, one generation on"
    );
}

pub async fn generations_only_rise_and_are_returned(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let other = bench.account(organization, "other-bot").await;
    let mut change = bench.change(organization).await;
    for generation in [2, 3] {
        let raised = change
            .raise_account_generation(organization, account.id)
            .await;
        assert_eq!(raised.unwrap(), Generation(generation));
    }
    let disabled = (Status::Disabled, at(5_000));
    ok!(change.set_account_status(organization, account.id, disabled.0, disabled.1));
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    let found = store
        .find_account(organization, &Lookup::Id(account.id))
        .await;
    let found = found.unwrap().unwrap();
    assert_eq!(
        (found.generation, found.status),
        (Generation(3), Status::Disabled)
    );
    assert_eq!(
        (found.created_at, found.updated_at),
        (account.created_at, at(5_000))
    );
    let found = store
        .find_account(organization, &Lookup::Id(other.id))
        .await;
    let found = found.unwrap().unwrap();
    assert_eq!(
        (found.generation, found.status),
        (Generation(1), Status::Active)
    );
}

pub async fn nothing_of_another_organization_is_found(bench: &mut Bench) {
    let (alpha, beta) = (
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    );
    let account = bench.account(beta, "deploy-bot").await;
    let credential = bench.credential(&account, "one").await;
    let api = bench.api(beta, "app").await;

    let store = bench.store();
    none!(store.find_account(alpha, &Lookup::Id(account.id)));
    assert_eq!(store.count_accounts(alpha).await.unwrap(), 0);
    empty!(store.list_roles_of(alpha, &[account.id]));
    for holder in [
        Holder::Account(account.id),
        Holder::Credential(credential.id),
    ] {
        none!(store.find_access(alpha, holder));
    }
    let found = store
        .find_credential(alpha, account.id, &Lookup::Id(credential.id))
        .await;
    assert!(found.unwrap().is_none());
    let listed = store
        .list_credentials(alpha, Some(&[account.id]), first_page())
        .await;
    assert!(listed.unwrap().is_empty());
    none!(store.find_api(alpha, &Lookup::Id(api.api.id)));
    empty!(store.list_resources(alpha, api.api.id, &ResourceFilter::default(), first_page()));
}

pub async fn nothing_of_another_organization_is_changed(bench: &mut Bench) {
    let (alpha, beta) = (
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    );
    let account = bench.account(beta, "deploy-bot").await;
    let credential = bench.credential(&account, "one").await;
    let secret = credential.secrets[0].id;
    let api = bench.api(beta, "app").await;
    let scope = api.described_scopes[0].clone();

    let all = "SELECT id, row_version FROM service_account UNION ALL
               SELECT id, row_version FROM credential UNION ALL
               SELECT id, row_version FROM api UNION ALL
               SELECT id, ends_at FROM secret ORDER BY 1";
    let before = bench.rows(all).await;
    assert_eq!(before.len(), 1 + 1 + 2 + 1, "`ostler` is an API");
    macro_rules! fails {
        ($($method:ident ( $($argument:expr),* );)*) => {$({
            let mut change = bench.change(alpha).await;
            let failed = change.$method(alpha, $($argument),*).await.is_err();
            assert!(failed, stringify!($method));
        })*};
    }
    fails! {
        set_account_status(account.id, Status::Disabled, at(1));
        raise_account_generation(account.id);
        remove_account(account.id, at(1));
        replace_roles(account.id, &[BuiltInRole::Owner.id()]);
        replace_access(Holder::Account(account.id), None);
        replace_access(Holder::Credential(credential.id), None);
        set_credential_status(credential.id, Status::Revoked, at(1));
        raise_credential_generation(credential.id);
        remove_credential(credential.id);
        add_secret(credential.id, &crate::store_contract::things::secret(1));
        set_secret_end(secret, None);
        revoke_secret(secret, at(1));
        add_scope(api.api.id, &scope);
        remove_scope(api.api.id, &scope.scope);
        add_resource(&crate::store_contract::things::resource(api.api.id, "X"));
    }
    assert_eq!(bench.rows(all).await, before);
    assert!(
        bench
            .store()
            .find_client(credential.client_id)
            .await
            .unwrap()
            .is_some()
    );
}

fn token() -> ostler::domain::token::TokenId {
    ostler::domain::token::TokenId::from_bytes([1; 16])
}

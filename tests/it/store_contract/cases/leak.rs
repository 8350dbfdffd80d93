//! Reports of leaked secrets.

use ostler::domain::credential::CredentialRef;
use ostler::domain::leak::Leak;
use ostler::domain::organization::Status;
use ostler::store::Page;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::at;
use crate::store_contract::things::event_of;
use crate::store_contract::things::first_page;

pub async fn a_report_is_kept_once_and_listed_while_its_secret_lives(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let foreign = bench.organization("beta").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let (one, two) = (
        bench.credential(&account, "one").await,
        bench.credential(&account, "two").await,
    );
    let address = Some("2001:db8::1".parse().unwrap());
    let mut change = bench.change(foreign).await;
    let foreign_report = change.add_leak(foreign, one.secrets[0].id, at(1_100), address);
    assert!(!foreign_report.await.unwrap());
    drop(change);
    let mut change = bench.change(organization).await;
    for (credential, address, is_new) in [
        (&one, address, true),
        (&two, None, true),
        (&one, None, false),
    ] {
        let secret = credential.secrets[0].id;
        let added = change.add_leak(organization, secret, at(1_100), address);
        assert_eq!(added.await.unwrap(), is_new);
    }
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    let mut known = [(&one, address), (&two, None)].map(|(credential, address)| Leak {
        secret: credential.secrets[0].id,
        credential: CredentialRef::ClientSecret(credential.id),
        account: account.id,
        reported_at: at(1_100),
        address,
    });
    known.sort_by_key(|leak| leak.secret);
    let listed = store.list_leaks(organization, None, at(1_499), first_page());
    assert_eq!(listed.await.unwrap(), known);
    let page = Page {
        limit: 1,
        after: Some(known[0].secret),
    };
    let listed = store.list_leaks(organization, None, at(1_499), page).await;
    assert_eq!(listed.unwrap(), known[1..]);
    empty!(store.list_leaks(organization, None, at(1_500), first_page()));
    empty!(store.list_leaks(foreign, None, at(1_499), first_page()));

    let mut change = bench.change(organization).await;
    ok!(change.revoke_secret(organization, one.secrets[0].id, at(1_200)));
    ok!(change.set_credential_status(organization, two.id, Status::Revoked, at(1_200)));
    ok!(change.commit(&event_of(organization)));
    empty!(
        bench
            .store()
            .list_leaks(organization, None, at(1_201), first_page())
    );
}

pub async fn a_report_that_was_dismissed_is_gone_and_may_come_again(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let foreign = bench.organization("beta").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let secret = bench.credential(&account, "one").await.secrets[0].id;
    let mut change = bench.change(organization).await;
    none!(change.find_leak(organization, secret, at(1_100)));
    assert!(ok!(change.add_leak(organization, secret, at(1_100), None)));
    let found = ok!(change.find_leak(organization, secret, at(1_499)));
    assert_eq!(found.map(|leak| leak.secret), Some(secret));
    none!(change.find_leak(organization, secret, at(1_500)));
    none!(change.find_leak(foreign, secret, at(1_100)));
    ok!(change.commit(&event_of(organization)));

    let mut change = bench.change(foreign).await;
    assert!(change.remove_leak(foreign, secret).await.is_err());
    drop(change);
    let mut change = bench.change(organization).await;
    ok!(change.remove_leak(organization, secret));
    ok!(change.commit(&event_of(organization)));
    let store = bench.reopen().await;
    empty!(store.list_leaks(organization, None, at(1_200), first_page()));
    let mut change = bench.change(organization).await;
    assert!(ok!(change.add_leak(organization, secret, at(1_200), None)));
}

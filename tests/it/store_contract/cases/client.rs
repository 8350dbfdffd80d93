//! What issuance knows of a client.

use std::sync::Arc;
use std::time::Duration;

use ostler::domain::credential::CredentialKind;
use ostler::domain::id::ClientId;
use ostler::domain::organization::Generation;
use ostler::domain::organization::Status;
use ostler::domain::resource::Identifiers;
use ostler::domain::role::BuiltInRole;
use ostler::domain::role::OSTLER_API;
use ostler::domain::role::ostler_grant;
use ostler::domain::scope::ScopeSet;
use ostler::store::Holder;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::access;
use crate::store_contract::things::at;
use crate::store_contract::things::event_of;
use crate::store_contract::things::grant;
use crate::store_contract::things::group;
use crate::store_contract::things::instance;
use crate::store_contract::things::listed;
use crate::store_contract::things::named;
use crate::store_contract::things::role;
use crate::store_contract::things::secret;

pub async fn a_client_holds_everything_that_issuance_must_know(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let credential = bench.credential(&account, "one").await;
    let (api, other) = (
        bench.api(organization, "app").await,
        bench.api(organization, "other").await,
    );
    let mut change = bench.change(organization).await;
    let grants = access([
        grant(api.api.id, "read write", listed(["APOLLO"])),
        grant(other.api.id, "read", Identifiers::All),
        grant(api.api.id, "read", Identifiers::All),
    ]);
    let holder = Holder::Account(account.id);
    ok!(change.replace_access(organization, holder, Some(&grants)));
    let newest = secret(1_000);
    ok!(change.add_secret(organization, credential.id, &newest));
    ok!(change.raise_account_generation(organization, account.id));
    ok!(change.raise_credential_generation(organization, credential.id));
    ok!(change.raise_credential_generation(organization, credential.id));
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    let client = store
        .find_client(credential.client_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.organization, organization);
    assert_eq!(client.account, account.id);
    assert_eq!(client.credential, credential.id);
    assert_eq!(client.client_id, credential.client_id);
    assert_eq!(client.kind, CredentialKind::ClientSecret);
    assert_eq!(client.standing.epoch, instance().epoch);
    assert_eq!(
        client.standing.organization,
        (Status::Active, Generation(1))
    );
    assert_eq!(client.standing.account, (Status::Active, Generation(2)));
    assert_eq!(client.standing.account_ends_at, Some(at(9_000)));
    assert_eq!(client.standing.credential, (Status::Active, Generation(3)));
    assert_eq!(
        client.allowed_networks.to_vec(),
        credential.allowed_networks
    );
    assert_eq!(
        client.organization_max_token_lifetime,
        Some(Duration::from_secs(77))
    );
    assert_eq!(
        client.account_max_token_lifetime,
        Some(Duration::from_mins(5))
    );
    assert_eq!(*client.access, grants);

    // The oldest first, also when both were made at the same instant.
    let secrets = [&credential.secrets[0], &newest];
    assert_eq!(client.secrets.len(), 2);
    for (known, made) in client.secrets.iter().zip(secrets) {
        assert_eq!(known.id, made.id);
        assert!(known.hash.matches(&made.hash));
        assert_eq!(known.pepper, made.pepper);
        assert_eq!(known.ends_at, made.ends_at);
    }

    let mut apis = [api.api, other.api];
    apis.sort_by_key(|api| api.id);
    let known: Vec<_> = client.apis.iter().map(|api| (**api).clone()).collect();
    assert_eq!(known, apis);

    let nobody = ClientId::from_bits(1);
    none!(store.find_client(nobody));
}

pub async fn a_client_has_the_access_that_its_credential_leaves(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let wide = bench.credential(&account, "wide").await;
    let narrow = bench.credential(&account, "narrow").await;
    let nothing = bench.credential(&account, "nothing").await;
    let (api, other) = (
        bench.api(organization, "app").await.api,
        bench.api(organization, "other").await.api,
    );
    let mut change = bench.change(organization).await;
    let own = access([
        grant(api.id, "read write", listed(["APOLLO", "SOYUZ"])),
        grant(other.id, "read", Identifiers::All),
    ]);
    let narrowing = access([
        grant(api.id, "read", listed(["SOYUZ", "VEGA"])),
        ostler_grant(
            ScopeSet::parse("accounts:read keys:write").unwrap(),
            Identifiers::All,
        ),
    ]);
    ok!(change.replace_access(organization, Holder::Account(account.id), Some(&own)));
    ok!(change.replace_roles(organization, account.id, &[BuiltInRole::Auditor.id()]));
    for (credential, narrowing) in [(&narrow, narrowing), (&nothing, access([]))] {
        let holder = Holder::Credential(credential.id);
        ok!(change.replace_access(organization, holder, Some(&narrowing)));
    }
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    let client = store.find_client(wide.client_id).await.unwrap().unwrap();
    let role = BuiltInRole::Auditor.grant(organization);
    assert_eq!(
        client.access.grants(),
        [own.grants(), std::slice::from_ref(&role)].concat()
    );
    assert_eq!(client.apis.len(), 2, "`ostler` is built in");

    let client = store.find_client(narrow.client_id).await.unwrap().unwrap();
    assert_eq!(client.access.apis(), [OSTLER_API, api.id]);
    let left: Vec<_> = client.access.at(api.id).collect();
    assert_eq!(left, [&grant(api.id, "read", listed(["SOYUZ"]))]);
    let left: Vec<_> = client.access.at(OSTLER_API).collect();
    let mut expected = role;
    expected.scopes = ScopeSet::parse("accounts:read").unwrap();
    assert_eq!(left, [&expected]);
    assert_eq!(
        client.apis.iter().map(|api| api.id).collect::<Vec<_>>(),
        [api.id]
    );

    let client = store.find_client(nothing.client_id).await.unwrap().unwrap();
    assert!(client.access.grants().is_empty() && client.apis.is_empty());
}

pub async fn a_client_has_the_access_of_its_roles_and_of_its_groups(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let credential = bench.credential(&account, "one").await;
    let narrow = bench.credential(&account, "narrow").await;
    let (app, other) = (
        bench.api(organization, "app").await.api.id,
        bench.api(organization, "other").await.api.id,
    );
    let own = access([grant(app, "read", listed(["APOLLO"]))]);
    let direct = role(
        organization,
        "direct",
        access([grant(app, "write", listed(["SOYUZ"]))]),
    );
    let shared = role(
        organization,
        "shared",
        access([grant(other, "read", Identifiers::All)]),
    );
    let unheld = role(
        organization,
        "unheld",
        access([grant(app, "write", Identifiers::All)]),
    );
    let mut group = group(organization, "crew");
    group.roles = named([&direct, &shared]);
    let mut change = bench.change(organization).await;
    ok!(change.replace_access(organization, Holder::Account(account.id), Some(&own)));
    for role in [&direct, &shared, &unheld] {
        ok!(change.add_role(role));
    }
    let roles = [direct.id, BuiltInRole::Auditor.id()];
    ok!(change.replace_roles(organization, account.id, &roles));
    ok!(change.add_group(&group));
    assert!(ok!(change.add_member(organization, group.id, account.id)));
    let narrowing = access([grant(other, "read", listed(["VEGA"]))]);
    let holder = Holder::Credential(narrow.id);
    ok!(change.replace_access(organization, holder, Some(&narrowing)));
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    let client = store.find_client(credential.client_id).await;
    let client = client.unwrap().unwrap();
    // Each role once, whatever it is held by; the built-in ones have the lowest ids.
    let auditor = BuiltInRole::Auditor.grant(organization);
    let mut own_roles = [&direct, &shared];
    own_roles.sort_by_key(|role| role.id);
    let of_roles = own_roles.iter().flat_map(|role| role.access.grants());
    let expected: Vec<_> = own
        .grants()
        .iter()
        .chain([&auditor])
        .chain(of_roles)
        .cloned()
        .collect();
    assert_eq!(client.access.grants(), expected);
    let holdings = ok!(store.find_holdings(organization, account.id)).unwrap();
    assert_eq!(holdings.access(), *client.access, "one rule, told twice");
    assert_eq!(client.apis.len(), 2);

    let client = store.find_client(narrow.client_id).await.unwrap().unwrap();
    assert_eq!(*client.access, narrowing);
}

pub async fn a_client_of_a_deleted_account_is_none(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let credential = bench.credential(&account, "one").await;
    assert!(
        bench
            .store()
            .find_client(credential.client_id)
            .await
            .unwrap()
            .is_some()
    );

    let mut change = bench.change(organization).await;
    ok!(change.remove_account(organization, account.id, at(2_000)));
    ok!(change.commit(&event_of(organization)));
    let store = bench.reopen().await;
    none!(store.find_client(credential.client_id));
}

pub async fn equal_access_is_kept_once(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let api = bench.api(organization, "app").await.api;
    let mut clients = Vec::new();
    for name in ["first-bot", "second-bot"] {
        let account = bench.account(organization, name).await;
        let credential = bench.credential(&account, "one").await;
        let mut change = bench.change(organization).await;
        let access = access([grant(api.id, "read", Identifiers::All)]);
        let holder = Holder::Account(account.id);
        ok!(change.replace_access(organization, holder, Some(&access)));
        ok!(change.commit(&event_of(organization)));
        let client = bench.store().find_client(credential.client_id).await;
        clients.push(client.unwrap().unwrap());
    }
    assert!(Arc::ptr_eq(&clients[0].access, &clients[1].access));
    assert!(Arc::ptr_eq(&clients[0].apis, &clients[1].apis));
}

//! Grants.

use std::collections::BTreeMap;

use ostler::domain::access::Access;
use ostler::domain::access::Grant;
use ostler::domain::access::Restrictions;
use ostler::domain::organization::Status;
use ostler::domain::resource::Identifiers;
use ostler::domain::resource::ResourceType;
use ostler::domain::role::OSTLER_API;
use ostler::domain::role::everything;
use ostler::domain::scope::ScopeSet;
use ostler::store::Holder;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::access;
use crate::store_contract::things::at;
use crate::store_contract::things::event_of;
use crate::store_contract::things::grant;
use crate::store_contract::things::group;
use crate::store_contract::things::listed;
use crate::store_contract::things::named;
use crate::store_contract::things::role;

pub async fn grants_come_back_as_they_were_written(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await.id;
    let api = bench.api(organization, "app").await.api.id;
    let space = ResourceType::parse("space").unwrap();
    let many: Vec<_> = (0..501).map(|number| format!("KEY-{number}")).collect();
    let many = Identifiers::listed(many.iter().map(String::as_str)).unwrap();
    let two_types = Grant {
        api,
        scopes: ScopeSet::parse("read write").unwrap(),
        resources: Restrictions::from_iter([
            (
                crate::store_contract::things::project(),
                listed(["A", "b", "*x"]),
            ),
            (space.clone(), Identifiers::NONE),
        ]),
    };
    let no_type = Grant {
        resources: Restrictions::default(),
        ..grant(api, "read", Identifiers::NONE)
    };
    let ostler = everything().grants()[0].clone();
    let everywhere = access([
        grant(api, "write", many),
        two_types,
        grant(api, "read", Identifiers::All),
        no_type,
        ostler,
    ]);
    let holder = Holder::Account(account);
    for access in [
        everywhere,
        access([grant(api, "read", listed(["B"]))]),
        Access::NOTHING,
    ] {
        let mut change = bench.change(organization).await;
        ok!(change.replace_access(organization, holder, Some(&access)));
        let seen = change.find_access(organization, holder).await.unwrap();
        assert_eq!(seen.as_ref(), Some(&access));
        ok!(change.commit(&event_of(organization)));
        let store = bench.reopen().await;
        assert_eq!(
            store.find_access(organization, holder).await.unwrap(),
            Some(access)
        );
    }
}

pub async fn a_credential_that_is_not_narrowed_differs_from_one_narrowed_to_nothing(
    bench: &mut Bench,
) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let credential = bench.credential(&account, "one").await.id;
    let api = bench.api(organization, "app").await.api.id;
    let holder = Holder::Credential(credential);
    for narrowing in [
        Some(Access::NOTHING),
        Some(access([grant(api, "read", Identifiers::All)])),
        None,
    ] {
        let mut change = bench.change(organization).await;
        let replaced = change.replace_access(organization, holder, narrowing.as_ref());
        replaced.await.unwrap();
        ok!(change.commit(&event_of(organization)));
        let store = bench.reopen().await;
        assert_eq!(
            store.find_access(organization, holder).await.unwrap(),
            narrowing
        );
    }
}

pub async fn holders_are_those_with_a_grant_at_the_api_by_whichever_way(bench: &mut Bench) {
    let (alpha, beta) = (
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    );
    let api = bench.api(alpha, "app").await.api.id;
    let one = bench.account(alpha, "first-bot").await;
    let two = bench.account(beta, "second-bot").await;
    let gone = bench.account(alpha, "third-bot").await;
    let by_role = bench.account(alpha, "fourth-bot").await;
    let by_group = bench.account(alpha, "fifth-bot").await;
    let credential = bench.credential(&one, "narrowed").await;
    let at_app = grant(api, "read", listed(["A"]));
    let ostler = everything().grants()[0].clone();
    let mut change = bench.change(alpha).await;
    let own = access([
        at_app.clone(),
        ostler.clone(),
        grant(api, "write", Identifiers::All),
    ]);
    ok!(change.replace_access(alpha, Holder::Account(one.id), Some(&own)));
    let narrowing = Some(&own);
    ok!(change.replace_access(alpha, Holder::Credential(credential.id), narrowing));
    ok!(change.replace_access(alpha, Holder::Account(gone.id), Some(&own)));
    ok!(change.remove_account(alpha, gone.id, at(2_000)));
    ok!(change.set_account_status(alpha, one.id, Status::Disabled, at(2_000)));
    let bundle = role(alpha, "bundle", access([at_app.clone()]));
    let mut crew = group(alpha, "crew");
    crew.roles = named([&bundle]);
    ok!(change.add_role(&bundle));
    ok!(change.add_group(&crew));
    ok!(change.replace_roles(alpha, by_role.id, &[bundle.id]));
    ok!(change.add_member(alpha, crew.id, by_group.id));
    ok!(change.commit(&event_of(alpha)));
    let mut change = bench.change(beta).await;
    let only_ostler = access([ostler.clone()]);
    ok!(change.replace_access(beta, Holder::Account(two.id), Some(&only_ostler)));
    ok!(change.commit(&event_of(beta)));

    bench.reopen().await;
    let mut change = bench.change(alpha).await;
    ok!(change.lock_instance());
    let holders = change.list_holders(api).await.unwrap();
    assert_eq!(holders.len(), 3);
    let mut access_of: BTreeMap<_, _> = holders
        .iter()
        .map(|holder| (holder.account, holder.access.clone()))
        .collect();
    assert_eq!(
        access_of.remove(&by_role.id),
        Some(access([at_app.clone()]))
    );
    assert_eq!(
        access_of.remove(&by_group.id),
        Some(access([at_app.clone()]))
    );
    let holders: Vec<_> = holders
        .into_iter()
        .filter(|holder| holder.account == one.id)
        .collect();
    assert_eq!(holders.len(), 1);
    assert_eq!(holders[0].organization, (alpha, Status::Active));
    assert_eq!(holders[0].status, Status::Disabled);
    assert_eq!(holders[0].expires_at, one.expires_at);
    assert_eq!(
        holders[0].access,
        access([at_app, grant(api, "write", Identifiers::All)])
    );

    let mut holders = change.list_holders(OSTLER_API).await.unwrap();
    holders.sort_by_key(|holder| holder.organization.0 != alpha);
    assert_eq!(holders.len(), 2);
    assert_eq!(holders[1].account, two.id);
    assert_eq!(holders[1].organization, (beta, Status::Active));
    assert_eq!(holders[1].access, access([ostler]));
}

//! Roles.

use std::sync::Arc;

use ostler::domain::access::Access;
use ostler::domain::id::AccountId;
use ostler::domain::id::OrganizationId;
use ostler::domain::id::RoleId;
use ostler::domain::organization::Generation;
use ostler::domain::organization::Status;
use ostler::domain::resource::Identifiers;
use ostler::domain::role::BuiltInRole;
use ostler::domain::role::Role;
use ostler::domain::version::Version;
use ostler::store::Holder;
use ostler::store::Lookup;
use ostler::store::NamedHolder;
use ostler::store::Page;
use ostler::store::WriteError;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::access;
use crate::store_contract::things::at;
use crate::store_contract::things::event_of;
use crate::store_contract::things::first_page;
use crate::store_contract::things::grant;
use crate::store_contract::things::group;
use crate::store_contract::things::listed;
use crate::store_contract::things::named;
use crate::store_contract::things::role;

/// Puts roles into the store.
async fn add(bench: &mut Bench, organization: OrganizationId, roles: &[&Role]) {
    let mut change = bench.change(organization).await;
    for role in roles {
        ok!(change.add_role(role));
    }
    ok!(change.commit(&event_of(organization)));
}

pub async fn the_built_in_roles_come_first_and_are_nobodys(bench: &mut Bench) {
    let (alpha, beta) = (
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    );
    let own = role(alpha, "own", Access::NOTHING);
    add(bench, alpha, &[&own]).await;

    let store = bench.reopen().await;
    for built_in in BuiltInRole::ALL {
        for lookup in [
            Lookup::Id(built_in.id()),
            Lookup::Name(built_in.as_str().to_owned()),
        ] {
            let found = ok!(store.find_role(beta, &lookup)).unwrap();
            assert_eq!(found, built_in.of(beta));
            assert!(found.is_built_in());
        }
    }
    let ids = |roles: Vec<Role>| roles.iter().map(|role| role.id).collect::<Vec<_>>();
    let built_in = BuiltInRole::ALL.map(BuiltInRole::id);
    let all = ids(ok!(store.list_roles(alpha, None, first_page())));
    assert_eq!(all, [&built_in[..], &[own.id]].concat());
    assert_eq!(
        ids(ok!(store.list_roles(beta, None, first_page()))),
        built_in
    );
    let mut paged = Vec::new();
    while let [next] = ids(ok!(store.list_roles(
        alpha,
        None,
        Page {
            limit: 1,
            after: paged.last().copied(),
        }
    )))[..]
    {
        paged.push(next);
    }
    assert_eq!(paged, all);
    let rows = bench.rows("SELECT id, row_version FROM role").await;
    assert_eq!(rows.len(), 4, "what refers to a role refers to a row");
    let mut change = bench.change(alpha).await;
    let built_in = BuiltInRole::Owner.of(alpha);
    assert!(change.update_role(&built_in).await.is_err());
    drop(change);
    let mut change = bench.change(alpha).await;
    assert!(change.remove_role(alpha, built_in.id).await.is_err());
}

pub async fn a_role_keeps_its_access_and_is_edited(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let api = bench.api(organization, "app").await.api.id;
    let grants = access([
        grant(api, "read write", listed(["APOLLO"])),
        grant(api, "read", Identifiers::All),
        BuiltInRole::Auditor.grant(organization),
    ]);
    let mut own = role(organization, "deployer", grants);
    add(bench, organization, &[&own]).await;
    let store = bench.reopen().await;
    for lookup in [Lookup::Id(own.id), Lookup::Name("deployer".to_owned())] {
        assert_eq!(
            ok!(store.find_role(organization, &lookup)),
            Some(own.clone())
        );
    }
    let mut change = bench.change(organization).await;
    let again = role(organization, "deployer", Access::NOTHING);
    assert!(matches!(
        change.add_role(&again).await,
        Err(WriteError::Taken)
    ));
    drop(change);

    own.description = None;
    own.access = access([grant(api, "read", listed(["VEGA"]))]);
    let mut change = bench.change(organization).await;
    ok!(change.update_role(&own));
    own.version = Version(2);
    let found = ok!(change.find_role(organization, &Lookup::Id(own.id)));
    assert_eq!(found.as_ref(), Some(&own));
    let held = ok!(change.find_access(organization, Holder::Role(own.id)));
    assert_eq!(held.as_ref(), Some(&own.access));
    ok!(change.commit(&event_of(organization)));
    let store = bench.reopen().await;
    let found = ok!(store.find_role(organization, &Lookup::Id(own.id)));
    assert_eq!(found, Some(own));
}

pub async fn a_removed_role_is_taken_from_everybody(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let api = bench.api(organization, "app").await.api.id;
    let account = bench.account(organization, "deploy-bot").await.id;
    let grants = access([grant(api, "read", Identifiers::All)]);
    let (doomed, kept) = (
        role(organization, "doomed", grants.clone()),
        role(organization, "kept", grants),
    );
    add(bench, organization, &[&doomed, &kept]).await;
    let mut crew = group(organization, "crew");
    crew.roles = named([&doomed, &kept]);
    let mut change = bench.change(organization).await;
    ok!(change.replace_roles(organization, account, &[doomed.id, kept.id]));
    ok!(change.add_group(&crew));
    ok!(change.commit(&event_of(organization)));

    let mut change = bench.change(organization).await;
    ok!(change.remove_role(organization, doomed.id));
    ok!(change.commit(&event_of(organization)));
    let store = bench.reopen().await;
    none!(store.find_role(organization, &Lookup::Id(doomed.id)));
    let left = ok!(store.list_roles_of(organization, &[account]));
    assert_eq!(left[&account], named([&kept]));
    let crew = ok!(store.find_group(organization, &Lookup::Id(crew.id))).unwrap();
    assert_eq!(crew.roles, named([&kept]));
    let grants = bench
        .rows("SELECT holder_id, position FROM access_grant")
        .await;
    assert_eq!(grants.len(), 1);
}

pub async fn roles_are_replaced(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await.id;
    let own = role(organization, "own", Access::NOTHING);
    add(bench, organization, &[&own]).await;
    let (owner, auditor) = (BuiltInRole::Owner.id(), BuiltInRole::Auditor.id());
    for (given, kept) in [
        (
            &[auditor, own.id, owner, auditor][..],
            &[owner, auditor, own.id][..],
        ),
        (&[auditor], &[auditor]),
        (&[], &[]),
    ] {
        let mut change = bench.change(organization).await;
        ok!(change.replace_roles(organization, account, given));
        let held = ok!(change.list_holdings(organization, &[account]));
        let held: Vec<_> = held[&account].roles.iter().map(|role| role.id).collect();
        assert_eq!(held, kept);
        ok!(change.commit(&event_of(organization)));
        let store = bench.reopen().await;
        let held = ok!(store.list_roles_of(organization, &[account]));
        let held: Vec<_> = held.values().flatten().map(|role| role.id).collect();
        assert_eq!(held, kept);
    }
}

pub async fn the_accounts_with_a_role_are_found_once_each(bench: &mut Bench) {
    let (alpha, beta) = (
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    );
    let mut accounts: Vec<AccountId> = Vec::new();
    for name in ["first-bot", "second-bot", "third-bot", "fourth-bot"] {
        accounts.push(bench.account(alpha, name).await.id);
    }
    let elsewhere = bench.account(beta, "fifth-bot").await.id;
    let auditor = BuiltInRole::Auditor.id();
    let mut crew = group(alpha, "crew");
    crew.roles = named([&BuiltInRole::Auditor.of(alpha)]);
    let mut change = bench.change(alpha).await;
    ok!(change.add_group(&crew));
    ok!(change.replace_roles(alpha, accounts[0], &[auditor]));
    ok!(change.replace_roles(alpha, accounts[1], &[auditor]));
    ok!(change.add_member(alpha, crew.id, accounts[1]));
    ok!(change.add_member(alpha, crew.id, accounts[2]));
    ok!(change.commit(&event_of(alpha)));
    let mut change = bench.change(beta).await;
    ok!(change.replace_roles(beta, elsewhere, &[auditor]));
    ok!(change.commit(&event_of(beta)));

    let mut with_role = accounts[..3].to_vec();
    with_role.sort();
    bench.reopen().await;
    let mut change = bench.change(alpha).await;
    let found = ok!(change.list_accounts_with_role(alpha, auditor, 10));
    assert_eq!(found, with_role);
    let found = ok!(change.list_accounts_with_role(alpha, auditor, 2));
    assert_eq!(found, with_role[..2]);
    let holders = ok!(change.list_holders_of_role(alpha, auditor, 10));
    let names: Vec<_> = holders.iter().map(|holder| holder.name.as_str()).collect();
    assert_eq!(holders.len(), 3, "{names:?}");
    assert_eq!(
        holders[2],
        NamedHolder {
            kind: "group".to_owned(),
            name: "crew".to_owned(),
            id: crew.id.to_string(),
        }
    );
    empty!(change.list_accounts_with_role(alpha, BuiltInRole::Owner.id(), 10));
}

pub async fn the_roles_in_force_are_those_of_active_accounts(bench: &mut Bench) {
    let (alpha, beta) = (
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    );
    let [owner, operator, auditor] = BuiltInRole::ALL.map(BuiltInRole::id);
    let own = role(alpha, "own", Access::NOTHING);
    let mut crew = group(alpha, "crew");
    crew.roles = named([&own, &BuiltInRole::Auditor.of(alpha)]);
    let active = bench.account(alpha, "active-bot").await.id;
    let mut ending = bench.account(alpha, "ending-bot").await;
    ending.expires_at = Some(at(20));
    let elsewhere = bench.account(beta, "other-bot").await.id;
    let mut change = bench.change(alpha).await;
    ok!(change.add_role(&own));
    ok!(change.add_group(&crew));
    ok!(change.update_account(&ending));
    ok!(change.replace_roles(alpha, ending.id, &[operator, auditor]));
    ok!(change.add_member(alpha, crew.id, active));
    ok!(change.commit(&event_of(alpha)));
    let mut change = bench.change(beta).await;
    ok!(change.replace_roles(beta, elsewhere, &[owner]));
    ok!(change.commit(&event_of(beta)));

    bench.reopen().await;
    let in_force = async |bench: &Bench, now| {
        let mut change = bench.change(alpha).await;
        let mut found = ok!(change.list_roles_in_force(alpha, now));
        found.sort();
        found
    };
    assert_eq!(in_force(bench, at(19)).await, [operator, auditor, own.id]);
    assert_eq!(in_force(bench, at(20)).await, [auditor, own.id]);
    let mut change = bench.change(alpha).await;
    ok!(change.set_account_status(alpha, active, Status::Disabled, at(10)));
    ok!(change.commit(&event_of(alpha)));
    assert_eq!(in_force(bench, at(19)).await, [operator, auditor]);
    empty!(bench.change(alpha).await.list_roles_in_force(alpha, at(20)));
}

pub async fn holdings_say_where_each_part_is_from(bench: &mut Bench) {
    let (alpha, beta) = (
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    );
    let api = bench.api(alpha, "app").await.api.id;
    let one = bench.account(alpha, "first-bot").await.id;
    let two = bench.account(alpha, "second-bot").await.id;
    let own = access([grant(api, "read", listed(["APOLLO"]))]);
    let shared = role(
        alpha,
        "shared",
        access([grant(api, "write", Identifiers::All)]),
    );
    add(bench, alpha, &[&shared]).await;
    let (mut crew, empty) = (group(alpha, "crew"), group(alpha, "empty"));
    crew.roles = named([&shared, &BuiltInRole::Operator.of(alpha)]);
    let mut change = bench.change(alpha).await;
    ok!(change.replace_access(alpha, Holder::Account(one), Some(&own)));
    ok!(change.replace_roles(alpha, two, &[shared.id]));
    ok!(change.add_group(&crew));
    ok!(change.add_group(&empty));
    for group in [crew.id, empty.id] {
        ok!(change.add_member(alpha, group, one));
    }
    ok!(change.commit(&event_of(alpha)));

    let store = bench.reopen().await;
    none!(store.find_holdings(beta, one));
    let held = ok!(store.find_holdings(alpha, one)).unwrap();
    assert_eq!(held.own, own);
    assert!(held.roles.is_empty());
    let mut groups: Vec<_> = held
        .groups
        .iter()
        .map(|group| (group.name.to_string(), ids(&group.roles)))
        .collect();
    groups.sort();
    assert_eq!(
        groups,
        [
            (
                "crew".to_owned(),
                vec![BuiltInRole::Operator.id(), shared.id]
            ),
            ("empty".to_owned(), vec![]),
        ]
    );
    let mut change = bench.change(alpha).await;
    let nobody = AccountId::from_bits(7);
    let all = ok!(change.list_holdings(alpha, &[one, two, nobody]));
    assert_eq!(all.len(), 2);
    assert_eq!(ids(&all[&two].roles), [shared.id]);
    assert_eq!(*all[&two].roles[0], shared);
    assert!(all[&two].own.grants().is_empty() && all[&two].groups.is_empty());
    assert_eq!(all[&one].access(), held.access());
}

fn ids(roles: &[Arc<Role>]) -> Vec<RoleId> {
    roles.iter().map(|role| role.id).collect()
}

pub async fn generations_of_several_accounts_are_raised_at_once(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let mut accounts = Vec::new();
    for name in ["first-bot", "second-bot", "third-bot"] {
        accounts.push(bench.account(organization, name).await.id);
    }
    let mut change = bench.change(organization).await;
    ok!(change.raise_account_generation(organization, accounts[0]));
    let mut raised = ok!(change.raise_account_generations(organization, &accounts[..2]));
    raised.sort_by_key(|(_, generation)| *generation);
    let expected = [(accounts[1], Generation(2)), (accounts[0], Generation(3))];
    assert_eq!(raised, expected);
    empty!(change.raise_account_generations(organization, &[]));
    let raised = ok!(change.raise_organization_generation(organization));
    assert_eq!(raised, Generation(2));
    ok!(change.commit(&event_of(organization)));
    let store = bench.reopen().await;
    let third = ok!(store.find_account(organization, &Lookup::Id(accounts[2]))).unwrap();
    assert_eq!(third.generation, Generation::FIRST);
}

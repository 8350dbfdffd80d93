//! Groups.

use ostler::domain::access::Access;
use ostler::domain::role::BuiltInRole;
use ostler::domain::version::Version;
use ostler::store::Lookup;
use ostler::store::Page;
use ostler::store::WriteError;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::at;
use crate::store_contract::things::event_of;
use crate::store_contract::things::first_page;
use crate::store_contract::things::group;
use crate::store_contract::things::named;
use crate::store_contract::things::role;

pub async fn a_group_keeps_its_roles_and_its_members(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let one = bench.account(organization, "first-bot").await;
    let two = bench.account(organization, "second-bot").await;
    let own = role(organization, "own", Access::NOTHING);
    let owner = BuiltInRole::Owner.of(organization);
    let mut crew = group(organization, "crew");
    crew.roles = named([&own, &owner]);
    let mut change = bench.change(organization).await;
    ok!(change.add_role(&own));
    ok!(change.add_group(&crew));
    for account in [&one, &two] {
        assert!(ok!(change.add_member(organization, crew.id, account.id)));
        assert!(!ok!(change.add_member(organization, crew.id, account.id)));
    }
    ok!(change.commit(&event_of(organization)));

    crew.member_count = 2;
    // Who is in it is part of it.
    crew.version = Version(5);
    let store = bench.reopen().await;
    for lookup in [Lookup::Id(crew.id), Lookup::Name("crew".to_owned())] {
        let found = ok!(store.find_group(organization, &lookup));
        assert_eq!(found.as_ref(), Some(&crew));
    }
    assert_eq!(
        ok!(store.list_groups(organization, None, first_page())),
        [crew.clone()]
    );
    let mut members = vec![one.id, two.id];
    members.sort();
    let listed = ok!(store.list_members(organization, crew.id, None, first_page()));
    let ids: Vec<_> = listed.iter().map(|member| member.id).collect();
    assert_eq!(ids, members);
    let of_one = listed.iter().find(|member| member.id == one.id).unwrap();
    assert_eq!(
        (of_one.name.as_str(), &of_one.email),
        ("first-bot", &one.email)
    );
    let rest = Page {
        limit: 10,
        after: Some(members[0]),
    };
    let listed = ok!(store.list_members(organization, crew.id, None, rest));
    assert_eq!(listed.len(), 1);

    let mut change = bench.change(organization).await;
    let again = group(organization, "crew");
    assert!(matches!(
        change.add_group(&again).await,
        Err(WriteError::Taken)
    ));
    drop(change);
    let mut change = bench.change(organization).await;
    ok!(change.update_group(organization, crew.id, Some("ops"), &[owner.id]));
    assert!(ok!(change.remove_member(organization, crew.id, two.id)));
    assert!(!ok!(change.remove_member(organization, crew.id, two.id)));
    assert_eq!(
        ok!(change.list_member_ids(organization, crew.id, 10)),
        [one.id]
    );
    let found = ok!(change.find_group(organization, &Lookup::Id(crew.id))).unwrap();
    assert!(found.version > crew.version);
    assert_eq!(found.description.as_deref(), Some("ops"));
    assert_eq!((found.roles, found.member_count), (named([&owner]), 1));
    ok!(change.commit(&event_of(organization)));
}

pub async fn a_removed_group_leaves_its_members(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await.id;
    let mut crew = group(organization, "crew");
    crew.roles = named([&BuiltInRole::Auditor.of(organization)]);
    let mut change = bench.change(organization).await;
    ok!(change.add_group(&crew));
    ok!(change.add_member(organization, crew.id, account));
    ok!(change.commit(&event_of(organization)));
    let mut change = bench.change(organization).await;
    ok!(change.remove_group(organization, crew.id));
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    none!(store.find_group(organization, &Lookup::Id(crew.id)));
    let held = ok!(store.find_holdings(organization, account)).unwrap();
    assert!(held.groups.is_empty() && held.access().grants().is_empty());
}

pub async fn a_deleted_account_leaves_its_groups(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await.id;
    let crew = group(organization, "crew");
    let mut change = bench.change(organization).await;
    ok!(change.add_group(&crew));
    ok!(change.add_member(organization, crew.id, account));
    ok!(change.commit(&event_of(organization)));
    let mut change = bench.change(organization).await;
    ok!(change.remove_account(organization, account, at(2_000)));
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    let found = ok!(store.find_group(organization, &Lookup::Id(crew.id))).unwrap();
    assert_eq!(found.member_count, 0);
    empty!(store.list_members(organization, crew.id, None, first_page()));
}

pub async fn nothing_of_another_organization_is_found_or_changed(bench: &mut Bench) {
    let (alpha, beta) = (
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    );
    let own_account = bench.account(alpha, "first-bot").await.id;
    let account = bench.account(beta, "second-bot").await.id;
    let own_group = group(alpha, "crew");
    let (foreign_role, crew) = (role(beta, "bundle", Access::NOTHING), group(beta, "crew"));
    let mut change = bench.change(alpha).await;
    ok!(change.add_group(&own_group));
    ok!(change.commit(&event_of(alpha)));
    let mut change = bench.change(beta).await;
    ok!(change.add_role(&foreign_role));
    ok!(change.add_group(&crew));
    ok!(change.add_member(beta, crew.id, account));
    ok!(change.commit(&event_of(beta)));

    let store = bench.store();
    none!(store.find_role(alpha, &Lookup::Id(foreign_role.id)));
    none!(store.find_group(alpha, &Lookup::Id(crew.id)));
    none!(store.find_holdings(alpha, account));
    empty!(store.list_members(alpha, crew.id, None, first_page()));
    assert_eq!(ok!(store.list_roles(alpha, None, first_page())).len(), 3);

    let all = "SELECT id, row_version FROM role UNION ALL
               SELECT id, row_version FROM account_group UNION ALL
               SELECT id, row_version FROM service_account ORDER BY 1";
    let before = bench.rows(all).await;
    macro_rules! fails {
        ($($method:ident ( $($argument:expr),* );)*) => {$({
            let mut change = bench.change(alpha).await;
            let failed = change.$method(alpha, $($argument),*).await.is_err();
            assert!(failed, stringify!($method));
        })*};
    }
    fails! {
        remove_role(foreign_role.id);
        replace_roles(own_account, &[foreign_role.id]);
        update_group(crew.id, None, &[]);
        update_group(own_group.id, None, &[foreign_role.id]);
        remove_group(crew.id);
        add_member(crew.id, own_account);
        add_member(own_group.id, account);
        remove_member(crew.id, account);
    }
    let mut change = bench.change(alpha).await;
    empty!(change.raise_account_generations(alpha, &[account]));
    drop(change);
    assert_eq!(bench.rows(all).await, before);
}

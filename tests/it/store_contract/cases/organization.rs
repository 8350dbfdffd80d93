//! Organizations.

use ostler::domain::audit::Chain;
use ostler::domain::organization::Status;
use ostler::store::Lookup;
use ostler::store::OrganizationFilter;
use ostler::store::Page;
use ostler::store::WriteError;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::event;
use crate::store_contract::things::organization;

pub async fn organizations_are_found_by_id_and_by_name_and_paged_by_id(bench: &mut Bench) {
    let mut all = Vec::new();
    for name in ["alpha", "beta", "gamma"] {
        all.push(bench.organization(name).await);
    }
    all.sort_by_key(|organization| organization.id);
    let store = bench.reopen().await;
    for organization in &all {
        for lookup in [
            Lookup::Id(organization.id),
            Lookup::Name(organization.name.to_string()),
        ] {
            let found = store.find_organization(&lookup).await.unwrap().unwrap();
            assert_eq!(found.id, organization.id);
            assert_eq!(found.name, organization.name);
            assert_eq!(found.status, Status::Active);
            assert_eq!(found.generation, organization.generation);
            assert_eq!(found.max_service_accounts, Some(250));
            assert_eq!(found.policy, organization.policy);
            assert_eq!(found.created_at, organization.created_at);
        }
    }
    let nobody = Lookup::Name("nobody".to_owned());
    none!(store.find_organization(&nobody));

    let ids: Vec<_> = all.iter().map(|organization| organization.id).collect();
    let page = |limit, after| Page { limit, after };
    let two = [ids[2], ids[0]];
    let every = OrganizationFilter::default();
    let list = async |among, page| -> Vec<_> {
        let list = store.list_organizations(among, &every, page).await.unwrap();
        list.iter().map(|organization| organization.id).collect()
    };
    assert_eq!(list(None, page(200, None)).await, ids);
    assert_eq!(list(None, page(2, None)).await, ids[..2]);
    assert_eq!(list(None, page(2, Some(ids[1]))).await, ids[2..]);
    assert_eq!(list(Some(&two), page(200, None)).await, [ids[0], ids[2]]);
    assert_eq!(list(Some(&two), page(1, Some(ids[0]))).await, [ids[2]]);
    assert_eq!(list(Some(&[]), page(200, None)).await, []);
}

pub async fn a_name_is_taken_once(bench: &mut Bench) {
    bench.organization("alpha").await;
    let mut change = bench.store().begin(None).await.unwrap();
    let taken = change.add_organization(&organization("alpha")).await;
    assert!(matches!(taken, Err(WriteError::Taken)));
    drop(change);

    let mut change = bench.store().begin(None).await.unwrap();
    ok!(change.add_organization(&organization("beta")));
    ok!(change.commit(&event(Chain::Instance)));
}

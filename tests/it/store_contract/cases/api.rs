//! APIs, scopes and resources.

use std::time::Duration;

use ostler::domain::api::ApiRecord;
use ostler::domain::api::DescribedScope;
use ostler::domain::api::TokenSettings;
use ostler::domain::resource::Identifiers;
use ostler::domain::resource::ResourceKey;
use ostler::domain::resource::ResourceType;
use ostler::domain::scope::Scope;
use ostler::domain::scope::ScopeSet;
use ostler::domain::signing_key::Algorithm;
use ostler::domain::token::TokenTyp;
use ostler::domain::version::Version;
use ostler::store::Holder;
use ostler::store::Lookup;
use ostler::store::Page;
use ostler::store::ResourceFilter;
use ostler::store::ResourceLookup;
use ostler::store::WriteError;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::access;
use crate::store_contract::things::api;
use crate::store_contract::things::event_of;
use crate::store_contract::things::grant;
use crate::store_contract::things::listed;
use crate::store_contract::things::project;
use crate::store_contract::things::resource;

fn assert_same(one: &ApiRecord, other: &ApiRecord) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}

pub async fn an_api_keeps_its_settings_scopes_and_types(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let mut full = api(organization, "full");
    full.api
        .resource_types
        .push(ResourceType::parse("space").unwrap());
    full.api.token = TokenSettings {
        lifetime: Some(Duration::from_mins(1)),
        signing_alg: Algorithm::EdDsa,
        typ: TokenTyp::Jwt,
    };
    let mut bare = api(organization, "bare");
    bare.api.scopes = ScopeSet::default();
    bare.described_scopes.clear();
    bare.api.resource_types.clear();
    let mut change = bench.change(organization).await;
    for api in [&full, &bare] {
        ok!(change.add_api(api));
    }
    let scope = Scope::parse("admin:%/é".trim_end_matches('é')).unwrap();
    let added = DescribedScope::new(scope, None);
    ok!(change.add_scope(organization, full.api.id, &added));
    full.version = Version(2);
    // It has the version of its API, so that one that is made anew has another.
    full.described_scopes.insert(
        0,
        DescribedScope {
            version: full.version,
            ..added.clone()
        },
    );
    full.api.scopes = full
        .described_scopes
        .iter()
        .map(|known| known.scope.clone())
        .collect();
    let seen = change
        .find_api(organization, &Lookup::Id(full.api.id))
        .await;
    assert_same(&seen.unwrap().unwrap(), &full);
    ok!(change.commit(&event_of(organization)));

    let mut change = bench.change(organization).await;
    let taken = change.add_scope(organization, full.api.id, &added).await;
    assert!(matches!(taken, Err(WriteError::Taken)));
    drop(change);

    let store = bench.reopen().await;
    for api in [&full, &bare] {
        for lookup in [
            Lookup::Id(api.api.id),
            Lookup::Name(api.api.name.to_string()),
        ] {
            let found = store
                .find_api(organization, &lookup)
                .await
                .unwrap()
                .unwrap();
            assert_same(&found, api);
        }
        let found = store.find_api_by_audience(api.api.audience.as_str()).await;
        assert_eq!(found.unwrap().unwrap(), api.api);
    }
    none!(store.find_api_by_audience("https://nobody.example"));

    let mut all = [full, bare];
    all.sort_by_key(|api| api.api.id);
    let page = |limit, after| Page { limit, after };
    let list = store
        .list_apis(organization, None, page(201, None))
        .await
        .unwrap();
    assert_eq!(list.len(), 2, "`ostler` is nobody's");
    assert_same(&list[0], &all[0]);
    assert_same(&list[1], &all[1]);
    let list = store
        .list_apis(organization, None, page(1, Some(all[0].api.id)))
        .await
        .unwrap();
    assert_eq!(list.len(), 1);
    assert_same(&list[0], &all[1]);
}

pub async fn an_audience_is_unique_on_the_instance(bench: &mut Bench) {
    let (alpha, beta) = (
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    );
    let first = bench.api(alpha, "app").await;
    let same_audience = api(beta, "app");
    let mut same_name = api(alpha, "app");
    same_name.api.audience = api(alpha, "other").api.audience;
    for (taken, organization) in [(same_audience, beta), (same_name, alpha)] {
        let mut change = bench.change(organization).await;
        let taken = change.add_api(&taken).await;
        assert!(matches!(taken, Err(WriteError::Taken)));
    }
    // A name is unique in its organization, an audience everywhere, also after deletion.
    bench
        .sql("UPDATE api SET deleted_at = 5 WHERE audience IS NOT NULL")
        .await
        .unwrap();
    let store = bench.reopen().await;
    none!(store.find_api(alpha, &Lookup::Id(first.api.id)));
    let found = store
        .find_api_by_audience(first.api.audience.as_str())
        .await;
    assert!(found.unwrap().is_none());
    let mut change = bench.change(alpha).await;
    assert!(matches!(
        change.add_api(&api(alpha, "app")).await,
        Err(WriteError::Taken)
    ));
    drop(change);
    let mut same_name = api(alpha, "app");
    same_name.api.audience = api(alpha, "other").api.audience;
    let mut change = bench.change(alpha).await;
    ok!(change.add_api(&same_name));
}

pub async fn a_removed_scope_leaves_every_grant(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let credential = bench.credential(&account, "one").await;
    let (app, other) = (
        bench.api(organization, "app").await.api.id,
        bench.api(organization, "other").await.api.id,
    );
    let (account, credential) = (
        Holder::Account(account.id),
        Holder::Credential(credential.id),
    );
    let mut change = bench.change(organization).await;
    let own = access([
        grant(app, "read write", listed(["A"])),
        grant(app, "read", Identifiers::All),
        grant(other, "read", Identifiers::All),
    ]);
    let narrowing = access([grant(app, "read", Identifiers::All)]);
    ok!(change.replace_access(organization, account, Some(&own)));
    ok!(change.replace_access(organization, credential, Some(&narrowing)));
    let read = Scope::parse("read").unwrap();
    ok!(change.remove_scope(organization, app, &read));
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    let left = access([
        grant(app, "write", listed(["A"])),
        grant(other, "read", Identifiers::All),
    ]);
    assert_eq!(
        store.find_access(organization, account).await.unwrap(),
        Some(left)
    );
    let left = store.find_access(organization, credential).await.unwrap();
    assert_eq!(left, Some(access([])), "still narrowed, to nothing");
    let api = store
        .find_api(organization, &Lookup::Id(app))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(api.api.scopes, ScopeSet::parse("write").unwrap());

    let mut change = bench.change(organization).await;
    assert!(change.remove_scope(organization, app, &read).await.is_err());
}

pub async fn resources_are_found_by_id_and_by_key(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let (app, other) = (
        bench.api(organization, "app").await.api.id,
        bench.api(organization, "other").await.api.id,
    );
    let mut all = vec![
        resource(app, "APOLLO"),
        resource(app, "apollo"),
        resource(app, "A/%*"),
    ];
    all[1].name = None;
    let elsewhere = resource(other, "APOLLO");
    let mut change = bench.change(organization).await;
    for resource in all.iter().chain([&elsewhere]) {
        ok!(change.add_resource(organization, resource));
    }
    let key = |text: &str| ResourceKey::parse(text).unwrap();
    let mut wanted: Vec<_> = (0..1_000)
        .map(|number| key(&format!("K{number}")))
        .collect();
    wanted.extend([key("A/%*"), key("APOLLO")]);
    let mut known = change
        .list_known_keys(organization, app, &project(), &wanted)
        .await
        .unwrap();
    known.sort();
    assert_eq!(known, [key("A/%*"), key("APOLLO")]);
    let none = change
        .list_known_keys(organization, app, &project(), &[])
        .await;
    assert!(none.unwrap().is_empty());
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    for resource in &all {
        for lookup in [
            ResourceLookup::Id(resource.id),
            ResourceLookup::Key(project(), resource.key.clone()),
        ] {
            let found = store
                .find_resource(organization, app, &lookup)
                .await
                .unwrap();
            assert_eq!(format!("{:?}", found.unwrap()), format!("{resource:?}"));
        }
    }
    let lookup = ResourceLookup::Id(elsewhere.id);
    none!(store.find_resource(organization, app, &lookup));

    all.sort_by_key(|resource| resource.id);
    let ids: Vec<_> = all.iter().map(|resource| resource.id).collect();
    let list = async |limit, after| -> Vec<_> {
        let list = store
            .list_resources(
                organization,
                app,
                &ResourceFilter::default(),
                Page { limit, after },
            )
            .await;
        list.unwrap().iter().map(|resource| resource.id).collect()
    };
    assert_eq!(list(201, None).await, ids);
    assert_eq!(list(1, Some(ids[0])).await, [ids[1]]);

    for (taken, what) in [
        (resource(app, "APOLLO"), "key"),
        (
            ostler::domain::resource::Resource {
                id: ids[0],
                ..resource(app, "NEW")
            },
            "id",
        ),
    ] {
        let mut change = bench.change(organization).await;
        let taken = change.add_resource(organization, &taken).await;
        assert!(matches!(taken, Err(WriteError::Taken)), "{what}");
    }
    let mut stray = resource(app, "STRAY");
    stray.resource_type = ResourceType::parse("space").unwrap();
    let mut change = bench.change(organization).await;
    let stray = change.add_resource(organization, &stray).await;
    assert!(
        matches!(stray, Err(WriteError::Store(_))),
        "a type that the API does not declare"
    );
}

//! Edits and deletions of APIs.

use std::time::Duration;

use ostler::domain::api::Api;
use ostler::domain::id::ApiId;
use ostler::domain::id::OrganizationId;
use ostler::domain::resource::Identifiers;
use ostler::domain::resource::ResourceKey;
use ostler::domain::resource::ResourceType;
use ostler::domain::role::BuiltInRole;
use ostler::domain::scope::Scope;
use ostler::domain::signing_key::Algorithm;
use ostler::store::ApiPart;
use ostler::store::Change;
use ostler::store::Holder;
use ostler::store::Lookup;
use ostler::store::ResourceFilter;
use ostler::store::ResourceLookup;
use ostler::store::WriteError;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::access;
use crate::store_contract::things::api;
use crate::store_contract::things::at;
use crate::store_contract::things::event_of;
use crate::store_contract::things::first_page;
use crate::store_contract::things::grant;
use crate::store_contract::things::group;
use crate::store_contract::things::listed;
use crate::store_contract::things::named;
use crate::store_contract::things::project;
use crate::store_contract::things::resource;
use crate::store_contract::things::role;

pub async fn an_api_is_edited_and_a_type_leaves_every_grant(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await.id;
    let (app, other) = (
        bench.api(organization, "app").await.api,
        bench.api(organization, "other").await.api,
    );
    let holder = Holder::Account(account);
    let own = access([
        grant(app.id, "read", Identifiers::All),
        grant(other.id, "read", Identifiers::All),
    ]);
    let mut change = bench.change(organization).await;
    ok!(change.replace_access(organization, holder, Some(&own)));
    ok!(change.commit(&event_of(organization)));

    let space = ResourceType::parse("space").unwrap();
    let mut edited: Api = app.clone();
    edited.resource_types = vec![project(), space.clone()];
    edited.token.lifetime = Some(Duration::from_mins(2));
    edited.token.signing_alg = Algorithm::EdDsa;
    let mut change = bench.change(organization).await;
    ok!(change.update_api(organization, &edited));
    ok!(change.commit(&event_of(organization)));
    let store = bench.reopen().await;
    let found = ok!(store.find_api(organization, &Lookup::Id(app.id))).unwrap();
    assert_eq!(found.api, edited);
    assert_eq!(ok!(store.find_access(organization, holder)), Some(own));

    edited.resource_types = vec![space];
    edited.token = app.token;
    let mut change = bench.change(organization).await;
    ok!(change.update_api(organization, &edited));
    ok!(change.commit(&event_of(organization)));
    let store = bench.reopen().await;
    let found = ok!(store.find_api(organization, &Lookup::Id(app.id))).unwrap();
    assert_eq!(found.api, edited);
    let left = ok!(store.find_access(organization, holder)).unwrap();
    let bare: Vec<_> = left.at(app.id).collect();
    assert_eq!(bare.len(), 1, "{left:?}");
    assert!(bare[0].resources.is_empty(), "{left:?}");
    let all = grant(other.id, "read", Identifiers::All);
    assert_eq!(left.at(other.id).collect::<Vec<_>>(), [&all]);

    edited.resource_types = Vec::new();
    let mut change = bench.change(organization).await;
    ok!(change.update_api(organization, &edited));
    let found = ok!(change.find_api(organization, &Lookup::Id(app.id))).unwrap();
    assert_eq!(found.api, edited);
}

pub async fn a_removed_api_leaves_every_grant_and_its_audience_stays_reserved(bench: &mut Bench) {
    let (alpha, beta) = (
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    );
    let account = bench.account(alpha, "deploy-bot").await.id;
    let app = bench.api(alpha, "app").await.api;
    let holder = Holder::Account(account);
    let own = access([grant(app.id, "read", listed(["X"]))]);
    let mut change = bench.change(alpha).await;
    ok!(change.add_resource(alpha, &resource(app.id, "X")));
    ok!(change.replace_access(alpha, holder, Some(&own)));
    ok!(change.commit(&event_of(alpha)));

    let mut change = bench.change(beta).await;
    assert!(change.remove_api(beta, app.id, at(2_000)).await.is_err());
    drop(change);
    let mut change = bench.change(beta).await;
    assert!(change.update_api(beta, &app).await.is_err());
    drop(change);
    let mut change = bench.change(alpha).await;
    ok!(change.remove_api(alpha, app.id, at(2_000)));
    ok!(change.commit(&event_of(alpha)));
    let store = bench.reopen().await;
    none!(store.find_api(alpha, &Lookup::Id(app.id)));
    none!(store.find_api_by_audience(app.audience.as_str()));
    empty!(store.list_resources(alpha, app.id, &ResourceFilter::default(), first_page()));
    assert_eq!(ok!(store.find_access(alpha, holder)), Some(access([])));
    let mut change = bench.change(beta).await;
    let taken = change.add_api(&api(beta, "app")).await;
    assert!(matches!(taken, Err(WriteError::Taken)));
}

pub async fn a_resource_is_renamed_and_removed(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let credential = bench.credential(&account, "one").await;
    let app = bench.api(organization, "app").await.api.id;
    let (mut doomed, kept) = (resource(app, "APOLLO"), resource(app, "SOYUZ"));
    let holders = [
        Holder::Account(account.id),
        Holder::Credential(credential.id),
    ];
    let grants = access([grant(app, "read", listed(["APOLLO", "SOYUZ"]))]);
    let mut change = bench.change(organization).await;
    for resource in [&doomed, &kept] {
        ok!(change.add_resource(organization, resource));
    }
    for holder in holders {
        ok!(change.replace_access(organization, holder, Some(&grants)));
    }
    doomed.name = None;
    ok!(change.update_resource(organization, &doomed));
    let by_id = ResourceLookup::Id(doomed.id);
    let found = ok!(change.find_resource(organization, app, &by_id)).unwrap();
    assert_eq!(found.name, None);
    ok!(change.remove_resource(organization, &doomed));
    ok!(change.commit(&event_of(organization)));

    let store = bench.reopen().await;
    none!(store.find_resource(organization, app, &by_id));
    let left = access([grant(app, "read", listed(["SOYUZ"]))]);
    for holder in holders {
        assert_eq!(
            ok!(store.find_access(organization, holder)),
            Some(left.clone())
        );
    }
    let mut change = bench.change(organization).await;
    assert!(change.remove_resource(organization, &doomed).await.is_err());
}

pub async fn holders_of_a_part_are_named_and_their_accounts_found(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let app = bench.api(organization, "app").await.api.id;
    let mut accounts = Vec::new();
    for name in [
        "by-itself",
        "by-role",
        "by-group",
        "by-credential",
        "by-nothing",
    ] {
        accounts.push(bench.account(organization, name).await);
    }
    let credential = bench.credential(&accounts[3], "narrowed").await;
    let writing = role(
        organization,
        "writing",
        access([grant(app, "write", listed(["APOLLO"]))]),
    );
    let mut crew = group(organization, "crew");
    crew.roles = named([&writing, &BuiltInRole::Owner.of(organization)]);
    let mut change = bench.change(organization).await;
    ok!(change.add_role(&writing));
    ok!(change.add_group(&crew));
    ok!(change.replace_roles(organization, accounts[1].id, &[writing.id]));
    ok!(change.add_member(organization, crew.id, accounts[2].id));
    let own = access([grant(app, "read", Identifiers::All)]);
    let holder = Holder::Account(accounts[0].id);
    ok!(change.replace_access(organization, holder, Some(&own)));
    let narrowing = access([grant(app, "read", listed(["SOYUZ"]))]);
    let holder = Holder::Credential(credential.id);
    ok!(change.replace_access(organization, holder, Some(&narrowing)));
    ok!(change.add_resource(organization, &resource(app, "SOYUZ")));
    ok!(change.commit(&event_of(organization)));

    bench.reopen().await;
    let mut change = bench.change(organization).await;
    let scope = |text| ApiPart::Scope(Scope::parse(text).unwrap());
    let key = |text| ApiPart::Resource(project(), ResourceKey::parse(text).unwrap());
    for (part, holders, with_it) in [
        (ApiPart::Whole, vec!["by-itself", "writing", "narrowed"], 4),
        (scope("read"), vec!["by-itself", "narrowed"], 2),
        (scope("write"), vec!["writing"], 2),
        (
            ApiPart::Type(project()),
            vec!["by-itself", "writing", "SOYUZ"],
            4,
        ),
        (key("APOLLO"), vec!["writing"], 2),
        (key("SOYUZ"), vec!["narrowed"], 1),
        (key("VEGA"), vec![], 0),
    ] {
        let found = holders_of(change.as_mut(), organization, app, &part).await;
        assert_eq!(found, holders, "{part:?}");
        let accounts = ok!(change.list_accounts_with_part(organization, app, &part, 10));
        assert_eq!(accounts.len(), with_it, "{part:?}");
    }
    let first = ok!(change.list_accounts_with_part(organization, app, &ApiPart::Whole, 1));
    assert_eq!(first.len(), 1);
}

async fn holders_of(
    change: &mut dyn Change,
    organization: OrganizationId,
    api: ApiId,
    part: &ApiPart,
) -> Vec<String> {
    let holders = ok!(change.list_holders_of_part(organization, api, part, 10));
    holders.into_iter().map(|holder| holder.name).collect()
}

//! What is left to credentials of what their accounts hold: the database finds what the domain says.

use ostler::domain::access::Access;
use ostler::domain::access::Grant;
use ostler::domain::account::ServiceAccount;
use ostler::domain::credential::CredentialKind;
use ostler::domain::id::ApiId;
use ostler::domain::id::OrganizationId;
use ostler::domain::resource::Identifiers;
use ostler::domain::resource::ResourceKey;
use ostler::domain::role::BuiltInRole;
use ostler::domain::role::OSTLER_API;
use ostler::domain::scope::Scope;
use ostler::store::CredentialFilter;
use ostler::store::Holder;
use ostler::store::Holding;
use ostler::store::HoldingRole;
use ostler::store::Order;
use ostler::store::Page;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::access;
use crate::store_contract::things::api;
use crate::store_contract::things::credential;
use crate::store_contract::things::event_of;
use crate::store_contract::things::grant;
use crate::store_contract::things::group;
use crate::store_contract::things::listed;
use crate::store_contract::things::named;
use crate::store_contract::things::project;
use crate::store_contract::things::resource;
use crate::store_contract::things::role;

struct Stage {
    organization: OrganizationId,
    jira: ApiId,
    wiki: ApiId,
    accounts: Vec<ServiceAccount>,
}

/// Accounts that hold something by themselves, by a role, by a group, by a built-in role, or nothing.
async fn stage(bench: &Bench) -> Stage {
    let organization = bench.organization("home").await.id;
    let mut accounts = Vec::new();
    for name in [
        "by-itself",
        "by-a-role",
        "by-a-group",
        "auditing",
        "nothing",
    ] {
        accounts.push(bench.account(organization, name).await);
    }
    let (jira, wiki) = (api(organization, "jira"), api(organization, "wiki"));
    let mut change = bench.change(organization).await;
    for one in [&jira, &wiki] {
        ok!(change.add_api(one));
    }
    ok!(change.add_resource(organization, &resource(jira.api.id, "APOLLO")));
    let (jira, wiki) = (jira.api.id, wiki.api.id);
    let own = access([
        grant(jira, "read", listed(["APOLLO"])),
        grant(wiki, "read write", listed(["GEMINI"])),
        grant(OSTLER_API, "accounts:write", listed(["APOLLO"])),
    ]);
    let holder = Holder::Account(accounts[0].id);
    ok!(change.replace_access(organization, holder, Some(&own)));
    let everywhere = access([grant(jira, "read write", Identifiers::All)]);
    let writer = role(organization, "writer", everywhere);
    let mut crew = group(organization, "crew");
    crew.roles = named([&writer]);
    ok!(change.add_role(&writer));
    ok!(change.add_group(&crew));
    ok!(change.replace_roles(organization, accounts[1].id, &[writer.id]));
    assert!(ok!(change.add_member(
        organization,
        crew.id,
        accounts[2].id
    )));
    let auditor = BuiltInRole::Auditor.id();
    ok!(change.replace_roles(organization, accounts[3].id, &[auditor]));
    ok!(change.commit(&event_of(organization)));
    Stage {
        organization,
        jira,
        wiki,
        accounts,
    }
}

fn narrowings(Stage { jira, wiki, .. }: &Stage) -> Vec<Option<Access>> {
    let everything = || Identifiers::All;
    vec![
        None,
        Some(Access::NOTHING),
        Some(access([grant(*jira, "read", everything())])),
        Some(access([grant(*jira, "write", listed(["APOLLO"]))])),
        Some(access([grant(*jira, "read write", listed(["MERCURY"]))])),
        Some(access([grant(*wiki, "write", everything())])),
        // Never flattened: what is in two grants is not in one.
        Some(access([
            grant(*jira, "read", listed(["GEMINI"])),
            grant(*wiki, "read", listed(["APOLLO"])),
        ])),
        Some(access([grant(OSTLER_API, "accounts:read", everything())])),
        Some(access([grant(OSTLER_API, "keys:write", everything())])),
    ]
}

fn holdings(stage: &Stage) -> Vec<Holding> {
    let apis = [None, Some(stage.jira), Some(stage.wiki), Some(OSTLER_API)];
    let scopes = ["", "read", "write", "accounts:read", "accounts:write"];
    let keys = ["", "APOLLO", "GEMINI", "MERCURY"];
    let mut all = Vec::new();
    for api in apis {
        for scope in scopes {
            for key in keys {
                let scope = (!scope.is_empty()).then(|| Scope::parse(scope).unwrap());
                let resource =
                    (!key.is_empty()).then(|| (project(), ResourceKey::parse(key).unwrap()));
                if api.is_some() || scope.is_some() || resource.is_some() {
                    all.push(Holding {
                        api,
                        scope,
                        resource,
                        roles: Vec::new(),
                    });
                }
            }
        }
    }
    for holding in &mut all {
        let auditor = BuiltInRole::Auditor.grant(stage.organization);
        if meets(&auditor, holding) {
            holding.roles.push(HoldingRole {
                id: BuiltInRole::Auditor.id(),
                scopes: auditor.scopes,
            });
        }
    }
    all
}

/// Whether this one grant holds all that is asked for.
fn meets(grant: &Grant, holding: &Holding) -> bool {
    holding.api.is_none_or(|api| api == grant.api)
        && holding
            .scope
            .as_ref()
            .is_none_or(|scope| grant.scopes.contains(scope))
        && holding
            .resource
            .as_ref()
            .is_none_or(|(kind, key)| grant.resources.of(kind).contains(key))
}

pub async fn credentials_are_found_by_what_is_left_to_them(bench: &mut Bench) {
    let stage = stage(bench).await;
    let organization = stage.organization;
    let mut made = Vec::new();
    let mut change = bench.change(organization).await;
    for owner in &stage.accounts {
        for (number, narrowing) in narrowings(&stage).into_iter().enumerate() {
            let mut one = credential(owner, &format!("{}-{number}", owner.name.as_str()));
            one.narrowing = narrowing;
            ok!(change.add_credential(&one));
            made.push(one);
        }
    }
    ok!(change.commit(&event_of(organization)));
    let store = bench.store();
    let mut held = Vec::new();
    for owner in &stage.accounts {
        let found = ok!(store.find_holdings(organization, owner.id));
        held.push((owner.id, found.unwrap().access()));
    }
    let left = |one: &ostler::domain::credential::Credential| {
        let (_, held) = held.iter().find(|(id, _)| *id == one.account).unwrap();
        match &one.narrowing {
            None => held.clone(),
            Some(narrowing) => held.narrowed_by(narrowing),
        }
    };
    let mut some_are_found = 0;
    for holding in holdings(&stage) {
        let has = |access: &Access| access.grants().iter().any(|one| meets(one, &holding));
        let expected = made.iter().filter(|one| has(&left(one)));
        let mut expected: Vec<_> = expected.map(|one| one.name.to_string()).collect();
        expected.sort();
        some_are_found += usize::from(!expected.is_empty());
        let filter = CredentialFilter {
            holding: Some(holding.clone()),
            ..CredentialFilter::default()
        };
        let page = Page {
            limit: 201,
            after: None,
        };
        let kind = CredentialKind::ClientSecret;
        let order = Order::default();
        let found = ok!(store.find_credentials(organization, kind, &filter, order, page));
        let found = found.iter().map(|placed| placed.item.name.to_string());
        let mut found: Vec<_> = found.collect();
        found.sort();
        assert_eq!(found, expected, "{holding:?}");
    }
    assert!(some_are_found > 20, "{some_are_found}");
}

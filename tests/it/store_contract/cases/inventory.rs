//! Accounts and credentials by filters, in an order.

use jiff::Timestamp;
use ostler::domain::account::AccountStatus;
use ostler::domain::account::ServiceAccount;
use ostler::domain::credential::CredentialKind;
use ostler::domain::credential::CredentialStatus;
use ostler::domain::id::AccountId;
use ostler::domain::id::CredentialId;
use ostler::domain::id::OrganizationId;
use ostler::domain::organization::Status;
use ostler::domain::resource::Identifiers;
use ostler::domain::resource::ResourceKey;
use ostler::domain::role::BuiltInRole;
use ostler::domain::scope::Scope;
use ostler::domain::usage::LastUse;
use ostler::store::AccountFilter;
use ostler::store::CredentialFilter;
use ostler::store::Ending;
use ostler::store::Holder;
use ostler::store::Holding;
use ostler::store::HoldingRole;
use ostler::store::Order;
use ostler::store::Page;
use ostler::store::Position;
use ostler::store::SortKey;
use ostler::store::Store;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::access;
use crate::store_contract::things::account;
use crate::store_contract::things::api;
use crate::store_contract::things::at;
use crate::store_contract::things::credential;
use crate::store_contract::things::event_of;
use crate::store_contract::things::grant;
use crate::store_contract::things::listed;
use crate::store_contract::things::organization;
use crate::store_contract::things::project;
use crate::store_contract::things::resource;

/// Four accounts of one organization, and one of another.
async fn accounts(store: &dyn Store) -> (OrganizationId, Vec<ServiceAccount>) {
    let (home, away) = (organization("home"), organization("away"));
    for one in [&home, &away] {
        let mut change = ok!(store.begin(None));
        ok!(change.add_organization(one));
        ok!(change.commit(&event_of(one.id)));
    }
    let with = |name: &str, owner: Option<&str>, ends: Option<i64>, made: i64| ServiceAccount {
        owner: owner.map(str::to_owned),
        expires_at: ends.map(at),
        created_at: at(made),
        ..account(home.id, name)
    };
    let all = vec![
        with("delta-bot", Some("Team-A"), Some(5_000), 1_001),
        with("Alpha-bot", Some("100%_b"), None, 1_004),
        with("charlie-bot", None, Some(4_000), 1_002),
        with("bravo-bot", Some("Team-A"), None, 1_003),
    ];
    let mut change = ok!(store.begin(Some(home.id)));
    for one in &all {
        ok!(change.add_account(one));
    }
    ok!(change.set_account_status(home.id, all[3].id, Status::Disabled, at(1_005)));
    ok!(change.commit(&event_of(home.id)));
    let mut change = ok!(store.begin(Some(away.id)));
    ok!(change.add_account(&account(away.id, "echo-bot")));
    ok!(change.commit(&event_of(away.id)));
    (home.id, all)
}

async fn names(
    store: &dyn Store,
    organization: OrganizationId,
    filter: &AccountFilter,
    order: Order,
) -> String {
    let (mut names, mut after) = (Vec::new(), None);
    // Two at a time, so that each place in the list is one to go on from.
    loop {
        let page = Page { limit: 2, after };
        let found = ok!(store.find_accounts(organization, filter, order, page));
        let length = found.len();
        let last: Option<Position> = found.last().map(|placed| placed.position.clone());
        for placed in found {
            names.push(placed.item.name.as_str()[..1].to_ascii_lowercase());
        }
        if length < 2 {
            return names.concat();
        }
        after = last;
    }
}

fn by(key: SortKey, descending: bool) -> Order {
    Order { key, descending }
}

/// A use of the account, by a credential that is gone.
fn used(account: AccountId, first: i64, last: i64) -> LastUse {
    LastUse {
        account,
        credential: CredentialId::from_bits(77),
        first_at: at(first),
        last_at: at(last),
    }
}

pub async fn accounts_come_in_each_order(bench: &mut Bench) {
    let store = bench.store();
    let (home, all) = accounts(store).await;
    let uses = [used(all[0].id, 2_000, 2_002), used(all[2].id, 2_001, 2_001)];
    ok!(store.record_last_use(&uses));
    ok!(store.record_last_use(&uses[1..]));
    let mut by_id: Vec<_> = all
        .iter()
        .map(|one| (one.id, one.name.as_str()[..1].to_ascii_lowercase()))
        .collect();
    by_id.sort();
    let by_id: String = by_id.into_iter().map(|(_, name)| name).collect();
    let never_used: String = by_id.chars().filter(|c| "ab".contains(*c)).collect();
    for (key, expected) in [
        (SortKey::Id, by_id),
        (SortKey::Name, "abcd".to_owned()),
        (SortKey::CreatedAt, "dcba".to_owned()),
        (SortKey::LastUsedAt, format!("{never_used}cd")),
        (SortKey::ExpiresAt, format!("cd{never_used}")),
    ] {
        let filter = AccountFilter::default();
        let found = names(store, home, &filter, by(key, false)).await;
        assert_eq!(found, expected, "{key:?}");
        let reversed: String = expected.chars().rev().collect();
        let found = names(store, home, &filter, by(key, true)).await;
        assert_eq!(found, reversed, "-{key:?}");
    }
}

pub async fn accounts_are_found_by_each_filter(bench: &mut Bench) {
    let store = bench.store();
    let (home, all) = accounts(store).await;
    ok!(store.record_last_use(&[used(all[0].id, 2_000, 2_002)]));
    let status = |status, now| AccountFilter {
        status: Some((status, at(now))),
        ..AccountFilter::default()
    };
    let text = |text: &str| AccountFilter {
        text: Some(text.to_owned()),
        ..AccountFilter::default()
    };
    let unused = |second| AccountFilter {
        unused_since: Some(at(second)),
        ..AccountFilter::default()
    };
    let ending = |after, until| AccountFilter {
        ending: Some(Ending {
            after: at(after),
            until: at(until),
        }),
        ..AccountFilter::default()
    };
    let id = all[1].id.to_string();
    let owner = AccountFilter {
        owner: Some("Team-A".to_owned()),
        ..AccountFilter::default()
    };
    for (filter, expected) in [
        (status(AccountStatus::Active, 3_999), "acd"),
        (status(AccountStatus::Active, 4_000), "ad"),
        (status(AccountStatus::Expired, 3_999), ""),
        (status(AccountStatus::Expired, 4_000), "c"),
        (status(AccountStatus::Disabled, 9_999), "b"),
        (text("LPHA"), "a"),
        (text("team-a"), "bd"),
        (text("often"), "abcd"),
        (text("0%_B"), "a"),
        (text("0_b"), ""),
        (text("\\"), ""),
        (text(&id), "a"),
        (owner, "bd"),
        (unused(1_003), "bc"),
        (unused(2_001), "abc"),
        (unused(2_002), "abcd"),
        (ending(3_999, 4_000), "c"),
        (ending(4_000, 5_000), "d"),
        (ending(0, 9_000), "cd"),
    ] {
        let found = names(store, home, &filter, by(SortKey::Name, false)).await;
        assert_eq!(found, expected, "{filter:?}");
    }
    // One that is deleted is in no list, and its last use neither.
    let mut change = ok!(store.begin(Some(home)));
    ok!(change.remove_account(home, all[0].id, at(3_000)));
    ok!(change.commit(&event_of(home)));
    ok!(store.record_last_use(&[used(all[0].id, 3_001, 3_001)]));
    let filter = AccountFilter::default();
    for key in [SortKey::Name, SortKey::LastUsedAt] {
        assert_eq!(names(store, home, &filter, by(key, false)).await.len(), 3);
    }
}

fn built_in(role: BuiltInRole) -> HoldingRole {
    HoldingRole {
        id: role.id(),
        scopes: role.scopes(),
    }
}

pub async fn accounts_are_found_by_what_they_hold(bench: &mut Bench) {
    let store = bench.store();
    let (home, all) = accounts(store).await;
    let (jira, wiki) = (api(home, "jira"), api(home, "wiki"));
    let mut change = ok!(store.begin(Some(home)));
    for one in [&jira, &wiki] {
        ok!(change.add_api(one));
    }
    ok!(change.add_resource(home, &resource(jira.api.id, "APOLLO")));
    let (jira, wiki) = (jira.api.id, wiki.api.id);
    let held = [
        access([grant(jira, "read", listed(["APOLLO"]))]),
        access([grant(jira, "write", Identifiers::All)]),
        access([
            grant(jira, "read", listed(["GEMINI"])),
            grant(wiki, "write", listed(["APOLLO"])),
        ]),
    ];
    for (one, access) in all.iter().zip(&held) {
        ok!(change.replace_access(home, Holder::Account(one.id), Some(access)));
    }
    ok!(change.replace_roles(home, all[3].id, &[BuiltInRole::Auditor.id()]));
    ok!(change.commit(&event_of(home)));

    let holding = |api, scope: &str, key: &str, roles: &[BuiltInRole]| AccountFilter {
        holding: Some(Holding {
            api,
            scope: (!scope.is_empty()).then(|| Scope::parse(scope).unwrap()),
            resource: (!key.is_empty()).then(|| (project(), ResourceKey::parse(key).unwrap())),
            roles: roles.iter().copied().map(built_in).collect(),
        }),
        ..AccountFilter::default()
    };
    for (filter, expected) in [
        (holding(Some(jira), "", "", &[]), "acd"),
        (holding(Some(wiki), "", "", &[]), "c"),
        (holding(None, "write", "", &[]), "ac"),
        (holding(None, "", "APOLLO", &[]), "acd"),
        (holding(Some(jira), "", "APOLLO", &[]), "ad"),
        (holding(Some(jira), "write", "APOLLO", &[]), "a"),
        (holding(None, "read", "GEMINI", &[]), "c"),
        // In one and the same grant, or not at all.
        (holding(Some(jira), "read", "MERCURY", &[]), ""),
        (holding(Some(wiki), "read", "", &[]), ""),
        (holding(Some(wiki), "", "", &[BuiltInRole::Auditor]), "bc"),
        (holding(Some(wiki), "", "", &[BuiltInRole::Owner]), "c"),
    ] {
        let found = names(store, home, &filter, by(SortKey::Name, false)).await;
        assert_eq!(found, expected, "{filter:?}");
    }

    let ids: Vec<_> = all.iter().map(|one| one.id).collect();
    let granted = ok!(store.list_access(home, &ids));
    for (id, access) in ids.iter().zip(&held) {
        assert_eq!(&granted[id], access);
    }
    empty!(store.list_access(OrganizationId::from_bits(1), &ids));
    empty!(store.list_access(home, &[]));
}

pub async fn credentials_come_by_each_filter_and_in_each_order(bench: &mut Bench) {
    let store = bench.store();
    let (home, all) = accounts(store).await;
    let mut made = Vec::new();
    let mut change = ok!(store.begin(Some(home)));
    for (owner, name, ends_at) in [
        (&all[0], "zulu", Some(4_000)),
        (&all[1], "xray", None),
        (&all[2], "Yankee", Some(3_000)),
    ] {
        let mut one = credential(owner, name);
        one.secrets[0].ends_at = ends_at.map(at);
        one.created_at = at(1_000 + i64::try_from(made.len()).unwrap());
        ok!(change.add_credential(&one));
        made.push(one);
    }
    ok!(change.set_credential_status(home, made[1].id, Status::Revoked, at(1_005)));
    ok!(change.commit(&event_of(home)));
    let used_at = |one: usize, second| LastUse {
        credential: made[one].id,
        ..used(all[one].id, second, second)
    };
    ok!(store.record_last_use(&[used_at(0, 2_000), used_at(2, 2_001)]));

    let list = async |filter: &CredentialFilter, order| {
        let page = Page {
            limit: 201,
            after: None,
        };
        let kind = CredentialKind::ClientSecret;
        let found = ok!(store.find_credentials(home, kind, filter, order, page));
        let names = found.iter().map(|placed| {
            assert_eq!(placed.item.secrets.len(), 1);
            &placed.item.name.as_str()[..1]
        });
        names.collect::<String>()
    };
    let everything = CredentialFilter::default();
    for (key, expected) in [
        (SortKey::CreatedAt, "zxY"),
        (SortKey::LastUsedAt, "xzY"),
        (SortKey::ExpiresAt, "Yzx"),
    ] {
        assert_eq!(list(&everything, by(key, false)).await, expected, "{key:?}");
        let reversed: String = expected.chars().rev().collect();
        assert_eq!(list(&everything, by(key, true)).await, reversed, "-{key:?}");
    }
    let status = |status, now: Timestamp| CredentialFilter {
        status: Some((status, now)),
        ..CredentialFilter::default()
    };
    let text = |text: &str| CredentialFilter {
        text: Some(text.to_owned()),
        ..CredentialFilter::default()
    };
    let client_id = made[2].client_id.to_string();
    for (filter, expected) in [
        (status(CredentialStatus::Active, at(2_999)), "zY"),
        (status(CredentialStatus::Active, at(3_000)), "z"),
        (status(CredentialStatus::Expired, at(3_000)), "Y"),
        (status(CredentialStatus::Revoked, at(0)), "x"),
        (status(CredentialStatus::Disabled, at(0)), ""),
        (text("YANKEE"), "Y"),
        (text(&client_id), "Y"),
        (
            CredentialFilter {
                owner: Some("Team-A".to_owned()),
                ..CredentialFilter::default()
            },
            "z",
        ),
        (
            CredentialFilter {
                unused_since: Some(at(2_000)),
                ..CredentialFilter::default()
            },
            "zx",
        ),
        (
            CredentialFilter {
                ending: Some(Ending {
                    after: at(2_999),
                    until: at(3_999),
                }),
                ..CredentialFilter::default()
            },
            "Y",
        ),
    ] {
        let found = list(&filter, by(SortKey::CreatedAt, false)).await;
        assert_eq!(found, expected, "{filter:?}");
    }
}

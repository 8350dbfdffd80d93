//! How much an account holds in all: whichever way it would become too much, that is refused.

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::APIS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::at;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::refusal;

const NIGHTLY: &str = "/organizations/default/service-accounts/nightly";

/// The limit, refused for so many grants with so many bytes.
#[track_caller]
fn is_too_much(reply: &Reply, who: &str, (grants, bytes): (usize, usize)) {
    assert_eq!(refusal(reply), (409, "quota_reached".to_owned()));
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    let would = format!("{who} would hold {grants} grants with {bytes} bytes of scopes and keys, ");
    assert!(detail.starts_with(&would), "{detail}");
    let may = "and may hold 2000 with 1048576: grant \"*\", or give some of it to another account";
    assert!(detail.ends_with(may), "{detail}");
}

/// So many grants, each of 14 bytes: a scope of 11, and its three.
fn grants(count: usize) -> Value {
    let grant = deploy(&["deploy:read"], &json!([]));
    std::iter::repeat_n(grant, count).collect()
}

const EACH: usize = 14;

async fn with_role(admin: &Administrator, name: &str, access: &Value) {
    let made = admin
        .post(ROLES, json!({"name": name, "access": access}))
        .await;
    assert_eq!(made.status, 201, "{}", made.wire());
}

fn names(roles: impl Iterator<Item = usize>) -> Value {
    roles.map(|number| json!(format!("r{number}"))).collect()
}

async fn set_roles(admin: &Administrator, roles: impl Iterator<Item = usize>) -> Reply {
    let path = format!("{NIGHTLY}/roles");
    admin.put(&path, json!({"roles": names(roles)})).await
}

/// An account that has twenty roles with a grant less than it may hold; another role grants a hundred.
async fn almost_full(server: &TestServer) -> Administrator {
    server.ensure_deploy_api().await;
    let admin = Administrator::first(server).await;
    for number in 0..21 {
        let count = if number == 19 { 99 } else { 100 };
        with_role(&admin, &format!("r{number}"), &grants(count)).await;
    }
    let made = admin.post(ACCOUNTS, json!({"name": "nightly"})).await;
    assert_eq!(made.status, 201);
    assert_eq!(set_roles(&admin, 0..20).await.status, 200);
    admin
}

#[tokio::test]
async fn an_account_holds_two_thousand_grants_at_most_by_itself_and_by_its_roles() {
    let server = TestServer::start().await;
    let admin = almost_full(&server).await;
    let own = format!("{NIGHTLY}/access");
    let two = json!({"access": grants(2)});

    let too_much = (2_001, 2_001 * EACH);
    let refused = admin.put(&own, two.clone()).await;
    is_too_much(&refused, "the account", too_much);
    let refused = admin.put(&format!("{own}?dry_run=true"), two).await;
    is_too_much(&refused, "the account", too_much);
    assert_eq!(admin.get(&own).await.json()["access"], json!([]));
    let one = json!({"access": grants(1)});
    assert_eq!(admin.put(&own, one.clone()).await.status, 200);

    let refused = set_roles(&admin, 0..21).await;
    is_too_much(&refused, "the account", (2_100, 2_100 * EACH));
    let new = json!({"name": "weekly", "roles": names(0..21)});
    let refused = admin.post(ACCOUNTS, new).await;
    is_too_much(&refused, "the account", (2_099, 2_099 * EACH));
    assert_eq!(admin.get(&format!("{ACCOUNTS}/weekly")).await.status, 404);

    // What is less is never refused, and makes room.
    assert_eq!(set_roles(&admin, 1..20).await.status, 200);
    assert_eq!(set_roles(&admin, 1..21).await.status, 200);
    assert_eq!(
        server.audited("service_account.update_access").await.len(),
        1
    );
    assert_eq!(
        server.audited("service_account.update_roles").await.len(),
        3
    );
}

#[tokio::test]
async fn an_account_holds_two_thousand_grants_at_most_by_its_groups_too() {
    let server = TestServer::start().await;
    let admin = almost_full(&server).await;
    for (group, roles) in [("same", names(0..20)), ("more", names(20..21))] {
        let made = admin
            .post(GROUPS, json!({"name": group, "roles": roles}))
            .await;
        assert_eq!(made.status, 201, "{}", made.wire());
    }
    let join = async |group: &str| {
        let path = format!("{GROUPS}/{group}/members/nightly");
        admin.put(&path, json!({})).await
    };
    // What it holds by two ways counts once.
    assert_eq!(join("same").await.status, 200);
    let too_much = (2_099, 2_099 * EACH);
    is_too_much(&join("more").await, "the account", too_much);
    let group = admin.get(&format!("{GROUPS}/more")).await;
    assert_eq!(group.json()["member_count"], 0);

    let path = format!("{GROUPS}/same");
    let refused = admin.patch(&path, json!({"roles": names(0..21)})).await;
    is_too_much(&refused, "the account `nightly`", too_much);
    let roles = admin.get(&path).await.json()["roles"].clone();
    assert_eq!(roles.as_array().unwrap().len(), 20);
    let less = admin.patch(&path, json!({"roles": []})).await;
    assert_eq!(less.status, 200, "{}", less.wire());
    // Nobody is in this one.
    let more = admin
        .patch(&format!("{GROUPS}/more"), json!({"roles": names(0..21)}))
        .await;
    assert_eq!(more.status, 200, "{}", more.wire());
    assert_eq!(server.audited("group.update").await.len(), 2);
}

#[tokio::test]
async fn a_role_does_not_grow_beyond_what_those_who_have_it_may_hold() {
    let server = TestServer::start().await;
    let admin = almost_full(&server).await;
    let own = format!("{NIGHTLY}/access");
    assert_eq!(
        admin.put(&own, json!({"access": grants(1)})).await.status,
        200
    );
    let edit = async |role: &str, count: usize| {
        let path = format!("{ROLES}/{role}");
        admin.patch(&path, json!({"access": grants(count)})).await
    };
    let who = "the account `nightly`";
    is_too_much(&edit("r19", 100).await, who, (2_001, 2_001 * EACH));
    let role = admin.get(&format!("{ROLES}/r19")).await.json();
    assert_eq!(role["access"].as_array().unwrap().len(), 99);
    // It does not have this one itself, and then by a group.
    assert_eq!(edit("r20", 1).await.status, 200);
    assert_eq!(edit("r19", 98).await.status, 200);
    let group = json!({"name": "more", "roles": ["r20"]});
    assert_eq!(admin.post(GROUPS, group).await.status, 201);
    let path = format!("{GROUPS}/more/members/nightly");
    assert_eq!(admin.put(&path, json!({})).await.status, 200);
    is_too_much(&edit("r20", 2).await, who, (2_001, 2_001 * EACH));
    assert_eq!(edit("r20", 0).await.status, 200);
    assert_eq!(edit("r19", 99).await.status, 200);
    assert_eq!(server.audited("role.update").await.len(), 4);
}

/// An API of a thousand scopes, and a grant of so many of them: each counts 131 bytes.
async fn wide(admin: &Administrator) -> impl Fn(usize) -> Value {
    let scope = |number: usize| format!("{number:0>128}");
    let scopes: Value = (0..1_000).map(|n| json!({"name": scope(n)})).collect();
    let api = json!({
        "name": "wide",
        "audience": "https://wide.example.com",
        "scopes": scopes,
    });
    let made = admin.post(APIS, api).await;
    assert_eq!(made.status, 201, "{}", made.wire());
    move |count| {
        let scopes: Vec<_> = (0..count).map(scope).collect();
        json!([{"api": "wide", "scopes": scopes, "resources": {}}])
    }
}

#[tokio::test]
async fn an_account_holds_a_megabyte_of_scopes_and_keys_at_most() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let scopes = wide(&admin).await;
    for number in 0..8 {
        with_role(&admin, &format!("r{number}"), &scopes(1_000)).await;
    }
    let made = admin.post(ACCOUNTS, json!({"name": "nightly"})).await;
    assert_eq!(made.status, 201);
    assert_eq!(set_roles(&admin, 0..8).await.status, 200);
    let own = format!("{NIGHTLY}/access");
    let put = async |count| admin.put(&own, json!({"access": scopes(count)})).await;
    is_too_much(&put(5).await, "the account", (9, 8_005 * 131));
    assert_eq!(put(4).await.status, 200);

    // What is taken away with a scope is not counted any more.
    let path = format!("{APIS}/wide/scopes/{:0>128}?force=true", 999);
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(put(12).await.status, 200);
    let role = json!({"name": "r8", "access": scopes(1)});
    assert_eq!(admin.post(ROLES, role).await.status, 201);
    let group = json!({"name": "more", "roles": []});
    assert_eq!(admin.post(GROUPS, group).await.status, 201);
    let path = format!("{GROUPS}/more");
    let member = format!("{path}/members/nightly");
    assert_eq!(admin.put(&member, json!({})).await.status, 200);
    let refused = admin.patch(&path, json!({"roles": ["r8"]})).await;
    is_too_much(&refused, "the account `nightly`", (10, 8_005 * 131));
}

/// The grants whose stored size is not that of their scopes and keys.
const MISCOUNTED: &str = "SELECT holder_id FROM access_grant WHERE text_bytes <>
    (SELECT coalesce(sum(length(scope) + 3), 0) FROM access_scope
     WHERE access_scope.holder_id = access_grant.holder_id
       AND access_scope.position = access_grant.position)
    + (SELECT coalesce(sum(length(resource_key) + 3), 0) FROM access_resource
       WHERE access_resource.holder_id = access_grant.holder_id
         AND access_resource.position = access_grant.position)";

#[tokio::test]
async fn what_a_grant_counts_for_follows_what_it_loses() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read deploy:write").await;
    let admin = Administrator::first(&server).await;
    let access = json!([
        deploy(
            &["deploy:read", "deploy:write"],
            &json!(["APOLLO", "GEMINI"])
        ),
        deploy(&["deploy:write"], &json!("*")),
    ]);
    with_role(&admin, "deployer", &access).await;
    let narrowed = json!({"name": "narrow", "access": access});
    let path = format!("{NIGHTLY}/credentials");
    assert_eq!(admin.post(&path, narrowed).await.status, 201);
    let miscounted = async || server.rows(MISCOUNTED).await;
    assert_eq!(miscounted().await, Vec::<String>::new());
    let in_all = async || {
        let sum =
            "SELECT CAST(sum(text_bytes) AS TEXT) FROM access_grant WHERE role_id IS NOT NULL";
        server.rows(sum).await
    };
    assert_eq!(in_all().await, ["62"]);

    let path = format!("{APIS}/deploy/resources/project:APOLLO?force=true");
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(
        (miscounted().await, in_all().await),
        (vec![], vec!["53".to_owned()])
    );
    let path = format!("{APIS}/deploy/scopes/deploy:write?force=true");
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(
        (miscounted().await, in_all().await),
        (vec![], vec!["23".to_owned()])
    );
}

#[tokio::test]
async fn what_a_credential_is_narrowed_to_has_ten_grants_at_one_api() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let credentials = format!("{NIGHTLY}/credentials");
    let tokens = format!("{NIGHTLY}/api-tokens");
    for path in [&credentials, &tokens] {
        let make = async |name: &str, count: usize| {
            let body = json!({"name": name, "access": grants(count)});
            admin.post(path, body).await
        };
        assert_eq!(make("ten", 10).await.status, 201);
        assert_eq!(
            mistakes(&make("more", 11).await),
            [at("/access", "too_many")]
        );
    }
    let body = json!({"access": grants(11)});
    let refused = admin.patch(&format!("{credentials}/ten"), body).await;
    assert_eq!(mistakes(&refused), [at("/access", "too_many")]);
    let new = json!({"name": "weekly", "credential": {"name": "first", "access": grants(11)}});
    let refused = admin.post(ACCOUNTS, new).await;
    assert_eq!(mistakes(&refused), [at("/credential/access", "too_many")]);
}

//! What administrators do to their own account: nothing that gives them more, by any way.
//!
//! Contract, section 3, *Who*; security case 80. Others' accounts are in `hand_on`.

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::ostler;
use super::actors::refusal;

const OWN: &str = "/organizations/default/service-accounts/the-manager";

/// What the account of these tests may do, which is more than the first three.
const HELD: [&str; 5] = [
    "access:write",
    "accounts:write",
    "credentials:write",
    "keys:read",
    "organizations:write",
];

/// A call: what it is for, the method, the path and the body.
type Call = (&'static str, &'static str, String, Value);

fn forbidden() -> (u16, String) {
    (403, "forbidden".to_owned())
}

async fn changes(server: &TestServer) -> usize {
    let all = "SELECT id FROM audit_event WHERE result = 'success'";
    server.rows(all).await.len()
}

async fn carry_out(by: &Administrator, (_, method, path, body): &Call) -> Reply {
    by.call(method, path, Some(body).filter(|_| *method != "DELETE"))
        .await
}

/// An account with an end, and with credentials of which one is narrowed, one may be used from one
/// network only, and one is disabled.
async fn the_manager(server: &TestServer, admin: &Administrator) -> TestClient {
    let held = json!([ostler(&HELD, &json!(["default"]))]);
    let client = server.client_with("the-manager", held).await;
    let end = json!({"expires_at": "2027-01-01T00:00:00Z", "max_token_lifetime_seconds": 600});
    assert_eq!(admin.patch(OWN, end).await.status, 200);
    let little = json!([ostler(&["accounts:read"], &json!(["default"]))]);
    for body in [
        json!({"name": "narrow", "access": little}),
        json!({"name": "at-home", "allowed_networks": ["10.0.0.0/8"]}),
        json!({"name": "stopped"}),
    ] {
        let made = admin.post(&format!("{OWN}/credentials"), body).await;
        assert_eq!(made.status, 201, "{}", made.wire());
    }
    let stopped = format!("{OWN}/credentials/stopped/disable");
    assert_eq!(admin.act(&stopped).await.status, 200);
    client
}

/// The same account, by a token that holds less than it does.
async fn by_a_lesser_token(client: &TestClient) -> Administrator {
    let scopes = HELD[..3].join("+");
    let asked = format!("resource={ISSUER}&scope={scopes}");
    let token = client.ask(&asked).await.access_token();
    Administrator::of(client).await.with_token(&token)
}

/// Ways for an account to be able to do more than the token that is presented.
fn ways() -> Vec<Call> {
    let credentials = format!("{OWN}/credentials");
    let one = |name: &str| format!("{credentials}/{name}");
    let more = json!([ostler(&["accounts:read", "keys:read"], &json!(["default"]))]);
    vec![
        (
            "a credential",
            "POST",
            credentials.clone(),
            json!({"name": "mine"}),
        ),
        (
            "a credential that is narrowed to more",
            "POST",
            credentials.clone(),
            json!({"name": "more", "access": more}),
        ),
        (
            "an API token",
            "POST",
            format!("{OWN}/api-tokens"),
            json!({"name": "tool"}),
        ),
        (
            "an API token that is narrowed to more",
            "POST",
            format!("{OWN}/api-tokens"),
            json!({"name": "more", "access": more}),
        ),
        ("a new secret", "POST", one("first/rotate"), json!({})),
        ("enabling", "POST", one("stopped/enable"), json!({})),
        (
            "a wider narrowing",
            "PATCH",
            one("narrow"),
            json!({"access": more}),
        ),
        (
            "no narrowing",
            "PATCH",
            one("narrow"),
            json!({"access": null}),
        ),
        (
            "other networks",
            "PATCH",
            one("at-home"),
            json!({"allowed_networks": ["192.168.0.0/16"]}),
        ),
        (
            "any network",
            "PATCH",
            one("at-home"),
            json!({"allowed_networks": []}),
        ),
        (
            "another name",
            "PATCH",
            one("at-home"),
            json!({"name": "elsewhere"}),
        ),
        (
            "a later end",
            "PATCH",
            OWN.to_owned(),
            json!({"expires_at": "2028-01-01T00:00:00Z"}),
        ),
        (
            "no end",
            "PATCH",
            OWN.to_owned(),
            json!({"expires_at": null}),
        ),
        (
            "tokens that live longer",
            "PATCH",
            OWN.to_owned(),
            json!({"max_token_lifetime_seconds": null}),
        ),
    ]
}

// Security case 80: a token is not the whole account, and gets nothing of the rest out of it.
#[tokio::test]
async fn a_token_gets_no_more_for_its_own_account_than_it_holds() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let client = the_manager(&server, &admin).await;
    let lesser = by_a_lesser_token(&client).await;
    let before = changes(&server).await;
    for way in ways() {
        let refused = carry_out(&lesser, &way).await;
        assert_eq!(refusal(&refused), forbidden(), "{}", way.0);
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("keys:read"), "{}: {detail}", way.0);
    }
    assert_eq!(changes(&server).await, before);

    // Nothing but that stands in the way: a token of all that the account may do carries each out.
    let whole = Administrator::of(&client).await;
    for way in ways() {
        let done = carry_out(&whole, &way).await;
        assert!(done.status < 300, "{}: {}", way.0, done.wire());
    }
    assert_eq!(changes(&server).await, before + ways().len());
}

/// What no account changes of its own, whatever it may do: the call, and one that is the same for
/// another administrator.
fn own() -> Vec<Call> {
    let access = json!({"access": [ostler(&HELD[..1], &json!(["default"]))]});
    let put = |what, path: &str, body| (what, "PUT", format!("{OWN}/{path}"), body);
    let member = |group: &str| format!("{GROUPS}/{group}/members/the-manager");
    let nothing = || json!({});
    vec![
        put("less access", "access", access),
        put("no access", "access", json!({"access": []})),
        put("no role", "roles", json!({"roles": []})),
        put(
            "a role more",
            "roles",
            json!({"roles": ["of-mine", "spare"]}),
        ),
        ("coming into a group", "PUT", member("strangers"), nothing()),
        ("leaving a group", "DELETE", member("crew"), nothing()),
        ("coming back", "PUT", member("crew"), nothing()),
        (
            "less by a role",
            "PATCH",
            format!("{ROLES}/of-mine"),
            json!({"access": []}),
        ),
        (
            "less by a group's role",
            "PATCH",
            format!("{ROLES}/of-crew"),
            json!({"access": []}),
        ),
        (
            "a role of a group",
            "PATCH",
            format!("{GROUPS}/crew"),
            json!({"roles": ["of-crew", "spare"]}),
        ),
        ("no group", "DELETE", format!("{GROUPS}/crew"), nothing()),
        (
            "no role at all",
            "DELETE",
            format!("{ROLES}/of-mine?force=true"),
            nothing(),
        ),
        (
            "a larger quota",
            "PATCH",
            "/organizations/default".to_owned(),
            json!({"max_service_accounts": 1_000}),
        ),
        (
            "no quota",
            "PATCH",
            "/organizations/default".to_owned(),
            json!({"max_service_accounts": null}),
        ),
    ]
}

// Security case 80: with all that it holds, nobody changes what their own account holds, not even to
// less, nor how much their organization may have.
#[tokio::test]
async fn nobody_changes_the_access_roles_groups_or_quota_of_their_own() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let client = the_manager(&server, &admin).await;
    let mine = json!([ostler(&HELD, &json!(["default"]))]);
    for (name, access) in [
        ("of-mine", &mine),
        ("of-crew", &mine),
        ("spare", &json!([])),
    ] {
        let role = json!({"name": name, "access": access});
        assert_eq!(admin.post(ROLES, role).await.status, 201);
    }
    for (name, role) in [("crew", "of-crew"), ("strangers", "spare")] {
        let group = json!({"name": name, "roles": [role]});
        assert_eq!(admin.post(GROUPS, group).await.status, 201);
    }
    let roles = json!({"roles": ["of-mine"]});
    assert_eq!(admin.put(&format!("{OWN}/roles"), roles).await.status, 200);
    let crew = format!("{GROUPS}/crew/members/the-manager");
    assert_eq!(admin.put(&crew, json!({})).await.status, 200);
    let quota = json!({"max_service_accounts": 5});
    assert_eq!(
        admin.patch("/organizations/default", quota).await.status,
        200
    );

    let whole = Administrator::of(&client).await;
    let before = changes(&server).await;
    for call in own() {
        let refused = carry_out(&whole, &call).await;
        assert_eq!(refusal(&refused), forbidden(), "{}", call.0);
    }
    assert_eq!(changes(&server).await, before);
    // Another administrator makes each of these changes.
    for call in own() {
        let done = carry_out(&admin, &call).await;
        assert!(done.status < 300, "{}: {}", call.0, done.wire());
    }
    assert_eq!(changes(&server).await, before + own().len());
}

#[tokio::test]
async fn the_refusal_says_that_it_is_their_own() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    let own = format!("{ACCOUNTS}/administrator/roles");
    let refused = admin.put(&own, json!({"roles": ["auditor"]})).await;
    assert_eq!(refusal(&refused), forbidden());
    assert_snapshot!(
        refused.json()["detail"].as_str().unwrap(),
        @"nobody edits the access, roles or groups of their own account"
    );
}

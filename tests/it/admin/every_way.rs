//! What the create of a thing refuses, is got by no other way: not by another route, and not by having
//! made something harmless before.
//!
//! Security cases 81 and 82. `same_rules` has the members that an edit and its create have in common;
//! here is what leads elsewhere: access, roles and members have routes of their own, and a secret that
//! a create does not make, a rotation may not make either.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::deploy;
use super::actors::ostler;
use super::actors::refusal;
use super::authority::ROUTES;
use super::same_rules::judgement;

const MIGHTY: &str = "/organizations/default/service-accounts/mighty-one";
const NIGHTLY: &str = "/organizations/default/service-accounts/nightly";

/// What the administrators of these tests hold.
const HELD: [&str; 3] = ["access:write", "accounts:write", "credentials:write"];

/// A way to one thing: the method, the route, and the path.
type Way = (&'static str, &'static str, String);

/// The first administrator has made the harmless things, and this one tries to turn them into others.
struct Stage {
    server: TestServer,
    admin: Administrator,
    manager: Administrator,
}

impl Stage {
    async fn new() -> Self {
        let server = TestServer::start().await;
        server.client("nightly", "deploy:read").await;
        let admin = Administrator::first(&server).await;
        let manager = json!([ostler(&HELD, &json!(["default"]))]);
        let manager = Administrator::with(&server, "account-manager", manager).await;
        // It holds more than the manager, and has two credentials that may do nothing.
        let more = json!([ostler(&["keys:write", "audit:read"], &json!("*"))]);
        let reader = json!([deploy(&["deploy:read"], &json!("*"))]);
        let beyond = json!([ostler(&["audit:read"], &json!(["default"]))]);
        for (path, body) in [
            (
                ACCOUNTS.to_owned(),
                json!({"name": "mighty-one", "access": more}),
            ),
            (
                format!("{MIGHTY}/credentials"),
                json!({"name": "little", "access": []}),
            ),
            (
                ROLES.to_owned(),
                json!({"name": "reader", "access": reader}),
            ),
            (
                ROLES.to_owned(),
                json!({"name": "beyond", "access": beyond}),
            ),
            (
                GROUPS.to_owned(),
                json!({"name": "crew", "roles": ["reader"]}),
            ),
            (
                GROUPS.to_owned(),
                json!({"name": "reviewers", "roles": ["beyond"]}),
            ),
            (
                GROUPS.to_owned(),
                json!({"name": "auditors", "roles": ["auditor"]}),
            ),
            (
                GROUPS.to_owned(),
                json!({"name": "owners", "roles": ["owner"]}),
            ),
        ] {
            let made = admin.post(&path, body).await;
            assert_eq!(made.status, 201, "{path}: {}", made.wire());
        }
        Self {
            server,
            admin,
            manager,
        }
    }

    async fn changes(&self) -> usize {
        let all = "SELECT id FROM audit_event WHERE result = 'success'";
        self.server.rows(all).await.len()
    }

    async fn by_way(&self, way: &Way, member: &str, value: &Value) -> Reply {
        let (method, route, path) = way;
        let mut body = json!({member: value});
        if *method == "POST" {
            body["name"] = json!("another-one");
        }
        assert!(
            ROUTES
                .iter()
                .any(|known| (known.0, known.1) == (*method, *route)),
            "{method} {route}"
        );
        self.manager.call(method, path, Some(&body)).await
    }
}

/// Every way to the access of something.
fn ways_to_access() -> Vec<Way> {
    vec![
        (
            "PUT",
            "/organizations/{org}/service-accounts/{account}/access",
            format!("{NIGHTLY}/access"),
        ),
        ("POST", "/organizations/{org}/roles", ROLES.to_owned()),
        (
            "PATCH",
            "/organizations/{org}/roles/{role}",
            format!("{ROLES}/reader"),
        ),
        (
            "POST",
            "/organizations/{org}/service-accounts/{account}/credentials",
            format!("{MIGHTY}/credentials"),
        ),
        (
            "PATCH",
            "/organizations/{org}/service-accounts/{account}/credentials/{credential}",
            format!("{MIGHTY}/credentials/little"),
        ),
        (
            "POST",
            "/organizations/{org}/service-accounts/{account}/api-tokens",
            format!("{MIGHTY}/api-tokens"),
        ),
    ]
}

/// Access that nobody gets from the manager, or nobody at all.
fn refused_access() -> Vec<Value> {
    let of = |scopes: Value, resources: Value| json!([{"api": "deploy", "scopes": scopes, "resources": resources}]);
    vec![
        // More of `ostler` than is held.
        json!([ostler(&["keys:write"], &json!("*"))]),
        json!([ostler(&["audit:read"], &json!(["default"]))]),
        json!([
            deploy(&["deploy:read"], &json!("*")),
            ostler(&["audit:read"], &json!(["default"])),
        ]),
        // What there is not.
        json!([{"api": "nothing", "scopes": ["deploy:read"], "resources": {}}]),
        of(json!(["deploy:raed"]), json!({"project": "*"})),
        of(json!(["deploy:read"]), json!({"project": ["PLUTO"]})),
        of(
            json!(["deploy:read"]),
            json!({"project": "*", "space": "*"}),
        ),
        json!([ostler(&["everything"], &json!(["default"]))]),
        json!([ostler(&["accounts:read"], &json!(["another-one"]))]),
        // *All* that is not said.
        of(json!(["deploy:read"]), json!({})),
        of(json!(["deploy:read"]), json!({"project": ["*"]})),
        of(json!([]), json!({"project": "*"})),
        // What is no list of grants, and more of it than one has.
        json!("*"),
        json!([{"api": "deploy", "scopes": ["deploy:read"], "resources": {"project": "*"}, "x": 1}]),
        std::iter::repeat_n(deploy(&["deploy:read"], &json!("*")), 101).collect(),
    ]
}

/// How an account is made.
fn create() -> Way {
    (
        "POST",
        "/organizations/{org}/service-accounts",
        ACCOUNTS.to_owned(),
    )
}

#[tokio::test]
async fn access_that_no_account_is_made_with_is_got_by_no_other_way() {
    let stage = Stage::new().await;
    let create = create();
    let before = stage.changes().await;
    for access in refused_access() {
        let refused = stage.by_way(&create, "access", &access).await;
        let expected = (refusal(&refused), judgement(&refused));
        for way in ways_to_access() {
            let reply = stage.by_way(&way, "access", &access).await;
            let found = (refusal(&reply), judgement(&reply));
            assert_eq!(found, expected, "{} {}: {access}", way.0, way.1);
        }
    }
    assert_eq!(stage.changes().await, before);
    // What is no more than the manager holds is given by each.
    let allowed = json!([ostler(&["accounts:read"], &json!(["default"]))]);
    for way in ways_to_access() {
        let reply = stage.by_way(&way, "access", &allowed).await;
        // Of a narrowing only what the account holds is left.
        assert!(reply.status < 300, "{} {}: {}", way.0, way.1, reply.wire());
    }
}

/// Every way to roles; one that leads to a member says nothing, for there the group has said it.
fn ways_to_roles() -> Vec<Way> {
    vec![
        (
            "PUT",
            "/organizations/{org}/service-accounts/{account}/roles",
            format!("{NIGHTLY}/roles"),
        ),
        ("POST", "/organizations/{org}/groups", GROUPS.to_owned()),
        (
            "PATCH",
            "/organizations/{org}/groups/{group}",
            format!("{GROUPS}/crew"),
        ),
    ]
}

#[tokio::test]
async fn roles_that_no_account_is_made_with_are_got_by_no_other_way() {
    let stage = Stage::new().await;
    let create = create();
    let before = stage.changes().await;
    let too_many: Value = std::iter::repeat_n(json!("reader"), 101).collect();
    for roles in [
        json!(["owner"]),
        json!(["auditor"]),
        json!(["beyond"]),
        json!(["reader", "beyond"]),
        json!(["nobody"]),
        json!(["role_7zzzzzzzzzzzzzzzzzzzzzzzzz"]),
        json!("owner"),
        json!([null]),
        too_many,
    ] {
        let refused = stage.by_way(&create, "roles", &roles).await;
        let expected = judgement(&refused);
        for way in ways_to_roles() {
            let reply = stage.by_way(&way, "roles", &roles).await;
            let at = format!("{} {}: {roles}", way.0, way.1);
            assert_eq!(judgement(&reply), expected, "{at}");
            assert_eq!(refusal(&reply), refusal(&refused), "{at}");
        }
    }
    // By a group whose roles the manager could not have given.
    let beyond = stage.by_way(&create, "roles", &json!(["beyond"])).await;
    for group in ["reviewers", "auditors", "owners"] {
        let member = format!("{GROUPS}/{group}/members/nightly");
        let reply = stage.manager.put(&member, json!({})).await;
        assert_eq!(refusal(&reply), refusal(&beyond), "{group}");
    }
    // By a role that is harmless when it is given, and is made another one then.
    let given = json!({"roles": ["reader"]});
    let put = stage.manager.put(&format!("{NIGHTLY}/roles"), given).await;
    assert_eq!(put.status, 200, "{}", put.wire());
    let more = json!({"access": [ostler(&["audit:read"], &json!(["default"]))]});
    let reply = stage.manager.patch(&format!("{ROLES}/reader"), more).await;
    assert_eq!(refusal(&reply), refusal(&beyond));
    assert_eq!(stage.changes().await, before + 1);
}

// An organization in which every secret has an end.
#[tokio::test]
async fn a_secret_that_no_create_makes_is_made_by_no_rotation() {
    let stage = Stage::new().await;
    let policy = json!({"policy": {"allow_never_expires": false}});
    let edited = stage.admin.patch("/organizations/default", policy).await;
    assert_eq!(edited.status, 200, "{}", edited.wire());
    let before = stage.changes().await;
    let of_deploy = json!([deploy(&["deploy:read"], &json!("*"))]);
    let mut judged = BTreeSet::new();
    for lifetime in [
        json!(null),
        json!(0),
        json!(-1),
        json!(1.5),
        json!("30d"),
        json!(u64::MAX),
    ] {
        let create =
            json!({"name": "another", "access": of_deploy, "expires_in_seconds": lifetime});
        let created = stage
            .manager
            .post(&format!("{NIGHTLY}/credentials"), create)
            .await;
        let rotate = json!({"expires_in_seconds": lifetime});
        let path = format!("{NIGHTLY}/credentials/first/rotate");
        let rotated = stage.manager.post(&path, rotate).await;
        assert_eq!(judgement(&rotated), judgement(&created), "{lifetime}");
        let inline = json!({
            "name": "another-one",
            "credential": {"name": "first", "expires_in_seconds": lifetime},
        });
        let inline = stage.manager.post(ACCOUNTS, inline).await;
        let inline = judgement(&inline);
        let (status, errors) = judgement(&created);
        let below = |(pointer, code): &(Value, Value)| {
            (
                json!(format!("/credential{}", pointer.as_str().unwrap())),
                code.clone(),
            )
        };
        assert_eq!(
            inline,
            (status, errors.iter().map(below).collect()),
            "{lifetime}"
        );
        assert_eq!(status, 400, "{lifetime}");
        judged.extend(errors.iter().map(|(_, code)| code.to_string()));
    }
    assert!(judged.len() > 1, "{judged:?}");
    assert_eq!(stage.changes().await, before);
}

// Contract, section 3: what a thing is belongs to how it was made. An edit makes no other kind of it.
#[tokio::test]
async fn what_is_said_at_the_create_alone_is_not_edited() {
    let stage = Stage::new().await;
    let before = stage.changes().await;
    for (path, members) in [
        (
            "/organizations/default".to_owned(),
            vec!["name", "status", "service_account_count"],
        ),
        (
            NIGHTLY.to_owned(),
            vec![
                "access",
                "roles",
                "credential",
                "email",
                "status",
                "organization",
            ],
        ),
        (
            format!("{NIGHTLY}/credentials/first"),
            vec![
                "kind",
                "client_id",
                "expires_in_seconds",
                "expires_at",
                "secrets",
                "account",
            ],
        ),
        (
            "/organizations/default/apis/deploy".to_owned(),
            vec!["name", "audience", "scopes"],
        ),
        (
            "/organizations/default/apis/deploy/resources/project:APOLLO".to_owned(),
            vec!["type", "key"],
        ),
        (format!("{ROLES}/reader"), vec!["name", "id"]),
        (
            format!("{GROUPS}/crew"),
            vec!["name", "members", "member_count"],
        ),
    ] {
        for member in members {
            let edit = json!({member: "client_secret"});
            let reply = stage.admin.patch(&path, edit).await;
            let (status, errors) = judgement(&reply);
            let codes: Vec<_> = errors
                .iter()
                .map(|(_, code)| code.as_str().unwrap())
                .collect();
            assert_eq!(status, 400, "{path} {member}: {}", reply.wire());
            assert!(
                codes == ["read_only"] || codes == ["unknown_field"],
                "{path} {member}: {codes:?}"
            );
            assert_eq!(errors[0].0, format!("/{member}"));
        }
    }
    assert_eq!(stage.changes().await, before);
}

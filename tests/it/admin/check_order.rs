//! A call with several things wrong is refused for the first of them.
//!
//! Contract, section 3, *Who*: 401, organization not visible 404, 403, unknown id 404, 400, 412 or 409.

use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::ostler;
use super::actors::refusal;

/// A version that nothing has.
const STALE: (&str, &str) = ("If-Match", "\"x-1\"");

/// A change, with bodies that ask for too much and bodies that are mistaken.
struct Case {
    method: &'static str,
    path: String,
    beyond: Vec<Value>,
    mistaken: Vec<Value>,
}

fn cases() -> Vec<Case> {
    let nightly = format!("{ACCOUNTS}/nightly");
    let first = format!("{nightly}/credentials/first");
    let beyond = json!({"access": [ostler(&["keys:write"], &json!("*"))]});
    let unknown = json!({"access": [{"api": "nothing", "scopes": ["x"], "resources": {}}]});
    let (owner, nobody) = (json!({"roles": ["owner"]}), json!({"roles": ["x"]}));
    let case = |method, path: &str, beyond: &[&Value], mistaken: &Value| Case {
        method,
        path: path.to_owned(),
        beyond: beyond.iter().copied().cloned().collect(),
        mistaken: vec![mistaken.clone(), json!({"x": 1})],
    };
    vec![
        case("PUT", &format!("{nightly}/access"), &[&beyond], &unknown),
        case("PUT", &format!("{nightly}/roles"), &[&owner], &nobody),
        case(
            "PATCH",
            &nightly,
            &[],
            &json!({"max_token_lifetime_seconds": 9_999}),
        ),
        case("PATCH", &first, &[], &unknown),
        case(
            "POST",
            &format!("{first}/rotate"),
            &[],
            &json!({"expires_in_seconds": null}),
        ),
        case("PATCH", &format!("{ROLES}/crew"), &[&beyond], &unknown),
        case("PATCH", &format!("{GROUPS}/crew"), &[&owner], &nobody),
        case("PATCH", &format!("{ROLES}/owner"), &[&beyond], &unknown),
    ]
}

#[tokio::test]
async fn each_thing_that_is_wrong_comes_before_the_version() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let scopes = ["access:write", "credentials:write", "accounts:write"];
    let lesser = json!([ostler(&scopes, &json!(["default"]))]);
    let lesser = Administrator::with(&server, "a-manager", lesser).await;
    admin.post(ROLES, json!({"name": "crew"})).await;
    admin.post(GROUPS, json!({"name": "crew"})).await;
    let policy = json!({"policy": {"allow_never_expires": false}});
    admin.patch("/organizations/default", policy).await;

    for case in cases() {
        let (method, path) = (case.method, &case.path);
        for body in &case.beyond {
            let reply = lesser.call_with(STALE, method, path, Some(body)).await;
            let expected = (403, "forbidden".to_owned());
            assert_eq!(refusal(&reply), expected, "{method} {path} {body}");
        }
        let nowhere = path.replace("/nightly", "/nobody-here");
        let nowhere = nowhere.replace("/crew", "/none").replace("/owner", "/none");
        for body in &case.mistaken {
            let reply = admin.call_with(STALE, method, path, Some(body)).await;
            let expected = (400, "validation_failed".to_owned());
            assert_eq!(refusal(&reply), expected, "{method} {path} {body}");
            let reply = admin.call_with(STALE, method, &nowhere, Some(body)).await;
            let expected = (404, "not_found".to_owned());
            assert_eq!(refusal(&reply), expected, "{method} {nowhere} {body}");
        }
    }
    // With nothing else wrong, it is the version, or what stands against the change.
    let right = json!({"access": []});
    let access = format!("{ACCOUNTS}/nightly/access");
    let reply = admin.call_with(STALE, "PUT", &access, Some(&right)).await;
    assert_eq!(refusal(&reply), (412, "precondition_failed".to_owned()));
    let reply = admin.patch(&format!("{ROLES}/owner"), right).await;
    assert_eq!(refusal(&reply), (409, "wrong_state".to_owned()));
}

#[tokio::test]
async fn what_a_path_or_a_query_names_is_looked_up_before_the_rest_is_read() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    admin.post(GROUPS, json!({"name": "crew"})).await;
    let not_found = (404, "not_found".to_owned());
    let refused = (400, "validation_failed".to_owned());

    let member = format!("{GROUPS}/crew/members/nightly");
    let malformed = json!({"x": 1});
    let reply = admin.call("DELETE", &member, Some(&malformed)).await;
    assert_eq!(refusal(&reply), not_found);
    admin.put(&member, json!({})).await;
    let reply = admin.call("DELETE", &member, Some(&malformed)).await;
    assert_eq!(refusal(&reply), refused);

    let access = json!([ostler(&["accounts:read"], &json!(["default"]))]);
    let reader = Administrator::with(&server, "a-reader", access).await;
    admin.post("/organizations", json!({"name": "acme"})).await;
    for wrong in ["limit=0", "kind=x", "lmit=1", "cursor=x"] {
        for (caller, unseen) in [(&admin, "nowhere"), (&reader, "acme")] {
            let path = format!("/findings?organization={unseen}&{wrong}");
            assert_eq!(refusal(&caller.get(&path).await), not_found, "{path}");
        }
        let path = format!("/findings?organization=default&{wrong}");
        assert_eq!(refusal(&reader.get(&path).await), refused, "{path}");
    }
}

#[tokio::test]
async fn what_takes_more_than_the_route_is_refused_before_a_mistake_is_told() {
    let server = TestServer::start().await;
    let manager = json!([ostler(&["accounts:write"], &json!(["default"]))]);
    let manager = Administrator::with(&server, "a-manager", manager).await;
    let editor = json!([ostler(&["organizations:write"], &json!(["default"]))]);
    let editor = Administrator::with(&server, "an-editor", editor).await;
    let forbidden = (403, "forbidden".to_owned());
    let refused = (400, "validation_failed".to_owned());
    for (member, right, wrong) in [
        ("access", json!([]), json!("all of it")),
        (
            "access",
            json!([]),
            json!([{"api": "nothing", "scopes": ["x"], "resources": {}}]),
        ),
        ("roles", json!(["auditor"]), json!([1])),
        (
            "credential",
            json!({"name": "first"}),
            json!({"nmae": "first"}),
        ),
    ] {
        for value in [&right, &wrong] {
            for (name, more) in [
                ("nightly", json!({})),
                ("no", json!({})),
                ("nightly", json!({"x": 1})),
            ] {
                let mut body = more;
                body["name"] = json!(name);
                body[member] = value.clone();
                let reply = manager.post(ACCOUNTS, body.clone()).await;
                assert_eq!(refusal(&reply), forbidden, "{body}");
            }
        }
        // What is not there, or is `null`, is not asked for.
        let body = json!({"name": "no", member: null});
        assert_eq!(refusal(&manager.post(ACCOUNTS, body).await), refused);
    }
    for body in ["{\"access\": []", "[]", "\"access\""] {
        let reply = manager.send("POST", ACCOUNTS, body).await;
        assert_eq!(refusal(&reply), refused, "{body}");
    }

    let organization = "/organizations/default";
    for quota in [json!(5), json!(null), json!("five")] {
        for more in [json!({}), json!({"policy": "none"})] {
            let mut body = more;
            body["max_service_accounts"] = quota.clone();
            let reply = editor.patch(organization, body.clone()).await;
            assert_eq!(refusal(&reply), forbidden, "{body}");
        }
    }
    let reply = editor.patch(organization, json!({"policy": "none"})).await;
    assert_eq!(refusal(&reply), refused);
}

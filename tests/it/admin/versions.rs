//! `ETag` and `If-Match`: a change of the version that its maker saw, or no change.
//!
//! Contract, section 3, *Concurrency*; RFC 9110 §13.1.1 and §8.8.3.

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::Reply;
use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::at;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::refusal;
use super::actors::shown;

const NIGHTLY: &str = "/organizations/default/service-accounts/nightly";
const FIRST: &str = "/organizations/default/service-accounts/nightly/credentials/first";

/// The version of an answer.
fn etag(reply: &Reply) -> String {
    let tag = reply
        .header("etag")
        .unwrap_or_else(|| panic!("{}", reply.wire()));
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    assert!(inner.is_some_and(|tag| !tag.contains('"')), "{tag}");
    tag.to_owned()
}

impl Administrator {
    async fn etag_of(&self, path: &str) -> String {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.wire());
        etag(&reply)
    }

    async fn matching(&self, tag: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        self.call_with(("If-Match", tag), method, path, body).await
    }
}

#[tokio::test]
async fn every_answer_about_one_thing_tells_its_version() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    for path in [
        "/organizations/default",
        NIGHTLY,
        &format!("{NIGHTLY}/access"),
        &format!("{NIGHTLY}/roles"),
        FIRST,
        "/organizations/default/roles/auditor",
        "/organizations/default/apis/deploy",
        "/organizations/default/apis/deploy/scopes/deploy:read",
        "/organizations/default/apis/deploy/resources/project:APOLLO",
    ] {
        admin.etag_of(path).await;
    }
    // What a change answers is the version that is found from then on.
    for (path, body) in [
        (
            "/organizations/default/service-accounts",
            json!({"name": "weekly", "roles": ["auditor"], "access": [deploy(&["deploy:read"], &json!("*"))]}),
        ),
        ("/organizations", json!({"name": "acme"})),
        (
            "/organizations/default/service-accounts/nightly/credentials",
            json!({"name": "second", "access": [deploy(&["deploy:read"], &json!("*"))]}),
        ),
        (
            "/organizations/default/apis",
            json!({"name": "wiki", "audience": "https://wiki.example.com", "scopes": [{"name": "read"}]}),
        ),
        (
            "/organizations/default/apis/deploy/scopes",
            json!({"name": "more"}),
        ),
        (
            "/organizations/default/roles",
            json!({"name": "reader", "access": [deploy(&["deploy:read"], &json!("*"))]}),
        ),
        (
            "/organizations/default/groups",
            json!({"name": "crew", "roles": ["auditor"]}),
        ),
        (
            "/organizations/default/service-accounts/nightly/api-tokens",
            json!({"name": "tool"}),
        ),
    ] {
        let made = admin.post(path, body).await;
        assert_eq!(made.status, 201, "{}", made.wire());
        let name = made.json()["name"].as_str().unwrap().to_owned();
        assert_eq!(admin.etag_of(&format!("{path}/{name}")).await, etag(&made));
    }
    for (method, path, shown_at) in [
        ("POST", format!("{FIRST}/rotate"), FIRST),
        ("POST", format!("{FIRST}/revoke"), FIRST),
        ("POST", format!("{NIGHTLY}/disable"), NIGHTLY),
        ("POST", format!("{NIGHTLY}/enable"), NIGHTLY),
    ] {
        let before = admin.etag_of(shown_at).await;
        let reply = admin.call(method, &path, None).await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        assert_ne!(etag(&reply), before, "{path}");
        assert_eq!(admin.etag_of(shown_at).await, etag(&reply), "{path}");
    }
    for (path, body) in [
        (format!("{NIGHTLY}/access"), json!({"access": []})),
        (format!("{NIGHTLY}/roles"), json!({"roles": ["auditor"]})),
    ] {
        let before = admin.etag_of(NIGHTLY).await;
        let reply = admin.put(&path, body.clone()).await;
        assert_ne!(etag(&reply), before, "{path}");
        for shown_at in [NIGHTLY, path.as_str()] {
            assert_eq!(admin.etag_of(shown_at).await, etag(&reply), "{path}");
        }
        // What changes nothing raises nothing.
        let again = admin.put(&path, body).await;
        assert_eq!(etag(&again), etag(&reply), "{path}");
    }
}

// Each of these changes what a role or a group does, and some of them nothing that is shown of it.
#[tokio::test]
async fn whatever_changes_a_role_a_group_or_a_member_raises_its_version() {
    let server = TestServer::start().await;
    for name in ["nightly", "weekly"] {
        server.client(name, "deploy:read").await;
    }
    let admin = Administrator::first(&server).await;
    let (roles, groups) = (
        "/organizations/default/roles",
        "/organizations/default/groups",
    );
    let (role, group) = (&format!("{roles}/reader"), &format!("{groups}/crew"));
    let access = json!([deploy(&["deploy:read", "deploy:write"], &json!(["APOLLO"]))]);
    admin
        .post(roles, json!({"name": "reader", "access": access}))
        .await;
    admin
        .post(groups, json!({"name": "crew", "roles": ["reader"]}))
        .await;
    let members = format!("{group}/members");
    let apis = "/organizations/default/apis/deploy";
    let nightly = &NIGHTLY.to_owned();
    for (method, path, body, raised) in [
        ("PUT", format!("{members}/nightly"), None, group),
        ("DELETE", format!("{members}/nightly"), None, group),
        ("PUT", format!("{members}/nightly"), None, nightly),
        ("DELETE", format!("{members}/nightly"), None, nightly),
        ("PUT", format!("{members}/weekly"), None, group),
        ("PATCH", group.clone(), Some(json!({"roles": []})), group),
        (
            "PATCH",
            role.clone(),
            Some(json!({"description": "words"})),
            role,
        ),
        (
            "DELETE",
            format!("{apis}/scopes/deploy:write?force=true"),
            None,
            role,
        ),
        (
            "DELETE",
            format!("{apis}/resources/project:APOLLO?force=true"),
            None,
            role,
        ),
        ("PATCH", role.clone(), Some(json!({"access": []})), role),
        (
            "PATCH",
            group.clone(),
            Some(json!({"roles": ["reader"]})),
            group,
        ),
        ("DELETE", format!("{role}?force=true"), None, group),
        (
            "DELETE",
            "/organizations/default/service-accounts/weekly".to_owned(),
            None,
            group,
        ),
    ] {
        let before = admin.etag_of(raised).await;
        let reply = admin.call(method, &path, body.as_ref()).await;
        assert!(reply.status < 300, "{path}: {}", reply.wire());
        assert_ne!(admin.etag_of(raised).await, before, "{method} {path}");
    }
    // What changes nothing raises nothing.
    let before = admin.etag_of(group).await;
    let same = admin.patch(group, json!({"roles": []})).await;
    assert_eq!(etag(&same), before);
}

// Every grant of an API is shown with each of its types, whether it says anything of that or not.
#[tokio::test]
async fn a_type_more_or_less_of_an_api_raises_the_version_of_all_who_are_granted_some_of_it() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let access = json!([deploy(&["deploy:read"], &json!(["APOLLO"]))]);
    let (role, other) = (
        "/organizations/default/roles/reader",
        "/organizations/default/roles/other",
    );
    let roles = "/organizations/default/roles";
    let reader = json!({"name": "reader", "access": access});
    admin.post(roles, reader).await;
    admin.post(roles, json!({"name": "other"})).await;
    admin.patch(FIRST, json!({"access": access})).await;
    let tokens = format!("{NIGHTLY}/api-tokens");
    admin
        .post(&tokens, json!({"name": "tool", "access": access}))
        .await;
    let tool = &format!("{tokens}/tool");
    let api = "/organizations/default/apis/deploy";
    let holders = [NIGHTLY, FIRST, role, tool];
    let seen = async || {
        let mut seen = Vec::new();
        for path in holders {
            let shown = admin.get(path).await;
            seen.push((etag(&shown), shown.json()["access"].clone()));
        }
        seen
    };
    let unconcerned = admin.etag_of(other).await;
    for types in [json!(["project", "space"]), json!(["project"])] {
        let before = seen().await;
        let edit = json!({"resource_types": types});
        let edited = admin.patch(api, edit.clone()).await;
        assert_eq!(edited.status, 200, "{}", edited.wire());
        let after = seen().await;
        for ((before, after), path) in before.iter().zip(&after).zip(holders) {
            assert_ne!(before.1, after.1, "{path} shows {types}");
            assert_ne!(before.0, after.0, "{path} has another version with {types}");
        }
        // What changes no type is nothing to them.
        admin.patch(api, edit).await;
        let typ = json!({"token": {"lifetime_seconds": 60}});
        admin.patch(api, typ).await;
        let cleared = json!({"token": null});
        admin.patch(api, cleared).await;
        assert_eq!(seen().await, after);
    }
    assert_eq!(admin.etag_of(other).await, unconcerned);
}

// A scope never changes, and what was made anew is another thing.
#[tokio::test]
async fn a_scope_that_is_made_anew_has_another_version() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let scopes = "/organizations/default/apis/deploy/scopes";
    let first = admin.post(scopes, json!({"name": "more"})).await;
    admin.delete(&format!("{scopes}/more")).await;
    let second = admin.post(scopes, json!({"name": "more"})).await;
    assert_ne!(etag(&first), etag(&second));
}

#[tokio::test]
async fn use_changes_no_version() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let before = (admin.etag_of(NIGHTLY).await, admin.etag_of(FIRST).await);
    client.token("").await;
    server.app.usage.flush_to_store().await.unwrap();
    let after = admin.get(NIGHTLY).await;
    assert!(after.json()["last_used_at"].is_string());
    assert_eq!(before, (etag(&after), admin.etag_of(FIRST).await));
}

#[tokio::test]
async fn a_change_of_another_version_is_refused_and_changes_nothing() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let token = client.token("").await;
    let stale = (admin.etag_of(NIGHTLY).await, admin.etag_of(FIRST).await);
    admin
        .put(&format!("{NIGHTLY}/roles"), json!({"roles": ["auditor"]}))
        .await;
    admin.post(&format!("{FIRST}/rotate"), json!({})).await;
    let now = (
        admin.get(NIGHTLY).await.json(),
        admin.get(FIRST).await.json(),
    );

    let refused = admin.matching(&stale.0, "DELETE", NIGHTLY, None).await;
    assert_snapshot!(shown(&refused), @r#"
    412 Precondition Failed
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "type": "about:blank",
      "title": "Precondition Failed",
      "status": 412,
      "detail": "this is not the version that `If-Match` names: read it again, and send the `ETag` of that answer",
      "code": "precondition_failed",
      "request_id": "req_...",
      "errors": []
    }
    "#);
    let (access, roles) = (json!({"access": []}), json!({"roles": []}));
    for (tag, method, path, body) in [
        (&stale.0, "POST", format!("{NIGHTLY}/disable"), None),
        (&stale.0, "POST", format!("{NIGHTLY}/enable"), None),
        (&stale.0, "PUT", format!("{NIGHTLY}/access"), Some(&access)),
        (
            &stale.0,
            "PUT",
            format!("{NIGHTLY}/access?dry_run=true"),
            Some(&access),
        ),
        (&stale.0, "PUT", format!("{NIGHTLY}/roles"), Some(&roles)),
        (&stale.1, "POST", format!("{FIRST}/revoke"), None),
        (&stale.1, "POST", format!("{FIRST}/rotate"), None),
        (&stale.1, "DELETE", FIRST.to_owned(), None),
        // What has no version yet is none of these either.
        (
            &stale.0,
            "POST",
            ACCOUNTS.to_owned(),
            Some(&json!({"name": "weekly"})),
        ),
    ] {
        for tag in [tag.clone(), format!("W/{tag}"), "\"x\"".to_owned()] {
            let refused = admin.matching(&tag, method, &path, body).await;
            assert_eq!(
                refusal(&refused),
                (412, "precondition_failed".into()),
                "{method} {path}"
            );
        }
    }
    assert_eq!(
        now,
        (
            admin.get(NIGHTLY).await.json(),
            admin.get(FIRST).await.json()
        )
    );
    assert!(client.sees_active(&token).await);
}

#[tokio::test]
async fn a_change_of_the_version_that_is_there_is_made() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    for (path, method, body) in [
        (NIGHTLY, "POST", "/disable"),
        (NIGHTLY, "POST", "/enable"),
        (FIRST, "POST", "/rotate"),
        (FIRST, "POST", "/revoke"),
    ] {
        let tag = admin.etag_of(path).await;
        let listed = format!("\"other\", {tag}");
        let target = format!("{path}{body}");
        let reply = admin.matching(&listed, method, &target, None).await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.wire());
    }
    let any = admin
        .matching("*", "POST", &format!("{NIGHTLY}/disable"), None)
        .await;
    assert_eq!(any.status, 200);
    let made = json!({"name": "weekly"});
    assert_eq!(
        admin
            .matching("*", "POST", ACCOUNTS, Some(&made))
            .await
            .status,
        201
    );
    let tag = admin.etag_of(NIGHTLY).await;
    assert_eq!(
        admin.matching(&tag, "DELETE", NIGHTLY, None).await.status,
        204
    );

    // A name that has come to mean another thing is another thing.
    server.client("nightly", "deploy:read").await;
    let fresh = admin.etag_of(NIGHTLY).await;
    assert_ne!(
        fresh.rsplit_once('-').unwrap().0,
        tag.rsplit_once('-').unwrap().0
    );
}

// The order of the contract: unknown, mistaken, then another version.
#[tokio::test]
async fn what_is_unknown_or_mistaken_is_told_before_the_version() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let unknown = format!("{ACCOUNTS}/unknown-job/disable");
    let reply = admin.matching("\"x\"", "POST", &unknown, None).await;
    assert_eq!(refusal(&reply), (404, "not_found".into()));
    let wrong = json!({"wrong": 1});
    let disable = format!("{NIGHTLY}/disable");
    let reply = admin
        .matching("\"x\"", "POST", &disable, Some(&wrong))
        .await;
    assert_eq!(mistakes(&reply), [at("/wrong", "unknown_field")]);

    for bad in ["", "x", "\"x", "\"a\" \"b\"", "*, \"a\""] {
        let reply = admin.matching(bad, "POST", &disable, None).await;
        assert_eq!(mistakes(&reply), [at("", "invalid_header")], "{bad}");
        let reply = admin.matching(bad, "POST", &unknown, None).await;
        assert_eq!(reply.status, 404);
    }
    assert_eq!(admin.get(NIGHTLY).await.json()["status"], "active");
}

#[tokio::test]
async fn of_many_changes_of_one_version_one_is_made() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let tag = admin.etag_of(FIRST).await;
    let mut changes = JoinSet::new();
    for _ in 0..10 {
        let (admin, tag) = (admin.clone(), tag.clone());
        changes.spawn(async move {
            let rotate = format!("{FIRST}/rotate");
            let end_overlap = json!({"end_overlap": true});
            let reply = admin.matching(&tag, "POST", &rotate, Some(&end_overlap));
            reply.await.status
        });
    }
    let mut statuses = changes.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(
        statuses[1..].iter().all(|status| *status == 412),
        "{statuses:?}"
    );
}

//! `.../service-accounts/{account}/access`
//!
//! Access is never flattened; every reduction kills the account's tokens, no addition does.

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::server::DEPLOY;
use crate::harness::server::ISSUER;

use super::actors::APIS;
use super::actors::Administrator;
use super::actors::at;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown;
use super::actors::shown_body;

const ACCESS: &str = "/organizations/default/service-accounts/nightly/access";

fn access(grants: impl Into<Value>) -> Value {
    json!({"access": grants.into()})
}

#[tokio::test]
async fn what_is_put_is_what_is_shown_grant_by_grant_in_its_order() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    // Two grants of one API are not one: `write` is on APOLLO alone.
    let grants = json!([
        deploy(&["deploy:write"], &json!(["APOLLO"])),
        deploy(&["deploy:read"], &json!("*")),
        deploy(&["deploy:read"], &json!([])),
    ]);

    let reply = admin.put(ACCESS, access(grants.clone())).await;
    assert_snapshot!(shown(&reply), @r#"
    200 OK
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    etag: "sa_...-3"
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "access": [
        {
          "api": "deploy",
          "scopes": [
            "deploy:write"
          ],
          "resources": {
            "project": [
              "APOLLO"
            ]
          }
        },
        {
          "api": "deploy",
          "scopes": [
            "deploy:read"
          ],
          "resources": {
            "project": "*"
          }
        },
        {
          "api": "deploy",
          "scopes": [
            "deploy:read"
          ],
          "resources": {
            "project": []
          }
        }
      ],
      "diff": {
        "added": [
          {
            "api": "deploy",
            "scopes": [
              "deploy:write"
            ],
            "resources": {
              "project": [
                "APOLLO"
              ]
            }
          },
          {
            "api": "deploy",
            "scopes": [
              "deploy:read"
            ],
            "resources": {
              "project": "*"
            }
          }
        ],
        "removed": []
      },
      "tokens_revoked": false,
      "warnings": []
    }
    "#);
    assert_eq!(admin.get(ACCESS).await.json(), access(grants));
}

// Contract, section 2: every reduction raises a generation; additions raise nothing.
#[tokio::test]
async fn a_reduction_kills_the_tokens_and_an_addition_does_not() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let both = json!(["APOLLO", "GEMINI"]);
    let steps = [
        (
            "another scope",
            deploy(&["deploy:read", "deploy:write"], &both),
            false,
        ),
        (
            "every project",
            deploy(&["deploy:read", "deploy:write"], &json!("*")),
            false,
        ),
        (
            "fewer projects",
            deploy(&["deploy:read", "deploy:write"], &both),
            true,
        ),
        ("fewer scopes", deploy(&["deploy:read"], &both), true),
        ("the same", deploy(&["deploy:read"], &both), false),
        (
            "other projects",
            deploy(&["deploy:read"], &json!(["APOLLO", "MERCURY"])),
            true,
        ),
    ];
    for (step, grant, kills) in steps {
        let token = client.token("").await;
        let reply = admin.put(ACCESS, access(json!([grant]))).await;
        assert_eq!(reply.json()["tokens_revoked"], kills, "{step}");
        assert_eq!(server.admin.sees_active(&token).await, !kills, "{step}");
    }
    let token = client.token("").await;
    assert_eq!(
        admin.put(ACCESS, access(json!([]))).await.json()["tokens_revoked"],
        true
    );
    assert!(!server.admin.sees_active(&token).await);
    assert_eq!(client.ask("").await.error(), "invalid_target");
}

#[tokio::test]
async fn a_diff_tells_what_becomes_possible_and_what_stops() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read deploy:write").await;
    let admin = Administrator::first(&server).await;
    let grants = json!([
        deploy(&["deploy:read"], &json!(["APOLLO", "MERCURY"])),
        deploy(&["deploy:write"], &json!(["APOLLO"])),
    ]);
    let reply = admin.put(ACCESS, access(grants)).await;
    assert_eq!(
        reply.json()["diff"],
        json!({
            "added": [deploy(&["deploy:read"], &json!(["MERCURY"]))],
            "removed": [deploy(&["deploy:read", "deploy:write"], &json!(["GEMINI"]))],
        })
    );
}

#[tokio::test]
async fn a_dry_run_says_all_and_changes_nothing() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let before = admin.get(ACCESS).await.json();
    let token = client.token("").await;

    let dry = admin
        .put(&format!("{ACCESS}?dry_run=true"), access(json!([])))
        .await;
    assert_eq!(dry.json()["tokens_revoked"], true);
    assert_eq!(dry.json()["diff"]["removed"], before["access"]);
    assert_eq!(admin.get(ACCESS).await.json(), before);
    assert!(client.sees_active(&token).await);

    let wet = admin
        .put(&format!("{ACCESS}?dry_run=false"), access(json!([])))
        .await;
    assert_eq!(wet.json(), dry.json());
    assert!(!server.admin.sees_active(&token).await);
    for odd in ["dry_run=1", "dryrun=true", "dry_run=true&dry_run=true", "x"] {
        let reply = admin
            .put(&format!("{ACCESS}?{odd}"), access(json!([])))
            .await;
        assert_eq!(refusal(&reply), (400, "validation_failed".into()), "{odd}");
    }
}

// Contract, section 2: a token that would be too large is refused, and this warns before.
#[tokio::test]
async fn access_that_fills_more_than_a_token_holds_is_warned_of() {
    let server = TestServer::with()
        .set("tokens.max_bytes", "1200")
        .start()
        .await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let keys: Vec<_> = (0..60).map(|n| format!("PROJECT-{n}")).collect();
    for key in &keys {
        let body = json!({"type": "project", "key": key});
        admin.post(&format!("{APIS}/deploy/resources"), body).await;
    }
    let grant = deploy(&["deploy:read"], &json!(keys));

    let reply = admin.put(ACCESS, access(json!([grant]))).await.json();
    let [warning] = &reply["warnings"].as_array().unwrap()[..] else {
        panic!("one warning, not {reply}");
    };
    let warning = warning.as_str().unwrap();
    assert!(warning.starts_with("a token for all of it at API `deploy` would have about 1"));
    assert!(warning.contains("may have 1200"), "{warning}");
    let refused = client.ask("").await;
    assert_eq!(refused.error(), "invalid_authorization_details");

    let fits = deploy(&["deploy:read"], &json!("*"));
    let reply = admin.put(ACCESS, access(json!([fits]))).await.json();
    assert_eq!(reply["warnings"], json!([]));
}

#[tokio::test]
async fn an_api_may_be_named_by_its_name_its_id_or_its_audience() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let api = admin.get(&format!("{APIS}/deploy")).await.json();
    for name in ["deploy", api["id"].as_str().unwrap(), DEPLOY] {
        let mut grant = deploy(&["deploy:read"], &json!("*"));
        grant["api"] = json!(name);
        let reply = admin.put(ACCESS, access(json!([grant]))).await;
        assert_eq!(reply.json()["access"][0]["api"], "deploy", "{name}");
    }
    for name in ["ostler", "api_00000000000000000000000000", ISSUER] {
        let mut grant = ostler(&["accounts:read"], &json!(["default"]));
        grant["api"] = json!(name);
        let reply = admin.put(ACCESS, access(json!([grant]))).await;
        assert_eq!(reply.json()["access"][0]["api"], "ostler", "{name}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_refused_by_name_all_at_once() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let before = admin.get(ACCESS).await.json();
    let grants = json!([
        deploy(&["deploy:raed"], &json!(["APPOLO", "GEMINI"])),
        {"api": "depoly", "scopes": ["deploy:read"], "resources": {"project": "*"}},
        {"api": "deploy", "scopes": ["deploy:read"], "resources": {"projects": "*"}},
        {"api": "deploy", "scopes": ["deploy:read"]},
        {"api": "deploy", "scopes": [], "resources": {"project": []}},
        ostler(&["accounts:reed"], &json!(["nowhere"])),
    ]);

    let reply = admin.put(ACCESS, access(grants)).await;
    assert_snapshot!(shown_body(&reply), @r#"
    {
      "type": "about:blank",
      "title": "Bad Request",
      "status": 400,
      "detail": "the request has 9 mistakes",
      "code": "validation_failed",
      "request_id": "req_...",
      "errors": [
        {
          "pointer": "/access/0/scopes/0",
          "code": "unknown_scope",
          "detail": "there is no scope `deploy:raed` at API `deploy`",
          "hint": "did you mean `deploy:read`?"
        },
        {
          "pointer": "/access/2/resources/projects",
          "code": "unknown_resource_type",
          "detail": "there is no resource type `projects` at API `deploy`",
          "hint": "did you mean `project`?"
        },
        {
          "pointer": "/access/2/resources",
          "code": "required",
          "detail": "say which `project` is meant: \"*\" for all, a list of keys, or [] for none",
          "hint": null
        },
        {
          "pointer": "/access/3/resources",
          "code": "required",
          "detail": "say which `project` is meant: \"*\" for all, a list of keys, or [] for none",
          "hint": null
        },
        {
          "pointer": "/access/4/scopes",
          "code": "required",
          "detail": "a grant needs at least one scope",
          "hint": null
        },
        {
          "pointer": "/access/5/scopes/0",
          "code": "unknown_scope",
          "detail": "there is no scope `accounts:reed` at API `ostler`",
          "hint": "did you mean `accounts:read`?"
        },
        {
          "pointer": "/access/5/resources/organization/0",
          "code": "unknown_resource",
          "detail": "there is no organization `nowhere`",
          "hint": null
        },
        {
          "pointer": "/access/1/api",
          "code": "unknown_api",
          "detail": "there is no API `depoly`",
          "hint": "did you mean `deploy`?"
        },
        {
          "pointer": "/access/0/resources/project/0",
          "code": "unknown_resource",
          "detail": "there is no project `APPOLO`",
          "hint": "did you mean `APOLLO`?"
        }
      ]
    }
    "#);
    assert_eq!(admin.get(ACCESS).await.json(), before);
}

#[tokio::test]
async fn access_of_another_shape_is_refused_with_its_places() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    for (body, wrong) in [
        (json!({}), vec![at("/access", "required")]),
        (json!({"access": null}), vec![at("/access", "wrong_type")]),
        (json!({"access": {}}), vec![at("/access", "wrong_type")]),
        (
            access(json!([{}])),
            vec![
                at("/access/0/api", "required"),
                at("/access/0/scopes", "required"),
            ],
        ),
        (
            access(json!([deploy(&["deploy:read"], &json!(["*"]))])),
            vec![at("/access/0/resources/project/0", "invalid")],
        ),
        (
            access(json!([deploy(&["deploy:read"], &json!("APOLLO"))])),
            vec![at("/access/0/resources/project", "wrong_type")],
        ),
        (
            access(json!([{"api": 1, "scopes": "deploy:read", "resource": {}}])),
            vec![
                at("/access/0/api", "wrong_type"),
                at("/access/0/scopes", "wrong_type"),
                at("/access/0/resource", "unknown_field"),
            ],
        ),
        (
            json!({"access": [], "tokens_revoked": true}),
            vec![at("/tokens_revoked", "unknown_field")],
        ),
    ] {
        assert_eq!(
            mistakes(&admin.put(ACCESS, body.clone()).await),
            wrong,
            "{body}"
        );
    }
}

#[tokio::test]
async fn organizations_in_a_grant_of_ostler_are_named_and_stored_as_ids() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let organization = admin.get("/organizations/default").await.json();
    let api = admin.get(&format!("{APIS}/deploy")).await.json();
    let grant = json!({
        "api": "ostler",
        "scopes": ["introspect"],
        "resources": {"organization": ["default"], "api": ["deploy"]},
    });

    let reply = admin.put(ACCESS, access(json!([grant]))).await;
    let resources = &reply.json()["access"][0]["resources"];
    assert_eq!(
        resources,
        &json!({"organization": [organization["id"]], "api": [api["id"]]})
    );
    // What is shown can be put again.
    let again = admin.put(ACCESS, admin.get(ACCESS).await.json()).await;
    assert_eq!(again.json()["diff"], json!({"added": [], "removed": []}));
}

#[tokio::test]
async fn another_organizations_api_is_unknown() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    admin.post("/organizations", json!({"name": "other"})).await;
    let api = json!({
        "name": "foreign",
        "audience": "https://foreign.example.com",
        "scopes": [{"name": "read"}],
    });
    let api = admin.post("/organizations/other/apis", api).await.json();

    for name in [
        "foreign",
        api["id"].as_str().unwrap(),
        "https://foreign.example.com",
    ] {
        let grant = json!({"api": name, "scopes": ["read"]});
        let reply = admin.put(ACCESS, access(json!([grant]))).await;
        assert_eq!(
            mistakes(&reply),
            [at("/access/0/api", "unknown_api")],
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_large_list_is_looked_up_and_a_larger_one_refused() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let list = |length: usize| -> Value { (0..length).map(|n| format!("P{n}")).collect() };

    let unknown = admin
        .put(
            ACCESS,
            access(json!([deploy(&["deploy:read"], &list(10_000))])),
        )
        .await;
    assert_eq!(mistakes(&unknown).len(), 100);
    let too_many = admin
        .put(
            ACCESS,
            access(json!([deploy(&["deploy:read"], &list(10_001))])),
        )
        .await;
    assert_eq!(
        mistakes(&too_many),
        [at("/access/0/resources/project", "too_many")]
    );
}

// Pages of accounts stay readable, whatever their access is.
#[tokio::test]
async fn an_access_is_bounded_as_a_whole() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    // 10,000 names of 10 characters: no list is too long, and all of them have 130,000 bytes.
    let list = |length: usize| -> Value { (0..length).map(|n| format!("P{n:09}")).collect() };
    let grants = |lengths: [usize; 2]| {
        let grants = lengths.map(|length| deploy(&["deploy:read"], &list(length)));
        access(grants.to_vec())
    };
    // `deploy:read` counts twice, with 14 bytes.
    let unknown = admin.put(ACCESS, grants([10_000, 80])).await;
    assert_eq!(mistakes(&unknown).len(), 100);
    assert_eq!(
        mistakes(&unknown)[0],
        at("/access/0/resources/project/0", "unknown_resource")
    );
    let too_large = admin.put(ACCESS, grants([10_000, 81])).await;
    assert_eq!(mistakes(&too_large), [at("/access", "too_large")]);
    let too_large = too_large.text();
    assert!(
        too_large.contains("at most 131072 bytes in all, and these have 131081"),
        "{too_large}"
    );

    // Of roles and narrowings as well.
    let body = |name: &str| {
        let mut body = grants([10_000, 81]);
        body["name"] = name.into();
        body
    };
    let credentials = "/organizations/default/service-accounts/nightly/credentials";
    for path in ["/organizations/default/roles", credentials] {
        let refused = admin.post(path, body("large")).await;
        assert_eq!(mistakes(&refused), [at("/access", "too_large")], "{path}");
    }
}

// A page of events stays readable, whatever was changed.
#[tokio::test]
async fn an_event_tells_the_digest_of_a_large_access() {
    let server = TestServer::start().await;
    server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let all = json!(["APOLLO", "GEMINI", "MERCURY"]);
    let grant = deploy(&["deploy:read", "deploy:write"], &all);
    let put = admin.put(ACCESS, access(vec![grant; 100])).await;
    assert_eq!(put.status, 200, "{}", put.wire());

    let path = "/organizations/default/audit-events?action=service_account.update_access";
    let events = admin.get(path).await.json();
    let told = &events["items"][0]["changes"]["access"];
    assert!(told["before"].is_array(), "{told}");
    let access = &put.json()["access"];
    assert_eq!(told["after"]["items"], 100);
    assert_eq!(told["after"]["sha256"], ostler::domain::audit::hash(access));
    let verify = "/organizations/default/audit-events/verify";
    assert_eq!(admin.act(verify).await.json()["ok"], true);
}

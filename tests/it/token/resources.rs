//! Which resources a token is for: `authorization_details` (RFC 9396).

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::DEPLOY;

use super::ACCOUNTS;
use super::APIS;
use super::administer;
use super::api_with;
use super::assert_refused;
use super::claims;
use super::description;
use super::grant_at;
use super::plain_api;

/// Identifiers of each type, in the order of a token: `{"project": ["APOLLO"]}`. The answer and the
/// token have to say the same.
#[track_caller]
fn identifiers(reply: &Reply) -> Value {
    let details = &claims(reply)["authorization_details"];
    assert_eq!(&reply.json()["authorization_details"], details);
    let details = details.as_array().expect("details").iter();
    let pairs = details.map(|detail| {
        let kind = detail["type"].as_str().expect("a type").to_owned();
        (kind, detail["identifiers"].clone())
    });
    pairs.collect::<serde_json::Map<_, _>>().into()
}

/// `authorization_details` for a form.
fn wanting(details: &Value) -> String {
    format!("authorization_details={details}")
}

/// A client of `deploy` that reads two projects and writes two, one of them the same.
async fn client(server: &TestServer) -> TestClient {
    server.ensure_deploy_api().await;
    let access = json!([
        grant_at(
            "deploy",
            "deploy:read",
            &json!({"project": ["APOLLO", "GEMINI"]})
        ),
        grant_at(
            "deploy",
            "deploy:write",
            &json!({"project": ["GEMINI", "MERCURY"]})
        ),
    ]);
    server.client_with("ci-deployer", access).await
}

/// With one type: the resources on which every scope in the token is held.
#[tokio::test]
async fn a_token_is_for_what_all_of_its_scopes_are_held_on() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    for (scope, projects) in [
        ("", json!(["GEMINI"])),
        ("scope=deploy%3Aread+deploy%3Awrite", json!(["GEMINI"])),
        ("scope=deploy%3Aread", json!(["APOLLO", "GEMINI"])),
        ("scope=deploy%3Awrite", json!(["GEMINI", "MERCURY"])),
    ] {
        let reply = client.ask(scope).await;
        assert_eq!(identifiers(&reply), json!({"project": projects}), "{scope}");
    }
}

/// All is always said as all, and stays so.
#[tokio::test]
async fn all_is_said_as_a_star() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let access = json!([
        grant_at("deploy", "deploy:read", &json!({"project": "*"})),
        grant_at("deploy", "deploy:write", &json!({"project": ["APOLLO"]})),
    ]);
    let client = server.client_with("ci-deployer", access).await;
    let everything = client.ask("scope=deploy%3Aread").await;
    assert_eq!(identifiers(&everything), json!({"project": "*"}));
    assert_eq!(
        identifiers(&client.ask("").await),
        json!({"project": ["APOLLO"]})
    );
    // RFC 9396 §2, §2.2.
    assert_eq!(
        claims(&everything)["authorization_details"],
        json!([{"type": "project", "locations": [DEPLOY], "identifiers": "*"}])
    );
}

#[tokio::test]
async fn what_the_scopes_do_not_share_is_refused_with_a_hint() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let access = json!([
        grant_at("deploy", "deploy:read", &json!({"project": ["APOLLO"]})),
        grant_at("deploy", "deploy:write", &json!({"project": ["GEMINI"]})),
    ]);
    let client = server.client_with("ci-deployer", access).await;
    let reply = client.ask("").await;
    assert_refused(&reply, 400, "invalid_scope", "nothing shared");
    assert_snapshot!(description(&reply), @"the scopes 'deploy:read deploy:write' are not held on a common resource: ask for fewer scopes");
    assert_eq!(
        identifiers(&client.ask("scope=deploy%3Aread").await),
        json!({"project": ["APOLLO"]})
    );
}

/// Where none of the scopes held any resource, none is what they share. A type is never left out.
#[tokio::test]
async fn no_resource_at_all_is_legal() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let access = json!([grant_at(
        "deploy",
        "deploy:read deploy:write",
        &json!({"project": []})
    )]);
    let client = server.client_with("ci-deployer", access).await;
    for parameters in [
        String::new(),
        "scope=deploy%3Aread".to_owned(),
        wanting(&json!([{"type": "project", "identifiers": "*"}])),
        wanting(&json!([{"type": "project", "identifiers": []}])),
    ] {
        let reply = client.ask(&parameters).await;
        assert_eq!(identifiers(&reply), json!({"project": []}), "{parameters}");
    }
    let apollo = wanting(&json!([{"type": "project", "identifiers": ["APOLLO"]}]));
    let reply = client.ask(&apollo).await;
    assert_refused(&reply, 400, "invalid_authorization_details", "APOLLO");
}

// RFC 9396 §2, §6.1, §7: the request narrows, the answer says what was given. protocol 94
#[tokio::test]
async fn a_request_may_ask_for_fewer_resources() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    let of = |identifiers: Value| json!([{"type": "project", "identifiers": identifiers}]);
    let placed = json!([{"type": "project", "locations": [DEPLOY], "identifiers": ["APOLLO"]}]);
    let twice = json!([{"type": "project", "identifiers": ["GEMINI"]},
        {"type": "project", "identifiers": ["APOLLO"]}]);
    for (scope, details, projects) in [
        ("", json!([]), json!(["GEMINI"])),
        ("", of(json!("*")), json!(["GEMINI"])),
        ("", of(json!([])), json!([])),
        ("deploy:read", of(json!(["APOLLO"])), json!(["APOLLO"])),
        (
            "deploy:read",
            of(json!(["GEMINI", "APOLLO", "GEMINI"])),
            json!(["APOLLO", "GEMINI"]),
        ),
        ("deploy:read", of(json!("*")), json!(["APOLLO", "GEMINI"])),
        ("deploy:read", placed, json!(["APOLLO"])),
        ("deploy:read", twice, json!(["APOLLO", "GEMINI"])),
        ("deploy:write", of(json!(["MERCURY"])), json!(["MERCURY"])),
    ] {
        let reply = client
            .ask(&format!("scope={scope}&{}", wanting(&details)))
            .await;
        assert_eq!(
            identifiers(&reply),
            json!({"project": projects}),
            "{scope} {details}"
        );
    }
    let empty = client
        .ask("authorization_details=&scope=deploy%3Aread")
        .await;
    assert_eq!(
        identifiers(&empty),
        json!({"project": ["APOLLO", "GEMINI"]})
    );
}

// RFC 9396 §5. protocol 94
#[tokio::test]
async fn a_resource_that_is_not_held_is_refused_by_name() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    for (scope, wanted, named) in [
        // Not held with every scope, not with this one, not there at all.
        ("", json!(["APOLLO"]), "'APOLLO'"),
        ("deploy:read", json!(["GEMINI", "MERCURY"]), "'MERCURY'"),
        ("deploy:read", json!(["NOWHERE"]), "'NOWHERE'"),
        ("deploy:read", json!(["apollo"]), "'apollo'"),
        ("deploy:read", json!(["*"]), "'*'"),
    ] {
        let details = wanting(&json!([{"type": "project", "identifiers": wanted}]));
        let reply = client.ask(&format!("scope={scope}&{details}")).await;
        assert_refused(&reply, 400, "invalid_authorization_details", named);
        assert!(
            description(&reply).contains(named),
            "{named}: {}",
            reply.wire()
        );
    }
    // A resource that exists is not told from one that does not.
    let ask = async |key: &str| {
        let details = wanting(&json!([{"type": "project", "identifiers": [key]}]));
        client
            .ask(&format!("scope=deploy:read&{details}"))
            .await
            .wire()
    };
    assert_eq!(
        ask("MERCURY").await.replace("MERCURY", "NOWHERE"),
        ask("NOWHERE").await
    );
}

// RFC 9396 §5. protocol 94
#[tokio::test]
async fn details_that_are_malformed_or_of_an_unknown_type_are_refused() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    for text in [
        "x",
        "null",
        "{}",
        "[",
        "[1]",
        "[{}]",
        r#"["project"]"#,
        r#"{"type":"project","identifiers":["APOLLO"]}"#,
        r#"[{"type":"project"}]"#,
        r#"[{"identifiers":["GEMINI"]}]"#,
        r#"[{"type":"repo","identifiers":["GEMINI"]}]"#,
        r#"[{"type":"Project","identifiers":["GEMINI"]}]"#,
        r#"[{"type":"project","identifiers":"GEMINI"}]"#,
        r#"[{"type":"project","identifiers":null}]"#,
        r#"[{"type":"project","identifiers":[1]}]"#,
        r#"[{"type":"project","identifiers":["GEMINI"],"actions":["read"]}]"#,
        r#"[{"type":"project","identifiers":["GEMINI"],"identifiers":"*"}]"#,
        r#"[{"type":"project","identifiers":["GEMINI"],"locations":["https://a.example"]}]"#,
        r#"[{"type":"project","identifiers":["GEMINI"],"locations":[]}]"#,
    ] {
        let reply = client.ask(&format!("authorization_details={text}")).await;
        assert_refused(&reply, 400, "invalid_authorization_details", text);
    }
    let reply = client
        .ask(&wanting(&json!([{"type": "repo", "identifiers": "*"}])))
        .await;
    assert_snapshot!(reply.wire(), @r#"
    400 Bad Request
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    pragma: no-cache
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"error":"invalid_authorization_details","error_description":"https://deploy.example.com has no resource type 'repo'"}
    "#);
}

/// An API that declares no types has no details: in no answer, and in no request.
#[tokio::test]
async fn an_api_without_resource_types_has_no_details() {
    let server = TestServer::start().await;
    plain_api(&server, "wiki", "read").await;
    let access = json!([grant_at("wiki", "read", &json!({}))]);
    let client = server.client_with("wiki-bot", access).await;
    for parameters in ["", "authorization_details=[]"] {
        let reply = client.ask(parameters).await;
        assert!(
            reply.json().get("authorization_details").is_none(),
            "{}",
            reply.wire()
        );
        assert!(claims(&reply).get("authorization_details").is_none());
    }
    let reply = client
        .ask(&wanting(&json!([{"type": "project", "identifiers": "*"}])))
        .await;
    assert_refused(&reply, 400, "invalid_authorization_details", "a type");
}

/// An API `farm` with the types `project` and `region`, and a client with these grants of `run`.
async fn farm(server: &TestServer, grants: &[(&[&str], &[&str])]) -> TestClient {
    api_with(
        server,
        "farm",
        "run",
        json!({"resource_types": ["region", "project"]}),
    )
    .await;
    for (kind, key) in [
        ("project", "A"),
        ("project", "B"),
        ("project", "C"),
        ("region", "eu"),
        ("region", "us"),
    ] {
        let resource = json!({"type": kind, "key": key});
        server
            .create(&format!("{APIS}/farm/resources"), resource)
            .await;
    }
    let grants = grants.iter().map(|(projects, regions)| {
        grant_at(
            "farm",
            "run",
            &json!({"project": projects, "region": regions}),
        )
    });
    server.client_with("farm-hand", grants.collect()).await
}

/// With several types: the largest product of identifiers in which every combination is granted.
#[tokio::test]
async fn of_several_types_a_token_has_the_largest_product() {
    let server = TestServer::start().await;
    // A, B and C in eu, and A in us: three combinations of eu, or two of A.
    let client = farm(&server, &[(&["A", "B", "C"], &["eu"]), (&["A"], &["us"])]).await;
    let reply = client.ask("").await;
    assert_eq!(
        identifiers(&reply),
        json!({"project": ["A", "B", "C"], "region": ["eu"]})
    );

    // A type that is mentioned chooses; the others stay as they are granted.
    let us = wanting(&json!([{"type": "region", "identifiers": ["us"]}]));
    let reply = client.ask(&us).await;
    assert_eq!(
        identifiers(&reply),
        json!({"project": ["A"], "region": ["us"]})
    );

    let a = wanting(&json!([{"type": "project", "identifiers": ["A"]}]));
    let reply = client.ask(&a).await;
    assert_eq!(
        identifiers(&reply),
        json!({"project": ["A"], "region": ["eu", "us"]})
    );

    // Each of them is held, and not every combination.
    let beyond = wanting(&json!([{"type": "region", "identifiers": ["us"]},
        {"type": "project", "identifiers": ["A", "B"]}]));
    assert_refused(
        &client.ask(&beyond).await,
        400,
        "invalid_authorization_details",
        "B in us",
    );
}

#[tokio::test]
async fn where_no_product_is_the_largest_the_request_has_to_say_which() {
    let server = TestServer::start().await;
    let client = farm(&server, &[(&["A"], &["eu"]), (&["B"], &["us"])]).await;
    let reply = client.ask("").await;
    assert_refused(&reply, 400, "invalid_scope", "a tie");
    assert_snapshot!(description(&reply), @"the resources held are not a single set of combinations: say in authorization_details which are meant, for each type");

    let b = wanting(&json!([{"type": "project", "identifiers": ["B"]}]));
    let reply = client.ask(&b).await;
    assert_eq!(
        identifiers(&reply),
        json!({"project": ["B"], "region": ["us"]})
    );
    let crossed = wanting(&json!([{"type": "project", "identifiers": ["A"]},
        {"type": "region", "identifiers": ["us"]}]));
    assert_refused(
        &client.ask(&crossed).await,
        400,
        "invalid_authorization_details",
        "A in us",
    );
}

/// The next token after a change of access has the new one.
#[tokio::test]
async fn a_change_of_access_counts_from_the_next_token() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    let access =
        json!({"access": [grant_at("deploy", "deploy:read", &json!({"project": ["MERCURY"]}))]});
    let path = format!("{ACCOUNTS}/{}/access", client.account);
    administer(&server, "PUT", &path, Some(access)).await;
    let reply = client.ask("").await;
    assert_eq!(identifiers(&reply), json!({"project": ["MERCURY"]}));
    assert_eq!(claims(&reply)["scope"], "deploy:read");
}

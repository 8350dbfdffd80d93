//! Claims of the wrong type, from the wrong time or place, under our own signature: what an attacker
//! could not have signed shows that nothing but the claim is wrong.

use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::client::jwt_part;
use crate::harness::server::DEPLOY;
use crate::harness::server::ISSUER;
use crate::introspect::INACTIVE;

use super::stage::Stage;

/// What is no instant: raw texts of JSON, and some that are none.
const NO_INSTANTS: [&str; 19] = [
    "null",
    "true",
    "\"\"",
    "\"4102444800\"",
    "\"2100-01-01T00:00:00Z\"",
    "4102444800.0",
    "4102444800.5",
    "4.1024448e9",
    "1e400",
    "-1e400",
    "-1",
    "-4102444800",
    "9223372036854775808",
    "18446744073709551616",
    "[4102444800]",
    "{}",
    "0x7FFFFFFF",
    "NaN",
    "Infinity",
];

// Security case 40; RFC 7519 §2, §4.1.4 to §4.1.6: a NumericDate is a number, and ours are whole.
#[tokio::test]
async fn an_instant_is_a_whole_number_of_seconds() {
    let stage = Stage::set().await;
    for claim in ["exp", "iat", "nbf"] {
        for value in NO_INSTANTS {
            let forged = stage.draft().claim(claim, value).signed();
            stage.refuses(&format!("{claim}: {value}"), &forged).await;
        }
    }
    for claim in ["exp", "iat"] {
        let forged = stage.draft().without_claim(claim).signed();
        stage.refuses(&format!("no {claim}"), &forged).await;
    }
    stage.is_unharmed().await;
}

// Security cases 40 and 55; RFC 7519 §4.1.4 to §4.1.6: no leeway for `exp` and `nbf`, a minute for
// `iat`.
#[tokio::test]
async fn a_token_counts_between_its_instants() {
    let stage = Stage::set().await;
    let now = stage.server.now().as_second();
    for (claim, value) in [
        ("exp", now),
        ("exp", now - 1),
        ("exp", now - 30),
        ("exp", now - 61),
        ("exp", now - 3_600),
        ("exp", 0),
        ("iat", now + 61),
        ("iat", now + 3_600),
        ("iat", i64::MAX),
        ("nbf", now + 1),
        ("nbf", now + 60),
        ("nbf", i64::MAX),
    ] {
        let forged = stage.draft().claim(claim, value).signed();
        if claim == "exp" {
            stage.refuses(&format!("{claim}: {value}"), &forged).await;
        } else {
            // What only begins later can be taken back already.
            assert_eq!(
                stage.introspect(&forged).await.wire(),
                INACTIVE,
                "{claim}: {value}"
            );
            assert_eq!(
                stage.introspect_as(&forged).await.status,
                401,
                "{claim}: {value}"
            );
            assert_eq!(
                stage.administer_as(&forged).await.status,
                401,
                "{claim}: {value}"
            );
        }
    }
    for (claim, value) in [
        ("exp", now + 1),
        ("iat", now + 60),
        ("iat", 0),
        ("nbf", now),
    ] {
        let signed = stage.draft().claim(claim, value).signed();
        stage.accepts(&format!("{claim}: {value}"), &signed).await;
    }
    stage.is_unharmed().await;
}

// Security case 55: the same by the server's clock, which another node's, or a correction, may be off.
#[tokio::test]
async fn a_clock_may_be_a_minute_behind_at_most() {
    let stage = Stage::set().await;
    let issued = stage.server.now();
    for (off, good) in [
        (0, true),
        (-1, true),
        (-30, true),
        (-60, true),
        (-61, false),
        (-3_600, false),
        (1, true),
        (30, true),
        (61, true),
        (899, true),
        (900, false),
        (930, false),
        (3_600, false),
    ] {
        let now = issued.checked_add(jiff::SignedDuration::from_secs(off));
        stage.server.clock.set(now.unwrap());
        let status = if good { 200 } else { 401 };
        assert_eq!(
            stage.administer_as(&stage.token).await.status,
            status,
            "{off}"
        );
        assert_eq!(
            stage.introspect_as(&stage.token).await.status,
            status,
            "{off}"
        );
        let told = stage.introspect(&stage.token).await;
        assert_eq!(told.json()["active"], good, "{off}");
    }
}

// Security case 58; RFC 7519 §4.1, RFC 9068 §2.2: each claim is of its own type. (Any bytes at all are
// tried beside the parser, in `jwt::read`.)
#[tokio::test]
async fn a_claim_has_its_type_and_no_other() {
    let stage = Stage::set().await;
    let claims = jwt_part(&stage.token, 1);
    let whatever = [
        json!(0),
        json!(1.5),
        json!(true),
        json!(null),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({"x": "x"}),
        json!(""),
        json!("\0"),
    ];
    for claim in [
        "iss",
        "aud",
        "sub",
        "scope",
        "jti",
        "client_id",
        "org",
        "epoch",
    ] {
        let own = &claims[claim];
        let doubled = format!("{0} {0}", own.as_str().unwrap());
        let own = [
            json!([own]),
            json!([own, own]),
            json!({"": own}),
            json!(format!(" {}", own.as_str().unwrap())),
            json!(format!("{}\0", own.as_str().unwrap())),
        ];
        for value in whatever.iter().chain(&own) {
            let forged = stage.draft().claim(claim, value).signed();
            stage.refuses(&format!("{claim}: {value}"), &forged).await;
        }
        if claim != "scope" {
            let forged = stage.draft().claim(claim, json!(doubled)).signed();
            stage.refuses(&format!("{claim} twice"), &forged).await;
            let forged = stage.draft().without_claim(claim).signed();
            stage.refuses(&format!("no {claim}"), &forged).await;
        }
    }
    for claim in ["org_gen", "account_gen", "credential_gen"] {
        let own = claims[claim].as_i64().unwrap();
        let more = [
            json!(own + 1),
            json!(own - 1),
            json!(own.to_string()),
            json!([own]),
        ];
        let whatever = whatever.iter().chain(&more);
        for value in whatever.filter(|value| **value != claims[claim]) {
            let forged = stage.draft().claim(claim, value).signed();
            stage.refuses(&format!("{claim}: {value}"), &forged).await;
        }
        let forged = stage.draft().without_claim(claim).signed();
        stage.refuses(&format!("no {claim}"), &forged).await;
    }
    for value in whatever.iter().filter(|value| **value != json!([])) {
        let forged = stage.draft().claim("authorization_details", value).signed();
        stage
            .refuses(&format!("authorization_details: {value}"), &forged)
            .await;
    }
    stage.is_unharmed().await;
}

// RFC 9068 §4, contract section 2: what the claims say is of one credential as it is now.
#[tokio::test]
async fn claims_that_do_not_belong_together_are_refused() {
    let server = TestServer::start().await;
    let other = server.client("ci-tester", "deploy:read").await;
    let rival = server
        .create("/organizations", json!({"name": "rival"}))
        .await;
    let stage = Stage::on(server).await;
    for (claim, value) in [
        ("sub", json!(other.account)),
        ("sub", json!("sa_00000000000000000000000000")),
        ("client_id", json!(other.id)),
        ("client_id", json!("sac_00000000000000000000000000")),
        ("org", rival["id"].clone()),
        ("org", json!("org_00000000000000000000000000")),
        ("epoch", json!("00000000")),
        ("aud", json!(format!("{ISSUER}/"))),
        ("aud", json!(DEPLOY)),
        ("aud", json!("https://unheard-of.example.com")),
    ] {
        let forged = stage.draft().claim(claim, &value).signed();
        if value == DEPLOY {
            // That is an API of the organization, at which the account might hold something.
            assert_eq!(stage.introspect_as(&forged).await.status, 401);
            assert_eq!(stage.administer_as(&forged).await.status, 401);
        } else {
            stage.refuses(&format!("{claim}: {value}"), &forged).await;
        }
    }
    let theirs = stage.draft().claim("sub", json!(other.account));
    let theirs = theirs.claim("client_id", json!(other.id));
    stage.accepts("consistent", &theirs.signed()).await;
    stage.is_unharmed().await;
}

// Security case 51; RFC 8725 §3.8: the issuer is compared byte by byte.
#[tokio::test]
async fn another_issuer_with_the_same_key_is_another_issuer() {
    let stage = Stage::set().await;
    for issuer in [
        "http://127.0.0.1:8080/",
        "http://127.0.0.1:8080/.",
        "http://127.0.0.1:08080",
        "HTTP://127.0.0.1:8080",
        "https://127.0.0.1:8080",
        "http://127.0.0.1",
        "http://127.0.0.1:8080#",
        "http://127.0.0.1:8080?",
        "127.0.0.1:8080",
        "http://localhost:8080",
        "https://elsewhere.example.com",
    ] {
        let forged = stage.draft().claim("iss", json!(issuer)).signed();
        stage.refuses(issuer, &forged).await;
    }
    // Every test server has the same keys.
    let elsewhere = TestServer::with().issuer("http://127.0.0.1:8081");
    let elsewhere = elsewhere.start().await;
    let theirs = elsewhere.admin.token("").await;
    assert_eq!(jwt_part(&theirs, 0), jwt_part(&stage.token, 0));
    stage.refuses("of another instance", &theirs).await;
    assert_eq!(
        elsewhere.admin.introspect(&stage.token).await.wire(),
        INACTIVE
    );
    assert!(elsewhere.admin.sees_active(&theirs).await);
    // Not even with our issuer in it: it is of another history.
    let ours = super::forger::Draft::of(&theirs);
    let ours = ours.claim("iss", json!(ISSUER)).claim("aud", json!(ISSUER));
    stage.refuses("of another history", &ours.signed()).await;
    stage.is_unharmed().await;
}

// Security case 53; RFC 9068 §4, RFC 8725 §3.9: the scopes of another API say nothing here, whatever
// they are called.
#[tokio::test]
async fn scopes_of_another_api_open_nothing_here() {
    let server = TestServer::start().await;
    let names = [
        "accounts:write",
        "keys:write",
        "introspect",
        "organizations:write",
    ];
    let scopes: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    let api = json!({"name": "lookalike", "audience": "https://lookalike.example.com",
        "scopes": scopes, "resource_types": []});
    server.create("/organizations/default/apis", api).await;
    let grant = json!({"api": "lookalike", "scopes": names, "resources": {}});
    let client = server.client_with("ci-deployer", json!([grant])).await;
    let token = client.token("").await;
    assert_eq!(
        jwt_part(&token, 1)["scope"],
        "accounts:write introspect keys:write organizations:write"
    );

    for (method, path) in [
        ("GET", "/organizations"),
        ("POST", "/organizations"),
        ("GET", "/organizations/default/service-accounts"),
        ("POST", "/organizations/default/service-accounts"),
        ("GET", "/keys"),
        ("POST", "/keys"),
    ] {
        let request = server.request(method, &format!("/admin/v1{path}"));
        let reply = request.bearer(&token).send().await;
        assert_eq!(reply.status, 401, "{method} {path}: {}", reply.wire());
    }
    let request = server.request("POST", "/oauth/introspect").bearer(&token);
    let reply = request.form(&format!("token={token}")).send().await;
    assert_eq!(reply.error(), "invalid_token");
    // Asked for where they would mean something, they are not granted.
    let reply = client.ask(&format!("resource={ISSUER}")).await;
    assert_eq!(reply.error(), "invalid_target");
    let reply = client
        .ask(&format!("resource={DEPLOY}&scope=introspect"))
        .await;
    assert_eq!(reply.error(), "invalid_target");
}

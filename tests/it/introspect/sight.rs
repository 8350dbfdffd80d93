//! Who may see which token (contract section 2, *Introspection*): the rest see what they would see
//! of a token that never was.

use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::administration::may_introspect;
use crate::harness::server::ISSUER;
use crate::introspect::INACTIVE;

// RFC 7662 §2.2, §4: protocol 139.
// Security case 45.
#[tokio::test]
async fn another_account_sees_nothing_and_its_own_tokens_always() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let other = server.client("ci-tester", "deploy:read").await;
    let token = ci.token("").await;
    assert!(ci.sees_active(&token).await);
    assert_eq!(other.introspect(&token).await.wire(), INACTIVE);

    // The account, not the credential, owns it.
    let second = server.second_credential(&ci).await;
    assert!(second.sees_active(&token).await);
}

// RFC 7662 §4: protocol 139.
// Security case 45.
#[tokio::test]
async fn introspect_on_an_api_shows_the_tokens_for_that_api() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let wiki = json!({
        "name": "wiki", "audience": "https://wiki.example.com", "scopes": [{"name": "read"}],
    });
    server.create("/organizations/default/apis", wiki).await;
    let api = async |name: &str| {
        let path = format!("/organizations/default/apis/{name}");
        server.id_of(&path).await
    };
    let (deploy, wiki) = (api("deploy").await, api("wiki").await);
    let token = ci.token("").await;

    for (name, apis, sees) in [
        ("deploy-server", json!([deploy]), true),
        ("wiki-server", json!([wiki]), false),
        ("both-servers", json!([wiki, deploy]), true),
        ("any-server", json!("*"), true),
        ("no-server", json!([]), false),
    ] {
        let asker = server.introspector(name, apis).await;
        assert_eq!(asker.sees_active(&token).await, sees, "{name}");
        let bearer = asker.ask(&format!("resource={ISSUER}")).await;
        let by_bearer = server
            .request("POST", "/oauth/introspect")
            .bearer(&bearer.access_token())
            .form(&format!("token={token}"))
            .send()
            .await;
        assert_eq!(by_bearer.json()["active"], json!(sees), "{name}");
    }
}

// Contract section 2: `api: "*"` never includes `ostler`.
#[tokio::test]
async fn every_api_does_not_mean_this_server_itself() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let asker = server.introspector("any-server", json!("*")).await;
    let asking = format!("resource={ISSUER}");
    let token = server.admin.ask(&asking).await.access_token();
    assert_eq!(asker.introspect(&token).await.wire(), INACTIVE);
    assert!(server.admin.sees_active(&token).await);
}

/// A token for `deploy`, and an organization `other` that it is none of the business of.
async fn beside_another_organization() -> (TestServer, String) {
    let server = TestServer::start().await;
    let token = server
        .client("ci-deployer", "deploy:read")
        .await
        .token("")
        .await;
    let other = json!({"name": "other"});
    server.create("/organizations", other).await;
    (server, token)
}

/// A client of the organization `other`.
async fn stranger(server: &TestServer, name: &str, access: serde_json::Value) -> TestClient {
    let body = json!({"name": name, "access": access, "credential": {"name": "first"}});
    let path = "/organizations/other/service-accounts";
    server.client_of(&server.create(path, body).await)
}

// RFC 7662 §4, contract section 2: whole grants, organization by organization.
// Security case 45.
#[tokio::test]
async fn another_organization_sees_nothing_and_half_grants_do_not_add_up() {
    let (server, token) = beside_another_organization().await;
    let home = json!([server.id_of("/organizations/default").await]);
    let other = json!([server.id_of("/organizations/other").await]);
    let deploy = json!([server.id_of("/organizations/default/apis/deploy").await]);
    let (all, none) = (json!("*"), json!([]));

    for (name, access, sees) in [
        ("nothing", json!([]), false),
        ("their-own", json!([may_introspect(&other, &all)]), false),
        (
            "two-halves",
            json!([may_introspect(&other, &all), may_introspect(&home, &none)]),
            false,
        ),
        ("of-ours", json!([may_introspect(&home, &deploy)]), true),
        ("everywhere", json!([may_introspect(&all, &none)]), true),
    ] {
        let asker = stranger(&server, name, access).await;
        assert_eq!(asker.sees_active(&token).await, sees, "{name}");
    }
}

// Security case 45: an organization makes APIs as it likes, and what it grants there is nothing here.
#[tokio::test]
async fn a_scope_of_another_api_in_the_words_of_this_server_shows_nothing() {
    let (server, token) = beside_another_organization().await;
    let look_alike = json!({
        "name": "ostler-too",
        "audience": "https://ostler-too.example.com",
        "scopes": [{"name": "introspect"}],
        "resource_types": ["organization", "api"],
    });
    server.create("/organizations/other/apis", look_alike).await;
    let everything = json!([{
        "api": "ostler-too",
        "scopes": ["introspect"],
        "resources": {"organization": "*", "api": "*"},
    }]);
    let asker = stranger(&server, "look-alike", everything).await;
    assert_eq!(asker.introspect(&token).await.wire(), INACTIVE);
}

// Contract section 2: access means what is left after the credential's narrowing.
#[tokio::test]
async fn a_narrowed_credential_sees_less_than_its_account() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;
    let wide = server.introspector("any-server", json!("*")).await;
    let path = format!("{}/credentials", wide.account_path());
    let narrowed = json!({"name": "narrow", "access": []});
    let credential = server.create(&path, narrowed).await;
    let narrow = server.client_of(&json!({"id": wide.account, "credential": credential}));
    assert!(wide.sees_active(&token).await);
    assert_eq!(narrow.introspect(&token).await.wire(), INACTIVE);
}

// RFC 7662 §2.2: what an introspector learns ends with the grant, at once.
#[tokio::test]
async fn an_introspector_that_loses_its_grant_sees_nothing_more() {
    let server = TestServer::start().await;
    let ci = server.client("ci-deployer", "deploy:read").await;
    let token = ci.token("").await;
    let asker = server.introspector("any-server", json!("*")).await;
    assert!(asker.sees_active(&token).await);
    server.put_access(&asker, &json!([])).await;
    assert_eq!(asker.introspect(&token).await.wire(), INACTIVE);
}

//! What a client calls itself is kept with the use of its secret and in the audit trail, and is read by
//! administrators: a secret that somebody has put there must not be.

use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::server::ISSUER;

// Security case 143.
#[tokio::test]
async fn a_secret_in_a_user_agent_is_not_kept() {
    let server = TestServer::start().await;
    let client = server.client("ci-deployer", "deploy:read").await;
    let api_token = server.api_token(&client, "tool", json!({})).await;
    let api_token = api_token["token"].as_str().unwrap().to_owned();
    let token = client.token("").await;
    let admin = server.admin.ask(&format!("resource={ISSUER}")).await;
    let admin = admin.access_token();
    for (secret, agent) in [
        (&client.secret, format!("ci/1 {}", client.secret)),
        (&api_token, format!("{api_token}/2")),
        (&token, format!("curl/8 (Authorization: Bearer {token})")),
    ] {
        let asked = client
            .form("/oauth/token", "grant_type=client_credentials")
            .header("User-Agent", &agent)
            .send()
            .await;
        assert_eq!(asked.status, 200, "{}", asked.wire());
        let body = json!({"description": format!("{} letters", agent.len())});
        let target = format!("/admin/v1{}", client.account_path());
        let edited = server
            .request("PATCH", &target)
            .bearer(&admin)
            .header("User-Agent", &agent)
            .json(&body)
            .send()
            .await;
        assert_eq!(edited.status, 200, "{}", edited.wire());

        let known = server.admin("GET", &client.credential_path(), None).await;
        let used = &known.json()["secrets"][0];
        assert_ne!(used["last_used_at"], Value::Null);
        let expected = "(not shown: it holds a secret)";
        assert_eq!(used["last_used_user_agent"], expected);
        let trail = "/organizations/default/audit-events?limit=200";
        let trail = server.admin("GET", trail, None).await;
        assert_eq!(trail.json()["items"][0]["actor"]["user_agent"], expected);
        // Nor the beginning of it: what is kept is cut.
        let beginning = &secret[..20];
        for told in [&known, &trail] {
            assert!(!told.text().contains(beginning), "{}", told.wire());
        }
        let kept = "SELECT coalesce(actor_user_agent, '') FROM audit_event";
        let kept = server.rows(kept).await;
        assert!(kept.iter().all(|agent| !agent.contains(beginning)));
    }
}

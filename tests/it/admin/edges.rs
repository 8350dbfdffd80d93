//! Edges of the admin API that no single resource owns.

use serde_json::Map;
use serde_json::json;

use crate::harness::TestServer;
use crate::harness::server::ISSUER;

#[tokio::test]
async fn too_many_labels_are_refused_and_never_left_out_silently() {
    // Security case 83: what is not stored is not accepted either.
    let server = TestServer::start().await;
    let labels: Map<_, _> = (0..65).map(|n| (format!("l{n}"), json!("x"))).collect();
    let body = json!({"name": "deploy-bot", "labels": labels});
    let path = "/organizations/default/service-accounts";
    let refused = server.admin("POST", path, Some(&body)).await;
    assert_eq!(refused.status, 400, "{}", refused.wire());
    assert_eq!(refused.json()["errors"][0]["pointer"], "/labels");
}

#[tokio::test]
async fn a_path_that_is_no_text_is_answered_like_any_other_unknown_one() {
    // RFC 3986 section 2.1: an escaped byte need not be a character.
    let server = TestServer::start().await;
    let anonymous = server.get("/admin/v1/organizations/%ff").await;
    assert_eq!(anonymous.status, 401, "{}", anonymous.wire());
    let unknown = server.admin("GET", "/organizations/%ff", None).await;
    assert_eq!(unknown.status, 404, "{}", unknown.wire());
    assert_eq!(unknown.json()["code"], "not_found");
}

#[tokio::test]
async fn an_account_that_reaches_further_does_not_tell_which_apis_there_are() {
    // Security cases 84 and 87: the caller reaches `default` only, the account also `other`.
    let server = TestServer::start().await;
    let other = server
        .create("/organizations", json!({"name": "other"}))
        .await;
    let api = json!({"name": "hidden", "audience": "https://hidden.example.com",
                     "scopes": [{"name": "read"}], "resource_types": []});
    server.create("/organizations/other/apis", api).await;
    let default = server
        .admin("GET", "/organizations/default", None)
        .await
        .json();
    let reach = |scopes: &[&str], organizations: &[&serde_json::Value], apis: serde_json::Value| {
        json!([{"api": "ostler", "scopes": scopes,
                "resources": {"organization": organizations, "api": apis}}])
    };
    let both = reach(&["introspect"], &[&default["id"], &other["id"]], json!([]));
    let holder = server.client_with("holder", both).await;
    let own = reach(&["access:write"], &[&default["id"]], json!("*"));
    let caller = server.client_with("caller-bot", own).await;
    let token = caller
        .ask(&format!("resource={ISSUER}"))
        .await
        .access_token();

    let mut answers = Vec::new();
    for name in ["hidden", "absent"] {
        let wanted = reach(
            &["introspect"],
            &[&default["id"], &other["id"]],
            json!([name]),
        );
        let path = format!(
            "/admin/v1/organizations/default/service-accounts/{}/access",
            holder.account
        );
        let request = server.request("PUT", &path).bearer(&token);
        let reply = request.json(&json!({"access": wanted})).send().await;
        answers.push((reply.status, reply.json()["errors"][0]["code"].clone()));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], (400, json!("unknown_resource")));
}

/// Contract section 1: the shell takes the issuer for its server, whatever its path.
#[tokio::test]
async fn below_the_issuers_path_the_admin_api_is_the_same() {
    let issuer = format!("{ISSUER}/auth");
    let server = TestServer::with().issuer(&issuer).start().await;
    let token = server.admin.token("").await;
    for path in ["/admin/v1/organizations", "/auth/admin/v1/organizations"] {
        let anonymous = server.get(path).await;
        assert_eq!(anonymous.status, 401, "{path}");
        let kind = anonymous.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{path}");
        let listed = server.request("GET", path).bearer(&token).send().await;
        assert_eq!(listed.status, 200, "{path}: {}", listed.wire());

        // The bound of its bodies is that of the admin API, not that of a form.
        let long = json!({"name": "x".repeat(100_000)});
        let refused = server.request("POST", path).bearer(&token).json(&long);
        assert_eq!(refused.send().await.status, 400, "{path}");
        let unknown = server
            .request("GET", &format!("{path}/org_x/y"))
            .send()
            .await;
        let kind = unknown.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{path}");
    }
}

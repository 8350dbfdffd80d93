//! What ends a token ends it for administrators too, from the very next request: nothing about the
//! bearer of a token is remembered.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;

/// What may end the token of an administrator of the organization `default`.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Revocation,
    ItsTime,
    DisabledAccount,
    /// Enabling revives nothing.
    DisabledAndEnabledAccount,
    DeletedAccount,
    RevokedCredential,
    DeletedCredential,
    RotationThatSaysSo,
    ReducedAccess,
    LostRole,
}

impl End {
    pub const ALL: [Self; 10] = [
        Self::Revocation,
        Self::ItsTime,
        Self::DisabledAccount,
        Self::DisabledAndEnabledAccount,
        Self::DeletedAccount,
        Self::RevokedCredential,
        Self::DeletedCredential,
        Self::RotationThatSaysSo,
        Self::ReducedAccess,
        Self::LostRole,
    ];

    pub async fn comes(self, server: &TestServer, holder: &TestClient, token: &str) {
        let (account, credential) = (holder.account_path(), holder.credential_path());
        let act = async |path: String, body| {
            server.act(&path, body).await;
        };
        match self {
            Self::Revocation => assert_eq!(holder.revoke(token).await.status, 200),
            Self::ItsTime => server.advance(Duration::from_mins(15)),
            Self::DisabledAccount => act(format!("{account}/disable"), json!({})).await,
            Self::DisabledAndEnabledAccount => {
                act(format!("{account}/disable"), json!({})).await;
                act(format!("{account}/enable"), json!({})).await;
            }
            Self::DeletedAccount => server.delete(&account).await,
            Self::RevokedCredential => act(format!("{credential}/revoke"), json!({})).await,
            Self::DeletedCredential => server.delete(&credential).await,
            Self::RotationThatSaysSo => {
                let how = json!({"revoke_tokens": true});
                act(format!("{credential}/rotate"), how).await;
            }
            Self::ReducedAccess => {
                server.put_access(holder, &json!([])).await;
            }
            Self::LostRole => {
                let (path, none) = (format!("{account}/roles"), json!({"roles": []}));
                let reply = server.admin("PUT", &path, Some(&none)).await;
                assert_eq!(reply.status, 200, "{}", reply.wire());
            }
        }
    }
}

/// An administrator by a role and by a grant.
pub async fn administrator(server: &TestServer, name: &str) -> TestClient {
    let reach = json!({"organization": "*", "api": "*"});
    let grant = json!({"api": "ostler", "scopes": ["introspect"], "resources": reach});
    let account = json!({"name": name, "access": [grant], "roles": ["owner"],
        "credential": {"name": "first"}});
    let path = "/organizations/default/service-accounts";
    server.client_of(&server.create(path, account).await)
}

pub async fn token_of(client: &TestClient) -> String {
    let reply = client.ask(&format!("resource={ISSUER}")).await;
    reply.access_token()
}

/// What the bearer is told at the admin API and at introspection, where a token is taken as well.
async fn told(server: &TestServer, bearer: &str, form: &str) -> [(u16, Value); 2] {
    let administration = server.request("GET", "/admin/v1/organizations");
    let introspection = server.request("POST", "/oauth/introspect").form(form);
    let administration = administration.bearer(bearer).send().await;
    let introspection = introspection.bearer(bearer).send().await;
    [
        (administration.status, administration.json()["code"].clone()),
        (introspection.status, introspection.json()["error"].clone()),
    ]
}

// Security cases 52, 60, 63, 64, 65 and 66: whatever it is that ends a token, every request asks anew.
#[tokio::test]
async fn the_bearer_of_a_token_that_has_ended_is_let_in_nowhere() {
    let server = TestServer::start().await;
    for (number, end) in (0..).zip(End::ALL) {
        let holder = administrator(&server, &format!("admin-{number}")).await;
        let token = token_of(&holder).await;
        let form = format!("token={}", token_of(&server.admin).await);
        let welcome = [(200, Value::Null), (200, Value::Null)];
        for _ in 0..2 {
            assert_eq!(
                told(&server, &token, &form).await,
                welcome,
                "before {end:?}"
            );
        }

        end.comes(&server, &holder, &token).await;

        let form = format!("token={}", token_of(&server.admin).await);
        let refused = [(401, json!("unauthorized")), (401, json!("invalid_token"))];
        assert_eq!(told(&server, &token, &form).await, refused, "after {end:?}");
        // For a revocation it never counted: clients authenticate there as clients.
        let revocation = server.request("POST", "/oauth/revoke").bearer(&token);
        let reply = revocation.form(&form).send().await;
        assert_eq!(
            (reply.status, &*reply.error()),
            (401, "invalid_client"),
            "{end:?}"
        );
    }
}

/// An account in `organization` with everything that gets tokens: its client, an API token and what that
/// was exchanged for.
async fn well_equipped(
    server: &TestServer,
    organization: &str,
    name: &str,
) -> (TestClient, String, String) {
    let accounts = format!("/organizations/{organization}/service-accounts");
    let body = json!({"name": name, "roles": ["auditor"], "credential": {"name": "first"}});
    let client = server.client_of(&server.create(&accounts, body).await);
    let api_tokens = format!("{accounts}/{name}/api-tokens");
    let made = server.create(&api_tokens, json!({"name": "tool"})).await;
    let api_token = made["token"].as_str().unwrap().to_owned();
    let exchanged = server.exchange(&api_token, "").await.access_token();
    (client, api_token, exchanged)
}

// Security case 63: the name may come again, in the same organization or in another, and nothing that
// was the old one's is the new one's.
#[tokio::test]
async fn who_bears_the_name_of_a_deleted_account_inherits_nothing() {
    let server = TestServer::start().await;
    let acme = json!({"name": "acme"});
    server.create("/organizations", acme).await;
    let (old, api_token, exchanged) = well_equipped(&server, "default", "phoenix").await;
    let by_secret = token_of(&old).await;
    let live = [&by_secret, &exchanged, &api_token];
    for token in live {
        assert!(server.admin.sees_active(token).await);
    }

    server.delete(&old.account_path()).await;
    let is_over = async || {
        for token in live {
            assert!(!server.admin.sees_active(token).await);
        }
        assert_eq!(old.ask("").await.error(), "invalid_client");
        let refused = server.exchange(&api_token, "").await;
        assert_eq!(
            (refused.status, &*refused.error()),
            (400, "invalid_request")
        );
        let administration = server.request("GET", "/admin/v1/organizations");
        let refused = administration.bearer(&exchanged).send().await;
        assert_eq!(refused.status, 401);
    };
    is_over().await;
    for organization in ["default", "acme"] {
        let (new, ..) = well_equipped(&server, organization, "phoenix").await;
        assert_ne!(new.account, old.account);
        is_over().await;
        let account = format!("/organizations/{organization}/service-accounts/phoenix");
        let known = server.admin("GET", &account, None).await.json();
        assert_eq!(known["active_api_tokens"], 1);
        assert_eq!(known["active_credentials"], 1);
        assert!(new.sees_active(&token_of(&new).await).await);
    }
    let deletions = server.audited("service_account.delete").await;
    assert_eq!(deletions.len(), 1);
    assert!(deletions[0].contains(&old.account), "{deletions:?}");
}

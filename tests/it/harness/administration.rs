//! What the first administrator does to others, through the admin API.

use serde_json::Value;
use serde_json::json;

use super::Reply;
use super::TestClient;
use super::TestServer;

impl TestClient {
    /// The path of its account.
    pub fn account_path(&self) -> String {
        format!("/organizations/default/service-accounts/{}", self.account)
    }

    /// The path of its credential.
    pub fn credential_path(&self) -> String {
        format!("{}/credentials/{}", self.account_path(), self.credential)
    }
}

impl TestServer {
    /// An action: `POST path`, which answers 200 and the thing.
    #[track_caller]
    pub fn act(&self, path: &str, body: Value) -> impl Future<Output = Value> {
        let path = path.to_owned();
        async move {
            let reply = self.admin("POST", &path, Some(&body)).await;
            assert_eq!(reply.status, 200, "POST {path}: {}", reply.wire());
            reply.json()
        }
    }

    /// `DELETE path`
    pub async fn delete(&self, path: &str) {
        let reply = self.admin("DELETE", path, None).await;
        assert_eq!(reply.status, 204, "DELETE {path}: {}", reply.wire());
    }

    /// `PUT .../access`; returns the whole answer.
    pub async fn put_access(&self, client: &TestClient, access: &Value) -> Value {
        let path = format!("{}/access", client.account_path());
        let body = json!({"access": access});
        let reply = self.admin("PUT", &path, Some(&body)).await;
        assert_eq!(reply.status, 200, "PUT {path}: {}", reply.wire());
        reply.json()
    }

    /// The id of what is at `path`.
    pub async fn id_of(&self, path: &str) -> String {
        let reply = self.admin("GET", path, None).await;
        assert_eq!(reply.status, 200, "GET {path}: {}", reply.wire());
        reply.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Another credential of the same account.
    pub async fn second_credential(&self, client: &TestClient) -> TestClient {
        let path = format!("{}/credentials", client.account_path());
        let credential = self.create(&path, json!({"name": "second"})).await;
        self.client_of(&json!({"id": client.account, "credential": credential}))
    }

    /// An API token of the client's account, with these further members; its value is the member
    /// `token`.
    pub async fn api_token(&self, client: &TestClient, name: &str, members: Value) -> Value {
        let mut body = json!({"name": name});
        if let (Value::Object(body), Value::Object(members)) = (&mut body, members) {
            body.extend(members);
        }
        let path = format!("{}/api-tokens", client.account_path());
        self.create(&path, body).await
    }

    /// Exchanges an API token, with these further parameters.
    pub async fn exchange(&self, token: &str, parameters: &str) -> Reply {
        let request = self.request("POST", "/oauth/token");
        request.form(&exchange_of(token, parameters)).send().await
    }

    /// A resource server: a client that may introspect at these APIs (ids, or all) of the
    /// organization `default`.
    pub async fn introspector(&self, name: &str, apis: Value) -> TestClient {
        let organization = self.id_of("/organizations/default").await;
        let access = may_introspect(&json!([organization]), &apis);
        self.client_with(name, json!([access])).await
    }
}

/// The form that exchanges an API token, with these further parameters.
pub fn exchange_of(token: &str, parameters: &str) -> String {
    let separator = if parameters.is_empty() { "" } else { "&" };
    format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={token}\
         &subject_token_type=urn:ietf:params:oauth:token-type:access_token{separator}{parameters}"
    )
}

/// A grant of `introspect` on these organizations and APIs.
pub fn may_introspect(organizations: &Value, apis: &Value) -> Value {
    let resources = json!({"organization": organizations, "api": apis});
    json!({"api": "ostler", "scopes": ["introspect"], "resources": resources})
}

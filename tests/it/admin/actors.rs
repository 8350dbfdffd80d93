//! Administrators, and answers that are the same each time.

use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;

/// The accounts of the first organization.
pub const ACCOUNTS: &str = "/organizations/default/service-accounts";

/// The roles of the first organization.
pub const ROLES: &str = "/organizations/default/roles";

/// The groups of the first organization.
pub const GROUPS: &str = "/organizations/default/groups";

/// The APIs of the first organization.
pub const APIS: &str = "/organizations/default/apis";

/// Somebody who holds a token for the admin API.
#[derive(Clone)]
pub struct Administrator {
    client: TestClient,
    token: String,
}

impl Administrator {
    /// The first administrator.
    pub async fn first(server: &TestServer) -> Self {
        Self::of(&server.admin).await
    }

    /// The administrator that this client is, with all that it may do.
    pub async fn of(client: &TestClient) -> Self {
        let reply = client.ask(&format!("resource={ISSUER}")).await;
        Self {
            client: client.clone(),
            token: reply.access_token(),
        }
    }

    /// A new account in the first organization with these grants.
    pub async fn with(server: &TestServer, name: &str, access: Value) -> Self {
        Self::of(&server.client_with(name, access).await).await
    }

    /// The same with a fresh token, when time has passed.
    pub async fn renewed(&self) -> Self {
        Self::of(&self.client).await
    }

    /// Asks for a token.
    pub async fn ask(&self) -> Reply {
        self.client.ask(&format!("resource={ISSUER}")).await
    }

    /// The same, with this token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// The id of the account.
    pub fn account(&self) -> &str {
        &self.client.account
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Calls a path below `/admin/v1`.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let target = format!("/admin/v1{path}");
        let request = self.client.request(method, &target).bearer(&self.token);
        match body {
            Some(body) => request.json(body).send().await,
            None => request.send().await,
        }
    }

    /// Calls with one more header field.
    pub async fn call_with(
        &self,
        (name, value): (&str, &str),
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Reply {
        let target = format!("/admin/v1{path}");
        let request = self.client.request(method, &target).bearer(&self.token);
        let request = request.header(name, value);
        match body {
            Some(body) => request.json(body).send().await,
            None => request.send().await,
        }
    }

    /// Sends these bytes as JSON.
    pub async fn send(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Reply {
        let target = format!("/admin/v1{path}");
        let request = self.client.request(method, &target).bearer(&self.token);
        let request = request.header("Content-Type", "application/json");
        request.body(body).send().await
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, Some(&body)).await
    }

    /// Puts JSON.
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.call("PUT", path, Some(&body)).await
    }

    /// Edits by JSON.
    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.call("PATCH", path, Some(&body)).await
    }

    /// Posts without a body.
    pub async fn act(&self, path: &str) -> Reply {
        self.call("POST", path, None).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, None).await
    }
}

/// A grant of `ostler` with these scopes on these organizations, and every API in them.
pub fn ostler(scopes: &[&str], organizations: &Value) -> Value {
    json!({
        "api": "ostler",
        "scopes": scopes,
        "resources": {"organization": organizations, "api": "*"},
    })
}

/// A grant of the API `deploy`.
pub fn deploy(scopes: &[&str], projects: &Value) -> Value {
    json!({"api": "deploy", "scopes": scopes, "resources": {"project": projects}})
}

/// The status and the code of a problem document.
pub fn refusal(reply: &Reply) -> (u16, String) {
    let problem = reply.json();
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{}",
        reply.wire()
    );
    assert_eq!(problem["status"], reply.status, "{problem}");
    let code = problem["code"].as_str().expect("a code");
    (reply.status, code.to_owned())
}

/// The pointers and codes of the mistakes that a problem document lists.
pub fn mistakes(reply: &Reply) -> Vec<(String, String)> {
    assert_eq!(refusal(reply), (400, "validation_failed".to_owned()));
    let errors = reply.json()["errors"].clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = errors.as_array().expect("a list").iter();
    found
        .map(|error| (text(&error["pointer"]), text(&error["code"])))
        .collect()
}

/// A pointer and a code, to compare with [`mistakes`].
pub fn at(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

/// A whole answer for a snapshot: its JSON spread out, and what differs each time left out.
pub fn shown(reply: &Reply) -> String {
    let wire = reply.wire();
    let (head, body) = wire.split_once("\n\n").unwrap_or((&wire, ""));
    let body = match serde_json::from_str::<Value>(body) {
        Ok(json) => serde_json::to_string_pretty(&json).expect("JSON"),
        Err(_) => body.to_owned(),
    };
    steady(&format!("{head}\n\n{body}"))
}

/// The JSON of an answer for a snapshot.
pub fn shown_body(reply: &Reply) -> String {
    let json = serde_json::to_string_pretty(&reply.json()).expect("JSON");
    steady(&json)
}

/// Ids, secrets and what is random in an e-mail become `...`.
fn steady(text: &str) -> String {
    const IDS: [&str; 12] = [
        "org_", "sa_", "cred_", "sac_", "sec_", "tok_", "api_", "res_", "role_", "grp_", "req_",
        "evt_",
    ];
    let mut steady = text.to_owned();
    for prefix in IDS {
        steady = mask(&steady, prefix, 26);
    }
    steady = mask(&steady, "ostler_cs_", 49);
    steady = mask(&steady, "ostler_at_", 49);
    steady = mask(&steady, "\"hint\": \"", 4);
    steady = mask(&steady, "hash\": \"", 64);
    mask_before(&steady, "@default.serviceaccount", 6)
}

/// Replaces the `length` letters and digits after each `prefix`.
fn mask(text: &str, prefix: &str, length: usize) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(prefix) {
        let (before, after) = rest.split_at(at + prefix.len());
        masked.push_str(before);
        let random = after.bytes().take_while(u8::is_ascii_alphanumeric).count();
        rest = after;
        if random == length {
            masked.push_str("...");
            rest = &after[length..];
        }
    }
    masked + rest
}

/// Replaces the `length` characters before each `suffix`.
fn mask_before(text: &str, suffix: &str, length: usize) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(suffix) {
        masked.push_str(&rest[..at - length]);
        masked.push_str("...");
        masked.push_str(suffix);
        rest = &rest[at + suffix.len()..];
    }
    masked + rest
}

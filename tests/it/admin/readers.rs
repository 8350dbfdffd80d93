//! Those who may only read: they read everything that is theirs to read, and never a secret, the hash
//! of one, or a private key.
//!
//! Security cases 79, 144, 145 and 146. The routes are those of the document.

use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::Administrator;
use super::actors::ostler;
use super::crossing::Things;
use super::crossing::filled;
use super::crossing::things;
use super::openapi::document;
use super::openapi::routes;

/// Who only reads, each by the scopes that they hold.
const READERS: [(&str, &[&str]); 4] = [
    (
        "viewer",
        &["accounts:read", "apis:read", "organizations:read"],
    ),
    ("audit-reader", &["audit:read"]),
    ("supporter", &["accounts:read", "system:read"]),
    (
        "the-auditor",
        &[
            "accounts:read",
            "apis:read",
            "audit:read",
            "keys:read",
            "organizations:read",
            "system:read",
        ],
    ),
];

/// What stands only in a secret, or in a private key: our prefixes, and a part of a file's first line.
const MARKS: [&str; 4] = ["ostler_cs_", "ostler_at_", "ostler_ot_", "PRIVATE KEY"];

/// A server with an organization, in which secrets were made and rotated.
struct Stage {
    server: TestServer,
    ours: Things,
    hidden: Vec<String>,
    token: String,
}

impl Stage {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let admin = Administrator::first(&server).await;
        let made = admin.post("/organizations", json!({"name": "ours"})).await;
        assert_eq!(made.status, 201, "{}", made.wire());
        let ours = things(&admin, "ours").await;
        let credential =
            "/organizations/{org}/service-accounts/{account}/credentials/{credential}/rotate";
        let rotated = admin.act(&filled(credential, &ours)).await;
        assert_eq!(rotated.status, 200, "{}", rotated.wire());

        let client = server.client("nightly", "deploy:read").await;
        let token = client.token("").await;
        let mut hidden = vec![client.secret.clone(), server.admin.secret.clone()];
        hidden.push(rotated.json()["client_secret"].as_str().unwrap().to_owned());
        hidden.extend(server.rows("SELECT hmac FROM secret").await);
        hidden.extend(private_lines(&server));
        Self {
            server,
            ours,
            hidden,
            token,
        }
    }

    #[track_caller]
    fn is_told_no_secret(&self, text: &str, at: &str) {
        let hidden = self.hidden.iter().map(String::as_str);
        for hidden in hidden.chain(MARKS) {
            assert!(!text.contains(hidden), "{at}: {hidden} in {text}");
        }
    }

    /// What is read by a `POST`, and what it is asked.
    fn questions(&self) -> [(&'static str, Value); 4] {
        [
            ("/tokens/inspect", json!({"token": self.token})),
            (
                "/tokens/preview",
                json!({"client_id": self.server.admin.id, "resource": self.server.issuer}),
            ),
            ("/organizations/ours/audit-events/verify", json!({})),
            ("/audit-events/verify", json!({})),
        ]
    }
}

/// The lines of every file of keys that are no headings.
pub fn private_lines(server: &TestServer) -> Vec<String> {
    let files = std::fs::read_dir(&server.app.config.keys.dir).unwrap();
    let texts = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let texts = texts.filter_map(|bytes| String::from_utf8(bytes).ok());
    let lines: Vec<_> = texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| line.len() >= 40 && !line.starts_with('-'))
        .collect();
    assert!(lines.len() > 4, "the keys are read");
    lines
}

#[tokio::test]
async fn whoever_only_reads_is_told_no_secret_and_changes_nothing() {
    let stage = Stage::start().await;
    let told = routes(&document(&stage.server).await);
    for (name, scopes) in READERS {
        let everywhere = json!([ostler(scopes, &json!("*"))]);
        let reader = Administrator::with(&stage.server, name, everywhere).await;
        for route in told.iter().filter(|route| route.scope.is_some()) {
            let scope = route.scope.as_deref().unwrap();
            let path = filled(&route.path, &stage.ours);
            let at = format!("{name}: {} {path}", route.method);
            let mut questions = stage.questions().into_iter();
            let body = questions.find(|(asked, _)| *asked == path);
            let body = body.map(|(_, body)| body);
            let reply = reader.call(&route.method, &path, body.as_ref()).await;
            let may = scopes.contains(&scope);
            let right = if may { 200 } else { 403 };
            assert_eq!(reply.status, right, "{at}: {}", reply.wire());
            stage.is_told_no_secret(reply.text(), &at);
        }
    }
}

// Security case 145: an export has no more in it, of a rotation either.
#[tokio::test]
async fn an_export_has_placeholders_only() {
    let stage = Stage::start().await;
    let everywhere = json!([ostler(&["audit:read"], &json!("*"))]);
    let reader = Administrator::with(&stage.server, "audit-reader", everywhere).await;
    for (trail, event) in [
        ("/organizations/ours/audit-events", "credential.rotate"),
        ("/audit-events", "signing_key.create"),
    ] {
        let path = format!("{trail}?format=ndjson");
        let reply = reader.get(&path).await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        assert!(reply.text().contains(event), "{}", reply.wire());
        stage.is_told_no_secret(reply.text(), &path);
    }
}

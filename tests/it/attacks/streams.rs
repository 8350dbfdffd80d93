//! Requests of two organizations at once, as streams of one HTTP/2 connection: each is its own caller's.

use reqwest::Client;
use reqwest::Method;
use reqwest::Version;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;

use crate::transport::tls::Files;

use super::process::Process;

/// Somebody who speaks HTTP/2 with the server of a process, on one connection.
struct Caller {
    http: Client,
    base: String,
    issuer: String,
}

impl Caller {
    async fn token(&self, id: &str, secret: &str) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("resource", &*self.issuer),
        ];
        let asked = self.http.post(format!("{}/oauth/token", self.base));
        let asked = asked.basic_auth(id, Some(secret)).form(&form);
        let reply: Value = asked.send().await.unwrap().json().await.unwrap();
        reply["access_token"].as_str().unwrap().to_owned()
    }

    async fn create(&self, token: &str, path: &str, body: Value) -> Value {
        let target = format!("{}/admin/v1{path}", self.base);
        let request = self.http.request(Method::POST, target).bearer_auth(token);
        let reply = request.json(&body).send().await.unwrap();
        assert_eq!(reply.status(), 201, "{path}");
        reply.json().await.unwrap()
    }

    /// A token of an owner of a new organization, in which there is an account besides.
    async fn owner_of(&self, admin: &str, org: &str) -> String {
        self.create(admin, "/organizations", json!({"name": org}))
            .await;
        let accounts = format!("/organizations/{org}/service-accounts");
        let other = json!({"name": format!("account-of-{org}")});
        self.create(admin, &accounts, other).await;
        let owner =
            json!({"name": "the-owner", "roles": ["owner"], "credential": {"name": "first"}});
        let owner = self.create(admin, &accounts, owner).await["credential"].clone();
        let text = |member: &str| owner[member].as_str().unwrap();
        self.token(text("client_id"), text("client_secret")).await
    }
}

// Security case 86.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_two_organizations_on_one_connection_stay_apart() {
    let files = Files::new();
    let (certificate, key) = (files.certificate(), files.key());
    let process = Process::start(&[
        (
            "OSTLER_SERVER__TLS__CERT_FILE",
            certificate.to_str().unwrap(),
        ),
        ("OSTLER_SERVER__TLS__KEY_FILE", key.to_str().unwrap()),
    ])
    .await;
    let base = format!("https://{}", process.address);
    let http = files.reqwest();
    let metadata = format!("{base}/.well-known/oauth-authorization-server");
    let metadata: Value = http
        .get(metadata)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let issuer = metadata["issuer"].as_str().unwrap().to_owned();
    let caller = Caller { http, base, issuer };
    let admin = caller.token(&process.admin.id, &process.admin.secret).await;
    let owners = [
        ("ours", caller.owner_of(&admin, "ours").await),
        ("theirs", caller.owner_of(&admin, "theirs").await),
    ];

    let mut streams = JoinSet::new();
    for turn in 0..96_usize {
        // Also where an owner asks for the other's.
        let (asked, _) = &owners[turn % 2];
        let (own, token) = &owners[turn / 2 % 2];
        let (asked, own) = (*asked, *own);
        let target = format!(
            "{}/admin/v1/organizations/{asked}/service-accounts",
            caller.base
        );
        let request = caller.http.get(target).bearer_auth(token);
        streams.spawn(async move {
            let reply = request.send().await.unwrap();
            assert_eq!(reply.version(), Version::HTTP_2);
            let expected = if own == asked { 200 } else { 404 };
            assert_eq!(reply.status(), expected, "{own} asks for {asked}");
            let body = reply.text().await.unwrap();
            for org in ["ours", "theirs"] {
                let is_told = body.contains(&format!("\"account-of-{org}\""));
                assert_eq!(is_told, own == asked && org == own, "{own}: {body}");
            }
        });
    }
    assert_eq!(streams.join_all().await.len(), 96);
}

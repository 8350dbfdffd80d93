//! Every way to a token, tried before and after the account was disabled.
//!
//! A new way has to be registered here: the metadata may not offer a grant or a method that is not in
//! the table, and no other code than the one that is behind these ways may sign.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::json;

use crate::cli::shell::Person;
use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;

/// How a client authenticates, or the holder of an API token.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Method {
    Basic,
    Body,
    /// It is the subject token of an exchange; no client authenticates.
    SubjectToken,
}

impl Method {
    const ALL: [Self; 3] = [Self::Basic, Self::Body, Self::SubjectToken];

    /// As the metadata says it, where it is a method of client authentication.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Basic => Some("client_secret_basic"),
            Self::Body => Some("client_secret_post"),
            Self::SubjectToken => None,
        }
    }

    /// The grant that it is for.
    fn grant(self) -> &'static str {
        match self {
            Self::Basic | Self::Body => "client_credentials",
            Self::SubjectToken => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }
}

/// Where tokens are given out.
const ENDPOINTS: [&str; 2] = ["/oauth/token", "/rest/oauth2/latest/token"];

/// What may be asked of each grant: the API of each signature, this very server, less of everything.
const REQUESTS: [&str; 5] = [
    "resource=https%3A%2F%2Fdeploy.example.com",
    "resource=https%3A%2F%2Frs256.example.com",
    "audience=https%3A%2F%2Feddsa.example.com",
    "resource=http%3A%2F%2F127.0.0.1%3A8080",
    "scope=deploy%3Aread&expires_in=600&authorization_details=\
     [{\"type\":\"project\",\"identifiers\":[\"APOLLO\"]}]",
];

/// One way to a token.
#[derive(Clone, Debug)]
struct Way {
    endpoint: &'static str,
    method: Method,
    form: String,
}

fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for endpoint in ENDPOINTS {
        for method in Method::ALL {
            ways.extend(REQUESTS.map(|request| Way {
                endpoint,
                method,
                form: format!("grant_type={}&{request}", method.grant()),
            }));
        }
    }
    ways
}

impl Way {
    async fn ask(&self, (client, api_token): &(TestClient, String)) -> Reply {
        let Self {
            endpoint,
            method,
            form,
        } = self;
        match method {
            Method::Basic => client.post(endpoint, form).await,
            Method::Body => {
                let (id, secret) = (&client.id, &client.secret);
                let form = format!("{form}&client_id={id}&client_secret={secret}");
                client.request("POST", endpoint).form(&form).send().await
            }
            Method::SubjectToken => {
                let kind = "urn:ietf:params:oauth:token-type:access_token";
                let form = format!("{form}&subject_token={api_token}&subject_token_type={kind}");
                client.request("POST", endpoint).form(&form).send().await
            }
        }
    }

    /// How it is refused to whom nothing is given any more.
    fn refusal(&self) -> (u16, &'static str) {
        match self.method {
            Method::Basic | Method::Body => (401, "invalid_client"),
            // RFC 8693 §2.2.2.
            Method::SubjectToken => (400, "invalid_request"),
        }
    }
}

/// A server that offers everything, and a client that may have a token of every kind, with an API
/// token.
async fn stage() -> (TestServer, (TestClient, String)) {
    let server = TestServer::with()
        .set("server.atlassian_path", "true")
        .start()
        .await;
    server.ensure_deploy_api().await;
    for (name, algorithm) in [("rs256", "RS256"), ("eddsa", "EdDSA")] {
        let api = json!({
            "name": name,
            "audience": format!("https://{name}.example.com"),
            "scopes": [{"name": "read"}],
            "resource_types": [],
            "token": {"signing_alg": algorithm},
        });
        server.create("/organizations/default/apis", api).await;
    }
    let everything = json!({"organization": "*", "api": "*"});
    let access = json!([
        {"api": "deploy", "scopes": ["deploy:read"], "resources": {"project": ["APOLLO"]}},
        {"api": "rs256", "scopes": ["read"], "resources": {}},
        {"api": "eddsa", "scopes": ["read"], "resources": {}},
        {"api": "ostler", "scopes": ["accounts:write", "introspect"], "resources": everything},
    ]);
    let client = server.client_with("ci-deployer", access).await;
    let made = server.api_token(&client, "tool", json!({})).await;
    let token = made["token"].as_str().expect("a token").to_owned();
    (server, (client, token))
}

/// What introspection, the admin API and the shell make of the tokens: whether they are good.
async fn are_good(server: &TestServer, tokens: &[String]) -> bool {
    let mut answers = BTreeSet::new();
    for token in tokens {
        answers.insert(server.admin.sees_active(token).await);
        let request = server.request("GET", "/admin/v1/organizations/default/service-accounts");
        let status = request.bearer(token).send().await.status;
        let asked = server.request("POST", "/oauth/introspect").bearer(token);
        let asked = asked.form("token=x").send().await.status;
        assert_eq!(status, asked, "two opinions of one token");
        if crate::harness::client::jwt_part(token, 1)["aud"] == ISSUER {
            answers.insert(status == 200);
        } else {
            assert_eq!(status, 401);
        }
    }
    assert_eq!(answers.len(), 1, "some are good and some are not");
    answers.contains(&true)
}

// Security cases 60 and 62.
#[tokio::test]
async fn no_way_to_a_token_leads_past_a_disabled_account() {
    let (server, holder) = stage().await;
    let client = &holder.0;
    let shell = Person::as_client(&server, client);
    let mut tokens = Vec::new();
    for way in ways() {
        tokens.push(way.ask(&holder).await.access_token());
    }
    let by_shell = "token get --resource https://deploy.example.com";
    tokens.push(shell.run(by_shell).await.data().trim().to_owned());
    assert!(are_good(&server, &tokens).await);

    let account = client.account_path();
    server.act(&format!("{account}/disable"), json!({})).await;
    assert!(!are_good(&server, &tokens).await);
    let mut answers = BTreeSet::new();
    for way in ways() {
        let reply = way.ask(&holder).await;
        let told = (reply.status, &*reply.error());
        assert_eq!(told, way.refusal(), "{way:?}: {}", reply.wire());
        answers.insert(reply.text().to_owned());
    }
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(shell.run(by_shell).await.code, Some(4));

    // Security case 65: every way leads to a good token again, and no old one is good.
    server.act(&format!("{account}/enable"), json!({})).await;
    assert!(!are_good(&server, &tokens).await);
    let mut tokens = Vec::new();
    for way in ways() {
        tokens.push(way.ask(&holder).await.access_token());
    }
    assert!(are_good(&server, &tokens).await);
}

// Security case 62: a new grant, or a new method, is a new line in the table.
#[tokio::test]
async fn the_table_has_every_grant_and_method_that_is_offered() {
    let server = TestServer::start().await;
    let metadata = server.get("/.well-known/oauth-authorization-server").await;
    let metadata = metadata.json();
    let offered = |member: &str| -> BTreeSet<String> {
        let list = metadata[member].as_array().expect("a list").iter();
        list.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let grants = Method::ALL.map(|method| method.grant().to_owned());
    assert_eq!(offered("grant_types_supported"), BTreeSet::from(grants));
    let methods = Method::ALL.into_iter().filter_map(Method::name);
    assert_eq!(
        offered("token_endpoint_auth_methods_supported"),
        methods.map(str::to_owned).collect()
    );
}

// Security case 62: whatever signs asks `app::issuance`, which asks for a proof of authentication.
#[test]
fn access_tokens_are_signed_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut signing: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let path = path.strip_prefix(&root).unwrap().to_owned();
            let signs = text.contains("key_ring") && text.contains(".sign(");
            if signs && !path.starts_with("jwt") {
                signing.push(path);
            }
        }
    }
    assert_eq!(signing, [Path::new("app/issuance.rs")]);
}

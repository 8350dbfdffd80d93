//! Two organizations with something of everything, and names of the one beside names of nothing.

use serde_json::Value;
use serde_json::json;

use crate::harness::TestClient;
use crate::harness::TestServer;

use super::super::actors::Administrator;
use super::super::crossing::Things;
use super::super::crossing::owner;
use super::super::crossing::things;
use super::super::crossing::unknown;
use super::super::openapi::Told;

/// A thing of the other organization by one of its names, and the same kind of name of nothing.
pub(super) struct Pair {
    pub(super) kind: &'static str,
    pub(super) foreign: String,
    pub(super) nothing: String,
}

/// Two organizations with one of everything, and an owner of one of them.
pub(super) struct Stage {
    pub(super) server: TestServer,
    pub(super) admin: Administrator,
    pub(super) owner: Administrator,
    pub(super) ours: Things,
    /// A client of the owner's organization, which may do something.
    pub(super) client: TestClient,
    pub(super) pairs: Vec<Pair>,
}

impl Stage {
    pub(super) async fn start() -> Self {
        let server = TestServer::start().await;
        let admin = Administrator::first(&server).await;
        for org in ["ours", "theirs"] {
            let made = admin.post("/organizations", json!({"name": org})).await;
            assert_eq!(made.status, 201, "{}", made.wire());
        }
        let (ours, theirs) = (things(&admin, "ours").await, things(&admin, "theirs").await);
        let owner = owner(&server, &admin, "ours").await;
        let client = client_of(&server, &admin, "ours").await;
        let pairs = pairs(&server, &admin, &theirs).await;
        Self {
            server,
            admin,
            owner,
            ours,
            client,
            pairs,
        }
    }

    pub(super) fn of_kinds<'s>(&'s self, kinds: &'s [&str]) -> impl Iterator<Item = &'s Pair> {
        let is_one = |pair: &&Pair| kinds.contains(&pair.kind);
        self.pairs.iter().filter(is_one)
    }

    /// Everything that the other organization has, as the first administrator reads it.
    pub(super) async fn all_of_theirs(&self) -> Vec<Value> {
        let below = "/organizations/theirs";
        let account = format!("{below}/service-accounts/account-of-theirs");
        let mut all = Vec::new();
        for path in [
            below.to_owned(),
            format!("{below}/service-accounts"),
            format!("{account}/access"),
            format!("{account}/roles"),
            format!("{below}/credentials"),
            format!("{below}/api-tokens"),
            format!("{below}/apis"),
            format!("{below}/apis/api-of-theirs/scopes"),
            format!("{below}/apis/api-of-theirs/resources"),
            format!("{below}/roles"),
            format!("{below}/groups"),
            format!("{below}/groups/group-of-theirs/members"),
            format!("{below}/audit-events"),
        ] {
            let reply = self.admin.get(&path).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.wire());
            all.push(reply.json());
        }
        all
    }

    /// Whether a text tells of the other organization more than its name.
    #[track_caller]
    pub(super) fn is_about_nobody(&self, text: &str, at: &str) {
        let canaries = self.pairs.iter().map(|pair| pair.foreign.as_str());
        let canaries = canaries.filter(|canary| *canary != "theirs");
        for canary in canaries.chain(["of-theirs"]) {
            assert!(!text.contains(canary), "{at}: {canary} in {text}");
        }
    }

    pub(super) async fn changes(&self) -> usize {
        let all = "SELECT id FROM audit_event WHERE result = 'success'";
        self.server.rows(all).await.len()
    }

    /// A body of this operation that is right, but for what is put into it.
    pub(super) fn body(&self, operation: &str) -> Value {
        match operation {
            "service_account.create" => {
                json!({"name": "another-account", "credential": {"name": "first"}})
            }
            "credential.create" | "api_token.create" | "role.create" | "group.create" => {
                json!({"name": "another"})
            }
            "token.preview" => json!({"client_id": self.client.id}),
            "audit_event.verify"
            | "credential.update"
            | "group.update"
            | "instance.verify_audit_events"
            | "role.update"
            | "service_account.update_access"
            | "service_account.update_roles"
            | "token.inspect"
            | "token.revoke" => json!({}),
            _ => panic!("say in `body` what {operation} takes"),
        }
    }
}

/// A client of an organization that may read at its API.
async fn client_of(server: &TestServer, admin: &Administrator, org: &str) -> TestClient {
    let resources = json!({"project": [format!("KEY-{org}")]});
    let grant = json!({"api": format!("api-of-{org}"), "scopes": ["read"], "resources": resources});
    let body = json!({
        "name": format!("client-of-{org}"),
        "owner": format!("owner-of-{org}"),
        "access": [grant],
        "credential": {"name": format!("key-of-{org}")},
    });
    let accounts = format!("/organizations/{org}/service-accounts");
    let made = admin.post(&accounts, body).await;
    assert_eq!(made.status, 201, "{}", made.wire());
    server.client_of(&made.json())
}

/// Names of things of the other organization, beside names of nothing that are as like ours as they.
async fn pairs(server: &TestServer, admin: &Administrator, theirs: &Things) -> Vec<Pair> {
    let below = "/organizations/theirs";
    let types = json!({"resource_types": ["project", "type-of-theirs"]});
    let client = client_of(server, admin, "theirs").await;
    let api = format!("{below}/apis/api-of-theirs");
    assert_eq!(admin.patch(&api, types).await.status, 200);
    let role = json!({"name": "second-of-theirs"});
    let made = admin.post(&format!("{below}/roles"), role).await;
    let request = made.header("x-request-id").expect("an id").to_owned();
    let page = format!("{below}/service-accounts?limit=1");
    let page = admin.get(&page).await.json();
    let head = admin.act(&format!("{below}/audit-events/verify")).await;
    let instance = admin.act("/audit-events/verify").await;
    let organization = admin.get(below).await.json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();

    let named = |kind, name: &str| Pair {
        kind,
        foreign: name.to_owned(),
        nothing: name.replace("theirs", "sheirs"),
    };
    let by_id = |kind, id: &str| Pair {
        kind,
        foreign: id.to_owned(),
        nothing: unknown(id),
    };
    let altered = |kind, foreign: &str| {
        let (start, end) = foreign.split_at(foreign.len() - 5);
        let first = if end.starts_with('A') { "B" } else { "A" };
        Pair {
            kind,
            foreign: foreign.to_owned(),
            nothing: format!("{start}{first}{}", &end[1..]),
        }
    };
    let mut pairs = vec![
        by_id("organization", &text(&organization["id"])),
        named("organization", "theirs"),
        named("api", "https://theirs.example.com"),
        named("audience", "https://theirs.example.com"),
        named("type", "type-of-theirs"),
        named("key", "KEY-theirs"),
        by_id("key", &theirs["resource"]),
        named("resource", "project:KEY-theirs"),
        by_id("resource", &theirs["resource"]),
        named("scope", "scope-of-theirs"),
        named("owner", "owner-of-theirs"),
        named("account", "client-of-theirs"),
        by_id("account", &client.account),
        named("credential", "key-of-theirs"),
        by_id("credential", &client.credential),
        by_id("client", &client.id),
        by_id("request", &request),
        altered("cursor", &text(&page["next_cursor"])),
        // The head of any other chain is one.
        Pair {
            kind: "head",
            foreign: text(&head.json()["head"]),
            nothing: text(&instance.json()["head"]),
        },
    ];
    for kind in ["account", "api", "credential", "group", "role", "secret"] {
        pairs.push(by_id(kind, &theirs[kind]));
        pairs.push(named(kind, &format!("{kind}-of-theirs")));
    }
    pairs.extend(tokens(admin, &client).await);
    pairs
}

/// Tokens of a client of the other organization, beside those of a server that nobody here knows.
async fn tokens(admin: &Administrator, theirs: &TestClient) -> Vec<Pair> {
    let elsewhere = TestServer::start().await;
    let stranger = elsewhere.client("nightly", "deploy:read").await;
    let body = json!({"name": "tool"});
    let path = format!(
        "/organizations/theirs/service-accounts/{}/api-tokens",
        theirs.account
    );
    let of_theirs = admin.post(&path, body.clone()).await.json();
    let path = format!("{}/api-tokens", stranger.account_path());
    let of_stranger = elsewhere.create(&path, body).await;
    let value = |made: &Value| made["token"].as_str().expect("a token").to_owned();
    let token = |foreign, nothing| Pair {
        kind: "token",
        foreign,
        nothing,
    };
    vec![
        token(theirs.token("").await, stranger.token("").await),
        token(value(&of_theirs), value(&of_stranger)),
    ]
}

pub(super) fn name_of(route: &Told) -> &str {
    route.operation["operationId"].as_str().unwrap()
}

//! What a body or a query names of another organization's is answered exactly like what names
//! nothing, also among names of the caller's own, and changes nothing.
//!
//! Security cases 82, 84, 86 and 87; ids in paths are in `crossing`. The routes, their members and
//! their parameters are those of the document: one of which nobody says here what it names fails the
//! test, so that no new one is forgotten.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::Reply;
use crate::harness::TestClient;
use crate::harness::TestServer;

use super::actors::Administrator;
use super::crossing::Things;
use super::crossing::filled;
use super::crossing::owner;
use super::crossing::things;
use super::crossing::unknown;
use super::openapi::Told;
use super::openapi::document;
use super::openapi::routes;

/// A place in a body where something is named.
struct Place {
    /// The end of its pointer in the schema; `0` is any item, `*` any member.
    leaf: &'static str,
    /// The member that holds it.
    member: &'static str,
    /// The kind of thing that it names.
    kind: &'static str,
    /// A value of the member that names this, and something of the caller's own where there is room.
    value: fn(&str) -> Value,
}

/// A grant at an API of the caller's own.
fn grant(scope: &str, resources: &Value) -> Value {
    json!({"api": "api-of-ours", "scopes": [scope], "resources": resources})
}

fn right() -> Value {
    grant("read", &json!({"project": ["KEY-ours"]}))
}

/// A grant of `ostler`.
fn of_ostler(organizations: &[&str], apis: &[&str]) -> Value {
    let resources = json!({"organization": organizations, "api": apis});
    json!([right(), {"api": "ostler", "scopes": ["introspect"], "resources": resources}])
}

const PLACES: &[Place] = &[
    Place {
        leaf: "/access/0/api",
        member: "access",
        kind: "api",
        value: |name| {
            let resources = json!({"project": []});
            json!([right(), {"api": name, "scopes": ["read"], "resources": resources}])
        },
    },
    Place {
        leaf: "/access/0/scopes/0",
        member: "access",
        kind: "scope",
        value: |name| json!([right(), grant(name, &json!({"project": []}))]),
    },
    Place {
        leaf: "/access/0/resources/*",
        member: "access",
        kind: "type",
        value: |name| json!([right(), grant("read", &json!({"project": [], name: []}))]),
    },
    Place {
        leaf: "/access/0/resources/*/0",
        member: "access",
        kind: "key",
        value: |name| {
            json!([
                right(),
                grant("read", &json!({"project": ["KEY-ours", name]}))
            ])
        },
    },
    Place {
        leaf: "/access/0/resources/*/0",
        member: "access",
        kind: "organization",
        value: |name| of_ostler(&["ours", name], &[]),
    },
    Place {
        leaf: "/access/0/resources/*/0",
        member: "access",
        kind: "api",
        value: |name| of_ostler(&["ours"], &["api-of-ours", name]),
    },
    // With its organization beside it, which is no more visible.
    Place {
        leaf: "/access/0/resources/*/0",
        member: "access",
        kind: "api",
        value: |name| of_ostler(&["theirs"], &[name]),
    },
    Place {
        leaf: "/roles/0",
        member: "roles",
        kind: "role",
        value: |name| json!(["role-of-ours", name]),
    },
    Place {
        leaf: "/token",
        member: "token",
        kind: "token",
        value: |text| json!(text),
    },
    Place {
        leaf: "/head",
        member: "head",
        kind: "head",
        value: |text| json!(text),
    },
    Place {
        leaf: "/client_id",
        member: "client_id",
        kind: "client",
        value: |id| json!(id),
    },
    Place {
        leaf: "/resource",
        member: "resource",
        kind: "audience",
        value: |audience| json!(audience),
    },
    Place {
        leaf: "/scope",
        member: "scope",
        kind: "scope",
        value: |scope| json!(format!("read {scope}")),
    },
    Place {
        leaf: "/authorization_details",
        member: "authorization_details",
        kind: "key",
        value: |key| json!([{"type": "project", "identifiers": ["KEY-ours", key]}]),
    },
    Place {
        leaf: "/authorization_details",
        member: "authorization_details",
        kind: "type",
        value: |kind| json!([{"type": kind, "identifiers": "*"}]),
    },
];

/// Members that name nothing which is there already. An audience is no secret: it is unique on the
/// whole instance, and a clash says so (contract, section 3). A leaked secret is reported by whoever
/// holds it, of whichever organization.
const PLAIN: [&str; 14] = [
    "allowed_networks",
    "audience",
    "description",
    "expires_at",
    "key",
    "labels",
    "name",
    "owner",
    "resource_types",
    "secret",
    "type",
    "alg",
    "signing_alg",
    "typ",
];

/// What a parameter of a query names; nothing names nothing.
const PARAMETERS: [(&str, &[&str]); 18] = [
    ("action", &[]),
    ("actor", &["account", "client"]),
    ("api", &["api"]),
    ("credential", &["credential"]),
    ("cursor", &["cursor"]),
    ("expires_within", &[]),
    ("from", &[]),
    ("organization", &["organization"]),
    ("owner", &["owner"]),
    (
        "q",
        &[
            "organization",
            "account",
            "credential",
            "client",
            "owner",
            "api",
            "resource",
            "role",
            "group",
            "secret",
        ],
    ),
    ("request_id", &["request"]),
    ("resource", &["resource"]),
    ("scope", &["scope"]),
    ("sort", &[]),
    (
        "target",
        &["account", "credential", "api", "role", "group", "secret"],
    ),
    ("to", &[]),
    ("type", &[]),
    ("unused_for", &[]),
];

/// A thing of the other organization by one of its names, and the same kind of name of nothing.
struct Pair {
    kind: &'static str,
    foreign: String,
    nothing: String,
}

/// Two organizations with one of everything, and an owner of one of them.
struct Stage {
    server: TestServer,
    admin: Administrator,
    owner: Administrator,
    ours: Things,
    /// A client of the owner's organization, which may do something.
    client: TestClient,
    pairs: Vec<Pair>,
}

impl Stage {
    async fn start() -> Self {
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

    fn of_kinds<'s>(&'s self, kinds: &'s [&str]) -> impl Iterator<Item = &'s Pair> {
        let is_one = |pair: &&Pair| kinds.contains(&pair.kind);
        self.pairs.iter().filter(is_one)
    }

    /// Everything that the other organization has, as the first administrator reads it.
    async fn all_of_theirs(&self) -> Vec<Value> {
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
    fn is_about_nobody(&self, text: &str, at: &str) {
        let canaries = self.pairs.iter().map(|pair| pair.foreign.as_str());
        let canaries = canaries.filter(|canary| *canary != "theirs");
        for canary in canaries.chain(["of-theirs"]) {
            assert!(!text.contains(canary), "{at}: {canary} in {text}");
        }
    }

    async fn changes(&self) -> usize {
        let all = "SELECT id FROM audit_event WHERE result = 'success'";
        self.server.rows(all).await.len()
    }

    /// A body of this operation that is right, but for what is put into it.
    fn body(&self, operation: &str) -> Value {
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

fn name_of(route: &Told) -> &str {
    route.operation["operationId"].as_str().unwrap()
}

/// The pointers of all texts of a schema, and of all members that the caller names.
fn leaves(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    for way in schema["anyOf"].as_array().into_iter().flatten() {
        leaves(way, at, found);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        leaves(member, &format!("{at}/{name}"), found);
    }
    if schema.get("items").is_some() {
        leaves(&schema["items"], &format!("{at}/0"), found);
    }
    if schema["additionalProperties"].is_object() {
        let at = format!("{at}/*");
        found.insert(at.clone());
        leaves(&schema["additionalProperties"], &at, found);
    }
    let kinds = &schema["type"];
    let is_text = kinds == "string"
        || kinds
            .as_array()
            .is_some_and(|all| all.contains(&json!("string")));
    if is_text && schema.get("enum").is_none() && schema.get("const").is_none() {
        found.insert(at.to_owned());
    }
}

/// The name of the member that a pointer leads to.
fn member_at(leaf: &str) -> &str {
    let mut parts = leaf.rsplit('/');
    parts.find(|part| !["0", "*"].contains(part)).unwrap()
}

/// Puts a value into a body.
fn put(body: &mut Value, parents: &str, member: &str, value: Value) {
    let mut object = body;
    for parent in parents.split('/').skip(1) {
        object = &mut object[parent];
    }
    object[member] = value;
}

/// An answer without the name that was asked about and without what differs each time.
fn steady(reply: &Reply, name: &str) -> (u16, String) {
    let mut body = reply.json();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    (reply.status, body.to_string().replace(name, "NAME"))
}

// Security cases 82, 86 and 87.
#[tokio::test]
async fn a_body_that_names_what_is_not_ours_names_nothing() {
    let stage = Stage::start().await;
    let (changes, theirs) = (stage.changes().await, stage.all_of_theirs().await);
    let mut met = BTreeSet::new();
    for route in routes(&document(&stage.server).await) {
        let content = &route.operation["requestBody"]["content"];
        let mut all = BTreeSet::new();
        leaves(&content["application/json"]["schema"], "", &mut all);
        let path = filled(&route.path, &stage.ours);
        for leaf in all {
            let mut is_said = PLAIN.contains(&member_at(&leaf));
            for (number, place) in PLACES.iter().enumerate() {
                let Some(parents) = leaf.strip_suffix(place.leaf) else {
                    continue;
                };
                (is_said, _) = (true, met.insert(number));
                for pair in stage.of_kinds(&[place.kind]) {
                    let ask = async |name: &str| {
                        let mut body = stage.body(name_of(&route));
                        put(&mut body, parents, place.member, (place.value)(name));
                        let reply = stage.owner.call(&route.method, &path, Some(&body)).await;
                        steady(&reply, name)
                    };
                    let nothing = ask(&pair.nothing).await;
                    let at = format!("{} {path} {leaf}: {}", route.method, pair.foreign);
                    assert_eq!(ask(&pair.foreign).await, nothing, "{at}");
                    stage.is_about_nobody(&nothing.1, &at);
                    assert!(![201, 204].contains(&nothing.0), "{at}: {nothing:?}");
                }
            }
            assert!(is_said, "say what {leaf} of {} names", name_of(&route));
        }
    }
    assert_eq!(met.len(), PLACES.len(), "each of the places is somewhere");
    assert_eq!(stage.changes().await, changes);
    assert_eq!(stage.all_of_theirs().await, theirs);
}

// Security cases 84 and 87: filters and cursors find nothing of another organization.
#[tokio::test]
async fn a_query_that_names_what_is_not_ours_names_nothing() {
    let stage = Stage::start().await;
    let (changes, theirs) = (stage.changes().await, stage.all_of_theirs().await);
    let mut met = BTreeSet::new();
    for route in routes(&document(&stage.server).await) {
        let path = filled(&route.path, &stage.ours);
        let parameters = route.operation["parameters"].as_array();
        let texts = parameters.into_iter().flatten().filter(|parameter| {
            let schema = &parameter["schema"];
            parameter["in"] == "query" && schema["type"] == "string" && schema.get("enum").is_none()
        });
        for parameter in texts {
            let parameter = parameter["name"].as_str().unwrap();
            let mut known = PARAMETERS.iter();
            let (known, kinds) = known
                .find(|(name, _)| *name == parameter)
                .unwrap_or_else(|| panic!("say what {parameter} of {} names", name_of(&route)));
            met.insert(*known);
            for pair in stage.of_kinds(kinds) {
                let ask = async |name: &str| {
                    let path = format!("{path}?{parameter}={name}");
                    let reply = stage.owner.call(&route.method, &path, None).await;
                    steady(&reply, name)
                };
                let nothing = ask(&pair.nothing).await;
                let at = format!("{} {path}?{parameter}={}", route.method, pair.foreign);
                assert_eq!(ask(&pair.foreign).await, nothing, "{at}");
                stage.is_about_nobody(&nothing.1, &at);
            }
        }
    }
    assert_eq!(met.len(), PARAMETERS.len(), "each of them is somewhere");
    assert_eq!(stage.changes().await, changes);
    assert_eq!(stage.all_of_theirs().await, theirs);
}

// Security case 87: whatever is listed, counted or searched is the caller's own.
#[tokio::test]
async fn nothing_that_is_read_tells_of_another_organization() {
    let stage = Stage::start().await;
    for route in routes(&document(&stage.server).await) {
        if route.method != "GET" || route.scope.is_none() {
            continue;
        }
        let path = filled(&route.path, &stage.ours);
        let reply = stage.owner.get(&path).await;
        // Signing keys and the instance's own trail are for who reaches every organization.
        let is_ours = route.path.contains("{org}");
        assert!(!is_ours || reply.status == 200, "{path}: {}", reply.wire());
        assert!(!reply.text().contains("theirs"), "{}", reply.wire());
        stage.is_about_nobody(reply.text(), &path);
    }
    let listed = stage.owner.get("/organizations").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    // An account, its owner, and its client.
    assert_eq!(listed["items"][0]["service_account_count"], 3);
}

// Security case 86: what stands there twice counts once.
#[tokio::test]
async fn names_that_are_repeated_count_once() {
    let stage = Stage::start().await;
    let account = filled(
        "/organizations/{org}/service-accounts/{account}",
        &stage.ours,
    );
    let role = &stage.ours["role"];
    let roles = json!({"roles": ["role-of-ours", role, "role-of-ours"]});
    let put = stage.owner.put(&format!("{account}/roles"), roles).await;
    assert_eq!(
        put.json()["roles"],
        json!(["role-of-ours"]),
        "{}",
        put.wire()
    );
    let mut twice = grant("read", &json!({"project": ["KEY-ours", "KEY-ours"]}));
    twice["scopes"] = json!(["read", "read"]);
    let access = json!({"access": [twice]});
    let put = stage.owner.put(&format!("{account}/access"), access).await;
    assert_eq!(put.json()["access"], json!([right()]), "{}", put.wire());
    let group = json!({"name": "twice", "roles": ["role-of-ours", role]});
    let made = stage.owner.post("/organizations/ours/groups", group).await;
    assert_eq!(made.json()["roles"], json!(["role-of-ours"]));
    let member = format!(
        "/organizations/ours/groups/twice/members/{}",
        stage.ours["account"]
    );
    for _ in 0..2 {
        assert_eq!(stage.owner.put(&member, json!({})).await.status, 200);
    }
    let group = stage.owner.get("/organizations/ours/groups/twice").await;
    assert_eq!(group.json()["member_count"], 1);
}

// Security case 86: on one connection, each request is its own caller's.
#[tokio::test]
async fn requests_of_two_organizations_on_one_connection_stay_apart() {
    let stage = Stage::start().await;
    let of_theirs = owner(&stage.server, &stage.admin, "theirs").await;
    let callers = [("ours", &stage.owner), ("theirs", &of_theirs)];
    let mut bytes = String::new();
    let mut expected = Vec::new();
    for turn in 0..24_usize {
        // Also where an owner asks for the other's.
        let (asked, _) = callers[turn % 2];
        let (own, by) = callers[turn / 2 % 2];
        let end = if turn == 23 { "close" } else { "keep-alive" };
        bytes.extend([format!(
            "GET /admin/v1/organizations/{asked}/service-accounts HTTP/1.1\r\nHost: ostler.test\r\n\
             Authorization: Bearer {}\r\nConnection: {end}\r\n\r\n",
            by.token()
        )]);
        expected.push((own, own == asked));
    }
    let mut stream = TcpStream::connect(stage.server.address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    let replies: Vec<_> = all.split("HTTP/1.1 ").skip(1).collect();
    assert_eq!(replies.len(), expected.len(), "{all}");
    for (reply, (own, is_own)) in replies.iter().zip(expected) {
        let status = if is_own { "200" } else { "404" };
        assert!(reply.starts_with(status), "{own}: {reply}");
        for org in ["ours", "theirs"] {
            let name = format!("\"account-of-{org}\"");
            let is_told = reply.contains(&name);
            assert_eq!(is_told, is_own && org == own, "{own}: {reply}");
        }
    }
}

//! What somebody else changes while `ostler apply` is at work: nothing of it is lost unseen.
//!
//! Contract, section 3, *Concurrency*: our own shell always sends `If-Match`. What a step puts something
//! else in the place of has to be what the plan was made from, however many steps there were before it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::harness::TestServer;

use super::Person;
use super::Ran;

const HERE: &str = "/organizations/default";

/// What there is at first.
const FIRST: &str = "\
apis:
  jira:
    audience: https://jira.example.com
    resource_types: [project]
    scopes: {read: , write: }
    resources: {project: {APOLLO: , GEMINI: }}
roles:
  reader:
    access: [{api: jira, scopes: [read], resources: {project: [APOLLO]}}]
  writer: {description: writes}
  spare-role: {description: not used}
accounts:
  ci-deployer:
    owner: ops
    roles: [reader]
    access: [{api: jira, scopes: [read], resources: {project: [APOLLO]}}]
    credentials:
      github: {allowed_networks: [10.0.0.0/8]}
      spare: {}
  spare-bot: {owner: ops}
groups:
  ci: {description: theirs, roles: [reader], members: [ci-deployer]}
  spare-group: {description: not used}
";

/// Stands between the shell and a server. The first change that the shell sends waits here until
/// somebody else has been at the server too.
struct Between {
    address: SocketAddr,
    turn: Arc<Turn>,
}

#[derive(Default)]
struct Turn {
    is_over: AtomicBool,
    reached: Notify,
    goes_on: Notify,
}

impl Between {
    async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let turn = Arc::<Turn>::default();
        let theirs = Arc::clone(&turn);
        tokio::spawn(async move {
            while let Ok((shell, _)) = listener.accept().await {
                tokio::spawn(pass_on(shell, server, Arc::clone(&theirs)));
            }
        });
        Self { address, turn }
    }
}

async fn pass_on(shell: TcpStream, server: SocketAddr, turn: Arc<Turn>) {
    let server = TcpStream::connect(server).await.unwrap();
    let (mut from_shell, mut to_shell) = shell.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_shell).await });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from_shell.read(&mut buffer).await {
        if is_change(&buffer[..length]) && !turn.is_over.swap(true, Ordering::Relaxed) {
            turn.reached.notify_one();
            turn.goes_on.notified().await;
        }
        if to_server.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// Whether a request that begins here changes something of an organization.
fn is_change(bytes: &[u8]) -> bool {
    let line = bytes
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let (method, path) = line.split_once(' ').unwrap_or_default();
    ["POST", "PUT", "PATCH", "DELETE"].contains(&method) && path.contains("/organizations/")
}

/// An organization as it is at first, and who declares another one.
struct Stage {
    server: TestServer,
    admin: Person,
}

impl Stage {
    async fn of(first: &str) -> Self {
        let server = TestServer::start().await;
        let admin = Person::administrator(&server);
        admin.write("first.yaml", first, 0o600);
        let line = "apply -f first.yaml --yes --secret-out secrets";
        admin.run(line).await.data();
        Self { server, admin }
    }

    /// Runs `apply` with this declaration; before its first change somebody else makes theirs.
    async fn apply_while(&self, declared: &str, (method, path, body): &Theirs) -> Ran {
        let between = Between::before(self.server.address).await;
        let url = format!("http://{}", between.address);
        let watched = Person::administrator(&self.server).with("OSTLER_URL", &url);
        watched.write("next.yaml", declared, 0o600);
        let applied = watched.run("apply -f next.yaml --prune --yes");
        let mut applied = pin!(applied);
        tokio::select! {
            ran = &mut applied => panic!("it has changed nothing: {ran}"),
            () = between.turn.reached.notified() => {}
        }
        let made = self.server.admin(method, path, Some(body)).await;
        assert!(made.status < 300, "{method} {path}: {}", made.wire());
        between.turn.goes_on.notify_one();
        applied.await
    }

    /// Whoever looks again, and says the same again, has it.
    async fn apply_again(&self, declared: &str) {
        self.admin.write("next.yaml", declared, 0o600);
        let again = self.admin.run("apply -f next.yaml --prune --yes");
        again.await.data();
        let differs = self.admin.run("diff -f next.yaml --prune").await;
        assert_eq!(differs.code, Some(0), "{differs}");
    }

    async fn get(&self, path: &str) -> Value {
        let reply = self.server.admin("GET", path, None).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.wire());
        reply.json()
    }
}

/// What somebody else does: the method, the path and the body.
type Theirs = (&'static str, String, Value);

/// `FIRST` with one place changed, and a resource type more: the step for that comes before all others,
/// and gives whatever is granted there another version.
fn next(from: &str, to: &str) -> String {
    assert!(FIRST.contains(from), "{from}");
    with_spaces(&FIRST.replacen(from, to, 1))
}

fn with_spaces(declared: &str) -> String {
    let declared = declared.replace(
        "resource_types: [project]",
        "resource_types: [project, space]",
    );
    let keys = ["APOLLO", "GEMINI"].into_iter();
    keys.fold(declared, |declared, key| {
        let (without, with) = (
            format!("{{project: [{key}]}}"),
            format!("{{project: [{key}], space: []}}"),
        );
        declared.replace(&without, &with)
    })
}

/// What is declared anew, what somebody else does about the same, and where that is seen.
fn edits() -> Vec<(String, Theirs, String)> {
    let account = format!("{HERE}/service-accounts/ci-deployer");
    let more = json!([
        {"api": "jira", "scopes": ["read"], "resources": {"project": ["APOLLO"]}},
        {"api": "jira", "scopes": ["write"], "resources": {"project": ["GEMINI"]}},
    ]);
    let (access, roles) = (format!("{account}/access"), format!("{account}/roles"));
    let role = format!("{HERE}/roles/reader");
    let group = format!("{HERE}/groups/ci");
    let credential = format!("{account}/credentials/github");
    let resource = format!("{HERE}/apis/jira/resources/project:APOLLO");
    let granted = "    access: [{api: jira, scopes: [read], resources: {project: [APOLLO]}}]\n";
    let of_account = format!("    roles: [reader]\n{granted}");
    let case = |from: &str, to: &str, method, path: &String, body| {
        (next(from, to), (method, path.clone(), body), path.clone())
    };
    vec![
        case(
            &of_account,
            &of_account.replace("[APOLLO]", "[GEMINI]"),
            "PUT",
            &access,
            json!({"access": more}),
        ),
        case(
            &of_account,
            &of_account.replace("roles: [reader]", "roles: [writer]"),
            "PUT",
            &roles,
            json!({"roles": ["auditor", "reader"]}),
        ),
        case(
            "owner: ops\n    roles",
            "owner: me\n    roles",
            "PATCH",
            &account,
            json!({"owner": "them"}),
        ),
        case(
            "reader:\n    access: [{api: jira, scopes: [read]",
            "reader:\n    access: [{api: jira, scopes: [read, write]",
            "PATCH",
            &role,
            json!({"access": more}),
        ),
        case(
            "description: theirs",
            "description: ours",
            "PATCH",
            &group,
            json!({"description": "others'"}),
        ),
        case(
            "theirs, roles: [reader]",
            "theirs, roles: [writer]",
            "PATCH",
            &group,
            json!({"roles": ["auditor", "reader"]}),
        ),
        // Whoever comes into a group has its roles by it.
        case(
            "members: [ci-deployer]",
            "members: [ci-deployer, spare-bot]",
            "PATCH",
            &group,
            json!({"roles": ["reader", "writer"]}),
        ),
        case(
            "[10.0.0.0/8]",
            "[10.0.0.0/16]",
            "PATCH",
            &credential,
            json!({"allowed_networks": ["192.168.0.0/16"]}),
        ),
        case(
            "APOLLO: , GEMINI: }",
            "APOLLO: Apollo 11, GEMINI: }",
            "PATCH",
            &resource,
            json!({"name": "Apollo 13"}),
        ),
    ]
}

/// The same, where something is not declared any more, and goes.
fn removals() -> Vec<(String, Theirs, String)> {
    let account = format!("{HERE}/service-accounts/spare-bot");
    let credential = format!("{HERE}/service-accounts/ci-deployer/credentials/spare");
    let (role, group) = (
        format!("{HERE}/roles/spare-role"),
        format!("{HERE}/groups/spare-group"),
    );
    let resource = format!("{HERE}/apis/jira/resources/project:GEMINI");
    let case = |from: &str, method, path: &String, at: &String, body| {
        let to = if from.ends_with('}') { "}" } else { "" };
        (next(from, to), (method, path.clone(), body), at.clone())
    };
    let words = || json!({"description": "used after all"});
    vec![
        case(
            "  spare-bot: {owner: ops}\n",
            "PATCH",
            &account,
            &account,
            json!({"owner": "them"}),
        ),
        case(
            "  spare-bot: {owner: ops}\n",
            "PUT",
            &format!("{account}/roles"),
            &account,
            json!({"roles": ["reader"]}),
        ),
        case(
            "      spare: {}\n",
            "PATCH",
            &credential,
            &credential,
            json!({"access": []}),
        ),
        case(
            "  spare-role: {description: not used}\n",
            "PATCH",
            &role,
            &role,
            words(),
        ),
        case(
            "  spare-group: {description: not used}\n",
            "PATCH",
            &group,
            &group,
            words(),
        ),
        case(
            "  spare-group: {description: not used}\n",
            "PUT",
            &format!("{group}/members/spare-bot"),
            &group,
            json!({}),
        ),
        case(
            ", GEMINI: }",
            "PATCH",
            &resource,
            &resource,
            json!({"name": "Gemini 8"}),
        ),
    ]
}

const AGAIN: &str = "fix: somebody changed it meanwhile: look and try again";

#[tokio::test]
async fn what_somebody_else_has_changed_meanwhile_is_neither_overwritten_nor_removed() {
    for (declared, theirs, at) in edits().into_iter().chain(removals()) {
        let stage = Stage::of(FIRST).await;
        let refused = stage.apply_while(&declared, &theirs).await;
        assert_eq!(refused.code, Some(5), "{theirs:?}: {refused}");
        assert!(refused.stderr.contains(AGAIN), "{theirs:?}: {refused}");
        let found = stage.get(&at).await;
        for (member, said) in theirs.2.as_object().unwrap() {
            assert_eq!(told(&found[member]), told(said), "{theirs:?}: {refused}");
        }
        stage.apply_again(&declared).await;
    }
}

// What is declared is the types that there are: one that somebody else has added goes with the others.
#[tokio::test]
async fn a_resource_type_that_somebody_else_has_added_meanwhile_stays() {
    let stage = Stage::of(&with_spaces(FIRST)).await;
    let fewer = FIRST.replace(
        "apis:\n",
        "apis:\n  a-new-one: {audience: https://a.example.com}\n",
    );
    let jira = format!("{HERE}/apis/jira");
    let types = json!({"resource_types": ["project", "space", "board"]});
    let refused = stage
        .apply_while(&fewer, &("PATCH", jira.clone(), types))
        .await;
    assert_eq!(refused.code, Some(5), "{refused}");
    assert!(refused.stderr.contains(AGAIN), "{refused}");
    let found = stage.get(&jira).await["resource_types"].clone();
    assert!(
        found.as_array().unwrap().contains(&json!("board")),
        "{found}"
    );
    stage.apply_again(&fewer).await;
}

// A change of something else stands in the way of nothing, and stays.
#[tokio::test]
async fn what_is_not_declared_may_change_meanwhile() {
    let stage = Stage::of(FIRST).await;
    let declared = next("owner: ops\n    roles", "owner: me\n    roles");
    let account = format!("{HERE}/service-accounts/ci-deployer");
    let words = json!({"description": "deploys"});
    let applied = stage
        .apply_while(&declared, &("PATCH", account.clone(), words))
        .await;
    applied.data();
    let found = stage.get(&account).await;
    assert_eq!(
        (&found["owner"], &found["description"]),
        (&json!("me"), &json!("deploys"))
    );
}

/// What is told of a member, as a set: grants as they were before there was a type more.
fn told(value: &Value) -> BTreeSet<String> {
    let items = value.as_array().cloned();
    let mut items = items.unwrap_or_else(|| vec![value.clone()]);
    for grant in &mut items {
        if let Some(resources) = grant.get_mut("resources").and_then(Value::as_object_mut) {
            resources.retain(|_, keys| *keys != json!([]));
        }
    }
    items.iter().map(Value::to_string).collect()
}

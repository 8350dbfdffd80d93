//! `ostler admin recover`: the way back in for whoever sits at the server's own machine.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use insta::assert_snapshot;
use ostler::clock::Clock;
use ostler::clock::SystemClock;
use rustix::process::Uid;
use secrecy::ExposeSecret;
use serde_json::Value;
use serde_json::json;

use super::Person;
use super::Ran;
use crate::admin::actors::Administrator;
use crate::harness::TestClient;
use crate::harness::TestServer;

const RECOVER: &str = "admin recover -o json";
const ADMINISTRATOR: &str = "/organizations/default/service-accounts/administrator";
const EVENTS: &str = "/organizations/default/audit-events?action=service_account.recover";

/// Somebody at the machine of `server`, with its configuration.
fn operator(server: &TestServer) -> Person {
    let config = &server.app.config;
    let redis = config.redis.url.as_ref();
    Person::new()
        .with("OSTLER_SERVER__ISSUER", &server.issuer)
        .with("OSTLER_DATA__DIR", text(&config.data.dir))
        .with("OSTLER_KEYS__DIR", text(&config.keys.dir))
        .with("OSTLER_DATABASE__URL", config.database.url.expose_secret())
        .with(
            "OSTLER_REDIS__URL",
            redis.map_or("", |url| url.expose_secret()),
        )
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The socket of a server, which is there once it answers.
async fn socket_of(server: &TestServer) -> PathBuf {
    assert_eq!(server.get("/.well-known/jwks.json").await.status, 200);
    server.app.config.data.dir.join("ostler.sock")
}

/// The client that a command has made.
fn client_of(server: &TestServer, ran: &Ran) -> TestClient {
    let made = ran.json();
    let text = |member: &str| made[member].as_str().unwrap();
    TestClient::at(server.address, text("client_id"), text("client_secret"))
}

/// Who administers everything, which takes a token for every organization.
async fn administers(client: &TestClient) -> Administrator {
    let administrator = Administrator::of(client).await;
    assert_eq!(administrator.get("/keys").await.status, 200);
    administrator
}

async fn is_known(client: &TestClient) -> bool {
    match client.ask("").await.status {
        401 => false,
        // What it may do is another matter.
        200 | 400 => true,
        status => panic!("{status}"),
    }
}

/// Ends the last secret that administers; returns a token that was got with it.
async fn lock_out(server: &TestServer) -> String {
    let token = Administrator::first(server).await.token().to_owned();
    let report = server.request("POST", "/admin/v1/leaks");
    let report = report.json(&json!({"secret": server.admin.secret}));
    assert_eq!(report.send().await.status, 202);
    assert!(!is_known(&server.admin).await);
    token
}

async fn changes(server: &TestServer) -> usize {
    let all = "SELECT id FROM audit_event WHERE result = 'success'";
    server.rows(all).await.len()
}

#[tokio::test]
async fn who_is_locked_out_gets_back_in_while_the_server_runs() {
    let server = TestServer::start().await;
    let operator = operator(&server);
    let token = lock_out(&server).await;
    let before = changes(&server).await;

    let ran = operator.run(RECOVER).await;
    assert_eq!(ran.json()["issuer"], server.issuer.as_str());
    assert_eq!(ran.json().as_object().unwrap().len(), 3);
    let client = client_of(&server, &ran);
    let administrator = administers(&client).await;

    // What was reported is dead, and stays so.
    assert!(!is_known(&server.admin).await);
    assert!(!client.sees_active(&token).await);
    assert_eq!(changes(&server).await, before + 1);
    let events = administrator.get(EVENTS).await.json();
    let event = &events["items"][0];
    let local = json!({
        "type": "local", "id": "", "name": "admin recover", "credential": null, "address": null,
        "user_agent": null,
    });
    assert_eq!(event["actor"], local);
    assert_eq!(event["target"]["name"], "administrator");
    let told: Vec<_> = event["changes"].as_object().unwrap().keys().collect();
    assert_eq!(told, ["client_id", "credential"]);
    assert!(!events.to_string().contains(&client.secret));
}

#[tokio::test]
async fn who_is_locked_out_gets_back_in_while_the_server_is_stopped() {
    let server = TestServer::start().await;
    // The command has no clock but the system's.
    server.clock.set(SystemClock.now());
    let operator = operator(&server);
    let token = lock_out(&server).await;
    let stopped = server.stop().await;

    let ran = operator.run(RECOVER).await;
    assert_eq!(ran.code, Some(0), "{ran}");
    let server = stopped.start().await;
    server.clock.set(SystemClock.now());
    let client = client_of(&server, &ran);
    administers(&client).await;

    assert!(!is_known(&server.admin).await);
    assert!(!client.sees_active(&token).await);
    let events = server.audited("service_account.recover").await;
    assert_eq!(events.len(), 1);
    assert!(events[0].starts_with("local admin recover -> service_account sa_"));
}

#[tokio::test]
async fn the_secret_goes_where_it_was_said() {
    let server = TestServer::start().await;
    let operator = operator(&server);
    let ran = operator.run("admin recover --secret-out first.env").await;
    let file = operator.home().join("first.env");
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("OSTLER_CLIENT_SECRET=ostler_cs_"), "{ran}");
    assert!(!ran.stdout.contains("ostler_cs_"), "{ran}");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );

    // Where it cannot go, none is made.
    let before = changes(&server).await;
    for (line, code) in [
        ("admin recover --secret-out first.env", 1),
        ("admin recover -o id", 2),
    ] {
        let ran = operator.run(line).await;
        assert_eq!(ran.code, Some(code), "{ran}");
    }
    assert_eq!(changes(&server).await, before);
}

#[tokio::test]
async fn where_nothing_is_wrong_nothing_is_taken_away() {
    let server = TestServer::start().await;
    let operator = operator(&server);
    let token = Administrator::first(&server).await.token().to_owned();
    server.advance(Duration::from_secs(1));
    let one = client_of(&server, &operator.run(RECOVER).await);
    server.advance(Duration::from_secs(1));
    let ran = operator.run(RECOVER).await;
    assert_eq!(ran.stderr, "");
    let other = client_of(&server, &ran);
    for client in [&server.admin, &one] {
        administers(client).await;
        assert!(client.sees_active(&token).await);
    }
    let path = format!("{ADMINISTRATOR}/credentials");
    let listed = administers(&other).await.get(&path).await.json();
    let listed = listed["items"].as_array().unwrap();
    let names: Vec<_> = listed.iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["init", "recovered", "recovered-2"]);
    // It ends as any other: 90 days from then.
    assert_eq!(listed[1]["expires_at"], "2026-05-30T12:00:01Z");
}

/// An administrator in another organization, who is there whatever becomes of the first.
async fn deputy(server: &TestServer) -> Administrator {
    let admin = Administrator::first(server).await;
    let made = admin.post("/organizations", json!({"name": "ops"})).await;
    assert_eq!(made.status, 201, "{}", made.wire());
    let access = admin.get(&format!("{ADMINISTRATOR}/access")).await.json()["access"].clone();
    let body = json!({"name": "deputy", "access": access, "credential": {"name": "first"}});
    let made = admin
        .post("/organizations/ops/service-accounts", body)
        .await;
    assert_eq!(made.status, 201, "{}", made.wire());
    Administrator::of(&server.client_of(&made.json())).await
}

/// What a deputy does to the administrator, two hours apart, and what is told when that is mended.
fn harm(server: &TestServer) -> Vec<(&'static str, String, Value, &'static str)> {
    let at = |verb: &str| format!("{ADMINISTRATOR}{verb}");
    // When the third of them is done, this is an hour ahead.
    let soon = server.now() + Duration::from_hours(5);
    vec![
        (
            "POST",
            at("/disable"),
            json!({}),
            "the account was disabled",
        ),
        (
            "PUT",
            at("/access"),
            json!({"access": []}),
            "the account held less",
        ),
        (
            "PATCH",
            at(""),
            json!({"expires_at": soon.to_string()}),
            "the account had expired",
        ),
        ("DELETE", at(""), Value::Null, "there was no account"),
        (
            "POST",
            "/organizations/default/disable".to_owned(),
            json!({}),
            "the organization `default` was disabled",
        ),
    ]
}

#[tokio::test]
async fn the_account_gets_back_what_it_lacks_and_nothing_that_it_had_before_is_good_for_that() {
    let server = TestServer::start().await;
    let operator = operator(&server);
    let mut deputy = deputy(&server).await;
    let mut known = server.admin.clone();
    for (method, path, body, told) in harm(&server) {
        let token = Administrator::of(&known).await.token().to_owned();
        let path_of_tokens = format!("{ADMINISTRATOR}/api-tokens");
        let made = deputy.post(&path_of_tokens, json!({"name": "tool"})).await;
        assert_eq!(made.status, 201, "{}", made.wire());
        let api_token = made.json()["token"].as_str().unwrap().to_owned();

        let body = (!body.is_null()).then_some(body);
        let done = deputy.call(method, &path, body.as_ref()).await;
        assert!(done.status < 300, "{method} {path}: {}", done.wire());
        // An end that was set is reached.
        server.advance(Duration::from_hours(2));
        deputy = deputy.renewed().await;
        let shut_out = known.ask(&format!("resource={}", server.issuer)).await;
        assert_ne!(shut_out.status, 200, "{method} {path}");

        let before = changes(&server).await;
        let ran = operator.run(RECOVER).await;
        assert!(
            ran.stderr.starts_with(&format!("✓ {told}")),
            "{method} {path}: {ran}"
        );
        assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
        assert_eq!(changes(&server).await, before + 1, "{method} {path}");
        let client = client_of(&server, &ran);
        administers(&client).await;
        assert!(!is_known(&known).await, "{method} {path}");
        assert!(!client.sees_active(&token).await, "{method} {path}");
        assert!(!client.sees_active(&api_token).await, "{method} {path}");
        known = client;
    }
    let events = deputy.get(EVENTS).await.json();
    let changes: Vec<_> = events["items"].as_array().unwrap().iter().collect();
    let members = |event: &Value| {
        let members = event["changes"].as_object().unwrap().keys();
        members.cloned().collect::<Vec<_>>().join(" ")
    };
    let told: Vec<_> = changes.iter().rev().map(|event| members(event)).collect();
    assert_snapshot!(told.join("\n"), @r"
    client_id credential credentials_revoked status tokens_revoked
    access client_id credential credentials_revoked tokens_revoked
    client_id credential credentials_revoked expires_at tokens_revoked
    access client_id credential email
    client_id credential credentials_revoked organization_status tokens_revoked
    ");
}

#[tokio::test]
async fn what_is_not_of_this_server_stays_when_access_is_given_back() {
    let server = TestServer::start().await;
    let operator = operator(&server);
    server.ensure_deploy_api().await;
    let deputy = deputy(&server).await;
    let grant = crate::admin::actors::deploy(&["deploy:read"], &json!(["APOLLO"]));
    let weak = crate::admin::actors::ostler(&["accounts:read"], &json!("*"));
    let access = json!({"access": [grant, weak]});
    let path = format!("{ADMINISTRATOR}/access");
    assert_eq!(deputy.put(&path, access).await.status, 200);

    let client = client_of(&server, &operator.run(RECOVER).await);
    administers(&client).await;
    let access = deputy.get(&path).await.json()["access"].clone();
    assert_eq!(access.as_array().unwrap().len(), 2);
    assert_eq!(access[0], grant);
    assert_eq!(access[1]["resources"]["organization"], "*");
    assert_eq!(access[1]["scopes"].as_array().unwrap().len(), 13);
}

// --- The socket

// Security case 154, for the socket.
#[tokio::test]
async fn the_socket_is_private_and_goes_with_the_server() {
    let server = TestServer::start().await;
    let (operator, socket) = (operator(&server), socket_of(&server).await);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);

    let stopped = server.stop().await;
    assert!(!socket.exists());
    // A server that was killed leaves its own.
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    let server = stopped.start().await;
    assert_eq!(mode(&socket_of(&server).await), 0o600);
    administers(&client_of(&server, &operator.run(RECOVER).await)).await;
}

#[tokio::test]
async fn a_socket_that_nobody_answers_at_leads_to_the_store() {
    let server = TestServer::start().await;
    let (operator, socket) = (operator(&server), socket_of(&server).await);
    server.clock.set(SystemClock.now());
    let stopped = server.stop().await;
    drop(UnixListener::bind(&socket).unwrap());
    let ran = operator.run(RECOVER).await;
    let server = stopped.start().await;
    server.clock.set(SystemClock.now());
    administers(&client_of(&server, &ran)).await;
}

// Without its socket a server cannot be asked. The embedded store is its own then; PostgreSQL is for
// whoever comes, and what they do there counts at once.
#[tokio::test]
async fn a_store_that_a_server_has_to_itself_is_left_to_it() {
    let server = TestServer::start().await;
    let operator = operator(&server);
    server.clock.set(SystemClock.now());
    lock_out(&server).await;
    fs::remove_file(socket_of(&server).await).unwrap();
    let ran = operator.run(RECOVER).await;
    if server.is_embedded() {
        assert_eq!(ran.code, Some(5), "{ran}");
        assert!(
            ran.stderr.contains("is in use by another ostler process"),
            "{ran}"
        );
        assert_eq!(server.audited("service_account.recover").await.len(), 0);
        return;
    }
    administers(&client_of(&server, &ran)).await;
}

#[tokio::test]
async fn there_is_nobody_to_recover_before_there_was_one() {
    let (operator, _) = Person::operator();
    let ran = operator.run(RECOVER).await;
    assert_snapshot!(ran.screen(), @"
    ! error: this store is not initialised: run `ostler init` once, with the same configuration
    exit 1
    ");
    assert_eq!(fs::read_dir(operator.home()).unwrap().count(), 0);
}

/// Says something at the socket, and returns the answer.
fn say(socket: &Path, words: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    // Nobody has to hear all of it.
    let _ = stream.write_all(words);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn nonsense_and_silence_at_the_socket_keep_nobody_out() {
    let server = TestServer::start().await;
    let (operator, socket) = (operator(&server), socket_of(&server).await);
    let before = changes(&server).await;
    let long = vec![b'x'; 100_000];
    for words in [
        &b"{\"command\":\"open sesame\"}\n"[..],
        b"\n",
        b"admin recover\n",
        b"[\"admin recover\"]\n",
        &long,
    ] {
        let (socket, said) = (socket.clone(), words.to_vec());
        let answer = aside(move || say(&socket, &said)).await;
        assert!(!answer.contains("client_id"), "{answer}");
    }
    assert_eq!(changes(&server).await, before);

    let silent: Vec<_> = (0..2)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    administers(&client_of(&server, &operator.run(RECOVER).await)).await;
    drop(silent);
}

// Only root can be somebody else, and whoever runs these tests as another user cannot try it.
#[tokio::test]
async fn another_user_of_the_machine_is_not_listened_to() {
    const NOBODY: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let server = TestServer::start().await;
    let socket = socket_of(&server).await;
    // As if all the doors before it stood open.
    let data = socket.parent().unwrap();
    for directory in [data, data.parent().unwrap()] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let answer = aside(move || {
        let asking = std::thread::spawn(move || {
            // It is this thread's alone, and ends with it.
            let nobody = Uid::from_raw(NOBODY);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            say(&socket, b"{\"command\":\"admin recover\"}\n")
        });
        asking.join().unwrap()
    });
    let answer: Value = serde_json::from_str(&answer.await).unwrap();
    assert_eq!(answer["error"]["code"], "forbidden");
    assert_eq!(server.audited("service_account.recover").await.len(), 0);
}

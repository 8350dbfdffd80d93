//! schemathesis against a server, by its document: status, media type, schema, no 5xx, nothing that
//! is open by mistake, and the links from what is made to what can be done with it.
//!
//! Everything happens in the organization `fuzzed`, and the caller is of another one: what it does
//! there cannot lock it out.

use std::collections::BTreeMap;

use serde_json::json;

use crate::harness::TestServer;
use crate::interpreters::Interpreter;

use super::actors::Administrator;

/// The things that `tests/openapi/schemathesis.toml` knows the names of.
async fn prepare(admin: &Administrator) {
    let within = |path: &str| format!("/organizations/fuzzed{path}");
    let api = json!({
        "name": "jira",
        "audience": "https://jira.example.com",
        "scopes": [{"name": "read"}, {"name": "write"}],
        "resource_types": ["project"],
    });
    let mut things = vec![
        ("/organizations".to_owned(), json!({"name": "fuzzed"})),
        (within("/apis"), api),
    ];
    for key in ["APOLLO", "GEMINI"] {
        let resource = json!({"type": "project", "key": key});
        things.push((within("/apis/jira/resources"), resource));
    }
    for name in ["victim-1", "victim-2", "victim-3", "doomed-1", "doomed-2"] {
        let account = json!({"name": name, "credential": {"name": "first"}});
        things.push((within("/service-accounts"), account));
        let token = json!({"name": "first", "access": []});
        things.push((
            within(&format!("/service-accounts/{name}/api-tokens")),
            token,
        ));
    }
    things.push((within("/roles"), json!({"name": "reader", "access": []})));
    things.push((
        within("/groups"),
        json!({"name": "team", "roles": ["reader"]}),
    ));
    for (path, body) in things {
        let reply = admin.post(&path, body).await;
        assert_eq!(reply.status, 201, "{path}: {}", reply.wire());
    }
}

/// Runs it; the test fails with what it found.
async fn run(server: &TestServer, phases: &str, examples: u32, seed: u32) {
    let admin = Administrator::first(server).await;
    let url = format!("http://{}", server.address);
    let (examples, seed) = (examples.to_string(), seed.to_string());
    let variables = [
        ("URL", url.as_str()),
        ("TOKEN", admin.token()),
        ("PHASES", phases),
        ("EXAMPLES", &examples),
        ("SEED", &seed),
    ];
    let found = Interpreter::Checkers
        .run_file("schemathesis_run", &variables)
        .await;
    if let Err(found) = found {
        panic!("{found}");
    }
    // Somebody who was locked out on the way would have found nothing either.
    let reply = admin.get("/organizations/fuzzed").await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_that_the_document_allows_or_forbids_is_answered_otherwise() {
    let server = TestServer::start().await;
    prepare(&Administrator::first(&server).await).await;
    run(&server, "examples,coverage,fuzzing", 10, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_can_be_followed_to_its_end() {
    let server = TestServer::start().await;
    prepare(&Administrator::first(&server).await).await;
    for seed in 1..=3 {
        run(&server, "stateful", 300, seed).await;
    }
    // Else nothing was followed.
    let made = "SELECT action FROM audit_event WHERE result = 'success'";
    let mut times = BTreeMap::<String, usize>::new();
    for action in server.rows(made).await {
        *times.entry(action).or_default() += 1;
    }
    for action in [
        "credential.create",
        "credential.rotate",
        "credential.delete",
    ] {
        assert!(times.contains_key(action), "no {action} among {times:?}");
    }
}

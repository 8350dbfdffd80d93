//! What a whole process writes to standard error.

use ostler::http::limits::Limits;
use ostler::telemetry::log;
use serde_json::Value;

use super::harness::Server;
use super::harness::get;
use super::harness::header;
use super::harness::is_apart;
use super::harness::run_apart;

fn lines(stderr: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {stderr}"));
    stderr.lines().map(line).collect()
}

#[tokio::test]
async fn a_panic_is_one_line_with_the_request_and_without_the_callers_words() {
    if is_apart() {
        let _log = log::begin().unwrap();
        let server = Server::start(Limits::default()).await;
        let response = server.exchange(get("/panic")).await;
        tracing::warn!(
            id = header(&response, "x-request-id"),
            "the test has its answer"
        );
        return;
    }
    let name = "a_panic_is_one_line_with_the_request_and_without_the_callers_words";
    let stderr = run_apart(&format!("transport::log::{name}"), "");

    assert!(!stderr.contains("secret"), "{stderr}");
    let [panic, answer] = &lines(&stderr)[..] else {
        panic!("not two lines: {stderr}");
    };
    assert_eq!(panic["level"], "error");
    assert!(panic["location"].as_str().unwrap().contains("harness.rs"));
    assert_eq!(panic["request_id"], answer["id"]);
}

#[tokio::test]
async fn at_debug_each_answer_is_a_line_that_tells_nothing_of_the_request() {
    if is_apart() {
        let _log = log::begin().unwrap();
        let server = Server::start(Limits::default()).await;
        server.exchange(get("/hello?token=canary")).await;
        server.exchange(get("/canary")).await;
        return;
    }
    let name = "at_debug_each_answer_is_a_line_that_tells_nothing_of_the_request";
    let stderr = run_apart(&format!("transport::log::{name}"), "OSTLER_LOG=trace");

    assert!(!stderr.contains("canary"), "{stderr}");
    let answered = |line: &Value| line["message"] == "answered";
    let statuses: Vec<_> = lines(&stderr)
        .into_iter()
        .filter(answered)
        .map(|line| line["status"].clone())
        .collect();
    assert_eq!(statuses, [200, 404]);
}

#[test]
fn a_filter_that_is_none_is_refused_by_name() {
    if is_apart() {
        let error = log::begin().err().unwrap().to_string();
        assert!(error.starts_with("OSTLER_LOG has to be"), "{error}");
        return;
    }
    let name = "a_filter_that_is_none_is_refused_by_name";
    run_apart(&format!("transport::log::{name}"), "OSTLER_LOG=ostler=loud");
}

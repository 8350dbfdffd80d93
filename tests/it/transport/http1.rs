//! Requests and answers over HTTP/1.1.

use ostler::http::limits::Limits;
use tokio::io::AsyncWriteExt;

use super::harness::Server;
use super::harness::get;
use super::harness::header;
use super::harness::json;
use super::harness::status;

async fn server() -> Server {
    Server::start(Limits::default()).await
}

// RFC 9110 §15.5.5
#[tokio::test]
async fn an_unknown_path_is_a_json_404_with_a_request_id_and_no_server_name() {
    let server = server().await;

    let response = server.exchange(get("/nowhere")).await;

    assert_eq!(status(&response), 404);
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    assert_eq!(header(&response, "server"), None);
    assert_eq!(header(&response, "cache-control"), Some("no-store"));
    assert!(
        header(&response, "x-request-id")
            .unwrap()
            .starts_with("req_")
    );
    assert_eq!(json(&response)["error"], "not_found");
}

#[tokio::test]
async fn under_admin_an_unknown_path_is_a_problem_document() {
    let server = server().await;

    let response = server.exchange(get("/admin/v1/nowhere")).await;

    assert_eq!(status(&response), 404);
    assert_eq!(
        header(&response, "content-type"),
        Some("application/problem+json")
    );
    let problem = json(&response);
    assert_eq!(problem["code"], "not_found");
    assert_eq!(
        problem["request_id"],
        header(&response, "x-request-id").unwrap()
    );
}

// RFC 9110 §15.5.6
#[tokio::test]
async fn another_method_is_a_json_405_that_names_the_right_one() {
    let server = server().await;
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"] {
        let request = get("/echo").replacen("GET", method, 1);
        let response = server.exchange(request).await;
        assert_eq!(status(&response), 405, "{method}");
        assert_eq!(header(&response, "allow"), Some("POST"), "{method}");
        assert_eq!(json(&response)["error"], "invalid_request", "{method}");
    }
}

#[tokio::test]
async fn a_request_id_is_ours_even_when_the_caller_sends_one() {
    let server = server().await;
    let request = get("/hello").replace(
        "connection",
        "x-request-id: req_01hzzzzzzzzzzzzzzzzzzzzzzz\r\nconnection",
    );

    let first = server.exchange(&request).await;
    let second = server.exchange(&request).await;

    let (first, second) = (
        header(&first, "x-request-id"),
        header(&second, "x-request-id"),
    );
    assert_ne!(first, Some("req_01hzzzzzzzzzzzzzzzzzzzzzzz"));
    assert_ne!(first, second);
    assert_eq!(first.map(str::len), Some(30));
}

#[tokio::test]
async fn no_spelling_of_a_path_reaches_another_route() {
    let server = server().await;
    for path in [
        "//hello",
        "/hello/",
        "/Hello",
        "/HELLO",
        "/hello;x=1",
        "/%68ello",
        "/x/../hello",
        "/x/%2e%2e/hello",
        "/./hello",
        "/hello%00",
        "/hello%2f",
        "//admin/echo",
        "/Admin/echo",
        "/admin;/echo",
        "/admin%2fecho",
    ] {
        let response = server.exchange(get(path)).await;
        assert_eq!(status(&response), 404, "{path}");
    }
    assert_eq!(status(&server.exchange(get("/hello?x=1")).await), 200);
}

#[tokio::test]
async fn headers_that_rewrite_requests_are_ignored() {
    let server = server().await;
    for field in [
        "x-original-url: /panic",
        "x-rewrite-url: /panic",
        "x-http-method-override: POST",
    ] {
        let request = get("/hello").replace("connection", &format!("{field}\r\nconnection"));
        let response = server.exchange(request).await;
        assert!(response.ends_with("\r\n\r\nhello"), "{response}");
    }
}

// RFC 9112 §3.2
#[tokio::test]
async fn a_request_needs_exactly_one_host() {
    let server = server().await;
    for host in ["", "host: a\r\nhost: a\r\n", "host: a\r\nhost: b\r\n"] {
        let response = server
            .exchange(format!("GET /hello HTTP/1.1\r\n{host}\r\n"))
            .await;
        assert_eq!(status(&response), 400, "{host:?}");
        assert_eq!(json(&response)["error"], "invalid_request");
    }
    let old = server.exchange("GET /hello HTTP/1.0\r\n\r\n").await;
    assert_eq!(status(&old), 200);
}

#[tokio::test]
async fn a_target_that_is_no_path_is_refused() {
    let server = server().await;
    for line in ["CONNECT ostler.test:443", "OPTIONS *"] {
        let response = server
            .exchange(format!("{line} HTTP/1.1\r\nhost: ostler.test:443\r\n\r\n"))
            .await;
        assert_eq!(status(&response), 400, "{line}");
    }
}

// RFC 9112 §2.2
#[tokio::test]
async fn a_malformed_head_is_a_bare_400_and_the_end() {
    let server = server().await;
    for head in [
        "GET /hello\r\n\r\n",
        "GET /hello HTTP/1.1\r\nhost : a\r\n\r\n",
        "GET /hello HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n",
        "GET /hello HTTP/1.1\r\nhost: a\0b\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
    ] {
        let response = server.exchange(head).await;
        assert_eq!(status(&response), 400, "{head:?}");
    }
}

// Case 112; RFC 9112 §9.3.2
#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = server().await;
    let mut client = server.connect().await;
    let mut requests = String::new();
    for number in 0..1000 {
        let path = if number % 3 == 0 { "/echo" } else { "/nowhere" };
        let length = number.to_string().len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
        requests.push_str(&head);
        requests.push_str(&number.to_string());
    }

    client.send(requests).await;

    for number in 0..1000 {
        let response = client.response().await;
        if number % 3 == 0 {
            assert!(
                response.ends_with(&format!("\r\n\r\n{number}")),
                "{response}"
            );
        } else {
            assert_eq!(status(&response), 404);
        }
    }
}

// Case 112: what cannot be read is the last that is answered.
#[tokio::test]
async fn a_malformed_request_in_a_pipeline_is_its_end() {
    let server = server().await;
    let good = "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n";
    let bad = "GET /hello HTTP/1.1\r\nhost : a\r\n\r\n";
    let sent = good.repeat(50) + bad + &good.repeat(50);
    let answers = server.exchange(sent).await;
    let statuses: Vec<_> = answers
        .match_indices("HTTP/1.1 ")
        .map(|(at, version)| &answers[at + version.len()..][..3])
        .collect();
    let expected = [vec!["200"; 50], vec!["400"]].concat();
    assert_eq!(statuses, expected);
}

// RFC 9110 §10.1.1
#[tokio::test]
async fn a_client_that_asks_first_is_told_to_continue() {
    let server = server().await;
    let mut client = server.connect().await;

    client
        .send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.response().await, "HTTP/1.1 100 Continue\r\n\r\n");

    client.send("hello").await;
    assert!(client.response().await.ends_with("\r\n\r\nhello"));
}

// RFC 9112 §7.1
#[tokio::test]
async fn a_chunked_body_arrives_whole() {
    let server = server().await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await;
    assert!(client.response().await.ends_with("\r\n\r\nabcde"));
}

// RFC 9112 §6.1
#[tokio::test]
async fn a_request_with_two_lengths_is_chunked_and_the_last_of_its_connection() {
    let server = server().await;
    let lengths = ["content-length: 3", "transfer-encoding: chunked"];
    for (first, second) in [(0, 1), (1, 0)] {
        let (first, second) = (lengths[first], lengths[second]);
        let head = format!("POST /echo HTTP/1.1\r\nhost: a\r\n{first}\r\n{second}\r\n\r\n");
        let smuggled = get("/panic");
        let responses = server
            .exchange(format!("{head}5\r\nhello\r\n0\r\n\r\n{smuggled}"))
            .await;
        assert!(responses.ends_with("\r\n\r\nhello"), "{responses}");
    }
}

// Security case 34.
#[tokio::test]
async fn a_body_that_ends_early_frees_the_connection() {
    let server = server().await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc")
        .await;
    client.0.shutdown().await.unwrap();

    let response = client.rest().await;
    assert_eq!(status(&response), 400);
    assert_eq!(json(&response)["error"], "invalid_request");
}

// RFC 9112 §9.6
#[tokio::test]
async fn a_client_that_has_nothing_more_to_say_is_answered() {
    let server = server().await;
    for _ in 0..50 {
        let mut client = server.connect().await;
        client
            .send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc")
            .await;
        client.0.shutdown().await.unwrap();
        assert!(client.rest().await.ends_with("\r\n\r\nabc"));
    }
}

#[tokio::test]
async fn a_panic_is_a_500_with_an_id_and_the_server_lives_on() {
    let server = server().await;
    let mut client = server.connect().await;

    client.send("GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let response = client.response().await;

    assert_eq!(status(&response), 500);
    assert!(response.ends_with("\r\n\r\n{\"error\":\"server_error\"}"));
    assert!(header(&response, "x-request-id").is_some());

    client.send("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(status(&client.response().await), 200);
    assert!(server.registry.render().contains("ostler_panics_total 1"));
}

#[tokio::test]
async fn http2_is_not_spoken_in_clear_text() {
    let server = server().await;
    let mut client = server.connect().await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(client.is_closed().await);
}

// Security case 18.
#[tokio::test]
async fn only_a_trusted_proxy_says_who_the_client_is() {
    let claim = "GET /address HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 198.51.100.7\r\n\
        x-real-ip: not-an-ip\r\nforwarded: for=198.51.100.8\r\nconnection: close\r\n\r\n";

    let direct = server().await;
    assert!(direct.exchange(claim).await.ends_with("\r\n\r\n127.0.0.1"));

    let behind = Server::start_with(Limits::default(), None, &["127.0.0.0/8"]).await;
    assert!(
        behind
            .exchange(claim)
            .await
            .ends_with("\r\n\r\n198.51.100.7")
    );
}

#[tokio::test]
async fn requests_are_counted_by_route_and_outcome() {
    let server = server().await;
    for path in ["/hello", "/nowhere", "/.well-known/x", "/admin/x/y"] {
        server.exchange(get(path)).await;
    }

    let numbers = server.registry.render();
    for line in [
        r#"ostler_http_requests_total{route="other",status="2xx"} 1"#,
        r#"ostler_http_requests_total{route="other",status="4xx"} 1"#,
        r#"ostler_http_requests_total{route="metadata",status="4xx"} 1"#,
        r#"ostler_http_requests_total{route="admin",status="4xx"} 1"#,
        r#"ostler_http_request_seconds_count{route="other"} 2"#,
        "ostler_http_requests_in_flight 0",
    ] {
        assert!(numbers.contains(line), "{line} is not in\n{numbers}");
    }
}

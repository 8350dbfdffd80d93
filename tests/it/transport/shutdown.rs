//! Stopping.

use ostler::http::limits::Limits;
use tokio::net::TcpStream;

use super::harness::SHORT;
use super::harness::Server;
use super::harness::header;
use super::harness::status;
use super::harness::within;

// Case 122
#[tokio::test]
async fn a_shutdown_finishes_what_is_in_flight_and_refuses_what_is_new() {
    let server = Server::start(Limits::default()).await;
    let mut busy = server.connect().await;
    let mut idle = server.connect().await;
    idle.send("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    idle.response().await;
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    within(server.gate.entered.notified()).await;

    server.shutdown.trigger();
    assert!(idle.is_closed().await);
    assert!(TcpStream::connect(server.address).await.is_err());

    server.gate.leave.notify_one();
    let response = busy.rest().await;
    assert_eq!(status(&response), 200);
    assert_eq!(header(&response, "connection"), Some("close"));
    assert!(response.ends_with("done"));
    assert_eq!(server.ended().await.cut, 0);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut() {
    let server = Server::start(Limits {
        drain: SHORT,
        ..Limits::default()
    })
    .await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    within(server.gate.entered.notified()).await;

    server.shutdown.trigger();

    assert!(busy.is_closed().await);
    assert_eq!(server.ended().await.cut, 1);
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let server = Server::start(Limits::default()).await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    within(server.gate.entered.notified()).await;

    server.shutdown.trigger();
    server.shutdown.trigger();

    assert_eq!(server.ended().await.cut, 1);
    assert!(busy.is_closed().await);
}

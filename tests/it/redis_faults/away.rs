//! Redis is not there, or was, or is another one.

use std::time::Instant;

use ostler::live::LiveError;
use ostler::live::LiveState;
use ostler::live::SharedUsage;
use ostler::live::redis::DEADLINE;

use crate::services::Fault;
use crate::services::FaultProxy;
use crate::services::RedisServer;

use super::PATIENT;
use super::SLACK;
use super::SUBJECT;
use super::connect;
use super::mark;
use super::names;
use super::raw;
use super::run;
use super::token;
use super::touch;
use super::try_to_connect;
use super::wait_for_an_answer;

#[tokio::test]
async fn a_server_starts_without_redis_and_finds_it_later() {
    let mut server = RedisServer::start();
    server.kill();

    let started = Instant::now();
    let live = connect(&server.url(), DEADLINE).await;
    assert!(started.elapsed() < DEADLINE + SLACK);
    assert!(matches!(
        live.is_dead(&token(1)).await,
        Err(LiveError::BreakerOpen)
    ));

    server.restart_empty();
    wait_for_an_answer(&live).await;
    assert!(!live.is_dead(&token(1)).await.unwrap());
}

#[tokio::test]
async fn a_server_starts_while_redis_accepts_and_never_answers() {
    // Security case 124.
    let server = RedisServer::start();
    let (proxy, url) = FaultProxy::before(&server.url()).await;
    proxy.set(Fault::BlackHole);

    let started = Instant::now();
    let live = connect(&url, DEADLINE).await;
    assert!(started.elapsed() < DEADLINE + SLACK);
    assert!(live.ping().await.is_err());

    proxy.set(Fault::Pass);
    wait_for_an_answer(&live).await;
}

#[tokio::test]
async fn only_a_malformed_url_is_an_error_and_it_is_not_shown() {
    for url in ["", "http://user:hunter2@host", "redis://:hunter2@host:x"] {
        let error = try_to_connect(url, names(1), DEADLINE)
            .await
            .map(|_| ())
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn redis_killed_and_restarted_empty_knows_nothing_and_goes_on() {
    // Security cases 71 and 123.
    let mut server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    mark(&live, 1).await;

    server.kill();
    // The first to ask may see the connection break, the others that there is none.
    for _ in 0..10 {
        assert!(live.is_dead(&token(1)).await.is_err());
    }

    server.restart_empty();
    wait_for_an_answer(&live).await;
    assert!(!live.is_dead(&token(1)).await.unwrap());
    mark(&live, 1).await;
    assert!(live.is_dead(&token(1)).await.unwrap());
}

#[tokio::test]
async fn a_flushed_redis_knows_nothing_and_goes_on() {
    // Security case 71.
    let server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    mark(&live, 1).await;
    touch(&live).await;
    run(&mut raw(&server).await, &["FLUSHALL"]).await;

    assert!(!live.is_dead(&token(1)).await.unwrap());
    assert_eq!(live.list_usage(&[SUBJECT]).await.unwrap(), []);
    mark(&live, 1).await;
    assert!(live.is_dead(&token(1)).await.unwrap());
}

#[tokio::test]
async fn connections_that_are_reset_are_made_anew() {
    // Security case 124: reset at once, and reset after the request before the reply.
    let server = RedisServer::start();
    let (proxy, url) = FaultProxy::before(&server.url()).await;
    let live = connect(&url, PATIENT).await;
    for fault in [Fault::Cut, Fault::CutReplies] {
        wait_for_an_answer(&live).await;
        proxy.set(fault);
        for _ in 0..5 {
            assert!(live.is_dead(&token(1)).await.is_err());
        }
        proxy.set(Fault::Pass);
    }
    wait_for_an_answer(&live).await;
}

#[tokio::test]
async fn a_password_that_is_wrong_for_a_while_is_tried_again() {
    let server = RedisServer::start();
    let live = connect(&server.url(), PATIENT).await;
    let mut raw = raw(&server).await;
    let password = server.url()["redis://:".len()..]
        .split_once('@')
        .unwrap()
        .0
        .to_owned();
    run(&mut raw, &["CONFIG", "SET", "requirepass", "another"]).await;
    run(&mut raw, &["CLIENT", "KILL", "TYPE", "normal"]).await;
    for _ in 0..10 {
        assert!(live.ping().await.is_err());
    }

    run(&mut raw, &["CONFIG", "SET", "requirepass", &password]).await;
    wait_for_an_answer(&live).await;
}

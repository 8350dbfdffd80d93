//! Redis accepts and does not answer.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use ostler::live::LiveError;
use ostler::live::LiveState;
use ostler::live::SharedUsage;
use ostler::live::redis::DEADLINE;
use tokio::time::timeout;

use crate::services::Fault;
use crate::services::FaultProxy;
use crate::services::RedisServer;

use super::PATIENT;
use super::SLACK;
use super::SUBJECT;
use super::connect;
use super::count;
use super::dead;
use super::later;
use super::mark;
use super::stamp;
use super::token;
use super::wait_for_an_answer;

#[tokio::test]
async fn a_hung_redis_costs_a_deadline_and_then_nothing() {
    // Security case 124.
    let server = RedisServer::start();
    let live = connect(&server.url(), DEADLINE).await;
    wait_for_an_answer(&live).await;
    server.stop_answering();

    for _ in 0..3 {
        let asked = Instant::now();
        let answer = live.is_dead(&token(1)).await;
        assert!(matches!(answer, Err(LiveError::Deadline)), "{answer:?}");
        assert!(asked.elapsed() >= DEADLINE && asked.elapsed() < DEADLINE + SLACK);
    }
    let asked = Instant::now();
    for _ in 0..1_000 {
        let answer = live.is_dead(&token(1)).await;
        assert!(matches!(answer, Err(LiveError::BreakerOpen)), "{answer:?}");
    }
    assert!(asked.elapsed() < SLACK, "a thousand answers, no wait");

    server.answer_again();
    wait_for_an_answer(&live).await;
    mark(&live, 1).await;
    assert!(live.is_dead(&token(1)).await.unwrap());
}

#[tokio::test]
async fn requests_do_not_pile_up_before_a_hung_redis() {
    let server = RedisServer::start();
    let live = Arc::new(connect(&server.url(), DEADLINE).await);
    wait_for_an_answer(&live).await;
    server.stop_answering();

    let mut requests = tokio::task::JoinSet::new();
    let asked = Instant::now();
    for number in 0..2_000 {
        let live = live.clone();
        requests.spawn(async move { live.is_dead(&token(number)).await.is_err() });
    }
    assert!(requests.join_all().await.into_iter().all(|failed| failed));
    // All of them waited at the same time, not one after the other.
    assert!(asked.elapsed() < DEADLINE + 4 * SLACK);
    server.answer_again();
}

#[tokio::test]
async fn each_kind_of_question_has_a_deadline() {
    let server = RedisServer::start();
    for question in 0..5 {
        let live = connect(&server.url(), DEADLINE).await;
        wait_for_an_answer(&live).await;
        server.stop_answering();
        let asked = Instant::now();
        let failed = match question {
            0 => live.ping().await.is_err(),
            1 => live.mark_dead(&dead(1), later()).await.is_err(),
            2 => live.touch(&[stamp()]).await.is_err(),
            3 => live.list_usage(&[SUBJECT]).await.is_err(),
            _ => count(&live).await.is_err(),
        };
        assert!(failed, "{question}");
        assert!(asked.elapsed() < DEADLINE + SLACK, "{question}");
        server.answer_again();
    }
}

#[tokio::test]
async fn clients_that_hang_up_leave_every_other_answer_its_own() {
    // Security case 127: replies come late, and every second caller is gone by then.
    let server = RedisServer::start();
    let (proxy, url) = FaultProxy::before(&server.url()).await;
    let live = Arc::new(connect(&url, PATIENT).await);
    wait_for_an_answer(&live).await;
    for number in (0..200).step_by(3) {
        mark(&live, number).await;
    }
    proxy.set(Fault::Delay(Duration::from_millis(15)));

    for _round in 0..5 {
        let mut callers = tokio::task::JoinSet::new();
        for number in 0..200_u128 {
            let live = live.clone();
            callers.spawn(async move {
                let question = async { live.is_dead(&token(number)).await.unwrap() };
                let patience = match number % 2 {
                    0 => PATIENT,
                    // Gone at some point between the request and its reply.
                    _ => Duration::from_micros(u64::try_from(number).unwrap() * 250),
                };
                let answer = timeout(patience, question).await;
                answer.is_ok_and(|is_dead| is_dead != number.is_multiple_of(3))
            });
        }
        let wrong = callers.join_all().await;
        assert!(wrong.into_iter().all(|wrong| !wrong));
    }
}

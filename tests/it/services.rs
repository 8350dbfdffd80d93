//! The real services that tests talk to, and ways to break them.
//!
//! `./test` starts one PostgreSQL and one Redis for all tests and names them in the environment. A
//! test that needs them and does not find them fails: it never skips. Each test makes a database of
//! its own; the Redis is shared, so a test keeps to names of its own there, and one that flushes,
//! kills or stops Redis starts a [`RedisServer`] for itself.

mod fault_proxy;
mod redis_server;

pub use fault_proxy::Fault;
pub use fault_proxy::FaultProxy;
pub use redis_server::RedisServer;

use std::env;
use std::fmt::Write;

use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use sqlx::Connection;
use sqlx::Executor;
use sqlx::postgres::PgConnection;
use url::Url;

/// The URL of a new, empty PostgreSQL database. It goes when `./test` stops its server.
pub async fn postgres_database() -> String {
    let server = setting("OSTLER_TEST_POSTGRES_URL");
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let name = format!("ostler_test_{}", random_hex());
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    connection.execute(create).await.unwrap();
    connection.close().await.unwrap();

    let mut database = Url::parse(&server).unwrap();
    database.set_path(&name);
    database.into()
}

/// The URL of the Redis that all tests share.
pub fn redis_url() -> String {
    setting("OSTLER_TEST_REDIS_URL")
}

fn setting(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run ./test, which starts the servers that this test needs")
    })
}

/// 64 random bits, for names and passwords that no other test has.
fn random_hex() -> String {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).unwrap();
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[tokio::test]
async fn each_postgres_database_is_new_and_commits_synchronously() {
    let mut first = PgConnection::connect(&postgres_database().await)
        .await
        .unwrap();
    first.execute("CREATE TABLE mine (id INT)").await.unwrap();

    let mut second = PgConnection::connect(&postgres_database().await)
        .await
        .unwrap();
    assert!(second.execute("SELECT id FROM mine").await.is_err());

    let synchronous: String = sqlx::query_scalar("SHOW synchronous_commit")
        .fetch_one(&mut second)
        .await
        .unwrap();
    assert_eq!(synchronous, "on");
}

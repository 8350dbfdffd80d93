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
pub use redis_server::free_port;

use std::env;
use std::fmt::Write;
use std::thread;

use ostler::domain::issuer::Issuer;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use sqlx::Connection;
use sqlx::Executor;
use sqlx::postgres::PgConnection;
use url::Url;

/// A PostgreSQL database of one test's own. It goes with this value.
pub struct PostgresDatabase {
    server: Url,
    name: String,
    url: Url,
}

/// Makes a new, empty PostgreSQL database.
pub async fn postgres_database() -> PostgresDatabase {
    let server = Url::parse(&setting("OSTLER_TEST_POSTGRES_URL")).unwrap();
    let name = format!("ostler_test_{}", random_hex());
    let create = format!("CREATE DATABASE {name}");
    administer(&server, create).await.unwrap();
    let mut url = server.clone();
    url.set_path(&name);
    PostgresDatabase { server, name, url }
}

impl PostgresDatabase {
    /// Its URL, of a superuser with the password.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        // Some hundred tests would leave gigabytes. On a thread, since a test's runtime may have
        // ended; where the process ends first, `./test` throws the whole server away.
        let server = self.server.clone();
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(administer(&server, drop))
        });
    }
}

async fn administer(server: &Url, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(server.as_str()).await?;
    connection.execute(sqlx::AssertSqlSafe(statement)).await?;
    connection.close().await
}

/// The URL of the Redis that all tests share.
pub fn redis_url() -> String {
    setting("OSTLER_TEST_REDIS_URL")
}

/// An issuer that no other test has: a part of the shared Redis for one test alone.
pub fn unheard_of_issuer() -> Issuer {
    Issuer::parse(&format!("https://{}.example", random_hex())).unwrap()
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn connect(database: &PostgresDatabase) -> PgConnection {
        PgConnection::connect(database.url()).await.unwrap()
    }

    #[tokio::test]
    async fn each_postgres_database_is_new_and_commits_synchronously() {
        let (first, second) = (postgres_database().await, postgres_database().await);
        let mut connection = connect(&first).await;
        let create = "CREATE TABLE mine (id INT)";
        connection.execute(create).await.unwrap();

        let mut other = connect(&second).await;
        assert!(other.execute("SELECT id FROM mine").await.is_err());
        let synchronous: String = sqlx::query_scalar("SHOW synchronous_commit")
            .fetch_one(&mut other)
            .await
            .unwrap();
        assert_eq!(synchronous, "on");
    }

    #[tokio::test]
    async fn a_postgres_database_goes_with_its_value_although_it_is_in_use() {
        let database = postgres_database().await;
        let mut connection = connect(&database).await;
        drop(database);

        // The server ends our session when the database goes: then even waiting for it fails.
        let until_it_ends = "SELECT pg_sleep(30)";
        assert!(connection.execute(until_it_ends).await.is_err());
    }
}

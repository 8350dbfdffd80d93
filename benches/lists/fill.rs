//! Filling the first organization, by SQL: the API would take an hour.

mod access;
mod accounts;
mod events;
mod usage;

use ostler::app::App;
use ostler::config::DatabaseEngine;
use ostler::store::Lookup;
use secrecy::ExposeSecret;
use sqlx::AnyConnection;
use sqlx::Connection;

use super::Size;

/// How many digits an id has after its prefix.
const ID_DIGITS: usize = 26;

/// How many digits a name has after its noun.
const NAME_DIGITS: usize = 7;

/// What is filled, and how a statement says so.
struct Ground {
    size: Size,
    organization: String,
    /// The id of the pepper of all secrets.
    pepper: String,
    is_sqlite: bool,
    /// Unix milliseconds.
    now: i64,
}

impl Ground {
    /// A table `numbers (n)` from 1 to `count`.
    fn numbers(&self, count: u32) -> String {
        if self.is_sqlite {
            format!(
                "(WITH RECURSIVE numbers (n) AS
                     (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
                  SELECT n FROM numbers) numbers"
            )
        } else {
            format!("(SELECT n FROM generate_series(CAST(1 AS BIGINT), {count}) n) numbers")
        }
    }

    /// An instant so many days before now.
    fn days_ago(&self, days: &str) -> String {
        format!("({} - ({days}) * CAST({DAY_MILLIS} AS BIGINT))", self.now)
    }
}

/// A day in the unit of instants.
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// An expression as a text of so many digits.
fn padded(expression: &str, digits: usize) -> String {
    let zeros = "0".repeat(digits);
    format!(
        "substr('{zeros}' || CAST({expression} AS TEXT), length(CAST({expression} AS TEXT)) + 1)"
    )
}

/// The id of the thing with this number.
fn id(prefix: &str, number: &str) -> String {
    format!("'{prefix}_' || {}", padded(number, ID_DIGITS))
}

/// The name of the thing with this number.
fn name(noun: &str, number: &str) -> String {
    format!("'{noun}-' || {}", padded(number, NAME_DIGITS))
}

/// Makes accounts with credentials, API tokens, access and use, audit events, and counts of requests.
pub async fn fill(app: &App, size: Size) {
    let default = Lookup::Name("default".to_owned());
    let organization = app.store.find_organization(&default).await;
    let organization = organization.expect("an answer").expect("an organization");
    let ground = Ground {
        size,
        organization: organization.id.to_string(),
        pepper: app.pepper.id().to_string(),
        is_sqlite: app.config.database.engine == DatabaseEngine::Sqlite,
        now: app.clock.now().as_millisecond(),
    };
    let url = app.config.database.url.expose_secret();
    let mut database = AnyConnection::connect(url).await.expect("the database");
    let statements = [
        accounts::statements(&ground),
        access::statements(&ground),
        events::statements(&ground),
        usage::statements(&ground),
    ];
    for statement in statements.into_iter().flatten() {
        let query = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone()));
        let filled = query.execute(&mut database).await;
        filled.unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    if !ground.is_sqlite {
        // What autovacuum does within a minute.
        let vacuum = sqlx::raw_sql("VACUUM ANALYZE");
        vacuum.execute(&mut database).await.expect("statistics");
    }
}

//! Filling the first organization, by SQL: the API would take an hour.

use ostler::app::App;
use ostler::config::DatabaseEngine;
use ostler::store::Lookup;
use secrecy::ExposeSecret;
use sqlx::AnyConnection;
use sqlx::Connection;

use super::Size;

/// 2026-01-01T00:00:00Z, in unix milliseconds.
const BEGIN: i64 = 1_767_225_600_000;

/// All events are within a year.
const YEAR_MILLIS: i64 = 365 * 24 * 60 * 60 * 1_000;

/// Makes accounts and events. The events are in a chain of numbers, not of hashes: lists do not look.
pub async fn fill(app: &App, size: Size) {
    let name = Lookup::Name("default".to_owned());
    let organization = app.store.find_organization(&name).await;
    let organization = organization
        .expect("an answer")
        .expect("the organization")
        .id;
    let is_sqlite = app.config.database.engine == DatabaseEngine::Sqlite;
    let numbers = |count: u32| {
        if is_sqlite {
            format!(
                "(WITH RECURSIVE numbers (n) AS
                     (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
                  SELECT n FROM numbers) numbers"
            )
        } else {
            format!("(SELECT n FROM generate_series(1, {count}) n) numbers")
        }
    };
    // 26 digits, with zeros before the number.
    let padded = |expression: &str, digits: usize| {
        let zeros = "0".repeat(digits);
        format!(
            "substr('{zeros}' || CAST({expression} AS TEXT), length(CAST({expression} AS TEXT)) + 1)"
        )
    };
    let accounts = format!(
        "INSERT INTO service_account (id, organization_id, name, folded_name, email, labels, status,
                                      generation, created_at, updated_at)
         SELECT 'sa_' || {id}, '{organization}', 'account-' || {short}, 'account-' || {short},
                'account-' || {short} || '@default.example', '{{}}', 'active', 1, {BEGIN}, {BEGIN}
         FROM {numbers}",
        id = padded("n", 26),
        short = padded("n", 7),
        numbers = numbers(size.accounts),
    );
    let actor = format!("(n % {})", size.accounts.min(1_000));
    let step = YEAR_MILLIS / i64::from(size.events);
    let events = format!(
        "INSERT INTO audit_event (chain, sequence, id, at, latest_at, actor_type, actor_id,
             actor_name, actor_address, actor_user_agent, action, target_type, target_id,
             target_name, result, occurrences, request_id, changes, previous_hash, hash)
         SELECT '{organization}', n, 'evt_' || {id}, {BEGIN} + n * {step}, {BEGIN} + n * {step},
                'service_account', 'sa_' || {actor_id}, 'account-' || {actor_name}, '192.0.2.1',
                'bench/1.0',
                CASE WHEN n % 1000 = 7 THEN 'service_account.delete'
                     WHEN n % 10 = 3 THEN 'credential.rotate'
                     ELSE 'service_account.update' END,
                'service_account', 'sa_' || {target_id}, 'account-' || {target_name},
                CASE WHEN n % 50 = 1 THEN 'refused' ELSE 'success' END, 1, 'req_' || {id},
                '{{\"description\":{{\"after\":\"what it is for\",\"before\":null}}}}',
                '{hash}', '{hash}'
         FROM {numbers}",
        id = padded("n", 26),
        actor_id = padded(&actor, 26),
        actor_name = padded(&actor, 7),
        target_id = padded(&format!("(n % {})", size.accounts), 26),
        target_name = padded(&format!("(n % {})", size.accounts), 7),
        hash = "0".repeat(64),
        numbers = numbers(size.events),
    );
    let head = format!(
        "INSERT INTO audit_head (chain, sequence, hash, latest_at, max_lateness)
         VALUES ('{organization}', {last}, '{hash}', {BEGIN} + {last} * {step}, 0)
         ON CONFLICT (chain) DO UPDATE SET sequence = excluded.sequence",
        last = size.events,
        hash = "0".repeat(64),
    );
    let url = app.config.database.url.expose_secret();
    let mut database = AnyConnection::connect(url).await.expect("the database");
    for statement in [accounts, events, head] {
        let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(statement));
        statement
            .execute(&mut database)
            .await
            .expect("it is filled");
    }
    if !is_sqlite {
        // What autovacuum does within a minute.
        let analyze = sqlx::raw_sql("ANALYZE");
        analyze.execute(&mut database).await.expect("statistics");
    }
}

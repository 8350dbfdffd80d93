//! A year of audit events. They are in a chain of numbers, not of hashes: lists do not look.

use super::DAY_MILLIS;
use super::Ground;
use super::id;
use super::name;

/// 2026-01-01T00:00:00Z, in unix milliseconds: what the filters of time are about.
const BEGIN: i64 = 1_767_225_600_000;

/// How many accounts made the events.
const ACTORS: u32 = 1_000;

pub(super) fn statements(ground: &Ground) -> Vec<String> {
    let step = 365 * DAY_MILLIS / i64::from(ground.size.events);
    vec![events(ground, step), head(ground, step)]
}

/// One in ten is a rotation, one in a thousand a deletion, one in fifty was refused.
fn events(ground: &Ground, step: i64) -> String {
    let actor = format!("(n % {})", ground.size.accounts.min(ACTORS));
    let target = format!("(n % {})", ground.size.accounts);
    let hash = "0".repeat(64);
    format!(
        "INSERT INTO audit_event (chain, sequence, id, at, latest_at, actor_type, actor_id,
             actor_name, actor_credential, actor_address, actor_user_agent, action, target_type,
             target_id, target_name, result, occurrences, request_id, changes, previous_hash, hash)
         SELECT '{organization}', n, {event}, {BEGIN} + n * {step}, {BEGIN} + n * {step},
                'service_account', {actor_id}, {actor_name}, {credential}, '192.0.2.1', 'bench/1.0',
                CASE WHEN n % 1000 = 7 THEN 'service_account.delete'
                     WHEN n % 10 = 3 THEN 'credential.rotate'
                     ELSE 'service_account.update' END,
                'service_account', {target_id}, {target_name},
                CASE WHEN n % 50 = 1 THEN 'refused' ELSE 'success' END, 1, {request},
                '{{\"description\":{{\"after\":\"what it is for\",\"before\":null}}}}',
                '{hash}', '{hash}'
         FROM {numbers}",
        organization = ground.organization,
        event = id("evt", "n"),
        request = id("req", "n"),
        actor_id = id("sa", &actor),
        actor_name = name("account", &actor),
        credential = id("sac", &actor),
        target_id = id("sa", &target),
        target_name = name("account", &target),
        numbers = ground.numbers(ground.size.events),
    )
}

fn head(ground: &Ground, step: i64) -> String {
    format!(
        "INSERT INTO audit_head (chain, sequence, hash, latest_at, max_lateness)
         VALUES ('{organization}', {last}, '{hash}', {latest_at}, 0)
         ON CONFLICT (chain) DO UPDATE SET sequence = excluded.sequence,
             latest_at = excluded.latest_at",
        organization = ground.organization,
        last = ground.size.events,
        latest_at = BEGIN + i64::from(ground.size.events) * step,
        hash = "0".repeat(64),
    )
}

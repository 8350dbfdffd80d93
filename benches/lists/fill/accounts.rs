//! Accounts with a credential each, one in ten with an API token, and when they were used.

use super::DAY_MILLIS;
use super::Ground;
use super::ID_DIGITS;
use super::id;
use super::name;
use super::padded;

/// The length of an HMAC as text.
const HMAC_LENGTH: usize = 43;

/// How a kind of credential is written.
struct Kind {
    word: &'static str,
    /// A letter of its own, so that no two ids or HMACs are alike.
    mark: char,
    /// One account in so many has one.
    one_in: u32,
    /// When its secret ends; NULL never.
    ends_at: &'static str,
}

/// One in ten never ends; the others within 90 days, and one in a hundred before now.
const CLIENT_SECRET: Kind = Kind {
    word: "client_secret",
    mark: '1',
    one_in: 1,
    ends_at: "CASE WHEN n % 10 = 0 THEN NULL ELSE now + ((n % 91) - 1) * day END",
};

const API_TOKEN: Kind = Kind {
    word: "api_token",
    mark: '2',
    one_in: 10,
    ends_at: "now + ((n / 10) % 300 - 5) * day",
};

/// What an old secret is marked with.
const OLD: char = '3';

pub(super) fn statements(ground: &Ground) -> Vec<String> {
    let mut statements = vec![accounts(ground), used_accounts(ground)];
    for kind in [CLIENT_SECRET, API_TOKEN] {
        statements.extend([
            credentials(ground, &kind),
            secrets(ground, &kind),
            used_credentials(ground, &kind),
            stamps(ground, &kind),
        ]);
    }
    statements.extend([old_secrets(ground), used_old_secrets(ground), ends()]);
    statements
}

/// A third has no owner, one in a hundred is disabled, and one in ten ends.
fn accounts(ground: &Ground) -> String {
    format!(
        "INSERT INTO service_account (id, organization_id, name, folded_name, email, description,
             owner, labels, status, generation, expires_at, created_at, updated_at, search_text)
         SELECT {id}, '{organization}', {name}, {name}, {name} || '@default.example',
                'Deploys part ' || CAST(n % 5000 AS TEXT) || ' of the shop, every night',
                CASE WHEN n % 3 = 0 THEN NULL ELSE 'team-' || CAST(n % 500 AS TEXT) END,
                '{{}}', CASE WHEN n % 100 = 5 THEN 'disabled' ELSE 'active' END, 1,
                CASE WHEN n % 10 = 1 THEN {now} + (n % 365) * {DAY_MILLIS} ELSE NULL END,
                {made}, {made},
                {name} || ' ' || {name} || '@default.example '
                || CASE WHEN n % 3 = 0 THEN '' ELSE 'team-' || CAST(n % 500 AS TEXT) END
                || ' deploys part ' || CAST(n % 5000 AS TEXT) || ' of the shop, every night'
         FROM {numbers}",
        id = id("sa", "n"),
        organization = ground.organization,
        name = name("account", "n"),
        now = ground.now,
        made = made(ground),
        numbers = ground.numbers(ground.size.accounts),
    )
}

/// Within the last 400 days, in the order of their numbers.
fn made(ground: &Ground) -> String {
    ground.days_ago(&format!("400 - n * 399 / {}", ground.size.accounts))
}

/// One in twenty was never used, one in ten not for a long time.
fn last_at(ground: &Ground) -> String {
    format!(
        "CASE WHEN n % 20 = 0 THEN 0 WHEN n % 10 = 1 THEN {} ELSE {} - n * 10 END",
        ground.days_ago("91 + n % 200"),
        ground.now
    )
}

fn used_accounts(ground: &Ground) -> String {
    format!(
        "INSERT INTO last_use (subject_id, organization_id, account_id, last_at, quiet_from)
         SELECT {id}, '{organization}', {id}, {last_at}, {made} FROM {numbers}",
        id = id("sa", "n"),
        organization = ground.organization,
        last_at = last_at(ground),
        made = made(ground),
        numbers = ground.numbers(ground.size.accounts),
    )
}

/// The numbers of accounts that have one of this kind.
fn owners(ground: &Ground, kind: &Kind) -> String {
    let numbers = ground.numbers(ground.size.accounts);
    format!("{numbers} WHERE n % {} = 0", kind.one_in)
}

/// The id of something that belongs to the account `n` by a credential of this kind.
fn id_by(prefix: &str, kind: &Kind) -> String {
    format!("'{prefix}_{}' || {}", kind.mark, padded("n", ID_DIGITS - 1))
}

fn credentials(ground: &Ground, kind: &Kind) -> String {
    format!(
        "INSERT INTO credential (id, organization_id, account_id, client_id, kind, name, status,
             generation, allowed_networks, is_narrowed, created_at, updated_at, folded_name)
         SELECT {id}, '{organization}', {account}, {client_id}, '{word}', {name},
                CASE WHEN n % 100 = 7 THEN 'disabled' ELSE 'active' END, 1, '[]', 0, {made}, {made},
                {name}
         FROM {owners}",
        id = id_by("cred", kind),
        organization = ground.organization,
        account = id("sa", "n"),
        client_id = id_by("sac", kind),
        word = kind.word,
        name = name("deploy", "n"),
        made = made(ground),
        owners = owners(ground, kind),
    )
}

fn secrets(ground: &Ground, kind: &Kind) -> String {
    let ends_at = kind.ends_at.replace("now", &ground.now.to_string());
    // The last letter of 32 bytes in base64 has two bits that are nothing.
    let hmac = format!("'{}' || {} || 'A'", kind.mark, padded("n", HMAC_LENGTH - 2));
    format!(
        "INSERT INTO secret (id, credential_id, position, hmac, pepper, hint, created_at, ends_at)
         SELECT {id}, {credential}, 1, {hmac}, '{pepper}', 'abcd', {made}, {ends_at}
         FROM {owners}",
        id = id_by("sec", kind),
        credential = id_by("cred", kind),
        pepper = ground.pepper,
        made = made(ground),
        ends_at = ends_at.replace("day", &DAY_MILLIS.to_string()),
        owners = owners(ground, kind),
    )
}

/// One in fifty credentials is in an overlap that ends within a day.
fn old_secrets(ground: &Ground) -> String {
    let hmac = format!("'{OLD}' || {} || 'A'", padded("n", HMAC_LENGTH - 2));
    format!(
        "INSERT INTO secret (id, credential_id, position, hmac, pepper, hint, created_at, ends_at)
         SELECT {id}, {credential}, 0, {hmac}, '{pepper}', 'abcd', {made}, {now} + {DAY_MILLIS}
         FROM {numbers} WHERE n % 50 = 3",
        id = old_secret(),
        credential = id_by("cred", &CLIENT_SECRET),
        pepper = ground.pepper,
        made = made(ground),
        now = ground.now,
        numbers = ground.numbers(ground.size.accounts),
    )
}

fn old_secret() -> String {
    format!("'sec_{OLD}' || {}", padded("n", ID_DIGITS - 1))
}

/// One in ten of them is still used.
fn used_old_secrets(ground: &Ground) -> String {
    let numbers = ground.numbers(ground.size.accounts);
    let used = format!("{numbers} WHERE n % 500 = 3");
    stamp(
        ground,
        &CLIENT_SECRET,
        &old_secret(),
        &ground.now.to_string(),
        &used,
    )
}

/// As the server keeps them with each credential.
fn ends() -> String {
    let of = "FROM secret WHERE secret.credential_id = credential.id";
    let end = "coalesce(secret.ends_at, 9223372036854775807)";
    format!(
        "UPDATE credential
         SET newest_end = (SELECT {end} {of} AND secret.position = 1),
             last_end = (SELECT max({end}) {of}),
             overlap_end = (SELECT secret.ends_at {of} AND secret.position = 0)"
    )
}

/// When each was used, but for those that never were.
fn stamps(ground: &Ground, kind: &Kind) -> String {
    let used = format!("{} AND n % 20 <> 0", owners(ground, kind));
    stamp(ground, kind, &id_by("sec", kind), &last_at(ground), &used)
}

fn stamp(ground: &Ground, kind: &Kind, secret: &str, at: &str, used: &str) -> String {
    format!(
        "INSERT INTO usage_stamp (credential_id, secret_id, kind, account_id, first_at, last_at,
             address, user_agent)
         SELECT {credential}, {secret}, 'issued', {account}, {first_at}, {at}, '192.0.2.1', 'bench/1.0'
         FROM {used}",
        credential = id_by("cred", kind),
        account = id("sa", "n"),
        first_at = ground.days_ago("400"),
    )
}

fn used_credentials(ground: &Ground, kind: &Kind) -> String {
    format!(
        "INSERT INTO last_use (subject_id, organization_id, credential_id, last_at, quiet_from)
         SELECT {id}, '{organization}', {id}, {last_at}, {made} FROM {owners}",
        id = id_by("cred", kind),
        organization = ground.organization,
        last_at = last_at(ground),
        made = made(ground),
        owners = owners(ground, kind),
    )
}

//! P6: a secret stands in the one answer that made it, and nowhere else: in nothing that an
//! administrator reads, and in nothing that is kept; and what is kept has no access token and no private
//! key in it either (security cases 143 and 146). That it is in no log is looked at wherever a line is
//! written: `harness::log`.

use std::fs;

use redis::AsyncTypedCommands;
use sqlx::AssertSqlSafe;
use sqlx::query_scalar;

use crate::admin::readers::private_lines;

use super::sequence::Sequence;
use super::sequence::Wrong;
use super::stage::Stage;

/// What every client secret and every API token begins with.
const PREFIXES: [&str; 2] = ["ostler_cs_", "ostler_at_"];

/// The length of a secret, in characters, and that of it which is different in each (contract,
/// section 3).
const LENGTH: usize = 59;
const RANDOM: usize = 49;

/// What administrators read, below `/admin/v1/organizations/default`.
const READ: [&str; 4] = [
    "/service-accounts",
    "/credentials",
    "/api-tokens",
    "/audit-events?limit=200",
];

/// All secrets of a text, in their order.
fn secrets_in(text: &str) -> impl Iterator<Item = &str> {
    let starts = PREFIXES
        .iter()
        .flat_map(|prefix| text.match_indices(prefix));
    starts.filter_map(|(at, _)| text.get(at..at + LENGTH))
}

impl Sequence<'_> {
    /// Looks at what was answered to administrators by now.
    pub(super) fn check_told_once(&mut self) -> Result<(), Wrong> {
        let answers = self.stage.answers.take();
        for secret in answers.iter().flat_map(|text| secrets_in(text)) {
            if !self.told.insert(secret.to_owned()) {
                return Err("P6: a secret was told twice".to_owned());
            }
        }
        Ok(())
    }

    /// Looks at what can be read.
    pub(super) async fn check_reads_tell_none(&self) -> Result<(), Wrong> {
        let server = self.stage.server();
        let bearer = self.stage.bearer().await;
        for path in READ {
            let target = format!("/admin/v1/organizations/default{path}");
            let reply = server.request("GET", &target).bearer(&bearer).send().await;
            if reply.status != 200 {
                return Err(format!("GET {path}: {}", reply.wire()));
            }
            if secrets_in(reply.text()).next().is_some() {
                return Err(format!("P6: a secret is in GET {path}"));
            }
        }
        let metrics = server.manage("/metrics").await;
        if secrets_in(metrics.text()).next().is_some() {
            return Err("P6: a secret is in the metrics".to_owned());
        }
        Ok(())
    }

    /// Looks at what is kept of the secrets that were told.
    pub(super) async fn check_nothing_is_kept(&mut self) -> Result<(), Wrong> {
        let kept = self.stage.kept().await;
        // What is long enough to be a secret without its prefix, or to have one in it.
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric();
        let words = kept.split(|byte| !is_plain(byte));
        let words: Vec<_> = words.filter(|word| word.len() >= RANDOM).collect();
        let is_kept = |secret: &&String| {
            let random = &secret.as_bytes()[LENGTH - RANDOM..];
            let has_it = |word: &&[u8]| word.windows(RANDOM).any(|part| part == random);
            words.iter().any(has_it)
        };
        if self.told.iter().any(|secret| is_kept(&secret)) {
            return Err("P6: a secret is in the database or in Redis".to_owned());
        }
        let text = String::from_utf8_lossy(&kept);
        // Whoever has the rest of a token, which is no secret, cannot do without this.
        let mut signatures = self
            .tokens
            .iter()
            .filter_map(|token| token.rsplit('.').next());
        if signatures.any(|signature| text.contains(signature)) {
            return Err("P6: an access token is in the database or in Redis".to_owned());
        }
        let private = private_lines(self.stage.server());
        let mut private = private.iter().map(String::as_str).chain(["PRIVATE KEY"]);
        if private.any(|line| text.contains(line)) {
            return Err("P6: a private key is in the database or in Redis".to_owned());
        }
        Ok(())
    }
}

impl Stage {
    /// Every byte that the server has stored.
    async fn kept(&mut self) -> Vec<u8> {
        let mut kept = Vec::new();
        let Some(backends) = &self.backends else {
            let data = &self.server().app.config.data.dir;
            for file in fs::read_dir(data).expect("the data directory") {
                // Sockets and locks have nothing to read in them.
                kept.extend(fs::read(file.expect("a file").path()).unwrap_or_default());
            }
            return kept;
        };
        let client = redis::Client::open(backends.redis.url()).expect("a URL");
        let connection = client.get_multiplexed_async_connection();
        let mut connection = connection.await.expect("Redis");
        for key in connection.keys("*").await.expect("the keys") {
            let mut dump = redis::cmd("DUMP");
            let dump = dump
                .arg(&key)
                .query_async::<Option<Vec<u8>>>(&mut connection);
            kept.extend(key.as_bytes());
            kept.extend(dump.await.expect("a dump").unwrap_or_default());
        }
        let tables = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables
                      WHERE table_schema = current_schema()";
        let tables: Vec<String> = query_scalar(tables)
            .fetch_all(&mut self.aside)
            .await
            .expect("the tables");
        for table in tables {
            let rows = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM \"{table}\" t");
            let rows: String = query_scalar(AssertSqlSafe(rows))
                .fetch_one(&mut self.aside)
                .await
                .expect("the rows");
            kept.extend(rows.into_bytes());
        }
        kept
    }
}

#[test]
fn secrets_are_found_in_a_text() {
    let secret = format!("ostler_cs_{}", "a".repeat(49));
    let text = format!("{{\"a\":\"{secret}\",\"b\":\"ostler_at_\"}}");
    assert_eq!(secrets_in(&text).collect::<Vec<_>>(), [secret.as_str()]);
}

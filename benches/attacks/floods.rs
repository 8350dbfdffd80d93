//! What is left for those who behave while many attack.
//!
//! A few clients ask for a token every few milliseconds, without an attack and then during one, round by
//! round; the figure is by how much the time that 99 of 100 of them wait grows. The attack comes from the
//! core that they are on as well, in a thread that stands back for theirs. The server has one core, so
//! what an attack takes of it is missing for everybody else: there is no figure here that more cores, or
//! a machine of its own for the attacker, would not make another one.

mod attacker;
mod probe;

use std::error::Error;
use std::time::Duration;
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ostler::domain::id::ClientId;
use ostler::domain::secret::Secret;
use ostler::domain::secret::SecretKind;
use serde_json::Value;
use serde_json::json;

use crate::cores::Cores;
use crate::options::Options;
use crate::report::Report;
use crate::report::Row;
use crate::stage::Stage;
use crate::stage::access_to;
use crate::statistics::median;
use crate::statistics::quantile;
use crate::statistics::range;
use crate::wire;
use crate::wire::Client;
use crate::wire::FORM;
use attacker::Attack;
use attacker::Attacker;
use probe::Probe;

/// How many connections keep the server busy.
const BUSY: usize = 64;

/// As many as five times its capacity: case 121.
const FIVEFOLD: usize = 5 * BUSY;

/// How many connections send their heads slowly: case 109.
const SLOW: usize = 2_000;

/// By how much an attack may prolong the p99 of the others: case 121, and case 109, where it says that
/// nothing is to be seen of it.
const BOUND_FLOOD: f64 = 2.0;
const BOUND_SLOW: f64 = 1.5;

/// After how many seconds a head that does not end is given up: case 109.
const BOUND_HEAD_SECONDS: f64 = 15.0;

/// After how many seconds everything is as before: section 5 G.
const BOUND_RECOVERY_SECONDS: f64 = 5.0;

/// How long an attack goes on before it is watched: until its connections are open.
const ADVANCE: Duration = Duration::from_millis(300);

/// For how long those who behave are watched to see whether all is as before.
const LOOK: Duration = Duration::from_millis(100);

/// Something that many do at once.
struct Flood {
    case: u16,
    what: String,
    attack: Attack,
    connections: usize,
    /// What the p99 of the others may grow by.
    bound: Option<f64>,
}

/// What a flood did, round by round.
#[derive(Default)]
struct Seen {
    /// The p99 of those who behave, in microseconds: without it, with it, and the one by the other.
    calm: Vec<f64>,
    flooded: Vec<f64>,
    growth: Vec<f64>,
    /// Megabytes that the server has more of meanwhile.
    megabytes: Vec<f64>,
    recovery_seconds: Vec<f64>,
    /// When the last was closed, and how many were in all rounds together.
    closed_seconds: Vec<f64>,
    closed: usize,
    answered: String,
    per_second: f64,
}

/// Measures the cases of section 5 G that name what an attack may cost others.
pub fn measure(options: &Options, cores: Cores, report: &mut Report) -> Result<(), Box<dyn Error>> {
    if !options.wants_any(&[107, 109, 121]) {
        return Ok(());
    }
    let mut stage = Stage::set(options, cores, None)?;
    stage.api("default", "wiki")?;
    let mut clients = Vec::new();
    for number in 0..16 {
        clients.push(stage.client("default", &format!("good-bot-{number}"), &access_to("wiki"))?);
    }
    let probe = Probe {
        address: stage.address,
        requests: clients.iter().map(Client::token).collect(),
    };
    let victim = stage.client("default", "victim-bot", &access_to("wiki"))?;
    for flood in floods(&mut stage, &clients, &victim)? {
        if !options.wants(flood.case) {
            continue;
        }
        eprintln!("attacks: case {}: {}", flood.case, flood.what);
        let mut seen = Seen::default();
        for _ in 0..options.rounds {
            stage.rest()?;
            seen.round(&stage, &probe, &flood, options.turn)?;
        }
        seen.report(&flood, report);
    }
    Ok(())
}

fn floods(
    stage: &mut Stage,
    clients: &[Client],
    victim: &Client,
) -> Result<Vec<Flood>, Box<dyn Error>> {
    let forged = large_forgery(&stage.token(victim)?)?;
    let wrong = Secret::from_random(SecretKind::ClientSecret, &[7; 32]);
    let wrong = victim.with_secret(wrong.expose());
    let strangers = (0..20_000).map(|number| {
        let id = ClientId::from_bits(number).to_string();
        Client {
            id,
            ..wrong.clone()
        }
        .token()
    });
    let bearer = format!("Bearer {forged}");
    let by_bearer = wire::request(
        "POST",
        "/oauth/introspect",
        &bearer,
        Some((FORM, "token=x")),
    );
    let good = clients.iter().map(Client::token);
    let of = |case, what: &str, requests: Vec<Vec<u8>>, bound| Flood {
        case,
        what: what.to_owned(),
        attack: Attack::Requests(requests.into()),
        connections: FIVEFOLD,
        bound,
    };
    let bound = Some(BOUND_FLOOD);
    Ok(vec![
        Flood {
            case: 107,
            what: format!("{BUSY} bodies without an end"),
            attack: Attack::EndlessBody(endless_head(victim).into()),
            connections: BUSY,
            bound: None,
        },
        Flood {
            case: 109,
            what: format!("{SLOW} heads, a byte each 10 s"),
            attack: Attack::SlowHead,
            connections: SLOW,
            bound: Some(BOUND_SLOW),
        },
        of(121, "good requests, for comparison", good.collect(), None),
        of(
            121,
            "wrong secrets of one client",
            vec![wrong.token()],
            bound,
        ),
        of(
            121,
            "wrong secrets of 20,000 clients",
            strangers.collect(),
            bound,
        ),
        of(
            121,
            "forged tokens of 8 KiB as bearers",
            vec![by_bearer],
            bound,
        ),
        of(
            121,
            "forged tokens of 8 KiB to introspect",
            vec![victim.introspection(&forged)],
            bound,
        ),
    ])
}

/// The head of a form of unknown length.
fn endless_head(client: &Client) -> Vec<u8> {
    format!(
        "POST /oauth/token HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {}\r\n\
         content-type: {FORM}\r\ntransfer-encoding: chunked\r\n\r\n",
        client.basic()
    )
    .into_bytes()
}

/// As large as a token may be, and like this one of ours up to its signature.
fn large_forgery(token: &str) -> Result<String, Box<dyn Error>> {
    let parts: Vec<_> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return Err("no token".into());
    };
    let mut claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims)?)?;
    let mut with_scope = |length: usize| {
        claims["scope"] = json!("x".repeat(length));
        let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("{header}.{claims}.{signature}")
    };
    let left = 8 * 1024 - with_scope(0).len();
    Ok(with_scope(left / 4 * 3))
}

impl Seen {
    fn round(
        &mut self,
        stage: &Stage,
        probe: &Probe,
        flood: &Flood,
        turn: Duration,
    ) -> Result<(), Box<dyn Error>> {
        let calm = p99(&probe.watch(turn)?);
        let before = stage.server.resident()?;
        let attacker = Attacker::start(stage.address, flood.attack.clone(), flood.connections);
        std::thread::sleep(ADVANCE);
        let turn = match flood.attack {
            // Until they are closed, and a little longer.
            Attack::SlowHead => Duration::from_secs(11),
            _ => turn,
        };
        let flooded = p99(&probe.watch(turn)?);
        let after = stage.server.resident()?;
        let outcome = attacker.stop()?;
        self.recovery_seconds.push(recovery(probe, calm)?);

        self.growth.push(flooded / calm);
        self.calm.push(calm);
        self.flooded.push(flooded);
        #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
        self.megabytes.push((after as f64 - before as f64) / 1e6);
        self.note(&outcome);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn note(&mut self, outcome: &attacker::Outcome) {
        let statuses = outcome.statuses.iter();
        let words: Vec<_> = statuses
            .map(|(status, count)| match status {
                0 => format!("{count} without an answer"),
                _ => format!("{status} x {count}"),
            })
            .collect();
        self.answered = words.join(", ");
        self.per_second = outcome.statuses.values().sum::<u64>() as f64 / outcome.seconds;
        self.closed += outcome.closed.len();
        if !outcome.closed.is_empty() {
            self.closed_seconds.push(range(&outcome.closed).1);
        }
    }

    fn report(self, flood: &Flood, report: &mut Report) {
        let row = |measure, rounds: &[f64]| {
            Row::new(flood.case, &flood.what, measure, rounds).answered(&self.answered)
        };
        let also = format!(
            "{:.2} ms, and {:.2} ms without; {:.0} a second",
            median(&self.flooded) / 1_000.0,
            median(&self.calm) / 1_000.0,
            self.per_second,
        );
        let growth = row("times the p99 of others", &self.growth).also(also);
        report.add(match flood.bound {
            Some(bound) => growth.at_most(bound, true),
            None => growth,
        });
        if !self.closed_seconds.is_empty() {
            let closed = row("s until closed, the last", &self.closed_seconds).worst();
            let all = self.closed == flood.connections * self.growth.len();
            report.add(closed.at_most(BOUND_HEAD_SECONDS, all));
        }
        report.add(row("MB more resident", &self.megabytes));
        let recovery = row("s until all is as before", &self.recovery_seconds).worst();
        report.add(recovery.at_most(BOUND_RECOVERY_SECONDS, true));
    }
}

/// After how many seconds those who behave wait at most twice as long as before.
fn recovery(probe: &Probe, calm: f64) -> Result<f64, Box<dyn Error>> {
    let ended = Instant::now();
    while ended.elapsed() < 2 * Duration::from_secs_f64(BOUND_RECOVERY_SECONDS) {
        if p99(&probe.watch(LOOK)?) <= 2.0 * calm {
            break;
        }
    }
    Ok(ended.elapsed().as_secs_f64())
}

fn p99(waited: &[f64]) -> f64 {
    quantile(waited, 0.99)
}

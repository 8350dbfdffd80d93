//! What came of it, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::time::Duration;

use serde::Serialize;

use crate::generator::Outcome;
use crate::options::Options;
use crate::ostler::BINARY;
use crate::scenario::Scenario;

/// One server's turn in one round.
#[derive(Clone, Serialize)]
pub struct Measured {
    pub server: &'static str,
    pub requests_per_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub cpu_us_per_request: f64,
    pub resident_mb: f64,
    pub body_bytes: u32,
    pub answers_per_look: f64,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn new(
        server: &'static str,
        outcome: &Outcome,
        cpu: Duration,
        answered: u64,
        resident: u64,
    ) -> Self {
        Self {
            server,
            requests_per_second: outcome.per_second(),
            p50_us: outcome.latencies.micros_at(0.5),
            p99_us: outcome.latencies.micros_at(0.99),
            cpu_us_per_request: cpu.as_secs_f64() * 1e6 / answered as f64,
            resident_mb: megabytes(resident),
            body_bytes: u32::try_from(outcome.body_bytes).unwrap_or(u32::MAX),
            answers_per_look: outcome.answers_per_look,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// All of a run.
#[derive(Serialize)]
pub struct Report {
    machine: String,
    version: &'static str,
    accounts: usize,
    rounds: usize,
    turn_seconds: u64,
    binary_bytes: u64,
    pub resident_at_start: u64,
    #[serde(serialize_with = "as_seconds")]
    pub first_token: Duration,
    scenarios: BTreeMap<usize, Rounds>,
}

#[derive(Serialize)]
struct Rounds {
    name: String,
    rounds: Vec<Vec<Measured>>,
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}

impl Report {
    pub fn new(options: &Options) -> io::Result<Self> {
        Ok(Self {
            machine: machine(),
            version: env!("CARGO_PKG_VERSION"),
            accounts: options.accounts,
            rounds: options.rounds,
            turn_seconds: options.turn.as_secs(),
            binary_bytes: fs::metadata(BINARY)?.len(),
            resident_at_start: 0,
            first_token: Duration::ZERO,
            scenarios: BTreeMap::new(),
        })
    }

    pub fn add(&mut self, scenario: Scenario, rounds: Vec<Vec<Measured>>) {
        let name = scenario.name();
        self.scenarios
            .insert(self.scenarios.len(), Rounds { name, rounds });
    }
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unknown processor", |rest| {
        rest.trim_start_matches([' ', '\t', ':'])
    });
    let cores = info
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}

impl Rounds {
    fn servers(&self) -> Vec<&'static str> {
        let mut servers: Vec<_> = self
            .rounds
            .first()
            .into_iter()
            .flatten()
            .map(|m| m.server)
            .collect();
        servers.sort_by_key(|server| (*server != "floor", *server != "ostler"));
        servers
    }

    /// The median over the rounds.
    fn median(&self, server: &str, of: impl Fn(&Measured) -> f64) -> f64 {
        median(
            self.rounds
                .iter()
                .filter_map(|round| Some(of(find(round, server)?))),
        )
    }

    /// The median over the rounds of what it is to the floor, each round for itself.
    fn ratio(&self, server: &str, of: impl Fn(&Measured) -> f64) -> f64 {
        median(
            self.rounds
                .iter()
                .filter_map(|round| Some(of(find(round, server)?) / of(find(round, "floor")?))),
        )
    }
}

fn find<'a>(round: &'a [Measured], server: &str) -> Option<&'a Measured> {
    round.iter().find(|measured| measured.server == server)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; Ostler {}", self.machine, self.version)?;
        writeln!(
            f,
            "{} accounts; medians of {} rounds of {} s; ratios to the floor of the same round\n",
            self.accounts, self.rounds, self.turn_seconds
        )?;
        writeln!(
            f,
            "{:<27} {:<14} {:>9} {:>8} {:>8} {:>8} {:>7} {:>7} {:>7} {:>7} {:>6} {:>5}",
            "scenario",
            "server",
            "req/s",
            "p50 us",
            "p99 us",
            "cpu us",
            "RSS MB",
            "x req/s",
            "x cpu",
            "x p99",
            "bytes",
            "gen"
        )?;
        for scenario in self.scenarios.values() {
            for server in scenario.servers() {
                writeln!(
                    f,
                    "{:<27} {:<14} {:>9.0} {:>8.0} {:>8.0} {:>8.1} {:>7.1} {:>7.3} {:>7.3} {:>7.2} {:>6.0} {:>5.2}",
                    scenario.name,
                    server,
                    scenario.median(server, |m| m.requests_per_second),
                    scenario.median(server, |m| m.p50_us),
                    scenario.median(server, |m| m.p99_us),
                    scenario.median(server, |m| m.cpu_us_per_request),
                    scenario.median(server, |m| m.resident_mb),
                    scenario.ratio(server, |m| m.requests_per_second),
                    scenario.ratio(server, |m| m.cpu_us_per_request),
                    scenario.ratio(server, |m| m.p99_us),
                    scenario.median(server, |m| m.body_bytes.into()),
                    scenario.median(server, |m| m.answers_per_look),
                )?;
            }
        }
        writeln!(
            f,
            "\nstart to first token  {:.3} s",
            self.first_token.as_secs_f64()
        )?;
        writeln!(
            f,
            "resident at start     {:.1} MB",
            megabytes(self.resident_at_start)
        )?;
        write!(
            f,
            "binary                {:.1} MB",
            megabytes(self.binary_bytes)
        )
    }
}

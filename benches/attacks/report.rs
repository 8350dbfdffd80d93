//! What came of it, as a table and as JSON.

use std::fmt;
use std::fs;

use serde::Serialize;

use crate::options::Options;
use crate::statistics::median;
use crate::statistics::range;

/// A figure of a case.
#[derive(Serialize)]
pub struct Row {
    pub case: u16,
    pub sent: String,
    pub answered: String,
    /// What the figure is, with its unit.
    pub measure: &'static str,
    /// The figure: the median over the rounds, unless the measure says otherwise.
    pub value: f64,
    /// What it was in each round.
    pub rounds: Vec<f64>,
    /// What the case allows.
    pub bound: Option<f64>,
    /// Whether it is within that, and answered as it should be.
    pub is_kept: Option<bool>,
    /// What else is worth knowing.
    pub also: String,
}

impl Row {
    /// A figure without a bound.
    pub fn new(case: u16, sent: impl Into<String>, measure: &'static str, rounds: &[f64]) -> Self {
        Self {
            case,
            sent: sent.into(),
            answered: String::new(),
            measure,
            value: median(rounds),
            rounds: rounds.to_vec(),
            bound: None,
            is_kept: None,
            also: String::new(),
        }
    }

    /// Takes the greatest of all rounds for the figure.
    pub fn worst(mut self) -> Self {
        self.value = range(&self.rounds).1;
        self
    }

    pub fn answered(mut self, answered: impl Into<String>) -> Self {
        self.answered = answered.into();
        self
    }

    pub fn also(mut self, also: impl Into<String>) -> Self {
        self.also = also.into();
        self
    }

    /// The case allows at most this much, and only where the answers are right.
    pub fn at_most(mut self, bound: f64, is_right: bool) -> Self {
        self.bound = Some(bound);
        self.is_kept = Some(is_right && self.value <= bound);
        self
    }
}

/// All of a run.
#[derive(Serialize)]
pub struct Report {
    machine: String,
    version: &'static str,
    rounds: usize,
    turn_seconds: u64,
    rows: Vec<Row>,
}

impl Report {
    pub fn new(options: &Options) -> Self {
        Self {
            machine: machine(),
            version: env!("CARGO_PKG_VERSION"),
            rounds: options.rounds,
            turn_seconds: options.turn.as_secs(),
            rows: Vec::new(),
        }
    }

    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }
}

fn machine() -> String {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let mut names = info.lines().filter_map(|line| line.split_once(": "));
    let name = names.find(|(field, _)| field.starts_with("model name"));
    let name = name.map_or("an unknown processor", |(_, name)| name);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{name}, Linux {}", kernel.trim())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            machine, version, ..
        } = self;
        writeln!(f, "{machine}; Ostler {version}; {} rounds\n", self.rounds)?;
        writeln!(
            f,
            "| case | sent | answered | figure | measured | lowest and highest round | bound | kept | |\n\
             |---|---|---|---|---|---|---|---|---|"
        )?;
        for row in &self.rows {
            let (low, high) = range(&row.rounds);
            let bound = row.bound.map_or(String::new(), number);
            let kept = row
                .is_kept
                .map_or("", |is_kept| if is_kept { "yes" } else { "**no**" });
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} to {} | {bound} | {kept} | {} |",
                row.case,
                row.sent,
                row.answered,
                row.measure,
                number(row.value),
                number(low),
                number(high),
                row.also,
            )?;
        }
        let missed = self.rows.iter().filter(|row| row.is_kept == Some(false));
        write!(f, "\n{} bounds are not kept", missed.count())
    }
}

/// With three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

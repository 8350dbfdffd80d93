//! What a hostile request takes of the server: processor time, and time until its answer.
//!
//! Requests take turns; each is sent a number of times in each round. Processor time is what all threads
//! of the server have used meanwhile, so what it does in the background is in it.

mod bodies;
mod parameters;
mod tokens;

use std::error::Error;
use std::time::Duration;

use crate::cores::Cores;
use crate::options::Options;
use crate::report::Report;
use crate::report::Row;
use crate::stage::ANY_NUMBER;
use crate::stage::Stage;
use crate::statistics::median;
use crate::statistics::quantile;

/// How often a request is sent in a round, unless it is large.
const TIMES: usize = 200;

/// How many bytes of a request are sent in a round at most.
const BYTES: usize = 16 * 1024 * 1024;

/// A request that is to be answered for little.
#[derive(Clone)]
pub struct Hostile {
    pub case: u16,
    pub what: String,
    pub request: Vec<u8>,
    /// How it is answered, in short; a text that begins so.
    pub expected: &'static str,
}

/// What one took.
pub struct Cost {
    pub case: u16,
    pub what: String,
    pub answered: String,
    /// Whether every answer was the expected one.
    pub is_right: bool,
    /// Processor time of one request in milliseconds, round by round.
    pub cpu_millis: Vec<f64>,
    /// The median of the times until an answer in milliseconds, round by round.
    pub millis: Vec<f64>,
    /// The longest that 99 of 100 waited.
    pub slowest_millis: Vec<f64>,
}

impl Cost {
    /// A row about processor time.
    pub fn cpu(&self) -> Row {
        let also = format!("{:.3} ms until the answer", median(&self.millis));
        Row::new(
            self.case,
            &self.what,
            "CPU ms per request",
            &self.cpu_millis,
        )
        .answered(&self.answered)
        .also(also)
    }

    /// A row about the time until the answer.
    pub fn time(&self) -> Row {
        let (cpu, slowest) = (median(&self.cpu_millis), median(&self.slowest_millis));
        let also = format!("p99 {slowest:.3} ms; {cpu:.3} ms CPU");
        Row::new(self.case, &self.what, "ms until the answer", &self.millis)
            .answered(&self.answered)
            .also(also)
    }
}

/// Measures the cases that name a cost.
pub fn measure(options: &Options, cores: Cores, report: &mut Report) -> Result<(), Box<dyn Error>> {
    if options.wants_any(&[26, 27]) {
        let mut stage = Stage::set(options, cores, Some(ANY_NUMBER))?;
        parameters::measure(&mut stage, options, report)?;
    }
    if options.wants(42) {
        let mut stage = Stage::set(options, cores, Some(ANY_NUMBER))?;
        tokens::measure(&mut stage, options, report)?;
    }
    if options.wants(113) {
        let mut stage = Stage::set(options, cores, Some(ANY_NUMBER))?;
        bodies::measure(&mut stage, options, report)?;
    }
    Ok(())
}

/// What each of these takes, in interleaved rounds.
fn costs_of(
    stage: &mut Stage,
    hostile: &[Hostile],
    rounds: usize,
) -> Result<Vec<Cost>, Box<dyn Error>> {
    stage.rest()?;
    let mut costs: Vec<_> = hostile.iter().map(nothing_yet).collect();
    // The first round is for caches to fill, and does not count.
    for round in 0..=rounds {
        for (one, cost) in hostile.iter().zip(&mut costs) {
            eprintln!("attacks: case {}: {}", one.case, one.what);
            send(stage, one, (round > 0).then_some(cost))?;
        }
    }
    Ok(costs)
}

fn nothing_yet(hostile: &Hostile) -> Cost {
    Cost {
        case: hostile.case,
        what: hostile.what.clone(),
        answered: String::new(),
        is_right: true,
        cpu_millis: Vec::new(),
        millis: Vec::new(),
        slowest_millis: Vec::new(),
    }
}

fn send(
    stage: &mut Stage,
    hostile: &Hostile,
    cost: Option<&mut Cost>,
) -> Result<(), Box<dyn Error>> {
    let times = (BYTES / hostile.request.len()).clamp(10, TIMES);
    let mut waited = Vec::with_capacity(times);
    let (mut answered, mut is_right) = (String::new(), true);
    let before = stage.server.cpu()?;
    for _ in 0..times {
        let (answer, time) = stage.connection.exchange(&hostile.request)?;
        waited.push(millis(time));
        answered = answer.in_short();
        is_right &= answered.starts_with(hostile.expected);
    }
    let spent = millis(stage.server.cpu()?.saturating_sub(before));
    if let Some(cost) = cost {
        #[expect(clippy::cast_precision_loss, reason = "at most a few hundred")]
        cost.cpu_millis.push(spent / times as f64);
        cost.millis.push(median(&waited));
        cost.slowest_millis.push(quantile(&waited, 0.99));
        cost.answered = answered;
        cost.is_right &= is_right;
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

//! Whether the time of an answer tells what the answer does not.
//!
//! Requests of several kinds are sent one after the other in mixed order, and all are answered in the
//! same words. Of each kind but the first one the times are held against those of the first: by how much
//! the medians differ, and how far the means are apart in units of what chance makes of them (Welch's
//! t), which is below 4.5 where nobody can tell them apart.

mod clients;
mod sight;

use std::error::Error;
use std::time::Duration;

use crate::cores::Cores;
use crate::exchange::Connection;
use crate::options::Options;
use crate::report::Report;
use crate::report::Row;
use crate::stage::ANY_NUMBER;
use crate::stage::Stage;
use crate::statistics::Mixer;
use crate::statistics::median;
use crate::statistics::range;
use crate::statistics::welch_t;

/// How many requests a round has: case 2.
const REQUESTS: usize = 2_000;

/// What t may be at most: case 2.
const BOUND_T: f64 = 4.5;

/// Requests that are not to be told apart from those of another kind.
struct Kind {
    what: String,
    /// Sent in turn.
    requests: Vec<Vec<u8>>,
}

impl Kind {
    /// The same request again and again.
    fn of(what: impl Into<String>, request: Vec<u8>) -> Self {
        Self {
            what: what.into(),
            requests: vec![request],
        }
    }
}

/// What was found of some kinds, all in one table.
#[derive(Default)]
struct Found {
    /// The kinds after the first.
    others: Vec<Likeness>,
    answered: String,
    mixer: Mixer,
}

#[derive(Default)]
struct Likeness {
    what: String,
    /// Round by round.
    t: Vec<f64>,
    /// By how much the medians differ, in microseconds.
    apart_micros: Vec<f64>,
    /// The median of the first kind.
    first_micros: Vec<f64>,
}

/// Measures the cases that name a distribution.
pub fn measure(options: &Options, cores: Cores, report: &mut Report) -> Result<(), Box<dyn Error>> {
    if options.wants(2) {
        let mut stage = Stage::set(options, cores, Some(ANY_NUMBER))?;
        clients::measure(&mut stage, options, report)?;
    }
    if options.wants(45) {
        let mut stage = Stage::set(options, cores, Some(ANY_NUMBER))?;
        sight::measure(&mut stage, options, report)?;
    }
    Ok(())
}

impl Found {
    /// Sends a round of them.
    fn round(&mut self, connection: &mut Connection, kinds: &[Kind]) -> Result<(), Box<dyn Error>> {
        let micros = self.times(connection, kinds)?;
        let Some((first, others)) = micros.split_first() else {
            return Ok(());
        };
        self.others.resize_with(others.len(), Likeness::default);
        for ((found, kind), other) in self.others.iter_mut().zip(&kinds[1..]).zip(others) {
            found.what = format!("{}, beside {}", kind.what, kinds[0].what);
            found.t.push(welch_t(other, first).abs());
            found.apart_micros.push(median(other) - median(first));
            found.first_micros.push(median(first));
        }
        Ok(())
    }

    /// The times of each kind in microseconds.
    fn times(
        &mut self,
        connection: &mut Connection,
        kinds: &[Kind],
    ) -> Result<Vec<Vec<f64>>, Box<dyn Error>> {
        let mut order: Vec<_> = (0..kinds.len()).collect();
        let mut micros = vec![Vec::new(); kinds.len()];
        let mut words = None;
        for turn in 0..REQUESTS / kinds.len() {
            self.mixer.shuffle(&mut order);
            for kind in &order {
                let requests = &kinds[*kind].requests;
                let (answer, time) = connection.exchange(&requests[turn % requests.len()])?;
                micros[*kind].push(as_micros(time));
                self.answered = answer.in_short();
                if *words.get_or_insert_with(|| answer.body.clone()) != answer.body {
                    let told = String::from_utf8_lossy(&answer.body);
                    return Err(format!("{} was told otherwise: {told}", kinds[*kind].what).into());
                }
            }
        }
        Ok(micros)
    }

    /// With more said of what was compared.
    fn named(mut self, name: &str) -> Self {
        for found in &mut self.others {
            found.what = format!("{name}: {}", found.what);
        }
        self
    }

    fn report(self, case: u16, report: &mut Report) {
        for found in self.others {
            let (low, high) = range(&found.apart_micros);
            let also = format!(
                "{:+.1} us ({low:+.1} to {high:+.1}) of {:.0} us",
                median(&found.apart_micros),
                median(&found.first_micros),
            );
            let row = Row::new(case, found.what, "Welch's t, worst round", &found.t).worst();
            let row = row.answered(&self.answered).also(also);
            report.add(row.at_most(BOUND_T, true));
        }
    }
}

fn as_micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

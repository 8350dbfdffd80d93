//! Lists of a large instance: 100,000 accounts and 1,000,000 audit events, page by page.
//!
//! The requests go through the whole server but its sockets: authentication, authority, SQL, JSON. A
//! figure is the 99th of 100 requests, sorted by the time that each took, in the quietest of three rounds;
//! beside it stands the one of the loudest. Every list and every filter is asked for from many places.
//! Numbers are for comparing lists with each other and with the bound of 50 ms, not machines.
//!
//!     cargo bench --bench lists                       on SQLite
//!     cargo bench --bench lists -- --postgres URL     on this PostgreSQL, in a new database
//!     cargo bench --bench lists -- --scale 0.01       a hundredth of everything
//!     cargo bench --bench lists -- --only findings    lists whose path has this in it, and no others

mod fill;
mod paths;
mod stage;

use std::time::Duration;
use std::time::Instant;

use stage::Stage;

/// How often each list is asked for in each round.
const REQUESTS: usize = 100;

/// How often all lists are gone through: what else the machine does only ever adds to a time, and does not
/// meet the same list in each round.
const ROUNDS: usize = 3;

/// How much there is.
#[derive(Clone, Copy)]
pub struct Size {
    /// Service accounts.
    pub accounts: u32,
    /// Audit events.
    pub events: u32,
}

#[tokio::main]
async fn main() {
    // An answer that says no more than that there is none has its reason there.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    match arguments() {
        Ok(asked) => measure(asked).await,
        Err(usage) => {
            eprintln!("{usage}");
            std::process::exit(2);
        }
    }
}

/// What is to be measured.
struct Asked {
    size: Size,
    /// The URL of a PostgreSQL; without one, it is SQLite.
    postgres: Option<String>,
    /// What the path of a list has in it.
    only: String,
}

fn arguments() -> Result<Asked, String> {
    const USAGE: &str =
        "cargo bench --bench lists -- [--postgres URL] [--scale FACTOR] [--only PART]";
    let (mut scale, mut postgres, mut only) = (1.0, None, String::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE.to_owned());
        match argument.as_str() {
            "--postgres" => postgres = Some(value()?),
            "--scale" => scale = value()?.parse::<f64>().map_err(|_| USAGE.to_owned())?,
            "--only" => only = value()?,
            // What `cargo bench` adds.
            "--bench" => {}
            _ => return Err(USAGE.to_owned()),
        }
    }
    let scaled = |count: u32| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count, scaled"
        )]
        let scaled = (f64::from(count) * scale) as u32;
        scaled.max(1_000)
    };
    let size = Size {
        accounts: scaled(100_000),
        events: scaled(1_000_000),
    };
    Ok(Asked {
        size,
        postgres,
        only,
    })
}

async fn measure(asked: Asked) {
    let Asked {
        size,
        postgres,
        only,
    } = asked;
    let name = postgres.as_ref().map_or("SQLite", |_| "PostgreSQL");
    let began = Instant::now();
    let stage = Stage::set(postgres.as_deref(), size).await;
    println!(
        "\n{name}: {} accounts, {} events (filled in {:.0} s)\n",
        size.accounts,
        size.events,
        began.elapsed().as_secs_f64()
    );
    let paths = paths::all().into_iter().filter(|path| path.contains(&only));
    let mut lists: Vec<_> = paths.map(Measured::of).collect();
    for _ in 0..ROUNDS {
        for list in &mut lists {
            list.ask(&stage).await;
        }
    }
    println!(
        "{:86} {:>5} {:>9} {:>9} {:>9}",
        "list", "items", "p50 ms", "p99 ms", "worst p99"
    );
    for list in &lists {
        let (p50, least, most) = (list.median(), list.least_p99(), list.most_p99());
        let [p50, least, most] = [p50, least, most].map(millis);
        let Measured { path, items, .. } = list;
        println!("{path:86} {items:5} {p50:9.2} {least:9.2} {most:9.2}");
    }
    let slowest = lists.iter().map(Measured::least_p99).max();
    let slowest = millis(slowest.unwrap_or_default());
    println!("\nthe slowest p99 on {name}: {slowest:.2} ms");
}

/// A list, and how long its pages took in each round, sorted.
struct Measured {
    path: String,
    items: usize,
    rounds: Vec<Vec<Duration>>,
}

impl Measured {
    fn of(path: String) -> Self {
        Self {
            path,
            items: 0,
            rounds: Vec::new(),
        }
    }

    /// One more round: asks again and again, each time for the page after the last; at its end from its
    /// beginning.
    async fn ask(&mut self, stage: &Stage) {
        let mut times = Vec::with_capacity(REQUESTS);
        let mut cursor = String::new();
        while times.len() < REQUESTS {
            let began = Instant::now();
            let page = stage.get(&format!("{}{cursor}", self.path)).await;
            times.push(began.elapsed());
            let page = stage::read(&page);
            if cursor.is_empty() {
                self.items = page["items"].as_array().map_or(0, Vec::len);
            }
            cursor = page["next_cursor"]
                .as_str()
                .map_or_else(String::new, |next| format!("&cursor={next}"));
        }
        times.sort_unstable();
        self.rounds.push(times);
    }

    fn median(&self) -> Duration {
        let mut all = self.rounds.concat();
        all.sort_unstable();
        at(&all, 50)
    }

    fn p99s(&self) -> impl Iterator<Item = Duration> {
        self.rounds.iter().map(|times| at(times, 99))
    }

    fn least_p99(&self) -> Duration {
        self.p99s().min().unwrap_or_default()
    }

    fn most_p99(&self) -> Duration {
        self.p99s().max().unwrap_or_default()
    }
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100) - 1]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

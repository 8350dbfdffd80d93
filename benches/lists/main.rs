//! Lists of a large instance: 100,000 accounts and 1,000,000 audit events, page by page.
//!
//! The requests go through the whole server but its sockets: authentication, authority, SQL, JSON. A
//! figure is the 99th of 100 requests, sorted by the time that each took; every list and every filter
//! is asked for from many places. Numbers are for comparing lists with each other and with the bound
//! of 50 ms, not machines.
//!
//!     cargo bench --bench lists                       on SQLite
//!     cargo bench --bench lists -- --postgres URL     on this PostgreSQL, in a new database
//!     cargo bench --bench lists -- --scale 0.01       a hundredth of everything

mod fill;
mod paths;
mod stage;

use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use stage::Stage;

/// How often each list is asked for.
const REQUESTS: usize = 200;

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
    let (size, postgres) = match arguments() {
        Ok(arguments) => arguments,
        Err(usage) => {
            eprintln!("{usage}");
            std::process::exit(2);
        }
    };
    let name = postgres.as_ref().map_or("SQLite", |_| "PostgreSQL");
    measure(name, postgres.as_deref(), size).await;
}

fn arguments() -> Result<(Size, Option<String>), String> {
    const USAGE: &str = "cargo bench --bench lists -- [--postgres URL] [--scale FACTOR]";
    let (mut scale, mut postgres) = (1.0, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE.to_owned());
        match argument.as_str() {
            "--postgres" => postgres = Some(value()?),
            "--scale" => scale = value()?.parse::<f64>().map_err(|_| USAGE.to_owned())?,
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
    Ok((size, postgres))
}

async fn measure(name: &str, url: Option<&str>, size: Size) {
    let began = Instant::now();
    let stage = Stage::set(url, size).await;
    println!(
        "\n{name}: {} accounts, {} events (filled in {:.0} s)\n",
        size.accounts,
        size.events,
        began.elapsed().as_secs_f64()
    );
    println!(
        "{:86} {:>5} {:>9} {:>9} {:>9}",
        "list", "items", "p50 ms", "p99 ms", "max ms"
    );
    let mut slowest = Duration::ZERO;
    for list in paths::all() {
        let (mut times, items) = ask(&stage, &list).await;
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1];
        println!(
            "{list:86} {items:5} {:9.2} {:9.2} {:9.2}",
            millis(at(50)),
            millis(at(99)),
            millis(at(100))
        );
        slowest = slowest.max(at(99));
    }
    println!("\nthe slowest p99 on {name}: {:.2} ms", millis(slowest));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Asks for a list again and again, each time for the page after the last; at its end from its
/// beginning. Returns how long each took, and how many items the first page had.
async fn ask(stage: &Stage, list: &str) -> (Vec<Duration>, usize) {
    let mut times = Vec::with_capacity(REQUESTS);
    let (mut cursor, mut items) = (String::new(), None);
    while times.len() < REQUESTS {
        let began = Instant::now();
        let page: Value = stage.get(&format!("{list}{cursor}")).await;
        times.push(began.elapsed());
        let first = || page["items"].as_array().map_or(0, Vec::len);
        items = items.or_else(|| Some(first()));
        cursor = page["next_cursor"]
            .as_str()
            .map_or_else(String::new, |next| format!("&cursor={next}"));
    }
    (times, items.unwrap_or(0))
}

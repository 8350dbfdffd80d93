//! Parameters that are too long, or too many, at the token endpoint.

use std::error::Error;

use super::Cost;
use super::Hostile;
use super::costs_of;
use crate::options::Options;
use crate::report::Report;
use crate::report::Row;
use crate::stage::Stage;
use crate::stage::access_to;
use crate::wire::Client;
use crate::wire::GRANT;

/// What a parameter that is too long may take of a processor: case 26.
const BOUND_CPU_MILLIS: f64 = 5.0;

/// How many parameters there are in turn, and so by how much the next request may cost more than the
/// one before, where time is linear: case 27.
const COUNTS: [usize; 3] = [1_000, 10_000, 100_000];
const BOUND_GROWTH: f64 = 10.0;

pub(super) fn measure(
    stage: &mut Stage,
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    stage.api("default", "wiki")?;
    let client = stage.client("default", "ci-deployer", &access_to("wiki"))?;
    if options.wants(26) {
        let costs = costs_of(stage, &long(&client), options.rounds)?;
        for (number, cost) in costs.iter().enumerate() {
            let row = cost.cpu();
            // The first is what an ordinary request takes.
            let row = match number {
                0 => row,
                _ => row.at_most(BOUND_CPU_MILLIS, cost.is_right),
            };
            report.add(row);
        }
    }
    if options.wants(27) {
        let costs = costs_of(stage, &many(&client), options.rounds)?;
        for kind in costs.chunks(COUNTS.len()) {
            kind.iter().map(Cost::cpu).for_each(|row| report.add(row));
            growth(kind).for_each(|row| report.add(row));
        }
    }
    Ok(())
}

/// One parameter of so many bytes, and very many scopes.
fn long(client: &Client) -> Vec<Hostile> {
    let ask = |what: &str, form: &str, expected| Hostile {
        case: 26,
        what: what.to_owned(),
        request: client.post("/oauth/token", form),
        expected,
    };
    let scope = |length| format!("{GRANT}&scope={}", "x".repeat(length));
    let scopes: Vec<_> = (0..5_000).map(|number| format!("s{number}")).collect();
    let scopes = |count: usize| format!("{GRANT}&scope={}", scopes[..count].join("+"));
    vec![
        ask("an ordinary request, for comparison", GRANT, "200"),
        ask("4,001 bytes", &scope(4_001), "400 invalid_request"),
        ask("60,000 bytes", &scope(60_000), "400 invalid_request"),
        ask("64 KiB", &scope(64 * 1024), "413 invalid_request"),
        ask("2 MiB", &scope(2 * 1024 * 1024), "413 invalid_request"),
        ask("5,000 scopes", &scopes(5_000), "400 invalid_request"),
        ask("as many as fit, 600", &scopes(600), "400 invalid_scope"),
    ]
}

/// As many parameters as [`COUNTS`] says, of three kinds.
fn many(client: &Client) -> Vec<Hostile> {
    let of_kind = |what: &str, name: fn(usize) -> String, expected| {
        COUNTS.map(|count| {
            let names: Vec<_> = (0..count).map(name).collect();
            let form = format!("{}&{GRANT}", names.join("&"));
            Hostile {
                case: 27,
                what: format!("{count} {what}"),
                request: client.post("/oauth/token", &form),
                // More than a body may have.
                expected: if form.len() > 64 * 1024 {
                    "413"
                } else {
                    expected
                },
            }
        })
    };
    let refused = "400 invalid_request";
    [
        of_kind("unknown parameters", |n| format!("p{n}"), refused),
        of_kind("times the same parameter", |_| "p".to_owned(), refused),
        // Which are none, so that all of them are passed over.
        of_kind("empty parameters", |_| String::new(), "200"),
    ]
    .concat()
}

/// By how much ten times as many cost more.
fn growth(kind: &[Cost]) -> impl Iterator<Item = Row> {
    kind.iter().zip(kind.iter().skip(1)).map(|(fewer, more)| {
        let each = more.cpu_millis.iter().zip(&fewer.cpu_millis);
        let growth: Vec<_> = each.map(|(more, fewer)| more / fewer).collect();
        let what = format!("{}, of {}", more.what, fewer.what);
        Row::new(27, what, "times the CPU", &growth)
            .answered(&more.answered)
            .at_most(BOUND_GROWTH, more.is_right && fewer.is_right)
    })
}

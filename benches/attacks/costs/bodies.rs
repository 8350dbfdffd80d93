//! JSON that is deep, long, or said twice, at the admin API.

use std::error::Error;

use super::Hostile;
use super::costs_of;
use crate::options::Options;
use crate::report::Report;
use crate::stage::Stage;
use crate::wire;
use crate::wire::JSON;

/// How soon it is refused: case 113.
const BOUND_MILLIS: f64 = 50.0;

/// What an admin body may have at most, in bytes.
const BODY_BYTES: usize = 1024 * 1024;

pub(super) fn measure(
    stage: &mut Stage,
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let bearer = stage.bearer()?;
    let post = |(what, body): (&str, String)| {
        let path = "/admin/v1/organizations/default/service-accounts";
        Hostile {
            case: 113,
            what: what.to_owned(),
            request: wire::request("POST", path, &bearer, Some((JSON, &body))),
            expected: match body.len() {
                0..=BODY_BYTES => "400 validation_failed",
                _ => "413 validation_failed",
            },
        }
    };
    let hostile: Vec<_> = absurd().into_iter().map(post).collect();
    for cost in costs_of(stage, &hostile, options.rounds)? {
        report.add(cost.time().at_most(BOUND_MILLIS, cost.is_right));
    }
    Ok(())
}

fn absurd() -> Vec<(&'static str, String)> {
    let keys = |count: usize| {
        let keys: Vec<_> = (0..count)
            .map(|number| format!("\"{number:x}\":0"))
            .collect();
        format!("{{{}}}", keys.join(","))
    };
    let zeros = |count: usize| vec!["0"; count].join(",");
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let repeated = vec!["\"name\":\"nightly\""; 60_000].join(",");
    vec![
        ("10,000 deep", format!("{{\"labels\":{}}}", nested(10_000))),
        ("10,000 deep, without an end", "[".repeat(10_000)),
        ("1,000,000 keys", keys(1_000_000)),
        ("as many as fit, 95,000", keys(95_000)),
        (
            "as many as fit, as labels",
            format!("{{\"name\":\"nightly\",\"labels\":{}}}", keys(95_000)),
        ),
        (
            "1,000,000 elements",
            format!("{{\"roles\":[{}]}}", zeros(1_000_000)),
        ),
        (
            "as many as fit, 520,000",
            format!("{{\"roles\":[{}]}}", zeros(520_000)),
        ),
        (
            "the same key twice",
            r#"{"name":"nightly","name":"nightly"}"#.to_owned(),
        ),
        ("the same key 60,000 times", format!("{{{repeated}}}")),
        (
            "1e400",
            r#"{"name":"nightly","labels":{"a":1e400}}"#.to_owned(),
        ),
    ]
}

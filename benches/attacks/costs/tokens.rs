//! Tokens that ask for much work before they can be known to be none, at introspection.

use std::error::Error;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;

use super::Hostile;
use super::costs_of;
use crate::options::Options;
use crate::report::Report;
use crate::stage::Stage;
use crate::stage::access_to;

/// How soon such a token is inactive: case 42.
const BOUND_MILLIS: f64 = 1.0;

pub(super) fn measure(
    stage: &mut Stage,
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    stage.api("default", "wiki")?;
    let client = stage.client("default", "ci-deployer", &access_to("wiki"))?;
    let token = stage.token(&client)?;
    let ask = |(what, token): (&str, String)| Hostile {
        case: 42,
        what: what.to_owned(),
        request: client.introspection(&token),
        expected: "200 inactive",
    };
    let hostile: Vec<_> = laborious(&token).into_iter().map(ask).collect();
    for cost in costs_of(stage, &hostile, options.rounds)? {
        report.add(cost.time().at_most(BOUND_MILLIS, cost.is_right));
    }
    Ok(())
}

fn laborious(token: &str) -> Vec<(&'static str, String)> {
    let kid = json!(kid_of(token));
    let sealed = |header: Value| {
        let header = encode(header.to_string());
        format!("{header}.{0}.{0}.{1}.{0}", encode([0; 16]), encode(bomb()))
    };
    let signed = |header: Value| {
        let signature = token.rsplit('.').next().unwrap_or_default();
        format!(
            "{}.{}.{signature}",
            encode(header.to_string()),
            encode(bomb())
        )
    };
    vec![
        ("a word, for comparison", "x".to_owned()),
        (
            "a JWE, RSA-OAEP",
            sealed(json!({"alg": "RSA-OAEP", "enc": "A256GCM", "typ": "at+jwt", "kid": kid})),
        ),
        (
            "a JWE, PBES2 with p2c = 2^31",
            sealed(
                json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "AAAA",
                "p2c": 2_147_483_648_u32, "typ": "at+jwt", "kid": kid}),
            ),
        ),
        (
            "a JWE, zip DEF of 4 MiB",
            sealed(json!({"alg": "dir", "enc": "A128GCM", "zip": "DEF", "kid": kid})),
        ),
        (
            "a JWS of our key, zip DEF of 4 MiB",
            signed(json!({"alg": "ES256", "typ": "at+jwt", "zip": "DEF", "kid": kid})),
        ),
    ]
}

fn kid_of(token: &str) -> Option<String> {
    let header = token.split('.').next()?;
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).ok()?;
    let header: Value = serde_json::from_slice(&header).ok()?;
    header["kid"].as_str().map(str::to_owned)
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The DEFLATE (RFC 1951) of 4 MiB of zeros, in 4,080 bytes.
fn bomb() -> Vec<u8> {
    let mut bomb = vec![0; 4_080];
    bomb[..15].copy_from_slice(&[
        0xED, 0xC1, 0x01, 0x01, 0, 0, 0, 0x82, 0x20, 0xFF, 0xAF, 0x6E, 0x48, 0x40, 0x01,
    ]);
    bomb[4_078..].copy_from_slice(&[0x7C, 0x1B]);
    bomb
}

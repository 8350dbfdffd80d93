//! Guesses at clients, at the token endpoint.

use std::error::Error;

use ostler::domain::id::ClientId;
use ostler::domain::secret::Secret;
use ostler::domain::secret::SecretKind;
use serde_json::json;

use super::Found;
use super::Kind;
use crate::options::Options;
use crate::report::Report;
use crate::stage::Stage;
use crate::stage::access_to;
use crate::wire::Client;

pub(super) fn measure(
    stage: &mut Stage,
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    eprintln!("attacks: case 2");
    let kinds = nobodies(stage)?;
    stage.rest()?;
    let mut found = Found::default();
    // So that what can be remembered is.
    Found::default().round(&mut stage.connection, &kinds)?;
    for _ in 0..options.rounds {
        found.round(&mut stage.connection, &kinds)?;
    }
    found.report(2, report);
    Ok(())
}

/// An unknown client, and those that exist and are not let in.
fn nobodies(stage: &mut Stage) -> Result<Vec<Kind>, Box<dyn Error>> {
    stage.api("default", "wiki")?;
    let access = access_to("wiki");
    let known = stage.client("default", "known-bot", &access)?;
    let disabled = stage.client("default", "disabled-bot", &access)?;
    let path = "/organizations/default/service-accounts/disabled-bot/disable";
    stage.post(path, &json!({}))?;
    let elsewhere = json!({"name": "first", "allowed_networks": ["192.0.2.0/24"]});
    let elsewhere = stage.client_with("default", "foreign-bot", &access, &elsewhere)?;
    let random = Secret::from_random(SecretKind::ClientSecret, &[7; 32]);
    let unknown = Client {
        id: ClientId::from_bits(7).to_string(),
        secret: random.expose().to_owned(),
    };
    let similar = known.with_secret(with_the_same_beginning(&known.secret));
    Ok(vec![
        Kind::of("an unknown client", unknown.token()),
        Kind::of("a wrong secret", known.with_secret(random.expose()).token()),
        Kind::of("a wrong secret that begins right", similar.token()),
        Kind::of("a disabled client", disabled.token()),
        Kind::of("a client in a foreign network", elsewhere.token()),
    ])
}

/// Another secret of the right form, with the first 20 characters of this one.
fn with_the_same_beginning(secret: &str) -> String {
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let other = format!("{}{}", &secret[..20], "x".repeat(33));
    let mut rest = crc32fast::hash(other.as_bytes()) as usize;
    let mut checksum = ['0'; 6];
    for digit in checksum.iter_mut().rev() {
        *digit = digits[rest % 62].into();
        rest /= 62;
    }
    other + &String::from_iter(checksum)
}

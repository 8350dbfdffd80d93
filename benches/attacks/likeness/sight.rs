//! Tokens of others, at introspection: alive, dead, and never issued.
//!
//! An access token that was never issued is a live one of ours with another signature: anybody can tell
//! it from a real one by our public keys. Whether a real one is still alive they cannot.

use std::error::Error;

use ostler::domain::secret::Secret;
use ostler::domain::secret::SecretKind;
use serde_json::Value;
use serde_json::json;

use super::Found;
use super::Kind;
use super::REQUESTS;
use crate::options::Options;
use crate::report::Report;
use crate::stage::Stage;
use crate::stage::access_to;
use crate::stage::may_introspect;
use crate::stage::text;
use crate::wire::Client;

/// How many kinds of tokens there are.
const KINDS: usize = 3;

/// How many tokens of each kind are asked about again and again.
const FAMILIAR: usize = 20;

/// Somebody who asks about the tokens of others.
struct Asker {
    name: &'static str,
    client: Client,
    /// Whose tokens they are.
    organization: &'static str,
}

/// The accounts of an organization whose tokens are asked about.
const LIVE: &str = "live-bot";
const DEAD: &str = "dead-bot";

pub(super) fn measure(
    stage: &mut Stage,
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let askers = askers(stage)?;
    let holders = [
        ("default", holders(stage, "default", "wiki")?),
        ("acme", holders(stage, "acme", "shop")?),
    ];
    for asker in &askers {
        eprintln!("attacks: case 45: {}", asker.name);
        let holders = holders.iter().find(|(name, _)| *name == asker.organization);
        let (_, holders) = holders.ok_or("no such organization")?;
        access_tokens(stage, asker, holders, options, report)?;
        api_tokens(stage, asker, options, report)?;
    }
    Ok(())
}

/// Those who may ask, and may not see what they ask about.
fn askers(stage: &mut Stage) -> Result<Vec<Asker>, Box<dyn Error>> {
    stage.post("/organizations", &json!({"name": "acme"}))?;
    stage.api("acme", "shop")?;
    stage.api("default", "wiki")?;
    let other = stage.api("default", "other")?;
    let home = stage.get("/organizations/default")?["id"].take();
    let mut made = Vec::new();
    for (name, account, access, organization) in [
        (
            "a resource server, of another organization's token",
            "any-server",
            may_introspect(&home, &json!("*")),
            "acme",
        ),
        (
            "the resource server of another API",
            "other-server",
            may_introspect(&home, &json!([other["id"]])),
            "default",
        ),
        (
            "an account that may introspect nothing",
            "plain-bot",
            access_to("other"),
            "default",
        ),
    ] {
        made.push(Asker {
            name,
            client: stage.client("default", account, &access)?,
            organization,
        });
    }
    Ok(made)
}

/// One whose tokens live, and one whose tokens will be dead.
fn holders(
    stage: &mut Stage,
    organization: &str,
    api: &str,
) -> Result<[Client; 2], Box<dyn Error>> {
    let live = stage.client(organization, LIVE, &access_to(api))?;
    let dead = stage.client(organization, DEAD, &access_to(api))?;
    Ok([live, dead])
}

/// Each round with new tokens: first each once, then some of them again and again.
fn access_tokens(
    stage: &mut Stage,
    asker: &Asker,
    holders: &[Client; 2],
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let (mut first, mut again) = (Found::default(), Found::default());
    for _ in 0..options.rounds {
        let mut kinds = new_kinds(stage, asker, holders)?;
        stage.rest()?;
        first.round(&mut stage.connection, &kinds)?;
        for kind in &mut kinds {
            kind.requests.truncate(FAMILIAR);
        }
        // Who is asked about often enough is remembered.
        Found::default().round(&mut stage.connection, &kinds)?;
        again.round(&mut stage.connection, &kinds)?;
    }
    first
        .named(&format!("{}, first seen", asker.name))
        .report(45, report);
    again
        .named(&format!("{}, seen before", asker.name))
        .report(45, report);
    Ok(())
}

fn new_kinds(
    stage: &mut Stage,
    asker: &Asker,
    [live, dead]: &[Client; 2],
) -> Result<Vec<Kind>, Box<dyn Error>> {
    let ask = |what: &str, tokens: Vec<String>| Kind {
        what: what.to_owned(),
        requests: tokens
            .iter()
            .map(|token| asker.client.introspection(token))
            .collect(),
    };
    let kinds = vec![
        ask("a live token", tokens(stage, live)?),
        ask("a dead token", tokens(stage, dead)?),
        ask(
            "one never issued",
            tokens(stage, live)?
                .iter()
                .map(|token| forged(token))
                .collect(),
        ),
    ];
    let organization = asker.organization;
    let path = format!("/organizations/{organization}/service-accounts/{DEAD}/revoke-tokens");
    stage.post(&path, &json!({}))?;
    Ok(kinds)
}

/// As many as are asked about in a round.
fn tokens(stage: &mut Stage, client: &Client) -> Result<Vec<String>, Box<dyn Error>> {
    (0..REQUESTS / KINDS).map(|_| stage.token(client)).collect()
}

/// With another signature.
fn forged(token: &str) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap_or_default();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{message}.{other}{}", &signature[1..])
}

fn api_tokens(
    stage: &mut Stage,
    asker: &Asker,
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let unknown = Secret::from_random(SecretKind::ApiToken, &[7; 32]);
    let kinds = [
        ("a live API token", api_token(stage, asker, LIVE)?),
        ("a dead API token", dead_api_token(stage, asker)?),
        ("one never issued", unknown.expose().to_owned()),
    ];
    let ask = |(what, token): (&str, String)| Kind::of(what, asker.client.introspection(&token));
    let kinds: Vec<_> = kinds.into_iter().map(ask).collect();
    stage.rest()?;
    let mut found = Found::default();
    Found::default().round(&mut stage.connection, &kinds)?;
    for _ in 0..options.rounds {
        found.round(&mut stage.connection, &kinds)?;
    }
    found.named(asker.name).report(45, report);
    Ok(())
}

fn api_token(stage: &mut Stage, asker: &Asker, account: &str) -> Result<String, Box<dyn Error>> {
    Ok(text(&made_api_token(stage, asker, account)?, "token")?)
}

fn dead_api_token(stage: &mut Stage, asker: &Asker) -> Result<String, Box<dyn Error>> {
    let made = made_api_token(stage, asker, DEAD)?;
    let id = text(&made, "id")?;
    stage.delete(&format!("{}/{id}", path_of(asker, DEAD)))?;
    Ok(text(&made, "token")?)
}

fn made_api_token(
    stage: &mut Stage,
    asker: &Asker,
    account: &str,
) -> Result<Value, Box<dyn Error>> {
    let name = asker.name.split(' ').next_back().unwrap_or_default();
    stage.post(&path_of(asker, account), &json!({"name": name}))
}

fn path_of(asker: &Asker, account: &str) -> String {
    let organization = asker.organization;
    format!("/organizations/{organization}/service-accounts/{account}/api-tokens")
}

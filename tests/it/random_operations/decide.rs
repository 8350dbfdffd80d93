//! What a client is granted of what it asks for (contract section 2: which API, which resources).

use std::collections::BTreeSet;

use super::access::Api;
use super::access::Atom;
use super::access::Keys;
use super::access::On;
use super::operation::Ask;

/// What a new token says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issued {
    pub api: Api,
    pub scopes: BTreeSet<String>,
    /// `None` where the API has no projects.
    pub keys: Option<Keys>,
    pub lifetime_secs: i64,
}

/// Which API, which scopes, which resources (contract section 2).
pub fn decide(held: &BTreeSet<Atom>, ask: &Ask) -> Result<Issued, &'static str> {
    let opens = |api: Api, scope: &str| {
        let on = On::Nothing;
        held.iter()
            .any(|atom| (atom.api, atom.scope, atom.on) == (api, scope, on))
    };
    let api = choose(held, ask, opens)?;
    let scopes: BTreeSet<&'static str> = match &ask.scopes {
        Some(scopes) if !scopes.iter().all(|scope| opens(api, scope)) => {
            return Err("invalid_scope");
        }
        Some(scopes) => scopes.clone(),
        None => held
            .iter()
            .filter(|atom| atom.api == api)
            .map(|atom| atom.scope)
            .collect(),
    };
    let keys = match (api, &ask.keys) {
        (Api::Deploy, wanted) => Some(keys_of(held, &scopes, wanted.as_ref())?),
        (_, None) => None,
        // There are no projects.
        (_, Some(_)) => return Err("invalid_authorization_details"),
    };
    let lifetime_secs = api.lifetime_secs();
    Ok(Issued {
        api,
        scopes: scopes.into_iter().map(str::to_owned).collect(),
        keys,
        lifetime_secs: ask
            .expires_in
            .map_or(lifetime_secs, |secs| secs.min(lifetime_secs)),
    })
}

fn choose(
    held: &BTreeSet<Atom>,
    ask: &Ask,
    opens: impl Fn(Api, &str) -> bool,
) -> Result<Api, &'static str> {
    let mut granted: BTreeSet<Api> = held.iter().map(|atom| atom.api).collect();
    if let Some(api) = ask.api {
        return granted.take(&api).ok_or("invalid_target");
    }
    if granted.len() > 1 {
        granted.remove(&Api::Ostler);
    }
    if let (Some(only), 1) = (granted.first(), granted.len()) {
        return Ok(*only);
    }
    let Some(scopes) = ask.scopes.as_ref().filter(|_| !granted.is_empty()) else {
        return Err("invalid_target");
    };
    granted.retain(|api| scopes.iter().all(|scope| opens(*api, scope)));
    match (granted.first(), granted.len()) {
        (None, _) => Err("invalid_scope"),
        (Some(only), 1) => Ok(*only),
        _ => Err("invalid_target"),
    }
}

/// The projects on which every scope is held, or those of them that are wanted.
fn keys_of(
    held: &BTreeSet<Atom>,
    scopes: &BTreeSet<&'static str>,
    wanted: Option<&Keys>,
) -> Result<Keys, &'static str> {
    if wanted == Some(&Keys::NONE) {
        return Ok(Keys::NONE);
    }
    let places = |scope: &&'static str| -> BTreeSet<On> {
        let at = |atom: &&Atom| atom.api == Api::Deploy && atom.scope == *scope;
        let mut places: BTreeSet<_> = held.iter().filter(at).map(|atom| atom.on).collect();
        places.remove(&On::Nothing);
        places
    };
    let each: Vec<_> = scopes.iter().map(places).collect();
    let shared = each
        .iter()
        .cloned()
        .reduce(|one, other| &one & &other)
        .unwrap_or_default();
    if shared.is_empty() && each.iter().any(|places| !places.is_empty()) {
        return Err("invalid_scope");
    }
    match wanted {
        None | Some(Keys::All) => Ok(Keys::of(&shared)),
        Some(listed) => {
            let held = |on| shared.contains(&on) || shared.contains(&On::AnyOther);
            let all_held = listed.places().into_iter().all(held);
            all_held
                .then(|| listed.clone())
                .ok_or("invalid_authorization_details")
        }
    }
}

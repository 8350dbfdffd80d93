//! What a token's JSON says, read with exact types.
//!
//! A member of the wrong type, twice or missing makes the whole text worthless. Members that we do
//! not know are ignored (RFC 7515 section 4, RFC 7519 section 4), but for those of
//! `authorization_details`, where one might be a limit that we would not keep.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::str::FromStr;

use serde::Deserialize;

use super::strict::Object;
use super::strict::present;
use super::strict::some;
use crate::domain::organization::Generation;
use crate::domain::resource::Identifiers;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::scope::ScopeSet;
use crate::domain::token::AuthorizationDetail;
use crate::domain::token::Claims;
use crate::domain::token::Generations;

/// The members of a JOSE header that count. Those that carry or point to a key (`jwk`, `jku`,
/// `x5c`, `x5u`) do not: our keys are our own (RFC 8725 section 3.10).
#[derive(Deserialize)]
pub(super) struct Header<'a> {
    #[serde(borrow)]
    pub(super) alg: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) typ: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) kid: Cow<'a, str>,
    /// Whether there is a `crit`. We know no extension, so whatever is in it is not understood
    /// (RFC 7515 section 4.1.11).
    #[serde(default, deserialize_with = "present")]
    pub(super) crit: bool,
    /// Whether there is a `b64` (RFC 7797), which would change what is signed.
    #[serde(default, deserialize_with = "present")]
    pub(super) b64: bool,
}

/// Reads a header.
pub(super) fn header(json: &[u8]) -> Option<Header<'_>> {
    let Object(header) = serde_json::from_slice(json).ok()?;
    Some(header)
}

/// Reads the claims, and `nbf`, which we never write but would honour.
pub(super) fn claims(json: &[u8]) -> Option<(Claims, Option<i64>)> {
    let Object(read) = serde_json::from_slice::<Object<Read<'_>>>(json).ok()?;
    let not_before = read.nbf.map(i64::try_from).transpose().ok()?;
    Some((read.into_claims()?, not_before))
}

/// The claims, as they are read: texts are still just texts.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    iat: u64,
    exp: u64,
    #[serde(default, deserialize_with = "some")]
    nbf: Option<u64>,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "some")]
    scope: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    authorization_details: Vec<Object<Detail<'a>>>,
    #[serde(borrow)]
    org: Cow<'a, str>,
    #[serde(borrow)]
    epoch: Cow<'a, str>,
    org_gen: u64,
    account_gen: u64,
    credential_gen: u64,
}

impl Read<'_> {
    fn into_claims(self) -> Option<Claims> {
        let generations = Generations {
            epoch: parse(&self.epoch)?,
            organization: generation(self.org_gen)?,
            account: generation(self.account_gen)?,
            credential: generation(self.credential_gen)?,
        };
        Some(Claims {
            account: parse(&self.sub)?,
            client_id: parse(&self.client_id)?,
            issued_at: self.iat.try_into().ok()?,
            expires_at: self.exp.try_into().ok()?,
            id: parse(&self.jti)?,
            scopes: self.scopes()?,
            details: self.details()?,
            organization: parse(&self.org)?,
            generations,
            issuer: self.iss.into(),
            audience: self.aud.into(),
        })
    }

    fn scopes(&self) -> Option<ScopeSet> {
        match &self.scope {
            Some(scope) => ScopeSet::parse(scope).ok(),
            None => Some(ScopeSet::default()),
        }
    }

    fn details(&self) -> Option<Vec<AuthorizationDetail>> {
        let mut types = BTreeSet::new();
        self.authorization_details
            .iter()
            .map(|Object(detail)| {
                let detail = detail.read(&self.aud)?;
                types.insert(detail.resource_type.clone()).then_some(detail)
            })
            .collect()
    }
}

/// An object of `authorization_details`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Detail<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    locations: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    identifiers: ReadIdentifiers<'a>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ReadIdentifiers<'a> {
    #[serde(borrow)]
    Word(Cow<'a, str>),
    #[serde(borrow)]
    List(Vec<Cow<'a, str>>),
}

impl Detail<'_> {
    fn read(&self, audience: &str) -> Option<AuthorizationDetail> {
        let located = matches!(self.locations.as_slice(), [location] if location == audience);
        let identifiers = match &self.identifiers {
            ReadIdentifiers::Word(word) => (word == "*").then_some(Identifiers::All),
            ReadIdentifiers::List(keys) => keys
                .iter()
                .map(|key| ResourceKey::parse(key).ok())
                .collect::<Option<_>>()
                .map(Identifiers::Listed),
        };
        located.then_some(AuthorizationDetail {
            resource_type: ResourceType::parse(&self.r#type).ok()?,
            identifiers: identifiers?,
        })
    }
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn generation(counter: u64) -> Option<Generation> {
    counter.try_into().ok().map(Generation)
}

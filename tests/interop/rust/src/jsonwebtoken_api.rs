//! `jsonwebtoken` with its `JwkSet`, as an API uses it. Fetching keys is left to the API, which does
//! it for an unknown one.

use std::error::Error;

use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::Validation;
use jsonwebtoken::decode;
use jsonwebtoken::decode_header;
use jsonwebtoken::jwk::JwkSet;
use serde_json::Value;

use crate::line::Outcome;
use crate::line::Program;
use crate::line::Wish;
use crate::line::http;
use crate::line::variable;

pub struct Api {
    keys: JwkSet,
    validation: Validation,
}

impl Api {
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[variable("ISSUER")?]);
        validation.set_audience(&[variable("AUDIENCE")?]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        let keys = fetch()?;
        Ok(Self { keys, validation })
    }

    fn key(&mut self, kid: &str) -> Result<DecodingKey, Box<dyn Error>> {
        if self.keys.find(kid).is_none() {
            self.keys = fetch()?;
        }
        let key = self.keys.find(kid).ok_or("no such key")?;
        Ok(DecodingKey::from_jwk(key)?)
    }
}

fn fetch() -> Result<JwkSet, Box<dyn Error>> {
    let url = format!("{}/.well-known/jwks.json", variable("ISSUER")?);
    let answer = http()?.get(url).send()?.error_for_status()?;
    Ok(serde_json::from_slice(&answer.bytes()?)?)
}

impl Program for Api {
    fn act(&mut self, action: &str, wish: &Wish) -> Outcome {
        assert_eq!(action, "verify");
        let token = wish.text("token");
        let header = decode_header(&token)?;
        let key = self.key(&header.kid.ok_or("no kid")?)?;
        // It checks that the key is of that family.
        self.validation.algorithms = vec![header.alg];
        let decoded = decode::<Value>(&token, &key, &self.validation)?;
        Ok(decoded.claims["sub"].clone())
    }
}

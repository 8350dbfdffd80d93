//! Another server's keys, as its JWKS publishes them ([RFC 7517 §5]): what a resource server sees.
//!
//! The shell verifies tokens with it, by the same rules as the server itself.
//!
//! [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5

use std::collections::HashMap;

use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;

use super::key_pair::PublicKey;
use super::provider::VerifyingHandle;
use super::verify::InvalidToken;
use super::verify::SignedToken;
use super::verify::VerifiedToken;
use super::words::Words;

/// Published keys, by their `kid`.
pub struct RemoteKeys(HashMap<String, VerifyingHandle>);

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl RemoteKeys {
    /// The keys of a JWK set that we can verify with. Others are passed over: a server may sign
    /// with algorithms that we do not know.
    ///
    /// `None` when it is no JWK set.
    pub fn parse(jwks: &[u8]) -> Option<Self> {
        let Set { keys } = serde_json::from_slice(jwks).ok()?;
        let known = keys.into_iter().filter_map(|key| {
            let (kid, key) = usable(&serde_json::from_value(key).ok()?)?;
            Some((kid, VerifyingHandle::new(key)))
        });
        Some(Self(known.collect()))
    }

    /// Whether `token` was signed by one of these keys for `issuer`, and is within its time at
    /// `now`. That it has been taken back cannot be seen from here.
    pub fn verify(
        &self,
        token: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Result<VerifiedToken, InvalidToken> {
        let find = |kid: &str| self.0.get(kid).ok_or(InvalidToken::UnknownKey);
        SignedToken::verify(token, &Words::default(), find)?.check(issuer, now)
    }
}

/// The key and its `kid`, if its algorithm is the one that we use it with.
fn usable(jwk: &Jwk) -> Option<(String, PublicKey)> {
    let key = PublicKey::from_jwk(jwk)?;
    let fits = jwk.common.key_algorithm == key.jwk().common.key_algorithm;
    fits.then_some((jwk.common.key_id.clone()?, key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::signing_key::Algorithm;
    use crate::domain::signing_key::KeyState;
    use crate::domain::token::TokenTyp;
    use crate::jwt::KeyRing;
    use crate::jwt::fixtures::ISSUER;
    use crate::jwt::fixtures::NOW;
    use crate::jwt::fixtures::at;
    use crate::jwt::fixtures::claims;
    use crate::jwt::fixtures::key;
    use crate::jwt::fixtures::pair;
    use crate::jwt::fixtures::ring;

    fn published(ring: &KeyRing) -> RemoteKeys {
        RemoteKeys::parse(&ring.jwks().body).unwrap()
    }

    #[tokio::test]
    async fn what_the_server_signs_its_jwks_verifies() {
        let ring = ring();
        let keys = published(&ring);
        for algorithm in Algorithm::ALL {
            let token = ring
                .sign(TokenTyp::AtJwt, algorithm, &claims())
                .await
                .unwrap();
            let verified = keys.verify(token.as_str(), ISSUER, at(NOW)).unwrap();
            assert_eq!(*verified.claims(), claims());

            let late = keys.verify(token.as_str(), ISSUER, at(NOW + 900));
            assert_eq!(late.unwrap_err(), InvalidToken::Expired);
            let other = keys.verify(token.as_str(), "https://other.example", at(NOW));
            assert_eq!(other.unwrap_err(), InvalidToken::Issuer);

            let mut forged = token.as_str().to_owned();
            let last = if forged.ends_with('A') { "Q" } else { "A" };
            forged.replace_range(forged.len() - 10..forged.len() - 9, last);
            let forged = keys.verify(&forged, ISSUER, at(NOW));
            assert!(forged.is_err());
        }
    }

    #[tokio::test]
    async fn a_key_that_is_not_published_verifies_nothing() {
        let spare = key(pair(Algorithm::Es256, true), KeyState::Active);
        let stranger = KeyRing::new(vec![spare]).unwrap();
        let token = stranger
            .sign(TokenTyp::AtJwt, Algorithm::Es256, &claims())
            .await
            .unwrap();
        let verified = published(&ring()).verify(token.as_str(), ISSUER, at(NOW));
        assert_eq!(verified.unwrap_err(), InvalidToken::UnknownKey);
    }

    #[test]
    fn keys_that_we_cannot_use_are_passed_over() {
        let mut set: Value = serde_json::from_slice(&ring().jwks().body).unwrap();
        let keys = set["keys"].as_array_mut().unwrap();
        let mut mislabelled = keys[0].clone();
        mislabelled["kid"] = json!("mislabelled");
        mislabelled["alg"] = json!("RS256");
        let mut short = keys[0].clone();
        short["kid"] = json!("short");
        short["x"] = json!("AAAA");
        keys.extend([
            mislabelled,
            short,
            json!({"kty": "oct", "k": "AAAA"}),
            json!(7),
        ]);
        let parsed = RemoteKeys::parse(set.to_string().as_bytes()).unwrap();
        assert_eq!(parsed.0.len(), 3);

        assert!(RemoteKeys::parse(b"[]").is_none());
        assert!(RemoteKeys::parse(b"{}").is_none());
        assert_eq!(RemoteKeys::parse(br#"{"keys": []}"#).unwrap().0.len(), 0);
    }
}

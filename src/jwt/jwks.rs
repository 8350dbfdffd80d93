//! The JWK set ([RFC 7517 §5]): what verifiers need to know of our keys, as bytes to send.
//!
//! [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jsonwebtoken::jwk::JwkSet;
use ring::digest;

use super::key_pair::PublicKey;

/// A published set of keys.
#[derive(Debug, Default)]
pub struct Jwks {
    /// The document, JSON.
    pub body: Bytes,
    /// A strong validator of it, in its quotes (RFC 9110 section 8.8.3).
    pub etag: String,
}

impl Jwks {
    /// The set of these keys, in this order.
    pub(super) fn of(keys: &[PublicKey]) -> Self {
        let keys = keys.iter().map(|key| key.jwk().clone()).collect();
        let body = serde_json::to_vec(&JwkSet { keys }).expect("a set of texts is always JSON");
        let hash = digest::digest(&digest::SHA256, &body);
        Self {
            etag: format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])),
            body: body.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::domain::signing_key::Algorithm;
    use crate::domain::signing_key::KeyState;
    use crate::jwt::KeyRing;
    use crate::jwt::fixtures::at;
    use crate::jwt::fixtures::key;
    use crate::jwt::fixtures::kid;
    use crate::jwt::fixtures::pair;
    use crate::jwt::fixtures::ring;

    fn keys(ring: &KeyRing) -> Vec<Value> {
        let document: Value = serde_json::from_slice(&ring.jwks().body).unwrap();
        assert_eq!(document.as_object().unwrap().len(), 1);
        document["keys"].as_array().unwrap().clone()
    }

    fn kids(ring: &KeyRing) -> Vec<String> {
        let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
        keys(ring).iter().map(kid).collect()
    }

    #[test]
    fn a_key_has_its_public_members_and_no_others() {
        // RFC 7517 §4, §9.2; RFC 7518 §6; RFC 8037 §2.
        for key in keys(&ring()) {
            let mut members: Vec<&str> = key.as_object().unwrap().keys().map(|k| &**k).collect();
            members.sort_unstable();
            let (kty, expected): (&str, &[&str]) = match key["alg"].as_str().unwrap() {
                "ES256" => ("EC", &["alg", "crv", "kid", "kty", "use", "x", "y"]),
                "RS256" => ("RSA", &["alg", "e", "kid", "kty", "n", "use"]),
                "EdDSA" => ("OKP", &["alg", "crv", "kid", "kty", "use", "x"]),
                other => panic!("{other}"),
            };
            assert_eq!(members, expected);
            assert_eq!((&key["kty"], &key["use"]), (&kty.into(), &"sig".into()));
            let length = |member: &str| key[member].as_str().unwrap_or_default().len();
            match kty {
                // Full length, without padding or a leading zero octet.
                "EC" => assert_eq!((length("x"), length("y")), (43, 43)),
                "RSA" => assert_eq!((length("n"), &key["e"]), (342, &"AQAB".into())),
                _ => assert_eq!(length("x"), 43),
            }
        }
    }

    #[test]
    fn keys_are_shown_from_their_publication_to_their_retirement() {
        for state in [
            KeyState::Pending,
            KeyState::Active,
            KeyState::Retiring,
            KeyState::Retired,
            KeyState::Revoked,
        ] {
            let ring = KeyRing::new(vec![key(pair(Algorithm::Rs256, false), state)]).unwrap();
            assert_eq!(keys(&ring).len(), usize::from(state.is_published()));
        }
    }

    #[test]
    fn the_order_is_the_default_algorithm_first_and_then_the_oldest() {
        let active = |algorithm| key(pair(algorithm, false), KeyState::Active);
        let mut pending = key(pair(Algorithm::Es256, true), KeyState::Pending);
        pending.record.created_at = at(1);
        let expected = [
            pending.record.kid.clone(),
            kid(&pair(Algorithm::Es256, false)),
            kid(&pair(Algorithm::Rs256, false)),
            kid(&pair(Algorithm::EdDsa, false)),
        ];
        let keys = vec![
            active(Algorithm::EdDsa),
            active(Algorithm::Es256),
            pending,
            active(Algorithm::Rs256),
        ];
        assert_eq!(kids(&KeyRing::new(keys).unwrap()), expected);
    }

    #[test]
    fn the_validator_changes_with_the_keys_and_with_nothing_else() {
        // RFC 9110 §8.8.3: strong, so quoted and without `W/`.
        let (ring, same) = (ring(), ring());
        let etag = ring.jwks().etag.clone();
        assert!(
            etag.starts_with('"') && etag.ends_with('"') && etag.len() == 24,
            "{etag}"
        );
        assert_eq!(same.jwks().etag, etag);
        let spare = key(pair(Algorithm::Es256, true), KeyState::Active);
        ring.replace(vec![spare]).unwrap();
        assert_ne!(ring.jwks().etag, etag);
    }
}

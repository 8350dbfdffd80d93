//! A resource server of our own, which knows the published keys and nothing else of Ostler.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::ECDSA_P256_SHA256_FIXED;
use ring::signature::ED25519;
use ring::signature::RSA_PKCS1_2048_8192_SHA256;
use ring::signature::RsaPublicKeyComponents;
use ring::signature::UnparsedPublicKey;
use serde_json::Value;

use super::Reply;
use super::client::jwt_part;

/// Checks signatures by a JWK set (RFC 7515 section 5.2), with ring and nothing of Ostler's.
pub struct Verifier {
    keys: Vec<Value>,
}

impl Verifier {
    /// Knows the keys of this answer, whatever is published later.
    #[track_caller]
    pub fn of(jwks: &Reply) -> Self {
        let keys = jwks.json()["keys"].as_array().expect("keys").clone();
        Self { keys }
    }

    /// The ids of its keys.
    pub fn kids(&self) -> Vec<&str> {
        self.keys.iter().map(|key| text(key, "kid")).collect()
    }

    /// The keys.
    pub fn keys(&self) -> &[Value] {
        &self.keys
    }

    /// Whether the one key that the token names has signed it.
    pub fn accepts(&self, token: &str) -> bool {
        let header = jwt_part(token, 0);
        let named: Vec<_> = self
            .keys
            .iter()
            .filter(|key| key["kid"] == header["kid"] && key["alg"] == header["alg"])
            .collect();
        assert!(named.len() < 2, "two keys that match the same token");
        let (message, signature) = token.rsplit_once('.').expect("a signature");
        named
            .first()
            .is_some_and(|key| has_signed(key, message.as_bytes(), &decode(signature)))
    }
}

fn has_signed(key: &Value, message: &[u8], signature: &[u8]) -> bool {
    let part = |name: &str| decode(text(key, name));
    match text(key, "alg") {
        "ES256" => {
            // RFC 7518 §3.4: the signature is R and S, 32 bytes each.
            assert_eq!(signature.len(), 64);
            let point = [&[4][..], &part("x"), &part("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok()
        }
        "EdDSA" => UnparsedPublicKey::new(&ED25519, part("x"))
            .verify(message, signature)
            .is_ok(),
        "RS256" => {
            let (n, e) = (part("n"), part("e"));
            RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok()
        }
        other => panic!("no such algorithm: {other}"),
    }
}

/// Unpadded base64url, strictly.
pub fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

fn text<'k>(key: &'k Value, member: &str) -> &'k str {
    key[member].as_str().expect(member)
}

//! The forger's tools: a token of ours, taken apart and put together otherwise.

use std::fmt::Display;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler::domain::signing_key::Algorithm;
use ostler::keys::pem;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use ring::signature::EcdsaKeyPair;
use ring::signature::Ed25519KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use ring::signature::RsaKeyPair;
use serde_json::Value;

use crate::harness::client::jwt_part;
use crate::test_keys;
use crate::test_keys::Which;

/// A token that is being written. A value is the raw text of JSON, which may be none.
#[derive(Clone)]
pub struct Draft {
    header: Members,
    claims: Members,
}

/// The members of an object, in their order.
type Members = Vec<(String, String)>;

impl Draft {
    /// The words of this token.
    pub fn of(token: &str) -> Self {
        let members = |part| match jwt_part(token, part) {
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (name, value.to_string()))
                .collect(),
            other => panic!("no object: {other}"),
        };
        Self {
            header: members(0),
            claims: members(1),
        }
    }

    /// With this member of the header.
    pub fn header(mut self, name: &str, value: impl Display) -> Self {
        set(&mut self.header, name, &value);
        self
    }

    /// With this claim.
    pub fn claim(mut self, name: &str, value: impl Display) -> Self {
        set(&mut self.claims, name, &value);
        self
    }

    /// Without this member of the header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.retain(|(own, _)| own != name);
        self
    }

    /// Without this claim.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.retain(|(own, _)| own != name);
        self
    }

    /// For the key of this algorithm: its `alg` and its `kid`.
    pub fn for_key(self, algorithm: Algorithm) -> Self {
        let kid = Value::from(kid_of(algorithm));
        let alg = Value::from(algorithm.as_str());
        self.header("alg", alg).header("kid", kid)
    }

    /// What is signed.
    pub fn message(&self) -> String {
        format!(
            "{}.{}",
            encode(object(&self.header)),
            encode(object(&self.claims))
        )
    }

    /// Signed as we do, by our own key for ES256.
    pub fn signed(&self) -> String {
        self.signed_by(Algorithm::Es256, Which::First)
    }

    /// Signed by a test key, whatever the header says; the first ones are those of each server.
    pub fn signed_by(&self, algorithm: Algorithm, which: Which) -> String {
        let signature = sign(algorithm, which, self.message().as_bytes());
        self.with_signature(signature)
    }

    /// Signed by the private key in this file, for ES256.
    pub fn signed_by_file(&self, pem: &[u8]) -> String {
        let signature = sign_es256(&pem::decode(pem).unwrap(), self.message().as_bytes());
        self.with_signature(signature)
    }

    /// With this HMAC as its signature.
    pub fn with_hmac(&self, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
        let key = hmac::Key::new(algorithm, secret);
        self.with_signature(hmac::sign(&key, self.message().as_bytes()))
    }

    /// With these bytes as its signature.
    pub fn with_signature(&self, signature: impl AsRef<[u8]>) -> String {
        format!("{}.{}", self.message(), encode(signature))
    }
}

fn set(members: &mut Members, name: &str, value: &dyn Display) {
    let value = value.to_string();
    match members.iter_mut().find(|(own, _)| own == name) {
        Some((_, old)) => *old = value,
        None => members.push((name.to_owned(), value)),
    }
}

fn object(members: &Members) -> String {
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Unpadded base64url.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The `kid` of the key with which every test server signs.
pub fn kid_of(algorithm: Algorithm) -> String {
    let der = pem::decode(test_keys::text(algorithm, Which::First)).unwrap();
    let pair = ostler::jwt::KeyPair::from_pkcs8(algorithm, &der).unwrap();
    pair.public_key().unwrap().kid().to_owned()
}

/// A signature of this message, by a test key.
pub fn sign(algorithm: Algorithm, which: Which, message: &[u8]) -> Vec<u8> {
    let der = pem::decode(test_keys::text(algorithm, which)).unwrap();
    match algorithm {
        Algorithm::Es256 => sign_es256(&der, message),
        Algorithm::EdDsa => {
            let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap();
            key.sign(message).as_ref().to_vec()
        }
        Algorithm::Rs256 => {
            let key = RsaKeyPair::from_pkcs8(&der).unwrap();
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .unwrap();
            signature
        }
    }
}

fn sign_es256(der: &[u8], message: &[u8]) -> Vec<u8> {
    let rng = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &rng).unwrap();
    key.sign(&rng, message).unwrap().as_ref().to_vec()
}

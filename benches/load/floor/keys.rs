//! Signing and verifying with the bare library.

use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_lc_rs::signature::ED25519;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use aws_lc_rs::signature::ParsedPublicKey;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use aws_lc_rs::signature::RsaKeyPair;
use aws_lc_rs::signature::VerificationAlgorithm;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

/// A key, parsed.
pub struct Key {
    pair: Pair,
    public: ParsedPublicKey,
}

impl Key {
    /// Reads a PKCS#8 PEM file.
    pub fn read(file: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(file)?;
        let base64: String = text
            .lines()
            .filter(|line| !line.starts_with("---"))
            .collect();
        let der = BASE64_STANDARD.decode(base64).map_err(io::Error::other)?;
        let ecdsa = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let (pair, public) = if let Ok(pair) = EcdsaKeyPair::from_pkcs8(ecdsa, &der) {
            let public = parsed(&ECDSA_P256_SHA256_FIXED, pair.public_key())?;
            (Pair::Es256(pair), public)
        } else if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
            let public = parsed(&ED25519, pair.public_key())?;
            (Pair::EdDsa(pair), public)
        } else {
            let pair = RsaKeyPair::from_pkcs8(&der).map_err(io::Error::other)?;
            let public = parsed(&RSA_PKCS1_2048_8192_SHA256, pair.public_key())?;
            (Pair::Rs256(pair), public)
        };
        Ok(Self { pair, public })
    }

    /// A fresh signature.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Es256(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Pair::EdDsa(pair) => Some(pair.sign(message).as_ref().to_vec()),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .ok()?;
                Some(signature)
            }
        }
    }

    /// Whether it made `signature` over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }
}

fn parsed(
    algorithm: &'static dyn VerificationAlgorithm,
    public: &impl AsRef<[u8]>,
) -> io::Result<ParsedPublicKey> {
    ParsedPublicKey::new(algorithm, public.as_ref())
        .map_err(|error| io::Error::other(error.to_string()))
}

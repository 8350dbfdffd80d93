//! Key pairs and public keys of the three algorithms.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::encoding::Pkcs8V1Der;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_lc_rs::signature::ED25519;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::ParsedPublicKey;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::AlgorithmParameters;
use jsonwebtoken::jwk::CommonParameters;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::jwk::EllipticCurveKeyParameters;
use jsonwebtoken::jwk::EllipticCurveKeyType;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::jwk::KeyAlgorithm;
use jsonwebtoken::jwk::OctetKeyPairParameters;
use jsonwebtoken::jwk::OctetKeyPairType;
use jsonwebtoken::jwk::PublicKeyUse;
use jsonwebtoken::jwk::RSAKeyParameters;
use jsonwebtoken::jwk::RSAKeyType;
use jsonwebtoken::jwk::ThumbprintHash;
use zeroize::Zeroizing;

use super::provider;
use crate::domain::signing_key::Algorithm;

/// The public exponent of every RSA key that we make or accept: 65537.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];

/// A key that cannot be made or used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyFault {
    /// Not a private key for this algorithm, or a weak one.
    #[error(
        "not an acceptable private key for {0} (RSA keys have at least 2048 bits and the exponent 65537)"
    )]
    Unacceptable(Algorithm),
    /// The cryptographic library refused.
    #[error("the cryptographic library failed")]
    Failed,
}

/// A parsed private key with its public half.
pub enum KeyPair {
    /// P-256.
    Es256(EcdsaKeyPair),
    /// RSA of at least 2048 bits.
    Rs256(Box<RsaKeyPair>),
    /// Ed25519.
    EdDsa(Ed25519KeyPair),
}

impl KeyPair {
    /// Makes a key pair; RSA has 2048 bits and takes some 100 ms of work.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyFault> {
        match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::Es256)
            }
            Algorithm::Rs256 => {
                RsaKeyPair::generate(KeySize::Rsa2048).map(|pair| Self::Rs256(Box::new(pair)))
            }
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Self::EdDsa),
        }
        .map_err(|_| KeyFault::Failed)
    }

    /// Reads an unencrypted PKCS#8 document (RFC 5958).
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyFault> {
        match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Self::Es256)
            }
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(der).map(|pair| Self::Rs256(Box::new(pair))),
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(der).map(Self::EdDsa),
        }
        .ok()
        .filter(Self::has_the_usual_exponent)
        .ok_or(KeyFault::Unacceptable(algorithm))
    }

    /// The library checks an RSA key's size and consistency, but takes any exponent.
    fn has_the_usual_exponent(&self) -> bool {
        match self {
            Self::Rs256(pair) => rsa_components(pair).e == RSA_EXPONENT,
            Self::Es256(_) | Self::EdDsa(_) => true,
        }
    }

    /// The PKCS#8 document, in version 1, which every tool reads.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
        let copy = |der: &[u8]| Zeroizing::new(der.to_vec());
        match self {
            Self::Es256(pair) => pair.to_pkcs8v1().map(|der| copy(der.as_ref())),
            Self::Rs256(pair) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(&**pair).map(|der| copy(der.as_ref()))
            }
            Self::EdDsa(pair) => pair.to_pkcs8v1().map(|der| copy(der.as_ref())),
        }
        .map_err(|_| KeyFault::Failed)
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::Es256,
            Self::Rs256(_) => Algorithm::Rs256,
            Self::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// The length of its signatures, in bytes.
    pub fn signature_len(&self) -> usize {
        match self {
            Self::Es256(_) | Self::EdDsa(_) => 64,
            Self::Rs256(pair) => pair.public_modulus_len(),
        }
    }

    /// Signs in the form that JOSE wants: an ECDSA signature is R and S, not DER (RFC 7518
    /// section 3.4).
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        // aws-lc-rs draws its own random bits and ignores this one.
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) => pair.sign(&random, message).map(|s| s.as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
            Self::EdDsa(pair) => pair.try_sign(message).map(|s| s.as_ref().to_vec()),
        }
    }

    /// Its public half.
    pub fn public_key(&self) -> Result<PublicKey, KeyFault> {
        match self {
            Self::Es256(pair) => PublicKey::p256(pair.public_key().as_ref()),
            Self::Rs256(pair) => PublicKey::rsa(&rsa_components(pair)),
            Self::EdDsa(pair) => PublicKey::ed25519(pair.public_key().as_ref()),
        }
    }
}

fn rsa_components(pair: &RsaKeyPair) -> PublicKeyComponents<Vec<u8>> {
    PublicKeyComponents::from(pair.public_key())
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.algorithm())
    }
}

/// A public key: to verify with, and to publish.
#[derive(Clone, Debug)]
pub struct PublicKey {
    algorithm: Algorithm,
    kid: String,
    jwk: Jwk,
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// From an uncompressed point: 4, X, Y.
    fn p256(point: &[u8]) -> Result<Self, KeyFault> {
        let unacceptable = KeyFault::Unacceptable(Algorithm::Es256);
        let (x, y) = match point {
            [4, coordinates @ ..] if coordinates.len() == 64 => coordinates.split_at(32),
            _ => return Err(unacceptable),
        };
        let parameters = AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
            key_type: EllipticCurveKeyType::EC,
            curve: EllipticCurve::P256,
            x: URL_SAFE_NO_PAD.encode(x),
            y: URL_SAFE_NO_PAD.encode(y),
        });
        let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        Self::new(
            Algorithm::Es256,
            parameters,
            parsed.map_err(|_| unacceptable)?,
        )
    }

    /// From modulus and exponent, big-endian without leading zeros.
    fn rsa(components: &PublicKeyComponents<Vec<u8>>) -> Result<Self, KeyFault> {
        let parameters = AlgorithmParameters::RSA(RSAKeyParameters {
            key_type: RSAKeyType::RSA,
            n: URL_SAFE_NO_PAD.encode(&components.n),
            e: URL_SAFE_NO_PAD.encode(&components.e),
        });
        let parsed = components
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| KeyFault::Unacceptable(Algorithm::Rs256))?;
        Self::new(Algorithm::Rs256, parameters, parsed)
    }

    /// From the 32 bytes of the point.
    fn ed25519(bytes: &[u8]) -> Result<Self, KeyFault> {
        let parameters = AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: URL_SAFE_NO_PAD.encode(bytes),
        });
        let parsed = ParsedPublicKey::new(&ED25519, bytes)
            .map_err(|_| KeyFault::Unacceptable(Algorithm::EdDsa))?;
        Self::new(Algorithm::EdDsa, parameters, parsed)
    }

    fn new(
        algorithm: Algorithm,
        parameters: AlgorithmParameters,
        parsed: ParsedPublicKey,
    ) -> Result<Self, KeyFault> {
        provider::install();
        let mut jwk = Jwk {
            common: CommonParameters::default(),
            algorithm: parameters,
        };
        let kid = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(|_| KeyFault::Failed)?;
        jwk.common = CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(match algorithm {
                Algorithm::Es256 => KeyAlgorithm::ES256,
                Algorithm::Rs256 => KeyAlgorithm::RS256,
                Algorithm::EdDsa => KeyAlgorithm::EdDSA,
            }),
            key_id: Some(kid.clone()),
            ..CommonParameters::default()
        };
        Ok(Self {
            algorithm,
            kid,
            jwk,
            parsed,
        })
    }

    /// The key of a JWK, if it is of a kind that signs our tokens.
    pub(super) fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Self::p256(&[&[4], &*decode(&key.x)?, &*decode(&key.y)?].concat())
            }
            AlgorithmParameters::RSA(key) => Self::rsa(&PublicKeyComponents {
                n: decode(&key.n)?,
                e: decode(&key.e)?,
            }),
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Self::ed25519(&decode(&key.x)?)
            }
            _ => return None,
        }
        .ok()
    }

    /// What its private half signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its JWK. The type has no room for private members.
    pub(super) fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Whether its private half made `signature` over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::fixtures::pair;
    use crate::keys::pem;

    fn jwk(json: &str) -> PublicKey {
        PublicKey::from_jwk(&serde_json::from_str(json).unwrap()).unwrap()
    }

    #[test]
    fn the_kid_is_the_thumbprint_of_the_specifications() {
        // RFC 7638 §3.1.
        let rsa = jwk(
            r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
        );
        assert_eq!(rsa.kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037 §A.3.
        let ed = jwk(
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        );
        assert_eq!(ed.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_survives_its_file_and_its_jwk() {
        for algorithm in Algorithm::ALL {
            let generated = KeyPair::generate(algorithm).unwrap();
            let der = generated.to_pkcs8().unwrap();
            let read = KeyPair::from_pkcs8(algorithm, &der).unwrap();
            let (public, same) = (generated.public_key().unwrap(), read.public_key().unwrap());
            assert_eq!(public.kid(), same.kid());
            assert_eq!(read.algorithm(), algorithm);

            let published = PublicKey::from_jwk(public.jwk()).unwrap();
            assert_eq!(published.kid(), public.kid());
            let signature = read.sign(b"message").unwrap();
            assert_eq!(signature.len(), generated.signature_len());
            assert!(published.verifies(b"message", &signature));
            assert!(!published.verifies(b"massage", &signature));
        }
    }

    #[test]
    fn weak_and_unusual_keys_are_refused() {
        // RFC 7518 §3.3: at least 2048 bits.
        let weak = include_bytes!("../../tests/it/fixtures/keys/rs256-weak.pem");
        let exponent = include_bytes!("../../tests/it/fixtures/keys/rs256-exponent-3.pem");
        for pem in [&weak[..], exponent] {
            let der = pem::decode(pem).unwrap();
            let refused = KeyPair::from_pkcs8(Algorithm::Rs256, &der).unwrap_err();
            assert_eq!(refused, KeyFault::Unacceptable(Algorithm::Rs256));
        }
    }

    #[test]
    fn a_key_of_another_algorithm_is_refused() {
        for own in Algorithm::ALL {
            let der = pair(own, false).to_pkcs8().unwrap();
            for other in Algorithm::ALL {
                let read = KeyPair::from_pkcs8(other, &der);
                assert_eq!(read.is_ok(), own == other);
            }
            assert!(KeyPair::from_pkcs8(own, &der[..der.len() - 1]).is_err());
            assert!(KeyPair::from_pkcs8(own, b"").is_err());
        }
    }

    #[test]
    fn a_jwk_of_another_kind_is_none_of_ours() {
        for json in [
            r#"{"kty":"oct","k":"AAAA"}"#,
            r#"{"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#,
            r#"{"kty":"RSA","n":"AAAA","e":"AQAB"}"#,
            r#"{"kty":"AKP","pub":"AAAA"}"#,
        ] {
            let jwk = serde_json::from_str(json).unwrap();
            assert!(PublicKey::from_jwk(&jwk).is_none(), "{json}");
        }
    }

    #[test]
    fn nothing_prints_a_private_key() {
        let pair = pair(Algorithm::EdDsa, false);
        assert_eq!(format!("{pair:?}"), "KeyPair(EdDSA)");
    }
}

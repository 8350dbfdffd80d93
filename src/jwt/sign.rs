//! Writing and signing tokens.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::key_pair::KeyFault;
use super::key_pair::KeyPair;
use super::provider::SigningHandle;
use super::rsa_lane::Busy;
use super::rsa_lane::RsaLane;
use super::write;
use crate::domain::signing_key::Algorithm;
use crate::domain::token::Claims;
use crate::domain::token::TokenTyp;

/// A token that could not be signed. Never the caller's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignError {
    /// No key of this algorithm is active.
    #[error("no signing key is active for {0}")]
    NoActiveKey(Algorithm),
    /// More RSA signatures are asked for than can be made; try again soon.
    #[error("too many signatures are waiting")]
    Busy,
    /// The cryptographic library or the serializer failed.
    #[error("the signature could not be made")]
    Failed,
}

/// An active key, ready to sign: parsed, and with its headers written.
pub(super) struct Signer {
    handle: SigningHandle,
    algorithm: Algorithm,
    signature_len: usize,
    /// Header and dot of an `at+jwt`, in base64url.
    at_jwt: String,
    /// Header and dot of a `JWT`, in base64url.
    jwt: String,
    rsa: Arc<RsaLane>,
    kid: Box<str>,
    /// When it last signed, in unix seconds.
    last_signed: Arc<AtomicI64>,
}

impl Signer {
    pub(super) fn new(
        pair: KeyPair,
        kid: &str,
        rsa: Arc<RsaLane>,
        last_signed: Arc<AtomicI64>,
    ) -> Result<Self, KeyFault> {
        let algorithm = pair.algorithm();
        let segment = |typ| {
            let json = write::header(algorithm, typ, kid).map_err(|_| KeyFault::Failed)?;
            Ok(URL_SAFE_NO_PAD.encode(json) + ".")
        };
        Ok(Self {
            algorithm,
            signature_len: pair.signature_len(),
            at_jwt: segment(TokenTyp::AtJwt)?,
            jwt: segment(TokenTyp::Jwt)?,
            handle: SigningHandle::new(pair),
            rsa,
            kid: kid.into(),
            last_signed,
        })
    }

    /// Which key it is.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// Writes the text that is signed, with room for the signature.
    pub(super) fn prepare(
        self: Arc<Self>,
        typ: TokenTyp,
        claims: &Claims,
    ) -> Result<UnsignedToken, SignError> {
        let header = match typ {
            TokenTyp::AtJwt => &self.at_jwt,
            TokenTyp::Jwt => &self.jwt,
        };
        let json = write::claims(claims).map_err(|_| SignError::Failed)?;
        let len = header.len() + base64_len(json.len()) + 1 + base64_len(self.signature_len);
        let mut text = String::with_capacity(len);
        text.push_str(header);
        URL_SAFE_NO_PAD.encode_string(&json, &mut text);
        Ok(UnsignedToken {
            signer: self,
            text,
            len,
            issued_at: claims.issued_at,
        })
    }
}

/// The length of `bytes` bytes in base64url without padding.
fn base64_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// A token without its signature.
#[must_use]
pub struct UnsignedToken {
    signer: Arc<Signer>,
    text: String,
    len: usize,
    issued_at: i64,
}

impl UnsignedToken {
    /// The length of the whole token, signature included, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "no token is empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Signs it: at once with ES256 and `EdDSA`, which take about 20 us; off the request workers
    /// with RS256, which takes about 400 us.
    pub async fn sign(self) -> Result<AccessToken, SignError> {
        match self.signer.algorithm {
            Algorithm::Es256 | Algorithm::EdDsa => self.sign_here(),
            Algorithm::Rs256 => {
                let lane = Arc::clone(&self.signer.rsa);
                // In a box, where it does not make the state of every other request larger.
                match Box::pin(lane.run(move || self.sign_here())).await {
                    Ok(signed) => signed,
                    Err(Busy) => Err(SignError::Busy),
                }
            }
        }
    }

    fn sign_here(self) -> Result<AccessToken, SignError> {
        let mut text = self.text;
        let signature = self
            .signer
            .handle
            .sign(text.as_bytes())
            .map_err(|_| SignError::Failed)?;
        self.signer
            .last_signed
            .fetch_max(self.issued_at, Ordering::Relaxed);
        text.push('.');
        text.push_str(&signature);
        debug_assert_eq!(text.len(), self.len);
        Ok(AccessToken(text))
    }
}

/// A signed token. Whoever holds it may use it, so its `Debug` hides it.
#[derive(Clone)]
pub struct AccessToken(String);

impl AccessToken {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::ECDSA_P256_SHA256_FIXED;
    use ring::signature::ED25519;
    use ring::signature::RSA_PKCS1_2048_8192_SHA256;
    use ring::signature::RsaPublicKeyComponents;
    use ring::signature::UnparsedPublicKey;
    use serde_json::Value;

    use super::*;
    use crate::domain::signing_key::KeyState;
    use crate::jwt::KeyRing;
    use crate::jwt::fixtures::claims;
    use crate::jwt::fixtures::key;
    use crate::jwt::fixtures::pair;
    use crate::jwt::fixtures::ring;

    fn decode(part: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(part).unwrap()
    }

    /// What a resource server does, with another cryptographic library: finds the key of the token
    /// in the JWKS and checks the signature with nothing but what it finds there.
    fn verifies_elsewhere(jwks: &Value, token: &str) -> bool {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let header: Value =
            serde_json::from_slice(&decode(signed.split_once('.').unwrap().0)).unwrap();
        let jwk = jwks["keys"].as_array().unwrap();
        let jwk = jwk.iter().find(|jwk| jwk["kid"] == header["kid"]).unwrap();
        assert_eq!(jwk["alg"], header["alg"]);
        let part = |name: &str| decode(jwk[name].as_str().unwrap());
        let (message, signature) = (signed.as_bytes(), decode(signature));
        match jwk["alg"].as_str().unwrap() {
            "ES256" => {
                assert_eq!(
                    signature.len(),
                    64,
                    "R and S, not DER (RFC 7518 section 3.4)"
                );
                let point = [vec![4], part("x"), part("y")].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, &signature)
                    .is_ok()
            }
            "RS256" => RsaPublicKeyComponents {
                n: part("n"),
                e: part("e"),
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, &signature)
            .is_ok(),
            "EdDSA" => UnparsedPublicKey::new(&ED25519, part("x"))
                .verify(message, &signature)
                .is_ok(),
            other => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn another_library_verifies_what_we_sign_with_our_jwks() {
        let ring = ring();
        let jwks = serde_json::from_slice(&ring.jwks().body).unwrap();
        for algorithm in Algorithm::ALL {
            let token = ring.sign(TokenTyp::AtJwt, algorithm, &claims()).await;
            let token = token.unwrap();
            assert!(verifies_elsewhere(&jwks, token.as_str()), "{algorithm}");
            let changed = token.as_str().replacen(".ey", ".ez", 1);
            assert!(!verifies_elsewhere(&jwks, &changed), "{changed}");
        }
    }

    #[tokio::test]
    async fn the_length_is_known_before_the_signature_is_made() {
        let ring = ring();
        for (algorithm, scopes) in Algorithm::ALL.into_iter().zip(["a", "a bc", "a bc def"]) {
            let mut claims = claims();
            claims.scopes = crate::domain::scope::ScopeSet::parse(scopes).unwrap();
            let unsigned = ring.prepare(TokenTyp::Jwt, algorithm, &claims).unwrap();
            let len = unsigned.len();
            assert_eq!(unsigned.sign().await.unwrap().as_str().len(), len);
        }
    }

    #[tokio::test]
    async fn no_active_key_is_an_error_of_ours() {
        let pending = key(pair(Algorithm::EdDsa, false), KeyState::Pending);
        let ring = KeyRing::new(vec![pending]).unwrap();
        for algorithm in Algorithm::ALL {
            let refused = ring.sign(TokenTyp::AtJwt, algorithm, &claims()).await;
            assert_eq!(refused.unwrap_err(), SignError::NoActiveKey(algorithm));
            assert!(!ring.can_sign(algorithm));
        }
    }

    #[tokio::test]
    async fn a_token_hides_from_logs() {
        let token = ring()
            .sign(TokenTyp::AtJwt, Algorithm::EdDsa, &claims())
            .await;
        assert_eq!(format!("{:?}", token.unwrap()), "AccessToken(redacted)");
    }
}

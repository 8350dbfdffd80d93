//! The tokens whose signature was verified before.
//!
//! Verifying costs more than everything else in an introspection, and a resource server asks for the
//! same token again and again. That we signed a text never changes, so it is remembered, under the
//! SHA-256 of the whole token: another text is another token, whatever it has in common with this
//! one. Nothing else is remembered, and nothing is decided here: whether the key still verifies,
//! whether the time has come, and whether anything was taken back is asked anew every time.
//!
//! Only what we signed gets in, so nobody can fill it with inventions.

use ring::digest;
use ring::digest::SHA256;

use super::verify::SignedToken;
use crate::recent::Recent;

/// How much memory the remembered tokens that are in use may take, in bytes: some five thousand of them, were
/// all that they share their own. With those that were in use before them it is about twice as much.
const IN_USE_BYTES: u64 = 6 * 1024 * 1024;

/// What a token is remembered under.
pub(super) type TokenDigest = [u8; 32];

/// The tokens whose signature was verified before, as many as fit.
pub(super) struct SeenTokens {
    tokens: Recent<TokenDigest, SignedToken>,
}

impl SeenTokens {
    pub(super) fn new() -> Self {
        Self::bounded(IN_USE_BYTES)
    }

    fn bounded(in_use: u64) -> Self {
        Self {
            tokens: Recent::weighing(in_use, weight),
        }
    }

    /// What `verify` found of `token`, now or before. A token that is no good is not remembered.
    pub(super) fn find_or<E>(
        &self,
        token: &str,
        verify: impl FnOnce() -> Result<SignedToken, E>,
    ) -> Result<SignedToken, E> {
        let digest = digest_of(token);
        if let Some(signed) = self.tokens.get(&digest) {
            return Ok(signed);
        }
        let signed = verify()?;
        self.tokens.insert(digest, signed.to_remember());
        Ok(signed)
    }
}

fn digest_of(token: &str) -> TokenDigest {
    let mut bytes = TokenDigest::default();
    bytes.copy_from_slice(digest::digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

/// How much memory a remembered token takes, in bytes, with its place in the table.
fn weight(token: &SignedToken) -> u64 {
    const PLACE: usize = 2 * size_of::<(TokenDigest, SignedToken)>();
    (PLACE + token.footprint()) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::scope::Scope;
    use crate::domain::signing_key::Algorithm;
    use crate::domain::signing_key::KeyState;
    use crate::domain::token::Claims;
    use crate::domain::token::TokenId;
    use crate::domain::token::TokenTyp;
    use crate::jwt::InvalidToken;
    use crate::jwt::fixtures::ISSUER;
    use crate::jwt::fixtures::NOW;
    use crate::jwt::fixtures::at;
    use crate::jwt::fixtures::claims;
    use crate::jwt::fixtures::key;
    use crate::jwt::fixtures::pair;
    use crate::jwt::fixtures::ring;

    async fn token() -> String {
        let (ring, claims) = (ring(), claims());
        let token = ring.sign(TokenTyp::AtJwt, Algorithm::EdDsa, &claims);
        token.await.unwrap().into_string()
    }

    #[tokio::test]
    async fn a_signature_is_verified_once() {
        let (seen, ring, token) = (SeenTokens::new(), ring(), token().await);
        assert!(
            seen.find_or(&token, || ring.verify_signature(&token))
                .is_ok()
        );
        assert!(seen.find_or(&token, || Err(())).is_ok());
    }

    #[tokio::test]
    async fn what_is_remembered_decides_nothing() {
        let (ring, token) = (ring(), token().await);
        let (end, issuer) = (at(NOW + 900), ISSUER);
        assert!(ring.verify(&token, issuer, at(NOW)).is_ok());
        let refused = |issuer, now| ring.verify(&token, issuer, now).unwrap_err();
        assert_eq!(refused(issuer, end), InvalidToken::Expired);
        assert_eq!(refused("https://x.example", at(NOW)), InvalidToken::Issuer);

        let mut taken_back = pair(Algorithm::EdDsa, false);
        for state in [KeyState::Retired, KeyState::Revoked] {
            ring.replace(vec![key(taken_back, state)]).unwrap();
            assert_eq!(refused(issuer, at(NOW)), InvalidToken::KeyState(state));
            taken_back = pair(Algorithm::EdDsa, false);
        }
        ring.replace(Vec::new()).unwrap();
        assert_eq!(refused(issuer, at(NOW)), InvalidToken::UnknownKey);
    }

    #[tokio::test]
    async fn another_text_is_another_token() {
        let (seen, ring, token) = (SeenTokens::new(), ring(), token().await);
        assert!(
            seen.find_or(&token, || ring.verify_signature(&token))
                .is_ok()
        );
        for other in [
            format!("{token}="),
            format!(" {token}"),
            token.to_lowercase(),
        ] {
            assert_eq!(seen.find_or(&other, || Err("asked")).err(), Some("asked"));
        }
        // Nor was the refusal remembered.
        assert_eq!(seen.find_or("x", || Err("once")).err(), Some("once"));
        assert_eq!(seen.find_or("x", || Err("again")).err(), Some("again"));
    }

    #[tokio::test]
    async fn tokens_share_what_they_have_in_common() {
        let ring = ring();
        let of = async |id| {
            let id = TokenId::from_bytes([id; 16]);
            let claims = Claims { id, ..claims() };
            let token = ring.sign(TokenTyp::AtJwt, Algorithm::EdDsa, &claims);
            ring.verify_signature(token.await.unwrap().as_str())
        };
        let (one, other) = (of(1).await.unwrap(), of(2).await.unwrap());
        let (one, other) = (one.claims(), other.claims());
        assert_ne!(one.id, other.id);
        assert!(Arc::ptr_eq(&one.issuer, &other.issuer));
        assert!(Arc::ptr_eq(&one.audience, &other.audience));
        assert!(std::ptr::eq(
            one.scopes.iter().as_slice(),
            other.scopes.iter().as_slice()
        ));
    }

    #[tokio::test]
    async fn scopes_weigh_what_they_take() {
        // Every set of them may be another: what is shared is not for nothing.
        let scope = |n| Scope::parse(&format!("scope:{n:04}")).unwrap();
        let claims = Claims {
            scopes: (0..200).map(scope).collect(),
            ..claims()
        };
        let ring = ring();
        let token = ring.sign(TokenTyp::AtJwt, Algorithm::EdDsa, &claims).await;
        let signed = ring.verify_signature(token.unwrap().as_str()).unwrap();
        let usual = ring.verify_signature(&self::token().await).unwrap();
        assert!(signed.footprint() > usual.footprint() + 198 * 32);
    }

    #[tokio::test]
    async fn thousands_that_are_asked_about_in_turn_are_all_remembered() {
        let ring = ring();
        let signed = ring.verify_signature(&token().await).unwrap();
        let seen = SeenTokens::new();
        let known = |n: u32| seen.find_or(&n.to_string(), || Err(()));
        for n in 0..3_000 {
            let first = seen.find_or(&n.to_string(), || Ok::<_, ()>(signed.clone()));
            assert!(first.is_ok());
        }
        assert_eq!((0..3_000).find(|n| known(*n).is_err()), None);
    }

    #[tokio::test]
    async fn there_is_an_end_of_room() {
        let ring = ring();
        let signed = ring.verify_signature(&token().await).unwrap();
        let in_use = 512 * 1024;
        let seen = SeenTokens::bounded(in_use);
        for n in 0..10_000 {
            let known = seen.find_or(&n.to_string(), || Ok::<_, ()>(signed.clone()));
            assert!(known.is_ok());
        }
        let kept =
            (0..10_000).filter(|n: &u32| seen.tokens.get(&digest_of(&n.to_string())).is_some());
        let bytes = kept.count() as u64 * weight(&signed);
        assert!((in_use / 2..=2 * in_use).contains(&bytes), "{bytes}");
    }
}

//! What must be true of a token that comes back ([RFC 9068 §4], [RFC 8725]).
//!
//! Two steps. That we signed a text is a fact, [`SignedToken`]: it never changes, so it may be
//! remembered for as long as one likes. Whether the token counts is a state, and is asked anew
//! every time: the key that signed it may have been taken back since, and time goes on. Only a
//! [`VerifiedToken`] is good for anything, and only [`KeyRing::check`] makes one.
//!
//! The signature comes before the claims: a forged token that has also expired is a forged token,
//! and nobody learns from the answer what its claims would have been worth.
//!
//! [RFC 9068 §4]: https://www.rfc-editor.org/rfc/rfc9068#section-4
//! [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725

use std::sync::Arc;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jiff::Timestamp;

use super::provider::VerifyingHandle;
use super::read;
use super::ring::KeyRing;
use super::ring::Keys;
use super::words::Words;
use crate::domain::signing_key::KeyState;
use crate::domain::token::AuthorizationDetail;
use crate::domain::token::Claims;
use crate::domain::token::TokenTyp;

/// The longest text that is looked at, in bytes.
pub const MAX_TOKEN_LEN: usize = 8 * 1024;

/// How far `iat` may be ahead of our clock, in seconds: another node's clock, or our own before a
/// correction.
const MAX_AHEAD_SECS: i64 = 60;

/// Why a text is not a good token. For logs, and for administrators who ask about a token of
/// theirs; the bearer learns only that it is not.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    /// Longer than [`MAX_TOKEN_LEN`].
    #[error("the token is too long")]
    TooLong,
    /// Not three parts, or the first of them not base64url of a header with `alg`, `typ` and `kid`.
    #[error("the token is not a signed JWT")]
    Malformed,
    /// The header asks for extensions, and we know none.
    #[error("the token's header has `crit` or `b64`")]
    Extension,
    /// Not an access token.
    #[error("the token's `typ` is not that of an access token")]
    Typ,
    /// We have no such key.
    #[error("the token's `kid` is not one of our keys")]
    UnknownKey,
    /// The key exists, but what it signed does not count.
    #[error("the token's signing key is {}", .0.as_str())]
    KeyState(KeyState),
    /// The key verifies, and its file could not be read: what it signed may well be good.
    #[error("the token's signing key could not be read on this node")]
    KeyNotAtHand,
    /// Not the algorithm of the key.
    #[error("the token's `alg` is not that of its key")]
    Algorithm,
    /// The key did not sign this.
    #[error("the token's signature is wrong")]
    Signature,
    /// Signed by us, but a claim is missing or of a wrong type.
    #[error("the token's claims are not those of an access token")]
    Claims,
    /// From another issuer.
    #[error("the token's `iss` is not this server")]
    Issuer,
    /// `exp` has come.
    #[error("the token has expired")]
    Expired,
    /// `iat` is further ahead than clocks differ.
    #[error("the token was issued in the future")]
    IssuedInTheFuture,
    /// `nbf` has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
}

impl InvalidToken {
    /// Whether a node that has not yet heard of the latest change of the keys would say this of a
    /// good token.
    pub fn may_be_news(self) -> bool {
        matches!(
            self,
            Self::UnknownKey | Self::KeyState(KeyState::Pending) | Self::KeyNotAtHand
        )
    }
}

/// Proof that a key of ours signed a text with well-formed claims. It says nothing about *now*:
/// [`KeyRing::check`] does. Only [`KeyRing::verify_signature`] makes one; a copy is cheap.
#[derive(Clone, Debug)]
pub struct SignedToken {
    contents: Arc<Contents>,
    /// Whether this was known before, and no signature verified for it now.
    is_remembered: bool,
}

/// Proof that a token was signed by a key of ours that still verifies, for this issuer, and that it
/// has not expired: it counts now or, where our clock was set back after it was issued, will count
/// again. Only [`KeyRing::check_unexpired`] makes one.
#[derive(Clone, Debug)]
pub struct UnexpiredToken(SignedToken);

/// Proof that a token was signed by a key of ours that still verifies, for this issuer, and that it
/// is within its time. Only [`KeyRing::check`] makes one.
///
/// Still to be asked, of the store: whether its `aud` is an API that exists, whether its
/// generations are current, and whether it was revoked.
#[derive(Clone, Debug)]
pub struct VerifiedToken(SignedToken);

/// In this order in memory, for the reason that [`Client`](crate::domain::client::Client) has.
#[derive(Debug)]
#[repr(C)]
struct Contents {
    kid: Arc<str>,
    not_before: Option<i64>,
    claims: Claims,
    /// What is said of it again and again.
    described: OnceLock<Bytes>,
    typ: TokenTyp,
}

impl SignedToken {
    /// Which key signed it.
    pub fn kid(&self) -> &str {
        &self.contents.kid
    }

    /// The `typ` of its header.
    pub fn typ(&self) -> TokenTyp {
        self.contents.typ
    }

    /// What it says: that we signed it, not that it counts.
    pub fn claims(&self) -> &Claims {
        &self.contents.claims
    }

    /// The same, for whoever asks again.
    pub(super) fn to_remember(&self) -> Self {
        Self {
            contents: Arc::clone(&self.contents),
            is_remembered: true,
        }
    }

    /// About how much memory it takes, in bytes, were its API's name and its scopes its own: most often others
    /// have them too, but whoever asks for tokens chooses which scopes are together.
    pub(super) fn footprint(&self) -> usize {
        /// What a text costs besides its characters: a pointer to it, its header and the allocator's.
        const EACH: usize = 48;
        /// What is said of it, as long as it is usual.
        const DESCRIBED: usize = 512;
        let claims = &self.contents.claims;
        let mut bytes = size_of::<Contents>() + DESCRIBED + EACH + claims.audience.len();
        for scope in &claims.scopes {
            // As a scope, in what it is found by, and in what is said.
            bytes += EACH + 3 * scope.as_str().len();
        }
        for detail in &claims.details {
            bytes += size_of::<AuthorizationDetail>() + detail.resource_type.as_str().len();
            for key in detail.identifiers.keys() {
                bytes += EACH + 2 * key.as_str().len();
            }
        }
        bytes
    }
}

impl UnexpiredToken {
    /// What it says.
    pub fn claims(&self) -> &Claims {
        &self.0.contents.claims
    }

    /// Which key signed it.
    pub fn kid(&self) -> &str {
        &self.0.contents.kid
    }
}

impl VerifiedToken {
    /// Whether no signature was verified for it now: it was known before.
    pub fn is_remembered(&self) -> bool {
        self.0.is_remembered
    }

    /// What it says.
    pub fn claims(&self) -> &Claims {
        &self.0.contents.claims
    }

    /// Which key signed it.
    pub fn kid(&self) -> &str {
        &self.0.contents.kid
    }

    /// The `typ` of its header.
    pub fn typ(&self) -> TokenTyp {
        self.0.contents.typ
    }

    /// A text about the token that follows from its claims alone. The first who asks writes it, with
    /// `write`; whoever asks later gets the same.
    pub fn described(&self, write: impl FnOnce(&Claims) -> Bytes) -> Bytes {
        let contents = &*self.0.contents;
        let text = contents.described.get_or_init(|| write(&contents.claims));
        text.clone()
    }
}

impl KeyRing {
    /// Whether `token` is a token of `issuer` (this server) that is good at `now`.
    pub fn verify(
        &self,
        token: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Result<VerifiedToken, InvalidToken> {
        self.check(&self.verify_signature(token)?, issuer, now)
    }

    /// Whether a key of ours signed `token`, and its claims are well-formed. The signature of a token
    /// that was good before is not verified again.
    pub fn verify_signature(&self, token: &str) -> Result<SignedToken, InvalidToken> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(InvalidToken::TooLong);
        }
        self.seen().find_or(token, || {
            let keys = self.keys();
            SignedToken::verify(token, self.words(), |kid| verifying_key(&keys, kid))
        })
    }

    /// The work of verifying a signature, for nothing: who may not know of a token that was good before
    /// is not told sooner than of one that nobody signed.
    pub fn verify_for_nothing(&self, token: &str) {
        let keys = self.keys();
        let _ = SignedToken::verify(token, self.words(), |kid| verifying_key(&keys, kid));
    }

    /// Whether a token that we signed counts at `now`: its key still verifies, it is of `issuer`,
    /// and it is within its time, to the second.
    pub fn check(
        &self,
        token: &SignedToken,
        issuer: &str,
        now: Timestamp,
    ) -> Result<VerifiedToken, InvalidToken> {
        verifying_key(&self.keys(), token.kid())?;
        token.check(issuer, now)
    }

    /// As [`check`](Self::check), but for the token's beginning, which may lie ahead.
    pub fn check_unexpired(
        &self,
        token: &SignedToken,
        issuer: &str,
        now: Timestamp,
    ) -> Result<UnexpiredToken, InvalidToken> {
        verifying_key(&self.keys(), token.kid())?;
        token.check_unexpired(issuer, now)
    }
}

impl SignedToken {
    /// Verifies the signature with the key that `find` knows by the `kid`. What it has in common with others
    /// is shared with them, in `words`: only what was signed is.
    pub(super) fn verify<'k>(
        token: &str,
        words: &Words,
        find: impl FnOnce(&str) -> Result<&'k VerifyingHandle, InvalidToken>,
    ) -> Result<Self, InvalidToken> {
        let parts = Parts::split(token)?;
        let header = decode(parts.header)?;
        let header = read::header(&header).ok_or(InvalidToken::Malformed)?;
        if header.crit || header.b64 {
            return Err(InvalidToken::Extension);
        }
        let typ = TokenTyp::parse(&header.typ).ok_or(InvalidToken::Typ)?;
        let key = find(&header.kid)?;
        if header.alg != key.algorithm().as_str() {
            return Err(InvalidToken::Algorithm);
        }
        if !key.verifies(parts.signed.as_bytes(), parts.signature) {
            return Err(InvalidToken::Signature);
        }
        let claims = decode(parts.claims).map_err(|_| InvalidToken::Claims)?;
        let (claims, not_before) = read::claims(&claims, words).ok_or(InvalidToken::Claims)?;
        let contents = Contents {
            kid: words.text(&header.kid),
            typ,
            claims,
            not_before,
            described: OnceLock::new(),
        };
        Ok(Self {
            contents: Arc::new(contents),
            is_remembered: false,
        })
    }

    /// Whether it is of `issuer` and within its time at `now`.
    pub(super) fn check(
        &self,
        issuer: &str,
        now: Timestamp,
    ) -> Result<VerifiedToken, InvalidToken> {
        self.check_unexpired(issuer, now)?;
        let contents = &self.contents;
        let now = now.as_second();
        if contents.claims.issued_at > now.saturating_add(MAX_AHEAD_SECS) {
            return Err(InvalidToken::IssuedInTheFuture);
        }
        if contents.not_before.is_some_and(|start| start > now) {
            return Err(InvalidToken::NotYetValid);
        }
        Ok(VerifiedToken(self.clone()))
    }

    /// Whether it is of `issuer` and `now` is before its end.
    fn check_unexpired(
        &self,
        issuer: &str,
        now: Timestamp,
    ) -> Result<UnexpiredToken, InvalidToken> {
        let claims = &self.contents.claims;
        if *claims.issuer != *issuer {
            return Err(InvalidToken::Issuer);
        }
        if now.as_second() >= claims.expires_at {
            return Err(InvalidToken::Expired);
        }
        Ok(UnexpiredToken(self.clone()))
    }
}

/// The key of this `kid`, if what it signed may count.
fn verifying_key<'a>(keys: &'a Keys, kid: &str) -> Result<&'a VerifyingHandle, InvalidToken> {
    let known = keys.find(kid).ok_or(InvalidToken::UnknownKey)?;
    match &known.public {
        _ if !known.state.verifies() => Err(InvalidToken::KeyState(known.state)),
        Some(public) => Ok(public),
        None => Err(InvalidToken::KeyNotAtHand),
    }
}

/// The three parts of a JWS in its compact form (RFC 7515 section 7.1).
struct Parts<'a> {
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
    /// Header, dot and claims: what is signed.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    /// Splits at the dots; the length is checked before anything is decoded.
    fn split(token: &'a str) -> Result<Self, InvalidToken> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(InvalidToken::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(InvalidToken::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(InvalidToken::Malformed)?;
        if claims.contains('.') {
            // Five parts are an encrypted token (RFC 7516), of which we know nothing.
            return Err(InvalidToken::Malformed);
        }
        Ok(Self {
            header,
            claims,
            signature,
            signed,
        })
    }
}

/// Base64url without padding and without second spellings.
fn decode(part: &str) -> Result<Vec<u8>, InvalidToken> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| InvalidToken::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signing_key::Algorithm;
    use crate::jwt::fixtures::ISSUER;
    use crate::jwt::fixtures::NOW;
    use crate::jwt::fixtures::at;
    use crate::jwt::fixtures::claims;
    use crate::jwt::fixtures::claims_json;
    use crate::jwt::fixtures::header;
    use crate::jwt::fixtures::key;
    use crate::jwt::fixtures::pair;
    use crate::jwt::fixtures::ring;
    use crate::jwt::fixtures::signed_by;

    /// A token of ours with `changed` claims.
    fn token(changed: impl FnOnce(String) -> String) -> String {
        let pair = pair(Algorithm::EdDsa, false);
        signed_by(&pair, &header(&pair), &changed(claims_json()))
    }

    #[tokio::test]
    async fn what_we_sign_we_verify_and_it_says_the_same() {
        let ring = ring();
        for algorithm in Algorithm::ALL {
            for typ in [TokenTyp::AtJwt, TokenTyp::Jwt] {
                let token = ring.sign(typ, algorithm, &claims()).await.unwrap();
                let verified = ring.verify(token.as_str(), ISSUER, at(NOW)).unwrap();
                assert_eq!(*verified.claims(), claims());
                assert_eq!(verified.typ(), typ);
                assert_eq!(
                    verified.kid(),
                    pair(algorithm, false).public_key().unwrap().kid()
                );
            }
        }
    }

    #[test]
    fn a_token_lives_from_a_minute_before_its_beginning_to_the_second_of_its_end() {
        let ring = ring();
        let token = token(|claims| claims);
        let good_at = |now: Timestamp| ring.verify(&token, ISSUER, now).map(|_| ());
        let last = at(NOW + 900).checked_sub(jiff::SignedDuration::from_nanos(1));
        let unexpired_at = |now: Timestamp| {
            let signed = ring.verify_signature(&token).unwrap();
            ring.check_unexpired(&signed, ISSUER, now).map(|_| ())
        };
        for (now, expected) in [
            // RFC 7519 §4.1.6: `iat` may be up to 60 s ahead of our clock.
            (at(NOW - 61), Err(InvalidToken::IssuedInTheFuture)),
            (at(NOW - 60), Ok(())),
            (at(NOW), Ok(())),
            // RFC 7519 §4.1.4: on or after `exp` it is not accepted, and we give no leeway.
            (last.unwrap(), Ok(())),
            (at(NOW + 900), Err(InvalidToken::Expired)),
            (at(NOW + 901), Err(InvalidToken::Expired)),
            (at(0), Err(InvalidToken::IssuedInTheFuture)),
            (Timestamp::MAX, Err(InvalidToken::Expired)),
            (Timestamp::MIN, Err(InvalidToken::IssuedInTheFuture)),
        ] {
            assert_eq!(good_at(now), expected, "{now}");
            let ahead = expected == Err(InvalidToken::IssuedInTheFuture);
            let expected = if ahead { Ok(()) } else { expected };
            assert_eq!(unexpired_at(now), expected, "{now}");
        }
    }

    #[test]
    fn an_end_beyond_all_time_is_no_overflow() {
        let ring = ring();
        let claims = |claims: String| {
            let end = i64::MAX.to_string();
            claims
                .replace("1800000900", &end)
                .replace("1800000000", &end)
        };
        let refused = ring.verify(&token(claims), ISSUER, Timestamp::MAX);
        assert_eq!(refused.unwrap_err(), InvalidToken::IssuedInTheFuture);
    }

    #[test]
    fn not_before_counts_when_it_is_there() {
        let ring = ring();
        let token = token(|claims| format!(r#"{{"nbf":{},{}"#, NOW + 10, &claims[1..]));
        let early = ring.verify(&token, ISSUER, at(NOW + 9));
        assert_eq!(early.unwrap_err(), InvalidToken::NotYetValid);
        assert!(ring.verify(&token, ISSUER, at(NOW + 10)).is_ok());
    }

    #[test]
    fn the_issuer_is_compared_byte_by_byte() {
        let ring = ring();
        let token = token(|claims| claims);
        for other in [
            "",
            "https://auth.example.com/",
            "https://AUTH.example.com",
            "https://auth.example.com:443",
            "https://auth.example.co",
            "auth.example.com",
        ] {
            let refused = ring.verify(&token, other, at(NOW));
            assert_eq!(refused.unwrap_err(), InvalidToken::Issuer, "{other}");
        }
    }

    #[test]
    fn a_key_counts_only_while_it_is_active_or_retiring() {
        let token = token(|claims| claims);
        for state in [
            KeyState::Pending,
            KeyState::Active,
            KeyState::Retiring,
            KeyState::Retired,
            KeyState::Revoked,
        ] {
            let ring = KeyRing::new(vec![key(pair(Algorithm::EdDsa, false), state)]).unwrap();
            let verified = ring.verify(&token, ISSUER, at(NOW)).map(|_| ());
            let expected = match state {
                KeyState::Active | KeyState::Retiring => Ok(()),
                other => Err(InvalidToken::KeyState(other)),
            };
            assert_eq!(verified, expected);
        }
    }

    #[test]
    fn a_remembered_signature_is_worth_nothing_once_its_key_is_taken_back() {
        let ring = ring();
        let signed = ring.verify_signature(&token(|claims| claims)).unwrap();
        assert!(ring.check(&signed, ISSUER, at(NOW)).is_ok());

        for state in [KeyState::Retired, KeyState::Revoked] {
            let taken_back = key(pair(Algorithm::EdDsa, false), state);
            ring.replace(vec![taken_back]).unwrap();
            let refused = ring.check(&signed, ISSUER, at(NOW));
            assert_eq!(refused.unwrap_err(), InvalidToken::KeyState(state));
        }
        ring.replace(Vec::new()).unwrap();
        let refused = ring.check(&signed, ISSUER, at(NOW));
        assert_eq!(refused.unwrap_err(), InvalidToken::UnknownKey);
    }
}

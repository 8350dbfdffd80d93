//! JSON Web Tokens: the keys that sign them, their text, and what must be true of one that comes
//! back. The only files that name the `jsonwebtoken` crate.
//!
//! - The [`KeyRing`] holds every signing key, parsed once; it signs, verifies and publishes.
//! - [`KeyRing::prepare`] writes a token's text and knows its length; [`UnsignedToken::sign`] signs
//!   it, RSA off the request workers.
//! - [`KeyRing::verify_signature`] proves that we signed a text, a fact that never changes and is
//!   remembered ([`seen`]), with what tokens have in common once ([`words`]);
//!   [`KeyRing::check`] decides whether it still counts now. [`KeyRing::verify`] is both. What
//!   needs a store (generations, revocation, a deleted API) is decided by the caller.
//! - [`RemoteKeys`] verifies by the same rules with what a server publishes.
//! - [`key_files`] keeps the private halves in `keys/`.
//!
//! jsonwebtoken's own validation accepts a missing issuer, any `typ`, an unknown `crit` and a token
//! that expired a minute ago, so none of it is used: the library signs and verifies bytes, with
//! parsed keys of ours ([`provider`]), and every rule of [RFC 9068 §4] is written out in
//! [`verify`].
//!
//! [RFC 9068 §4]: https://www.rfc-editor.org/rfc/rfc9068#section-4

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod forgeries;
mod key_pair;
mod provider;
mod read;
mod remote;
mod ring;
mod rsa_lane;
mod seen;
mod sign;
mod strict;
mod verify;
mod words;
mod write;

pub mod jwks;
pub mod key_files;

pub use jwks::Jwks;
pub use key_files::SigningKey;
pub use key_pair::KeyFault;
pub use key_pair::KeyPair;
pub use key_pair::PublicKey;
pub use remote::RemoteKeys;
pub use ring::KeyRing;
pub use ring::KeyRingError;
pub use sign::AccessToken;
pub use sign::SignError;
pub use sign::UnsignedToken;
pub use verify::InvalidToken;
pub use verify::MAX_TOKEN_LEN;
pub use verify::SignedToken;
pub use verify::UnexpiredToken;
pub use verify::VerifiedToken;
pub use write::claims_json;

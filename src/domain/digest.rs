//! Digests: what something is, without keeping it.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The SHA-256 of several parts, in base64url.
///
/// Invariant: 43 characters of `A-Z`, `a-z`, `0-9`, `-` and `_`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Digest(String);

/// A text that is no digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a digest is 43 characters of base64url")]
pub struct InvalidDigest;

impl Digest {
    /// The digest of these parts. Their lengths are part of it, so that no two lists of parts have
    /// the same one by being cut in other places.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        for part in parts {
            digest.update(&part.len().to_be_bytes());
            digest.update(part);
        }
        Self(URL_SAFE_NO_PAD.encode(digest.finish()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if text.len() == 43 && text.bytes().all(is_base64) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDigest)
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_cut_in_other_places_have_another_digest() {
        let digest = Digest::of(&[b"ab", b"c"]);
        assert_eq!(digest, Digest::of(&[b"ab", b"c"]));
        for other in [&[&b"a"[..], b"bc"][..], &[b"abc"], &[b"ab", b"c", b""]] {
            assert_ne!(digest, Digest::of(other));
        }
        assert_eq!(digest.as_str().parse(), Ok(digest.clone()));
        assert_eq!("digest".parse::<Digest>(), Err(InvalidDigest));
    }
}

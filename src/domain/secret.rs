//! Secrets: 256 random bits that we generate, in a form that scanners recognise.
//!
//! `ostler_cs_` + 43 characters of base 62 + 6 characters of checksum. Because nobody chooses a
//! secret, a keyed hash is enough to store it: HMAC-SHA-256 under the server's pepper. A slow hash
//! protects guessable passwords, and would cost thousands of times as much at every request.
//!
//! Neither a secret nor its hash can be compared with `==`, which would tell by its timing how much of
//! a guess is right (security case 150):
//!
//! ```compile_fail,E0369
//! fn is_same(a: &ostler::domain::secret::Secret, b: &ostler::domain::secret::Secret) -> bool {
//!     a == b
//! }
//! ```
//!
//! ```compile_fail,E0369
//! fn is_same(a: ostler::domain::secret::SecretHash, b: ostler::domain::secret::SecretHash) -> bool {
//!     a == b
//! }
//! ```
//!
//! It is the `==` that does not compile, and nothing else about these lines: without it they do.
//!
//! ```
//! fn is_like(a: &ostler::domain::secret::Secret, b: &ostler::domain::secret::Secret) -> bool {
//!     a.hint() == b.hint()
//! }
//! ```
//!
//! ```
//! fn is_same(a: ostler::domain::secret::SecretHash, b: ostler::domain::secret::SecretHash) -> bool {
//!     a.matches(&b)
//! }
//! ```

use std::fmt;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use subtle::ConstantTimeEq;

use super::id::SecretId;

/// What a generated value is for; part of its text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SecretKind {
    /// A client secret, `ostler_cs_`.
    ClientSecret,
    /// An API token, `ostler_at_`.
    ApiToken,
    /// A one-time code, `ostler_ot_`.
    OneTimeCode,
}

impl SecretKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ClientSecret, Self::ApiToken, Self::OneTimeCode];

    fn prefix(self) -> &'static str {
        match self {
            Self::ClientSecret => "ostler_cs_",
            Self::ApiToken => "ostler_at_",
            Self::OneTimeCode => "ostler_ot_",
        }
    }
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX_LEN: usize = 10;
const RANDOM_LEN: usize = 43;
const CHECKSUM_LEN: usize = 6;

/// Whether a text of somebody else's holds one of our secrets or tokens, or what begins like one: it is
/// neither shown nor kept. A JWT begins with `{"` in base64url.
pub fn looks_secret(text: &str) -> bool {
    // Every request shows a text or two, and most of them have neither.
    if memchr::memchr2(b'J', b'_', text.as_bytes()).is_none() {
        return false;
    }
    let tokens = std::iter::once("eyJ");
    let secrets = SecretKind::ALL.into_iter().map(SecretKind::prefix);
    tokens.chain(secrets).any(|mark| text.contains(mark))
}

/// The length of every generated value, in characters.
pub const SECRET_LEN: usize = PREFIX_LEN + RANDOM_LEN + CHECKSUM_LEN;

/// A value whose checksum is right. It is not known to be anybody's; its `Debug` hides it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Writes 256 random bits as a secret.
    pub fn from_random(kind: SecretKind, random: &[u8; 32]) -> Self {
        let mut text = String::with_capacity(SECRET_LEN);
        text.push_str(kind.prefix());
        push_base62(&mut text, random);
        let checksum = checksum(text.as_bytes());
        text.push_str(std::str::from_utf8(&checksum).unwrap_or_default());
        Self(text.into())
    }

    /// Reads a presented value; `None` when its form or its checksum is wrong, so that a typing
    /// mistake or a guess costs no look-up.
    pub fn parse(kind: SecretKind, text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let well_formed = bytes.len() == SECRET_LEN
            && text.starts_with(kind.prefix())
            && bytes[PREFIX_LEN..].iter().all(u8::is_ascii_alphanumeric);
        if !well_formed {
            return None;
        }
        let (body, presented) = bytes.split_at(SECRET_LEN - CHECKSUM_LEN);
        (checksum(body) == presented).then(|| Self(text.into()))
    }

    /// The value itself, for the one answer that shows it and for hashing.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The last four characters of the random part: enough for a person to tell two secrets apart.
    pub fn hint(&self) -> String {
        let end = SECRET_LEN - CHECKSUM_LEN;
        self.expose()[end - 4..end].to_owned()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// Writes 32 bytes, read as one big-endian number, in 43 base-62 digits.
fn push_base62(text: &mut String, random: &[u8; 32]) {
    let mut number = *random;
    let mut digits = [b'0'; RANDOM_LEN];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let value = remainder << 8 | u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            remainder = value % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
}

/// CRC-32 (ISO-HDLC) in base 62, left-padded with `0`.
fn checksum(body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32fast::hash(body) as usize;
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[rest % 62];
        rest /= 62;
    }
    digits
}

/// The HMAC of a secret under a pepper: what is stored. It has no `PartialEq`, so it can only be
/// compared in constant time.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// A hash that nothing is known to have: compared with when there is no such client, so that
    /// timing does not tell which clients exist.
    pub const UNMATCHABLE: Self = Self([0; 32]);

    /// The 32 bytes of an HMAC-SHA-256.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the same, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(redacted)")
    }
}

/// Which pepper an HMAC was made with: the first 8 bytes of the SHA-256 of the pepper, in hex.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PepperId(pub [u8; 8]);

impl fmt::Display for PepperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for PepperId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut bytes = [0_u8; 8];
        if text.len() != 16 || !text.is_ascii() {
            return Err(());
        }
        for (byte, position) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[position..position + 2], 16).map_err(|_| ())?;
        }
        Ok(Self(bytes))
    }
}

/// One generated value of a client-secret credential, as it is stored.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    /// Its id.
    pub id: SecretId,
    /// Its HMAC.
    pub hash: SecretHash,
    /// The pepper of the HMAC.
    pub pepper: PepperId,
    /// Its last characters, for people.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The first instant at which it is no longer good; `None` = never.
    pub ends_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl StoredSecret {
    /// Whether it may still authenticate: to the second, without leeway.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.ends_at.is_none_or(|end| now < end)
    }
}

/// How a secret stands, as an administrator sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SecretStatus {
    /// Good, and the newest.
    Active,
    /// Good until the overlap of a rotation ends.
    Overlap,
    /// Its end has passed.
    Expired,
    /// Taken back.
    Revoked,
}

impl SecretStatus {
    /// The status of `secrets`, which are ordered from the oldest to the newest, each in its place.
    pub fn of_each(secrets: &[StoredSecret], now: Timestamp) -> Vec<Self> {
        let newest = secrets.iter().rposition(|secret| secret.is_live(now));
        secrets
            .iter()
            .enumerate()
            .map(|(position, secret)| match secret {
                secret if secret.revoked_at.is_some() => Self::Revoked,
                secret if !secret.is_live(now) => Self::Expired,
                _ if Some(position) == newest => Self::Active,
                _ => Self::Overlap,
            })
            .collect()
    }

    /// The status of one of `secrets`.
    pub fn of_one(secrets: &[StoredSecret], id: SecretId, now: Timestamp) -> Option<Self> {
        let place = secrets.iter().position(|secret| secret.id == id)?;
        Self::of_each(secrets, now).get(place).copied()
    }

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Overlap => "overlap",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_and_token_looks_like_one() {
        for mark in SecretKind::ALL
            .map(SecretKind::prefix)
            .into_iter()
            .chain(["eyJ"])
        {
            assert!(looks_secret(mark) && looks_secret(&format!("curl ({mark}x)")));
            assert!(!looks_secret(&mark[..mark.len() - 1]));
        }
        for harmless in ["", "Apache-HttpClient/5.2 (Java/17)", "my_script", "ey J"] {
            assert!(!looks_secret(harmless), "{harmless}");
        }
    }

    #[test]
    fn a_secret_has_the_published_form_and_reads_back() {
        for random in [[0_u8; 32], [0xFF; 32], [7; 32]] {
            let secret = Secret::from_random(SecretKind::ClientSecret, &random);
            let text = secret.expose();
            assert_eq!(text.len(), SECRET_LEN);
            assert!(text.starts_with("ostler_cs_"));
            assert!(Secret::parse(SecretKind::ClientSecret, text).is_some());
            assert!(Secret::parse(SecretKind::ApiToken, text).is_none());
        }
    }

    #[test]
    fn the_checksum_is_the_crc_32_of_everything_before_it() {
        // CRC-32/ISO-HDLC of `ostler_cs_` + 43 zeros is what any scanner computes.
        let secret = Secret::from_random(SecretKind::ClientSecret, &[0; 32]);
        let (body, check) = secret.expose().split_at(SECRET_LEN - CHECKSUM_LEN);
        let value = check.bytes().fold(0_u64, |n, b| {
            n * 62 + ALPHABET.iter().position(|a| *a == b).unwrap() as u64
        });
        assert_eq!(value, u64::from(crc32fast::hash(body.as_bytes())));
    }

    #[test]
    fn different_random_bits_make_different_secrets() {
        let mut bits = [0_u8; 32];
        bits[31] = 1;
        let one = Secret::from_random(SecretKind::ClientSecret, &bits);
        assert_eq!(
            &one.expose()[PREFIX_LEN..PREFIX_LEN + RANDOM_LEN],
            format!("{}1", "0".repeat(42))
        );
    }

    #[test]
    fn every_truncation_extension_and_changed_character_is_refused() {
        let secret = Secret::from_random(SecretKind::ClientSecret, &[9; 32]);
        let text = secret.expose().to_owned();
        let kind = SecretKind::ClientSecret;
        for length in 0..text.len() {
            assert!(Secret::parse(kind, &text[..length]).is_none());
        }
        assert!(Secret::parse(kind, &format!("{text}0")).is_none());
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] = if changed[position] == b'x' {
                b'y'
            } else {
                b'x'
            };
            assert!(Secret::parse(kind, std::str::from_utf8(&changed).unwrap()).is_none());
        }
    }

    #[test]
    fn nothing_prints_a_secret() {
        let secret = Secret::from_random(SecretKind::ClientSecret, &[9; 32]);
        assert!(!format!("{secret:?}").contains(&secret.expose()[10..20]));
    }
}

//! Signing links of a chain, as compact JWS ([RFC 7515 §7.1]) by the audit key, and reading them.
//!
//! What comes back has to begin with the very header that we write: there is nothing in it to choose,
//! so nothing in it can be chosen by somebody else.
//!
//! [RFC 7515 §7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::domain::audit_head::ChainLink;
use crate::domain::audit_head::Purpose;
use crate::keys::audit_key::AuditKey;

/// The longest text that is looked at, in bytes: a good one has about 450.
const MAX_LEN: usize = 2_048;

/// Why a text is not a link that we signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotSigned {
    /// Not three parts of base64url with what a link says in the second.
    #[error("it is not a compact JWS over a place in an audit chain")]
    Malformed,
    /// The header is another one: another key, or another kind of statement.
    #[error(
        "its header is not that of an audit head of this server: another server's key signed it, or it is something else"
    )]
    Foreign,
    /// The signature is not of our key.
    #[error("its signature is wrong: this server did not sign it, or it was changed")]
    Signature,
}

/// Signs `link` for `purpose`.
pub fn sign(
    key: &AuditKey,
    purpose: Purpose,
    link: &ChainLink,
    issuer: &str,
    now: Timestamp,
) -> String {
    let payload = URL_SAFE_NO_PAD.encode(link.payload(issuer, now).to_string());
    let signed = format!("{}.{payload}", header(key, purpose));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Reads a link that was signed for `purpose`.
pub fn open(key: &AuditKey, purpose: Purpose, text: &str) -> Result<ChainLink, NotSigned> {
    if text.len() > MAX_LEN {
        return Err(NotSigned::Malformed);
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(NotSigned::Malformed)?;
    let (found, payload) = signed.split_once('.').ok_or(NotSigned::Malformed)?;
    let decode = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part);
        bytes.map_err(|_| NotSigned::Malformed)
    };
    let (signature, payload) = (decode(signature)?, decode(payload)?);
    decode(found)?;
    if found != header(key, purpose) {
        return Err(NotSigned::Foreign);
    }
    if !key.verify(signed.as_bytes(), &signature) {
        return Err(NotSigned::Signature);
    }
    let payload = serde_json::from_slice(&payload).map_err(|_| NotSigned::Malformed)?;
    ChainLink::parse(&payload).ok_or(NotSigned::Malformed)
}

fn header(key: &AuditKey, purpose: Purpose) -> String {
    let (typ, kid) = (purpose.typ(), key.kid());
    URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"EdDSA","typ":"{typ}","kid":"{kid}"}}"#))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::Chain;
    use crate::domain::audit_chain::Link;
    use crate::keys::KeysDir;

    fn key() -> AuditKey {
        let root = tempfile::tempdir().unwrap();
        let dir = KeysDir::create(&root.path().join("keys")).unwrap();
        AuditKey::load_or_create(&dir).unwrap()
    }

    fn link() -> ChainLink {
        ChainLink {
            chain: Chain::Instance,
            link: Link {
                sequence: 7,
                hash: "ab".repeat(32),
            },
        }
    }

    fn signed(key: &AuditKey, purpose: Purpose) -> String {
        let issuer = "https://auth.example.com";
        sign(key, purpose, &link(), issuer, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_we_sign_we_read() {
        let key = key();
        for purpose in [Purpose::Head, Purpose::Checkpoint] {
            assert_eq!(open(&key, purpose, &signed(&key, purpose)), Ok(link()));
        }
    }

    #[test]
    fn a_head_is_no_checkpoint_and_a_checkpoint_is_no_head() {
        let key = key();
        let (head, checkpoint) = (Purpose::Head, Purpose::Checkpoint);
        let passed_off = open(&key, checkpoint, &signed(&key, head));
        assert_eq!(passed_off, Err(NotSigned::Foreign));
        let passed_off = open(&key, head, &signed(&key, checkpoint));
        assert_eq!(passed_off, Err(NotSigned::Foreign));
    }

    #[test]
    fn what_somebody_else_signed_or_changed_is_refused() {
        let (ours, other) = (key(), key());
        let refused = |text: &str| open(&ours, Purpose::Head, text).unwrap_err();
        let good = signed(&ours, Purpose::Head);
        assert_eq!(refused(&signed(&other, Purpose::Head)), NotSigned::Foreign);

        let (head, signature) = good.rsplit_once('.').unwrap();
        let (header, _) = head.split_once('.').unwrap();
        let payload = link()
            .payload("https://auth.example.com", Timestamp::UNIX_EPOCH)
            .to_string()
            .replace(":7,", ":6,");
        let payload = URL_SAFE_NO_PAD.encode(payload);
        let changed = format!("{header}.{payload}.{signature}");
        assert_eq!(refused(&changed), NotSigned::Signature);

        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let unsigned = good.replacen(header, &none, 1);
        assert_eq!(refused(&unsigned), NotSigned::Foreign);
        let long = format!("{good}{}", "A".repeat(2_048));
        for text in ["", ".", "a.b", head, &format!("{good}="), &long] {
            assert_eq!(refused(text), NotSigned::Malformed, "{text}");
        }
    }
}

//! The JWK set ([RFC 7517 §5]): what verifiers need to know of our keys, as bytes to send.
//!
//! [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jsonwebtoken::jwk::JwkSet;
use ring::digest;

use super::key_pair::PublicKey;

/// A published set of keys.
#[derive(Debug, Default)]
pub struct Jwks {
    /// The document, JSON.
    pub body: Bytes,
    /// A strong validator of it, in its quotes (RFC 9110 section 8.8.3).
    pub etag: String,
}

impl Jwks {
    /// The set of these keys, in this order.
    pub(super) fn of(keys: &[PublicKey]) -> Self {
        let keys = keys.iter().map(|key| key.jwk().clone()).collect();
        let body = serde_json::to_vec(&JwkSet { keys }).expect("a set of texts is always JSON");
        let hash = digest::digest(&digest::SHA256, &body);
        Self {
            etag: format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])),
            body: body.into(),
        }
    }
}

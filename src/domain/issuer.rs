//! The issuer: the one name of this server.
//!
//! Clients and resource servers compare `iss` with it byte for byte (RFC 8414 §3.3, RFC 9068 §4),
//! so it is kept exactly as it was given. Some libraries normalize a URL before they compare, some
//! do not; therefore only a text that normalization leaves alone is accepted, and both agree.
//!
//! A path is allowed (`https://auth.example.com/ostler`, RFC 8414 §3), and so is a trailing slash,
//! which then belongs to the name: `https://a.example/` is another issuer than `https://a.example`.
//! Paths are built on [`Issuer::base`], which has no slash at its end.

use std::fmt;
use std::net::IpAddr;

use url::Host;
use url::Url;

/// The longest issuer, in bytes: it stands in every token.
const MAX_BYTES: usize = 512;

/// Why a text cannot be the issuer. The message says the rule and never shows the text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIssuer {
    /// Not `http://` or `https://` and a host.
    #[error("is not an absolute http or https URL with a host")]
    NotAbsolute,
    /// Longer than 512 bytes.
    #[error("is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Has a user name or a password.
    #[error("carries a user name or password")]
    UserInfo,
    /// Has a query (RFC 8414 §2 forbids it).
    #[error("has a query")]
    Query,
    /// Has a fragment (RFC 8414 §2 forbids it).
    #[error("has a fragment")]
    Fragment,
    /// Has whitespace, a control character, or another one that could split a header or a path.
    #[error(
        "has a character that is not allowed: letters, digits and `-._~/:[]` are, spaces and line ends are not"
    )]
    Character,
    /// `http` for a host that is not this machine.
    #[error("is plain http for a host that is not loopback")]
    PlainHttp,
    /// An address or port that nobody can connect to, like `0.0.0.0` or port 0.
    #[error("names an address or port that no client can reach")]
    Unreachable,
    /// Another spelling is the normal form: an upper-case host, a default port, `..` or `//`.
    #[error("is not in normal form")]
    NotNormal,
}

/// The issuer identifier (RFC 8414 §2): an absolute URL without query, fragment or user info, and
/// `https` unless the host is loopback.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Issuer {
    text: Box<str>,
    host: Box<str>,
    /// Where the path begins in `text`; its length when there is none.
    path_at: usize,
}

impl Issuer {
    /// Checks the rules and keeps the text as it is.
    pub fn parse(text: &str) -> Result<Self, InvalidIssuer> {
        check_text(text)?;
        let url = Url::parse(text).map_err(|_| InvalidIssuer::NotAbsolute)?;
        check_host(&url)?;
        if !is_normal(text, &url) {
            return Err(InvalidIssuer::NotNormal);
        }
        let authority_at = url.scheme().len() + "://".len();
        let path_at = text[authority_at..]
            .find('/')
            .map_or(text.len(), |at| authority_at + at);
        Ok(Self {
            text: text.into(),
            host: url.host_str().unwrap_or_default().into(),
            path_at,
        })
    }

    /// The issuer exactly as it was given: the value of `iss`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The issuer without a slash at its end: what the endpoints' paths are appended to.
    pub fn base(&self) -> &str {
        self.text.strip_suffix('/').unwrap_or(&self.text)
    }

    /// The address of an endpoint, for a `path` that begins with a slash.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.base())
    }

    /// The path without a slash at its end: empty, or `/ostler`. RFC 8414 §3.1 inserts the
    /// well-known part before it.
    pub fn path(&self) -> &str {
        &self.base()[self.path_at.min(self.base().len())..]
    }

    /// Scheme, host and port, as the `Origin` header writes them.
    pub fn origin(&self) -> &str {
        &self.text[..self.path_at]
    }

    /// The host without its port; an IPv6 address is in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether an audience is this very server's, in whichever spelling: with slashes at its end or
    /// not, or not in normal form.
    pub fn is_meant_by(&self, audience: &str) -> bool {
        let normal = |text: &str| {
            let url = Url::parse(text).map_or_else(|_| text.to_owned(), String::from);
            let url = url.strip_suffix('?').unwrap_or(&url);
            url.trim_end_matches('/').to_owned()
        };
        normal(audience) == normal(&self.text)
    }

    /// Whether clients come by TLS.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn check_text(text: &str) -> Result<(), InvalidIssuer> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:[]".contains(&byte);
    if text.len() > MAX_BYTES {
        return Err(InvalidIssuer::TooLong);
    }
    match text.bytes().find(|byte| !allowed(*byte)) {
        None => Ok(()),
        Some(b'@') => Err(InvalidIssuer::UserInfo),
        Some(b'?') => Err(InvalidIssuer::Query),
        Some(b'#') => Err(InvalidIssuer::Fragment),
        Some(_) => Err(InvalidIssuer::Character),
    }
}

fn check_host(url: &Url) -> Result<(), InvalidIssuer> {
    let ("http" | "https", Some(host)) = (url.scheme(), url.host()) else {
        return Err(InvalidIssuer::NotAbsolute);
    };
    let (loopback, unspecified) = match host {
        Host::Domain(name) => (name == "localhost", false),
        Host::Ipv4(address) => about(address.into()),
        Host::Ipv6(address) => about(address.into()),
    };
    if unspecified || url.port() == Some(0) {
        Err(InvalidIssuer::Unreachable)
    } else if url.scheme() == "http" && !loopback {
        Err(InvalidIssuer::PlainHttp)
    } else {
        Ok(())
    }
}

fn about(address: IpAddr) -> (bool, bool) {
    (address.is_loopback(), address.is_unspecified())
}

/// Whether URL normalization leaves the text alone, but for the slash it adds to an empty path.
fn is_normal(text: &str, url: &Url) -> bool {
    let normal = url.as_str();
    (normal == text || normal.strip_suffix('/') == Some(text)) && !url.path().contains("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_known_in_any_spelling() {
        for (issuer, audience, is_meant) in [
            ("https://a.example", "https://a.example", true),
            ("https://a.example", "https://a.example//", true),
            ("https://a.example/", "https://a.example", true),
            ("https://a.example", "HTTPS://A.Example:443/?", true),
            ("https://a.example/x", "https://a.example/y/../x/", true),
            ("http://127.0.0.1:8080", "HTTP://0x7f.1:8080", true),
            ("https://a.example", "https://a.example/x", false),
            ("https://a.example", "https://a.example:8443", false),
            ("https://a.example", "http://a.example", false),
            ("https://a.example", "https://a.example/?x", false),
            ("https://a.example", "urn:a.example", false),
        ] {
            let issuer = Issuer::parse(issuer).expect(issuer);
            assert_eq!(issuer.is_meant_by(audience), is_meant, "{audience}");
        }
    }

    #[test]
    fn an_issuer_is_kept_byte_for_byte() {
        for text in [
            "https://auth.example.com",
            "https://auth.example.com/",
            "https://auth.example.com:8443/ostler",
            "https://auth.example.com/a/b/",
            "https://xn--bcher-kva.example",
            "http://localhost:8080",
            "http://127.0.0.1:8080",
            "http://127.1.2.3",
            "http://[::1]:8080",
        ] {
            assert_eq!(Issuer::parse(text).expect(text).as_str(), text);
        }
    }

    #[test]
    fn what_cannot_be_an_issuer_is_refused_with_its_reason() {
        // RFC 8414 §2: https, no query, no fragment; nothing that could split a header (security
        // case 95).
        use InvalidIssuer::*;
        let long = format!("https://a.example/{}", "a".repeat(MAX_BYTES));
        for (text, reason) in [
            ("", NotAbsolute),
            ("auth.example.com", NotAbsolute),
            ("//auth.example.com", NotAbsolute),
            ("https://", NotAbsolute),
            ("https://:443", NotAbsolute),
            ("https://a.example:99999", NotAbsolute),
            ("ftp://a.example", NotAbsolute),
            ("urn:ostler", NotAbsolute),
            (long.as_str(), TooLong),
            ("https://user:pw@a.example", UserInfo),
            ("https://user@a.example", UserInfo),
            ("https://a.example?x=1", Query),
            ("https://a.example/?", Query),
            ("https://a.example#x", Fragment),
            (" https://a.example", Character),
            ("https://a.example ", Character),
            ("https://a.example\n", Character),
            ("https://a.example\r\nX-Evil: 1", Character),
            ("https://a.example/\0", Character),
            ("https://a.example/;script-src", Character),
            ("https://a.example/\"", Character),
            ("https://a.example/%2e", Character),
            ("https://bücher.example", Character),
            ("http://a.example", PlainHttp),
            ("http://10.0.0.1", PlainHttp),
            ("http://localhost.example", PlainHttp),
            ("http://[2001:db8::1]", PlainHttp),
            ("http://0.0.0.0:8080", Unreachable),
            ("https://[::]", Unreachable),
            ("http://127.0.0.1:0", Unreachable),
            ("https://A.example", NotNormal),
            ("HTTPS://a.example", NotNormal),
            ("https://a.example:443", NotNormal),
            ("https://a.example:0443", NotNormal),
            ("https:/a.example", NotNormal),
            ("https:a.example", NotNormal),
            ("https://a.example/b/../c", NotNormal),
            ("https://a.example/./", NotNormal),
            ("https://a.example//b", NotNormal),
            ("https://a.example//", NotNormal),
            ("http://127.1:8080", NotNormal),
        ] {
            assert_eq!(Issuer::parse(text), Err(reason), "{text:?}");
        }
    }

    #[test]
    fn the_parts_are_those_of_the_url() {
        for (text, origin, host, path) in [
            ("https://a.example", "https://a.example", "a.example", ""),
            ("https://a.example/", "https://a.example", "a.example", ""),
            (
                "https://a.example:8443/o",
                "https://a.example:8443",
                "a.example",
                "/o",
            ),
            (
                "https://a.example/o/p/",
                "https://a.example",
                "a.example",
                "/o/p",
            ),
            ("http://[::1]:1", "http://[::1]:1", "[::1]", ""),
        ] {
            let issuer = Issuer::parse(text).expect(text);
            assert_eq!(issuer.origin(), origin, "{text}");
            assert_eq!(issuer.host(), host, "{text}");
            assert_eq!(issuer.path(), path, "{text}");
            assert_eq!(
                issuer.endpoint("/oauth/token"),
                format!("{origin}{path}/oauth/token")
            );
            assert_eq!(issuer.is_https(), text.starts_with("https"));
        }
    }
}

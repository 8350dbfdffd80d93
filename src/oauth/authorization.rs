//! The `Authorization` header: which scheme, and what was presented with it. Nothing here is proved.

use std::fmt;

use super::refusal::Refusal;

/// What the `Authorization` header presents. Its `Debug` shows the scheme and no more.
#[derive(Clone, Copy)]
pub enum Authorization<'a> {
    /// There is no such header.
    Absent,
    /// Basic ([RFC 7617 §2]): the text after the scheme, still in base64.
    ///
    /// [RFC 7617 §2]: https://www.rfc-editor.org/rfc/rfc7617#section-2
    Basic(&'a [u8]),
    /// A bearer token ([RFC 6750 §2.1]); empty when it is no text at all.
    ///
    /// [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    Bearer(&'a str),
    /// Another scheme.
    Other,
}

impl<'a> Authorization<'a> {
    /// Reads a request's `Authorization` headers. Two of them are refused: which one counts would
    /// depend on who reads them.
    pub fn parse(headers: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Refusal> {
        let mut headers = headers.into_iter();
        match (headers.next(), headers.next()) {
            (None, _) => Ok(Self::Absent),
            (Some(header), None) => Ok(Self::of(header)),
            (Some(_), Some(_)) => Err(Refusal::invalid_request(
                "there is more than one Authorization header",
            )),
        }
    }

    /// The scheme is compared without case (RFC 9110 section 11.1).
    fn of(header: &'a [u8]) -> Self {
        let header = header.trim_ascii();
        let blank = header.iter().position(|byte| *byte == b' ');
        let (scheme, rest) = header.split_at(blank.unwrap_or(header.len()));
        let rest = rest.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"basic") {
            Self::Basic(rest)
        } else if scheme.eq_ignore_ascii_case(b"bearer") {
            Self::Bearer(std::str::from_utf8(rest).unwrap_or_default())
        } else {
            Self::Other
        }
    }
}

impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Basic(_) => "Basic",
            Self::Bearer(_) => "Bearer",
            Self::Other => "Other",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &[u8]) -> Authorization<'_> {
        Authorization::parse([header]).unwrap()
    }

    #[test]
    fn the_scheme_is_compared_without_case() {
        // RFC 9110 §11.1.
        for header in ["Basic eDp5", "basic eDp5", "BASIC   eDp5", "bAsIc eDp5"] {
            assert!(matches!(
                parse(header.as_bytes()),
                Authorization::Basic(b"eDp5")
            ));
        }
        assert!(matches!(parse(b"bearer abc"), Authorization::Bearer("abc")));
        assert!(matches!(parse(b"Basic"), Authorization::Basic(b"")));
        assert!(matches!(parse(b"Bearer \xff"), Authorization::Bearer("")));
        for other in ["", "Basic:eDp5", "DPoP abc", "Negotiate x", "Basically x"] {
            assert!(
                matches!(parse(other.as_bytes()), Authorization::Other),
                "{other}"
            );
        }
    }

    #[test]
    fn two_headers_are_refused() {
        let none: [&[u8]; 0] = [];
        assert!(matches!(
            Authorization::parse(none),
            Ok(Authorization::Absent)
        ));
        let twice = Authorization::parse([&b"Basic eDp5"[..], b"Basic eDp5"]);
        assert_eq!(twice.unwrap_err().code(), "invalid_request");
    }

    #[test]
    fn what_was_presented_is_not_printed() {
        assert_eq!(format!("{:?}", parse(b"Basic hunter2")), "Basic");
    }
}

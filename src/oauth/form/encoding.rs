//! `application/x-www-form-urlencoded`, as [RFC 6749 §B] uses it: pairs, `+` for a blank, and
//! percent-escapes of UTF-8.
//!
//! [RFC 6749 §B]: https://www.rfc-editor.org/rfc/rfc6749#appendix-B

use std::borrow::Cow;

/// A text with an escape that is not whole, with bytes that are not UTF-8, or with a NUL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Undecodable;

/// A decoded name with its decoded value.
type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The pairs of a form, one by one; what is between two `&` and empty is none.
pub(super) fn pairs(form: &[u8]) -> impl Iterator<Item = Result<Pair<'_>, Undecodable>> {
    let ends = memchr::memchr_iter(b'&', form).chain([form.len()]);
    let mut start = 0;
    ends.map(move |end| &form[std::mem::replace(&mut start, end + 1)..end])
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = match memchr::memchr(b'=', pair) {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            Ok((form_decode(name)?, form_decode(value)?))
        })
}

/// Decodes a name or a value; borrows it when nothing in it is encoded.
pub fn form_decode(text: &[u8]) -> Result<Cow<'_, str>, Undecodable> {
    if memchr::memchr3(b'%', b'+', 0, text).is_some() {
        let decoded = unescape(text)?;
        return String::from_utf8(decoded)
            .map(Cow::Owned)
            .map_err(|_| Undecodable);
    }
    std::str::from_utf8(text)
        .map(Cow::Borrowed)
        .map_err(|_| Undecodable)
}

fn unescape(text: &[u8]) -> Result<Vec<u8>, Undecodable> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            0 => return Err(Undecodable),
            b'+' => b' ',
            b'%' => match (hex(rest.next())?, hex(rest.next())?) {
                (0, 0) => return Err(Undecodable),
                (high, low) => high << 4 | low,
            },
            plain => *plain,
        });
    }
    Ok(decoded)
}

fn hex(digit: Option<&u8>) -> Result<u8, Undecodable> {
    match digit {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(Undecodable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_is_that_of_forms() {
        for (text, decoded) in [
            ("", Ok("")),
            ("plain-_.~", Ok("plain-_.~")),
            ("a+b%20c", Ok("a b c")),
            ("%2d%2D%5F%2e%7E", Ok("--_.~")),
            ("%C3%A9", Ok("é")),
            ("%2500", Ok("%00")),
            ("%", Err(Undecodable)),
            ("%1", Err(Undecodable)),
            ("%1g", Err(Undecodable)),
            ("%%20", Err(Undecodable)),
            ("%00", Err(Undecodable)),
            ("%C3", Err(Undecodable)),
        ] {
            let found = form_decode(text.as_bytes());
            assert_eq!(found.as_deref(), decoded.as_deref(), "{text}");
        }
    }

    #[test]
    fn what_needs_no_decoding_is_not_copied() {
        assert!(matches!(form_decode(b"read"), Ok(Cow::Borrowed("read"))));
    }

    #[test]
    fn a_pair_is_split_at_its_first_equals_sign() {
        let found: Vec<_> = pairs(b"a=b=c&&d&=e").map(Result::unwrap).collect();
        let expected = [("a", "b=c"), ("d", ""), ("", "e")];
        assert_eq!(
            found,
            expected.map(|(name, value)| (Cow::from(name), Cow::from(value)))
        );
    }
}

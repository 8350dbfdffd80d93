//! The media type of a form.

use super::Refusal;

/// Checks that there is one `Content-Type`, and that it is that of a form in UTF-8
/// ([RFC 6749 §4.4.2], [RFC 9110 §8.3.1]: neither case nor other parameters matter).
///
/// [RFC 6749 §4.4.2]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4.2
/// [RFC 9110 §8.3.1]: https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1
pub(super) fn check<'h>(headers: impl IntoIterator<Item = &'h [u8]>) -> Result<(), Refusal> {
    let mut headers = headers.into_iter();
    match (headers.next(), headers.next()) {
        (Some(header), None) if is_form(header) => Ok(()),
        _ => Err(Refusal::invalid_request(
            "the body must be application/x-www-form-urlencoded in UTF-8, and Content-Type say so",
        )),
    }
}

fn is_form(header: &[u8]) -> bool {
    const FORM: &[u8] = b"application/x-www-form-urlencoded";
    let mut parts = header.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let media_type = parts.next().unwrap_or_default();
    media_type.eq_ignore_ascii_case(FORM) && parts.all(is_harmless)
}

/// Whether a parameter is anything but another character encoding.
fn is_harmless(parameter: &[u8]) -> bool {
    let Some(equals) = parameter.iter().position(|byte| *byte == b'=') else {
        return true;
    };
    let (name, value) = (&parameter[..equals], &parameter[equals + 1..]);
    let value = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value);
    !name.trim_ascii().eq_ignore_ascii_case(b"charset") || value.eq_ignore_ascii_case(b"utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_parameters_are_free() {
        for good in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-URLencoded",
            "application/x-www-form-urlencoded; charset=UTF-8",
            "application/x-www-form-urlencoded;CHARSET=\"utf-8\" ; x=y",
            "application/x-www-form-urlencoded;",
        ] {
            assert_eq!(check([good.as_bytes()]), Ok(()), "{good}");
        }
    }

    #[test]
    fn another_type_encoding_or_number_is_refused() {
        for bad in [
            &[][..],
            &[""],
            &["application/json"],
            &["multipart/form-data; boundary=x"],
            &["text/plain"],
            &["application/x-www-form-urlencoded2"],
            &["application/x-www-form-urlencoded, application/json"],
            &["application/x-www-form-urlencoded; charset=utf-16"],
            &["application/x-www-form-urlencoded; charset=utf-8; charset=latin1"],
            &["application/x-www-form-urlencoded; charset ="],
            &[
                "application/x-www-form-urlencoded",
                "application/x-www-form-urlencoded",
            ],
        ] {
            let refused = check(bad.iter().map(|header| header.as_bytes()));
            assert_eq!(refused.unwrap_err().code(), "invalid_request", "{bad:?}");
        }
    }
}

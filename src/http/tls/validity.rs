//! When a certificate is valid ([RFC 5280 §4.1.2.5]).
//!
//! rustls serves whatever certificate it is given, so a server would start, look well, and be refused
//! by every client. These are the few fields of DER that lead to the two instants; a certificate
//! that cannot be followed has no known validity, and is left to the clients to judge.
//!
//! [RFC 5280 §4.1.2.5]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5

use jiff::Timestamp;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The first and the last instant at which a certificate is valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Validity {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

impl Validity {
    /// The validity of a certificate in DER form.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let (certificate, _) = element(certificate, SEQUENCE)?;
        let (mut fields, _) = element(certificate, SEQUENCE)?;
        if let Some((_, rest)) = element(fields, VERSION) {
            fields = rest;
        }
        for skipped in [INTEGER, SEQUENCE, SEQUENCE] {
            (_, fields) = element(fields, skipped)?;
        }
        let (validity, _) = element(fields, SEQUENCE)?;
        let (not_before, rest) = instant(validity)?;
        let (not_after, _) = instant(rest)?;
        Some(Self {
            not_before,
            not_after,
        })
    }
}

/// The content of the element at the start of `der`, which has to have this tag, and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    if first < 0x80 {
        return rest.split_at_checked(usize::from(first));
    }
    let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if length.len() > 4 {
        return None;
    }
    let length = length
        .iter()
        .fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    rest.split_at_checked(length)
}

fn instant(der: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (text, rest) = element(der, UTC_TIME)
        .map(|(text, rest)| (with_century(text), rest))
        .or_else(|| {
            let (text, rest) = element(der, GENERALIZED_TIME)?;
            Some((text.to_vec(), rest))
        })?;
    let text = String::from_utf8(text).ok()?;
    let at = |range| text.get(range);
    let (date, time) = (at(0..8)?, at(8..15)?);
    Some((format!("{date}T{time}").parse().ok()?, rest))
}

/// Two digits of a year are of 1950 to 2049.
fn with_century(text: &[u8]) -> Vec<u8> {
    let century: &[u8] = if text.first() < Some(&b'5') {
        b"20"
    } else {
        b"19"
    };
    [century, text].concat()
}

#[cfg(test)]
mod tests {
    use rcgen::CertificateParams;
    use rcgen::KeyPair;
    use rcgen::date_time_ymd;

    use super::*;

    fn validity(from: i32, to: i32) -> Validity {
        let mut params = CertificateParams::new(["ostler.test".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 2);
        params.not_after = date_time_ymd(to, 11, 30);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Validity::of(certificate.der()).unwrap()
    }

    #[test]
    fn both_instants_are_found_in_either_form_of_time() {
        // From 2050 on the four-digit form is used.
        for (from, to) in [(1975, 1999), (2000, 2049), (2026, 2051), (2050, 4096)] {
            let validity = validity(from, to);
            let expected = |year, day| format!("{year}-{day}T00:00:00Z").parse().unwrap();
            assert_eq!(validity.not_before, expected(from, "01-02"), "{from}");
            assert_eq!(validity.not_after, expected(to, "11-30"), "{to}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["ostler.test".to_owned()]).unwrap();
        let whole = params.self_signed(&key).unwrap();
        let whole = whole.der().as_ref();
        for length in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..length]), None);
        }
        assert_eq!(Validity::of(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(Validity::of(&[0x30, 0xff]), None);
    }
}

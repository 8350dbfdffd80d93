//! PKCS#8 private keys in PEM ([RFC 7468 §10]), without leaving copies of them in memory.
//!
//! [RFC 7468 §10]: https://www.rfc-editor.org/rfc/rfc7468#section-10

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
const LINE_LEN: usize = 64;

/// The PEM text of a PKCS#8 document.
pub fn encode(der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    // Every line has a line break; all of it fits, so the buffer never moves.
    let room = body.len() + body.len() / LINE_LEN + BEGIN.len() + END.len() + 4;
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str(BEGIN);
    text.push('\n');
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE_LEN));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// The PKCS#8 document in a PEM text that holds one private key and nothing else.
pub fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let body = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
    base64.extend(body.split_ascii_whitespace());
    let mut der = Zeroizing::new(Vec::with_capacity(base64.len()));
    STANDARD.decode_vec(base64.as_bytes(), &mut der).ok()?;
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for length in [1, 47, 48, 49, 138, 1218] {
            let der = vec![0xA5; length];
            let text = encode(&der);
            assert!(text.lines().all(|line| line.len() <= LINE_LEN));
            assert_eq!(decode(text.as_bytes()).unwrap().as_slice(), der);
        }
    }

    #[test]
    fn windows_line_ends_and_blank_lines_around_are_read() {
        let text = encode(b"key").replace('\n', "\r\n");
        assert_eq!(
            decode(format!("\n{text}\n").as_bytes()).unwrap().as_slice(),
            b"key"
        );
    }

    #[test]
    fn anything_else_is_refused() {
        let good = encode(b"key");
        for bad in [
            String::new(),
            good.replace("PRIVATE", "PUBLIC"),
            good.replace("PRIVATE", "EC PRIVATE"),
            good.replace("PRIVATE", "ENCRYPTED PRIVATE"),
            good.replace("-----END", ""),
            good.replace('a', "!"),
            format!("{}{}", *good, *good),
            format!("{}-----BEGIN CERTIFICATE-----", *good),
        ] {
            assert!(decode(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}

//! Values: what a source says, and the typed value it means or the complaint about it.
//!
//! A complaint quotes what was written so that the reader finds it, but never for a secret, nor
//! anything that looks as if it carried one.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::keys::Key;
use super::keys::Kind;
use super::problem::Complaint;
use crate::domain::issuer::InvalidIssuer;
use crate::domain::issuer::Issuer;
use crate::domain::network;
use crate::domain::network::InvalidNetwork;

/// The longest value, in bytes.
const MAX_BYTES: usize = 4096;

/// The longest list of networks.
const MAX_NETWORKS: usize = 256;

/// The longest part of a wrong value that a complaint quotes, in characters.
const MAX_QUOTED: usize = 60;

const DAY: u64 = 24 * 60 * 60;

/// What a source says, before it is understood.
#[derive(Clone)]
pub(super) enum Raw {
    /// Text without a type: of a variable, a flag or a default.
    Word(String),
    /// A string of the file.
    Text(String),
    /// A whole number of the file.
    Number(i128),
    /// A boolean of the file.
    Switch(bool),
    /// A list of strings of the file.
    List(Vec<String>),
    /// Something that no key wants, with its name.
    Other(&'static str),
}

impl Raw {
    /// The text, if it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it says "nothing": an empty text or list.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Word(text) | Self::Text(text) => text.is_empty(),
            Self::List(list) => list.is_empty(),
            _ => false,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Word(_) | Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::Switch(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(name) => name,
        }
    }
}

/// Understands a raw value as that of a key.
pub(super) type Parse<T> = fn(&Raw, &Key) -> Result<T, Complaint>;

/// What was written, fit to be shown: bounded, escaped, and hidden where it may hold a secret.
pub(super) fn quote(text: &str) -> String {
    if text.contains('@') || text.contains("ostler_") {
        return "the value (not shown, it may hold a secret)".to_owned();
    }
    let start: String = text.chars().take(MAX_QUOTED).collect();
    let rest = if start.len() < text.len() { "..." } else { "" };
    format!("{start:?}{rest}")
}

/// A file or directory.
pub(super) fn path(raw: &Raw, _: &Key) -> Result<PathBuf, Complaint> {
    let fix = "give the path of a file or directory";
    let text = text(raw, fix)?;
    if text.is_empty() {
        return Err(Complaint::new("is empty", fix));
    }
    if text.starts_with('~') {
        let fix = "write the home directory out: only a shell understands `~`";
        return Err(Complaint::new(
            format!("{} begins with `~`", quote(text)),
            fix,
        ));
    }
    Ok(PathBuf::from(text))
}

/// An IP address and a port.
pub(super) fn address(raw: &Raw, _: &Key) -> Result<SocketAddr, Complaint> {
    let fix = "write an IP address and a port, like 127.0.0.1:8080 or [::1]:8080";
    let text = text(raw, fix)?;
    let without_port = text.parse::<IpAddr>().is_ok();
    text.parse().map_err(|_| {
        let lack = if without_port {
            "has no port"
        } else {
            "is not an IP address and a port"
        };
        Complaint::new(format!("{} {lack}", quote(text)), fix)
    })
}

/// The issuer.
pub(super) fn issuer(raw: &Raw, _: &Key) -> Result<Issuer, Complaint> {
    let fix = "give the https:// URL by which clients reach this server";
    let text = text(raw, fix)?;
    Issuer::parse(text).map_err(|reason| {
        let what = format!("{} {reason}", quote(text));
        match (reason, Url::parse(text)) {
            (InvalidIssuer::NotNormal, Ok(url)) if !url.path().contains("//") => Complaint::new(
                what,
                format!("write {}", url.as_str().trim_end_matches('/')),
            ),
            _ => Complaint::new(what, fix),
        }
    })
}

/// `true` or `false`.
pub(super) fn switch(raw: &Raw, _: &Key) -> Result<bool, Complaint> {
    let fix = "write true or false, without quotes";
    match raw {
        Raw::Switch(on) => Ok(*on),
        Raw::Word(text) => text.parse().map_err(|_| {
            Complaint::new(format!("{} is neither", quote(text)), "write true or false")
        }),
        other => Err(wrong_type(other, fix)),
    }
}

/// A whole number within the bounds of its key.
pub(super) fn number(raw: &Raw, key: &Key) -> Result<u64, Complaint> {
    let (min, max) = match key.kind {
        Kind::Number { min, max } => (min, max),
        _ => (0, u64::MAX),
    };
    let unit = match key.path.rsplit('_').next() {
        Some(unit @ ("seconds" | "days" | "bytes")) => format!(" of {unit}"),
        _ => String::new(),
    };
    let fix = format!("give a whole number{unit} from {min} to {max}");
    let given = match raw {
        Raw::Number(number) => Ok(*number),
        Raw::Word(word) if word.bytes().all(|byte| byte.is_ascii_digit()) => word
            .parse()
            .map_err(|_| format!("{} is not a number", quote(word))),
        Raw::Word(word) => Err(format!("{} is not a whole number", quote(word))),
        other => return Err(wrong_type(other, &format!("{fix}, without quotes"))),
    };
    match given.map(|number| (number, u64::try_from(number))) {
        Ok((_, Ok(number))) if (min..=max).contains(&number) => Ok(number),
        Ok((number, _)) => Err(Complaint::new(format!("{number} is out of bounds"), fix)),
        Err(what) => Err(Complaint::new(what, fix)),
    }
}

/// A number of bytes, or of things kept in memory.
pub(super) fn count(raw: &Raw, key: &Key) -> Result<usize, Complaint> {
    let number = number(raw, key)?;
    // Every bound in the table is below 2^32.
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

/// A number of times in a minute.
pub(super) fn rate(raw: &Raw, key: &Key) -> Result<u32, Complaint> {
    let number = number(raw, key)?;
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A number of seconds.
pub(super) fn seconds(raw: &Raw, key: &Key) -> Result<Duration, Complaint> {
    number(raw, key).map(Duration::from_secs)
}

/// How long a key is published before it signs, in seconds. Its least is said with the reason.
pub(super) fn publication(raw: &Raw, key: &Key) -> Result<Duration, Complaint> {
    seconds(raw, key).map_err(|mut complaint| {
        complaint.fix.push_str(
            ": a verifier may keep the JWKS for 300 s, and its clock may differ by 60 s; until then \
             it refuses what a new key signs",
        );
        complaint
    })
}

/// A number of days.
pub(super) fn days(raw: &Raw, key: &Key) -> Result<Duration, Complaint> {
    number(raw, key).map(|days| Duration::from_secs(days * DAY))
}

/// Networks in CIDR form, or single addresses.
pub(super) fn networks(raw: &Raw, _: &Key) -> Result<Vec<IpNet>, Complaint> {
    let fix = "give a list of networks, like [\"10.0.0.0/8\"]";
    let entries: Vec<&str> = match raw {
        Raw::Word(word) => word.split(',').map(str::trim).collect(),
        Raw::List(list) => list.iter().map(String::as_str).collect(),
        other => return Err(wrong_type(other, fix)),
    };
    if entries.len() > MAX_NETWORKS {
        let what = format!("has more than {MAX_NETWORKS} entries");
        return Err(Complaint::new(what, "give fewer, wider networks"));
    }
    entries.into_iter().map(one_network).collect()
}

fn one_network(entry: &str) -> Result<IpNet, Complaint> {
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    network::parse(entry).map_err(|invalid| match invalid {
        InvalidNetwork::Malformed => Complaint::new(
            format!("{} is not a network", quote(entry)),
            "write an address and a prefix length, like 10.0.0.0/8",
        ),
        InvalidNetwork::BeyondPrefix(meant) => Complaint::new(
            format!("{entry} has bits set beyond its prefix"),
            format!("write {meant}"),
        ),
        InvalidNetwork::Mapped(meant) => Complaint::new(
            format!("{entry} is of IPv4 addresses in IPv6 notation"),
            format!("write {meant}"),
        ),
    })
}

/// A text that may stand in a header or a log line: bounded, on one line.
pub(super) fn text<'a>(raw: &'a Raw, fix: &str) -> Result<&'a str, Complaint> {
    let text = raw
        .as_text()
        .ok_or_else(|| wrong_type(raw, &format!("{fix}, in quotes")))?;
    if text.len() > MAX_BYTES {
        let what = format!("is longer than {MAX_BYTES} bytes");
        Err(Complaint::new(what, fix))
    } else if text.chars().any(char::is_control) {
        let what = "has a line end or another control character";
        Err(Complaint::new(what, "take it out"))
    } else {
        Ok(text)
    }
}

fn wrong_type(raw: &Raw, fix: &str) -> Complaint {
    Complaint::new(format!("is {}, which is the wrong type", raw.name()), fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    fn word(text: &str) -> Raw {
        Raw::Word(text.to_owned())
    }

    fn key(path: &str) -> &'static Key {
        keys::find(path).expect(path)
    }

    #[track_caller]
    fn refused<T: std::fmt::Debug>(parse: Parse<T>, path: &str, raw: &Raw) -> String {
        let complaint = parse(raw, key(path)).expect_err("a refusal");
        assert!(!complaint.fix.is_empty());
        complaint.what
    }

    #[test]
    fn an_address_is_an_ip_and_a_port() {
        for (text, what) in [
            ("", r#""" is not an IP address and a port"#),
            ("8080", r#""8080" is not an IP address and a port"#),
            (":8080", r#"":8080" is not an IP address and a port"#),
            ("127.0.0.1", r#""127.0.0.1" has no port"#),
            ("::1", r#""::1" has no port"#),
            ("[::1]", r#""[::1]" is not an IP address and a port"#),
            (
                "localhost:8080",
                r#""localhost:8080" is not an IP address and a port"#,
            ),
            (
                "127.0.0.1:65536",
                r#""127.0.0.1:65536" is not an IP address and a port"#,
            ),
            (
                "127.0.0.1:8080\n",
                "has a line end or another control character",
            ),
        ] {
            assert_eq!(refused(address, "server.listen", &word(text)), what);
        }
        for text in ["127.0.0.1:8080", "[::1]:8080", "127.0.0.1:0"] {
            let parsed = address(&word(text), key("server.listen")).expect(text);
            assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn a_number_stays_within_the_bounds_of_its_key() {
        let path = "tokens.lifetime_seconds";
        for (raw, what) in [
            (word("0"), "0 is out of bounds"),
            (word("604801"), "604801 is out of bounds"),
            (Raw::Number(-1), "-1 is out of bounds"),
            (
                Raw::Number(i128::MAX),
                &format!("{} is out of bounds", i128::MAX),
            ),
            (word(""), r#""" is not a number"#),
            (
                word(&"9".repeat(50)),
                &format!("{:?} is not a number", "9".repeat(50)),
            ),
            (word("-1"), r#""-1" is not a whole number"#),
            (word("+1"), r#""+1" is not a whole number"#),
            (word("1.5"), r#""1.5" is not a whole number"#),
            (word("15m"), r#""15m" is not a whole number"#),
            (word(" 1"), r#"" 1" is not a whole number"#),
            (Raw::Text("900".into()), "is text, which is the wrong type"),
            (
                Raw::Switch(true),
                "is true or false, which is the wrong type",
            ),
        ] {
            assert_eq!(refused(number, path, &raw), what);
        }
        for (raw, expected) in [(word("1"), 1), (Raw::Number(604_800), 604_800)] {
            assert_eq!(number(&raw, key(path)), Ok(expected));
        }
    }

    #[test]
    fn a_complaint_about_a_number_names_its_bounds_and_unit() {
        for (path, fix) in [
            (
                "tokens.lifetime_seconds",
                "give a whole number of seconds from 1 to 604800",
            ),
            (
                "keys.rotation_days",
                "give a whole number of days from 1 to 3650",
            ),
            (
                "tokens.max_bytes",
                "give a whole number of bytes from 1024 to 8192",
            ),
            (
                "limits.connections",
                "give a whole number from 1 to 1000000",
            ),
        ] {
            let complaint = number(&word("x"), key(path)).expect_err(path);
            assert_eq!(complaint.fix, fix);
        }
    }

    #[test]
    fn a_switch_is_true_or_false_and_nothing_like_it() {
        let path = "server.atlassian_path";
        for text in ["", "1", "0", "yes", "no", "on", "True", "TRUE", " true"] {
            let what = refused(switch, path, &word(text));
            assert_eq!(what, format!("{text:?} is neither"));
        }
        for raw in [Raw::Text("true".into()), Raw::Number(1)] {
            assert!(refused(switch, path, &raw).ends_with("which is the wrong type"));
        }
        for (raw, expected) in [
            (word("true"), true),
            (word("false"), false),
            (Raw::Switch(true), true),
        ] {
            assert_eq!(switch(&raw, key(path)), Ok(expected));
        }
    }

    #[test]
    fn networks_are_cidr_without_bits_beyond_the_prefix() {
        let path = "server.trusted_proxies";
        for (text, what) in [
            ("10.0.0.0/33", r#""10.0.0.0/33" is not a network"#),
            ("proxy", r#""proxy" is not a network"#),
            ("10.0.0.0/8,,", r#""" is not a network"#),
            ("10.0.0.1/8", "10.0.0.1/8 has bits set beyond its prefix"),
            (
                "2001:db8::1/32",
                "2001:db8::1/32 has bits set beyond its prefix",
            ),
            (
                "::ffff:10.0.0.0/104",
                "::ffff:10.0.0.0/104 is of IPv4 addresses in IPv6 notation",
            ),
        ] {
            assert_eq!(refused(networks, path, &word(text)), what);
        }
        let many = Raw::List(vec!["10.0.0.0/8".to_owned(); MAX_NETWORKS + 1]);
        assert_eq!(refused(networks, path, &many), "has more than 256 entries");
        let text = Raw::Text("10.0.0.0/8".into());
        assert_eq!(
            refused(networks, path, &text),
            "is text, which is the wrong type"
        );

        let given = word("10.0.0.0/8, ::ffff:192.0.2.7,::1");
        let shown: Vec<String> = networks(&given, key(path))
            .expect("networks")
            .iter()
            .map(IpNet::to_string)
            .collect();
        assert_eq!(shown, ["10.0.0.0/8", "192.0.2.7/32", "::1/128"]);
    }

    #[test]
    fn a_path_is_not_empty_and_needs_no_shell() {
        for (raw, what) in [
            (word(""), "is empty"),
            (word("~/keys"), r#""~/keys" begins with `~`"#),
            (word("a\0b"), "has a line end or another control character"),
            (
                word("a\r\nb"),
                "has a line end or another control character",
            ),
            (word(&"a".repeat(65_536)), "is longer than 4096 bytes"),
            (Raw::Number(1), "is a number, which is the wrong type"),
        ] {
            assert_eq!(refused(path, "data.dir", &raw), what);
        }
    }

    #[test]
    fn an_issuer_in_another_spelling_is_refused_with_the_right_one() {
        for (text, fix) in [
            ("https://Auth.example.com", "write https://auth.example.com"),
            ("https://a.example:443", "write https://a.example"),
            (
                "https://a.example//x",
                "give the https:// URL by which clients reach this server",
            ),
        ] {
            let complaint = issuer(&word(text), key("server.issuer")).expect_err(text);
            assert_eq!(complaint.what, format!("{text:?} is not in normal form"));
            assert_eq!(complaint.fix, fix);
        }
    }

    #[test]
    fn a_quotation_is_short_escaped_and_never_a_secret() {
        let hidden = "the value (not shown, it may hold a secret)";
        assert_eq!(quote("a\u{1b}[31m"), r#""a\u{1b}[31m""#);
        assert_eq!(quote(&"é".repeat(100)), format!("{:?}...", "é".repeat(60)));
        assert_eq!(quote("postgres://ostler:hunter2@db/x"), hidden);
        assert_eq!(quote("ostler_cs_0123"), hidden);
    }
}

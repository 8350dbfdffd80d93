//! Rules between keys, and what is allowed but probably not meant.

use std::net::SocketAddr;

use super::keys;
use super::problem::Complaint;
use super::reader::Reader;
use super::value;

/// Checks every rule between keys whose own values are right.
pub(super) fn check(reader: &mut Reader) {
    for path in ["server.listen", "admin.listen"] {
        no_plain_http_beyond_loopback(reader, path);
    }
    listeners_differ(reader);
    lifetime_within_maximum(reader);
    published_before_rotated(reader);
    doubts(reader);
}

fn no_plain_http_beyond_loopback(reader: &mut Reader, path: &'static str) {
    let Some(listen) = reader.peek(path, value::address) else {
        return;
    };
    let behind_proxy = reader.peek("server.behind_tls_proxy", value::switch) != Some(false);
    if !listen.ip().is_loopback() && !behind_proxy && !has_tls(reader) {
        let what = format!("{listen} is not loopback, and would carry secrets without TLS");
        let fix = "set server.tls.cert_file and server.tls.key_file, or set \
                   server.behind_tls_proxy when a proxy in front speaks TLS";
        reader.refuse(path, Complaint::new(what, fix));
    }
}

fn listeners_differ(reader: &mut Reader) {
    let paths = ["server.listen", "management.listen", "admin.listen"];
    for (index, path) in paths.into_iter().enumerate() {
        let Some(address) = reader.peek(path, value::address) else {
            continue;
        };
        let clash = paths[..index].iter().find(|other| {
            let other = reader.peek(other, value::address);
            other.is_some_and(|other| overlap(address, other))
        });
        if let Some(other) = clash {
            let what = format!("{address} overlaps with {other}");
            reader.refuse(path, Complaint::new(what, "give it a port of its own"));
        }
    }
}

/// Whether two listeners would want the same port of the same address.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let anywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (one.ip() == other.ip() || anywhere)
}

/// `tokens.max_lifetime_seconds`, where it is less than the usual lifetime.
pub(super) fn maximum_below_usual_lifetime(reader: &Reader) -> Option<u64> {
    let usual = keys::find("tokens.lifetime_seconds")?.default?;
    let usual: u64 = usual.parse().ok()?;
    let maximum = reader.peek("tokens.max_lifetime_seconds", value::number);
    maximum.filter(|maximum| *maximum < usual)
}

fn lifetime_within_maximum(reader: &mut Reader) {
    let path = "tokens.lifetime_seconds";
    let lifetime = reader.peek(path, value::number);
    let maximum = reader.peek("tokens.max_lifetime_seconds", value::number);
    if let (Some(lifetime), Some(maximum)) = (lifetime, maximum)
        && lifetime > maximum
    {
        let what = format!("{lifetime} is more than tokens.max_lifetime_seconds, {maximum}");
        let fix = "lower it, or raise tokens.max_lifetime_seconds";
        reader.refuse(path, Complaint::new(what, fix));
    }
}

fn published_before_rotated(reader: &mut Reader) {
    let path = "keys.publish_before_seconds";
    let publish_before = reader.peek(path, value::publication);
    let rotation = reader.peek("keys.rotation_days", value::days);
    let (Some(publish_before), Some(rotation)) = (publish_before, rotation) else {
        return;
    };
    if publish_before >= rotation {
        let what = format!(
            "{} is not less than keys.rotation_days",
            publish_before.as_secs()
        );
        reader.refuse(path, Complaint::new(what, "lower it, or rotate less often"));
    }
}

fn doubts(reader: &mut Reader) {
    let behind_proxy = reader.peek("server.behind_tls_proxy", value::switch) == Some(true);
    let proxies = reader.peek("server.trusted_proxies", value::networks);
    let proxies = proxies.unwrap_or_default();
    if proxies.iter().any(|network| network.prefix_len() == 0) {
        reader.warn("server.trusted_proxies", "everybody may claim any address");
    }
    if behind_proxy && proxies.is_empty() {
        reader.warn(
            "server.behind_tls_proxy",
            "without server.trusted_proxies, every caller seems to come from the proxy",
        );
    }
    if let Some(issuer) = reader.peek("server.issuer", value::issuer) {
        match (issuer.is_https(), has_tls(reader)) {
            (false, true) => reader.warn("server.issuer", "is http, and the listener speaks TLS"),
            (true, false) if !behind_proxy => reader.warn(
                "server.issuer",
                "is https, and neither TLS nor server.behind_tls_proxy is configured",
            ),
            _ => {}
        }
    }
    let management = reader.peek("management.listen", value::address);
    if management.is_some_and(|address| !address.ip().is_loopback()) {
        reader.warn(
            "management.listen",
            "is not loopback and has no authentication",
        );
    }
}

/// Whether TLS is meant; whether it is complete is checked with the values.
fn has_tls(reader: &Reader) -> bool {
    reader.is_set("server.tls.cert_file") || reader.is_set("server.tls.key_file")
}

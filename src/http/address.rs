//! Who is calling, as far as the network tells.
//!
//! The address of the peer is a fact; what `X-Forwarded-For` says is a claim. The claim is believed
//! only as far as we trust those who made it: we walk the list from its right end, where our own
//! proxy wrote, and take the first address that is not a trusted proxy's. Anything further left may
//! be invented. `Forwarded` and `X-Real-IP` are not read, and no name is ever looked up.

use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;

use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::header;
use ipnet::IpNet;

use crate::domain::secret::looks_secret;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request came from; every request carries one as an extension.
///
/// An IPv4 address is always shown as one, also when it arrived on an IPv6 socket.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClientAddress(pub IpAddr);

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The networks whose word about the client's address counts.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts proxies in these networks, and nobody else.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The client's address, given the peer's and what the request's headers claim.
    pub(crate) fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut nearest = peer.to_canonical();
        if !self.trusts(nearest) {
            return ClientAddress(nearest);
        }
        for hop in claimed_hops(headers) {
            // After something unreadable nothing can be believed: stay with what is known.
            let Some(address) = hop else { break };
            nearest = address;
            if !self.trusts(nearest) {
                break;
            }
        }
        ClientAddress(nearest)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The hops of all `X-Forwarded-For` fields, nearest first; `None` for one that is no address.
fn claimed_hops(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let fields: Vec<_> = headers.get_all(&X_FORWARDED_FOR).iter().collect();
    fields
        .into_iter()
        .rev()
        .flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b','))
        .map(|hop| parse_hop(std::str::from_utf8(hop).ok()?.trim()))
}

/// An address as proxies write it: bare, in brackets, with or without a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address = hop
        .parse::<IpAddr>()
        .or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip()))
        .ok()
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

/// What a client calls itself: at most 128 visible ASCII characters of its `User-Agent`. It is kept with
/// the use of a secret and in the audit trail, so a secret that was put there is not repeated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UserAgent(String);

impl UserAgent {
    const MAX_CHARS: usize = 128;

    /// What is kept in place of one with a secret in it.
    const HIDDEN: &str = "(not shown: it holds a secret)";

    /// The user agent of a request with these headers, if it names one.
    ///
    /// Anything but visible ASCII and spaces is shown as `?`, so it is safe in a log line.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let field = headers.get(header::USER_AGENT)?.as_bytes();
        let mut shown = field[..field.len().min(Self::MAX_CHARS)].to_vec();
        for byte in &mut shown {
            if !(b' '..=b'~').contains(byte) {
                *byte = b'?';
            }
        }
        let text = String::from_utf8_lossy(&shown).into_owned();
        if looks_secret(&text) {
            return Some(Self(Self::HIDDEN.to_owned()));
        }
        (!text.is_empty()).then_some(Self(text))
    }

    /// The user agent as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn seen(peer: &str, trusted: &[&str], forwarded: &[&str]) -> String {
        let proxies = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for field in forwarded {
            headers.append(&X_FORWARDED_FOR, HeaderValue::from_str(field).unwrap());
        }
        TrustedProxies::new(proxies)
            .client_address(peer.parse().unwrap(), &headers)
            .to_string()
    }

    #[test]
    fn an_untrusted_peer_is_its_own_address_whatever_it_claims() {
        assert_eq!(seen("192.0.2.1", &[], &["10.0.0.1"]), "192.0.2.1");
        assert_eq!(
            seen("192.0.2.1", &["10.0.0.0/8"], &["10.0.0.1"]),
            "192.0.2.1"
        );
    }

    #[test]
    fn a_trusted_proxy_is_believed_up_to_the_first_untrusted_hop() {
        let proxies = &["10.0.0.0/8"];
        for (claim, expected) in [
            (&["198.51.100.7"][..], "198.51.100.7"),
            (&["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
            (&["1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            (&["1.1.1.1", "198.51.100.7", "10.0.0.2"], "198.51.100.7"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["198.51.100.7:4711"], "198.51.100.7"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["::ffff:198.51.100.7"], "198.51.100.7"),
            (&["localhost"], "10.0.0.1"),
            (&["198.51.100.7, unknown, 10.0.0.2"], "10.0.0.2"),
            (&[""], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(seen("10.0.0.1", proxies, claim), expected, "{claim:?}");
        }
    }

    #[test]
    fn an_ipv4_peer_on_an_ipv6_socket_is_shown_as_ipv4() {
        assert_eq!(seen("::ffff:192.0.2.1", &[], &[]), "192.0.2.1");
    }

    #[test]
    fn a_user_agent_is_bounded_and_visible() {
        let of = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, HeaderValue::from_bytes(value).unwrap());
            UserAgent::of(&headers)
        };
        assert_eq!(of(b"curl/8.1 \xc3\xa4\t").unwrap().as_str(), "curl/8.1 ???");
        assert_eq!(of(&[b'x'; 500]).unwrap().as_str().len(), 128);
        assert_eq!(of(b""), None);
        for secret in [&b"ostler_cs_0123"[..], b"x/1 (Bearer eyJhbGciOi.x.y)"] {
            assert_eq!(of(secret).unwrap().as_str(), UserAgent::HIDDEN);
        }
        assert_eq!(UserAgent::of(&HeaderMap::new()), None);
    }
}

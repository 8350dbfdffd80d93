//! Networks, and the one spelling of those that are compared with addresses.

use ipnet::IpNet;
use ipnet::Ipv4Net;

/// How many bits come before the address in an IPv4-mapped one ([RFC 4291 §2.5.5.2]).
///
/// [RFC 4291 §2.5.5.2]: https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2
const MAPPED_BITS: u8 = 96;

/// A text that is no network, or not in its one spelling; the message says the rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidNetwork {
    /// Not in the notation of RFC 4632.
    #[error("a network in CIDR notation, such as `10.0.0.0/8`")]
    Malformed,
    /// The address has bits beyond the prefix.
    #[error("the address has bits beyond the prefix; `{0}` is meant")]
    BeyondPrefix(IpNet),
    /// Of IPv4-mapped addresses.
    #[error("these are IPv4 addresses in IPv6 notation; `{0}` is meant")]
    Mapped(Ipv4Net),
}

/// Reads a network in the notation of RFC 4632, without bits beyond its prefix.
pub fn parse(text: &str) -> Result<IpNet, InvalidNetwork> {
    let network: IpNet = text.parse().map_err(|_| InvalidNetwork::Malformed)?;
    if network != network.trunc() {
        return Err(InvalidNetwork::BeyondPrefix(network.trunc()));
    }
    match meant_as_ipv4(&network) {
        Some(meant) => Err(InvalidNetwork::Mapped(meant)),
        None => Ok(network),
    }
}

/// The IPv4 network that is meant by one of IPv4-mapped addresses, such as `::ffff:10.0.0.0/104`. The
/// addresses of clients are told as what they are, so none would ever lie in the mapped one.
fn meant_as_ipv4(network: &IpNet) -> Option<Ipv4Net> {
    let IpNet::V6(network) = network else {
        return None;
    };
    let address = network.addr().to_ipv4_mapped()?;
    let bits = network.prefix_len().checked_sub(MAPPED_BITS)?;
    Ipv4Net::new(address, bits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_mapped_addresses_is_one_of_ipv4() {
        for (text, meant) in [
            ("::ffff:127.0.0.0/104", Some("127.0.0.0/8")),
            ("::ffff:192.0.2.7/128", Some("192.0.2.7/32")),
            ("::ffff:0:0/96", Some("0.0.0.0/0")),
            ("::ffff:0:0/95", None),
            ("::/0", None),
            ("::7f00:0/104", None),
            ("2001:db8::/32", None),
            ("127.0.0.0/8", None),
        ] {
            let network: IpNet = text.parse().unwrap();
            let found = meant_as_ipv4(&network).map(|meant| meant.to_string());
            assert_eq!(found.as_deref(), meant, "{text}");
        }
    }
}

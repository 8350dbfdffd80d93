//! Usage series: how many requests there were in each hour, and where they came from.
//!
//! A count belongs to an hour, to who was counted, and to what was asked for and what came of it.
//! Counts are added up, and nothing else is ever done with them.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use ipnet::IpNet;
use ipnet::Ipv4Net;
use ipnet::Ipv6Net;
use jiff::Timestamp;

use super::credential::CredentialRef;
use super::id::AccountId;
use super::id::ApiId;
use super::id::OrganizationId;

/// An hour of UTC, as the number of hours since 1970.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hour(pub i64);

impl Hour {
    const SECONDS: i64 = 60 * 60;

    /// The hour that `at` is in.
    pub fn of(at: Timestamp) -> Self {
        Self(at.as_second().div_euclid(Self::SECONDS))
    }

    /// Its first instant.
    pub fn start(self) -> Timestamp {
        let second = self.0.saturating_mul(Self::SECONDS);
        Timestamp::from_second(second).unwrap_or(if second < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
    }
}

/// Who was counted.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Counted {
    /// An account, by one of its credentials.
    Account(AccountId, CredentialRef),
    /// All accounts of an organization together.
    Organization,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CountKey {
    /// The organization.
    pub organization: OrganizationId,
    /// Who in it.
    pub counted: Counted,
    /// When.
    pub hour: Hour,
    /// For which API; `None` where a request was refused before that was known.
    pub api: Option<ApiId>,
    /// The registered code of the refusal, if it was refused.
    pub refusal: Option<&'static str>,
}

/// How many requests there were.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// That got a token.
    pub issued: u64,
    /// That were refused, or did not authenticate.
    pub refused: u64,
    /// That asked about an active token of the account's.
    pub introspected: u64,
}

impl Counts {
    /// One that got a token.
    pub const ISSUED: Self = Self {
        issued: 1,
        ..Self::NONE
    };

    /// One that was refused.
    pub const REFUSED: Self = Self {
        refused: 1,
        ..Self::NONE
    };

    /// One that asked about an active token.
    pub const INTROSPECTED: Self = Self {
        introspected: 1,
        ..Self::NONE
    };

    const NONE: Self = Self {
        issued: 0,
        refused: 0,
        introspected: 0,
    };

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: Self) {
        self.issued = self.issued.saturating_add(other.issued);
        self.refused = self.refused.saturating_add(other.refused);
        self.introspected = self.introspected.saturating_add(other.introspected);
    }
}

/// How often somebody came from an address in an hour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddressCount {
    /// The organization.
    pub organization: OrganizationId,
    /// Whose requests; `None` = of all accounts of the organization.
    pub account: Option<AccountId>,
    /// When.
    pub hour: Hour,
    /// From where.
    pub address: IpAddr,
    /// How often.
    pub count: u64,
    /// When last.
    pub last_at: Timestamp,
}

/// A network that an account authenticated from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NetworkUse {
    /// The organization.
    pub organization: OrganizationId,
    /// The account.
    pub account: AccountId,
    /// The network.
    pub network: IpNet,
    /// When first, of those that are told here.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
}

/// What is one network: an IPv4 /24, an IPv6 /48.
pub fn network_of(address: IpAddr) -> IpNet {
    const V4_BITS: u32 = 24;
    const V6_BITS: u32 = 48;
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let network = address.to_bits() & (u32::MAX << (u32::BITS - V4_BITS));
            IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from_bits(network), 24))
        }
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << (u128::BITS - V6_BITS));
            IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_bits(network), 48))
        }
    }
}

/// What a series is broken down by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum By {
    /// Nothing: one count for each hour.
    #[default]
    Total,
    /// The API.
    Api,
    /// The code of the refusal.
    Refusal,
    /// The credential.
    Credential,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Total, Self::Api, Self::Refusal, Self::Credential];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Api => "api",
            Self::Refusal => "refusal",
            Self::Credential => "credential",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_begins_on_the_hour_and_ends_before_the_next() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (instant, start) in [
            ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
            ("2026-03-01T12:59:59.999Z", "2026-03-01T12:00:00Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:00:00Z"),
        ] {
            assert_eq!(Hour::of(at(instant)).start(), at(start), "{instant}");
        }
        assert_eq!(Hour(i64::MAX).start(), Timestamp::MAX);
        assert_eq!(Hour(i64::MIN).start(), Timestamp::MIN);
    }

    #[test]
    fn a_network_is_what_one_place_has() {
        for (address, network) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ] {
            let found = network_of(address.parse().unwrap());
            assert_eq!(found.to_string(), network);
        }
    }
}

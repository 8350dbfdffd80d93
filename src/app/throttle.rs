//! Throttling of guesses: how many failed authentications one client id may have from one place in a
//! minute.
//!
//! It is asked only *after* an authentication failed. So a correct secret is never refused, and nobody
//! can lock another one out by guessing in their name; a guesser is told to wait, and learns nothing.
//!
//! What is one place: an IPv4 address, or an IPv6 /64, the smallest network that one subscriber is
//! given; who has one address of it has them all. What is one client id: see [`fold`].

use std::borrow::Cow;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use metrics::Counter;
use percent_encoding::percent_decode_str;

use crate::live::LiveState;
use crate::live::failures::FailureCounter;
use crate::live::failures::FailureCounts;
use crate::live::failures::Window;
use crate::telemetry::registry::Registry;

/// The span that the limit is about.
const MINUTE: Duration = Duration::from_mins(1);

/// How many leak reports one place may send in a minute where failed authentications are not limited:
/// whoever turns that off trusts its clients, and reports come from anybody.
const REPORTS_PER_MINUTE: u32 = 60;

/// By how much the limit is tighter while every process counts for itself: about as many processes as
/// a guesser may be spread over.
const TIGHTER: u32 = 4;

/// How many counters a process keeps for itself at most.
const LOCAL_COUNTERS: usize = 65_536;

/// The longest text that is looked at, and the longest that is counted for itself.
const MAX_PRESENTED_BYTES: usize = 256;
const MAX_FOLDED_BYTES: usize = 64;

/// Counts failures, and says when there were too many.
pub struct Throttle {
    live: Arc<dyn LiveState>,
    /// 0 = none.
    limit: AtomicU32,
    /// Counts while the live state does not answer.
    local: FailureCounts,
    throttled: Counter,
}

/// How long a guesser must wait, in whole seconds: the value of `Retry-After`
/// ([RFC 9110 §10.2.3]).
///
/// [RFC 9110 §10.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetryAfter {
    /// At least 1, at most 60.
    pub seconds: u64,
}

impl Throttle {
    /// Allows `failed_auth_per_minute` failures; `None` = any number.
    pub fn new(
        live: Arc<dyn LiveState>,
        failed_auth_per_minute: Option<u32>,
        registry: &Registry,
    ) -> Self {
        let dropped = registry.counter(
            "ostler_throttle_dropped_total",
            "Counters of failed authentications that went because there were too many.",
            &[],
        );
        let throttled = registry.counter(
            "ostler_throttled_total",
            "Failed authentications that were told to wait.",
            &[],
        );
        Self {
            live,
            limit: AtomicU32::new(failed_auth_per_minute.unwrap_or(0)),
            local: FailureCounts::new(LOCAL_COUNTERS, dropped),
            throttled,
        }
    }

    /// Allows another number of failures from now on.
    pub fn renew(&self, failed_auth_per_minute: Option<u32>) {
        let limit = failed_auth_per_minute.unwrap_or(0);
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Counts the failure that just happened at `now`. `Some` when it is one too many: it is then
    /// answered with 429 instead of 401.
    pub async fn after_failure(
        &self,
        presented_client_id: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Option<RetryAfter> {
        let limit = self.limit()?;
        self.count(presented_client_id, address, limit, now).await
    }

    /// Counts a report of a leaked secret, whatever it will turn out to be of. `Some` when it is one too
    /// many from this place: it is then not looked at.
    pub async fn count_report(&self, address: IpAddr, now: Timestamp) -> Option<RetryAfter> {
        let limit = self.limit().unwrap_or(REPORTS_PER_MINUTE);
        self.count("(a report of a leaked secret)", address, limit, now)
            .await
    }

    /// How many are allowed; `None` = any number.
    fn limit(&self) -> Option<u32> {
        Some(self.limit.load(Ordering::Relaxed)).filter(|limit| *limit > 0)
    }

    async fn count(
        &self,
        presented_client_id: &str,
        address: IpAddr,
        limit: u32,
        now: Timestamp,
    ) -> Option<RetryAfter> {
        let counter = FailureCounter {
            client_id: fold(presented_client_id),
            address: place(address),
        };
        let (count, limit) = match self.live.count_failure(&counter, MINUTE, now).await {
            Ok(count) => (count, limit),
            Err(_) => (
                self.local.count(&counter, MINUTE, now),
                limit.div_ceil(TIGHTER),
            ),
        };
        if count <= limit {
            return None;
        }
        self.throttled.increment(1);
        Some(RetryAfter::the_end_of(Window::at(now, MINUTE), now))
    }
}

impl RetryAfter {
    fn the_end_of(window: Window, now: Timestamp) -> Self {
        let left = Duration::try_from(window.ends_at.duration_since(now)).unwrap_or_default();
        let seconds = left.as_millis().div_ceil(1_000);
        Self {
            seconds: u64::try_from(seconds).unwrap_or(1).clamp(1, 60),
        }
    }
}

/// One text for all spellings of a client id: in any case, with blanks in any place, escaped any
/// number of times. Our ids are short and ASCII, so everything else is one bucket: whatever a guesser
/// writes there, in whichever Unicode form, cannot be right.
fn fold(presented: &str) -> String {
    const STRANGE: &str = "?";
    if presented.len() > MAX_PRESENTED_BYTES {
        return STRANGE.to_owned();
    }
    let folded: String = unescape(presented)
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if folded.is_ascii() && folded.len() <= MAX_FOLDED_BYTES {
        folded
    } else {
        STRANGE.to_owned()
    }
}

fn unescape(presented: &str) -> String {
    let mut text = presented.to_owned();
    // Each turn leaves fewer escapes, so there is a last one.
    while let Cow::Owned(bytes) = Cow::<[u8]>::from(percent_decode_str(&text)) {
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    text
}

fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        canonical @ IpAddr::V4(_) => canonical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_client_id_are_one() {
        for spelling in [
            "sac_abc",
            "SAC_ABC",
            "  sac_abc",
            "sac_abc\t",
            "sac _ab c",
            "sac_abc\u{0}",
            "%73ac_abc",
            "%2573ac_abc",
            "\u{a0}sac_abc",
        ] {
            assert_eq!(fold(spelling), "sac_abc", "{spelling:?}");
        }
        assert_ne!(fold("sac_abd"), "sac_abc");
        assert_eq!(fold("100%"), "100%");
        assert_eq!(fold(""), "");
    }

    #[test]
    fn what_cannot_be_a_client_id_is_one_bucket() {
        let composed = "caf\u{e9}";
        let decomposed = "cafe\u{301}";
        let long = "x".repeat(65);
        let longer = "x".repeat(1_000_000);
        for strange in [
            composed,
            decomposed,
            "\u{ff53}ac_abc",
            "%ff",
            &long,
            &longer,
        ] {
            assert_eq!(fold(strange), "?");
        }
    }

    #[test]
    fn unescaping_ends() {
        let nested = format!("%{}61", "25".repeat(120));
        assert_eq!(fold(&nested), "a");
    }

    #[test]
    fn a_place_is_an_ipv4_address_or_an_ipv6_64() {
        let place = |text: &str| place(text.parse().unwrap()).to_string();
        assert_eq!(place("192.0.2.1"), "192.0.2.1");
        assert_eq!(place("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(place("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }

    #[test]
    fn the_wait_is_whole_seconds_until_the_window_ends() {
        for (millis, seconds) in [(0, 60), (1, 60), (999, 60), (1_000, 59), (59_999, 1)] {
            let now = Timestamp::from_millisecond(millis).unwrap();
            let wait = RetryAfter::the_end_of(Window::at(now, MINUTE), now);
            assert_eq!(wait.seconds, seconds, "{millis}");
        }
    }
}

//! What must be true of every input: one function per parser of what strangers send.
//!
//! They are run by the fuzz targets, and over the seeds by an ordinary test (`fuzz_seeds`), so that
//! what was found once is looked for in every build.

pub mod authorization;
pub mod configuration;
pub mod details;
pub mod form;
pub mod scope;
pub mod token;

use ostler::oauth::refusal::Refusal;

/// Looks at one input; tells whether it was accepted.
pub type Property = fn(&[u8]) -> bool;

/// The properties, each with its name: that of its target, its seeds and its dictionary.
pub const ALL: [(&str, Property); 6] = [
    ("form", form::check),
    ("authorization", authorization::check),
    ("token", token::check),
    ("scope", scope::check),
    ("details", details::check),
    ("configuration", configuration::check),
];

/// RFC 6749 §5.2: `error_description` is printable ASCII without quotes and backslashes. It is of
/// bounded length, and shows no secret that somebody put into the wrong place.
fn check_refusal(refusal: &Refusal) {
    let description = refusal.description();
    let right = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    assert!(description.bytes().all(right), "{description:?}");
    assert!(description.len() <= 1_000, "{description:?}");
    for secret in ["ostler_cs_", "ostler_at_", "ostler_ot_", "eyJ"] {
        assert!(!description.contains(secret), "{description:?}");
    }
}

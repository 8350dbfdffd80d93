//! Client authentication: a claim and a stored client in, a proof out.
//!
//! A client proves itself with its id and a secret, by Basic or in the body ([RFC 6749 §2.3.1]).
//! Whatever the method, the result is the same [`AuthenticatedClient`], and nothing else in the
//! server can make one. An API token, which is exchanged or introspected, proves itself alike.
//!
//! An id and a secret are read strictly: ours are made of `[A-Za-z0-9._~-]`, so those that encode
//! them and those that do not mean the same. What is not of their form, or has a wrong checksum, is
//! refused before any look-up. For all else the work is the same whether the client exists or not.
//!
//! [RFC 6749 §2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1

mod api_token;

pub use api_token::PresentedApiToken;
pub use api_token::authenticate_api_token;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use jiff::Timestamp;
use zeroize::Zeroize;

use super::authorization::Authorization;
use super::form::Form;
use super::form::Parameter;
use super::form::form_decode;
use super::refusal::ClientAuthFailure;
use super::refusal::Refusal;
use crate::domain::client::Client;
use crate::domain::client::ClientSecret;
use crate::domain::credential::CredentialKind;
use crate::domain::id::ClientId;
use crate::domain::id::SecretId;
use crate::domain::secret::PepperId;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretHash;
use crate::domain::secret::SecretKind;

/// How long before its end the use of a secret is answered with a warning.
const WARN_BEFORE_END: Duration = Duration::from_hours(14 * 24);

/// A client id and a secret as presented, not yet believed.
#[derive(Clone)]
pub struct PresentedCredential {
    /// The id, when it has the form of one.
    client_id: Option<ClientId>,
    /// The id that was meant, when it is only spelled wrongly: with capitals, or blanks around it.
    meant: Option<ClientId>,
    /// The secret, when it has the form of one.
    secret: Option<Secret>,
}

impl PresentedCredential {
    /// Takes the credentials out of a request. One mechanism per request ([RFC 6749 §2.3]): two are
    /// `invalid_request`; none, or one that we do not know, is `invalid_client`
    /// ([RFC 6749 §5.2]). A `client_id` beside Basic is usual and must be the same.
    ///
    /// [RFC 6749 §2.3]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3
    /// [RFC 6749 §5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    pub fn of_request(authorization: Authorization<'_>, form: &Form<'_>) -> Result<Self, Refusal> {
        check_one_mechanism(authorization, form)?;
        let (client_id, secret) = (
            form.value(Parameter::ClientId),
            form.value(Parameter::ClientSecret),
        );
        match (authorization, client_id, secret) {
            (Authorization::Basic(encoded), client_id, _) => Self::of_basic(encoded, client_id),
            (Authorization::Absent, Some(id), Some(secret)) => Ok(Self::of(id, secret)),
            (Authorization::Absent, ..) if !has_assertion(form) => {
                Err(ClientAuthFailure::NoCredentials.into())
            }
            _ => Err(ClientAuthFailure::UnsupportedMethod.into()),
        }
    }

    /// Decodes Basic: base64, then each half as a form does, split at the first colon.
    fn of_basic(encoded: &[u8], in_body: Option<&str>) -> Result<Self, Refusal> {
        // Room for our ids and secrets with every character percent-encoded; what is longer is not
        // one of them.
        let mut buffer = [0_u8; 384];
        let length = BASE64.decode_slice(encoded, &mut buffer).unwrap_or(0);
        let presented = Self::of_user_pass(&buffer[..length], in_body);
        buffer[..length].zeroize();
        presented
    }

    fn of_user_pass(text: &[u8], in_body: Option<&str>) -> Result<Self, Refusal> {
        let colon = text.iter().position(|byte| *byte == b':');
        let halves = colon.map(|at| (form_decode(&text[..at]), form_decode(&text[at + 1..])));
        let Some((Ok(id), Ok(secret))) = halves else {
            return Ok(Self::MALFORMED);
        };
        if in_body.is_some_and(|other| other != id) {
            return Err(ClientAuthFailure::DifferentClients.into());
        }
        let presented = Self::of(&id, &secret);
        if let std::borrow::Cow::Owned(mut copy) = secret {
            copy.zeroize();
        }
        Ok(presented)
    }

    const MALFORMED: Self = Self {
        client_id: None,
        meant: None,
        secret: None,
    };

    fn of(id: &str, secret: &str) -> Self {
        let client_id = id.parse().ok();
        Self {
            client_id,
            meant: client_id.or_else(|| id.trim().to_ascii_lowercase().parse().ok()),
            secret: Secret::parse(SecretKind::ClientSecret, secret),
        }
    }

    /// The client to look up; an error when the id or the secret cannot be one of ours, so that a
    /// typing mistake or a guess costs no look-up.
    pub fn client_id(&self) -> Result<ClientId, ClientAuthFailure> {
        match (self.client_id, &self.secret) {
            (Some(client_id), Some(_)) => Ok(client_id),
            _ => Err(ClientAuthFailure::Malformed),
        }
    }

    /// Who is meant, as far as the id tells: nothing is proved, and nobody may be called so.
    pub fn meant(&self) -> Option<ClientId> {
        self.meant
    }

    /// Under which name failures are counted: all spellings of an id have the same one, and so has
    /// everything that is not an id, however many there are.
    pub fn failure_name(&self) -> String {
        self.meant
            .map_or_else(|| "malformed".to_owned(), |id| id.to_string())
    }
}

/// Refuses a request that authenticates in more than one way, whoever it says it is
/// ([RFC 6749 §2.3]): which one counts would depend on who reads it.
///
/// [RFC 6749 §2.3]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3
pub fn check_one_mechanism(
    authorization: Authorization<'_>,
    form: &Form<'_>,
) -> Result<(), Refusal> {
    let in_header = !matches!(authorization, Authorization::Absent);
    let has_secret = form.value(Parameter::ClientSecret).is_some();
    let mechanisms = [in_header, has_secret, has_assertion(form)];
    if mechanisms.iter().filter(|used| **used).count() > 1 {
        return Err(Refusal::invalid_request(
            "the request authenticates in more than one way",
        ));
    }
    Ok(())
}

fn has_assertion(form: &Form<'_>) -> bool {
    [Parameter::ClientAssertion, Parameter::ClientAssertionType]
        .iter()
        .any(|parameter| form.value(*parameter).is_some())
}

impl fmt::Debug for PresentedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedCredential({})", self.failure_name())
    }
}

/// Padding is optional: some clients leave it out, and it says nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Proof that a client authenticated, and with which of its secrets. Only [`authenticate`] and
/// [`authenticate_api_token`] make one, and both by [`admit`].
#[derive(Clone, Debug)]
pub struct AuthenticatedClient {
    client: Arc<Client>,
    secret: ClientSecret,
    in_overlap: bool,
    at: Timestamp,
}

/// Decides whether `presented`, from the address `from` at `now`, proves the client `known` (the one
/// of the presented id, or `None`). `hash` is the server's keyed hash with the id of its key.
///
/// An unknown client costs the same hash and comparisons as a known one, and every secret is
/// compared, so that timing tells neither which ids exist nor how many secrets one has.
pub fn authenticate(
    known: Option<Arc<Client>>,
    presented: &PresentedCredential,
    hash: impl FnOnce(&Secret) -> (PepperId, SecretHash),
    from: IpAddr,
    now: Timestamp,
) -> Result<AuthenticatedClient, ClientAuthFailure> {
    let client_id = presented.client_id()?;
    let secret = presented.secret.as_ref();
    let hash = hash(secret.ok_or(ClientAuthFailure::Malformed)?);

    let known = known.filter(|client| client.client_id == client_id);
    let known = known.filter(|client| client.kind == CredentialKind::ClientSecret);
    let used = find_used(known.as_deref(), &hash);
    let client = known.ok_or(ClientAuthFailure::UnknownClient)?;
    let used = used.ok_or(ClientAuthFailure::WrongSecret)?;
    let proved = admit(client, used, now)?;
    if !proved.client.allows(from) {
        return Err(ClientAuthFailure::ForeignNetwork);
    }
    Ok(proved)
}

/// The place of the secret with this hash. Every secret is compared, and for nobody as many.
fn find_used(known: Option<&Client>, (pepper, hash): &(PepperId, SecretHash)) -> Option<usize> {
    let secrets = known.map_or(&NOBODYS[..], |client| &client.secrets[..]);
    let mut used = None;
    for (position, secret) in secrets.iter().enumerate() {
        if secret.hash.matches(hash) && secret.pepper == *pepper {
            used = Some(position);
        }
    }
    used
}

/// The proof, when the secret at the place `used` is still good and what it belongs to is alive.
fn admit(
    client: Arc<Client>,
    used: usize,
    now: Timestamp,
) -> Result<AuthenticatedClient, ClientAuthFailure> {
    let secret = client.secrets[used];
    if !secret.is_live(now) {
        return Err(ClientAuthFailure::ExpiredSecret);
    }
    let alive = client.standing.check(now);
    alive.map_err(ClientAuthFailure::Dead)?;
    let in_overlap = client.secrets[used + 1..]
        .iter()
        .any(|newer| newer.is_live(now));
    Ok(AuthenticatedClient {
        client,
        secret,
        in_overlap,
        at: now,
    })
}

/// The secrets of a client that does not exist: as many as one has during a rotation.
static NOBODYS: [ClientSecret; 2] = [ClientSecret {
    id: SecretId::from_bits(0),
    hash: SecretHash::UNMATCHABLE,
    pepper: PepperId([0; 8]),
    ends_at: None,
}; 2];

impl AuthenticatedClient {
    /// The client.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The first instant at which the secret that was used is no longer good; `None` = never.
    pub fn secret_ends_at(&self) -> Option<Timestamp> {
        self.secret.ends_at
    }

    /// The end of the secret that was used, when its user should know: a newer one is in use, or it
    /// ends within 14 days. The `Ostler-Secret-Expires-At` header.
    pub fn end_to_announce(&self, now: Timestamp) -> Option<Timestamp> {
        let soon = now
            .saturating_add(WARN_BEFORE_END)
            .unwrap_or(Timestamp::MAX);
        self.secret
            .ends_at
            .filter(|end| self.in_overlap || *end <= soon)
    }

    /// Which secret was used.
    pub fn secret_id(&self) -> SecretId {
        self.secret.id
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use base64::prelude::BASE64_STANDARD_NO_PAD;
    use smallvec::SmallVec;
    use smallvec::smallvec;

    use super::*;
    use crate::domain::liveness::Dead;
    use crate::domain::organization::Generation;
    use crate::domain::organization::Status;
    use crate::oauth::fixtures::PEPPER;
    use crate::oauth::fixtures::at;
    use crate::oauth::fixtures::client;
    use crate::oauth::fixtures::credentials;
    use crate::oauth::fixtures::form;
    use crate::oauth::fixtures::hash;
    use crate::oauth::fixtures::secret;
    use crate::oauth::fixtures::stored;

    fn basic(user_pass: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(user_pass))
    }

    fn read(header: Option<&str>, body: &str) -> Result<PresentedCredential, Refusal> {
        let header = header.map(str::as_bytes);
        PresentedCredential::of_request(Authorization::parse(header)?, &form(body))
    }

    fn client_id(presented: &Result<PresentedCredential, Refusal>) -> Option<ClientId> {
        presented.as_ref().ok()?.client_id().ok()
    }

    /// Every character as a percent-escape.
    fn escaped(text: &str) -> String {
        use std::fmt::Write;
        text.bytes().fold(String::new(), |mut all, byte| {
            write!(all, "%{byte:02X}").unwrap();
            all
        })
    }

    #[test]
    fn basic_and_the_body_are_read_in_every_spelling() {
        // RFC 6749 §2.3.1: both halves are form-encoded; ours need no encoding.
        let id = ClientId::from_bits(4);
        let secret = secret(1);
        let (name, value) = (id.to_string(), secret.expose());
        let half = name.replace('_', "%5f");
        for header in [
            basic(&format!("{name}:{value}")),
            basic(&format!("{half}:{}", value.replace('_', "%5F"))),
            basic(&format!("{}:{}", escaped(&name), escaped(value))),
            format!(
                "bAsIc  {}",
                BASE64_STANDARD_NO_PAD.encode(format!("{name}:{value}"))
            ),
        ] {
            for body in [String::new(), format!("client_id={name}")] {
                assert_eq!(client_id(&read(Some(&header), &body)), Some(id), "{header}");
            }
        }
        assert_eq!(client_id(&read(None, &credentials(id, 1))), Some(id));
    }

    #[test]
    fn the_halves_of_basic_are_decoded_as_in_a_form() {
        // RFC 6749 §2.3.1, §B; RFC 7617 §2: only the first colon divides. Our ids need no encoding, so
        // what was decoded shows in the comparison with the same id in the body.
        for (user_pass, in_body) in [
            ("a+b%3Ac:x", "client_id=a+b%3Ac"),
            ("a%20b%3ac:x", "client_id=a%20b%3Ac"),
            ("J%C3%BCrgen:gehe%69m", "client_id=J%C3%BCrgen"),
            ("J\u{fc}rgen:\u{df}", "client_id=J%C3%BCrgen"),
            ("a:b:c", "client_id=a"),
            ("a%3Ab:c:d", "client_id=a%3Ab"),
        ] {
            let header = basic(user_pass);
            let presented = read(Some(&header), in_body).unwrap();
            let refused = presented.client_id();
            assert_eq!(refused, Err(ClientAuthFailure::Malformed), "{user_pass}");
            let other = read(Some(&header), "client_id=a%2Bb%3Ac").unwrap_err();
            let why = ClientAuthFailure::DifferentClients;
            assert_eq!(other, Refusal::InvalidClient(why), "{user_pass}");
        }
    }

    #[test]
    fn two_ways_at_once_are_an_invalid_request() {
        // RFC 6749 §2.3: the client MUST NOT use more than one authentication method per request.
        let id = ClientId::from_bits(4);
        let header = basic(&format!("{id}:{}", secret(1).expose()));
        let both = credentials(id, 1);
        for (header, body) in [
            (Some(header.as_str()), both.as_str()),
            (Some(header.as_str()), "client_secret=x"),
            (Some(header.as_str()), "client_assertion=a.b.c"),
            (Some(header.as_str()), "client_assertion_type=x"),
            (Some("Bearer abc"), both.as_str()),
            (Some("Bearer abc"), "client_assertion=a.b.c"),
            (None, "client_secret=x&client_assertion=a.b.c"),
        ] {
            let refusal = read(header, body).unwrap_err();
            assert_eq!(refusal.code(), "invalid_request", "{header:?} {body}");
        }
    }

    #[test]
    fn what_does_not_authenticate_is_an_invalid_client() {
        // RFC 6749 §5.2: no authentication included, or an unsupported method.
        use ClientAuthFailure::{DifferentClients, NoCredentials, UnsupportedMethod};
        let id = ClientId::from_bits(4);
        let header = basic(&format!("{id}:{}", secret(1).expose()));
        let same = format!("client_id={id}");
        let secret_alone = format!("client_secret={}", secret(1).expose());
        for (header, body, why) in [
            (None, "", NoCredentials),
            (None, same.as_str(), NoCredentials),
            (None, secret_alone.as_str(), NoCredentials),
            (None, "client_id=a&client_secret=", NoCredentials),
            (None, "client_assertion=a.b.c", UnsupportedMethod),
            (Some("Bearer abc"), "", UnsupportedMethod),
            (Some("Bearer abc"), same.as_str(), UnsupportedMethod),
            (Some("DPoP abc"), "", UnsupportedMethod),
            (Some(""), "", UnsupportedMethod),
            (Some(header.as_str()), "client_id=x", DifferentClients),
        ] {
            let refusal = read(header, body).unwrap_err();
            assert_eq!(refusal, Refusal::InvalidClient(why), "{header:?} {body}");
        }
    }

    #[test]
    fn what_cannot_be_ours_is_refused_before_any_look_up() {
        let id = ClientId::from_bits(4);
        let good = secret(1).expose().to_owned();
        let ten_kilobytes = "x".repeat(10_000);
        let changed = good.replace("ostler_cs_", "ostler_cs_0");
        for user_pass in [
            String::new(),
            ":".into(),
            format!("{id}"),
            format!("{id}:"),
            format!(":{good}"),
            format!("{id}:{good}0"),
            format!("{id}:{}", &good[..good.len() - 1]),
            format!("{id}:{changed}"),
            format!("{id}::{good}"),
            format!("{id}:{good}:"),
            format!("{id}:{good}%"),
            format!("{id}:{good}%zz"),
            format!("{id}:%00{good}"),
            format!("{id}:{good}é"),
            format!("{id}:{ten_kilobytes}"),
            format!("{ten_kilobytes}:{good}"),
            format!("{}:{good}", id.to_string().to_uppercase()),
            format!(" {id}:{good}"),
            format!("{id}+:{good}"),
        ] {
            let presented = read(Some(&basic(&user_pass)), "").unwrap();
            let refused = presented.client_id();
            assert_eq!(refused, Err(ClientAuthFailure::Malformed), "{user_pass}");
        }
        for header in ["Basic", "Basic ", "Basic !!!!", "Basic \u{fe}"] {
            let presented = read(Some(header), "").unwrap();
            assert!(presented.client_id().is_err(), "{header}");
        }
    }

    #[test]
    fn failures_are_counted_under_one_name_however_the_id_is_spelled() {
        let id = ClientId::from_bits(4).to_string();
        let upper = id.to_uppercase();
        for spelling in [
            id.as_str(),
            upper.as_str(),
            &format!(" {id} "),
            &format!("\t{upper}"),
        ] {
            assert_eq!(PresentedCredential::of(spelling, "x").failure_name(), id);
        }
        for other in ["", "nobody", "sac_é", "sac_e\u{301}", "%73ac_0"] {
            let name = PresentedCredential::of(other, "x").failure_name();
            assert_eq!(name, "malformed");
        }
    }

    fn prove(
        known: Option<Client>,
        presented: &str,
        now: i64,
    ) -> Result<AuthenticatedClient, ClientAuthFailure> {
        let presented = read(None, presented).unwrap();
        let from = "10.0.0.7".parse().unwrap();
        authenticate(known.map(Arc::new), &presented, hash, from, at(now))
    }

    #[test]
    fn the_right_secret_proves_the_client() {
        let known = client([]);
        let id = known.client_id;
        let proof = prove(Some(known), &credentials(id, 1), 0).unwrap();
        assert_eq!(proof.client().client_id, id);
        assert_eq!(proof.secret_ends_at(), None);
        assert!(proof.secret_id() == SecretId::from_bits(1));
    }

    #[test]
    fn each_cause_of_failure_is_enough() {
        use ClientAuthFailure as Why;
        let good = client([]);
        let id = good.client_id;
        let dead = |change: fn(&mut Client)| {
            let mut client = client([]);
            change(&mut client);
            Some(client)
        };
        for (known, n, why) in [
            (None, 1, Why::UnknownClient),
            (Some(good), 2, Why::WrongSecret),
            (dead(|c| c.secrets = SmallVec::new()), 1, Why::WrongSecret),
            (
                dead(|c| c.client_id = ClientId::from_bits(9)),
                1,
                Why::UnknownClient,
            ),
            (
                dead(|c| c.secrets[0].pepper = PepperId([9; 8])),
                1,
                Why::WrongSecret,
            ),
            (
                dead(|c| c.secrets[0].ends_at = Some(at(100))),
                1,
                Why::ExpiredSecret,
            ),
            (
                dead(|c| c.standing.organization.0 = Status::Disabled),
                1,
                Why::Dead(Dead::OrganizationDisabled),
            ),
            (
                dead(|c| c.standing.account = (Status::Disabled, Generation(9))),
                1,
                Why::Dead(Dead::AccountDisabled),
            ),
            (
                dead(|c| c.standing.account_ends_at = Some(at(100))),
                1,
                Why::Dead(Dead::AccountExpired),
            ),
            (
                dead(|c| c.standing.credential.0 = Status::Revoked),
                1,
                Why::Dead(Dead::CredentialDisabled),
            ),
            (
                dead(|c| c.allowed_networks = Box::new(["10.0.1.0/24".parse().unwrap()])),
                1,
                Why::ForeignNetwork,
            ),
        ] {
            let failure = prove(known, &credentials(id, n), 100).unwrap_err();
            assert_eq!(failure, why);
        }
    }

    #[test]
    fn a_guess_costs_one_hash_whatever_there_is_to_guess_at() {
        // Security case 2: the hash is what takes time, so it is made for a client that does not
        // exist as well, and once only for one that has two secrets or cannot come in.
        let changed = |change: fn(&mut Client)| {
            let mut client = client([]);
            change(&mut client);
            Some(Arc::new(client))
        };
        let id = client([]).client_id;
        for known in [
            None,
            changed(|_| ()),
            changed(|c| c.client_id = ClientId::from_bits(9)),
            changed(|c| c.secrets = SmallVec::new()),
            changed(|c| c.secrets = smallvec![stored(1, Some(1)), stored(2, None)]),
            changed(|c| c.standing.account.0 = Status::Disabled),
            changed(|c| c.allowed_networks = Box::new(["10.0.1.0/24".parse().unwrap()])),
        ] {
            for n in [1, 9] {
                let presented = read(None, &credentials(id, n)).unwrap();
                let hashed = std::cell::Cell::new(0);
                let counting = |secret: &Secret| {
                    hashed.set(hashed.get() + 1);
                    hash(secret)
                };
                let from = "10.0.0.7".parse().unwrap();
                let _ = authenticate(known.clone(), &presented, counting, from, at(100));
                assert_eq!(hashed.get(), 1, "{known:?} {n}");
            }
        }
    }

    #[test]
    fn a_wrong_secret_is_told_before_a_dead_account() {
        // Else a guesser would learn which accounts are disabled from our own counters.
        let mut known = client([]);
        known.standing.account.0 = Status::Disabled;
        let id = known.client_id;
        let failure = prove(Some(known), &credentials(id, 2), 0).unwrap_err();
        assert_eq!(failure, ClientAuthFailure::WrongSecret);
    }

    #[test]
    fn the_stored_hash_is_not_a_secret() {
        let stored = stored(1, None);
        assert_eq!(stored.pepper, PEPPER);
        let hex = escaped(&String::from_utf8_lossy(stored.hash.as_bytes())).replace('%', "");
        let body = format!("client_id={}&client_secret={hex}", ClientId::from_bits(4));
        let presented = read(None, &body).unwrap();
        assert_eq!(presented.client_id(), Err(ClientAuthFailure::Malformed));
    }

    #[test]
    fn in_a_rotation_both_secrets_work_until_the_second_the_overlap_ends() {
        let known = || Client {
            secrets: smallvec![stored(1, Some(100)), stored(2, Some(10_000_000))],
            ..client([])
        };
        let id = known().client_id;
        for (n, now, end) in [(1, 0, Some(100)), (1, 99, Some(100)), (2, 0, None)] {
            let proof = prove(Some(known()), &credentials(id, n), now).unwrap();
            assert_eq!(proof.end_to_announce(at(now)), end.map(at), "{n} at {now}");
        }
        let failure = prove(Some(known()), &credentials(id, 1), 100).unwrap_err();
        assert_eq!(failure, ClientAuthFailure::ExpiredSecret);
        assert!(prove(Some(known()), &credentials(id, 2), 100).is_ok());
    }

    #[test]
    fn the_end_of_a_secret_is_announced_for_its_last_14_days() {
        const DAY: i64 = 24 * 60 * 60;
        let known = || Client {
            secrets: smallvec![stored(1, Some(20 * DAY))],
            ..client([])
        };
        let id = known().client_id;
        for (now, announced) in [(6 * DAY - 1, false), (6 * DAY, true), (20 * DAY - 1, true)] {
            let proof = prove(Some(known()), &credentials(id, 1), now).unwrap();
            assert_eq!(proof.end_to_announce(at(now)).is_some(), announced, "{now}");
        }
        // In an overlap it is announced from the first second, however far its end is.
        let rotated = Client {
            secrets: smallvec![stored(1, Some(20 * DAY)), stored(2, None)],
            ..client([])
        };
        let proof = prove(Some(rotated), &credentials(id, 1), 0).unwrap();
        assert_eq!(proof.end_to_announce(at(0)), Some(at(20 * DAY)));
    }

    #[test]
    fn nothing_prints_what_was_presented() {
        let presented = read(None, &credentials(ClientId::from_bits(4), 1)).unwrap();
        assert!(!format!("{presented:?}").contains("ostler_cs_"));
    }
}

//! Why an administrative call was not carried out.
//!
//! A [`Problem`] is the caller's to mend, but for [`Problem::Unavailable`], which says that the
//! server does not know. Its words may be shown; they never hold the value of a secret field.

use std::borrow::Cow;
use std::fmt::Write;

use crate::domain::id::looks_like_an_id;
use crate::domain::retirement::Evidence;
use crate::domain::retry::KeptAnswer;
use crate::domain::role::AdminScope;
use crate::domain::secret::looks_secret;
use crate::store::NamedHolder;
use crate::store::StoreError;
use crate::store::WriteError;

use super::in_use::InUse;
use super::throttle::RetryAfter;

/// What a body or a query says, or why it says nothing. It is opened only when its target was found:
/// an unknown id is answered before a mistake in the body.
pub type Submitted<T> = Result<T, Problem>;

/// Why an administrative call was not carried out, in the order in which it is found out.
#[derive(Debug)]
pub enum Problem {
    /// Nobody is known to be calling.
    Unauthorized(BearerFault),
    /// The token does not hold this scope ([RFC 6750 §3.1]).
    ///
    /// [RFC 6750 §3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    InsufficientScope(AdminScope),
    /// The token holds the scope, and yet may not do this; the text says why.
    Forbidden(Cow<'static, str>),
    /// There is no such thing, or none that this caller may know of: the two are told apart by
    /// nobody.
    NotFound(&'static str),
    /// The body, or a parameter, is wrong.
    Invalid(Mistakes),
    /// The body is of a kind that is not read.
    UnsupportedMediaType,
    /// The thing is not, or no longer, at the version that the caller wants to change.
    PreconditionFailed,
    /// The request is right, and things stand against it.
    Conflict {
        /// Which code it is known by.
        code: Conflict,
        /// What stands against it, and what to do.
        detail: Cow<'static, str>,
    },
    /// The secret is in use, as far as is known.
    SecretInUse(Evidence),
    /// Too much was asked from one place; it was not looked at.
    TooManyRequests(RetryAfter),
    /// It is right as well, and others hold what it would take away.
    InUse(Box<InUse>),
    /// It was carried out before, under the same `Idempotency-Key`: this was answered then.
    Answered(Box<KeptAnswer>),
    /// The server has too much to do to begin with it; the text says what to wait for.
    Busy(&'static str),
    /// The server cannot know. It says nothing about what was asked.
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
}

/// What is wrong with the bearer token of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BearerFault {
    /// None was presented.
    Missing,
    /// It is malformed, expired, revoked, for another audience, or not ours.
    Invalid,
}

/// Why a caller who is known was not let near something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Denial {
    /// They may not do this.
    NotAllowed,
    /// There is nothing of this kind, or none that they may know of.
    Missing(&'static str),
}

impl Denial {
    /// Whether it is one for the audit trail, when `named` is what was aimed at. It does not depend
    /// on what exists elsewhere: the trail must not tell either. In an organization a wrong name is a
    /// slip, but nobody makes up an *id*: that is of something gone, or of another organization's.
    pub fn is_refusal(self, named: &str) -> bool {
        match self {
            Self::NotAllowed | Self::Missing("organization") => true,
            Self::Missing(_) => looks_like_an_id(named),
        }
    }
}

/// What can stand against a request that is right in itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Conflict {
    /// Something else has the name.
    NameTaken,
    /// Others hold it, or nothing else can take its place.
    InUse,
    /// There may not be more of it.
    QuotaReached,
    /// A secret is in use, as far as is known ([`Problem::SecretInUse`]).
    SecretInUse,
    /// Two secrets are live already.
    OverlapInProgress,
    /// Verifiers may not know the key yet.
    NotPublishedLongEnough,
    /// Nobody would be left to administer the instance.
    LastAdministrator,
    /// The thing is in a state from which this does not lead.
    WrongState,
    /// Another call has been made under the same `Idempotency-Key`.
    IdempotencyConflict,
}

impl Conflict {
    /// The code in the problem document.
    pub fn code(self) -> &'static str {
        match self {
            Self::NameTaken => "name_taken",
            Self::InUse => "in_use",
            Self::QuotaReached => "quota_reached",
            Self::SecretInUse => "secret_in_use",
            Self::OverlapInProgress => "overlap_in_progress",
            Self::NotPublishedLongEnough => "not_published_long_enough",
            Self::LastAdministrator => "last_administrator",
            Self::WrongState => "wrong_state",
            Self::IdempotencyConflict => "idempotency_conflict",
        }
    }
}

impl Problem {
    /// A conflict with this explanation.
    pub fn conflict(code: Conflict, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        Self::Conflict { code, detail }
    }

    /// What a failed write means: `taken` says what else has the name.
    pub fn of_write(error: WriteError, taken: &'static str) -> Self {
        match error {
            WriteError::Taken => Self::conflict(Conflict::NameTaken, taken),
            WriteError::Store(error) => error.into(),
        }
    }

    /// One mistake in the body.
    pub fn mistake(mistake: Mistake) -> Self {
        Self::Invalid(Mistakes(vec![mistake]))
    }

    /// The code in the problem document.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => "unauthorized",
            Self::InsufficientScope(_) | Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::Invalid(_) | Self::UnsupportedMediaType => "validation_failed",
            Self::PreconditionFailed => "precondition_failed",
            Self::Conflict { code, .. } => code.code(),
            Self::SecretInUse(_) => Conflict::SecretInUse.code(),
            Self::TooManyRequests(_) => "too_many_requests",
            Self::InUse(_) => Conflict::InUse.code(),
            Self::Answered(_) => "answered",
            Self::Busy(_) | Self::Unavailable(_) => "unavailable",
        }
    }

    /// What happened and what to do, for a person.
    pub fn detail(&self) -> Cow<'_, str> {
        match self {
            Self::Unauthorized(BearerFault::Missing) => {
                "present an access token of this server, issued for `resource` = the issuer".into()
            }
            Self::Unauthorized(BearerFault::Invalid) => {
                "the access token is not valid here: it is malformed, expired, revoked, or for \
                 another audience than the issuer"
                    .into()
            }
            Self::InsufficientScope(scope) => {
                format!("the token does not hold `{}` here", scope.as_str()).into()
            }
            Self::Forbidden(detail) | Self::Conflict { detail, .. } => detail.as_ref().into(),
            Self::InUse(held) => held.to_string().into(),
            Self::NotFound(what) => format!("there is no such {what}").into(),
            Self::Invalid(mistakes) => mistakes.detail().into(),
            Self::UnsupportedMediaType => "the body has to be JSON, as `application/json`".into(),
            Self::SecretInUse(evidence) => in_use(evidence).into(),
            Self::TooManyRequests(wait) => format!(
                "too much from this address: wait for {} seconds",
                wait.seconds
            )
            .into(),
            Self::PreconditionFailed => {
                "this is not the version that `If-Match` names: read it again, and send the `ETag` \
                 of that answer"
                    .into()
            }
            Self::Answered(_) => "this call was carried out before".into(),
            Self::Busy(detail) => (*detail).into(),
            Self::Unavailable(_) => "the server cannot answer at the moment; try again".into(),
        }
    }

    /// Who holds what is in use, if that is what it is about.
    pub fn holders(&self) -> Option<&[NamedHolder]> {
        match self {
            Self::InUse(held) => Some(&held.holders),
            _ => None,
        }
    }

    /// Whether it is about what the caller may do or see, and how.
    pub fn denial(&self) -> Option<Denial> {
        match self {
            Self::InsufficientScope(_) | Self::Forbidden(_) => Some(Denial::NotAllowed),
            Self::NotFound(what) => Some(Denial::Missing(what)),
            _ => None,
        }
    }

    /// The mistakes of the body, if that is what it is about.
    pub fn mistakes(&self) -> &[Mistake] {
        match self {
            Self::Invalid(mistakes) => &mistakes.0,
            _ => &[],
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// What is known of the use of a secret that stays, and what to do.
fn in_use(evidence: &Evidence) -> String {
    let used = match (evidence.last_used_at, evidence.last_used_address) {
        (None, _) => "the secret was never used".to_owned(),
        (Some(at), None) => format!("the secret was last used at {at}"),
        (Some(at), Some(address)) => format!("the secret was last used at {at} from {address}"),
    };
    let other = match evidence.other_first_used_at {
        None => "no other one has come into use".to_owned(),
        Some(at) => format!("the other one first at {at}"),
    };
    let doubt = if evidence.complete {
        ""
    } else {
        ", as far as is known now: not every node's usage could be read"
    };
    format!(
        "{used}, and {other}{doubt}. Retire it once its users have moved on, or say `?force=true`"
    )
}

/// One mistake in a body: where, what, and how to mend it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// A JSON pointer into the body ([RFC 6901]); `None` for a parameter of the query.
    ///
    /// [RFC 6901]: https://www.rfc-editor.org/rfc/rfc6901
    pub pointer: Option<String>,
    /// What kind of mistake, for programs.
    pub code: &'static str,
    /// What is wrong, for people.
    pub detail: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

/// All mistakes of one body: they are found together, so that one answer is enough to mend them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// The most that one answer lists.
    const MAX: usize = 100;

    /// Notes a mistake.
    pub fn note(&mut self, mistake: Mistake) {
        if !self.is_full() {
            self.0.push(mistake);
        }
    }

    /// Notes a mistake at `pointer`.
    pub fn add(&mut self, pointer: &str, code: &'static str, detail: impl Into<String>) {
        self.note(Mistake {
            pointer: Some(pointer.to_owned()),
            code,
            detail: detail.into(),
            hint: None,
        });
    }

    /// Notes at `pointer` that nothing is called `name`; the hint is the nearest of `known`.
    pub fn add_unknown<'a>(
        &mut self,
        pointer: &str,
        (code, detail): (&'static str, String),
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        // Looking for the nearest name is work that a full list is not worth.
        if self.is_full() {
            return;
        }
        self.note(Mistake {
            pointer: Some(pointer.to_owned()),
            code,
            detail,
            hint: nearest(name, known).map(|best| format!("did you mean `{best}`?")),
        });
    }

    /// `Err` when there is any.
    pub fn check(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::Invalid(self))
        }
    }

    /// Whether an answer lists no more.
    pub fn is_full(&self) -> bool {
        self.0.len() >= Self::MAX
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn detail(&self) -> String {
        match self.0.as_slice() {
            [only] => match &only.pointer {
                Some(pointer) if !pointer.is_empty() => format!("{pointer}: {}", only.detail),
                _ => only.detail.clone(),
            },
            several => format!("the request has {} mistakes", several.len()),
        }
    }
}

/// A text of the caller's in an explanation: bounded, printable, and never a secret that was put in
/// the wrong place.
pub fn quoted(text: &str) -> String {
    match shown(text) {
        Some(text) => format!("`{text}`"),
        None => "(not shown: it holds a secret)".to_owned(),
    }
}

/// A text of the caller's, bounded and printable; `None` when it holds a secret.
pub fn shown(text: &str) -> Option<String> {
    const MAX_CHARS: usize = 64;
    if looks_secret(text) {
        return None;
    }
    let mut shown = String::new();
    for character in text.chars().take(MAX_CHARS) {
        if character.is_control() {
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    Some(shown)
}

/// A member's name in a JSON pointer ([RFC 6901 §3]). One that is long, or holds a secret that was
/// put in the wrong place, is not repeated.
///
/// [RFC 6901 §3]: https://www.rfc-editor.org/rfc/rfc6901#section-3
pub fn escaped(name: &str) -> String {
    const MAX_BYTES: usize = 256;
    if name.len() > MAX_BYTES || looks_secret(name) {
        return "…".to_owned();
    }
    name.replace('~', "~0").replace('/', "~1")
}

/// The one of `known` that `name` is probably a misspelling of.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A distance costs the product of both lengths, and one body may ask for a hundred hints.
    const MAX_BYTES: usize = 48;
    const MAX_KNOWN: usize = 200;
    if name.len() > MAX_BYTES {
        return None;
    }
    let folded = name.to_lowercase();
    // Similar: at most two of five characters differ, so the lengths do not differ by more either.
    let allowed = |candidate: &str| candidate.len().max(folded.len()) * 2 / 5;
    known
        .into_iter()
        .take(MAX_KNOWN)
        .filter(|candidate| candidate.len().abs_diff(folded.len()) <= allowed(candidate))
        .map(|candidate| {
            let distance = strsim::osa_distance(&folded, &candidate.to_lowercase());
            (candidate, distance)
        })
        .filter(|(candidate, distance)| *distance <= allowed(candidate))
        .min_by_key(|(_, distance)| *distance)
        .map(|(candidate, _)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_gets_the_nearest_known_one_as_its_hint() {
        let known = ["APOLLO", "GEMINI", "demo"];
        assert_eq!(nearest("APPOLO", known), Some("APOLLO"));
        assert_eq!(nearest("apollo", known), Some("APOLLO"));
        assert_eq!(nearest("nothing-like-it", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
        assert_eq!(nearest("APOLLOX", known), Some("APOLLO"));
        assert_eq!(nearest("AP", known), None);
    }

    #[test]
    fn a_quoted_text_is_bounded_printable_and_never_a_secret() {
        assert_eq!(quoted("demo"), "`demo`");
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"ä".repeat(65)), format!("`{}…`", "ä".repeat(64)));
        assert!(!quoted("my ostler_cs_0123").contains("0123"));
        assert!(!quoted("my eyJ0.e30.sig").contains("sig"));
    }

    #[test]
    fn a_pointer_repeats_no_secret_and_no_endless_name() {
        assert_eq!(escaped("a/b~c"), "a~1b~0c");
        for name in ["ostler_at_0123", "eyJ0.e30.sig", &"x".repeat(257)] {
            assert_eq!(escaped(name), "…");
        }
    }

    #[test]
    fn one_answer_lists_a_bounded_number_of_mistakes() {
        let mut mistakes = Mistakes::default();
        for _ in 0..1_000 {
            mistakes.add("/a", "invalid", "wrong");
        }
        let problem = mistakes.check().unwrap_err();
        assert_eq!(problem.mistakes().len(), Mistakes::MAX);
        assert_eq!(problem.detail(), "the request has 100 mistakes");
    }
}

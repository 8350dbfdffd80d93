//! The strict form: the only way in for the parameters of an OAuth endpoint.
//!
//! Two parsers that read a request differently are an attack, so nothing here is lenient: a
//! parameter occurs once ([RFC 6749 §3.2]), every escape is whole, every value is UTF-8 without NUL
//! and bounded, names are compared byte by byte, and the query string is not read at all, except to
//! refuse a secret that somebody put there.
//!
//! A parameter without a value counts as omitted ([RFC 6749 §3.2]). It has still occurred: the same
//! section forbids to *include* one twice, and of `scope=&scope=admin` one parser would read the
//! first and another the last.
//!
//! [RFC 6749 §3.2]: https://www.rfc-editor.org/rfc/rfc6749#section-3.2

mod content_type;
mod encoding;

use std::borrow::Cow;
use std::fmt;

use zeroize::Zeroize;

use super::refusal::Refusal;

pub use encoding::Undecodable;
pub use encoding::form_decode;

/// The most parameters, with the unknown ones: far more than any grant has, few enough that looking
/// for repetitions costs nothing.
const MAX_PARAMETERS: usize = 100;

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A parameter that an endpoint of ours reads.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Parameter { $($(#[$doc])* $name,)* }

        impl Parameter {
            /// All of them.
            const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

parameters! {
    /// RFC 6749 section 4.4.2.
    GrantType = "grant_type";
    /// RFC 6749 section 3.3.
    Scope = "scope";
    /// RFC 8707 section 2.
    Resource = "resource";
    /// An alias of `resource`, as other servers call it.
    Audience = "audience";
    /// RFC 9396 section 2.
    AuthorizationDetails = "authorization_details";
    /// The wanted lifetime, in seconds.
    ExpiresIn = "expires_in";
    /// RFC 6749 section 2.3.1.
    ClientId = "client_id";
    /// RFC 6749 section 2.3.1.
    ClientSecret = "client_secret";
    /// RFC 7521 section 4.2.
    ClientAssertion = "client_assertion";
    /// RFC 7521 section 4.2.
    ClientAssertionType = "client_assertion_type";
    /// RFC 8693 section 2.1.
    SubjectToken = "subject_token";
    /// RFC 8693 section 2.1.
    SubjectTokenType = "subject_token_type";
    /// RFC 8693 section 2.1.
    ActorToken = "actor_token";
    /// RFC 8693 section 2.1.
    ActorTokenType = "actor_token_type";
    /// RFC 8693 section 2.1.
    RequestedTokenType = "requested_token_type";
    /// RFC 7662 section 2.1, RFC 7009 section 2.1.
    Token = "token";
    /// RFC 7662 section 2.1, RFC 7009 section 2.1.
    TokenTypeHint = "token_type_hint";
}

impl Parameter {
    /// The longest value, in bytes.
    fn limit(self) -> usize {
        match self {
            Self::Token => 8 * 1024,
            Self::AuthorizationDetails => 16 * 1024,
            _ => MAX_VALUE,
        }
    }

    /// What must never be in a query string, where every proxy logs it.
    fn is_secret(self) -> bool {
        matches!(
            self,
            Self::ClientSecret
                | Self::ClientAssertion
                | Self::SubjectToken
                | Self::ActorToken
                | Self::Token
        )
    }
}

/// The longest value of any parameter that has no limit of its own, in bytes.
const MAX_VALUE: usize = 4_000;

/// A form that was read strictly. Its `Debug` shows which parameters there are and no value.
pub struct Form<'a> {
    /// Each parameter that occurred, once; with nothing for one without a value.
    values: Vec<(Parameter, Cow<'a, str>)>,
}

impl<'a> Form<'a> {
    /// Reads a request's form: its `Content-Type` headers, the query of its target, its body.
    pub fn parse<'h>(
        content_types: impl IntoIterator<Item = &'h [u8]>,
        query: Option<&str>,
        body: &'a [u8],
    ) -> Result<Self, Refusal> {
        content_type::check(content_types)?;
        if query.is_some_and(holds_secret) {
            return Err(Refusal::invalid_request(
                "a secret or token in the query string is in every log on its way: treat it as \
                 leaked, and send it in the body",
            ));
        }
        Self::parse_body(body)
    }

    fn parse_body(body: &'a [u8]) -> Result<Self, Refusal> {
        let mut form = Form { values: Vec::new() };
        let mut unknown: Vec<Cow<'a, str>> = Vec::new();
        for (position, pair) in encoding::pairs(body).enumerate() {
            if position == MAX_PARAMETERS {
                return Err(Refusal::invalid_request("there are too many parameters"));
            }
            let (name, value) = pair.map_err(|Undecodable| {
                Refusal::invalid_request(
                    "the body is not a form: a bad percent-escape, not UTF-8, or a NUL",
                )
            })?;
            match Parameter::parse(&name) {
                Some(known) => form.take(known, value)?,
                None if value.len() > MAX_VALUE => {
                    return Err(Refusal::invalid_request("a parameter is too long"));
                }
                None if unknown.contains(&name) => {
                    return Err(Refusal::invalid_request("a parameter is repeated"));
                }
                None => unknown.push(name),
            }
        }
        Ok(form)
    }

    fn take(&mut self, parameter: Parameter, value: Cow<'a, str>) -> Result<(), Refusal> {
        let name = parameter.as_str();
        if value.len() > parameter.limit() {
            let limit = parameter.limit();
            return Err(Refusal::invalid_request(format!(
                "{name} is longer than {limit} bytes"
            )));
        }
        if self.values.iter().any(|(known, _)| *known == parameter) {
            return Err(match parameter {
                Parameter::Resource => {
                    Refusal::invalid_target("resource is repeated: a token is for one API")
                }
                _ => Refusal::invalid_request(format!("{name} is repeated")),
            });
        }
        self.values.push((parameter, value));
        Ok(())
    }

    /// The value of a parameter; `None` when it was omitted or empty.
    pub fn value(&self, parameter: Parameter) -> Option<&str> {
        let mut values = self.values.iter();
        let (_, value) = values.find(|(known, _)| *known == parameter)?;
        Some(&**value).filter(|value| !value.is_empty())
    }

    /// The value of a parameter without which the request makes no sense.
    pub fn required(&self, parameter: Parameter) -> Result<&str, Refusal> {
        self.value(parameter)
            .ok_or_else(|| Refusal::invalid_request(format!("{} is missing", parameter.as_str())))
    }
}

impl fmt::Debug for Form<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present = Parameter::ALL
            .iter()
            .filter(|parameter| self.value(**parameter).is_some());
        f.debug_set().entries(present).finish()
    }
}

/// Decoded copies of secrets do not stay in memory.
impl Drop for Form<'_> {
    fn drop(&mut self) {
        for (parameter, value) in &mut self.values {
            if let (true, Cow::Owned(copy)) = (parameter.is_secret(), value) {
                copy.zeroize();
            }
        }
    }
}

/// Whether the query of a request's target has a parameter whose value is a secret, whatever it is.
pub fn holds_secret(query: &str) -> bool {
    encoding::pairs(query.as_bytes()).any(|pair| {
        pair.is_ok_and(|(name, _)| {
            name == "access_token" || Parameter::parse(&name).is_some_and(Parameter::is_secret)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"application/x-www-form-urlencoded";

    fn parse(body: &[u8]) -> Result<Form<'_>, Refusal> {
        Form::parse([FORM], None, body)
    }

    fn code(body: &[u8]) -> &'static str {
        parse(body).map_or_else(|refusal| refusal.code(), |_| "accepted")
    }

    #[test]
    fn parameters_are_decoded_and_matched_byte_by_byte() {
        // RFC 6749 §3.2, §B: names are case sensitive, unknown ones are ignored.
        let form =
            parse(b"&gr%61nt_type=client%5Fcredentials&Scope=x&foo=bar&scope=a+b%20c&&").unwrap();
        assert_eq!(form.value(Parameter::GrantType), Some("client_credentials"));
        assert_eq!(form.value(Parameter::Scope), Some("a b c"));
        assert_eq!(form.value(Parameter::Resource), None);
    }

    #[test]
    fn what_is_empty_is_omitted() {
        // RFC 6749 §3.2: parameters sent without a value are treated as if they were omitted.
        for body in ["scope=", "scope", "scope=&resource", ""] {
            let form = parse(body.as_bytes()).unwrap();
            assert_eq!(form.value(Parameter::Scope), None, "{body}");
            assert!(form.required(Parameter::Scope).is_err(), "{body}");
        }
    }

    #[test]
    fn nothing_occurs_twice() {
        // RFC 6749 §3.2: parameters are not included more than once; RFC 8707 §2 for resource.
        for parameter in Parameter::ALL {
            let name = parameter.as_str();
            let expected = match parameter {
                Parameter::Resource => "invalid_target",
                _ => "invalid_request",
            };
            for body in [
                format!("{name}=a&{name}=a"),
                format!("{name}=a&x=y&{name}=b"),
                format!("{name}=&{name}=b"),
                format!("{name}&{name}"),
            ] {
                assert_eq!(code(body.as_bytes()), expected, "{body}");
            }
        }
        for body in ["foo=1&foo=2", "foo=1&f%6Fo=1", "=1&=2", "foo&bar&foo"] {
            assert_eq!(code(body.as_bytes()), "invalid_request", "{body}");
        }
        assert_eq!(code(b"Scope=a&scope=b"), "accepted");
    }

    #[test]
    fn a_repetition_is_named_only_when_the_name_is_ours() {
        let refusal = parse(b"hunter2=1&hunter2=2").unwrap_err();
        assert_eq!(refusal.description(), "a parameter is repeated");
        let refusal = parse(b"scope=1&scope=2").unwrap_err();
        assert_eq!(refusal.description(), "scope is repeated");
    }

    #[test]
    fn what_is_no_form_is_refused() {
        // RFC 6749 §B: UTF-8, then percent-encoding.
        for body in [
            &b"scope=%"[..],
            b"scope=%4",
            b"scope=%zz",
            b"scope=%+1",
            b"sc%ope=x",
            b"scope=\xff",
            b"scope=%ff",
            b"scope=%ED%A0%80",
            b"scope=%C0%AF",
            b"scope=%00",
            b"scope=\0",
            b"%00=x",
            b"foo=%00",
            b"\x1f\x8b\x08gzip",
        ] {
            assert_eq!(code(body), "invalid_request", "{body:?}");
        }
        assert_eq!(code("scope=é".as_bytes()), "accepted");
    }

    #[test]
    fn every_value_is_bounded() {
        for (name, limit) in [
            ("scope", 4_000),
            ("client_secret", 4_000),
            ("foo", 4_000),
            ("token", 8 * 1024),
            ("authorization_details", 16 * 1024),
        ] {
            let body = format!("{name}={}", "x".repeat(limit));
            assert_eq!(code(body.as_bytes()), "accepted", "{name}");
            assert_eq!(
                code(format!("{body}x").as_bytes()),
                "invalid_request",
                "{name}"
            );
        }
        // The bound is on the value, not on its spelling.
        let escaped = format!("scope={}", "%78".repeat(4_000));
        assert_eq!(code(escaped.as_bytes()), "accepted");
    }

    #[test]
    fn the_number_of_parameters_is_bounded() {
        let many = |count: usize| {
            let pairs: Vec<String> = (0..count).map(|n| format!("p{n}=")).collect();
            pairs.join("&")
        };
        assert_eq!(code(many(100).as_bytes()), "accepted");
        assert_eq!(code(many(101).as_bytes()), "invalid_request");
        assert_eq!(code(many(10_000).as_bytes()), "invalid_request");
    }

    #[test]
    fn a_secret_in_the_query_is_refused_and_all_else_in_it_ignored() {
        // RFC 6749 §2.3.1: the parameters MUST NOT be in the request URI; RFC 6750 §5.3.
        for query in [
            "client_secret=x",
            "client_secret=",
            "a=b&token=x",
            "tok%65n=x",
            "client_assertion=x",
            "access_token=x",
            "x=%zz&token=y",
        ] {
            let refusal = Form::parse([FORM], Some(query), b"").unwrap_err();
            assert_eq!(refusal.code(), "invalid_request", "{query}");
        }
        let form = Form::parse([FORM], Some("grant_type=client_credentials&x=%zz"), b"").unwrap();
        assert_eq!(form.value(Parameter::GrantType), None);
    }

    #[test]
    fn a_form_does_not_print_its_values() {
        let form = parse(b"client_id=a&client_secret=hunter2").unwrap();
        assert_eq!(format!("{form:?}"), "{ClientId, ClientSecret}");
    }

    #[test]
    fn the_numbers_of_the_parameters_are_their_places() {
        for (place, parameter) in Parameter::ALL.iter().enumerate() {
            assert_eq!(*parameter as usize, place);
            assert_eq!(Parameter::parse(parameter.as_str()), Some(*parameter));
        }
    }
}

//! The form of an OAuth endpoint.
//!
//! An input is a body; one with lines is a `Content-Type`, a query and a body.

use ostler::oauth::form::Form;
use ostler::oauth::form::Parameter;
use ostler::oauth::form::form_decode;
use ostler::oauth::refusal::Refusal;
use url::form_urlencoded;

use super::check_refusal;

const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// The parameters, with the longest value of each (contract section 2).
const PARAMETERS: [(Parameter, usize); 17] = [
    (Parameter::GrantType, 4_000),
    (Parameter::Scope, 4_000),
    (Parameter::Resource, 4_000),
    (Parameter::Audience, 4_000),
    (Parameter::AuthorizationDetails, 16 * 1024),
    (Parameter::ExpiresIn, 4_000),
    (Parameter::ClientId, 4_000),
    (Parameter::ClientSecret, 4_000),
    (Parameter::ClientAssertion, 4_000),
    (Parameter::ClientAssertionType, 4_000),
    (Parameter::SubjectToken, 4_000),
    (Parameter::SubjectTokenType, 4_000),
    (Parameter::ActorToken, 4_000),
    (Parameter::ActorTokenType, 4_000),
    (Parameter::RequestedTokenType, 4_000),
    (Parameter::Token, 8 * 1024),
    (Parameter::TokenTypeHint, 4_000),
];

/// What is accepted, every other parser reads the same way; what is refused, is refused whatever the
/// values are, and without a word of them.
pub fn check(input: &[u8]) -> bool {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let (content_type, query, body) = match (lines.next(), lines.next(), lines.next()) {
        (Some(content_type), Some(query), Some(body)) => (content_type, Some(query), body),
        _ => (FORM, None, input),
    };
    let query = query.and_then(|query| std::str::from_utf8(query).ok());
    check_decoding(body);
    match Form::parse([content_type], query, body) {
        Ok(form) => {
            let text = content_type.to_ascii_lowercase();
            assert!(text.trim_ascii().starts_with(FORM));
            check_accepted(&form, body);
            true
        }
        Err(refusal) => {
            check_refusal(&refusal);
            let hidden = hide_values(body);
            let same = Form::parse([content_type], query, &hidden);
            assert_eq!(same.err(), Some(refusal));
            false
        }
    }
}

fn check_accepted(form: &Form<'_>, body: &[u8]) {
    let pairs: Vec<_> = form_urlencoded::parse(body).collect();
    assert!(pairs.len() <= 100);
    for (position, (name, value)) in pairs.iter().enumerate() {
        let (_, before) = pairs.split_at(position + 1);
        assert!(
            before.iter().all(|(other, _)| other != name),
            "{name} twice"
        );
        assert!(!name.contains('\0') && !value.contains('\0'));
        assert!(value.len() <= 16 * 1024);
    }
    let mut again = form_urlencoded::Serializer::new(String::new());
    for (parameter, limit) in PARAMETERS {
        let mut named = pairs.iter().filter(|(name, _)| name == parameter.as_str());
        let others_read = named.next().map(|(_, value)| &**value);
        let others_read = others_read.filter(|value| !value.is_empty());
        assert_eq!(form.value(parameter), others_read);
        if let Some(value) = form.value(parameter) {
            assert!(value.len() <= limit);
            again.append_pair(parameter.as_str(), value);
        }
        assert_eq!(form.required(parameter).ok(), form.value(parameter));
    }

    let again = again.finish();
    let same = Form::parse([FORM], None, again.as_bytes()).expect("what was written is read");
    for (parameter, _) in PARAMETERS {
        assert_eq!(same.value(parameter), form.value(parameter));
    }
    check_debug(form);
}

/// `Debug` names the parameters and shows no value.
fn check_debug(form: &Form<'_>) {
    let present = PARAMETERS
        .iter()
        .filter(|(parameter, _)| form.value(*parameter).is_some())
        .map(|(parameter, _)| format!("{parameter:?}"));
    let shown = format!("{form:?}");
    let shown = shown.trim_start_matches('{').trim_end_matches('}');
    let shown: Vec<_> = shown.split(", ").filter(|name| !name.is_empty()).collect();
    assert_eq!(shown, present.collect::<Vec<_>>());
}

/// The body with other letters and digits in its values, where nothing depends on which they are.
fn hide_values(body: &[u8]) -> Vec<u8> {
    let mut hidden = Vec::with_capacity(body.len());
    let (mut in_value, mut of_escape) = (false, 0);
    for byte in body {
        match byte {
            b'&' => in_value = false,
            b'=' => in_value = true,
            _ => {}
        }
        let free = in_value && of_escape == 0 && byte.is_ascii_alphanumeric();
        hidden.push(if free { b'q' } else { *byte });
        of_escape = if *byte == b'%' {
            2_u8
        } else {
            of_escape.saturating_sub(1)
        };
    }
    hidden
}

fn check_decoding(body: &[u8]) {
    let Ok(text) = form_decode(body) else {
        return;
    };
    assert!(!text.contains('\0'));
    let again: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    assert_eq!(form_decode(again.as_bytes()).as_deref(), Ok(&*text));
}

/// Reads a form that is nothing but this body.
pub fn of_body(body: &[u8]) -> Result<Form<'_>, Refusal> {
    Form::parse([FORM], None, body)
}

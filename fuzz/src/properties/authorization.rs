//! The `Authorization` header, and the credentials in it ([RFC 7617], [RFC 6749 §2.3.1]).
//!
//! Each line of an input is a header.
//!
//! [RFC 7617]: https://www.rfc-editor.org/rfc/rfc7617
//! [RFC 6749 §2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use ostler::domain::id::ClientId;
use ostler::oauth::authorization::Authorization;
use ostler::oauth::client_auth::PresentedCredential;
use ostler::oauth::form::form_decode;

use super::check_refusal;
use super::form;

/// What is read out of a header is what others would read, and nothing of it is printed.
pub fn check(input: &[u8]) -> bool {
    let headers: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let authorization = match Authorization::parse(headers.iter().copied()) {
        Ok(authorization) => authorization,
        Err(refusal) => {
            assert!(headers.len() > 1);
            check_refusal(&refusal);
            return false;
        }
    };
    assert_eq!(headers.len(), 1);
    let header = headers[0].trim_ascii();
    check_scheme(header, authorization);

    let nothing = form::of_body(b"").expect("an empty form");
    match PresentedCredential::of_request(authorization, &nothing) {
        Ok(presented) => {
            check_presented(header, authorization, &presented);
            presented.client_id().is_ok()
        }
        Err(refusal) => {
            check_refusal(&refusal);
            assert!(!matches!(authorization, Authorization::Basic(_)));
            false
        }
    }
}

fn check_scheme(header: &[u8], authorization: Authorization<'_>) {
    let scheme = header
        .split(|byte| *byte == b' ')
        .next()
        .unwrap_or_default();
    let name = format!("{authorization:?}");
    match authorization {
        Authorization::Basic(rest) => {
            assert!(scheme.eq_ignore_ascii_case(b"basic") && name == "Basic");
            assert!(header.ends_with(rest) && rest.trim_ascii() == rest);
        }
        Authorization::Bearer(rest) => {
            assert!(scheme.eq_ignore_ascii_case(b"bearer") && name == "Bearer");
            assert!(rest.is_empty() || header.ends_with(rest.as_bytes()));
        }
        Authorization::Other => assert_eq!(name, "Other"),
        Authorization::Absent => panic!("there is a header"),
    }
}

fn check_presented(
    header: &[u8],
    authorization: Authorization<'_>,
    presented: &PresentedCredential,
) {
    let Authorization::Basic(encoded) = authorization else {
        panic!("nothing but Basic presents a credential: {header:?}");
    };
    let name = presented.failure_name();
    assert_eq!(
        format!("{presented:?}"),
        format!("PresentedCredential({name})")
    );
    assert!(name == "malformed" || name.parse::<ClientId>().is_ok());
    let Ok(client_id) = presented.client_id() else {
        return;
    };

    let text = BASE64_STANDARD
        .decode(encoded)
        .or_else(|_| BASE64_STANDARD_NO_PAD.decode(encoded))
        .expect("base64");
    let colon = text.iter().position(|byte| *byte == b':').expect("a colon");
    let id = form_decode(&text[..colon]).expect("an id");
    let secret = form_decode(&text[colon + 1..]).expect("a secret");
    assert_eq!(
        (client_id.to_string(), &name),
        (id.into_owned(), &client_id.to_string())
    );
    assert!(secret.starts_with("ostler_cs_") && secret.len() == 59);

    // The same in the body, and in the header as most clients send it.
    let canonical = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{client_id}:{secret}"))
    );
    let in_header = Authorization::parse([canonical.as_bytes()]).expect("one header");
    let in_body = format!("client_id={client_id}&client_secret={secret}");
    for (authorization, body) in [(in_header, ""), (Authorization::Absent, in_body.as_str())] {
        let form = form::of_body(body.as_bytes()).expect("a form");
        let again = PresentedCredential::of_request(authorization, &form).expect("a credential");
        assert_eq!(again.client_id(), Ok(client_id));
    }
}

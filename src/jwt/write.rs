//! The JSON of a token: its header, and its claims in one pass and a fixed order.

use serde::Serialize;

use crate::domain::json::Object;
use crate::domain::located::LocatedDetails;
use crate::domain::signing_key::Algorithm;
use crate::domain::token::Claims;
use crate::domain::token::TokenTyp;

/// Room for the claims of a usual token, in bytes.
const USUAL_LEN: usize = 768;

/// The JOSE header of the tokens that this key signs.
pub(super) fn header(
    algorithm: Algorithm,
    typ: TokenTyp,
    kid: &str,
) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Header<'a> {
        typ: &'a str,
        alg: &'a str,
        kid: &'a str,
    }
    serde_json::to_vec(&Header {
        typ: typ.as_str(),
        alg: algorithm.as_str(),
        kid,
    })
}

/// The claims of a token.
pub(super) fn claims(claims: &Claims) -> serde_json::Result<Vec<u8>> {
    let generations = &claims.generations;
    let mut json = Vec::with_capacity(USUAL_LEN);
    let mut object = Object::begin(&mut json);
    object
        .text("iss", &claims.issuer)
        .text("sub", claims.account.to_text().as_str())
        .text("client_id", claims.client_id.to_text().as_str())
        .text("aud", &claims.audience)
        .number("iat", claims.issued_at)
        .number("exp", claims.expires_at)
        .value("jti", &claims.id)?;
    if !claims.scopes.is_empty() {
        object.value("scope", &claims.scopes)?;
    }
    object
        .details(LocatedDetails {
            details: &claims.details,
            audience: &claims.audience,
        })
        .text("org", claims.organization.to_text().as_str())
        .text("epoch", generations.epoch.as_str())
        .number("org_gen", generations.organization.0)
        .number("account_gen", generations.account.0)
        .number("credential_gen", generations.credential.0);
    object.end();
    Ok(json)
}

/// The claims as a token says them, to be shown.
pub fn claims_json(says: &Claims) -> serde_json::Value {
    let json = claims(says).and_then(|json| serde_json::from_slice(&json));
    json.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::resource::Identifiers;
    use crate::domain::scope::ScopeSet;
    use crate::jwt::fixtures;

    fn written(claims: &Claims) -> String {
        String::from_utf8(super::claims(claims).unwrap()).unwrap()
    }

    #[test]
    fn the_claims_are_those_of_the_contract_in_a_fixed_order() {
        // RFC 9068 §2.2, RFC 8693 §4.2 (`scope` is one string), RFC 9396 §2.
        insta::assert_snapshot!(written(&fixtures::claims()), @r#"{"iss":"https://auth.example.com","sub":"sa_00000000010000000000000001","client_id":"sac_00000000010000000000000002","aud":"https://api.example.com/v1","iat":1800000000,"exp":1800000900,"jti":"BwcHBwcHBwcHBwcHBwcHBw","scope":"read write","authorization_details":[{"type":"project","locations":["https://api.example.com/v1"],"identifiers":["DEMO","SECRET"]},{"type":"space","locations":["https://api.example.com/v1"],"identifiers":"*"}],"org":"org_00000000010000000000000003","epoch":"11111111","org_gen":1,"account_gen":2,"credential_gen":3}"#);
    }

    #[test]
    fn an_empty_scope_and_an_api_without_types_leave_their_claims_out() {
        let mut claims = fixtures::claims();
        claims.scopes = ScopeSet::default();
        claims.details.clear();
        let json = written(&claims);
        assert!(!json.contains("scope") && !json.contains("authorization_details"));
    }

    #[test]
    fn a_type_of_which_nothing_is_held_is_still_named() {
        let mut claims = fixtures::claims();
        claims.details.truncate(1);
        claims.details[0].identifiers = Identifiers::NONE;
        assert!(written(&claims).contains(r#""identifiers":[]"#));
    }

    #[test]
    fn texts_are_escaped() {
        let mut claims = fixtures::claims();
        claims.issuer = "https://a/\"}\\".into();
        claims.scopes = ScopeSet::parse("a:b/c'd").unwrap();
        let read: serde_json::Value = serde_json::from_str(&written(&claims)).unwrap();
        assert_eq!(read["iss"], *claims.issuer);
        assert_eq!(read["scope"], "a:b/c'd");
    }

    #[test]
    fn the_header_names_type_algorithm_and_key() {
        let json = header(Algorithm::EdDsa, TokenTyp::AtJwt, "k").unwrap();
        assert_eq!(json, br#"{"typ":"at+jwt","alg":"EdDSA","kid":"k"}"#);
    }
}

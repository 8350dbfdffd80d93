//! What a forger tries, and what becomes of it (RFC 8725 section 2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use ring::hmac;

use super::InvalidToken;
use super::KeyPair;
use super::KeyRing;
use super::MAX_TOKEN_LEN;
use super::fixtures::ISSUER;
use super::fixtures::NOW;
use super::fixtures::at;
use super::fixtures::claims;
use super::fixtures::claims_json;
use super::fixtures::header;
use super::fixtures::jws;
use super::fixtures::kid;
use super::fixtures::pair;
use super::fixtures::ring;
use super::fixtures::signed_by;
use crate::domain::signing_key::Algorithm;
use crate::domain::token::TokenTyp;

fn why(ring: &KeyRing, token: &str) -> InvalidToken {
    match ring.verify(token, ISSUER, at(NOW)) {
        Err(why) => why,
        Ok(_) => panic!("accepted: {token}"),
    }
}

async fn token(ring: &KeyRing, algorithm: Algorithm) -> String {
    let token = ring.sign(TokenTyp::AtJwt, algorithm, &claims()).await;
    token.unwrap().into_string()
}

#[tokio::test]
async fn a_token_with_any_character_changed_is_refused() {
    let ring = ring();
    let token = token(&ring, Algorithm::EdDsa).await;
    for position in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[position] = if changed[position] == b'A' {
            b'B'
        } else {
            b'A'
        };
        why(&ring, std::str::from_utf8(&changed).unwrap());
    }
}

#[tokio::test]
async fn a_token_with_any_end_cut_off_or_anything_added_is_refused() {
    let ring = ring();
    let token = token(&ring, Algorithm::EdDsa).await;
    for length in 0..token.len() {
        why(&ring, &token[..length]);
    }
    for added in ["A", "=", "==", ".", " ", "\n", "\0", "~", "é"] {
        why(&ring, &format!("{token}{added}"));
        why(&ring, &format!("{added}{token}"));
    }
}

#[tokio::test]
async fn parts_of_two_good_tokens_do_not_make_a_third() {
    let ring = ring();
    let one = token(&ring, Algorithm::Es256).await;
    let mut other = claims();
    other.expires_at += 1;
    let other = ring.sign(TokenTyp::AtJwt, Algorithm::Es256, &other).await;
    let other = other.unwrap().into_string();
    let (one, other): (Vec<&str>, Vec<&str>) =
        (one.split('.').collect(), other.split('.').collect());
    assert_eq!(one[0], other[0]);
    for mixed in [[one[0], other[1], one[2]], [one[0], one[1], other[2]]] {
        assert_eq!(why(&ring, &mixed.join(".")), InvalidToken::Signature);
    }
}

#[test]
fn the_public_key_is_not_a_secret_to_sign_with() {
    let ring = ring();
    let rsa = pair(Algorithm::Rs256, false);
    let jwks = String::from_utf8(ring.jwks().body.to_vec()).unwrap();
    let jwk: serde_json::Value = serde_json::from_str(&jwks).unwrap();
    let jwk = jwk["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|jwk| jwk["kty"] == "RSA")
        .unwrap();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let secrets = [
        jwks.as_bytes().to_vec(),
        jwk.to_string().into_bytes(),
        jwk["n"].as_str().unwrap().into(),
        modulus,
        kid(&rsa).into_bytes(),
        format!("{jwk}\n").into_bytes(),
        Vec::new(),
    ];
    for alg in ["HS256", "hs256", "HS512", "RS256"] {
        for secret in &secrets {
            let header = header(&rsa).replace("RS256", alg);
            let forged = jws(&header, &claims_json(), |signed| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, signed).as_ref().to_vec()
            });
            let expected = match alg {
                "RS256" => InvalidToken::Signature,
                _ => InvalidToken::Algorithm,
            };
            assert_eq!(why(&ring, &forged), expected);
        }
    }
}

#[test]
fn an_unsigned_token_is_refused_in_every_spelling() {
    let ring = ring();
    let own = pair(Algorithm::Es256, false);
    for alg in [
        "none", "None", "NONE", "nOnE", "", "ES256 ", "es256", "ES256K", "ES384",
    ] {
        let header = header(&own).replace("ES256", alg);
        for signature in [Vec::new(), vec![0; 64], own.sign(b"x").unwrap()] {
            let forged = jws(&header, &claims_json(), |_| signature);
            assert_eq!(why(&ring, &forged), InvalidToken::Algorithm, "{alg}");
        }
    }
    let unsigned = jws(&header(&own), &claims_json(), |_| Vec::new());
    assert_eq!(why(&ring, &unsigned), InvalidToken::Signature);
}

#[test]
fn a_key_signs_for_its_own_kid_and_algorithm_only() {
    let ring = ring();
    for signer in Algorithm::ALL {
        for named in Algorithm::ALL.into_iter().filter(|named| *named != signer) {
            let (signer, named) = (pair(signer, false), pair(named, false));
            let forged = signed_by(&signer, &header(&named), &claims_json());
            assert_eq!(why(&ring, &forged), InvalidToken::Signature);
            // The signer's own algorithm under the other's `kid`.
            let (own, other) = (signer.algorithm().as_str(), named.algorithm().as_str());
            let header = header(&named).replace(other, own);
            let forged = signed_by(&signer, &header, &claims_json());
            assert_eq!(why(&ring, &forged), InvalidToken::Algorithm);
        }
        // A key of the right kind that is not ours, under our `kid` and under its own.
        let (own, foreign) = (pair(signer, false), pair(signer, true));
        let forged = signed_by(&foreign, &header(&own), &claims_json());
        assert_eq!(why(&ring, &forged), InvalidToken::Signature);
        let forged = signed_by(&foreign, &header(&foreign), &claims_json());
        assert_eq!(why(&ring, &forged), InvalidToken::UnknownKey);
    }
}

/// The members of a header, without its braces.
fn members(pair: &KeyPair) -> String {
    let header = header(pair);
    header[1..header.len() - 1].to_owned()
}

#[test]
fn a_key_in_the_header_is_neither_used_nor_fetched() {
    // RFC 8725 §3.10. A forger's key beside our `kid` does not help them...
    let ring = ring();
    let (own, theirs) = (pair(Algorithm::Es256, false), pair(Algorithm::Es256, true));
    let jwk = serde_json::to_string(theirs.public_key().unwrap().jwk()).unwrap();
    let ours = members(&own);
    for extra in [
        format!(r#""jwk":{jwk}"#),
        r#""jku":"http://127.0.0.1:9/jwks.json""#.to_owned(),
        r#""x5u":"http://127.0.0.1:9/cert.pem""#.to_owned(),
        r#""x5c":["MIIB"]"#.to_owned(),
        r#""x5t":"AAAA","cty":"JWT""#.to_owned(),
    ] {
        let header = format!("{{{ours},{extra}}}");
        let forged = signed_by(&theirs, &header, &claims_json());
        assert_eq!(why(&ring, &forged), InvalidToken::Signature);
        // ... and it does not take anything from a token that is ours.
        let signed = signed_by(&own, &header, &claims_json());
        assert!(ring.verify(&signed, ISSUER, at(NOW)).is_ok(), "{header}");
    }
}

#[test]
fn an_extension_that_must_be_understood_is_refused() {
    // RFC 7515 §4.1.11, RFC 7797 §6: we know none, so even our own signature does not help.
    let ring = ring();
    let own = pair(Algorithm::Es256, false);
    for extension in [
        r#""crit":["x"],"x":"string""#,
        r#""crit":[]"#,
        r#""crit":["exp"]"#,
        r#""crit":null"#,
        r#""crit":"exp""#,
        r#""crit":["b64"],"b64":false"#,
        r#""b64":false"#,
        r#""b64":true"#,
    ] {
        let header = format!("{{{},{extension}}}", members(&own));
        let signed = signed_by(&own, &header, &claims_json());
        assert_eq!(why(&ring, &signed), InvalidToken::Extension, "{extension}");
    }
}

#[test]
fn only_the_two_types_of_an_access_token_count() {
    // RFC 9068 §4, RFC 8725 §3.11.
    let ring = ring();
    let own = pair(Algorithm::Es256, false);
    for typ in [
        "",
        "jwt",
        "AT+JWT",
        "at+JWT",
        "application/at+jwt",
        "dpop+jwt",
        "logout+jwt",
        "JOSE",
        "client-authentication+jwt",
        "token-introspection+jwt",
        "at+jwt ",
    ] {
        let header = header(&own).replace("at+jwt", typ);
        let signed = signed_by(&own, &header, &claims_json());
        assert_eq!(why(&ring, &signed), InvalidToken::Typ, "{typ}");
    }
    let untyped = header(&own).replace(r#""typ":"at+jwt","#, "");
    let signed = signed_by(&own, &untyped, &claims_json());
    assert_eq!(why(&ring, &signed), InvalidToken::Malformed);
}

#[test]
fn a_kid_is_only_ever_looked_up() {
    let ring = ring();
    let own = pair(Algorithm::Es256, false);
    let long = "k".repeat(5_000);
    for kid in [
        "",
        "../../etc/passwd",
        "' OR 1=1--",
        r"\u0000",
        "é",
        long.as_str(),
        &kid(&own).to_uppercase(),
    ] {
        let header = format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{kid}"}}"#);
        let signed = signed_by(&own, &header, &claims_json());
        assert_eq!(why(&ring, &signed), InvalidToken::UnknownKey, "{kid}");
    }
}

#[test]
fn what_is_not_three_parts_of_base64url_is_no_token() {
    let ring = ring();
    let own = pair(Algorithm::Es256, false);
    let good = signed_by(&own, &header(&own), &claims_json());
    let parts: Vec<&str> = good.split('.').collect();
    let encrypted = URL_SAFE_NO_PAD
        .encode(r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483648,"zip":"DEF"}"#);
    for text in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b.c".into(),
        "asdf".into(),
        parts[..2].join("."),
        format!("{good}."),
        format!(".{good}"),
        format!("{encrypted}.AAAA.AAAA.AAAA.AAAA"),
        format!("{encrypted}.AAAA.AAAA"),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}+.{}.{}", parts[0], parts[1], parts[2]),
        format!(" {good}"),
        format!("Bearer {good}"),
        ".".repeat(MAX_TOKEN_LEN),
    ] {
        assert_eq!(why(&ring, &text), InvalidToken::Malformed, "{text}");
    }
}

#[test]
fn what_is_too_long_is_not_even_split() {
    let ring = ring();
    for text in [
        "A".repeat(MAX_TOKEN_LEN + 1),
        ".".repeat(1_000_000),
        "A".repeat(1 << 20),
    ] {
        assert_eq!(why(&ring, &text), InvalidToken::TooLong);
    }
}

#[test]
fn only_one_spelling_of_a_signature_is_good() {
    let ring = ring();
    for algorithm in Algorithm::ALL {
        let own = pair(algorithm, false);
        let good = signed_by(&own, &header(&own), &claims_json());
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let padded = format!("{signed}.{signature}==");
        assert_eq!(why(&ring, &padded), InvalidToken::Signature);
        // The last character has bits that belong to no byte: setting one changes no byte.
        let (rest, last) = signature.split_at(signature.len() - 1);
        let respelled = char::from(last.as_bytes()[0] + 1);
        let respelled = format!("{signed}.{rest}{respelled}");
        assert_eq!(why(&ring, &respelled), InvalidToken::Signature);
    }
}

#[test]
fn degenerate_signatures_are_refused() {
    let ring = ring();
    // The order of P-256.
    let n = [
        0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC,
        0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ];
    let own = pair(Algorithm::Es256, false);
    let good = own.sign(b"another message").unwrap();
    let (r, s) = good.split_at(32);
    let zero = [0; 32];
    let der = [&[0x30, 68, 2, 32][..], r, &[2, 32], s].concat();
    for signature in [
        [zero, zero].concat(),
        [&zero[..], s].concat(),
        [r, &zero[..]].concat(),
        [&n[..], s].concat(),
        [r, &n[..]].concat(),
        [n, n].concat(),
        vec![0xFF; 64],
        der,
        good[..63].to_vec(),
        [&good[..], &[0]].concat(),
    ] {
        let forged = jws(&header(&own), &claims_json(), |_| signature);
        assert_eq!(why(&ring, &forged), InvalidToken::Signature);
    }
    // Ed25519: the neutral element with S = 0, a point of small order, and S beyond the order.
    let own = pair(Algorithm::EdDsa, false);
    let mut neutral = vec![0; 64];
    neutral[0] = 1;
    for signature in [vec![0; 64], neutral, vec![0xFF; 64]] {
        let forged = jws(&header(&own), &claims_json(), |_| signature);
        assert_eq!(why(&ring, &forged), InvalidToken::Signature);
    }
    let own = pair(Algorithm::Rs256, false);
    for signature in [vec![0; 256], vec![0xFF; 256], vec![1], vec![0; 512]] {
        let forged = jws(&header(&own), &claims_json(), |_| signature);
        assert_eq!(why(&ring, &forged), InvalidToken::Signature);
    }
}

#[test]
fn a_forged_token_that_has_also_expired_is_a_forged_token() {
    let ring = ring();
    let own = pair(Algorithm::Es256, false);
    for claims in [
        claims_json().replace("1800000900", "1"),
        claims_json().replace(ISSUER, "https://other.example.com"),
        "{}".to_owned(),
        "not json".to_owned(),
    ] {
        let forged = jws(&header(&own), &claims, |_| vec![1; 64]);
        assert_eq!(why(&ring, &forged), InvalidToken::Signature);
    }
}

#[test]
fn even_our_own_signature_does_not_make_claims_of_other_things() {
    let ring = ring();
    let own = pair(Algorithm::Es256, false);
    for other in ["", "{}", "[]", "null", "\"x\"", r#"{"sub":"x"}"#] {
        let signed = signed_by(&own, &header(&own), other);
        assert_eq!(why(&ring, &signed), InvalidToken::Claims, "{other}");
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text: String, parts in "[A-Za-z0-9_.-]{0,200}") {
        let ring = KeyRing::new(Vec::new()).unwrap();
        prop_assert!(ring.verify(&text, ISSUER, at(NOW)).is_err());
        prop_assert!(ring.verify(&parts, ISSUER, at(NOW)).is_err());
    }
}

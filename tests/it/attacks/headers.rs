//! Headers that lead a verifier elsewhere: to another key, another place, another kind of token.

use std::io::ErrorKind;
use std::net::TcpListener;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ostler::domain::signing_key::Algorithm;
use ostler::jwt::KeyPair;
use ostler::keys::pem;
use serde_json::Value;
use serde_json::json;

use crate::test_keys;
use crate::test_keys::Which;

use super::forger::Draft;
use super::forger::encode;
use super::forger::kid_of;
use super::stage::Stage;

/// A place that notices whoever connects to it.
struct Sink(TcpListener);

impl Sink {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    /// A URL there.
    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.0.local_addr().unwrap())
    }

    fn saw_nobody(&self) {
        let came = self.0.accept().map(|(_, from)| from);
        assert_eq!(came.unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

/// Signed by our key, and by the forger's.
fn by_both(draft: &Draft) -> [String; 2] {
    [Which::First, Which::Spare].map(|which| draft.signed_by(Algorithm::Es256, which))
}

// Security case 37; RFC 7515 §4.1.4: a `kid` is compared with those of our keys, and nothing else is
// done with it: no file, no query, no connection.
#[tokio::test]
async fn a_kid_is_a_name_and_no_place() {
    let stage = Stage::set().await;
    let sink = Sink::open();
    let own = kid_of(Algorithm::Es256);
    let keys = stage.server.app.config.keys.dir.display().to_string();
    let before = files(&stage);
    for kid in [
        json!("unknown"),
        json!(""),
        json!("../../etc/passwd"),
        json!("/dev/null"),
        json!(format!("{keys}/{own}.pem")),
        json!(format!("../keys/{own}")),
        json!("' OR 1=1--"),
        json!("'; DELETE FROM signing_key; --"),
        json!("x\r\n{\"level\":\"error\"}"),
        json!("k".repeat(4_000)),
        json!(format!("{own}\0")),
        json!(own.to_uppercase()),
        json!(format!("{own} ")),
        json!(sink.url("key.pem")),
        json!(stage.server.admin.id),
        json!([own]),
        json!({"kid": own}),
        json!(0),
        json!(true),
        json!(null),
    ] {
        let draft = stage.draft().header("kid", &kid);
        for forged in by_both(&draft) {
            stage.refuses(&kid.to_string(), &forged).await;
        }
    }
    for forged in by_both(&stage.draft().without_header("kid")) {
        stage.refuses("no kid", &forged).await;
    }
    sink.saw_nobody();
    assert_eq!(files(&stage), before);
    stage.is_unharmed().await;
}

/// The names of the files of keys.
fn files(stage: &Stage) -> Vec<String> {
    let read = std::fs::read_dir(&stage.server.app.config.keys.dir).unwrap();
    let mut names: Vec<_> = read
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The forger's public key, as a JWK.
fn jwk_of_forger() -> Value {
    use ring::signature::KeyPair as _;
    let der = pem::decode(test_keys::text(Algorithm::Es256, Which::Spare)).unwrap();
    let pair = ring::signature::EcdsaKeyPair::from_pkcs8(
        &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        &der,
        &ring::rand::SystemRandom::new(),
    )
    .unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y), "alg": "ES256", "use": "sig"})
}

/// A certificate of the forger's key, signed by itself.
fn certificate_of_forger() -> Vec<u8> {
    let pem = std::str::from_utf8(test_keys::text(Algorithm::Es256, Which::Spare)).unwrap();
    let key = rcgen::KeyPair::from_pem(pem).unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let params = rcgen::CertificateParams::new(names).unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

// Security case 38; RFC 8725 §3.10: a key that comes with a token is not used, and one that it points
// to is not fetched.
#[tokio::test]
async fn a_key_that_comes_with_a_token_is_neither_used_nor_fetched() {
    let stage = Stage::set().await;
    let sink = Sink::open();
    let der = pem::decode(test_keys::text(Algorithm::Es256, Which::Spare)).unwrap();
    let pair = KeyPair::from_pkcs8(Algorithm::Es256, &der).unwrap();
    let forgers = pair.public_key().unwrap().kid().to_owned();
    let certificate = certificate_of_forger();
    let digest = |hash| encode(ring::digest::digest(hash, &certificate));
    for (name, value) in [
        ("jwk", jwk_of_forger()),
        ("jku", json!(sink.url("jwks.json"))),
        ("x5u", json!(sink.url("certificate.pem"))),
        ("x5c", json!([STANDARD.encode(&certificate)])),
        (
            "x5t",
            json!(digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY)),
        ),
        ("x5t#S256", json!(digest(&ring::digest::SHA256))),
        ("cty", json!("JWT")),
        ("cty", json!(sink.url(""))),
        ("iss", json!(sink.url(""))),
        ("url", json!(sink.url(""))),
    ] {
        let ours = stage.draft().header(name, &value);
        for draft in [
            ours.clone(),
            ours.clone().header("kid", json!(forgers)),
            ours.clone().without_header("kid"),
        ] {
            let forged = draft.signed_by(Algorithm::Es256, Which::Spare);
            stage.refuses(name, &forged).await;
        }
        // It takes nothing from a token that we signed (RFC 7515 §4), and nothing is fetched either.
        stage.accepts(name, &ours.signed()).await;
    }
    sink.saw_nobody();
    stage.is_unharmed().await;
}

/// The DEFLATE (RFC 1951) of 4 MiB of zeros, in 4,080 bytes.
fn bomb() -> Vec<u8> {
    let mut bomb = vec![0; 4_080];
    bomb[..15].copy_from_slice(&[
        0xED, 0xC1, 0x01, 0x01, 0, 0, 0, 0x82, 0x20, 0xFF, 0xAF, 0x6E, 0x48, 0x40, 0x01,
    ]);
    bomb[4_078..].copy_from_slice(&[0x7C, 0x1B]);
    bomb
}

// Security case 42; RFC 8725 §3.6; RFC 7516 §7.1: of encrypted tokens we know nothing, and nothing in
// them is worth any work: no derivation of a key, no decompression.
#[tokio::test]
async fn an_encrypted_or_compressed_token_is_none() {
    let stage = Stage::set().await;
    let kid = kid_of(Algorithm::Rs256);
    for header in [
        json!({"alg": "RSA-OAEP", "enc": "A256GCM", "typ": "at+jwt", "kid": kid}),
        json!({"alg": "dir", "enc": "A128GCM", "zip": "DEF", "typ": "at+jwt", "kid": kid}),
        json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "AAAA",
            "p2c": 2_147_483_648_u32, "typ": "at+jwt", "kid": kid}),
        json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": jwk_of_forger(), "kid": kid}),
    ] {
        let head = encode(header.to_string());
        let bomb = encode(bomb());
        let long = format!("{head}..AAAA.{bomb}.AAAA");
        assert!(long.len() <= 8_192, "{}", long.len());
        for token in [
            long,
            format!("{head}.AAAA.AAAA.AAAA.AAAA"),
            format!("{head}...."),
            format!("{head}.{bomb}.AAAA"),
            format!("{head}.."),
        ] {
            stage.refuses(&header.to_string(), &token).await;
        }
    }
    // Beside our own algorithm, and even under our own signature: claims that are not JSON as they are.
    let (head, _) = stage.token.split_once('.').unwrap();
    let message = format!("{head}.{}", encode(bomb()));
    let signature = super::forger::sign(Algorithm::Es256, Which::First, message.as_bytes());
    let signed = format!("{message}.{}", encode(signature));
    stage.refuses("compressed claims", &signed).await;
    let zipped = stage.draft().header("zip", json!("DEF"));
    let forged = zipped.signed_by(Algorithm::Es256, Which::Spare);
    stage.refuses("zip", &forged).await;
    stage.is_unharmed().await;
}

// Security case 50; RFC 8725 §3.11, RFC 9068 §4: another kind of JWT is no access token, although our
// key has signed it.
#[tokio::test]
async fn another_kind_of_token_is_no_access_token() {
    let stage = Stage::set().await;
    for typ in [
        "",
        "at",
        "jwt",
        "Jwt",
        "AT+JWT",
        "at+JWT",
        "at+jwt ",
        "application/at+jwt",
        "application/jwt",
        "id+jwt",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "JOSE",
        "JOSE+JSON",
        "client-authentication+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "kb+jwt",
    ] {
        let typed = stage.draft().header("typ", json!(typ));
        stage.refuses(&format!("{typ:?}"), &typed.signed()).await;
    }
    for typ in ["null", "0", "[\"at+jwt\"]", "{}", "true"] {
        stage
            .refuses(typ, &stage.draft().header("typ", typ).signed())
            .await;
    }
    let untyped = stage.draft().without_header("typ");
    stage.refuses("no typ", &untyped.signed()).await;
    stage.is_unharmed().await;
}

// Security case 50; RFC 7523 §3: nor is an access token an assertion of who a client is.
#[tokio::test]
async fn an_access_token_authenticates_no_client() {
    let stage = Stage::set().await;
    let nobody = stage.server.admin.with_secret("wrong").ask("").await;
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let assertion = stage
        .draft()
        .header("typ", json!("client-authentication+jwt"));
    let own = &stage.server.admin.id;
    let assertion = assertion.claim("sub", json!(own)).claim("iss", json!(own));
    for token in [stage.token.clone(), assertion.signed()] {
        for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
            let form = format!(
                "grant_type=client_credentials&token=x&client_assertion={token}\
                 &client_assertion_type={kind}&client_id={own}"
            );
            let request = stage.server.request("POST", path).form(&form);
            assert_eq!(request.send().await.wire(), nobody.wire(), "{path}");
        }
    }
    stage.is_unharmed().await;
}

// Security case 56; RFC 7515 §4.1.11, RFC 7797 §6: we know no extension, so none is understood,
// although our key has signed it.
#[tokio::test]
async fn an_extension_that_must_be_understood_is_refused() {
    let stage = Stage::set().await;
    for crit in [
        "[\"x\"]",
        "[]",
        "[\"exp\"]",
        "[\"b64\"]",
        "[\"x\",\"x\"]",
        "[\"\"]",
        "[0]",
        "null",
        "\"exp\"",
        "{}",
        "false",
        "0",
    ] {
        let draft = stage
            .draft()
            .header("x", json!("a text"))
            .header("crit", crit);
        for forged in by_both(&draft) {
            stage.refuses(crit, &forged).await;
        }
    }
    for b64 in ["false", "true", "null", "\"false\""] {
        let draft = stage.draft().header("b64", b64);
        stage.refuses(b64, &draft.signed()).await;
        let critical = draft.header("crit", "[\"b64\"]");
        stage.refuses(b64, &critical.signed()).await;
    }
    stage.is_unharmed().await;
}

//! `ostler token decode`: what a token says, believed by nobody.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;
use serde_json::Value;
use serde_json::json;

use super::TokenArgs;
use crate::cli::failure::Failure;
use crate::cli::output::Document;
use crate::cli::output::Format;
use crate::cli::output::Output;
use crate::cli::output::View;
use crate::cli::shell::Shell;
use crate::cli::terminal;

const VIEW: View = View {
    columns: &[],
    id: "jti",
};

/// Prints header and claims. Without the signature what is printed is no token.
pub async fn run(shell: &Shell, args: &TokenArgs) -> Result<(), Failure> {
    let token = args.read(shell).await?;
    let (header, claims) = parts(token.expose_secret())?;
    terminal::note("note: nothing was checked; `ostler token verify` does");
    let document = json!({"header": header, "claims": claims}).into();
    json_unless_said(shell.output).show(&document, &VIEW)
}

/// Claims are nested, so they are shown as JSON unless something else is asked for.
pub fn json_unless_said(output: Output) -> Output {
    Output {
        format: output.format.or(Some(Format::Json)),
        ..output
    }
}

/// The header of a token.
pub fn header(token: &str) -> Result<Value, Failure> {
    parts(token).map(|(header, _)| header)
}

/// The claims of a token, as a document.
pub fn claims(token: &str) -> Result<Document, Failure> {
    parts(token).map(|(_, claims)| claims.into())
}

fn parts(token: &str) -> Result<(Value, Value), Failure> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(not_a_jwt());
    };
    Ok((part(header)?, part(claims)?))
}

fn part(text: &str) -> Result<Value, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| not_a_jwt())?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| not_a_jwt())?;
    Some(value).filter(Value::is_object).ok_or_else(not_a_jwt)
}

fn not_a_jwt() -> Failure {
    Failure::failed("this is not a signed JWT: three parts of base64url with JSON in the first two")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_decoded_and_anything_else_refused_without_quoting_it() {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!(
            "{}.{}.c2ln",
            encode(r#"{"alg":"ES256"}"#),
            encode(r#"{"sub":"x"}"#)
        );
        let (header, claims) = parts(&token).unwrap();
        assert_eq!(
            (header, claims),
            (json!({"alg": "ES256"}), json!({"sub": "x"}))
        );

        let listed = format!("{}.{}.c2ln", encode("[]"), encode("{}"));
        let long = format!("{token}.x");
        for wrong in [
            "",
            "x",
            "a.b",
            "a.b.c",
            &listed,
            &long,
            "ostler_cs_hidden.x.y",
        ] {
            let failure = parts(wrong).unwrap_err().to_string();
            assert!(!failure.contains("hidden"), "{failure}");
        }
    }
}

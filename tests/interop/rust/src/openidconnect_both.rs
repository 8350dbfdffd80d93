//! `openidconnect`, as a client that discovers the server, and as an API: its verifier of JWTs takes
//! ours when it is told their `typ` and algorithm.

use std::error::Error;
use std::str::FromStr;

use openidconnect::ClaimsVerificationError;
use openidconnect::ClientId;
use openidconnect::ClientSecret;
use openidconnect::IssuerUrl;
use openidconnect::JsonWebTokenType;
use openidconnect::Nonce;
use openidconnect::OAuth2TokenResponse;
use openidconnect::Scope;
use openidconnect::SignatureVerificationError;
use openidconnect::core::CoreClient;
use openidconnect::core::CoreIdToken;
use openidconnect::core::CoreIdTokenVerifier;
use openidconnect::core::CoreJsonWebKeySet;
use openidconnect::core::CoreJwsSigningAlgorithm;
use openidconnect::core::CoreProviderMetadata;
use openidconnect::reqwest::blocking;
use serde_json::json;

use crate::line::Outcome;
use crate::line::Program;
use crate::line::Wish;
use crate::line::http;
use crate::line::variable;

pub struct Discovered {
    http: blocking::Client,
    server: CoreProviderMetadata,
    keys: CoreJsonWebKeySet,
}

impl Discovered {
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let http = http()?;
        let issuer = IssuerUrl::new(variable("ISSUER")?)?;
        let server = CoreProviderMetadata::discover(&issuer, &http)?;
        let keys = server.jwks().clone();
        Ok(Self { http, server, keys })
    }

    fn token(&self, wish: &Wish) -> Outcome {
        let id = ClientId::new(wish.text("client_id"));
        let secret = ClientSecret::new(wish.text("client_secret"));
        let answer = CoreClient::from_provider_metadata(self.server.clone(), id, Some(secret))
            .exchange_client_credentials()?
            .add_scope(Scope::new(wish.text("scope")))
            .add_extra_param("resource", wish.text("resource"))
            .request(&self.http)?;
        Ok(json!(answer.access_token().secret()))
    }

    /// Whose token it is, by the keys at hand.
    fn subject(&self, token: &CoreIdToken) -> Result<String, Box<dyn Error>> {
        let audience = ClientId::new(variable("AUDIENCE")?);
        let typ = JsonWebTokenType::new("at+jwt".to_owned()).normalize()?;
        let issuer = self.server.issuer().clone();
        let verifier = CoreIdTokenVerifier::new_public_client(audience, issuer, self.keys.clone())
            .set_allowed_algs([
                CoreJwsSigningAlgorithm::EcdsaP256Sha256,
                CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
                CoreJwsSigningAlgorithm::EdDsa,
            ])
            .set_allowed_jose_types([typ]);
        let no_nonce = |_: Option<&Nonce>| Ok(());
        let claims = token.claims(&verifier, no_nonce)?;
        Ok(claims.subject().to_string())
    }

    fn verify(&mut self, token: &str) -> Outcome {
        let token = CoreIdToken::from_str(token)?;
        let subject = match self.subject(&token) {
            // Its documentation: to support a rotation of keys, fetch them again.
            Err(error) if is_unknown_key(&*error) => {
                self.keys = CoreJsonWebKeySet::fetch(self.server.jwks_uri(), &self.http)?;
                self.subject(&token)
            }
            known => known,
        };
        Ok(json!(subject?))
    }
}

fn is_unknown_key(error: &(dyn Error + 'static)) -> bool {
    matches!(
        error.downcast_ref(),
        Some(ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey
        ))
    )
}

impl Program for Discovered {
    fn act(&mut self, action: &str, wish: &Wish) -> Outcome {
        match action {
            "token" => self.token(wish),
            "verify" => self.verify(&wish.text("token")),
            _ => Err(action.into()),
        }
    }
}

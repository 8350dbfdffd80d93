//! `oauth2`, as a client.

use std::error::Error;

use oauth2::AccessToken;
use oauth2::AuthType;
use oauth2::ClientId;
use oauth2::ClientSecret;
use oauth2::EndpointNotSet;
use oauth2::EndpointSet;
use oauth2::HttpRequest;
use oauth2::HttpResponse;
use oauth2::IntrospectionUrl;
use oauth2::RevocationUrl;
use oauth2::Scope;
use oauth2::StandardRevocableToken;
use oauth2::SyncHttpClient;
use oauth2::TokenIntrospectionResponse;
use oauth2::TokenResponse;
use oauth2::TokenUrl;
use oauth2::basic::BasicClient;
use oauth2::reqwest::blocking;
use serde_json::json;

use crate::line::Outcome;
use crate::line::Program;
use crate::line::Wish;
use crate::line::http;
use crate::line::variable;

type HttpClientError = oauth2::HttpClientError<oauth2::reqwest::Error>;

/// With endpoints for introspection, revocation and tokens.
type Configured =
    BasicClient<EndpointNotSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointSet>;

pub struct Client {
    http: blocking::Client,
    issuer: String,
}

impl Client {
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let (http, issuer) = (http()?, variable("ISSUER")?);
        Ok(Self { http, issuer })
    }

    fn configured(&self, wish: &Wish) -> Result<Configured, Box<dyn Error>> {
        let auth_type = match wish.text("way").as_str() {
            "body" => AuthType::RequestBody,
            _ => AuthType::BasicAuth,
        };
        let endpoint = |path: &str| format!("{}/oauth/{path}", self.issuer);
        let client = BasicClient::new(ClientId::new(wish.text("client_id")))
            .set_client_secret(ClientSecret::new(wish.text("client_secret")))
            .set_auth_type(auth_type)
            .set_token_uri(TokenUrl::new(endpoint("token"))?)
            .set_introspection_url(IntrospectionUrl::new(endpoint("introspect"))?)
            // It revokes by `https` only, even on the loopback interface.
            .set_revocation_url(RevocationUrl::new(
                endpoint("revoke").replacen("http:", "https:", 1),
            )?);
        Ok(client)
    }

    /// Sends a request as whoever ends TLS before the server would: the same, without TLS.
    fn send_plain(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpClientError> {
        let plain = request.uri().to_string().replacen("https:", "http:", 1);
        *request.uri_mut() = plain.parse().map_err(oauth2::http::Error::from)?;
        self.http.call(request)
    }
}

impl Program for Client {
    fn act(&mut self, action: &str, wish: &Wish) -> Outcome {
        let client = self.configured(wish)?;
        let token = AccessToken::new(wish.text("token"));
        match action {
            "token" => {
                let answer = client
                    .exchange_client_credentials()
                    .add_scope(Scope::new(wish.text("scope")))
                    .add_extra_param("resource", wish.text("resource"))
                    .request(&self.http)?;
                Ok(json!(answer.access_token().secret()))
            }
            "introspect" => {
                let answer = client.introspect(&token).request(&self.http)?;
                let mut answer_as_it_was = serde_json::to_value(&answer)?;
                // It reads one audience as a list of one.
                if let Some([audience]) = answer.aud().map(Vec::as_slice) {
                    answer_as_it_was["aud"] = json!(audience);
                }
                Ok(answer_as_it_was)
            }
            "revoke" => {
                let token = StandardRevocableToken::AccessToken(token);
                client
                    .revoke_token(token)?
                    .request(&|request| self.send_plain(request))?;
                Ok(json!(true))
            }
            _ => Err(action.into()),
        }
    }
}

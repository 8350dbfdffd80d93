//! The OAuth endpoints, as a client of them.

use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde_json::Value;
use url::form_urlencoded;

use super::client::Answer;
use super::client::Client;
use super::connection::Identity;
use super::failure::Exit;
use super::failure::Failure;
use super::secret_source::SecretSource;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretKind;
use crate::jwt::RemoteKeys;

/// A server whose issuer is known.
#[derive(Clone, Debug)]
pub struct AuthorizationServer {
    client: Client,
    issuer: String,
}

/// A client id and its secret.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// The client id.
    pub id: String,
    /// The secret.
    pub secret: SecretString,
}

/// Who calls introspection.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A client, with its secret.
    Client(ClientCredentials),
    /// The bearer of a token for the issuer.
    Bearer(SecretString),
}

impl Caller {
    /// The identity with its secret fetched.
    pub async fn of(identity: Identity) -> Result<Self, Failure> {
        match identity {
            Identity::Token(token) => Ok(Self::Bearer(token)),
            Identity::Client { id, secret } => {
                ClientCredentials::read(id, secret).await.map(Self::Client)
            }
        }
    }
}

impl ClientCredentials {
    /// Fetches the secret from where it is.
    pub async fn read(id: String, secret: SecretSource) -> Result<Self, Failure> {
        let secret = secret.read(&id).await?;
        Self::new(id, secret)
    }

    /// A mistyped or truncated secret is found out by its checksum, before anything is sent.
    fn new(id: String, secret: SecretString) -> Result<Self, Failure> {
        match Secret::parse(SecretKind::ClientSecret, secret.expose_secret()) {
            Some(_) => Ok(Self { id, secret }),
            None => Err(Failure::new(
                Exit::NotAllowed,
                "the client secret is not whole: its form or its checksum is wrong",
            )
            .fix("copy it again, from `ostler_cs_` to its 59th character")),
        }
    }

    /// Both halves are form-encoded (RFC 6749 section 2.3.1).
    fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        let encode =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let secret = encode(self.secret.expose_secret());
        request.basic_auth(encode(&self.id), Some(secret))
    }
}

impl AuthorizationServer {
    /// Asks the server for its issuer (RFC 8414).
    pub async fn discover(client: Client) -> Result<Self, Failure> {
        let request = client.get("/.well-known/oauth-authorization-server")?;
        let answer = client.send(request).await?.success()?;
        let metadata = answer.json()?;
        let Some(Value::String(issuer)) = metadata.get("issuer") else {
            return Err(
                Failure::failed(format!("{} is no authorization server", client.base()))
                    .fix("mend the URL"),
            );
        };
        Ok(Self {
            issuer: issuer.clone(),
            client,
        })
    }

    /// The server's own name, and the audience of its admin API.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Asks for a token with these further parameters (RFC 6749 section 4.4.2); the answer may be a
    /// refusal.
    pub async fn token(
        &self,
        client: &ClientCredentials,
        parameters: &[(&str, &str)],
    ) -> Result<Answer, Failure> {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend_from_slice(parameters);
        let request = self.client.post("/oauth/token")?.form(&form);
        self.client.send(client.sign(request)).await
    }

    /// A token for the admin API of this server.
    pub async fn admin_token(&self, caller: Caller) -> Result<SecretString, Failure> {
        let client = match caller {
            Caller::Bearer(token) => return Ok(token),
            Caller::Client(client) => client,
        };
        let answer = self.token(&client, &[("resource", &self.issuer)]).await?;
        if answer.oauth_error().as_deref() == Some("invalid_target") {
            return Err(no_administrator(&client.id).request_id(answer.header("x-request-id")));
        }
        let answer = answer.success()?;
        warn_of_end(&answer);
        access_token(&answer)
    }

    /// What the server itself says of a token (RFC 7662).
    pub async fn introspect(&self, caller: &Caller, token: &str) -> Result<Value, Failure> {
        let request = self
            .client
            .post("/oauth/introspect")?
            .form(&[("token", token)]);
        let request = match caller {
            Caller::Client(client) => client.sign(request),
            Caller::Bearer(bearer) => request.bearer_auth(bearer.expose_secret()),
        };
        self.client.send(request).await?.success()?.json()
    }

    /// The published signing keys.
    pub async fn keys(&self) -> Result<RemoteKeys, Failure> {
        let request = self.client.get("/.well-known/jwks.json")?;
        let answer = self.client.send(request).await?.success()?;
        RemoteKeys::parse(answer.body()).ok_or_else(|| {
            Failure::failed("the server's JWKS is not a JWK set (RFC 7517 section 5)")
        })
    }
}

/// A client that may have tokens for other APIs, and none for the server's own.
fn no_administrator(client_id: &str) -> Failure {
    let what = format!("the client {client_id} may not use the admin API");
    Failure::new(Exit::NotAllowed, what).fix(
        "have an administrator give its account a role: ostler account roles set ACCOUNT operator",
    )
}

/// The token of a token response.
pub fn access_token(answer: &Answer) -> Result<SecretString, Failure> {
    match answer.json()?.get("access_token") {
        Some(Value::String(token)) => Ok(SecretString::from(token.as_str())),
        _ => Err(Failure::failed("the token response has no access_token")),
    }
}

/// Says when the secret that was used is about to end.
pub fn warn_of_end(answer: &Answer) {
    if let Some(end) = answer.header("ostler-secret-expires-at") {
        let end = super::terminal::printable(end);
        super::terminal::note(&format!(
            "warning: the client secret in use ends at {end}; make another with \
             `ostler credential rotate`"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_secret_is_found_out_before_it_is_sent() {
        let right = Secret::from_random(SecretKind::ClientSecret, &[7; 32]);
        let right = right.expose();
        assert!(ClientCredentials::new("sac_1".into(), right.into()).is_ok());
        for wrong in [
            "",
            "hunter2",
            &right[..58],
            &right.replace("ostler_cs_", "ostler_at_"),
        ] {
            let failure = ClientCredentials::new("sac_1".into(), wrong.into()).unwrap_err();
            assert_eq!(failure.exit(), Exit::NotAllowed);
            assert!(wrong.is_empty() || !failure.to_string().contains(wrong));
        }
    }
}

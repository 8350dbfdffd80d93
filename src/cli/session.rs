//! The admin API, as an authenticated caller of it.
//!
//! Changes are made with `If-Match`, so that nobody overwrites what they have not seen.

use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use reqwest::RequestBuilder;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde_json::Value;
use serde_json::json;

use super::authorization_server::AuthorizationServer;
use super::authorization_server::Caller;
use super::client::Answer;
use super::client::Client;
use super::connection::Connection;
use super::connection::no_identity;
use super::failure::Failure;
use crate::domain::issuer::Issuer;

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How often a change that only sets a state is tried, when somebody else changes the thing
/// meanwhile.
const ATTEMPTS: usize = 3;

/// An authenticated caller of the admin API, in one organization.
#[derive(Clone, Debug)]
pub struct Session {
    admin: Client,
    organization: String,
    issuer: String,
    bearer: SecretString,
}

impl Session {
    /// Exchanges the secret for a token whose audience is the issuer.
    pub async fn open(connection: Connection) -> Result<Self, Failure> {
        let identity = connection.identity.ok_or_else(no_identity)?;
        let caller = Caller::of(identity).await?;
        let server = Client::new(connection.server)?;
        let server = AuthorizationServer::discover(server).await?;
        Self::of(&server, connection.admin, connection.organization, caller).await
    }

    /// The same at a server that is known, for a caller whose secret has been fetched.
    pub async fn of(
        server: &AuthorizationServer,
        admin: Issuer,
        organization: String,
        caller: Caller,
    ) -> Result<Self, Failure> {
        let bearer = server.admin_token(caller).await?;
        Ok(Self {
            admin: Client::new(admin)?,
            organization,
            issuer: server.issuer().to_owned(),
            bearer,
        })
    }

    /// The server's name.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A path of the organization: `/organizations/{org}` and these segments.
    pub fn here(&self, segments: &[&str]) -> Result<String, Failure> {
        path(&[&["organizations", &self.organization], segments].concat())
    }

    /// Reads a thing or a list.
    pub async fn read(&self, path: &str) -> Result<Answer, Failure> {
        self.send(self.admin.get(path)?).await
    }

    /// Makes a thing in a collection, or starts an action that belongs to no one thing.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.send(self.admin.post(path)?.json(body)).await
    }

    /// Reads a thing that is about to be changed. Somebody may be allowed to change what they may
    /// not look at; then there is nothing that the change could be matched with.
    pub async fn glance(&self, path: &str) -> Result<Option<Answer>, Failure> {
        let answer = self.admin.send(self.signed(self.admin.get(path)?)).await?;
        match answer.status {
            StatusCode::FORBIDDEN => Ok(None),
            _ => answer.success().map(Some),
        }
    }

    /// Puts a thing in place of the one that was seen.
    pub async fn replace(
        &self,
        path: &str,
        seen: Option<&Answer>,
        body: &Value,
    ) -> Result<Answer, Failure> {
        let request = self.admin.put(path)?.json(body);
        self.send(matching(request, seen)).await
    }

    /// An action on the thing as it was seen.
    pub async fn act(
        &self,
        thing: &str,
        seen: Option<&Answer>,
        verb: &str,
        body: &Value,
    ) -> Result<Answer, Failure> {
        let request = self.admin.post(&format!("{thing}/{verb}"))?.json(body);
        self.send(matching(request, seen)).await
    }

    /// An action that sets a state, whatever else becomes of the thing: it is tried again when
    /// somebody changes the thing meanwhile.
    pub async fn set_state(&self, thing: &str, verb: &str) -> Result<Answer, Failure> {
        let mut attempt = 1;
        loop {
            let seen = self.glance(thing).await?;
            let request = self
                .admin
                .post(&format!("{thing}/{verb}"))?
                .json(&json!({}));
            let request = matching(request, seen.as_ref());
            let answer = self.admin.send(self.signed(request)).await?;
            if answer.status != StatusCode::PRECONDITION_FAILED || attempt == ATTEMPTS {
                return answer.success();
            }
            attempt += 1;
        }
    }

    /// Deletes the thing as it was seen.
    pub async fn delete(&self, thing: &str, seen: Option<&Answer>) -> Result<(), Failure> {
        let request = self.admin.delete(thing)?;
        self.send(matching(request, seen)).await.map(drop)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        self.admin.send(self.signed(request)).await?.success()
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(self.bearer.expose_secret())
    }
}

fn matching(request: RequestBuilder, seen: Option<&Answer>) -> RequestBuilder {
    match seen.and_then(|seen| seen.header("etag")) {
        Some(etag) => request.header("if-match", etag),
        None => request,
    }
}

/// A path of the admin API. Each segment is encoded as one, whatever is in it.
pub fn path(segments: &[&str]) -> Result<String, Failure> {
    let mut path = String::from("/admin/v1");
    for segment in segments {
        // As segments these would change the path, encoded or not.
        if ["", ".", ".."].contains(segment) {
            return Err(Failure::usage(format!("`{segment}` is no name and no id")));
        }
        path.push('/');
        path.extend(utf8_percent_encode(segment, SEGMENT));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_one_segment() {
        assert_eq!(
            path(&["organizations", "a/b", "scopes", "read:x?y#z %"]).unwrap(),
            "/admin/v1/organizations/a%2Fb/scopes/read%3Ax%3Fy%23z%20%25"
        );
        for segment in ["", ".", ".."] {
            assert!(path(&["organizations", segment]).is_err());
        }
    }
}

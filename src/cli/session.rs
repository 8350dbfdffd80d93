//! The admin API, as an authenticated caller of it.
//!
//! Changes are made with `If-Match`, so that nobody overwrites what they have not seen, and what is
//! posted has an `Idempotency-Key`, so that it happens once however often it is sent. Who we are is
//! proved when the first request is sent; one that is only shown ([`Manner`]) needs nobody.

use std::io::Write;

use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use reqwest::Method;
use reqwest::RequestBuilder;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde_json::Value;
use serde_json::json;
use tokio::sync::OnceCell;

use super::authorization_server::AuthorizationServer;
use super::authorization_server::Caller;
use super::client::Answer;
use super::client::Client;
use super::client::LONG_TIMEOUT;
use super::connection::Connection;
use super::connection::Identity;
use super::connection::no_identity;
use super::failure::Failure;
use super::manner::Manner;
use super::progress::Progress;
use super::request::Request;
use super::terminal;
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
#[derive(Debug)]
pub struct Session {
    server: Issuer,
    admin: Client,
    organization: String,
    identity: Option<Identity>,
    manner: Manner,
    proved: OnceCell<Proved>,
}

/// What the exchange of a secret for a token gave.
#[derive(Clone, Debug)]
struct Proved {
    issuer: String,
    bearer: SecretString,
}

impl Session {
    /// A session that exchanges the secret for a token, whose audience is the issuer, when it needs
    /// one.
    pub fn open(connection: Connection, manner: Manner) -> Result<Self, Failure> {
        Ok(Self {
            server: connection.server,
            admin: Client::new(&connection.admin)?,
            organization: connection.organization,
            identity: connection.identity,
            manner,
            proved: OnceCell::new(),
        })
    }

    /// The same at a server that is known, for a caller whose secret has been fetched.
    pub async fn of(
        server: &AuthorizationServer,
        connection: Connection,
        caller: Caller,
    ) -> Result<Self, Failure> {
        let bearer = server.admin_token(caller).await?;
        let issuer = server.issuer().to_owned();
        let session = Self::open(connection, Manner::default())?;
        Ok(Self {
            proved: OnceCell::new_with(Some(Proved { issuer, bearer })),
            ..session
        })
    }

    /// The server's name.
    pub fn issuer(&self) -> &str {
        let proved = self.proved.get();
        proved.map_or(self.server.as_str(), |proved| &proved.issuer)
    }

    /// The organization, as it was named.
    pub fn organization(&self) -> &str {
        &self.organization
    }

    /// A path of the organization: `/organizations/{org}` and these segments.
    pub fn here(&self, segments: &[&str]) -> Result<String, Failure> {
        path(&[&["organizations", &self.organization], segments].concat())
    }

    /// Reads a thing or a list, which is what the command is for.
    pub async fn read(&self, path: &str) -> Result<Answer, Failure> {
        self.perform(Request::get(path)).await
    }

    /// Reads what another request is made from.
    pub async fn look(&self, path: &str) -> Result<Answer, Failure> {
        self.send(&Request::get(path)).await?.success()
    }

    /// Reads what may not be there.
    pub async fn look_for(&self, path: &str) -> Result<Option<Answer>, Failure> {
        let answer = self.send(&Request::get(path)).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            _ => answer.success().map(Some),
        }
    }

    /// Reads a thing that is about to be changed. Somebody may be allowed to change what they may
    /// not look at; then there is nothing that the change could be matched with.
    pub async fn glance(&self, path: &str) -> Result<Option<Answer>, Failure> {
        if self.manner.shows_curl() {
            // The line is as good without, where nobody can look.
            let looked = self.look(path).await;
            return Ok(looked.ok());
        }
        let answer = self.send(&Request::get(path)).await?;
        match answer.status {
            StatusCode::FORBIDDEN => Ok(None),
            _ => answer.success().map(Some),
        }
    }

    /// Makes a thing in a collection, or starts an action that belongs to no one thing.
    pub async fn post(&self, path: &str, body: Value) -> Result<Answer, Failure> {
        self.perform(self.keyed(Request::post(path, body))).await
    }

    /// Asks something with a body; nothing is changed by it.
    pub async fn ask(&self, request: Request) -> Result<Answer, Failure> {
        self.perform(request.asking_only()).await
    }

    /// Puts a thing in place of the one that was seen.
    pub async fn replace(
        &self,
        path: &str,
        seen: Option<&Answer>,
        body: Value,
    ) -> Result<Answer, Failure> {
        self.perform(Request::put(path, body).matching(seen)).await
    }

    /// Changes the members that are said, of the thing as it was seen.
    pub async fn edit(
        &self,
        path: &str,
        seen: Option<&Answer>,
        body: Value,
    ) -> Result<Answer, Failure> {
        self.perform(Request::patch(path, body).matching(seen))
            .await
    }

    /// Changes the members that are said, of the thing as it is now.
    pub async fn edit_now(&self, path: &str, body: Value) -> Result<Answer, Failure> {
        let seen = self.glance(path).await?;
        self.edit(path, seen.as_ref(), body).await
    }

    /// An action on the thing as it was seen.
    pub async fn act(
        &self,
        thing: &str,
        seen: Option<&Answer>,
        verb: &str,
        body: Value,
    ) -> Result<Answer, Failure> {
        let request = Request::post(format!("{thing}/{verb}"), body).matching(seen);
        self.perform(self.keyed(request)).await
    }

    /// An action that sets a state, whatever else becomes of the thing.
    pub async fn set_state(&self, thing: &str, verb: &str) -> Result<Answer, Failure> {
        self.insist(thing, || {
            self.keyed(Request::post(format!("{thing}/{verb}"), json!({})))
        })
        .await
    }

    /// A request that sets a state of the thing: it is made again when somebody changes the thing
    /// meanwhile.
    pub async fn insist(
        &self,
        thing: &str,
        request: impl Fn() -> Request,
    ) -> Result<Answer, Failure> {
        let mut attempt = 1;
        loop {
            let seen = self.glance(thing).await?;
            let request = request().matching(seen.as_ref());
            self.show_instead(&request)?;
            let answer = self.send(&request).await?;
            if answer.status != StatusCode::PRECONDITION_FAILED || attempt == ATTEMPTS {
                return answer.success();
            }
            attempt += 1;
        }
    }

    /// Deletes the thing as it was seen.
    pub async fn delete(&self, thing: &str, seen: Option<&Answer>) -> Result<(), Failure> {
        let request = Request::delete(thing).matching(seen);
        self.perform(request).await.map(drop)
    }

    /// Sends a request, or shows it, and takes nothing but a success.
    pub async fn perform(&self, request: Request) -> Result<Answer, Failure> {
        self.show_instead(&request)?;
        let mut progress = Progress::new();
        if request.is_patient() {
            progress.say("the server is at it");
        }
        let answer = self.send(&request).await?;
        drop(progress);
        if answer.header("idempotency-replayed").is_some() {
            terminal::note("note: this was done before, under the same Idempotency-Key");
        }
        answer.success()
    }

    /// Reads what may be long, and writes it to `out` as it comes.
    pub async fn download(&self, request: &Request, out: &mut dyn Write) -> Result<(), Failure> {
        self.show_instead(request)?;
        let bearer = &self.proved().await?.bearer;
        let built = self.built(request)?.bearer_auth(bearer.expose_secret());
        match self.admin.download(built, out).await? {
            Some(refusal) => refusal.success().map(drop),
            None => Ok(()),
        }
    }

    /// Ends the command with the request that it would have sent, when that was asked for.
    pub fn show_instead(&self, request: &Request) -> Result<(), Failure> {
        self.manner.show_instead(request, self.admin.base())
    }

    /// The same request under a key, so that it is done once however often it is sent.
    pub fn keyed(&self, request: Request) -> Request {
        request.once(self.manner.idempotency_key())
    }

    async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let bearer = &self.proved().await?.bearer;
        let built = self.built(request)?.bearer_auth(bearer.expose_secret());
        let sent = self.admin.send(built).await;
        let is_post = request.method == Method::POST;
        let key = request
            .headers
            .iter()
            .find(|(name, _)| is_post && *name == "idempotency-key");
        sent.map_err(|failure| match key {
            // It may have been done, and nobody heard of it.
            Some((_, key)) => failure.detail(format!(
                "if it is not known whether it was done, add --idempotency-key {key}: it is done once"
            )),
            None => failure,
        })
    }

    fn built(&self, request: &Request) -> Result<RequestBuilder, Failure> {
        let mut built = self.admin.request(request.method.clone(), &request.path)?;
        if request.is_patient() {
            built = built.timeout(LONG_TIMEOUT);
        }
        for (name, value) in &request.headers {
            built = built.header(*name, value);
        }
        Ok(match &request.body {
            Some(body) => built.json(body),
            None => built,
        })
    }

    async fn proved(&self) -> Result<&Proved, Failure> {
        self.proved.get_or_try_init(|| self.prove()).await
    }

    async fn prove(&self) -> Result<Proved, Failure> {
        let identity = self.identity.clone().ok_or_else(no_identity)?;
        let caller = Caller::of(identity).await?;
        let server = Client::new(&self.server)?;
        let server = AuthorizationServer::discover(server).await?;
        let bearer = server.admin_token(caller).await?;
        let issuer = server.issuer().to_owned();
        Ok(Proved { issuer, bearer })
    }

    /// The token that is presented, for what it says of its bearer.
    pub async fn bearer(&self) -> Result<&SecretString, Failure> {
        Ok(&self.proved().await?.bearer)
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

//! The shell's HTTP client: every wait has an end, every answer a bound, and nothing is followed.

use std::error::Error;
use std::io::ErrorKind;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Once;
use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use reqwest::Method;
use reqwest::RequestBuilder;
use reqwest::Response;
use reqwest::StatusCode;
use reqwest::Url;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use serde_json::Value;

use super::failure::Failure;
use crate::domain::issuer::Issuer;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);

/// For an answer that the server needs time for.
pub const LONG_TIMEOUT: Duration = Duration::from_hours(1);

/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// The base URL, without a slash at its end.
    base: String,
}

impl Client {
    /// A client of the server at this base URL.
    pub fn new(server: &Issuer) -> Result<Self, Failure> {
        Self::at(server.base().to_owned())
    }

    /// A client of a listener of this machine that is told no secret, so that plain HTTP will do whatever
    /// its address is.
    pub fn of_listener(listen: SocketAddr) -> Result<Self, Failure> {
        Self::at(format!("http://{listen}"))
    }

    fn at(base: String) -> Result<Self, Failure> {
        install_crypto();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ostler/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            // A redirect would carry the secret to somebody else.
            .redirect(Policy::none());
        if is_https(&base) {
            builder = builder.https_only(true);
        } else {
            // This machine: nobody between it and us, and no certificates needed.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        match builder.build() {
            Ok(http) => Ok(Self { http, base }),
            Err(error) => Err(
                Failure::failed(format!("cannot set up TLS: {}", root(&error))).fix(
                    "install the system's certificates (ca-certificates), or set SSL_CERT_FILE",
                ),
            ),
        }
    }

    /// The server's base URL, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A `GET` of a path below the base URL.
    pub fn get(&self, path: &str) -> Result<RequestBuilder, Failure> {
        Ok(self.http.get(self.url(path)?))
    }

    /// A `POST` to a path below the base URL.
    pub fn post(&self, path: &str) -> Result<RequestBuilder, Failure> {
        Ok(self.http.post(self.url(path)?))
    }

    /// Any request to a path below the base URL.
    pub fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        Ok(self.http.request(method, self.url(path)?))
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let mut response = self.sent(request).await?;
        self.read(&mut response).await
    }

    /// Sends a request whose answer may be long, and writes that to `out` as it comes. An answer
    /// that is no success is read as a whole.
    pub async fn download(
        &self,
        request: RequestBuilder,
        out: &mut dyn Write,
    ) -> Result<Option<Answer>, Failure> {
        let mut response = self.sent(request).await?;
        if !response.status().is_success() {
            return self.read(&mut response).await.map(Some);
        }
        while let Some(chunk) = self.chunk(&mut response).await? {
            match out.write_all(&chunk) {
                // A reader that has gone (`| head`) has had what it wanted.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                written => written.map_err(|error| {
                    Failure::failed(format!("cannot write what the server sent: {error}"))
                })?,
            }
        }
        Ok(None)
    }

    async fn sent(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let sent = request.send().await;
        sent.map_err(|error| self.unreachable(&error))
    }

    async fn read(&self, response: &mut Response) -> Result<Answer, Failure> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk(response).await? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Failure::failed(format!(
                    "{} sent an answer of more than {MAX_ANSWER_BYTES} bytes",
                    self.base
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body: body.freeze(),
        })
    }

    async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, Failure> {
        let chunk = response.chunk().await;
        chunk.map_err(|error| self.unreachable(&error))
    }

    fn url(&self, path: &str) -> Result<Url, Failure> {
        let base = &self.base;
        Url::parse(&format!("{base}{path}"))
            .map_err(|_| Failure::usage(format!("{base} cannot be followed by {path}")))
    }

    /// No answer: what the system said, and what is probably amiss. The error's own text would
    /// repeat the URL.
    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let server = &self.base;
        if error.is_timeout() {
            return Failure::failed(format!("{server} did not answer in time"))
                .fix("see whether the server is well: its /readyz?verbose, and its log");
        }
        let failure = Failure::failed(format!("cannot reach {server}: {}", root(error)));
        let text = root(error).to_ascii_lowercase();
        if text.contains("certificate") {
            failure
                .fix("for a certificate of your own authority, set SSL_CERT_FILE to its PEM file")
        } else if error.is_connect() {
            failure.fix("start the server (`ostler serve`, `ostler dev`), or mend the URL")
        } else if is_https(server) {
            failure
        } else {
            failure.fix("if the server speaks TLS, write https:// in its URL")
        }
    }
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// A header, when it is plain text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text; lossless, since JSON is UTF-8.
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.body).map_err(|_| self.not_understood())
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body).map_err(|_| self.not_understood())
    }

    /// The body as it came.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// An answer that no server gave.
    #[cfg(test)]
    pub fn for_test(status: u16, body: &str) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn not_understood(&self) -> Failure {
        let what = format!(
            "the server answered {} with something that is not JSON",
            self.status
        );
        Failure::failed(what)
            .fix("see whether the URL is that of Ostler, and not of a page or a proxy")
            .request_id(self.header("x-request-id"))
    }
}

fn is_https(base: &str) -> bool {
    base.starts_with("https:")
}

/// The first cause of an error, which says the most.
fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// reqwest is built without a crypto provider of its own, so that there is one in the process.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that another part of the process has installed one already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_below_the_path_of_the_server() {
        let client = Client::new(&Issuer::parse("https://a.example/o/").unwrap());
        // Without certificates on the machine there is no client, which is another test's matter.
        if let Ok(client) = client {
            let url = client.url("/oauth/token").unwrap();
            assert_eq!(url.as_str(), "https://a.example/o/oauth/token");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_with_the_reason() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", nobody.local_addr().unwrap());
        drop(nobody);
        let client = Client::new(&Issuer::parse(&url).unwrap()).unwrap();
        let failure = client
            .send(client.get("/x").unwrap())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            failure.starts_with(&format!("error: cannot reach {url}: ")),
            "{failure}"
        );
        assert!(failure.contains("fix: start the server"), "{failure}");
    }
}

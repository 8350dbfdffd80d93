//! Requests and replies, as bytes on a socket: nothing between the test and the server hides what
//! was sent or what came back.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpStream;

use super::document;

/// No exchange takes longer; a server that hangs fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that is being written down.
#[must_use]
#[derive(Clone)]
pub struct Request {
    to: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// `method target` to a server, with a `Host` and nothing else.
    pub fn new(to: SocketAddr, method: &str, target: &str) -> Self {
        Self {
            to,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// One more header, as it is; the same name may come twice.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// HTTP Basic with both halves raw, as curl sends them.
    pub fn basic(self, id: &str, secret: &str) -> Self {
        let credentials = STANDARD.encode(format!("{id}:{secret}"));
        self.header("Authorization", &format!("Basic {credentials}"))
    }

    /// A bearer token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// A form body.
    pub fn form(self, body: &str) -> Self {
        self.header("Content-Type", "application/x-www-form-urlencoded")
            .body(body)
    }

    /// A JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json")
            .body(body.to_string())
    }

    /// A body of these bytes, without a `Content-Type`.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The request as it is sent, with `Connection: <connection>`.
    fn to_bytes(&self, connection: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let has = |name: &str| {
            self.headers
                .iter()
                .any(|(own, _)| own.eq_ignore_ascii_case(name))
        };
        if !has("host") {
            let _ = write!(head, "Host: {}\r\n", self.to);
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(body) = &self.body
            && !has("content-length")
            && !has("transfer-encoding")
        {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        let _ = write!(head, "Connection: {connection}\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.to_bytes("close").len()
    }

    /// Sends this many bytes of it, and perhaps the end of the stream or a reset; whatever is
    /// answered until `then` is over, nobody reads it.
    pub async fn hang_up(self, bytes: usize, with: HangUp, then: impl Future<Output = ()>) {
        let mut stream = TcpStream::connect(self.to)
            .await
            .expect("the server accepts");
        let _ = stream.write_all(&self.to_bytes("close")[..bytes]).await;
        then.await;
        if with == HangUp::Reset {
            // With no time to linger, closing the socket sends a reset.
            let _ = stream.set_zero_linger();
        }
    }

    /// Sends it on a connection of its own and reads the head of the reply, while the rest of it may
    /// still be made.
    pub async fn begin(self) -> Begun {
        let head = async {
            let mut stream = TcpStream::connect(self.to).await?;
            stream.write_all(&self.to_bytes("close")).await?;
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"\r\n\r\n") {
                bytes.push(stream.read_u8().await?);
            }
            io::Result::Ok(Begun {
                stream,
                bytes,
                method: self.method,
            })
        };
        let begun = tokio::time::timeout(PATIENCE, head).await;
        begun.expect("a reply begins").expect("the server accepts")
    }

    /// Sends all of it but its body, which is waited for from here on ([RFC 9110 §10.1.1]): what the
    /// server does before it reads a body is done.
    ///
    /// [RFC 9110 §10.1.1]: https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
    pub async fn hold_back(self) -> HeldBack {
        let request = self.header("Expect", "100-continue");
        let mut bytes = request.to_bytes("close");
        let body = bytes.split_off(bytes.len() - request.body.as_ref().map_or(0, Vec::len));
        let asked = async {
            let mut stream = TcpStream::connect(request.to).await?;
            stream.write_all(&bytes).await?;
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\n") {
                answer.push(stream.read_u8().await?);
            }
            let answer = String::from_utf8_lossy(&answer).into_owned();
            assert!(answer.starts_with("HTTP/1.1 100 "), "{answer}");
            io::Result::Ok(stream)
        };
        let asked = tokio::time::timeout(PATIENCE, asked).await;
        HeldBack {
            stream: asked.expect("an answer").expect("the server accepts"),
            body,
            request,
        }
    }

    /// Sends it on a connection of its own and reads the whole reply.
    pub async fn send(self) -> Reply {
        let (to, method, target) = (self.to, self.method.clone(), self.target.clone());
        let reply = self.exchange().await.expect("the server accepts");
        reply.assert_uncached(&target);
        document::check(to, &method, &target, &reply).await;
        reply
    }

    /// The same without a look at what comes back; `None` when nobody listens.
    pub(super) async fn exchange(self) -> Option<Reply> {
        let exchange = async {
            let mut stream = TcpStream::connect(self.to).await.ok()?;
            // A server may answer and close before it has read a body that it refuses.
            let _ = stream.write_all(&self.to_bytes("close")).await;
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes).await;
            Some(Reply::parse(&bytes, &self.method))
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .unwrap_or_else(|_| {
                panic!(
                    "no reply to {} {} within {PATIENCE:?}",
                    self.method, self.target
                )
            })
    }
}

/// A request whose body the server waits for.
pub struct HeldBack {
    stream: TcpStream,
    body: Vec<u8>,
    request: Request,
}

impl HeldBack {
    /// Sends the body and reads the whole reply.
    pub async fn send(mut self) -> Reply {
        let exchange = async {
            self.stream.write_all(&self.body).await?;
            let mut bytes = Vec::new();
            self.stream.read_to_end(&mut bytes).await?;
            io::Result::Ok(bytes)
        };
        let bytes = tokio::time::timeout(PATIENCE, exchange).await;
        let bytes = bytes.expect("a reply").expect("a connection");
        let Request {
            to, method, target, ..
        } = &self.request;
        let reply = Reply::parse(&bytes, method);
        reply.assert_uncached(target);
        document::check(*to, method, target, &reply).await;
        reply
    }
}

/// A reply that has begun.
pub struct Begun {
    stream: TcpStream,
    bytes: Vec<u8>,
    method: String,
}

impl Begun {
    /// The rest of it.
    pub async fn end(mut self) -> Reply {
        let rest = self.stream.read_to_end(&mut self.bytes);
        let rest = tokio::time::timeout(PATIENCE, rest).await;
        rest.expect("the reply ends").expect("a connection");
        Reply::parse(&self.bytes, &self.method)
    }
}

/// A connection that is kept for one exchange after the other.
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// A new connection; an error when nobody listens.
    pub async fn open(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and reads the whole reply; an error when the connection ends before it.
    pub async fn exchange(&mut self, request: &Request) -> io::Result<Reply> {
        let exchange = async {
            self.0.write_all(&request.to_bytes("keep-alive")).await?;
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"\r\n\r\n") {
                bytes.push(self.0.read_u8().await?);
            }
            let mut reply = Reply::of_head(&bytes);
            let length = reply.header("content-length").unwrap_or("0");
            reply.body = vec![0; length.parse().expect("a length")];
            self.0.read_exact(&mut reply.body).await?;
            Ok(reply)
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .unwrap_or_else(|_| panic!("no reply within {PATIENCE:?}"))
    }
}

/// How a client leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HangUp {
    /// It closes the connection.
    Close,
    /// It, or something on the way, resets the connection.
    Reset,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    reason: String,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the body came to its end; one that is sent in chunks can be cut off.
    pub is_whole: bool,
}

/// The contents of chunks ([RFC 9112 §7.1]), and whether the last of them is there.
///
/// [RFC 9112 §7.1]: https://www.rfc-editor.org/rfc/rfc9112#section-7.1
fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size in hex");
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = bytes.get(end + 2..end + 2 + size) else {
            break;
        };
        body.extend_from_slice(chunk);
        bytes = bytes.get(end + 2 + size + 2..).unwrap_or_default();
    }
    (body, false)
}

impl Reply {
    fn parse(bytes: &[u8], method: &str) -> Self {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let mut reply = Self::of_head(&bytes[..end + 4]);
        reply.body = bytes[end + 4..].to_vec();
        if reply.header("transfer-encoding") == Some("chunked") {
            let (body, is_whole) = unchunked(&reply.body);
            (reply.body, reply.is_whole) = (body, is_whole);
        }
        if let Some(length) = reply.header("content-length")
            && method != "HEAD"
            && reply.status != 304
        {
            assert_eq!(length, reply.body.len().to_string(), "the body is whole");
        }
        reply
    }

    /// RFC 6749 §5.1, and every security case: what is answered about tokens and secrets is kept by
    /// nobody on its way.
    fn assert_uncached(&self, target: &str) {
        // A head that could not be parsed is answered before there is a request with an id.
        let is_answered = self.header("x-request-id").is_some();
        let is_of_oauth = target.contains("/oauth/") && !target.contains("/oauth/authorize");
        let body = String::from_utf8_lossy(&self.body);
        let has_secret = ["ostler_cs_", "ostler_at_"]
            .iter()
            .any(|prefix| body.contains(prefix));
        if is_answered && (is_of_oauth || has_secret) {
            let cached = self.header("cache-control");
            assert_eq!(cached, Some("no-store"), "{target}: {}", self.wire());
        }
    }

    /// A reply with this head, whose body is still to come.
    fn of_head(bytes: &[u8]) -> Self {
        let head = bytes.strip_suffix(b"\r\n\r\n").expect("a whole head");
        let head = std::str::from_utf8(head).expect("the head is text");
        let mut lines = head.split("\r\n");
        let status_line = lines.next().expect("a status line");
        let (_version, status) = status_line.split_once(' ').expect("a status");
        let (code, reason) = status.split_once(' ').unwrap_or((status, ""));
        let headers: Vec<_> = lines
            .map(|line| line.split_once(':').expect("a header"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self {
            status: code.parse().expect("a numeric status"),
            reason: reason.to_owned(),
            headers,
            body: Vec::new(),
            is_whole: true,
        }
    }

    /// The value of a header; the test fails when it stands there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(own, _)| own == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} stands there twice");
        value
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", self.wire()))
    }

    /// The `error` member of an OAuth error.
    #[track_caller]
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    /// The whole reply with its header fields in their order, to compare byte by byte; what belongs to
    /// one reply alone (`date`, `x-request-id`) has no value.
    pub fn bytes_but_its_own(&self) -> String {
        const OWN: [&str; 2] = ["date", "x-request-id"];
        let mut bytes = format!("{} {}\n", self.status, self.reason);
        for (name, value) in &self.headers {
            let value = if OWN.contains(&name.as_str()) {
                ""
            } else {
                value
            };
            let _ = writeln!(bytes, "{name}: {value}");
        }
        bytes + &String::from_utf8_lossy(&self.body)
    }

    /// The whole reply, for a snapshot: headers sorted, without those that differ each time
    /// (`date`, `x-request-id`) or say nothing (`connection`, `content-length`).
    pub fn wire(&self) -> String {
        const UNSTEADY: [&str; 4] = ["date", "x-request-id", "connection", "content-length"];
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !UNSTEADY.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect();
        headers.sort();
        let head = format!("{} {}\n{}", self.status, self.reason, headers.concat());
        if self.body.is_empty() {
            return head;
        }
        format!("{head}\n{}", String::from_utf8_lossy(&self.body))
    }
}

//! A server with a small router, and a client that sends exactly the bytes it is told to.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::routing;
use ostler::clock::SystemClock;
use ostler::http::address::ClientAddress;
use ostler::http::address::TrustedProxies;
use ostler::http::edge::Edge;
use ostler::http::edge::EdgeSettings;
use ostler::http::limits::Limits;
use ostler::http::metrics::HttpMetrics;
use ostler::http::serve::Drained;
use ostler::http::serve::bind;
use ostler::http::serve::serve;
use ostler::http::tls::Tls;
use ostler::shutdown::Shutdown;
use ostler::telemetry::registry::Registry;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A timeout that a test waits for.
pub const SHORT: Duration = Duration::from_millis(60);

/// Longer than anything should take: a test that gets here has failed.
const HANGS: Duration = Duration::from_secs(20);

pub struct Server {
    pub address: SocketAddr,
    pub shutdown: Shutdown,
    pub registry: Registry,
    pub gate: Arc<Gate>,
    pub tls: Option<Arc<Tls>>,
    task: JoinHandle<Drained>,
}

/// Lets a test hold a request in its handler.
#[derive(Default)]
pub struct Gate {
    pub entered: Notify,
    pub leave: Notify,
}

impl Server {
    pub async fn start(limits: Limits) -> Self {
        Self::start_with(limits, None, &[]).await
    }

    pub async fn start_with(limits: Limits, tls: Option<Tls>, proxies: &[&str]) -> Self {
        let registry = Registry::new();
        let gate = Arc::new(Gate::default());
        let proxies = proxies.iter().map(|net| net.parse().unwrap()).collect();
        let edge = Edge::new(
            router(&gate),
            EdgeSettings {
                base: String::new(),
                limits,
                proxies: TrustedProxies::new(proxies),
                https: tls.is_some(),
                clock: Arc::new(SystemClock),
                metrics: HttpMetrics::new(&registry),
            },
        );
        let server = Self::around(edge, tls).await;
        Self {
            registry,
            gate,
            ..server
        }
    }

    pub async fn around(edge: Edge, tls: Option<Tls>) -> Self {
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let tls = tls.map(Arc::new);
        let served = serve(listener, tls.clone(), Arc::new(edge), shutdown.clone());
        Self {
            address,
            shutdown,
            registry: Registry::new(),
            gate: Arc::default(),
            tls,
            task: tokio::spawn(served),
        }
    }

    pub async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends `bytes` on a connection of its own and returns all that comes until it is closed.
    pub async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect().await;
        client.send(bytes).await;
        client.rest().await
    }

    /// Waits until the server's numbers are as `expected`.
    pub async fn until(&self, expected: impl Fn(&str) -> bool) {
        within(async {
            while !expected(&self.registry.render()) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// The end of the server, after somebody triggered it.
    pub async fn ended(self) -> Drained {
        within(self.task).await.unwrap()
    }
}

fn router(gate: &Arc<Gate>) -> Router {
    let gate = Arc::clone(gate);
    let wait = || async move {
        gate.entered.notify_one();
        gate.leave.notified().await;
        "done"
    };
    Router::new()
        .route("/hello", routing::get(|| async { "hello" }))
        .route("/echo", routing::post(|body: Bytes| async { body }))
        .route("/admin/echo", routing::post(|body: Bytes| async { body }))
        .route("/unread", routing::post(|| async { "did not look" }))
        .route("/wait", routing::get(wait))
        .route("/never", routing::any(never))
        .route("/panic", routing::get(panics))
        .route(
            "/large",
            routing::get(|| async { vec![b'x'; 64 * 1024 * 1024] }),
        )
        .route(
            "/address",
            routing::get(|Extension(ClientAddress(address))| async move { address.to_string() }),
        )
}

/// Keeps its body, and neither reads it nor answers.
async fn never(_unread: Request) {
    std::future::pending::<()>().await;
}

async fn panics() -> &'static str {
    // Made at run time, as when `unwrap` shows an error that holds a caller's words.
    let words = ["a secret", "that must not be told"].join(" ");
    panic!("{words}")
}

/// A connection that sends what it is told.
pub struct Client(pub TcpStream);

impl Client {
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.0.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends as much as the server takes, which may be less than all.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within(self.0.write_all(bytes.as_ref())).await;
    }

    /// One whole response, by its `content-length`.
    pub async fn response(&mut self) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            let byte = within(self.0.read_u8()).await;
            text.push(byte.expect("a whole head"));
        }
        let head = String::from_utf8(text).unwrap();
        let length = header(&head, "content-length").unwrap_or("0");
        let mut body = vec![0; length.parse().unwrap()];
        within(self.0.read_exact(&mut body)).await.unwrap();
        head + &String::from_utf8(body).unwrap()
    }

    /// All that comes until the server closes the connection.
    pub async fn rest(&mut self) -> String {
        let mut text = Vec::new();
        within(self.0.read_to_end(&mut text)).await.unwrap();
        String::from_utf8(text).unwrap()
    }

    /// Whether the server has closed the connection, cleanly or not, without a byte more.
    pub async fn is_closed(&mut self) -> bool {
        matches!(within(self.0.read(&mut [0])).await, Ok(0) | Err(_))
    }
}

/// A request for `path` that is the only one on its connection.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: ostler.test\r\nconnection: close\r\n\r\n")
}

/// The value of a header field in a response.
pub fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let head = response.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(": ")?;
        field.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// The status code of a response.
pub fn status(response: &str) -> u16 {
    let code = response.split(' ').nth(1);
    code.unwrap_or_else(|| panic!("no response: {response:?}"))
        .parse()
        .unwrap()
}

/// The body of a response, as JSON.
pub fn json(response: &str) -> serde_json::Value {
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {response}"))
}

/// Runs the test `name` alone in a process of its own, through `sh -c '<before> exec ...'`, and returns
/// what it wrote to standard error.
pub fn run_apart(name: &str, before: &str) -> String {
    let output = Command::new("sh")
        .args([
            "-c",
            &format!(r#"{before} exec "$0" --exact "$1" --nocapture"#),
        ])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(APART, "yes")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}\n{stdout}{stderr}",
        output.status
    );
    stderr
}

/// Whether this is the process that [`run_apart`] started.
pub fn is_apart() -> bool {
    std::env::var_os(APART).is_some()
}

const APART: &str = "OSTLER_TEST_APART";

/// The most memory that this process has ever had, in bytes: of use where it does one thing only.
pub fn most_memory_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|line| line.trim().strip_suffix(" kB"));
    1024 * kilobytes.unwrap().parse::<usize>().unwrap()
}

/// Fails the test when `future` hangs.
pub async fn within<F: Future>(future: F) -> F::Output {
    let bounded = tokio::time::timeout(HANGS, future).await;
    bounded.expect("the server went on waiting")
}

//! TLS, and HTTP/2 over it.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use ostler::clock::ManualClock;
use ostler::clock::SystemClock;
use ostler::http::limits::Limits;
use ostler::http::tls::Tls;
use ostler::http::tls::TlsError;
use rcgen::CertificateParams;
use rcgen::KeyPair;
use rcgen::date_time_ymd;
use reqwest::StatusCode;
use reqwest::Version;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::SupportedProtocolVersion;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::harness::SHORT;
use super::harness::Server;
use super::harness::get;
use super::harness::header;
use super::harness::status;
use super::harness::within;

/// A certificate for 127.0.0.1 in files that a server can be given, made anew by every call.
pub struct Files {
    dir: TempDir,
    root: CertificateDer<'static>,
}

impl Files {
    pub fn new() -> Self {
        let mut files = Self {
            dir: TempDir::new().unwrap(),
            root: CertificateDer::from(Vec::new()),
        };
        files.renew(2099);
        files
    }

    pub fn renew(&mut self, last_year: i32) {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(self.certificate(), certificate.pem()).unwrap();
        fs::write(self.key(), key.serialize_pem()).unwrap();
        self.root = certificate.der().clone();
    }

    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("tls.crt")
    }

    pub fn key(&self) -> PathBuf {
        self.dir.path().join("tls.key")
    }

    fn load(&self) -> Result<Tls, TlsError> {
        Tls::load(&self.certificate(), &self.key(), Arc::new(SystemClock))
    }

    pub async fn server(&self, limits: Limits) -> Server {
        Server::start_with(limits, Some(self.load().unwrap()), &[]).await
    }

    pub fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        config_with(roots, versions, alpn)
    }

    /// A well-behaved client that speaks HTTP/2.
    pub fn reqwest(&self) -> reqwest::Client {
        let config = self.client(rustls::DEFAULT_VERSIONS, &["h2"]);
        let builder = reqwest::Client::builder().tls_backend_preconfigured(config);
        builder.no_proxy().build().unwrap()
    }
}

fn config_with(
    roots: RootCertStore,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// Shakes hands without a server name: 127.0.0.1 is an address, and those are not sent.
pub async fn connect<S>(config: ClientConfig, stream: S) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

async fn hello<S>(mut stream: TlsStream<S>) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(get("/hello").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut text = String::new();
    within(stream.read_to_string(&mut text)).await.unwrap();
    text
}

// Case 118: by clients that send no server name.
#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_answers_insist_on_https() {
    let files = Files::new();
    let server = files.server(Limits::default()).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let stream = connect(files.client(&[version], &[]), stream)
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        let response = hello(stream).await;
        assert_eq!(status(&response), 200);
        assert!(header(&response, "strict-transport-security").is_some());
    }
}

// Case 118; RFC 8996 §4
#[tokio::test]
async fn older_versions_are_refused() {
    let server = Files::new().server(Limits::default()).await;
    for minor in [1, 2] {
        let mut client = server.connect().await;
        client.send(client_hello(minor)).await;
        let mut answer = Vec::new();
        within(client.0.read_to_end(&mut answer)).await.unwrap();
        // An alert: fatal, protocol_version.
        assert_eq!(answer.first(), Some(&0x15), "{answer:?}");
        assert_eq!(answer.get(5..), Some(&[2, 70][..]), "{answer:?}");
    }
}

/// What a client sends first that speaks at most TLS 1.0 (minor 1) or 1.1 (2), and with which
/// nothing but its version is wrong.
fn client_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]); // random
    hello.push(0); // no session
    hello.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x09]); // ECDHE-ECDSA with AES-GCM, and with AES-CBC
    hello.extend([1, 0]); // no compression
    let extensions = [
        &[0, 10, 0, 4, 0, 2, 0, 23][..], // supported_groups: secp256r1
        &[0, 11, 0, 2, 1, 0],            // ec_point_formats: uncompressed
        &[0, 13, 0, 4, 0, 2, 4, 3],      // signature_algorithms: ecdsa_secp256r1_sha256
    ]
    .concat();
    hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let mut message = vec![1, 0, 0, u8::try_from(hello.len()).unwrap()];
    message.extend(hello);
    let mut record = vec![0x16, 3, minor, 0, u8::try_from(message.len()).unwrap()];
    record.extend(message);
    record
}

#[tokio::test]
async fn clear_text_is_not_answered_in_clear_text() {
    let server = Files::new().server(Limits::default()).await;
    let mut client = server.connect().await;
    client.send(get("/hello")).await;
    let mut answer = Vec::new();
    within(client.0.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

// Case 118
#[tokio::test]
async fn a_handshake_that_stalls_is_closed() {
    let server = Files::new()
        .server(Limits {
            tls_handshake: SHORT,
            ..Limits::default()
        })
        .await;
    let mut client = server.connect().await;
    client.send(&client_hello(3)[..20]).await;
    assert!(client.is_closed().await);
    assert!(
        server
            .registry
            .render()
            .contains("ostler_tls_handshakes_failed_total 1")
    );
}

/// Writes one byte at a time.
struct Dribble(TcpStream);

impl AsyncRead for Dribble {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Dribble {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let first = bytes.get(..1).unwrap_or_default();
        Pin::new(&mut self.0).poll_write(cx, first)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

// Case 118
#[tokio::test]
async fn a_client_hello_in_single_bytes_is_understood() {
    let files = Files::new();
    let server = files.server(Limits::default()).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let config = files.client(rustls::DEFAULT_VERSIONS, &[]);
    let stream = connect(config, Dribble(stream)).await.unwrap();
    assert_eq!(status(&hello(stream).await), 200);
}

// Case 118
#[tokio::test]
async fn a_renewed_certificate_is_served_after_a_reload_and_a_bad_one_changes_nothing() {
    let mut files = Files::new();
    let tls = files.load().unwrap();
    let old = files.root.clone();
    let server = Server::start_with(Limits::default(), Some(tls), &[]).await;
    let presented = async |files: &Files| {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let config = files.client(rustls::DEFAULT_VERSIONS, &[]);
        let stream = connect(config, stream).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap();
        io::Result::Ok(chain[0].clone().into_owned())
    };
    let reload = |files: &Files| {
        let tls = server.tls.as_ref().unwrap();
        tls.reload(&files.certificate(), &files.key())
    };
    assert_eq!(presented(&files).await.unwrap(), old);

    fs::write(files.certificate(), "nothing of use").unwrap();
    assert!(matches!(reload(&files), Err(TlsError::NotPem { .. })));
    assert_eq!(presented(&files).await.unwrap(), old);

    files.renew(2098);
    reload(&files).unwrap();
    assert_eq!(presented(&files).await.unwrap(), files.root);
}

// Case 118: while others connect.
#[tokio::test]
async fn certificates_are_renewed_under_load() {
    let mut files = Files::new();
    let server = files.server(Limits::default()).await;
    let address = server.address;
    let mut roots = RootCertStore::empty();
    roots.add(files.root.clone()).unwrap();
    files.renew(2098);
    roots.add(files.root.clone()).unwrap();
    let config = config_with(roots, rustls::DEFAULT_VERSIONS, &[]);

    let mut clients = JoinSet::new();
    for _ in 0..30 {
        let config = config.clone();
        clients.spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            let stream = connect(config, stream).await.unwrap();
            status(&hello(stream).await)
        });
    }
    while let Some(status) = clients.join_next().await {
        assert_eq!(status.unwrap(), 200);
        let tls = server.tls.as_ref().unwrap();
        tls.reload(&files.certificate(), &files.key()).unwrap();
    }
}

// Case 118: an expired certificate at the start, too.
#[tokio::test]
async fn files_that_cannot_serve_are_refused_by_name() {
    let mut files = Files::new();
    let refusal = |files: &Files| match files.load() {
        Ok(_) => panic!("these files were accepted"),
        Err(error) => error.to_string(),
    };

    let other = KeyPair::generate().unwrap().serialize_pem();
    fs::write(files.key(), other).unwrap();
    assert!(refusal(&files).contains("cannot be used together"));

    fs::write(files.key(), "no key").unwrap();
    assert!(refusal(&files).contains("tls.key holds no private key in PEM form"));

    fs::remove_file(files.key()).unwrap();
    assert!(refusal(&files).contains("tls.key cannot be read: No such file"));

    fs::write(files.certificate(), "").unwrap();
    assert!(refusal(&files).contains("tls.crt holds no certificate in PEM form"));

    files.renew(2001);
    assert!(refusal(&files).contains("tls.crt is valid from 1975-01-01T00:00:00Z to 2001-01-01"));
    let past = Arc::new(ManualClock::at("2000-12-31T23:59:59Z".parse().unwrap()));
    Tls::load(&files.certificate(), &files.key(), past).unwrap();
}

#[tokio::test]
async fn http2_is_chosen_by_alpn_and_has_the_same_bounds() {
    let files = Files::new();
    let server = files.server(Limits::default()).await;
    let client = files.reqwest();
    let url = |path: &str| format!("https://{}{path}", server.address);

    let hello = client.get(url("/hello")).send().await.unwrap();
    assert_eq!(
        (hello.version(), hello.status()),
        (Version::HTTP_2, StatusCode::OK)
    );
    assert!(hello.headers().contains_key("x-request-id"));

    let large = vec![b'x'; 64 * 1024 + 1];
    let refused = client.post(url("/echo")).body(large).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let many = (0..100).fold(client.get(url("/hello")), |request, number| {
        request.header(format!("x-{number}"), "y")
    });
    let refused = many.send().await.unwrap();
    assert_eq!(
        refused.status(),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );

    let fat = client.get(url("/hello")).header("x", "y".repeat(17 * 1024));
    let refused = fat.send().await.unwrap();
    assert_eq!(
        refused.status(),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );

    let panicked = client.get(url("/panic")).send().await.unwrap();
    assert_eq!(panicked.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let again = client.get(url("/hello")).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::OK);
}

// Case 110
#[tokio::test]
async fn a_slow_body_over_http2_is_a_408() {
    let files = Files::new();
    let server = files
        .server(Limits {
            body_read: SHORT,
            ..Limits::default()
        })
        .await;
    let never = reqwest::Body::wrap(NeverEnding);
    let request = files
        .reqwest()
        .post(format!("https://{}/echo", server.address))
        .body(never);
    assert_eq!(
        within(request.send()).await.unwrap().status(),
        StatusCode::REQUEST_TIMEOUT
    );
}

struct NeverEnding;

impl hyper::body::Body for NeverEnding {
    type Data = axum::body::Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<hyper::body::Frame<Self::Data>>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn an_http2_client_that_says_nothing_is_closed() {
    let files = Files::new();
    let server = files
        .server(Limits {
            header_read: SHORT,
            drain: SHORT,
            ..Limits::default()
        })
        .await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let config = files.client(rustls::DEFAULT_VERSIONS, &["h2"]);
    let mut stream = connect(config, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    // The server's own preface may come first.
    let mut said = Vec::new();
    let _ = within(stream.read_to_end(&mut said)).await;
}

#[tokio::test]
async fn an_http2_connection_has_an_end_of_age() {
    let files = Files::new();
    let server = files
        .server(Limits {
            http2_age: SHORT,
            // In this time a slow machine has to send its first request.
            header_read: Duration::from_secs(1),
            ..Limits::default()
        })
        .await;
    let url = format!("https://{}/hello", server.address);
    let client = files.reqwest();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    server
        .until(|numbers| numbers.contains("ostler_connections 0\n"))
        .await;
    // The client only needs to connect again.
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
}

// Case 122
#[tokio::test]
async fn a_shutdown_finishes_what_is_in_flight_over_http2() {
    let files = Files::new();
    let server = files.server(Limits::default()).await;
    let request = files
        .reqwest()
        .get(format!("https://{}/wait", server.address));
    let answer = tokio::spawn(request.send());
    within(server.gate.entered.notified()).await;

    server.shutdown.trigger();
    server.gate.leave.notify_one();

    let answer = within(answer).await.unwrap().unwrap();
    assert_eq!(answer.text().await.unwrap(), "done");
    assert_eq!(server.ended().await.cut, 0);
}

//! SIGHUP: a running server reads its configuration and the files of TLS again (contract section 6).

use std::fs;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::process::Child;
use std::process::ChildStderr;

use jiff::Timestamp;
use rustix::process::Pid;
use rustix::process::Signal;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use tokio::net::TcpStream;

use super::Person;
use crate::harness::client::jwt_part;
use crate::harness::wire::Request;
use crate::transport::tls::Files;
use crate::transport::tls::connect;

/// A server that runs, with its configuration in `ostler.toml`.
struct RunningServer {
    operator: Person,
    address: SocketAddr,
    first: Value,
    child: Child,
    log: BufReader<ChildStderr>,
}

impl RunningServer {
    async fn start(configuration: &str) -> Self {
        let (operator, url) = Person::operator();
        let operator = operator.with("OSTLER_CONFIG", "ostler.toml");
        operator.write("ostler.toml", configuration, 0o600);
        let first = operator.run("init -o json").await.json();
        let mut child = operator.start(&["serve"]);
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self {
            operator,
            address: url.strip_prefix("http://").unwrap().parse().unwrap(),
            first,
            child,
            log,
        };
        server.until("serving");
        server
    }

    /// Reads the log to the line with this message.
    fn until(&mut self, message: &str) -> String {
        let wanted = format!("\"message\":\"{message}");
        let mut line = String::new();
        while !line.contains(&wanted) {
            line.clear();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "it has ended");
        }
        line
    }

    /// Writes another configuration, and lets the server know.
    fn renew(&self, configuration: &str) {
        self.operator.write("ostler.toml", configuration, 0o600);
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// A request for a token with this much else in its body.
    async fn ask(&self, padding: usize) -> (u16, Value) {
        let text = |member: &str| self.first[member].as_str().unwrap();
        let form = format!(
            "grant_type=client_credentials&{}",
            "a=&".repeat(padding / 3)
        );
        let request = Request::new(self.address, "POST", "/oauth/token")
            .basic(text("client_id"), text("client_secret"))
            .form(&form);
        let reply = request.send().await;
        (reply.status, reply.json())
    }

    /// The first administrator, at a shell.
    fn administrator(&self) -> Person {
        let text = |member: &str| self.first[member].as_str().unwrap();
        Person::new()
            .with("OSTLER_URL", &format!("http://{}", self.address))
            .with("OSTLER_CLIENT_ID", text("client_id"))
            .with("OSTLER_CLIENT_SECRET", text("client_secret"))
    }

    fn stop(mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

#[tokio::test]
async fn a_hangup_reads_the_configuration_again() {
    let mut server = RunningServer::start("[tokens]\nlifetime_seconds = 600\n").await;
    let (_, token) = server.ask(0).await;
    assert_eq!(token["expires_in"], 600);
    let too_many = server.ask(20_000).await;
    assert_eq!(too_many.0, 400, "{}", too_many.1);

    server.renew(
        "[tokens]\nlifetime_seconds = 60\n[limits]\nbody_bytes = 16384\n\
         [server]\natlassian_path = true\n",
    );
    server.until("the configuration was read again");
    let waiting = server.until("these keys have changed");
    assert!(waiting.contains("\"server.atlassian_path\""), "{waiting}");
    let (_, token) = server.ask(0).await;
    assert_eq!(token["expires_in"], 60);
    assert_eq!(server.ask(20_000).await.0, 413);

    // Security case 180: a mistake leaves all as it was.
    server.renew("[tokens]\nlifetime_seconds = 30\nlifetime = 1\n");
    let told = server.until("the configuration was not read again");
    assert!(told.contains("tokens.lifetime"), "{told}");
    let (_, token) = server.ask(0).await;
    assert_eq!(token["expires_in"], 60);
    server.stop();
}

// P3, security case 158: what was signed before a hangup lives on, and its key stays for it.
#[tokio::test]
async fn a_hangup_that_lowers_the_longest_life_of_tokens_takes_no_key_from_them() {
    let tokens = |seconds: u32| {
        format!("[tokens]\nlifetime_seconds = {seconds}\nmax_lifetime_seconds = {seconds}\n")
    };
    let mut server = RunningServer::start(&tokens(14_400)).await;
    let (_, token) = server.ask(0).await;
    assert_eq!(token["expires_in"], 14_400);
    let claims = jwt_part(token["access_token"].as_str().unwrap(), 1);
    server.renew(&tokens(600));
    server.until("the configuration was read again");

    let admin = server.administrator();
    admin.run("key rotate ES256 --force").await.data();
    let keys = admin.run("key list -o json").await.json();
    let keys = keys["items"].as_array().unwrap();
    let old = keys.iter().find(|key| key["state"] == "retiring").unwrap();
    let leaves: Timestamp = old["leaves_jwks_at"].as_str().unwrap().parse().unwrap();
    // An hour is for clocks that differ.
    assert!(leaves.as_second() >= claims["exp"].as_i64().unwrap() + 3_600);
    server.stop();
}

// Security cases 118 and 180.
#[tokio::test]
async fn a_hangup_reads_the_certificate_again() {
    let mut files = Files::new();
    let configuration = format!(
        "[server.tls]\ncert_file = '{}'\nkey_file = '{}'\n",
        files.certificate().display(),
        files.key().display()
    );
    let mut server = RunningServer::start(&configuration).await;
    let address = server.address;
    let presented = async |files: &Files| -> io::Result<CertificateDer<'static>> {
        let stream = TcpStream::connect(address).await?;
        let config = files.client(rustls::DEFAULT_VERSIONS, &[]);
        let stream = connect(config, stream).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap();
        Ok(chain[0].clone().into_owned())
    };
    let old = presented(&files).await.unwrap();

    let good = fs::read(files.certificate()).unwrap();
    fs::write(files.certificate(), "nothing of use").unwrap();
    server.signal(Signal::HUP);
    let told = server.until("the configuration was not read again");
    assert!(told.contains("tls.crt"), "{told}");
    assert_eq!(presented(&files).await.unwrap(), old);

    fs::write(files.certificate(), good).unwrap();
    files.renew(2098);
    server.signal(Signal::HUP);
    server.until("the configuration was read again");
    assert_ne!(presented(&files).await.unwrap(), old);
    server.stop();
}

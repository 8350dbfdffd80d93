//! The real server, and what an attacker may find in it.

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::cores::Cores;
use crate::exchange::Connection;
use crate::options::Options;
use crate::process::Server;
use crate::wire;
use crate::wire::Client;

/// The release binary, which Cargo builds for this benchmark.
const BINARY: &str = env!("CARGO_BIN_EXE_ostler");

/// What it calls itself.
const ISSUER: &str = "http://127.0.0.1:8080";

/// How long after the last request it may begin to do something in the background: usage is written
/// every four seconds.
const BACKGROUND: Duration = Duration::from_millis(4_500);

/// So many failures a minute that nobody is told to wait, though all are counted.
pub const ANY_NUMBER: u32 = 1_000_000;

/// A running server, and its first administrator.
pub struct Stage {
    pub server: Server,
    pub address: SocketAddr,
    pub connection: Connection,
    administrator: Client,
}

impl Stage {
    /// A new server with an empty store. `failed_auth_per_minute` is its limit, or the default.
    pub fn set(
        options: &Options,
        cores: Cores,
        failed_auth_per_minute: Option<u32>,
    ) -> Result<Self, Box<dyn Error>> {
        if options.directory.exists() {
            fs::remove_dir_all(&options.directory)?;
        }
        fs::create_dir_all(&options.directory)?;
        let place = Place {
            directory: options.directory.clone(),
            address: free_address()?,
            management: free_address()?,
            failed_auth_per_minute,
        };
        let output = place.command(&["init", "-o", "json"]).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        let first: Value = serde_json::from_slice(&output.stdout)?;
        let server = Server::start(place.command(&["serve"]), cores)?;
        until_it_accepts(place.address)?;
        Ok(Self {
            server,
            address: place.address,
            connection: Connection::new(place.address),
            administrator: client_of(&first)?,
        })
    }

    /// A bearer token of the first administrator.
    pub fn bearer(&mut self) -> Result<String, Box<dyn Error>> {
        let form = format!("{}&resource={ISSUER}", wire::GRANT);
        let administrator = self.administrator.clone();
        let token = self.token_by(&administrator, &form)?;
        Ok(format!("Bearer {token}"))
    }

    /// An access token of a client.
    pub fn token(&mut self, client: &Client) -> Result<String, Box<dyn Error>> {
        self.token_by(client, wire::GRANT)
    }

    fn token_by(&mut self, client: &Client, form: &str) -> Result<String, Box<dyn Error>> {
        let answer = self.ask(&client.post("/oauth/token", form))?;
        Ok(text(&answer, "access_token")?)
    }

    /// What the server answers, which has to be good news.
    fn ask(&mut self, request: &[u8]) -> Result<Value, Box<dyn Error>> {
        let (answer, _) = self.connection.exchange(request)?;
        if !matches!(answer.status, 200..=299) {
            return Err(String::from_utf8_lossy(&answer.body).into());
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Reads a path of the admin API.
    pub fn get(&mut self, path: &str) -> Result<Value, Box<dyn Error>> {
        let (path, bearer) = (format!("/admin/v1{path}"), self.bearer()?);
        self.ask(&wire::request("GET", &path, &bearer, None))
    }

    /// Makes or does something by the admin API.
    pub fn post(&mut self, path: &str, body: &Value) -> Result<Value, Box<dyn Error>> {
        let (path, bearer, body) = (format!("/admin/v1{path}"), self.bearer()?, body.to_string());
        self.ask(&wire::request(
            "POST",
            &path,
            &bearer,
            Some((wire::JSON, &body)),
        ))
    }

    /// Deletes or ends something by the admin API.
    pub fn delete(&mut self, path: &str) -> Result<(), Box<dyn Error>> {
        let (path, bearer) = (format!("/admin/v1{path}"), self.bearer()?);
        let request = wire::request("DELETE", &path, &bearer, None);
        let (answer, _) = self.connection.exchange(&request)?;
        match answer.status {
            204 => Ok(()),
            _ => Err(String::from_utf8_lossy(&answer.body).into()),
        }
    }

    /// Makes an API without resource types.
    pub fn api(&mut self, organization: &str, name: &str) -> Result<Value, Box<dyn Error>> {
        let api = json!({
            "name": name,
            "audience": format!("https://{name}.example.com"),
            "scopes": [{"name": "read"}],
        });
        self.post(&format!("/organizations/{organization}/apis"), &api)
    }

    /// Makes an account with a credential.
    pub fn client(
        &mut self,
        organization: &str,
        name: &str,
        access: &Value,
    ) -> Result<Client, Box<dyn Error>> {
        let credential = json!({"name": "first"});
        self.client_with(organization, name, access, &credential)
    }

    /// The same, with more said of the credential.
    pub fn client_with(
        &mut self,
        organization: &str,
        name: &str,
        access: &Value,
        credential: &Value,
    ) -> Result<Client, Box<dyn Error>> {
        let account = json!({"name": name, "access": access, "credential": credential});
        let path = format!("/organizations/{organization}/service-accounts");
        let made = self.post(&path, &account)?;
        client_of(&made["credential"])
    }

    /// Waits until the server has nothing more to do in the background.
    pub fn rest(&self) -> io::Result<()> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build()?;
        runtime.block_on(self.server.rest(BACKGROUND))
    }
}

/// All of one API.
pub fn access_to(api: &str) -> Value {
    json!([{"api": api, "scopes": ["read"], "resources": {}}])
}

/// What lets introspect the tokens for these APIs of an organization.
pub fn may_introspect(organization: &Value, apis: &Value) -> Value {
    let resources = json!({"organization": [organization], "api": apis});
    json!([{"api": "ostler", "scopes": ["introspect"], "resources": resources}])
}

fn client_of(credential: &Value) -> Result<Client, Box<dyn Error>> {
    Ok(Client {
        id: text(credential, "client_id")?,
        secret: text(credential, "client_secret")?,
    })
}

/// The text of this name in an answer.
pub fn text(answer: &Value, name: &str) -> Result<String, String> {
    let text = answer[name].as_str().map(str::to_owned);
    text.ok_or_else(|| format!("no {name} in an answer"))
}

/// Where a server is, and where it keeps its things.
struct Place {
    directory: PathBuf,
    address: SocketAddr,
    management: SocketAddr,
    failed_auth_per_minute: Option<u32>,
}

impl Place {
    /// `ostler <arguments>` on this place.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .env("OSTLER_DATA__DIR", self.directory.join("data"))
            .env("OSTLER_KEYS__DIR", self.directory.join("keys"))
            .env("OSTLER_SERVER__LISTEN", self.address.to_string())
            .env("OSTLER_SERVER__ISSUER", ISSUER)
            .env("OSTLER_MANAGEMENT__LISTEN", self.management.to_string())
            .env("OSTLER_LOG", "error")
            .stdin(Stdio::null());
        if let Some(limit) = self.failed_auth_per_minute {
            command.env("OSTLER_LIMITS__FAILED_AUTH_PER_MINUTE", limit.to_string());
        }
        command
    }
}

/// A port that was free a moment ago.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// Waits until something listens there.
fn until_it_accepts(address: SocketAddr) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_mins(1);
    while let Err(error) = std::net::TcpStream::connect(address) {
        if Instant::now() > deadline {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

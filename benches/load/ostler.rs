//! The real server: made, filled through its admin API, started.

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::cores::Cores;
use crate::process::Server;
use crate::requests::Credentials;

/// The release binary, which Cargo builds for this benchmark.
pub const BINARY: &str = env!("CARGO_BIN_EXE_ostler");

/// The signing algorithms, each with an API of its own; accounts are dealt out to them in turn.
pub const ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "RS256"];

/// The scopes of every token.
pub const SCOPES: &str = "read write";

/// How many resources an API has; each account may touch one.
const RESOURCES: usize = 1_000;

/// What is in the store.
#[derive(Deserialize, Serialize)]
pub struct Contents {
    /// The clients of each algorithm.
    pub clients: [Vec<(String, String)>; 3],
    /// May introspect the tokens of all of them.
    pub introspector: (String, String),
}

impl Contents {
    /// The clients of an algorithm.
    pub fn clients_of(&self, algorithm: usize) -> impl Iterator<Item = Credentials> {
        self.clients[algorithm].iter().map(credentials)
    }

    /// May introspect the tokens of all of them.
    pub fn introspector(&self) -> Credentials {
        credentials(&self.introspector)
    }
}

fn credentials((id, secret): &(String, String)) -> Credentials {
    Credentials {
        id: id.clone(),
        secret: secret.clone(),
    }
}

/// Where a server is, which program it is, and where it keeps its things.
pub struct Place {
    binary: PathBuf,
    directory: PathBuf,
    pub address: SocketAddr,
    management: SocketAddr,
}

impl Place {
    /// On free ports; `directory` is emptied unless `reuse` is said.
    pub fn new(directory: &Path, reuse: bool) -> io::Result<Self> {
        if !reuse && directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        fs::create_dir_all(directory)?;
        Ok(Self {
            binary: BINARY.into(),
            directory: directory.to_owned(),
            address: free_address()?,
            management: free_address()?,
        })
    }

    /// Another place for another build of the server, with a copy of all that is in this one, where none
    /// runs.
    pub fn beside(&self, binary: &Path, directory: &Path) -> io::Result<Self> {
        let place = Self {
            binary: binary.to_owned(),
            ..Self::new(directory, false)?
        };
        for part in ["data", "keys"] {
            let copy = directory.join(part);
            fs::create_dir(&copy)?;
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o700))?;
            for file in fs::read_dir(self.directory.join(part))? {
                let file = file?;
                if file.file_type()?.is_file() {
                    fs::copy(file.path(), copy.join(file.file_name()))?;
                }
            }
        }
        Ok(place)
    }

    /// The private signing keys.
    pub fn key_files(&self) -> io::Result<Vec<PathBuf>> {
        let files = fs::read_dir(self.directory.join("keys"))?;
        files.map(|file| Ok(file?.path())).collect()
    }

    /// `ostler <arguments>` on this place.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env("OSTLER_DATA__DIR", self.directory.join("data"))
            .env("OSTLER_KEYS__DIR", self.directory.join("keys"))
            .env("OSTLER_SERVER__LISTEN", self.address.to_string())
            // The same one in every run, so that tokens are equally long.
            .env("OSTLER_SERVER__ISSUER", "http://127.0.0.1:8080")
            .env("OSTLER_MANAGEMENT__LISTEN", self.management.to_string())
            .env("OSTLER_LOG", "warn")
            .stdin(Stdio::null());
        command
    }

    /// Starts the server, without waiting for it.
    pub fn start(&self, cores: Cores) -> io::Result<Server> {
        Server::start(self.command(&["serve"]), cores)
    }

    /// Fills the store, or reads what is in it when it was filled before.
    pub async fn fill(&self, accounts: usize, cores: Cores) -> Result<Contents, Box<dyn Error>> {
        let file = self.directory.join(format!("contents-{accounts}.json"));
        if let Ok(contents) = fs::read(&file) {
            return Ok(serde_json::from_slice(&contents)?);
        }
        let output = self.command(&["init", "-o", "json"]).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        let first: Value = serde_json::from_slice(&output.stdout)?;
        let server = self.start(cores)?;
        until_it_accepts(self.address).await?;
        let contents = Administrator::log_in(self.address, &first)
            .await?
            .fill(accounts)
            .await?;
        drop(server);
        fs::write(file, serde_json::to_vec(&contents)?)?;
        Ok(contents)
    }
}

/// Waits until something listens there.
pub async fn until_it_accepts(address: SocketAddr) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_mins(1);
    while let Err(error) = tokio::net::TcpStream::connect(address).await {
        if Instant::now() > deadline {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    Ok(())
}

/// A port that was free a moment ago.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

struct Administrator {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Administrator {
    async fn log_in(address: SocketAddr, first: &Value) -> Result<Self, Box<dyn Error>> {
        // There is no TLS here, but the client wants to know how it would be done.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::new();
        let form = [
            ("grant_type", "client_credentials"),
            ("resource", first["issuer"].as_str().unwrap_or_default()),
            ("client_id", first["client_id"].as_str().unwrap_or_default()),
            (
                "client_secret",
                first["client_secret"].as_str().unwrap_or_default(),
            ),
        ];
        let token = http
            .post(format!("http://{address}/oauth/token"))
            .form(&form)
            .send()
            .await?;
        let token: Value = token.error_for_status()?.json().await?;
        Ok(Self {
            http,
            base: format!("http://{address}/admin/v1/organizations/default"),
            token: token["access_token"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        })
    }

    async fn fill(&self, accounts: usize) -> Result<Contents, Box<dyn Error>> {
        for (name, algorithm) in names().zip(ALGORITHMS) {
            let api = json!({
                "name": name,
                "audience": format!("https://{name}.example.com"),
                "scopes": [{"name": "read"}, {"name": "write"}, {"name": "delete"}],
                "resource_types": ["project"],
                "token": {"signing_alg": algorithm},
            });
            self.create("/apis", &api).await?;
            for n in 0..RESOURCES.min(accounts) {
                let resource = json!({"type": "project", "key": format!("PROJECT-{n}")});
                self.create(&format!("/apis/{name}/resources"), &resource)
                    .await?;
            }
        }
        let mut contents = Contents {
            clients: Default::default(),
            introspector: self.introspector().await?,
        };
        for n in 0..accounts {
            let algorithm = n % ALGORITHMS.len();
            contents.clients[algorithm].push(self.account(n).await?);
            if n % 1_000 == 999 {
                eprintln!("load: {} of {accounts} accounts", n + 1);
            }
        }
        Ok(contents)
    }

    async fn account(&self, n: usize) -> Result<(String, String), Box<dyn Error>> {
        let api = names().nth(n % ALGORITHMS.len());
        let project = format!("PROJECT-{}", n % RESOURCES);
        self.client(json!({
            "name": format!("load-{n:06}"),
            "owner": "team-load@example.com",
            "access": [{
                "api": api,
                "scopes": SCOPES.split(' ').collect::<Vec<_>>(),
                "resources": {"project": [project]},
            }],
            "credential": {"name": "first"},
        }))
        .await
    }

    async fn introspector(&self) -> Result<(String, String), Box<dyn Error>> {
        let organization = self
            .http
            .get(&self.base)
            .bearer_auth(&self.token)
            .send()
            .await?;
        let organization: Value = organization.error_for_status()?.json().await?;
        let resources = json!({"organization": [organization["id"]], "api": "*"});
        self.client(json!({
            "name": "resource-server",
            "access": [{"api": "ostler", "scopes": ["introspect"], "resources": resources}],
            "credential": {"name": "first"},
        }))
        .await
    }

    async fn client(&self, account: Value) -> Result<(String, String), Box<dyn Error>> {
        let made = self.create("/service-accounts", &account).await?;
        let text = |name: &str| made["credential"][name].as_str().map(str::to_owned);
        text("client_id")
            .zip(text("client_secret"))
            .ok_or_else(|| "no credential".into())
    }

    async fn create(&self, path: &str, body: &Value) -> Result<Value, Box<dyn Error>> {
        let request = self.http.post(format!("{}{path}", self.base));
        let answer = request.bearer_auth(&self.token).json(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            return Err(format!("POST {path}: {status}: {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }
}

/// The names of the APIs.
fn names() -> impl Iterator<Item = String> {
    ALGORITHMS.iter().map(|algorithm| algorithm.to_lowercase())
}

//! Other servers, beside ours: `benches/peers/` holds their programs and says which versions.

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use crate::cores::Cores;
use crate::generator::Load;
use crate::measure::Contender;
use crate::ostler;
use crate::ostler::SCOPES;
use crate::process::Server;
use crate::requests;
use crate::requests::Credentials;
use crate::scenario::CONNECTIONS;
use crate::scenario::Scenario;

/// What peers have in common with the real server.
pub struct Common<'a> {
    /// The client that they know; they know no other.
    pub client: Credentials,
    /// The ES256 key, PKCS#8 in PEM.
    pub key_file: &'a str,
    /// Where their libraries are installed.
    pub directory: PathBuf,
}

/// Installs the program in the first folder into the second; the command that serves at an address.
type Installed = fn(&Path, &Path, SocketAddr) -> Result<Command, Box<dyn Error>>;

/// Installs and starts them.
pub async fn start(common: &Common<'_>, cores: Cores) -> Result<Vec<Contender>, Box<dyn Error>> {
    let node = contender(
        "oidc-provider",
        "/token",
        "/jwks",
        common,
        cores,
        oidc_provider,
    )
    .await?;
    let (token, jwks) = ("/oauth/token", "/.well-known/jwks.json");
    let python = contender("authlib", token, jwks, common, cores, authlib).await?;
    Ok(vec![node, python])
}

async fn contender(
    name: &'static str,
    token: &'static str,
    jwks: &'static str,
    common: &Common<'_>,
    cores: Cores,
    installed: Installed,
) -> Result<Contender, Box<dyn Error>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/peers")
        .join(name);
    let directory = common.directory.join(name);
    fs::create_dir_all(&directory)?;
    let address = ostler::free_address()?;
    let mut command = installed(&sources, &directory, address)?;
    command
        .env("PEER_PORT", address.port().to_string())
        .env("PEER_ISSUER", format!("http://{address}"))
        .env("PEER_AUDIENCE", "https://es256.example.com")
        .env("PEER_KEY_FILE", common.key_file)
        .env("PEER_CLIENT_ID", &common.client.id)
        .env("PEER_CLIENT_SECRET", &common.client.secret)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let server = Server::start(command, cores)?;
    ostler::until_it_accepts(address).await?;
    let client = common.client.clone();
    Ok(Contender {
        name,
        address,
        server,
        is_ours: false,
        begins_within: Duration::ZERO,
        loads: Box::new(move |scenario, _| {
            Some(vec![Rc::new(load(scenario, &client, token, jwks)?)])
        }),
    })
}

/// What a peer can be asked: it introspects none of its JWTs, and has one client and one key.
fn load(scenario: Scenario, client: &Credentials, token: &str, jwks: &str) -> Option<Load> {
    let (request, connections) = match scenario {
        Scenario::Token(0) => (client.token(token, &SCOPES.replace(' ', "+")), CONNECTIONS),
        Scenario::OneConnection => (client.token(token, &SCOPES.replace(' ', "+")), 1),
        Scenario::Jwks => (requests::get(jwks), CONNECTIONS),
        _ => return None,
    };
    Some(Load {
        requests: vec![request],
        once: false,
        expected: "{",
        connections,
    })
}

fn oidc_provider(
    sources: &Path,
    directory: &Path,
    _: SocketAddr,
) -> Result<Command, Box<dyn Error>> {
    for file in ["package.json", "server.mjs"] {
        fs::copy(sources.join(file), directory.join(file))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-fund", "--no-audit"]);
    succeed(npm.current_dir(directory))?;
    let mut command = Command::new("node");
    command
        .arg("server.mjs")
        .env("NODE_ENV", "production")
        .current_dir(directory);
    Ok(command)
}

fn authlib(
    sources: &Path,
    directory: &Path,
    address: SocketAddr,
) -> Result<Command, Box<dyn Error>> {
    let environment = directory.join("venv");
    succeed(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment),
    )?;
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["install", "--quiet", "--requirement"]);
    succeed(pip.arg(sources.join("requirements.txt")))?;
    fs::copy(sources.join("server.py"), directory.join("server.py"))?;
    let mut command = Command::new(environment.join("bin/gunicorn"));
    command
        .args([
            "--workers",
            "1",
            "--worker-class",
            "gthread",
            "--threads",
            "8",
        ])
        .args([
            "--keep-alive",
            "120",
            "--bind",
            &address.to_string(),
            "server:app",
        ])
        .current_dir(directory);
    Ok(command)
}

fn succeed(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {said}", output.status).into())
}

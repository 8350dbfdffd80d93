//! The local socket: what somebody at the server's own machine asks of a server that runs.
//!
//! It is a Unix socket in the data directory, which nobody else may open (0600); and whoever has opened
//! it is looked at besides: only the user that the server runs as, and root, are listened to.
//!
//! A connection is one line of JSON in each direction: `{"command": "admin recover"}`, and the answer.
//! One is served at a time, within [`LIMIT`]; the others wait in the queue of the kernel. A server that
//! cannot listen here serves all the same, and says so in its log.

mod file;

pub use file::path_in;

use std::io;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::app::App;
use crate::app::recovery;
use crate::shutdown::Shutdown;

use super::recovery::RecoverError;
use super::recovery::RecoveredCredential;
use file::SocketFile;

/// How long one connection is served.
const LIMIT: Duration = Duration::from_secs(5);

/// How long a request may take to arrive: whoever asks is on the same machine.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);

/// How long whoever asks waits, others before it included.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long nothing is accepted after that has failed: no descriptor may be free.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest request.
const MAX_REQUEST_BYTES: u16 = 256;

/// The longest answer.
const MAX_ANSWER_BYTES: u16 = 16 * 1024;

/// Listens at the socket in the data directory; `None` where that cannot be done.
pub(super) async fn listen(app: &App) -> Option<SocketFile> {
    let directory = app.config.data.dir.clone();
    let listening = SocketFile::listen(&directory).await;
    if let Err(error) = &listening {
        let directory = directory.display();
        tracing::warn!(%directory, %error, "`ostler admin` cannot reach this server while it runs");
    }
    listening.ok()
}

/// Answers at the socket until `shutdown`.
pub(super) async fn serve(app: &App, socket: Option<SocketFile>, shutdown: &Shutdown) {
    let Some(socket) = socket else {
        return;
    };
    loop {
        let accepted = tokio::select! {
            () = shutdown.triggered() => return,
            accepted = socket.listener.accept() => accepted,
        };
        let served = match accepted {
            Ok((stream, _)) => tokio::select! {
                () = shutdown.immediate() => return,
                served = timeout(LIMIT, serve_one(app, stream)) => served,
            },
            Err(error) => {
                tracing::warn!(%error, "the local socket accepts nothing for a moment");
                tokio::select! {
                    () = shutdown.triggered() => return,
                    () = tokio::time::sleep(PAUSE) => continue,
                }
            }
        };
        match served {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a local connection was given up"),
            Err(_) => tracing::warn!("a local connection was given up: it took too long"),
        }
    }
}

async fn serve_one(app: &App, mut stream: UnixStream) -> io::Result<()> {
    let asking = stream.peer_cred()?.uid();
    let request = timeout(REQUEST_LIMIT, read_line(&mut stream, MAX_REQUEST_BYTES)).await??;
    let answer = if !may_ask(asking, own_user()) {
        tracing::warn!(
            uid = asking,
            "another user of this machine has asked at the local socket"
        );
        refused(
            "forbidden",
            "only the user that the server runs as may ask it here, and root",
        )
    } else if is_recover(&request) {
        tracing::info!(
            uid = asking,
            "asked for a new credential of the administrator"
        );
        recovered(app).await
    } else {
        refused(
            "validation_failed",
            "this server does not know what it was asked for",
        )
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

async fn recovered(app: &App) -> Zeroizing<String> {
    match recovery::recover(app).await {
        Ok(recovered) => {
            let made = RecoveredCredential::of(app.config.server.issuer.as_str(), &recovered);
            line(&json!({
                "issuer": made.issuer,
                "client_id": made.client_id,
                "client_secret": made.secret.expose_secret(),
                "restored": made.restored,
            }))
        }
        Err(problem) => refused(problem.code(), &problem.detail()),
    }
}

fn refused(code: &str, detail: &str) -> Zeroizing<String> {
    line(&json!({"error": {"code": code, "detail": detail}}))
}

fn line(value: &Value) -> Zeroizing<String> {
    Zeroizing::new(format!("{value}\n"))
}

fn is_recover(request: &[u8]) -> bool {
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    request["command"] == recovery::COMMAND
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Root can do all that we can anyway.
fn may_ask(asking: u32, own: u32) -> bool {
    asking == own || asking == 0
}

/// Asks the server that runs on the data in `directory`; `None` where none does.
pub(super) async fn ask_to_recover(
    directory: &Path,
) -> Result<Option<RecoveredCredential>, RecoverError> {
    let path = file::path_in(directory);
    let unanswered = |source| RecoverError::Unanswered {
        path: path.display().to_string(),
        source,
    };
    let stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(error) if file::is_nobody(&error) => return Ok(None),
        Err(error) => return Err(unanswered(error)),
    };
    let answer = timeout(PATIENCE, ask(stream, recovery::COMMAND)).await;
    let answer = answer.unwrap_or_else(|late| Err(late.into()));
    read_answer(&answer.map_err(unanswered)?).map(Some)
}

async fn ask(mut stream: UnixStream, command: &str) -> io::Result<Value> {
    let request = line(&json!({"command": command}));
    stream.write_all(request.as_bytes()).await?;
    let answer = read_line(&mut stream, MAX_ANSWER_BYTES).await?;
    Ok(serde_json::from_slice(&answer)?)
}

fn read_answer(answer: &Value) -> Result<RecoveredCredential, RecoverError> {
    let text = |member: &str| answer[member].as_str().map(str::to_owned);
    let restored = answer["restored"].as_array().into_iter().flatten();
    let made = || {
        Some(RecoveredCredential {
            issuer: text("issuer")?,
            client_id: text("client_id")?,
            secret: text("client_secret")?.into(),
            restored: restored
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        })
    };
    made().ok_or_else(|| {
        let error = |member: &str| {
            answer["error"][member]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        RecoverError::Refused {
            code: error("code"),
            detail: error("detail"),
        }
    })
}

/// Reads a whole line, which is at most so long.
async fn read_line(stream: &mut UnixStream, max_bytes: u16) -> io::Result<Zeroizing<Vec<u8>>> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(usize::from(max_bytes) + 64));
    let mut limited = stream.take(max_bytes.into());
    while line.last() != Some(&b'\n') {
        if limited.read_buf(&mut *line).await? == 0 {
            let why = "what was said has no end";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Security case 155, for the socket.
    #[test]
    fn the_servers_own_user_and_root_may_ask() {
        for (asking, own, may) in [
            (1_000, 1_000, true),
            (0, 1_000, true),
            (0, 0, true),
            (1_001, 1_000, false),
            (1_000, 0, false),
        ] {
            assert_eq!(may_ask(asking, own), may, "{asking} of {own}");
        }
    }

    #[test]
    fn an_answer_is_a_credential_or_says_why_there_is_none() {
        let made = read_answer(&json!({
            "issuer": "https://a.example", "client_id": "sac_1", "client_secret": "ostler_cs_1",
            "restored": ["it was gone"],
        }));
        let made = made.unwrap();
        assert_eq!((made.client_id.as_str(), made.restored.len()), ("sac_1", 1));

        let refused = read_answer(&json!({"error": {"code": "forbidden", "detail": "no"}}));
        let Err(RecoverError::Refused { code, detail }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((code.as_str(), detail.as_str()), ("forbidden", "no"));
    }
}

//! Running the binary: a person with a home and an environment of their own.

use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use tempfile::TempDir;

use crate::harness::TestClient;
use crate::harness::TestServer;
use crate::services::free_port;

/// Somebody at a shell, in a directory of their own, with these variables and no others.
pub struct Person {
    home: TempDir,
    variables: Vec<(String, String)>,
}

/// What a command did.
pub struct Ran {
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
    /// The exit code; `None` when a signal killed it.
    pub code: Option<i32>,
}

impl Person {
    /// Somebody whom nothing has told of a server.
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let variables = vec![("HOME".to_owned(), home.path().to_str().unwrap().to_owned())];
        Self { home, variables }
    }

    /// The first administrator of `server`.
    pub fn administrator(server: &TestServer) -> Self {
        Self::as_client(server, &server.admin)
    }

    /// Somebody who holds the credential of `client`.
    pub fn as_client(server: &TestServer, client: &TestClient) -> Self {
        Self::at(server)
            .with("OSTLER_CLIENT_ID", &client.id)
            .with("OSTLER_CLIENT_SECRET", &client.secret)
    }

    /// Somebody who knows of `server`, and is nobody there.
    pub fn at(server: &TestServer) -> Self {
        Self::new().with("OSTLER_URL", &format!("http://{}", server.address))
    }

    /// Somebody at a server's own machine, with addresses that nobody has, and its URL.
    pub fn operator() -> (Self, String) {
        let free = || format!("127.0.0.1:{}", free_port());
        let listen = free();
        let person = Self::new()
            .with("OSTLER_SERVER__LISTEN", &listen)
            .with("OSTLER_MANAGEMENT__LISTEN", &free());
        (person, format!("http://{listen}"))
    }

    /// The same with one more variable; an empty one counts as not set.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where they are; relative paths begin here.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Puts a file into their directory.
    pub fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.home().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Runs a command line of words without blanks in them.
    pub async fn run(&self, line: &str) -> Ran {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>())
            .await
    }

    /// Runs a command line.
    pub async fn run_words(&self, words: &[&str]) -> Ran {
        self.run_with_input(words, "").await
    }

    /// Runs a command line with something on standard input. It waits aside, since the server runs
    /// on this thread.
    pub async fn run_with_input(&self, words: &[&str], input: &str) -> Ran {
        let mut child = self.start(words);
        let input = input.to_owned();
        let waiting = tokio::task::spawn_blocking(move || {
            // Who does not read their input may be gone before it is written.
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            child.wait_with_output().unwrap()
        });
        Ran::from(waiting.await.unwrap())
    }

    /// Starts a command line, with pipes on all sides.
    pub fn start(&self, words: &[&str]) -> Child {
        self.command(words).spawn().unwrap()
    }

    /// A command that is about to be started, with pipes on all sides.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ostler"));
        command.args(words);
        self.equip(&mut command);
        command
    }

    /// The same, after these words of a shell (`umask 000`, `ulimit -f 0`).
    pub fn command_after(&self, before: &str, words: &[&str]) -> Command {
        let mut command = Command::new("/bin/sh");
        let script = format!("{before} && exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_ostler")]);
        command.args(words);
        self.equip(&mut command);
        command
    }

    fn equip(&self, command: &mut Command) {
        command
            .current_dir(self.home())
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }
}

impl Ran {
    /// Standard output, of a command that did what it should.
    #[track_caller]
    pub fn data(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self}");
        &self.stdout
    }

    /// Standard output as JSON, of a command that did what it should.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.data()).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Everything that was printed, with the names of kinds for what differs each time.
    pub fn screen(&self) -> String {
        let mut screen = steady(&self.stdout);
        for line in self.stderr.lines() {
            screen.extend(["! ", &steady(line), "\n"]);
        }
        let code = self
            .code
            .map_or("killed".to_owned(), |code| code.to_string());
        screen + "exit " + &code
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.screen())
    }
}

/// The same text, with the names of kinds for what differs each time.
pub fn steady(text: &str) -> String {
    text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && !"_-.:".contains(c))
        .map(steady_word)
        .collect()
}

/// A word as it is, or the name of its kind; `word` may end with what separates it from the next.
fn steady_word(word: &str) -> String {
    let end = word
        .trim_end_matches(|c: char| !c.is_ascii_alphanumeric())
        .len();
    let (word, separator) = word.split_at(end);
    let word = word.to_owned();
    let kind = match word.split_once('_') {
        _ if word.starts_with("eyJ") => "TOKEN".to_owned(),
        _ if word.starts_with("ostler_cs_") => "ostler_cs_SECRET".to_owned(),
        Some((prefix, ulid)) if ulid.len() == 26 => format!("{prefix}_ID"),
        _ if word.starts_with("127.0.0.1:") => "127.0.0.1:PORT".to_owned(),
        _ => word,
    };
    kind + separator
}

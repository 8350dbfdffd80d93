//! A running program of `tests/interop/`.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::sync::mpsc::UnboundedReceiver;

/// No answer takes longer; a program that hangs fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_mins(2);

/// A program that does what it is told, one line at a time. It ends with this value.
pub struct Program {
    child: Child,
    wishes: ChildStdin,
    answers: UnboundedReceiver<String>,
    /// Its standard error, for when it fails.
    complaints: File,
}

impl Program {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        let complaints = tempfile::tempfile().unwrap();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints.try_clone().unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (answer, answers) = mpsc::unbounded_channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        // The server that it talks to lives on the test's thread, so this is another one.
        thread::spawn(move || {
            let mut lines = output.lines().map_while(Result::ok);
            lines.all(|line| answer.send(line).is_ok())
        });
        Self {
            wishes: child.stdin.take().unwrap(),
            child,
            answers,
            complaints,
        }
    }

    /// What it makes of a wish, an object with `do`: a result, or its library's words of refusal.
    pub async fn ask(&mut self, wish: &Value) -> Result<Value, String> {
        // To a program that has died; its missing answer tells.
        let _ = writeln!(self.wishes, "{wish}");
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await;
        let Ok(Some(line)) = answer else {
            panic!("no answer to {wish} ({answer:?}): {}", self.complaints());
        };
        let answer: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error} in {line}: {}", self.complaints()));
        match answer["refused"].as_str() {
            Some(words) => Err(words.to_owned()),
            None => Ok(answer["ok"].clone()),
        }
    }

    fn complaints(&mut self) -> String {
        let mut text = String::new();
        self.complaints.rewind().unwrap();
        self.complaints.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Ended already, perhaps.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

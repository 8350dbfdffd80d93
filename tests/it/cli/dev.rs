//! `ostler dev`: the main job in one command, and lines that work when they are pasted.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::mem;
use std::process::Child;
use std::process::Command;

use rustix::process::Pid;
use rustix::process::Signal;
use serde_json::Value;
use serde_json::json;

use super::Person;
use crate::services::free_port;

/// A demo that runs, and what it printed.
pub struct RunningDemo {
    child: Child,
    printed: String,
}

impl RunningDemo {
    pub fn start(operator: &Person) -> Self {
        Self::of(operator.start(&["dev"]))
    }

    /// The demo that is started by this process.
    pub fn of(mut child: Child) -> Self {
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut demo = Self {
            child,
            printed: String::new(),
        };
        while !demo.printed.contains("Ctrl-C stops it") {
            let read = stdout.read_line(&mut demo.printed).unwrap();
            assert!(read > 0, "it has ended: {}", demo.printed);
        }
        demo
    }

    /// Pastes the printed `curl` line of this number into a shell.
    fn paste(&self, number: usize) -> Value {
        let lines = self.printed.lines();
        let mut curls = lines.filter(|line| line.starts_with("curl "));
        let line = curls.nth(number).unwrap();
        let output = Command::new("sh").args(["-c", line]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn stop(mut self) -> String {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        mem::take(&mut self.printed)
    }
}

/// A test that has failed leaves no demo behind.
impl Drop for RunningDemo {
    fn drop(&mut self) {
        // One that has ended is no error here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_printed_lines_work_and_work_again_after_a_second_start() {
    let (operator, url) = Person::operator();
    let demo = RunningDemo::start(&operator);
    assert!(demo.printed.contains(&url), "{}", demo.printed);
    let projects = json!([{
        "type": "project", "locations": ["https://demo.example.com"], "identifiers": ["DEMO"]
    }]);
    let token = demo.paste(0);
    assert_eq!(token["scope"], "read write");
    assert_eq!(token["authorization_details"], projects);
    let introspected = demo.paste(1);
    assert_eq!(introspected["active"], true);
    assert_eq!(introspected["authorization_details"], projects);

    let person = Person::new().with(
        "OSTLER_PROFILE",
        operator
            .home()
            .join(".ostler-dev/profile.toml")
            .to_str()
            .unwrap(),
    );
    let accounts = person.run("account list -o csv").await;
    assert!(
        accounts.data().contains("\r\ndemo-bot,active,"),
        "{accounts}"
    );
    let first = demo.stop();
    let kept = |name: &str| fs::read(operator.home().join(".ostler-dev").join(name)).unwrap();
    let secrets = kept("dev-secrets.env");

    let demo = RunningDemo::start(&operator);
    assert_eq!(demo.paste(0)["scope"], "read write");
    assert_eq!(demo.paste(1)["active"], true);
    assert_eq!(demo.stop(), first);
    assert_eq!(kept("dev-secrets.env"), secrets);
    // Everything is in one directory.
    assert_eq!(fs::read_dir(operator.home()).unwrap().count(), 1);
}

#[tokio::test]
async fn the_profile_leads_to_an_admin_api_on_a_listener_of_its_own() {
    let (operator, _) = Person::operator();
    let admin = format!("127.0.0.1:{}", free_port());
    let operator = operator.with("OSTLER_ADMIN__LISTEN", &admin);
    let demo = RunningDemo::start(&operator);
    let profile = operator.home().join(".ostler-dev/profile.toml");
    let person = Person::new().with("OSTLER_PROFILE", profile.to_str().unwrap());
    let accounts = person.run("account list -o csv").await;
    assert!(
        accounts.data().contains("\r\ndemo-bot,active,"),
        "{accounts}"
    );
    demo.stop();
}

#[tokio::test]
async fn a_demo_is_not_shown_to_other_machines() {
    let (operator, _) = Person::operator();
    let operator = operator.with("OSTLER_SERVER__BEHIND_TLS_PROXY", "true");
    let ran = operator
        .run("dev --listen 0.0.0.0:8080 --issuer http://127.0.0.1:8080")
        .await;
    assert_eq!(ran.code, Some(1), "{ran}");
    let told = "error: `ostler dev` is for this machine only, and 0.0.0.0:8080 can be reached";
    assert!(ran.stderr.contains(told), "{ran}");
    assert_eq!(fs::read_dir(operator.home()).unwrap().count(), 0);
}

//! A disk that fails under the running server: what could not be written has not happened, and it is
//! done when it is asked for again and the disk is well.
//!
//! The server is a process of its own here, and the errors are the operating system's: `strace` gives it
//! `EIO` instead of what it asked for, from one moment to another, and a limit on the size of its files
//! (`RLIMIT_FSIZE`) lets every write fail.

use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::Signal;
use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;

use super::process::Process;

/// What the disk does not do.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// Any of these calls ends with `EIO`, where it is about the log of changes.
    Eio(&'static str),
    /// Every write ends with `EFBIG`, and a signal that ends whoever does not expect it.
    NoMoreBytes,
}

/// It is so until it is ended.
enum Broken {
    Traced(Child),
    Limited(Pid, Rlimit),
}

impl Trouble {
    fn begin(self, process: &Process) -> Broken {
        match self {
            Self::Eio(calls) => Broken::Traced(trace(process, calls)),
            Self::NoMoreBytes => {
                let pid = Pid::from_raw(process.id().try_into().unwrap()).unwrap();
                let none = Rlimit {
                    current: Some(0),
                    ..rustix::process::getrlimit(Resource::Fsize)
                };
                let before = rustix::process::prlimit(Some(pid), Resource::Fsize, none);
                Broken::Limited(pid, before.unwrap())
            }
        }
    }
}

/// Lets these calls fail from here on.
fn trace(process: &Process, calls: &str) -> Child {
    let log = process.home().join("data/ostler.db-wal");
    assert!(log.exists());
    let mut strace = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", &format!("trace={calls}")])
        .args(["-e", &format!("inject={calls}:error=EIO"), "-P"])
        .arg(log)
        .args(["-p", &process.id().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let lines = BufReader::new(strace.stderr.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    let attached = lines.any(|line| {
        let is_attached = line.contains(" attached");
        said.push(line);
        is_attached
    });
    assert!(
        attached,
        "strace may not attach to another process of ours (root may, and everybody with \
         kernel.yama.ptrace_scope=0): {said:?}"
    );
    // What it says at the end has to go somewhere.
    std::thread::spawn(move || lines.for_each(drop));
    strace
}

impl Broken {
    fn end(self) {
        match self {
            Self::Traced(mut strace) => {
                rustix::process::kill_process(Pid::from_child(&strace), Signal::TERM).unwrap();
                strace.wait().unwrap();
            }
            Self::Limited(pid, before) => {
                rustix::process::prlimit(Some(pid), Resource::Fsize, before).unwrap();
            }
        }
    }
}

/// Asks until something else than 503 is answered.
async fn answer(mut ask: impl AsyncFnMut() -> Reply) -> Reply {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..400 {
        ticks.tick().await;
        let reply = ask().await;
        if reply.status != 503 {
            return reply;
        }
    }
    panic!("the server does not answer again");
}

async fn is_active(client: &TestClient, token: &str) -> bool {
    let told = answer(async || client.introspect(token).await).await;
    assert_eq!(told.status, 200, "{}", told.wire());
    told.json()["active"] == true
}

#[track_caller]
fn is_refused(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.wire());
    assert!(reply.header("retry-after").is_some());
}

/// The changes of this kind that the trail tells of.
async fn events(process: &Process, action: &str) -> usize {
    let token = process.admin.token("").await;
    let path = "/admin/v1/organizations/default/audit-events?limit=200";
    let reply = process.request("GET", path).bearer(&token).send().await;
    assert_eq!(reply.status, 200, "{}", reply.wire());
    let events: Value = reply.json();
    let events = events["items"].as_array().unwrap().iter();
    events.filter(|event| event["action"] == action).count()
}

/// The whole of it, for one trouble.
async fn nothing_is_lost_or_made_up(trouble: Trouble) {
    let mut process = Process::start(&[]).await;
    let admin = process.admin.clone();
    let [revoked, token, kept, bearer] = [
        admin.token("").await,
        admin.token("").await,
        admin.token("").await,
        admin.token("").await,
    ];
    assert_eq!(admin.revoke(&revoked).await.status, 200);
    let create = process
        .request("POST", "/admin/v1/organizations/default/roles")
        .bearer(&bearer)
        .json(&json!({"name": "reader"}));

    let broken = trouble.begin(&process);
    for _ in 0..2 {
        let refused = admin.revoke(&token).await;
        is_refused(&refused);
        assert_eq!(refused.error(), "temporarily_unavailable");
        is_refused(&create.clone().send().await);
        // What is not known is not said, and never anything else than what is so.
        for (token, active) in [(&token, true), (&kept, true), (&revoked, false)] {
            let told = admin.introspect(token).await;
            let is_right = told.status == 200 && told.json()["active"] == active;
            assert!(
                is_right || told.status == 503,
                "{trouble:?}: {}",
                told.wire()
            );
        }
    }
    broken.end();

    assert!(is_active(&admin, &token).await, "{trouble:?}");
    assert_eq!(admin.revoke(&token).await.status, 200, "{trouble:?}");
    let made = answer(async || create.clone().send().await).await;
    assert_eq!(made.status, 201, "{trouble:?}: {}", made.wire());
    assert!(!is_active(&admin, &token).await, "{trouble:?}");
    assert_eq!(events(&process, "token.revoke").await, 2, "{trouble:?}");
    assert_eq!(events(&process, "role.create").await, 1, "{trouble:?}");

    process.kill_and_restart();
    for (token, active) in [(&token, false), (&revoked, false), (&kept, true)] {
        assert_eq!(is_active(&admin, token).await, active, "{trouble:?}");
    }
    assert_eq!(events(&process, "token.revoke").await, 2, "{trouble:?}");
}

// Security case 70.
#[tokio::test]
async fn a_change_whose_write_fails_has_not_happened() {
    nothing_is_lost_or_made_up(Trouble::Eio("write,pwrite64")).await;
}

// Security case 70: written, but not known to be on the disk.
#[tokio::test]
async fn a_change_that_is_not_known_to_be_on_the_disk_is_not_acknowledged() {
    nothing_is_lost_or_made_up(Trouble::Eio("fsync,fdatasync")).await;
}

// Security cases 70 and 134: the system ends a process by a signal when it writes more than it may.
#[tokio::test]
async fn a_server_whose_files_may_not_grow_goes_on_without_writing() {
    nothing_is_lost_or_made_up(Trouble::NoMoreBytes).await;
}

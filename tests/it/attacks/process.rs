//! The real server in a process of its own, to be signalled and killed.

use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;

use crate::cli::shell::Person;
use crate::harness::TestClient;
use crate::harness::wire::Request;

/// A server process, and who runs it. It ends with this value.
pub struct Process {
    operator: Person,
    /// Where it listens.
    pub address: SocketAddr,
    /// The first administrator.
    pub admin: TestClient,
    child: Child,
}

impl Process {
    /// Initialises a store and serves it; `settings` are variables of its environment.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let (mut operator, url) = Person::operator();
        for (name, value) in settings {
            operator = operator.with(name, value);
        }
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        let first = operator.run("init -o json").await.json();
        let text = |name: &str| first[name].as_str().unwrap().to_owned();
        let admin = TestClient::at(address, &text("client_id"), &text("client_secret"));
        Self {
            child: serve(&operator),
            operator,
            address,
            admin,
        }
    }

    /// A request to its main listener.
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address, method, target)
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it runs; its keys and data are below.
    pub fn home(&self) -> &Path {
        self.operator.home()
    }

    /// `SIGTERM`
    pub fn terminate(&self) {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for its end, aside.
    pub async fn ended(mut self) -> (ExitStatus, StoppedProcess) {
        let waiting = tokio::task::spawn_blocking(move || {
            let status = self.child.wait().unwrap();
            (status, self)
        });
        let waiting = tokio::time::timeout(Duration::from_mins(1), waiting);
        let (status, process) = waiting.await.expect("it ends").unwrap();
        (status, StoppedProcess(process))
    }

    /// `SIGKILL`, and another process on the same data.
    pub fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = serve(&self.operator);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended is no error here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that has ended.
pub struct StoppedProcess(Process);

impl StoppedProcess {
    /// Another process on the same data.
    pub fn restart(mut self) -> Process {
        self.0.child = serve(&self.0.operator);
        self.0
    }
}

/// Starts it and waits until it serves.
fn serve(operator: &Person) -> Child {
    let mut child = operator.start(&["serve"]);
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    loop {
        let line = log.next().unwrap_or_else(|| panic!("it ended: {said:?}"));
        let line = line.unwrap();
        if line.contains("\"message\":\"serving\"") {
            break;
        }
        said.push(line);
    }
    // A full pipe would hang it.
    thread::spawn(move || log.for_each(drop));
    child
}

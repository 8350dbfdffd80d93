//! A redis-server of one test's own, to kill, to empty and to hang.

use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;

use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use tempfile::TempDir;

use super::random_hex;
use super::setting;

/// A redis-server process that keeps nothing on disk. It ends with this value.
pub struct RedisServer {
    process: Child,
    port: u16,
    password: String,
    directory: TempDir,
}

impl RedisServer {
    /// Starts an empty server on a free port of the loopback, and waits until it answers.
    pub fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let password = random_hex();
        for _ in 0..5 {
            let port = free_port();
            if let Some(process) = launch(port, &password, &directory) {
                return Self {
                    process,
                    port,
                    password,
                    directory,
                };
            }
        }
        panic!("redis-server did not start on any of five ports");
    }

    /// Where it listens, for a [`FaultProxy`](super::FaultProxy).
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Its URL, with the password.
    pub fn url(&self) -> String {
        format!("redis://:{}@{}", self.password, self.address())
    }

    /// Ends the process at once: its port then refuses connections.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends the process if it runs, and starts another one, empty, on the same port.
    pub fn restart_empty(&mut self) {
        self.kill();
        self.process = launch(self.port, &self.password, &self.directory)
            .expect("redis-server starts again on its own port");
    }

    /// Stops the process in its tracks: connections stay open, and nothing is answered.
    pub fn stop_answering(&self) {
        self.signal("STOP");
    }

    /// Lets a stopped process go on. It then answers what came in the meantime.
    pub fn answer_again(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        // The shell's own `kill`: std cannot send these, and /bin/kill is not everywhere.
        let command = format!("kill -{name} {}", self.process.id());
        let status = Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // SIGKILL ends a stopped process too; one that was killed before is no error here.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts redis-server and waits for its word that it is ready. `None` when it ends instead,
/// which it does where the port is taken.
fn launch(port: u16, password: &str, directory: &TempDir) -> Option<Child> {
    let program = setting("OSTLER_TEST_REDIS_SERVER");
    let mut process = Command::new(program)
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--requirepass", password])
        .args(["--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("OSTLER_TEST_REDIS_SERVER is a redis-server");

    let mut log = BufReader::new(process.stdout.take().unwrap()).lines();
    let is_ready = log
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("Ready to accept connections"));
    if !is_ready {
        process.wait().unwrap();
        return None;
    }
    // A full pipe would hang the server.
    thread::spawn(move || log.for_each(drop));
    Some(process)
}

/// A port that nobody listens on, below the range from which the kernel serves port 0: no other
/// test's socket takes it while the server is down.
pub fn free_port() -> u16 {
    loop {
        let mut random = [0; 2];
        SystemRandom::new().fill(&mut random).unwrap();
        let port = 20_000 + u16::from_le_bytes(random) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use redis::AsyncTypedCommands;
    use tokio::time::timeout;

    use crate::services::RedisServer;
    use crate::services::redis_url;

    async fn connect(url: &str) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
        let client = redis::Client::open(url).unwrap();
        client.get_multiplexed_async_connection().await
    }

    #[tokio::test]
    async fn a_redis_server_can_be_killed_and_comes_back_empty() {
        let mut server = RedisServer::start();
        let mut connection = connect(&server.url()).await.unwrap();
        connection.set("key", "value").await.unwrap();

        server.kill();
        assert!(connect(&server.url()).await.is_err());

        server.restart_empty();
        let mut connection = connect(&server.url()).await.unwrap();
        assert_eq!(connection.get("key").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_redis_server_that_stops_answering_answers_later() {
        let server = RedisServer::start();
        let mut connection = connect(&server.url()).await.unwrap();

        server.stop_answering();
        let mut asking = Box::pin(connection.ping());
        let unanswered = timeout(Duration::from_millis(50), &mut asking).await;
        assert!(unanswered.is_err());

        server.answer_again();
        assert_eq!(asking.await.unwrap(), "PONG");
    }

    #[tokio::test]
    async fn the_shared_redis_wants_its_password() {
        let mut connection = connect(&redis_url()).await.unwrap();
        assert_eq!(connection.ping().await.unwrap(), "PONG");

        let mut url = url::Url::parse(&redis_url()).unwrap();
        url.set_password(Some("wrong")).unwrap();
        assert!(connect(url.as_str()).await.is_err());
    }
}

//! A few clients who behave, and how long they wait.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::attacker::exchange;

/// How long each of them thinks between an answer and the next request.
const THINKS: Duration = Duration::from_millis(2);

/// How many connections they have.
const CONNECTIONS: usize = 4;

/// Clients who behave.
pub(super) struct Probe {
    pub(super) address: SocketAddr,
    /// Sent in turn; each has to be answered with 200.
    pub(super) requests: Vec<Vec<u8>>,
}

impl Probe {
    /// How long each request waited, in microseconds, in so much time.
    pub(super) fn watch(&self, duration: Duration) -> io::Result<Vec<f64>> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build()?;
        runtime.block_on(self.ask(Instant::now() + duration))
    }

    async fn ask(&self, deadline: Instant) -> io::Result<Vec<f64>> {
        let mut clients = JoinSet::new();
        for number in 0..CONNECTIONS {
            let requests = self.requests.iter().skip(number).step_by(CONNECTIONS);
            let requests = requests.cloned().collect();
            clients.spawn(converse(self.address, requests, deadline));
        }
        let mut waited = Vec::new();
        while let Some(client) = clients.join_next().await {
            waited.extend(client.map_err(io::Error::other)??);
        }
        Ok(waited)
    }
}

async fn converse(
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    deadline: Instant,
) -> io::Result<Vec<f64>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut buffer, mut waited) = (Vec::new(), Vec::new());
    for request in requests.iter().cycle() {
        let started = Instant::now();
        if started >= deadline {
            break;
        }
        let answer = exchange(&mut stream, request, &mut buffer).await?;
        if answer.status != 200 {
            return Err(io::Error::other(format!("refused: {}", answer.in_short())));
        }
        waited.push(started.elapsed().as_secs_f64() * 1e6);
        tokio::time::sleep(THINKS).await;
    }
    Ok(waited)
}

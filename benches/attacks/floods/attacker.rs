//! Many connections, all with the same intent, in a thread of their own.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::wire::Answer;

/// How long a slow one waits after each byte.
const SLOWLY: Duration = Duration::from_secs(10);

/// How nice the thread is to the clients who behave, whose time is measured: as nice as may be.
const NICEST: i32 = 19;

/// What each connection does.
#[derive(Clone)]
pub(super) enum Attack {
    /// Sends one of these after the other, each as soon as the one before is answered.
    Requests(Arc<[Vec<u8>]>),
    /// Sends a head, byte by byte, and never its end.
    SlowHead,
    /// Sends a body without an end, and connects anew when it is cut off.
    EndlessBody(Arc<[u8]>),
}

/// What came of it.
#[derive(Default)]
pub(super) struct Outcome {
    /// How often each status was answered.
    pub(super) statuses: BTreeMap<u16, u64>,
    /// After how many seconds connections were closed.
    pub(super) closed: Vec<f64>,
    /// How long it went on.
    pub(super) seconds: f64,
}

/// An attack that is going on.
pub(super) struct Attacker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Outcome>>,
}

impl Attacker {
    /// Begins.
    pub(super) fn start(address: SocketAddr, attack: Attack, connections: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            // Of this thread alone: the others of the process are as they were.
            rustix::process::setpriority_process(None, NICEST)?;
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build()?;
            runtime.block_on(attack_by_all(address, attack, connections, until))
        });
        Self { stop, thread }
    }

    /// Ends; slow heads only when the server has closed them all.
    pub(super) fn stop(self) -> io::Result<Outcome> {
        self.stop.store(true, Ordering::Relaxed);
        let outcome = self.thread.join();
        outcome.unwrap_or_else(|_| Err(io::Error::other("the attacker panicked")))
    }
}

async fn attack_by_all(
    address: SocketAddr,
    attack: Attack,
    connections: usize,
    stop: Arc<AtomicBool>,
) -> io::Result<Outcome> {
    let started = Instant::now();
    let mut all = JoinSet::new();
    for number in 0..connections {
        let (attack, stop) = (attack.clone(), Arc::clone(&stop));
        match attack {
            Attack::Requests(requests) => all.spawn(repeat(address, requests, number, stop)),
            Attack::SlowHead => all.spawn(dribble(address)),
            Attack::EndlessBody(head) => all.spawn(pour(address, head, stop)),
        };
    }
    let mut outcome = Outcome::default();
    while let Some(one) = all.join_next().await {
        let one = one.map_err(io::Error::other)??;
        outcome.closed.extend(one.closed);
        for (status, count) in one.statuses {
            *outcome.statuses.entry(status).or_default() += count;
        }
    }
    outcome.seconds = started.elapsed().as_secs_f64();
    Ok(outcome)
}

async fn repeat(
    address: SocketAddr,
    requests: Arc<[Vec<u8>]>,
    first: usize,
    stop: Arc<AtomicBool>,
) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    let (mut stream, mut buffer) = (TcpStream::connect(address).await?, Vec::new());
    for request in requests.iter().cycle().skip(first % requests.len()) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let answer = exchange(&mut stream, request, &mut buffer).await?;
        *outcome.statuses.entry(answer.status).or_default() += 1;
        if answer.closes {
            stream = TcpStream::connect(address).await?;
        }
    }
    Ok(outcome)
}

/// A byte now and then, until the server has enough.
async fn dribble(address: SocketAddr) -> io::Result<Outcome> {
    let (mut reader, mut writer) = TcpStream::connect(address).await?.into_split();
    let connected = Instant::now();
    let write = async {
        for byte in b"GET / HTTP/1.1\r\nhost: a\r\nx: "
            .iter()
            .chain(b"x".iter().cycle())
        {
            if writer.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(SLOWLY).await;
        }
        // Only the other side says that it is closed.
        std::future::pending::<()>().await;
    };
    let mut said = Vec::new();
    tokio::select! {
        _ = reader.read_to_end(&mut said) => {}
        () = write => {}
    }
    let mut outcome = Outcome::default();
    outcome.closed.push(connected.elapsed().as_secs_f64());
    if let Some(answer) = Answer::parse(&said) {
        outcome.statuses.insert(answer.status, 1);
    }
    Ok(outcome)
}

/// A body without an end, again and again.
async fn pour(address: SocketAddr, head: Arc<[u8]>, stop: Arc<AtomicBool>) -> io::Result<Outcome> {
    let chunk = [b"4000\r\n".as_slice(), &[b'x'; 0x4000], b"\r\n"].concat();
    let mut outcome = Outcome::default();
    while !stop.load(Ordering::Relaxed) {
        let (mut reader, mut writer) = TcpStream::connect(address).await?.into_split();
        let write = async {
            let mut sent = writer.write_all(&head).await;
            while sent.is_ok() {
                // Else this thread looks for answers once in many megabytes.
                tokio::task::yield_now().await;
                sent = writer.write_all(&chunk).await;
            }
            std::future::pending::<()>().await;
        };
        let mut said = Vec::new();
        let read = async {
            while Answer::parse(&said).is_none() {
                if !matches!(reader.read_buf(&mut said).await, Ok(1..)) {
                    break;
                }
            }
        };
        tokio::select! {
            () = read => {}
            () = write => {}
        }
        let status = Answer::parse(&said).map_or(0, |answer| answer.status);
        *outcome.statuses.entry(status).or_default() += 1;
    }
    Ok(outcome)
}

/// Sends a request and reads its answer.
pub(super) async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> io::Result<Answer> {
    buffer.clear();
    stream.write_all(request).await?;
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::Error::other("closed without an answer"));
        }
        if let Some(answer) = Answer::parse(buffer) {
            return Ok(answer);
        }
    }
}

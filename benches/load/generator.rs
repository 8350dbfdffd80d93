//! The load: keep-alive connections that each send a request, wait for its answer, and go on.
//!
//! The generator never sleeps. One that does is woken by each answer, and on a virtual machine waking
//! another core costs the *server* several microseconds, the more often the slower it is.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::task::LocalSet;

use crate::histogram::Histogram;
use crate::requests::Request;

/// How many connections fetch what is not measured.
const ERRANDS: usize = 16;

/// What is asked of a server.
pub struct Load {
    /// Sent in turn; when `once` is set, each only once.
    pub requests: Vec<Request>,
    /// Whether a request may not be sent a second time.
    pub once: bool,
    /// How the body of a right answer begins.
    pub expected: &'static str,
    /// How many connections send them.
    pub connections: usize,
}

/// What came of it.
#[derive(Clone)]
pub struct Outcome {
    pub latencies: Histogram,
    pub seconds: f64,
    /// How many answers the generator found each time it looked: well above 1, it was what held things
    /// up.
    pub answers_per_look: f64,
    /// The length of one answer's body, in bytes.
    pub body_bytes: usize,
}

impl Outcome {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn per_second(&self) -> f64 {
        self.latencies.total() as f64 / self.seconds
    }
}

/// Sends loads to `server` side by side for `duration`, or until they have no requests left; an
/// outcome for each.
pub async fn run(
    server: SocketAddr,
    loads: &[Rc<Load>],
    duration: Duration,
) -> io::Result<Vec<Outcome>> {
    let started = Instant::now();
    let deadline = started + duration;
    let looks = Rc::new(Cell::new(0_u64));
    let local = LocalSet::new();
    let outcomes = local.run_until(async {
        let awake = tokio::task::spawn_local(stay_awake(Rc::clone(&looks)));
        let mut all = Vec::new();
        for load in loads {
            let next = Rc::new(AtomicUsize::new(0));
            let tasks: Vec<_> = (0..load.connections)
                .map(|_| {
                    let (load, next) = (Rc::clone(load), Rc::clone(&next));
                    tokio::task::spawn_local(converse(server, load, next, deadline))
                })
                .collect();
            all.push(tasks);
        }
        let mut outcomes = Vec::new();
        for tasks in all {
            let mut latencies = Histogram::new();
            let mut body_bytes = 0;
            for task in tasks {
                let (own, length) = task.await.map_err(io::Error::other)??;
                latencies.add(&own);
                body_bytes = length;
            }
            outcomes.push(Outcome {
                latencies,
                body_bytes,
                seconds: started.elapsed().as_secs_f64(),
                answers_per_look: 0.0,
            });
        }
        awake.abort();
        Ok::<_, io::Error>(outcomes)
    });
    let mut outcomes = outcomes.await?;
    let answers: u64 = outcomes.iter().map(|one| one.latencies.total()).sum();
    for outcome in &mut outcomes {
        outcome.answers_per_look = ratio(answers, looks.get());
    }
    Ok(outcomes)
}

/// Has the runtime look for answers again and again.
async fn stay_awake(looks: Rc<Cell<u64>>) {
    loop {
        looks.set(looks.get() + 1);
        tokio::task::yield_now().await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn ratio(counted: u64, by: u64) -> f64 {
    counted as f64 / by.max(1) as f64
}

/// The bodies of `count` answers to these requests, in no order. Not measured.
pub async fn answers(
    server: SocketAddr,
    requests: &[Request],
    count: usize,
) -> io::Result<Vec<String>> {
    let each = count.div_ceil(ERRANDS);
    let mut errands = JoinSet::new();
    for first in 0..ERRANDS {
        let mine = requests.iter().cycle().skip(first * each).take(each);
        errands.spawn(fetch(server, mine.cloned().collect()));
    }
    let mut bodies = Vec::with_capacity(count);
    while let Some(fetched) = errands.join_next().await {
        bodies.extend(fetched.map_err(io::Error::other)??);
    }
    Ok(bodies)
}

async fn fetch(server: SocketAddr, requests: Vec<Request>) -> io::Result<Vec<String>> {
    let mut stream = TcpStream::connect(server).await?;
    let mut buffer = Vec::new();
    let mut bodies = Vec::with_capacity(requests.len());
    for request in requests {
        stream.write_all(&request).await?;
        let length = read_answer(&mut stream, &mut buffer, "{").await?;
        let body = &buffer[buffer.len() - length..];
        bodies.push(String::from_utf8_lossy(body).into_owned());
    }
    Ok(bodies)
}

async fn converse(
    server: SocketAddr,
    load: Rc<Load>,
    next: Rc<AtomicUsize>,
    deadline: Instant,
) -> io::Result<(Histogram, usize)> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut latencies = Histogram::new();
    let mut buffer = Vec::with_capacity(16 * 1024);
    let mut length = 0;
    loop {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        if now >= deadline || (load.once && turn >= load.requests.len()) {
            return Ok((latencies, length));
        }
        let request = &load.requests[turn % load.requests.len()];
        stream.write_all(request).await?;
        length = read_answer(&mut stream, &mut buffer, load.expected).await?;
        latencies.record(now.elapsed());
    }
}

/// Reads one answer and checks it; its body's length.
async fn read_answer(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    expected: &str,
) -> io::Result<usize> {
    buffer.clear();
    let (start, length) = loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(wrong("the connection was closed", buffer));
        }
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            let length = content_length(&buffer[..end]);
            break (
                end + 4,
                length.ok_or_else(|| wrong("no content-length", buffer))?,
            );
        }
    };
    while buffer.len() < start + length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(wrong("the connection was closed", buffer));
        }
    }
    let is_right = buffer.starts_with(b"HTTP/1.1 200 ")
        && buffer.len() == start + length
        && buffer[start..].starts_with(expected.as_bytes());
    if is_right {
        Ok(length)
    } else {
        Err(wrong("not the answer expected", buffer))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    // The head of an answer is short, and this is not what takes the time.
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let name = line.get(..NAME.len())?;
        let value = line.get(NAME.len()..)?;
        name.eq_ignore_ascii_case(NAME).then_some(())?;
        std::str::from_utf8(value).ok()?.trim().parse().ok()
    })
}

fn wrong(what: &str, answer: &[u8]) -> io::Error {
    let answer = String::from_utf8_lossy(answer);
    io::Error::other(format!("{what}: {answer:?}"))
}

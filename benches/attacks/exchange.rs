//! One request after the other, each timed, on a connection that never sleeps: waking up would take
//! longer than what is measured.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use crate::wire::Answer;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that is made anew when the server closes it.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            buffer: Vec::with_capacity(64 * 1024),
        }
    }

    /// Sends a request; its answer, and the time from its first byte sent to the last byte read.
    pub fn exchange(&mut self, request: &[u8]) -> io::Result<(Answer, Duration)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address)?,
        };
        self.buffer.clear();
        let mut unsent = request;
        let started = Instant::now();
        loop {
            send(&mut stream, &mut unsent)?;
            let open = receive(&mut stream, &mut self.buffer)?;
            if let Some(answer) = Answer::parse(&self.buffer) {
                let time = started.elapsed();
                // Who is refused before the end of a body need not send the rest.
                if open && unsent.is_empty() && !answer.closes {
                    self.stream = Some(stream);
                }
                return Ok((answer, time));
            }
            if !open || started.elapsed() > PATIENCE {
                let answer = String::from_utf8_lossy(&self.buffer);
                return Err(io::Error::other(format!("no answer: {answer:?}")));
            }
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Sends as much as may be sent now.
fn send(stream: &mut TcpStream, unsent: &mut &[u8]) -> io::Result<()> {
    if unsent.is_empty() {
        return Ok(());
    }
    match stream.write(unsent) {
        Ok(count) => *unsent = &unsent[count..],
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        // The other side reads no further; it may have said why.
        Err(error) if is_end(&error) => *unsent = &[],
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Reads what is there; whether there may be more.
fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = [0; 16 * 1024];
    match stream.read(&mut chunk) {
        Ok(0) => Ok(false),
        Ok(count) => {
            buffer.extend_from_slice(&chunk[..count]);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) if is_end(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

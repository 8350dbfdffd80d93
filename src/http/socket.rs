//! A TCP stream that does not wait for a peer forever.
//!
//! hyper bounds how long a request head takes, but neither how long a response may wait for its
//! reader nor what happens to bytes that nobody will read. Both belong below TLS and HTTP:
//!
//! - **Writing.** A write that has to wait starts a clock; 16 KiB of progress, or a flush, stops it.
//!   A reader that takes one byte a second is closed as surely as one that takes none.
//! - **Closing.** A socket closed with unread bytes in it makes the kernel send a reset, and the peer
//!   loses an answer it has not read yet (a 413 in the middle of its upload). So we shut down our
//!   side and read on for a moment, throwing away what comes ([RFC 9112 §9.6]).
//!
//! [RFC 9112 §9.6]: https://www.rfc-editor.org/rfc/rfc9112#section-9.6

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::Sleep;

use crate::http::limits::Limits;

/// Progress that counts as reading: less than this within the stall limit is as good as none.
const PROGRESS_BYTES: usize = 16 * 1024;

/// Up to here the parts of an answer are put together and sent as one: to copy so little costs less than to
/// hand the kernel a list of them, which it checks and walks before it copies them.
const GATHERED_BYTES: usize = 2 * 1024;

/// What we throw away at most after our side is closed.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// A TCP stream whose writes and whose close are bounded in time.
pub(crate) struct Socket {
    stream: TcpStream,
    stall: Stall,
    linger: Linger,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, limits: &Limits) -> Self {
        Self {
            stream,
            stall: Stall {
                limit: limits.write_stall,
                timer: None,
                waiting: false,
                progress: 0,
            },
            linger: Linger {
                limit: limits.linger,
                timer: None,
                budget: LINGER_BYTES,
            },
        }
    }
}

/// The clock of a write that waits.
struct Stall {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    progress: usize,
}

impl Stall {
    /// Takes the outcome of one write into account; turns a wait that is too long into an error.
    fn observe(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.wait(cx),
            Poll::Ready(Ok(bytes)) if self.waiting => {
                self.progress += bytes;
                if self.progress >= PROGRESS_BYTES {
                    self.waiting = false;
                }
                Poll::Ready(Ok(bytes))
            }
            ready @ Poll::Ready(_) => ready,
        }
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let limit = self.limit;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if !self.waiting {
            timer.as_mut().reset(Instant::now() + limit);
            self.waiting = true;
            self.progress = 0;
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer does not read its response",
        )))
    }
}

/// What remains to be read, and thrown away, after our side is closed.
struct Linger {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    budget: usize,
}

impl Linger {
    fn began(&self) -> bool {
        self.timer.is_some()
    }

    fn poll(&mut self, cx: &mut Context<'_>, stream: &mut TcpStream) -> Poll<()> {
        let mut waste = [0_u8; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut waste);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let Some(left) = self.budget.checked_sub(buffer.filled().len()) else {
                        return Poll::Ready(());
                    };
                    self.budget = left;
                }
                // The peer closed its side too, or is gone.
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        let limit = self.limit;
        self.timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)))
            .as_mut()
            .poll(cx)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.stall.observe(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut room = [0; GATHERED_BYTES];
        let stream = Pin::new(&mut self.stream);
        let written = match gather(slices, &mut room) {
            Some(bytes) => stream.poll_write(cx, bytes),
            None => stream.poll_write_vectored(cx, slices),
        };
        self.stall.observe(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        // The kernel has all of it: whatever waits next is another response.
        self.stall.waiting = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.linger.began() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        this.linger.poll(cx, &mut this.stream).map(Ok)
    }
}

/// All the parts in one piece, where there is room for them. It holds what the buffers above and the kernel
/// hold as well, so it is not wiped.
fn gather<'a>(slices: &[IoSlice<'_>], room: &'a mut [u8]) -> Option<&'a [u8]> {
    let lengths = slices.iter().map(|slice| slice.len());
    let whole = room.get_mut(..lengths.sum())?;
    let mut rest = &mut *whole;
    for slice in slices {
        let (part, after) = rest.split_at_mut(slice.len());
        part.copy_from_slice(slice);
        rest = after;
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn stall(limit: Duration) -> Stall {
        Stall {
            limit,
            timer: None,
            waiting: false,
            progress: 0,
        }
    }

    #[tokio::test]
    async fn a_byte_now_and_then_does_not_stop_the_clock() {
        let mut stall = stall(Duration::from_millis(20));
        let mut writes = 0;
        let error = poll_fn(|cx| {
            // The socket takes a byte, and then has to wait again.
            writes += 1;
            let _ = stall.observe(cx, Poll::Ready(Ok(1)));
            stall.observe(cx, Poll::Pending)
        })
        .await
        .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(writes > 1);
    }

    #[tokio::test]
    async fn real_progress_stops_the_clock() {
        let mut stall = stall(Duration::from_hours(1));
        poll_fn(|cx| {
            assert!(stall.observe(cx, Poll::Pending).is_pending());
            assert!(stall.waiting);
            let _ = stall.observe(cx, Poll::Ready(Ok(PROGRESS_BYTES)));
            assert!(!stall.waiting);
            Poll::Ready(())
        })
        .await;
    }

    #[test]
    fn parts_are_gathered_where_there_is_room() {
        let gathered = |parts: &[&str]| {
            let slices: Vec<_> = parts
                .iter()
                .map(|part| IoSlice::new(part.as_bytes()))
                .collect();
            let mut room = [0; 8];
            gather(&slices, &mut room).map(<[u8]>::to_vec)
        };
        assert_eq!(gathered(&["head", "", "body"]), Some(b"headbody".to_vec()));
        assert_eq!(gathered(&["head", "body", "!"]), None);
        assert_eq!(gathered(&[]), Some(Vec::new()));
    }
}

//! A request body that is bounded in size and in time.
//!
//! The bound sits in the body itself, so it holds for every way of reading it. Whoever reads sees an
//! ordinary body error and may answer what it likes: the [edge](crate::http::edge) knows what went
//! wrong and replaces that answer with the 413 or 408 that the wire deserves.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;

use axum::body::Bytes;
use hyper::body::Body;
use hyper::body::Frame;
use hyper::body::SizeHint;
use tokio::time::Instant;
use tokio::time::Sleep;

/// Why a request body cannot be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyFault {
    /// It is larger than it may be.
    TooLarge,
    /// It did not arrive in time.
    TimedOut,
    /// It ended early or was malformed.
    Broken,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the request body is too large",
            Self::TimedOut => "the request body did not arrive in time",
            Self::Broken => "the request body ended early or is malformed",
        })
    }
}

impl std::error::Error for BodyFault {}

/// What has become of a body, as seen from outside while another task reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyFate(Arc<AtomicU8>);

const WAITING: u8 = 1;
const TOO_LARGE: u8 = 2;
const TIMED_OUT: u8 = 3;
const BROKEN: u8 = 4;

impl BodyFate {
    /// The fault that ended the body, if one did.
    pub(crate) fn fault(&self) -> Option<BodyFault> {
        match self.0.load(Ordering::Relaxed) {
            TOO_LARGE => Some(BodyFault::TooLarge),
            TIMED_OUT => Some(BodyFault::TimedOut),
            BROKEN => Some(BodyFault::Broken),
            _ => None,
        }
    }

    /// Whether somebody wanted more of the body and the peer had not sent it.
    pub(crate) fn is_waiting(&self) -> bool {
        self.0.load(Ordering::Relaxed) == WAITING
    }

    fn set(&self, state: u8) {
        self.0.store(state, Ordering::Relaxed);
    }

    fn fail(&self, fault: BodyFault) -> BodyFault {
        self.set(match fault {
            BodyFault::TooLarge => TOO_LARGE,
            BodyFault::TimedOut => TIMED_OUT,
            BodyFault::Broken => BROKEN,
        });
        fault
    }
}

/// A body with a limit of bytes and a deadline.
pub(crate) struct BoundedBody<B> {
    inner: B,
    remaining_bytes: usize,
    deadline: Instant,
    // Made when the body first has to wait: most have arrived with their head.
    timer: Option<Pin<Box<Sleep>>>,
    fate: BodyFate,
}

impl<B> BoundedBody<B> {
    /// Bounds `inner` to `limit` bytes, all of them before `deadline`.
    pub(crate) fn new(inner: B, limit: usize, deadline: Instant) -> Self {
        Self {
            inner,
            remaining_bytes: limit,
            deadline,
            timer: None,
            fate: BodyFate::default(),
        }
    }

    /// A view of this body's fate that outlives it.
    pub(crate) fn fate(&self) -> BodyFate {
        self.fate.clone()
    }

    fn count(&mut self, frame: &Frame<Bytes>) -> Result<(), BodyFault> {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        self.remaining_bytes = self
            .remaining_bytes
            .checked_sub(bytes)
            .ok_or_else(|| self.fate.fail(BodyFault::TooLarge))?;
        Ok(())
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let deadline = self.deadline;
        self.fate.set(WAITING);
        self.timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)))
            .as_mut()
            .poll(cx)
            .map(|()| Some(Err(self.fate.fail(BodyFault::TimedOut))))
    }
}

impl<B> Body for BoundedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.fate.set(0);
                Poll::Ready(Some(this.count(&frame).map(|()| frame)))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(this.fate.fail(BodyFault::Broken)))),
            Poll::Ready(None) => {
                this.fate.set(0);
                Poll::Ready(None)
            }
            Poll::Pending => this.wait(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

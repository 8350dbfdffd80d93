//! A body that is sent while it is being made.
//!
//! It begins when its answer does, and what is not made yet is not in memory. An error in the middle
//! cannot be answered any more: the body is cut off, and every reader of it sees that it is not whole.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::Body;
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::time::Interval;
use tokio::time::MissedTickBehavior;

/// The making of a body was given up.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the rest of the body cannot be made")]
pub(super) struct CutOff;

/// Pieces, as they come; `Err` cuts the body off.
pub(super) struct Pieces(mpsc::Receiver<Result<Bytes, CutOff>>);

impl Pieces {
    /// The pieces that `make` sends. It is dropped when nobody reads them any more.
    pub(super) fn made_by<F>(make: impl FnOnce(mpsc::Sender<Result<Bytes, CutOff>>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(make(sender));
        Self(receiver)
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let piece = self.0.poll_recv(cx);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// A text that is being made.
type Making = Pin<Box<dyn Future<Output = Result<Bytes, CutOff>> + Send>>;

/// How often something is sent, so that nobody on the way takes the silence for the end.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// A JSON text that takes long to make: blanks come before it, which mean nothing there
/// ([RFC 8259 §2]).
///
/// [RFC 8259 §2]: https://www.rfc-editor.org/rfc/rfc8259#section-2
pub(super) struct Awaited {
    /// `None` once it was sent.
    text: Option<Making>,
    signs_of_life: Interval,
}

impl Awaited {
    /// The text that `make` comes to.
    pub(super) fn new(make: impl Future<Output = Result<Bytes, CutOff>> + Send + 'static) -> Self {
        let mut signs_of_life = tokio::time::interval(SIGN_OF_LIFE);
        signs_of_life.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            text: Some(Box::pin(make)),
            signs_of_life,
        }
    }
}

impl Body for Awaited {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let Some(text) = &mut self.text else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(text) = text.as_mut().poll(cx) {
            self.text = None;
            return Poll::Ready(Some(text.map(Frame::data)));
        }
        let sign = self.signs_of_life.poll_tick(cx);
        sign.map(|_| Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Result<Vec<u8>, B::Error> {
        let mut bytes = Vec::new();
        let frame = |body: &mut B, cx: &mut Context<'_>| Pin::new(body).poll_frame(cx);
        while let Some(piece) = std::future::poll_fn(|cx| frame(&mut body, cx)).await {
            let piece = piece?.into_data();
            bytes.extend_from_slice(&piece.unwrap_or_default());
        }
        Ok(bytes)
    }

    #[tokio::test]
    async fn pieces_are_sent_as_they_come_and_a_fault_is_no_end() {
        let whole = Pieces::made_by(|pieces| async move {
            for piece in ["a", "b"] {
                pieces.send(Ok(piece.into())).await.unwrap();
            }
        });
        assert_eq!(read(whole).await.unwrap(), b"ab");
        let broken = Pieces::made_by(|pieces| async move {
            pieces.send(Ok("a".into())).await.unwrap();
            pieces.send(Err(CutOff)).await.unwrap();
        });
        assert!(read(broken).await.is_err());
    }

    #[tokio::test]
    async fn a_text_that_takes_long_is_announced_by_blanks() {
        let (done, text) = tokio::sync::oneshot::channel();
        let mut body = Awaited::new(async move { text.await.map_err(|_| CutOff) });
        let first = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        assert_eq!(first.unwrap().unwrap().into_data().unwrap(), " ");
        done.send(Bytes::from_static(b"{}")).unwrap();
        assert_eq!(read(body).await.unwrap(), b"{}");
    }
}

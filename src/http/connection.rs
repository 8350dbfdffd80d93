//! One connection, from its first byte to its last.

use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::http::alarm::ConnectionTimer;
use crate::http::edge::Edge;
use crate::http::limits::Limits;
use crate::http::serve::Peer;
use crate::http::socket::Socket;
use crate::http::tls::Tls;
use crate::shutdown::Shutdown;

/// HTTP/1.1 heads are read into a buffer that hyper does not make smaller than this.
const MIN_BUFFER_BYTES: usize = 8 * 1024;

/// Requests that may be open at once on one HTTP/2 connection.
const HTTP2_STREAMS: u32 = 100;

/// What of a request's body, and of all on one HTTP/2 connection, may wait to be read, in bytes.
const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;
const HTTP2_CONNECTION_WINDOW: u32 = 256 * 1024;

/// An accepted connection and what it needs to be served.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) peer: Peer,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) shutdown: Shutdown,
}

impl Connection {
    /// Serves the connection until it ends, or until `shutdown` and the end of what is in flight.
    pub(crate) async fn run(mut self) {
        // Answers are one write each; waiting for more to send only delays them.
        let _ = self.stream.set_nodelay(true);
        let Some(tls) = self.tls.take() else {
            let (stream, served) = self.split();
            return served.http1(stream).await;
        };
        let (socket, served) = self.split();
        let Some(stream) = served.handshake(&tls, socket).await else {
            return served.edge.metrics().handshake_failed();
        };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            served.http2(stream).await;
        } else {
            served.http1(stream).await;
        }
    }

    fn split(self) -> (Socket, Served) {
        let socket = Socket::new(self.stream, &self.edge.limits());
        let served = Served {
            peer: self.peer,
            edge: self.edge,
            shutdown: self.shutdown,
        };
        (socket, served)
    }
}

struct Served {
    peer: Peer,
    edge: Arc<Edge>,
    shutdown: Shutdown,
}

impl Served {
    fn limits(&self) -> Arc<Limits> {
        self.edge.limits()
    }

    async fn handshake(&self, tls: &Tls, socket: Socket) -> Option<TlsStream<Socket>> {
        let handshake = tls.acceptor().accept(socket);
        tokio::select! {
            shaken = tokio::time::timeout(self.limits().tls_handshake, handshake) => {
                shaken.ok()?.ok()
            }
            () = self.shutdown.triggered() => None,
        }
    }

    /// HTTP/1.1 only: a peer that opens with the HTTP/2 preface in clear text is hung up on.
    async fn http1(self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
        let limits = self.limits();
        let mut builder = http1::Builder::new();
        builder
            .timer(ConnectionTimer::default())
            .header_read_timeout(limits.header_read)
            .max_headers(limits.headers)
            .max_header_size(limits.head_bytes)
            .max_buf_size(limits.head_bytes.max(MIN_BUFFER_BYTES));

        let (edge, peer) = (Arc::clone(&self.edge), self.peer);
        let service = service_fn(move |request: Request<Incoming>| edge.answer(peer, request));
        let connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        self.run(connection, std::future::pending()).await;
    }

    async fn http2(self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
        let limits = self.limits();
        // The library's own bounds are right as they are on streams that are reset, by either side,
        // on CONTINUATION and on DATA frames with little in them.
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(HTTP2_STREAMS)
            .initial_stream_window_size(HTTP2_STREAM_WINDOW)
            .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .max_send_buf_size(64 * 1024)
            .keep_alive_interval(limits.header_read)
            .keep_alive_timeout(limits.header_read);

        let has_spoken = Arc::new(AtomicBool::new(false));
        let (edge, peer, spoken) = (Arc::clone(&self.edge), self.peer, Arc::clone(&has_spoken));
        let service = service_fn(move |request: Request<Incoming>| {
            spoken.store(true, Ordering::Relaxed);
            edge.answer(peer, request)
        });
        // hyper has no timer for a peer that shakes hands and then says nothing, nor for streams
        // whose windows the peer never opens.
        let (header_read, age) = (limits.header_read, limits.http2_age);
        let ripe = async move {
            tokio::time::sleep(header_read).await;
            if has_spoken.load(Ordering::Relaxed) {
                tokio::time::sleep(age).await;
            }
        };
        let connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        self.run(connection, ripe).await;
    }

    /// Drives `connection` to its end; once `ripe` or asked to stop, it may only finish what it has
    /// begun.
    async fn run<C>(&self, mut connection: Pin<&mut C>, ripe: impl Future<Output = ()>)
    where
        C: GracefulConnection,
    {
        // How a connection ends is of no use to us: errors are peers that went away or were too
        // slow, and what is worth knowing about requests is counted with the requests.
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = self.shutdown.triggered() => {
                connection.as_mut().graceful_shutdown();
                // The accept loop says when this has taken too long.
                let _ = connection.await;
                return;
            }
            () = ripe => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(self.limits().drain, connection).await;
    }
}

//! The accept loop.
//!
//! `axum::serve` has no bound on the time a request head takes, on the number of connections or on
//! a handshake, so we accept connections ourselves: each gets a task of its own, in which its TLS
//! handshake happens too, and nothing that a peer does can hold up the loop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinError;
use tokio::task::JoinSet;

use crate::http::connection::Connection;
use crate::http::edge::Edge;
use crate::http::open_files;
use crate::http::tls::Tls;
use crate::shutdown::Shutdown;

/// How long the loop rests after an accept that failed, at first and at most.
const SHORTEST_REST: Duration = Duration::from_millis(10);
const LONGEST_REST: Duration = Duration::from_secs(1);

/// What a refused connection is told; only in clear text, before any request is read.
const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    connection: close\r\n\
    retry-after: 1\r\n\
    content-type: application/json\r\n\
    content-length: 35\r\n\
    \r\n\
    {\"error\":\"temporarily_unavailable\"}";

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Where it connects from.
    pub address: SocketAddr,
}

/// How serving ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Drained {
    /// Connections that were cut because they were still busy when time was up.
    pub cut: usize,
}

/// Opens a listener; an error names the address.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

/// Serves connections until `shutdown`, then finishes what is in flight.
///
/// Ends when the last connection has, at the latest `limits.drain` after the first trigger, and at
/// once after the second.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    edge: Arc<Edge>,
    shutdown: Shutdown,
) -> Drained {
    let mut connections = JoinSet::new();
    accept_until(&shutdown, &listener, tls, &edge, &mut connections).await;
    // From here on the kernel refuses newcomers.
    drop(listener);
    drain(&shutdown, edge.limits().drain, &mut connections).await
}

async fn accept_until(
    shutdown: &Shutdown,
    listener: &TcpListener,
    tls: Option<Arc<Tls>>,
    edge: &Arc<Edge>,
    connections: &mut JoinSet<()>,
) {
    let mut door = Door {
        places: Places::of(edge.limits().connections),
        tls,
        edge: Arc::clone(edge),
        shutdown: shutdown.clone(),
    };
    let mut rest = Rest::default();
    let mut stop = std::pin::pin!(shutdown.triggered());
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return,
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    rest.reset();
                    door.admit(stream, address, connections);
                }
                Err(error) => {
                    edge.metrics().accept_failed();
                    tokio::select! {
                        () = &mut stop => return,
                        () = tokio::time::sleep(rest.after(&error)) => {}
                    }
                }
            },
        }
    }
}

/// Lets connections in, up to the limit.
struct Door {
    places: Places,
    tls: Option<Arc<Tls>>,
    edge: Arc<Edge>,
    shutdown: Shutdown,
}

impl Door {
    fn admit(&mut self, stream: TcpStream, address: SocketAddr, connections: &mut JoinSet<()>) {
        self.places.follow(self.edge.limits().connections);
        let Some(place) = self.places.take() else {
            return self.refuse(&stream);
        };
        let connection = Connection {
            stream,
            peer: Peer { address },
            tls: self.tls.clone(),
            edge: Arc::clone(&self.edge),
            shutdown: self.shutdown.clone(),
        };
        let open = self.edge.metrics().connection();
        connections.spawn(async move {
            let _held = (place, open);
            connection.run().await;
        });
    }

    fn refuse(&self, stream: &TcpStream) {
        self.edge.metrics().connection_refused();
        if self.tls.is_none() {
            // A new connection's send buffer is empty, so this does not wait, and if it fails the
            // peer sees a closed connection, which says the same.
            let _ = stream.try_write(TOO_MANY_CONNECTIONS);
        }
    }
}

/// How many connections there may be, which may change, and how many there are.
struct Places {
    wanted: usize,
    limit: usize,
    /// What every connection holds a copy of.
    taken: Arc<()>,
}

impl Places {
    /// Room for `wanted` connections, or for fewer where there are not the open files for them.
    fn of(wanted: usize) -> Self {
        Self {
            wanted,
            limit: open_files::places(wanted),
            taken: Arc::default(),
        }
    }

    /// Room for another number; those that are in may stay.
    fn follow(&mut self, wanted: usize) {
        if wanted != self.wanted {
            self.wanted = wanted;
            self.limit = open_files::places(wanted);
        }
    }

    /// A place, if there is one, until the result is dropped. Only one loop takes places.
    fn take(&self) -> Option<Arc<()>> {
        let taken = Arc::strong_count(&self.taken) - 1;
        (taken < self.limit).then(|| Arc::clone(&self.taken))
    }
}

/// How long the loop rests after accepts that failed.
#[derive(Default)]
struct Rest {
    failures: u32,
}

impl Rest {
    /// How long to rest now: not at all when a single connection went wrong, but when the system has
    /// nothing to give (EMFILE, ENOMEM), trying again at once would only burn the processor.
    fn after(&mut self, error: &io::Error) -> Duration {
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::Interrupted
        ) {
            return Duration::ZERO;
        }
        if self.failures == 0 {
            tracing::warn!(%error, "cannot accept connections");
        }
        let rest = SHORTEST_REST * 2_u32.saturating_pow(self.failures.min(16));
        self.failures += 1;
        rest.min(LONGEST_REST)
    }

    fn reset(&mut self) {
        self.failures = 0;
    }
}

async fn drain(shutdown: &Shutdown, limit: Duration, connections: &mut JoinSet<()>) -> Drained {
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    tokio::select! {
        () = all_ended => {}
        () = tokio::time::sleep(limit) => {}
        () = shutdown.immediate() => {}
    }
    let cut = connections.len();
    if cut > 0 {
        tracing::warn!(connections = cut, "cut connections that were still busy");
    }
    connections.shutdown().await;
    Drained { cut }
}

/// A task of a connection ends normally, or by a bug outside any handler.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection ended in a panic");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_rests_longer_and_longer_and_only_when_the_system_has_nothing_to_give() {
        let emfile = io::Error::from_raw_os_error(24);
        let mut rest = Rest::default();
        let rests: Vec<_> = (0..9).map(|_| rest.after(&emfile)).collect();
        assert_eq!(rests[..3], [10, 20, 40].map(Duration::from_millis));
        assert_eq!(rests[8], Duration::from_secs(1));

        let aborted = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert_eq!(rest.after(&aborted), Duration::ZERO);
        rest.reset();
        assert_eq!(rest.after(&emfile), Duration::from_millis(10));
    }
}

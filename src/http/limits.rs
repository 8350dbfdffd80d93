//! What a peer may take of the server: connections, bytes and time.
//!
//! Everything that arrives or waits has a bound here, so that a slow or greedy peer costs a known
//! amount and then its connection. All of them are parameters, so that a test can use small ones.

use std::time::Duration;

/// The path of leak reports, which anybody may send.
const LEAKS: &str = "/admin/v1/leaks";

/// How large a leak report may be, in bytes: nobody has to say who they are to have one read, and what
/// it holds is one secret of 60 characters.
pub(crate) const LEAK_REPORT_BYTES: usize = 4 * 1024;

/// The bounds of one listener.
///
/// [`Limits::default`] is what production uses; the configuration overrides some of them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections; the newest is refused when there are this many.
    pub connections: usize,
    /// How long a TLS handshake may take.
    pub tls_handshake: Duration,
    /// How long a request head may take. It is also how long an HTTP/1.1 connection may be idle,
    /// because hyper starts this clock when it begins to wait for the next head.
    pub header_read: Duration,
    /// How many header fields a request may have.
    pub headers: usize,
    /// How large a request head may be, in bytes: request line and header fields together.
    /// HTTP/1.1 connections cannot go below 8 KiB.
    pub head_bytes: usize,
    /// How large a request body may be, in bytes, outside `/admin/`.
    pub body_bytes: usize,
    /// How large a request body may be, in bytes, under `/admin/`.
    pub admin_body_bytes: usize,
    /// How long a whole request body may take, counted from the end of the head.
    pub body_read: Duration,
    /// How long the answer to a request may take, counted from the end of the head.
    pub request: Duration,
    /// How long a response may make no progress because its reader does not read.
    pub write_stall: Duration,
    /// How long we go on reading after our side of a connection is closed, so that a peer that is
    /// still sending can read our answer before the kernel resets the connection.
    pub linger: Duration,
    /// How long an HTTP/2 connection may live before it is asked to reconnect. It bounds streams
    /// that a peer never lets us finish, which no timer of a single request can see.
    pub http2_age: Duration,
    /// How long a graceful shutdown waits for requests in flight.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            tls_handshake: Duration::from_secs(10),
            header_read: Duration::from_secs(10),
            headers: 100,
            head_bytes: 16 * 1024,
            body_bytes: 64 * 1024,
            admin_body_bytes: 1024 * 1024,
            body_read: Duration::from_secs(10),
            request: Duration::from_secs(10),
            write_stall: Duration::from_secs(10),
            linger: Duration::from_secs(2),
            http2_age: Duration::from_mins(5),
            // Less than the ten seconds of the contract: usage is flushed after it.
            drain: Duration::from_secs(8),
        }
    }
}

impl Limits {
    /// The largest body that a request to `path`, which begins below the issuer's, may have, in bytes.
    pub(crate) fn body_bytes_for(&self, path: &str) -> usize {
        if path == LEAKS {
            self.admin_body_bytes.min(LEAK_REPORT_BYTES)
        } else if path.starts_with("/admin/") {
            self.admin_body_bytes
        } else {
            self.body_bytes
        }
    }
}

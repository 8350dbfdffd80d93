//! The transport, as bytes on a socket: the real accept loop around a small router.

pub mod harness;
mod http1;
mod http2;
mod limits;
mod log;
mod management;
mod shutdown;
pub mod tls;

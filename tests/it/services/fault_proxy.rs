//! A TCP proxy that breaks connections in the ways that networks do.
//!
//! A test puts it between the server and PostgreSQL or Redis and changes the [`Fault`] as it goes;
//! connections that are already open feel the change too.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

/// What happens to bytes on their way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// They arrive.
    Pass,
    /// They arrive this much later, in each direction.
    Delay(Duration),
    /// They are held. Connections are accepted and stay open.
    BlackHole,
    /// Connections are reset, new ones as soon as they are accepted.
    Cut,
    /// The request arrives, and the connection is reset in place of the reply: the client cannot
    /// know whether it was done.
    CutReplies,
    /// The same, once, for one reply on whatever connection, after so many that arrive.
    CutReply {
        /// How many replies arrive before.
        after: u32,
    },
}

/// A proxy before one server. It ends, with its connections, with this value.
pub struct FaultProxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    /// How many replies have passed since the last change of the fault.
    replies: Arc<AtomicU32>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// Listens on a free port of the loopback and passes what arrives on to `server`.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, faults) = watch::channel(Fault::Pass);
        let replies = Arc::<AtomicU32>::default();
        let passed = Arc::clone(&replies);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, faults.clone(), Arc::clone(&passed)));
            }
        });
        Self {
            address,
            fault,
            replies,
            accepting,
        }
    }

    /// A proxy before the server that `url` names by address and port, and `url` through it.
    pub async fn before(url: &str) -> (Self, String) {
        let mut url = Url::parse(url).unwrap();
        let server = url.socket_addrs(|| None).unwrap()[0];
        let proxy = Self::to(server).await;
        url.set_port(Some(proxy.address.port())).unwrap();
        (proxy, url.into())
    }

    /// Where the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, on every connection.
    pub fn set(&self, fault: Fault) {
        self.replies.store(0, Ordering::Release);
        self.fault.send_replace(fault);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // The connections see their sender gone, and end.
        self.accepting.abort();
    }
}

enum End {
    Closed,
    Reset,
}

async fn carry(
    mut client: TcpStream,
    server: SocketAddr,
    faults: watch::Receiver<Fault>,
    replies: Arc<AtomicU32>,
) {
    let mut cut = faults.clone();
    let end = tokio::select! {
        biased;
        _ = cut.wait_for(|fault| *fault == Fault::Cut) => End::Reset,
        end = relay(&mut client, server, faults, &replies) => end.unwrap_or(End::Closed),
    };
    if matches!(end, End::Reset) {
        // With no time to linger, closing the socket sends a reset.
        let _ = client.set_zero_linger();
    }
}

async fn relay(
    client: &mut TcpStream,
    server: SocketAddr,
    faults: watch::Receiver<Fault>,
    passed: &AtomicU32,
) -> io::Result<End> {
    let mut server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let requests = pump(from_client, to_server, faults.clone(), |_| false);
    let replies = pump(from_server, to_client, faults, |fault| match fault {
        Fault::CutReplies => true,
        Fault::CutReply { after } => passed.fetch_add(1, Ordering::AcqRel) == after,
        _ => false,
    });
    tokio::select! {
        end = requests => end,
        end = replies => end,
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut faults: watch::Receiver<Fault>,
    resets: impl Fn(Fault) -> bool,
) -> io::Result<End> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(End::Closed);
        }
        let Ok(fault) = faults
            .wait_for(|fault| *fault != Fault::BlackHole)
            .await
            .map(|fault| *fault)
        else {
            return Ok(End::Closed);
        };
        if resets(fault) {
            return Ok(End::Reset);
        }
        if let Fault::Delay(delay) = fault {
            tokio::time::sleep(delay).await;
        }
        to.write_all(&buffer[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::time::timeout;

    use super::*;
    use crate::services::Fault;
    use crate::services::FaultProxy;

    /// A server that echoes, and a client that is connected to it through the proxy.
    async fn echo() -> (FaultProxy, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = FaultProxy::to(listener.local_addr().unwrap()).await;
        tokio::spawn(async move {
            while let Ok((mut peer, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = peer.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        (proxy, client)
    }

    async fn ask(client: &mut TcpStream) -> io::Result<u8> {
        client.write_u8(7).await?;
        client.read_u8().await
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_and_late_when_delayed() {
        let (proxy, mut client) = echo().await;
        assert_eq!(ask(&mut client).await.unwrap(), 7);

        proxy.set(Fault::Delay(Duration::from_millis(20)));
        let asked = Instant::now();
        assert_eq!(ask(&mut client).await.unwrap(), 7);
        assert!(asked.elapsed() >= Duration::from_millis(40));
    }

    #[tokio::test]
    async fn a_black_hole_holds_bytes_until_it_is_gone() {
        let (proxy, mut client) = echo().await;
        proxy.set(Fault::BlackHole);
        client.write_u8(7).await.unwrap();
        let mut reading = Box::pin(client.read_u8());
        let unanswered = timeout(Duration::from_millis(30), &mut reading).await;
        assert!(unanswered.is_err());

        proxy.set(Fault::Pass);
        assert_eq!(reading.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_cut_resets_open_and_new_connections() {
        let (proxy, mut client) = echo().await;
        assert_eq!(ask(&mut client).await.unwrap(), 7);

        proxy.set(Fault::Cut);
        let open = client.read_u8().await.unwrap_err();
        assert_eq!(open.kind(), io::ErrorKind::ConnectionReset);
        let mut new = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(ask(&mut new).await.is_err());
    }

    #[tokio::test]
    async fn a_cut_reply_resets_the_connection_after_the_request_arrived() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = FaultProxy::to(listener.local_addr().unwrap()).await;
        proxy.set(Fault::CutReplies);
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();

        client.write_u8(7).await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), 7);
        server.write_u8(7).await.unwrap();
        let reply = client.read_u8().await.unwrap_err();
        assert_eq!(reply.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn one_reply_is_cut_after_some_that_arrive() {
        let (proxy, mut client) = echo().await;
        proxy.set(Fault::CutReply { after: 2 });
        for _ in 0..2 {
            assert_eq!(ask(&mut client).await.unwrap(), 7);
        }
        assert!(ask(&mut client).await.is_err());
        let mut new = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut new).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_proxy_that_is_dropped_closes_its_connections() {
        let (proxy, mut client) = echo().await;
        assert_eq!(ask(&mut client).await.unwrap(), 7);
        let (behind, url) = FaultProxy::before("redis://:secret@127.0.0.1:6379/3").await;
        let port = behind.address().port();
        assert_eq!(url, format!("redis://:secret@127.0.0.1:{port}/3"));

        drop(proxy);
        assert!(ask(&mut client).await.is_err());
    }
}

//! Peers that speak HTTP/2 to do harm: frames by hand, over TLS.
//!
//! Whatever they send, their connection ends, with a GOAWAY that says why or at its end of age, and
//! everybody else is served as before.

use std::fmt;
use std::time::Duration;

use ostler::http::limits::Limits;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadHalf;
use tokio::io::WriteHalf;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::harness::SHORT;
use super::harness::Server;
use super::harness::is_apart;
use super::harness::most_memory_bytes;
use super::harness::run_apart;
use super::harness::within;
use super::tls::Files;
use super::tls::connect;

// RFC 9113 §6: types of frames and their flags.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// RFC 9113 §6.5.2: `SETTINGS_INITIAL_WINDOW_SIZE`.
const INITIAL_WINDOW_SIZE: u16 = 4;

// RFC 9113 §7: reasons.
const FLOW_CONTROL: u32 = 3;
const CALM: u32 = 11;

/// RFC 9113 §4.1
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// RFC 7541 §6: the fields of a request, by the static table; 2 is `GET` and 3 is `POST`.
fn fields(method: u8, path: &str) -> Vec<u8> {
    let mut fields = vec![0x80 | method, 0x87];
    for (name, value) in [(0x04, path), (0x01, "ostler.test")] {
        fields.extend([name, u8::try_from(value.len()).unwrap()]);
        fields.extend(value.as_bytes());
    }
    fields
}

fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields(2, path))
}

/// The head of a request whose body is to come.
fn post(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &fields(3, path))
}

/// The ids of a client's streams: odd ones.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

/// How a connection ended.
#[derive(Default)]
struct End {
    /// The reason and the words of its GOAWAY.
    goaway: Option<(u32, String)>,
    /// How many frames of each type came before the end.
    frames: [usize; 10],
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} after {:?}", self.goaway, self.frames)
    }
}

impl End {
    /// Reads one frame; its type, or `None` at the end of the connection.
    async fn read_frame(&mut self, reader: &mut ReadHalf<TlsStream<TcpStream>>) -> Option<u8> {
        let mut head = [0; 9];
        reader.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        reader.read_exact(&mut payload).await.ok()?;
        let kind = head[3];
        self.frames[usize::from(kind)] += 1;
        if kind == GOAWAY {
            let reason = u32::from_be_bytes(payload[4..8].try_into().unwrap());
            let words = String::from_utf8_lossy(&payload[8..]).into_owned();
            self.goaway = Some((reason, words));
        }
        Some(kind)
    }

    #[track_caller]
    fn was_told_to_calm_down(&self, words: &str) {
        assert_eq!(self.goaway, Some((CALM, words.to_owned())), "{self:?}");
    }
}

/// A peer that sends what it is told.
struct Peer {
    reader: ReadHalf<TlsStream<TcpStream>>,
    writer: WriteHalf<TlsStream<TcpStream>>,
}

impl Peer {
    /// Shakes hands, and says these settings.
    async fn connect(files: &Files, server: &Server, settings: &[(u16, u32)]) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let config = files.client(rustls::DEFAULT_VERSIONS, &["h2"]);
        let (reader, writer) = tokio::io::split(connect(config, stream).await.unwrap());
        let mut peer = Self { reader, writer };
        let settings = settings.iter().flat_map(|(name, value)| {
            let (name, value) = (name.to_be_bytes(), value.to_be_bytes());
            [&name[..], &value[..]].concat()
        });
        peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        peer.send(&frame(SETTINGS, 0, 0, &settings.collect::<Vec<_>>()))
            .await;
        peer
    }

    async fn send(&mut self, bytes: &[u8]) {
        // The server may have had enough.
        let _ = within(self.writer.write_all(bytes)).await;
        let _ = within(self.writer.flush()).await;
    }

    /// Sends `first`, and then `more` for as long as it is let; reads all the while.
    async fn flood(self, first: Vec<u8>, more: Vec<u8>) -> End {
        let Self { reader, mut writer } = self;
        let writing = tokio::spawn(async move {
            let mut written = writer.write_all(&first).await;
            while written.is_ok() && !more.is_empty() {
                written = writer.write_all(&more).await;
            }
            let _ = writer.flush().await;
            writer
        });
        let end = within(read_to_the_end(reader)).await;
        // Dropped only now: a closed half would be an end by the peer.
        writing.abort();
        end
    }
}

async fn read_to_the_end(mut reader: ReadHalf<TlsStream<TcpStream>>) -> End {
    let mut end = End::default();
    while end.read_frame(&mut reader).await.is_some() {}
    end
}

/// Reads to the first frame of this type, or to the end.
async fn read_until(reader: &mut ReadHalf<TlsStream<TcpStream>>, wanted: u8) -> End {
    let mut end = End::default();
    while let Some(kind) = end.read_frame(reader).await {
        if kind == wanted {
            break;
        }
    }
    end
}

/// A server with a well-behaved client, before and after an attack.
struct Scene {
    files: Files,
    server: Server,
    probe: reqwest::Client,
}

impl Scene {
    async fn set(limits: Limits) -> Self {
        let files = Files::new();
        let server = files.server(limits).await;
        let probe = files.reqwest();
        Self {
            files,
            server,
            probe,
        }
    }

    async fn attack(&self, first: Vec<u8>, more: Vec<u8>) -> End {
        self.attack_with(&[], first, more).await
    }

    async fn attack_with(&self, settings: &[(u16, u32)], first: Vec<u8>, more: Vec<u8>) -> End {
        let peer = Peer::connect(&self.files, &self.server, settings).await;
        let end = peer.flood(first, more).await;
        // A new connection each time: it may have been long enough for another end of age.
        let url = format!("https://{}/hello", self.server.address);
        let answer = within(self.probe.get(url).send()).await.unwrap();
        assert_eq!(within(answer.text()).await.unwrap(), "hello");
        end
    }
}

/// Streams that are opened and reset, as many as a client can name in a second.
fn rapid_resets() -> Vec<u8> {
    let reset = |stream| frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    let pairs = streams(2_000).map(|stream| [get(stream, "/never"), reset(stream)].concat());
    pairs.collect::<Vec<_>>().concat()
}

/// Streams that the server has to reset: a window that is too wide (RFC 9113 §6.9.1).
fn provoked_resets() -> Vec<u8> {
    let provoke = |stream| frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff]);
    let pairs = streams(2_000).map(|stream| [get(stream, "/never"), provoke(stream)].concat());
    pairs.collect::<Vec<_>>().concat()
}

/// A field of 4 KB that is then repeated by one byte each (RFC 7541 §6.1).
fn hpack_bomb() -> Vec<u8> {
    let mut block = fields(2, "/hello");
    // Literal with indexing: the name `x`, and a value whose length takes a prefix of 7 bits.
    block.extend([0x40, 1, b'x', 0x7f, 0x81, 0x1e]);
    block.extend([b'y'; 0x7f + 0x01 + (0x1e << 7)]);
    block.resize(16 * 1024, 0xbe);
    frame(HEADERS, END_STREAM | END_HEADERS, 1, &block)
}

// Case 114; RFC 9113 §5.4.2, §10.5
#[tokio::test]
async fn streams_that_are_reset_as_soon_as_they_are_opened_end_the_connection() {
    let scene = Scene::set(Limits::default()).await;
    let end = scene.attack(rapid_resets(), Vec::new()).await;
    end.was_told_to_calm_down("too_many_resets");
}

// Case 114: with the server itself provoked to reset.
#[tokio::test]
async fn streams_that_the_server_is_made_to_reset_end_the_connection() {
    let scene = Scene::set(Limits::default()).await;
    let end = scene.attack(provoked_resets(), Vec::new()).await;
    end.was_told_to_calm_down("too_many_internal_resets");
    assert!(end.frames[usize::from(RST_STREAM)] < 2_000, "{end:?}");
}

// Case 115; RFC 9113 §10.5.1
#[tokio::test]
async fn header_blocks_that_do_not_end_end_the_connection() {
    let scene = Scene::set(Limits::default()).await;
    let open = frame(HEADERS, END_STREAM, 1, &fields(2, "/hello"));
    for more in [&[][..], b"\x00\x01x\x01y"] {
        let more = frame(CONTINUATION, 0, 1, more).repeat(100);
        let end = scene.attack(open.clone(), more).await;
        end.was_told_to_calm_down("too_many_continuations");
    }
}

// Case 115; RFC 7541 §7.3
#[tokio::test]
async fn a_small_header_block_that_unpacks_to_a_huge_one_ends_the_connection() {
    let scene = Scene::set(Limits::default()).await;
    let end = scene.attack(hpack_bomb(), Vec::new()).await;
    end.was_told_to_calm_down("header_list_way_too_large");
}

/// A connection of these limits ends soon after its first request, whatever happens on it.
fn short_lived() -> Limits {
    Limits {
        header_read: SHORT,
        http2_age: SHORT,
        drain: SHORT,
        ..Limits::default()
    }
}

// Case 115; RFC 9113 §10.5
#[tokio::test]
async fn a_flood_of_settings_or_pings_does_not_outlast_the_age_of_a_connection() {
    let scene = Scene::set(short_lived()).await;
    for (kind, payload) in [(SETTINGS, &[][..]), (PING, b"12345678")] {
        let flood = frame(kind, 0, 0, payload).repeat(500);
        for first in [get(1, "/hello"), Vec::new()] {
            let end = scene.attack(first, flood.clone()).await;
            // It was served, and answered, until then.
            assert!(end.frames[usize::from(kind)] > 1, "{kind}: {end:?}");
        }
    }
}

// Case 115: streams whose windows are never opened (RFC 9113 §6.9.2).
#[tokio::test]
async fn answers_that_may_not_be_sent_do_not_outlast_the_age_of_a_connection() {
    let scene = Scene::set(short_lived()).await;
    let requests: Vec<_> = streams(100).map(|stream| get(stream, "/hello")).collect();
    let closed = [(INITIAL_WINDOW_SIZE, 0)];
    let end = scene
        .attack_with(&closed, requests.concat(), Vec::new())
        .await;
    assert_eq!(end.frames[usize::from(HEADERS)], 100, "{end:?}");
    assert_eq!(end.frames[usize::from(DATA)], 0, "{end:?}");
}

// Cases 111 and 115: windows wide open, and nobody reads.
#[tokio::test]
async fn an_http2_reader_that_does_not_read_is_closed() {
    let scene = Scene::set(Limits {
        write_stall: SHORT,
        ..Limits::default()
    })
    .await;
    let wide = (1_u32 << 31) - 1 - 65_535;
    let open = [(INITIAL_WINDOW_SIZE, (1 << 31) - 1)];
    let mut peer = Peer::connect(&scene.files, &scene.server, &open).await;
    peer.send(&frame(WINDOW_UPDATE, 0, 0, &wide.to_be_bytes()))
        .await;
    peer.send(&get(1, "/large")).await;
    scene
        .server
        .until(|numbers| numbers.contains("seconds_count{route=\"other\"} 1\n"))
        .await;
    scene
        .server
        .until(|numbers| numbers.contains("ostler_connections 0\n"))
        .await;
    drop(peer);
}

// Case 116
#[tokio::test]
async fn data_frames_without_data_end_the_connection() {
    let scene = Scene::set(Limits::default()).await;
    let padding = [&[255][..], &[0; 255]].concat();
    for (what, flags, payload) in [
        ("empty", 0, &[][..]),
        ("only padding", PADDED, &padding),
        ("a byte that nobody reads", 0, b"x"),
    ] {
        let data = frame(DATA, flags, 1, payload).repeat(100);
        let end = scene.attack(post(1, "/never"), data).await;
        let told = end.goaway.as_ref().map(|(reason, _)| *reason);
        assert_eq!(told, Some(CALM), "{what}: {end:?}");
        end.was_told_to_calm_down("too_many_data_frames");
    }
}

// Case 107 over HTTP/2: what is sent to a handler that does not read waits in a bounded space
// (RFC 9113 §6.9.1), however many streams it is sent on.
#[tokio::test]
async fn bodies_that_wait_to_be_read_share_a_small_window() {
    let scene = Scene::set(Limits::default()).await;
    let chunk = vec![b'x'; 16 * 1024];
    let body = |stream| {
        let chunk = frame(DATA, 0, stream, &chunk);
        [post(stream, "/never"), chunk.repeat(4)].concat()
    };
    for (count, too_much) in [(4, false), (5, true)] {
        let bodies: Vec<_> = streams(count).map(body).collect();
        // An answer to this shows that all before it was looked at.
        let last = get(2 * count + 1, "/hello");
        let mut peer = Peer::connect(&scene.files, &scene.server, &[]).await;
        // The windows count once the server has announced them and knows that they were heard.
        within(read_until(&mut peer.reader, WINDOW_UPDATE)).await;
        peer.send(&frame(SETTINGS, ACK, 0, &[])).await;
        peer.send(&[bodies.concat(), last].concat()).await;
        let end = within(read_until(&mut peer.reader, HEADERS)).await;
        let refused = end.goaway.map(|(reason, _)| reason);
        assert_eq!(refused, too_much.then_some(FLOW_CONTROL), "{count} streams");
    }
}

// Cases 107 and 110 over HTTP/2: a body that is read counts its bytes and its time, in however many
// frames it comes.
#[tokio::test]
async fn a_body_in_tiny_frames_is_bounded_like_any_other() {
    let scene = Scene::set(Limits {
        header_read: Duration::from_secs(1),
        http2_age: SHORT,
        drain: SHORT,
        ..Limits::default()
    })
    .await;
    let data = frame(DATA, 0, 1, b"x").repeat(500);
    let end = scene.attack(post(1, "/echo"), data).await;
    assert!(end.goaway.is_some(), "{end:?}");
    assert!(end.frames[usize::from(HEADERS)] <= 1, "{end:?}");
}

// Cases 114 to 116: memory stays what it was.
#[test]
fn floods_over_http2_cost_no_memory() {
    if !is_apart() {
        run_apart("transport::http2::floods_over_http2_cost_no_memory", "");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let scene = Scene::set(Limits::default()).await;
        let data = frame(DATA, 0, 1, b"x").repeat(100);
        let round = async || {
            scene.attack(rapid_resets(), Vec::new()).await;
            scene.attack(provoked_resets(), Vec::new()).await;
            scene.attack(hpack_bomb(), Vec::new()).await;
            scene.attack(post(1, "/never"), data.clone()).await;
        };
        // What a first connection costs, and what the attacker itself holds.
        scene.attack(rapid_resets(), Vec::new()).await;
        let before = most_memory_bytes();
        for _ in 0..5 {
            round().await;
        }
        let grown = most_memory_bytes() - before;
        assert!(grown < 8 * 1024 * 1024, "{grown} bytes more");
    });
}

//! Looking for private keys in the memory of a running server: security case 151.
//!
//! The files of the keys are read once, and what was read is wiped: their text is nowhere. (What a
//! client sends passes through buffers that are not ours.)

use std::fs;
use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::ops::Range;

use super::process::Process;

/// The longest part of a memory that is looked at in one go, in bytes.
const PART_BYTES: u64 = 16 * 1024 * 1024;

/// Where the process keeps what it may write to.
fn writable(pid: u32) -> Vec<Range<u64>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let ranges = maps.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let address = |hex| u64::from_str_radix(hex, 16).ok();
        rest.starts_with("rw")
            .then_some(address(start)?..address(end)?)
    });
    ranges.collect()
}

/// How often each of these texts is in the memory of a process.
fn found_in(pid: u32, texts: &[Vec<u8>]) -> Vec<usize> {
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let longest = texts.iter().map(Vec::len).max().unwrap_or_default() as u64;
    let mut found = vec![0; texts.len()];
    for range in writable(pid) {
        let mut at = range.start;
        while at < range.end {
            let end = range.end.min(at + PART_BYTES);
            let mut part = vec![0; usize::try_from(end - at).unwrap()];
            memory.seek(SeekFrom::Start(at)).unwrap();
            // A page that is not there any more has nothing in it.
            if memory.read_exact(&mut part).is_ok() {
                for (text, count) in texts.iter().zip(&mut found) {
                    *count += occurrences(&part, text);
                }
            }
            at = if end == range.end { end } else { end - longest };
        }
    }
    found
}

fn occurrences(memory: &[u8], text: &[u8]) -> usize {
    let (first, rest) = text.split_first().expect("a text");
    let starts = memory.iter().enumerate().filter(|(_, byte)| *byte == first);
    starts
        .filter(|(at, _)| memory[at + 1..].starts_with(rest))
        .count()
}

/// Whatever of a private key there is in PKCS#8 (RFC 5958 §2) that is a secret by itself: the 32 bytes
/// that an elliptic curve's key is, of either kind; nothing of an RSA key.
fn inner_secret(der: &[u8]) -> Option<&[u8]> {
    // An ECPrivateKey (RFC 5915 §3) of version 1, and a CurvePrivateKey (RFC 8410 §7), both of 32 bytes.
    for before in [&[2, 1, 1, 4, 32][..], &[4, 34, 4, 32]] {
        let at = der.windows(before.len()).position(|part| part == before);
        if let Some(at) = at {
            return der.get(at + before.len()..at + before.len() + 32);
        }
    }
    None
}

// Security case 151: nor in any other form that it has had on its way: decoded, and the number or the
// seed that it is. The library that signs keeps what it needs, once for each key, in a form of its own;
// that of an Ed25519 key is its seed.
#[tokio::test]
async fn what_a_private_key_was_read_from_is_wiped() {
    let process = Process::start(&[]).await;
    let (mut gone, mut once) = (Vec::new(), Vec::new());
    for file in fs::read_dir(process.home().join("keys")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "pem") {
            continue;
        }
        let der = ostler::keys::pem::decode(&fs::read(&path).unwrap()).unwrap();
        gone.push(der.to_vec());
        let is_ed25519 = der.windows(4).any(|part| part == [4, 34, 4, 32]);
        match inner_secret(&der) {
            Some(seed) if is_ed25519 => once.push(seed.to_vec()),
            Some(number) => gone.push(number.to_vec()),
            None => {}
        }
    }
    assert_eq!(once.len(), 2, "of tokens and of the audit");
    assert_eq!(gone.len(), 5, "four keys, and the number of one");
    let token = process.admin.token("").await;
    assert!(process.admin.sees_active(&token).await);
    assert_eq!(found_in(process.id(), &gone), vec![0; gone.len()]);
    for count in found_in(process.id(), &once) {
        assert!(count <= 1, "{count} copies of a seed");
    }
}

// Security case 151.
#[tokio::test]
async fn no_private_key_stands_in_memory_as_it_stands_in_its_file() {
    let process = Process::start(&[]).await;
    let token = process.admin.token("").await;
    let mut texts = Vec::new();
    for file in fs::read_dir(process.home().join("keys")).unwrap() {
        let path = file.unwrap().path();
        let contents = fs::read(&path).unwrap();
        if path.extension().is_some_and(|kind| kind == "pem") {
            // The second line of an RSA key, the only one of the others.
            let lines = contents.split(|byte| *byte == b'\n').skip(1);
            let line = lines.take(2).filter(|line| line.len() == 64).last();
            texts.push(line.expect("a line").to_vec());
        } else {
            texts.push(contents);
        }
    }
    assert!(
        texts.len() >= 5,
        "three keys, that of the audit, and the pepper"
    );
    let known = texts.len();
    // That looking finds something: what every process has of its environment.
    texts.push(b"OSTLER_SERVER__LISTEN=".to_vec());
    let found = found_in(process.id(), &texts);
    assert!(found[known] > 0, "nothing can be looked at");
    assert_eq!(found[..known], vec![0; known]);
    // It signs as before.
    assert!(process.admin.sees_active(&token).await);
}

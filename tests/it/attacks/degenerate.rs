//! Signatures that are numbers nobody computed: some verifiers accept them from everybody.

use ostler::domain::signing_key::Algorithm;

use crate::test_keys::Which;

use super::forger::sign;
use super::stage::Stage;

/// The order of P-256 (SP 800-186 section 3.2.1.3).
const ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6,
    0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];

/// An ASN.1 integer.
fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let sign: &[u8] = if number[zeros] >= 0x80 { &[0] } else { &[] };
    let length = u8::try_from(sign.len() + number.len() - zeros).unwrap();
    [&[2, length], sign, &number[zeros..]].concat()
}

// Security case 39; RFC 7518 §3.4, RFC 8032 §5.1.7. (No client registers a key in this server.)
#[tokio::test]
async fn a_degenerate_signature_is_none() {
    let stage = Stage::set().await;
    let es256 = stage.draft();
    let good = sign(Algorithm::Es256, Which::First, es256.message().as_bytes());
    stage
        .accepts("the forger's own", &es256.with_signature(&good))
        .await;
    let (r, s) = good.split_at(32);
    let zero = [0; 32];
    let mut sequence = [integer(r), integer(s)].concat();
    sequence.splice(..0, [0x30, u8::try_from(sequence.len()).unwrap()]);
    let one = [&zero[..31], &[1]].concat();
    for (what, signature) in [
        ("all zero", vec![0; 64]),
        ("r = 0", [&zero, s].concat()),
        ("s = 0", [r, &zero].concat()),
        ("r = n", [&ORDER, s].concat()),
        ("s = n", [r, &ORDER].concat()),
        ("r = s = n", [ORDER, ORDER].concat()),
        ("r = s = 1", [&*one, &*one].concat()),
        ("all ones", vec![0xFF; 64]),
        ("DER", sequence),
        ("r and s exchanged", [s, r].concat()),
        ("a byte less", good[..63].to_vec()),
        ("a byte more", [&good[..], &[0]].concat()),
        ("a zero before r and s", [&[0], r, &[0], s].concat()),
        ("twice", [&good[..], &good[..]].concat()),
    ] {
        stage.refuses(what, &es256.with_signature(signature)).await;
    }

    let eddsa = stage.draft().for_key(Algorithm::EdDsa);
    let good = sign(Algorithm::EdDsa, Which::First, eddsa.message().as_bytes());
    stage
        .accepts("the forger's own", &eddsa.with_signature(&good))
        .await;
    for (what, signature) in small_order(&good) {
        stage.refuses(&what, &eddsa.with_signature(signature)).await;
    }

    let rs256 = stage.draft().for_key(Algorithm::Rs256);
    let good = sign(Algorithm::Rs256, Which::First, rs256.message().as_bytes());
    stage
        .accepts("the forger's own", &rs256.with_signature(&good))
        .await;
    for (what, signature) in [
        ("0", vec![0; 256]),
        ("1", [&[0; 255][..], &[1]].concat()),
        ("all ones", vec![0xFF; 256]),
        ("one byte", vec![1]),
        ("as long as a key of 512 bits", good[..64].to_vec()),
        ("a byte less", good[1..].to_vec()),
        ("a zero before it", [&[0], &good[..]].concat()),
        (
            "as long as a key of 4,096 bits",
            [&[0; 256], &good[..]].concat(),
        ),
    ] {
        stage.refuses(what, &rs256.with_signature(signature)).await;
    }
    stage.is_unharmed().await;
}

/// Ed25519 signatures with points of small order or in another than their one encoding, and with an S
/// that is not below the order.
fn small_order(good: &[u8]) -> Vec<(String, Vec<u8>)> {
    // The order, 2^252 + 27742317777372353535851937790883648493, in little endian.
    const L: [u8; 32] = [
        0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let point = |first: u8, middle: u8, last: u8| {
        let mut point = [middle; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    let points = [
        ("the neutral element", point(1, 0, 0)),
        ("the neutral element, with a sign", point(1, 0, 0x80)),
        ("y = 0, of order 4", point(0, 0, 0)),
        ("y = -1, of order 2", point(0xEC, 0xFF, 0x7F)),
        ("y = p, for 0", point(0xED, 0xFF, 0x7F)),
        ("y = p + 1, for 1", point(0xEE, 0xFF, 0x7F)),
    ];
    let mut all: Vec<_> = points
        .iter()
        .flat_map(|(what, point)| {
            [("S = 0", [0; 32].as_slice()), ("our S", &good[32..])]
                .map(|(s, half)| (format!("{what}, {s}"), [&point[..], half].concat()))
        })
        .collect();
    // S + L says the same as S, but is not its one encoding.
    let mut carry = 0;
    let beyond: Vec<u8> = good[32..]
        .iter()
        .zip(L)
        .map(|(s, l)| {
            let sum = u16::from(*s) + u16::from(l) + carry;
            carry = sum >> 8;
            u8::try_from(sum & 0xFF).unwrap()
        })
        .collect();
    all.push(("S + L".to_owned(), [&good[..32], &beyond].concat()));
    all.push(("S = L".to_owned(), [&good[..32], &L].concat()));
    all.push(("all ones".to_owned(), vec![0xFF; 64]));
    all.push(("a byte less".to_owned(), good[..63].to_vec()));
    all
}

//! Random bits, from the operating system.
//!
//! Secrets and keys ask it each time. Ids are made in great numbers and are not secret, so they
//! share a batch: one system call costs as much as filling dozens of them.

use std::cell::RefCell;

use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use zeroize::Zeroizing;

use crate::domain::secret::Secret;
use crate::domain::secret::SecretKind;
use crate::domain::token::TokenId;

/// Fills `bytes` with random bits.
///
/// # Panics
///
/// When the operating system has none. Since it has started, it always does; without them
/// nothing that this server hands out would be safe, and there is no answer to give instead.
pub fn fill(bytes: &mut [u8]) {
    SystemRandom::new()
        .fill(bytes)
        .expect("the operating system gives random bits");
}

/// `N` random bytes; panics like [`fill`].
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// A new secret of 256 random bits; panics like [`fill`].
pub fn secret(kind: SecretKind) -> Secret {
    let random = Zeroizing::new(bytes());
    Secret::from_random(kind, &random)
}

/// A new `jti`; panics like [`fill`].
pub fn token_id() -> TokenId {
    TokenId::from_bytes(batched())
}

/// The 80 random bits of an id ([`crate::domain::id`]); panics like [`fill`].
pub fn id_bits() -> u128 {
    let mut bits = [0; 16];
    bits[6..].copy_from_slice(&batched::<10>());
    u128::from_be_bytes(bits)
}

/// Random bytes that may have waited in memory: for what is unique, never for what is secret.
fn batched<const N: usize>() -> [u8; N] {
    thread_local! {
        // One per thread, so that nobody waits for a lock.
        static BATCH: RefCell<Batch> = const { RefCell::new(Batch::USED_UP) };
    }
    BATCH.with_borrow_mut(Batch::take)
}

struct Batch {
    bytes: [u8; Self::SIZE],
    used: usize,
}

impl Batch {
    /// 32 token ids.
    const SIZE: usize = 512;

    const USED_UP: Self = Self {
        bytes: [0; Self::SIZE],
        used: Self::SIZE,
    };

    fn take<const N: usize>(&mut self) -> [u8; N] {
        if Self::SIZE - self.used < N {
            fill(&mut self.bytes);
            self.used = 0;
        }
        let mut taken = [0; N];
        taken.copy_from_slice(&self.bytes[self.used..self.used + N]);
        self.used += N;
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bits_are_given_out_twice() {
        // Odd sizes in turn, across many batches.
        let mut seen = HashSet::new();
        for _ in 0..1_000 {
            assert!(seen.insert(u128::from_be_bytes(*token_id().as_bytes())));
            assert!(seen.insert(id_bits()));
        }
    }

    #[test]
    fn threads_do_not_share_a_batch() {
        let other = std::thread::spawn(token_id).join().unwrap();
        assert_ne!(token_id(), other);
    }

    #[test]
    fn an_id_gets_eighty_bits() {
        let all = (0..1_000).fold(0, |bits, _| bits | id_bits());
        assert_eq!(all, (1 << 80) - 1);
    }
}

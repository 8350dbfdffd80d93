//! The calls under a key that this node is carrying out, each once at a time.
//!
//! Losing this costs nothing but a wait: what is done twice at once is told apart in the store.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::domain::digest::Digest;

/// The calls that are under way, by what they are known by; as many as there are requests.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Mutex<HashSet<Digest>>>);

/// One of them: it is over when this is dropped.
#[derive(Debug)]
pub struct Turn {
    call: Digest,
    all: UnderWay,
}

impl UnderWay {
    /// Begins a call; `None` while another one with this id is under way.
    pub fn begin(&self, call: &Digest) -> Option<Turn> {
        self.all().insert(call.clone()).then(|| Turn {
            call: call.clone(),
            all: self.clone(),
        })
    }

    fn all(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.all().remove(&self.call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_under_way_once_until_it_is_over() {
        let calls = UnderWay::default();
        let [one, other] = [b"a", b"b"].map(|id| Digest::of(&[id]));
        let first = calls.begin(&one);
        assert!(first.is_some());
        assert!(calls.begin(&one).is_none());
        assert!(calls.begin(&other).is_some());
        drop(first);
        assert!(calls.begin(&one).is_some());
    }
}

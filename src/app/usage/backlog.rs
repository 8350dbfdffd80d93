//! Notes that are put down first and filed later, many together.
//!
//! Where a note belongs is most often cold: among ten thousand accounts, the place of one has not been looked
//! at for a while. A request that goes there itself waits for memory several times, and brings the code that
//! does it along. So it leaves its note on a short list of its own thread, and whoever finds the list full
//! files all of it, and waits for memory once for many notes. Whoever wants to know everything files all
//! lists first.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// How many notes are filed together. It is some microseconds of work.
const TOGETHER: usize = 64;

/// Threads seldom share a list.
const LISTS: usize = 16;

thread_local! {
    static OWN: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % LISTS
    };
}

/// Notes that are not filed yet; few.
pub(super) struct Backlog<T>(Box<[List<T>; LISTS]>);

/// In lines of memory of its own: the next one belongs to another core.
#[repr(align(128))]
struct List<T>(Mutex<Vec<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Default for Backlog<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T> Backlog<T> {
    /// Puts a note down, and files this thread's with `file` when they are many: one request in [`TOGETHER`]
    /// does it for all.
    pub(super) fn put(&self, note: T, file: impl FnOnce(&[T])) {
        let mut list = self.0[OWN.with(|own| *own)].lock();
        list.push(note);
        if list.len() >= TOGETHER {
            file(&list);
            list.clear();
        }
    }

    /// Files all notes with `file`. When it returns, every note is filed that was put down before.
    pub(super) fn file(&self, mut file: impl FnMut(&[T])) {
        for list in self.0.iter() {
            // Under the lock: nobody may find that there are no notes before they are filed.
            let mut list = list.lock();
            if !list.is_empty() {
                file(&list);
                list.clear();
            }
        }
    }
}

impl<T> List<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_note_is_filed_once_and_in_order() {
        let backlog = Backlog::default();
        let mut filed = Vec::new();
        for note in 0..1_000 {
            backlog.put(note, |notes| filed.extend(notes.iter().copied()));
            assert!(note + 1 - filed.len() < TOGETHER);
        }
        backlog.file(|notes| filed.extend(notes.iter().copied()));
        backlog.file(|notes| filed.extend(notes.iter().copied()));
        assert!(filed.into_iter().eq(0..1_000));
    }

    #[test]
    fn notes_of_all_threads_are_filed() {
        let backlog = Backlog::default();
        std::thread::scope(|scope| {
            for thread in 0..40 {
                let backlog = &backlog;
                scope.spawn(move || backlog.put(thread, |_| ()));
            }
        });
        let mut filed = Vec::new();
        backlog.file(|notes| filed.extend(notes.iter().copied()));
        filed.sort_unstable();
        assert!(filed.into_iter().eq(0..40));
    }
}

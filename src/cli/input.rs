//! Standard input: read once, and aside, so that Ctrl-C is heard meanwhile.

use std::io;
use std::io::BufRead;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use zeroize::Zeroizing;

use super::failure::Failure;
use super::files;

/// The longest answer to a question, in bytes.
const MAX_LINE_BYTES: u64 = 4096;

/// A file by its name, or all of standard input for `-`.
pub async fn file_or_stdin(path: &Path) -> Result<Zeroizing<String>, Failure> {
    if path.as_os_str() == "-" {
        return stdin().await;
    }
    let path = path.to_owned();
    aside(move || files::read(&path)).await
}

/// All of standard input. It can be had only once.
pub async fn stdin() -> Result<Zeroizing<String>, Failure> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(
            Failure::usage("standard input cannot be two things at once")
                .fix("give one of them as a file"),
        );
    }
    aside(|| files::read_text(io::stdin().lock(), "standard input")).await
}

/// One line that a person types.
pub async fn line() -> Result<Zeroizing<String>, Failure> {
    aside(|| {
        let mut line = Zeroizing::new(String::new());
        let read = io::stdin().lock().take(MAX_LINE_BYTES).read_line(&mut line);
        match read {
            Ok(_) => Ok(line),
            Err(error) => Err(Failure::failed(format!("cannot read the answer: {error}"))),
        }
    })
    .await
}

async fn aside<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(read)
        .await
        // Only a runtime that ends drops a task that has begun.
        .unwrap_or_else(|_| Err(Failure::interrupted()))
}

//! Reading a small text file, and nothing else, to its end.

use std::fs;
use std::fs::File;
use std::fs::Metadata;
use std::io;
use std::io::Read;
use std::path::Path;

use super::problem::Complaint;

/// The text of a regular file of at most `max_bytes`, and what the file is. A link is followed.
///
/// A pipe or a device is refused before it is opened: opening it could wait for ever.
pub(super) fn read(path: &Path, max_bytes: u64) -> Result<(String, Metadata), Complaint> {
    let unreadable = |error: io::Error| {
        let what = format!("{} cannot be read: {error}", path.display());
        Complaint::new(what, "name a file that this process may read")
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        let what = format!("{} is not a regular file", path.display());
        return Err(Complaint::new(what, "name a regular file"));
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > max_bytes {
        let what = format!("{} is larger than {max_bytes} bytes", path.display());
        return Err(Complaint::new(what, "is it the right file?"));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        let what = format!("{} is not UTF-8 text", path.display());
        Complaint::new(what, "is it the right file?")
    })?;
    Ok((text, metadata))
}

//! Files of the shell: read with a bound, and made so that nobody else can read them.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::failure::Failure;

/// The largest input that is read, in bytes: as much as the admin API takes.
pub const MAX_INPUT_BYTES: u64 = 1024 * 1024;

/// Reads text to its end; `what` names it in a failure, which never quotes it.
pub fn read_text(source: impl Read, what: &str) -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    source
        .take(MAX_INPUT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(format!("cannot read {what}: {error}")))?;
    if bytes.len() as u64 > MAX_INPUT_BYTES {
        return Err(Failure::failed(format!(
            "{what} is longer than {MAX_INPUT_BYTES} bytes"
        )));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::failed(format!("{what} is not UTF-8 text"))),
    }
}

/// Reads a file, which may be a link or a pipe.
pub fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    read_text(open(path)?, &path.display().to_string())
}

/// Opens a file to read it.
pub fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| {
        Failure::failed(format!(
            "cannot open {}: {}",
            path.display(),
            in_words(&error)
        ))
    })
}

/// The permission bits of a file when others than its owner can read it.
pub fn mode_open_to_others(file: &File) -> Option<u32> {
    let mode = file.metadata().ok()?.permissions().mode() & 0o777;
    (mode & 0o044 != 0).then_some(mode)
}

/// A new file that only its owner can read, not yet written. Dropped before [`finish`], it is gone
/// again.
///
/// [`finish`]: Self::finish
#[derive(Debug)]
pub struct NewFile {
    file: File,
    path: PathBuf,
    keep: bool,
}

impl NewFile {
    /// Makes the file, with mode 0600. It must not exist: nothing is overwritten, and no link that
    /// somebody else has put there is followed.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        match opened {
            Ok(file) => Ok(Self {
                file,
                path: path.to_owned(),
                keep: false,
            }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Failure::failed(
                format!("{} exists already, and is not overwritten", path.display()),
            )
            .fix("name another file, or remove that one")),
            Err(error) => Err(Failure::failed(format!(
                "cannot make {}: {}",
                path.display(),
                in_words(&error)
            ))),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the whole of it to the disk and keeps it.
    pub fn finish(mut self, contents: &str) -> Result<(), Failure> {
        let written = self.file.write_all(contents.as_bytes());
        written
            .and_then(|()| self.file.sync_all())
            .map_err(|error| {
                Failure::failed(format!("cannot write {}: {error}", self.path.display()))
            })?;
        self.keep = true;
        Ok(())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What the system says, without its number.
fn in_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_new_file_is_private_and_overwrites_nothing() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("secret.env");
        NewFile::create(&path).unwrap().finish("x").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "x");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );

        assert!(NewFile::create(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "x");

        let link = dir.path().join("link");
        symlink(dir.path().join("elsewhere"), &link).unwrap();
        assert!(NewFile::create(&link).is_err());
    }

    #[test]
    fn a_file_that_was_not_finished_is_gone() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("secret.env");
        drop(NewFile::create(&path).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn input_is_bounded_and_never_quoted() {
        let long = vec![b'x'; usize::try_from(MAX_INPUT_BYTES).unwrap() + 1];
        assert!(read_text(long.as_slice(), "stdin").is_err());
        let failure = read_text(&b"ostler_cs_\xff"[..], "stdin").unwrap_err();
        assert_eq!(failure.to_string(), "error: stdin is not UTF-8 text");
    }
}

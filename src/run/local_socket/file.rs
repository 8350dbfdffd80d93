//! The file of the local socket: private, in the place of one that a crash has left, and removed at the
//! end.

use std::fs;
use std::io;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use tokio::net::UnixListener;
use tokio::net::UnixStream;

/// The name of the socket in the data directory.
const NAME: &str = "ostler.sock";

/// The socket of the data directory.
pub fn path_in(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// Whether a connection has failed because nobody listens there: there is no socket, it was left by
/// somebody who is gone, or its path is too long for one.
pub(super) fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::ConnectionRefused
            | ErrorKind::InvalidInput
    )
}

/// A socket that is listened on. Its file goes with it.
pub struct SocketFile {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Which file it is: another server may have put its own into this place.
    made: (u64, u64),
}

impl SocketFile {
    /// Listens in this directory, which is made (0700) when it is missing. Fails where others may write
    /// to it, and where another server listens already.
    pub(super) async fn listen(directory: &Path) -> io::Result<Self> {
        make_directory(directory)?;
        let path = path_in(directory);
        match UnixStream::connect(&path).await {
            Err(error) if is_nobody(&error) => {}
            _ => {
                return Err(io::Error::new(
                    ErrorKind::AddrInUse,
                    "another server listens there",
                ));
            }
        }
        // It gets its name when nobody else may open it any more.
        let unfinished = directory.join(format!(".{NAME}.{}", std::process::id()));
        remove(&unfinished)?;
        let listener = UnixListener::bind(&unfinished)?;
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
        fs::rename(&unfinished, &path)?;
        let made = identity(&path)?;
        Ok(Self {
            listener,
            path,
            made,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.made) {
            // One that is left behind is replaced by the next server.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn make_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(directory)?;
    // One that was there before may be listed by others, but not changed by them.
    if fs::metadata(directory)?.mode() & 0o022 == 0 {
        return Ok(());
    }
    let why = "others may write to it: run `chmod go-w`";
    Err(io::Error::new(ErrorKind::PermissionDenied, why))
}

//! Private files: read with suspicion, written whole.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::Mode;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// The largest file that is read, in bytes: twice an RSA key of 8192 bits.
const MAX_LEN: usize = 16 * 1024;

/// What is wrong with a private file, in a sentence that names it and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is no such file or directory.
    #[error(
        "{} does not exist; restore it from the backup that belongs to this database",
        path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file of that name exists and will not be overwritten.
    #[error("{} exists already, and is not overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A link, which leads where our checks do not reach.
    #[error("{} is a symbolic link; put the file itself there", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Its mode lets others read or write it.
    #[error(
        "{path} is open to others (its mode is {mode:04o}); run `chmod 600 {path}`, and replace \
         the key if somebody may have read it",
        path = path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others can write in the directory.
    #[error(
        "others can write in {path} (its mode is {mode:04o}) and may have exchanged what is in \
         it; look, then run `chmod 700 {path}`",
        path = path.display()
    )]
    WritableDirectory {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else's.
    #[error(
        "{path} belongs to user {owner}, but the server runs as user {us}; run \
         `chown {us} {path}`, or run the server as user {owner}",
        path = path.display()
    )]
    WrongOwner {
        /// The file or directory.
        path: PathBuf,
        /// The user id that owns it.
        owner: u32,
        /// Our effective user id.
        us: u32,
    },
    /// Not what should be there.
    #[error("{} is not {expected}", path.display())]
    Contents {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl KeyFileError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn contents(path: &Path, expected: impl Into<String>) -> Self {
        Self::Contents {
            path: path.into(),
            expected: expected.into(),
        }
    }
}

/// Reads a file that must be ours alone: not a link, owned by us, closed to group and others.
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let file = open(path, OFlags::NOFOLLOW)?;
    let found = stat(&file, path)?;
    check_owner(path, found.uid())?;
    if found.mode() & 0o077 != 0 {
        return Err(open_to_others(path, found.mode()));
    }
    read(file, path)
}

/// Reads a secret that a setting names, outside the keys directory. Secret stores hand out links
/// and files of other owners and groups, so those are said in a warning; what the whole world can
/// read is refused here too.
pub fn read_named(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let file = open(path, OFlags::empty())?;
    let found = stat(&file, path)?;
    if found.mode() & 0o007 != 0 {
        return Err(open_to_others(path, found.mode()));
    }
    for concern in concerns(path, found.mode(), found.uid()) {
        tracing::warn!(path = %path.display(), "a secret is in a file that {concern}");
    }
    read(file, path)
}

/// What is not as it should be, and yet usual for files from a secret store.
fn concerns(path: &Path, mode: u32, owner: u32) -> Vec<&'static str> {
    let link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    let own = [0, rustix::process::geteuid().as_raw()].contains(&owner);
    [
        (link, "is a symbolic link"),
        (mode & 0o070 != 0, "its group can open"),
        (!own, "belongs to another user"),
    ]
    .into_iter()
    .filter_map(|(so, concern)| so.then_some(concern))
    .collect()
}

fn open_to_others(path: &Path, mode: u32) -> KeyFileError {
    KeyFileError::OpenToOthers {
        path: path.into(),
        mode: mode & 0o777,
    }
}

/// Checks that a file or directory is owned by the user that we run as.
pub(super) fn check_owner(path: &Path, owner: u32) -> Result<(), KeyFileError> {
    let us = rustix::process::geteuid().as_raw();
    if owner == us {
        return Ok(());
    }
    Err(KeyFileError::WrongOwner {
        path: path.into(),
        owner,
        us,
    })
}

/// Opens first and asks afterwards, so that what is checked is what is read.
fn open(path: &Path, flags: OFlags) -> Result<File, KeyFileError> {
    // NONBLOCK: a named pipe would make us wait for its writer.
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => Ok(File::from(descriptor)),
        Err(rustix::io::Errno::NOENT) => Err(KeyFileError::Missing { path: path.into() }),
        Err(rustix::io::Errno::LOOP) => Err(KeyFileError::Link { path: path.into() }),
        Err(error) => Err(KeyFileError::io("open", path)(error.into())),
    }
}

fn stat(file: &File, path: &Path) -> Result<fs::Metadata, KeyFileError> {
    let found = file.metadata().map_err(KeyFileError::io("look at", path))?;
    if found.is_file() {
        Ok(found)
    } else {
        Err(KeyFileError::contents(path, "a regular file"))
    }
}

fn read(file: File, path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut contents = Zeroizing::new(Vec::with_capacity(MAX_LEN + 64));
    file.take(MAX_LEN as u64 + 1)
        .read_to_end(&mut contents)
        .map_err(KeyFileError::io("read", path))?;
    if contents.len() > MAX_LEN {
        return Err(KeyFileError::contents(path, "of at most 16 KiB"));
    }
    Ok(contents)
}

/// Writes `directory/name` with mode 0600; fails when it exists.
///
/// The contents go to a file of another name first, which gets its own name only when it is whole
/// and on the disk: a crash leaves no half of a key behind.
pub(super) fn add_private(
    directory: &Path,
    name: &str,
    contents: &[u8],
) -> Result<(), KeyFileError> {
    let path = directory.join(name);
    let unfinished = directory.join(format!(".{name}.{:x}", crate::random::id_bits()));
    let added = write_new(&unfinished, contents)
        .map_err(KeyFileError::io("write", &unfinished))
        .and_then(|()| link(&unfinished, &path));
    // A leftover would be private and without effect, so a failure to remove it is no reason to fail.
    drop(fs::remove_file(&unfinished));
    added?;
    sync_directory(directory)
}

/// Removes `directory/name`; `false` when there is none.
pub(super) fn remove(directory: &Path, name: &str) -> Result<bool, KeyFileError> {
    let path = directory.join(name);
    match fs::remove_file(&path) {
        Ok(()) => sync_directory(directory).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(KeyFileError::io("remove", &path)(error)),
    }
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// Gives a file its name; unlike a rename, a link does not replace what has that name.
fn link(from: &Path, to: &Path) -> Result<(), KeyFileError> {
    fs::hard_link(from, to).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => KeyFileError::Exists { path: to.into() },
        _ => KeyFileError::io("make", to)(error),
    })
}

/// Waits until the names in a directory are on the disk.
fn sync_directory(path: &Path) -> Result<(), KeyFileError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(KeyFileError::io("sync", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Security case 155.
    #[test]
    fn what_belongs_to_somebody_else_is_refused() {
        let us = rustix::process::geteuid().as_raw();
        assert!(check_owner(Path::new("pepper"), us).is_ok());
        let error = check_owner(Path::new("pepper"), us + 1).unwrap_err();
        let sentence = error.to_string();
        assert!(
            sentence.contains(&format!("chown {us} pepper")),
            "{sentence}"
        );
    }

    // Security case 155.
    #[test]
    fn files_of_a_secret_store_raise_concerns() {
        let path = Path::new("no link");
        let us = rustix::process::geteuid().as_raw();
        assert!(concerns(path, 0o100_600, us).is_empty());
        assert!(concerns(path, 0o100_400, 0).is_empty());
        assert_eq!(concerns(path, 0o100_640, us), ["its group can open"]);
        assert_eq!(
            concerns(path, 0o100_600, us + 1),
            ["belongs to another user"]
        );
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("link");
        std::os::unix::fs::symlink("/", &link).unwrap();
        assert_eq!(concerns(&link, 0o100_600, us), ["is a symbolic link"]);
    }
}

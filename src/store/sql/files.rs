//! The files of the embedded store: nobody else's to read, and one process's to write.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

/// The file that is locked, in the data directory.
const LOCK_FILE: &str = "ostler.lock";

/// Why the files cannot be used. Each message is a sentence for the person who starts the server.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Another process has the directory.
    #[error("{} is in use by another ostler process", .0.display())]
    Locked(PathBuf),
    /// There is no database, and none was to be made.
    #[error("there is no database at {}: run `ostler init` first", .0.display())]
    Missing(PathBuf),
    /// Somebody else may read or write what must be private.
    #[error("{} is open to other users (mode {mode:03o}): run `chmod {fix} {}`", .path.display(), .path.display())]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// What they may be instead.
        fix: &'static str,
    },
    /// The system says no.
    #[error("cannot use {}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Holds a directory for this process. The lock goes with the process, however it ends.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Takes the lock of a directory, which is made (0700) when it is missing; refuses at once when
    /// another process has it.
    pub fn acquire(directory: &Path) -> Result<Self, FileError> {
        make_directory(directory)?;
        let path = directory.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(&path).map_err(io_error(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(FileError::Locked(directory.to_owned())),
            Err(TryLockError::Error(source)) => Err(io_error(&path)(source)),
        }
    }
}

/// Makes sure that the database file is there and private before SQLite opens it: SQLite would
/// create it readable by everybody, and gives its WAL the same permissions. Returns its full path.
pub(super) fn prepare_database(file: &Path, create: bool) -> Result<PathBuf, FileError> {
    if !file.exists() {
        if !create {
            return Err(FileError::Missing(file.to_owned()));
        }
        create_private(file)?;
    }
    check_private(file)?;
    for suffix in ["-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        let beside = PathBuf::from(name);
        if beside.exists() {
            check_private(&beside)?;
        }
    }
    fs::canonicalize(file).map_err(io_error(file))
}

/// The directory of a file; the working directory when it names none.
pub(super) fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn make_directory(directory: &Path) -> Result<(), FileError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(directory).map_err(io_error(directory))?;
    // A directory that was there before may be listed by others, but not changed by them.
    check_mode(directory, 0o022, "go-w")
}

fn create_private(file: &Path) -> Result<(), FileError> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true).mode(0o600);
    let created = options.open(file).map_err(io_error(file))?;
    created.sync_all().map_err(io_error(file))?;
    let directory = directory_of(file);
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(io_error(directory))
}

fn check_private(file: &Path) -> Result<(), FileError> {
    check_mode(file, 0o077, "600")
}

fn check_mode(path: &Path, forbidden: u32, fix: &'static str) -> Result<(), FileError> {
    let metadata = fs::metadata(path).map_err(io_error(path))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(FileError::Open {
        path: path.to_owned(),
        mode,
        fix,
    })
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io { path, source }
}

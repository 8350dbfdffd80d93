//! What lies on the disk of a server's own machine: nobody else can read it, and what somebody else
//! could have read or exchanged is not used.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use super::Person;
use super::Ran;
use super::dev::RunningDemo;
use super::server::Serving;

/// Everything below a directory, with its mode. What a running server takes away again while this
/// looks (a journal of its database), and a socket that has not got its name yet, is left out.
fn modes(below: &Path) -> BTreeMap<PathBuf, u32> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(below).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(failed) if failed.kind() == ErrorKind::NotFound => continue,
            Err(failed) => panic!("{}: {failed}", path.display()),
        };
        if metadata.file_type().is_socket() && entry.file_name().as_bytes().starts_with(b".") {
            continue;
        }
        if metadata.is_dir() {
            found.extend(modes(&path));
        }
        found.insert(path, metadata.permissions().mode());
    }
    found
}

/// Shows that nobody else can read or enter anything below; tells how many files there are.
#[track_caller]
fn is_private(below: &Path) -> usize {
    let modes = modes(below);
    for (path, mode) in &modes {
        let right = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode & 0o7777, right, "{}: {mode:o}", path.display());
    }
    modes.len()
}

/// Runs to its end what could make files of any mode.
async fn run_without_umask(operator: &Person, words: &[&str]) -> Ran {
    let child = operator.command_after("umask 000", words).spawn().unwrap();
    let waiting = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    Ran::from(waiting.await.unwrap())
}

// Security case 154: by what is asked for, and not by a umask that happens to be a good one.
#[tokio::test]
async fn every_file_is_private_where_nothing_else_makes_it_so() {
    let (operator, _) = Person::operator();
    let secret = "administrator.env";
    let made = run_without_umask(&operator, &["init", "--secret-out", secret]).await;
    assert_eq!(made.code, Some(0), "{made}");
    // Three signing keys, three keys of its own, the database, and the administrator's secret.
    assert!(is_private(operator.home()) >= 8);

    let serve = operator.command_after("umask 000", &["serve"]).spawn();
    let serving = Serving::of(serve.unwrap());
    assert!(
        is_private(operator.home()) >= 10,
        "and what is there while it runs"
    );
    serving.stop();
    is_private(operator.home());
}

// Security case 154: what `dev` makes as well, its profile and its secrets.
#[tokio::test]
async fn every_file_of_a_demo_is_private_too() {
    let (operator, _) = Person::operator();
    let dev = operator.command_after("umask 000", &["dev"]).spawn();
    let demo = RunningDemo::of(dev.unwrap());
    let data = operator.home().join(".ostler-dev");
    assert!(is_private(&data) >= 8);
    assert!(data.join("dev-secrets.env").exists());
    demo.stop();
    is_private(&data);
}

/// What somebody has done to a file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Mode(u32),
    Link,
    Missing,
}

impl Harm {
    const ALL: [Self; 4] = [
        Self::Mode(0o640),
        Self::Mode(0o604),
        Self::Link,
        Self::Missing,
    ];

    fn is_done(self, file: &Path, aside: &Path) {
        match self {
            Self::Mode(mode) => set_mode(file, mode),
            Self::Link => {
                fs::rename(file, aside).unwrap();
                symlink(aside, file).unwrap();
            }
            Self::Missing => fs::rename(file, aside).unwrap(),
        }
    }

    fn is_undone(self, file: &Path, aside: &Path) {
        match self {
            Self::Mode(_) => set_mode(file, 0o600),
            Self::Link => {
                fs::remove_file(file).unwrap();
                fs::rename(aside, file).unwrap();
            }
            Self::Missing => fs::rename(aside, file).unwrap(),
        }
    }

    /// What the sentence names besides the file.
    fn remedy(self, file: &Path) -> String {
        match self {
            Self::Mode(_) => format!("run `chmod 600 {}`", file.display()),
            Self::Link => "put the file itself there".to_owned(),
            Self::Missing => "from the backup that belongs to this database".to_owned(),
        }
    }
}

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

// Security cases 89 and 155: no default secret, and none that somebody else may know.
#[tokio::test]
async fn no_server_starts_with_a_key_that_is_gone_or_open_to_others() {
    let (operator, _) = Person::operator();
    operator.run("init -o json").await.data();
    let keys = operator.home().join("keys");
    let files: Vec<_> = fs::read_dir(&keys)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_none_or(|kind| kind != "md"))
        .collect();
    assert_eq!(files.len(), 6, "{files:?}");
    let aside = operator.home().join("aside");
    for file in &files {
        for harm in Harm::ALL {
            harm.is_done(file, &aside);
            let before = modes(&keys);
            let ran = operator.run("serve").await;
            let case = format!("{harm:?} {}: {ran}", file.display());
            assert_eq!(ran.code, Some(1), "{case}");
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(ran.stderr.contains(name), "{case}");
            let remedy = harm.remedy(&Path::new("keys").join(name));
            assert!(ran.stderr.contains(&remedy), "{case}");
            assert_eq!(modes(&keys), before, "nothing is made: {case}");
            harm.is_undone(file, &aside);
        }
    }
    // With everything in its place it does start.
    Serving::of(operator.start(&["serve"])).stop();
}

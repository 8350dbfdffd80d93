//! Python and Node with other people's libraries, installed once, under `target/`.
//!
//! The libraries are those that `tests/interop/` and `tests/openapi/` pin. A test that needs them and
//! does not get them fails: it never skips.

use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

/// Something that runs programs.
#[derive(Clone, Copy, Debug)]
pub enum Interpreter {
    /// Python 3.
    Python,
    /// Python 3 with what checks our OpenAPI document, and the server against it.
    Checkers,
    /// Node, from 18 on.
    Node,
}

impl Interpreter {
    /// Runs a program with these variables and this standard input: its standard output, or what it
    /// said when it failed.
    pub async fn run(
        self,
        program: &str,
        variables: &[(&str, &str)],
        input: &str,
    ) -> Result<String, String> {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (program, input) = (program.to_owned(), input.to_owned());
        // The server that it talks to lives on this thread.
        let run = tokio::task::spawn_blocking(move || {
            let mut command = self.ready().command();
            command.args(match self {
                Self::Python | Self::Checkers => &["-c"][..],
                Self::Node => &["--input-type=module", "-e"][..],
            });
            command
                .arg(program)
                .envs(variables)
                .env("NO_PROXY", "127.0.0.1");
            outcome(command, &input)
        });
        run.await.expect("it runs")
    }

    /// Runs a program of the folder with these variables: nothing, or what it said when it failed.
    pub async fn run_file(
        self,
        program: &str,
        variables: &[(&str, &str)],
    ) -> Result<String, String> {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let program = program.to_owned();
        let run = tokio::task::spawn_blocking(move || {
            let mut command = self.command_of(&program);
            command.envs(variables).env("NO_PROXY", "127.0.0.1");
            outcome(command, "")
        });
        run.await.expect("it runs")
    }

    /// The command that runs a program of `tests/interop/`. Blocks while libraries are installed.
    pub fn command_of(self, program: &str) -> Command {
        let ready = self.ready();
        let mut command = ready.command();
        command.arg(match self {
            Self::Python | Self::Checkers => self.sources().join(format!("{program}.py")),
            // Node looks for libraries beside the program.
            Self::Node => ready.directory.join(format!("{program}.mjs")),
        });
        command
    }

    /// The programs, and which libraries they use.
    fn sources(self) -> PathBuf {
        match self {
            Self::Python => interop("python"),
            Self::Checkers => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi"),
            Self::Node => interop("javascript"),
        }
    }

    /// Where it is, with its libraries; they are installed the first time.
    fn ready(self) -> Ready {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(match self {
            Self::Python => "python",
            Self::Checkers => "openapi",
            Self::Node => "node",
        });
        fs::create_dir_all(&directory).unwrap();
        // Tests run side by side, and so may test runs.
        let lock = File::create(directory.join("lock")).unwrap();
        lock.lock().unwrap();
        let wanted = fs::read_to_string(self.sources().join(match self {
            Self::Python | Self::Checkers => "requirements.txt",
            Self::Node => "package-lock.json",
        }))
        .unwrap();
        if let Self::Node = self {
            copy_changed(&self.sources(), &directory);
        }
        let installed = directory.join("installed");
        if fs::read_to_string(&installed).unwrap_or_default() != wanted {
            self.install(&directory);
            fs::write(installed, wanted).unwrap();
        }
        Ready {
            interpreter: self,
            directory,
        }
    }

    fn install(self, directory: &Path) {
        match self {
            Self::Python | Self::Checkers => {
                let venv = directory.join("venv");
                let options = ["-m", "venv", "--clear"].map(OsStr::new);
                must("python3", options.into_iter().chain([venv.as_os_str()]));
                let options = ["-q", "install", "--disable-pip-version-check", "-r"];
                let list = self.sources().join("requirements.txt");
                let options = options.map(OsStr::new).into_iter();
                must(venv.join("bin/pip"), options.chain([list.as_os_str()]));
            }
            Self::Node => {
                let options = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
                let options = options.map(OsStr::new).into_iter();
                must(
                    "npm",
                    options.chain(["--prefix".as_ref(), directory.as_os_str()]),
                );
            }
        }
    }
}

/// A folder of `tests/interop/`.
pub fn interop(folder: &str) -> PathBuf {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    all.join(folder)
}

/// An interpreter with its libraries.
struct Ready {
    interpreter: Interpreter,
    directory: PathBuf,
}

impl Ready {
    fn command(&self) -> Command {
        let mut command = match self.interpreter {
            Interpreter::Python | Interpreter::Checkers => {
                Command::new(self.directory.join("venv/bin/python"))
            }
            Interpreter::Node => Command::new("node"),
        };
        if let Interpreter::Node = self.interpreter {
            command
                .arg("--require")
                .arg(self.directory.join("webcrypto.cjs"));
        }
        command
            .current_dir(&self.directory)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// Copies the files of a folder, and leaves alone those that another run may be reading.
fn copy_changed(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (new, to) = (fs::read(entry.path()).unwrap(), to.join(entry.file_name()));
        if fs::read(&to).ok().as_ref() != Some(&new) {
            fs::write(to, new).unwrap();
        }
    }
}

/// Runs a command of an installation, which has to succeed.
pub fn must(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) {
    let mut command = Command::new(program);
    command.args(arguments);
    let line = format!("{command:?}");
    if let Err(said) = outcome(command, "") {
        panic!("{line} failed: this test needs it, and the network once; run ./test\n{said}");
    }
}

fn outcome(mut command: Command, input: &str) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    // A program that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

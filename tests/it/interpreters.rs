//! Python and Node with libraries that resource servers use: pinned, and installed once, under
//! `target/`.
//!
//! A test that needs them and does not get them fails: it never skips.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

/// What the snippets of the README import, and a validator of metadata.
const PYTHON_PACKAGES: [&str; 2] = ["PyJWT[crypto]==2.10.1", "Authlib==1.6.5"];

/// The latest that runs on every Node from 18 on.
const NODE_PACKAGES: [&str; 1] = ["jose@5.10.0"];

/// Something that runs programs.
#[derive(Clone, Copy, Debug)]
pub enum Interpreter {
    /// Python 3, with `PyJWT` and `Authlib`.
    Python,
    /// Node, with jose.
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
            let mut command = self.ready().command(&program);
            command.envs(variables).env("NO_PROXY", "127.0.0.1");
            outcome(command, &input)
        });
        run.await.expect("it runs")
    }

    /// Where it is, with its libraries; they are installed the first time.
    fn ready(self) -> Ready {
        let (name, packages) = match self {
            Self::Python => ("python", &PYTHON_PACKAGES[..]),
            Self::Node => ("node", &NODE_PACKAGES[..]),
        };
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&directory).unwrap();
        // Tests run side by side, and so may test runs.
        let lock = File::create(directory.join("lock")).unwrap();
        lock.lock().unwrap();
        let installed = directory.join("installed");
        let wanted = packages.join(" ");
        if std::fs::read_to_string(&installed).unwrap_or_default() != wanted {
            self.install(&directory, packages);
            std::fs::write(installed, wanted).unwrap();
        }
        Ready {
            interpreter: self,
            directory,
        }
    }

    fn install(self, directory: &Path, packages: &[&str]) {
        match self {
            Self::Python => {
                let venv = directory.join("venv");
                must(
                    "python3",
                    ["-m".as_ref(), "venv".as_ref(), venv.as_os_str()],
                );
                let options = ["-q", "install", "--disable-pip-version-check"];
                must(venv.join("bin/pip"), options.iter().chain(packages));
            }
            Self::Node => {
                std::fs::write(directory.join("package.json"), "{\"private\": true}\n").unwrap();
                let prefix = directory.to_str().expect("a path of text");
                let options = ["install", "--no-audit", "--no-fund", "--prefix", prefix];
                must("npm", options.iter().chain(packages));
            }
        }
    }
}

/// An interpreter with its libraries.
struct Ready {
    interpreter: Interpreter,
    directory: PathBuf,
}

impl Ready {
    fn command(&self, program: &str) -> Command {
        let (path, options) = match self.interpreter {
            Interpreter::Python => (self.directory.join("venv/bin/python"), &["-c"][..]),
            Interpreter::Node => ("node".into(), &["--input-type=module", "-e"][..]),
        };
        let mut command = Command::new(path);
        // Node looks for its modules here.
        command
            .args(options)
            .arg(program)
            .current_dir(&self.directory);
        command
    }
}

/// Runs a command of an installation, which has to succeed.
fn must(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) {
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

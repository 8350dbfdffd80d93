//! Where a client secret comes from: standard input, a file, a variable, a profile, or a question.
//! Never the command line, which every process of the machine can read, and the shell remembers.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use rustix::termios;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::Termios;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::failure::Exit;
use super::failure::Failure;
use super::files;
use super::input;
use super::terminal;

/// Where a secret is.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// Known already.
    Value(SecretString),
    /// In a file, which may be a link, a pipe or readable by a group.
    File(PathBuf),
    /// On standard input.
    Stdin,
    /// In somebody's head.
    Prompt,
}

impl SecretSource {
    /// What `--client-secret-file` or `OSTLER_CLIENT_SECRET_FILE` names.
    pub fn file(path: PathBuf) -> Self {
        if path.as_os_str() == "-" {
            Self::Stdin
        } else {
            Self::File(path)
        }
    }

    /// Fetches the secret of `client_id`: one line.
    pub async fn read(self, client_id: &str) -> Result<SecretString, Failure> {
        let (text, from) = match self {
            Self::Value(secret) => return Ok(secret),
            Self::File(path) => {
                warn_if_open(&path);
                (
                    input::file_or_stdin(&path).await?,
                    path.display().to_string(),
                )
            }
            Self::Stdin => (input::stdin().await?, "standard input".to_owned()),
            Self::Prompt => (ask(client_id).await?, "the answer".to_owned()),
        };
        let line = text.trim_end_matches(['\n', '\r']);
        if line.is_empty() {
            return Err(Failure::usage(format!(
                "{from} is empty: it should hold the client secret"
            )));
        }
        if line.contains(['\n', '\r']) {
            return Err(Failure::usage(format!(
                "{from} has several lines: it should hold the client secret and nothing else"
            )));
        }
        Ok(SecretString::from(line))
    }
}

/// Secret stores hand out links and files of a group's, so that is no mistake.
fn warn_if_open(path: &Path) {
    let mode = files::open(path)
        .ok()
        .and_then(|file| files::mode_open_to_others(&file));
    if let Some(mode) = mode {
        let path = path.display();
        terminal::note(&format!(
            "warning: {path} can be read by others (its mode is {mode:04o})"
        ));
    }
}

/// Asks a person, without showing what they type.
async fn ask(client_id: &str) -> Result<Zeroizing<String>, Failure> {
    if !terminal::can_ask() {
        let what = format!("there is no secret for the client {client_id}");
        return Err(Failure::new(Exit::NotAllowed, what).fix(
            "set OSTLER_CLIENT_SECRET or OSTLER_CLIENT_SECRET_FILE, or give \
             --client-secret-file FILE (- reads standard input)",
        ));
    }
    // Before the question, so that nothing of a quick answer is shown. Dropped with this future too,
    // when Ctrl-C ends it.
    let _hidden = HiddenInput::begin();
    terminal::question(&format!("Client secret of {client_id}: "));
    input::line().await
}

/// While it lives, the terminal does not show what is typed.
struct HiddenInput(Option<Termios>);

impl HiddenInput {
    fn begin() -> Self {
        let before = termios::tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut hidden = before.clone();
            hidden.local_modes -= LocalModes::ECHO;
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Flush, &hidden);
        }
        Self(before)
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Flush, before);
            terminal::note("");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::*;

    async fn of_file(text: &str) -> Result<String, Failure> {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, text).unwrap();
        let secret = SecretSource::file(path).read("sac_1").await?;
        Ok(secret.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_file_holds_one_line() {
        for text in ["ostler_cs_x", "ostler_cs_x\n", "ostler_cs_x\r\n"] {
            assert_eq!(of_file(text).await.unwrap(), "ostler_cs_x");
        }
        for text in [
            "",
            "\n",
            "ostler_cs_x\nostler_cs_y\n",
            "ostler_cs_x\r\r\n\nz",
        ] {
            let failure = of_file(text).await.unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(!failure.to_string().contains("ostler_cs_"), "{failure}");
        }
    }

    #[test]
    fn a_dash_is_standard_input() {
        assert!(matches!(
            SecretSource::file("-".into()),
            SecretSource::Stdin
        ));
    }
}

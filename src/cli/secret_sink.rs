//! Where a new secret goes. It is handed over once, and never to a log by accident: without a
//! terminal the caller has to say where it should go, before anything is made.

use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;
use serde_json::Value;
use serde_json::json;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::files::NewFile;
use super::output::Document;
use super::output::Format;
use super::output::Output;
use super::output::View;
use super::terminal;

/// The flags of every command that makes a secret.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "The new secret")]
pub struct SecretArgs {
    /// Write it to this new file (0600), and show it nowhere
    #[arg(long, value_name = "FILE")]
    secret_out: Option<PathBuf>,
    /// The form of that file: env (OSTLER_URL, OSTLER_CLIENT_ID, OSTLER_CLIENT_SECRET; of an API
    /// token OSTLER_URL, OSTLER_API_TOKEN) or json
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "env",
        requires = "secret_out",
        hide_possible_values = true
    )]
    secret_format: SecretFormat,
}

impl SecretArgs {
    /// Whether the secret is to go into a file.
    pub fn names_a_file(&self) -> bool {
        self.secret_out.is_some()
    }
}

/// The form of a file with a secret.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum SecretFormat {
    /// `OSTLER_URL`, `OSTLER_CLIENT_ID` and `OSTLER_CLIENT_SECRET`, as a shell or Docker reads them
    #[default]
    Env,
    /// `issuer`, `client_id` and `client_secret` (`token` of an API token) as a JSON object
    Json,
}

/// A place that waits for a secret.
#[derive(Debug)]
pub struct SecretSink {
    file: Option<(NewFile, SecretFormat)>,
    output: Output,
}

impl SecretArgs {
    /// Makes the place ready. It fails before a secret is made that nobody would see.
    pub fn sink(&self, output: Output) -> Result<SecretSink, Failure> {
        let file = match &self.secret_out {
            Some(path) => Some((NewFile::create(path)?, self.secret_format)),
            None => None,
        };
        match output.format {
            _ if file.is_some() => {}
            Some(Format::Id) => {
                return Err(Failure::usage("with -o id the new secret would be lost")
                    .fix("add --secret-out FILE, or use -o json"));
            }
            None if !output.is_terminal => {
                return Err(Failure::usage(
                    "the new secret would go to a pipe, and perhaps to a log",
                )
                .fix("say where it goes: --secret-out FILE, or -o json"));
            }
            _ => {}
        }
        Ok(SecretSink { file, output })
    }
}

impl SecretSink {
    /// A place where no secret will come.
    pub fn idle(output: Output) -> Self {
        Self { file: None, output }
    }

    /// Hands over the secret of the credential at `pointer` in the answer, and shows the answer.
    pub fn hand_over(
        self,
        issuer: &str,
        mut answer: Document,
        pointer: &str,
        view: &View,
    ) -> Result<(), Failure> {
        let Some((file, format)) = self.file else {
            self.output.show_once(&answer, view).map_err(lost)?;
            if self.output.is_terminal {
                terminal::note(
                    "This secret is shown once, and cannot be shown again: store it now.",
                );
            }
            return Ok(());
        };
        let mut nothing = Value::Null;
        let credential = answer.value.pointer_mut(pointer).unwrap_or(&mut nothing);
        let text = in_form(format, issuer, credential)?;
        let name = file.path().display().to_string();
        file.finish(&text).map_err(lost)?;
        let hint = hint(credential);
        let member = member_of(credential);
        credential[member] = Value::Null;
        self.output.show(&Document::from(answer.value), view)?;
        terminal::note(&format!(
            "✓ new secret{hint} written to {name} (0600, shown nowhere else)"
        ));
        Ok(())
    }
}

/// A secret was made, and nobody has it.
fn lost(failure: Failure) -> Failure {
    failure.fix(
        "the secret is lost: make another with `ostler credential rotate`, or another API token",
    )
}

/// The contents of a file with the secret of this credential.
pub fn in_form(
    format: SecretFormat,
    issuer: &str,
    credential: &Value,
) -> Result<Zeroizing<String>, Failure> {
    let member = member_of(credential);
    let (Some(id), Some(secret)) = (
        credential["client_id"].as_str(),
        credential[member].as_str(),
    ) else {
        return Err(Failure::failed(
            "the server answered without the secret: it was made and shown before",
        )
        .fix("make another with `ostler credential rotate`, or another API token"));
    };
    Ok(Zeroizing::new(match format {
        SecretFormat::Env if member == API_TOKEN => {
            format!("OSTLER_URL={issuer}\nOSTLER_API_TOKEN={secret}\n")
        }
        SecretFormat::Env => {
            format!("OSTLER_URL={issuer}\nOSTLER_CLIENT_ID={id}\nOSTLER_CLIENT_SECRET={secret}\n")
        }
        SecretFormat::Json => {
            let object = json!({"issuer": issuer, "client_id": id, member: secret});
            format!("{object}\n")
        }
    }))
}

/// The member that an API token is in.
const API_TOKEN: &str = "token";

/// The member that the secret is in.
fn member_of(credential: &Value) -> &'static str {
    match credential.get(API_TOKEN) {
        Some(_) => API_TOKEN,
        None => "client_secret",
    }
}

/// The last characters of the secret, by which people tell secrets apart.
fn hint(credential: &Value) -> String {
    let newest = credential["secrets"].as_array().and_then(|secrets| {
        let mut live = secrets.iter().filter(|secret| secret["status"] == "active");
        live.next_back()?["hint"].as_str()
    });
    let newest = newest.or(credential["hint"].as_str());
    newest.map_or_else(String::new, |hint| {
        format!(" …{}", terminal::printable(hint))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const PIPE: Output = Output {
        format: None,
        is_terminal: false,
    };
    const VIEW: View = View {
        columns: &[],
        id: "id",
    };

    fn to(path: PathBuf, secret_format: SecretFormat) -> SecretArgs {
        SecretArgs {
            secret_out: Some(path),
            secret_format,
        }
    }

    fn answer() -> Document {
        Document::from(
            json!({"id": "cred_1", "client_id": "sac_1", "client_secret": "ostler_cs_1",
            "secrets": [{"hint": "9aQ2", "status": "overlap"}, {"hint": "Xk3f", "status": "active"}]}),
        )
    }

    #[test]
    fn a_secret_does_not_go_to_a_pipe_by_accident() {
        let nowhere = SecretArgs::default();
        assert!(nowhere.sink(PIPE).is_err());
        for (format, is_terminal, fine) in [
            (Some(Format::Json), false, true),
            (Some(Format::Csv), false, true),
            (Some(Format::Id), true, false),
            (None, true, true),
        ] {
            let output = Output {
                format,
                is_terminal,
            };
            assert_eq!(nowhere.sink(output).is_ok(), fine, "{format:?}");
        }
    }

    #[test]
    fn a_file_takes_the_secret() {
        let directory = TempDir::new().unwrap();
        for (format, text) in [
            (
                SecretFormat::Env,
                "OSTLER_URL=https://a.example\nOSTLER_CLIENT_ID=sac_1\n\
                 OSTLER_CLIENT_SECRET=ostler_cs_1\n",
            ),
            (
                SecretFormat::Json,
                "{\"issuer\":\"https://a.example\",\"client_id\":\"sac_1\",\
                 \"client_secret\":\"ostler_cs_1\"}\n",
            ),
        ] {
            let path = directory.path().join(format!("{format:?}"));
            let sink = to(path.clone(), format).sink(PIPE).unwrap();
            sink.hand_over("https://a.example", answer(), "", &VIEW)
                .unwrap();
            assert_eq!(fs::read_to_string(path).unwrap(), text);
        }
        assert_eq!(hint(&answer().value), " …Xk3f");
    }

    #[test]
    fn an_api_token_is_a_secret_too() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("token.env");
        let made = json!({"client_id": "sac_1", "hint": "Xk3f", "token": "ostler_at_1"});
        let sink = to(path.clone(), SecretFormat::Env).sink(PIPE).unwrap();
        assert_eq!(hint(&made), " …Xk3f");
        sink.hand_over("https://a.example", made.into(), "", &VIEW)
            .unwrap();
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            "OSTLER_URL=https://a.example\nOSTLER_API_TOKEN=ostler_at_1\n"
        );
    }

    #[test]
    fn a_command_that_fails_leaves_no_file() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("secret.env");
        let sink = to(path.clone(), SecretFormat::Env).sink(PIPE).unwrap();
        let without = Document::from(json!({"client_id": "sac_1", "client_secret": null}));
        assert!(
            sink.hand_over("https://a.example", without, "", &VIEW)
                .is_err()
        );
        assert!(!path.exists());
    }
}

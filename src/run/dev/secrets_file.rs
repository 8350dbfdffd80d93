//! `dev-secrets.env`: the secrets of a demo, in the form that a shell can source, 0600.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::domain::id::ClientId;
use crate::domain::secret::Secret;

use super::super::RunError;

/// The file's name in the data directory.
pub const NAME: &str = "dev-secrets.env";

const HEADER: &str = "\
# The secrets of this demo, kept by `ostler dev` so that it prints working lines each time.
# They never expire. Do not use this file, or this data, for anything but trying Ostler.
";

/// A client id and its secret.
#[derive(Clone, Debug)]
pub struct HeldCredential {
    /// `client_id`.
    pub client_id: String,
    /// Its secret.
    pub secret: SecretString,
}

impl HeldCredential {
    /// A credential that was just made.
    pub fn of(client_id: ClientId, secret: &Secret) -> Self {
        Self {
            client_id: client_id.to_string(),
            secret: secret.expose().into(),
        }
    }
}

/// What the file holds.
#[derive(Clone, Debug)]
pub struct DevSecrets {
    /// The first administrator.
    pub administrator: HeldCredential,
    /// The demo's account; `None` until it is made.
    pub demo: Option<HeldCredential>,
}

/// Reads the file.
pub fn read(path: &Path) -> Result<DevSecrets, RunError> {
    let text = fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => RunError::Demo(format!(
            "{} is missing, so this data was not made by `ostler dev`; use `ostler serve`, or \
             another --data directory",
            path.display()
        )),
        _ => file_error(path)(source),
    })?;
    let credential = |who: &str| {
        let value = |what: &str| {
            let name = format!("{who}_{what}=");
            text.lines().find_map(|line| line.strip_prefix(&name))
        };
        Some(HeldCredential {
            client_id: value("CLIENT_ID")?.to_owned(),
            secret: value("CLIENT_SECRET")?.into(),
        })
    };
    let administrator = credential("ADMINISTRATOR").ok_or_else(|| {
        RunError::Demo(format!(
            "{} does not name the administrator's credential",
            path.display()
        ))
    })?;
    Ok(DevSecrets {
        administrator,
        demo: credential("DEMO"),
    })
}

/// Writes the file anew: whole, or not at all.
pub fn write(path: &Path, secrets: &DevSecrets) -> Result<(), RunError> {
    let mut text = HEADER.to_owned();
    let named = [
        ("ADMINISTRATOR", Some(&secrets.administrator)),
        ("DEMO", secrets.demo.as_ref()),
    ];
    for (who, credential) in named {
        if let Some(held) = credential {
            let (id, secret) = (&held.client_id, held.secret.expose_secret());
            let _ = write!(text, "{who}_CLIENT_ID={id}\n{who}_CLIENT_SECRET={secret}\n");
        }
    }
    replace_private(path, &text).map_err(file_error(path))
}

fn replace_private(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("env.new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    // The database will say that somebody holds these: they have to outlive a loss of power too.
    match path.parent() {
        Some(directory) => fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> RunError {
    let path = path.display().to_string();
    move |source| RunError::File { path, source }
}

//! Profiles: named servers with the identity to use there.
//!
//! ```toml
//! [profiles.default]
//! url = "https://auth.example.com"
//! client_id = "sac_01j9..."
//! client_secret_file = "ci.secret"   # or client_secret; relative to this file
//! organization = "default"
//! ```
//!
//! They are in `$XDG_CONFIG_HOME/ostler/config.toml`, or in any file that `--profile` or
//! `OSTLER_PROFILE` names with a slash in it; `ostler dev` writes such a file beside its data. It may
//! hold secrets, so it is used only when nobody else can read it.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use zeroize::Zeroizing;

use super::environment::Environment;
use super::failure::Failure;
use super::files;
use super::files::NewFile;

/// The profile that is used when none is named.
pub const DEFAULT: &str = "default";

/// A server and an identity there.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The server, as its issuer is written.
    pub url: Option<String>,
    /// Where its admin API is, when that has a listener of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_url: Option<String>,
    /// The client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The secret itself.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "expose",
        deserialize_with = "conceal"
    )]
    pub client_secret: Option<SecretString>,
    /// A file with the secret; relative to the file of the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// The organization of the commands, `default` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

/// The profile of this name, or in this file when there is a slash in it. Without a name it is the
/// default one, if there is one.
pub fn find(name: Option<&str>, environment: &Environment) -> Result<Option<Profile>, Failure> {
    match name {
        Some(path) if path.contains('/') => read(Path::new(path), DEFAULT).map(Some),
        Some(name) => {
            let path = path(environment)
                .ok_or_else(|| Failure::usage("there is no place for profiles: HOME is not set"))?;
            read(&path, name).map(Some)
        }
        None => match path(environment) {
            Some(path) if path.exists() => Ok(load(&path)?.profiles.remove(DEFAULT)),
            _ => Ok(None),
        },
    }
}

/// Makes the file hold this one profile, in place of what was there; mode 0600. Nothing is written
/// when it does already.
pub fn write(path: &Path, profile: Profile) -> Result<(), Failure> {
    let profiles = BTreeMap::from([(DEFAULT.to_owned(), profile)]);
    let text = toml::to_string(&Document { profiles })
        .map(Zeroizing::new)
        .map_err(|_| Failure::failed("cannot write the profile as TOML"))?;
    if let Ok(file) = files::open(path)
        && files::mode_open_to_others(&file).is_none()
        && files::read_text(file, "").is_ok_and(|present| *present == *text)
    {
        return Ok(());
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(name);
    NewFile::create(&new)?.finish(&text)?;
    std::fs::rename(&new, path)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
}

/// Where the named profiles are.
fn path(environment: &Environment) -> Option<PathBuf> {
    let configured = environment.path("XDG_CONFIG_HOME");
    // A relative one is invalid, says the XDG specification.
    let directory = configured
        .filter(|path| path.is_absolute())
        .or_else(|| Some(environment.path("HOME")?.join(".config")))?;
    Some(directory.join("ostler/config.toml"))
}

fn read(path: &Path, name: &str) -> Result<Profile, Failure> {
    let mut document = load(path)?;
    if let Some(profile) = document.profiles.remove(name) {
        return Ok(profile);
    }
    let known: Vec<String> = document.profiles.into_keys().collect();
    let failure = Failure::usage(format!("{} has no profile `{name}`", path.display()));
    Err(match known.as_slice() {
        [] => failure.fix(format!(
            "write a section [profiles.{name}] with url and client_id"
        )),
        known => failure.fix(format!("it has {}", known.join(", "))),
    })
}

fn load(path: &Path) -> Result<Document, Failure> {
    let file = files::open(path)?;
    if let Some(mode) = files::mode_open_to_others(&file) {
        let path = path.display();
        return Err(Failure::failed(format!(
            "{path} can be read by others (its mode is {mode:04o}), and may hold secrets"
        ))
        .fix(format!("chmod 600 {path}")));
    }
    let text = files::read_text(file, &path.display().to_string())?;
    let mut document: Document =
        toml::from_str(&text).map_err(|error| wrong(path, &text, &error))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    for profile in document.profiles.values_mut() {
        if let Some(secret) = &mut profile.client_secret_file {
            *secret = directory.join(&secret);
        }
    }
    Ok(document)
}

/// What is wrong with the TOML. The error's own text would quote the line, and with it a secret.
fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> Failure {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.get(..at).unwrap_or(text).matches('\n').count();
    Failure::failed(format!(
        "{}:{}: {}",
        path.display(),
        line + 1,
        error.message()
    ))
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn expose<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    let exposed = secret.as_ref().map(ExposeSecret::expose_secret);
    exposed.serialize(serializer)
}

fn conceal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(SecretString::from))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    const TWO: &str = "[profiles.default]\nurl = 'https://a.example'\n\
                       [profiles.stage]\nurl = 'https://b.example'\nclient_id = 'sac_1'\n\
                       client_secret = 'ostler_cs_hidden'\nclient_secret_file = 'ci.secret'\n";

    struct Home(TempDir);

    impl Home {
        fn with(text: &str) -> Self {
            let home = TempDir::new().unwrap();
            let directory = home.path().join("ostler");
            fs::create_dir(&directory).unwrap();
            fs::write(directory.join("config.toml"), text).unwrap();
            let home = Self(home);
            home.mode(0o600);
            home
        }

        fn mode(&self, mode: u32) {
            fs::set_permissions(self.file(), Permissions::from_mode(mode)).unwrap();
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("ostler/config.toml")
        }

        fn find(&self, name: Option<&str>) -> Result<Option<Profile>, Failure> {
            find(
                name,
                &Environment::from_iter([("XDG_CONFIG_HOME", self.0.path())]),
            )
        }
    }

    #[test]
    fn a_profile_is_found_by_name_and_the_default_one_without() {
        let home = Home::with(TWO);
        let default = home.find(None).unwrap().unwrap();
        assert_eq!(default.url.as_deref(), Some("https://a.example"));

        let stage = home.find(Some("stage")).unwrap().unwrap();
        assert_eq!(stage.client_id.as_deref(), Some("sac_1"));
        // The file of the secret is beside that of the profile.
        let secret = stage.client_secret_file.clone().unwrap();
        assert_eq!(secret, home.0.path().join("ostler/ci.secret"));
        assert!(!format!("{stage:?}").contains("hidden"));

        let failure = home.find(Some("prod")).unwrap_err().to_string();
        assert!(failure.contains("it has default, stage"), "{failure}");
    }

    #[test]
    fn without_a_file_there_is_no_default_profile() {
        let home = TempDir::new().unwrap();
        let environment = Environment::from_iter([("HOME", home.path())]);
        assert!(find(None, &environment).unwrap().is_none());
        assert!(find(Some("stage"), &environment).is_err());
        assert!(find(None, &Environment::default()).unwrap().is_none());
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let home = Home::with(TWO);
        for mode in [0o640, 0o604, 0o644] {
            home.mode(mode);
            let failure = home.find(None).unwrap_err().to_string();
            assert!(failure.contains("fix: chmod 600"), "{failure}");
        }
    }

    #[test]
    fn a_mistake_is_named_by_its_line_without_the_text_of_the_line() {
        for (text, line) in [
            (
                "[profiles.default]\nclient_secret = 'ostler_cs_hidden\n",
                "config.toml:2:",
            ),
            (
                "[profiles.default]\n\nsecret = 'ostler_cs_hidden'\n",
                "config.toml:3:",
            ),
            (
                "[profiles.default]\nclient_secret = { a = 'ostler_cs_hidden' }\n",
                "config.toml:2:",
            ),
        ] {
            let failure = Home::with(text).find(None).unwrap_err().to_string();
            assert!(failure.contains(line), "{failure}");
            assert!(!failure.contains("hidden"), "{failure}");
        }
    }

    #[test]
    fn what_is_written_reads_back_and_is_private() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("profile.toml");
        let profile = |url: &str| Profile {
            url: Some(url.to_owned()),
            client_id: Some("sac_1".to_owned()),
            client_secret: Some("ostler_cs_x".into()),
            ..Profile::default()
        };
        write(&path, profile("http://127.0.0.1:1")).unwrap();
        write(&path, profile("http://127.0.0.1:2")).unwrap();

        let name = path.to_str().unwrap();
        let read = find(Some(name), &Environment::default()).unwrap().unwrap();
        assert_eq!(read.url.as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(read.client_secret.unwrap().expose_secret(), "ostler_cs_x");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(&directory).unwrap().count(),
            1,
            "nothing is left over"
        );
    }
}

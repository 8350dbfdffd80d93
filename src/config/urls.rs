//! The URLs of the stores: secrets, since each may carry a password, so no complaint quotes one.

use secrecy::SecretString;
use url::Url;

use super::keys::Key;
use super::problem::Complaint;
use super::sections::DatabaseEngine;
use super::value::Raw;
use super::value::text;

/// The URL of the durable store.
pub(super) fn database_url(
    raw: &Raw,
    _: &Key,
) -> Result<(SecretString, DatabaseEngine), Complaint> {
    let fix = "write sqlite://<file>, or postgres://<user>:<password>@<host>/<database>";
    let text = text(raw, fix)?;
    let engine = match text.split_once(':') {
        Some(("sqlite", rest)) => sqlite(rest).map(|()| DatabaseEngine::Sqlite)?,
        Some(("postgres" | "postgresql", _)) if Url::parse(text).is_ok() => {
            DatabaseEngine::Postgres
        }
        Some(("postgres" | "postgresql", _)) => return Err(Complaint::new("is not a URL", fix)),
        _ => return Err(Complaint::new("is neither sqlite: nor postgres:", fix)),
    };
    Ok((SecretString::from(text), engine))
}

/// A file and no options but how it is opened: the store sets the others, and is not durable
/// without them.
fn sqlite(rest: &str) -> Result<(), Complaint> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (file, options) = rest.split_once('?').unwrap_or((rest, ""));
    if file.is_empty() {
        let fix = "write sqlite:// and the file's path";
        return Err(Complaint::new("names no file", fix));
    }
    if file == ":memory:" || options.split('&').any(|option| option == "mode=memory") {
        let what = "is a database in memory, which would forget every revocation";
        return Err(Complaint::new(what, "name a file"));
    }
    let known = |option: &str| matches!(option, "" | "mode=rw" | "mode=rwc");
    if options.split('&').all(known) {
        Ok(())
    } else {
        let fix = "leave out what follows the `?`";
        Err(Complaint::new(
            "has options that the store sets itself",
            fix,
        ))
    }
}

/// The URL of the live state.
pub(super) fn redis_url(raw: &Raw, _: &Key) -> Result<SecretString, Complaint> {
    let fix = "write redis://<host>:<port>, rediss://<host>:<port> or unix://<socket>";
    let text = text(raw, fix)?;
    let url = Url::parse(text).map_err(|_| Complaint::new("is not a URL", fix))?;
    let whole = match url.scheme() {
        "redis" | "rediss" => url.has_host(),
        "unix" | "redis+unix" => url.path().len() > 1,
        _ => return Err(Complaint::new("is neither redis:, rediss: nor unix:", fix)),
    };
    if whole {
        Ok(SecretString::from(text))
    } else {
        Err(Complaint::new("names no host or socket", fix))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::keys;

    fn database(text: &str) -> Result<(SecretString, DatabaseEngine), Complaint> {
        let key = keys::find("database.url").expect("in the table");
        database_url(&Raw::Word(text.to_owned()), key)
    }

    fn redis(text: &str) -> Result<SecretString, Complaint> {
        let key = keys::find("redis.url").expect("in the table");
        redis_url(&Raw::Word(text.to_owned()), key)
    }

    #[test]
    fn a_database_is_a_file_or_postgresql() {
        for (text, engine) in [
            ("sqlite://data/ostler.db", DatabaseEngine::Sqlite),
            ("sqlite:///var/lib/ostler/ostler.db", DatabaseEngine::Sqlite),
            ("sqlite:ostler.db", DatabaseEngine::Sqlite),
            ("sqlite://ostler.db?mode=rwc", DatabaseEngine::Sqlite),
            ("postgres://u:p@db.example/ostler", DatabaseEngine::Postgres),
            (
                "postgresql:///ostler?host=/run/postgresql",
                DatabaseEngine::Postgres,
            ),
        ] {
            let (url, found) = database(text).expect(text);
            assert_eq!((url.expose_secret(), found), (text, engine));
        }
    }

    #[test]
    fn what_is_no_durable_database_is_refused_without_being_shown() {
        let none = "is neither sqlite: nor postgres:";
        let memory = "is a database in memory, which would forget every revocation";
        for (text, what) in [
            ("", none),
            ("data/ostler.db", none),
            ("mysql://u:hunter2@db/ostler", none),
            ("u:hunter2", none),
            ("sqlite:", "names no file"),
            ("sqlite://", "names no file"),
            ("sqlite://?mode=rwc", "names no file"),
            ("sqlite::memory:", memory),
            ("sqlite://:memory:", memory),
            ("sqlite://x?cache=shared&mode=memory", memory),
            (
                "sqlite://x?immutable=1",
                "has options that the store sets itself",
            ),
            (
                "sqlite://x?mode=ro",
                "has options that the store sets itself",
            ),
            ("postgres://u:hunter2@db:port/x", "is not a URL"),
            (
                "postgres://u:hun\nter2@db/x",
                "has a line end or another control character",
            ),
        ] {
            let complaint = database(text).expect_err(text);
            assert_eq!(complaint.what, what, "{text}");
            assert!(!complaint.fix.contains("hunter2"));
        }
    }

    #[test]
    fn redis_is_reached_by_tcp_tls_or_a_socket() {
        for text in [
            "redis://127.0.0.1:6379",
            "redis://:hunter2@redis:6379/1",
            "rediss://redis.example",
            "unix:///run/redis.sock",
            "redis+unix:///run/redis.sock",
        ] {
            assert_eq!(redis(text).expect(text).expose_secret(), text);
        }
        for (text, what) in [
            ("127.0.0.1:6379", "is not a URL"),
            ("redis", "is not a URL"),
            (
                "http://:hunter2@redis",
                "is neither redis:, rediss: nor unix:",
            ),
            ("redis:6379", "names no host or socket"),
            ("unix:///", "names no host or socket"),
        ] {
            assert_eq!(redis(text).expect_err(text).what, what, "{text}");
        }
    }
}

//! The house rules that the compiler does not know, checked on the text of `src/`.
//!
//! `main -> cli, run -> http -> app -> store, live, jwt, oauth -> domain`: each module imports what
//! its arrow points to and nothing else, each outside library is named in one place, and the rules
//! are synchronous. A citation of an RFC has a link, to the section that it names. A route that asks
//! nobody who they are is in a list that was looked over.

use std::fs;
use std::path::Path;

/// A module of the crate, and the modules that it may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("detached", &[]),
    ("recent", &[]),
    ("shelf", &[]),
    ("shutdown", &[]),
    ("telemetry", &["clock", "shutdown"]),
    ("domain", &[]),
    ("random", &["domain"]),
    ("keys", &["domain", "random"]),
    ("oauth", &["domain"]),
    ("jwt", &["domain", "keys", "recent", "shelf"]),
    ("store", &["clock", "detached", "domain", "shelf"]),
    ("live", &["clock", "domain"]),
    ("config", &["domain"]),
    (
        "app",
        &[
            "clock",
            "config",
            "detached",
            "domain",
            "jwt",
            "keys",
            "live",
            "oauth",
            "random",
            "recent",
            "shutdown",
            "store",
            "telemetry",
        ],
    ),
    (
        "http",
        &[
            "app",
            "clock",
            "config",
            "domain",
            "oauth",
            "shutdown",
            "telemetry",
        ],
    ),
    (
        "run",
        &[
            "app",
            "clock",
            "config",
            "domain",
            "http",
            "oauth",
            "shutdown",
            "telemetry",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "clock",
            "config",
            "domain",
            "http",
            "jwt",
            "keys",
            "oauth",
            "random",
            "run",
            "shutdown",
            "telemetry",
        ],
    ),
];

/// An outside library, and the only place that may name it.
const HOMES: &[(&str, &str)] = &[
    ("axum", "src/http"),
    ("jsonwebtoken", "src/jwt"),
    ("oxide_auth", "src/oauth/grant"),
    ("redis", "src/live/redis"),
    ("reqwest", "src/cli"),
    ("schemars", "src/http/admin"),
    ("sqlx", "src/store"),
];

/// Modules that decide and never wait: facts come in as arguments.
const SYNCHRONOUS: &[&str] = &["domain", "oauth"];

/// Every place where a route is made, and its path as it is written there: security case 92. Whatever is
/// added here is open to everybody, unless it says otherwise: the OAuth endpoints authenticate clients
/// by themselves, management is on a listener of its own, and a route of the admin API is made with the
/// scope that opens it, or in the list that `admin::openapi` holds against the document.
const ROUTES: &[(&str, &str)] = &[
    ("src/http/admin/routes.rs", "path"),
    ("src/http/management.rs", "\"/livez\""),
    ("src/http/management.rs", "\"/metrics\""),
    ("src/http/management.rs", "\"/readyz\""),
    ("src/http/oauth.rs", "&guide"),
    ("src/http/oauth.rs", "&path"),
    ("src/http/oauth.rs", "paths::ATLASSIAN_TOKEN"),
    ("src/http/oauth.rs", "paths::AUTHORIZE"),
    ("src/http/oauth.rs", "paths::GUIDE"),
    ("src/http/oauth.rs", "paths::INTROSPECT"),
    ("src/http/oauth.rs", "paths::JWKS"),
    ("src/http/oauth.rs", "paths::REVOKE"),
    ("src/http/oauth.rs", "paths::TOKEN"),
];

/// Other ways to make routes: everything below `/admin/v1`, and everything again below the issuer's path.
const NESTED: &[(&str, &str)] = &[
    ("src/http/admin/routes.rs", "BASE"),
    ("src/http/oauth.rs", "issuer.path()"),
    ("src/http/server.rs", "path"),
];

#[test]
fn every_route_is_made_where_somebody_has_looked() {
    let sources = sources("src");
    let made = |calls: &[&str]| {
        let mut made: Vec<_> = sources
            .iter()
            .flat_map(|source| routes_made(source, calls))
            .collect();
        made.sort();
        made
    };
    let reviewed = |list: &[(&str, &str)]| {
        let owned = list.iter();
        owned
            .map(|(file, path)| ((*file).to_owned(), (*path).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(made(&[".route("]), reviewed(ROUTES));
    let others = [".nest(", ".nest_service(", ".route_service(", ".fallback("];
    assert_eq!(made(&others), reviewed(NESTED));
}

/// The file and the first argument of each of these calls on a router, without what is only tested.
fn routes_made(source: &Source, calls: &[&str]) -> Vec<(String, String)> {
    if !source.path.starts_with("src/http") {
        return Vec::new();
    }
    let code: Vec<_> = source
        .code()
        .map(|(_, line)| line.trim())
        .take_while(|line| *line != "mod tests {")
        .collect();
    let code = code.concat();
    let found = calls.iter().flat_map(|call| {
        let starts = code.match_indices(call);
        starts.map(|(at, call)| {
            let arguments = &code[at + call.len()..];
            arguments.split(',').next().unwrap_or_default().to_owned()
        })
    });
    // A method of ours of that name takes the HTTP method first.
    let found = found.filter(|path| !path.starts_with("Method::"));
    found.map(|path| (source.path.clone(), path)).collect()
}

#[test]
fn modules_import_only_along_the_arrows() {
    assert_none(sources("src").iter().flat_map(arrow_violations));
}

#[test]
fn each_library_is_named_in_one_place() {
    assert_none(sources("src").iter().flat_map(home_violations));
}

#[test]
fn rules_never_wait() {
    assert_none(sources("src").iter().flat_map(waiting));
}

#[test]
fn a_citation_links_to_the_section_it_names() {
    let sources = [sources("src"), sources("tests")].concat();
    assert_none(sources.iter().flat_map(citation_violations));
}

/// A source file: its path from the root of the repository, and its text.
#[derive(Clone)]
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The module of the crate's root that this file belongs to; `lib.rs` and `main.rs` to none.
    fn module(&self) -> Option<&str> {
        let module = self.path.strip_prefix("src/")?;
        let module = module.split(['/', '.']).next()?;
        (!["lib", "main"].contains(&module)).then_some(module)
    }

    /// How many `super` lead from this file to the root of the crate.
    fn depth(&self) -> usize {
        self.path.matches('/').count()
    }

    /// Lines of code with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().zip(1..);
        lines.map(|(line, number)| (number, line.split("//").next().unwrap_or(line)))
    }

    /// Paths in the code with the number of their line, as their segments: `crate`, `domain`, `id`.
    fn paths(&self) -> impl Iterator<Item = (usize, Vec<&str>)> {
        let is_path = |c: char| c.is_alphanumeric() || "_:".contains(c);
        self.code().flat_map(move |(number, line)| {
            let words = line.split(move |c| !is_path(c));
            let paths = words.filter(|word| word.contains("::") || line.starts_with("use "));
            paths.map(move |path| (number, path.trim_start_matches("::").split("::").collect()))
        })
    }

    fn at(&self, line: usize, problem: &str) -> String {
        format!("{}:{line}: {problem}", self.path)
    }
}

fn arrow_violations(source: &Source) -> Vec<String> {
    let Some(module) = source.module() else {
        return Vec::new();
    };
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
        return vec![source.at(1, "a module without arrows: draw them in ARROWS")];
    };
    let named = source.paths().filter_map(|(line, path)| {
        let named = root_module(&path, source.depth())?;
        (named != module && !allowed.contains(&named)).then_some((line, named))
    });
    named
        .map(|(line, named)| match named {
            "" => source.at(line, "one module per `use crate::` line"),
            _ => source.at(line, &format!("`{module}` may not name `{named}`")),
        })
        .collect()
}

/// The module of the crate's root that a path names, if it leads there.
fn root_module<'a>(path: &[&'a str], depth: usize) -> Option<&'a str> {
    let ups = path.iter().take_while(|part| **part == "super").count();
    match path {
        ["crate", module, ..] if !is_item(module) => Some(module),
        // In a nested `mod tests` one more `super` is needed; a name of ours tells.
        _ if ups >= depth => path
            .get(ups)
            .copied()
            .filter(|name| ARROWS.iter().any(|(module, _)| module == name)),
        _ => None,
    }
}

/// Something at the root of the crate that is no module: a type or a macro.
fn is_item(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

fn home_violations(source: &Source) -> Vec<String> {
    // `use crate::live::redis;` makes the name mean our own module.
    let is_ours = |library| {
        let mut paths = source.paths();
        paths.any(|(_, path)| path.len() > 1 && path.last() == Some(library))
    };
    let named = source.paths().filter_map(|(line, path)| {
        let (library, home) = HOMES.iter().find(|(library, _)| path[0] == *library)?;
        let is_home = source.path.starts_with(home) || is_ours(library);
        (!is_home).then_some((line, library, home))
    });
    named
        .map(|(line, library, home)| source.at(line, &format!("`{library}` belongs in {home}")))
        .collect()
}

fn waiting(source: &Source) -> Vec<String> {
    let is_synchronous = source
        .module()
        .is_some_and(|module| SYNCHRONOUS.contains(&module));
    let lines = source.code().filter(|(_, line)| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        is_synchronous && words.any(|word| ["async", "await"].contains(&word))
    });
    lines
        .map(|(line, _)| source.at(line, "a rule may not wait"))
        .collect()
}

/// In each block of documentation: a citation without a link, a link to another section.
fn citation_violations(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    let lines: Vec<&str> = source.text.lines().map(str::trim_start).collect();
    let mut start = 0;
    for block in lines.chunk_by(|one, next| doc_marker(one) == doc_marker(next)) {
        if doc_marker(block[0]).is_some() {
            let found = block_violations(block).into_iter();
            violations.extend(found.map(|(at, problem)| source.at(start + at + 1, &problem)));
        }
        start += block.len();
    }
    violations
}

fn doc_marker(line: &str) -> Option<&'static str> {
    ["//!", "///"]
        .into_iter()
        .find(|marker| line.starts_with(marker))
}

fn block_violations(block: &[&str]) -> Vec<(usize, String)> {
    let mut violations = Vec::new();
    for (at, line) in block.iter().enumerate() {
        if let Some((label, url)) = link(line) {
            if Some(url) != section_url(label).as_deref() {
                violations.push((at, format!("[{label}] does not link to its section: {url}")));
            }
            continue;
        }
        for label in citations(line) {
            if !block
                .iter()
                .any(|line| link(line).is_some_and(|(to, _)| to == label))
            {
                violations.push((at, format!("[{label}] has no link below it")));
            }
        }
    }
    violations
}

/// The label and the URL of a line that defines a link.
fn link(line: &str) -> Option<(&str, &str)> {
    let (label, url) = line[3..].trim().strip_prefix('[')?.split_once("]: ")?;
    (label.starts_with("RFC ") && url.starts_with("https://")).then_some((label, url))
}

/// The labels of the citations in a line: `RFC 6749 §5.2`.
fn citations(line: &str) -> impl Iterator<Item = &str> {
    let starts = line.match_indices("[RFC ");
    starts.filter_map(|(at, _)| Some(line[at + 1..].split_once(']')?.0))
}

/// Where a citation leads: `RFC 6749 §5.2`, `RFC 9068`, `RFC 7517 §A.1` (an appendix).
fn section_url(label: &str) -> Option<String> {
    let cited = label.strip_prefix("RFC ")?;
    let (number, section) = cited.split_once(" §").unwrap_or((cited, ""));
    let number: u16 = number.parse().ok()?;
    let fragment = match section.chars().next() {
        None => String::new(),
        Some(first) if first.is_alphabetic() => format!("#appendix-{section}"),
        Some(_) => format!("#section-{section}"),
    };
    Some(format!(
        "https://www.rfc-editor.org/rfc/rfc{number}{fragment}"
    ))
}

/// Every Rust file below a folder of the repository.
fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().display().to_string();
                sources.push(Source { path, text });
            }
        }
    }
    assert!(!sources.is_empty(), "no Rust files in {folder}");
    sources
}

fn assert_none(violations: impl Iterator<Item = String>) {
    let violations: Vec<String> = violations.collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// The checks themselves: what each must find, and what it must leave alone.
mod finds {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        let (path, text) = (path.to_owned(), text.to_owned());
        Source { path, text }
    }

    #[test]
    fn an_import_against_an_arrow() {
        for (path, text) in [
            ("src/domain/id.rs", "use crate::store::Store;"),
            ("src/domain/id.rs", "use super::super::store::Store;"),
            ("src/store.rs", "    let ring = crate::jwt::KeyRing::new();"),
            (
                "src/store/sqlite.rs",
                "fn f(live: &dyn crate::live::LiveState) {}",
            ),
            ("src/http/token.rs", "use crate::{store, app};"),
            ("src/util.rs", ""),
        ] {
            assert_eq!(arrow_violations(&source(path, text)).len(), 1, "{text}");
        }
        for (path, text) in [
            (
                "src/domain/id.rs",
                "use crate::domain::name::Name; // crate::store",
            ),
            ("src/domain/id.rs", "use super::name::Name;"),
            ("src/app/tokens.rs", "use crate::store::Store;"),
            ("src/main.rs", "use ostler::cli;"),
        ] {
            assert!(arrow_violations(&source(path, text)).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_library_away_from_home() {
        for (path, text) in [
            ("src/http/token.rs", "use sqlx::Row;"),
            ("src/oauth/refusal.rs", "use ::axum::Json;"),
            ("src/live/memory.rs", "fn f(e: redis::RedisError) {}"),
            ("src/app.rs", "use jsonwebtoken;"),
        ] {
            assert_eq!(home_violations(&source(path, text)).len(), 1, "{text}");
        }
        for (path, text) in [
            ("src/store/sqlite.rs", "use sqlx::Row;"),
            ("src/live.rs", "pub use self::redis::RedisLive;"),
            (
                "src/app.rs",
                "use crate::live::redis;\nconst MS: u64 = redis::DEADLINE;",
            ),
            ("src/app.rs", "/// As sqlx::Row does."),
        ] {
            assert!(home_violations(&source(path, text)).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_route_that_nobody_has_looked_at() {
        let text =
            "fn f() {\n    Router::new()\n        .route(\n            \"/debug\",\n    get(x))";
        let made = routes_made(&source("src/http/more.rs", text), &[".route("]);
        assert_eq!(
            made,
            [("src/http/more.rs".to_owned(), "\"/debug\"".to_owned())]
        );
        for (path, text) in [
            (
                "src/http/more.rs",
                "mod tests {\n    r.route(\"/x\", get(y));",
            ),
            ("src/http/more.rs", "    // r.route(\"/x\", get(y));"),
        ] {
            assert!(
                routes_made(&source(path, text), &[".route("]).is_empty(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_rule_that_waits() {
        let text = "pub async fn decide() {\n    facts().await\n}";
        assert_eq!(waiting(&source("src/oauth/grant.rs", text)).len(), 2);
        assert!(waiting(&source("src/http/token.rs", text)).is_empty());
    }

    #[test]
    fn a_citation_that_misleads() {
        let url = "https://www.rfc-editor.org/rfc/rfc6749";
        for text in [
            format!("//! [RFC 6749 §5.2]: {url}#section-5.1"),
            format!("    /// [RFC 6749]: {url}#section-5.2"),
            "/// See [RFC 7009 §2.2].\nfn f() {}".to_owned(),
            format!("//! See [RFC 6749].\n\n/// [RFC 6749]: {url}"),
        ] {
            let found = citation_violations(&source("src/app.rs", &text));
            assert_eq!(found.len(), 1, "{text}");
        }
        for text in [
            format!("//! See [RFC 6749 §5.2].\n//!\n//! [RFC 6749 §5.2]: {url}#section-5.2"),
            format!("/// [RFC 6749 §A.1]: {url}#appendix-A.1"),
            "// RFC 7009 §2.2: an unknown token is no error".to_owned(),
            format!("/// [RFC 6749]: a grant.\n///\n/// [RFC 6749]: {url}"),
        ] {
            let found = citation_violations(&source("src/app.rs", &text));
            assert_eq!(found, Vec::<String>::new());
        }
    }
}

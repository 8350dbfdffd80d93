//! Secrets on the command line, found before anything else looks at it.
//!
//! Whoever writes one there has shown it to every process of the machine and to the shell's history,
//! so it is refused by name and not used; and it must not appear in a message about a wrong flag.

use std::ffi::OsString;

use super::failure::Failure;

/// The failure of a command line with a secret or a token in it.
pub fn find(arguments: &[OsString]) -> Option<Failure> {
    let texts = arguments.iter().filter_map(|argument| argument.to_str());
    texts.map(kind).find_map(|kind| {
        kind.map(|kind| {
            Failure::usage(format!("there is {kind} on the command line"))
                .detail(
                    "every process of this machine can read it there, and the shell remembers it",
                )
                .fix(
                    "give it on standard input, in a file or in a variable (ostler help \
                     environment), and make a new one: this one has been shown",
                )
        })
    })
}

/// Whether a text has a secret in it.
pub fn is_in(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !"_-.=".contains(c))
        .any(|word| kind(word).is_some())
}

fn kind(argument: &str) -> Option<&'static str> {
    let has = |prefix: &str| {
        // The published prefix and at least one character of the secret itself.
        let mut found = argument.match_indices(prefix);
        found.any(|(at, _)| {
            argument[at + prefix.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
        })
    };
    if ["ostler_cs_", "ostler_at_", "ostler_ot_"]
        .into_iter()
        .any(has)
    {
        return Some("a secret");
    }
    let is_jwt = argument.rsplit('=').any(|part| {
        // Every JOSE header begins with `{"`, which is `eyJ` in base64url.
        part.starts_with("eyJ") && part.matches('.').count() == 2
    });
    is_jwt.then_some("a token")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(arguments: &[&str]) -> Option<String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        find(&arguments).map(|failure| failure.to_string())
    }

    #[test]
    fn secrets_and_tokens_are_found_and_not_repeated() {
        for arguments in [
            ["token", "ostler_cs_hidden"],
            ["--client-secret=ostler_cs_hidden", ""],
            ["verify", "eyJhbGciOiJIUzI1NiJ9.hidden.hidden"],
            ["--token=eyJhbGciOiJIUzI1NiJ9.hidden.hidden", ""],
        ] {
            let failure = found(&arguments).unwrap();
            assert!(!failure.contains("hidden"), "{failure}");
        }
    }

    #[test]
    fn other_words_are_left_alone() {
        let usual = [
            "ostler",
            "account",
            "create",
            "eyJustin-bot",
            "--description",
            "ostler_cs_ is",
        ];
        assert_eq!(found(&usual), None);
    }
}

//! What a terminal may be shown, and what is one.
//!
//! Names and descriptions come from other people. Written raw to a terminal, control characters in
//! them could move the cursor, hide a line or set the window's title.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;
use std::io::ErrorKind;
use std::io::IsTerminal;
use std::io::Write as _;

use super::failure::Failure;

/// The same text with everything that would steer a terminal spelled out.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => plain.push_str("\\n"),
            '\r' => plain.push_str("\\r"),
            '\t' => plain.push_str("\\t"),
            c if steers(c) => {
                let _ = write!(plain, "\\u{{{:x}}}", u32::from(c));
            }
            c => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

/// JSON that means the same, with everything escaped that would steer a terminal: JSON itself
/// escapes only the first 32 characters.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let is_layout = |c| c == '\n';
    if !json.chars().any(|c| steers(c) && !is_layout(c)) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        if steers(character) && !is_layout(character) {
            // All of them are in the basic plane, so one escape is enough.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Control characters (C0, DEL, C1), line separators, and marks that turn the direction of text.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Whether standard output is a terminal.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person can be asked: they see standard error and write to standard input.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Writes data to standard output. A reader that has gone (`| head`) has had what it wanted.
pub fn print(text: &str) -> Result<(), Failure> {
    match write(text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| unwritten(&error)),
    }
}

/// Writes what cannot be had again; here a reader that has gone is a failure.
pub fn print_once(text: &str) -> Result<(), Failure> {
    write(text).map_err(|error| unwritten(&error))
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::failed(format!("cannot write to standard output: {error}"))
}

/// Writes a line to standard error; nobody has to read it.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Asks a person something, on standard error; the answer is typed on the same line.
pub fn question(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{}", printable(text)).and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_spelled_out() {
        assert_eq!(printable("Ünïcode ☂ stays"), "Ünïcode ☂ stays");
        for (raw, shown) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}1m", "\\u{9b}1m"),
            ("\u{7f}\u{202e}x", "\\u{7f}\\u{202e}x"),
        ] {
            assert_eq!(printable(raw), shown);
        }
    }

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({"a": "\u{9b}1m\u{7f}\u{202e}", "b": ["x"]});
        let raw = serde_json::to_string_pretty(&value).unwrap();
        let escaped = printable_json(&raw);
        assert!(!escaped.chars().any(|c| steers(c) && c != '\n'));
        let read: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read, value);
    }
}

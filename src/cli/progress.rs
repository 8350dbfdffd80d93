//! How far something long has come, for a person who waits.
//!
//! One line on standard error, written over and over, and gone when the work is done. Where that is no
//! terminal there is nobody to tell, and nothing is written.

use std::io;
use std::io::IsTerminal;
use std::io::Write;

use super::terminal::printable;

/// Back to the beginning of the line, and nothing of it is left (ECMA-48: CR, EL).
const OVER: &str = "\r\u{1b}[K";

/// The line.
#[derive(Debug)]
pub struct Progress {
    is_told: bool,
    is_there: bool,
}

impl Progress {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            is_told: io::stderr().is_terminal(),
            is_there: false,
        }
    }

    /// This, in place of what was said before.
    pub fn say(&mut self, text: &str) {
        if self.is_told {
            self.is_there = true;
            write(&format!("{OVER}{} ...", printable(text)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_there {
            write(OVER);
        }
    }
}

/// Nobody has to read it.
fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
}

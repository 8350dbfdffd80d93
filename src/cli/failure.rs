//! Why a command did not do what it was asked to: what happened, what to do, and the exit code.
//!
//! A failure never holds a secret, a token or the body of an answer that was not understood.

use std::fmt;

use super::terminal::printable;

/// How a command ended, for the script that ran it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// It did not work.
    Failure,
    /// The command line is wrong.
    Usage,
    /// There is no such thing.
    NotFound,
    /// Not authenticated, or not allowed.
    NotAllowed,
    /// Things stand against it as they are.
    Conflict,
    /// A check was made, and its answer is no.
    Negative,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// Nothing went wrong: a request was to be shown instead of sent, and there the command ends.
    Shown,
}

impl Exit {
    /// The exit code of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Shown => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::NotAllowed => 4,
            Self::Conflict => 5,
            Self::Negative => 6,
            Self::Interrupted => 130,
        }
    }
}

/// Why a command did not do what it was asked to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    exit: Exit,
    what: String,
    details: Vec<String>,
    fix: Option<String>,
    request_id: Option<String>,
}

impl Failure {
    /// A failure with its sentence, without a full stop.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            details: Vec::new(),
            fix: None,
            request_id: None,
        }
    }

    /// It did not work.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failure, what)
    }

    /// The command line asks for something that cannot be.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Somebody pressed Ctrl-C.
    pub fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    /// The request was shown, and that is all there is to do.
    pub fn shown() -> Self {
        Self::new(Exit::Shown, "the request was shown instead of sent")
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The same with one more line of detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// The same with the server's id of the request, by which its log line is found.
    #[must_use]
    pub fn request_id(mut self, id: Option<&str>) -> Self {
        self.request_id = id.map(str::to_owned);
        self
    }

    /// What happened, without what to do.
    pub fn sentence(&self) -> &str {
        &self.what
    }

    /// How the command ends.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// Several lines for a terminal, without a line end after the last. What a server or a file put into
/// them cannot move the cursor.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.exit {
            Exit::Negative => "✗ ",
            _ => "error: ",
        };
        let mut lines = self.what.lines();
        write!(f, "{mark}{}", printable(lines.next().unwrap_or_default()))?;
        for line in lines {
            write!(f, "\n{}", printable(line))?;
        }
        for detail in self.details.iter().flat_map(|detail| detail.lines()) {
            write!(f, "\n  {}", printable(detail))?;
        }
        if let Some(fix) = &self.fix {
            write!(f, "\n  fix: {}", printable(fix))?;
        }
        match &self.request_id {
            Some(id) => write!(f, "\n  request: {}", printable(id)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let failure = Failure::new(Exit::Conflict, "the name is taken")
            .detail("/name: `demo` exists")
            .fix("choose another name")
            .request_id(Some("req_1"));
        assert_eq!(
            failure.to_string(),
            "error: the name is taken\n  /name: `demo` exists\n  fix: choose another name\n  \
             request: req_1"
        );
        assert_eq!(failure.exit().code(), 5);
    }

    #[test]
    fn nothing_in_a_failure_moves_the_cursor() {
        let failure = Failure::failed("a\u{1b}[2J")
            .detail("b\u{9b}1m")
            .fix("c\u{7}");
        let text = failure.to_string();
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
}

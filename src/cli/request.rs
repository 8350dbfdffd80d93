//! A request to the admin API, which is sent, or shown as a `curl` line that does the same.
//!
//! A shown request holds no secret: variables of the shell stand for the token, and for a secret in
//! the body.

use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use super::client::Answer;

/// The variable that stands for the bearer token.
const TOKEN: &str = "OSTLER_TOKEN";

/// A request that is not yet sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Below the base URL, with its query.
    pub path: String,
    /// JSON.
    pub body: Option<Value>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    secret: Option<SecretMember>,
    changes_nothing: bool,
    takes_long: bool,
    is_open: bool,
}

/// A secret in a body, and the variable that stands for it when the request is shown.
#[derive(Clone, Copy, Debug)]
struct SecretMember {
    member: &'static str,
    variable: &'static str,
}

impl Request {
    fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        Self {
            changes_nothing: method.is_safe(),
            method,
            path: path.into(),
            body,
            headers: Vec::new(),
            secret: None,
            takes_long: false,
            is_open: false,
        }
    }

    /// Reads a thing or a list.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None)
    }

    /// Makes a thing, or starts an action.
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path, Some(body))
    }

    /// Replaces a thing.
    pub fn put(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PUT, path, Some(body))
    }

    /// Changes the members of a thing that are said (RFC 7396).
    pub fn patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path, Some(body))
    }

    /// Deletes a thing.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, None)
    }

    /// The same, of a thing as it was seen.
    #[must_use]
    pub fn matching(self, seen: Option<&Answer>) -> Self {
        match seen.and_then(|seen| seen.header("etag")) {
            Some(etag) => self.matching_tag(etag),
            None => self,
        }
    }

    /// The same, of a thing that has this entity tag.
    #[must_use]
    pub fn matching_tag(mut self, etag: &str) -> Self {
        self.headers.push(("if-match", etag.to_owned()));
        self
    }

    /// The same under this key, so that it is done once however often it is sent.
    #[must_use]
    pub fn once(mut self, key: String) -> Self {
        self.headers.push(("idempotency-key", key));
        self
    }

    /// The same, whose body has a secret in this member; it is shown as a variable.
    #[must_use]
    pub fn with_secret(mut self, member: &'static str, variable: &'static str) -> Self {
        self.secret = Some(SecretMember { member, variable });
        self
    }

    /// The same, of which it is known that it changes nothing.
    #[must_use]
    pub fn asking_only(mut self) -> Self {
        self.changes_nothing = true;
        self
    }

    /// The same, of which the server keeps a record though it only reads.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.changes_nothing = false;
        self
    }

    /// The same, whose answer may take the server a while.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.takes_long = true;
        self
    }

    /// The same, which anybody may make.
    #[must_use]
    pub fn open(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// Whether its answer may take the server a while.
    pub fn is_patient(&self) -> bool {
        self.takes_long
    }

    /// Whether nothing is different after it.
    pub fn changes_nothing(&self) -> bool {
        self.changes_nothing
    }

    /// The command that sends it to the server at `base`, with a token in `$OSTLER_TOKEN`.
    pub fn as_curl(&self, base: &str) -> String {
        let mut words = vec!["curl -sS".to_owned()];
        if self.method != Method::GET {
            words.push(format!("-X {}", self.method));
        }
        words.push(quoted(&format!("{base}{}", self.path)));
        if !self.is_open {
            words.push(format!("-H \"Authorization: Bearer ${TOKEN}\""));
        }
        for (name, value) in &self.headers {
            words.push(format!("-H {}", quoted(&format!("{name}: {value}"))));
        }
        if let Some(body) = &self.body {
            words.push("-H 'content-type: application/json'".to_owned());
            words.push(format!("-d {}", self.shown_body(body)));
        }
        words.join(" \\\n  ")
    }

    /// The same for a person, in a line.
    pub fn in_a_line(&self) -> String {
        let body = match (&self.body, self.secret) {
            (Some(body), Some(secret)) => {
                format!(" {}", without(body, secret, secret.variable))
            }
            (Some(body), None) => format!(" {body}"),
            (None, _) => String::new(),
        };
        format!("{} {}{body}", self.method, self.path)
    }

    fn shown_body(&self, body: &Value) -> String {
        let Some(secret) = self.secret else {
            return quoted(&body.to_string());
        };
        // Nothing that JSON writes is a raw NUL, so only the secret's place is one.
        let marked = without(body, secret, "\0").to_string();
        let variable = format!("'\"${}\"'", secret.variable);
        quoted(&marked).replace("\\u0000", &variable)
    }
}

fn without(body: &Value, secret: SecretMember, instead: &str) -> Value {
    let mut body = body.clone();
    if let Some(place) = body.get_mut(secret.member) {
        *place = json!(instead);
    }
    body
}

/// A word of a POSIX shell that means this text.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://auth.example.com";

    #[test]
    fn a_request_is_a_line_to_paste() {
        let made = Request::post("/admin/v1/x", json!({"name": "it's"})).once("k".to_owned());
        assert_eq!(
            made.as_curl(BASE),
            "curl -sS \\\n  -X POST \\\n  'https://auth.example.com/admin/v1/x' \\\n  \
             -H \"Authorization: Bearer $OSTLER_TOKEN\" \\\n  -H 'idempotency-key: k' \\\n  \
             -H 'content-type: application/json' \\\n  -d '{\"name\":\"it'\\''s\"}'"
        );
        let read = Request::get("/admin/v1/x?limit=2");
        assert_eq!(
            read.as_curl(BASE),
            "curl -sS \\\n  'https://auth.example.com/admin/v1/x?limit=2' \\\n  \
             -H \"Authorization: Bearer $OSTLER_TOKEN\""
        );
    }

    #[test]
    fn a_secret_in_a_body_is_shown_as_a_variable() {
        let revoke =
            Request::post("/r", json!({"token": "hidden", "a": 1})).with_secret("token", "TOKEN");
        let shown = revoke.as_curl(BASE);
        assert!(
            shown.ends_with(r#"-d '{"token":"'"$TOKEN"'","a":1}'"#),
            "{shown}"
        );
        let line = revoke.in_a_line();
        assert!(
            !line.contains("hidden") && !shown.contains("hidden"),
            "{line}"
        );
    }
}

//! What a server's refusal means, in sentences: problem documents (RFC 9457) of the admin API, and
//! the errors of the OAuth endpoints (RFC 6749 section 5.2).

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;

use super::client::Answer;
use super::failure::Exit;
use super::failure::Failure;

/// The longest text of a server's that is shown, in characters.
const MAX_SHOWN: usize = 500;

/// The members of both forms; whichever are there tell which it is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    request_id: Option<String>,
    errors: Vec<Mistake>,
    error: Option<String>,
    error_description: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Mistake {
    pointer: Option<String>,
    detail: Option<String>,
    hint: Option<String>,
}

impl Answer {
    /// The `error` of an OAuth error.
    pub fn oauth_error(&self) -> Option<String> {
        Refusal::read(self.body())?.error
    }

    /// The answer itself when it is a success, else the failure that it describes.
    pub fn success(self) -> Result<Self, Failure> {
        if self.status.is_success() {
            Ok(self)
        } else {
            Err(failure(&self))
        }
    }
}

fn failure(answer: &Answer) -> Failure {
    let Some(refusal) = Refusal::read(answer.body()) else {
        return without_words(answer);
    };
    let code = refusal.code.as_deref().or(refusal.error.as_deref());
    let sentence = refusal.sentence(answer.status);
    let mut failure = Failure::new(exit(answer.status, code), &sentence);
    let lines = refusal
        .errors
        .iter()
        .filter_map(|mistake| mistake.line(&sentence));
    failure = lines.fold(failure, Failure::detail);
    let unsaid = refusal.errors.iter().find_map(Mistake::unsaid_type);
    if let Some(fix) = fix(answer, code).or_else(|| unsaid.map(say_which)) {
        failure = failure.fix(fix);
    }
    let header = answer.header("x-request-id");
    failure.request_id(refusal.request_id.as_deref().or(header))
}

impl Refusal {
    /// A JSON object that says something; derived code would take a list for a struct too.
    fn read(body: &[u8]) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let refusal: Self = serde_json::from_value(Value::Object(object)).ok()?;
        let is_silent =
            refusal.code.is_none() && refusal.error.is_none() && refusal.detail.is_none();
        (!is_silent).then_some(refusal)
    }

    fn sentence(&self, status: StatusCode) -> String {
        let text = self
            .detail
            .as_ref()
            .or(self.error_description.as_ref())
            .or(self.title.as_ref());
        let code = self.code.as_ref().or(self.error.as_ref());
        bounded(&match (text, code) {
            (Some(text), Some(code)) => format!("{text} ({code})"),
            (Some(text), None) => text.clone(),
            (None, Some(code)) => format!("the server refused this: {code}"),
            (None, None) => format!("the server answered {status}"),
        })
    }
}

/// A grant says of each type of resources which are meant.
fn say_which(kind: &str) -> String {
    format!("say which with --{kind} KEY,KEY or, for all of them, --{kind} '*'")
}

impl Mistake {
    /// The type of which a grant does not say anything.
    fn unsaid_type(&self) -> Option<&str> {
        self.pointer
            .as_ref()
            .filter(|at| at.ends_with("/resources"))?;
        let detail = self.detail.as_ref()?.strip_prefix("say which `")?;
        detail.split_once('`').map(|(kind, _)| kind)
    }

    /// Where, what, and what was meant; without what `told` says already.
    fn line(&self, told: &str) -> Option<String> {
        let detail = self.detail.as_deref().unwrap_or("is wrong");
        if told.contains(detail) {
            return self.hint.as_deref().map(bounded);
        }
        let mut line = String::new();
        if let Some(pointer) = self.pointer.as_ref().filter(|pointer| !pointer.is_empty()) {
            line.push_str(pointer);
            line.push_str(": ");
        }
        line.push_str(detail);
        if let Some(hint) = &self.hint {
            line.push_str("; ");
            line.push_str(hint);
        }
        Some(bounded(&line))
    }
}

/// A refusal that is not in a form that we know: a proxy's page, an empty body. It is not shown, for
/// nobody knows what is in it.
fn without_words(answer: &Answer) -> Failure {
    let status = answer.status;
    let what = format!("the server answered {status} and gave no reason");
    let failure = Failure::new(exit(status, None), what);
    let failure = match fix(answer, None) {
        Some(fix) => failure.fix(fix),
        None => failure.fix("see whether the URL is that of Ostler, and not of a page or a proxy"),
    };
    failure.request_id(answer.header("x-request-id"))
}

fn exit(status: StatusCode, code: Option<&str>) -> Exit {
    match (status, code) {
        // Not granted: OAuth has one status for all of its errors.
        (
            StatusCode::BAD_REQUEST,
            Some(
                "invalid_client"
                | "invalid_grant"
                | "invalid_scope"
                | "invalid_target"
                | "invalid_authorization_details"
                | "unauthorized_client",
            ),
        )
        | (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Exit::NotAllowed,
        (StatusCode::NOT_FOUND | StatusCode::GONE, _) => Exit::NotFound,
        (StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED, _) => Exit::Conflict,
        _ => Exit::Failure,
    }
}

fn fix(answer: &Answer, code: Option<&str>) -> Option<String> {
    let fix = match (answer.status, code) {
        (_, Some("invalid_client")) => {
            "look at the client id and its secret: they may be mistyped, expired, revoked or \
             disabled. The server's log has the reason"
        }
        (_, Some("secret_in_use")) => {
            "wait until whoever uses it has the new one, or end it now with --force"
        }
        (_, Some("in_use")) => "take it away from those who have it, or delete it with --force",
        (_, Some("idempotency_conflict")) => "give this other change another --idempotency-key",
        (_, Some("overlap_in_progress")) => "wait for its end, or end it now with --end-overlap",
        (_, Some("not_published_long_enough")) => "wait, or activate it now with --force",
        (StatusCode::UNAUTHORIZED, _) => "get a new token: the one presented does not count",
        (StatusCode::PRECONDITION_FAILED, _) => "somebody changed it meanwhile: look and try again",
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _) => {
            let wait = answer.header("retry-after").filter(|text| text.len() < 32);
            return Some(wait.map_or_else(
                || "try again in a moment".to_owned(),
                |secs| format!("try again in {secs} s"),
            ));
        }
        _ => return None,
    };
    Some(fix.to_owned())
}

fn bounded(text: &str) -> String {
    let mut bounded: String = text.chars().take(MAX_SHOWN).collect();
    if bounded.len() < text.len() {
        bounded.push('…');
    }
    bounded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Failure {
        Answer::for_test(status, body).success().unwrap_err()
    }

    #[test]
    fn a_type_that_a_grant_does_not_speak_of_is_told_with_its_flag() {
        let failure = refused(
            400,
            r#"{"status":400,"code":"validation_failed","detail":"say which `project` is meant: x",
                "errors":[{"pointer":"/access/0/resources","code":"required",
                           "detail":"say which `project` is meant: x"}]}"#,
        );
        let fix = "fix: say which with --project KEY,KEY or, for all of them, --project '*'";
        assert!(failure.to_string().contains(fix), "{failure}");
    }

    #[test]
    fn a_problem_document_is_told_with_every_mistake_and_hint() {
        let failure = refused(
            400,
            r#"{"type":"about:blank","title":"Bad Request","status":400,"code":"validation_failed",
                "detail":"the request has 2 mistakes","request_id":"req_1","errors":[
                {"pointer":"/access/0/scopes/0","code":"unknown","detail":"there is no scope `writ`","hint":"did you mean `write`?"},
                {"pointer":null,"code":"x","detail":"limit is a number","hint":null}]}"#,
        );
        assert_eq!(
            failure.to_string(),
            "error: the request has 2 mistakes (validation_failed)\n  \
             /access/0/scopes/0: there is no scope `writ`; did you mean `write`?\n  \
             limit is a number\n  \
             request: req_1"
        );
        assert_eq!(failure.exit(), Exit::Failure);
    }

    #[test]
    fn a_single_mistake_is_told_once() {
        let failure = refused(
            400,
            r#"{"code":"validation_failed","detail":"/name: `x` is too short","errors":[
                {"pointer":"/name","code":"invalid","detail":"`x` is too short","hint":"use 6"}]}"#,
        );
        let text = "error: /name: `x` is too short (validation_failed)\n  use 6";
        assert_eq!(failure.to_string(), text);
    }

    #[test]
    fn the_exit_code_tells_the_kind_of_refusal() {
        for (status, body, exit) in [
            (401, r#"{"error":"invalid_client"}"#, Exit::NotAllowed),
            (400, r#"{"error":"invalid_scope"}"#, Exit::NotAllowed),
            (400, r#"{"error":"invalid_request"}"#, Exit::Failure),
            (403, r#"{"code":"forbidden"}"#, Exit::NotAllowed),
            (404, r#"{"code":"not_found"}"#, Exit::NotFound),
            (409, r#"{"code":"name_taken"}"#, Exit::Conflict),
            (412, r#"{"code":"precondition_failed"}"#, Exit::Conflict),
            (400, r#"{"code":"validation_failed"}"#, Exit::Failure),
            (503, r#"{"code":"unavailable"}"#, Exit::Failure),
            (404, "", Exit::NotFound),
            (502, "<html>", Exit::Failure),
        ] {
            assert_eq!(refused(status, body).exit(), exit, "{status} {body}");
        }
    }

    #[test]
    fn a_body_in_no_known_form_is_not_shown() {
        for body in [
            "<h1>token ostler_cs_1</h1>",
            r#"["ostler_cs_1"]"#,
            r#"{"x":"ostler_cs_1"}"#,
            "\0",
        ] {
            let text = refused(502, body).to_string();
            assert!(!text.contains("ostler_cs_1"), "{text}");
            assert!(text.contains("502 Bad Gateway"), "{text}");
        }
    }

    #[test]
    fn a_servers_text_is_bounded() {
        let long = serde_json::json!({"code": "x", "detail": "y".repeat(10_000)}).to_string();
        assert!(refused(400, &long).to_string().chars().count() < MAX_SHOWN + 100);
    }
}

//! Which events are wanted, as a query says it.

use serde_json::json;

use crate::app::audit::EventFilter;
use crate::app::audit::Named;
use crate::app::page::PageRequest;
use crate::app::problem::Submitted;
use crate::domain::audit::AuditResult;
use crate::domain::id::ClientId;
use crate::domain::id::looks_like_an_id;

use super::super::operation::Operation;
use super::super::query::Query;

/// The longest name that is searched for, in bytes.
const MAX_NAME: usize = 255;

/// A page of events, or all of them.
pub(super) enum Wanted {
    Page(EventFilter, PageRequest),
    Export(EventFilter),
}

/// What a query asks for.
pub(super) fn wanted(mut query: Query) -> Submitted<Wanted> {
    let filter = read_filter(&mut query);
    let format = query.parsed("format", "`json` or `ndjson`", |text| {
        ["json", "ndjson"].into_iter().find(|known| *known == text)
    });
    if format == Some("ndjson") {
        // An export has neither pages nor a limit.
        query.end()?;
        return Ok(Wanted::Export(filter));
    }
    Ok(Wanted::Page(filter, query.page()?))
}

fn read_filter(query: &mut Query) -> EventFilter {
    let name = "an id, or a name of at most 255 bytes";
    EventFilter {
        action: query.parsed(
            "action",
            "an action, such as `credential.rotate`",
            action_name,
        ),
        actor: query.parsed("actor", name, named),
        target: query.parsed("target", name, named),
        result: query.parsed("result", "`success` or `refused`", AuditResult::parse),
        request_id: query.parsed("request_id", "the id of a request, `req_...`", |text| {
            text.parse().ok()
        }),
        from: query.instant("from"),
        to: query.instant("to"),
    }
}

fn action_name(text: &str) -> Option<String> {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let (kind, verb) = text.split_once('.')?;
    let is_action = text.len() <= MAX_NAME && is_word(kind) && is_word(verb);
    is_action.then(|| text.to_owned())
}

/// What has the form of an id is one. Signing keys and tokens have ids without a prefix, which may be
/// names as well.
fn named(text: &str) -> Option<Named> {
    const KID_LEN: usize = 43;
    const JTI_LEN: usize = 22;
    if text.is_empty() || text.len() > MAX_NAME || text.chars().any(char::is_control) {
        return None;
    }
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    let may_be_id = [KID_LEN, JTI_LEN].contains(&text.len()) && text.bytes().all(is_base64url);
    let text = text.to_owned();
    Some(if text.parse::<ClientId>().is_ok() {
        Named::Client(text)
    } else if looks_like_an_id(&text) {
        Named::Id(text)
    } else if may_be_id {
        Named::Any(text)
    } else {
        Named::Name(text)
    })
}

/// The operation, with the parameters that are read here.
pub(super) fn told(operation: Operation) -> Operation {
    let name = || json!({"type": "string", "minLength": 1, "maxLength": MAX_NAME});
    let instant = || json!({"type": "string", "format": "date-time"});
    operation
        .parameter(
            "action",
            "Those of this action, such as `credential.rotate`",
            json!({"type": "string", "pattern": "^[a-z_]+\\.[a-z_]+$", "maxLength": MAX_NAME}),
        )
        .parameter(
            "actor",
            "Those of this actor: an id, a name at the time, or the client id of its credential",
            name(),
        )
        .parameter(
            "target",
            "Those of this target: an id, a name at the time, or a client id",
            name(),
        )
        .parameter(
            "result",
            "Those that ended so",
            json!({"enum": ["success", "refused"]}),
        )
        .parameter(
            "request_id",
            "Those of this request",
            json!({"type": "string"}),
        )
        .parameter("from", "Those at this instant and later", instant())
        .parameter("to", "Those before this instant", instant())
        .parameter(
            "format",
            "A page as JSON, or all of them as lines of JSON",
            json!({"enum": ["json", "ndjson"], "default": "json"}),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_form_of_an_id_is_looked_for_by_id() {
        let id = "sa_01arz3ndektsv4rrffq69g5fav".to_owned();
        assert_eq!(named(&id), Some(Named::Id(id.clone())));
        let id = "sac_01arz3ndektsv4rrffq69g5fav".to_owned();
        assert_eq!(named(&id), Some(Named::Client(id.clone())));
        for length in [22, 43] {
            let text = "a".repeat(length);
            assert_eq!(named(&text), Some(Named::Any(text.clone())));
        }
        let name = "nightly".to_owned();
        assert_eq!(named(&name), Some(Named::Name(name.clone())));
        for bad in ["", "a\nb", &"x".repeat(256)] {
            assert_eq!(named(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_action_is_a_kind_and_a_verb() {
        assert!(action_name("service_account.disable").is_some());
        for bad in [
            "",
            ".",
            "x.",
            ".x",
            "service_account",
            "X.y",
            "a.b.c",
            "a.b c",
        ] {
            assert_eq!(action_name(bad), None, "{bad}");
        }
    }
}

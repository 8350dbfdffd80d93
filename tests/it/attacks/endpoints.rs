//! What the OAuth endpoints have in common, for those who attack all of them.

use crate::harness::Reply;
use crate::harness::TestServer;
use crate::harness::wire::Request;

/// The endpoints that take a form.
pub const ENDPOINTS: [&str; 3] = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"];

/// A form that is good at each of them.
pub const FORM: &str = "grant_type=client_credentials&token=x";

/// Every parameter that one of them reads, and one that none does.
pub const PARAMETERS: [&str; 12] = [
    "grant_type",
    "scope",
    "audience",
    "authorization_details",
    "expires_in",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "token",
    "token_type_hint",
    "foo",
];

/// A POST by the first administrator, whose credentials are good.
pub fn post(server: &TestServer, path: &str) -> Request {
    let admin = &server.admin;
    server.request("POST", path).basic(&admin.id, &admin.secret)
}

/// The good form but for this parameter, to which more is to be added.
pub fn form_without(name: &str) -> String {
    FORM.split('&')
        .filter(|pair| pair.split('=').next() != Some(name))
        .fold(String::new(), |form, pair| format!("{form}{pair}&"))
}

/// Checks that a reply is this OAuth error, as JSON and in words of ours.
#[track_caller]
pub fn assert_error(reply: &Reply, status: u16, error: &str, case: &str) {
    let wire = reply.wire();
    assert_eq!(
        (reply.status, &*reply.error()),
        (status, error),
        "{case}: {wire}"
    );
    let kind = reply.header("content-type");
    assert_eq!(kind, Some("application/json"), "{case}: {wire}");
    assert_no_sql(reply, case);
}

/// Checks that a reply is `invalid_request`.
#[track_caller]
pub fn assert_invalid(reply: &Reply, case: &str) {
    assert_error(reply, 400, "invalid_request", case);
}

/// Checks that a reply tells nothing of a database.
#[track_caller]
pub fn assert_no_sql(reply: &Reply, case: &str) {
    let text = reply.wire().to_lowercase();
    for word in ["sql", "postgres", "syntax", "constraint", "utf8", "select"] {
        assert!(!text.contains(word), "{case}: {text}");
    }
}

/// What is counted under this name.
#[track_caller]
pub fn number(server: &TestServer, name: &str) -> u64 {
    let numbers = server.app.registry.render();
    let value = numbers
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.expect(name).parse().expect("a whole number")
}

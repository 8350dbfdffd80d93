//! The routes, and what opens each.

/// A route, with the scope that opens it. `{org}`, `{account}` and so on stand for a thing that
/// exists.
pub const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/organizations", "organizations:read"),
    ("POST", "/organizations", "organizations:write"),
    ("GET", "/organizations/{org}", "organizations:read"),
    ("PATCH", "/organizations/{org}", "organizations:write"),
    (
        "POST",
        "/organizations/{org}/disable",
        "organizations:write",
    ),
    ("POST", "/organizations/{org}/enable", "organizations:write"),
    ("GET", "/organizations/{org}/credentials", "accounts:read"),
    (
        "GET",
        "/organizations/{org}/service-accounts",
        "accounts:read",
    ),
    (
        "POST",
        "/organizations/{org}/service-accounts",
        "accounts:write",
    ),
    (
        "GET",
        "/organizations/{org}/service-accounts/{account}",
        "accounts:read",
    ),
    (
        "PATCH",
        "/organizations/{org}/service-accounts/{account}",
        "accounts:write",
    ),
    (
        "DELETE",
        "/organizations/{org}/service-accounts/{account}",
        "accounts:write",
    ),
    (
        "POST",
        "/organizations/{org}/service-accounts/{account}/revoke-tokens",
        "accounts:write",
    ),
    (
        "POST",
        "/organizations/{org}/service-accounts/{account}/disable",
        "accounts:write",
    ),
    (
        "POST",
        "/organizations/{org}/service-accounts/{account}/enable",
        "accounts:write",
    ),
    (
        "GET",
        "/organizations/{org}/service-accounts/{account}/access",
        "accounts:read",
    ),
    (
        "PUT",
        "/organizations/{org}/service-accounts/{account}/access",
        "access:write",
    ),
    (
        "GET",
        "/organizations/{org}/service-accounts/{account}/roles",
        "accounts:read",
    ),
    (
        "PUT",
        "/organizations/{org}/service-accounts/{account}/roles",
        "access:write",
    ),
    (
        "GET",
        "/organizations/{org}/service-accounts/{account}/effective-access",
        "accounts:read",
    ),
    ("GET", "/organizations/{org}/roles", "accounts:read"),
    ("POST", "/organizations/{org}/roles", "access:write"),
    ("GET", "/organizations/{org}/roles/{role}", "accounts:read"),
    ("PATCH", "/organizations/{org}/roles/{role}", "access:write"),
    (
        "DELETE",
        "/organizations/{org}/roles/{role}",
        "access:write",
    ),
    ("GET", "/organizations/{org}/groups", "accounts:read"),
    ("POST", "/organizations/{org}/groups", "access:write"),
    (
        "GET",
        "/organizations/{org}/groups/{group}",
        "accounts:read",
    ),
    (
        "PATCH",
        "/organizations/{org}/groups/{group}",
        "access:write",
    ),
    (
        "DELETE",
        "/organizations/{org}/groups/{group}",
        "access:write",
    ),
    (
        "GET",
        "/organizations/{org}/groups/{group}/members",
        "accounts:read",
    ),
    (
        "PUT",
        "/organizations/{org}/groups/{group}/members/{account}",
        "access:write",
    ),
    (
        "DELETE",
        "/organizations/{org}/groups/{group}/members/{account}",
        "access:write",
    ),
    ("PATCH", "/organizations/{org}/apis/{api}", "apis:write"),
    ("DELETE", "/organizations/{org}/apis/{api}", "apis:write"),
    (
        "DELETE",
        "/organizations/{org}/apis/{api}/scopes/{scope}",
        "apis:write",
    ),
    (
        "PATCH",
        "/organizations/{org}/apis/{api}/resources/{resource}",
        "apis:write",
    ),
    (
        "DELETE",
        "/organizations/{org}/apis/{api}/resources/{resource}",
        "apis:write",
    ),
    (
        "GET",
        "/organizations/{org}/service-accounts/{account}/credentials",
        "accounts:read",
    ),
    (
        "POST",
        "/organizations/{org}/service-accounts/{account}/credentials",
        "credentials:write",
    ),
    (
        "GET",
        "/organizations/{org}/service-accounts/{account}/credentials/{credential}",
        "accounts:read",
    ),
    (
        "PATCH",
        "/organizations/{org}/service-accounts/{account}/credentials/{credential}",
        "credentials:write",
    ),
    (
        "DELETE",
        "/organizations/{org}/service-accounts/{account}/credentials/{credential}",
        "credentials:write",
    ),
    (
        "POST",
        "/organizations/{org}/service-accounts/{account}/credentials/{credential}/disable",
        "credentials:write",
    ),
    (
        "POST",
        "/organizations/{org}/service-accounts/{account}/credentials/{credential}/enable",
        "credentials:write",
    ),
    (
        "POST",
        "/organizations/{org}/service-accounts/{account}/credentials/{credential}/rotate",
        "credentials:write",
    ),
    (
        "POST",
        "/organizations/{org}/service-accounts/{account}/credentials/{credential}/revoke",
        "credentials:write",
    ),
    (
        "DELETE",
        "/organizations/{org}/service-accounts/{account}/credentials/{credential}/secrets/{secret}",
        "credentials:write",
    ),
    ("GET", "/organizations/{org}/api-tokens", "accounts:read"),
    (
        "GET",
        "/organizations/{org}/service-accounts/{account}/api-tokens",
        "accounts:read",
    ),
    (
        "POST",
        "/organizations/{org}/service-accounts/{account}/api-tokens",
        "credentials:write",
    ),
    (
        "GET",
        "/organizations/{org}/service-accounts/{account}/api-tokens/{token}",
        "accounts:read",
    ),
    (
        "DELETE",
        "/organizations/{org}/service-accounts/{account}/api-tokens/{token}",
        "credentials:write",
    ),
    ("GET", "/organizations/{org}/apis", "apis:read"),
    ("POST", "/organizations/{org}/apis", "apis:write"),
    ("GET", "/organizations/{org}/apis/{api}", "apis:read"),
    ("GET", "/organizations/{org}/apis/{api}/scopes", "apis:read"),
    (
        "POST",
        "/organizations/{org}/apis/{api}/scopes",
        "apis:write",
    ),
    (
        "GET",
        "/organizations/{org}/apis/{api}/scopes/{scope}",
        "apis:read",
    ),
    (
        "GET",
        "/organizations/{org}/apis/{api}/resources",
        "apis:read",
    ),
    (
        "POST",
        "/organizations/{org}/apis/{api}/resources",
        "apis:write",
    ),
    (
        "GET",
        "/organizations/{org}/apis/{api}/resources/{resource}",
        "apis:read",
    ),
    ("GET", "/keys", "keys:read"),
    ("POST", "/keys", "keys:write"),
    ("POST", "/keys/rotate", "keys:write"),
    ("GET", "/keys/{kid}", "keys:read"),
    ("POST", "/keys/{kid}/activate", "keys:write"),
    ("POST", "/keys/{kid}/retire", "keys:write"),
    ("POST", "/keys/{kid}/revoke", "keys:write"),
    ("GET", "/organizations/{org}/audit-events", "audit:read"),
    (
        "POST",
        "/organizations/{org}/audit-events/verify",
        "audit:read",
    ),
    ("GET", "/audit-events", "audit:read"),
    ("POST", "/audit-events/verify", "audit:read"),
    ("GET", "/organizations/{org}/leaks", "accounts:read"),
    (
        "DELETE",
        "/organizations/{org}/leaks/{secret}",
        "credentials:write",
    ),
    ("POST", "/tokens/inspect", "accounts:read"),
    ("POST", "/tokens/revoke", "accounts:write"),
    ("POST", "/tokens/preview", "accounts:read"),
    (
        "GET",
        "/organizations/{org}/service-accounts/{account}/usage",
        "accounts:read",
    ),
    ("GET", "/organizations/{org}/usage", "accounts:read"),
    ("GET", "/findings", "accounts:read"),
    ("GET", "/system/info", "system:read"),
];

/// Every scope of `ostler`.
pub const SCOPES: [&str; 13] = [
    "access:write",
    "accounts:read",
    "accounts:write",
    "apis:read",
    "apis:write",
    "audit:read",
    "credentials:write",
    "introspect",
    "keys:read",
    "keys:write",
    "organizations:read",
    "organizations:write",
    "system:read",
];

/// The path of a route, for things of the organization `org` that exist.
pub fn path(route: &str, org: &str) -> String {
    let names = [
        ("{org}", org),
        ("{account}", "nightly"),
        ("{credential}", "first"),
        ("{secret}", "unknown"),
        ("{token}", "unknown"),
        ("{api}", "deploy"),
        ("{scope}", "deploy:read"),
        ("{resource}", "project:APOLLO"),
        ("{role}", "auditor"),
        ("{group}", "crew"),
        ("{kid}", "unknown"),
    ];
    let fill = |path: String, (name, value): (&str, &str)| path.replace(name, value);
    names.into_iter().fold(route.to_owned(), fill)
}

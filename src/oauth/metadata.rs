//! Authorization server metadata ([RFC 8414]), built once at the start.
//!
//! It describes the server and names no tenant's scopes, types or audiences. The same document is
//! served as `openid-configuration`, because many resource servers read only that; two members are
//! there for them alone.
//!
//! [RFC 8414]: https://www.rfc-editor.org/rfc/rfc8414

use serde::Serialize;

use crate::domain::issuer::Issuer;
use crate::domain::role::API_TYPE;
use crate::domain::role::AdminScope;
use crate::domain::role::ORGANIZATION_TYPE;
use crate::domain::signing_key::Algorithm;

use super::grant::token_exchange;

/// Where the endpoints are, below the issuer.
pub mod paths {
    /// RFC 6749 section 3.2.
    pub const TOKEN: &str = "/oauth/token";
    /// RFC 7662 section 2.
    pub const INTROSPECT: &str = "/oauth/introspect";
    /// RFC 7009 section 2.
    pub const REVOKE: &str = "/oauth/revoke";
    /// RFC 6749 section 3.1: a stub that refuses.
    pub const AUTHORIZE: &str = "/oauth/authorize";
    /// RFC 7517 section 5.
    pub const JWKS: &str = "/.well-known/jwks.json";
    /// RFC 8414 section 3.
    pub const METADATA: &str = "/.well-known/oauth-authorization-server";
    /// The same document, for libraries that know only `OpenID` Connect Discovery.
    pub const OPENID: &str = "/.well-known/openid-configuration";
    /// What this server is and how to use it, for people.
    pub const GUIDE: &str = "/";
    /// The token endpoint under the path that Atlassian Data Center has it.
    pub const ATLASSIAN_TOKEN: &str = "/rest/oauth2/latest/token";
}

/// How clients authenticate, at every endpoint.
const CLIENT_AUTH: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// At introspection an access token for this server will do as well. `Bearer` is spelled as in the
/// registry of access token types (RFC 8414 section 2).
const INTROSPECTION_AUTH: [&str; 3] = ["client_secret_basic", "client_secret_post", "Bearer"];

/// The document. Members in the order of RFC 8414 section 2.
#[derive(Debug, Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    scopes_supported: [&'static str; AdminScope::ALL.len()],
    // Required and not empty (RFC 8414 section 3.2), and we have none.
    response_types_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 2],
    token_endpoint_auth_methods_supported: [&'static str; 2],
    service_documentation: String,
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: [&'static str; 2],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    authorization_details_types_supported: [&'static str; 2],
    // For libraries of resource servers that read it as the algorithms of any token.
    id_token_signing_alg_values_supported: [&'static str; Algorithm::ALL.len()],
    subject_types_supported: [&'static str; 1],
}

/// The metadata of the server with this issuer, as JSON.
pub fn document(issuer: &Issuer) -> Vec<u8> {
    let metadata = Metadata {
        issuer: issuer.as_str(),
        authorization_endpoint: issuer.endpoint(paths::AUTHORIZE),
        token_endpoint: issuer.endpoint(paths::TOKEN),
        jwks_uri: issuer.endpoint(paths::JWKS),
        scopes_supported: AdminScope::ALL.map(AdminScope::as_str),
        response_types_supported: ["none"],
        grant_types_supported: ["client_credentials", token_exchange::GRANT_TYPE],
        token_endpoint_auth_methods_supported: CLIENT_AUTH,
        service_documentation: issuer.endpoint(paths::GUIDE),
        revocation_endpoint: issuer.endpoint(paths::REVOKE),
        revocation_endpoint_auth_methods_supported: CLIENT_AUTH,
        introspection_endpoint: issuer.endpoint(paths::INTROSPECT),
        introspection_endpoint_auth_methods_supported: INTROSPECTION_AUTH,
        authorization_details_types_supported: [API_TYPE, ORGANIZATION_TYPE],
        id_token_signing_alg_values_supported: Algorithm::ALL.map(Algorithm::as_str),
        subject_types_supported: ["public"],
    };
    serde_json::to_vec(&metadata).expect("a struct of texts is always JSON")
}

/// Every path at which the document of an issuer is looked for: [RFC 8414 §3.1] inserts the
/// well-known part before the issuer's path, [RFC 8414 §5] tells of the older way of appending it,
/// and clients try both with both names.
///
/// [RFC 8414 §3.1]: https://www.rfc-editor.org/rfc/rfc8414#section-3.1
/// [RFC 8414 §5]: https://www.rfc-editor.org/rfc/rfc8414#section-5
pub fn document_paths(issuer: &Issuer) -> Vec<String> {
    let path = issuer.path();
    let mut all: Vec<String> = [paths::METADATA, paths::OPENID]
        .into_iter()
        .flat_map(|known| {
            [
                known.to_owned(),
                format!("{known}{path}"),
                format!("{path}{known}"),
            ]
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_issuer_is_found_wherever_clients_look() {
        let issuer = Issuer::parse("https://auth.example.com/ostler").unwrap();
        assert_eq!(
            document_paths(&issuer),
            [
                "/.well-known/oauth-authorization-server",
                "/.well-known/oauth-authorization-server/ostler",
                "/.well-known/openid-configuration",
                "/.well-known/openid-configuration/ostler",
                "/ostler/.well-known/oauth-authorization-server",
                "/ostler/.well-known/openid-configuration",
            ]
        );
        let plain = Issuer::parse("https://auth.example.com").unwrap();
        assert_eq!(document_paths(&plain).len(), 2);
    }

    #[test]
    fn no_member_is_an_empty_list() {
        // RFC 8414 §3.2: claims with zero elements must be omitted.
        let issuer = Issuer::parse("https://auth.example.com").unwrap();
        let json = String::from_utf8(document(&issuer)).unwrap();
        assert!(!json.contains("[]") && !json.contains("null"), "{json}");
    }
}

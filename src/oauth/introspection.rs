//! Token introspection ([RFC 7662]): who may see a token, and what the answer says.
//!
//! Whether the token is active is decided elsewhere, by the facts. Here is what follows: a caller who
//! may not know of a token gets the same answer as for one that never was ([RFC 7662 §2.2]).
//!
//! [RFC 7662]: https://www.rfc-editor.org/rfc/rfc7662
//! [RFC 7662 §2.2]: https://www.rfc-editor.org/rfc/rfc7662#section-2.2

mod api_token;

pub use api_token::SeenApiToken;

use crate::domain::access::Access;
use crate::domain::access::Grant;
use crate::domain::api::Api;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::domain::json::Object;
use crate::domain::located::LocatedDetails;
use crate::domain::resource::Identifiers;
use crate::domain::role::API_TYPE;
use crate::domain::role::AdminScope;
use crate::domain::role::ORGANIZATION_TYPE;
use crate::domain::role::OSTLER_API;
use crate::domain::token::Claims;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Introspector<'a> {
    /// The account that authenticated, or whose token was presented.
    pub account: AccountId,
    /// What it holds: all of it, or what the presented token says.
    pub held: &'a Access,
}

impl Introspector<'_> {
    /// Whether it may know of an active token with these `claims`, for `api`: it is of the same
    /// account, or it holds `introspect` for that API, or `introspect` on every organization.
    pub fn may_see(&self, claims: &Claims, api: &Api) -> bool {
        self.may_see_at((claims.account, claims.organization), api)
    }

    /// Whether it may know what a token of this account, of this organization, opens at `api`.
    fn may_see_at(&self, owner: (AccountId, OrganizationId), api: &Api) -> bool {
        let (account, organization) = owner;
        let mut held = self.held.at(OSTLER_API);
        self.account == account || held.any(|grant| lets_see(grant, organization, api))
    }
}

/// Whether one grant of `ostler` alone lets its holder see the token. Two grants never add up: *introspect at
/// one API in every organization* beside *at every API in one organization* is neither.
fn lets_see(grant: &Grant, organization: OrganizationId, api: &Api) -> bool {
    if !grant.scopes.has(AdminScope::Introspect.as_str()) {
        return false;
    }
    let of_type = |wanted: &str| {
        let mut types = grant.resources.iter();
        types.find_map(|(kind, identifiers)| (kind.as_str() == wanted).then_some(identifiers))
    };
    match of_type(ORGANIZATION_TYPE) {
        Some(Identifiers::All) => true,
        Some(organizations) => {
            organizations.contains_text(organization.to_text().as_str())
                && of_type(API_TYPE).is_some_and(|apis| api_is_in(apis, api))
        }
        None => false,
    }
}

/// *All APIs* means those of the organizations, never `ostler` itself.
fn api_is_in(identifiers: &Identifiers, api: &Api) -> bool {
    match identifiers {
        Identifiers::All => api.id != OSTLER_API,
        listed @ Identifiers::Listed(_) => listed.contains_text(api.id.to_text().as_str()),
    }
}

/// Room for the answer about a usual token, in bytes.
const USUAL_LEN: usize = 512;

/// The answer about an active token that the caller may see: the values of the token, and nothing
/// that only concerns this server.
pub fn active_answer(claims: &Claims) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(USUAL_LEN);
    let mut object = Object::begin(&mut json);
    object
        .value("active", &true)?
        .value("scope", &claims.scopes)?
        .text("client_id", claims.client_id.to_text().as_str())
        .text("sub", claims.account.to_text().as_str())
        .text("aud", &claims.audience)
        .text("iss", &claims.issuer)
        .number("exp", claims.expires_at)
        .number("iat", claims.issued_at)
        .value("jti", &claims.id)?
        .text("token_type", "Bearer")
        .details(LocatedDetails {
            details: &claims.details,
            audience: &claims.audience,
        })
        .text("org", claims.organization.to_text().as_str());
    object.end();
    Ok(json)
}

/// The answer about every other token: no other member ([RFC 7662 §2.2]).
///
/// [RFC 7662 §2.2]: https://www.rfc-editor.org/rfc/rfc7662#section-2.2
pub const INACTIVE: &str = r#"{"active":false}"#;

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use crate::domain::id::ApiId;
    use crate::domain::id::ClientId;
    use crate::domain::organization::Generation;
    use crate::domain::scope::ScopeSet;
    use crate::domain::token::Epoch;
    use crate::domain::token::Generations;
    use crate::domain::token::TokenId;

    const OWN: AccountId = AccountId::from_bits(1);
    const OTHER: AccountId = AccountId::from_bits(2);
    const ORG: OrganizationId = OrganizationId::from_bits(7);

    fn claims() -> Claims {
        Claims {
            issuer: "https://auth.example.com".into(),
            account: OWN,
            client_id: ClientId::from_bits(3),
            audience: "https://jira.example.com".into(),
            issued_at: 100,
            expires_at: 1000,
            id: TokenId::from_bytes([1; 16]),
            scopes: ScopeSet::parse("read write").unwrap(),
            details: Vec::new(),
            organization: ORG,
            generations: Generations {
                epoch: Epoch::from_random([1; 8]),
                organization: Generation(1),
                account: Generation(1),
                credential: Generation(1),
            },
        }
    }

    fn sees(api: &Api, grants: &[Grant]) -> bool {
        let introspector = Introspector {
            account: OTHER,
            held: &grants.iter().cloned().collect(),
        };
        introspector.may_see(&claims(), api)
    }

    fn held(scopes: &str, organizations: &str, apis: &str) -> Grant {
        fixtures::grant(
            OSTLER_API,
            scopes,
            &[(API_TYPE, apis), (ORGANIZATION_TYPE, organizations)],
        )
    }

    #[test]
    fn the_own_account_sees_its_tokens_without_any_grant() {
        let own = Introspector {
            account: OWN,
            held: &Access::NOTHING,
        };
        assert!(own.may_see(&claims(), &fixtures::jira()));
        assert!(!sees(&fixtures::jira(), &[]));
    }

    #[test]
    fn introspect_counts_grant_by_grant() {
        let jira = fixtures::jira();
        let (org, other) = (ORG.to_string(), OrganizationId::from_bits(8).to_string());
        let (api, wrong) = (jira.id.to_string(), ApiId::from_bits(99).to_string());
        for (grants, expected) in [
            (vec![held("introspect", &org, "*")], true),
            (vec![held("introspect", &org, &api)], true),
            (vec![held("introspect", "*", "")], true),
            (vec![held("introspect", &org, &wrong)], false),
            (vec![held("introspect", &other, "*")], false),
            (vec![held("introspect", "", "*")], false),
            (vec![held("accounts:read", "*", "*")], false),
            // Each holds half of it; together they are still not it.
            (
                vec![
                    held("introspect", &org, &wrong),
                    held("introspect", &other, &api),
                ],
                false,
            ),
            (
                vec![
                    held("introspect", &org, ""),
                    held("accounts:read", &org, "*"),
                ],
                false,
            ),
        ] {
            assert_eq!(sees(&jira, &grants), expected, "{grants:?}");
        }
    }

    #[test]
    fn every_api_never_includes_this_server_itself() {
        let org = ORG.to_string();
        let ostler = fixtures::ostler();
        assert!(!sees(&ostler, &[held("introspect", &org, "*")]));
        assert!(sees(&ostler, &[held("introspect", "*", "*")]));
        assert!(sees(
            &ostler,
            &[held("introspect", &org, &OSTLER_API.to_string())]
        ));
    }

    #[test]
    fn the_answer_says_what_the_token_says_and_nothing_internal() {
        let json = String::from_utf8(active_answer(&claims()).unwrap()).unwrap();
        assert!(json.starts_with(r#"{"active":true,"scope":"read write","client_id":"sac_"#));
        for internal in ["epoch", "_gen", "username", "authorization_details"] {
            assert!(!json.contains(internal), "{json}");
        }
    }
}

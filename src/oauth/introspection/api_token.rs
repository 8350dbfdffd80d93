//! The answer about an API token ([RFC 7662 §2.2]).
//!
//! An API token is for every API that its account may use, narrowed; an answer speaks only of those
//! that the caller may ask about. Of one, it says what an access token for it would: everything that
//! is granted there, on the resources that all of the scopes share. Of several, the scopes of which
//! would run together, it says only which; the request can name one.
//!
//! [RFC 7662 §2.2]: https://www.rfc-editor.org/rfc/rfc7662#section-2.2

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::Introspector;
use crate::domain::access::Restrictions;
use crate::domain::api::Api;
use crate::domain::id::AccountId;
use crate::domain::id::ApiTokenId;
use crate::domain::id::ClientId;
use crate::domain::id::OrganizationId;
use crate::domain::located::Located;
use crate::domain::located::LocatedDetails;
use crate::domain::region::shared_resources;
use crate::domain::resource::Identifiers;
use crate::domain::scope::ScopeSet;
use crate::domain::token::AuthorizationDetail;
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::target::Target;

/// What an asker may know of an API token that is good now.
#[derive(Debug)]
pub struct SeenApiToken<'a> {
    proof: &'a AuthenticatedClient,
    issuer: &'a str,
    seen: Vec<SeenApi<'a>>,
}

/// One API that the token opens.
#[derive(Debug)]
struct SeenApi<'a> {
    audience: &'a str,
    scopes: ScopeSet,
    details: Vec<AuthorizationDetail>,
}

impl<'a> SeenApiToken<'a> {
    /// What `introspector` may know of the token that `proof` is of; of one API only, when `resource`
    /// names it. `None` when it may know of none.
    pub fn by(
        introspector: &Introspector<'_>,
        proof: &'a AuthenticatedClient,
        ostler: &'a Arc<Api>,
        resource: Option<&str>,
    ) -> Option<Self> {
        let client = proof.client();
        let owner = (client.account, client.organization);
        let mut targets = Target::all(client, ostler);
        // A token that opens nothing is nobody's business but its account's.
        let opens_nothing = targets.is_empty() && resource.is_none();
        if opens_nothing && introspector.account != client.account {
            return None;
        }
        targets.retain(|target| introspector.may_see_at(owner, target.api));
        if let Some(resource) = resource {
            targets.retain(|target| target.api.audience.as_str() == resource);
        }
        if targets.is_empty() && !opens_nothing {
            return None;
        }
        // In the same order each time.
        targets.sort_unstable_by_key(|target| target.api.audience.as_str());
        Some(Self {
            proof,
            issuer: ostler.audience.as_str(),
            seen: targets.iter().map(SeenApi::of).collect(),
        })
    }

    /// The answer. The token ends when it or its account does, whichever comes first.
    pub fn answer(&'a self) -> impl Serialize + 'a {
        let client = self.proof.client();
        let ends = [self.proof.secret_ends_at(), client.standing.account_ends_at];
        let end = ends.into_iter().flatten().min();
        let (aud, scope) = match &self.seen[..] {
            [] => (None, None),
            [only] => (Some(Audiences::One(only.audience)), Some(&only.scopes)),
            several => {
                let audiences = several.iter().map(|api| api.audience);
                (Some(Audiences::Several(audiences.collect())), None)
            }
        };
        Answer {
            active: true,
            scope,
            client_id: client.client_id,
            sub: client.account,
            aud,
            iss: self.issuer,
            exp: end.map(Timestamp::as_second),
            iat: self.proof.secret_id().unix_millis() / 1_000,
            jti: ApiTokenId::of_credential(client.credential),
            token_type: "Bearer",
            authorization_details: self.seen.iter().map(SeenApi::located).collect(),
            org: client.organization,
        }
    }
}

impl<'a> SeenApi<'a> {
    fn of(target: &Target<'a>) -> Self {
        let api = target.api;
        let scopes = target.everything();
        let nothing_said = Restrictions::default();
        let shared = shared_resources(&api.resource_types, &target.grants, &scopes, &nothing_said);
        Self {
            audience: api.audience.as_str(),
            // Where the scopes share no resources, or no single set of them, there is none of which
            // all that the answer says is true.
            details: shared.unwrap_or_else(|_| none_of_each(api)),
            scopes,
        }
    }

    fn located(&self) -> LocatedDetails<'_> {
        LocatedDetails {
            details: &self.details,
            audience: self.audience,
        }
    }
}

fn none_of_each(api: &Api) -> Vec<AuthorizationDetail> {
    let none = |kind: &_| AuthorizationDetail {
        resource_type: Clone::clone(kind),
        identifiers: Identifiers::NONE,
    };
    api.resource_types.iter().map(none).collect()
}

/// As in an access token, but for several audiences.
#[derive(Serialize)]
struct Answer<'a> {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a ScopeSet>,
    client_id: ClientId,
    sub: AccountId,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<Audiences<'a>>,
    iss: &'a str,
    exp: Option<i64>,
    iat: u64,
    jti: ApiTokenId,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Located::is_empty")]
    authorization_details: Located<'a>,
    org: OrganizationId,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Audiences<'a> {
    One(&'a str),
    Several(Vec<&'a str>),
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;
    use smallvec::smallvec;

    use super::*;
    use crate::domain::access::Grant;
    use crate::domain::client::Client;
    use crate::domain::credential::CredentialKind;
    use crate::oauth::client_auth::authenticate_api_token;
    use crate::oauth::fixtures::ISSUER;
    use crate::oauth::fixtures::JIRA;
    use crate::oauth::fixtures::JIRA_ID;
    use crate::oauth::fixtures::PEPPER;
    use crate::oauth::fixtures::WIKI;
    use crate::oauth::fixtures::WIKI_ID;
    use crate::oauth::fixtures::at;
    use crate::oauth::fixtures::client;
    use crate::oauth::fixtures::grant;
    use crate::oauth::fixtures::ostler;
    use crate::oauth::fixtures::stored;

    /// The answer about an API token with these grants, to its own account or to somebody who holds
    /// this.
    fn ask(grants: &[Grant], held: Option<&Grant>, resource: Option<&str>) -> Option<Value> {
        let token = Client {
            kind: CredentialKind::ApiToken,
            secrets: smallvec![stored(1, Some(100))],
            ..client(grants.iter().cloned())
        };
        let own = token.account;
        let hash = (PEPPER, stored(1, None).hash);
        let proof = authenticate_api_token(Some(Arc::new(token)), &hash, at(0)).unwrap();
        let introspector = Introspector {
            account: if held.is_some() {
                AccountId::from_bits(9)
            } else {
                own
            },
            held: &held.into_iter().cloned().collect(),
        };
        let ostler = ostler();
        let seen = SeenApiToken::by(&introspector, &proof, &ostler, resource)?;
        Some(serde_json::to_value(seen.answer()).unwrap())
    }

    fn may_introspect(apis: &str) -> Grant {
        let home = crate::oauth::fixtures::HOME.to_string();
        let resources = [("organization", home.as_str()), ("api", apis)];
        grant(crate::domain::role::OSTLER_API, "introspect", &resources)
    }

    fn jira(scopes: &str, projects: &str) -> Grant {
        grant(JIRA_ID, scopes, &[("project", projects)])
    }

    #[test]
    fn of_one_api_an_answer_says_what_an_access_token_would() {
        let answer = ask(&[jira("read write", "A B")], None, None).unwrap();
        assert_eq!(answer["aud"], JIRA);
        assert_eq!(answer["scope"], "read write");
        assert_eq!(answer["iss"], ISSUER);
        assert_eq!(answer["exp"], 100);
        let project = json!({"type": "project", "locations": [JIRA], "identifiers": ["A", "B"]});
        assert_eq!(answer["authorization_details"][0], project);
    }

    #[test]
    fn of_several_apis_it_says_which_unless_one_is_named() {
        let grants = [jira("read", "A"), grant(WIKI_ID, "edit", &[])];
        let answer = ask(&grants, None, None).unwrap();
        assert_eq!(answer["aud"], json!([JIRA, WIKI]));
        assert_eq!(answer.get("scope"), None);
        assert_eq!(
            answer["authorization_details"][0]["locations"],
            json!([JIRA])
        );

        let answer = ask(&grants, None, Some(WIKI)).unwrap();
        assert_eq!(
            (&answer["aud"], &answer["scope"]),
            (&json!(WIKI), &json!("edit"))
        );
        for other in [ISSUER, "https://nobody.example", ""] {
            assert_eq!(ask(&grants, None, Some(other)), None, "{other}");
        }
    }

    #[test]
    fn an_asker_hears_only_of_the_apis_it_may_introspect() {
        let grants = [jira("read", "A"), grant(WIKI_ID, "edit", &[])];
        let wiki = may_introspect(&WIKI_ID.to_string());
        let answer = ask(&grants, Some(&wiki), None).unwrap();
        assert_eq!(
            (&answer["aud"], &answer["scope"]),
            (&json!(WIKI), &json!("edit"))
        );
        assert_eq!(answer.get("authorization_details"), None);
        assert_eq!(ask(&grants, Some(&wiki), Some(JIRA)), None);
        assert_eq!(ask(&grants[..1], Some(&wiki), None), None);
        let both = ask(&grants, Some(&may_introspect("*")), None).unwrap();
        assert_eq!(both["aud"], json!([JIRA, WIKI]));
    }

    #[test]
    fn scopes_that_share_no_resource_are_never_flattened() {
        let grants = [jira("read", "A"), jira("write", "B")];
        let answer = ask(&grants, None, None).unwrap();
        assert_eq!(answer["scope"], "read write");
        assert_eq!(answer["authorization_details"][0]["identifiers"], json!([]));
    }

    #[test]
    fn a_token_that_opens_nothing_is_known_to_its_own_account_only() {
        let answer = ask(&[], None, None).unwrap();
        assert_eq!(answer["active"], true);
        assert_eq!(answer.get("aud"), None);
        assert_eq!(ask(&[], Some(&may_introspect("*")), None), None);
        assert_eq!(ask(&[], None, Some(JIRA)), None);
    }
}

//! Grants: what a client gets a token for. One file per grant type.
//!
//! The checks are made in this order, and the first that fails is the answer: the form (400), the
//! client's authentication (401; a caller that nobody knows learns nothing about grants), the grant
//! type, the syntax of the other parameters, the API, the scopes, the resources, the lifetime.

mod client_credentials;
pub mod token_exchange;
#[cfg(test)]
mod within;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::authorization_details;
use super::client_auth::AuthenticatedClient;
use super::form::Form;
use super::refusal::ClientAuthFailure;
use super::refusal::Refusal;
use super::refusal::quoted;
use super::target::Target;
use super::token_request::TokenRequest;
use crate::domain::access::Restrictions;
use crate::domain::api::Api;
use crate::domain::client::Client;
use crate::domain::credential::CredentialKind;
use crate::domain::region::NoSharedResources;
use crate::domain::region::shared_resources;
use crate::domain::scope::ScopeSet;
use crate::domain::token::AuthorizationDetail;
use crate::domain::token::Claims;
use crate::domain::token::TokenId;

/// How long tokens live on this server.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Where the API says nothing.
    pub default: Duration,
    /// At most.
    pub max: Duration,
}

/// What a decision about a grant rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Who asks.
    pub client: &'a AuthenticatedClient,
    /// The built-in API; its audience is the issuer.
    pub ostler: &'a Arc<Api>,
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// What time it is.
    pub now: Timestamp,
}

/// What a preview of a grant rests on: nobody has authenticated.
#[derive(Clone, Copy, Debug)]
pub struct PreviewFacts<'a> {
    /// Who would ask.
    pub client: &'a Arc<Client>,
    /// The built-in API; its audience is the issuer.
    pub ostler: &'a Arc<Api>,
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// What time it is.
    pub now: Timestamp,
}

/// What both decide by.
#[derive(Clone, Copy)]
struct Case<'a> {
    client: &'a Arc<Client>,
    /// The end of the secret that was used, or would be.
    secret_ends_at: Option<Timestamp>,
    ostler: &'a Arc<Api>,
    lifetimes: Lifetimes,
    now: Timestamp,
}

/// What a client is granted: everything that its token says but the `jti`.
#[derive(Clone, Debug)]
pub struct TokenGrant {
    /// The API that the token is for.
    pub api: Arc<Api>,
    /// What may be done there.
    pub scopes: ScopeSet,
    /// To which resources: one for each type that the API declares.
    pub details: Vec<AuthorizationDetail>,
    issuer: Arc<str>,
    client: Arc<Client>,
    issued_at: i64,
    lifetime_secs: i64,
}

/// Decides what an authenticated client is granted ([RFC 6749 §4.4]), or the holder of an API token
/// ([RFC 8693 §2]). The proof tells which: an API token can only be exchanged.
///
/// [RFC 6749 §4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
/// [RFC 8693 §2]: https://www.rfc-editor.org/rfc/rfc8693#section-2
pub fn decide(form: &Form<'_>, facts: &Facts<'_>) -> Result<TokenGrant, Refusal> {
    Case {
        client: facts.client.client(),
        secret_ends_at: facts.client.secret_ends_at(),
        ostler: facts.ostler,
        lifetimes: facts.lifetimes,
        now: facts.now,
    }
    .decide(form)
}

/// What [`decide`] would say if the client asked now, with its newest secret and from a network that
/// it may come from. It is for an administrator to read, and not for a token to be made of.
pub fn preview(form: &Form<'_>, facts: &PreviewFacts<'_>) -> Result<TokenGrant, Refusal> {
    let (client, now) = (facts.client, facts.now);
    let live = client.secrets.iter().rfind(|secret| secret.is_live(now));
    let secret = live.ok_or(ClientAuthFailure::ExpiredSecret)?;
    let standing = client.standing.check(now);
    standing.map_err(ClientAuthFailure::Dead)?;
    Case {
        client,
        secret_ends_at: secret.ends_at,
        ostler: facts.ostler,
        lifetimes: facts.lifetimes,
        now,
    }
    .decide(form)
}

impl Case<'_> {
    fn decide(&self, form: &Form<'_>) -> Result<TokenGrant, Refusal> {
        match self.client.kind {
            CredentialKind::ClientSecret => client_credentials::decide(form, self),
            CredentialKind::ApiToken => token_exchange::decide(form, self),
        }
    }
}

impl TokenGrant {
    /// What `target` gives, of what is asked for.
    fn of(
        target: &Target<'_>,
        request: &TokenRequest<'_>,
        case: &Case<'_>,
    ) -> Result<Self, Refusal> {
        let api = target.api;
        let scopes = target.scopes(request.scopes.as_ref())?;
        let wanted = match request.details {
            Some(text) => authorization_details::parse(text, api)?,
            None => Restrictions::default(),
        };
        let details = shared_resources(&api.resource_types, &target.grants, &scopes, &wanted)
            .map_err(|why| no_resources(&scopes, &why))?;
        Ok(Self {
            api: Arc::clone(api),
            scopes,
            details,
            issuer: case.ostler.audience.shared(),
            client: Arc::clone(case.client),
            issued_at: case.now.as_second(),
            lifetime_secs: lifetime_secs(api, request.expires_in, case)?,
        })
    }

    /// How long the token lives, in seconds: `expires_in`.
    pub fn lifetime_secs(&self) -> i64 {
        self.lifetime_secs
    }

    /// What a token with this `jti` says.
    pub fn into_claims(self, id: TokenId) -> Claims {
        Claims {
            issuer: self.issuer,
            account: self.client.account,
            client_id: self.client.client_id,
            audience: self.api.audience.shared(),
            issued_at: self.issued_at,
            expires_at: self.issued_at + self.lifetime_secs,
            id,
            scopes: self.scopes,
            details: self.details,
            organization: self.client.organization,
            generations: self.client.standing.generations(),
        }
    }
}

/// Refuses a token whose text would have `bytes` of the `max_bytes` that it may have: it would not
/// fit into the headers of usual servers.
pub fn check_size(bytes: usize, max_bytes: usize) -> Result<(), Refusal> {
    if bytes <= max_bytes {
        return Ok(());
    }
    Err(Refusal::invalid_authorization_details(format!(
        "the token would have {bytes} bytes and may have {max_bytes}: ask for fewer identifiers in \
         authorization_details, or for fewer scopes"
    )))
}

/// The shortest of all limits, and never beyond the end of the secret that was used or of the
/// account. Before a whole second is left, that end has come.
fn lifetime_secs(api: &Api, requested: Option<u64>, case: &Case<'_>) -> Result<i64, Refusal> {
    let client = case.client;
    let limits = [
        Some(case.lifetimes.max),
        client.organization_max_token_lifetime,
        client.account_max_token_lifetime,
        requested.map(Duration::from_secs),
    ];
    let usual = api.token.lifetime.unwrap_or(case.lifetimes.default);
    let lifetime = limits.into_iter().flatten().fold(usual, Duration::min);
    let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);

    let ends = [case.secret_ends_at, client.standing.account_ends_at];
    let left = ends
        .into_iter()
        .flatten()
        .map(|end| end.as_second() - case.now.as_second());
    match left.fold(lifetime, i64::min) {
        ..1 => Err(ClientAuthFailure::AtItsEnd.into()),
        seconds => Ok(seconds),
    }
}

fn no_resources(scopes: &ScopeSet, why: &NoSharedResources) -> Refusal {
    match why {
        NoSharedResources::NotShared => Refusal::invalid_scope(format!(
            "the scopes {} are not held on a common resource: ask for fewer scopes",
            quoted(&scopes.to_string())
        )),
        NoSharedResources::NoLargest => Refusal::invalid_scope(
            "the resources held are not a single set of combinations: say in \
             authorization_details which are meant, for each type",
        ),
        NoSharedResources::NotHeld(kind, key) => Refusal::invalid_authorization_details(format!(
            "the {kind} {} is not held with every scope asked for",
            quoted(key.as_str())
        )),
        NoSharedResources::NotTogether => Refusal::invalid_authorization_details(
            "these identifiers are held, but not every combination of them: ask for fewer",
        ),
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::domain::access::Grant;
    use crate::domain::role::OSTLER_API;
    use crate::oauth::fixtures::JIRA;
    use crate::oauth::fixtures::JIRA_ID;
    use crate::oauth::fixtures::WIKI_ID;
    use crate::oauth::fixtures::at;
    use crate::oauth::fixtures::authenticated;
    use crate::oauth::fixtures::client;
    use crate::oauth::fixtures::form;
    use crate::oauth::fixtures::grant;
    use crate::oauth::fixtures::ostler;
    use crate::oauth::fixtures::stored;

    const ID: TokenId = TokenId::from_bytes([5; 16]);

    fn minutes(count: u64) -> Duration {
        Duration::from_mins(count)
    }

    fn decide_for(client: Client, body: &str, now: Timestamp) -> Result<TokenGrant, Refusal> {
        let proof = authenticated(client, 1);
        let facts = Facts {
            client: &proof,
            ostler: &ostler(),
            lifetimes: Lifetimes {
                default: minutes(15),
                max: minutes(60),
            },
            now,
        };
        decide(&form(body), &facts)
    }

    fn ask(client: Client, parameters: &str) -> Result<TokenGrant, Refusal> {
        let body = format!("grant_type=client_credentials&{parameters}");
        decide_for(client, &body, at(0))
    }

    fn jira(scopes: &str, projects: &str) -> Grant {
        grant(JIRA_ID, scopes, &[("project", projects)])
    }

    /// The description of a refusal with its code.
    fn refused(answer: Result<TokenGrant, Refusal>) -> String {
        let refusal = answer.unwrap_err();
        format!("{}: {}", refusal.code(), refusal.description())
    }

    #[test]
    fn the_grant_type_is_there_once_and_exact() {
        // RFC 6749 §5.2: invalid_request when it is missing, unsupported_grant_type for others.
        for (body, code) in [
            ("", "invalid_request"),
            ("grant_type=", "invalid_request"),
            ("Grant_Type=client_credentials", "invalid_request"),
            ("grant_type=CLIENT_CREDENTIALS", "unsupported_grant_type"),
            ("grant_type=client_credentials+", "unsupported_grant_type"),
            ("grant_type=client-credentials", "unsupported_grant_type"),
            ("grant_type=password", "unsupported_grant_type"),
            ("grant_type=refresh_token", "unsupported_grant_type"),
            (
                "grant_type=authorization_code&code=x",
                "unsupported_grant_type",
            ),
            (
                "grant_type=urn:ietf:params:oauth:grant-type:token-exchange",
                "unsupported_grant_type",
            ),
            // It is looked at before the other parameters.
            ("grant_type=password&scope=%22", "unsupported_grant_type"),
            ("scope=%22&expires_in=x", "invalid_request"),
        ] {
            let refusal = decide_for(client([jira("read", "A")]), body, at(0)).unwrap_err();
            assert_eq!(refusal.code(), code, "{body}");
        }
    }

    #[test]
    fn a_token_says_who_where_what_and_until_when() {
        // RFC 9068 §2.2.
        let bot = client([jira("read write", "B A")]);
        let (account, client_id) = (bot.account, bot.client_id);
        let (organization, generations) = (bot.organization, bot.standing.generations());
        let parameters = "client_id=x&client_secret=y&scope=write+read&foo=bar";
        let granted = ask(bot, parameters).unwrap();
        assert_eq!(granted.lifetime_secs(), 900);
        let claims = granted.into_claims(ID);
        assert_eq!(&*claims.issuer, "https://auth.example");
        assert_eq!(&*claims.audience, JIRA);
        assert_eq!((claims.account, claims.client_id), (account, client_id));
        assert_eq!((claims.issued_at, claims.expires_at), (0, 900));
        assert_eq!(claims.id, ID);
        assert_eq!(claims.scopes.to_string(), "read write");
        assert_eq!(claims.details.len(), 1);
        assert_eq!(claims.organization, organization);
        assert_eq!(claims.generations, generations);
    }

    #[test]
    fn the_shortest_limit_is_the_lifetime() {
        let bot = || client([jira("read", "A")]);
        let of_api = |lifetime| {
            let mut bot = bot();
            let mut api = (*bot.apis[0]).clone();
            api.token.lifetime = Some(lifetime);
            bot.apis = [Arc::new(api)].into();
            bot
        };
        let of_organization = Client {
            organization_max_token_lifetime: Some(minutes(10)),
            ..bot()
        };
        let of_account = Client {
            account_max_token_lifetime: Some(minutes(5)),
            ..bot()
        };
        for (client, parameters, expected) in [
            (bot(), "", 900),
            (bot(), "expires_in=1", 1),
            (bot(), "expires_in=60", 60),
            (bot(), "expires_in=901", 900),
            (bot(), "expires_in=99999999999999999999999", 900),
            (of_api(minutes(30)), "", 1800),
            (of_api(minutes(90)), "", 3600),
            (of_api(minutes(30)), "expires_in=1200", 1200),
            (of_organization, "", 600),
            (of_account, "", 300),
        ] {
            assert_eq!(ask(client, parameters).unwrap().lifetime_secs(), expected);
        }
    }

    #[test]
    fn no_token_outlives_the_secret_that_got_it_or_the_account() {
        let ends = |secret: Option<i64>, account: Option<i64>| {
            let mut bot = client([jira("read", "A")]);
            bot.secrets = smallvec![stored(1, secret), stored(2, None)];
            bot.standing.account_ends_at = account.map(at);
            bot
        };
        let half_past = |second: i64| Timestamp::new(second, 500_000_000).unwrap();
        for (client, now, expected) in [
            (ends(Some(1000), None), at(100), Some(900)),
            (ends(Some(1000), None), at(101), Some(899)),
            (ends(None, Some(1000)), at(999), Some(1)),
            (ends(Some(800), Some(700)), at(0), Some(700)),
            // `iat` is the second that has begun, so `exp` is not beyond the end.
            (ends(Some(1000), None), half_past(998), Some(2)),
            (ends(Some(1000), None), half_past(999), Some(1)),
            (ends(Some(1000), None), at(1000), None),
        ] {
            let decided = decide_for(client, "grant_type=client_credentials", now);
            match expected {
                Some(seconds) => assert_eq!(decided.unwrap().lifetime_secs(), seconds),
                None => assert_eq!(
                    decided.unwrap_err(),
                    Refusal::InvalidClient(ClientAuthFailure::AtItsEnd)
                ),
            }
        }
    }

    /// The resources of the only type.
    fn projects(answer: Result<TokenGrant, Refusal>) -> crate::domain::resource::Identifiers {
        let mut details = answer.unwrap().details;
        assert_eq!(details.len(), 1);
        details.remove(0).identifiers
    }

    #[test]
    fn a_token_is_for_the_resources_that_all_its_scopes_share() {
        use crate::oauth::fixtures::keys;
        let bot = || client([jira("read", "*"), jira("read write", "A B")]);
        for (parameters, expected) in [
            ("", "A B"),
            ("scope=read", "*"),
            ("scope=write", "A B"),
            ("scope=read&authorization_details=[]", "*"),
            (
                r#"authorization_details=[{"type":"project","identifiers":["B"]}]"#,
                "B",
            ),
            (
                r#"authorization_details=[{"type":"project","identifiers":"*"}]"#,
                "A B",
            ),
            (
                r#"scope=read&authorization_details=[{"type":"project","identifiers":["Z"]}]"#,
                "Z",
            ),
            (
                r#"authorization_details=[{"type":"project","identifiers":[]}]"#,
                "",
            ),
        ] {
            assert_eq!(
                projects(ask(bot(), parameters)),
                keys(expected),
                "{parameters}"
            );
        }
    }

    #[test]
    fn what_the_scopes_do_not_share_is_refused_with_a_hint() {
        let apart = || client([jira("read", "A"), jira("write", "B")]);
        assert_eq!(
            refused(ask(apart(), "")),
            "invalid_scope: the scopes 'read write' are not held on a common resource: ask for \
             fewer scopes"
        );
        assert_eq!(
            refused(ask(
                apart(),
                r#"scope=read&authorization_details=[{"type":"project","identifiers":["B"]}]"#
            )),
            "invalid_authorization_details: the project 'B' is not held with every scope asked for"
        );
        // Where no scope is held on any resource, none is what they share.
        let bare = client([jira("read", ""), jira("write", "")]);
        assert!(projects(ask(bare, "")).is_none());
    }

    #[test]
    fn an_api_without_resource_types_takes_no_details() {
        let bot = || client([grant(WIKI_ID, "read", &[])]);
        assert_eq!(ask(bot(), "").unwrap().details, []);
        let parameters = r#"authorization_details=[{"type":"project","identifiers":"*"}]"#;
        assert!(refused(ask(bot(), parameters)).starts_with("invalid_authorization_details"));
    }

    #[test]
    fn an_administrator_gets_a_token_for_this_server() {
        let bot = client([grant(
            OSTLER_API,
            "accounts:write",
            &[("api", "*"), ("organization", "*")],
        )]);
        let granted = ask(bot, "scope=accounts:read+accounts:write").unwrap();
        assert_eq!(granted.scopes.to_string(), "accounts:read accounts:write");
        let types = granted.details.iter().map(|one| one.resource_type.as_str());
        assert!(types.eq(["api", "organization"]));
        assert!(
            granted
                .details
                .iter()
                .all(|one| one.identifiers == crate::domain::resource::Identifiers::All)
        );
    }

    #[test]
    fn a_token_that_is_too_large_is_refused() {
        assert_eq!(check_size(4096, 4096), Ok(()));
        let refusal = check_size(4097, 4096).unwrap_err();
        assert_eq!(refusal.code(), "invalid_authorization_details");
        assert!(refusal.description().contains("ask for fewer"));
    }

    #[test]
    fn what_looks_like_a_secret_is_not_shown_back() {
        // RFC 6749 §10.3.
        let secret = crate::oauth::fixtures::secret(1);
        let bot = || client([jira("read", "A")]);
        for parameter in ["scope", "resource", "expires_in"] {
            let text = refused(ask(bot(), &format!("{parameter}={}", secret.expose())));
            assert!(!text.contains(secret.expose()), "{text}");
        }
        let details = format!(
            r#"authorization_details=[{{"type":"project","identifiers":["{}"]}}]"#,
            secret.expose()
        );
        let text = refused(ask(bot(), &details));
        assert!(!text.contains(secret.expose()), "{text}");
    }
}

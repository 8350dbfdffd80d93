//! Which API a token is for, and with which scopes.
//!
//! A token is for one API. The client says which ([RFC 8707 §2]), or there is only one that can be
//! meant. `ostler`, the API of this server, is never meant by accident: it counts only when it is
//! named, or when there is no other. What a client may not know of is worded like what does not
//! exist, and a scope is refused rather than silently left out.
//!
//! Access here is what is left after the credential's narrowing.
//!
//! [RFC 8707 §2]: https://www.rfc-editor.org/rfc/rfc8707#section-2

use std::borrow::Cow;
use std::sync::Arc;

use super::refusal::Refusal;
use super::refusal::quoted;
use crate::domain::access::Grant;
use crate::domain::api::Api;
use crate::domain::api::Audience;
use crate::domain::client::Client;
use crate::domain::role::OSTLER_API;
use crate::domain::scope::ScopeNames;
use crate::domain::scope::ScopeSet;

/// An API at which a client has been granted something.
#[derive(Debug)]
pub struct Target<'a> {
    /// The API.
    pub api: &'a Arc<Api>,
    /// What is granted there.
    pub grants: Vec<&'a Grant>,
}

impl<'a> Target<'a> {
    /// The API that `client` wants: the `resource` it names, or else the only one, or else the only
    /// one with all of the `scopes` it asks for.
    pub fn choose(
        client: &'a Client,
        ostler: &'a Arc<Api>,
        resource: Option<&str>,
        scopes: Option<&ScopeNames<'_>>,
    ) -> Result<Self, Refusal> {
        let mut all = Self::all(client, ostler);
        if let Some(resource) = resource {
            let named = |target: &Self| target.api.audience.as_str() == resource;
            return match all.iter().position(named) {
                Some(place) => Ok(all.swap_remove(place)),
                None => Err(not_a_target(resource, &all)),
            };
        }
        let alone = all.len() == 1;
        let named_only = all.extract_if(.., |target| target.is_ostler() && !alone);
        let ostler = named_only.last();
        match (all.len(), scopes) {
            (0, _) => Err(Refusal::invalid_target("no API is granted to this client")),
            (1, _) => Ok(all.swap_remove(0)),
            (_, None) => Err(several(&all, "several APIs are granted")),
            (_, Some(scopes)) => Self::holding(all, ostler.as_ref(), scopes),
        }
    }

    /// Every API of the client's own organization, and `ostler`, at which anything is granted.
    pub fn all(client: &'a Client, ostler: &'a Arc<Api>) -> Vec<Self> {
        let own = |api: &&Arc<Api>| api.organization == Some(client.organization);
        client
            .apis
            .iter()
            .filter(own)
            .chain([ostler])
            .map(|api| Self {
                api,
                grants: client
                    .access
                    .at(api.id)
                    .filter(|grant| !grant.scopes.is_empty())
                    .collect(),
            })
            .filter(|target| !target.grants.is_empty())
            .collect()
    }

    /// The only one with all of the scopes.
    fn holding(
        mut all: Vec<Self>,
        ostler: Option<&Self>,
        scopes: &ScopeNames<'_>,
    ) -> Result<Self, Refusal> {
        let nowhere = |scope: &&str| !all.iter().any(|target| target.opens(scope));
        if let Some(scope) = scopes.iter().find(nowhere) {
            return Err(not_granted(scope, ostler));
        }
        all.retain(|target| scopes.iter().all(|scope| target.opens(scope)));
        match all.len() {
            0 => Err(Refusal::invalid_scope(format!(
                "no single API has all of the scopes {}: a token is for one API",
                quoted(&scopes.to_string())
            ))),
            1 => Ok(all.swap_remove(0)),
            _ => Err(several(&all, "several APIs have these scopes")),
        }
    }

    /// The scopes of the token: those that are asked for, or everything that is granted here. A
    /// scope of `ostler` that another implies may be asked for, and is not added.
    pub fn scopes(&self, requested: Option<&ScopeNames<'_>>) -> Result<ScopeSet, Refusal> {
        let Some(requested) = requested else {
            return Ok(self.everything());
        };
        let names = requested.iter();
        let mut scopes = Vec::with_capacity(names.len());
        for name in names {
            let opened = self.grants.iter().find_map(|grant| grant.opened(name));
            scopes.push(opened.ok_or_else(|| self.not_granted_here(name))?);
        }
        Ok(scopes.into_iter().collect())
    }

    fn not_granted_here(&self, scope: &str) -> Refusal {
        Refusal::invalid_scope(format!(
            "the scope {} is not granted at {}",
            quoted(scope),
            self.api.audience
        ))
    }

    /// Every scope that is granted here.
    pub fn everything(&self) -> ScopeSet {
        match &self.grants[..] {
            [only] => only.scopes.clone(),
            grants => grants
                .iter()
                .flat_map(|grant| &grant.scopes)
                .cloned()
                .collect(),
        }
    }

    fn opens(&self, scope: &str) -> bool {
        self.grants.iter().any(|grant| grant.opens(scope))
    }

    fn is_ostler(&self) -> bool {
        self.api.id == OSTLER_API
    }
}

/// A named resource that is malformed, unknown, or nothing of it granted; the last two read alike.
fn not_a_target(resource: &str, granted: &[Target<'_>]) -> Refusal {
    if Audience::parse(resource).is_err() {
        return Refusal::invalid_target(
            "resource must be an absolute URI without a fragment, of printable ASCII characters",
        );
    }
    Refusal::invalid_target(format!(
        "the resource {} is unknown or not granted; granted: {}",
        quoted(resource),
        audiences(granted)
    ))
}

fn several(targets: &[Target<'_>], what: &str) -> Refusal {
    Refusal::invalid_target(format!(
        "{what}: say which is meant with resource; granted: {}",
        audiences(targets)
    ))
}

fn not_granted(scope: &str, ostler: Option<&Target<'_>>) -> Refusal {
    let scope_name = quoted(scope);
    Refusal::invalid_scope(match ostler.filter(|ostler| ostler.opens(scope)) {
        Some(ostler) => format!(
            "the scope {scope_name} needs resource={}",
            ostler.api.audience
        ),
        None => format!("the scope {scope_name} is not granted"),
    })
}

/// The first few audiences, in the same order each time.
fn audiences(targets: &[Target<'_>]) -> String {
    const SHOWN: usize = 5;
    let audiences = targets.iter().map(|target| target.api.audience.as_str());
    let mut names: Vec<Cow<'_, str>> = audiences.map(Cow::Borrowed).collect();
    names.sort_unstable();
    names.truncate(SHOWN);
    match targets.len() {
        0 => names.push("none".into()),
        all if all > SHOWN => names.push(format!("and {} more", all - SHOWN).into()),
        _ => {}
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::OrganizationId;
    use crate::oauth::fixtures::ISSUER;
    use crate::oauth::fixtures::JIRA;
    use crate::oauth::fixtures::JIRA_ID;
    use crate::oauth::fixtures::WIKI;
    use crate::oauth::fixtures::WIKI_ID;
    use crate::oauth::fixtures::client;
    use crate::oauth::fixtures::grant;
    use crate::oauth::fixtures::ostler;

    fn jira(scopes: &str) -> Grant {
        grant(JIRA_ID, scopes, &[("project", "A")])
    }

    fn wiki(scopes: &str) -> Grant {
        grant(WIKI_ID, scopes, &[])
    }

    fn admin(scopes: &str) -> Grant {
        grant(OSTLER_API, scopes, &[("organization", "*"), ("api", "*")])
    }

    /// The audience and the scopes, or the refusal.
    fn choose(grants: &[Grant], resource: Option<&str>, scope: Option<&str>) -> String {
        let client = client(grants.iter().cloned());
        let ostler = ostler();
        let scopes = scope.map(|scope| ScopeNames::parse(scope).unwrap());
        let chosen = Target::choose(&client, &ostler, resource, scopes.as_ref());
        let answer = chosen.and_then(|target| Ok((target.scopes(scopes.as_ref())?, target.api)));
        match answer {
            Ok((scopes, api)) => format!("{}: {scopes}", api.audience),
            Err(refusal) => format!("{}: {}", refusal.code(), refusal.description()),
        }
    }

    #[test]
    fn a_named_resource_is_meant_exactly() {
        // RFC 8707 §2.
        let grants = [jira("read write"), wiki("read"), admin("apis:read")];
        for (resource, scope, expected) in [
            (JIRA, None, "https://jira.example: read write"),
            (JIRA, Some("read"), "https://jira.example: read"),
            (WIKI, None, "https://wiki.example: read"),
            (ISSUER, None, "https://auth.example: apis:read"),
        ] {
            assert_eq!(choose(&grants, Some(resource), scope), expected);
        }
        for other in [
            "https://jira.example/",
            "HTTPS://JIRA.EXAMPLE",
            "https://auth.example/",
            "urn:nobody",
        ] {
            let answer = choose(&grants, Some(other), None);
            assert!(
                answer.starts_with("invalid_target: the resource"),
                "{answer}"
            );
        }
    }

    #[test]
    fn what_is_not_granted_is_worded_like_what_is_unknown() {
        let grants = [jira("read")];
        for unknown in [WIKI, ISSUER, "https://nobody.example"] {
            assert_eq!(
                choose(&grants, Some(unknown), None),
                format!(
                    "invalid_target: the resource '{unknown}' is unknown or not granted; \
                     granted: https://jira.example"
                )
            );
        }
    }

    #[test]
    fn what_is_no_absolute_uri_is_refused() {
        // RFC 8707 §2: an absolute URI that does not include a fragment.
        let grants = [jira("read")];
        for bad in [
            "jira",
            "/jira",
            "//jira.example",
            "https://jira.example#x",
            "x y",
            "ostler",
        ] {
            let answer = choose(&grants, Some(bad), None);
            assert!(
                answer.starts_with("invalid_target: resource must be"),
                "{answer}"
            );
        }
    }

    #[test]
    fn without_a_resource_the_only_api_is_meant() {
        for (grants, scope, expected) in [
            (
                &[jira("read write")][..],
                None,
                "https://jira.example: read write",
            ),
            (
                &[jira("read"), jira("write")],
                None,
                "https://jira.example: read write",
            ),
            (
                &[jira("read write")],
                Some("write"),
                "https://jira.example: write",
            ),
            (
                &[jira("read")],
                Some("admin"),
                "invalid_scope: the scope 'admin' is not granted at https://jira.example",
            ),
            // `ostler` counts only when it is the only one.
            (
                &[admin("apis:read")],
                None,
                "https://auth.example: apis:read",
            ),
            (
                &[jira("read"), admin("apis:read")],
                None,
                "https://jira.example: read",
            ),
            (
                &[jira("read"), admin("apis:read")],
                Some("apis:read"),
                "invalid_scope: the scope 'apis:read' is not granted at https://jira.example",
            ),
            (
                &[],
                None,
                "invalid_target: no API is granted to this client",
            ),
            (
                &[],
                Some("read"),
                "invalid_target: no API is granted to this client",
            ),
        ] {
            assert_eq!(choose(grants, None, scope), expected);
        }
    }

    #[test]
    fn of_several_apis_the_scopes_must_tell_which() {
        // RFC 9068 §3.
        let grants = [jira("read write"), wiki("read edit"), admin("apis:read")];
        for (scope, expected) in [
            (Some("write"), "https://jira.example: write"),
            (Some("edit read"), "https://wiki.example: edit read"),
            (
                Some("read"),
                "invalid_target: several APIs have these scopes: say which is meant with resource; \
                 granted: https://jira.example, https://wiki.example",
            ),
            (
                None,
                "invalid_target: several APIs are granted: say which is meant with resource; \
                 granted: https://jira.example, https://wiki.example",
            ),
            (
                Some("edit write"),
                "invalid_scope: no single API has all of the scopes 'edit write': a token is for \
                 one API",
            ),
            (
                Some("admin read"),
                "invalid_scope: the scope 'admin' is not granted",
            ),
            (
                Some("apis:read"),
                "invalid_scope: the scope 'apis:read' needs resource=https://auth.example",
            ),
            (
                Some("keys:read"),
                "invalid_scope: the scope 'keys:read' is not granted",
            ),
        ] {
            assert_eq!(choose(&grants, None, scope), expected);
        }
    }

    #[test]
    fn an_implied_scope_may_be_asked_for_and_is_not_added() {
        let grants = [admin("accounts:write introspect")];
        assert_eq!(
            choose(&grants, None, None),
            "https://auth.example: accounts:write introspect"
        );
        assert_eq!(
            choose(&grants, None, Some("accounts:read")),
            "https://auth.example: accounts:read"
        );
        assert!(choose(&grants, None, Some("apis:read")).starts_with("invalid_scope"));
        // Elsewhere a name implies nothing.
        let grants = [wiki("read:write")];
        assert!(choose(&grants, None, Some("read:read")).starts_with("invalid_scope"));
    }

    #[test]
    fn an_api_of_another_organization_is_none() {
        let mut client = client([jira("read")]);
        client.organization = OrganizationId::from_bits(99);
        let ostler = ostler();
        for resource in [None, Some(JIRA)] {
            let refusal = Target::choose(&client, &ostler, resource, None).unwrap_err();
            assert_eq!(refusal.code(), "invalid_target");
        }
    }

    #[test]
    fn a_list_of_audiences_is_cut_and_in_one_order() {
        let api = crate::oauth::fixtures::jira();
        let target = || Target {
            api: &api,
            grants: Vec::new(),
        };
        let many: Vec<_> = std::iter::repeat_with(target).take(7).collect();
        assert!(audiences(&many).ends_with("https://jira.example, and 2 more"));
        let wiki = crate::oauth::fixtures::wiki();
        let mut both = [&wiki, &api].map(|api| Target {
            api,
            grants: Vec::new(),
        });
        let names = audiences(&both);
        assert_eq!(names, "https://jira.example, https://wiki.example");
        both.reverse();
        assert_eq!(audiences(&both), names);
        assert_eq!(audiences(&[]), "none");
    }
}

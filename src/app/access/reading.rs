//! What presented access turns out to mean.
//!
//! A body names APIs, scopes, resource types and keys. Each must exist, and each type that the API
//! declares must be said; what does not is refused by name, all of it at once.

use crate::domain::access::Access;
use crate::domain::access::Grant;
use crate::domain::access::MAX_ACCESS_BYTES;
use crate::domain::access_size::MAX_NARROWING_GRANTS_AT_API;
use crate::domain::api::Api;
use crate::domain::id::ApiId;
use crate::domain::resource::Identifiers;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::resource_keys::ResourceKeys;
use crate::domain::role::OSTLER_API;
use crate::domain::scope::Scope;
use crate::domain::scope::ScopeSet;
use crate::store::Change;
use crate::store::StoreError;

use super::super::authority::InOrganization;
use super::super::lookup;
use super::super::problem::Mistakes;
use super::super::problem::Problem;
use super::super::problem::escaped;
use super::super::problem::quoted;
use super::book::Book;
use super::presented::PresentedAccess;
use super::presented::PresentedGrant;
use super::presented::PresentedIdentifiers;
use super::unknown::Unknown;
use super::unknown::UnknownKey;

/// Finds out what presented access means, inside one change.
pub(in crate::app) struct Reading<'a> {
    pub(super) within: &'a InOrganization,
    /// What the holder has now: it may keep what this caller could not give.
    pub(super) current: &'a Access,
    /// The APIs that were met.
    pub(in crate::app) book: Book,
    /// What is wrong, of all that was read.
    pub(in crate::app) mistakes: Mistakes,
    pub(super) unknown: Unknown,
    own_names: usize,
}

/// The most names of organizations and APIs in the grants of `ostler`: each is looked up alone.
const MAX_OWN_NAMES: usize = 200;

impl<'a> Reading<'a> {
    pub(in crate::app) fn new(within: &'a InOrganization, current: &'a Access) -> Self {
        Self {
            within,
            current,
            book: Book::new(within),
            mistakes: Mistakes::default(),
            unknown: Unknown::default(),
            own_names: 0,
        }
    }

    /// For somebody who has nothing yet.
    pub(in crate::app) fn of_nothing(within: &'a InOrganization) -> Self {
        static NOTHING: Access = Access::NOTHING;
        Self::new(within, &NOTHING)
    }

    /// What `presented` means. What is wrong with it is noted, and left out.
    pub(in crate::app) async fn read(
        &mut self,
        rows: &mut dyn Change,
        presented: &PresentedAccess,
    ) -> Result<Access, StoreError> {
        let bytes = presented.bytes();
        if bytes > MAX_ACCESS_BYTES {
            let detail = format!(
                "the scopes and keys of an access have at most {MAX_ACCESS_BYTES} bytes in all, and \
                 these have {bytes}: grant \"*\", or give some of it to another account"
            );
            self.mistakes.add(&presented.pointer, "too_large", detail);
            return Ok(Access::NOTHING);
        }
        let mut grants = Vec::with_capacity(presented.grants.len());
        for (position, grant) in presented.grants.iter().enumerate() {
            let at = format!("{}/{position}", presented.pointer);
            grants.extend(self.grant(rows, &at, grant).await?);
        }
        Ok(grants.into_iter().collect())
    }

    /// What `presented` means as a narrowing.
    pub(in crate::app) async fn narrowing(
        &mut self,
        rows: &mut dyn Change,
        presented: &PresentedAccess,
    ) -> Result<Access, StoreError> {
        let access = self.read(rows, presented).await?;
        let is_crowded = |id: &ApiId| access.at(*id).count() > MAX_NARROWING_GRANTS_AT_API;
        if access.apis().iter().any(is_crowded) {
            let detail = format!(
                "what a credential is narrowed to has at most {MAX_NARROWING_GRANTS_AT_API} grants at \
                 one API: put together what they share"
            );
            self.mistakes.add(&presented.pointer, "too_many", detail);
        }
        Ok(access)
    }

    async fn grant(
        &mut self,
        rows: &mut dyn Change,
        at: &str,
        grant: &PresentedGrant,
    ) -> Result<Option<Grant>, StoreError> {
        let found = match lookup::api(&grant.api) {
            Some(lookup) => self.book.find(rows, &lookup).await?,
            None => None,
        };
        let Some(api) = found else {
            let at = format!("{at}/api");
            self.unknown.apis.push((at, grant.api.clone()));
            return Ok(None);
        };
        let scopes = self.scopes(at, grant, &api);
        let mut resources = Vec::with_capacity(grant.resources.len());
        for (name, presented) in &grant.resources {
            let at = format!("{at}/resources/{}", escaped(name));
            let Some(kind) = declared(&api, name) else {
                let known = api.resource_types.iter().map(ResourceType::as_str);
                let what = format!(
                    "there is no resource type {} at API `{}`",
                    quoted(name),
                    api.name
                );
                let what = ("unknown_resource_type", what);
                self.mistakes.add_unknown(&at, what, name, known);
                continue;
            };
            let identifiers = self
                .identifiers(rows, &at, &api, kind, grant, presented)
                .await?;
            resources.push((kind.clone(), identifiers));
        }
        self.check_every_type_is_said(at, grant, &api);
        Ok(Some(Grant {
            api: api.id,
            scopes,
            resources: resources.into_iter().collect(),
        }))
    }

    fn scopes(&mut self, at: &str, grant: &PresentedGrant, api: &Api) -> ScopeSet {
        if grant.scopes.is_empty() {
            let at = format!("{at}/scopes");
            self.mistakes
                .add(&at, "required", "a grant needs at least one scope");
        }
        let mut scopes = Vec::with_capacity(grant.scopes.len());
        for (position, name) in grant.scopes.iter().enumerate() {
            let scope = Scope::parse(name).ok();
            if let Some(scope) = scope.filter(|scope| api.scopes.contains(scope)) {
                scopes.push(scope);
                continue;
            }
            let at = format!("{at}/scopes/{position}");
            let what = format!("there is no scope {} at API `{}`", quoted(name), api.name);
            let known = api.scopes.iter().map(Scope::as_str);
            self.mistakes
                .add_unknown(&at, ("unknown_scope", what), name, known);
        }
        scopes.into_iter().collect()
    }

    fn check_every_type_is_said(&mut self, at: &str, grant: &PresentedGrant, api: &Api) {
        for kind in &api.resource_types {
            let said = grant
                .resources
                .iter()
                .any(|(name, _)| name == kind.as_str());
            if !said {
                let detail = format!(
                    "say which `{kind}` is meant: \"*\" for all, a list of keys, or [] for none"
                );
                self.mistakes
                    .add(&format!("{at}/resources"), "required", detail);
            }
        }
    }

    async fn identifiers(
        &mut self,
        rows: &mut dyn Change,
        at: &str,
        api: &Api,
        kind: &ResourceType,
        grant: &PresentedGrant,
        presented: &PresentedIdentifiers,
    ) -> Result<Identifiers, StoreError> {
        let PresentedIdentifiers::Listed(names) = presented else {
            return Ok(Identifiers::All);
        };
        if api.id != OSTLER_API {
            return self.keys(rows, at, api.id, kind, names).await;
        }
        self.own_names += names.len();
        if self.own_names > MAX_OWN_NAMES {
            let detail = format!("a body names at most {MAX_OWN_NAMES} organizations and APIs");
            self.mistakes.add(at, "too_many", detail);
            return Ok(Identifiers::NONE);
        }
        let mut keys = Vec::new();
        for (position, name) in names.iter().enumerate() {
            let found = self.own_key(rows, grant, kind, name).await?;
            match found {
                Some(key) => keys.push(key),
                None => self.mistakes.add(
                    &format!("{at}/{position}"),
                    "unknown_resource",
                    format!("there is no {kind} {}", quoted(name)),
                ),
            }
        }
        Ok(Identifiers::Listed(keys.into_iter().collect()))
    }

    /// Keys of a type that the API's owner has made known.
    async fn keys(
        &mut self,
        rows: &mut dyn Change,
        at: &str,
        api: ApiId,
        kind: &ResourceType,
        names: &[String],
    ) -> Result<Identifiers, StoreError> {
        let parsed: Vec<_> = names
            .iter()
            .map(|name| ResourceKey::parse(name).ok())
            .collect();
        let asked: Vec<_> = parsed.iter().flatten().cloned().collect();
        let organization = self.within.id();
        let known: ResourceKeys = rows
            .list_known_keys(organization, api, kind, &asked)
            .await?
            .into_iter()
            .collect();
        for (position, (name, key)) in names.iter().zip(&parsed).enumerate() {
            if !key.as_ref().is_some_and(|key| known.contains(key.as_str())) {
                self.unknown.keys.push(UnknownKey {
                    pointer: format!("{at}/{position}"),
                    api,
                    kind: kind.clone(),
                    key: name.clone(),
                });
            }
        }
        Ok(Identifiers::Listed(known))
    }

    /// Whether nothing was wrong.
    pub(in crate::app) fn is_good(&self) -> bool {
        self.mistakes.is_empty() && self.unknown.is_empty()
    }

    /// The refusal, with what was probably meant. Called once the change is rolled back, since it
    /// asks the store on its own.
    pub(in crate::app) async fn refuse(mut self) -> Problem {
        self.unknown.note(self.within, &mut self.mistakes).await;
        Problem::Invalid(self.mistakes)
    }
}

fn declared<'a>(api: &'a Api, name: &str) -> Option<&'a ResourceType> {
    api.resource_types.iter().find(|kind| kind.as_str() == name)
}

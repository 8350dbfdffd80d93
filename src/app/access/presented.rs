//! Access as a caller writes it down, and what it turns out to mean.
//!
//! A body names APIs, scopes, resource types and keys. Each must exist, and each type that the API
//! declares must be said; what does not is refused by name, all of it at once.

use std::collections::BTreeSet;

use crate::domain::access::Access;
use crate::domain::access::Grant;
use crate::domain::api::Api;
use crate::domain::id::ApiId;
use crate::domain::id::OrganizationId;
use crate::domain::resource::Identifiers;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::role;
use crate::domain::role::OSTLER_API;
use crate::domain::role::OSTLER_NAME;
use crate::domain::scope::ScopeSet;
use crate::store::Change;
use crate::store::Page;
use crate::store::StoreError;

use super::super::authority::InOrganization;
use super::super::lookup;
use super::super::problem::Mistakes;
use super::super::problem::Problem;
use super::super::problem::escaped;
use super::super::problem::quoted;
use super::book::Book;

/// Access as a caller writes it down.
#[derive(Clone, Debug, Default)]
pub struct PresentedAccess {
    /// Where it stands in the body.
    pub pointer: String,
    /// The grants, in their order.
    pub grants: Vec<PresentedGrant>,
}

/// A grant as a caller writes it down.
#[derive(Clone, Debug)]
pub struct PresentedGrant {
    /// An API, by its name, id or audience.
    pub api: String,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Resources by their type.
    pub resources: Vec<(String, PresentedIdentifiers)>,
}

impl PresentedGrant {
    /// The organizations that a grant of `ostler` names.
    fn organizations(&self) -> &[String] {
        let named = self
            .resources
            .iter()
            .find(|(kind, _)| kind == role::ORGANIZATION_TYPE);
        match named {
            Some((_, PresentedIdentifiers::Listed(keys))) => keys,
            _ => &[],
        }
    }
}

/// Resources of one type, as a caller writes them down.
#[derive(Clone, Debug)]
pub enum PresentedIdentifiers {
    /// `"*"`.
    All,
    /// A list of keys.
    Listed(Vec<String>),
}

/// Finds out what presented access means, inside one change.
pub(in crate::app) struct Reading<'a> {
    within: &'a InOrganization,
    /// What the holder has now: it may keep what this caller could not give.
    current: &'a Access,
    /// The APIs that were met.
    pub(in crate::app) book: Book,
    /// What is wrong, of all that was read.
    pub(in crate::app) mistakes: Mistakes,
    unknown_apis: Vec<(String, String)>,
    unknown_keys: Vec<UnknownKey>,
}

struct UnknownKey {
    pointer: String,
    api: ApiId,
    kind: ResourceType,
    key: String,
}

impl<'a> Reading<'a> {
    pub(in crate::app) fn new(within: &'a InOrganization, current: &'a Access) -> Self {
        Self {
            within,
            current,
            book: Book::new(within),
            mistakes: Mistakes::default(),
            unknown_apis: Vec::new(),
            unknown_keys: Vec::new(),
        }
    }

    /// What `presented` means. What is wrong with it is noted, and left out.
    pub(in crate::app) async fn read(
        &mut self,
        rows: &mut dyn Change,
        presented: &PresentedAccess,
    ) -> Result<Access, StoreError> {
        let mut grants = Vec::with_capacity(presented.grants.len());
        for (position, grant) in presented.grants.iter().enumerate() {
            let at = format!("{}/{position}", presented.pointer);
            grants.extend(self.grant(rows, &at, grant).await?);
        }
        Ok(grants.into_iter().collect())
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
            self.unknown_apis
                .push((format!("{at}/api"), grant.api.clone()));
            return Ok(None);
        };
        let scopes = self.scopes(at, grant, &api);
        let mut resources = Vec::with_capacity(grant.resources.len());
        for (name, presented) in &grant.resources {
            let at = format!("{at}/resources/{}", escaped(name));
            let Some(kind) = declared(&api, name) else {
                let known = api.resource_types.iter().map(ResourceType::as_str);
                let what = format!("resource type at API `{}`:", api.name);
                self.mistakes
                    .add_unknown(&at, "unknown_resource_type", &what, name, known);
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
            match api.scopes.iter().find(|scope| scope.as_str() == name) {
                Some(scope) => scopes.push(scope.clone()),
                None => self.mistakes.add_unknown(
                    &format!("{at}/scopes/{position}"),
                    "unknown_scope",
                    &format!("scope at API `{}`:", api.name),
                    name,
                    api.scopes.iter().map(crate::domain::scope::Scope::as_str),
                ),
            }
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
        let mut keys = BTreeSet::new();
        for (position, name) in names.iter().enumerate() {
            let found = if kind.as_str() == role::ORGANIZATION_TYPE {
                self.organization(rows, name).await?
            } else {
                self.api_key(rows, grant, name).await?
            };
            match found {
                Some(key) => {
                    keys.insert(key);
                }
                None => self.mistakes.add(
                    &format!("{at}/{position}"),
                    "unknown_resource",
                    format!("there is no {kind} {}", quoted(name)),
                ),
            }
        }
        Ok(Identifiers::Listed(keys))
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
        let known: BTreeSet<_> = rows
            .list_known_keys(organization, api, kind, &asked)
            .await?
            .into_iter()
            .collect();
        for (position, (name, key)) in names.iter().zip(&parsed).enumerate() {
            if !key.as_ref().is_some_and(|key| known.contains(key)) {
                self.unknown_keys.push(UnknownKey {
                    pointer: format!("{at}/{position}"),
                    api,
                    kind: kind.clone(),
                    key: name.clone(),
                });
            }
        }
        Ok(Identifiers::Listed(known))
    }

    /// An organization that the caller's token reaches, or that the holder has already.
    async fn organization(
        &self,
        rows: &mut dyn Change,
        name: &str,
    ) -> Result<Option<ResourceKey>, StoreError> {
        let Some(lookup) = lookup::organization(name) else {
            return Ok(None);
        };
        let Some(found) = rows.find_organization(&lookup).await? else {
            return Ok(None);
        };
        let key = key_of(&found.id);
        let visible = self.within.caller.sees(found.id);
        Ok(key.filter(|key| visible || self.has_now(role::ORGANIZATION_TYPE, key)))
    }

    /// An API of this organization, or of one that the same grant names.
    async fn api_key(
        &self,
        rows: &mut dyn Change,
        grant: &PresentedGrant,
        name: &str,
    ) -> Result<Option<ResourceKey>, StoreError> {
        let Some(lookup) = lookup::api(name) else {
            return Ok(None);
        };
        let mut homes = vec![self.within.id()];
        for organization in grant.organizations() {
            let key = self.organization(rows, organization).await?;
            homes.extend(key.and_then(|key| key.as_str().parse::<OrganizationId>().ok()));
        }
        homes.dedup();
        for home in homes {
            if let Some(found) = rows.find_api(home, &lookup).await? {
                return Ok(key_of(&found.api.id));
            }
        }
        let kept = ResourceKey::parse(name).ok();
        Ok(kept.filter(|key| self.has_now(role::API_TYPE, key)))
    }

    fn has_now(&self, kind: &str, key: &ResourceKey) -> bool {
        let mentioned = self
            .current
            .at(OSTLER_API)
            .flat_map(|grant| grant.resources.iter());
        mentioned
            .filter(|(own, _)| own.as_str() == kind)
            .any(|(_, identifiers)| {
                matches!(identifiers, Identifiers::Listed(keys) if keys.contains(key))
            })
    }

    /// Whether nothing was wrong.
    pub(in crate::app) fn is_good(&self) -> bool {
        self.mistakes.is_empty() && self.unknown_apis.is_empty() && self.unknown_keys.is_empty()
    }

    /// The refusal, with what was probably meant. Called once the change is rolled back, since it
    /// asks the store on its own.
    pub(in crate::app) async fn refuse(mut self) -> Problem {
        let store = &self.within.app.store;
        let organization = self.within.id();
        let first_page = Page {
            limit: 200,
            after: None,
        };
        if !self.unknown_apis.is_empty() {
            // Hints are a courtesy: without them the refusal is still right.
            let apis = store.list_apis(organization, first_page).await;
            let apis = apis.unwrap_or_default();
            for (pointer, name) in &self.unknown_apis {
                let known = apis.iter().map(|found| found.api.name.as_str());
                let known = known.chain([OSTLER_NAME]);
                self.mistakes
                    .add_unknown(pointer, "unknown_api", "API", name, known);
            }
        }
        let first_page = Page {
            limit: 200,
            after: None,
        };
        let mut page = None;
        for unknown in &self.unknown_keys {
            if page.as_ref().is_none_or(|(api, _)| *api != unknown.api) {
                let found = store.list_resources(organization, unknown.api, first_page);
                page = Some((unknown.api, found.await.unwrap_or_default()));
            }
            let resources = page.iter().flat_map(|(_, resources)| resources);
            let known = resources
                .filter(|resource| resource.resource_type == unknown.kind)
                .map(|resource| resource.key.as_str());
            self.mistakes.add_unknown(
                &unknown.pointer,
                "unknown_resource",
                unknown.kind.as_str(),
                &unknown.key,
                known,
            );
        }
        Problem::Invalid(self.mistakes)
    }
}

impl InOrganization {
    /// Replaces each audience that stands for an API by the API's id.
    pub(in crate::app) async fn recognise_audiences(
        &self,
        presented: &mut PresentedAccess,
    ) -> Result<(), StoreError> {
        for grant in &mut presented.grants {
            if grant.api == self.app.ostler.audience.as_str() {
                grant.api = OSTLER_API.to_string();
            } else if grant.api.contains(':') && !grant.api.contains('\0') {
                let found = self.app.directory.api(&grant.api).await?;
                if let Some(api) = found.filter(|api| api.organization == Some(self.id())) {
                    grant.api = api.id.to_string();
                }
            }
        }
        Ok(())
    }
}

fn declared<'a>(api: &'a Api, name: &str) -> Option<&'a ResourceType> {
    api.resource_types.iter().find(|kind| kind.as_str() == name)
}

fn key_of(id: &impl ToString) -> Option<ResourceKey> {
    ResourceKey::parse(&id.to_string()).ok()
}

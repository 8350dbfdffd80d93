//! Access: what an account has been granted.
//!
//! Access is a set of grants and is never flattened: *read on all* beside *write on APOLLO* is not
//! *write on all*. A credential narrows its account's access grant by grant.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::api::Api;
use super::id::ApiId;
use super::resource::Identifiers;
use super::resource::ResourceType;
use super::role::AdminScope;
use super::role::OSTLER_API;
use super::scope::Scope;
use super::scope::ScopeSet;

/// The most bytes of one access, as a list of JSON strings: its scopes and keys in all of its grants.
/// Two hundred of them are on a page, and every one is compared with others; a token for it may have a
/// thirtieth of that.
pub const MAX_ACCESS_BYTES: usize = 128 * 1024;

/// Per resource type of an API, the resources that a grant reaches. A type that is not mentioned
/// counts as none: it was added to the API after the grant was made.
///
/// A sorted list: there are one or two types, and ten thousand of these in memory.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Restrictions(SmallVec<[(ResourceType, Identifiers); 1]>);

impl Restrictions {
    /// The resources of this type.
    pub fn of(&self, resource_type: &ResourceType) -> &Identifiers {
        static NONE: Identifiers = Identifiers::NONE;
        self.mentioned(resource_type).unwrap_or(&NONE)
    }

    /// The resources of this type, if it is mentioned.
    pub fn mentioned(&self, resource_type: &ResourceType) -> Option<&Identifiers> {
        let place = self.0.binary_search_by(|(kind, _)| kind.cmp(resource_type));
        place.ok().map(|place| &self.0[place].1)
    }

    /// Whether no type is mentioned.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The types that are mentioned, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&ResourceType, &Identifiers)> {
        self.0.iter().map(|(kind, identifiers)| (kind, identifiers))
    }

    /// What both allow.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.iter()
            .map(|(kind, own)| (kind.clone(), own.intersection(other.of(kind))))
            .collect()
    }
}

impl FromIterator<(ResourceType, Identifiers)> for Restrictions {
    fn from_iter<I: IntoIterator<Item = (ResourceType, Identifiers)>>(types: I) -> Self {
        let sorted: BTreeMap<_, _> = types.into_iter().collect();
        Self(sorted.into_iter().collect())
    }
}

/// Some scopes at one API, on some of its resources.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Grant {
    /// The API.
    pub api: ApiId,
    /// What may be done there.
    pub scopes: ScopeSet,
    /// To which resources.
    pub resources: Restrictions,
}

/// What an account, a role or a credential holds: a set of grants.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Access(SmallVec<[Grant; 1]>);

impl Access {
    /// No access at all.
    pub const NOTHING: Self = Self(SmallVec::new_const());

    /// The grants.
    pub fn grants(&self) -> &[Grant] {
        &self.0
    }

    /// The grants, when the rest is not needed any more.
    pub fn into_grants(self) -> impl ExactSizeIterator<Item = Grant> {
        self.0.into_iter()
    }

    /// The grants at one API.
    pub fn at(&self, api: ApiId) -> impl Iterator<Item = &Grant> {
        self.0.iter().filter(move |grant| grant.api == api)
    }

    /// The APIs at which anything is granted, each once, in the order of their ids.
    pub fn apis(&self) -> Vec<ApiId> {
        let mut apis: Vec<_> = self.0.iter().map(|grant| grant.api).collect();
        apis.sort_unstable();
        apis.dedup();
        apis
    }

    /// What is left of it under a credential's narrowing: whatever that names and is held, pair by
    /// pair. *Write* narrowed to *read* at `ostler` is *read*, which it implies.
    #[must_use]
    pub fn narrowed_by(&self, narrowing: &Self) -> Self {
        self.0
            .iter()
            .flat_map(|own| {
                narrowing
                    .at(own.api)
                    .map(move |limit| own.shared_with(limit))
            })
            .filter(|shared| !shared.scopes.is_empty())
            .collect()
    }
}

impl Grant {
    /// The same grant in the words of its API, which clients share: the texts of its scopes and of its
    /// resource types are there once.
    #[must_use]
    pub fn in_words_of(self, api: &Api) -> Self {
        let word = |kind: ResourceType| {
            let known = api.resource_types.iter().find(|known| **known == kind);
            known.cloned().unwrap_or(kind)
        };
        let resources = self.resources.0.into_iter();
        Self {
            api: self.api,
            scopes: self.scopes.in_words_of(&api.scopes),
            resources: Restrictions(resources.map(|(kind, ids)| (word(kind), ids)).collect()),
        }
    }

    /// Whether it opens what `scope` opens: it holds the scope, or, at `ostler`, one that implies
    /// it.
    pub fn opens(&self, scope: &str) -> bool {
        self.scopes.has(scope) || self.implies(scope)
    }

    /// The scope of this name, if the grant opens what it opens.
    pub fn opened(&self, scope: &str) -> Option<Scope> {
        let held = self.scopes.named(scope).cloned();
        held.or_else(|| Scope::parse(scope).ok().filter(|_| self.implies(scope)))
    }

    fn implies(&self, scope: &str) -> bool {
        self.api == OSTLER_API
            && AdminScope::parse(scope).is_some_and(|scope| scope.is_held_in(&self.scopes))
    }

    fn shared_with(&self, limit: &Self) -> Self {
        let left = limit.scopes.iter();
        let left = left.filter(|scope| self.opens(scope.as_str()));
        Self {
            api: self.api,
            scopes: left.cloned().collect(),
            resources: self.resources.intersection(&limit.resources),
        }
    }
}

impl FromIterator<Grant> for Access {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        Self(grants.into_iter().collect())
    }
}

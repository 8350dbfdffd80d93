//! The APIs that some access names, so that it can be told in their words.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::Serializer;

use crate::domain::access::Access;
use crate::domain::access::Grant;
use crate::domain::api::Api;
use crate::domain::id::ApiId;
use crate::domain::id::OrganizationId;
use crate::domain::resource::Identifiers;
use crate::domain::role::OSTLER_API;
use crate::domain::role::OSTLER_NAME;
use crate::store::Change;
use crate::store::Lookup;
use crate::store::Store;
use crate::store::StoreError;

use super::super::App;
use super::super::authority::InOrganization;

/// The APIs of one organization that have been met, and `ostler`.
#[derive(Clone)]
pub(in crate::app) struct Book {
    organization: OrganizationId,
    apis: BTreeMap<ApiId, Arc<Api>>,
}

impl Book {
    pub(in crate::app) fn new(within: &InOrganization) -> Self {
        Self::of(&within.app, within.id())
    }

    /// The same, for somebody who reads of several organizations.
    pub(in crate::app) fn of(app: &App, organization: OrganizationId) -> Self {
        Self {
            organization,
            apis: BTreeMap::from([(OSTLER_API, Arc::clone(&app.ostler))]),
        }
    }

    /// An API of the organization, or `ostler`.
    pub(in crate::app) async fn find(
        &mut self,
        rows: &mut dyn Change,
        lookup: &Lookup<ApiId>,
    ) -> Result<Option<Arc<Api>>, StoreError> {
        let known = self.apis.values().find(|api| match lookup {
            Lookup::Id(id) => api.id == *id,
            Lookup::Name(name) => api.name.as_str() == name,
        });
        if let Some(known) = known {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(found) = rows.find_api(self.organization, lookup).await? else {
            return Ok(None);
        };
        let api = Arc::new(found.api);
        self.apis.insert(api.id, Arc::clone(&api));
        Ok(Some(api))
    }

    /// Meets every API of `access`, inside a change.
    pub(in crate::app) async fn learn(
        &mut self,
        rows: &mut dyn Change,
        access: &Access,
    ) -> Result<(), StoreError> {
        for id in access.apis() {
            self.find(rows, &Lookup::Id(id)).await?;
        }
        Ok(())
    }

    /// Meets every API of `access`, outside of a change.
    pub(in crate::app) async fn read(
        &mut self,
        store: &dyn Store,
        access: &Access,
    ) -> Result<(), StoreError> {
        for id in access.apis() {
            if !self.apis.contains_key(&id)
                && let Some(found) = store.find_api(self.organization, &Lookup::Id(id)).await?
            {
                self.apis.insert(id, Arc::new(found.api));
            }
        }
        Ok(())
    }

    /// An API that has been met.
    pub(in crate::app) fn get(&self, id: ApiId) -> Option<&Api> {
        self.apis.get(&id).map(Arc::as_ref)
    }

    /// The access in the words of its APIs, grant by grant.
    pub(in crate::app) fn describe(&self, access: &Access) -> DescribedAccess {
        let grants = access.grants().iter();
        DescribedAccess(grants.map(|grant| self.describe_grant(grant)).collect())
    }

    /// A grant in the words of its API.
    pub(in crate::app) fn describe_grant(&self, grant: &Grant) -> DescribedGrant {
        let known = self.apis.get(&grant.api);
        let mentioned = grant.resources.iter().map(|(kind, _)| kind);
        let declared = known.iter().flat_map(|api| &api.resource_types);
        // A type that the API was given later counts as none.
        let resources = mentioned.chain(declared).map(|kind| {
            let identifiers = DescribedIdentifiers::of(grant.resources.of(kind));
            (kind.to_string(), identifiers)
        });
        DescribedGrant {
            api: match known {
                _ if grant.api == OSTLER_API => OSTLER_NAME.to_owned(),
                Some(api) => api.name.to_string(),
                None => grant.api.to_string(),
            },
            scopes: grant.scopes.iter().map(ToString::to_string).collect(),
            resources: resources.collect(),
        }
    }
}

/// Access as answers show it: APIs by their names.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct DescribedAccess(pub Vec<DescribedGrant>);

impl DescribedAccess {
    /// The same, for an audit event.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// A grant as answers show it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct DescribedGrant {
    /// The name of the API.
    pub api: String,
    /// The scopes, sorted.
    pub scopes: Vec<String>,
    /// The resources of each type that the API declares.
    pub resources: BTreeMap<String, DescribedIdentifiers>,
}

/// Resources of one type as answers show them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DescribedIdentifiers {
    /// All, shown as `"*"`.
    All,
    /// A list of keys.
    Listed(Vec<String>),
}

impl DescribedIdentifiers {
    fn of(identifiers: &Identifiers) -> Self {
        match identifiers {
            Identifiers::All => Self::All,
            Identifiers::Listed(keys) => {
                Self::Listed(keys.iter().map(ToString::to_string).collect())
            }
        }
    }
}

impl Serialize for DescribedIdentifiers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("*"),
            Self::Listed(keys) => keys.serialize(serializer),
        }
    }
}

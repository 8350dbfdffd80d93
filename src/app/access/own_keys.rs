//! The keys of the built-in API's types: organizations, and APIs in them.

use crate::domain::id::OrganizationId;
use crate::domain::resource::Identifiers;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::role;
use crate::domain::role::OSTLER_API;
use crate::store::Change;
use crate::store::StoreError;

use super::super::lookup;
use super::presented::PresentedGrant;
use super::reading::Reading;

impl Reading<'_> {
    /// The id that a name of the built-in API's types stands for.
    pub(super) async fn own_key(
        &self,
        rows: &mut dyn Change,
        grant: &PresentedGrant,
        kind: &ResourceType,
        name: &str,
    ) -> Result<Option<ResourceKey>, StoreError> {
        if kind.as_str() == role::ORGANIZATION_TYPE {
            self.organization(rows, name).await
        } else {
            self.api_key(rows, grant, name).await
        }
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

    /// An API of this organization, or of one that the same grant names and the caller's token
    /// reaches: elsewhere the caller does not learn which APIs there are.
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
            let id = key.and_then(|key| key.as_str().parse::<OrganizationId>().ok());
            homes.extend(id.filter(|id| self.within.caller.sees(*id)));
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
                matches!(identifiers, Identifiers::Listed(keys) if keys.contains(key.as_str()))
            })
    }
}

fn key_of(id: &impl ToString) -> Option<ResourceKey> {
    ResourceKey::parse(&id.to_string()).ok()
}

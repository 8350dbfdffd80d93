//! Access as a caller writes it down: names, of which nothing is known yet.

use crate::domain::role;
use crate::domain::role::OSTLER_API;
use crate::store::StoreError;

use super::super::authority::InOrganization;

/// Access as a caller writes it down.
#[derive(Clone, Debug, Default)]
pub struct PresentedAccess {
    /// Where it stands in the body.
    pub pointer: String,
    /// The grants, in their order.
    pub grants: Vec<PresentedGrant>,
}

impl PresentedAccess {
    /// What counts for [`MAX_ACCESS_BYTES`](crate::domain::access::MAX_ACCESS_BYTES): each scope and
    /// key, between quotes and before a comma.
    pub(super) fn bytes(&self) -> usize {
        let keys = |grant: &PresentedGrant| -> usize {
            let types = grant.resources.iter();
            types
                .map(|(_, identifiers)| match identifiers {
                    PresentedIdentifiers::All => 0,
                    PresentedIdentifiers::Listed(keys) => listed(keys),
                })
                .sum()
        };
        let grants = self.grants.iter();
        grants
            .map(|grant| listed(&grant.scopes) + keys(grant))
            .sum()
    }
}

fn listed(names: &[String]) -> usize {
    names.iter().map(|name| name.len() + 3).sum()
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
    pub(super) fn organizations(&self) -> &[String] {
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

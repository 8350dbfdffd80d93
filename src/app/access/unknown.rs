//! Names that nothing has, each with what was probably meant.

use crate::domain::id::ApiId;
use crate::domain::resource::Resource;
use crate::domain::resource::ResourceType;
use crate::domain::role::OSTLER_NAME;
use crate::store::Page;
use crate::store::ResourceFilter;

use super::super::authority::InOrganization;
use super::super::problem::Mistakes;
use super::super::problem::quoted;

/// Names that nothing has, with their places.
#[derive(Default)]
pub(super) struct Unknown {
    /// Of APIs.
    pub(super) apis: Vec<(String, String)>,
    /// Of roles.
    pub(super) roles: Vec<(String, String)>,
    /// Of resources.
    pub(super) keys: Vec<UnknownKey>,
}

/// A key that no resource has.
pub(super) struct UnknownKey {
    pub(super) pointer: String,
    pub(super) api: ApiId,
    pub(super) kind: ResourceType,
    pub(super) key: String,
}

/// How many candidates are looked at: hints are a courtesy, without them a refusal is still right.
const CANDIDATES: u16 = 200;

impl Unknown {
    pub(super) fn is_empty(&self) -> bool {
        self.apis.is_empty() && self.roles.is_empty() && self.keys.is_empty()
    }

    /// Notes all of them.
    pub(super) async fn note(&self, within: &InOrganization, mistakes: &mut Mistakes) {
        if !self.roles.is_empty() {
            self.note_roles(within, mistakes).await;
        }
        if !self.apis.is_empty() {
            self.note_apis(within, mistakes).await;
        }
        let mut candidates: Option<(ApiId, Vec<Resource>)> = None;
        for unknown in &self.keys {
            if mistakes.is_full() {
                return;
            }
            let resources = match candidates.take() {
                Some((api, resources)) if api == unknown.api => resources,
                _ => resources(within, unknown.api).await,
            };
            unknown.note(&resources, mistakes);
            candidates = Some((unknown.api, resources));
        }
    }

    async fn note_apis(&self, within: &InOrganization, mistakes: &mut Mistakes) {
        let page = Page {
            limit: CANDIDATES,
            after: None,
        };
        let found = within.app.store.list_apis(within.id(), None, page).await;
        let found = found.unwrap_or_default();
        for (pointer, name) in &self.apis {
            let known = found.iter().map(|record| record.api.name.as_str());
            let what = ("unknown_api", format!("there is no API {}", quoted(name)));
            mistakes.add_unknown(pointer, what, name, known.chain([OSTLER_NAME]));
        }
    }

    async fn note_roles(&self, within: &InOrganization, mistakes: &mut Mistakes) {
        let page = Page {
            limit: CANDIDATES,
            after: None,
        };
        let found = within.app.store.list_roles(within.id(), None, page).await;
        let found = found.unwrap_or_default();
        for (pointer, name) in &self.roles {
            let known = found.iter().map(|role| role.name.as_str());
            let what = ("unknown_role", format!("there is no role {}", quoted(name)));
            mistakes.add_unknown(pointer, what, name, known);
        }
    }
}

impl UnknownKey {
    fn note(&self, resources: &[Resource], mistakes: &mut Mistakes) {
        let known = resources
            .iter()
            .filter(|resource| resource.resource_type == self.kind)
            .map(|resource| resource.key.as_str());
        let what = format!("there is no {} {}", self.kind, quoted(&self.key));
        let what = ("unknown_resource", what);
        mistakes.add_unknown(&self.pointer, what, &self.key, known);
    }
}

async fn resources(within: &InOrganization, api: ApiId) -> Vec<Resource> {
    let page = Page {
        limit: CANDIDATES,
        after: None,
    };
    let found = within
        .app
        .store
        .list_resources(within.id(), api, &ResourceFilter::default(), page)
        .await;
    found.unwrap_or_default()
}

//! What clients share.
//!
//! Ten thousand clients are remembered at a time, and most of them have one of a few kinds of access
//! to the same few APIs.

use std::sync::Arc;

use crate::domain::access::Access;
use crate::domain::access::Grant;
use crate::domain::api::Api;
use crate::domain::scope::Scope;
use crate::shelf::Shelf;

/// What clients share.
#[derive(Default)]
pub(super) struct Interned {
    access: Shelf<Access>,
    scopes: Shelf<[Scope]>,
    api: Shelf<Api>,
    apis: Shelf<[Arc<Api>]>,
}

impl Interned {
    /// The shared copy of this access to these APIs, in their words.
    pub(super) fn access(&self, access: Access, apis: &[Arc<Api>]) -> Arc<Access> {
        let in_words = |grant: Grant| match apis.iter().find(|api| api.id == grant.api) {
            Some(api) => grant.in_words_of(api),
            None => grant,
        };
        let shared = |grant: Grant| Grant {
            scopes: grant.scopes.shared(|scopes| self.scopes.share(scopes)),
            ..grant
        };
        let grants = access.into_grants().map(in_words).map(shared);
        self.access.share(Arc::new(grants.collect()))
    }

    /// The shared copy of this list of APIs, each of which is shared too.
    pub(super) fn apis(&self, apis: Vec<Api>) -> Arc<[Arc<Api>]> {
        let apis = apis.into_iter().map(|api| self.api(api));
        self.apis.share(apis.collect())
    }

    /// The shared copy of this API.
    pub(super) fn api(&self, api: Api) -> Arc<Api> {
        self.api.share(Arc::new(api))
    }
}

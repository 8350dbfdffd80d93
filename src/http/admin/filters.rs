//! What lists can be asked, and in which order those of accounts, credentials and API tokens come.

use serde_json::Value;
use serde_json::json;

use crate::app::credentials::CredentialQuery;
use crate::app::held::HeldQuery;
use crate::app::page::Search;
use crate::app::page::SortKey;
use crate::domain::credential::CredentialStatus;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::scope::Scope;

use super::operation::Operation;
use super::query::Query;
use super::shape;
use super::shape::text_like;
use super::shape::words;

/// What they may be ordered by.
pub(super) const SORT_KEYS: [(&str, SortKey); 4] = [
    ("name", SortKey::Name),
    ("created_at", SortKey::CreatedAt),
    ("last_used_at", SortKey::LastUsedAt),
    ("expires_at", SortKey::ExpiresAt),
];

/// What access means in lists of credentials and API tokens.
pub(super) const ABOUT_ACCESS: &str = "`api`, `scope` and `resource` are asked of what is left of one and the same grant of the account, \
     its own or by a role. Lists by use are exact for what this node has seen; what other nodes have \
     seen in the last minute may be missing.";

/// What is asked about access, all of it of one and the same grant.
pub(super) fn read_held(query: &mut Query) -> HeldQuery {
    HeldQuery {
        api: query.prose("api"),
        scope: query.read("scope", |text| {
            Scope::parse(text).map_err(|_| "one scope, such as `deploy:read`")
        }),
        resource: query.read("resource", read_resource),
    }
}

/// `type:key`
fn read_resource(text: &str) -> Result<(ResourceType, ResourceKey), &'static str> {
    let parts = text.split_once(':').and_then(|(kind, key)| {
        let (kind, key) = (ResourceType::parse(kind), ResourceKey::parse(key));
        kind.ok().zip(key.ok())
    });
    parts.ok_or("`type:key`, such as `project:APOLLO`")
}

/// What is searched for, in a list that can be asked nothing else.
pub(super) fn read_search(query: &mut Query) -> Search {
    query.prose("q")
}

/// How an API token may stand: nobody stops one for a while.
const TOKEN_STATUSES: [CredentialStatus; 3] = [
    CredentialStatus::Active,
    CredentialStatus::Expired,
    CredentialStatus::Revoked,
];

/// What is asked of credentials.
pub(super) fn read_credentials(query: &mut Query) -> CredentialQuery {
    read_any(query, &CredentialStatus::ALL)
}

/// What is asked of API tokens.
pub(super) fn read_api_tokens(query: &mut Query) -> CredentialQuery {
    read_any(query, &TOKEN_STATUSES)
}

fn read_any(query: &mut Query, statuses: &[CredentialStatus]) -> CredentialQuery {
    let statuses: Vec<_> = statuses.iter().map(|one| (one.as_str(), *one)).collect();
    CredentialQuery {
        status: query.one_of("status", &statuses),
        text: query.prose("q"),
        owner: query.prose("owner"),
        held: read_held(query),
        unused_for: query.span("unused_for"),
        expires_within: query.span("expires_within"),
        order: query.order(&SORT_KEYS),
    }
}

impl Operation {
    /// Its query may say what [`read_held`] reads.
    pub(super) fn filters_by_access(self) -> Self {
        self.parameter(
            "api",
            "Something is granted at this API: its name or id",
            json!({"type": "string"}),
        )
        .parameter(
            "scope",
            "This very scope is granted",
            text_like(shape::scope()),
        )
        .parameter(
            "resource",
            "It is granted for this resource, `type:key`, or for all of its type",
            json!({"type": "string", "examples": ["project:APOLLO"]}),
        )
    }

    /// Its query may say how long something was not used, when it ends, and in which order.
    pub(super) fn filters_by_time(self) -> Self {
        self.parameter(
            "unused_for",
            "Neither used nor made for this long",
            shape::span(),
        )
        .parameter("expires_within", "They end within this time", shape::span())
        .parameter(
            "sort",
            "In which order; `-` before it for the greatest first",
            shape::sort(),
        )
    }

    /// Its query may say what to look for, and in what.
    pub(super) fn searches(self, description: &'static str) -> Self {
        self.parameter("q", description, shape::search())
    }

    /// Its query may say what [`read_credentials`] reads.
    pub(super) fn filters_credentials(self) -> Self {
        self.filters_any(words(CredentialStatus::ALL.map(CredentialStatus::as_str)))
    }

    /// Its query may say what [`read_api_tokens`] reads.
    pub(super) fn filters_api_tokens(self) -> Self {
        self.filters_any(words(TOKEN_STATUSES.map(CredentialStatus::as_str)))
    }

    fn filters_any(self, statuses: Value) -> Self {
        self.parameter("status", "How they stand now", statuses)
            .searches("A part of the name or of the client id, without regard to case; or the id")
            .parameter("owner", "The owner of their account", shape::search())
            .filters_by_access()
            .filters_by_time()
    }
}

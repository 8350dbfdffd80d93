//! APIs and their scopes.

mod edit;
mod scopes;

pub use edit::ApiEdit;
pub use edit::TokenEdit;
pub use edit::delete;
pub(super) use edit::release;
pub use edit::update;
pub use scopes::create as create_scope;
pub use scopes::delete as delete_scope;
pub use scopes::list as list_scopes;
pub use scopes::show as show_scope;

use std::time::Duration;

use serde_json::Value;

use crate::domain::api::Api;
use crate::domain::api::ApiRecord;
use crate::domain::api::Audience;
use crate::domain::api::DescribedScope;
use crate::domain::api::MAX_SCOPE_BYTES;
use crate::domain::api::TokenSettings;
use crate::domain::api::scope_bytes;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::id::ApiId;
use crate::domain::name::Name;
use crate::domain::quota::Limited;
use crate::domain::resource::ResourceType;
use crate::domain::role::OSTLER_NAME;
use crate::domain::version::Version;
use crate::store::Lookup;

use super::App;
use super::audited::AuditedChange;
use super::authority::InOrganization;
use super::page::List;
use super::page::Listing;
use super::page::PageRequest;
use super::page::Search;
use super::problem::Conflict;
use super::problem::Mistakes;
use super::problem::Problem;
use super::problem::Submitted;
use super::to_completion;

/// An API that is to be made.
#[derive(Clone, Debug)]
pub struct NewApi {
    /// Its name.
    pub name: Name,
    /// The `aud` of its tokens.
    pub audience: Audience,
    /// Its scopes, each once.
    pub scopes: Vec<DescribedScope>,
    /// The types of its resources, each once.
    pub resource_types: Vec<ResourceType>,
    /// How it wants its tokens.
    pub token: TokenSettings,
}

/// Makes an API.
pub async fn create(
    within: InOrganization,
    submitted: Submitted<NewApi>,
) -> Result<ApiRecord, Problem> {
    to_completion(async move {
        let new = submitted?;
        check_lifetime(&within.app, new.token.lifetime)?;
        check_size(&new.scopes)?;
        let mut change = within.begin().await?;
        check_reserved(&within, &mut change, &new).await?;
        for what in [Limited::Apis, Limited::Audiences] {
            change.check_room(within.id(), what).await?;
        }
        let record = record(&within, &change, new);
        let added = change.rows().add_api(&record).await;
        added.map_err(|error| {
            Problem::of_write(
                error,
                "another API of this server has, or had, this audience: it stays reserved",
            )
        })?;
        let changes = changes(&record);
        change
            .commit("api.create", target(&record.api), changes)
            .await?;
        Ok(record)
    })
    .await
}

/// An API.
pub async fn show(within: &InOrganization, api: &str) -> Result<ApiRecord, Problem> {
    within.api(api).await
}

/// The APIs of the organization with this text in what is told of them, the oldest first.
pub async fn list(
    within: &InOrganization,
    request: Submitted<(PageRequest, Search)>,
) -> Result<Listing<ApiRecord>, Problem> {
    let (request, text) = request?;
    let list = List {
        key: &within.app.server_key,
        path: vec![
            "apis".to_owned(),
            within.id().to_string(),
            format!("{text:?}"),
        ],
    };
    let page = list.page::<ApiId>(&request)?;
    let store = &within.app.store;
    let found = store.list_apis(within.id(), text.as_deref(), page).await?;
    Ok(list.listing(&request, found, |record| record.api.id))
}

fn check_lifetime(app: &App, lifetime: Option<Duration>) -> Result<(), Problem> {
    let limit = app.config.tokens.max_lifetime;
    let mut mistakes = Mistakes::default();
    if lifetime.is_some_and(|lifetime| lifetime > limit) {
        let detail = format!("tokens live for at most {} seconds here", limit.as_secs());
        mistakes.add("/token/lifetime_seconds", "invalid", detail);
    }
    mistakes.check()
}

fn check_size(scopes: &[DescribedScope]) -> Result<(), Problem> {
    let bytes = scope_bytes(scopes);
    let mut mistakes = Mistakes::default();
    if bytes > MAX_SCOPE_BYTES {
        let detail = format!(
            "the scopes of an API and their descriptions have at most {MAX_SCOPE_BYTES} bytes in all, \
             and these have {bytes}: say less about them, or put some at another API"
        );
        mistakes.add("/scopes", "too_large", detail);
    }
    mistakes.check()
}

/// The name `ostler` and the issuer belong to the built-in API.
async fn check_reserved(
    within: &InOrganization,
    change: &mut AuditedChange,
    new: &NewApi,
) -> Result<(), Problem> {
    let taken = |detail| Err(Problem::conflict(Conflict::NameTaken, detail));
    if new.name.as_str() == OSTLER_NAME {
        return taken("the name `ostler` belongs to this server's own API");
    }
    let issuer = &within.app.config.server.issuer;
    if issuer.is_meant_by(new.audience.as_str()) {
        return taken("the issuer is the audience of this server's own API");
    }
    let name = Lookup::Name(new.name.to_string());
    if change.rows().find_api(within.id(), &name).await?.is_some() {
        return taken("another API of this organization has this name");
    }
    Ok(())
}

fn record(within: &InOrganization, change: &AuditedChange, new: NewApi) -> ApiRecord {
    let mut described_scopes = new.scopes;
    described_scopes.sort_by(|one, other| one.scope.cmp(&other.scope));
    let mut resource_types = new.resource_types;
    resource_types.sort_unstable();
    ApiRecord {
        api: Api {
            id: change.new_id(ApiId::generate),
            organization: Some(within.id()),
            name: new.name,
            audience: new.audience,
            scopes: described_scopes
                .iter()
                .map(|described| described.scope.clone())
                .collect(),
            resource_types,
            token: new.token,
        },
        described_scopes,
        created_at: change.now,
        version: Version::FIRST,
    }
}

fn target(api: &Api) -> Target {
    Target {
        kind: "api",
        id: api.id.to_string(),
        name: api.name.to_string(),
    }
}

fn changes(record: &ApiRecord) -> Changes {
    let api = &record.api;
    let scopes: Vec<_> = api.scopes.iter().map(ToString::to_string).collect();
    let types: Vec<_> = api.resource_types.iter().map(ToString::to_string).collect();
    let lifetime = api.token.lifetime.map(|lifetime| lifetime.as_secs());
    Changes::default()
        .with("name", Value::Null, api.name.as_str())
        .with("audience", Value::Null, api.audience.as_str())
        .with("scopes", Value::Null, scopes)
        .with("resource_types", Value::Null, types)
        .with("lifetime_seconds", Value::Null, lifetime)
        .with("signing_alg", Value::Null, api.token.signing_alg.as_str())
        .with("typ", Value::Null, api.token.typ.as_str())
}

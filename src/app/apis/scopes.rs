//! The scopes of an API.

use serde_json::Value;

use crate::domain::api::ApiRecord;
use crate::domain::api::DescribedScope;
use crate::domain::api::MAX_SCOPE_BYTES;
use crate::domain::api::MAX_SCOPES;
use crate::domain::api::scope_bytes;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::folded::is_found;
use crate::domain::scope::Scope;
use crate::store::ApiPart;

use super::super::authority::InOrganization;
use super::super::directory::Touched;
use super::super::page::List;
use super::super::page::Listing;
use super::super::page::PageRequest;
use super::super::page::Search;
use super::super::problem::Conflict;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::terms::Tagged;
use super::super::to_completion;
use super::release;

/// Adds a scope to an API. Nobody holds it yet, so it changes no token.
pub async fn create(
    within: InOrganization,
    api: String,
    submitted: Submitted<DescribedScope>,
) -> Result<Tagged<DescribedScope>, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let record = within.api_in(change.rows(), &api).await?;
        let new = submitted?;
        check_room(&record, &new)?;
        let rows = change.rows();
        let added = rows.add_scope(within.id(), record.api.id, &new).await;
        let taken = "the API has a scope of this name already";
        added.map_err(|error| Problem::of_write(error, taken))?;
        change.open.touch(Touched::Api(record.api.id));
        let changes = Changes::default()
            .with("scope", Value::Null, new.scope.as_str())
            .with("description", Value::Null, new.description.clone());
        let record = within
            .api_in(change.rows(), &record.api.id.to_string())
            .await?;
        let made = find(&record, new.scope.as_str())?;
        change
            .commit("scope.create", target(&record, &new.scope), changes)
            .await?;
        Ok(made)
    })
    .await
}

/// Deletes a scope; one that is in use only when it is forced, from all who hold it.
pub async fn delete(
    within: InOrganization,
    api: String,
    scope: String,
    forced: Submitted<bool>,
) -> Result<(), Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let record = within.api_in(change.rows(), &api).await?;
        let described = find(&record, &scope)?;
        let forced = forced?;
        change.check_version(&described)?;
        let scope = &described.thing.scope;
        let part = ("the scope", &ApiPart::Scope(scope.clone()));
        let killed = release(&mut change, &within, &record.api, part, forced).await?;
        change
            .rows()
            .remove_scope(within.id(), record.api.id, scope)
            .await?;
        let changes = Changes::default()
            .with("scope", scope.as_str(), Value::Null)
            .with("accounts_with_tokens_revoked", Value::Null, killed.count());
        change
            .commit("scope.delete", target(&record, scope), changes)
            .await?;
        Ok(())
    })
    .await
}

fn check_room(record: &ApiRecord, new: &DescribedScope) -> Result<(), Problem> {
    let full = |limit: String| Err(Problem::conflict(Conflict::QuotaReached, limit));
    if record.described_scopes.len() >= MAX_SCOPES {
        return full(format!(
            "an API has at most {MAX_SCOPES} scopes: delete one that nobody holds, or put the rest at \
             another API"
        ));
    }
    let scopes = record.described_scopes.iter();
    if scope_bytes(scopes.chain([new])) > MAX_SCOPE_BYTES {
        return full(format!(
            "the scopes of an API and their descriptions have at most {MAX_SCOPE_BYTES} bytes in all: \
             delete one that nobody holds, or put the rest at another API"
        ));
    }
    Ok(())
}

fn find(record: &ApiRecord, scope: &str) -> Result<Tagged<DescribedScope>, Problem> {
    let found = record.described_scope(scope);
    let found = found.ok_or(Problem::NotFound("scope"))?;
    Ok(Tagged {
        tag: record.tag_of(found),
        thing: found.clone(),
    })
}

/// A scope of an API.
pub async fn show(
    within: &InOrganization,
    api: &str,
    scope: &str,
) -> Result<Tagged<DescribedScope>, Problem> {
    find(&within.api(api).await?, scope)
}

/// The scopes of an API with this text in what is told of them, sorted.
pub async fn list(
    within: &InOrganization,
    api: &str,
    request: Submitted<(PageRequest, Search)>,
) -> Result<Listing<DescribedScope>, Problem> {
    let record = within.api(api).await?;
    let (request, text) = request?;
    let list = List {
        key: &within.app.server_key,
        path: vec![
            "scopes".to_owned(),
            within.id().to_string(),
            record.api.id.to_string(),
            format!("{text:?}"),
        ],
    };
    let page = list.page::<String>(&request)?;
    let after = |described: &DescribedScope| match &page.after {
        None => true,
        Some(after) => described.scope.as_str() > after.as_str(),
    };
    let is_meant = |described: &DescribedScope| {
        let written = [
            Some(described.scope.as_str()),
            described.description.as_deref(),
        ];
        let written = || written.into_iter().flatten();
        text.as_ref()
            .is_none_or(|text| is_found(text, written(), ""))
    };
    let rest = record.described_scopes.into_iter().filter(after);
    let found = rest.filter(is_meant).take(page.limit.into()).collect();
    Ok(list.listing(&request, found, |described| described.scope.to_string()))
}

fn target(record: &ApiRecord, scope: &Scope) -> Target {
    Target {
        kind: "scope",
        id: record.api.id.to_string(),
        name: scope.to_string(),
    }
}

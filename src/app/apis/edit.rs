//! Editing and deleting an API.

use std::time::Duration;

use serde_json::Value;

use crate::domain::api::Api;
use crate::domain::api::ApiRecord;
use crate::domain::api::TokenSettings;
use crate::domain::audit::Changes;
use crate::domain::resource::ResourceType;
use crate::domain::signing_key::Algorithm;
use crate::domain::token::TokenTyp;
use crate::store::ApiPart;

use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::directory::Touched;
use super::super::edit::Edit;
use super::super::in_use::InUse;
use super::super::in_use::MOST_HOLDERS;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::reduction::Concerned;
use super::super::to_completion;
use super::check_lifetime;
use super::target;

/// What is to be another in an API.
#[derive(Clone, Debug, Default)]
pub struct ApiEdit {
    /// The types of its resources, each once; `None` = they stay as they are.
    pub resource_types: Option<Vec<ResourceType>>,
    /// How it wants its tokens; cleared, they are as the server usually makes them.
    pub token: Edit<TokenEdit>,
}

/// What is to be another in how an API wants its tokens; cleared, it is the usual.
#[derive(Clone, Debug, Default)]
pub struct TokenEdit {
    /// How long they live.
    pub lifetime: Edit<Duration>,
    /// What signs them.
    pub signing_alg: Edit<Algorithm>,
    /// Their `typ` header.
    pub typ: Edit<TokenTyp>,
}

impl TokenEdit {
    /// How a new API wants its tokens.
    pub fn of_new(self) -> TokenSettings {
        self.apply_to(TokenSettings::default())
    }

    fn apply_to(self, settings: TokenSettings) -> TokenSettings {
        let usual = TokenSettings::default();
        let (alg, typ) = (Some(settings.signing_alg), Some(settings.typ));
        TokenSettings {
            lifetime: self.lifetime.of(settings.lifetime),
            signing_alg: self.signing_alg.of(alg).unwrap_or(usual.signing_alg),
            typ: self.typ.of(typ).unwrap_or(usual.typ),
        }
    }
}

/// Edits an API. A type that is new counts as none in every grant, and ends the tokens of those who
/// have one: they do not name it. A type that somebody reaches something of cannot be taken away.
/// The token settings count from the next token.
pub async fn update(
    within: InOrganization,
    api: String,
    submitted: Submitted<ApiEdit>,
) -> Result<ApiRecord, Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let record = within.api_in(change.rows(), &api).await?;
        let edit = submitted?;
        let before = &record.api;
        let after = edited(before, edit);
        // A lifetime from before the server's own limit was lowered may stay: the lower one counts.
        if after.token.lifetime != before.token.lifetime {
            check_lifetime(&within.app, after.token.lifetime)?;
        }
        for kind in &before.resource_types {
            if !after.resource_types.contains(kind) {
                refuse_if_used(&mut change, before, kind).await?;
            }
        }
        change.check_version(&record)?;
        if after == *before {
            return Ok(record);
        }
        write(&within, change, before, &after).await
    })
    .await
}

fn edited(api: &Api, edit: ApiEdit) -> Api {
    let mut resource_types = edit.resource_types.unwrap_or(api.resource_types.clone());
    resource_types.sort_unstable();
    Api {
        token: match edit.token {
            Edit::Keep => api.token,
            Edit::Clear => TokenSettings::default(),
            Edit::Set(edit) => edit.apply_to(api.token),
        },
        resource_types,
        ..api.clone()
    }
}

async fn refuse_if_used(
    change: &mut AuditedChange,
    api: &Api,
    kind: &ResourceType,
) -> Result<(), Problem> {
    let Some(organization) = api.organization else {
        return Ok(());
    };
    let rows = change.rows();
    let part = ApiPart::Type(kind.clone());
    let holders = rows
        .list_holders_of_part(organization, api.id, &part, MOST_HOLDERS)
        .await?;
    InUse::refuse_always("a resource type that is to go", holders)
}

async fn write(
    within: &InOrganization,
    mut change: AuditedChange,
    before: &Api,
    after: &Api,
) -> Result<ApiRecord, Problem> {
    change.rows().update_api(within.id(), after).await?;
    let is_new = |kind: &ResourceType| !before.resource_types.contains(kind);
    let mut killed = Concerned::Accounts(Vec::new());
    if after.resource_types.iter().any(is_new) {
        killed = concerned(&mut change, within, after, &ApiPart::Whole).await?;
        change.kill_tokens_of_all(within.id(), &killed).await?;
    }
    change.open.touch(Touched::Api(after.id));
    let changes =
        changes(before, after).with("accounts_with_tokens_revoked", Value::Null, killed.count());
    // Read before it is durable: the answer is of this very change, and of no later one.
    let id = after.id.to_string();
    let record = within.api_in(change.rows(), &id).await?;
    change.commit("api.update", target(after), changes).await?;
    Ok(record)
}

/// What is another.
fn changes(before: &Api, after: &Api) -> Changes {
    let types =
        |api: &Api| -> Vec<String> { api.resource_types.iter().map(ToString::to_string).collect() };
    let lifetime = |api: &Api| api.token.lifetime.map(|lifetime| lifetime.as_secs());
    let alg = |api: &Api| api.token.signing_alg.as_str();
    let typ = |api: &Api| api.token.typ.as_str();
    Changes::default()
        .with_difference("resource_types", types(before), types(after))
        .with_difference("lifetime_seconds", lifetime(before), lifetime(after))
        .with_difference("signing_alg", alg(before), alg(after))
        .with_difference("typ", typ(before), typ(after))
}

/// Deletes an API; one that is in use only when it is forced, from all who have it. Its tokens are
/// dead at once, and its audience stays reserved.
pub async fn delete(
    within: InOrganization,
    api: String,
    forced: Submitted<bool>,
) -> Result<(), Problem> {
    to_completion(async move {
        let mut change = within.begin().await?;
        let record = within.api_in(change.rows(), &api).await?;
        let forced = forced?;
        change.check_version(&record)?;
        let (api, whole) = (&record.api, &ApiPart::Whole);
        let killed = release(&mut change, &within, api, ("the API", whole), forced).await?;
        let now = change.now;
        change.rows().remove_api(within.id(), api.id, now).await?;
        let changes = Changes::default()
            .with("name", api.name.as_str(), Value::Null)
            .with("audience", api.audience.as_str(), Value::Null)
            .with("accounts_with_tokens_revoked", Value::Null, killed.count());
        change.commit("api.delete", target(api), changes).await?;
        Ok(())
    })
    .await
}

/// Refuses to delete a part of an API that somebody holds, or, when it is forced, kills the tokens of
/// all who do. Returns who that is. Called before the part leaves their grants.
pub(in crate::app) async fn release(
    change: &mut AuditedChange,
    within: &InOrganization,
    api: &Api,
    (what, part): (&'static str, &ApiPart),
    forced: bool,
) -> Result<Concerned, Problem> {
    let rows = change.rows();
    let holders = rows
        .list_holders_of_part(within.id(), api.id, part, MOST_HOLDERS)
        .await?;
    InUse::refuse(what, holders, forced)?;
    let killed = concerned(change, within, api, part).await?;
    change.kill_tokens_of_all(within.id(), &killed).await?;
    change.open.touch(Touched::Api(api.id));
    Ok(killed)
}

/// The accounts that hold a part of the API.
async fn concerned(
    change: &mut AuditedChange,
    within: &InOrganization,
    api: &Api,
    part: &ApiPart,
) -> Result<Concerned, Problem> {
    let rows = change.rows();
    let found = rows
        .list_accounts_with_part(within.id(), api.id, part, Concerned::LIMIT)
        .await?;
    Ok(Concerned::of(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_edit_does_not_say_stays_and_null_is_the_usual() {
        let settings = TokenSettings {
            lifetime: Some(Duration::from_mins(1)),
            signing_alg: Algorithm::EdDsa,
            typ: TokenTyp::Jwt,
        };
        assert_eq!(TokenEdit::default().apply_to(settings), settings);
        let shorter = TokenEdit {
            lifetime: Edit::Set(Duration::from_secs(9)),
            ..TokenEdit::default()
        };
        let edited = shorter.apply_to(settings);
        assert_eq!(edited.lifetime, Some(Duration::from_secs(9)));
        assert_eq!(edited.typ, TokenTyp::Jwt);
        let usual = TokenEdit {
            lifetime: Edit::Clear,
            signing_alg: Edit::Clear,
            typ: Edit::Clear,
        };
        assert_eq!(usual.apply_to(settings), TokenSettings::default());
    }
}

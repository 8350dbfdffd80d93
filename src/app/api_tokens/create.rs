//! Making an API token.

use std::time::Duration;

use serde_json::Value;

use crate::domain::access::Access;
use crate::domain::account::ServiceAccount;
use crate::domain::api_token::ApiToken;
use crate::domain::api_token::MAX_API_TOKENS;
use crate::domain::api_token::MAX_ENDED_API_TOKENS;
use crate::domain::audit::Changes;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialKind;
use crate::domain::id::ClientId;
use crate::domain::id::CredentialId;
use crate::domain::name::Label;
use crate::domain::organization::Generation;
use crate::domain::organization::Status;
use crate::domain::rotation::after;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretKind;
use crate::domain::usage::UsageReading;
use crate::domain::version::Version;

use super::super::App;
use super::super::access::DescribedAccess;
use super::super::access::PresentedAccess;
use super::super::access::Reading;
use super::super::audited::AuditedChange;
use super::super::authority::InOrganization;
use super::super::credentials;
use super::super::directory::Touched;
use super::super::problem::Conflict;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::described::IssuedApiToken;
use super::described::describe;
use super::target;

/// An API token that is to be made.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// Its name.
    pub name: Label,
    /// How long it lives.
    pub lifetime: Duration,
    /// What it is narrowed to; `None` = all of its account's access.
    pub access: Option<PresentedAccess>,
}

/// Makes an API token.
pub async fn create(
    within: InOrganization,
    account: String,
    submitted: Submitted<NewApiToken>,
) -> Result<IssuedApiToken, Problem> {
    to_completion(async move {
        let mut submitted = submitted;
        if let Ok(new) = &mut submitted
            && let Some(presented) = &mut new.access
        {
            within.recognise_audiences(presented).await?;
        }
        let mut change = within.begin().await?;
        let account = within.account_in(change.rows(), &account).await?;
        let new = submitted?;

        let nothing = Access::NOTHING;
        let mut reading = Reading::new(&within, &nothing);
        let narrowing = match &new.access {
            None => None,
            Some(presented) => Some(reading.narrowing(change.rows(), presented).await?),
        };
        if !reading.is_good() {
            drop(change);
            return Err(reading.refuse().await);
        }
        let resulting =
            credentials::effective_access(&mut change, &account, narrowing.as_ref()).await?;
        within.caller.may_hand_on(&resulting)?;
        check_room(&mut change, &account).await?;
        let (token, value) = add(&within.app, &mut change, &account, &new, narrowing).await?;

        // What was made just now was never used.
        let unused = UsageReading::default();
        let described = describe(token, &unused, &reading.book, change.now);
        let forgotten = forget_others(&mut change, &account).await?;
        let changes = changes(&described.token, described.access.as_ref());
        let changes = if forgotten.is_empty() {
            changes
        } else {
            changes.with("forgotten_api_tokens", forgotten, Value::Null)
        };
        let target = target(&described.token);
        change.commit("api_token.create", target, changes).await?;
        Ok(IssuedApiToken {
            token: described,
            value,
        })
    })
    .await
}

/// Forgets those that ended long before others; returns their ids.
async fn forget_others(
    change: &mut AuditedChange,
    account: &ServiceAccount,
) -> Result<Vec<String>, Problem> {
    let now = change.now;
    let (organization, kept) = (account.organization, MAX_ENDED_API_TOKENS);
    let rows = change.rows();
    let forgotten = rows.forget_ended_api_tokens(organization, account.id, kept, now);
    Ok(forgotten.await?.iter().map(ToString::to_string).collect())
}

async fn check_room(change: &mut AuditedChange, account: &ServiceAccount) -> Result<(), Problem> {
    let now = change.now;
    let rows = change.rows();
    let count = rows.count_api_tokens(account.organization, account.id, now);
    if count.await? < MAX_API_TOKENS {
        return Ok(());
    }
    Err(Problem::conflict(
        Conflict::QuotaReached,
        format!(
            "an account has at most {MAX_API_TOKENS} active API tokens: revoke one, or let one end"
        ),
    ))
}

async fn add(
    app: &App,
    change: &mut AuditedChange,
    account: &ServiceAccount,
    new: &NewApiToken,
    narrowing: Option<Access>,
) -> Result<(ApiToken, Secret), Problem> {
    let ends_at = after(change.now, new.lifetime);
    let (stored, value) = credentials::mint(app, change, SecretKind::ApiToken, Some(ends_at));
    let credential = Credential {
        id: change.new_id(CredentialId::generate),
        organization: account.organization,
        account: account.id,
        client_id: change.new_id(ClientId::generate),
        kind: CredentialKind::ApiToken,
        name: new.name.clone(),
        status: Status::Active,
        generation: Generation::FIRST,
        allowed_networks: Vec::new(),
        narrowing,
        created_at: change.now,
        version: Version::FIRST,
        secrets: vec![stored],
    };
    let added = change.rows().add_credential(&credential).await;
    let taken =
        "another API token of this account has this name: revoke it, or choose another name";
    added.map_err(|error| Problem::of_write(error, taken))?;
    change.open.touch(Touched::Account(account.id));
    let made = ApiToken::of(credential).ok_or(Problem::NotFound("API token"))?;
    Ok((made, value))
}

fn changes(token: &ApiToken, access: Option<&DescribedAccess>) -> Changes {
    let credential = token.credential();
    let end = token.expires_at().map(|end| end.to_string());
    Changes::default()
        .with("account", Value::Null, credential.account.to_string())
        .with("name", Value::Null, credential.name.as_str())
        .with("client_id", Value::Null, credential.client_id.to_string())
        .with("expires_at", Value::Null, end)
        .with("access", Value::Null, access.map(DescribedAccess::to_json))
}

//! Reports that wait for a person: to revoke what was reported, or to dismiss the report.
//!
//! To revoke is a change of the credential, and the report is over with it. To dismiss lets a secret
//! that somebody holds go on working, so it takes as much as to hand it out: whoever may do less of
//! `ostler` than it can does not decide that. What is reported once more waits once more: whoever
//! reports it holds it.

use crate::domain::audit::Changes;
use crate::domain::id::SecretId;
use crate::domain::leak::Leak;
use crate::store::SecretOwner;

use super::super::authority::InOrganization;
use super::super::credentials;
use super::super::page::List;
use super::super::page::Listing;
use super::super::page::PageRequest;
use super::super::page::Search;
use super::super::problem::Problem;
use super::super::problem::Submitted;
use super::super::to_completion;
use super::Leaked;

/// The reports in the organization of secrets that may still be used, with this text in the name or the
/// id of whose they are.
pub async fn list(
    within: &InOrganization,
    request: Submitted<(PageRequest, Search)>,
) -> Result<Listing<Leak>, Problem> {
    let (request, text) = request?;
    let list = List {
        key: &within.app.server_key,
        path: vec![
            "leaks".to_owned(),
            within.id().to_string(),
            format!("{text:?}"),
        ],
    };
    let page = list.page::<SecretId>(&request)?;
    let (store, now) = (&within.app.store, within.app.clock.now());
    let text = text.map(credentials::as_stored);
    let found = store
        .list_leaks(within.id(), text.as_deref(), now, page)
        .await?;
    Ok(list.listing(&request, found, |leak| leak.secret))
}

/// Dismisses the report of a secret.
pub async fn dismiss(
    within: InOrganization,
    secret: String,
    nothing: Submitted<()>,
) -> Result<(), Problem> {
    const UNKNOWN: Problem = Problem::NotFound("leak report");
    to_completion(async move {
        let mut change = within.begin().await?;
        let secret: SecretId = secret.parse().map_err(|_| UNKNOWN)?;
        let now = change.now;
        let leak = change.rows().find_leak(within.id(), secret, now).await?;
        let leak = leak.ok_or(UNKNOWN)?;
        let owner = SecretOwner {
            organization: within.id(),
            account: leak.account,
            credential: leak.credential,
            secret,
        };
        let leaked = Leaked::find(&mut change, &owner).await?.ok_or(UNKNOWN)?;
        let account = leak.account.to_string();
        let account = within.account_in(change.rows(), &account).await?;
        let narrowing = leaked.credential().narrowing.as_ref();
        let reach = credentials::effective_access(&mut change, &account, narrowing).await?;
        within.caller.may_hand_on(&reach)?;
        nothing?;
        change.rows().remove_leak(within.id(), secret).await?;
        let changes = Changes::default().with("leak_reported", true, false);
        change
            .commit("leak.dismiss", leaked.target(secret), changes)
            .await
    })
    .await
}

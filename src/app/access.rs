//! Access: what an account is granted, shown and replaced.
//!
//! Whatever way access is reduced, the account's generation is raised in the same transaction, so
//! that no live token says more than its account may do now. Additions raise nothing.

mod book;
pub(super) mod budget;
mod own_keys;
mod presented;
mod reading;
mod role_names;
mod size;
mod unknown;

pub(super) use book::Book;
pub use book::DescribedAccess;
pub use book::DescribedGrant;
pub use book::DescribedIdentifiers;
pub use presented::PresentedAccess;
pub use presented::PresentedGrant;
pub use presented::PresentedIdentifiers;
pub(super) use reading::Reading;

use crate::domain::access::Access;
use crate::domain::access_size::AccessSize;
use crate::domain::account::ServiceAccount;
use crate::domain::audit::Changes;
use crate::domain::holdings::Holdings;
use crate::domain::version::EntityTag;
use crate::domain::version::Versioned;
use crate::store::AccessOf;
use crate::store::Holder;

use super::App;
use super::accounts;
use super::administrators;
use super::authority::InOrganization;
use super::off_the_workers;
use super::problem::Problem;
use super::problem::Submitted;
use super::terms::Tagged;
use super::to_completion;

/// What replacing some access comes to.
#[derive(Clone, Debug)]
pub struct Replaced {
    /// The access from now on.
    pub access: DescribedAccess,
    /// What becomes possible.
    pub added: DescribedAccess,
    /// What stops being possible.
    pub removed: DescribedAccess,
    /// Whether the account's tokens die of it.
    pub tokens_revoked: bool,
    /// What its clients will have to mind, in sentences.
    pub warnings: Vec<String>,
    /// The version of the account.
    pub tag: EntityTag,
}

impl Versioned for Replaced {
    fn tag(&self) -> EntityTag {
        self.tag.clone()
    }
}

/// The account's own grants.
pub async fn show(
    within: &InOrganization,
    account: &str,
) -> Result<Tagged<DescribedAccess>, Problem> {
    let account = within.account(account).await?;
    let holder = Holder::Account(account.id);
    let found = within.app.store.find_access(within.id(), holder).await?;
    let access = found.unwrap_or_default();
    let mut book = Book::new(within);
    book.read(within.app.store.as_ref(), &access).await?;
    Ok(Tagged {
        thing: book.describe(&access),
        tag: account.tag(),
    })
}

/// Replaces the account's own grants; with `dry_run` it only says what that would come to.
pub async fn replace(
    within: InOrganization,
    account: String,
    submitted: Submitted<(PresentedAccess, bool)>,
) -> Result<Replaced, Problem> {
    to_completion(async move {
        let submitted = match submitted {
            Ok((mut presented, dry_run)) => {
                within.recognise_audiences(&mut presented).await?;
                Ok((presented, dry_run))
            }
            mistaken => mistaken,
        };
        let mut change = within.begin().await?;
        let account = within.account_in(change.rows(), &account).await?;
        within.caller.may_edit_access_of(account.id)?;
        let (presented, dry_run) = submitted?;

        let held = accounts::holdings(&mut change, &account).await?;
        let before = held.own.clone();
        let mut reading = Reading::new(&within, &before);
        let after = reading.read(change.rows(), &presented).await?;
        if !reading.is_good() {
            drop(change);
            return Err(reading.refuse().await);
        }
        reading.book.learn(change.rows(), &before).await?;
        let (all_before, size) = (held.access(), AccessSize::of_holdings(&held));
        let all_after = Holdings {
            own: after.clone(),
            ..held
        };
        let size_after = AccessSize::of_holdings(&all_after);
        let all_after = all_after.access();
        if !after.lies_within(&before) {
            within.caller.may_hand_on(&all_after)?;
        }
        change.check_version(&account)?;
        budget::check(size, size_after)?;
        administrators::keep_one(&mut change, account.id, &all_before, &all_after).await?;

        let tokens_revoked = all_before.is_reduced_to(&all_after);
        let book = reading.book;
        let described = |access| book.describe(access).to_json();
        let mut tag = account.tag();
        if dry_run || after == before {
            drop(change);
        } else {
            change
                .rows()
                .replace_access(within.id(), Holder::Account(account.id), Some(&after))
                .await?;
            change
                .note_access_change(AccessOf::Account(account.id))
                .await?;
            change.touch_account(&account);
            if tokens_revoked {
                change.kill_tokens_of(&account).await?;
            }
            let changes = Changes::default()
                .with("access", described(&before), described(&after))
                .with_tokens_revoked(tokens_revoked);
            tag = change.reread(&account).await?.tag();
            let target = accounts::target(&account);
            change
                .commit("service_account.update_access", target, changes)
                .await?;
        }
        let told = Told {
            app: within.app.clone(),
            book,
            account,
            before,
            after,
            all_after,
        };
        // It may take a while, so no lock is held meanwhile, and no other request held up.
        off_the_workers(move || told.replaced(tokens_revoked, tag)).await
    })
    .await
}

/// What an answer tells of a replacement.
struct Told {
    app: App,
    book: Book,
    account: ServiceAccount,
    before: Access,
    after: Access,
    /// With the roles and the groups.
    all_after: Access,
}

impl Told {
    fn replaced(self, tokens_revoked: bool, tag: EntityTag) -> Replaced {
        let describe = |access| self.book.describe(access);
        Replaced {
            access: describe(&self.after),
            added: describe(&self.after.lost_in(&self.before)),
            removed: describe(&self.before.lost_in(&self.after)),
            tokens_revoked,
            warnings: size::warnings(&self.app, &self.book, &self.account, &self.all_after),
            tag,
        }
    }
}

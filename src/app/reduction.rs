//! What a change takes from accounts that it does not name: by a role, a group or an API.
//!
//! The access of the accounts is read before and after, inside the change, and compared: one that
//! has the same from elsewhere keeps its tokens. Every other one's generation is raised in the same
//! transaction, and if that leaves nobody to administer the instance, there is no change.

use std::collections::BTreeMap;
use std::collections::HashMap;

use crate::domain::access::Access;
use crate::domain::holdings::Holdings;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;
use crate::domain::id::RoleId;
use crate::live::Dead;
use crate::store::StoreError;

use super::administrators;
use super::audited::AuditedChange;
use super::directory::Touched;
use super::off_the_workers;
use super::problem::Problem;

/// The most accounts that are looked at one by one: past it the tokens of the whole organization die.
const MAX_ACCOUNTS: u32 = 10_000;

/// The most accounts that are forgotten one by one: past it all of the organization's are.
const MAX_FORGOTTEN: usize = 100;

/// The accounts that a change concerns.
#[derive(Clone, Debug)]
pub(super) enum Concerned {
    /// These.
    Accounts(Vec<AccountId>),
    /// So many that the organization as a whole counts.
    Everybody,
}

impl Concerned {
    /// How many accounts to ask the store for.
    pub(super) const LIMIT: u32 = MAX_ACCOUNTS + 1;

    /// Of the first [`LIMIT`](Self::LIMIT) accounts.
    pub(super) fn of(found: Vec<AccountId>) -> Self {
        if found.len() < Self::LIMIT as usize {
            Self::Accounts(found)
        } else {
            Self::Everybody
        }
    }

    /// How many accounts, for an audit event; `None` = all of the organization.
    pub(super) fn count(&self) -> Option<usize> {
        match self {
            Self::Accounts(accounts) => Some(accounts.len()),
            Self::Everybody => None,
        }
    }
}

impl AuditedChange {
    /// Notes that the accounts have changed.
    pub(super) fn touch_all(&mut self, organization: OrganizationId, concerned: &Concerned) {
        match concerned {
            Concerned::Accounts(accounts) if accounts.len() <= MAX_FORGOTTEN => {
                for account in accounts {
                    self.open.touch(Touched::Account(*account));
                }
            }
            _ => self.open.touch(Touched::Organization(organization)),
        }
    }

    /// Raises the generations of the accounts: every token that they have is dead.
    pub(super) async fn kill_tokens_of_all(
        &mut self,
        organization: OrganizationId,
        concerned: &Concerned,
    ) -> Result<(), StoreError> {
        self.touch_all(organization, concerned);
        let rows = self.open.rows.as_mut();
        match concerned {
            Concerned::Accounts(accounts) => {
                let raised = rows.raise_account_generations(organization, accounts);
                for (account, raised) in raised.await? {
                    self.open.kill(Dead::Account(account, raised));
                }
            }
            Concerned::Everybody => {
                let raised = rows.raise_organization_generation(organization).await?;
                self.open.kill(Dead::Organization(organization, raised));
            }
        }
        Ok(())
    }
}

/// What the accounts hold that a change concerns, before it.
pub(super) struct Before {
    organization: OrganizationId,
    concerned: Concerned,
    /// Empty when nothing can be lost.
    holdings: BTreeMap<AccountId, Holdings>,
    reduces: bool,
}

impl Before {
    /// Reads it. Where the change only adds (`reduces` is false), there is nothing to compare.
    pub(super) async fn read(
        change: &mut AuditedChange,
        organization: OrganizationId,
        concerned: Concerned,
        reduces: bool,
    ) -> Result<Self, StoreError> {
        let holdings = match &concerned {
            Concerned::Accounts(accounts) if reduces => {
                change.rows().list_holdings(organization, accounts).await?
            }
            _ => BTreeMap::new(),
        };
        Ok(Self {
            organization,
            concerned,
            holdings,
            reduces,
        })
    }

    /// Compares it with what is so now, after the writes, and kills the tokens of those who have
    /// lost something. Returns who that is.
    pub(super) async fn settle(self, change: &mut AuditedChange) -> Result<Concerned, Problem> {
        change.touch_all(self.organization, &self.concerned);
        if !self.reduces {
            return Ok(Concerned::Accounts(Vec::new()));
        }
        let organization = self.organization;
        let (reduced, loses_administrator) = match self.concerned {
            Concerned::Everybody => (Concerned::Everybody, true),
            Concerned::Accounts(accounts) => {
                let rows = change.rows();
                let after = rows.list_holdings(organization, &accounts).await?;
                let before = self.holdings;
                // Some thousands may each hold much, and another thing than the next.
                off_the_workers(move || compare(&before, &after)).await?
            }
        };
        change.kill_tokens_of_all(organization, &reduced).await?;
        if loses_administrator {
            administrators::keep_somebody(change).await?;
        }
        Ok(reduced)
    }
}

/// Those who hold less after it, and whether somebody who administers everything is among them.
fn compare(
    before: &BTreeMap<AccountId, Holdings>,
    after: &BTreeMap<AccountId, Holdings>,
) -> (Concerned, bool) {
    let reduced = reduced(before, after);
    let administers = |account: &AccountId| {
        let held = before.get(account).map(Holdings::access);
        held.is_some_and(|access| administrators::administers_all(&access))
    };
    let loses_administrator = reduced.iter().any(administers);
    (Concerned::Accounts(reduced), loses_administrator)
}

fn reduced(
    before: &BTreeMap<AccountId, Holdings>,
    after: &BTreeMap<AccountId, Holdings>,
) -> Vec<AccountId> {
    // Most of them hold nothing but the same roles, and are alike.
    let mut known: HashMap<_, bool> = HashMap::new();
    let nothing = Holdings::default();
    let mut is_reduced = |account: &AccountId, before: &Holdings| {
        let after = after.get(account).unwrap_or(&nothing);
        let key = (key(before), key(after));
        *known
            .entry(key)
            .or_insert_with(|| before.access().is_reduced_to(&after.access()))
    };
    let accounts = before.iter();
    accounts
        .filter(|(account, before)| is_reduced(account, before))
        .map(|(account, _)| *account)
        .collect()
}

/// What the access of an account comes from, at one moment.
fn key(holdings: &Holdings) -> (Access, Vec<RoleId>) {
    let roles = holdings.all_roles().map(|role| role.id);
    (holdings.own.clone(), roles.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_ten_thousand_accounts_the_organization_counts() {
        let accounts = |count: u128| (0..count).map(AccountId::from_bits).collect();
        assert_eq!(Concerned::of(accounts(10_000)).count(), Some(10_000));
        assert_eq!(Concerned::of(accounts(10_001)).count(), None);
    }
}

//! What findings rest on: rows of everything that meets a condition, kind by kind.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::credential::CredentialRef;
use crate::domain::finding::FindingKind;
use crate::domain::id::AccountId;
use crate::domain::id::OrganizationId;

use super::StoreError;

/// Which rows of one kind are wanted.
#[derive(Clone, Debug)]
pub struct FindingPage {
    /// Of these organizations; `None` = of all.
    pub among: Option<Vec<OrganizationId>>,
    /// Only those after the one at this place.
    pub after: Option<String>,
    /// At most so many.
    pub limit: u16,
}

/// One row. What the instants and the numbers say depends on the kind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FindingRow {
    /// Where it stands among the rows of its kind, without a `|`; only the store reads it.
    pub place: String,
    /// The id of what it is about.
    pub subject: String,
    /// The organization.
    pub organization: OrganizationId,
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub account_name: String,
    /// The credential, where it is about one or its secret.
    pub credential: Option<FoundCredential>,
    /// The instant that it is about: an end, a last use, a beginning.
    pub at: Timestamp,
    /// Another instant: the end of an overlap, when something became quiet, when the account of a
    /// credential was used.
    pub other_at: Option<Timestamp>,
    /// A third one: the beginning of an overlap.
    pub third_at: Option<Timestamp>,
    /// A network, or one address.
    pub network: Option<String>,
    /// How many.
    pub count: Option<u64>,
    /// How many before.
    pub before: Option<u64>,
}

/// A credential that something was found of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FoundCredential {
    /// Which one it is.
    pub id: CredentialRef,
    /// Its name.
    pub name: String,
}

/// What was found for a page.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FoundRows {
    /// The rows, in the order of their places.
    pub rows: Vec<FindingRow>,
    /// Where the search ended before the page was full, because so much was passed over: the next page goes
    /// on after it.
    pub stopped_at: Option<String>,
}

/// Reads of what is found. Of signing keys there is nothing here: there are few of them.
#[async_trait]
pub trait FindingReads {
    /// The rows of `kind` as things stand at `now`, in the order of their places. Accounts that may
    /// write to every resource are told too widely: whoever reads them looks at their grants.
    async fn list_findings(
        &self,
        kind: FindingKind,
        now: Timestamp,
        page: &FindingPage,
    ) -> Result<FoundRows, StoreError>;
}

//! The audit trail, as it is read: a chain at a time, the newest event first.
//!
//! - [`export`]: all of it, as it stands;
//! - [`verify`]: whether it is what it was; [`head`] signs what was found; [`walks`]: whose turn it is;
//! - [`retention`]: what is too old goes, and leaves a checkpoint.
//!
//! How events come to be is in [`refused_calls`](super::refused_calls) and in every change
//! ([`OpenChange::commit`](super::change::OpenChange::commit)).

pub mod export;
pub mod head;
pub mod retention;
pub mod verify;
pub mod walks;

use crate::domain::audit::Chain;
use crate::domain::audit::Target;
use crate::domain::audit_event::AuditEvent;
use crate::domain::organization::Organization;

/// Which events are wanted, for those who ask.
pub use crate::store::EventFilter;
pub use crate::store::Named;

use super::App;
use super::authority::Caller;
use super::authority::InOrganization;
use super::authority::OnInstance;
use super::page::List;
use super::page::Listing;
use super::page::PageRequest;
use super::problem::Problem;

/// Proof that a caller may read a chain.
pub struct Trail {
    app: App,
    caller: Caller,
    chain: Chain,
    /// Whose chain it is.
    owner: Target,
}

impl From<InOrganization> for Trail {
    fn from(within: InOrganization) -> Self {
        Self {
            chain: Chain::Organization(within.id()),
            owner: owner(&within.organization),
            app: within.app,
            caller: within.caller,
        }
    }
}

impl From<OnInstance> for Trail {
    fn from(instance: OnInstance) -> Self {
        Self {
            chain: Chain::Instance,
            owner: the_instance(),
            app: instance.app,
            caller: instance.caller,
        }
    }
}

fn owner(organization: &Organization) -> Target {
    Target {
        kind: "organization",
        id: organization.id.to_string(),
        name: organization.name.to_string(),
    }
}

/// The instance has neither an id nor a name.
pub(super) fn the_instance() -> Target {
    Target {
        kind: "instance",
        id: String::new(),
        name: String::new(),
    }
}

/// Events of a chain, the newest first. Since numbers only grow, an event that is written meanwhile
/// neither repeats nor skips another.
pub async fn list(
    trail: &Trail,
    filter: &EventFilter,
    request: &PageRequest,
) -> Result<Listing<AuditEvent>, Problem> {
    let list = List {
        key: &trail.app.server_key,
        path: vec![
            "audit-events".to_owned(),
            trail.chain.name(),
            format!("{filter:?}"),
        ],
    };
    let page = list.page::<i64>(request)?;
    let found = trail.app.store.list_events(trail.chain, filter, page);
    Ok(list.listing(request, found.await?, |event| event.sequence))
}

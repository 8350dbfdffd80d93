//! Roles: named bundles of access. Three are built in; an organization makes others of its own.
//!
//! A role reaches every account that has it, itself or by a group. So nobody edits one that their own
//! account has, and what an edit takes away kills the tokens of those who lose it.

mod edit;

pub use edit::RoleEdit;
pub use edit::delete;
pub use edit::update;

use serde_json::Value;

use crate::domain::access::Access;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::holdings::Holdings;
use crate::domain::id::RoleId;
use crate::domain::name::Name;
use crate::domain::quota::Limited;
use crate::domain::role::BuiltInRole;
use crate::domain::role::Role;
use crate::domain::version::EntityTag;
use crate::domain::version::Version;
use crate::domain::version::Versioned;
use crate::store::Change;

use super::access::Book;
use super::access::DescribedAccess;
use super::access::PresentedAccess;
use super::access::Reading;
use super::authority::Identity;
use super::authority::InOrganization;
use super::lookup;
use super::page::List;
use super::page::Listing;
use super::page::PageRequest;
use super::page::Search;
use super::problem::Conflict;
use super::problem::Problem;
use super::problem::Submitted;
use super::to_completion;

/// A role that is to be made.
#[derive(Clone, Debug)]
pub struct NewRole {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: Option<String>,
    /// What it grants; nothing, if it is not said.
    pub access: Option<PresentedAccess>,
}

/// A role with what it grants, in the words of the APIs.
#[derive(Clone, Debug)]
pub struct DescribedRole {
    /// The role.
    pub role: Role,
    /// What it grants.
    pub access: DescribedAccess,
}

impl Versioned for DescribedRole {
    fn tag(&self) -> EntityTag {
        self.role.tag()
    }
}

/// Makes a role.
pub async fn create(
    within: InOrganization,
    submitted: Submitted<NewRole>,
) -> Result<DescribedRole, Problem> {
    to_completion(async move {
        let mut new = submitted?;
        if let Some(presented) = &mut new.access {
            within.recognise_audiences(presented).await?;
        }
        let mut change = within.begin().await?;
        let mut reading = Reading::of_nothing(&within);
        let access = match &new.access {
            None => Access::NOTHING,
            Some(presented) => reading.read(change.rows(), presented).await?,
        };
        if !reading.is_good() {
            drop(change);
            return Err(reading.refuse().await);
        }
        within.caller.may_hand_on(&access)?;
        if BuiltInRole::parse(new.name.as_str()).is_some() {
            let taken = "a built-in role has this name in every organization";
            return Err(Problem::conflict(Conflict::NameTaken, taken));
        }
        change.check_room(within.id(), Limited::Roles).await?;
        let role = Role {
            id: change.new_id(RoleId::generate),
            organization: within.id(),
            name: new.name,
            description: new.description,
            access,
            version: Version::FIRST,
        };
        let added = change.rows().add_role(&role).await;
        let taken = "another role of this organization has this name";
        added.map_err(|error| Problem::of_write(error, taken))?;
        let described = describe(role, &reading.book);
        let role = &described.role;
        let changes = Changes::default()
            .with("name", Value::Null, role.name.as_str())
            .with("description", Value::Null, role.description.clone())
            .with("access", Value::Null, described.access.to_json());
        change.commit("role.create", target(role), changes).await?;
        Ok(described)
    })
    .await
}

/// A role, one that is built in included.
pub async fn show(within: &InOrganization, role: &str) -> Result<DescribedRole, Problem> {
    let unknown = || Problem::NotFound("role");
    let lookup = lookup::role(role).ok_or_else(unknown)?;
    let found = within.app.store.find_role(within.id(), &lookup).await?;
    let role = found.ok_or_else(unknown)?;
    let mut book = Book::new(within);
    book.read(within.app.store.as_ref(), &role.access).await?;
    Ok(describe(role, &book))
}

/// The roles of the organization with this text in what is told of them: those that are built in, then
/// its own, the oldest first.
pub async fn list(
    within: &InOrganization,
    request: Submitted<(PageRequest, Search)>,
) -> Result<Listing<DescribedRole>, Problem> {
    let (request, text) = request?;
    let list = List {
        key: &within.app.server_key,
        path: vec![
            "roles".to_owned(),
            within.id().to_string(),
            format!("{text:?}"),
        ],
    };
    let page = list.page::<RoleId>(&request)?;
    let store = &within.app.store;
    let found = store.list_roles(within.id(), text.as_deref(), page).await?;
    let listing = list.listing(&request, found, |role| role.id);
    let mut book = Book::new(within);
    for role in &listing.items {
        book.read(within.app.store.as_ref(), &role.access).await?;
    }
    Ok(listing.map(|role| describe(role, &book)))
}

fn describe(role: Role, book: &Book) -> DescribedRole {
    DescribedRole {
        access: book.describe(&role.access),
        role,
    }
}

/// The role as the target of an audit event.
fn target(role: &Role) -> Target {
    Target {
        kind: "role",
        id: role.id.to_string(),
        name: role.name.to_string(),
    }
}

impl InOrganization {
    /// A role of the organization, inside a change.
    async fn role_in(&self, rows: &mut dyn Change, text: &str) -> Result<Role, Problem> {
        let unknown = || Problem::NotFound("role");
        let lookup = lookup::role(text).ok_or_else(unknown)?;
        let found = rows.find_role(self.id(), &lookup).await?;
        found.ok_or_else(unknown)
    }

    /// Refuses to let anybody edit what their own account holds: `is_held` finds it there.
    pub(super) async fn may_edit(
        &self,
        rows: &mut dyn Change,
        is_held: impl FnOnce(&Holdings) -> bool,
    ) -> Result<(), Problem> {
        let Identity::Account { account, .. } = *self.caller.identity() else {
            return Ok(());
        };
        // An account of another organization holds nothing of this one.
        let found = rows.list_holdings(self.id(), &[account]).await?;
        match found.get(&account) {
            Some(own) if is_held(own) => self.caller.may_edit_access_of(account),
            _ => Ok(()),
        }
    }
}

//! What a file declares: the things of an organization by their names.
//!
//! A member that is not there is not declared, and left alone. So every member is an [`Option`].

mod access;
mod account;
mod api;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::reader::Field;
use super::reader::Place;
use crate::domain::name::Name;
use crate::domain::prose::MAX_DESCRIPTION;

pub use access::Access;
pub use access::Grant;
pub use access::Identifiers;
pub use account::Account;
pub use account::Credential;
pub use api::Api;
pub use api::Described;

/// The members that are values of their own, as the API has them.
pub type Settings = Map<String, Value>;

/// A declaration; a section that is not there declares nothing.
#[derive(Debug, Default)]
pub struct Declared {
    /// The protected APIs.
    pub apis: Option<Vec<Api>>,
    /// Roles.
    pub roles: Option<Vec<Role>>,
    /// Groups.
    pub groups: Option<Vec<Group>>,
    /// Service accounts.
    pub accounts: Option<Vec<Account>>,
}

/// A role.
#[derive(Debug)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// `description`.
    pub settings: Settings,
    /// Its grants.
    pub access: Option<Access>,
}

/// A group.
#[derive(Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// `description`.
    pub settings: Settings,
    /// The roles of its members.
    pub roles: Option<Vec<(String, Place)>>,
    /// Accounts that are in it.
    pub members: Option<Vec<(String, Place)>>,
}

impl Declared {
    /// Reads a declaration.
    pub fn read(root: &Field<'_>) -> Self {
        let read = root.members(|members| Self {
            apis: members.take("apis", |field| all(&field, Name::parse, api::read)),
            roles: members.take("roles", |field| all(&field, Name::parse, role)),
            groups: members.take("groups", |field| all(&field, Name::parse, group)),
            accounts: members.take("accounts", |field| account::read_all(&field)),
        });
        read.unwrap_or_default()
    }

    /// All access that is declared anywhere.
    pub fn accesses(&self) -> impl Iterator<Item = &Access> {
        let roles = self.roles.iter().flatten();
        let accounts = || self.accounts.iter().flatten();
        let credentials = accounts().flat_map(|account| account.credentials.iter().flatten());
        let narrowings = credentials.filter_map(|credential| credential.access.as_ref()?.value());
        let roles = roles.filter_map(|role| role.access.as_ref());
        let accounts = accounts().filter_map(|account| account.access.as_ref());
        roles.chain(accounts).chain(narrowings)
    }

    /// All roles that are given to somebody.
    pub fn named_roles(&self) -> impl Iterator<Item = &(String, Place)> {
        let groups = self.groups.iter().flatten();
        let groups = groups.flat_map(|group| group.roles.iter().flatten());
        let accounts = self.accounts.iter().flatten();
        groups.chain(accounts.flat_map(|account| account.roles.iter().flatten()))
    }

    /// The API of this name, if it is declared.
    pub fn api(&self, name: &str) -> Option<&Api> {
        self.apis.iter().flatten().find(|api| api.name == name)
    }
}

/// The things of a section, whose names keep a rule.
fn all<T, N, E: std::fmt::Display>(
    section: &Field<'_>,
    rule: impl Fn(&str) -> Result<N, E>,
    read: impl Fn(String, &Field<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let things = section.named()?.into_iter();
    let things = things.filter_map(|(name, field)| {
        if let Err(error) = rule(&name) {
            return field.note(error.to_string());
        }
        read(name, &field)
    });
    Some(things.collect())
}

fn role(name: String, field: &Field<'_>) -> Option<Role> {
    field.members(|members| {
        let mut settings = Settings::new();
        let text = members.take("description", |field| field.nullable(description));
        say(&mut settings, "description", text);
        Role {
            name,
            settings,
            access: members.take("access", |field| Access::read(&field)),
        }
    })
}

fn group(name: String, field: &Field<'_>) -> Option<Group> {
    field.members(|members| {
        let mut settings = Settings::new();
        let text = members.take("description", |field| field.nullable(description));
        say(&mut settings, "description", text);
        Group {
            name,
            settings,
            roles: members.take("roles", |field| field.texts()),
            members: members.take("members", |field| field.texts()),
        }
    })
}

/// What something is for.
fn description(field: &Field<'_>) -> Option<String> {
    field.prose(MAX_DESCRIPTION)
}

/// A member that was declared.
fn say(settings: &mut Settings, name: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value {
        settings.insert(name.to_owned(), json!(value));
    }
}

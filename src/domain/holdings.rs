//! What an account holds, and where it has it from.
//!
//! The *effective access* of an account is the set of its own grants, those of its roles and those of
//! its groups' roles. It is never flattened, and a credential narrows it grant by grant.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::access::Access;
use super::access::Grant;
use super::id::GroupId;
use super::id::RoleId;
use super::name::Name;
use super::role::Role;

/// All that an account holds.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Its own grants.
    pub own: Access,
    /// Its own roles, in the order of their ids.
    pub roles: Vec<Arc<Role>>,
    /// The groups that it is in, in the order of their ids.
    pub groups: Vec<HeldGroup>,
}

/// A group that an account is in.
#[derive(Clone, Debug)]
pub struct HeldGroup {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: Name,
    /// What the account has by it, in the order of the ids.
    pub roles: Vec<Arc<Role>>,
}

/// Where an account has a grant from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source<'a> {
    /// It is its own.
    Account,
    /// By a role of its own.
    Role(&'a Name),
    /// By a role of a group.
    Group(&'a Name),
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account => f.write_str("account"),
            Self::Role(name) => write!(f, "role:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
        }
    }
}

/// A grant of an account's effective access.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EffectiveGrant<'a> {
    /// The grant, as far as a credential leaves it.
    pub grant: Grant,
    /// Everything that it is held by: without one of them, the others still give it.
    pub via: Vec<Source<'a>>,
}

impl Holdings {
    /// Every role that it holds, its own or by a group, each once, in the order of their ids.
    pub fn all_roles(&self) -> impl Iterator<Item = &Role> {
        let of_groups = self.groups.iter().flat_map(|group| &group.roles);
        let roles = self.roles.iter().chain(of_groups);
        let by_id: BTreeMap<RoleId, &Role> = roles.map(|role| (role.id, role.as_ref())).collect();
        by_id.into_values()
    }

    /// The effective access: its own grants, then those of its roles.
    pub fn access(&self) -> Access {
        let of_roles = self.all_roles().flat_map(|role| role.access.grants());
        self.own.grants().iter().chain(of_roles).cloned().collect()
    }

    /// The effective access under a credential's narrowing (`None` = not narrowed): each grant once,
    /// with everything that it is held by.
    pub fn effective(&self, narrowing: Option<&Access>) -> Vec<EffectiveGrant<'_>> {
        let mut effective: Vec<EffectiveGrant<'_>> = Vec::new();
        let mut places: HashMap<Grant, usize> = HashMap::new();
        for (source, access) in self.sources() {
            let left = match narrowing {
                Some(narrowing) => access.narrowed_by(narrowing),
                None => access.clone(),
            };
            for grant in left.grants() {
                let place = *places.entry(grant.clone()).or_insert(effective.len());
                match effective.get_mut(place) {
                    Some(known) if known.via.last() == Some(&source) => {}
                    Some(known) => known.via.push(source),
                    None => effective.push(EffectiveGrant {
                        grant: grant.clone(),
                        via: vec![source],
                    }),
                }
            }
        }
        effective
    }

    fn sources(&self) -> impl Iterator<Item = (Source<'_>, &Access)> {
        let by_role = self
            .roles
            .iter()
            .map(|role| (Source::Role(&role.name), &role.access));
        let by_group = self.groups.iter().flat_map(|group| {
            let roles = group.roles.iter();
            roles.map(|role| (Source::Group(&group.name), &role.access))
        });
        std::iter::once((Source::Account, &self.own))
            .chain(by_role)
            .chain(by_group)
    }
}

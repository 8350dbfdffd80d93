//! Steps for what bundles access: roles, and groups with their members.

use serde_json::Value;
use serde_json::json;

use super::super::compare;
use super::super::compare::Difference;
use super::super::declared::Access;
use super::super::declared::Group;
use super::super::present::Present;
use super::super::present::folded;
use super::super::reader::Place;
use super::Action;
use super::Planner;
use super::Seen;
use super::Step;
use crate::cli::failure::Failure;
use crate::cli::request::Request;
use crate::domain::role::BuiltInRole;

impl Planner<'_> {
    pub(super) fn plan_roles(&mut self) -> Result<(), Failure> {
        let Some(declared) = &self.declared.roles else {
            return Ok(());
        };
        for (name, role) in &self.world.roles {
            let is_declared = declared.iter().any(|role| role.name == *name);
            let is_built_in = BuiltInRole::parse(name).is_some();
            if self.prune && !is_declared && !is_built_in {
                self.remove("role", name, &self.session.here(&["roles", name])?, role);
            }
        }
        for role in declared {
            let Some(present) = self.world.roles.get(&role.name) else {
                let mut body = json!({"name": role.name});
                for (member, value) in &role.settings {
                    body[member] = value.clone();
                }
                let access = role.access.as_ref().map(|access| self.value_of(access));
                body["access"] = access.unwrap_or_else(|| json!([]));
                let path = self.session.here(&["roles"])?;
                self.create("role", &role.name, path, body);
                continue;
            };
            let mut difference = compare::settings(&role.settings, &present.value);
            self.compare_access(role.access.as_ref(), present, &mut difference);
            let path = self.session.here(&["roles", &role.name])?;
            self.edit("role", &role.name, &path, present, difference);
        }
        Ok(())
    }

    /// Adds the access to what is to change, when it differs.
    pub(super) fn compare_access(
        &self,
        declared: Option<&Access>,
        present: &Present,
        difference: &mut Difference,
    ) {
        let Some(wanted) = declared.map(|access| self.value_of(access)) else {
            return;
        };
        let words = compare::access(&wanted, &present.value["access"], self.world);
        if !words.is_empty() {
            difference.words.extend(words);
            difference.members.insert("access".to_owned(), wanted);
        }
    }

    pub(super) fn plan_groups(&mut self) -> Result<(), Failure> {
        let Some(declared) = &self.declared.groups else {
            return Ok(());
        };
        for (name, group) in &self.world.groups {
            let is_declared = declared.iter().any(|group| group.name == *name);
            if self.prune && !is_declared {
                self.remove("group", name, &self.session.here(&["groups", name])?, group);
            }
        }
        for group in declared {
            self.plan_group(group)?;
            self.plan_members(group)?;
        }
        Ok(())
    }

    fn plan_group(&mut self, group: &Group) -> Result<(), Failure> {
        let mut settings = group.settings.clone();
        if let Some(roles) = &group.roles {
            settings.insert("roles".to_owned(), names(roles));
        }
        if let Some(present) = self.world.groups.get(&group.name) {
            let difference = compare::settings(&settings, &present.value);
            let path = self.session.here(&["groups", &group.name])?;
            self.edit("group", &group.name, &path, present, difference);
        } else {
            settings.insert("name".to_owned(), json!(group.name));
            let path = self.session.here(&["groups"])?;
            self.create("group", &group.name, path, Value::Object(settings));
        }
        Ok(())
    }

    /// Who is in a group is a part of the group, so each request is matched with it.
    fn plan_members(&mut self, group: &Group) -> Result<(), Failure> {
        let Some(declared) = &group.members else {
            return Ok(());
        };
        let present = self.world.members.get(&group.name);
        let is_declared = |name: &String| declared.iter().any(|(known, _)| folded(known) == *name);
        for name in present.into_iter().flatten() {
            if self.prune && !is_declared(name) {
                let request = Request::delete(self.member_path(group, name)?);
                let step = self.member(Action::Delete, group, name, request)?;
                self.removals.push(step);
            }
        }
        for (name, _) in declared {
            if !present.is_some_and(|present| present.contains(&folded(name))) {
                let request = Request::put(self.member_path(group, name)?, json!({}));
                let step = self.member(Action::Create, group, name, request)?;
                self.push(step);
            }
        }
        Ok(())
    }

    fn member_path(&self, group: &Group, account: &str) -> Result<String, Failure> {
        self.session
            .here(&["groups", &group.name, "members", account])
    }

    fn member(
        &self,
        action: Action,
        group: &Group,
        account: &str,
        request: Request,
    ) -> Result<Step, Failure> {
        let path = self.session.here(&["groups", &group.name])?;
        let present = self.world.groups.get(&group.name);
        // Whoever comes or stays has these by it.
        let declared = group.roles.as_ref().map(|roles| names(roles));
        let roles = declared.or_else(|| Some(present?.value["roles"].clone()));
        let roles = roles.map(|roles| ("roles".to_owned(), roles));
        Ok(Step {
            action,
            kind: "member",
            name: format!("{} {account}", group.name),
            words: Vec::new(),
            request,
            thing: Some(Seen {
                path,
                etag: present.and_then(|present| present.etag.clone()),
                over: roles.into_iter().collect(),
            }),
            makes_secret: false,
        })
    }
}

/// Roles as a request says them.
fn names(roles: &[(String, Place)]) -> Value {
    roles.iter().map(|(role, _)| json!(role)).collect()
}

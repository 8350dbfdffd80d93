//! Steps for service accounts and their credentials.

use serde_json::Value;
use serde_json::json;

use super::super::compare;
use super::super::declared::Account;
use super::super::declared::Credential;
use super::super::present::Present;
use super::super::present::folded;
use super::super::reader::Nullable;
use super::Planner;
use super::Seen;
use crate::cli::failure::Failure;
use crate::cli::request::Request;

impl Planner<'_> {
    pub(super) fn plan_accounts(&mut self) -> Result<(), Failure> {
        let Some(declared) = &self.declared.accounts else {
            return Ok(());
        };
        for (name, account) in &self.world.accounts {
            let is_declared = declared.iter().any(|known| folded(&known.name) == *name);
            if self.prune && !is_declared && !self.world.administers(account) {
                let path = self.session.here(&["service-accounts", name])?;
                self.remove("account", name, &path, account);
            }
        }
        for account in declared {
            match self.world.accounts.get(&folded(&account.name)) {
                Some(present) => self.plan_present_account(account, present)?,
                None => self.make_account(account)?,
            }
        }
        Ok(())
    }

    fn make_account(&mut self, account: &Account) -> Result<(), Failure> {
        let mut body = json!({"name": account.name});
        for (member, value) in &account.settings {
            body[member] = value.clone();
        }
        if let Some(labels) = body.get_mut("labels").and_then(Value::as_object_mut) {
            labels.retain(|_, value| !value.is_null());
        }
        if let Some(roles) = &account.roles {
            body["roles"] = roles.iter().map(|(role, _)| json!(role)).collect();
        }
        if let Some(access) = &account.access {
            body["access"] = self.value_of(access);
        }
        let path = self.session.here(&["service-accounts"])?;
        self.create("account", &account.name, path, body);
        if account.enabled == Some(false) {
            self.set_state(account, &Present::default(), "disable")?;
        }
        Ok(())
    }

    fn plan_present_account(
        &mut self,
        account: &Account,
        present: &Present,
    ) -> Result<(), Failure> {
        let name = &account.name;
        let path = self.session.here(&["service-accounts", name])?;
        let difference = compare::settings(&account.settings, &present.value);
        self.edit("account", name, &path, present, difference);

        if let Some(roles) = &account.roles {
            let roles: Value = roles.iter().map(|(role, _)| json!(role)).collect();
            let declared = [("roles".to_owned(), roles)].into_iter().collect();
            let difference = compare::settings(&declared, &present.value);
            if !difference.is_none() {
                let path = format!("{path}/roles");
                let request = Request::put(path.as_str(), Value::Object(difference.members));
                let thing = part_of(present, &path, "roles");
                self.change("account", name, thing, difference.words, request);
            }
        }
        let wanted = account.access.as_ref();
        if let Some(wanted) = wanted.map(|access| self.value_of(access)) {
            let words = compare::access(&wanted, &present.value["access"], self.world);
            if !words.is_empty() {
                let path = format!("{path}/access");
                let request = Request::put(path.as_str(), json!({"access": wanted}));
                let thing = part_of(present, &path, "access");
                self.change("account", name, thing, words, request);
            }
        }
        let is_enabled = present.value["status"] != "disabled";
        match account.enabled {
            Some(true) if !is_enabled => self.set_state(account, present, "enable"),
            Some(false) if is_enabled => self.set_state(account, present, "disable"),
            _ => Ok(()),
        }
    }

    fn set_state(
        &mut self,
        account: &Account,
        present: &Present,
        verb: &'static str,
    ) -> Result<(), Failure> {
        let name = &account.name;
        let path = self.session.here(&["service-accounts", name])?;
        let request = Request::post(format!("{path}/{verb}"), json!({}));
        let request = self.session.keyed(request);
        // Who else sets the state meanwhile sets the same one.
        let thing = present.seen_at(&path, std::iter::empty());
        self.change("account", name, thing, vec![verb.to_owned()], request);
        Ok(())
    }

    pub(super) fn plan_credentials(&mut self) -> Result<(), Failure> {
        for account in self.declared.accounts.iter().flatten() {
            let Some(declared) = &account.credentials else {
                continue;
            };
            let present = self.world.credentials.get(&folded(&account.name));
            for (name, credential) in present.into_iter().flatten() {
                let is_declared = declared.iter().any(|known| known.name == *name);
                if self.prune && !is_declared {
                    let path = self.credential_path(account, name)?;
                    let thing = format!("{}/{name}", account.name);
                    self.remove("credential", &thing, &path, credential);
                }
            }
            for credential in declared {
                let present = present.and_then(|present| present.get(&credential.name));
                self.plan_credential(account, credential, present)?;
            }
        }
        Ok(())
    }

    fn plan_credential(
        &mut self,
        account: &Account,
        credential: &Credential,
        present: Option<&Present>,
    ) -> Result<(), Failure> {
        let thing = format!("{}/{}", account.name, credential.name);
        if let Some(present) = present {
            let mut difference = compare::settings(&credential.settings, &present.value);
            let narrowing = &present.value["access"];
            match credential.access.as_ref().map(Nullable::value) {
                Some(None) if !narrowing.is_null() => {
                    difference.add("access", narrowing, Value::Null);
                }
                // Nothing at all is something else than no narrowing.
                Some(Some(access)) if narrowing.is_null() => {
                    difference.add("access", narrowing, self.value_of(access));
                }
                Some(access) => self.compare_access(access, present, &mut difference),
                None => {}
            }
            let path = self.credential_path(account, &credential.name)?;
            self.edit("credential", &thing, &path, present, difference);
            return Ok(());
        }
        let mut body = json!({"name": credential.name});
        for (member, value) in &credential.settings {
            body[member] = value.clone();
        }
        if let Some(lifetime) = &credential.expires_in_seconds {
            body["expires_in_seconds"] = json!(lifetime);
        }
        if let Some(access) = &credential.access {
            let access = access.value().map(|access| self.value_of(access));
            body["access"] = json!(access);
        }
        let path = ["service-accounts", &account.name, "credentials"];
        let path = self.session.here(&path)?;
        self.create("credential", &thing, path, body).makes_secret = true;
        Ok(())
    }

    fn credential_path(&self, account: &Account, name: &str) -> Result<String, Failure> {
        self.session
            .here(&["service-accounts", &account.name, "credentials", name])
    }
}

/// What is at the `path` of one member of an account. It has the account's version, which steps before
/// this one may have raised.
fn part_of(account: &Present, path: &str, member: &str) -> Seen {
    Seen {
        etag: None,
        ..account.seen_at(path, [member].into_iter())
    }
}

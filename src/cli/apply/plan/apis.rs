//! Steps for APIs, their scopes and their resources.

use serde_json::Value;
use serde_json::json;

use super::super::compare;
use super::super::declared::Api;
use super::super::declared::Described;
use super::super::declared::Settings;
use super::super::present::Present;
use super::Action;
use super::Planner;
use super::Seen;
use super::Step;
use crate::cli::failure::Failure;
use crate::cli::request::Request;

impl Planner<'_> {
    pub(super) fn plan_apis(&mut self) -> Result<(), Failure> {
        let Some(declared) = &self.declared.apis else {
            return Ok(());
        };
        for (name, api) in &self.world.apis {
            let is_declared = declared.iter().any(|api| api.name == *name);
            if self.prune && !is_declared {
                self.remove("api", name, &self.session.here(&["apis", name])?, api);
            }
        }
        for api in declared {
            match self.world.apis.get(&api.name) {
                Some(present) => self.plan_present_api(api, present)?,
                None => self.make_api(api)?,
            }
            self.plan_resources(api)?;
        }
        Ok(())
    }

    fn make_api(&mut self, api: &Api) -> Result<(), Failure> {
        let scopes = api.scopes.iter().flatten();
        let scopes: Vec<Value> = scopes
            .map(|scope| json!({"name": scope.name, "description": scope.text}))
            .collect();
        let audience = api.audience.as_ref().map(|(audience, _)| audience);
        let mut body = json!({"name": api.name, "audience": audience, "scopes": scopes});
        for (member, value) in &api.settings {
            body[member] = value.clone();
        }
        let path = self.session.here(&["apis"])?;
        self.create("api", &api.name, path, body);
        Ok(())
    }

    fn plan_present_api(&mut self, api: &Api, present: &Present) -> Result<(), Failure> {
        let path = self.session.here(&["apis", &api.name])?;
        let mut settings = api.settings.clone();
        let to_go = self.world.types_to_go(self.declared, &api.name);
        if let Some(Value::Array(types)) = settings.get_mut("resource_types")
            && !to_go.is_empty()
        {
            let stay = types.clone();
            // Until then there are both.
            types.extend(to_go.iter().map(|kind| json!(kind)));
            self.remove_types(api, &path, (types, stay));
        }
        let difference = compare::settings(&settings, &present.value);
        self.edit("api", &api.name, &path, present, difference);

        let Some(declared) = &api.scopes else {
            return Ok(());
        };
        let present = present.value["scopes"].as_array();
        let present: Vec<&Value> = present.into_iter().flatten().collect();
        for scope in &present {
            let name = scope["name"].as_str().unwrap_or_default();
            if self.prune && !declared.iter().any(|scope| scope.name == name) {
                let path = self.session.here(&["apis", &api.name, "scopes", name])?;
                let thing = format!("{} {name}", api.name);
                let scope = Present {
                    value: (*scope).clone(),
                    etag: None,
                };
                self.remove("scope", &thing, &path, &scope);
            }
        }
        for scope in declared {
            if !present
                .iter()
                .any(|known| known["name"] == scope.name.as_str())
            {
                let path = self.session.here(&["apis", &api.name, "scopes"])?;
                let body = json!({"name": scope.name, "description": scope.text});
                let thing = format!("{} {}", api.name, scope.name);
                self.create("scope", &thing, path, body);
            }
        }
        Ok(())
    }

    /// Takes the other types away, once nothing is of them any more.
    fn remove_types(&mut self, api: &Api, path: &str, (all, stay): (&[Value], Vec<Value>)) {
        let types = Value::from(stay);
        let over = [("resource_types".to_owned(), Value::from(all.to_vec()))];
        self.removals.push(Step {
            action: Action::Edit,
            kind: "api",
            name: api.name.clone(),
            words: vec![format!("resource_types: {types}")],
            request: Request::patch(path, json!({"resource_types": types})),
            thing: Some(Seen {
                path: path.to_owned(),
                etag: None,
                over: over.into_iter().collect(),
            }),
            makes_secret: false,
        });
    }

    fn plan_resources(&mut self, api: &Api) -> Result<(), Failure> {
        let Some(declared) = &api.resources else {
            return Ok(());
        };
        let present = self.world.resources.get(&api.name);
        for (key, resource) in present.into_iter().flatten() {
            let is_declared = |(kind, thing): &(String, Described)| {
                key.strip_prefix(kind.as_str())
                    .and_then(|rest| rest.strip_prefix(':'))
                    .is_some_and(|rest| rest == thing.name)
            };
            if self.prune && !declared.iter().any(is_declared) {
                let path = self.session.here(&["apis", &api.name, "resources", key])?;
                let thing = format!("{} {key}", api.name);
                self.remove("resource", &thing, &path, resource);
            }
        }
        for (kind, resource) in declared {
            let key = format!("{kind}:{}", resource.name);
            let thing = format!("{} {key}", api.name);
            if let Some(present) = present.and_then(|present| present.get(&key)) {
                let path = ["apis", &api.name, "resources", &key];
                let path = self.session.here(&path)?;
                let mut declared = Settings::new();
                if let Some(name) = &resource.text {
                    declared.insert("name".to_owned(), json!(name));
                }
                let difference = compare::settings(&declared, &present.value);
                self.edit("resource", &thing, &path, present, difference);
            } else {
                let path = self.session.here(&["apis", &api.name, "resources"])?;
                let body = json!({"type": kind, "key": resource.name, "name": resource.text});
                self.create("resource", &thing, path, body);
            }
        }
        Ok(())
    }
}

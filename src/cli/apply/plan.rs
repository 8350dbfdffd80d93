//! The steps from what there is to what is declared.
//!
//! Things are made before what refers to them, and what is not declared goes last, in the other
//! direction: APIs, roles, accounts, groups, credentials; then credentials, members, groups,
//! accounts, roles, resources, scopes, resource types, APIs. So nothing that goes is in use by then,
//! but by what nobody declared.

mod accounts;
mod apis;
mod bundles;

use serde_json::Value;
use serde_json::json;

use super::compare::Difference;
use super::declared::Access;
use super::declared::Declared;
use super::declared::Settings;
use super::present::Present;
use super::present::World;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::output::Document;
use crate::cli::request::Request;
use crate::cli::session::Session;
use crate::cli::terminal::printable;

/// What a step does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Makes a thing.
    Create,
    /// Changes one.
    Edit,
    /// Removes one.
    Delete,
}

/// One request of a plan.
#[derive(Debug)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// With which kind of thing.
    pub kind: &'static str,
    /// With which.
    pub name: String,
    /// What changes, a line for each.
    pub words: Vec<String>,
    /// How.
    pub request: Request,
    /// What it changes, as the plan saw it.
    pub thing: Option<Seen>,
    /// Whether the answer has a secret.
    pub makes_secret: bool,
}

/// A thing that a step changes, as the plan saw it.
#[derive(Debug)]
pub struct Seen {
    /// Where it is.
    pub path: String,
    /// Its entity tag; a list tells none.
    pub etag: Option<String>,
    /// What the step puts something else in the place of: members of the thing, as they were seen or as
    /// the steps before it leave them. What is not among them may change meanwhile.
    pub over: Settings,
}

/// All steps, in their order.
#[derive(Debug, Default)]
pub struct Plan {
    /// What is made and changed.
    pub steps: Vec<Step>,
}

/// A plan that is being made.
pub struct Planner<'p> {
    session: &'p Session,
    declared: &'p Declared,
    world: &'p World,
    prune: bool,
    steps: Vec<Step>,
    removals: Vec<Step>,
}

impl Plan {
    /// The steps from `world` to what is `declared`; with `prune` what is not declared goes.
    pub fn new(
        session: &Session,
        declared: &Declared,
        world: &World,
        prune: bool,
    ) -> Result<Self, Failure> {
        let mut planner = Planner {
            session,
            declared,
            world,
            prune,
            steps: Vec::new(),
            removals: Vec::new(),
        };
        planner.plan_apis()?;
        planner.plan_roles()?;
        planner.plan_accounts()?;
        planner.plan_groups()?;
        planner.plan_credentials()?;
        let mut steps = planner.steps;
        steps.extend(planner.removals.into_iter().rev());
        Ok(Self { steps })
    }

    /// Whether everything is as declared.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// How many secrets it makes.
    pub fn secrets(&self) -> usize {
        self.steps.iter().filter(|step| step.makes_secret).count()
    }

    /// For a person: a line for each step, and one for each change below it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let mark = match step.action {
                Action::Create => "+",
                Action::Edit => "~",
                Action::Delete => "-",
            };
            let (kind, name) = (step.kind, printable(&step.name));
            text.extend([mark, " ", kind, " ", &name, "\n"]);
            for word in &step.words {
                text.extend(["    ", &printable(word), "\n"]);
            }
        }
        text
    }

    /// For a program.
    pub fn document(&self) -> Document {
        let steps = self.steps.iter().map(|step| {
            let action = match step.action {
                Action::Create => "create",
                Action::Edit => "edit",
                Action::Delete => "delete",
            };
            json!({"action": action, "kind": step.kind, "name": step.name, "changes": step.words})
        });
        json!({"items": steps.collect::<Vec<Value>>(), "next_cursor": null}).into()
    }
}

impl Planner<'_> {
    /// Access as a request says it: every type that the API has by then is said, and of one that is to
    /// go nothing is left.
    fn value_of(&self, access: &Access) -> Value {
        let mut value = access.value();
        for grant in value.as_array_mut().into_iter().flatten() {
            let api = self
                .world
                .api_name(grant["api"].as_str().unwrap_or_default());
            for kind in self.world.types_to_go(self.declared, api) {
                grant["resources"][kind] = json!([]);
            }
        }
        value
    }

    fn create(&mut self, kind: &'static str, name: &str, path: String, body: Value) -> &mut Step {
        let words = words_of(&body);
        self.push(Step {
            action: Action::Create,
            kind,
            name: name.to_owned(),
            words,
            request: self.session.keyed(Request::post(path, body)),
            thing: None,
            makes_secret: false,
        })
    }

    /// A step that changes `present`, which is at `path`.
    fn edit(
        &mut self,
        kind: &'static str,
        name: &str,
        path: &str,
        present: &Present,
        difference: Difference,
    ) {
        if difference.is_none() {
            return;
        }
        let members = difference.members.keys().map(String::as_str);
        let thing = present.seen_at(path, members);
        let request = Request::patch(path, Value::Object(difference.members));
        self.change(kind, name, thing, difference.words, request);
    }

    fn change(
        &mut self,
        kind: &'static str,
        name: &str,
        thing: Seen,
        words: Vec<String>,
        request: Request,
    ) {
        self.push(Step {
            action: Action::Edit,
            kind,
            name: name.to_owned(),
            words,
            request,
            thing: Some(thing),
            makes_secret: false,
        });
    }

    fn remove(&mut self, kind: &'static str, name: &str, path: &str, present: &Present) {
        let request = Request::delete(path);
        self.removals.push(Step {
            action: Action::Delete,
            kind,
            name: name.to_owned(),
            words: Vec::new(),
            request,
            thing: Some(present.all_seen_at(path)),
            makes_secret: false,
        });
    }

    fn push(&mut self, step: Step) -> &mut Step {
        let at = self.steps.len();
        self.steps.push(step);
        &mut self.steps[at]
    }
}

/// What a new thing is like, beside what its name says.
fn words_of(body: &Value) -> Vec<String> {
    let members = body.as_object().into_iter().flatten();
    let members = members.filter(|(member, _)| !["name", "type", "key"].contains(&member.as_str()));
    let members = members.filter(|(_, value)| !value.is_null() && **value != json!([]));
    members
        .flat_map(|(member, value)| {
            let lines = output::lines(value).into_iter();
            lines.map(move |line| format!("{member}: {line}"))
        })
        .collect()
}

/// `1 place`, `2 places`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

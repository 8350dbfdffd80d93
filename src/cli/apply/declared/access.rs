//! Access in a declaration: a list of grants, as the API has it.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::super::reader::Field;
use super::super::reader::Place;

/// A list of grants.
#[derive(Debug)]
pub struct Access {
    /// The grants.
    pub grants: Vec<Grant>,
}

/// Some scopes at one API, on some of its resources.
#[derive(Debug)]
pub struct Grant {
    /// Where it stands.
    pub place: Place,
    /// The API.
    pub api: (String, Place),
    /// The scopes.
    pub scopes: Vec<(String, Place)>,
    /// The resources by their type.
    pub resources: Vec<(String, Place, Identifiers)>,
}

/// The resources of a type.
#[derive(Debug)]
pub enum Identifiers {
    /// `*`
    All,
    /// These.
    Keys(Vec<(String, Place)>),
}

impl Access {
    /// Reads a list of grants.
    pub fn read(field: &Field<'_>) -> Option<Self> {
        let grants = field.list()?;
        let grants = grants.iter().filter_map(grant).collect();
        Some(Self { grants })
    }

    /// As the API takes it.
    pub fn value(&self) -> Value {
        self.grants.iter().map(Grant::value).collect()
    }
}

impl Grant {
    fn value(&self) -> Value {
        let scopes: Vec<&str> = self
            .scopes
            .iter()
            .map(|(scope, _)| scope.as_str())
            .collect();
        let resources: Map<String, Value> = self
            .resources
            .iter()
            .map(|(kind, _, identifiers)| (kind.clone(), identifiers.value()))
            .collect();
        json!({"api": self.api.0, "scopes": scopes, "resources": resources})
    }
}

impl Identifiers {
    fn value(&self) -> Value {
        match self {
            Self::All => json!("*"),
            Self::Keys(keys) => keys.iter().map(|(key, _)| json!(key)).collect(),
        }
    }
}

fn grant(field: &Field<'_>) -> Option<Grant> {
    let grant = field.members(|members| {
        let api = members.take("api", |field| Some((field.text()?, field.place)));
        let scopes = members.take("scopes", |field| field.texts());
        let resources = members.take("resources", |field| resources(&field));
        Some(Grant {
            place: field.place.clone(),
            api: api.or_else(|| field.note("`api` is required"))?,
            scopes: scopes.or_else(|| field.note("`scopes` is required"))?,
            resources: resources.unwrap_or_default(),
        })
    });
    grant.flatten()
}

fn resources(field: &Field<'_>) -> Option<Vec<(String, Place, Identifiers)>> {
    let types = field.named()?.into_iter();
    let types = types.filter_map(|(kind, field)| {
        let identifiers = match field.word() {
            Some("*") => Identifiers::All,
            _ => Identifiers::Keys(field.texts()?),
        };
        Some((kind, field.place, identifiers))
    });
    Some(types.collect())
}

//! An API in a declaration, with its scopes and resources.

use super::super::reader::Field;
use super::super::reader::Place;
use super::Settings;
use super::description;
use super::say;
use crate::domain::api::Audience;
use crate::domain::name::Label;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::scope::Scope;
use crate::domain::signing_key::Algorithm;
use crate::domain::token::LIFETIME_LIMITS;
use crate::domain::token::TokenTyp;

/// An API.
#[derive(Debug)]
pub struct Api {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The `aud` of its tokens.
    pub audience: Option<(String, Place)>,
    /// `resource_types`, `token`.
    pub settings: Settings,
    /// Its scopes.
    pub scopes: Option<Vec<Described>>,
    /// Its resources, each with its type.
    pub resources: Option<Vec<(String, Described)>>,
}

/// Something by its name or key, and what people are told of it.
#[derive(Debug)]
pub struct Described {
    /// A scope, or the key of a resource.
    pub name: String,
    /// A description, or the name of a resource; without one, what there is stays.
    pub text: Option<String>,
    /// Where it stands.
    pub place: Place,
}

impl Api {
    /// The resource types, if they are declared.
    pub fn resource_types(&self) -> Option<impl Iterator<Item = &str>> {
        let types = self.settings.get("resource_types")?.as_array()?;
        Some(types.iter().filter_map(|kind| kind.as_str()))
    }
}

/// Reads an API.
pub fn read(name: String, field: &Field<'_>) -> Option<Api> {
    field.members(|members| {
        let mut settings = Settings::new();
        let types = members.take("resource_types", |field| {
            let items = field.list()?;
            let types = items.iter().map(|item| item.parsed(ResourceType::parse));
            Some(types.flatten().collect::<Vec<_>>())
        });
        say(&mut settings, "resource_types", types);
        say(
            &mut settings,
            "token",
            members.take("token", |field| token(&field)),
        );
        Api {
            name,
            place: field.place.clone(),
            audience: members.take("audience", |field| {
                Some((field.parsed(Audience::parse)?, field.place))
            }),
            settings,
            scopes: members.take("scopes", |field| {
                described(&field, Scope::parse, description)
            }),
            resources: members.take("resources", |field| resources(&field)),
        }
    })
}

fn token(field: &Field<'_>) -> Option<Settings> {
    field.members(|members| {
        let mut token = Settings::new();
        let limits = |field: &Field<'_>| field.number(&LIFETIME_LIMITS);
        let lifetime = members.take("lifetime_seconds", |field| field.nullable(limits));
        say(&mut token, "lifetime_seconds", lifetime);
        let algorithm = members.take("signing_alg", |field| {
            let names = Algorithm::ALL.map(Algorithm::as_str);
            field.one_of(&names)
        });
        say(&mut token, "signing_alg", algorithm);
        let typ = members.take("typ", |field| {
            let names = [TokenTyp::AtJwt, TokenTyp::Jwt].map(TokenTyp::as_str);
            field.one_of(&names)
        });
        say(&mut token, "typ", typ);
        token
    })
}

fn label(field: &Field<'_>) -> Option<String> {
    field.parsed(Label::parse)
}

/// Names, each with a text or nothing.
fn described<T, E: std::fmt::Display>(
    field: &Field<'_>,
    rule: impl Fn(&str) -> Result<T, E>,
    text: fn(&Field<'_>) -> Option<String>,
) -> Option<Vec<Described>> {
    let things = field.named()?.into_iter();
    let things = things.filter_map(|(name, field)| {
        if let Err(error) = rule(&name) {
            return field.note(error.to_string());
        }
        let text = field.nullable(text)?.value().cloned();
        Some(Described {
            name,
            text,
            place: field.place,
        })
    });
    Some(things.collect())
}

fn resources(field: &Field<'_>) -> Option<Vec<(String, Described)>> {
    let mut resources = Vec::new();
    for (kind, field) in field.named()? {
        if let Err(error) = ResourceType::parse(&kind) {
            let _: Option<()> = field.note(error.to_string());
            continue;
        }
        let things = described(&field, ResourceKey::parse, label)
            .into_iter()
            .flatten();
        resources.extend(things.map(|thing| (kind.clone(), thing)));
    }
    Some(resources)
}

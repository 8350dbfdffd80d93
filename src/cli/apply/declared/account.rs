//! A service account in a declaration, with its credentials.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::super::reader::Field;
use super::super::reader::Nullable;
use super::super::reader::Place;
use super::Access;
use super::Settings;
use super::all;
use super::say;
use crate::domain::account::MAX_LABELS;
use crate::domain::account::check_label_name;
use crate::domain::credential::MAX_NETWORKS;
use crate::domain::credential::MAX_SECRET_LIFETIME;
use crate::domain::instant;
use crate::domain::name::AccountName;
use crate::domain::name::Label;
use crate::domain::network;
use crate::domain::prose::MAX_DESCRIPTION;
use crate::domain::prose::MAX_LABEL_VALUE;
use crate::domain::prose::MAX_OWNER;
use crate::domain::token::LIFETIME_LIMITS;

/// A service account.
#[derive(Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// `description`, `owner`, `labels`, `expires_at`, `max_token_lifetime_seconds`.
    pub settings: Settings,
    /// Whether it may get tokens.
    pub enabled: Option<bool>,
    /// Its roles.
    pub roles: Option<Vec<(String, Place)>>,
    /// Its grants.
    pub access: Option<Access>,
    /// Its credentials.
    pub credentials: Option<Vec<Credential>>,
}

/// A credential. Its secret is no part of it.
#[derive(Debug)]
pub struct Credential {
    /// Its name.
    pub name: String,
    /// The lifetime of the secret that is made with it; null is never.
    pub expires_in_seconds: Option<Nullable<u64>>,
    /// `allowed_networks`.
    pub settings: Settings,
    /// What it is narrowed to; null is no narrowing.
    pub access: Option<Nullable<Access>>,
}

/// Reads the accounts, whose names are compared without case.
pub fn read_all(section: &Field<'_>) -> Option<Vec<Account>> {
    let accounts = all(section, AccountName::parse, read)?;
    let mut known = BTreeSet::new();
    for account in &accounts {
        if !known.insert(account.name.to_ascii_lowercase()) {
            let what = format!("`{}` is there twice, in another spelling", account.name);
            let _: Option<()> = section.note(what);
        }
    }
    Some(accounts)
}

fn read(name: String, field: &Field<'_>) -> Option<Account> {
    field.members(|members| {
        let mut settings = Settings::new();
        for (name, max_chars) in [("description", MAX_DESCRIPTION), ("owner", MAX_OWNER)] {
            let prose = |field: &Field<'_>| field.prose(max_chars);
            let text = members.take(name, |field| field.nullable(prose));
            say(&mut settings, name, text);
        }
        say(
            &mut settings,
            "labels",
            members.take("labels", |field| labels(&field)),
        );
        let end = |field: &Field<'_>| field.read(instant::parse_second);
        let end = members.take("expires_at", |field| field.nullable(end));
        say(&mut settings, "expires_at", end);
        let name_of_limit = "max_token_lifetime_seconds";
        let limit = |field: &Field<'_>| field.number(&LIFETIME_LIMITS);
        let limit = members.take(name_of_limit, |field| field.nullable(limit));
        say(&mut settings, name_of_limit, limit);
        Account {
            name,
            settings,
            enabled: members.take("enabled", |field| field.boolean()),
            roles: members.take("roles", |field| field.texts()),
            access: members.take("access", |field| Access::read(&field)),
            credentials: members.take("credentials", |field| all(&field, Label::parse, credential)),
        }
    })
}

fn credential(name: String, field: &Field<'_>) -> Option<Credential> {
    field.members(|members| {
        let mut settings = Settings::new();
        let networks = members.take("allowed_networks", |field| networks(&field));
        say(&mut settings, "allowed_networks", networks);
        let lifetime = |field: &Field<'_>| field.number(&(1..=MAX_SECRET_LIFETIME.as_secs()));
        Credential {
            name,
            expires_in_seconds: members
                .take("expires_in_seconds", |field| field.nullable(lifetime)),
            settings,
            access: members.take("access", |field| field.nullable(Access::read)),
        }
    })
}

fn networks(field: &Field<'_>) -> Option<Vec<IpNet>> {
    let items = field.list()?;
    if items.len() > MAX_NETWORKS {
        return field.note(format!("at most {MAX_NETWORKS} networks"));
    }
    let networks = items.iter().map(|item| item.read(network::parse));
    Some(networks.flatten().collect())
}

/// A text for each key; null takes the label away.
fn labels(field: &Field<'_>) -> Option<Settings> {
    let mut labels = Settings::new();
    let named = field.named()?;
    if named.iter().filter(|(_, field)| !field.is_null()).count() > MAX_LABELS {
        return field.note(format!("at most {MAX_LABELS} labels"));
    }
    for (key, field) in named {
        field.told(check_label_name(&key));
        let value = |field: &Field<'_>| field.prose(MAX_LABEL_VALUE);
        say(&mut labels, &key, field.nullable(value));
    }
    Some(labels)
}

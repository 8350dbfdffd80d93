//! What is said of an account that is to be made or edited, and what a list of them is asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::app::accounts::AccountEdit;
use crate::app::accounts::AccountQuery;
use crate::app::accounts::InlineMembers;
use crate::app::accounts::NewAccount;
use crate::domain::account::AccountStatus;
use crate::domain::account::LABEL_NAME_PATTERN;
use crate::domain::account::MAX_LABELS;
use crate::domain::account::check_label_name;
use crate::domain::instant;
use crate::domain::name::AccountName;
use crate::domain::prose::MAX_DESCRIPTION;
use crate::domain::prose::MAX_LABEL_VALUE;
use crate::domain::prose::MAX_OWNER;
use crate::domain::token::LIFETIME_LIMITS;

use super::super::access::read_access;
use super::super::account_roles::read_names;
use super::super::call::Call;
use super::super::credentials::read_credential;
use super::super::fields::Fields;
use super::super::filters::SORT_KEYS;
use super::super::filters::read_held;
use super::super::place::Place;
use super::super::query::Query;
use super::super::shape;

/// What a list of accounts is asked for.
pub(super) fn read_query(query: &mut Query) -> AccountQuery {
    AccountQuery {
        status: query.one_of("status", &AccountStatus::ALL.map(|one| (one.as_str(), one))),
        text: query.prose("q"),
        owner: query.prose("owner"),
        held: read_held(query),
        unused_for: query.span("unused_for"),
        expires_within: query.span("expires_within"),
        order: query.order(&SORT_KEYS),
    }
}

/// The inline members that the body of a new account has, right or wrong.
pub(super) fn inline_members(call: &Call) -> InlineMembers {
    let said = call.members(["access", "roles", "credential"]);
    // `null` says the same as nothing.
    let [access, roles, credential] = said.map(|value| value.is_some_and(|value| !value.is_null()));
    InlineMembers {
        access: access || roles,
        credential,
    }
}

/// An account that is to be made.
pub(super) fn read(fields: &mut Fields<'_>) -> Option<NewAccount> {
    let name = fields.required("name", read_name);
    let description = fields.optional("description", read_description);
    let owner = fields.optional("owner", read_owner);
    let labels = fields.optional("labels", read_labels);
    let expires_at = fields.optional("expires_at", read_instant);
    let max_token_lifetime = fields.optional("max_token_lifetime_seconds", read_lifetime);
    let access = fields.optional("access", read_access);
    let roles = fields.optional("roles", read_names);
    let credential = fields.optional("credential", |place| place.object(read_credential));
    Some(NewAccount {
        name: name?,
        description,
        owner,
        labels: labels.unwrap_or_default(),
        expires_at,
        max_token_lifetime,
        access,
        roles,
        credential,
    })
}

/// What is to be another in an account.
pub(super) fn read_edit(fields: &mut Fields<'_>) -> AccountEdit {
    AccountEdit {
        name: fields.given("name", read_name),
        description: fields.edited("description", read_description),
        owner: fields.edited("owner", read_owner),
        labels: fields.edited("labels", |place| {
            read_entries(place, |place| {
                place.or_null(|place| place.prose(MAX_LABEL_VALUE))
            })
        }),
        expires_at: fields.edited("expires_at", read_instant),
        max_token_lifetime: fields.edited("max_token_lifetime_seconds", read_lifetime),
    }
}

fn read_name(place: Place<'_>) -> Option<AccountName> {
    place.like(shape::account_name).parsed(AccountName::parse)
}

fn read_description(place: Place<'_>) -> Option<String> {
    place.prose(MAX_DESCRIPTION)
}

fn read_owner(place: Place<'_>) -> Option<String> {
    place.prose(MAX_OWNER)
}

fn read_lifetime(place: Place<'_>) -> Option<Duration> {
    place.seconds(LIFETIME_LIMITS)
}

fn read_labels(place: Place<'_>) -> Option<BTreeMap<String, String>> {
    read_entries(place, |place| place.prose(MAX_LABEL_VALUE))
}

/// At most 64 labels: keys of 1 to 63 characters, values of at most 255.
fn read_entries<'m, T>(
    place: Place<'m>,
    read: impl Fn(Place<'m>) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let count = place.value.as_object().map_or(0, serde_json::Map::len);
    if count > MAX_LABELS {
        place.note("too_many", format!("at most {MAX_LABELS} labels"));
        return None;
    }
    let drawn = || {
        json!({
            "maxProperties": MAX_LABELS,
            "propertyNames": {"pattern": LABEL_NAME_PATTERN},
        })
    };
    let labels = place.like(drawn).entries(|name, place| {
        // One with U+0000 in it was noted when the body was read.
        if let Err(error) = check_label_name(name)
            && !name.contains('\0')
        {
            place.note("invalid", error.to_string());
        }
        read(place)
    });
    Some(labels?.into_iter().collect())
}

/// An instant of RFC 3339, kept to the second.
fn read_instant(place: Place<'_>) -> Option<Timestamp> {
    place.like(shape::instant).parsed(instant::parse_second)
}

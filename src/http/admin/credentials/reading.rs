//! What is said of a credential that is to be made, edited or rotated.

use ipnet::IpNet;
use serde_json::Value;
use serde_json::json;

use crate::app::credentials::CredentialEdit;
use crate::app::credentials::NewCredential;
use crate::app::credentials::RotationRequest;
use crate::domain::credential::DEFAULT_SECRET_LIFETIME;
use crate::domain::credential::MAX_NETWORKS;
use crate::domain::credential::MAX_OVERLAP;
use crate::domain::credential::MAX_SECRET_LIFETIME;
use crate::domain::name::Label;
use crate::domain::network;
use crate::domain::rotation::Lifetime;
use crate::domain::rotation::Rotation;

use super::super::access::read_access;
use super::super::fields::Fields;
use super::super::fields::Nullable;
use super::super::place::Place;
use super::super::shape;

const OVERLAP: &str = "How long the old secret works on; 0: it is dead at once";
const NEW_LIFETIME: &str =
    "As long as the old secret's when left out; `null`: the new secret never expires";

/// A credential that is to be made.
pub(in crate::http::admin) fn read_credential(fields: &mut Fields<'_>) -> Option<NewCredential> {
    let name = fields.required("name", read_name);
    let usual = DEFAULT_SECRET_LIFETIME.as_secs();
    let told = || json!({"default": usual, "description": "`null`: the secret never expires"});
    let lifetime = read_lifetime(fields, told);
    let allowed_networks = fields.optional("allowed_networks", read_networks);
    let access = fields.optional("access", read_access);
    Some(NewCredential {
        name: name?,
        lifetime,
        allowed_networks: allowed_networks.unwrap_or_default(),
        access,
    })
}

pub(super) fn read_edit(fields: &mut Fields<'_>) -> CredentialEdit {
    CredentialEdit {
        name: fields.given("name", read_name),
        allowed_networks: fields.edited("allowed_networks", read_networks),
        access: fields.edited("access", read_access),
    }
}

pub(super) fn read_rotation(fields: &mut Fields<'_>) -> RotationRequest {
    let usual = RotationRequest::default();
    let overlap = fields.optional("overlap_seconds", |place| {
        let told = || json!({"default": usual.rotation.overlap.as_secs(), "description": OVERLAP});
        place.like(told).seconds(0..=MAX_OVERLAP.as_secs())
    });
    let lifetime = read_lifetime(fields, || json!({"description": NEW_LIFETIME}));
    let revoke_tokens = fields.optional("revoke_tokens", |place| {
        place.flag(
            usual.revoke_tokens,
            "The tokens of the credential are dead at once",
        )
    });
    let end_overlap = fields.optional("end_overlap", |place| {
        place.flag(
            usual.rotation.end_overlap,
            "An overlap that still runs ends now",
        )
    });
    RotationRequest {
        rotation: Rotation {
            overlap: overlap.unwrap_or(usual.rotation.overlap),
            lifetime,
            end_overlap: end_overlap.unwrap_or(usual.rotation.end_overlap),
        },
        revoke_tokens: revoke_tokens.unwrap_or(usual.revoke_tokens),
    }
}

/// Left out is the usual lifetime, `null` is none.
fn read_lifetime(fields: &mut Fields<'_>, told: impl FnOnce() -> Value) -> Lifetime {
    let seconds = fields.nullable("expires_in_seconds", |place| {
        place.like(told).seconds(1..=MAX_SECRET_LIFETIME.as_secs())
    });
    match seconds {
        Nullable::Absent => Lifetime::Usual,
        Nullable::Null => Lifetime::Never,
        Nullable::Value(lifetime) => Lifetime::For(lifetime),
    }
}

fn read_name(place: Place<'_>) -> Option<Label> {
    place.like(shape::label).parsed(Label::parse)
}

fn read_networks(place: Place<'_>) -> Option<Vec<IpNet>> {
    place.list(MAX_NETWORKS, |place| {
        place.like(shape::network).parsed(network::parse)
    })
}

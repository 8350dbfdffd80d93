//! What is said of a credential that is to be made, edited or rotated.

use ipnet::IpNet;

use crate::app::credentials::CredentialEdit;
use crate::app::credentials::NewCredential;
use crate::app::credentials::RotationRequest;
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

/// A credential that is to be made.
pub(in crate::http::admin) fn read_credential(fields: &mut Fields<'_>) -> Option<NewCredential> {
    let name = fields.required("name", read_name);
    let lifetime = read_lifetime(fields);
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
        place.seconds(0..=MAX_OVERLAP.as_secs())
    });
    let lifetime = read_lifetime(fields);
    let revoke_tokens = fields.optional("revoke_tokens", Place::boolean);
    let end_overlap = fields.optional("end_overlap", Place::boolean);
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
fn read_lifetime(fields: &mut Fields<'_>) -> Lifetime {
    let seconds = fields.nullable("expires_in_seconds", |place| {
        place.seconds(1..=MAX_SECRET_LIFETIME.as_secs())
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

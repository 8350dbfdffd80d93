//! A credential as answers show it, with the evidence of its use, and in one of them with its secret.

use ipnet::IpNet;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::access::DescribedAccess;
use crate::app::credentials::DescribedCredential;
use crate::app::credentials::DescribedSecret;
use crate::app::credentials::IssuedCredential;
use crate::domain::id::ClientId;
use crate::domain::id::CredentialId;
use crate::domain::id::SecretId;

use super::super::schema::Instant;
use super::super::schema::Network;

/// A credential as answers show it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Credential")]
pub(in crate::http::admin) struct CredentialBody {
    id: CredentialId,
    name: String,
    #[schemars(extend("enum" = ["client_secret"]))]
    kind: &'static str,
    client_id: ClientId,
    #[schemars(extend("enum" = ["active", "disabled", "expired", "revoked"]))]
    status: &'static str,
    #[schemars(with = "Vec<Network>")]
    allowed_networks: Vec<IpNet>,
    access: Option<DescribedAccess>,
    #[schemars(with = "Instant")]
    created_at: Timestamp,
    #[schemars(with = "Option<Instant>")]
    expires_at: Option<Timestamp>,
    #[schemars(with = "Option<Instant>")]
    last_used_at: Option<Timestamp>,
    secrets: Vec<SecretBody>,
    /// Only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Secret")]
struct SecretBody {
    id: SecretId,
    hint: String,
    #[schemars(extend("enum" = ["active", "overlap", "expired", "revoked"]))]
    status: &'static str,
    #[schemars(with = "Instant")]
    created_at: Timestamp,
    #[schemars(with = "Option<Instant>")]
    ends_at: Option<Timestamp>,
    #[schemars(with = "Option<Instant>")]
    first_used_at: Option<Timestamp>,
    #[schemars(with = "Option<Instant>")]
    last_used_at: Option<Timestamp>,
    last_used_address: Option<String>,
    last_used_user_agent: Option<String>,
}

impl From<DescribedCredential> for CredentialBody {
    fn from(described: DescribedCredential) -> Self {
        let credential = described.credential;
        Self {
            id: credential.id,
            name: credential.name.to_string(),
            kind: credential.kind.as_str(),
            client_id: credential.client_id,
            status: described.status.as_str(),
            expires_at: described.expires_at,
            allowed_networks: credential.allowed_networks,
            access: described.access,
            created_at: credential.created_at,
            last_used_at: described.last_used_at,
            secrets: described
                .secrets
                .into_iter()
                .map(SecretBody::from)
                .collect(),
            client_secret: None,
        }
    }
}

impl From<DescribedSecret> for SecretBody {
    fn from(described: DescribedSecret) -> Self {
        Self {
            id: described.secret.id,
            hint: described.secret.hint,
            status: described.status.as_str(),
            created_at: described.secret.created_at,
            ends_at: described.secret.ends_at,
            first_used_at: described.first_used_at,
            last_used_at: described.last_used_at,
            last_used_address: described
                .last_used_address
                .map(|address| address.to_string()),
            last_used_user_agent: described
                .last_used_user_agent
                .map(|agent| agent.to_string()),
        }
    }
}

/// With the secret: this is the one answer that shows it.
impl From<IssuedCredential> for CredentialBody {
    fn from(issued: IssuedCredential) -> Self {
        Self {
            client_secret: Some(issued.secret.expose().to_owned()),
            ..Self::from(issued.credential)
        }
    }
}

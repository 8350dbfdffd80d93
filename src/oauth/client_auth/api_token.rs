//! An API token proves its account all by itself: who holds it needs no client id.
//!
//! The proof is the same as a client's, since an API token is a credential with one secret; what makes
//! that secret good, and what it belongs to alive, is decided in the same place.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::refusal::ClientAuthFailure;
use super::AuthenticatedClient;
use super::admit;
use super::find_used;
use crate::domain::client::Client;
use crate::domain::credential::CredentialKind;
use crate::domain::secret::PepperId;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretHash;
use crate::domain::secret::SecretKind;

/// An API token as presented, not yet believed. Its `Debug` hides it.
pub struct PresentedApiToken(Secret);

impl PresentedApiToken {
    /// Reads a presented value; `None` when its form or its checksum is wrong, so that a typing mistake
    /// or a guess costs no look-up.
    pub fn parse(text: &str) -> Option<Self> {
        Secret::parse(SecretKind::ApiToken, text).map(Self)
    }

    /// The value, for hashing.
    pub fn value(&self) -> &Secret {
        &self.0
    }
}

impl fmt::Debug for PresentedApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedApiToken(redacted)")
    }
}

/// Decides whether an API token with this `hash` proves `known`, the client that has or had the secret
/// with that hash.
pub fn authenticate_api_token(
    known: Option<Arc<Client>>,
    hash: &(PepperId, SecretHash),
    now: Timestamp,
) -> Result<AuthenticatedClient, ClientAuthFailure> {
    let known = known.filter(|client| client.kind == CredentialKind::ApiToken);
    let used = find_used(known.as_deref(), hash);
    let client = known.ok_or(ClientAuthFailure::UnknownClient)?;
    admit(client, used.ok_or(ClientAuthFailure::WrongSecret)?, now)
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::domain::liveness::Dead;
    use crate::domain::organization::Status;
    use crate::oauth::fixtures::PEPPER;
    use crate::oauth::fixtures::at;
    use crate::oauth::fixtures::client;
    use crate::oauth::fixtures::stored;

    /// An API token with the value 1, which ends at second 100.
    fn token() -> Client {
        Client {
            kind: CredentialKind::ApiToken,
            secrets: smallvec![stored(1, Some(100))],
            ..client([])
        }
    }

    fn prove(known: Client, n: u8, now: i64) -> Result<AuthenticatedClient, ClientAuthFailure> {
        let hash = (PEPPER, stored(n, None).hash);
        authenticate_api_token(Some(Arc::new(known)), &hash, at(now))
    }

    #[test]
    fn an_api_token_is_good_to_the_second_of_its_end() {
        let proof = prove(token(), 1, 99).unwrap();
        assert_eq!(proof.secret_ends_at(), Some(at(100)));
        assert_eq!(
            prove(token(), 1, 100).unwrap_err(),
            ClientAuthFailure::ExpiredSecret
        );
    }

    #[test]
    fn another_value_or_a_credential_of_another_kind_is_refused() {
        assert_eq!(
            prove(token(), 2, 0).unwrap_err(),
            ClientAuthFailure::WrongSecret
        );
        let other_kind = Client {
            kind: CredentialKind::ClientSecret,
            ..token()
        };
        assert_eq!(
            prove(other_kind, 1, 0).unwrap_err(),
            ClientAuthFailure::UnknownClient
        );
        let nobody = authenticate_api_token(None, &(PEPPER, stored(1, None).hash), at(0));
        assert_eq!(nobody.unwrap_err(), ClientAuthFailure::UnknownClient);
    }

    // Security case 62.
    #[test]
    fn whatever_stops_its_credential_its_account_or_its_organization_stops_it() {
        let stop = |stop: fn(&mut Client)| {
            let mut known = token();
            stop(&mut known);
            prove(known, 1, 0).unwrap_err()
        };
        let dead = ClientAuthFailure::Dead;
        assert_eq!(
            stop(|known| known.standing.credential.0 = Status::Revoked),
            dead(Dead::CredentialDisabled)
        );
        assert_eq!(
            stop(|known| known.standing.account.0 = Status::Disabled),
            dead(Dead::AccountDisabled)
        );
        assert_eq!(
            stop(|known| known.standing.account_ends_at = Some(at(0))),
            dead(Dead::AccountExpired)
        );
        assert_eq!(
            stop(|known| known.standing.organization.0 = Status::Disabled),
            dead(Dead::OrganizationDisabled)
        );
    }
}

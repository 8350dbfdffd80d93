//! Token revocation ([RFC 7009]): a client takes back a token of its own account.
//!
//! A token that is not active (unknown, malformed, expired, revoked) needs no decision: there is
//! nothing to take back, and the answer is the same success ([RFC 7009 §2.2]).
//!
//! [RFC 7009]: https://www.rfc-editor.org/rfc/rfc7009
//! [RFC 7009 §2.2]: https://www.rfc-editor.org/rfc/rfc7009#section-2.2

use crate::domain::id::AccountId;

use super::refusal::Description;
use super::refusal::Refusal;

/// Whether `caller` may revoke a live token of the account `owner`. A live token of somebody else is
/// refused and stays active ([RFC 7009 §2.1]).
///
/// [RFC 7009 §2.1]: https://www.rfc-editor.org/rfc/rfc7009#section-2.1
pub fn check_owner(caller: AccountId, owner: AccountId) -> Result<(), Refusal> {
    if owner == caller {
        return Ok(());
    }
    Err(Refusal::UnauthorizedClient(Description::new(
        "the token was issued to another account; an administrator can revoke it",
    )))
}

//! Token revocation ([RFC 7009]): a client takes back a token of its own account.
//!
//! [RFC 7009]: https://www.rfc-editor.org/rfc/rfc7009

use crate::domain::id::AccountId;
use crate::domain::token::Claims;

use super::refusal::Description;
use super::refusal::Refusal;

/// What is to be done about a presented token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Revocation {
    /// It is active and the caller's own: revoke it, then answer.
    Revoke,
    /// It is unknown, malformed, expired or revoked: there is nothing to take back, and the answer
    /// is the same success ([RFC 7009 §2.2]).
    ///
    /// [RFC 7009 §2.2]: https://www.rfc-editor.org/rfc/rfc7009#section-2.2
    NothingToDo,
}

/// Decides about a token that `caller` presents; `active` is what it says when it is active. A live
/// token of somebody else is refused and stays active ([RFC 7009 §2.1]).
///
/// [RFC 7009 §2.1]: https://www.rfc-editor.org/rfc/rfc7009#section-2.1
pub fn decide(caller: AccountId, active: Option<&Claims>) -> Result<Revocation, Refusal> {
    match active {
        None => Ok(Revocation::NothingToDo),
        Some(claims) if claims.account == caller => Ok(Revocation::Revoke),
        Some(_) => Err(Refusal::UnauthorizedClient(Description::new(
            "the token was issued to another account; an administrator can revoke it",
        ))),
    }
}

//! How large a token for all of an access would be: better told here than refused there.

use crate::domain::access::Access;
use crate::domain::access::Grant;
use crate::domain::access::Restrictions;
use crate::domain::account::ServiceAccount;
use crate::domain::api::Api;
use crate::domain::id::ClientId;
use crate::domain::organization::Generation;
use crate::domain::region::Budget;
use crate::domain::region::shared_resources_within;
use crate::domain::scope::ScopeSet;
use crate::domain::token::Claims;
use crate::domain::token::Epoch;
use crate::domain::token::Generations;
use crate::domain::token::TokenId;

use super::super::App;
use super::book::Book;

/// A sentence for each API at which a token for all that `access` grants would be too large: such a
/// token is refused unless its client asks for less. Of many, those for which there is work left.
pub(super) fn warnings(
    app: &App,
    book: &Book,
    account: &ServiceAccount,
    access: &Access,
) -> Vec<String> {
    let apis = access.apis().into_iter().filter_map(|id| book.get(id));
    let mut budget = Budget::FULL;
    apis.filter_map(|api| warning(app, api, account, access, &mut budget))
        .collect()
}

fn warning(
    app: &App,
    api: &Api,
    account: &ServiceAccount,
    access: &Access,
    budget: &mut Budget,
) -> Option<String> {
    let claims = fullest_claims(app, api, account, access, budget)?;
    let token = app
        .key_ring
        .prepare(api.token.typ, api.token.signing_alg, &claims);
    let (bytes, limit) = (token.ok()?.len(), app.config.tokens.max_bytes);
    (bytes > limit).then(|| {
        format!(
            "a token for all of it at API `{}` would have about {bytes} bytes and may have {limit}: \
             its clients have to ask for fewer scopes, or for fewer identifiers in \
             `authorization_details`",
            api.name
        )
    })
}

/// What a token says whose client asks for nothing in particular, if there is such a token.
fn fullest_claims(
    app: &App,
    api: &Api,
    account: &ServiceAccount,
    access: &Access,
    budget: &mut Budget,
) -> Option<Claims> {
    let grants: Vec<&Grant> = access.at(api.id).collect();
    let scopes: ScopeSet = grants
        .iter()
        .flat_map(|grant| grant.scopes.iter().cloned())
        .collect();
    let all = Restrictions::default();
    let types = &api.resource_types;
    let details = shared_resources_within(budget, types, &grants, &scopes, &all).ok()?;
    let now = app.clock.now().as_second();
    Some(Claims {
        issuer: app.ostler.audience.shared(),
        account: account.id,
        client_id: ClientId::from_bits(0),
        audience: api.audience.shared(),
        issued_at: now,
        expires_at: now,
        id: TokenId::from_bytes([0; 16]),
        scopes,
        details,
        organization: account.organization,
        generations: Generations {
            epoch: Epoch::from_random([0; 8]),
            organization: Generation::FIRST,
            account: account.generation,
            credential: Generation::FIRST,
        },
    })
}

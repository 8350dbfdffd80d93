//! What a filter of accounts asks of each.

use jiff::Timestamp;

use crate::domain::account::AccountStatus;
use crate::domain::id::OrganizationId;
use crate::domain::organization::Status;
use crate::store::AccountFilter;
use crate::store::Holding;

use super::super::query::millis;
use super::super::statement::Conditions;
use super::NEVER;
use super::add_ending;
use super::add_search;
use super::add_unused;

/// Adds what the filter says.
pub(super) fn restrict(
    conditions: &mut Conditions,
    organization: OrganizationId,
    filter: &AccountFilter,
) {
    if let Some((status, now)) = filter.status {
        let condition = account_status(conditions, status, now);
        conditions.add(condition);
    }
    if let Some(text) = &filter.text {
        add_search(
            conditions,
            text,
            &["service_account.search_text"],
            "service_account.id",
        );
    }
    if let Some(owner) = &filter.owner {
        let owner = conditions.text(owner.as_str());
        conditions.add(format!("service_account.owner = {owner}"));
    }
    if let Some(holding) = &filter.holding {
        let holds = holds(conditions, organization, holding);
        conditions.add(holds);
    }
    if let Some(since) = filter.unused_since {
        add_unused(conditions, "service_account", since);
    }
    if let Some(ending) = filter.ending {
        add_ending(conditions, "service_account.expires_at", ending);
    }
}

fn account_status(conditions: &mut Conditions, status: AccountStatus, now: Timestamp) -> String {
    let active = format!("service_account.status = '{}'", Status::Active.as_str());
    match status {
        // In the words of its index.
        AccountStatus::Disabled => "service_account.status <> 'active'".to_owned(),
        AccountStatus::Active => {
            let now = conditions.number(millis(now));
            format!("{active} AND coalesce(service_account.expires_at, {NEVER}) > {now}")
        }
        AccountStatus::Expired => {
            let now = conditions.number(millis(now));
            format!("{active} AND coalesce(service_account.expires_at, {NEVER}) <= {now}")
        }
    }
}

/// One grant that holds all that is asked for: the account's own, or that of a role which the account
/// has, by a group or not.
fn holds(conditions: &mut Conditions, organization: OrganizationId, holding: &Holding) -> String {
    let grant = grant_holds(conditions, holding);
    let organization = conditions.text(organization.to_string());
    let built_in = holding.roles.iter().map(ToString::to_string);
    let built_in: Vec<_> = built_in.map(|role| conditions.text(role)).collect();
    let built_in = if built_in.is_empty() {
        String::new()
    } else {
        format!(
            "UNION ALL SELECT role.id FROM role WHERE role.id IN ({})",
            built_in.join(", ")
        )
    };
    let roles = format!(
        "SELECT access_grant.role_id FROM access_grant
         JOIN role ON role.id = access_grant.role_id
         WHERE role.organization_id = {organization} {grant} {built_in}"
    );
    format!(
        "(EXISTS (SELECT 1 FROM access_grant
             WHERE access_grant.holder_id = service_account.id {grant})
          OR EXISTS (SELECT 1 FROM account_role
             WHERE account_role.account_id = service_account.id
               AND account_role.role_id IN ({roles}))
          OR EXISTS (SELECT 1 FROM group_member
             JOIN group_role ON group_role.group_id = group_member.group_id
             WHERE group_member.account_id = service_account.id
               AND group_role.role_id IN ({roles})))"
    )
}

/// What is asked of one row of `access_grant`.
fn grant_holds(conditions: &mut Conditions, holding: &Holding) -> String {
    let api = holding.api.map(|api| {
        let api = conditions.text(api.to_string());
        format!("AND access_grant.api_id = {api}")
    });
    let scope = holding.scope.as_ref().map(|scope| {
        let scope = conditions.text(scope.as_str());
        format!(
            "AND EXISTS (SELECT 1 FROM access_scope
                WHERE access_scope.holder_id = access_grant.holder_id
                  AND access_scope.position = access_grant.position
                  AND access_scope.scope = {scope})"
        )
    });
    let resource = holding.resource.as_ref().map(|(kind, key)| {
        let (kind, key) = (
            conditions.text(kind.as_str()),
            conditions.text(key.as_str()),
        );
        format!(
            "AND EXISTS (SELECT 1 FROM access_type
                WHERE access_type.holder_id = access_grant.holder_id
                  AND access_type.position = access_grant.position
                  AND access_type.resource_type = {kind}
                  AND (access_type.is_all = 1 OR EXISTS (SELECT 1 FROM access_resource
                        WHERE access_resource.holder_id = access_type.holder_id
                          AND access_resource.position = access_type.position
                          AND access_resource.resource_type = access_type.resource_type
                          AND access_resource.resource_key = {key})))"
        )
    });
    let parts: Vec<_> = [api, scope, resource].into_iter().flatten().collect();
    parts.join(" ")
}

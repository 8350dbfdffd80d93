//! What accounts hold, and what is left of it to their credentials.
//!
//! What is asked for has to be in one and the same grant: of the account's own, or of a role that it
//! has, by a group or not. A credential that is narrowed has to name it too, and is left with it where
//! one grant of each shares a scope ([`Access::narrowed_by`](crate::domain::access::Access::narrowed_by)).

use crate::domain::id::OrganizationId;
use crate::domain::role::OSTLER_API;
use crate::store::Holding;
use crate::store::HoldingRole;

use super::super::statement::Conditions;
use super::super::statement::EACH;

/// Whether `service_account` holds it.
pub(super) fn by_account(
    conditions: &mut Conditions,
    organization: OrganizationId,
    holding: &Holding,
) -> String {
    by(conditions, organization, holding, "service_account.id")
}

/// Whether `credential` is left with it: all that its account holds, or what it names of that.
pub(super) fn by_credential(
    conditions: &mut Conditions,
    organization: OrganizationId,
    holding: &Holding,
) -> String {
    let whole = by(conditions, organization, holding, "credential.account_id");
    let left = left(conditions, holding);
    format!(
        "((credential.is_narrowed = 0 AND {whole})
          OR (credential.is_narrowed = 1 AND {left}))"
    )
}

/// One grant that holds all that is asked for: the own one of the account in this column, or that of a
/// role which the account has, by a group or not.
fn by(
    conditions: &mut Conditions,
    organization: OrganizationId,
    holding: &Holding,
    account: &str,
) -> String {
    let grant = [
        of_api(conditions, "access_grant", holding),
        of_scope(conditions, "access_grant", holding),
        of_resource(conditions, "access_grant", holding),
    ]
    .concat();
    let organization = conditions.text(organization.to_string());
    let built_in = holding.roles.iter().map(|role| role.id.to_string());
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
             WHERE access_grant.holder_id = {account} {grant} {EACH})
          OR EXISTS (SELECT 1 FROM account_role
             WHERE account_role.account_id = {account}
               AND account_role.role_id IN ({roles}) {EACH})
          OR EXISTS (SELECT 1 FROM group_member
             JOIN group_role ON group_role.group_id = group_member.group_id
             WHERE group_member.account_id = {account}
               AND group_role.role_id IN ({roles}) {EACH}))"
    )
}

/// A grant that the credential is narrowed to (`named`), and one of its account's that shares a scope
/// with it.
fn left(conditions: &mut Conditions, holding: &Holding) -> String {
    let named = [
        of_api(conditions, "named", holding),
        of_resource(conditions, "named", holding),
    ]
    .concat();
    let resource = of_resource(conditions, "held", holding);
    let scope = holding.scope.as_ref().map(|scope| {
        let scope = conditions.text(scope.as_str());
        format!("AND named_scope.scope = {scope}")
    });
    let scope = scope.unwrap_or_default();
    let ostler = conditions.text(OSTLER_API.to_string());
    // At `ostler`, writing implies reading.
    let held = format!(
        "held.api_id = named.api_id {resource}
           AND EXISTS (SELECT 1 FROM access_scope AS named_scope
               JOIN access_scope AS held_scope ON held_scope.scope = named_scope.scope
                   OR (held.api_id = {ostler}
                       AND held_scope.scope = replace(named_scope.scope, ':read', ':write'))
               WHERE named_scope.holder_id = named.holder_id
                 AND named_scope.position = named.position
                 AND held_scope.holder_id = held.holder_id
                 AND held_scope.position = held.position {scope})"
    );
    let roles = "SELECT account_role.role_id FROM account_role
                 WHERE account_role.account_id = credential.account_id
                 UNION ALL SELECT group_role.role_id FROM group_member
                 JOIN group_role ON group_role.group_id = group_member.group_id
                 WHERE group_member.account_id = credential.account_id";
    let mut ways = vec![
        format!(
            "EXISTS (SELECT 1 FROM access_grant AS held
                WHERE held.holder_id = credential.account_id AND {held} {EACH})"
        ),
        format!(
            "EXISTS (SELECT 1 FROM access_grant AS held
                WHERE held.holder_id IN ({roles}) AND {held})"
        ),
    ];
    for HoldingRole { id, scopes } in &holding.roles {
        let id = conditions.text(id.to_string());
        let scopes: Vec<_> = scopes
            .iter()
            .map(|scope| conditions.text(scope.as_str()))
            .collect();
        ways.push(format!(
            "(named.api_id = {ostler} AND {id} IN ({roles})
              AND EXISTS (SELECT 1 FROM access_scope AS named_scope
                  WHERE named_scope.holder_id = named.holder_id
                    AND named_scope.position = named.position
                    AND named_scope.scope IN ({}) {scope}))",
            scopes.join(", ")
        ));
    }
    format!(
        "EXISTS (SELECT 1 FROM access_grant AS named
             WHERE named.holder_id = credential.id {named} AND ({}) {EACH})",
        ways.join(" OR ")
    )
}

/// Of the grant with this name: that it is at the API.
fn of_api(conditions: &mut Conditions, grant: &str, holding: &Holding) -> String {
    let api = holding.api.map(|api| {
        let api = conditions.text(api.to_string());
        format!(" AND {grant}.api_id = {api}")
    });
    api.unwrap_or_default()
}

/// That it holds the scope.
fn of_scope(conditions: &mut Conditions, grant: &str, holding: &Holding) -> String {
    let scope = holding.scope.as_ref().map(|scope| {
        let scope = conditions.text(scope.as_str());
        format!(
            " AND EXISTS (SELECT 1 FROM access_scope
                WHERE access_scope.holder_id = {grant}.holder_id
                  AND access_scope.position = {grant}.position
                  AND access_scope.scope = {scope})"
        )
    });
    scope.unwrap_or_default()
}

/// That it reaches the resource.
fn of_resource(conditions: &mut Conditions, grant: &str, holding: &Holding) -> String {
    let resource = holding.resource.as_ref().map(|(kind, key)| {
        let (kind, key) = (
            conditions.text(kind.as_str()),
            conditions.text(key.as_str()),
        );
        format!(
            " AND EXISTS (SELECT 1 FROM access_type
                WHERE access_type.holder_id = {grant}.holder_id
                  AND access_type.position = {grant}.position
                  AND access_type.resource_type = {kind}
                  AND (access_type.is_all = 1 OR EXISTS (SELECT 1 FROM access_resource
                        WHERE access_resource.holder_id = access_type.holder_id
                          AND access_resource.position = access_type.position
                          AND access_resource.resource_type = access_type.resource_type
                          AND access_resource.resource_key = {key})))"
        )
    });
    resource.unwrap_or_default()
}

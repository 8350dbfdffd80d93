//! An API, what the accounts may do there, and what they have by roles and groups.

use super::Ground;
use super::id;
use super::name;

const API: &str = "api_00000000000000000000000009";

/// How many tenants the API has: each account is limited to one of them.
const TENANTS: u32 = 1_000;

/// How many roles and how many groups there are.
const ROLES: u32 = 20;

pub(super) fn statements(ground: &Ground) -> Vec<String> {
    let mut statements = api(ground);
    statements.extend(grants(ground));
    statements.extend(roles(ground));
    statements
}

fn api(ground: &Ground) -> Vec<String> {
    let (organization, now) = (&ground.organization, ground.now);
    vec![
        format!(
            "INSERT INTO api (id, organization_id, name, audience, signing_alg, token_typ, created_at)
             VALUES ('{API}', '{organization}', 'shop', 'https://shop.example', 'ES256', 'at+jwt',
                     {now})"
        ),
        format!(
            "INSERT INTO api_scope (api_id, scope, row_version)
             VALUES ('{API}', 'shop:read', 1), ('{API}', 'shop:write', 1), ('{API}', 'shop:rare', 1)"
        ),
        format!("INSERT INTO api_resource_type (api_id, resource_type) VALUES ('{API}', 'tenant')"),
        format!(
            "INSERT INTO resource (id, api_id, resource_type, resource_key, search_text)
             SELECT {id}, '{API}', 'tenant', {key}, {key} || ' ' FROM {numbers}",
            id = id("res", "n"),
            key = name("tenant", "n"),
            numbers = ground.numbers(TENANTS),
        ),
    ]
}

/// All may read, one in ten may write, one in ten thousand something rare; one in 500 for all tenants.
fn grants(ground: &Ground) -> Vec<String> {
    let account = id("sa", "n");
    let accounts = ground.numbers(ground.size.accounts);
    let scope = |scope: &str, one_in: u32| {
        format!(
            "INSERT INTO access_scope (holder_id, position, scope)
             SELECT {account}, 0, '{scope}' FROM {accounts} WHERE n % {one_in} = 0"
        )
    };
    let tenant = name("tenant", &format!("(1 + n % {TENANTS})"));
    vec![
        format!(
            "INSERT INTO access_grant (holder_id, position, api_id, account_id)
             SELECT {account}, 0, '{API}', {account} FROM {accounts}"
        ),
        scope("shop:read", 1),
        scope("shop:write", 10),
        scope("shop:rare", 10_000),
        format!(
            "INSERT INTO access_type (holder_id, position, resource_type, is_all)
             SELECT {account}, 0, 'tenant', CASE WHEN n % 500 = 0 THEN 1 ELSE 0 END FROM {accounts}"
        ),
        format!(
            "INSERT INTO access_resource (holder_id, position, resource_type, resource_key)
             SELECT {account}, 0, 'tenant', {tenant} FROM {accounts} WHERE n % 500 <> 0"
        ),
    ]
}

/// Every role may read; one account in a hundred has one, and as many are in a group that has one.
fn roles(ground: &Ground) -> Vec<String> {
    let organization = &ground.organization;
    let numbers = ground.numbers(ROLES);
    let accounts = ground.numbers(ground.size.accounts);
    let (role, group) = (id("role", "n + 100"), id("grp", "n + 100"));
    let role_of = id("role", &format!("(101 + n / 100 % {ROLES})"));
    let group_of = id("grp", &format!("(101 + n / 100 % {ROLES})"));
    let account = id("sa", "n");
    vec![
        format!(
            "INSERT INTO role (id, organization_id, name, search_text)
             SELECT {role}, '{organization}', {name}, {name} || ' ' FROM {numbers}",
            name = name("reader", "n")
        ),
        format!(
            "INSERT INTO access_grant (holder_id, position, api_id, role_id)
             SELECT {role}, 0, '{API}', {role} FROM {numbers}"
        ),
        format!(
            "INSERT INTO access_scope (holder_id, position, scope)
             SELECT {role}, 0, 'shop:read' FROM {numbers}"
        ),
        format!(
            "INSERT INTO account_group (id, organization_id, name, search_text)
             SELECT {group}, '{organization}', {name}, {name} || ' ' FROM {numbers}",
            name = name("team", "n")
        ),
        format!("INSERT INTO group_role (group_id, role_id) SELECT {group}, {role} FROM {numbers}"),
        format!(
            "INSERT INTO account_role (account_id, role_id)
             SELECT {account}, {role_of} FROM {accounts} WHERE n % 100 = 3"
        ),
        format!(
            "INSERT INTO group_member (group_id, account_id)
             SELECT {group_of}, {account} FROM {accounts} WHERE n % 100 = 4"
        ),
    ]
}

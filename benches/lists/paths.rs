//! Which lists are asked for: each list, each of its filters and orders, and filters together.

use ostler::domain::finding::FindingKind;

/// The paths below `/admin/v1`, without a cursor.
pub fn all() -> Vec<String> {
    let organization = "/organizations/default";
    let of = |list: &'static str, queries: &'static [&'static str]| {
        let paths = queries
            .iter()
            .map(move |query| format!("{organization}/{list}?limit=200{query}"));
        paths.collect::<Vec<_>>()
    };
    [
        of("service-accounts", &ACCOUNTS),
        of("credentials", &CREDENTIALS),
        of("api-tokens", &[""]),
        of("roles", &["", "&q=no+such+words"]),
        of("groups", &["", "&q=no+such+words"]),
        of(
            "apis/shop/resources",
            &[
                "",
                "&type=tenant",
                "&q=tenant-0000077",
                "&q=no+such+words",
                "&type=tenant&q=no+such+words",
            ],
        ),
        of("groups/team-0000004/members", &["", "&q=no+such+words"]),
        of("audit-events", &EVENTS),
        findings(),
    ]
    .concat()
}

/// Of all kinds, and of each.
fn findings() -> Vec<String> {
    let all = "/findings?organization=default&limit=200";
    let kinds = FindingKind::ALL.map(|kind| format!("{all}&kind={}", kind.as_str()));
    [vec![all.to_owned()], kinds.to_vec()].concat()
}

const ACCOUNTS: [&str; 33] = [
    "",
    "&sort=name",
    "&sort=-name",
    "&sort=created_at",
    "&sort=-created_at",
    "&sort=last_used_at",
    "&sort=-last_used_at",
    "&sort=expires_at",
    "&status=active",
    "&status=disabled",
    "&status=expired",
    // In all, in one in 5,000, in one, and in none.
    "&q=shop",
    "&q=part+77+of",
    "&q=account-0077777",
    "&q=no+such+words",
    "&q=no+such+words&sort=-last_used_at",
    "&owner=team-7",
    "&owner=team-7&sort=-last_used_at",
    "&owner=nobody",
    "&unused_for=90d",
    "&unused_for=350d",
    "&unused_for=90d&sort=last_used_at",
    "&expires_within=14d",
    "&expires_within=14d&sort=expires_at",
    // What all hold, one in ten, one in ten thousand, and none.
    "&api=shop",
    "&scope=shop:read",
    "&scope=shop:write",
    "&scope=shop:rare",
    "&scope=shop:none",
    "&resource=tenant:tenant-0000007",
    "&resource=tenant:tenant-0000007&scope=shop:write",
    "&api=shop&scope=shop:write&sort=-last_used_at",
    "&api=shop&scope=shop:rare&status=disabled",
];

const CREDENTIALS: [&str; 18] = [
    "",
    "&sort=name",
    "&sort=-created_at",
    "&sort=last_used_at",
    "&sort=-last_used_at",
    "&sort=expires_at",
    "&sort=-expires_at",
    "&status=active",
    "&status=disabled",
    "&status=expired",
    "&status=revoked",
    "&q=deploy-0077777",
    "&q=no+such+words",
    "&owner=team-7",
    "&owner=nobody",
    "&unused_for=90d",
    "&expires_within=14d",
    "&expires_within=14d&sort=expires_at",
];

const EVENTS: [&str; 18] = [
    "",
    // One in ten, one in a thousand, and none.
    "&action=credential.rotate",
    "&action=service_account.delete",
    "&action=role.invent",
    "&actor=sa_00000000000000000000000007",
    "&actor=account-0000007",
    "&target=account-0000007",
    "&result=refused",
    "&result=success",
    "&request_id=req_00000000000000000000000077",
    "&from=2026-06-01T00:00:00Z&to=2026-06-02T00:00:00Z",
    "&to=2026-02-01T00:00:00Z",
    "&from=2026-06-01T00:00:00Z&action=credential.rotate",
    "&actor=account-0000007&action=credential.rotate",
    // Two that are common, and never together.
    "&result=refused&action=credential.rotate",
    "&actor=account-0000008&action=credential.rotate",
    "&to=2026-02-01T00:00:00Z&action=service_account.delete",
    "&from=2026-11-01T00:00:00Z&actor=account-0000007",
];

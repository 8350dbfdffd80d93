//! How much accounts hold in all: a sum of what their grants were found to be when they were written, so
//! that one statement weighs any number of accounts.

use async_trait::async_trait;

use crate::domain::access_size::AccessSize;
use crate::domain::id::OrganizationId;
use crate::store::AccessSizes;
use crate::store::ConcernedBy;
use crate::store::NamedHolder;
use crate::store::StoreError;

use super::change::SqlChange;
use super::failure::Answer;
use super::failure::Failure;
use super::query::Db;
use super::query::Row;
use super::query::assembled;
use super::query::one;
use super::role::read_holder;

/// Who has the role `$2`.
const WITH_ROLE: &str = "SELECT account_id FROM account_role WHERE role_id = $2
    UNION
    SELECT account_id FROM group_member
    JOIN group_role ON group_role.group_id = group_member.group_id
    WHERE role_id = $2";

/// Who is in the group `$2`.
const IN_GROUP: &str = "SELECT account_id FROM group_member WHERE group_id = $2";

/// The first of these accounts with more grants than `$3`, or more bytes than `$4`.
fn statement(accounts: &str) -> String {
    format!(
        "WITH concerned AS (
             SELECT id AS of_account FROM service_account
             WHERE organization_id = $1 AND deleted_at IS NULL AND id IN ({accounts})
         ), held AS (
             SELECT of_account, of_account AS of_holder FROM concerned
             UNION
             SELECT of_account, role_id AS of_holder FROM concerned
             JOIN account_role ON account_role.account_id = of_account
             UNION
             SELECT of_account, role_id AS of_holder FROM concerned
             JOIN group_member ON group_member.account_id = of_account
             JOIN group_role ON group_role.group_id = group_member.group_id
         ), weighed AS (
             SELECT holder_id, count(*) AS grants, CAST(sum(text_bytes) AS BIGINT) AS bytes
             FROM access_grant WHERE holder_id IN (SELECT of_holder FROM held)
             GROUP BY holder_id
         ), total AS (
             SELECT of_account, CAST(sum(grants) AS BIGINT) AS grants,
                    CAST(sum(bytes) AS BIGINT) AS bytes
             FROM held JOIN weighed ON holder_id = of_holder GROUP BY of_account
         )
         SELECT 'service_account' AS kind, id, name, grants, bytes
         FROM total JOIN service_account ON id = of_account
         WHERE grants > $3 OR bytes > $4 ORDER BY id LIMIT 1"
    )
}

async fn find(
    db: &mut Db,
    organization: OrganizationId,
    by: ConcernedBy,
    most: AccessSize,
) -> Answer<Option<(NamedHolder, AccessSize)>> {
    let (accounts, of) = match by {
        ConcernedBy::Role(role) => (WITH_ROLE, role.to_string()),
        ConcernedBy::Group(group) => (IN_GROUP, group.to_string()),
    };
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let query = assembled(statement(accounts))
        .bind(organization.to_string())
        .bind(of)
        .bind(number(most.grants))
        .bind(number(most.bytes));
    let found = one(db, query).await?;
    found
        .map(|row| Ok((read_holder(&row)?, read_size(&row)?)))
        .transpose()
}

fn read_size(row: &Row) -> Answer<AccessSize> {
    let count = |column: &'static str| -> Answer<u64> {
        u64::try_from(row.integer(column)?).map_err(|_| Failure::Unreadable(column))
    };
    Ok(AccessSize {
        grants: count("grants")?,
        bytes: count("bytes")?,
    })
}

#[async_trait]
impl AccessSizes for SqlChange {
    async fn find_account_with_more(
        &mut self,
        organization: OrganizationId,
        by: ConcernedBy,
        most: AccessSize,
    ) -> Result<Option<(NamedHolder, AccessSize)>, StoreError> {
        self.0.run(|db| find(db, organization, by, most)).await
    }
}

//! Whether an organization has as much of something as it may have. No more rows are counted than that,
//! and of what may be many none.

use async_trait::async_trait;

use crate::domain::id::OrganizationId;
use crate::domain::quota::Limited;
use crate::store::Counts;
use crate::store::StoreError;

use super::change::SqlChange;
use super::failure::Answer;
use super::query::Db;
use super::query::one;

/// The last one that there may be, if it is there: of the organization `$1`, by their ids. Of resources it
/// is their API, if it has so many.
fn statement(what: Limited) -> &'static str {
    match what {
        Limited::Roles => {
            "SELECT id FROM role WHERE organization_id = $1 ORDER BY id LIMIT 1 OFFSET $2"
        }
        Limited::Groups => {
            "SELECT id FROM account_group WHERE organization_id = $1
             ORDER BY id LIMIT 1 OFFSET $2"
        }
        Limited::Apis => {
            "SELECT id FROM api WHERE organization_id = $1 AND deleted_at IS NULL
             ORDER BY id LIMIT 1 OFFSET $2"
        }
        Limited::Audiences => {
            "SELECT id FROM api WHERE organization_id = $1 ORDER BY id LIMIT 1 OFFSET $2"
        }
        Limited::Resources(_) => {
            "SELECT id FROM api WHERE organization_id = $1 AND id = $3 AND resource_count > $2"
        }
    }
}

async fn is_full(db: &mut Db, organization: OrganizationId, what: Limited) -> Answer<bool> {
    let query = sqlx::query(statement(what))
        .bind(organization.to_string())
        .bind(i64::from(what.most()) - 1);
    let query = match what {
        Limited::Resources(api) => query.bind(api.to_string()),
        _ => query,
    };
    Ok(one(db, query).await?.is_some())
}

#[async_trait]
impl Counts for SqlChange {
    async fn is_full(
        &mut self,
        organization: OrganizationId,
        what: Limited,
    ) -> Result<bool, StoreError> {
        self.0.run(|db| is_full(db, organization, what)).await
    }
}

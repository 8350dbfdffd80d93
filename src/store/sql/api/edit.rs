//! Edits and deletions of APIs. What is deleted leaves every grant that names it; who that is can be
//! asked first.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::access_size::of_text;
use crate::domain::api::Api;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::OrganizationId;
use crate::domain::name::Label;
use crate::domain::resource::Resource;
use crate::domain::resource::ResourceType;
use crate::domain::scope::Scope;
use crate::store::ApiChanges;
use crate::store::ApiPart;
use crate::store::NamedHolder;
use crate::store::ResourceLookup;
use crate::store::StoreError;

use super::super::change::SqlChange;
use super::super::failure::Answer;
use super::super::query::Db;
use super::super::query::Query;
use super::super::query::all;
use super::super::query::assembled;
use super::super::query::execute;
use super::super::query::execute_one;
use super::super::query::millis;
use super::super::query::placeholders;
use super::super::query::seconds;
use super::super::resource;
use super::super::role::read_holder;
use super::insert_type;
use super::touch;

/// A statement about the grants that name a part of an API, with its arguments: `$1` is the
/// organization, `$2` the API, `$3` and `$4` say which part, `$5` is the limit.
///
/// Each part has the same arguments, used or not; that their types are known, they are used.
fn about_part(
    statement: &str,
    organization: OrganizationId,
    api: ApiId,
    part: &ApiPart,
) -> Query<'static> {
    let nothing = String::new;
    let (named, one, other) = match part {
        ApiPart::Whole => ("1 = 1", nothing(), nothing()),
        ApiPart::Scope(scope) => (
            "EXISTS (SELECT 1 FROM access_scope AS part
                     WHERE part.holder_id = access_grant.holder_id
                       AND part.position = access_grant.position AND scope = $3)",
            scope.to_string(),
            nothing(),
        ),
        ApiPart::Type(kind) => (
            "EXISTS (SELECT 1 FROM access_type AS part
                     LEFT JOIN access_resource USING (holder_id, position, resource_type)
                     WHERE part.holder_id = access_grant.holder_id
                       AND part.position = access_grant.position AND resource_type = $3
                       AND (is_all = 1 OR resource_key IS NOT NULL))",
            kind.to_string(),
            nothing(),
        ),
        ApiPart::Resource(kind, key) => (
            "EXISTS (SELECT 1 FROM access_resource AS part
                     WHERE part.holder_id = access_grant.holder_id
                       AND part.position = access_grant.position
                       AND resource_type = $3 AND resource_key = $4)",
            kind.to_string(),
            key.to_string(),
        ),
    };
    let query = assembled(format!(
        "WITH named AS (
             SELECT account_id AS of_account, role_id AS of_role, credential_id AS of_credential
             FROM access_grant WHERE api_id = $2 AND $3 = $3 AND $4 = $4 AND {named}
         )\n{statement}"
    ));
    query
        .bind(organization.to_string())
        .bind(api.to_string())
        .bind(one)
        .bind(other)
}

async fn list_holders(
    db: &mut Db,
    organization: OrganizationId,
    api: ApiId,
    part: &ApiPart,
    limit: u32,
) -> Answer<Vec<NamedHolder>> {
    // Narrowing takes part in a resource that it lists; of a type it may say *all* of none.
    let others = match part {
        ApiPart::Type(_) => {
            "SELECT 'resource' AS kind, resource.id, resource_key AS name FROM resource
             JOIN api ON api.id = api_id
             WHERE organization_id = $1 AND api_id = $2 AND resource_type = $3"
        }
        _ => {
            "SELECT CASE credential.kind WHEN 'api_token' THEN 'api_token' ELSE 'credential' END
                 AS kind, id, name
             FROM credential
             WHERE organization_id = $1 AND status <> 'revoked'
               AND id IN (SELECT of_credential FROM named)"
        }
    };
    let statement = format!(
        "SELECT 'service_account' AS kind, id, name FROM service_account
         WHERE organization_id = $1 AND id IN (SELECT of_account FROM named)
         UNION ALL
         SELECT 'role' AS kind, id, name FROM role
         WHERE organization_id = $1 AND id IN (SELECT of_role FROM named)
         UNION ALL
         {others}
         ORDER BY kind DESC, id LIMIT $5"
    );
    let query = about_part(&statement, organization, api, part).bind(i64::from(limit));
    all(db, query).await?.iter().map(read_holder).collect()
}

async fn list_accounts(
    db: &mut Db,
    organization: OrganizationId,
    api: ApiId,
    part: &ApiPart,
    limit: u32,
) -> Answer<Vec<AccountId>> {
    let statement = "SELECT id FROM service_account
         WHERE organization_id = $1 AND deleted_at IS NULL AND id IN
             (SELECT of_account FROM named
              UNION
              SELECT account_id FROM account_role JOIN named ON of_role = role_id
              UNION
              SELECT account_id FROM group_member
              JOIN group_role ON group_role.group_id = group_member.group_id
              JOIN named ON of_role = role_id
              UNION
              SELECT account_id FROM credential JOIN named ON of_credential = credential.id)
         ORDER BY id LIMIT $5";
    let query = about_part(statement, organization, api, part).bind(i64::from(limit));
    let rows = all(db, query).await?;
    rows.iter().map(|row| row.parse("id")).collect()
}

/// Notes the change at everything whose grants name this part.
async fn touch_holders(
    db: &mut Db,
    organization: OrganizationId,
    api: ApiId,
    part: &ApiPart,
) -> Answer<()> {
    for statement in [
        "UPDATE service_account SET row_version = row_version + 1
         WHERE organization_id = $1 AND id IN (SELECT of_account FROM named)",
        "UPDATE role SET row_version = row_version + 1
         WHERE organization_id = $1 AND id IN (SELECT of_role FROM named)",
        "UPDATE credential SET row_version = row_version + 1
         WHERE organization_id = $1 AND id IN (SELECT of_credential FROM named)",
    ] {
        execute(db, about_part(statement, organization, api, part)).await?;
    }
    Ok(())
}

async fn update(db: &mut Db, organization: OrganizationId, api: &Api) -> Answer<()> {
    touch(db, organization, api.id).await?;
    let query = sqlx::query(
        "UPDATE api SET token_lifetime_seconds = $2, signing_alg = $3, token_typ = $4
         WHERE id = $1",
    );
    let query = query
        .bind(api.id.to_string())
        .bind(api.token.lifetime.map(seconds))
        .bind(api.token.signing_alg.as_str())
        .bind(api.token.typ.as_str());
    execute(db, query).await?;
    let mut changed = 0;
    for resource_type in &api.resource_types {
        changed += insert_type(db, api.id, resource_type).await?;
    }
    changed += remove_other_types(db, api.id, &api.resource_types).await?;
    if changed > 0 {
        // Every grant of the API says something of each of its types.
        touch_holders(db, organization, api.id, &ApiPart::Whole).await?;
    }
    Ok(())
}

/// Leaves only these types, in the API and in the grants; returns how many are gone.
async fn remove_other_types(db: &mut Db, api: ApiId, kept: &[ResourceType]) -> Answer<u64> {
    let is_gone = match kept {
        [] => "1 = 1".to_owned(),
        kept => format!("resource_type NOT IN ({})", placeholders(2, kept.len())),
    };
    let mut gone = 0;
    for statement in [
        format!(
            "DELETE FROM access_type WHERE {is_gone} AND (holder_id, position) IN
                 (SELECT holder_id, position FROM access_grant WHERE api_id = $1)"
        ),
        format!("DELETE FROM api_resource_type WHERE api_id = $1 AND {is_gone}"),
    ] {
        let query = assembled(statement).bind(api.to_string());
        let query = kept
            .iter()
            .fold(query, |query, kind| query.bind(kind.to_string()));
        // That of the types themselves is the last one.
        gone = execute(db, query).await?;
    }
    Ok(gone)
}

async fn remove(
    db: &mut Db,
    organization: OrganizationId,
    api: ApiId,
    at: Timestamp,
) -> Answer<()> {
    touch_holders(db, organization, api, &ApiPart::Whole).await?;
    let query = sqlx::query(
        "UPDATE api SET deleted_at = $3, resource_count = 0, row_version = row_version + 1
         WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
    );
    let query = query
        .bind(organization.to_string())
        .bind(api.to_string())
        .bind(millis(at));
    execute_one(db, query, "API").await?;
    for purge in [
        "DELETE FROM access_grant WHERE api_id = $1",
        "DELETE FROM resource WHERE api_id = $1",
        "DELETE FROM api_resource_type WHERE api_id = $1",
        "DELETE FROM api_scope WHERE api_id = $1",
    ] {
        execute(db, sqlx::query(purge).bind(api.to_string())).await?;
    }
    Ok(())
}

/// What a scope or a key counts for in a grant.
fn weight(text: &str) -> i64 {
    i64::try_from(of_text(text)).unwrap_or(i64::MAX)
}

/// A grant of nothing else goes with the scope.
async fn remove_scope(
    db: &mut Db,
    organization: OrganizationId,
    api: ApiId,
    scope: &Scope,
) -> Answer<()> {
    touch(db, organization, api).await?;
    touch_holders(db, organization, api, &ApiPart::Scope(scope.clone())).await?;
    let query = sqlx::query("DELETE FROM api_scope WHERE api_id = $1 AND scope = $2");
    let query = query.bind(api.to_string()).bind(scope.as_str());
    execute_one(db, query, "scope").await?;
    let query = sqlx::query(
        "UPDATE access_grant SET text_bytes = text_bytes - $3
         WHERE api_id = $1 AND EXISTS
             (SELECT 1 FROM access_scope
              WHERE access_scope.holder_id = access_grant.holder_id
                AND access_scope.position = access_grant.position AND scope = $2)",
    );
    let query = query
        .bind(api.to_string())
        .bind(scope.as_str())
        .bind(weight(scope.as_str()));
    execute(db, query).await?;
    let query = sqlx::query(
        "DELETE FROM access_scope WHERE scope = $2 AND (holder_id, position) IN
             (SELECT holder_id, position FROM access_grant WHERE api_id = $1)",
    );
    let query = query.bind(api.to_string()).bind(scope.as_str());
    execute(db, query).await?;
    let query = sqlx::query(
        "DELETE FROM access_grant WHERE api_id = $1 AND NOT EXISTS
             (SELECT 1 FROM access_scope
              WHERE access_scope.holder_id = access_grant.holder_id
                AND access_scope.position = access_grant.position)",
    );
    execute(db, query.bind(api.to_string())).await?;
    Ok(())
}

async fn update_resource(
    db: &mut Db,
    organization: OrganizationId,
    resource: &Resource,
) -> Answer<()> {
    touch(db, organization, resource.api).await?;
    let query = sqlx::query(
        "UPDATE resource SET name = $3, search_text = $4, row_version = row_version + 1
         WHERE api_id = $1 AND id = $2",
    );
    let query = query
        .bind(resource.api.to_string())
        .bind(resource.id.to_string())
        .bind(resource.name.as_ref().map(Label::as_str))
        .bind(resource::search_text(resource));
    execute_one(db, query, "resource").await
}

/// A grant stays, also when it reaches no resource of the type any more.
async fn remove_resource(
    db: &mut Db,
    organization: OrganizationId,
    resource: &Resource,
) -> Answer<()> {
    touch(db, organization, resource.api).await?;
    let (api, kind, key) = (resource.api, &resource.resource_type, &resource.key);
    let part = ApiPart::Resource(kind.clone(), key.clone());
    touch_holders(db, organization, api, &part).await?;
    let query = sqlx::query(
        "UPDATE access_grant SET text_bytes = text_bytes - $4
         WHERE api_id = $1 AND EXISTS
             (SELECT 1 FROM access_resource
              WHERE access_resource.holder_id = access_grant.holder_id
                AND access_resource.position = access_grant.position
                AND resource_type = $2 AND resource_key = $3)",
    );
    let query = query
        .bind(api.to_string())
        .bind(kind.as_str())
        .bind(key.as_str())
        .bind(weight(key.as_str()));
    execute(db, query).await?;
    let query = sqlx::query(
        "DELETE FROM access_resource
         WHERE resource_type = $2 AND resource_key = $3 AND (holder_id, position) IN
             (SELECT holder_id, position FROM access_grant WHERE api_id = $1)",
    );
    let query = query
        .bind(api.to_string())
        .bind(kind.as_str())
        .bind(key.as_str());
    execute(db, query).await?;
    let query = sqlx::query("DELETE FROM resource WHERE api_id = $1 AND id = $2");
    let query = query.bind(api.to_string()).bind(resource.id.to_string());
    execute_one(db, query, "resource").await?;
    resource::count(db, api, -1).await
}

#[async_trait]
impl ApiChanges for SqlChange {
    async fn find_resource(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        resource: &ResourceLookup,
    ) -> Result<Option<Resource>, StoreError> {
        self.0
            .run(|db| resource::find(db, organization, api, resource))
            .await
    }

    async fn list_holders_of_part(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        part: &ApiPart,
        limit: u32,
    ) -> Result<Vec<NamedHolder>, StoreError> {
        self.0
            .run(|db| list_holders(db, organization, api, part, limit))
            .await
    }

    async fn list_accounts_with_part(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        part: &ApiPart,
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError> {
        self.0
            .run(|db| list_accounts(db, organization, api, part, limit))
            .await
    }

    async fn update_api(
        &mut self,
        organization: OrganizationId,
        api: &Api,
    ) -> Result<(), StoreError> {
        self.0.run(|db| update(db, organization, api)).await
    }

    async fn remove_api(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.0.run(|db| remove(db, organization, api, at)).await
    }

    async fn remove_scope(
        &mut self,
        organization: OrganizationId,
        api: ApiId,
        scope: &Scope,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| remove_scope(db, organization, api, scope))
            .await
    }

    async fn update_resource(
        &mut self,
        organization: OrganizationId,
        resource: &Resource,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| update_resource(db, organization, resource))
            .await
    }

    async fn remove_resource(
        &mut self,
        organization: OrganizationId,
        resource: &Resource,
    ) -> Result<(), StoreError> {
        self.0
            .run(|db| remove_resource(db, organization, resource))
            .await
    }
}

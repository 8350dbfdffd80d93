//! APIs with their scopes and resource types.

mod edit;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::api::Api;
use crate::domain::api::ApiRecord;
use crate::domain::api::Audience;
use crate::domain::api::DescribedScope;
use crate::domain::api::TokenSettings;
use crate::domain::id::ApiId;
use crate::domain::id::OrganizationId;
use crate::domain::name::Name;
use crate::domain::resource::ResourceType;
use crate::domain::scope::Scope;
use crate::domain::signing_key::Algorithm;
use crate::domain::token::TokenTyp;
use crate::domain::version::Version;
use crate::store::Lookup;
use crate::store::Page;

use super::facts::Fact;
use super::facts::named;
use super::facts::union;
use super::failure::Answer;
use super::query::Db;
use super::query::Row;
use super::query::all;
use super::query::assembled;
use super::query::execute;
use super::query::execute_one;
use super::query::millis;
use super::query::seconds;
use super::statement::Conditions;

/// How the APIs that meet a condition are read.
pub(super) fn facts(condition: &str) -> [Fact<'_>; 3] {
    [
        Fact {
            part: "api",
            id: "api.id",
            texts: &[
                "organization_id",
                "api.name",
                "audience",
                "signing_alg",
                "token_typ",
            ],
            numbers: &[
                "token_lifetime_seconds",
                "api.created_at",
                "api.row_version",
            ],
            from: "api",
            condition,
        },
        Fact {
            part: "api_scope",
            id: "api.id",
            texts: &["scope", "description"],
            numbers: &["api_scope.row_version"],
            from: "api JOIN api_scope ON api_id = api.id",
            condition,
        },
        Fact {
            part: "api_type",
            id: "api.id",
            texts: &["resource_type"],
            numbers: &[],
            from: "api JOIN api_resource_type ON api_id = api.id",
            condition,
        },
    ]
}

/// The same without what people have written about the scopes: it may be a lot, and decides nothing.
pub(super) fn bare_facts(condition: &str) -> [Fact<'_>; 3] {
    let [api, scope, resource_type] = facts(condition);
    let scope = Fact {
        texts: &["scope"],
        ..scope
    };
    [api, scope, resource_type]
}

/// APIs that are put together from their facts.
#[derive(Default)]
pub(super) struct Apis(BTreeMap<ApiId, Parts>);

#[derive(Default)]
struct Parts {
    head: Option<Head>,
    scopes: Vec<DescribedScope>,
    resource_types: Vec<ResourceType>,
}

struct Head {
    organization: Option<OrganizationId>,
    name: Name,
    audience: Audience,
    token: TokenSettings,
    created_at: Timestamp,
    version: Version,
}

impl Apis {
    /// Takes in a fact, if it is one of an API.
    pub(super) fn take_in(&mut self, row: &Row) -> Answer<()> {
        named("api", self.take(row))
    }

    fn take(&mut self, row: &Row) -> Answer<()> {
        match row.text("part")? {
            "api" => self.of(row)?.head = Some(read_head(row)?),
            "api_scope" => self.of(row)?.scopes.push(DescribedScope {
                scope: row.read("a", Scope::parse)?,
                description: row.optional_text("b")?.map(str::to_owned),
                version: row.version("x")?,
            }),
            "api_type" => {
                let resource_type = row.read("a", ResourceType::parse)?;
                self.of(row)?.resource_types.push(resource_type);
            }
            _ => {}
        }
        Ok(())
    }

    fn of(&mut self, row: &Row) -> Answer<&mut Parts> {
        Ok(self.0.entry(row.parse("id")?).or_default())
    }

    /// All of them, in the order of their ids.
    pub(super) fn into_records(self) -> Vec<ApiRecord> {
        let record = |(id, parts): (ApiId, Parts)| parts.record(id);
        self.0.into_iter().filter_map(record).collect()
    }
}

fn read_head(row: &Row) -> Answer<Head> {
    Ok(Head {
        organization: Some(row.parse("a")?),
        name: row.read("b", Name::parse)?,
        audience: row.read("c", Audience::parse)?,
        token: TokenSettings {
            lifetime: row.optional_seconds("x")?,
            signing_alg: row.word("d", Algorithm::parse)?,
            typ: row.word("e", TokenTyp::parse)?,
        },
        created_at: row.instant("y")?,
        version: row.version("z")?,
    })
}

impl Parts {
    fn record(self, id: ApiId) -> Option<ApiRecord> {
        let head = self.head?;
        let mut described_scopes = self.scopes;
        described_scopes.sort_unstable_by(|one, other| one.scope.cmp(&other.scope));
        let mut resource_types = self.resource_types;
        resource_types.sort_unstable();
        let scopes = described_scopes
            .iter()
            .map(|described| described.scope.clone());
        let api = Api {
            id,
            organization: head.organization,
            name: head.name,
            audience: head.audience,
            scopes: scopes.collect(),
            resource_types,
            token: head.token,
        };
        Some(ApiRecord {
            api,
            described_scopes,
            created_at: head.created_at,
            version: head.version,
        })
    }
}

async fn records(db: &mut Db, query: super::query::Query<'_>) -> Answer<Vec<ApiRecord>> {
    let mut apis = Apis::default();
    for row in all(db, query).await? {
        apis.take_in(&row)?;
    }
    Ok(apis.into_records())
}

pub(super) async fn find(
    db: &mut Db,
    organization: OrganizationId,
    api: &Lookup<ApiId>,
) -> Answer<Option<ApiRecord>> {
    let condition = match api {
        Lookup::Id(_) => "api.organization_id = $1 AND api.id = $2 AND api.deleted_at IS NULL",
        Lookup::Name(_) => "api.organization_id = $1 AND api.name = $2 AND api.deleted_at IS NULL",
    };
    let query = assembled(union(facts(condition)));
    let query = query.bind(organization.to_string()).bind(api.to_string());
    Ok(records(db, query).await?.pop())
}

pub(super) async fn find_by_audience(db: &mut Db, audience: &str) -> Answer<Option<Api>> {
    let query = assembled(union(facts("api.audience = $1 AND api.deleted_at IS NULL")));
    let record = records(db, query.bind(audience)).await?.pop();
    Ok(record.map(|record| record.api))
}

pub(super) async fn list(
    db: &mut Db,
    organization: OrganizationId,
    text: Option<&str>,
    page: Page<ApiId>,
) -> Answer<Vec<ApiRecord>> {
    let mut conditions = Conditions::default();
    let organization = conditions.text(organization.to_string());
    conditions.add(format!("organization_id = {organization}"));
    conditions.add("deleted_at IS NULL".to_owned());
    conditions.add_after("id", page.after);
    if let Some(text) = text {
        // An audience is ASCII.
        conditions.add_search(text, &["name", "lower(audience)"], "id");
    }
    let limit = conditions.number(page.limit.into());
    let query = conditions.written(|conditions| {
        let some =
            format!("api.id IN (SELECT id FROM api WHERE {conditions} ORDER BY id LIMIT {limit})");
        union(facts(&some))
    });
    records(db, query).await
}

/// With its scopes and resource types.
pub(super) async fn add(db: &mut Db, record: &ApiRecord) -> Answer<()> {
    let api = &record.api;
    let query = sqlx::query(
        "INSERT INTO api (id, organization_id, name, audience, token_lifetime_seconds,
                          signing_alg, token_typ, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    let query = query
        .bind(api.id.to_string())
        .bind(api.organization.map(|id| id.to_string()))
        .bind(api.name.as_str())
        .bind(api.audience.as_str())
        .bind(api.token.lifetime.map(seconds))
        .bind(api.token.signing_alg.as_str())
        .bind(api.token.typ.as_str())
        .bind(millis(record.created_at));
    execute(db, query).await?;
    for scope in &record.described_scopes {
        insert_scope(db, api.id, scope).await?;
    }
    for resource_type in &api.resource_types {
        insert_type(db, api.id, resource_type).await?;
    }
    Ok(())
}

/// How many it has added: none that was there already.
async fn insert_type(db: &mut Db, api: ApiId, resource_type: &ResourceType) -> Answer<u64> {
    let query = sqlx::query(
        "INSERT INTO api_resource_type (api_id, resource_type) VALUES ($1, $2)
         ON CONFLICT DO NOTHING",
    );
    let query = query.bind(api.to_string()).bind(resource_type.as_str());
    execute(db, query).await
}

pub(super) async fn add_scope(
    db: &mut Db,
    organization: OrganizationId,
    api: ApiId,
    scope: &DescribedScope,
) -> Answer<()> {
    touch(db, organization, api).await?;
    insert_scope(db, api, scope).await
}

async fn insert_scope(db: &mut Db, api: ApiId, scope: &DescribedScope) -> Answer<()> {
    let query = sqlx::query(
        "INSERT INTO api_scope (api_id, scope, description, row_version)
         SELECT id, $2, $3, row_version FROM api WHERE id = $1",
    );
    let query = query
        .bind(api.to_string())
        .bind(scope.scope.as_str())
        .bind(scope.description.as_deref());
    execute(db, query).await?;
    Ok(())
}

/// Notes a change of what belongs to the API, and makes sure that the organization has it.
pub(super) async fn touch(db: &mut Db, organization: OrganizationId, api: ApiId) -> Answer<()> {
    let query = sqlx::query(
        "UPDATE api SET row_version = row_version + 1
         WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
    );
    let query = query.bind(organization.to_string()).bind(api.to_string());
    execute_one(db, query, "API").await
}

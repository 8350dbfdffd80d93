//! The demo: API `demo` with two projects, and account `demo-bot` with access to one of them.

use std::path::Path;

use crate::app::App;
use crate::app::access::PresentedAccess;
use crate::app::access::PresentedGrant;
use crate::app::access::PresentedIdentifiers;
use crate::app::accounts;
use crate::app::accounts::InlineMembers;
use crate::app::accounts::NewAccount;
use crate::app::apis;
use crate::app::apis::NewApi;
use crate::app::authority::Caller;
use crate::app::authority::InOrganization;
use crate::app::credentials::NewCredential;
use crate::app::problem::Problem;
use crate::app::resources;
use crate::app::resources::NewResource;
use crate::domain::api::Audience;
use crate::domain::api::DescribedScope;
use crate::domain::api::TokenSettings;
use crate::domain::name::AccountName;
use crate::domain::name::Label;
use crate::domain::name::Name;
use crate::domain::organization::DEFAULT_ORGANIZATION;
use crate::domain::resource::ResourceKey;
use crate::domain::resource::ResourceType;
use crate::domain::role::AdminScope;
use crate::domain::rotation::Lifetime;
use crate::domain::scope::Scope;

use super::super::RunError;
use super::DevSecrets;
use super::HeldCredential;
use super::secrets_file;

/// The audience of the demo's API.
pub const AUDIENCE: &str = "https://demo.example.com";

const API: &str = "demo";
const BOT: &str = "demo-bot";
const PROJECT: &str = "project";
const PROJECTS: [&str; 2] = ["DEMO", "SECRET"];

/// Makes what is missing of the demo, and nothing else; returns the credential of its account.
pub async fn complete(
    app: &App,
    secrets: &mut DevSecrets,
    path: &Path,
) -> Result<HeldCredential, RunError> {
    if let Some(bot) = &secrets.demo {
        return Ok(bot.clone());
    }
    let bot = make(app).await.map_err(not_made)?;
    secrets.demo = Some(bot.clone());
    secrets_file::write(path, secrets)?;
    Ok(bot)
}

/// What stands against the demo can only be what somebody else has made on its data, or the store.
fn not_made(problem: Problem) -> RunError {
    RunError::Demo(match problem {
        Problem::Conflict { detail, .. } => detail.into_owned(),
        Problem::Unavailable(error) => error.to_string(),
        other => format!("{other:?}"),
    })
}

async fn make(app: &App) -> Result<HeldCredential, Problem> {
    if is_missing(apis::show(&organization(app).await?, API).await)? {
        apis::create(organization(app).await?, Ok(api())).await?;
    }
    for key in PROJECTS {
        let named = format!("{PROJECT}:{key}");
        let found = resources::show(&organization(app).await?, API, &named).await;
        if is_missing(found)? {
            let within = organization(app).await?;
            resources::create(within, API.to_owned(), Ok(project(key))).await?;
        }
    }
    // An account whose secret was lost before it was written down is of no use to anybody.
    if !is_missing(accounts::show(&organization(app).await?, BOT).await)? {
        accounts::delete(organization(app).await?, BOT.to_owned(), Ok(())).await?;
    }
    let inline = InlineMembers::default();
    let created = accounts::create(organization(app).await?, inline, Ok(bot())).await?;
    let issued = created.credential.ok_or(Problem::NotFound("credential"))?;
    let client_id = issued.credential.credential.client_id;
    Ok(HeldCredential::of(client_id, &issued.secret))
}

/// The organization of the demo, for a person at this machine, who may do everything.
async fn organization(app: &App) -> Result<InOrganization, Problem> {
    let caller = Caller::local("dev");
    caller
        .in_organization(app, DEFAULT_ORGANIZATION, AdminScope::AccountsWrite)
        .await
}

fn is_missing<T>(found: Result<T, Problem>) -> Result<bool, Problem> {
    match found {
        Ok(_) => Ok(false),
        Err(Problem::NotFound(_)) => Ok(true),
        Err(problem) => Err(problem),
    }
}

fn api() -> NewApi {
    let scope = |name: &str, description: &str| {
        let scope = Scope::parse(name).expect("a scope");
        DescribedScope::new(scope, Some(description.to_owned()))
    };
    NewApi {
        name: Name::parse(API).expect("a name"),
        audience: Audience::parse(AUDIENCE).expect("an audience"),
        scopes: vec![
            scope("read", "See what is in a project."),
            scope("write", "Change what is in a project."),
        ],
        resource_types: vec![ResourceType::parse(PROJECT).expect("a resource type")],
        token: TokenSettings::default(),
    }
}

fn project(key: &str) -> NewResource {
    NewResource {
        resource_type: PROJECT.to_owned(),
        key: ResourceKey::parse(key).expect("a key"),
        name: None,
    }
}

fn bot() -> NewAccount {
    let demo_only = PresentedIdentifiers::Listed(vec![PROJECTS[0].to_owned()]);
    let grant = PresentedGrant {
        api: API.to_owned(),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        resources: vec![(PROJECT.to_owned(), demo_only)],
    };
    NewAccount {
        name: AccountName::parse(BOT).expect("a name"),
        description: Some("Made by `ostler dev`, to try things with.".to_owned()),
        owner: None,
        labels: std::collections::BTreeMap::new(),
        expires_at: None,
        max_token_lifetime: None,
        access: Some(PresentedAccess {
            pointer: "/access".to_owned(),
            grants: vec![grant],
        }),
        roles: None,
        credential: Some(NewCredential {
            name: Label::parse("demo").expect("a name"),
            lifetime: Lifetime::Never,
            allowed_networks: Vec::new(),
            access: None,
        }),
    }
}

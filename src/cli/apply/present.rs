//! What an organization has at present, of all that a declaration speaks of.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::declared::Api;
use super::declared::Declared;
use super::declared::Grant;
use super::declared::Identifiers;
use super::plan::Seen;
use crate::cli::client::Answer;
use crate::cli::failure::Exit;
use crate::cli::failure::Failure;
use crate::cli::list::PageArgs;
use crate::cli::session::Session;
use crate::cli::session::path;
use crate::cli::token::decode;
use crate::domain::id::looks_like_an_id;
use crate::domain::role::API_TYPE;
use crate::domain::role::BuiltInRole;
use crate::domain::role::ORGANIZATION_TYPE;
use crate::domain::role::OSTLER_NAME;

/// A thing as it is now.
#[derive(Clone, Debug, Default)]
pub struct Present {
    /// All that is told of it.
    pub value: Value,
    /// Its entity tag.
    pub etag: Option<String>,
}

/// What is told of a thing and changes without anybody changing it, or is another thing's.
const PASSING: [&str; 6] = [
    "active_api_tokens",
    "active_credentials",
    "last_used_at",
    "secrets",
    "status",
    "updated_at",
];

impl Present {
    /// The thing at `path`, of which a step changes these members.
    pub fn seen_at<'m>(&self, path: &str, members: impl Iterator<Item = &'m str>) -> Seen {
        let over = members.map(|member| (member.to_owned(), self.value[member].clone()));
        Seen {
            path: path.to_owned(),
            etag: self.etag.clone(),
            over: over.collect(),
        }
    }

    /// The thing at `path`, which a step removes with all that is told of it.
    pub fn all_seen_at(&self, path: &str) -> Seen {
        let members = self.value.as_object().into_iter().flatten();
        let members = members.map(|(member, _)| member.as_str());
        self.seen_at(path, members.filter(|member| !PASSING.contains(member)))
    }
}

/// Things by their names.
pub type Things = BTreeMap<String, Present>;

/// The things of an organization.
#[derive(Debug, Default)]
pub struct World {
    /// All APIs.
    pub apis: Things,
    /// The resources of an API as `type:key`, of those APIs whose resources matter.
    pub resources: BTreeMap<String, Things>,
    /// All roles.
    pub roles: Things,
    /// All groups.
    pub groups: Things,
    /// The members of the groups that are declared.
    pub members: BTreeMap<String, BTreeSet<String>>,
    /// The accounts that are declared or are declared to be members, and all of them where what is
    /// not declared goes. Their names are compared without case.
    pub accounts: Things,
    /// The credentials of the accounts that are declared with some.
    pub credentials: BTreeMap<String, Things>,
    /// The ids of the organizations that grants of `ostler` name; `None` where there is none of the
    /// name.
    pub organizations: BTreeMap<String, Option<String>>,
    /// The id of the account that is asking.
    pub own_account: String,
}

impl World {
    /// Reads what matters to a declaration; everything of its sections when what is not declared
    /// goes.
    pub async fn look(
        session: &Session,
        declared: &Declared,
        prune: bool,
    ) -> Result<Self, Failure> {
        let mut world = Self {
            apis: list(session, &session.here(&["apis"])?, "name").await?,
            own_account: own_account(session).await?,
            ..Self::default()
        };
        if declared.roles.is_some() || names_roles_of_its_own(declared) {
            world.roles = list(session, &session.here(&["roles"])?, "name").await?;
        }
        if declared.groups.is_some() {
            world.groups = list(session, &session.here(&["groups"])?, "name").await?;
        }
        world.look_at_apis(session, declared).await?;
        world.look_at_organizations(session, declared).await?;
        world.look_at_roles(session, declared).await?;
        world.look_at_accounts(session, declared, prune).await?;
        world.look_at_groups(session, declared).await?;
        Ok(world)
    }

    async fn look_at_apis(
        &mut self,
        session: &Session,
        declared: &Declared,
    ) -> Result<(), Failure> {
        for api in declared.apis.iter().flatten() {
            let path = session.here(&["apis", &api.name])?;
            refresh(session, &mut self.apis, &api.name, &path).await?;
        }
        for name in apis_whose_resources_matter(declared) {
            let name = self.api_name(name);
            if self.apis.contains_key(name) {
                let name = name.to_owned();
                let path = session.here(&["apis", &name, "resources"])?;
                let resources = things_of(session, &path).await?.into_iter();
                let keyed = resources.filter_map(|resource| {
                    let kind = resource["type"].as_str()?;
                    Some((
                        format!("{kind}:{}", resource["key"].as_str()?),
                        of_list(resource),
                    ))
                });
                self.resources.insert(name, keyed.collect());
            }
        }
        Ok(())
    }

    /// Answers name the organizations of a grant by their ids. Whoever may not read them has to name
    /// them so too.
    async fn look_at_organizations(
        &mut self,
        session: &Session,
        declared: &Declared,
    ) -> Result<(), Failure> {
        for name in named_organizations(declared) {
            let found = match session.look_for(&path(&["organizations", name])?).await {
                Ok(found) => found,
                Err(failure) if failure.exit() == Exit::NotAllowed => continue,
                Err(failure) => return Err(failure),
            };
            let id = match found {
                Some(answer) => answer.json()?["id"].as_str().map(str::to_owned),
                None => None,
            };
            self.organizations.insert(name.to_owned(), id);
        }
        Ok(())
    }

    async fn look_at_roles(
        &mut self,
        session: &Session,
        declared: &Declared,
    ) -> Result<(), Failure> {
        for role in declared.roles.iter().flatten() {
            let path = session.here(&["roles", &role.name])?;
            refresh(session, &mut self.roles, &role.name, &path).await?;
        }
        Ok(())
    }

    async fn look_at_groups(
        &mut self,
        session: &Session,
        declared: &Declared,
    ) -> Result<(), Failure> {
        for group in declared.groups.iter().flatten() {
            let path = session.here(&["groups", &group.name])?;
            refresh(session, &mut self.groups, &group.name, &path).await?;
            if self.groups.contains_key(&group.name) && group.members.is_some() {
                let members = things_of(session, &format!("{path}/members")).await?;
                let names = members.iter().filter_map(|member| member["name"].as_str());
                let names = names.map(str::to_ascii_lowercase).collect();
                self.members.insert(group.name.clone(), names);
            }
        }
        Ok(())
    }

    async fn look_at_accounts(
        &mut self,
        session: &Session,
        declared: &Declared,
        prune: bool,
    ) -> Result<(), Failure> {
        if prune && declared.accounts.is_some() {
            let all = list(session, &session.here(&["service-accounts"])?, "name").await?;
            self.accounts = all
                .into_iter()
                .map(|(name, thing)| (folded(&name), thing))
                .collect();
        }
        let accounts = declared.accounts.iter().flatten();
        let members = declared.groups.iter().flatten();
        let members = members.flat_map(|group| group.members.iter().flatten());
        let named = accounts.map(|account| &account.name);
        for name in named.chain(members.map(|(name, _)| name)) {
            let path = session.here(&["service-accounts", name])?;
            refresh(session, &mut self.accounts, &folded(name), &path).await?;
        }
        for account in declared.accounts.iter().flatten() {
            if account.credentials.is_some() && self.accounts.contains_key(&folded(&account.name)) {
                let path = session.here(&["service-accounts", &account.name, "credentials"])?;
                let credentials = list(session, &path, "name").await?;
                self.credentials.insert(folded(&account.name), credentials);
            }
        }
        Ok(())
    }

    /// The API that a grant names, by its name, id or audience, as answers name it.
    pub fn api_name<'n>(&'n self, named: &'n str) -> &'n str {
        let meant = self.apis.iter().find(|(name, api)| {
            *name == named || api.value["id"] == named || api.value["audience"] == named
        });
        meant.map_or(named, |(name, _)| name)
    }

    /// Whether an account administers, or is the one that asks. Such a one never goes by not being
    /// declared: nobody would be left to mend it.
    pub fn administers(&self, account: &Present) -> bool {
        let roles = account.value["roles"].as_array().into_iter().flatten();
        let mut roles = roles.filter_map(Value::as_str);
        let grants = account.value["access"].as_array().into_iter().flatten();
        let mut apis = grants.map(|grant| &grant["api"]);
        account.value["id"] == self.own_account.as_str()
            || roles.any(|role| BuiltInRole::parse(role).is_some())
            || apis.any(|api| api == OSTLER_NAME)
    }

    /// The identifier in a grant of `ostler` as answers have it: an id.
    pub fn own_id<'n>(&'n self, kind: &str, named: &'n str) -> &'n str {
        let id = match kind {
            ORGANIZATION_TYPE => self.organizations.get(named).and_then(Option::as_deref),
            API_TYPE => self
                .apis
                .get(named)
                .and_then(|api| api.value["id"].as_str()),
            _ => None,
        };
        id.unwrap_or(named)
    }

    /// The types that an API has now and is to lose.
    pub fn types_to_go<'w>(&'w self, declared: &'w Declared, api: &str) -> Vec<&'w str> {
        let stays = declared.api(api).and_then(Api::resource_types);
        let Some(stays) = stays.map(BTreeSet::from_iter) else {
            return Vec::new();
        };
        let present = self.apis.get(api).map(|api| &api.value["resource_types"]);
        let present = present.and_then(Value::as_array).into_iter().flatten();
        let present = present.filter_map(Value::as_str);
        present.filter(|kind| !stays.contains(kind)).collect()
    }
}

/// The names of accounts are compared without case.
pub fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Whether it names a role that is not built in.
fn names_roles_of_its_own(declared: &Declared) -> bool {
    let mut roles = declared.named_roles();
    roles.any(|(role, _)| BuiltInRole::parse(role).is_none())
}

/// Those whose resources are declared, or named in some access.
fn apis_whose_resources_matter(declared: &Declared) -> BTreeSet<&str> {
    let with_resources = declared.apis.iter().flatten();
    let with_resources = with_resources.filter(|api| api.resources.is_some());
    let names_keys = |grant: &&Grant| {
        let mut resources = grant.resources.iter();
        resources.any(|(_, _, identifiers)| matches!(identifiers, Identifiers::Keys(_)))
    };
    let grants = declared.accesses().flat_map(|access| &access.grants);
    let named = grants.filter(names_keys).map(|grant| grant.api.0.as_str());
    let named = named.filter(|name| *name != OSTLER_NAME);
    with_resources
        .map(|api| api.name.as_str())
        .chain(named)
        .collect()
}

/// The organizations that grants of `ostler` name, other than by an id.
fn named_organizations(declared: &Declared) -> BTreeSet<&str> {
    let grants = declared.accesses().flat_map(|access| &access.grants);
    let grants = grants.filter(|grant| grant.api.0 == OSTLER_NAME);
    let identifiers = grants.flat_map(|grant| &grant.resources);
    let identifiers = identifiers.filter(|(kind, ..)| kind == ORGANIZATION_TYPE);
    let keys = identifiers.filter_map(|(_, _, identifiers)| match identifiers {
        Identifiers::Keys(keys) => Some(keys),
        Identifiers::All => None,
    });
    let names = keys.flatten().map(|(name, _)| name.as_str());
    names.filter(|name| !looks_like_an_id(name)).collect()
}

/// The thing with its entity tag, in place of what a list told of it.
async fn refresh(
    session: &Session,
    things: &mut Things,
    name: &str,
    path: &str,
) -> Result<(), Failure> {
    match session.look_for(path).await? {
        Some(answer) => things.insert(name.to_owned(), of_answer(&answer)?),
        None => things.remove(name),
    };
    Ok(())
}

async fn list(session: &Session, path: &str, name: &str) -> Result<Things, Failure> {
    let things = things_of(session, path).await?.into_iter();
    let named = things.filter_map(|thing| Some((thing[name].as_str()?.to_owned(), of_list(thing))));
    Ok(named.collect())
}

async fn things_of(session: &Session, path: &str) -> Result<Vec<Value>, Failure> {
    let mut whole = session.list(path, &PageArgs::default()).await?;
    match whole.value["items"].take() {
        Value::Array(items) => Ok(items),
        _ => Err(Failure::failed(
            "the server answered with something else than a list",
        )),
    }
}

fn of_answer(answer: &Answer) -> Result<Present, Failure> {
    Ok(Present {
        value: answer.json()?,
        etag: answer.header("etag").map(str::to_owned),
    })
}

fn of_list(value: Value) -> Present {
    Present { value, etag: None }
}

async fn own_account(session: &Session) -> Result<String, Failure> {
    let claims = decode::claims(session.bearer().await?.expose_secret())?;
    Ok(claims.value["sub"].as_str().unwrap_or_default().to_owned())
}

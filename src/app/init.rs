//! `init`: the first organization, the first administrator, the first keys.
//!
//! It works on an empty store only. The files of `keys/` come first, since a record without its file
//! stops the start; whatever an `init` that was cut short has left there is used. Then one
//! transaction writes everything, unfinished. The store counts as initialised only after the
//! administrator's secret has been handed over ([`FirstAdministrator::handed_over`]), so an `init`
//! that crashed before somebody saw the secret can simply be run again.

use jiff::Timestamp;

use crate::config::Config;
use crate::domain::account::ServiceAccount;
use crate::domain::account::email;
use crate::domain::audit::Actor;
use crate::domain::audit::AuditDraft;
use crate::domain::audit::AuditResult;
use crate::domain::audit::Chain;
use crate::domain::audit::Changes;
use crate::domain::audit::Target;
use crate::domain::credential::Credential;
use crate::domain::credential::CredentialKind;
use crate::domain::id::AccountId;
use crate::domain::id::ClientId;
use crate::domain::id::CredentialId;
use crate::domain::id::EventId;
use crate::domain::id::OrganizationId;
use crate::domain::id::SecretId;
use crate::domain::name::AccountName;
use crate::domain::name::Label;
use crate::domain::name::Name;
use crate::domain::organization::DEFAULT_ORGANIZATION;
use crate::domain::organization::Generation;
use crate::domain::organization::Organization;
use crate::domain::organization::Policy;
use crate::domain::organization::Status;
use crate::domain::role;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretKind;
use crate::domain::secret::StoredSecret;
use crate::domain::signing_key::SigningKeyRecord;
use crate::domain::token::Epoch;
use crate::domain::version::Version;
use crate::keys::pepper::Pepper;
use crate::random;
use crate::store::Change;
use crate::store::Holder;
use crate::store::Instance;
use crate::store::Lookup;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::WriteError;

/// The account that `init` makes.
pub const ADMINISTRATOR: &str = "administrator";

/// Why `init` did nothing.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The store has been initialised before.
    #[error(
        "this store is initialised already: its administrator's credential was shown when that was done"
    )]
    AlreadyInitialised,
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A name of ours is in use in a store that we believed to be empty.
    #[error("the store is not empty: {0}")]
    NotEmpty(#[from] WriteError),
}

/// The first administrator's credential: the secret is shown once.
pub struct FirstAdministrator {
    /// Its `client_id`.
    pub client_id: ClientId,
    /// Its secret.
    pub secret: Secret,
    instance: Instance,
}

/// Initialises an empty store, or finishes an `init` that was cut short. `keys` are the signing keys
/// whose files exist: one per algorithm.
pub async fn init(
    store: &dyn Store,
    config: &Config,
    pepper: &Pepper,
    keys: &[SigningKeyRecord],
    now: Timestamp,
) -> Result<FirstAdministrator, InitError> {
    let mut change = store.begin(None).await?;
    let begun = change.find_instance().await?;
    if begun.is_some_and(|instance| instance.initialized_at.is_some()) {
        return Err(InitError::AlreadyInitialised);
    }
    let instance = Instance {
        epoch: begun.map_or_else(|| Epoch::from_random(random::bytes()), |begun| begun.epoch),
        pepper: pepper.id(),
        initialized_at: None,
    };
    let (organization, account) = match begun {
        None => add_everything(change.as_mut(), &instance, config, keys, now).await?,
        Some(_) => resume(change.as_mut(), &instance).await?,
    };
    let (credential, secret) = first_credential(organization, account, pepper, now);
    change.add_credential(&credential).await?;
    change
        .commit(&event("instance.init", organization, now))
        .await?;
    Ok(FirstAdministrator {
        client_id: credential.client_id,
        secret,
        instance,
    })
}

impl FirstAdministrator {
    /// Marks the store as initialised, once the secret is in somebody's hands.
    pub async fn handed_over(self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        let mut change = store.begin(None).await?;
        let finished = Instance {
            initialized_at: Some(now),
            ..self.instance
        };
        change.put_instance(&finished).await?;
        let no_organization = OrganizationId::from_bits(0);
        change
            .commit(&event("instance.initialized", no_organization, now))
            .await
    }
}

async fn add_everything(
    change: &mut dyn Change,
    instance: &Instance,
    config: &Config,
    keys: &[SigningKeyRecord],
    now: Timestamp,
) -> Result<(OrganizationId, AccountId), WriteError> {
    let organization = Organization {
        id: new_id(OrganizationId::generate, now),
        name: Name::parse(DEFAULT_ORGANIZATION).expect("the built-in name follows the rule"),
        status: Status::Active,
        generation: Generation::FIRST,
        max_service_accounts: None,
        policy: Policy::default(),
        created_at: now,
        version: Version::FIRST,
    };
    let host = config.server.issuer.host();
    let account = administrator(&organization, host, "ostler init", now);
    change.put_instance(instance).await?;
    change.add_organization(&organization).await?;
    change.add_account(&account).await?;
    let holder = Holder::Account(account.id);
    change
        .replace_access(organization.id, holder, Some(&role::everything()))
        .await?;
    for key in keys {
        let active = key.clone().activated(now, config.tokens.max_lifetime);
        change.add_signing_key(&active).await?;
    }
    Ok((organization.id, account.id))
}

/// Takes away what an `init` that was cut short has made for nobody.
async fn resume(
    change: &mut dyn Change,
    instance: &Instance,
) -> Result<(OrganizationId, AccountId), InitError> {
    let corrupt = StoreError::Corrupt {
        what: "half-finished `init`",
    };
    let name = Lookup::Name(DEFAULT_ORGANIZATION.to_owned());
    let Some(organization) = change.find_organization(&name).await? else {
        return Err(corrupt.into());
    };
    let name = Lookup::Name(ADMINISTRATOR.to_owned());
    let Some(account) = change.find_account(organization.id, &name).await? else {
        return Err(corrupt.into());
    };
    for unseen in change.list_credentials(organization.id, account.id).await? {
        change.remove_credential(organization.id, unseen.id).await?;
    }
    change.put_instance(instance).await?;
    Ok((organization.id, account.id))
}

/// The account that administers everything, as `command` makes it. `host` is that of the issuer.
pub(super) fn administrator(
    organization: &Organization,
    host: &str,
    command: &str,
    now: Timestamp,
) -> ServiceAccount {
    let name = AccountName::parse(ADMINISTRATOR).expect("the built-in name follows the rule");
    let six = &Epoch::from_random(random::bytes()).to_string()[..6];
    ServiceAccount {
        id: new_id(AccountId::generate, now),
        organization: organization.id,
        email: email(&name, six, organization.name.as_str(), host),
        name,
        description: Some(format!("The first administrator, made by `{command}`.")),
        owner: None,
        labels: std::collections::BTreeMap::new(),
        status: Status::Active,
        generation: Generation::FIRST,
        expires_at: None,
        max_token_lifetime: None,
        created_at: now,
        updated_at: now,
        version: Version::FIRST,
    }
}

fn first_credential(
    organization: OrganizationId,
    account: AccountId,
    pepper: &Pepper,
    now: Timestamp,
) -> (Credential, Secret) {
    let secret = random::secret(SecretKind::ClientSecret);
    let stored = StoredSecret {
        id: new_id(SecretId::generate, now),
        hash: pepper.hash(&secret),
        pepper: pepper.id(),
        hint: secret.hint(),
        created_at: now,
        ends_at: None,
        revoked_at: None,
    };
    let credential = Credential {
        id: new_id(CredentialId::generate, now),
        organization,
        account,
        client_id: new_id(ClientId::generate, now),
        kind: CredentialKind::ClientSecret,
        name: Label::parse("init").expect("the built-in name follows the rule"),
        status: Status::Active,
        generation: Generation::FIRST,
        allowed_networks: Vec::new(),
        narrowing: None,
        created_at: now,
        version: Version::FIRST,
        secrets: vec![stored],
    };
    (credential, secret)
}

/// A new id of any kind, made now.
pub fn new_id<Id>(generate: impl FnOnce(u64, u128) -> Id, now: Timestamp) -> Id {
    let unix_millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    generate(unix_millis, random::id_bits())
}

fn event(action: &'static str, organization: OrganizationId, now: Timestamp) -> AuditDraft {
    AuditDraft {
        id: new_id(EventId::generate, now),
        chain: Chain::Instance,
        at: now,
        actor: Actor {
            kind: "local",
            id: String::new(),
            name: "init".to_owned(),
            credential: None,
            address: None,
            user_agent: None,
        },
        action,
        target: Target {
            kind: "organization",
            id: organization.to_string(),
            name: DEFAULT_ORGANIZATION.to_owned(),
        },
        result: AuditResult::Success,
        count: 1,
        request_id: None,
        changes: Changes::default(),
    }
}

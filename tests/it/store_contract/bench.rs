//! A store to try, and things to put in it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ostler::domain::access::Access;
use ostler::domain::access::Grant;
use ostler::domain::access::Restrictions;
use ostler::domain::account::ServiceAccount;
use ostler::domain::api::Api;
use ostler::domain::api::ApiRecord;
use ostler::domain::api::Audience;
use ostler::domain::api::DescribedScope;
use ostler::domain::api::TokenSettings;
use ostler::domain::audit::Actor;
use ostler::domain::audit::AuditDraft;
use ostler::domain::audit::AuditResult;
use ostler::domain::audit::Chain;
use ostler::domain::audit::Changes;
use ostler::domain::audit::Target;
use ostler::domain::credential::Credential;
use ostler::domain::credential::CredentialKind;
use ostler::domain::id::AccountId;
use ostler::domain::id::ApiId;
use ostler::domain::id::ClientId;
use ostler::domain::id::CredentialId;
use ostler::domain::id::EventId;
use ostler::domain::id::OrganizationId;
use ostler::domain::id::ResourceId;
use ostler::domain::id::SecretId;
use ostler::domain::name::AccountName;
use ostler::domain::name::Label;
use ostler::domain::name::Name;
use ostler::domain::organization::Generation;
use ostler::domain::organization::LeakReport;
use ostler::domain::organization::Organization;
use ostler::domain::organization::Policy;
use ostler::domain::organization::Status;
use ostler::domain::resource::Identifiers;
use ostler::domain::resource::Resource;
use ostler::domain::resource::ResourceKey;
use ostler::domain::resource::ResourceType;
use ostler::domain::scope::Scope;
use ostler::domain::scope::ScopeSet;
use ostler::domain::secret::PepperId;
use ostler::domain::secret::SecretHash;
use ostler::domain::secret::StoredSecret;
use ostler::domain::token::Epoch;
use ostler::store::Change;
use ostler::store::Instance;
use ostler::store::SqlOptions;
use ostler::store::SqlStore;
use ostler::store::Store;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use sqlx::AnyConnection;
use sqlx::Connection;
use sqlx::Row;
use sqlx::any::AnyRow;
use tempfile::TempDir;

use crate::services::FaultProxy;
use crate::services::PostgresDatabase;
use crate::services::postgres_database;

/// A store that is empty at first, on a database of its own.
pub struct Bench {
    store: Option<Arc<SqlStore>>,
    options: SqlOptions,
    /// The way to the database behind the store's back.
    url: String,
    directory: Option<TempDir>,
    _database: Option<PostgresDatabase>,
}

impl Bench {
    /// On a file.
    pub async fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite://{}/data/ostler.db", directory.path().display());
        let options = options(&url);
        let store = SqlStore::open(&options).await.unwrap();
        Self {
            store: Some(Arc::new(store)),
            options,
            url,
            directory: Some(directory),
            _database: None,
        }
    }

    /// On a server.
    pub async fn postgres() -> Self {
        let database = postgres_database().await;
        let url = database.url().to_owned();
        Self::on_server(database, &url).await
    }

    /// On a server, through a proxy that breaks the way to it.
    pub async fn postgres_behind_a_proxy() -> (Self, FaultProxy) {
        let database = postgres_database().await;
        let (proxy, url) = FaultProxy::before(database.url()).await;
        (Self::on_server(database, &url).await, proxy)
    }

    async fn on_server(database: PostgresDatabase, url: &str) -> Self {
        let options = options(url);
        let store = SqlStore::open(&options).await.unwrap();
        Self {
            store: Some(Arc::new(store)),
            options,
            url: database.url().to_owned(),
            directory: None,
            _database: Some(database),
        }
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        self.store.as_deref().unwrap()
    }

    /// The store, for tasks.
    pub fn shared(&self) -> Arc<SqlStore> {
        Arc::clone(self.store.as_ref().unwrap())
    }

    /// Closes the store and opens it afresh.
    pub async fn reopen(&mut self) -> &dyn Store {
        self.close().await;
        self.store = Some(Arc::new(SqlStore::open(&self.options).await.unwrap()));
        self.store()
    }

    /// Closes the store.
    pub async fn close(&mut self) {
        if let Some(store) = self.store.take() {
            store.close().await;
        }
    }

    /// How it was opened.
    pub fn options(&self) -> &SqlOptions {
        &self.options
    }

    /// Where the files are, on SQLite.
    pub fn data(&self) -> PathBuf {
        self.directory.as_ref().unwrap().path().join("data")
    }

    /// A connection beside the store, to look behind its back.
    pub async fn connect(&self) -> AnyConnection {
        AnyConnection::connect(&self.url).await.unwrap()
    }

    /// Runs a statement behind the store's back.
    pub async fn sql(&self, statement: &str) -> sqlx::Result<u64> {
        let mut connection = self.connect().await;
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        let done = sqlx::raw_sql(statement).execute(&mut connection).await?;
        Ok(done.rows_affected())
    }

    /// What a query finds behind the store's back: the columns of each row, as text.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        let mut connection = self.connect().await;
        let query = sqlx::query(sqlx::AssertSqlSafe(query.to_owned()));
        let rows = query.fetch_all(&mut connection).await.unwrap();
        let text = |row: &AnyRow, column: usize| {
            let number = || row.get::<i64, _>(column).to_string();
            row.try_get(column).unwrap_or_else(|_| number())
        };
        let row = |row: &AnyRow| -> Vec<_> { (0..row.len()).map(|at| text(row, at)).collect() };
        rows.iter().map(|found| row(found).join(" ")).collect()
    }

    /// Makes every insert into a table fail, by a trigger.
    pub async fn refuse_inserts(&self, table: &str) {
        let trigger = if self.is_sqlite() {
            format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON {table}
                 BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
        } else {
            format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN RAISE EXCEPTION 'refused'; END; $$;
                 CREATE TRIGGER refuse BEFORE INSERT ON {table}
                     FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
            )
        };
        self.sql(&trigger).await.unwrap();
    }

    /// Undoes [`Bench::refuse_inserts`].
    pub async fn allow_inserts(&self, table: &str) {
        let drop = if self.is_sqlite() {
            "DROP TRIGGER refuse".to_owned()
        } else {
            format!("DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse()")
        };
        self.sql(&drop).await.unwrap();
    }

    fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    /// Begins a change of an organization.
    pub async fn change(&self, organization: OrganizationId) -> Box<dyn Change> {
        self.store().begin(Some(organization)).await.unwrap()
    }

    /// The instance and an organization.
    pub async fn organization(&self, name: &str) -> Organization {
        let mut change = self.store().begin(None).await.unwrap();
        change.put_instance(&instance()).await.unwrap();
        let organization = organization(name);
        change.add_organization(&organization).await.unwrap();
        change.commit(&event(Chain::Instance)).await.unwrap();
        organization
    }

    /// An account of an organization.
    pub async fn account(&self, organization: OrganizationId, name: &str) -> ServiceAccount {
        let account = account(organization, name);
        let mut change = self.change(organization).await;
        change.add_account(&account).await.unwrap();
        change.commit(&event_of(organization)).await.unwrap();
        account
    }

    /// A credential of an account, with one secret.
    pub async fn credential(&self, account: &ServiceAccount, name: &str) -> Credential {
        let credential = credential(account, name);
        let mut change = self.change(account.organization).await;
        change.add_credential(&credential).await.unwrap();
        change
            .commit(&event_of(account.organization))
            .await
            .unwrap();
        credential
    }

    /// An API with the scopes `read` and `write` and the resource type `project`.
    pub async fn api(&self, organization: OrganizationId, name: &str) -> ApiRecord {
        let api = api(organization, name);
        let mut change = self.change(organization).await;
        change.add_api(&api).await.unwrap();
        change.commit(&event_of(organization)).await.unwrap();
        api
    }
}

/// How the store at a URL is opened.
pub fn options(url: &str) -> SqlOptions {
    SqlOptions {
        url: url.to_owned().into(),
        create_if_missing: true,
        connections: SqlOptions::CONNECTIONS,
    }
}

/// An instant, in seconds.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// 128 bits that no other id has.
pub fn bits() -> u128 {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).unwrap();
    u128::from_le_bytes(bytes)
}

/// What `init` writes.
pub fn instance() -> Instance {
    Instance {
        epoch: Epoch::from_random([7; 8]),
        pepper: PepperId([1; 8]),
        initialized_at: Some(at(1_000)),
    }
}

/// An organization.
pub fn organization(name: &str) -> Organization {
    Organization {
        id: OrganizationId::generate(1_000, bits()),
        name: Name::parse(name).unwrap(),
        status: Status::Active,
        generation: Generation::FIRST,
        max_service_accounts: Some(250),
        policy: Policy {
            leak_report: LeakReport::Finding,
            allow_never_expires: false,
            max_token_lifetime: Some(Duration::from_secs(77)),
        },
        created_at: at(1_000),
    }
}

/// An account.
pub fn account(organization: OrganizationId, name: &str) -> ServiceAccount {
    let id = AccountId::generate(1_000, bits());
    ServiceAccount {
        id,
        organization,
        name: AccountName::parse(name).unwrap(),
        email: format!("{name}-{id}@example.serviceaccount.localhost"),
        description: Some("Deploys, “often” \u{1F680}".to_owned()),
        owner: None,
        labels: [("team".to_owned(), "größe".to_owned())].into(),
        status: Status::Active,
        generation: Generation::FIRST,
        expires_at: Some(at(9_000)),
        max_token_lifetime: Some(Duration::from_secs(300)),
        created_at: at(1_000),
        updated_at: at(1_001),
    }
}

/// A secret.
pub fn secret(second: i64) -> StoredSecret {
    let id = SecretId::generate(1_000, bits());
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(&bits().to_le_bytes());
    StoredSecret {
        id,
        hash: SecretHash::from_bytes(hash),
        pepper: PepperId([1; 8]),
        hint: "aB3x".to_owned(),
        created_at: at(second),
        ends_at: Some(at(second + 500)),
        revoked_at: None,
    }
}

/// A credential with one secret.
pub fn credential(account: &ServiceAccount, name: &str) -> Credential {
    Credential {
        id: CredentialId::generate(1_000, bits()),
        organization: account.organization,
        account: account.id,
        client_id: ClientId::generate(1_000, bits()),
        kind: CredentialKind::ClientSecret,
        name: Label::parse(name).unwrap(),
        status: Status::Active,
        generation: Generation::FIRST,
        allowed_networks: vec![
            "10.0.0.0/8".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ],
        narrowing: None,
        created_at: at(1_000),
        secrets: vec![secret(1_000)],
    }
}

/// An API with the scopes `read` and `write` and the resource type `project`.
pub fn api(organization: OrganizationId, name: &str) -> ApiRecord {
    let scopes = ScopeSet::parse("read write").unwrap();
    let described = |scope: &Scope| DescribedScope {
        scope: scope.clone(),
        description: Some(format!("to {scope}")),
    };
    ApiRecord {
        described_scopes: scopes.iter().map(described).collect(),
        api: Api {
            id: ApiId::generate(1_000, bits()),
            organization: Some(organization),
            name: Name::parse(name).unwrap(),
            audience: Audience::parse(&format!("https://{name}.example")).unwrap(),
            scopes,
            resource_types: vec![project()],
            token: TokenSettings::default(),
        },
        created_at: at(1_000),
    }
}

/// A resource of type `project`.
pub fn resource(api: ApiId, key: &str) -> Resource {
    Resource {
        id: ResourceId::generate(1_000, bits()),
        api,
        resource_type: project(),
        key: ResourceKey::parse(key).unwrap(),
        name: Some(Label::parse("The project").unwrap()),
    }
}

/// The resource type `project`.
pub fn project() -> ResourceType {
    ResourceType::parse("project").unwrap()
}

/// A grant on some projects.
pub fn grant(api: ApiId, scopes: &str, projects: Identifiers) -> Grant {
    Grant {
        api,
        scopes: ScopeSet::parse(scopes).unwrap(),
        resources: Restrictions::from_iter([(project(), projects)]),
    }
}

/// Access of these grants.
pub fn access<const N: usize>(grants: [Grant; N]) -> Access {
    Access::from_iter(grants)
}

/// These keys.
pub fn listed<const N: usize>(keys: [&str; N]) -> Identifiers {
    Identifiers::listed(keys).unwrap()
}

/// An event of an organization.
pub fn event_of(organization: OrganizationId) -> AuditDraft {
    event(Chain::Organization(organization))
}

/// An event, at an instant that is not whole in milliseconds.
pub fn event(chain: Chain) -> AuditDraft {
    AuditDraft {
        id: EventId::generate(1_000, bits()),
        chain,
        at: Timestamp::new(1_000, 123_456_789).unwrap(),
        actor: Actor {
            kind: "service_account",
            id: "sa_x".to_owned(),
            name: "admin".to_owned(),
            address: Some("192.0.2.1".to_owned()),
            user_agent: None,
        },
        action: "thing.change",
        target: Target {
            kind: "thing",
            id: "thing_1".to_owned(),
            name: "Thing “1”".to_owned(),
        },
        result: AuditResult::Success,
        count: 1,
        request_id: None,
        changes: Changes::default().with("status", "active", "disabled"),
    }
}

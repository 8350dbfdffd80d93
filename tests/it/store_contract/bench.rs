//! A store to try.

use std::path::PathBuf;
use std::sync::Arc;

use ostler::domain::account::ServiceAccount;
use ostler::domain::api::ApiRecord;
use ostler::domain::audit::Chain;
use ostler::domain::credential::Credential;
use ostler::domain::id::OrganizationId;
use ostler::domain::organization::Organization;
use ostler::store::Change;
use ostler::store::SqlOptions;
use ostler::store::SqlStore;
use ostler::store::Store;
use sqlx::AnyConnection;
use sqlx::Connection;
use sqlx::Row;
use sqlx::any::AnyRow;
use tempfile::TempDir;

use crate::services::FaultProxy;
use crate::services::PostgresDatabase;
use crate::services::postgres_database;
use crate::store_contract::things::account;
use crate::store_contract::things::api;
use crate::store_contract::things::credential;
use crate::store_contract::things::event;
use crate::store_contract::things::event_of;
use crate::store_contract::things::instance;
use crate::store_contract::things::organization;

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

    /// Whether it is on a file.
    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    /// Begins a change of an organization.
    pub async fn change(&self, organization: OrganizationId) -> Box<dyn Change> {
        self.store().begin(Some(organization)).await.unwrap()
    }

    /// The instance and an organization.
    pub async fn organization(&self, name: &str) -> Organization {
        let mut change = self.store().begin(None).await.unwrap();
        ok!(change.put_instance(&instance()));
        let organization = organization(name);
        ok!(change.add_organization(&organization));
        ok!(change.commit(&event(Chain::Instance)));
        organization
    }

    /// An account of an organization.
    pub async fn account(&self, organization: OrganizationId, name: &str) -> ServiceAccount {
        let account = account(organization, name);
        let mut change = self.change(organization).await;
        ok!(change.add_account(&account));
        ok!(change.commit(&event_of(organization)));
        account
    }

    /// A credential of an account, with one secret.
    pub async fn credential(&self, account: &ServiceAccount, name: &str) -> Credential {
        let credential = credential(account, name);
        let mut change = self.change(account.organization).await;
        ok!(change.add_credential(&credential));
        ok!(change.commit(&event_of(account.organization)));
        credential
    }

    /// An API with the scopes `read` and `write` and the resource type `project`.
    pub async fn api(&self, organization: OrganizationId, name: &str) -> ApiRecord {
        let api = api(organization, name);
        let mut change = self.change(organization).await;
        ok!(change.add_api(&api));
        ok!(change.commit(&event_of(organization)));
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

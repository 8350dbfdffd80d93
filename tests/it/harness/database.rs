//! A look into the server's database, behind its back.

use ostler::config::DatabaseEngine;
use secrecy::ExposeSecret;
use sqlx::AnyConnection;
use sqlx::Connection;

use super::TestServer;

impl TestServer {
    /// A connection beside the server's own.
    pub async fn database(&self) -> AnyConnection {
        let url = self.app.config.database.url.expose_secret();
        AnyConnection::connect(url).await.expect("the database")
    }

    /// The rows of a query with one column of text.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned()));
        query
            .fetch_all(&mut self.database().await)
            .await
            .expect("rows")
    }

    /// The audit events of this action: who, what to, in that order.
    pub async fn audited(&self, action: &str) -> Vec<String> {
        self.rows(&format!(
            "SELECT actor_type || ' ' || actor_name || ' -> ' || target_type || ' ' || target_id
                 || ' ' || result AS event
             FROM audit_event WHERE action = '{action}' ORDER BY sequence"
        ))
        .await
    }

    /// Lets every insert into `table` fail for which `condition` holds (`NEW.x = 'y'`).
    pub async fn refuse_inserts(&self, table: &str, condition: &str) {
        self.may_fail();
        let statement = if self.is_embedded() {
            format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN {condition}
                 BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
            )
        } else {
            format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN RAISE EXCEPTION 'refused by the test'; END; $$;
                 CREATE TRIGGER refuse BEFORE INSERT ON {table}
                     FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()"
            )
        };
        self.run_sql(statement).await;
    }

    /// Undoes [`TestServer::refuse_inserts`].
    pub async fn allow_inserts(&self, table: &str) {
        let statement = if self.is_embedded() {
            "DROP TRIGGER refuse".to_owned()
        } else {
            format!("DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse()")
        };
        self.run_sql(statement).await;
    }

    /// Whether it is on the embedded store.
    pub fn is_embedded(&self) -> bool {
        self.app.config.database.engine == DatabaseEngine::Sqlite
    }

    /// Runs statements.
    pub async fn run_sql(&self, statements: String) {
        let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(statements));
        let done = statements.execute(&mut self.database().await).await;
        done.expect("the statements run");
    }
}

//! A look into the server's database, behind its back.

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
}

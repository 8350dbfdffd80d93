//! A server under attack, and what it answers to a token that is no good, wherever it is presented.

use insta::assert_snapshot;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;

use crate::harness::Reply;
use crate::harness::TestServer;
use crate::harness::server::ISSUER;
use crate::introspect::INACTIVE;

use super::forger::Draft;

/// A route of the admin API that changes nothing.
const READING: &str = "/admin/v1/organizations";

/// A server, and a token of its first administrator, which is good everywhere.
pub struct Stage {
    pub server: TestServer,
    /// It has been seen before, so whatever is remembered of it is there.
    pub token: String,
    /// Events of the audit before the attack.
    events: usize,
}

impl Stage {
    pub async fn set() -> Self {
        Self::on(TestServer::start().await).await
    }

    /// The same on a server that something has been done to.
    pub async fn on(server: TestServer) -> Self {
        let asking = format!("resource={ISSUER}");
        let token = server.admin.ask(&asking).await.access_token();
        let events = events(&server).await;
        let stage = Self {
            server,
            token,
            events,
        };
        stage.accepts("our own", &stage.token).await;
        stage
    }

    /// The words of the good token.
    pub fn draft(&self) -> Draft {
        Draft::of(&self.token)
    }

    /// What introspection says of a token.
    pub async fn introspect(&self, token: &str) -> Reply {
        let form = format!("token={}", utf8_percent_encode(token, NON_ALPHANUMERIC));
        self.server.admin.post("/oauth/introspect", &form).await
    }

    /// What revocation says of a token.
    pub async fn revoke(&self, token: &str) -> Reply {
        let form = format!("token={}", utf8_percent_encode(token, NON_ALPHANUMERIC));
        self.server.admin.post("/oauth/revoke", &form).await
    }

    /// What is said to the bearer of a token who asks about the good one.
    pub async fn introspect_as(&self, bearer: &str) -> Reply {
        let request = self.server.request("POST", "/oauth/introspect");
        let form = format!("token={}", self.token);
        request.bearer(bearer).form(&form).send().await
    }

    /// What the admin API says to the bearer of a token.
    pub async fn administer_as(&self, bearer: &str) -> Reply {
        let request = self.server.request("GET", READING);
        request.bearer(bearer).send().await
    }

    /// Shows that a token is good wherever one is taken.
    pub async fn accepts(&self, what: &str, token: &str) {
        let told = self.introspect(token).await;
        assert_eq!(told.json()["active"], true, "{what}");
        assert_eq!(self.introspect_as(token).await.status, 200, "{what}");
        assert_eq!(self.administer_as(token).await.status, 200, "{what}");
    }

    /// Shows that a token is good for nothing, wherever it is presented, and that nobody is told why.
    // Security case 52: the admin API checks as much, on every request.
    pub async fn refuses(&self, what: &str, token: &str) {
        assert_eq!(self.introspect(token).await.wire(), INACTIVE, "{what}");
        let revoked = self.revoke(token).await;
        assert_eq!((revoked.status, revoked.text()), (200, "{}"), "{what}");
        // What cannot be in a header cannot be presented there.
        if token.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            let introspection = self.introspect_as(token).await;
            assert_invalid_token(what, &introspection);
            assert_eq!(introspection.error(), "invalid_token", "{what}");
            let administration = self.administer_as(token).await;
            assert_invalid_token(what, &administration);
            assert_eq!(administration.json()["code"], "unauthorized", "{what}");
        }
    }

    /// Shows that no attempt has left a trace in the store, and that the good token is good.
    pub async fn is_unharmed(&self) {
        self.accepts("our own, after the attack", &self.token).await;
        let revoked = self.server.rows("SELECT jti FROM revoked_token").await;
        assert_eq!(revoked, Vec::<String>::new());
        assert_eq!(events(&self.server).await, self.events);
    }
}

/// RFC 6750 §3.1: which says no more than that.
#[track_caller]
fn assert_invalid_token(what: &str, reply: &Reply) {
    let challenge = reply.header("www-authenticate");
    let expected = r#"Bearer realm="ostler", error="invalid_token""#;
    assert_eq!((reply.status, challenge), (401, Some(expected)), "{what}");
}

async fn events(server: &TestServer) -> usize {
    server.rows("SELECT id FROM audit_event").await.len()
}

// RFC 6750 §3.1: the whole answer to the bearer of a token that is no good.
#[tokio::test]
async fn what_a_forger_is_told() {
    let stage = Stage::set().await;
    let mut forged = stage.token.clone();
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    assert_snapshot!(stage.introspect_as(&forged).await.text(), @r#"{"error":"invalid_token","error_description":"the access token is not active"}"#);
    let detail = stage.administer_as(&forged).await.json()["detail"].clone();
    assert_snapshot!(detail.as_str().unwrap(), @"the access token is not valid here: it is malformed, expired, revoked, or for another audience than the issuer");
}

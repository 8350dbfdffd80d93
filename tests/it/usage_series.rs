//! Counts on their way to the store, behind the requests that they are of.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use ostler::app::usage::series::By;
use ostler::app::usage::series::Outcome;
use ostler::domain::credential::CredentialKind;
use ostler::domain::credential::CredentialRef;
use ostler::domain::id::AccountId;
use ostler::domain::id::ApiId;
use ostler::domain::id::CredentialId;
use ostler::domain::id::OrganizationId;

use crate::harness::TestServer;

/// So many that a round has several portions.
const ACCOUNTS: u128 = 1_700;

const ORGANIZATION: OrganizationId = OrganizationId::from_bits(7);

fn count_one_for_each_account(server: &TestServer) {
    for account in 1..=ACCOUNTS {
        let credential = CredentialId::from_bits(account);
        let by = By {
            organization: ORGANIZATION,
            account: AccountId::from_bits(account),
            credential: CredentialRef::of(credential, CredentialKind::ClientSecret),
        };
        let outcome = Outcome::Issued(ApiId::from_bits(1));
        server.app.series.count(by, outcome, server.now());
    }
}

/// How many accounts have a count, the least and the most of these, and that of the organization.
async fn stored(server: &TestServer) -> String {
    let rows = format!(
        "SELECT count(*) || ' ' || coalesce(min(issued), 0) || ' ' || coalesce(max(issued), 0)
             || ' ' || (SELECT coalesce(sum(issued), 0) FROM usage_hour
                        WHERE subject_id = '{ORGANIZATION}')
         FROM usage_hour
         WHERE organization_id = '{ORGANIZATION}' AND subject_id <> '{ORGANIZATION}'"
    );
    server.rows(&rows).await.remove(0)
}

async fn wait_for(server: &TestServer, wanted: &str) {
    let arrived = async {
        while stored(server).await != wanted {
            tokio::task::yield_now().await;
        }
    };
    if timeout(Duration::from_secs(20), arrived).await.is_err() {
        assert_eq!(stored(server).await, wanted);
    }
}

#[tokio::test]
async fn a_round_writes_all_that_was_counted_and_the_end_what_came_after_it() {
    let server = TestServer::start().await;
    assert_eq!(stored(&server).await, "0 0 0 0");
    let (stop, stopped) = oneshot::channel::<()>();
    let pace = Duration::from_millis(15);
    let writing = server
        .app
        .series
        .run(pace, || server.now(), async { drop(stopped.await) });
    let counting = async {
        for n in 1..=3 {
            count_one_for_each_account(&server);
            let all = ACCOUNTS * n;
            wait_for(&server, &format!("{ACCOUNTS} {n} {n} {all}")).await;
        }
        count_one_for_each_account(&server);
        stop.send(()).unwrap();
    };
    tokio::join!(writing, counting);
    assert_eq!(
        stored(&server).await,
        format!("{ACCOUNTS} 4 4 {}", ACCOUNTS * 4)
    );
}

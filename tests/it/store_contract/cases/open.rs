//! Opening and closing.

use ostler::store::Lookup;
use ostler::store::OpenError;
use ostler::store::SqlStore;
use ostler::store::StoreError;

use crate::store_contract::bench::Bench;

pub async fn migrations_run_once_and_a_newer_schema_is_refused(bench: &mut Bench) {
    let organization = bench.organization("alpha").await;
    bench.reopen().await;
    bench.reopen().await;
    let versions = bench
        .rows("SELECT CAST(version AS TEXT) FROM schema_migration")
        .await;
    assert_eq!(versions, ["1"]);

    bench
        .sql("INSERT INTO schema_migration (version) VALUES (1000)")
        .await
        .unwrap();
    bench.close().await;
    let refused = SqlStore::open(bench.options()).await.err().unwrap();
    assert!(
        matches!(
            refused,
            OpenError::Newer {
                found: 1000,
                known: 1
            }
        ),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("newer ostler"));

    bench
        .sql("DELETE FROM schema_migration WHERE version = 1000")
        .await
        .unwrap();
    let lookup = Lookup::Id(organization.id);
    let found = bench
        .reopen()
        .await
        .find_organization(&lookup)
        .await
        .unwrap();
    assert!(found.is_some(), "nothing was changed");
}

pub async fn a_closed_store_answers_nothing(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    bench.store().close().await;
    let store = bench.store();
    assert!(matches!(
        store.ping().await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(store.find_instance().await.is_err());
    assert!(store.begin(Some(organization)).await.is_err());
    assert!(store.record_usage(&[]).await.is_ok(), "nothing to record");
    assert!(store.record_last_use(&[]).await.is_ok(), "nor here");
}

pub async fn a_row_that_cannot_be_read_is_corrupt_and_closes_nothing(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let credential = bench.credential(&account, "one").await;
    bench
        .sql("UPDATE credential SET allowed_networks = 'everywhere'")
        .await
        .unwrap();
    bench
        .sql("UPDATE service_account SET name = 'x'")
        .await
        .unwrap();

    let store = bench.store();
    let corrupt = store.find_client(credential.client_id).await.unwrap_err();
    assert!(
        matches!(corrupt, StoreError::Corrupt { what: "client" }),
        "{corrupt:?}"
    );
    let corrupt = store
        .find_account(organization, &Lookup::Id(account.id))
        .await
        .unwrap_err();
    assert!(
        matches!(corrupt, StoreError::Corrupt { what: "name" }),
        "{corrupt:?}"
    );
    assert!(store.is_open());
    ok!(store.ping());
}

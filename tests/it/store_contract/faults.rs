//! PostgreSQL that is away, hung, slow, or no longer the primary: every wait ends, nothing wrong is
//! answered, and the store goes on by itself when it is back.

use std::time::Duration;
use std::time::Instant;

use ostler::domain::id::ClientId;
use ostler::store::AccountReads;
use ostler::store::OpenError;
use ostler::store::SqlStore;
use ostler::store::Store;
use ostler::store::StoreError;
use ostler::store::TokenReads;
use sqlx::Connection;
use tokio::task::JoinSet;
use tokio::time::interval;
use tokio::time::timeout;

use crate::services::Fault;
use crate::store_contract::bench::Bench;
use crate::store_contract::things::account;
use crate::store_contract::things::event_of;

/// Long enough for an answer on a busy machine.
const PATIENT: Duration = Duration::from_secs(15);

/// A second for a connection, two for a query, and what a busy machine adds.
const BOUND: Duration = Duration::from_secs(6);

/// Asks again and again until it is so.
async fn wait_until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let mut ticks = interval(Duration::from_millis(20));
    let waiting = async {
        while !is_so().await {
            ticks.tick().await;
        }
    };
    timeout(PATIENT, waiting).await.expect(what);
}

async fn wait_until_it_answers(store: &dyn Store) {
    wait_until("the gate opens", async || store.ping().await.is_ok()).await;
}

#[tokio::test]
async fn a_database_that_is_cut_off_closes_the_gate_and_its_return_opens_it() {
    // Security case 129.
    let (bench, proxy) = Bench::postgres_behind_a_proxy().await;
    let organization = bench.organization("alpha").await.id;
    let store = bench.store();
    proxy.set(Fault::Cut);

    let cut_off = store.count_accounts(organization).await;
    assert!(matches!(cut_off, Err(StoreError::Unavailable(_))));
    assert!(!store.is_open());
    let refused = store.count_accounts(organization).await.unwrap_err();
    let StoreError::Unavailable(why) = refused else {
        panic!("{refused:?}")
    };
    assert!(why.to_string().contains("last time"), "not asked: {why}");
    assert!(store.begin(Some(organization)).await.is_err());

    proxy.set(Fault::Pass);
    wait_until_it_answers(store).await;
    assert_eq!(store.count_accounts(organization).await.unwrap(), 0);
    bench.account(organization, "deploy-bot").await;
}

#[tokio::test]
async fn pings_notice_a_database_that_is_away_when_nobody_asks() {
    let (bench, proxy) = Bench::postgres_behind_a_proxy().await;
    for fault in [Fault::Cut, Fault::BlackHole] {
        proxy.set(fault);
        wait_until("the gate closes", async || !bench.store().is_open()).await;
        proxy.set(Fault::Pass);
        wait_until("the gate opens", async || bench.store().is_open()).await;
    }
}

#[tokio::test]
async fn a_database_that_hangs_looks_dead_in_time() {
    // Security case 124, for the database: accepted and never answered.
    let (bench, proxy) = Bench::postgres_behind_a_proxy().await;
    let organization = bench.organization("alpha").await.id;
    let mut change = bench.change(organization).await;
    ok!(change.add_account(&account(organization, "deploy-bot")));
    proxy.set(Fault::BlackHole);

    let asked = Instant::now();
    let event = event_of(organization);
    let (read, commit) = tokio::join!(
        bench.store().count_accounts(organization),
        change.commit(&event),
    );
    assert!(read.is_err() && commit.is_err());
    assert!(asked.elapsed() < BOUND, "{:?}", asked.elapsed());
    assert!(!bench.store().is_open());

    proxy.set(Fault::Pass);
    wait_until_it_answers(bench.store()).await;
    // The connection in doubt was closed, so what was not committed was rolled back.
    wait_until("the lock is free", async || {
        bench.store().begin(Some(organization)).await.is_ok()
    })
    .await;
    assert_eq!(bench.store().count_accounts(organization).await.unwrap(), 0);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_whole_or_not_at_all() {
    // Security case 128: a change and its event, or neither.
    let (bench, proxy) = Bench::postgres_behind_a_proxy().await;
    let organization = bench.organization("alpha").await.id;
    for number in 0..5 {
        let mut change = bench.change(organization).await;
        let account = account(organization, &format!("deploy-bot-{number}"));
        ok!(change.add_account(&account));
        proxy.set(Fault::CutReplies);
        let lost = change.commit(&event_of(organization)).await;
        assert!(matches!(lost, Err(StoreError::Unavailable(_))));
        proxy.set(Fault::Pass);
        wait_until_it_answers(bench.store()).await;
    }
    let accounts = bench.rows("SELECT id FROM service_account").await.len();
    let events = bench
        .rows("SELECT id FROM audit_event WHERE chain <> 'instance'")
        .await;
    assert_eq!(accounts, events.len());
}

#[tokio::test]
async fn sessions_that_are_ended_are_replaced() {
    // Security case 129: `pg_terminate_backend` of all sessions.
    let bench = Bench::postgres().await;
    let organization = bench.organization("alpha").await.id;
    let store = bench.shared();
    let mut readers = JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        readers.spawn(async move { store.count_accounts(organization).await.unwrap() });
    }
    readers.join_all().await;

    end_sessions(&bench).await;
    wait_until_it_answers(&*store).await;
    // All of them are replaced at once: none of the dead is lent again.
    for _ in 0..32 {
        ok!(store.count_accounts(organization));
    }
    assert!(store.is_open());
}

#[tokio::test]
async fn a_reader_that_goes_away_leaves_no_transaction_and_no_doubt() {
    // Security cases 127, 128: sqlx forgets a transaction whose BEGIN was cancelled.
    let (bench, proxy) = Bench::postgres_behind_a_proxy().await;
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let client = bench.credential(&account, "one").await.client_id;
    proxy.set(Fault::Delay(Duration::from_millis(1)));
    let store = bench.store();
    for number in 0..400_u64 {
        let limit = Duration::from_micros(number * 37 % 9_000);
        if let Ok(answer) = timeout(limit, store.find_client(client)).await {
            assert!(answer.unwrap().is_some());
        }
        let lookup = ostler::store::Holder::Account(account.id);
        if let Ok(answer) = timeout(limit, store.find_access(organization, lookup)).await {
            assert!(answer.unwrap().is_some());
        }
        if let Ok(change) = timeout(limit, store.begin(Some(organization))).await {
            drop(change.unwrap());
        }
    }
    proxy.set(Fault::Pass);
    assert!(store.is_open());
    let mut readers = JoinSet::new();
    for number in 0..64 {
        let store = bench.shared();
        let id = if number % 2 == 0 {
            client
        } else {
            ClientId::from_bits(1)
        };
        readers.spawn(async move {
            let found = store.find_client(id).await.unwrap();
            assert_eq!(
                found.map(|found| found.client_id),
                (id == client).then_some(id)
            );
        });
    }
    readers.join_all().await;

    wait_until("no session is idle in a transaction", async || {
        let idle = "SELECT query FROM pg_stat_activity
                    WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        bench.rows(idle).await.is_empty()
    })
    .await;
    bench.account(organization, "second-bot").await;
}

#[tokio::test]
async fn a_query_that_takes_too_long_fails_alone() {
    // Security case 131: a slow query is no sign that the database is dead.
    let bench = Bench::postgres().await;
    let organization = bench.organization("alpha").await.id;
    let mut blocker = bench.connect().await;
    let lock = "BEGIN; LOCK TABLE service_account IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut blocker).await.unwrap();

    // More than there are connections: some wait for a query, the others for a connection.
    let mut readers = JoinSet::new();
    for _ in 0..40 {
        let store = bench.shared();
        readers.spawn(async move { store.count_accounts(organization).await });
    }
    let asked = Instant::now();
    for answer in readers.join_all().await {
        assert!(matches!(answer, Err(StoreError::Deadline)), "{answer:?}");
    }
    assert!(asked.elapsed() < BOUND, "{:?}", asked.elapsed());
    assert!(bench.store().is_open());
    bench.store().ping().await.unwrap();

    blocker.close().await.unwrap();
    wait_until("the table is free", async || {
        bench.store().count_accounts(organization).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn changes_that_wait_for_another_node_leave_connections_for_reading() {
    let bench = Bench::postgres().await;
    let mut organizations = Vec::new();
    for number in 0..20 {
        organizations.push(bench.organization(&format!("o{number}")).await.id);
    }
    let mut other_node = bench.connect().await;
    let lock = "BEGIN; UPDATE organization SET status = status";
    sqlx::raw_sql(lock).execute(&mut other_node).await.unwrap();

    let mut changes = JoinSet::new();
    for organization in organizations.clone() {
        let store = bench.shared();
        changes.spawn(async move { store.begin(Some(organization)).await.is_ok() });
    }
    wait_until("some changes wait in the database", async || {
        let waiting = "SELECT pid FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        bench.rows(waiting).await.len() >= 8
    })
    .await;
    for organization in &organizations {
        assert_eq!(
            bench.store().count_accounts(*organization).await.unwrap(),
            0
        );
    }
    assert!(!changes.join_all().await.contains(&true));
    assert!(bench.store().is_open());

    other_node.close().await.unwrap();
    wait_until("the rows are free", async || {
        bench.store().begin(Some(organizations[0])).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_demoted_primary_takes_no_changes_until_it_is_one_again() {
    // Security case 132.
    let mut bench = Bench::postgres().await;
    let organization = bench.organization("alpha").await.id;
    set_for_new_sessions(&bench, "default_transaction_read_only = on").await;
    let refused = SqlStore::open(bench.options()).await.err().unwrap();
    assert_refused(&refused, "is read-only");

    end_sessions(&bench).await;
    wait_until_it_answers(bench.store()).await;
    for _ in 0..20 {
        let refused = bench.store().begin(Some(organization)).await;
        assert!(matches!(refused.err(), Some(StoreError::Unavailable(_))));
        assert_eq!(bench.store().count_accounts(organization).await.unwrap(), 0);
        assert!(bench.store().is_open(), "what only reads goes on");
    }

    set_for_new_sessions(&bench, "default_transaction_read_only = off").await;
    // The sessions that were read-only are not kept.
    assert!(bench.store().begin(Some(organization)).await.is_err());
    bench.account(organization, "deploy-bot").await;
    bench.close().await;
}

#[tokio::test]
async fn a_database_that_could_lose_a_commit_is_refused() {
    // Security case 138: what is acknowledged is on the disk.
    let mut bench = Bench::postgres().await;
    bench.close().await;
    for setting in ["off", "local", "remote_write"] {
        let setting = format!("synchronous_commit = {setting}");
        set_for_new_sessions(&bench, &setting).await;
        let refused = SqlStore::open(bench.options()).await.err().unwrap();
        assert_refused(&refused, "does not wait for the disk");
    }
    set_for_new_sessions(&bench, "synchronous_commit = remote_apply").await;
    bench.reopen().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_as_the_reason() {
    let (mut bench, proxy) = Bench::postgres_behind_a_proxy().await;
    bench.close().await;
    proxy.set(Fault::Cut);
    let refused = SqlStore::open(bench.options()).await.err().unwrap();
    assert!(matches!(refused, OpenError::Database(_)), "{refused:?}");
}

#[tokio::test]
async fn two_nodes_that_start_at_once_migrate_once() {
    let mut bench = Bench::postgres().await;
    bench.close().await;
    bench
        .sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        .await
        .unwrap();
    let mut nodes = JoinSet::new();
    for _ in 0..8 {
        let options = bench.options().clone();
        nodes.spawn(async move { SqlStore::open(&options).await.map(drop) });
    }
    for opened in nodes.join_all().await {
        opened.unwrap();
    }
}

fn assert_refused(error: &OpenError, why: &str) {
    let OpenError::Database(source) = error else {
        panic!("{error:?}")
    };
    assert!(source.to_string().contains(why), "{source}");
}

async fn set_for_new_sessions(bench: &Bench, setting: &str) {
    // This very session may be read-only.
    let alter = format!(
        "BEGIN READ WRITE;
         DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {setting}', current_database()); END $$;
         COMMIT"
    );
    bench.sql(&alter).await.unwrap();
}

async fn end_sessions(bench: &Bench) {
    let end = "SELECT CAST(pg_terminate_backend(pid) AS TEXT) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(bench.rows(end).await.len() > 1);
}

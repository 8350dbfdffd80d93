//! Changes as transactions.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use ostler::domain::audit::Chain;
use ostler::domain::organization::Generation;
use ostler::domain::organization::Status;
use ostler::store::AccountReads;
use ostler::store::Lookup;
use ostler::store::Store;
use ostler::store::StoreError;
use ostler::store::WriteError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::account;
use crate::store_contract::things::at;
use crate::store_contract::things::event;
use crate::store_contract::things::event_of;

pub async fn a_change_that_is_dropped_has_not_happened(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    for _ in 0..20 {
        let mut change = bench.change(organization).await;
        ok!(change.add_account(&account(organization, "deploy-bot")));
        drop(change);
    }
    // A method that is dropped half-way takes the change with it. (On a file it may be done at once.)
    let mut change = bench.change(organization).await;
    for number in 0.. {
        let account = account(organization, &format!("deploy-bot-{number}"));
        tokio::select! {
            biased;
            added = change.add_account(&account) => added.unwrap(),
            () = std::future::ready(()) => break,
        }
    }
    let refused = change.commit(&event_of(organization)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));

    let events = "SELECT id FROM audit_event WHERE chain <> 'instance'";
    assert!(bench.rows(events).await.is_empty());
    assert_eq!(
        bench
            .reopen()
            .await
            .count_accounts(organization)
            .await
            .unwrap(),
        0
    );
    bench.account(organization, "deploy-bot").await;
}

pub async fn nothing_is_done_after_a_failure(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    bench.account(organization, "deploy-bot").await;
    let mut change = bench.change(organization).await;
    ok!(change.add_account(&account(organization, "second-bot")));
    let taken = change
        .add_account(&account(organization, "deploy-bot"))
        .await;
    assert!(matches!(taken, Err(WriteError::Taken)));
    let refused = change
        .add_account(&account(organization, "third-bot"))
        .await;
    assert!(matches!(
        refused,
        Err(WriteError::Store(StoreError::Unavailable(_)))
    ));
    assert!(change.count_accounts(organization).await.is_err());
    assert!(change.commit(&event_of(organization)).await.is_err());

    let store = bench.reopen().await;
    assert_eq!(store.count_accounts(organization).await.unwrap(), 1);
    assert!(
        store.is_open(),
        "a name that is taken says nothing about the database"
    );
}

pub async fn a_change_sees_its_own_writes_and_nobody_else_does(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let known = bench.account(organization, "deploy-bot").await;
    let mut change = bench.change(organization).await;
    ok!(change.add_account(&account(organization, "second-bot")));
    ok!(change.set_account_status(organization, known.id, Status::Disabled, at(2_000)));

    let lookup = Lookup::Id(known.id);
    assert_eq!(change.count_accounts(organization).await.unwrap(), 2);
    let inside = change
        .find_account(organization, &lookup)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(inside.status, Status::Disabled);
    assert_eq!(bench.store().count_accounts(organization).await.unwrap(), 1);
    let outside = bench.store().find_account(organization, &lookup).await;
    assert_eq!(outside.unwrap().unwrap().status, Status::Active);

    ok!(change.commit(&event_of(organization)));
    let outside = bench.store().find_account(organization, &lookup).await;
    assert_eq!(outside.unwrap().unwrap().status, Status::Disabled);
}

pub async fn fifty_changes_of_one_organization_happen_one_after_the_other(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let account = bench.account(organization, "deploy-bot").await.id;
    let inside = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let (store, inside) = (bench.shared(), Arc::clone(&inside));
        tasks.spawn(async move {
            let mut change = store.begin(Some(organization)).await.unwrap();
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "alone");
            let before = change
                .find_account(organization, &Lookup::Id(account))
                .await;
            let after = change.raise_account_generation(organization, account).await;
            assert_eq!(after.unwrap(), before.unwrap().unwrap().generation.next());
            inside.fetch_sub(1, Ordering::SeqCst);
            ok!(change.commit(&event_of(organization)));
        });
        // Reads go on meanwhile.
        let store = bench.shared();
        tasks.spawn(async move {
            ok!(store.count_accounts(organization));
        });
    }
    tasks.join_all().await;

    let lookup = Lookup::Id(account);
    let store = bench.reopen().await;
    let found = store
        .find_account(organization, &lookup)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.generation, Generation(51));
}

pub async fn changes_of_several_organizations_do_not_wait_for_each_other(bench: &mut Bench) {
    let mut organizations = Vec::new();
    for number in 0..20 {
        organizations.push(bench.organization(&format!("o{number}")).await.id);
    }
    let mut tasks = JoinSet::new();
    for organization in organizations.clone() {
        let store = bench.shared();
        tasks.spawn(async move {
            for number in 0..5 {
                let mut change = store.begin(Some(organization)).await.unwrap();
                let account = account(organization, &format!("deploy-bot-{number}"));
                ok!(change.add_account(&account));
                ok!(change.commit(&event_of(organization)));
            }
        });
    }
    tasks.join_all().await;

    let store = bench.reopen().await;
    for organization in organizations {
        assert_eq!(store.count_accounts(organization).await.unwrap(), 5);
    }
}

pub async fn a_change_keeps_out_those_that_stop_who_makes_it(bench: &mut Bench) {
    let [alpha, beta] = [
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
    ];
    // How many changes are inside each of them, and how many of its accounts make one elsewhere.
    let inside = Arc::new([(); 2].map(|()| [(); 2].map(|()| AtomicUsize::new(0))));
    let mut tasks = JoinSet::new();
    // Each way at once, so that those that cross meet; the instance's come last of all.
    for number in 0..60 {
        let (store, inside) = (bench.shared(), Arc::clone(&inside));
        let by = number % 2;
        let (own, other) = ([alpha, beta][by], [beta, alpha][by]);
        tasks.spawn(async move {
            let changed = [Some(own), Some(other), None][number % 3];
            let mut change = store.begin_by(changed, own).await.unwrap();
            let as_what = usize::from(changed != Some(own));
            inside[by][as_what].fetch_add(1, Ordering::SeqCst);
            ok!(change.count_accounts(own));
            let [here, elsewhere] =
                [0, 1].map(|as_what| inside[by][as_what].load(Ordering::SeqCst));
            assert!(
                here == 0 || elsewhere == 0,
                "{here} inside, {elsewhere} made elsewhere"
            );
            inside[by][as_what].fetch_sub(1, Ordering::SeqCst);
            if changed.is_some() {
                ok!(change.lock_instance());
            }
            let chain = changed.map_or(Chain::Instance, Chain::Organization);
            ok!(change.commit(&event(chain)));
        });
    }
    tasks.join_all().await;
}

// Whoever is to be stopped makes changes elsewhere, one over the other: the change that stops them has
// its turn all the same.
pub async fn a_change_that_waits_keeps_out_those_that_come_after_it(bench: &mut Bench) {
    let [alpha, beta, gamma] = [
        bench.organization("alpha").await.id,
        bench.organization("beta").await.id,
        bench.organization("gamma").await.id,
    ];
    let first = bench.shared().begin_by(Some(beta), alpha).await.unwrap();
    let (came, mut order) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for (waiting, name, changed) in [(1, "stops them", alpha), (2, "is by them", gamma)] {
        let (store, came) = (bench.shared(), came.clone());
        tasks.spawn(async move {
            let change = store.begin_by(Some(changed), alpha).await.unwrap();
            came.send(name).unwrap();
            drop(change);
        });
        until_so_many_wait(bench, waiting).await;
    }
    drop((first, came));
    tasks.join_all().await;
    let order = [order.recv().await, order.recv().await];
    assert_eq!(order, [Some("stops them"), Some("is by them")]);
}

/// Waits until so many changes wait in the database; the embedded one has its queue before that.
async fn until_so_many_wait(bench: &Bench, count: usize) {
    const WAITING: &str = "SELECT CAST(pid AS TEXT) FROM pg_locks WHERE NOT granted AND database =
        (SELECT oid FROM pg_database WHERE datname = current_database())";
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
        if !bench.is_sqlite() && bench.rows(WAITING).await.len() == count {
            return;
        }
    }
    assert!(bench.is_sqlite(), "fewer than {count} changes wait");
}

//! The files of the embedded store: private, and one process's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ostler::store::AccountReads;
use ostler::store::FileError;
use ostler::store::OpenError;
use ostler::store::SqlOptions;
use ostler::store::SqlStore;
use ostler::store::Store;
use ostler::store::StoreError;
use sqlx::Connection;
use tempfile::TempDir;

use crate::store_contract::bench::Bench;
use crate::store_contract::bench::options;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn url_of(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

async fn refusal(options: &SqlOptions) -> FileError {
    match SqlStore::open(options).await.err() {
        Some(OpenError::Files(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_files_are_private_from_the_first_moment() {
    // Security case 154.
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("new").join("data");
    let store = SqlStore::open(&options(&url_of(&data.join("ostler.db"))))
        .await
        .unwrap();
    ok!(store.begin(None));
    assert_eq!(mode(&directory.path().join("new")), 0o700);
    assert_eq!(mode(&data), 0o700);
    let mut names: Vec<_> = fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = ["ostler.db", "ostler.db-shm", "ostler.db-wal", "ostler.lock"];
    assert_eq!(names, expected);
    for name in names {
        assert_eq!(mode(&data.join(&name)), 0o600, "{name}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_has_gone() {
    let directory = TempDir::new().unwrap();
    let options = options(&url_of(&directory.path().join("ostler.db")));
    let first = SqlStore::open(&options).await.unwrap();
    let refused = refusal(&options).await;
    assert!(matches!(refused, FileError::Locked(_)), "{refused:?}");
    assert!(
        refused
            .to_string()
            .contains("in use by another ostler process")
    );

    // Also when it has gone without closing anything.
    drop(first);
    SqlStore::open(&options).await.unwrap();
}

#[tokio::test]
async fn a_missing_database_is_made_only_when_that_is_wanted() {
    // Security case 135: never silently an empty database.
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("ostler.db");
    let mut options = options(&url_of(&file));
    options.create_if_missing = false;
    let refused = refusal(&options).await;
    assert!(matches!(refused, FileError::Missing(_)), "{refused:?}");
    assert!(refused.to_string().contains("ostler init"));
    assert!(!file.exists());

    options.create_if_missing = true;
    SqlStore::open(&options).await.unwrap().close().await;
    options.create_if_missing = false;
    SqlStore::open(&options).await.unwrap();
}

#[tokio::test]
async fn files_that_others_may_read_are_refused() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("ostler.db");
    let options = options(&url_of(&file));
    SqlStore::open(&options).await.unwrap().close().await;

    set_mode(&file, 0o640);
    let refused = refusal(&options).await;
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
    set_mode(&file, 0o600);
    set_mode(directory.path(), 0o770);
    let refused = refusal(&options).await;
    assert!(refused.to_string().contains("chmod go-w"), "{refused}");
    set_mode(directory.path(), 0o755);
    SqlStore::open(&options).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("ostler.db");
    let content = vec![b'x'; 8_192];
    fs::write(&file, &content).unwrap();
    set_mode(&file, 0o600);
    let refused = SqlStore::open(&options(&url_of(&file)))
        .await
        .err()
        .unwrap();
    assert!(matches!(refused, OpenError::Database(_)), "{refused:?}");
    assert_eq!(fs::read(&file).unwrap(), content);
}

#[tokio::test]
async fn a_path_may_have_any_character() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("größe & 100 % #1?");
    let written = format!(
        "sqlite://{}/gr%C3%B6%C3%9Fe & 100 %25 %231%3F/a;b.db",
        directory.path().display()
    );
    SqlStore::open(&options(&written)).await.unwrap();
    assert!(data.join("a;b.db").exists());
}

#[tokio::test]
async fn a_writer_beside_the_store_makes_changes_wait_and_no_longer() {
    // Security case 130: an external BEGIN EXCLUSIVE.
    let bench = Bench::sqlite().await;
    let organization = bench.organization("alpha").await.id;
    let mut other = bench.connect().await;
    sqlx::raw_sql("BEGIN EXCLUSIVE")
        .execute(&mut other)
        .await
        .unwrap();
    let refused = bench.store().begin(Some(organization)).await;
    assert!(matches!(refused.err(), Some(StoreError::Deadline)));
    assert!(bench.store().is_open());
    assert_eq!(bench.store().count_accounts(organization).await.unwrap(), 0);

    other.close().await.unwrap();
    bench.account(organization, "deploy-bot").await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    // The files as they are while the store is open are what a crash leaves behind.
    let bench = Bench::sqlite().await;
    let organization = bench.organization("alpha").await.id;
    bench.account(organization, "deploy-bot").await;
    let left = TempDir::new().unwrap();
    for entry in fs::read_dir(bench.data()).unwrap() {
        let entry = entry.unwrap();
        // The index of the WAL is made anew.
        if entry.file_name() != "ostler.db-shm" {
            fs::copy(entry.path(), left.path().join(entry.file_name())).unwrap();
        }
    }
    let mut options = options(&url_of(&left.path().join("ostler.db")));
    options.create_if_missing = false;
    let store = SqlStore::open(&options).await.unwrap();
    assert_eq!(store.count_accounts(organization).await.unwrap(), 1);
}

//! The data directory: private, and for one process at a time.

use std::os::unix::fs::PermissionsExt;

use store::{Store, StoreError};

use crate::{Bench, chat};

#[test]
fn the_directory_is_private_and_locked() {
    let bench = Bench::new();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(bench.path()), 0o700);
    bench
        .ask(bench.store.log_message(chat("a@x", "b@x", 1, "hello")))
        .unwrap();
    for file in std::fs::read_dir(bench.path()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()) & 0o077, 0);
    }
    let second = Store::open(bench.path());
    assert!(matches!(second, Err(StoreError::InUse { .. })));
    let bench = bench.reopen();
    assert_eq!(bench.ask(bench.store.log_from(None, 10)).unwrap().len(), 1);
}

#[test]
fn a_directory_is_made_where_there_was_none() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("deep/data");
    let store = Store::open(&path).unwrap();
    store.close();
    assert!(path.join("convoke.db").exists());
}

#[test]
fn a_database_of_the_first_version_keeps_its_tokens_and_finds_names_in_any_case() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("convoke.db");
    let conn = rusqlite::Connection::open(file).unwrap();
    conn.execute_batch(include_str!("../../migrations/0001_first.sql"))
        .unwrap();
    conn.execute_batch(
        "CREATE TABLE schema_version (version INTEGER PRIMARY KEY,
             applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
         INSERT INTO schema_version (version) VALUES (1);
         INSERT INTO accounts VALUES ('j@x.org', 'Jörg Öztürk', 'person', 'de', 10, 1),
             ('o@x.org', 'Ann Other', 'person', 'en', 10, 1);
         INSERT INTO tokens VALUES (zeroblob(32), 'o@x.org', 'script', 'conference', 1, NULL);",
    )
    .unwrap();
    drop(conn);
    let bench = Bench {
        runtime: crate::runtime(),
        store: Store::open(directory.path()).unwrap(),
        directory,
    };
    for (name, user) in [("JÖRG ÖZTÜRK", "j@x.org"), ("ann other", "o@x.org")] {
        let found = bench.ask(bench.store.accounts_named(name, 10)).unwrap();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].aor.to_string(), user);
    }
    let (_, token) = bench.ask(bench.store.token([0; 32], 2)).unwrap().unwrap();
    assert_eq!(
        (token.aor.to_string().as_str(), token.label.as_str()),
        ("o@x.org", "script")
    );
}

#[test]
fn a_newer_schema_is_left_alone() {
    let bench = Bench::new();
    let path = bench.path().to_owned();
    bench.store.close();
    let Bench {
        store, directory, ..
    } = bench;
    drop(store);
    let conn = rusqlite::Connection::open(path.join("convoke.db")).unwrap();
    conn.execute("INSERT INTO schema_version (version) VALUES (99)", [])
        .unwrap();
    drop(conn);
    let refused = Store::open(&path).err();
    assert!(matches!(
        refused,
        Some(StoreError::NewerSchema { came: 99, .. })
    ));
    drop(directory);
}

#[test]
fn a_closed_store_says_so() {
    let bench = Bench::new();
    bench.store.close();
    let late = bench.ask(bench.store.log_message(chat("a@x", "b@x", 1, "late")));
    assert_eq!(late, Err(StoreError::Closed));
    assert_eq!(
        bench.ask(bench.store.log_from(None, 10)),
        Err(StoreError::Closed)
    );
}

#[test]
fn the_last_handle_may_go_with_an_answer() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let (done, answer) = std::sync::mpsc::channel();
    let last = store.clone();
    store.log_message_then(chat("a@x", "b@x", 1, "hello"), move |id| {
        drop(last);
        done.send(id).unwrap();
    });
    drop(store);
    assert!(answer.recv().unwrap().is_ok());
}

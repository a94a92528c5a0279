//! Databases of every earlier version are brought to the newest one, and keep what was in them.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;
use store::{Store, TelephoneKind};

use crate::{Bench, aor};

/// Every version: what made it, and what its programs then wrote, beside what was there before.
const VERSIONS: [(&str, &str); 11] = [
    (
        include_str!("../../migrations/0001_first.sql"),
        "INSERT INTO accounts VALUES ('alice@x.org', 'Alice Martin', 'person', 'de', 10, 1),
             ('bob@x.org', 'Bob Çelik', 'person', 'en', 3, 2), ('gw@x.org', 'Gateway', 'service', 'en', 0, 3);
         INSERT INTO devices VALUES (4, 'alice@x.org', 'desk', 'a', 'b', 'c', 5, NULL), (5, 'bob@x.org', 'old', 'd', 'e', 'f', 5, 6);
         INSERT INTO telephones VALUES ('alice@x.org', 0, 'work', '+15550101', NULL, 'work', 1, NULL, 'by day'),
             ('alice@x.org', 1, 'room', NULL, 'sip:room@y.org', 'other', 0, 0, '');
         INSERT INTO tokens VALUES (zeroblob(32), 'bob@x.org', 'script', 'conference', 7, NULL);
         INSERT INTO bindings VALUES ('alice@x.org', 'sip:alice@192.0.2.1', 'urn:uuid:1', 1, 1000, 'c', 2, 99999, '', 'f', 'desk');
         INSERT INTO names VALUES (1, 'alice@x.org'), (2, 'bob@x.org');
         INSERT INTO messages VALUES (1, 10, 1, 2, 0, 0, 1, NULL, 'text/plain', CAST('Hello' AS BLOB)),
             (2, 11, 2, 1, 0, 0, 1, NULL, 'text/plain', CAST('Good morning' AS BLOB)), (3, 12, 1, 2, 0, 0, 1, NULL, 'text/plain', CAST('Lunch?' AS BLOB));
         INSERT INTO deliveries VALUES (1, 20, 'urn:uuid:2');
         -- The first two are indexed, the third is too new for that.
         INSERT INTO message_index VALUES (1, 1), (2, 1), (1, 2), (2, 2);
         INSERT INTO pending VALUES (1, 2);
         UPDATE log_state SET indexed = 2;
         INSERT INTO command_answers VALUES ('m-1', 'alice@x.org', zeroblob(32), x'01', 13);
         INSERT INTO conferences VALUES ('c1', 'alice@x.org', 'Plan', 14, 18, 'by-command', 'Over.');
         INSERT INTO legs VALUES ('c1', 'l1', 'p1', 'Alice Martin', 'alice@x.org', 'work', '+15550101', 'carrier', 'left',
             14, 15, 16, 17, 17, 18, 'hung-up', NULL, 16, 'Hung up.', 50, 51, 1, 0.5);
         INSERT INTO audit VALUES (1, 19, 'administrator', 'mint', 'bob@x.org', 'script', NULL);",
    ),
    (
        include_str!("../../migrations/0002_binding_password.sql"),
        "UPDATE bindings SET password = 4;",
    ),
    (
        include_str!("../../migrations/0003_account_names.sql"),
        "UPDATE accounts SET name_key = 'bob çelik' WHERE aor = 'bob@x.org';",
    ),
    (
        include_str!("../../migrations/0004_sign_in.sql"),
        "INSERT INTO passwords VALUES ('alice@x.org', '$argon2id$x', 21);
         INSERT INTO sessions VALUES (6, 'alice@x.org', x'aa', 22, 99999);
         INSERT INTO session_tokens VALUES (7, 6, x'bb', 99999);",
    ),
    (
        include_str!("../../migrations/0005_people.sql"),
        "INSERT INTO account_words VALUES ('alice', 'alice@x.org'), ('martin', 'alice@x.org'), ('bob', 'bob@x.org'), ('çelik', 'bob@x.org');
         INSERT INTO contacts VALUES ('alice@x.org', 'bob@x.org', 'Bobby', 1);
         INSERT INTO contact_numbers VALUES ('alice@x.org', 'bob@x.org', 0, 'cabin', 'home', '+15550999');",
    ),
    (
        include_str!("../../migrations/0006_chats.sql"),
        "INSERT INTO chat_index VALUES (1, 2, 1, 1, 1), (1, 2, 2, 0, 1);
         INSERT INTO chat_pairs VALUES (1, 2), (2, 1);
         INSERT INTO chat_reads VALUES (2, 1, 1);",
    ),
    (
        include_str!("../../migrations/0007_webhooks.sql"),
        "INSERT INTO webhooks (id, aor, url, events, secret, created_at) VALUES (8, 'bob@x.org', 'https://y.org/', 'conference.ended', 's', 23);
         INSERT INTO webhook_deliveries VALUES (9, 8, x'7b7d', 24);",
    ),
    (
        include_str!("../../migrations/0008_tokens.sql"),
        "UPDATE webhooks SET token = (SELECT id FROM tokens);",
    ),
    (include_str!("../../migrations/0009_removed.sql"), ""),
    (
        include_str!("../../migrations/0010_modes.sql"),
        "INSERT INTO modes VALUES ('alice@x.org', 'pstn', '+15550101', 'work', 'profile', 0, 1, 25),
             ('alice@x.org', 'h323', 'room.y.org', '', 'by-hand', 1, 0, 26);",
    ),
    (include_str!("../../migrations/0011_language.sql"), ""),
];

/// A directory with a database of this version, as a program of that time left it.
fn left_by(version: usize) -> (tempfile::TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let conn = Connection::open(directory.path().join("convoke.db")).unwrap();
    conn.execute_batch(
        // What the disk does is of no concern here.
        "PRAGMA synchronous = OFF;
         PRAGMA foreign_keys = ON;
         CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);",
    )
    .unwrap();
    for (number, (migration, wrote)) in (1..).zip(VERSIONS).take(version) {
        conn.execute_batch(migration).unwrap();
        conn.execute_batch(wrote)
            .unwrap_or_else(|error| panic!("version {number}: {error}"));
        conn.execute("INSERT INTO schema_version (version) VALUES (?1)", [number])
            .unwrap();
    }
    (directory, conn)
}

/// Tables with their columns and rows. What tells how far something has come changes by itself.
fn everything(conn: &Connection) -> BTreeMap<String, (Vec<String>, Vec<Vec<Value>>)> {
    let mut tables = conn
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
             AND name NOT IN ('schema_version', 'log_state')",
        )
        .unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let tables: Vec<String> = tables.map(Result::unwrap).collect();
    let whole = |table: String| {
        let columns = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns: Vec<String> = columns
            .column_names()
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        let rows = rows(conn, &table, &columns);
        (table, (columns, rows))
    };
    tables.into_iter().map(whole).collect()
}

fn rows(conn: &Connection, table: &str, columns: &[String]) -> Vec<Vec<Value>> {
    let mut select = conn
        .prepare(&format!("SELECT {} FROM {table}", columns.join(", ")))
        .unwrap_or_else(|error| panic!("{table}: {error}"));
    let row = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|at| row.get(at)).collect();
    let rows = select.query_map([], row).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Every row of every table is there afterwards, with what stood in its columns.
#[test]
fn every_row_of_every_earlier_version_survives() {
    for version in 1..=VERSIONS.len() {
        let (directory, conn) = left_by(version);
        let mut before = everything(&conn);
        assert!(
            before.len() >= 14 && before["messages"].1.len() == 3,
            "{version}"
        );
        // But this: until version 11 'en' stood for whoever had chosen no language.
        let (columns, accounts) = before.get_mut("accounts").unwrap();
        let language = columns.iter().position(|name| name == "language").unwrap();
        for account in accounts
            .iter_mut()
            .filter(|account| account[language] == Value::from("en".to_owned()))
        {
            account[language] = Value::from(String::new());
        }
        drop(conn);
        let store = Store::open(directory.path()).unwrap();
        store.close();
        drop(store);
        let conn = Connection::open(directory.path().join("convoke.db")).unwrap();
        for (table, (columns, rows_before)) in &before {
            let after = rows(&conn, table, columns);
            for row in rows_before {
                assert!(
                    after.contains(row),
                    "version {version}: {table} has lost {row:?}: {after:?}"
                );
            }
        }
        let applied = rows(&conn, "schema_version", &["version".to_owned()]);
        assert_eq!(applied.len(), VERSIONS.len(), "{applied:?}");
        let sound: String = conn
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sound, "ok", "version {version}");
        assert!(
            conn.prepare("PRAGMA foreign_key_check")
                .unwrap()
                .query([])
                .unwrap()
                .next()
                .unwrap()
                .is_none()
        );
    }
}

/// And the program of today finds it: people by name, chats, telephones, what is good for signing in, and how each can take part.
#[test]
fn what_an_earlier_version_kept_is_found() {
    for version in 1..VERSIONS.len() {
        let (directory, conn) = left_by(version);
        drop(conn);
        let bench = Bench {
            runtime: crate::runtime(),
            store: Store::open(directory.path()).unwrap(),
            directory,
        };
        let (store, alice, bob) = (&bench.store, aor("alice"), aor("bob"));
        let languages =
            [&alice, &bob].map(|who| bench.ask(store.account(who)).unwrap().unwrap().language);
        assert_eq!(
            languages,
            [Some("de".to_owned()), None],
            "version {version}"
        );
        for (words, who) in [("BOB ÇELIK", &bob), ("alice martin", &alice)] {
            let named = bench.ask(store.accounts_named(words, 10)).unwrap();
            assert_eq!((named.len(), &named[0].aor), (1, who), "version {version}");
        }
        let people = bench.ask(store.people("çel", None, 10)).unwrap();
        assert_eq!(
            (people.len(), &people[0].0.aor),
            (1, &bob),
            "version {version}"
        );
        let telephones = bench.ask(store.telephones(&alice)).unwrap();
        let telephones: Vec<_> = telephones
            .iter()
            .map(|one| (one.label.as_str(), one.kind, one.is_default))
            .collect();
        assert_eq!(
            telephones,
            [
                ("work", TelephoneKind::Work, true),
                ("room", TelephoneKind::Other, false)
            ]
        );
        let token = bench.ask(store.token([0; 32], 30)).unwrap().unwrap().1;
        assert_eq!((token.aor, token.label.as_str()), (bob.clone(), "script"));
        let chats = bench.ask(store.chats("bob@x.org", None, 10)).unwrap();
        let (chat, unread) = (&chats[0], if version < 6 { 2 } else { 1 });
        assert_eq!(
            (chats.len(), &*chat.with, chat.unread),
            (1, "alice@x.org", unread),
            "version {version}"
        );
        assert_eq!(&*chat.last.message.logged.body, b"Lunch?");
        // The mode of each telephone, unless somebody has had them in an order of their own since.
        let modes = bench.ask(store.modes(&alice)).unwrap();
        let modes: Vec<_> = modes.iter().map(|mode| mode.address.as_str()).collect();
        match version {
            10 => assert_eq!(modes, ["room.y.org", "+15550101"]),
            _ => assert_eq!(modes[0], "+15550101", "version {version}: {modes:?}"),
        }
        let conference = bench
            .ask(store.conference(&"c1".parse().unwrap()))
            .unwrap()
            .unwrap();
        assert_eq!(
            (conference.title.as_str(), conference.owner),
            ("Plan", alice.clone())
        );
        assert_eq!(
            bench
                .ask(store.legs_on_roster(&"c1".parse().unwrap()))
                .unwrap()
                .len(),
            1
        );
        if version >= 4 {
            assert_eq!(
                bench.ask(store.password(&alice)).unwrap().as_deref(),
                Some("$argon2id$x")
            );
        }
        if version >= 7 {
            let hooks = bench.ask(store.webhooks(&bob)).unwrap();
            assert_eq!(hooks.len(), 1, "version {version}");
            let waiting = bench.ask(store.next_delivery(hooks[0].id)).unwrap();
            assert!(
                waiting.is_some(),
                "version {version}: what was yet to be told"
            );
        }
    }
}

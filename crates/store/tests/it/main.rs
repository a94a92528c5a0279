//! The store from outside: the contract that every database behind it must keep, and what a killed process leaves behind.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod chats;
mod contract;
mod crash;
mod directory;
mod invitations;
mod migrations;
mod modes;
mod people;
mod sign_in;
mod webhooks;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use store::{Direction, NewMessage, Store};
use tokio::runtime::Runtime;

/// A store in a directory of its own, and a runtime to ask it with. The contract's tests use nothing of SQLite: another
/// database joins by being opened here.
struct Bench {
    runtime: Runtime,
    store: Store,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            runtime: runtime(),
            store: Store::open(directory.path()).unwrap(),
            directory,
        }
    }

    fn ask<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// Closes the store and opens it again, as a restart does.
    fn reopen(self) -> Self {
        self.store.close();
        let Self {
            runtime,
            store,
            directory,
        } = self;
        drop(store);
        let store = Store::open(directory.path()).unwrap();
        Self {
            runtime,
            store,
            directory,
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn account(user: &str, name: &str) -> store::Account {
    store::Account {
        aor: aor(user),
        display_name: name.to_owned(),
        kind: store::AccountKind::Person,
        language: Some("en".to_owned()),
        ports: 10,
        created_at: 1000,
    }
}

fn aor(user: &str) -> convoke_types::Aor {
    format!("{user}@x.org").parse().unwrap()
}

fn chat(from: &str, to: &str, at: i64, body: &str) -> NewMessage {
    NewMessage {
        at,
        from: Arc::from(from),
        to: Arc::from(to),
        device: None,
        content_type: "text/plain".to_owned(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        direction: Direction::Relayed,
        control: false,
        keep: true,
    }
}

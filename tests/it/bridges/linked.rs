//! The link to a bridge in another process, as the owner of its conferences holds it.

use std::time::Duration;

use bridges::link::{Link, LinkConfig, LinkEvent, LinkSender};
use convoke_tests::convoke::Convoke;
use runtime::clock;
use runtime::tasks::{Shutdown, Tasks};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// A link that is open, or opens itself.
pub struct Linked {
    /// For what is asked of the bridge.
    pub sender: LinkSender,
    events: mpsc::Receiver<LinkEvent>,
    runtime: Runtime,
    _tasks: Tasks,
}

impl Linked {
    /// To the bridge of this process, with the secret that it has made.
    pub fn to(convoke: &Convoke) -> Self {
        Self::with(convoke, &secret_of(convoke))
    }

    /// The same, with this secret.
    pub fn with(convoke: &Convoke, secret: &str) -> Self {
        let config = LinkConfig {
            name: "the bridge".into(),
            url: url_of(convoke),
            secret: secret.into(),
            tls: None,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let tasks = Tasks::new(Shutdown::new());
        let (sender, events) = runtime.block_on(async { Link::open(config, &tasks) });
        Self {
            sender,
            events,
            runtime,
            _tasks: tasks,
        }
    }

    /// The next event; `None` when none came in time.
    pub fn next(&mut self, limit: Duration) -> Option<LinkEvent> {
        let next = clock::within(limit, self.events.recv());
        let event = self.runtime.block_on(next).ok()?;
        Some(event.expect("the link is open"))
    }
}

/// Where the bridge of this process is commanded.
pub fn url_of(convoke: &Convoke) -> String {
    format!("ws://{}/bridge", convoke.addr("bridge").unwrap())
}

/// The secret of whoever commands the bridge of this process.
pub fn secret_of(convoke: &Convoke) -> String {
    let secret = std::fs::read_to_string(convoke.data().join("bridge.secret")).unwrap();
    secret.trim().to_owned()
}

//! A foreign video server as a bridge: the bridge protocol on one side, Janus' on the other. One task, the hub, owns the protocol
//! ([`crate::janus`]); one holds the connection to Janus, and one each those to who commands.
//!
//! Several may command at once: who prepares conferences, and who owns the dialogs. Each hears what becomes of what they asked for, and all
//! hear what can be seen and what is over.

mod clients;
mod hub;
mod wire;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use runtime::clock;
use runtime::tasks::Tasks;
use rustls::ClientConfig;
use tokio::sync::mpsc;

use crate::janus::{Janus, Settings};

pub use clients::PATH;

/// What comes to the hub and waits there. While it is full, nobody is read.
const INPUTS_MAX: usize = 1024;
/// Texts that wait for Janus, or for one who commands, beside those of the greatest burst. More means that nobody reads them.
const TEXTS_MAX: usize = 1024;

/// How an adapter is set up.
#[derive(Clone)]
pub struct AdapterConfig {
    /// Where Janus is: `ws://127.0.0.1:8188`.
    pub janus_url: String,
    /// Whom `wss` trusts there.
    pub tls: Option<Arc<ClientConfig>>,
    /// The secret that who commands must show.
    pub secret: String,
    /// What the protocol needs to know.
    pub settings: Settings,
}

impl fmt::Debug for AdapterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdapterConfig")
            .field("janus_url", &self.janus_url)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Starts an adapter in a group of tasks, and gives the route ([`PATH`]) under which it is commanded. At the end of the group it ends the
/// conferences that Janus has.
pub fn start(config: AdapterConfig, tasks: &Tasks) -> Router {
    let (inputs, receiver) = mpsc::channel(INPUTS_MAX);
    let texts_max = TEXTS_MAX + config.settings.burst();
    let wire = wire::Wire {
        url: config.janus_url,
        tls: config.tls,
        inputs: inputs.clone(),
        texts_max,
        shutdown: tasks.shutdown_token().clone(),
    };
    tasks.spawn("janus connection", wire.run());
    let hub = hub::Hub::new(Janus::new(config.settings, clock::now()));
    let stop = tasks.shutdown_token().clone();
    tasks.spawn_vital("janus adapter", hub.run(receiver, stop));
    clients::router(&config.secret, inputs, texts_max, tasks)
}

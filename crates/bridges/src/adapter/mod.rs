//! A foreign server as a bridge: the bridge protocol on one side, Janus' on the other. One task, the hub, owns the protocol
//! ([`crate::janus`]); one holds the connection to Janus, and one each those to who commands. For sound our own media bridge stands
//! between the telephones and Janus (`edge`).
//!
//! Several may command at once: who prepares conferences, and who owns the dialogs. Each hears what becomes of what they asked for, and all
//! hear what can be seen and what is over.

mod clients;
mod edge;
mod hub;
mod wire;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use convoke_types::media::{MediaCommand, MediaEvent};
use media::{AsyncEvents, Engine};
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

/// Commands for our media bridge that wait, for each leg: what makes it, changes it and ends it, of both its halves.
const COMMANDS_EACH: usize = 16;

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
    /// Where telephones send their sound to.
    pub media: media::Config,
    /// Where Janus sends its sound to: an address of the same sockets.
    pub beside: IpAddr,
}

/// Why an adapter does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Our media bridge does not.
    #[error(transparent)]
    Media(#[from] media::StartError),
    /// Its events cannot be waited for.
    #[error("expected to watch the media bridge, came: {0}")]
    Watch(#[from] io::Error),
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
///
/// # Errors
/// When the system refuses what our media bridge needs.
pub fn start(config: AdapterConfig, tasks: &Tasks) -> Result<Router, StartError> {
    let (inputs, receiver) = mpsc::channel(INPUTS_MAX);
    let texts_max = TEXTS_MAX + config.settings.burst();
    let (engine, events) = Engine::start(&config.media)?;
    let events = events.into_async()?;
    let legs = config.settings.capacity as usize;
    let (commands, to_engine) = mpsc::channel::<MediaCommand>(COMMANDS_EACH * legs.max(1));
    let (refusals, refused) = mpsc::channel(INPUTS_MAX);
    tasks.spawn(
        "media commands",
        media::hand_over(Arc::new(engine), to_engine, refusals),
    );
    tasks.spawn("media events", pass_media(events, refused, inputs.clone()));
    let wire = wire::Wire {
        url: config.janus_url,
        tls: config.tls,
        inputs: inputs.clone(),
        texts_max,
        shutdown: tasks.shutdown_token().clone(),
    };
    tasks.spawn("janus connection", wire.run());
    let core = Janus::new(config.settings, clock::now());
    let hub = hub::Hub::new(core, edge::Edge::new(config.beside), commands);
    let stop = tasks.shutdown_token().clone();
    tasks.spawn_vital("janus adapter", hub.run(receiver, stop));
    Ok(clients::router(&config.secret, inputs, texts_max, tasks))
}

/// Ends with the media bridge, whose end it tells, or with the hub.
async fn pass_media(
    mut events: AsyncEvents,
    mut refused: mpsc::Receiver<MediaEvent>,
    inputs: mpsc::Sender<hub::Input>,
) {
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            Some(event) = refused.recv() => Some(event),
        };
        let over = event.is_none();
        let input = event.map_or(hub::Input::EngineGone, hub::Input::Engine);
        if inputs.send(input).await.is_err() || over {
            return;
        }
    }
}

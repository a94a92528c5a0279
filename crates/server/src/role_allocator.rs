//! The allocator role: the allocator's core as a user of the IM server, and its links to the video servers. It is handed its password and
//! nothing else of what this process has: no store, no accounts, no conferences.

mod core;

use std::collections::BTreeMap;
use std::time::Duration;

use allocator_core::{GatewayRoute, ServerNews};
use bridges::link::{LinkEvent, LinkSender};
use convoke_types::VideoServerName;
use runtime::clock;
use runtime::driver::drive;
use runtime::seed;
use runtime::sip::SipTransports;
use runtime::tasks::{Shutdown, Tasks};
use tokio::sync::mpsc;

use self::core::{AllocatorCore, CoreConfig, Input, Told};
use crate::config::Config;
use crate::im_account::{ImAccount, ImServerAddress, ServerSearch};
use crate::start::StartError;
use crate::video_servers;

/// Events of video servers and news that may wait for the core.
const INPUTS_MAX: usize = 4_096;
/// How long what is under way may take when the server goes down.
const DRAIN: Duration = Duration::from_secs(4);

/// Starts the allocator; it registers as soon as the IM server is there, and again whenever it comes back. `carriers` are the tasks that
/// end after those of `tasks`.
pub(crate) async fn start(
    config: &Config,
    account: &ImAccount<'_>,
    (server, password): (ImServerAddress, String),
    tasks: &Tasks,
    carriers: &Tasks,
) -> Result<SipTransports, StartError> {
    let (transports, mut events) = account.open(&server, carriers).await?;
    let ua = account.ua(&server, &transports, password)?;
    let trust = account.trust(&server, &ua);
    let mut core = AllocatorCore::new(CoreConfig {
        allocator: core_config(config, account)?,
        trust,
        ua,
        seed: seed::seed()?,
    });
    let (inputs, mut receiver) = mpsc::channel(INPUTS_MAX);
    let mut links = BTreeMap::new();
    // They end after the core, whose last words go over them.
    for link in video_servers::open(config, carriers)? {
        let name = server_name(&link.name)?;
        listen(name.clone(), link.events, inputs.clone(), tasks);
        links.insert(name, link.commands);
    }
    let search = ServerSearch::start("allocator", server, inputs.clone(), Input::Server, tasks);
    search.ask();
    let shutdown = tasks.shutdown_token().clone();
    let stop = Shutdown::new();
    tasks.spawn("allocator drain", drain(shutdown, inputs, stop.clone()));
    let wires = transports.clone();
    tasks.spawn_vital("allocator", async move {
        let stopped = drive(
            &mut core,
            &wires,
            &mut events,
            &mut receiver,
            &stop,
            |told, _now| match told {
                Told::Video { server, command } => {
                    let sent = links
                        .get(&server)
                        .map(|link: &LinkSender| link.video(command));
                    if let Some(Err(error)) = sent {
                        // The link tells that it is down, and the core does what is to be done then.
                        tracing::warn!(%server, %error, "a video server was not told");
                    }
                }
                Told::FindServer => search.ask(),
                Told::Drained => stop.cancel(),
            },
        )
        .await;
        stop.cancel();
        tracing::info!(?stopped, conferences = core.conferences(), "allocator ends");
    });
    Ok(transports)
}

fn core_config(
    config: &Config,
    account: &ImAccount<'_>,
) -> Result<allocator_core::Config, StartError> {
    let fault = |words: String| StartError::Part {
        part: "allocator",
        words,
    };
    let service = |user: &str| {
        convoke_types::Aor::new(user, account.domain()).map_err(|error| fault(error.to_string()))
    };
    let servers = config.video_server.iter();
    let servers = servers.map(|server| server_name(&server.name));
    let gateways = config.gateway_route.iter().map(|route| {
        GatewayRoute::new(&route.mode, &route.prefix, &route.template)
            .map_err(|error| fault(format!("gateway_route: {error}")))
    });
    // Printed in ids, so it is no part of the secret randomness.
    let instance = seed::seed()?;
    let instance = instance.iter().take(6).map(|byte| format!("{byte:02x}"));
    Ok(allocator_core::Config {
        identity: account.identity()?,
        conference: service(&config.gateway.user)?,
        modes: service(&config.im.modes)?,
        servers: servers.collect::<Result<_, _>>()?,
        gateways: gateways.collect::<Result<_, _>>()?,
        window: config.allocator.window_url.clone(),
        instance: instance.collect(),
        seed: seed::seed()?,
    })
}

fn server_name(name: &str) -> Result<VideoServerName, StartError> {
    name.parse().map_err(|error| StartError::Part {
        part: "allocator",
        words: format!("video_server.name: {error}"),
    })
}

/// Passes on what one video server tells.
fn listen(
    server: VideoServerName,
    mut events: mpsc::Receiver<LinkEvent>,
    inputs: mpsc::Sender<Input>,
    tasks: &Tasks,
) {
    tasks.spawn(format!("allocator's link to {server}"), async move {
        // The link goes on for a while when the core has ended.
        while let Some(event) = tokio::select! {
            event = events.recv() => event,
            () = inputs.closed() => None,
        } {
            let news = match event {
                LinkEvent::Up(says) | LinkEvent::Announce(says) => ServerNews::Announced(says),
                LinkEvent::Video(event) => ServerNews::Event(event),
                LinkEvent::Down { words } => ServerNews::Lost(words),
                // Sound is no concern of the allocator's.
                LinkEvent::Media(_) => continue,
            };
            let server = server.clone();
            if inputs.send(Input::Video { server, news }).await.is_err() {
                return;
            }
        }
    });
}

/// At the shutdown: lets requests that are worked on come to their end, within a bounded time.
async fn drain(shutdown: Shutdown, inputs: mpsc::Sender<Input>, stop: Shutdown) {
    tokio::select! {
        () = stop.cancelled() => return,
        () = shutdown.cancelled() => {}
    }
    let told = inputs.send(Input::Drain).await.is_ok();
    if told && clock::within(DRAIN, stop.cancelled()).await.is_err() {
        tracing::warn!("requests for video conferences that were under way are given up");
    }
    stop.cancel();
}

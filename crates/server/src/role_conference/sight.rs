//! The pictures of SIP video rooms: who carries them, between telephony and the video servers.

use bridges::sight::{self, SightConfig};
use convoke_types::sight::{SightCommand, SightEvent};
use runtime::tasks::Tasks;
use tokio::sync::mpsc;

use super::bridge::Input;
use crate::config::Config;
use crate::start::StartError;
use crate::video_servers;

/// Starts it, with links of its own to the video servers; gives the way in. What it tells goes to telephony.
pub(super) fn start(
    config: &Config,
    inputs: mpsc::Sender<Input>,
    tasks: &Tasks,
) -> Result<mpsc::Sender<SightCommand>, StartError> {
    let links = video_servers::open(config, tasks)?.into_iter();
    let media = &config.media;
    let settings = SightConfig {
        bind: media.bind,
        advertised: media.advertised,
        ports: (media.port_min, media.port_max),
        servers: links
            .map(|link| (link.name, link.commands, link.events))
            .collect(),
    };
    let (commands, events) = sight::start(settings, tasks);
    tasks.spawn("what video rooms tell", pass(events, inputs));
    Ok(commands)
}

async fn pass(mut events: mpsc::Receiver<SightEvent>, inputs: mpsc::Sender<Input>) {
    while let Some(event) = events.recv().await {
        if inputs.send(Input::Sight(event)).await.is_err() {
            return;
        }
    }
    // Telephony may have ended before.
    let _ = inputs.send(Input::SightLost).await;
}

/// Hands over what is asked.
pub(super) fn to_sight(commands: &mpsc::Sender<SightCommand>, command: SightCommand) {
    if commands.try_send(command).is_err() {
        tracing::error!("a video room was not told something");
    }
}

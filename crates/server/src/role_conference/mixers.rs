//! Bridges that mix the sound in place of our own, each at the other end of a link, or ours on standby: runs [`Sound`], which says which of
//! them has which conference.

use std::sync::Weak;

use bridges::link::{Link, LinkEvent, LinkSender};
use convoke_types::bridge_protocol::{Announcement, Feature};
use convoke_types::media::{MediaCommand, MediaEvent};
use media::Engine;
use runtime::tasks::Tasks;
use sound_core::{News, Output, Sound};
use tokio::sync::mpsc;

use super::bridge::{INPUTS_MAX, Own, start_engine};
use crate::config::{Config, MediaBridgeSettings};
use crate::start::StartError;
use crate::video_servers::{Reached, link_config};

/// What bridges tell, by their places, that may wait.
const HEARD_MAX: usize = 1_024;

/// What is asked of a bridge goes here.
enum Way {
    Link(LinkSender),
    Own(mpsc::Sender<MediaCommand>),
}

/// Opens what the configuration names. Gives what is told, and our own bridge, if it is one of them.
pub(super) fn open(
    config: &Config,
    commands: mpsc::Receiver<MediaCommand>,
    tasks: &Tasks,
) -> Result<(mpsc::Receiver<News>, Weak<Engine>), StartError> {
    let (into, heard) = mpsc::channel(HEARD_MAX);
    let mut own = Weak::new();
    let mut ways = Vec::new();
    for (place, bridge) in config.media_bridge.iter().enumerate() {
        let task = format!("media bridge {}", bridge.name);
        let into = into.clone();
        ways.push(if bridge.url.is_empty() {
            let ours = start_engine(config, tasks)?;
            own = ours.engine;
            tasks.spawn_vital(task, pass_own(place, ours.own, into));
            Way::Own(ours.commands)
        } else {
            let (sender, events) = Link::open(link_config(config, &reached(bridge))?, tasks);
            tasks.spawn_vital(task, pass_link(place, bridge.name.clone(), events, into));
            Way::Link(sender)
        });
    }
    let bridges = config.media_bridge.iter();
    let bridges = bridges.map(|bridge| (bridge.name.clone(), bridge.url.is_empty()));
    let (told, news) = mpsc::channel(INPUTS_MAX);
    let sound = Sound::new(bridges);
    tasks.spawn_vital("media bridges", run(sound, ways, commands, heard, told));
    Ok((news, own))
}

fn reached(bridge: &MediaBridgeSettings) -> Reached<'_> {
    Reached {
        name: &bridge.name,
        url: &bridge.url,
        secret: bridge.secret.as_ref(),
        tls_roots: &bridge.tls_roots,
    }
}

/// Ends when nobody commands any more, or takes what is told.
async fn run(
    mut sound: Sound,
    ways: Vec<Way>,
    mut commands: mpsc::Receiver<MediaCommand>,
    mut heard: mpsc::Receiver<(usize, LinkEvent)>,
    told: mpsc::Sender<News>,
) {
    loop {
        tokio::select! {
            biased;
            Some((place, event)) = heard.recv() => match event {
                LinkEvent::Up(said) | LinkEvent::Announce(said) => {
                    sound.handle_announcement(place, said);
                }
                LinkEvent::Media(event) => sound.handle_event(place, event),
                LinkEvent::Down { words } => sound.handle_down(place, &words),
                LinkEvent::Video(_) => {}
            },
            command = commands.recv() => {
                let Some(command) = command else { return };
                sound.handle_command(command);
            }
        }
        while let Some(output) = sound.poll_output() {
            match output {
                Output::Command { bridge, command } => {
                    let refused = ways.get(bridge).and_then(|way| way.refuses(command));
                    if let Some(event) = refused {
                        sound.handle_event(bridge, event);
                    }
                }
                Output::News(news) => {
                    if told.send(news).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

impl Way {
    /// Hands a command on; what is answered, and cannot be, is answered here. A link that misses a command is down: that is told next, and
    /// all of its conferences go elsewhere.
    fn refuses(&self, command: MediaCommand) -> Option<MediaEvent> {
        let leg = command.answered().cloned();
        match self {
            Way::Link(link) => {
                let _ = link.media(command);
                None
            }
            Way::Own(ours) => {
                let error = ours.try_send(command).err()?;
                tracing::error!(%error, "a command found no room at our own bridge");
                let words = error.to_string();
                leg.map(|leg| MediaEvent::Failed { leg, words })
            }
        }
    }
}

/// Hands on what a bridge tells, and logs what it says of itself.
async fn pass_link(
    place: usize,
    name: String,
    mut events: mpsc::Receiver<LinkEvent>,
    into: mpsc::Sender<(usize, LinkEvent)>,
) {
    let mut said = None;
    while let Some(event) = events.recv().await {
        match &event {
            LinkEvent::Up(announced) | LinkEvent::Announce(announced) => {
                let now = Some(announced.not_ready());
                if said != now {
                    look_at(&name, announced);
                    said = now;
                }
            }
            LinkEvent::Down { .. } => said = None,
            LinkEvent::Media(_) | LinkEvent::Video(_) => {}
        }
        if into.send((place, event)).await.is_err() {
            return;
        }
    }
}

/// Likewise of our own, which is there until this process ends.
async fn pass_own(place: usize, mut own: Own, into: mpsc::Sender<(usize, LinkEvent)>) {
    let announced = Announcement {
        product: format!("Convoke {}", env!("CARGO_PKG_VERSION")),
        features: Feature::OURS.to_vec(),
        capacity: u32::MAX,
        legs: 0,
        ready: true,
        refusal: None,
        why: None,
    };
    let mut event = LinkEvent::Up(announced);
    while into.send((place, event)).await.is_ok() {
        event = match own.next().await {
            Some(next) => LinkEvent::Media(next),
            None => {
                let words = "it has stopped".to_owned();
                let _ = into.send((place, LinkEvent::Down { words })).await;
                return;
            }
        };
    }
}

/// Says what cannot be done with such a bridge; it answers so itself whenever it is asked.
fn look_at(bridge: &str, announced: &Announcement) {
    let product = &*announced.product;
    if let Some(words) = announced.not_ready() {
        let what = "the media bridge is there, and what it stands for is not";
        tracing::warn!(bridge, product, words, "{what}");
    } else if !announced.features.contains(&Feature::Audio) {
        tracing::error!(bridge, product, "the media bridge mixes no sound");
    } else if !announced.features.contains(&Feature::Prompts) {
        let what = "the media bridge speaks no sentences: nobody passes the guard";
        tracing::warn!(bridge, product, "{what}");
    } else {
        tracing::info!(bridge, product, "the media bridge is ready");
    }
}

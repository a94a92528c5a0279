//! A bridge elsewhere that mixes the sound in place of our own: what telephony and browsers' calls ask for goes over the bridge protocol.

use bridges::link::{Link, LinkEvent, LinkSender};
use convoke_types::bridge_protocol::{Announcement, Feature};
use convoke_types::media::{MediaCommand, MediaEvent};
use runtime::tasks::Tasks;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::start::StartError;
use crate::video_servers::{Reached, link_config};

/// What it is called, in words and logs.
const NAME: &str = "media.bridge";

/// Opens the link, and gives what is told over it.
pub(super) fn open(
    config: &Config,
    url: &str,
    commands: mpsc::Receiver<MediaCommand>,
    events_max: usize,
    tasks: &Tasks,
) -> Result<mpsc::Receiver<MediaEvent>, StartError> {
    let media = &config.media;
    let reached = Reached {
        name: NAME,
        url,
        secret: media.bridge_secret.as_ref(),
        tls_roots: &media.bridge_tls_roots,
    };
    let (sender, link) = Link::open(link_config(config, &reached)?, tasks);
    let (told, events) = mpsc::channel(events_max);
    tasks.spawn_vital(NAME, carry(sender, commands, link, told));
    Ok(events)
}

/// Ends with the link, or when nobody takes or gives anything any more.
async fn carry(
    sender: LinkSender,
    mut commands: mpsc::Receiver<MediaCommand>,
    mut link: mpsc::Receiver<LinkEvent>,
    told: mpsc::Sender<MediaEvent>,
) {
    // Why there is nothing to command; what a person reads.
    let mut away = Some("the media bridge was not reached yet".to_owned());
    let mut said = None;
    loop {
        let event = tokio::select! {
            biased;
            event = link.recv() => match event {
                Some(LinkEvent::Up(announced)) => {
                    if said.replace(announced.not_ready()) != Some(announced.not_ready()) {
                        look_at(&announced);
                    }
                    away = None;
                    continue;
                }
                Some(LinkEvent::Announce(announced)) => {
                    if said.replace(announced.not_ready()) != Some(announced.not_ready()) {
                        look_at(&announced);
                    }
                    continue;
                }
                Some(LinkEvent::Media(event)) => event,
                Some(LinkEvent::Video(_)) => continue,
                Some(LinkEvent::Down { words }) => {
                    let words = format!("the media bridge is lost: {words}");
                    (away, said) = (Some(words.clone()), None);
                    MediaEvent::Gone { words }
                }
                None => return,
            },
            command = commands.recv() => {
                let Some(command) = command else { return };
                match refused(&sender, command, away.as_deref()) {
                    Some(event) => event,
                    None => continue,
                }
            }
        };
        if told.send(event).await.is_err() {
            return;
        }
    }
}

/// Hands a command on; what is answered, and cannot be, is answered here. The rest is told by `Down`.
fn refused(sender: &LinkSender, command: MediaCommand, away: Option<&str>) -> Option<MediaEvent> {
    let answered = command.answered().cloned();
    let error = sender.media(command).err()?;
    let words = away.map_or_else(|| error.to_string(), str::to_owned);
    answered.map(|leg| MediaEvent::Failed { leg, words })
}

/// Says what cannot be done with such a bridge; it answers so itself whenever it is asked.
fn look_at(announced: &Announcement) {
    let product = &*announced.product;
    if let Some(words) = announced.not_ready() {
        tracing::warn!(
            product,
            words,
            "the media bridge is there, and what it stands for is not"
        );
    } else if !announced.features.contains(&Feature::Audio) {
        tracing::error!(product, "the media bridge mixes no sound");
    } else if !announced.features.contains(&Feature::Prompts) {
        tracing::warn!(
            product,
            "the media bridge speaks no sentences: nobody passes the guard"
        );
    } else {
        tracing::info!(product, "the media bridge is ready");
    }
}

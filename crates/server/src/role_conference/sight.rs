//! The pictures of SIP video rooms: who carries them, between telephony and the video servers.

use std::collections::VecDeque;

use bridges::sight::{self, SightConfig};
use convoke_types::sight::{SightCommand, SightEvent};
use runtime::tasks::Tasks;
use tokio::sync::mpsc;

use super::bridge::Input;
use crate::config::Config;
use crate::start::StartError;
use crate::video_servers;

/// Commands that were not looked at yet.
const QUEUE_MAX: usize = 1_024;
/// Commands that are kept until they are taken.
const WAITING_MAX: usize = 16_384;

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
    let (sender, asked) = mpsc::channel(QUEUE_MAX);
    tasks.spawn("what video rooms are told", hand_on(asked, commands));
    Ok(sender)
}

/// Hands on what is asked, and keeps it while it is not taken: who asks cannot wait, and asks only once.
async fn hand_on(mut asked: mpsc::Receiver<SightCommand>, commands: mpsc::Sender<SightCommand>) {
    let mut waiting = VecDeque::new();
    loop {
        tokio::select! {
            command = asked.recv(), if waiting.len() < WAITING_MAX => match command {
                Some(command) => {
                    waiting.retain(|earlier| !takes_its_place(&command, earlier));
                    waiting.push_back(command);
                }
                None => break,
            },
            place = commands.reserve(), if !waiting.is_empty() => match place {
                Ok(place) => {
                    if let Some(command) = waiting.pop_front() {
                        place.send(command);
                    }
                }
                Err(_) => return,
            },
        }
    }
    for command in waiting {
        if commands.send(command).await.is_err() {
            return;
        }
    }
}

/// Whether the earlier one is of no use any more where this one follows it.
fn takes_its_place(command: &SightCommand, earlier: &SightCommand) -> bool {
    use SightCommand::{Connect, Hide, Server, Speaker};
    match (command, earlier) {
        (
            Server { conference, .. },
            Server {
                conference: other, ..
            },
        )
        | (
            Speaker { conference, .. },
            Speaker {
                conference: other, ..
            },
        ) => conference == other,
        (
            Hide {
                conference,
                participant,
                ..
            },
            Hide {
                conference: other,
                participant: whose,
                ..
            },
        ) => conference == other && participant == whose,
        (Connect { leg, .. }, Connect { leg: other, .. }) => leg == other,
        _ => false,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_finds_nobody_who_takes_it_waits_and_the_last_server_counts() {
        let (commands, mut taken) = mpsc::channel(1);
        let (sender, asked) = mpsc::channel(8);
        let server = |conference: &str, server: &str| SightCommand::Server {
            conference: conference.parse().unwrap(),
            server: server.parse().unwrap(),
        };
        let told = [
            server("c0", "one"),
            server("c1", "one"),
            server("c2", "one"),
            server("c1", "two"),
            server("c1", "three"),
        ];
        // Somebody else's fills the queue.
        commands.try_send(server("c9", "one")).unwrap();
        for command in told {
            to_sight(&sender, command);
        }
        drop(sender);
        let handing = hand_on(asked, commands);
        let taking = async {
            let mut all = Vec::new();
            // All were asked for before the first of them is taken.
            tokio::task::yield_now().await;
            while let Some(command) = taken.recv().await {
                all.push(command);
            }
            all
        };
        let ((), all) = tokio::join!(handing, taking);
        let expected = [
            server("c9", "one"),
            server("c0", "one"),
            server("c2", "one"),
            server("c1", "three"),
        ];
        assert_eq!(all, expected);
    }
}

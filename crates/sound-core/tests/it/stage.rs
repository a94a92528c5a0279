//! Bridges that are played by the test.

use std::net::SocketAddr;

use convoke_types::bridge_protocol::{Announcement, Feature};
use convoke_types::media::{Codec, MediaCommand, MediaEvent, StreamParams};
use convoke_types::{ConferenceId, LegKey};
use sound_core::{News, Output, Sound};

pub struct Stage {
    pub sound: Sound,
    commands: Vec<(usize, MediaCommand)>,
    news: Vec<News>,
    /// Which conferences were told to have a bridge, and what that cannot do.
    pub mixes: Vec<(ConferenceId, Vec<Feature>)>,
}

impl Stage {
    pub fn new<const N: usize>(names: [&str; N]) -> Self {
        Self {
            sound: Sound::new(names.map(|name| (name.to_owned(), name == "standby"))),
            commands: Vec::new(),
            news: Vec::new(),
            mixes: Vec::new(),
        }
    }

    pub fn up(&mut self, bridge: usize, capacity: u32) {
        self.up_with(bridge, capacity, &[Feature::Audio, Feature::Prompts]);
    }

    pub fn up_with(&mut self, bridge: usize, capacity: u32, features: &[Feature]) {
        let announcement = Announcement {
            product: "Bridge 1".into(),
            features: features.to_vec(),
            capacity,
            legs: 0,
            ready: true,
            refusal: None,
            why: None,
        };
        self.sound.handle_announcement(bridge, announcement);
    }

    /// Gives a command; what is asked of bridges then.
    pub fn command(&mut self, command: MediaCommand) -> Vec<(usize, MediaCommand)> {
        self.sound.handle_command(command);
        self.commands()
    }

    /// A bridge tells this; what is asked of bridges then.
    pub fn event(&mut self, bridge: usize, event: MediaEvent) -> Vec<(usize, MediaCommand)> {
        self.sound.handle_event(bridge, event);
        self.commands()
    }

    /// What was asked since this was last looked at.
    pub fn commands(&mut self) -> Vec<(usize, MediaCommand)> {
        self.take();
        std::mem::take(&mut self.commands)
    }

    /// What was told since this was last looked at.
    pub fn news(&mut self) -> Vec<News> {
        self.take();
        std::mem::take(&mut self.news)
    }

    fn take(&mut self) {
        while let Some(output) = self.sound.poll_output() {
            match output {
                Output::Command { bridge, command } => self.commands.push((bridge, command)),
                Output::News(News::Mixes { conference, absent }) => {
                    self.mixes.push((conference, absent));
                }
                Output::News(news) => self.news.push(news),
            }
        }
    }
}

pub fn conference(id: &str) -> ConferenceId {
    format!("c{id}").parse().unwrap()
}

/// `CONFERENCE.LEG`.
pub fn key(name: &str) -> LegKey {
    let (id, leg) = name.split_once('.').unwrap();
    LegKey {
        conference: conference(id),
        leg: leg.parse().unwrap(),
    }
}

pub fn local(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 4_000))
}

pub fn params() -> StreamParams {
    StreamParams {
        remote: local(9),
        codec: Codec::Pcmu,
        payload_type: 0,
        dtmf_payload_type: None,
        ptime_ms: 20,
        send: true,
        receive: true,
    }
}

//! A video server as the owner of conferences sees it: a bridge that is commanded over the bridge protocol; and people with browsers.

use std::collections::VecDeque;
use std::time::Duration;

use bridges::link::LinkEvent;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::pictures::{Pictures, Seen};
use convoke_types::bridge_protocol::Announcement;
use convoke_types::media::{MediaCommand, MediaEvent};
use convoke_types::video::{Picture, VideoCommand, VideoEvent, VideoGuest};
use convoke_types::{ConferenceId, LegKey, Mode, ParticipantId};

use crate::bridges::linked::{Linked, secret_of};

/// Nothing here takes so long.
const LIMIT: Duration = Duration::from_secs(30);

/// Who commands.
pub struct Owner {
    linked: Linked,
    /// Events that came while another was waited for.
    kept: VecDeque<VideoEvent>,
    /// Of sound.
    media: VecDeque<MediaEvent>,
    /// Why the bridge was not there, when that was told last.
    down: Option<String>,
    /// What the bridge said last of itself.
    pub announced: Announcement,
}

impl Owner {
    /// Of the bridge that this process has, once it is ready.
    pub fn of(convoke: &Convoke) -> Self {
        let mut owner = Self::with(convoke, &secret_of(convoke));
        owner.until_ready(true);
        owner
    }

    /// One who shows this secret.
    pub fn with(convoke: &Convoke, secret: &str) -> Self {
        Self {
            linked: Linked::with(convoke, secret),
            kept: VecDeque::new(),
            media: VecDeque::new(),
            down: None,
            announced: Announcement {
                product: String::new(),
                features: vec![],
                capacity: 0,
                legs: 0,
                ready: false,
                refusal: None,
                why: None,
            },
        }
    }

    pub fn command(&self, command: VideoCommand) {
        self.linked.sender.video(command).unwrap();
    }

    /// Why the bridge is not there; waits for that.
    #[track_caller]
    pub fn until_down(&mut self) -> String {
        while self.down.is_none() {
            assert!(self.hear(), "nothing was told");
        }
        self.down.take().unwrap()
    }

    /// Asks for something of sound, and gives what is told of it.
    #[track_caller]
    pub fn ask_media(&mut self, command: MediaCommand) -> MediaEvent {
        self.linked.sender.media(command).unwrap();
        while self.media.is_empty() {
            assert!(self.hear(), "nothing was told");
        }
        self.media.pop_front().unwrap()
    }

    /// Waits until the bridge has promised so many legs.
    pub fn until_promised(&mut self, legs: u32) {
        while self.announced.legs != legs {
            assert!(self.hear(), "nothing was told");
        }
    }

    /// Waits until the bridge is ready, or is not any more.
    pub fn until_ready(&mut self, ready: bool) {
        while self.announced.ready != ready {
            assert!(self.hear(), "nothing was told");
        }
    }

    /// The first event, come already or still to come, in which something is found.
    #[track_caller]
    pub fn wait<T>(&mut self, what: &str, mut found: impl FnMut(&VideoEvent) -> Option<T>) -> T {
        let mut next = 0;
        loop {
            while let Some(event) = self.kept.get(next) {
                if let Some(wanted) = found(event) {
                    self.kept.remove(next);
                    return wanted;
                }
                next += 1;
            }
            if !self.hear() {
                panic!("no {what} came; there are {:#?}", self.kept);
            }
        }
    }

    /// Waits for exactly this.
    #[track_caller]
    pub fn expect(&mut self, expected: &VideoEvent) {
        self.wait(&format!("{expected:?}"), |event| {
            (event == expected).then_some(())
        });
    }

    /// Takes the next event; `false` when none came.
    fn hear(&mut self) -> bool {
        let Some(event) = self.linked.next(LIMIT) else {
            return false;
        };
        match event {
            LinkEvent::Up(announcement) | LinkEvent::Announce(announcement) => {
                self.announced = announcement;
            }
            LinkEvent::Video(event) => self.kept.push_back(event),
            LinkEvent::Media(event) => self.media.push_back(event),
            LinkEvent::Down { words } => self.down = Some(words),
        }
        true
    }

    /// Prepares the conference for these people, all of whom show and see.
    #[track_caller]
    pub fn prepare(&mut self, people: &[&str]) {
        self.command(prepare(people));
        let conference = conference();
        let serial = 1;
        self.expect(&VideoEvent::Prepared { conference, serial });
    }

    /// The camera of this person's browser is published by a leg of this name; done when it is answered. Gives the ICE user fragments of
    /// offer and answer.
    #[track_caller]
    pub fn publish(&mut self, browser: &mut Pictures, who: &str, name: &str) -> [String; 2] {
        let offer = browser.offer(name).unwrap();
        let offered = ufrag(&offer);
        self.command(VideoCommand::Publish {
            leg: leg(name),
            participant: person(who),
            offer,
        });
        let answer = self.wait("answer", |event| match event {
            VideoEvent::Answered { leg: of, answer } if *of == leg(name) => Some(answer.clone()),
            _ => None,
        });
        browser.answered(name, &answer).unwrap();
        [offered, ufrag(&answer)]
    }

    /// This person looks at what there is to see, by a leg of this name; gives whose pictures are where.
    #[track_caller]
    pub fn watch(&mut self, browser: &mut Pictures, who: &str, name: &str) -> Vec<Picture> {
        self.command(VideoCommand::Watch {
            leg: leg(name),
            participant: person(who),
        });
        let (offer, pictures) = self.wait("offer", |event| match event {
            VideoEvent::Offered {
                leg: of,
                offer,
                pictures,
            } if *of == leg(name) => Some((offer.clone(), pictures.clone())),
            _ => None,
        });
        if !offer.is_empty() {
            let answer = browser.answer_to(name, &offer).unwrap();
            let leg = leg(name);
            self.command(VideoCommand::Answer { leg, answer });
        }
        pictures
    }

    #[track_caller]
    pub fn until_visible(&mut self, who: &str, name: &str, on: bool) {
        self.expect(&VideoEvent::Visible {
            leg: leg(name),
            participant: person(who),
            on,
        });
    }

    #[track_caller]
    pub fn until_connected(&mut self, name: &str) {
        let leg = leg(name);
        self.expect(&VideoEvent::Connected { leg, on: true });
    }
}

/// The ICE user fragment of a description (RFC 8839 §5.4).
#[track_caller]
fn ufrag(sdp: &str) -> String {
    let line = sdp
        .lines()
        .find_map(|line| line.strip_prefix("a=ice-ufrag:"));
    line.unwrap().to_owned()
}

pub fn conference() -> ConferenceId {
    "c1".parse().unwrap()
}

pub fn person(who: &str) -> ParticipantId {
    who.parse().unwrap()
}

pub fn leg(name: &str) -> LegKey {
    LegKey {
        conference: conference(),
        leg: name.parse().unwrap(),
    }
}

pub fn prepare(people: &[&str]) -> VideoCommand {
    let guest = |who: &&str| VideoGuest {
        participant: person(who),
        name: (*who).to_owned(),
        mode: Mode::Computer,
        shows: true,
        sees: true,
    };
    VideoCommand::Prepare {
        conference: conference(),
        serial: 1,
        title: "the contract".into(),
        guests: people.iter().map(guest).collect(),
    }
}

/// Where the picture of this leg is.
#[track_caller]
pub fn section(pictures: &[Picture], name: &str) -> String {
    let found = pictures.iter().find(|picture| picture.leg == leg(name));
    found
        .unwrap_or_else(|| panic!("no picture of {name} in {pictures:?}"))
        .mid
        .clone()
}

/// The picture that arrives in a section is this one.
#[track_caller]
pub fn assert_sees(browser: &mut Pictures, name: &str, mid: &str, expected: Seen) {
    assert_eq!(browser.see(name, mid).unwrap(), expected);
}

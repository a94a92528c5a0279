//! A conference whose people show and see pictures: their clients, the focus and the video servers, word for word.

use std::time::Duration;

use bytes::Bytes;
use convoke_types::LegState::{self, Joined};
use convoke_types::bridge_protocol::{Announcement, Feature};
use convoke_types::video::{Picture, Refusal, VideoCommand, VideoEvent};
use convoke_types::{ConferenceId, LegKey, VideoServerName};
use sip_proto::{HeaderName, Message, Method};

use crate::scene::*;

pub const CONFERENCE: &str = "sip:conf-c1@example.org";
pub const SECOND: Duration = Duration::from_secs(1);
pub const ANSWER: &str = "v=0\r\no=- 2 1 IN IP4 192.0.2.2\r\ns=-\r\nt=0 0\r\n";
/// What a video server offers: the pictures of two sections.
pub const SEEN: &str = "v=0\r\no=- 3 1 IN IP4 192.0.2.3\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n\
                    m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n";

pub fn picture(rest: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=sendonly\r\n{rest}"
    )
}

pub fn c1() -> ConferenceId {
    "c1".parse().unwrap()
}

pub fn announcement(legs: u32) -> Announcement {
    Announcement {
        product: "Test 1".to_owned(),
        features: vec![Feature::Video],
        capacity: 100,
        legs,
        ready: true,
        refusal: None,
        why: None,
    }
}

/// A call of somebody's client.
pub struct Dialog {
    pub user: &'static str,
    pub call: String,
    pub to: String,
    pub seq: u32,
    /// The last INVITE, as it was sent.
    pub invite: String,
}

/// The conference, the people in it, and one video server that is up.
pub struct Stage {
    pub scene: Scene,
    pub people: Vec<(&'static str, LegState, bool)>,
    pub version: u64,
    /// The server that was chosen for it.
    pub video: Option<VideoServerName>,
    /// No server has it, as whoever chose that one says.
    pub lost: bool,
    /// Whose pictures a moderator hides.
    pub hidden: Vec<&'static str>,
    pub calls: u32,
}

impl Stage {
    pub fn new() -> Self {
        let mut stage = Self::away(1);
        stage.announce(0, 0);
        stage
    }

    /// With so many servers, all of which are away.
    pub fn away(servers: usize) -> Self {
        Self {
            scene: Scene::with_video(servers),
            people: vec![("alice", Joined, false), ("bob", Joined, false)],
            version: 1,
            video: None,
            lost: false,
            hidden: Vec::new(),
            calls: 0,
        }
    }

    pub fn announce(&mut self, server: usize, legs: u32) {
        let now = self.scene.now;
        let said = announcement(legs);
        self.scene.core.handle_video_announced(server, &said, now);
        self.scene.run();
    }

    pub fn lose(&mut self, server: usize) {
        let now = self.scene.now;
        let words = "The video server is lost";
        self.scene.core.handle_video_lost(server, words, now);
        self.scene.run();
    }

    pub fn event(&mut self, server: usize, event: VideoEvent) {
        let now = self.scene.now;
        self.scene.core.handle_video(server, event, now);
        self.scene.run();
    }

    /// The focus tells what the conference is like, if that is asked.
    pub fn tell(&mut self) {
        self.version += 1;
        let mut snapshot = conference(self.version, &self.people);
        snapshot.video = self.video.clone();
        snapshot.pictures_lost = self.lost;
        for entry in &mut snapshot.roster {
            entry.hidden = self.hidden.contains(&&*entry.participant.name);
        }
        self.scene.snapshot(snapshot);
    }

    pub fn set(&mut self, user: &str, state: LegState) {
        let one = self.people.iter_mut().find(|one| one.0 == user);
        one.unwrap().1 = state;
        self.tell();
    }

    /// Somebody's INVITE; without a body it asks for an offer.
    pub fn invite(&mut self, user: &'static str, body: &str) -> Dialog {
        self.calls += 1;
        let mut dialog = Dialog {
            user,
            call: format!("picture-{}", self.calls),
            to: CONFERENCE.to_owned(),
            seq: 0,
            invite: String::new(),
        };
        self.request(&mut dialog, "INVITE", body);
        dialog
    }

    pub fn request(&mut self, dialog: &mut Dialog, method: &str, body: &str) {
        let kind = match body {
            "" => "",
            _ => "Content-Type: application/sdp\r\n",
        };
        let bytes = self
            .scene
            .request(method, dialog.user, &dialog.to, &dialog.call, kind);
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let length = format!("Content-Length: {}\r\n", body.len());
        let mut text = text.replace("Content-Length: 0\r\n", &length) + body;
        let number = text.split("CSeq: ").nth(1).unwrap();
        let number: u32 = number.split(' ').next().unwrap().parse().unwrap();
        match method {
            "ACK" => {
                let (sent, acked) = (format!("CSeq: {number} "), format!("CSeq: {} ", dialog.seq));
                text = text.replace(&sent, &acked);
            }
            _ => dialog.seq = number,
        }
        if method == "INVITE" {
            dialog.invite.clone_from(&text);
        }
        self.scene.give(self.scene.flow, Bytes::from(text));
    }

    /// Cancels the last INVITE.
    pub fn cancel(&mut self, dialog: &Dialog) {
        let head = dialog.invite.split("\r\n\r\n").next().unwrap();
        let lines = head.lines().filter(|line| !line.starts_with("Content-"));
        let head: Vec<_> = lines.collect();
        let head = head.join("\r\n").replace("INVITE", "CANCEL");
        let cancel = format!("{head}\r\nContent-Length: 0\r\n\r\n");
        self.scene.give(self.scene.flow, Bytes::from(cancel));
    }

    /// The one final answer that was sent.
    pub fn answer(&mut self) -> Message {
        let sent = self.scene.sent();
        let mut finals: Vec<_> = sent
            .into_iter()
            .filter(|m| m.is_response() && m.status() != Some(100))
            .collect();
        assert_eq!(finals.len(), 1, "{finals:?}");
        finals.remove(0)
    }

    /// Status and words of a refusal.
    pub fn refused(&mut self) -> (u16, String) {
        let answer = self.answer();
        let line = String::from_utf8_lossy(answer.as_bytes()).into_owned();
        let line = line.lines().next().unwrap();
        let words = line.split_once(' ').unwrap().1.split_once(' ').unwrap().1;
        (answer.status().unwrap(), words.to_owned())
    }

    /// Answered 200: its session description.
    pub fn taken(&mut self, dialog: &mut Dialog) -> String {
        let ok = self.answer();
        assert_eq!(ok.status(), Some(200));
        let tag = ok.to().unwrap().tag().unwrap().to_owned();
        dialog.to = format!("<{CONFERENCE}>;tag={tag}");
        String::from_utf8(ok.body().to_vec()).unwrap()
    }

    /// The one thing that the video server was asked.
    pub fn asked(&mut self) -> VideoCommand {
        assert_eq!(self.scene.video.len(), 1, "{:?}", self.scene.video);
        self.scene.video.remove(0).1
    }

    pub fn quiet(&self) {
        assert!(self.scene.video.is_empty(), "{:?}", self.scene.video);
    }

    /// This server says that it is ready, in answer to what it was asked last; 0 where that was nothing.
    pub fn ready(&mut self, server: usize) {
        let serial = self.serial(server);
        let conference = c1();
        self.event(server, VideoEvent::Prepared { conference, serial });
    }

    fn serial(&self, server: usize) -> u32 {
        let serials = &self.scene.serials;
        serials.get(&server).copied().unwrap_or(0)
    }

    /// The conference is made ready: for whom.
    pub fn prepared(&mut self, server: usize) -> Vec<String> {
        let (at, command) = self.scene.video.remove(0);
        assert_eq!(at, server);
        let VideoCommand::Prepare {
            conference,
            title,
            guests,
            ..
        } = command
        else {
            panic!("{command:?}");
        };
        assert_eq!((conference, title.as_str()), (c1(), "Budget"));
        self.ready(server);
        guests.into_iter().map(|guest| guest.name).collect()
    }

    /// Shows a picture that all can see: its call and leg.
    pub fn shows(&mut self, user: &'static str, rest: &str) -> (Dialog, LegKey) {
        let offer = picture(rest);
        let mut dialog = self.invite(user, &offer);
        if self.scene.watched.len() == 1 && self.version == 1 {
            self.tell();
            assert_eq!(self.prepared(0), ["alice", "bob"]);
        }
        let VideoCommand::Publish {
            leg,
            offer: came,
            participant,
        } = self.asked()
        else {
            panic!("not published");
        };
        assert_eq!(came, offer);
        let answered = VideoEvent::Answered {
            leg: leg.clone(),
            answer: ANSWER.to_owned(),
        };
        self.event(0, answered);
        assert_eq!(self.taken(&mut dialog), ANSWER);
        self.request(&mut dialog, "ACK", "");
        for event in [
            VideoEvent::Connected {
                leg: leg.clone(),
                on: true,
            },
            VideoEvent::Visible {
                leg: leg.clone(),
                participant,
                on: true,
            },
        ] {
            self.event(0, event);
        }
        self.quiet();
        (dialog, leg)
    }

    /// Sees what `legs` show: the call and its leg.
    pub fn sees(&mut self, user: &'static str, legs: &[(&str, &LegKey)]) -> (Dialog, LegKey) {
        let mut dialog = self.invite(user, "");
        let VideoCommand::Watch { leg, .. } = self.asked() else {
            panic!("not watched");
        };
        self.offer(&leg, legs);
        let offer = self.taken(&mut dialog);
        for (mid, (participant, _)) in legs.iter().enumerate() {
            let section = format!("a=mid:{mid}\r\na=label:{participant}-1\r\n");
            assert!(offer.contains(&section), "{offer}");
        }
        self.quiet();
        self.request(&mut dialog, "ACK", ANSWER);
        let answer = VideoCommand::Answer {
            leg: leg.clone(),
            answer: ANSWER.to_owned(),
        };
        assert_eq!(self.asked(), answer);
        // Repeated.
        self.request(&mut dialog, "ACK", ANSWER);
        self.quiet();
        self.event(
            0,
            VideoEvent::Connected {
                leg: leg.clone(),
                on: true,
            },
        );
        (dialog, leg)
    }

    pub fn offer(&mut self, leg: &LegKey, legs: &[(&str, &LegKey)]) {
        let section = |(mid, (participant, leg)): (usize, &(&str, &LegKey))| Picture {
            mid: mid.to_string(),
            participant: participant.parse().unwrap(),
            leg: (*leg).clone(),
        };
        let pictures = legs.iter().enumerate().map(section).collect();
        let offer = match legs {
            [] => String::new(),
            _ => SEEN.to_owned(),
        };
        self.event(
            0,
            VideoEvent::Offered {
                leg: leg.clone(),
                offer,
                pictures,
            },
        );
    }

    /// A BYE was sent: its Reason.
    pub fn bye(&mut self) -> String {
        let bye = self.scene.one("BYE");
        assert_eq!(bye.method_ref(), Some(&Method::Bye));
        self.scene.answer(&bye, 200);
        bye.header(HeaderName::Reason).unwrap().to_owned()
    }

    /// A server has ended the conference, as it was asked to.
    pub fn ended(&mut self, server: usize) {
        let conference = c1();
        let lost = None;
        self.event(server, VideoEvent::Ended { conference, lost });
    }

    pub fn refuse(&mut self, server: usize, words: &str) {
        let refused = VideoEvent::Refused {
            conference: c1(),
            serial: self.serial(server),
            refusal: Refusal::Full,
            words: words.to_owned(),
        };
        self.event(server, refused);
    }

    pub fn failed(&mut self, leg: LegKey) {
        let words = "expected VP8".to_owned();
        self.event(0, VideoEvent::Failed { leg, words });
    }
}

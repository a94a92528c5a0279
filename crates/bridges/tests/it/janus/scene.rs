//! A Janus that says what a test wants it to, and the protocol that talks to it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bridges::janus::{Asker, Input, Janus, Output, Settings, SoundEvent};
use convoke_types::bridge_protocol::Announcement;
use convoke_types::video::{VideoCommand, VideoEvent, VideoGuest};
use convoke_types::{LegKey, Mode};
use serde_json::{Value, json};

pub const SESSION: u64 = 4_510_453_364_335_568;
pub const CONTROL: u64 = 7_926_141_992_776_999;
pub const OFFER: &str = "v=0\r\ns=-\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\na=mid:0\r\n";

pub struct Scene {
    pub core: Janus,
    pub now: Instant,
    requests: VecDeque<Value>,
    events: VecDeque<VideoEvent>,
    pub sounds: VecDeque<SoundEvent>,
    /// Whom answers were for.
    pub askers: Vec<Asker>,
    pub announced: Option<Announcement>,
    pub dropped: Option<String>,
}

impl Scene {
    /// Not connected yet.
    pub fn new(capacity: u32) -> Self {
        let now = runtime::clock::now();
        let settings = Settings {
            api_secret: Some("s3cret".into()),
            admin_key: None,
            capacity,
            bitrate: 1_000_000,
            seed: [7; 32],
        };
        let mut scene = Self {
            core: Janus::new(settings, now),
            now,
            requests: VecDeque::new(),
            events: VecDeque::new(),
            sounds: VecDeque::new(),
            askers: Vec::new(),
            announced: None,
            dropped: None,
        };
        scene.collect();
        scene
    }

    /// Connected, with a session.
    pub fn up() -> Self {
        let mut scene = Self::new(100);
        scene.connect();
        scene
    }

    /// Connects, and lets Janus take us.
    pub fn connect(&mut self) {
        self.input(Input::Open);
        let info = self.request("info");
        assert_eq!(info["apisecret"], "s3cret");
        self.reply(&info, server_info(1102, "1.1.2"));
        let create = self.request("create");
        assert_eq!(create.get("session_id"), None);
        self.reply(
            &create,
            json!({ "janus": "success", "data": { "id": SESSION } }),
        );
        self.attach(CONTROL);
        assert!(self.announced.as_ref().unwrap().ready);
    }

    pub fn input(&mut self, input: Input) {
        self.core.handle_input(input, self.now);
        self.collect();
    }

    pub fn command(&mut self, command: VideoCommand) {
        self.command_by(Asker(1), command);
    }

    pub fn command_by(&mut self, by: Asker, command: VideoCommand) {
        self.input(Input::Command { by, command });
    }

    /// Lets time pass, each timer at its moment.
    pub fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.core.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.core.handle_timeout(self.now);
            self.collect();
        }
        self.now = end;
    }

    fn collect(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send(text) => self
                    .requests
                    .push_back(serde_json::from_str(&text).unwrap()),
                Output::Event(event) => self.events.push_back(event),
                Output::Sound(event) => self.sounds.push_back(event),
                Output::Answer(asker, event) => {
                    self.askers.push(asker);
                    self.events.push_back(event);
                }
                Output::Announce(announcement) => self.announced = Some(announcement),
                Output::Drop { words } => self.dropped = Some(words),
            }
        }
    }

    /// The next request, which is of this kind: a verb of Janus, or a request of VideoRoom.
    #[track_caller]
    pub fn request(&mut self, kind: &str) -> Value {
        let request = self.requests.pop_front().expect(kind);
        let found = match request["janus"].as_str().unwrap() {
            "message" => request["body"]["request"].as_str().unwrap(),
            verb => verb,
        };
        assert_eq!(found, kind, "{request}");
        request
    }

    #[track_caller]
    pub fn no_request(&self) {
        assert_eq!(self.requests, [] as [Value; 0]);
    }

    /// Requests that wait, whichever they are.
    pub fn requests(&mut self) -> &mut VecDeque<Value> {
        &mut self.requests
    }

    /// All events that were told.
    pub fn told(&mut self) -> Vec<VideoEvent> {
        self.events.drain(..).collect()
    }

    #[track_caller]
    pub fn event(&mut self) -> VideoEvent {
        self.events.pop_front().expect("an event")
    }

    #[track_caller]
    pub fn events(&mut self, expected: &[VideoEvent]) {
        let events: Vec<_> = self.events.drain(..).collect();
        assert_eq!(events, expected);
    }

    /// Janus answers a request.
    pub fn reply(&mut self, request: &Value, mut text: Value) {
        text["transaction"] = request["transaction"].clone();
        if let Some(session) = request.get("session_id") {
            text["session_id"] = session.clone();
        }
        self.input(Input::Text(text.to_string()));
    }

    /// Janus says something by itself, of a handle.
    pub fn say(&mut self, handle: u64, mut text: Value) {
        text["session_id"] = SESSION.into();
        text["sender"] = handle.into();
        self.input(Input::Text(text.to_string()));
    }

    /// Janus answers for VideoRoom: at once, or by an event after it has acknowledged.
    pub fn reply_room(&mut self, request: &Value, data: Value, jsep: Option<Value>) {
        let at_once = ["create", "edit", "destroy", "moderate"];
        let kind = request["body"]["request"].as_str().unwrap();
        let is_at_once = at_once.contains(&kind);
        if !is_at_once {
            self.reply(request, json!({ "janus": "ack" }));
        }
        let mut text = json!({
            "janus": if is_at_once { "success" } else { "event" },
            "sender": request["handle_id"],
            "plugindata": { "plugin": "janus.plugin.videoroom", "data": data },
        });
        if let Some(jsep) = jsep {
            text["jsep"] = jsep;
        }
        self.reply(request, text);
    }

    pub fn refuse(&mut self, request: &Value, code: u32, error: &str) {
        let data = json!({ "videoroom": "event", "error_code": code, "error": error });
        self.reply_room(request, data, None);
    }

    /// Answers the next request for a handle with this one.
    #[track_caller]
    pub fn attach(&mut self, handle: u64) {
        let attach = self.request("attach");
        assert_eq!(attach["plugin"], "janus.plugin.videoroom");
        assert_eq!(attach["session_id"], SESSION);
        self.reply(
            &attach,
            json!({ "janus": "success", "data": { "id": handle } }),
        );
    }

    /// Prepares conference `c` for these, all of whom show and see; gives the request that made its room.
    #[track_caller]
    pub fn prepare(&mut self, people: &[&str]) -> Value {
        self.command(prepare("c", people));
        let create = self.request("create");
        self.made(&create);
        self.events(&[prepared("c")]);
        create
    }

    /// The room of this request is made.
    pub fn made(&mut self, create: &Value) {
        let room = &create["body"]["room"];
        let data = json!({ "videoroom": "created", "room": room, "permanent": false });
        self.reply_room(create, data, None);
    }

    /// Somebody's leg is published, and its transport stands; gives its number in the room.
    #[track_caller]
    pub fn published(&mut self, who: &str, name: &str, handle: u64) -> u64 {
        self.command(publish(who, name));
        self.attach(handle);
        let join = self.request("joinandconfigure");
        let id = join["body"]["id"].as_u64().unwrap();
        self.joined(&join);
        self.events(&[answered(name)]);
        self.say(handle, json!({ "janus": "webrtcup" }));
        self.events(&[connected(name, true), visible(name, who, true)]);
        assert!(self.core.visible().contains(&visible(name, who, true)));
        id
    }

    /// The offer of this request is taken.
    pub fn joined(&mut self, join: &Value) {
        let data = json!({
            "videoroom": "joined", "room": join["body"]["room"], "description": "t",
            "id": join["body"]["id"], "private_id": 2_727_039_572_u32, "publishers": [],
            "streams": [{ "type": "video", "mindex": 0, "mid": "0", "codec": "vp8" }],
        });
        self.reply_room(join, data, Some(jsep("answer", "the answer")));
    }
}

pub fn server_info(version: u32, named: &str) -> Value {
    json!({
        "janus": "server_info", "name": "Janus WebRTC Server", "version": version,
        "version_string": named, "author": "Meetecho s.r.l.", "accepting-new-sessions": true,
        "session-timeout": 60, "transports": {}, "plugins": {
            "janus.plugin.videoroom": { "name": "JANUS VideoRoom plugin", "version": 9 },
        },
    })
}

pub fn jsep(kind: &str, sdp: &str) -> Value {
    json!({ "type": kind, "sdp": sdp })
}

pub fn leg(name: &str) -> LegKey {
    LegKey {
        conference: "c".parse().unwrap(),
        leg: name.parse().unwrap(),
    }
}

pub fn prepare(conference: &str, people: &[&str]) -> VideoCommand {
    let guest = |who: &&str| VideoGuest {
        participant: who.parse().unwrap(),
        name: who.to_uppercase(),
        mode: Mode::Computer,
        shows: true,
        sees: true,
    };
    VideoCommand::Prepare {
        conference: conference.parse().unwrap(),
        serial: 1,
        title: "Monday".into(),
        guests: people.iter().map(guest).collect(),
    }
}

pub fn publish(who: &str, name: &str) -> VideoCommand {
    VideoCommand::Publish {
        leg: leg(name),
        participant: who.parse().unwrap(),
        offer: OFFER.into(),
    }
}

pub fn watch(who: &str, name: &str) -> VideoCommand {
    VideoCommand::Watch {
        leg: leg(name),
        participant: who.parse().unwrap(),
    }
}

pub fn prepared(conference: &str) -> VideoEvent {
    VideoEvent::Prepared {
        conference: conference.parse().unwrap(),
        serial: 1,
    }
}

pub fn ended(lost: Option<&str>) -> VideoEvent {
    VideoEvent::Ended {
        conference: "c".parse().unwrap(),
        lost: lost.map(str::to_owned),
    }
}

pub fn answered(name: &str) -> VideoEvent {
    VideoEvent::Answered {
        leg: leg(name),
        answer: "the answer".into(),
    }
}

pub fn connected(name: &str, on: bool) -> VideoEvent {
    VideoEvent::Connected { leg: leg(name), on }
}

pub fn visible(name: &str, who: &str, on: bool) -> VideoEvent {
    VideoEvent::Visible {
        leg: leg(name),
        participant: who.parse().unwrap(),
        on,
    }
}

pub fn closed(name: &str) -> VideoEvent {
    VideoEvent::Closed { leg: leg(name) }
}

/// The words of a failure of this leg.
#[track_caller]
pub fn failure(event: VideoEvent, name: &str) -> String {
    match event {
        VideoEvent::Failed { leg: of, words } if of == leg(name) => words,
        other => panic!("{other:?}"),
    }
}

//! The hub between two who command and a Janus that takes everything, in virtual time.

use std::time::Duration;

use convoke_types::Mode;
use convoke_types::bridge_protocol::TEXT_MAX_BYTES;
use convoke_types::media::StreamStats;
use convoke_types::video::VideoGuest;
use runtime::tasks::{Shutdown, Tasks};
use serde_json::{Value, json};

use super::*;
use crate::janus::{Asker, Settings};

/// Nothing takes so long but the wait for owners; in it, Janus is asked each ten seconds whether it is there.
const LIMIT: Duration = Duration::from_secs(15);
/// Commands that may wait for our media bridge.
const ENGINE_COMMANDS: usize = 4;

struct Scene {
    inputs: mpsc::Sender<Input>,
    to_janus: mpsc::Receiver<String>,
    to_engine: mpsc::Receiver<MediaCommand>,
    tasks: Tasks,
}

impl Scene {
    async fn start() -> Self {
        let settings = Settings {
            api_secret: None,
            admin_key: None,
            capacity: 100,
            bitrate: 1_000_000,
            seed: [7; 32],
        };
        let (inputs, receiver) = mpsc::channel(16);
        let tasks = Tasks::new(Shutdown::new());
        let (engine, to_engine) = mpsc::channel(ENGINE_COMMANDS);
        let edge = Edge::new([127, 0, 0, 1].into());
        let hub = Hub::new(Janus::new(settings, clock::now()), edge, engine);
        let stop = tasks.shutdown_token().clone();
        tasks.spawn("hub", hub.run(receiver, stop));
        let (queue, to_janus) = mpsc::channel(64);
        let mut scene = Self {
            inputs,
            to_janus,
            to_engine,
            tasks,
        };
        scene.input(Input::Wire(WireEvent::Open(queue))).await;
        for _ in ["info", "create", "attach", "attach"] {
            scene.serve().await;
        }
        scene
    }

    async fn input(&self, input: Input) {
        self.inputs.send(input).await.unwrap();
    }

    async fn request(&mut self) -> Value {
        let text = clock::within(LIMIT, self.to_janus.recv()).await;
        let text = text.unwrap().unwrap();
        assert!(text.len() < TEXT_MAX_BYTES);
        serde_json::from_str(&text).unwrap()
    }

    /// Takes the next request and does what it wants.
    async fn serve(&mut self) -> Value {
        let request = self.request().await;
        let mut reply = match request["janus"].as_str().unwrap() {
            "info" => json!({
                "janus": "server_info", "version": 1102, "version_string": "1.1.2",
                "plugins": { "janus.plugin.videoroom": {}, "janus.plugin.audiobridge": {} },
            }),
            "create" => json!({ "janus": "success", "data": { "id": 5 } }),
            "attach" => json!({ "janus": "success", "data": { "id": 6 } }),
            "keepalive" => json!({ "janus": "ack" }),
            _ => json!({ "janus": "success", "plugindata": { "data": {
                "videoroom": "done", "room": request["body"]["room"],
            } } }),
        };
        reply["transaction"] = request["transaction"].clone();
        reply["session_id"] = 5.into();
        self.input(Input::Wire(WireEvent::Text(reply.to_string())))
            .await;
        request
    }

    /// Serves until this is asked of the rooms.
    async fn serve_until(&mut self, wanted: &str) {
        while self.serve().await["body"]["request"] != wanted {}
    }

    async fn client(&self, number: u64) -> Client {
        let id = ClientId::of(Asker(number));
        let (queue, texts) = mpsc::channel(64);
        self.input(Input::Client(id, ClientEvent::Here(queue)))
            .await;
        Client { id, texts }
    }

    async fn asks(&self, client: &Client, command: VideoCommand) {
        let asks = ClientEvent::Asks(ToBridge::Video(command));
        self.input(Input::Client(client.id, asks)).await;
    }

    async fn asks_sound(&self, client: &Client, command: MediaCommand) {
        let asks = ClientEvent::Asks(ToBridge::Media(command));
        self.input(Input::Client(client.id, asks)).await;
    }

    /// What our media bridge is asked for next.
    async fn engine(&mut self) -> MediaCommand {
        let command = clock::within(LIMIT, self.to_engine.recv()).await;
        command.unwrap().unwrap()
    }

    async fn end(self) {
        self.tasks.finish(LIMIT).await.unwrap();
    }
}

struct Client {
    id: ClientId,
    texts: mpsc::Receiver<Utf8Bytes>,
}

impl Client {
    /// What they are told next, but for what the bridge says of itself.
    async fn event(&mut self) -> VideoEvent {
        loop {
            let text = clock::within(LIMIT, self.texts.recv()).await;
            match serde_json::from_str(&text.unwrap().unwrap()).unwrap() {
                FromBridge::Video(event) => return event,
                FromBridge::Announce(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The same of sound.
    async fn sound(&mut self) -> MediaEvent {
        loop {
            let text = clock::within(LIMIT, self.texts.recv()).await;
            match serde_json::from_str(&text.unwrap().unwrap()).unwrap() {
                FromBridge::Media(event) => return event,
                FromBridge::Announce(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

fn id(conference: &str) -> ConferenceId {
    conference.parse().unwrap()
}

fn leg() -> LegKey {
    LegKey {
        conference: id("c"),
        leg: "l1".parse().unwrap(),
    }
}

fn prepare(conference: &str) -> VideoCommand {
    let guest = VideoGuest {
        participant: "a".parse().unwrap(),
        name: "A".into(),
        mode: Mode::Computer,
        shows: true,
        sees: true,
    };
    VideoCommand::Prepare {
        conference: id(conference),
        serial: 1,
        title: "Monday".into(),
        guests: vec![guest],
    }
}

fn prepared(conference: &str) -> VideoEvent {
    VideoEvent::Prepared {
        conference: id(conference),
        serial: 1,
    }
}

fn ended(conference: &str) -> VideoEvent {
    VideoEvent::Ended {
        conference: id(conference),
        lost: None,
    }
}

#[tokio::test(start_paused = true)]
async fn each_hears_what_becomes_of_what_they_asked_for_and_all_hear_of_an_end() {
    let mut scene = Scene::start().await;
    let (mut one, mut two) = (scene.client(1).await, scene.client(2).await);
    scene.asks(&one, prepare("c")).await;
    scene.serve_until("create").await;
    assert_eq!(one.event().await, prepared("c"));
    scene.asks(&two, prepare("d")).await;
    scene.serve_until("create").await;
    assert_eq!(two.event().await, prepared("d"), "and nothing of c");

    // A leg is for who made it.
    let watch = VideoCommand::Watch {
        leg: leg(),
        participant: "a".parse().unwrap(),
    };
    scene.asks(&two, watch).await;
    let offered = two.event().await;
    assert!(
        matches!(&offered, VideoEvent::Offered { .. }),
        "{offered:?}"
    );
    // All may hide it, as a moderator wants.
    let hide = VideoCommand::Hide {
        leg: leg(),
        on: true,
    };
    scene.asks(&one, hide).await;
    scene.asks(&one, VideoCommand::Close { leg: leg() }).await;
    let words = "somebody else who commands has this leg".into();
    let failed = VideoEvent::Failed { leg: leg(), words };
    assert_eq!(one.event().await, failed);

    let conference = id("c");
    scene.asks(&two, VideoCommand::End { conference }).await;
    scene.serve_until("destroy").await;
    assert_eq!(one.event().await, ended("c"));
    assert_eq!(two.event().await, ended("c"));
    scene
        .asks(
            &two,
            VideoCommand::End {
                conference: id("d"),
            },
        )
        .await;
    scene.serve_until("destroy").await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_conference_ends_some_time_after_the_last_of_those_who_prepared_it() {
    let mut scene = Scene::start().await;
    let (mut one, mut two) = (scene.client(1).await, scene.client(2).await);
    let mut three = scene.client(3).await;
    for (client, conference) in [(&mut one, "c"), (&mut two, "d")] {
        scene.asks(client, prepare(conference)).await;
        scene.serve_until("create").await;
        assert_eq!(client.event().await, prepared(conference));
    }
    scene.asks(&two, prepare("c")).await;
    assert_eq!(two.event().await, prepared("c"));
    // Two has c too, and then only three is there, which prepared nothing.
    scene.input(Input::Client(one.id, ClientEvent::Gone)).await;
    let begin = clock::now();
    while clock::now() < begin + 2 * DESERTED {
        scene.serve().await;
    }
    scene.input(Input::Client(two.id, ClientEvent::Gone)).await;
    let gone = clock::now();
    scene.serve_until("destroy").await;
    scene.serve_until("destroy").await;
    let took = clock::now() - gone;
    assert!(took >= DESERTED && took < DESERTED + LIMIT, "{took:?}");
    assert_eq!(three.event().await, ended("c"));
    assert_eq!(three.event().await, ended("d"));
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_leg_stays_where_our_media_bridge_has_no_room_for_commands() {
    let mut scene = Scene::start().await;
    let mut one = scene.client(1).await;
    let commands = [
        MediaCommand::Open { leg: leg() },
        MediaCommand::Mute {
            leg: leg(),
            on: true,
        },
        MediaCommand::Mute {
            leg: leg(),
            on: false,
        },
        // The one too many.
        MediaCommand::Mute {
            leg: leg(),
            on: true,
        },
    ];
    for command in commands {
        scene.asks_sound(&one, command).await;
    }
    let words = "the media bridge of Janus' adapter is overloaded".to_owned();
    let failed = MediaEvent::Failed { leg: leg(), words };
    assert_eq!(one.sound().await, failed);
    let mut asked = Vec::new();
    while asked.len() < ENGINE_COMMANDS + 2 {
        asked.push(scene.engine().await);
    }
    let half = |name: &str| LegKey {
        conference: id("edge-1"),
        leg: name.parse().unwrap(),
    };
    let closes = ["outer", "inner"].map(|name| MediaCommand::Close { leg: half(name) });
    assert_eq!(asked[ENGINE_COMMANDS..], closes);
    // Once it is over its name is free.
    for name in ["outer", "inner"] {
        let (leg, stats) = (half(name), StreamStats::default());
        let closed = MediaEvent::Closed { leg, stats };
        scene.input(Input::Engine(closed)).await;
    }
    scene
        .asks_sound(&one, MediaCommand::Open { leg: leg() })
        .await;
    let LegKey { conference, .. } = match scene.engine().await {
        MediaCommand::Open { leg } => leg,
        other => panic!("{other:?}"),
    };
    assert_eq!(conference, id("edge-2"));
    scene.input(Input::EngineGone).await;
    scene.end().await;
}

/// A conference comes back after its owner's connection broke, before its former legs are over.
#[tokio::test(start_paused = true)]
async fn a_leg_is_taken_again_while_the_one_of_a_lost_connection_is_still_closing() {
    let mut scene = Scene::start().await;
    let half = |number: u64, name: &str| LegKey {
        conference: id(&format!("edge-{number}")),
        leg: name.parse().unwrap(),
    };
    let opens = |number| {
        ["outer", "inner"].map(|name| MediaCommand::Open {
            leg: half(number, name),
        })
    };
    let one = scene.client(1).await;
    let mut two = scene.client(2).await;
    let open = || MediaCommand::Open { leg: leg() };
    scene.asks_sound(&one, open()).await;
    assert_eq!([scene.engine().await, scene.engine().await], opens(1));
    // While it is theirs it is nobody else's.
    scene.asks_sound(&two, open()).await;
    let words = "somebody else who commands has this leg".to_owned();
    let failed = MediaEvent::Failed { leg: leg(), words };
    assert_eq!(two.sound().await, failed);

    scene.input(Input::Client(one.id, ClientEvent::Gone)).await;
    let closes = ["outer", "inner"].map(|name| MediaCommand::Close { leg: half(1, name) });
    assert_eq!([scene.engine().await, scene.engine().await], closes);
    scene.asks_sound(&two, open()).await;
    assert_eq!([scene.engine().await, scene.engine().await], opens(2));
    // The end of the former is not taken for that of the new one.
    for name in ["outer", "inner"] {
        let (leg, stats) = (half(1, name), StreamStats::default());
        let closed = MediaEvent::Closed { leg, stats };
        scene.input(Input::Engine(closed)).await;
    }
    scene
        .asks_sound(&two, MediaCommand::Close { leg: leg() })
        .await;
    let closes = ["outer", "inner"].map(|name| MediaCommand::Close { leg: half(2, name) });
    assert_eq!([scene.engine().await, scene.engine().await], closes);
    for name in ["outer", "inner"] {
        let (leg, stats) = (half(2, name), StreamStats::default());
        let closed = MediaEvent::Closed { leg, stats };
        scene.input(Input::Engine(closed)).await;
    }
    let closed = MediaEvent::Closed {
        leg: leg(),
        stats: StreamStats::default(),
    };
    assert_eq!(two.sound().await, closed);
    scene.input(Input::EngineGone).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_our_media_bridge_is_told_and_pictures_go_on() {
    let mut scene = Scene::start().await;
    let (mut one, mut two) = (scene.client(1).await, scene.client(2).await);
    scene
        .asks_sound(&one, MediaCommand::Open { leg: leg() })
        .await;
    scene.engine().await;
    scene.input(Input::EngineGone).await;
    let words = "the media bridge of Janus' adapter has ended".to_owned();
    let gone = MediaEvent::Gone {
        words: words.clone(),
    };
    assert_eq!(one.sound().await, gone);
    // Nothing is kept of the leg, and there can be no other.
    for client in [&mut one, &mut two] {
        scene
            .asks_sound(client, MediaCommand::Open { leg: leg() })
            .await;
        let (leg, words) = (leg(), words.clone());
        assert_eq!(client.sound().await, MediaEvent::Failed { leg, words });
    }
    scene.asks(&two, prepare("c")).await;
    scene.serve_until("create").await;
    assert_eq!(two.event().await, prepared("c"));
    let conference = id("c");
    scene.asks(&two, VideoCommand::End { conference }).await;
    scene.serve_until("destroy").await;
    let before = clock::now();
    scene.end().await;
    assert!(clock::now() - before < DRAIN, "nothing is waited for");
}

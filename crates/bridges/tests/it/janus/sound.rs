//! Sound by AudioBridge: rooms, legs by plain RTP, and what goes wrong.

use std::time::Duration;

use bridges::janus::{Input, SoundCommand, SoundEvent};
use convoke_types::bridge_protocol::Feature;
use convoke_types::video::{Refusal, VideoEvent};
use serde_json::{Value, json};

use super::scene::*;

const MIXER: u64 = 3_003_003_003;
const AUDIOBRIDGE: &str = "janus.plugin.audiobridge";

/// Connected to a Janus that has AudioBridge and nothing else.
fn up(capacity: u32) -> Scene {
    let mut scene = Scene::new(capacity);
    greet(&mut scene, json!({ AUDIOBRIDGE: {} }));
    attach(&mut scene, MIXER);
    scene
}

fn greet(scene: &mut Scene, plugins: Value) {
    scene.input(Input::Open);
    let info = scene.request("info");
    let mut said = server_info(1102, "1.1.2");
    said["plugins"] = plugins;
    scene.reply(&info, said);
    let create = scene.request("create");
    let made = json!({ "janus": "success", "data": { "id": SESSION } });
    scene.reply(&create, made);
}

/// Answers the next request for a handle of AudioBridge.
#[track_caller]
fn attach(scene: &mut Scene, handle: u64) {
    let attach = scene.request("attach");
    assert_eq!(attach["plugin"], AUDIOBRIDGE);
    let made = json!({ "janus": "success", "data": { "id": handle } });
    scene.reply(&attach, made);
}

fn answer(scene: &mut Scene, request: &Value, data: Value) {
    let at_once = ["create", "destroy"].map(Value::from);
    let is_at_once = at_once.contains(&request["body"]["request"]);
    if !is_at_once {
        scene.reply(request, json!({ "janus": "ack" }));
    }
    let text = json!({
        "janus": if is_at_once { "success" } else { "event" },
        "sender": request["handle_id"],
        "plugindata": { "plugin": AUDIOBRIDGE, "data": data },
    });
    scene.reply(request, text);
}

fn refuse(scene: &mut Scene, request: &Value, code: u32, error: &str) {
    let data = json!({ "audiobridge": "event", "error_code": code, "error": error });
    answer(scene, request, data);
}

fn join(scene: &mut Scene, name: &str) {
    let to = "127.0.0.1:40000".parse().unwrap();
    let join = SoundCommand::Join { leg: leg(name), to };
    scene.input(Input::Sound(join));
}

fn mute(scene: &mut Scene, name: &str, on: bool) {
    let leg = leg(name);
    scene.input(Input::Sound(SoundCommand::Mute { leg, on }));
}

fn leave(scene: &mut Scene, name: &str) {
    scene.input(Input::Sound(SoundCommand::Leave { leg: leg(name) }));
}

/// The room of this request is made.
fn made(scene: &mut Scene, create: &Value) {
    let room = &create["body"]["room"];
    let data = json!({ "audiobridge": "created", "room": room, "permanent": false });
    answer(scene, create, data);
}

/// Whoever asks by this request is in, and is received at this port.
fn let_in(scene: &mut Scene, join: &Value, port: u16) {
    let data = json!({
        "audiobridge": "joined", "room": join["body"]["room"], "id": join["body"]["id"],
        "participants": [], "rtp": { "ip": "127.0.0.1", "port": port, "payload_type": 0 },
    });
    answer(scene, join, data);
}

/// The first leg of the conference is in.
#[track_caller]
fn joined(scene: &mut Scene, name: &str, handle: u64) -> Value {
    join(scene, name);
    let create = scene.request("create");
    made(scene, &create);
    attach(scene, handle);
    let request = scene.request("join");
    let_in(scene, &request, 27_000);
    told(scene, &[is_in(name, 27_000)]);
    create
}

#[track_caller]
fn told(scene: &mut Scene, expected: &[SoundEvent]) {
    let events: Vec<_> = scene.sounds.drain(..).collect();
    assert_eq!(events, expected);
}

fn is_in(name: &str, port: u16) -> SoundEvent {
    SoundEvent::Joined {
        leg: leg(name),
        at: ([127, 0, 0, 1], port).into(),
    }
}

fn failed(name: &str, words: &str) -> SoundEvent {
    SoundEvent::Failed {
        leg: leg(name),
        words: words.into(),
    }
}

#[test]
fn what_a_janus_can_is_what_its_plugins_can() {
    let sound = [Feature::Audio, Feature::ListenerMix, Feature::Prompts];
    let mut scene = up(10);
    let said = scene.announced.clone().unwrap();
    assert!(said.ready);
    assert_eq!(said.features, sound);
    scene.command(prepare("c", &["a"]));
    let refused = VideoEvent::Refused {
        conference: leg("l").conference,
        serial: 1,
        refusal: Refusal::Unsuitable,
        words: "Janus has no VideoRoom plugin".into(),
    };
    scene.events(&[refused]);

    let mut both = Scene::new(10);
    let plugins = json!({ AUDIOBRIDGE: {}, "janus.plugin.videoroom": {} });
    greet(&mut both, plugins);
    both.attach(CONTROL);
    assert!(!both.announced.as_ref().unwrap().ready);
    attach(&mut both, MIXER);
    let said = both.announced.clone().unwrap();
    assert!(said.ready);
    assert_eq!(said.features.len(), sound.len() + 1);
    // Each is asked by its own handle.
    both.command(prepare("c", &["a"]));
    assert_eq!(both.request("create")["handle_id"], CONTROL);
    join(&mut both, "l1");
    assert_eq!(both.request("create")["handle_id"], MIXER);

    let mut pictures = Scene::up();
    join(&mut pictures, "l1");
    told(
        &mut pictures,
        &[failed("l1", "Janus has no AudioBridge plugin")],
    );
    pictures.no_request();
}

#[test]
fn what_a_janus_can_is_told_while_it_is_away_as_it_was() {
    let mut scene = up(10);
    let before = scene.announced.clone().unwrap();
    for input in [Input::Lost { words: "x".into() }, Input::Open] {
        scene.input(input);
        let said = scene.announced.clone().unwrap();
        assert!(!said.ready);
        assert_eq!(said.features, before.features);
    }
    // It is another one then.
    let info = scene.request("info");
    scene.reply(&info, server_info(1102, "1.1.2"));
    let said = scene.announced.clone().unwrap();
    assert_eq!(said.features, [Feature::Video]);
}

#[test]
fn a_room_is_made_with_the_first_leg_and_ends_with_the_last() {
    let mut scene = up(10);
    join(&mut scene, "l1");
    let create = scene.request("create");
    let body = &create["body"];
    assert_eq!(create["handle_id"], MIXER);
    assert_eq!(body["allow_rtp_participants"], true);
    assert_eq!(
        (&body["is_private"], &body["record"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(body["sampling_rate"], 8_000);
    // Whichever comes first, handle or room.
    attach(&mut scene, 61);
    scene.no_request();
    join(&mut scene, "l2");
    made(&mut scene, &create);
    let second = scene.request("attach");
    let first = scene.request("join");
    assert_eq!(first["handle_id"], 61);
    let wanted = &first["body"];
    assert_eq!(wanted["room"], body["room"]);
    assert_eq!(wanted["pin"], body["pin"]);
    assert_eq!(wanted["codec"], "pcmu");
    assert_eq!(wanted["rtp"], json!({ "ip": "127.0.0.1", "port": 40_000 }));
    let_in(&mut scene, &first, 27_000);
    told(&mut scene, &[is_in("l1", 27_000)]);
    let handle = json!({ "janus": "success", "data": { "id": 62 } });
    scene.reply(&second, handle);
    let second = scene.request("join");
    assert_ne!(second["body"]["id"], wanted["id"]);
    let_in(&mut scene, &second, 27_002);
    told(&mut scene, &[is_in("l2", 27_002)]);
    assert_eq!(scene.announced.as_ref().unwrap().legs, 2);

    leave(&mut scene, "l1");
    assert_eq!(scene.request("detach")["handle_id"], 61);
    scene.no_request();
    leave(&mut scene, "l2");
    assert_eq!(scene.request("detach")["handle_id"], 62);
    assert!(!scene.core.is_over());
    let destroy = scene.request("destroy");
    assert_eq!(destroy["body"]["room"], body["room"]);
    assert_eq!(destroy["body"]["secret"], body["secret"]);
    answer(&mut scene, &destroy, json!({ "audiobridge": "destroyed" }));
    assert!(scene.core.is_over());
    told(&mut scene, &[]);

    // The next one of that name is another room.
    join(&mut scene, "l3");
    assert_ne!(scene.request("create")["body"]["room"], body["room"]);
}

#[test]
fn who_leaves_before_anything_is_there_leaves_nothing_behind() {
    let mut scene = up(10);
    join(&mut scene, "l1");
    let create = scene.request("create");
    let handle = scene.request("attach");
    leave(&mut scene, "l1");
    scene.no_request();
    let given = json!({ "janus": "success", "data": { "id": 61 } });
    scene.reply(&handle, given);
    assert_eq!(scene.request("detach")["handle_id"], 61);
    made(&mut scene, &create);
    assert_eq!(
        scene.request("destroy")["body"]["room"],
        create["body"]["room"]
    );
    told(&mut scene, &[]);
}

#[test]
fn a_mute_is_asked_for_one_after_the_other_and_the_last_counts() {
    let mut scene = up(10);
    // Before Janus has let them in it is said with that.
    join(&mut scene, "l1");
    let create = scene.request("create");
    made(&mut scene, &create);
    mute(&mut scene, "l1", true);
    attach(&mut scene, 61);
    let request = scene.request("join");
    assert_eq!(request["body"]["muted"], true);
    mute(&mut scene, "l1", false);
    scene.no_request();
    let_in(&mut scene, &request, 27_000);
    told(&mut scene, &[is_in("l1", 27_000)]);
    let unmute = scene.request("configure");
    assert_eq!(
        unmute["body"],
        json!({ "request": "configure", "muted": false })
    );
    mute(&mut scene, "l1", true);
    mute(&mut scene, "l1", false);
    mute(&mut scene, "l1", true);
    scene.no_request();
    let ok = json!({ "audiobridge": "event", "result": "ok" });
    answer(&mut scene, &unmute, ok.clone());
    let last = scene.request("configure");
    assert_eq!(last["body"]["muted"], true);
    answer(&mut scene, &last, ok);
    scene.no_request();

    // Somebody who can be heard although they are muted is not kept.
    mute(&mut scene, "l1", false);
    let refused = scene.request("configure");
    refuse(&mut scene, &refused, 499, "no\nway");
    let words = "Janus refuses it (499: no?way)";
    told(&mut scene, &[failed("l1", words)]);
    scene.request("detach");
    scene.request("destroy");
}

#[test]
fn what_janus_refuses_or_does_not_answer_is_told_in_words() {
    let mut scene = up(2);
    join(&mut scene, "l1");
    let create = scene.request("create");
    refuse(&mut scene, &create, 489, "Unauthorized (wrong admin_key)");
    let words = "Janus refuses our key for rooms: look at janus.admin_key";
    told(&mut scene, &[failed("l1", words)]);
    let late = scene.request("attach");
    let given = json!({ "janus": "success", "data": { "id": 61 } });
    scene.reply(&late, given);
    scene.request("detach");

    // The number of a room is taken, until none is tried any more.
    join(&mut scene, "l1");
    for _ in 0..3 {
        let create = scene.requests().pop_back().unwrap();
        let (create, handle) = match create["janus"] == "attach" {
            true => (scene.request("create"), Some(create)),
            false => (create, None),
        };
        refuse(&mut scene, &create, 486, "Room exists already");
        if let Some(handle) = handle {
            scene.reply(&handle, json!({ "janus": "success", "data": { "id": 62 } }));
        }
    }
    told(
        &mut scene,
        &[failed("l1", "Janus refuses it (486: Room exists already)")],
    );
    assert_eq!(scene.request("detach")["handle_id"], 62);

    // It has no port, makes no sense, or says nothing.
    let no_port = "Janus has no free port for RTP, or does not say at which address it is";
    let nonsense = "what Janus answers makes no sense";
    let answers = [
        (json!({ "audiobridge": "joined", "id": 1 }), no_port),
        (
            json!({ "audiobridge": "joined", "rtp": { "ip": "0.0.0.0", "port": 27_000 } }),
            no_port,
        ),
        (
            json!({ "audiobridge": "joined", "rtp": { "ip": "127.0.0.1", "port": 0 } }),
            no_port,
        ),
        (json!({ "audiobridge": "left" }), nonsense),
        (
            json!({ "audiobridge": "event", "error_code": 485, "error": "No such room" }),
            "Janus no longer has the conference's room",
        ),
    ];
    for (said, words) in answers {
        join(&mut scene, "l1");
        let create = scene.request("create");
        made(&mut scene, &create);
        attach(&mut scene, 63);
        let request = scene.request("join");
        answer(&mut scene, &request, said);
        told(&mut scene, &[failed("l1", words)]);
        scene.request("detach");
        scene.request("destroy");
    }
    join(&mut scene, "l1");
    scene.request("create");
    scene.request("attach");
    scene.pass(Duration::from_secs(9));
    let late = "Janus does not answer within 8 s";
    told(&mut scene, &[failed("l1", late)]);

    // Full.
    for name in ["l1", "l2", "l3"] {
        join(&mut scene, name);
    }
    let full = "Janus is full: it carries 2 legs, and 2 are promised";
    told(&mut scene, &[failed("l3", full)]);
}

#[test]
fn whom_janus_puts_out_is_told_and_a_room_that_others_end() {
    let mut scene = up(10);
    joined(&mut scene, "l1", 61);
    for name in ["l2", "l3"] {
        join(&mut scene, name);
    }
    let mut ids = Vec::new();
    for handle in [62, 63] {
        attach(&mut scene, handle);
    }
    for port in [27_002, 27_004] {
        let request = scene.request("join");
        ids.push(request["body"]["id"].clone());
        let_in(&mut scene, &request, port);
    }
    scene.sounds.clear();
    let of = |data: Value| json!({ "janus": "event", "plugindata": { "data": data } });
    let kicked = json!({ "audiobridge": "event", "room": 1, "kicked": ids[0] });
    for handle in [61, 62] {
        scene.say(handle, of(kicked.clone()));
    }
    told(&mut scene, &[failed("l2", "Janus has put the leg out")]);
    scene.say(63, json!({ "janus": "detached" }));
    told(&mut scene, &[failed("l3", "Janus has put the leg out")]);
    scene.say(61, of(json!({ "audiobridge": "destroyed", "room": 1 })));
    let words = "Janus has ended the conference's room";
    told(&mut scene, &[failed("l1", words)]);
    assert_eq!(scene.announced.as_ref().unwrap().legs, 0);
}

#[test]
fn a_lost_janus_is_told_once_and_what_it_had_is_swept_away() {
    let mut scene = up(10);
    let create = joined(&mut scene, "l1", 61);
    join(&mut scene, "l2");
    let words = "the connection broke";
    scene.input(Input::Lost {
        words: words.into(),
    });
    let gone = SoundEvent::Gone {
        words: words.into(),
    };
    told(&mut scene, &[gone]);
    join(&mut scene, "l3");
    told(&mut scene, &[failed("l3", words)]);
    scene.requests().clear();
    scene.input(Input::Lost {
        words: "still away".into(),
    });
    told(&mut scene, &[]);

    greet(&mut scene, json!({ AUDIOBRIDGE: {} }));
    attach(&mut scene, MIXER);
    let destroy = scene.request("destroy");
    assert_eq!(destroy["body"]["room"], create["body"]["room"]);
    refuse(&mut scene, &destroy, 485, "No such room");
    assert!(scene.core.is_over());
    joined(&mut scene, "l1", 61);
}

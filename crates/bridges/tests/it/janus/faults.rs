//! Janus is not there, slow, of the wrong kind, or makes no sense.

use std::time::Duration;

use bridges::janus::Input;
use convoke_types::video::{Refusal, VideoCommand, VideoEvent};
use serde_json::{Value, json};

use super::scene::*;

#[track_caller]
fn refused(scene: &mut Scene) -> (Refusal, String) {
    scene.command(prepare("c", &["a"]));
    match scene.event() {
        VideoEvent::Refused { refusal, words, .. } => (refusal, words),
        other => panic!("{other:?}"),
    }
}

/// What becomes of a Janus that says this of itself.
#[track_caller]
fn of(info: Value) -> (Refusal, String) {
    let mut scene = Scene::new(10);
    scene.input(Input::Open);
    let request = scene.request("info");
    scene.reply(&request, info);
    let dropped = scene.dropped.take().expect("the connection is given up");
    let (refusal, words) = refused(&mut scene);
    assert_eq!(words, dropped);
    scene.no_request();
    let said = scene.announced.clone().unwrap();
    assert_eq!((said.ready, said.why), (false, Some(words.clone())));
    assert_eq!(said.refusal, Some(refusal));
    // It may be another one the next time.
    scene.connect();
    scene.prepare(&["a"]);
    (refusal, words)
}

#[test]
fn a_janus_of_no_use_is_told_in_words() {
    let old = of(server_info(142, "0.14.2"));
    let words = "Janus 0.14.2 is too old: 1.0 or later is needed";
    assert_eq!(old, (Refusal::Unsuitable, words.into()));

    // As one of 2016 answers, whose flags were texts and which did not say whether it takes anybody.
    let mut oldest = server_info(12, "0.1.2");
    let known = oldest.as_object_mut().unwrap();
    known.remove("accepting-new-sessions");
    known.remove("session-timeout");
    known.insert("name".into(), "Janus WebRTC Gateway".into());
    for flag in ["log-to-stdout", "data_channels", "api_secret", "auth_token"] {
        known.insert(flag.into(), "false".into());
    }
    let words = "Janus 0.1.2 is too old: 1.0 or later is needed";
    assert_eq!(of(oldest), (Refusal::Unsuitable, words.into()));

    let mut bare = server_info(1102, "1.1.2");
    bare["plugins"] = json!({ "janus.plugin.echotest": {} });
    let words = "Janus has neither VideoRoom nor AudioBridge";
    assert_eq!(of(bare), (Refusal::Unsuitable, words.into()));

    let mut closing = server_info(1102, "1.1.2");
    closing["accepting-new-sessions"] = false.into();
    let words = "Janus takes nobody at the moment";
    assert_eq!(of(closing), (Refusal::Unsuitable, words.into()));

    let reason = "Unauthorized request (wrong or missing secret/token)";
    let locked = json!({ "janus": "error", "error": { "code": 403, "reason": reason } });
    let words = "Janus refuses our API secret: look at janus.api_secret";
    assert_eq!(of(locked), (Refusal::Unsuitable, words.into()));

    let words = "what Janus answers makes no sense";
    let nonsense = (Refusal::Nonsense, words.to_owned());
    assert_eq!(of(json!({ "janus": "server_info" })), nonsense);
    assert_eq!(of(json!({ "janus": 7 })), nonsense);
    assert_eq!(of(json!({ "sonus": "x" })), nonsense);
}

#[test]
fn a_janus_that_is_not_there_is_told_in_words() {
    let mut scene = Scene::new(10);
    assert_eq!(refused(&mut scene).0, Refusal::Unreachable);
    let words = "nobody answers at 127.0.0.1:8188: Connection refused (os error 111)";
    scene.input(Input::Lost {
        words: words.into(),
    });
    assert_eq!(refused(&mut scene), (Refusal::Unreachable, words.into()));
    scene.command(publish("a", "l1"));
    assert_eq!(failure(scene.event(), "l1"), words);
}

#[test]
fn a_janus_that_does_not_greet_back_is_given_up() {
    let mut scene = Scene::new(10);
    scene.input(Input::Open);
    scene.pass(Duration::from_millis(7_999));
    assert_eq!(scene.dropped, None);
    scene.pass(Duration::from_millis(1));
    let words = "Janus does not answer within 8 s";
    assert_eq!(scene.dropped.as_deref(), Some(words));
    assert_eq!(refused(&mut scene), (Refusal::Unreachable, words.into()));
}

#[test]
fn a_slow_janus_fails_what_was_asked_and_is_tidied_when_it_answers() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.command(publish("a", "l1"));
    let attach = scene.request("attach");
    scene.pass(Duration::from_secs(8));
    let words = failure(scene.event(), "l1");
    assert_eq!(words, "Janus does not answer within 8 s");
    scene.reply(&attach, json!({ "janus": "success", "data": { "id": 11 } }));
    assert_eq!(scene.request("detach")["handle_id"], 11);

    scene.command(prepare("d", &["a"]));
    let create = scene.request("create");
    scene.pass(Duration::from_secs(2));
    let keepalive = scene.request("keepalive");
    scene.reply(&keepalive, json!({ "janus": "ack" }));
    scene.pass(Duration::from_secs(6));
    match scene.event() {
        VideoEvent::Refused { refusal, words, .. } => {
            assert_eq!(refusal, Refusal::Unreachable);
            assert_eq!(words, "Janus does not answer within 8 s");
        }
        other => panic!("{other:?}"),
    }
    scene.made(&create);
    scene.events(&[]);
    // It is made after all; the next connection takes it away.
    scene.input(Input::Lost { words: "x".into() });
    scene.connect();
    let rooms: Vec<_> = (0..2)
        .map(|_| scene.request("destroy")["body"]["room"].clone())
        .collect();
    assert!(rooms.contains(&create["body"]["room"]));
}

#[test]
fn a_janus_that_no_longer_answers_at_all_is_given_up() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.pass(Duration::from_secs(10));
    let keepalive = scene.request("keepalive");
    assert_eq!(keepalive["session_id"], SESSION);
    scene.reply(&keepalive, json!({ "janus": "ack" }));
    scene.pass(Duration::from_secs(17));
    assert_eq!(scene.dropped, None);
    scene.request("keepalive");
    scene.pass(Duration::from_secs(1));
    let words = "Janus does not answer within 8 s";
    assert_eq!(scene.dropped.as_deref(), Some(words));
    scene.events(&[ended(Some(words))]);
}

#[test]
fn a_session_that_is_gone_is_a_lost_connection() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.input(Input::Text(
        json!({ "janus": "timeout", "session_id": SESSION }).to_string(),
    ));
    let words = "Janus has let our session expire";
    scene.events(&[ended(Some(words))]);
    assert_eq!(scene.dropped.as_deref(), Some(words));

    scene.connect();
    scene.request("destroy");
    scene.prepare(&["a"]);
    scene.command(publish("a", "l1"));
    let attach = scene.request("attach");
    let error = json!({ "code": 458, "reason": "No such session 5" });
    scene.reply(&attach, json!({ "janus": "error", "error": error }));
    scene.events(&[ended(Some("Janus no longer knows our session"))]);
}

#[test]
fn what_janus_refuses_is_told_without_quoting_descriptions() {
    let mut scene = Scene::up();
    scene.prepare(&["a", "w"]);
    scene.command(publish("a", "l1"));
    scene.attach(11);
    let join = scene.request("joinandconfigure");
    let reason = "Invalid line (2nd char is not '='): nonsense";
    let error = json!({ "code": 465, "reason": reason });
    scene.reply(&join, json!({ "janus": "error", "error": error }));
    let words = failure(scene.event(), "l1");
    assert_eq!(words, "Janus does not understand the session description");
    // It is in all the same, so the handle is given up.
    assert_eq!(scene.request("detach")["handle_id"], 11);

    scene.command(publish("a", "l1"));
    scene.attach(12);
    let join = scene.request("joinandconfigure");
    scene.refuse(
        &join,
        432,
        "Maximum number of publishers (2) already reached",
    );
    let words = failure(scene.event(), "l1");
    assert_eq!(words, "as many show themselves already as may");
    scene.request("detach");

    scene.command(publish("a", "l1"));
    scene.attach(13);
    let join = scene.request("joinandconfigure");
    scene.reply_room(&join, json!({ "videoroom": "joined" }), None);
    assert_eq!(
        failure(scene.event(), "l1"),
        "what Janus answers makes no sense"
    );
}

#[test]
fn a_request_that_janus_could_not_read_fails_alone() {
    let mut scene = Scene::up();
    scene.prepare(&["a", "w"]);
    scene.published("a", "l1", 11);
    scene.command(watch("w", "l2"));
    scene.attach(12);
    scene.request("join");
    let reason = "JSON error: on line 1: \\u0000 is not allowed";
    let error = json!({ "janus": "error", "error": { "code": 454, "reason": reason } });
    scene.input(Input::Text(error.to_string()));
    scene.events(&[]);
    assert_eq!(scene.dropped, None);
    scene.pass(Duration::from_secs(8));
    let words = failure(scene.event(), "l2");
    assert_eq!(words, "Janus does not answer within 8 s");
    scene.events(&[]);
    assert_eq!(scene.dropped, None);
    // While it is greeted it is of no use.
    let mut scene = Scene::new(10);
    scene.input(Input::Open);
    scene.input(Input::Text(error.to_string()));
    let words = "what Janus answers makes no sense";
    assert_eq!(scene.dropped.as_deref(), Some(words));
}

#[test]
fn descriptions_with_control_characters_do_not_get_to_janus() {
    let mut scene = Scene::up();
    scene.prepare(&["a", "w"]);
    let words = "the session description has control characters";
    for control in ['\0', '\u{1b}', '\u{7f}', '\u{85}'] {
        scene.command(VideoCommand::Publish {
            leg: leg("l1"),
            participant: "a".parse().unwrap(),
            offer: format!("{OFFER}a=x:{control}\r\n"),
        });
        assert_eq!(failure(scene.event(), "l1"), words);
        scene.no_request();
    }
    let offer = format!("{OFFER}a=x:\t\r\n");
    scene.command(VideoCommand::Publish {
        leg: leg("l1"),
        participant: "a".parse().unwrap(),
        offer,
    });
    scene.attach(11);
    let join = scene.request("joinandconfigure");
    scene.joined(&join);
    scene.events(&[answered("l1")]);
    scene.say(11, json!({ "janus": "webrtcup" }));
    scene.events(&[connected("l1", true), visible("l1", "a", true)]);

    scene.command(watch("w", "l2"));
    scene.attach(12);
    let look = scene.request("join");
    let id = join["body"]["id"].clone();
    let data = json!({
        "videoroom": "attached", "room": look["body"]["room"],
        "streams": [{ "type": "video", "active": true, "mid": "0", "feed_id": id }],
    });
    scene.reply_room(&look, data, Some(jsep("offer", "the offer")));
    assert!(matches!(scene.event(), VideoEvent::Offered { .. }));
    let answer = |answer: &str| VideoCommand::Answer {
        leg: leg("l2"),
        answer: answer.into(),
    };
    scene.command(answer("v=0\r\ns=\0\r\n"));
    assert_eq!(failure(scene.event(), "l2"), words);
    scene.no_request();
    // The offer waits for a proper one.
    scene.command(answer("v=0\r\n"));
    scene.request("start");
    // Nor do such names.
    let VideoCommand::Prepare { mut guests, .. } = prepare("d", &["a"]) else {
        panic!("not prepared");
    };
    "A\0".clone_into(&mut guests[0].name);
    scene.command(VideoCommand::Prepare {
        conference: "d".parse().unwrap(),
        serial: 1,
        title: "Mon\0day".into(),
        guests,
    });
    assert_eq!(scene.request("create")["body"]["description"], "Mon day");
}

#[test]
fn nonsense_in_mid_conference_ends_it() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.input(Input::Text("nonsense".into()));
    let words = "what Janus answers makes no sense";
    scene.events(&[ended(Some(words))]);
    assert_eq!(scene.dropped.as_deref(), Some(words));
    // What else comes over that connection is not looked at.
    scene.input(Input::Text(r#"{"janus":"webrtcup"}"#.into()));
    scene.events(&[]);
}

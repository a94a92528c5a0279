//! Pictures: shown, watched, hidden.

use std::time::Duration;

use bridges::janus::Asker;
use convoke_types::video::{Picture, VideoCommand, VideoEvent};
use serde_json::{Value, json};

use super::scene::*;

fn stream(mid: &str, feed: Option<u64>) -> Value {
    let mut stream = json!({
        "type": "video", "active": feed.is_some(), "mid": mid, "ready": false, "send": true,
    });
    if let Some(feed) = feed {
        stream["feed_id"] = feed.into();
        stream["feed_mid"] = "0".into();
    }
    stream
}

fn offered(name: &str, offer: &str, pictures: &[(&str, &str, &str)]) -> VideoEvent {
    let picture = |(mid, who, of): &(&str, &str, &str)| Picture {
        mid: (*mid).to_owned(),
        participant: who.parse().unwrap(),
        leg: leg(of),
    };
    VideoEvent::Offered {
        leg: leg(name),
        offer: offer.into(),
        pictures: pictures.iter().map(picture).collect(),
    }
}

fn answer(name: &str) -> VideoCommand {
    VideoCommand::Answer {
        leg: leg(name),
        answer: "their answer".into(),
    }
}

fn hide(on: bool) -> VideoCommand {
    VideoCommand::Hide { leg: leg("l1"), on }
}

fn started(scene: &mut Scene, name: &str) {
    scene.command(answer(name));
    let start = scene.request("start");
    assert_eq!(start["jsep"]["type"], "answer");
    assert_eq!(start["jsep"]["sdp"], "their answer");
    let data = json!({ "videoroom": "event", "started": "ok" });
    scene.reply_room(&start, data, None);
    scene.events(&[]);
}

#[test]
fn an_offer_is_answered_and_the_picture_can_be_seen_once_its_transport_stands() {
    let mut scene = Scene::up();
    let create = scene.prepare(&["a"]);
    scene.command(publish("a", "l1"));
    scene.attach(11);
    let join = scene.request("joinandconfigure");
    assert_eq!(join["handle_id"], 11);
    let body = &join["body"];
    assert_eq!(body["ptype"], "publisher");
    assert_eq!(body["display"], "A");
    assert_eq!(body["pin"], create["body"]["pin"]);
    let offer = json!({ "type": "offer", "sdp": OFFER, "trickle": false });
    assert_eq!(join["jsep"], offer);
    // The event may come before the acknowledgement.
    scene.joined(&join);
    scene.reply(&join, json!({ "janus": "ack" }));
    scene.events(&[answered("l1")]);
    scene.say(11, json!({ "janus": "webrtcup" }));
    scene.events(&[connected("l1", true), visible("l1", "a", true)]);
    let media = json!({ "janus": "media", "mid": "0", "type": "video", "receiving": true });
    scene.say(11, media);
    scene.events(&[]);

    // A further offer on the same transport.
    scene.command(publish("a", "l1"));
    let configure = scene.request("configure");
    assert_eq!(configure["jsep"]["update"], true);
    let data = json!({
        "videoroom": "event", "configured": "ok", "streams": [{ "type": "video", "mid": "0" }],
    });
    let taken = Some(jsep("answer", "the answer"));
    scene.reply_room(&configure, data, taken);
    scene.events(&[answered("l1")]);
}

#[test]
fn who_watches_sees_others_come_and_go() {
    let mut scene = Scene::up();
    let create = scene.prepare(&["a", "b", "w"]);
    scene.command(watch("w", "l9"));
    scene.events(&[offered("l9", "", &[])]);
    scene.no_request();

    let first = scene.published("a", "l1", 11);
    scene.command(watch("w", "l9"));
    scene.attach(19);
    let join = scene.request("join");
    let body = &join["body"];
    assert_eq!(body["ptype"], "subscriber");
    assert_eq!(body["pin"], create["body"]["pin"]);
    assert_eq!(body["streams"], json!([{ "feed": first }]));
    assert_eq!(body["autoupdate"], false);
    // Asked again meanwhile: one offer answers both.
    scene.command(watch("w", "l9"));
    let data = json!({ "videoroom": "attached", "streams": [stream("0", Some(first))] });
    scene.reply_room(&join, data, Some(jsep("offer", "offer 1")));
    scene.events(&[offered("l9", "offer 1", &[("0", "a", "l1")])]);

    // Janus makes no other offer before this one is answered.
    let second = scene.published("b", "l2", 12);
    scene.command(watch("w", "l9"));
    scene.events(&[offered("l9", "offer 1", &[("0", "a", "l1")])]);
    started(&mut scene, "l9");
    scene.say(19, json!({ "janus": "webrtcup" }));
    scene.events(&[connected("l9", true)]);

    scene.command(watch("w", "l9"));
    let update = scene.request("update");
    let wanted = json!({ "request": "update", "subscribe": [{ "feed": second }] });
    assert_eq!(update["body"], wanted);
    let streams = [stream("0", Some(first)), stream("1", Some(second))];
    let data = json!({ "videoroom": "updated", "streams": streams });
    scene.reply_room(&update, data, Some(jsep("offer", "offer 2")));
    let both = [("0", "a", "l1"), ("1", "b", "l2")];
    scene.events(&[offered("l9", "offer 2", &both)]);
    started(&mut scene, "l9");

    scene.command(watch("w", "l9"));
    let configure = scene.request("configure");
    assert_eq!(
        configure["body"],
        json!({ "request": "configure", "update": true })
    );
    let data = json!({ "videoroom": "event", "configured": "ok" });
    scene.reply_room(&configure, data, Some(jsep("offer", "offer 3")));
    scene.events(&[offered("l9", "offer 3", &both)]);
    started(&mut scene, "l9");

    scene.command(VideoCommand::Close { leg: leg("l1") });
    scene.events(&[visible("l1", "a", false), closed("l1")]);
    assert_eq!(scene.request("detach")["handle_id"], 11);
    scene.command(watch("w", "l9"));
    let update = scene.request("update");
    let wanted = json!({ "request": "update", "unsubscribe": [{ "sub_mid": "0" }] });
    assert_eq!(update["body"], wanted);
    let streams = [stream("0", None), stream("1", Some(second))];
    let data = json!({ "videoroom": "updated", "streams": streams });
    scene.reply_room(&update, data, Some(jsep("offer", "offer 4")));
    scene.events(&[offered("l9", "offer 4", &[("1", "b", "l2")])]);
}

#[test]
fn who_looks_again_before_their_answer_is_taken_gets_an_offer_when_it_is() {
    let mut scene = Scene::up();
    scene.prepare(&["a", "b", "w"]);
    let first = scene.published("a", "l1", 11);
    scene.command(watch("w", "l9"));
    scene.attach(19);
    let join = scene.request("join");
    let data = json!({ "videoroom": "attached", "streams": [stream("0", Some(first))] });
    scene.reply_room(&join, data, Some(jsep("offer", "offer 1")));
    scene.event();
    scene.command(answer("l9"));
    let start = scene.request("start");
    let second = scene.published("b", "l2", 12);
    scene.command(watch("w", "l9"));
    scene.no_request();
    let data = json!({ "videoroom": "event", "started": "ok" });
    scene.reply_room(&start, data, None);
    let update = scene.request("update");
    assert_eq!(update["body"]["subscribe"], json!([{ "feed": second }]));
    scene.events(&[]);

    // An answer that cannot be used: the offer waits for another.
    let streams = [stream("0", Some(first)), stream("1", Some(second))];
    let data = json!({ "videoroom": "updated", "streams": streams });
    scene.reply_room(&update, data, Some(jsep("offer", "offer 2")));
    let offer = offered("l9", "offer 2", &[("0", "a", "l1"), ("1", "b", "l2")]);
    scene.events(std::slice::from_ref(&offer));
    scene.command(answer("l9"));
    let start = scene.request("start");
    let error = json!({ "code": 465, "reason": "Missing mandatory lines (o=, s= or m=)" });
    scene.reply(&start, json!({ "janus": "error", "error": error }));
    let words = failure(scene.event(), "l9");
    assert_eq!(words, "Janus does not understand the session description");
    scene.command(watch("w", "l9"));
    scene.events(&[offer]);
    started(&mut scene, "l9");
}

#[test]
fn nobody_watches_their_own_picture() {
    let mut scene = Scene::up();
    scene.prepare(&["a", "b"]);
    scene.published("a", "l1", 11);
    scene.command(watch("a", "l8"));
    scene.events(&[offered("l8", "", &[])]);
    scene.no_request();
}

#[test]
fn a_picture_that_left_meanwhile_is_left_out() {
    let mut scene = Scene::up();
    scene.prepare(&["a", "b", "w"]);
    scene.published("a", "l1", 11);
    scene.command(watch("w", "l9"));
    scene.attach(19);
    let join = scene.request("join");
    scene.say(11, json!({ "janus": "hangup", "reason": "DTLS alert" }));
    let gone = [
        connected("l1", false),
        visible("l1", "a", false),
        closed("l1"),
    ];
    scene.events(&gone);
    scene.request("detach");
    scene.refuse(&join, 428, "No such feed (77)");
    scene.events(&[offered("l9", "", &[])]);
    // The handle is there, and used for the next.
    let second = scene.published("b", "l2", 12);
    scene.command(watch("w", "l9"));
    let join = scene.request("join");
    assert_eq!(join["handle_id"], 19);
    assert_eq!(join["body"]["streams"], json!([{ "feed": second }]));
}

#[test]
fn a_hidden_picture_is_seen_by_nobody_and_begins_with_a_whole_frame_afterwards() {
    let mut scene = Scene::up();
    let create = scene.prepare(&["a", "w"]);
    let id = scene.published("a", "l1", 11);
    scene.command(hide(true));
    let moderate = scene.request("moderate");
    assert_eq!(moderate["handle_id"], CONTROL);
    let wanted = json!({
        "request": "moderate", "room": create["body"]["room"],
        "secret": create["body"]["secret"], "id": id, "mid": "0", "mute": true,
    });
    assert_eq!(moderate["body"], wanted);
    // Janus works at several requests at a time: the next waits.
    scene.command(hide(false));
    scene.no_request();
    scene.reply_room(&moderate, json!({ "videoroom": "success" }), None);
    scene.events(&[visible("l1", "a", false)]);
    scene.command(watch("w", "l9"));
    scene.events(&[offered("l9", "", &[])]);

    let moderate = scene.request("moderate");
    assert_eq!(moderate["body"]["mute"], false);
    scene.reply_room(&moderate, json!({ "videoroom": "success" }), None);
    scene.events(&[visible("l1", "a", true)]);
    let keyframe = scene.request("configure");
    assert_eq!(keyframe["handle_id"], 11);
    assert_eq!(
        keyframe["body"],
        json!({ "request": "configure", "keyframe": true })
    );
}

#[test]
fn who_wants_a_picture_hidden_is_told_that_janus_refuses_and_it_goes_on() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.published("a", "l1", 11);
    scene.askers.clear();
    let moderator = Asker(7);
    scene.command_by(moderator, hide(true));
    let moderate = scene.request("moderate");
    // Another one wants the same meanwhile.
    scene.command_by(Asker(8), hide(true));
    scene.refuse(&moderate, 499, "An unknown error");
    for _ in 0..2 {
        let words = failure(scene.event(), "l1");
        assert!(words.contains("An unknown error"), "{words}");
    }
    assert_eq!(scene.askers, [moderator, Asker(8)]);
    scene.events(&[]);
    assert!(scene.core.has(&leg("l1")));
    // It may be asked for again.
    scene.command_by(moderator, hide(true));
    let moderate = scene.request("moderate");
    scene.reply_room(&moderate, json!({ "videoroom": "success" }), None);
    scene.events(&[visible("l1", "a", false)]);
}

#[test]
fn a_picture_hidden_before_it_was_there_is_hidden_when_it_comes() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.command(publish("a", "l1"));
    scene.attach(11);
    let join = scene.request("joinandconfigure");
    scene.command(hide(true));
    scene.no_request();
    scene.joined(&join);
    scene.events(&[answered("l1")]);
    let moderate = scene.request("moderate");
    scene.reply_room(&moderate, json!({ "videoroom": "success" }), None);
    scene.say(11, json!({ "janus": "webrtcup" }));
    scene.events(&[connected("l1", true)]);
}

#[test]
fn a_leg_that_is_closed_before_janus_has_it_leaves_nothing_there() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.command(publish("a", "l1"));
    let attach = scene.request("attach");
    scene.command(VideoCommand::Close { leg: leg("l1") });
    scene.events(&[closed("l1")]);
    scene.no_request();
    scene.reply(&attach, json!({ "janus": "success", "data": { "id": 11 } }));
    assert_eq!(scene.request("detach")["handle_id"], 11);

    // Closed, and opened anew with the same name at once: the first handle is not the second leg's.
    scene.command(publish("a", "l1"));
    let first = scene.request("attach");
    scene.command(VideoCommand::Close { leg: leg("l1") });
    scene.command(publish("a", "l1"));
    let second = scene.request("attach");
    scene.reply(&first, json!({ "janus": "success", "data": { "id": 12 } }));
    assert_eq!(scene.request("detach")["handle_id"], 12);
    scene.reply(&second, json!({ "janus": "success", "data": { "id": 13 } }));
    assert_eq!(scene.request("joinandconfigure")["handle_id"], 13);
}

#[test]
fn who_is_put_out_by_others_is_told_closed() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.published("a", "l1", 11);
    let data = json!({ "videoroom": "event", "leaving": "ok", "reason": "kicked" });
    let plugindata = json!({ "plugin": "janus.plugin.videoroom", "data": data });
    scene.say(11, json!({ "janus": "event", "plugindata": plugindata }));
    let gone = [
        connected("l1", false),
        visible("l1", "a", false),
        closed("l1"),
    ];
    scene.events(&gone);
    assert_eq!(scene.request("detach")["handle_id"], 11);
    scene.say(11, json!({ "janus": "hangup", "reason": "Close PC" }));
    scene.events(&[]);
}

#[test]
fn what_was_not_prepared_fails_in_words() {
    let mut scene = Scene::up();
    scene.command(publish("a", "l1"));
    let words = failure(scene.event(), "l1");
    assert_eq!(words, "the conference was not prepared for pictures");
    scene.prepare(&["a"]);
    scene.command(publish("x", "l1"));
    let words = failure(scene.event(), "l1");
    assert_eq!(words, "nobody of that name was prepared for");
    scene.command(watch("x", "l1"));
    let words = failure(scene.event(), "l1");
    assert_eq!(words, "nobody of that name was prepared for");
    scene.command(VideoCommand::Publish {
        leg: leg("l1"),
        participant: "a".parse().unwrap(),
        offer: format!("{OFFER}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"),
    });
    let words = failure(scene.event(), "l1");
    assert!(words.contains("only pictures"), "{words}");
    scene.no_request();

    scene.published("a", "l1", 11);
    scene.command(watch("a", "l1"));
    assert_eq!(failure(scene.event(), "l1"), "this leg shows a picture");
    scene.command(answer("l1"));
    scene.events(&[]);
    scene.command(watch("a", "l2"));
    scene.event();
    scene.command(answer("l2"));
    let words = failure(scene.event(), "l2");
    assert_eq!(words, "there is no offer that waits for an answer");
}

/// Somebody watches the picture of a, and their answer is taken.
fn watching(scene: &mut Scene) -> u64 {
    scene.prepare(&["a", "b", "w"]);
    let first = scene.published("a", "l1", 11);
    scene.command(watch("w", "l9"));
    scene.attach(19);
    let join = scene.request("join");
    let data = json!({ "videoroom": "attached", "streams": [stream("0", Some(first))] });
    scene.reply_room(&join, data, Some(jsep("offer", "offer 1")));
    scene.event();
    first
}

/// The leg is told as failed and over, its handle is given up, and it can be made anew.
#[track_caller]
fn over(scene: &mut Scene, expected: &str) {
    assert_eq!(failure(scene.event(), "l9"), expected);
    scene.events(&[connected("l9", false), closed("l9")]);
    let detach = std::iter::from_fn(|| scene.requests().pop_front());
    let detach: Vec<_> = detach.filter(|one| one["janus"] == "detach").collect();
    assert_eq!(detach.len(), 1);
    assert_eq!(detach[0]["handle_id"], 19);
    scene.command(watch("w", "l9"));
    scene.request("attach");
}

#[test]
fn who_watches_and_is_not_answered_in_time_is_not_stuck() {
    let late = "Janus does not answer within 8 s";
    let mut scene = Scene::up();
    watching(&mut scene);
    scene.say(19, json!({ "janus": "webrtcup" }));
    scene.events(&[connected("l9", true)]);
    scene.command(answer("l9"));
    scene.request("start");
    scene.pass(Duration::from_secs(8));
    over(&mut scene, late);

    let mut scene = Scene::up();
    watching(&mut scene);
    started(&mut scene, "l9");
    scene.say(19, json!({ "janus": "webrtcup" }));
    scene.events(&[connected("l9", true)]);
    scene.command(watch("w", "l9"));
    scene.request("configure");
    scene.pass(Duration::from_secs(8));
    over(&mut scene, late);
}

#[test]
fn who_watches_is_not_stuck_when_janus_makes_its_offer_later() {
    let mut scene = Scene::up();
    watching(&mut scene);
    started(&mut scene, "l9");
    scene.say(19, json!({ "janus": "webrtcup" }));
    scene.events(&[connected("l9", true)]);
    scene.published("b", "l2", 12);
    scene.command(watch("w", "l9"));
    let update = scene.request("update");
    let data = json!({ "videoroom": "updating", "streams": [] });
    scene.reply_room(&update, data, None);
    over(&mut scene, "what Janus answers makes no sense");
}

/// Lets time pass, in which Janus says that it is there.
fn pass(scene: &mut Scene, ms: u64) {
    scene.pass(Duration::from_millis(ms));
    while let Some(request) = scene.requests().pop_front() {
        assert_eq!(request["janus"], "keepalive");
        scene.reply(&request, json!({ "janus": "ack" }));
    }
}

fn media(scene: &mut Scene, receiving: bool) {
    let said = json!({ "janus": "media", "mid": "0", "type": "video", "receiving": receiving });
    scene.say(11, said);
}

#[test]
fn a_picture_of_which_nothing_arrives_any_more_is_over() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.published("a", "l1", 11);
    media(&mut scene, false);
    pass(&mut scene, 9_999);
    media(&mut scene, true);
    pass(&mut scene, 2_000);
    media(&mut scene, false);
    // Twice is not longer, and another section is none of it.
    pass(&mut scene, 5_000);
    media(&mut scene, false);
    let other = json!({ "janus": "media", "mid": "7", "type": "video", "receiving": true });
    scene.say(11, other);
    pass(&mut scene, 4_999);
    scene.events(&[]);
    scene.pass(Duration::from_millis(1));
    let gone = [
        connected("l1", false),
        visible("l1", "a", false),
        closed("l1"),
    ];
    scene.events(&gone);
}

#[test]
fn a_hidden_picture_may_be_silent_until_it_is_shown_again() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.published("a", "l1", 11);
    scene.command(hide(true));
    let moderate = scene.request("moderate");
    scene.reply_room(&moderate, json!({ "videoroom": "success" }), None);
    media(&mut scene, false);
    scene.events(&[visible("l1", "a", false)]);
    scene.pass(Duration::from_secs(5));
    scene.command(hide(false));
    let moderate = scene.request("moderate");
    scene.reply_room(&moderate, json!({ "videoroom": "success" }), None);
    scene.events(&[visible("l1", "a", true)]);
    scene.pass(Duration::from_millis(9_999));
    assert!(scene.core.has(&leg("l1")));
    scene.pass(Duration::from_millis(1));
    assert!(!scene.core.has(&leg("l1")));
}

#[test]
fn a_handle_that_janus_tells_twice_is_kept() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.command(publish("a", "l1"));
    let attach = scene.request("attach");
    let made = json!({ "janus": "success", "data": { "id": 11 } });
    scene.reply(&attach, made.clone());
    let join = scene.request("joinandconfigure");
    scene.reply(&attach, made);
    scene.no_request();
    scene.joined(&join);
    scene.events(&[answered("l1")]);
}

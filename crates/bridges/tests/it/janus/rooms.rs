//! Conferences: prepared, changed, ended.

use bridges::janus::{Asker, Input};
use convoke_types::video::{Refusal, VideoCommand, VideoEvent};
use serde_json::{Value, json};

use super::scene::*;

#[track_caller]
fn refusal(event: VideoEvent) -> (Refusal, String) {
    match event {
        VideoEvent::Refused { refusal, words, .. } => (refusal, words),
        other => panic!("{other:?}"),
    }
}

fn end() -> VideoCommand {
    VideoCommand::End {
        conference: "c".parse().unwrap(),
    }
}

#[test]
fn a_room_is_secret_and_ends_with_janus() {
    let mut scene = Scene::up();
    let create = scene.prepare(&["a", "b"]);
    assert_eq!(create["handle_id"], CONTROL);
    let body = &create["body"];
    assert_eq!(body["permanent"], false);
    assert_eq!(body["is_private"], true);
    assert_eq!(body["bitrate_cap"], true);
    assert_eq!(body["bitrate"], 1_000_000);
    assert_eq!(
        body["publishers"], 6,
        "a camera, a screen and one in place of either each"
    );
    assert_eq!(scene.announced.as_ref().unwrap().legs, 6);
    assert_eq!(scene.announced.as_ref().unwrap().product, "Janus 1.1.2");

    scene.command(prepare("d", &["a"]));
    let other = scene.request("create");
    for secret in ["room", "secret", "pin"] {
        assert_ne!(other["body"][secret], body[secret]);
    }
    assert_ne!(body["secret"], body["pin"]);
    assert_eq!(body["pin"].as_str().unwrap().len(), 32);
}

#[test]
fn a_number_that_is_taken_gives_way_to_another() {
    let mut scene = Scene::up();
    scene.command(prepare("c", &["a"]));
    let first = scene.request("create");
    scene.refuse(&first, 427, "Room 4711 already exists");
    let second = scene.request("create");
    assert_ne!(first["body"]["room"], second["body"]["room"]);
    scene.made(&second);
    scene.events(&[prepared("c")]);
}

#[test]
fn each_question_is_answered_by_its_number() {
    let ask = |conference: &str, serial: u32, people: &[&str]| {
        let mut command = prepare(conference, people);
        if let VideoCommand::Prepare { serial: number, .. } = &mut command {
            *number = serial;
        }
        command
    };
    let answers = |scene: &mut Scene| -> Vec<(u32, bool)> {
        let answer = |event| match event {
            VideoEvent::Prepared { serial, .. } => (serial, true),
            VideoEvent::Refused { serial, .. } => (serial, false),
            other => panic!("{other:?}"),
        };
        scene.told().into_iter().map(answer).collect()
    };
    let mut scene = Scene::up();
    scene.command(ask("c", 3, &["a"]));
    let create = scene.request("create");
    // What cannot be is refused at once, before what was asked for earlier.
    let crowd: Vec<String> = (0..500).map(|n| format!("p{n}")).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    scene.command(ask("c", 4, &crowd));
    assert_eq!(answers(&mut scene), [(4, false)]);
    scene.command(ask("c", 5, &[]));
    scene.made(&create);
    assert_eq!(answers(&mut scene), [(3, true), (5, true)]);
}

#[test]
fn who_is_no_longer_prepared_for_is_put_out() {
    let mut scene = Scene::up();
    scene.prepare(&["a", "b"]);
    scene.published("a", "l1", 11);
    scene.published("b", "l2", 12);
    scene.command(prepare("c", &["b"]));
    let detach = scene.request("detach");
    assert_eq!(detach["handle_id"], 11);
    scene.events(&[visible("l1", "a", false), closed("l1"), prepared("c")]);
    scene.reply(&detach, json!({ "janus": "success" }));
    scene.say(11, json!({ "janus": "detached" }));
    scene.events(&[]);
    scene.no_request();

    // More than before: Janus must let more show themselves.
    scene.command(prepare("c", &["b", "d", "e"]));
    let edit = scene.request("edit");
    assert_eq!(edit["body"]["new_publishers"], 9);
    scene.events(&[]);
    edited(&mut scene, &edit);
    scene.events(&[prepared("c")]);
}

fn edited(scene: &mut Scene, edit: &Value) {
    let room = &edit["body"]["room"];
    let data = json!({ "videoroom": "edited", "room": room, "permanent": false });
    scene.reply_room(edit, data, None);
}

#[test]
fn a_list_that_janus_refuses_leaves_things_as_they_were() {
    let mut scene = Scene::up();
    scene.prepare(&["a", "b"]);
    scene.published("a", "l1", 11);
    // Without a, and with two more: nobody is put out, or let in, before Janus has agreed.
    scene.command(prepare("c", &["b", "d", "e"]));
    let edit = scene.request("edit");
    scene.command(publish("d", "l4"));
    let words = failure(scene.event(), "l4");
    assert_eq!(words, "nobody of that name was prepared for");
    assert_eq!(scene.announced.as_ref().unwrap().legs, 9);
    scene.refuse(&edit, 433, "Unauthorized (wrong secret)");
    assert_eq!(refusal(scene.event()).0, Refusal::Unsuitable);
    scene.no_request();
    assert_eq!(scene.announced.as_ref().unwrap().legs, 6);
    scene.published("b", "l2", 12);
    scene.command(publish("d", "l4"));
    failure(scene.event(), "l4");

    // What was refused is asked for again, since Janus has not agreed to it.
    scene.command(prepare("c", &["b", "d", "e"]));
    let edit = scene.request("edit");
    scene.events(&[]);
    edited(&mut scene, &edit);
    scene.events(&[visible("l1", "a", false), closed("l1"), prepared("c")]);
}

#[test]
fn each_who_prepares_is_answered_when_their_list_stands() {
    let mut scene = Scene::up();
    let (first, second) = (Asker(4), Asker(7));
    scene.command_by(first, prepare("c", &["a"]));
    let create = scene.request("create");
    scene.command_by(second, prepare("c", &["a", "b"]));
    scene.events(&[]);
    scene.made(&create);
    scene.events(&[prepared("c")]);
    assert_eq!(scene.askers, [first]);
    let edit = scene.request("edit");
    // Another while that is being asked: its answer waits too.
    scene.command_by(first, prepare("c", &["b"]));
    scene.events(&[]);
    edited(&mut scene, &edit);
    scene.events(&[prepared("c"), prepared("c")]);
    assert_eq!(scene.askers, [first, second, first]);
    // The last list is the one that holds.
    scene.command(publish("a", "l1"));
    failure(scene.event(), "l1");
    scene.published("b", "l2", 12);
}

#[test]
fn an_answer_of_a_former_room_is_not_taken_for_the_next_one_of_its_name() {
    let mut scene = Scene::up();
    scene.prepare(&["a"]);
    scene.command(prepare("c", &["a", "b"]));
    let former = scene.request("edit");
    scene.command(end());
    assert_eq!(refusal(scene.event()).1, "the conference was ended");
    let destroy = scene.request("destroy");
    let data = json!({ "videoroom": "destroyed", "room": destroy["body"]["room"] });
    scene.reply_room(&destroy, data, None);
    scene.events(&[ended(None)]);
    scene.prepare(&["a"]);
    scene.command(prepare("c", &["a", "b"]));
    let edit = scene.request("edit");
    scene.refuse(&former, 426, "No such room (4711)");
    scene.events(&[]);
    edited(&mut scene, &edit);
    scene.events(&[prepared("c")]);
}

#[test]
fn what_was_promised_is_there_and_more_only_while_nobody_else_needs_it() {
    let mut scene = Scene::new(7);
    scene.connect();
    scene.prepare(&["a", "b"]);
    scene.published("a", "l1", 11);
    scene.published("a", "l2", 12);
    // One that takes the place of another.
    scene.published("a", "l3", 13);
    scene.command(publish("a", "l10"));
    let words = failure(scene.event(), "l10");
    assert_eq!(words, "they show as many pictures already as they may");
    // A second device watches; for a third there is no place, but there is for b's first.
    for device in ["l4", "l5"] {
        scene.command(watch("b", device));
        scene.request("attach");
    }
    assert_eq!(scene.announced.as_ref().unwrap().legs, 7);
    scene.command(watch("b", "l6"));
    assert_eq!(failure(scene.event(), "l6"), "Janus is full");
    scene.command(watch("a", "l7"));
    scene.events(&[offered_nothing("l7")]);
    scene.published("b", "l8", 18);
    scene.published("b", "l9", 19);
}

fn offered_nothing(name: &str) -> VideoEvent {
    VideoEvent::Offered {
        leg: leg(name),
        offer: String::new(),
        pictures: vec![],
    }
}

#[test]
fn a_full_server_says_so_and_keeps_what_it_has() {
    let mut scene = Scene::new(7);
    scene.connect();
    scene.prepare(&["a", "b"]);
    scene.command(prepare("d", &["x"]));
    let (refused, words) = refusal(scene.event());
    assert_eq!(refused, Refusal::Full);
    assert_eq!(
        words,
        "Janus is full: it carries 7 legs, and 6 are promised"
    );
    scene.command(prepare("c", &["a", "b", "e"]));
    assert_eq!(refusal(scene.event()).0, Refusal::Full);
    scene.no_request();
    scene.published("b", "l1", 11);
}

#[test]
fn an_end_frees_the_room_also_while_it_is_being_made() {
    let mut scene = Scene::up();
    let create = scene.prepare(&["a"]);
    scene.published("a", "l1", 11);
    scene.command(end());
    assert_eq!(scene.request("detach")["handle_id"], 11);
    let destroy = scene.request("destroy");
    assert_eq!(destroy["body"]["secret"], create["body"]["secret"]);
    scene.events(&[]);
    let data = json!({ "videoroom": "destroyed", "room": create["body"]["room"] });
    scene.reply_room(&destroy, data, None);
    scene.events(&[ended(None)]);
    assert_eq!(scene.announced.as_ref().unwrap().legs, 0);
    scene.command(end());
    scene.events(&[ended(None)]);

    scene.command(prepare("c", &["a"]));
    let create = scene.request("create");
    scene.command(end());
    assert_eq!(refusal(scene.event()).1, "the conference was ended");
    scene.no_request();
    scene.made(&create);
    let destroy = scene.request("destroy");
    assert_eq!(destroy["body"]["room"], create["body"]["room"]);
    let data = json!({ "videoroom": "destroyed", "room": create["body"]["room"] });
    scene.reply_room(&destroy, data, None);
    scene.events(&[ended(None)]);
}

#[test]
fn a_lost_connection_loses_the_conferences_and_their_rooms_are_swept_away() {
    let mut scene = Scene::up();
    let create = scene.prepare(&["a"]);
    scene.published("a", "l1", 11);
    scene.input(Input::Lost {
        words: "the connection is closed".into(),
    });
    scene.events(&[ended(Some("the connection is closed"))]);
    assert!(!scene.announced.as_ref().unwrap().ready);
    scene.command(prepare("c", &["a"]));
    let (refused, words) = refusal(scene.event());
    assert_eq!(refused, Refusal::Unreachable);
    assert_eq!(words, "the connection is closed");

    scene.connect();
    // Lost again before Janus has answered: it is not forgotten.
    scene.request("destroy");
    scene.input(Input::Lost { words: "x".into() });
    scene.connect();
    let destroy = scene.request("destroy");
    assert_eq!(destroy["body"]["room"], create["body"]["room"]);
    assert_eq!(destroy["body"]["secret"], create["body"]["secret"]);
    scene.refuse(&destroy, 426, "No such room (4711)");
    scene.events(&[]);
    scene.input(Input::Lost { words: "x".into() });
    scene.connect();
    scene.no_request();
    scene.prepare(&["a"]);
}

#[test]
fn a_room_that_others_end_is_told_as_lost() {
    let mut scene = Scene::up();
    let create = scene.prepare(&["a"]);
    scene.published("a", "l1", 11);
    let data = json!({ "videoroom": "destroyed", "room": create["body"]["room"] });
    let plugindata = json!({ "plugin": "janus.plugin.videoroom", "data": data });
    scene.say(11, json!({ "janus": "event", "plugindata": plugindata }));
    scene.events(&[ended(Some("Janus has ended the conference's room"))]);
    assert_eq!(scene.request("detach")["handle_id"], 11);

    // Nobody was in, so nobody told: the next who comes finds out.
    scene.prepare(&["a"]);
    scene.command(publish("a", "l2"));
    scene.attach(12);
    let join = scene.request("joinandconfigure");
    scene.refuse(&join, 426, "No such room (4711)");
    scene.events(&[ended(Some("Janus has ended the conference's room"))]);
}

/// It went to another server and comes back, before what it left here is swept away.
#[test]
fn a_conference_that_comes_back_while_it_is_ended_is_made_anew_after_that() {
    let mut scene = Scene::up();
    let first = scene.prepare(&["a"]);
    scene.published("a", "l1", 11);
    scene.told();
    scene.command(end());
    assert_eq!(scene.request("detach")["handle_id"], 11);
    let destroy = scene.request("destroy");
    let again = prepare("c", &["a", "b"]);
    scene.command(again.clone());
    scene.no_request();
    scene.events(&[]);
    scene.reply_room(&destroy, json!({ "videoroom": "destroyed" }), None);
    let second = scene.request("create");
    assert_ne!(first["body"]["room"], second["body"]["room"]);
    scene.events(&[ended(None)]);
    scene.made(&second);
    scene.events(&[prepared("c")]);
    // Its people are in the room of now.
    scene.published("b", "l2", 12);

    // Whoever takes it back before that is answered, and nothing is made.
    scene.told();
    scene.command(end());
    assert_eq!(scene.request("detach")["handle_id"], 12);
    let destroy = scene.request("destroy");
    scene.command(again);
    scene.command(end());
    let (refused, words) = refusal(scene.event());
    assert_eq!(
        (refused, &*words),
        (Refusal::Unreachable, "the conference was ended")
    );
    scene.reply_room(&destroy, json!({ "videoroom": "destroyed" }), None);
    scene.events(&[ended(None)]);
    scene.no_request();
}

//! The keypad of telephones of another make (T8): codes are confirmed by a voice that only who pressed them hears, and everybody
//! sees what they did.

use convoke_tests::again::on_time;
use convoke_tests::peers::baresip::Telephone;
use serde_json::{Value, json};
use testkit::GIVE_UP;

use super::stage::{Stage, baresips, config, likeness};

const ALICE: &str = "+15550101";
const BOB: &str = "+15550201";
/// Somebody without an account; prompts to them are in the configured language.
const GUEST: &str = "+15550199";
const GUESTS_NAME: &str = "Number …99";

fn telephone(number: &'static str) -> Telephone {
    Telephone {
        number,
        tone_hz: 0.0,
        ..Telephone::default()
    }
}

/// Whose hands are up, with their places in the queue.
fn queue(now: &Value) -> Vec<(String, u64)> {
    let people = now["conference"]["participant"].as_array().unwrap();
    let place = |one: &Value| Some((one["name"].as_str()?.to_owned(), one["hand"].as_u64()?));
    people.iter().filter_map(place).collect()
}

#[test]
fn keys_raise_hands_and_mute_and_a_voice_confirms_them() {
    on_time(
        "calls::keys::keys_raise_hands_and_mute_and_a_voice_confirms_them",
        type_and_listen,
    );
}

fn type_and_listen() {
    let (config, [_alice, mut bob, mut guest]) = baresips(
        config(),
        [telephone(ALICE), telephone(BOB), telephone(GUEST)],
    );
    let config =
        config
            .set("conference", "language", "de")
            .set("conference", "guard_outside", false);
    let mut stage = Stage::start(config, &[("alice", ALICE), ("bob", BOB)]);
    let administrator = &stage.administrator;
    administrator.speaks(&stage.convoke, "bob", "en").unwrap();
    // The board of the moderator, as it is printed where there is no terminal.
    let board = stage
        .convoke
        .command(&["call", "bob", GUEST, "--as", "alice"])
        .unwrap();
    let shown = |what: &str| {
        let line = board.wait_line(what, |line| line.stdout && line.text.contains(what));
        line.unwrap();
    };
    let in_the_call = ["alice (work)", "bob (work)", "Number …99 (outside)"];
    for whom in in_the_call {
        shown(&format!("{whom}  In the call"));
    }
    let zeep = &mut stage.zeep;
    let running = zeep.accepted("list", json!({})).unwrap();
    let id = running[0]["id"].as_str().unwrap().to_owned();
    let get = json!({ "conference": id });

    // Two ask to speak, one after the other, and one gets the floor.
    guest.type_code("*5").unwrap();
    shown("Number …99 (outside) raises a hand");
    guest.listen(3).unwrap();
    bob.type_code("*5").unwrap();
    shown("bob (work) raises a hand");
    let now = zeep.accepted("get", get.clone()).unwrap();
    assert_eq!(
        queue(&now),
        [("bob".to_owned(), 2), (GUESTS_NAME.to_owned(), 1)]
    );
    let people = now["conference"]["participant"].as_array().unwrap();
    let of = |name: &str| {
        let found = people.iter().find(|one| one["name"] == name).unwrap();
        json!({ "conference": id, "participant": found["id"] })
    };
    zeep.accepted("mute", of(GUESTS_NAME)).unwrap();
    shown("Number …99 (outside) is muted");
    // A moderator's mute is no telephone's to lift.
    guest.type_code("*6").unwrap();
    guest.listen(4).unwrap();
    zeep.accepted("giveFloor", of(GUESTS_NAME)).unwrap();
    shown("Number …99 (outside) has the hand down");
    shown("Number …99 (outside) can be heard again");
    let now = zeep.accepted("get", get.clone()).unwrap();
    assert_eq!(queue(&now), [("bob".to_owned(), 1)]);

    guest.listen(2).unwrap();

    // Bob changes his mind, then silences himself and speaks again.
    bob.type_code("*5").unwrap();
    shown("bob (work) has the hand down");
    bob.listen(2).unwrap();
    bob.type_code("*6").unwrap();
    shown("bob (work) is muted");
    bob.listen(2).unwrap();
    bob.type_code("*6").unwrap();
    shown("bob (work) can be heard again");
    bob.listen(2).unwrap();
    bob.type_code("*1").unwrap();
    bob.listen(3).unwrap();
    guest.listen(1).unwrap();
    zeep.accepted("end", get).unwrap();
    assert_eq!(board.wait_exit(GIVE_UP).unwrap().code(), Some(0));
    for telephone in [&mut bob, &mut guest] {
        telephone.wait_event("CALL_CLOSED").unwrap();
    }
    let (bob, guest) = (bob.heard().unwrap(), guest.heard().unwrap());
    for (heard, prompt, language) in [
        (&bob, "hand-up", "en"),
        (&bob, "hand-down", "en"),
        (&bob, "muted", "en"),
        (&bob, "unmuted", "en"),
        (&bob, "key-help", "en"),
        (&guest, "hand-up", "de"),
        (&guest, "muted-by-moderator", "de"),
        (&guest, "unmuted", "de"),
    ] {
        let like = likeness(heard, prompt, language);
        println!("{prompt} in {language}: {like:.2}");
        assert!(like > 0.9, "{prompt} in {language}: {like:.2}");
    }
    for (heard, prompt, language) in [
        (&guest, "muted", "de"),
        (&guest, "hand-down", "de"),
        (&guest, "hand-up", "en"),
        (&bob, "muted-by-moderator", "en"),
        (&bob, "hand-up", "de"),
    ] {
        let like = likeness(heard, prompt, language);
        assert!(
            like < 0.7,
            "{prompt} in {language} was for nobody: {like:.2}"
        );
    }
}

//! Chat of a window with Linphone, which compresses its notices of what became of a message and names it by its Call-ID.

use convoke_tests::again::alone;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::chromium::{Microphone, Visit};
use convoke_tests::peers::linphone::Chat;
use serde_json::json;

use super::stage::{Stage, assert_faultless, config, signed_in};
use crate::calls::stage::DOMAIN;

/// Alice at her window sees by Linphone's notices (RFC 5438) that bob has a message and has read it; each sees that the other types (RFC 3994).
#[test]
fn linphone_tells_a_window_what_came_and_was_read_and_both_that_they_type() {
    let _alone = alone();
    let stage = stage();
    let mut bob = linphone(&stage, "bob", "alice");
    let mut alice = signed_in(&Visit::to(stage.url(), Microphone::Refused));

    alice.write("Bob Keller", "shall we begin?").unwrap();
    bob.until("message", &json!("shall we begin?")).unwrap();
    alice.until_window("^Delivered$").unwrap();
    bob.reads().unwrap();
    alice.until_window("^Read$").unwrap();

    bob.types().unwrap();
    alice.until_window("Bob Keller is typing").unwrap();
    bob.write("in a minute").unwrap();
    alice.until_window("^in a minute$").unwrap();
    alice.until_window_not("Bob Keller is typing").unwrap();
    // It asks for no notices of what it writes: that the server has it is all that it is told.
    bob.until("is", &json!("delivered")).unwrap();

    alice.types("Bob Keller", "take your time").unwrap();
    bob.until("typing", &json!(true)).unwrap();
    alice.write("Bob Keller", "take your time").unwrap();
    bob.until("typing", &json!(false)).unwrap();
    bob.until("message", &json!("take your time")).unwrap();
    assert_faultless(&mut alice);
}

/// What alice wrote before bob's Linphone was there is delivered and read later, and so it stands at her window.
#[test]
fn linphone_tells_a_window_what_became_of_a_message_that_was_kept_for_it() {
    let _alone = alone();
    let stage = stage();
    let mut alice = signed_in(&Visit::to(stage.url(), Microphone::Refused));
    alice.write("Bob Keller", "shall we begin?").unwrap();
    alice.until_window("^Sent$").unwrap();

    let mut bob = linphone(&stage, "bob", "alice");
    bob.until("message", &json!("shall we begin?")).unwrap();
    alice.until_window("^Delivered$").unwrap();
    bob.reads().unwrap();
    alice.until_window("^Read$").unwrap();
    assert_faultless(&mut alice);
}

/// What alice writes with her Linphone stands in her window at once, though bob is away and tells nothing of it.
#[test]
fn what_linphone_writes_stands_in_its_own_persons_window() {
    let _alone = alone();
    let stage = stage();
    // A new device of hers makes a window that is there register anew, and read the history.
    let mut linphone = linphone(&stage, "alice", "bob");
    let mut window = signed_in(&Visit::to(stage.url(), Microphone::Refused));
    window.write("Bob Keller", "from my window").unwrap();
    window.until_window("^Sent$").unwrap();
    linphone.write("from my telephone").unwrap();
    window.until_window("^from my telephone$").unwrap();
    linphone.until("is", &json!("delivered")).unwrap();
    assert_faultless(&mut window);
}

fn stage() -> Stage {
    // Linphone gives up when SHA-512-256 is offered first.
    let config = config().set("im", "digest", vec!["sha-256", "md5"]);
    Stage::of(Convoke::start(config).unwrap())
}

/// Somebody's Linphone, in its chat with somebody.
fn linphone(stage: &Stage, of: &str, with: &str) -> Chat {
    let password = stage.administrator.device(of).unwrap();
    let server = stage.convoke.addr("sip_tcp").unwrap();
    let with = format!("sip:{with}@{DOMAIN}");
    Chat::with(&with, server, DOMAIN, of, &password).unwrap()
}

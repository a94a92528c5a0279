//! Somebody whose client is a SIP telephone that knows no WebRTC is told by message how to join a video conference, and joins so.

use convoke_tests::again::on_time;
use convoke_tests::peers::baresip::{Account, Baresip, Telephone};
use convoke_tests::peers::sipp_im::{Client, ImClients, Text};
use convoke_tests::rest::Administrator;

use super::allocator::{DOMAIN, Stage};
use crate::calls::stage::baresips;
use crate::web::calls::{assert_heard, level};

const ALICE: &str = "+15550101";
const ALICE_HZ: u16 = 1_700;
const BOB_HZ: u16 = 440;

/// What a desk telephone registers that it can (RFC 3840).
const CAN: &str = ";audio;mobility=\"fixed\";methods=\"INVITE,ACK,BYE,CANCEL,OPTIONS,MESSAGE\"";

/// V3, V5, V7: his way is his own client, and the baresip that gets the words calls.
#[test]
fn a_sip_client_without_webrtc_is_told_where_to_call_and_takes_part() {
    on_time(
        "video::own_client::a_sip_client_without_webrtc_is_told_where_to_call_and_takes_part",
        be_told_and_call,
    );
}

fn be_told_and_call() {
    let telephone = Telephone {
        number: ALICE,
        tone_hz: ALICE_HZ.into(),
        ..Telephone::default()
    };
    let mut telephones = None;
    let stage = Stage::with(|config| {
        let (config, [alice]) = baresips(config, [telephone]);
        telephones = Some(alice);
        config.set("im", "digest", vec!["md5"])
    });
    let mut alice = telephones.unwrap();
    let administrator = Administrator::of(&stage.im).unwrap();
    administrator
        .person("alice", "Alice", &[("work", ALICE)])
        .unwrap();
    administrator.person("bob", "Bob", &[]).unwrap();
    let says = Telephone {
        tone_hz: BOB_HZ.into(),
        ..Telephone::default()
    };
    let account = Account {
        user: "bob".to_owned(),
        domain: DOMAIN.to_owned(),
        password: administrator.device("bob").unwrap(),
        transport: "tls",
        server: stage.im.addr("sip_tls").unwrap(),
        certificate: stage.im.ready()["certificate"].as_str().unwrap().into(),
        contact: "video".to_owned(),
    };
    let mut bob = Baresip::register_as(&account, says).unwrap();
    // baresip does not say what it can; another telephone of his does, and takes nothing but text either.
    let mut desk = stage.registered("bob", CAN, 2);

    let asker = Client {
        user: "alice".to_owned(),
        password: administrator.device("alice").unwrap(),
        to: "video".to_owned(),
        device: 1,
    };
    let asks = Text {
        content_type: "text/plain".to_owned(),
        body: "video bob".to_owned(),
    };
    let sip = stage.im.addr("sip_tcp").unwrap();
    let mut asker = ImClients::start(sip, DOMAIN, &[asker], &[asks]).unwrap();
    let told = |messages: &[testkit::peer::Spoken]| {
        let incoming = ImClients::incoming(messages, "alice");
        incoming
            .iter()
            .any(|message| message.text().contains("Bob: joins with their own client"))
    };
    asker.wait("how each takes part", told).unwrap();

    let invitation = desk.expect("MESSAGE").unwrap();
    let taken = ["Accept: text/plain"];
    desk.reply(&invitation, 415, "Unsupported Media Type", &taken, b"")
        .unwrap();
    let begin = "invites you to the video conference. Join:";
    let line = bob
        .program()
        .wait_line("where to call", |line| line.text.contains(begin));
    let line = line.unwrap().text;
    let uri = line.split("or call ").nth(1).unwrap();
    let uri = uri
        .split(|c: char| c.is_whitespace() || c == '\x1b')
        .next()
        .unwrap();
    bob.dial(uri.trim_end_matches('.')).unwrap();
    bob.wait_event("CALL_ESTABLISHED").unwrap();
    bob.listen(3).unwrap();
    alice.listen(3).unwrap();
    assert_heard(level(&bob, ALICE_HZ), "alice");
    assert_heard(level(&alice, BOB_HZ), "bob");
    alice.hang_up().unwrap();
    bob.wait_event("CALL_CLOSED").unwrap();
}

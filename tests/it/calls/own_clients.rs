//! People call their conference with SIP clients of another make that know no WebRTC, as desk telephones do, through the IM server.

use convoke_tests::again::on_time;
use convoke_tests::audio::Law;
use convoke_tests::peers::baresip::{Account, Baresip, Telephone};
use convoke_tests::peers::zeep::is_leg;
use serde_json::{Value, json};

use super::stage::{DOMAIN, Stage, baresips, config, party};
use crate::web::calls::{assert_heard, assert_unheard, level};

const CAROL: &str = "+15550301";
const ALICE_HZ: u16 = 1_700;
const BOB_HZ: u16 = 440;
const CAROL_HZ: u16 = 1_000;

/// Somebody's client, registered over this transport.
pub fn client(
    stage: &Stage,
    user: &str,
    transport: &'static str,
    tone_hz: f64,
    law: Law,
) -> Baresip {
    let ready = stage.convoke.ready();
    let account = Account {
        user: user.to_owned(),
        domain: DOMAIN.to_owned(),
        password: stage.administrator.device(user).unwrap(),
        transport,
        server: stage.convoke.addr(&format!("sip_{transport}")).unwrap(),
        certificate: ready["certificate"].as_str().unwrap().into(),
        contact: "conference".to_owned(),
    };
    let telephone = Telephone {
        tone_hz,
        law,
        ..Telephone::default()
    };
    Baresip::register_as(&account, telephone).unwrap()
}

/// C9, C10, T8, V6: they and a telephone hear each other; hold, keys and the end are seen by all.
#[test]
fn sip_clients_without_webrtc_call_their_conference_and_hear_the_others() {
    on_time(
        "calls::own_clients::sip_clients_without_webrtc_call_their_conference_and_hear_the_others",
        call_and_hear,
    );
}

fn call_and_hear() {
    let telephone = Telephone {
        number: CAROL,
        tone_hz: CAROL_HZ.into(),
        ..Telephone::default()
    };
    let (config, [mut carol]) = baresips(config(), [telephone]);
    // Debian's baresip is of the age that takes one challenge.
    let config = config.set("im", "digest", vec!["md5"]);
    let people = [
        ("alice", "+15550101"),
        ("bob", "+15550201"),
        ("carol", CAROL),
        ("dave", "+15550401"),
    ];
    let mut stage = Stage::start(config, &people);
    let registered = stage
        .convoke
        .program()
        .wait_line("the registration of conferences", |line| {
            line.text.contains("conferences registered")
        });
    registered.unwrap();
    let mut alice = client(&stage, "alice", "tls", ALICE_HZ.into(), Law::A);
    let mut bob = client(&stage, "bob", "udp", BOB_HZ.into(), Law::Mu);
    let mut dave = client(&stage, "dave", "tcp", BOB_HZ.into(), Law::A);
    let own = |who: &str| json!({ "person": who, "place": "browser" });
    let wanted = json!({ "initiator": own("alice"), "participant": [own("bob"), party("carol")] });
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(wanted).unwrap();
    let uri = format!("sip:conf-{}@{DOMAIN}", conference.id);
    alice.dial(&uri).unwrap();
    conference.until_leg(zeep, "alice", "joined").unwrap();
    bob.dial(&uri).unwrap();
    conference.until_leg(zeep, "bob", "joined").unwrap();
    conference.until_leg(zeep, "carol", "joined").unwrap();
    // Who is not on the roster does not come in.
    dave.dial(&uri).unwrap();
    let closed = dave.wait_event("CALL_CLOSED").unwrap();
    assert!(
        closed["param"].as_str().unwrap().contains("404"),
        "{closed}"
    );

    carol.listen(3).unwrap();
    assert_heard(level(&carol, ALICE_HZ), "alice");
    assert_heard(level(&carol, BOB_HZ), "bob");
    assert_heard(level(&alice, BOB_HZ), "bob");
    assert_heard(level(&alice, CAROL_HZ), "carol");
    assert_unheard(level(&alice, ALICE_HZ), "alice by herself");
    assert_heard(level(&bob, ALICE_HZ), "alice");
    assert_heard(level(&bob, CAROL_HZ), "carol");

    // The keypad, and the telephone's own hold.
    bob.type_code("*5").unwrap();
    let asks = |report: &Value| report["participant"]["name"] == "bob" && !report["hand"].is_null();
    conference.until(zeep, "bob's hand", asks).unwrap();
    bob.hold().unwrap();
    conference.until_leg(zeep, "bob", "held").unwrap();
    carol.listen(3).unwrap();
    assert_unheard(level(&carol, BOB_HZ), "bob, who is on hold,");
    bob.resume().unwrap();
    let held = conference.place("bob", "held").unwrap();
    let back = |report: &Value| is_leg(report, "bob", "joined");
    conference
        .until_from(zeep, held, "bob is back", back)
        .unwrap();
    carol.listen(3).unwrap();
    assert_heard(level(&carol, BOB_HZ), "bob");

    bob.hang_up().unwrap();
    conference.until_leg(zeep, "bob", "left").unwrap();
    alice.hang_up().unwrap();
    conference.until_ended(zeep).unwrap();
    carol.wait_event("CALL_CLOSED").unwrap();
}

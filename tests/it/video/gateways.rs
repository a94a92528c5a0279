//! People behind gateways (sipp is the gateway) in a conference that the allocator made: how they are dialled, what the board says of them,
//! and what passes both ways between them, telephones and browsers.

use convoke_tests::again::alone;
use convoke_tests::audio::{RATE, level_dbfs};
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::peers::zeep::{Followed, Zeep};
use convoke_tests::rest::Administrator;
use convoke_tests::spoilt::{SpoiltLine, rtp_sound};
use serde_json::{Value, json};
use soap_proto::Invited;
use testkit::GIVE_UP;
use testkit::relay::Spoil;

use super::allocator::{Stage, WITH_VIDEO, ask_for};
use super::people::Person;
use crate::web::calls::{ALICE_HZ, BOB_HZ, Browser, assert_heard, assert_unheard, level};

const ALICE: &str = "+15550101";
const BOB: &str = "+15550102";

/// A gateway, and what it hears and says.
pub(super) struct Gateway {
    sipp: Sipp,
    pub line: SpoiltLine,
    hertz: u16,
}

impl Gateway {
    /// One behind which somebody says a tone.
    pub fn start(hertz: u16) -> Self {
        let trunk = Trunk {
            tone_hz: hertz.into(),
            ..Trunk::default()
        };
        let sipp = Sipp::start(trunk).unwrap();
        let line = SpoiltLine::before(sipp.addr(), sipp.rtp(), Spoil::default()).unwrap();
        Self { sipp, line, hertz }
    }

    /// What came to it.
    pub fn heard(&self) -> Vec<i16> {
        rtp_sound(&self.line.heard()).1
    }

    /// The level of a tone in the last two seconds of what came to it.
    fn level(&self, hertz: u16) -> f64 {
        let heard = self.heard();
        let begin = heard.len().checked_sub(2 * RATE as usize);
        level_dbfs(&heard[begin.expect("it heard two seconds")..], hertz.into())
    }

    /// The Request-URI that it was dialled by, once all went as a gateway's call should.
    pub fn dialled(self) -> String {
        let outcome = self.sipp.finish(GIVE_UP).unwrap();
        assert!(outcome.ok, "{}", outcome.errors);
        let mut starts = outcome.messages.iter().map(|spoken| &spoken.message.start);
        let invite = starts.find(|start| start.starts_with("INVITE "));
        let uri = invite.unwrap().split(' ').nth(1);
        uri.unwrap().to_owned()
    }
}

/// A conference that somebody else made.
fn follow(id: &str) -> Followed {
    Followed {
        id: id.to_owned(),
        made: Value::Null,
        reports: Vec::new(),
    }
}

/// How somebody behind a gateway is asked for and reached.
struct Behind {
    address: &'static str,
    /// The domain of the gateway, by which a trunk leads to it.
    domain: &'static str,
    dialled: &'static str,
}

/// V6: one in H.323, one by ISDN, one on a telephone and one in a browser.
#[test]
fn who_is_behind_a_gateway_hears_and_is_heard_by_telephones_and_browsers() {
    hear_and_are_heard([
        Behind {
            address: "h323:carol@far.example",
            domain: "h323.example",
            dialled: "sip:carol**far.example@h323.example",
        },
        Behind {
            address: "isdn:+493012301",
            domain: "gw.example",
            dialled: "sip:493012301@gw.example",
        },
    ]);
}

/// The same by ATM (an NSAP address), and by what a gateway alone understands: a service code before a number, of which `#` is no sign of
/// a SIP user.
#[test]
fn who_is_behind_a_gateway_by_atm_or_its_own_numbers_hears_and_is_heard() {
    hear_and_are_heard([
        Behind {
            address: "atm:47000580ffde0000000000010203040506070800",
            domain: "atm.example",
            dialled: "sip:47000580ffde0000000000010203040506070800@atm.example",
        },
        Behind {
            address: "gateway:27*4711#",
            domain: "mcu.example",
            dialled: "sip:27*4711%23@mcu.example",
        },
    ]);
}

fn hear_and_are_heard(people: [Behind; 2]) {
    let _alone = alone();
    let gateways = [1_000, 2_300].map(Gateway::start);
    let bob = Telephone {
        number: BOB,
        tone_hz: BOB_HZ.into(),
        ..Telephone::default()
    };
    let bob = Baresip::start(bob).unwrap();
    let stage = Stage::with(|config| {
        let leads = |domain: &str| [("sip_domains", vec![domain].into())];
        let to_bob = [("prefixes", vec![BOB].into())];
        let config = config.set("conference", "guard_outside", false).trunk(
            "bob",
            bob.sip(),
            "udp",
            &to_bob,
        );
        let leading = gateways.iter().zip(&people).zip(["first", "second"]);
        leading.fold(config, |config, ((gateway, behind), name)| {
            config.trunk(name, gateway.line.sip(), "udp", &leads(behind.domain))
        })
    });
    let administrator = Administrator::of(&stage.im).unwrap();
    for (user, number) in [("alice", ALICE), ("bob", BOB)] {
        let telephones = [("work", number)];
        administrator.person(user, user, &telephones).unwrap();
    }
    let mut client = stage.registered("alice", WITH_VIDEO, 1);
    let mut alice = Browser::start(&stage.im, &administrator, "alice");
    let token = administrator.token("alice").unwrap();
    let mut zeep = Zeep::start(&stage.im, &token).unwrap();

    let addresses = people.each_ref().map(|behind| behind.address);
    let mut invited = vec![Invited::Person("bob".to_owned())];
    invited.extend(addresses.map(|address| Invited::Network(address.parse().unwrap())));
    let ready = ask_for(&mut client, "ask-1", invited).unwrap();
    let mut conference = follow(ready.conference.as_str());
    alice.call(&conference.id);
    for name in ["bob", addresses[0], addresses[1]] {
        conference.until_leg(&mut zeep, name, "joined").unwrap();
    }
    for address in addresses {
        let states = ["queued", "dialling", "ringing", "answered", "joined"];
        assert_eq!(conference.states(address), states, "{address}");
    }
    let talks =
        |report: &Value| report["participant"]["name"] == addresses[0] && report["talking"] == "on";
    let talking = conference.until(&mut zeep, "the first talks", talks);
    talking.unwrap();

    // All speak at once, each a tone of their own; nobody hears himself.
    bob.listen(3).unwrap();
    for gateway in &gateways {
        assert_heard(gateway.level(ALICE_HZ), "alice");
        assert_heard(gateway.level(BOB_HZ), "bob");
        for other in &gateways {
            let (level, who) = (gateway.level(other.hertz), other.hertz.to_string());
            match other.hertz == gateway.hertz {
                true => assert_unheard(level, &who),
                false => assert_heard(level, &who),
            }
        }
        assert_heard(level(&bob, gateway.hertz), "a gateway");
    }
    assert_eq!(alice.ask(&json!({ "hang_up": true }), "over"), 200);
    for gateway in &gateways {
        assert_heard(alice.level(gateway.hertz), "a gateway");
    }
    conference.until_ended(&mut zeep).unwrap();
    for address in addresses {
        let states = conference.states(address);
        assert_eq!(
            states.last().map(String::as_str),
            Some("left"),
            "{states:?}"
        );
    }
    for (gateway, behind) in gateways.into_iter().zip(people) {
        assert_eq!(gateway.dialled(), behind.dialled);
    }
}

/// A gateway that answers with sound only where pictures are offered: who is behind it is in with sound, and the board says so.
#[test]
fn a_gateway_that_answers_with_sound_only_is_in_with_sound() {
    let gateway = Sipp::start(Trunk::default()).unwrap();
    let telephones = Sipp::start(Trunk::default()).unwrap();
    let stage = Stage::with(|config| {
        let leads = [("sip_domains", vec!["h323.example"].into())];
        config
            .video_server("janus", "127.0.0.1:9".parse().unwrap())
            .set("conference", "guard_outside", false)
            .trunk("h323", gateway.addr(), "udp", &leads)
            .trunk("telephones", telephones.addr(), "udp", &[])
    });
    let administrator = Administrator::of(&stage.im).unwrap();
    let telephone = [("work", "+15550101")];
    administrator.person("alice", "alice", &telephone).unwrap();
    let mut client = stage.registered("alice", "", 1);
    let carol = Invited::Network("h323:carol@far.example".parse().unwrap());
    let ready = ask_for(&mut client, "ask-1", vec![carol]).unwrap();
    let id = ready.conference.to_string();
    let mut alice = Person::enter(&stage.im, &administrator, "alice", &id);
    alice.until("that carol is in without a picture", |alice| {
        alice.joined() == ["p1", "p2"] && alice.blind() == ["p2-1"]
    });
    assert!(alice.labels().is_empty());
    let token = administrator.token("alice").unwrap();
    let mut zeep = Zeep::start(&stage.im, &token).unwrap();
    let end = json!({ "conference": id });
    zeep.accepted("end", end).unwrap();
    let outcome = gateway.finish(GIVE_UP).unwrap();
    assert!(outcome.ok, "{}", outcome.errors);
    let mut asked = outcome.messages.iter().map(|spoken| &spoken.message);
    let invite = asked.find(|message| message.start.starts_with("INVITE "));
    let offer = invite.unwrap().text();
    assert!(
        offer.contains("\r\nm=video ") && offer.contains("H264/90000"),
        "{offer}"
    );
    assert!(telephones.finish(GIVE_UP).unwrap().ok);
}

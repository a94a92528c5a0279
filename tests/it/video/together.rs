//! One conference that holds all of them: two people at their windows with cameras, one on a telephone (baresip), and one behind a gateway
//! (sipp). Who has a picture is seen, and everybody hears all others and not themselves.

use convoke_tests::audio::{RATE, tone, tone_in};
use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::chromium::Microphone;
use convoke_tests::rest::Administrator;
use soap_proto::{Invited, Operation};
use testkit::peer::{Identity, SipPeer};

use super::allocator::{ask_for, conference};
use super::gateways::Gateway;
use super::janus::in_a_network;
use super::loss::{Server, await_links};
use super::people::DOMAIN;
use super::windows::{see_each_other, windows};
use crate::web::window::stage::{DBFS, assert_faultless, drawn, lasts, tone_heard};

const CAROL: &str = "+15550103";
const DAVE: &str = "h323:dave@far.example";
/// What each says: alice and bob at their microphones, carol on her telephone, dave behind the gateway. Each has whole periods in 20 ms.
const WINDOWS_HZ: [u16; 2] = [1_700, 2_300];
const CAROL_HZ: u16 = 700;
const DAVE_HZ: u16 = 1_000;
/// How often somebody listens for a second before it is given up that they hear all.
const SECONDS_MAX: usize = 20;

/// V6, V8: the pictures come from Janus, the sound from our bridge.
#[test]
fn windows_a_telephone_and_a_gateway_are_in_one_conference() {
    let path = "video::together::windows_a_telephone_and_a_gateway_are_in_one_conference";
    in_a_network(path, take_part);
}

fn take_part() {
    let server = Server::start(200);
    let gateway = Gateway::start(DAVE_HZ);
    let mut telephone = Baresip::start(Telephone {
        number: CAROL,
        tone_hz: CAROL_HZ.into(),
        ..Telephone::default()
    })
    .unwrap();
    let convoke = Convoke::start(config(&server, &gateway, &telephone)).unwrap();
    let program = convoke.program();
    for line in [
        "conferences registered",
        "gateway registered",
        "allocator registered",
        "modes service registered",
    ] {
        let came = program.wait_line(line, |said| said.text.contains(line));
        came.unwrap();
    }
    await_links(&convoke, &["janus"], 2);
    let microphones = WINDOWS_HZ.map(|hz| Microphone::Hums(tone(hz.into(), DBFS, 300)));
    let mut windows = windows(&convoke, microphones);
    let administrator = Administrator::of(&convoke).unwrap();
    let numbers = [("work", CAROL)];
    administrator
        .person("carol", "Carol Diaz", &numbers)
        .unwrap();
    let identity = Identity::new("carol", DOMAIN, &administrator.device("carol").unwrap());
    let mut carol = SipPeer::tcp(identity, convoke.addr("sip_tcp").unwrap(), 1).unwrap();
    assert_eq!(carol.register("").unwrap().status(), Some(200));

    let mut invited = ["alice", "bob"]
        .map(|who| Invited::Person(who.to_owned()))
        .to_vec();
    invited.push(Invited::Network(DAVE.parse().unwrap()));
    let ready = ask_for(&mut carol, "ask-1", invited).unwrap();
    telephone.wait_event("CALL_ESTABLISHED").unwrap();
    for window in &mut windows {
        window.until_window("^Video ·").unwrap();
        window.press("Join with picture").unwrap();
    }
    for window in &mut windows {
        window.until_board("4 in the call").unwrap();
    }
    see_each_other(&mut windows);

    let [alices, bobs] = WINDOWS_HZ;
    let heard_by_carol = || telephone.heard().unwrap();
    let others = [alices, bobs, DAVE_HZ];
    until_heard("carol", &telephone, heard_by_carol, CAROL_HZ, others);
    let others = [alices, bobs, CAROL_HZ];
    until_heard("dave", &telephone, || gateway.heard(), DAVE_HZ, others);
    for (window, own, other) in [(0, alices, bobs), (1, bobs, alices)] {
        let window = &mut windows[window];
        let mut found = Vec::new();
        for _ in 0..SECONDS_MAX {
            window.listen(1).unwrap();
            let sounds = window.sounds().unwrap();
            found = [other, CAROL_HZ, DAVE_HZ, own]
                .map(|hz| tone_heard(&sounds, hz.into()))
                .to_vec();
            if found[..3].iter().all(|there| lasts(there)) {
                break;
            }
        }
        judge("a window", &found);
    }
    see_each_other(&mut windows);

    let end = Operation::End {
        conference: ready.conference,
    };
    conference(&mut carol, "end-1", end);
    telephone.wait_event("CALL_CLOSED").unwrap();
    assert_eq!(gateway.dialled(), "sip:dave**far.example@h323.example");
    for window in &mut windows {
        assert_faultless(window);
    }
}

/// The server with its allocator, which dials H.323 by the gateway, and telephones by the other trunk.
fn config(server: &Server, gateway: &Gateway, telephone: &Baresip) -> Config {
    let roles = vec!["im", "gateway", "conference", "allocator"];
    let route = [
        ("mode", "h323".into()),
        ("template", "sip:{user}**{host}@h323.example".into()),
    ];
    let to_gateway = [("sip_domains", vec!["h323.example"].into())];
    let to_carol = [("prefixes", vec![CAROL].into())];
    let config = Config::new(DOMAIN)
        .unwrap()
        .set("server", "roles", toml::Value::from(roles))
        .set("conference", "guard_outside", false)
        .entry("gateway_route", &route)
        .trunk("h323", gateway.line.sip(), "udp", &to_gateway)
        .trunk("carol", telephone.sip(), "udp", &to_carol);
    server.entry(config, "janus")
}

/// Waits until all these tones come for a second, by the clock of the telephone; their own does not.
#[track_caller]
fn until_heard(
    who: &str,
    clock: &Baresip,
    heard: impl Fn() -> Vec<i16>,
    own: u16,
    others: [u16; 3],
) {
    let [first, second, third] = others;
    let mut found = Vec::new();
    for _ in 0..SECONDS_MAX {
        clock.listen(1).unwrap();
        let heard = heard();
        let last = &heard[heard.len().saturating_sub(RATE as usize)..];
        found = [first, second, third, own]
            .map(|hz| tone_in(last, RATE, hz.into(), DBFS))
            .to_vec();
        if found[..3].iter().all(|there| lasts(there)) {
            break;
        }
    }
    judge(who, &found);
}

/// The first three tones last, and the last, one's own, is not there.
#[track_caller]
fn judge(who: &str, found: &[Vec<bool>]) {
    let drawn: Vec<String> = found.iter().map(|there| drawn(there)).collect();
    let (own, others) = found.split_last().expect("four tones");
    assert!(
        others.iter().all(|there| lasts(there)),
        "{who} hears of the others {drawn:#?}"
    );
    let own = own.iter().filter(|there| **there).count();
    assert!(own <= 2, "{who} hears themselves: {drawn:#?}");
}

//! What the allocator tells people before anybody is called, and what it answers to bare words: by the dial plan of the real server, and in
//! the asker's own language.

use convoke_tests::rest::Administrator;
use convoke_types::Mode;
use serde_json::json;
use soap_proto::{
    Guest, Invite, Invited, VideoAnswer, VideoOperation, VideoRequest, WhyNoWay,
    parse_video_response, write_video_request,
};
use testkit::peer::SipPeer;
use testkit::ports;

use super::allocator::{DOMAIN, Stage, WITH_VIDEO, answer_of, ask_for, in_time, letter, send};

fn invite(who: Invited) -> Invite {
    Invite {
        who,
        name: None,
        mode: None,
    }
}

/// Everybody's way as it is now.
fn ways(peer: &mut SipPeer, people: Vec<Invited>) -> Vec<Guest> {
    let operation = VideoOperation::Ways(people.into_iter().map(invite).collect());
    let mut request = VideoRequest::new(operation, "ways-1".parse().unwrap());
    request.headers.reply_to = peer.gruu().map(str::to_owned);
    request.headers.expires = in_time();
    let taken = send(peer, "video", &write_video_request(&request).unwrap());
    assert_eq!(taken, Some(202));
    match answer_of(peer, parse_video_response).outcome.unwrap() {
        VideoAnswer::Ways(guests) => guests,
        other => panic!("{other:?} to a question for ways"),
    }
}

type Told = Result<Mode, (Option<WhyNoWay>, Option<Mode>)>;

fn told(guests: &[Guest]) -> Vec<Told> {
    let way = |guest: &Guest| match &guest.way {
        Ok(way) => Ok(way.mode),
        Err(none) => Err((none.why, none.mode)),
    };
    guests.iter().map(way).collect()
}

#[test]
fn what_the_dial_plan_refuses_is_told_before_anybody_is_called_and_is_what_becomes_of_the_request()
{
    let nobody = ports::reserve().unwrap();
    // A trunk leads to the gateway of ISDN and to no other.
    let stage = Stage::with(|config| {
        let leads = ("sip_domains", vec!["gw.example"].into());
        config.trunk("gateway", nobody.addr(), "udp", &[leads])
    });
    let mut alice = stage.device("alice", WITH_VIDEO, 1);
    let administrator = Administrator::of(&stage.im).unwrap();
    administrator.person("erin", "ERIN", &[]).unwrap();
    // Erin's own ways: a room that no trunk leads to behind a gateway, and one at the gateway of ISDN.
    let modes = json!([
        { "mode": "h323", "address": "h323:erin@far.example", "video": true },
        { "mode": "isdn", "address": "isdn:+493012399", "video": true },
    ]);
    let token = administrator.signs_in(&stage.im, "erin").unwrap();
    let bearer = format!("Authorization: Bearer {token}");
    let headers = [&*bearer, "Content-Type: application/json"];
    let http = stage.im.addr("http").unwrap();
    let body = modes.to_string();
    let put =
        convoke_tests::rest::request(http, "PUT", "/api/v1/me/modes", &headers, body.as_bytes());
    let put = put.unwrap();
    assert_eq!(put.status, 200, "{put:?}");

    let asked = || {
        vec![
            Invited::Number("+442079460000".to_owned()),
            Invited::Number("911".to_owned()),
            Invited::Sip("sip:room@rooms.example".to_owned()),
            Invited::Network("h323:room@far.example".parse().unwrap()),
            Invited::Network("isdn:+493012301".parse().unwrap()),
            Invited::Person("erin".to_owned()),
        ]
    };
    let refused = |mode| Err((Some(WhyNoWay::NotCalled), Some(mode)));
    let expected = [
        Ok(Mode::Computer),
        refused(Mode::Pstn),
        refused(Mode::Pstn),
        refused(Mode::Sip),
        refused(Mode::H323),
        Ok(Mode::Isdn),
        Ok(Mode::Isdn),
    ];
    let guests = ways(&mut alice, asked());
    assert_eq!(told(&guests), expected, "{guests:?}");
    let words = &guests[1].way.as_ref().unwrap_err().words;
    assert!(words.contains("may not be called from here"), "{words}");
    let ready = ask_for(&mut alice, "ask-1", asked()).unwrap();
    assert_eq!(told(&ready.guests), expected);
}

#[test]
fn bare_words_are_answered_in_the_language_of_who_asks() {
    let stage = Stage::with(|config| config);
    let mut alice = stage.device("alice", WITH_VIDEO, 1);
    let administrator = Administrator::of(&stage.im).unwrap();
    administrator.speaks(&stage.im, "alice", "de-CH").unwrap();
    let mut say = |words: &str| {
        let uri = format!("sip:video@{DOMAIN}");
        let lines = ["Content-Type: text/plain"];
        let taken = alice.request("MESSAGE", &uri, &uri, &lines, words.as_bytes());
        assert_eq!(taken.unwrap().status(), Some(202));
        letter(&mut alice).text()
    };
    for (words, expected) in [
        ("?", "eine Videokonferenz; jeder kommt hinein, wie es geht"),
        ("video", "Wen? Sag zum Beispiel: video bob"),
        ("vidoe bob", "Meintest du \"video\"?"),
        ("video nobody", "Das geht nicht: nobody: so heißt niemand"),
        // Words of one language choose it.
        ("help", "a video conference with them"),
    ] {
        let said = say(words);
        assert!(said.contains(expected), "{words}: {said}");
    }
    // Also why there is none.
    stage.adapter.program().kill();
    let lost = stage.allocator.program();
    lost.wait_line("the loss", |line| line.text.contains("bridge is not there"))
        .unwrap();
    let _bob = stage.device("bob", WITH_VIDEO, 2);
    let said = say("video bob");
    let expected = "Gerade geht keine Videokonferenz: janus: er ist nicht zu erreichen. ";
    assert!(said.starts_with(expected), "{said}");
    // The log is the administrator's, and says more.
    let logged = "overloaded: janus: it cannot be reached: ";
    lost.wait_line(logged, |line| line.text.contains(logged))
        .unwrap();
}

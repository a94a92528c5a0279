//! Chat: in real time between many while their telephones are in a conference, to every device, and kept for the absent.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::{slice, thread};

use convoke_tests::peers::baresip::{Account, Baresip};
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::peers::sipp_im::{ImClients, Text};
use testkit::GIVE_UP;
use testkit::peer::{SipPeer, Spoken};

use super::stage::{DOMAIN, ImServer, PEOPLE, Stage, aor, for_old_clients};
use super::words::Person;

/// Messages that each client sends.
const EACH: usize = 5;
/// Messages that may be acknowledged before the process is killed.
const ACKNOWLEDGED: usize = 40;

/// Sends chat; the final status.
pub fn chat(peer: &mut SipPeer, to: &str, text: &str) -> u16 {
    let kind = "Content-Type: text/plain";
    let to = aor(to);
    let response = peer.request("MESSAGE", &to, &to, &[kind], text.as_bytes());
    response.unwrap().status().unwrap()
}

/// Takes the next chat message.
fn take(peer: &mut SipPeer) -> String {
    let message = peer.expect("MESSAGE").unwrap();
    peer.reply(&message, 200, "OK", &[], b"").unwrap();
    message.text()
}

/// Four people, on sipp as their IM client, write round in a ring while sipp's telephones hold them in one conference.
#[test]
fn many_clients_chat_while_the_same_people_are_in_a_conference() {
    let trunk = Sipp::start(Trunk {
        calls: 4,
        ..Trunk::default()
    })
    .unwrap();
    let stage = Stage::configured(ImServer::Ours, for_old_clients(trunk.addr()));
    let mut alice = Person::new(stage.device("alice", 1));
    alice.ask("call bob carol dave", "I ring you first");
    for name in ["alice", "bob", "carol", "dave"] {
        alice.until(&format!("{name} is in the call"));
    }
    let text = Text {
        content_type: "text/plain".to_owned(),
        body: "message [call_number] of [field0]".to_owned(),
    };
    // A process for each, since sipp takes a message that came round to itself for one of its own.
    let mut ring: Vec<_> = PEOPLE
        .iter()
        .zip(PEOPLE.iter().cycle().skip(1))
        .zip(20..)
        .map(|(((from, _), (to, _)), number)| {
            let client = vec![stage.client(from, to, number); EACH];
            let started = ImClients::start(stage.sip(), DOMAIN, &client, slice::from_ref(&text));
            (*from, *to, started.unwrap())
        })
        .collect();
    for at in 0..ring.len() {
        let (from, to) = (ring[at].0, ring[at].1);
        let receiver = ring.iter_mut().find(|(user, ..)| *user == to).unwrap();
        let expected: BTreeSet<_> = (1..=EACH)
            .map(|n| format!("message {n} of {from}"))
            .collect();
        let all = |messages: &[Spoken]| {
            let incoming = ImClients::incoming(messages, to);
            let texts = incoming
                .iter()
                .map(|message| message.text().trim().to_owned());
            texts
                .filter(|text| text.starts_with("message"))
                .collect::<BTreeSet<_>>()
                == expected
        };
        receiver.2.wait("all chat", all).unwrap();
    }
    // All of it came while the telephones were joined.
    let who = alice.ask("who", "in the call");
    assert_eq!(who.matches("in the call").count(), 4, "{who}");
    alice.ask("end", "Ending the conference");
    alice.until("The conference has ended");
    let outcome = trunk.finish(GIVE_UP).unwrap();
    assert_eq!(
        (outcome.ok, outcome.successful),
        (true, 4),
        "{}",
        outcome.errors
    );
}

#[test]
fn chat_reaches_every_device_and_is_kept_for_the_absent() {
    let nowhere = testkit::ports::reserve().unwrap();
    let stage = Stage::configured(ImServer::Ours, for_old_clients(nowhere.addr()));
    let mut alice = stage.device("alice", 1);
    let (mut desk, mut mobile) = (stage.device("bob", 2), stage.device("bob", 3));
    assert_eq!(chat(&mut alice, "bob", "to both"), 202);
    assert_eq!(
        (take(&mut desk), take(&mut mobile)),
        ("to both".into(), "to both".into())
    );

    // Carol has no device yet; baresip is her first.
    assert_eq!(chat(&mut alice, "carol", "kept for carol"), 202);
    let identity = stage.identity("carol");
    let certificate = stage.convoke.ready()["certificate"].as_str().unwrap();
    let baresip = Baresip::register(&Account {
        user: identity.user,
        domain: DOMAIN.to_owned(),
        password: identity.password,
        transport: "tls",
        server: stage.convoke.addr("sip_tls").unwrap(),
        certificate: certificate.into(),
        contact: "alice".to_owned(),
    })
    .unwrap();
    let heard = |line: &testkit::process::Line| line.text.contains("kept for carol");
    baresip.program().wait_line("what was kept", heard).unwrap();

    // Baresip knows no envelopes, and gets what is in one.
    let kind = "Content-Type: message/cpim";
    let to = aor("carol");
    let envelope = "From: <sip:alice@example.test>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m1\r\n\
         imdn.Disposition-Notification: display\r\n\r\nContent-Type: text/plain\r\n\r\nout of its envelope";
    let sent = alice.request("MESSAGE", &to, &to, &[kind], envelope.as_bytes());
    assert_eq!(sent.unwrap().status(), Some(202));
    let heard = |line: &testkit::process::Line| line.text.contains("out of its envelope");
    let line = baresip
        .program()
        .wait_line("the text alone", heard)
        .unwrap();
    assert!(!line.text.contains("imdn"), "{}", line.text);
}

/// baresip, registered by UDP alone, hears of a message that no datagram carries, with a link to it; a connection gets the message.
#[test]
fn a_telephone_without_a_connection_is_told_of_a_long_message_and_led_to_it() {
    let nowhere = testkit::ports::reserve().unwrap();
    let config = for_old_clients(nowhere.addr())
        .set("http", "url", "https://convoke.example.test")
        .set("http", "proxies", vec!["127.0.0.1"]);
    let stage = Stage::configured(ImServer::Ours, config);
    let mut alice = stage.device("alice", 1);
    let identity = stage.identity("carol");
    let certificate = stage.convoke.ready()["certificate"].as_str().unwrap();
    let baresip = Baresip::register(&Account {
        user: identity.user,
        domain: DOMAIN.to_owned(),
        password: identity.password,
        transport: "udp",
        server: stage.convoke.addr("sip_udp").unwrap(),
        certificate: certificate.into(),
        contact: "alice".to_owned(),
    })
    .unwrap();
    let long = format!("begin {} end", "word ".repeat(400));
    assert_eq!(chat(&mut alice, "carol", &long), 202);
    let told = "A long message from alice is kept for you: https://convoke.example.test/chat/alice@example.test";
    let heard = |line: &testkit::process::Line| line.text.contains(told);
    let (at, _) = baresip
        .program()
        .wait_line_from(0, "the short text", heard)
        .unwrap();
    // What fits goes as it is, the long one not at all.
    assert_eq!(chat(&mut alice, "carol", "a short one"), 202);
    let heard = |line: &testkit::process::Line| line.text.contains("a short one");
    let program = baresip.program();
    program.wait_line_from(at, "what fits", heard).unwrap();
    let lines = program.lines();
    assert!(!lines.iter().any(|line| line.text.contains("word word")));

    let mut desk = stage.device("carol", 2);
    assert_eq!(take(&mut desk), long);
}

/// The process is killed while chat flows: what it acknowledged arrives after the restart, all of it.
#[test]
fn no_acknowledged_message_is_lost_when_the_process_is_killed() {
    let nowhere = testkit::ports::reserve().unwrap();
    let stage = Stage::start(ImServer::Ours, nowhere.addr());
    let mut alice = stage.device("alice", 1);
    let (acknowledged, acknowledgements) = mpsc::channel();
    let writing = thread::spawn(move || {
        let kind = "Content-Type: text/plain";
        let to = aor("bob");
        for n in 0.. {
            let text = format!("number {n}");
            let answer = alice.request("MESSAGE", &to, &to, &[kind], text.as_bytes());
            match answer {
                Ok(answer) => assert_eq!(answer.status(), Some(202)),
                // The process is gone.
                Err(_) => return n,
            }
            acknowledged.send(text).unwrap();
        }
        0
    });
    let mut missing: BTreeSet<String> = acknowledgements.iter().take(ACKNOWLEDGED).collect();
    // It goes on writing until the kill, and what is acknowledged meanwhile counts too.
    let stage = stage.crash();
    missing.extend(acknowledgements.iter());
    assert!(writing.join().unwrap() >= ACKNOWLEDGED);
    let mut bob = stage.device("bob", 2);
    while !missing.is_empty() {
        missing.remove(&take(&mut bob));
    }
}

//! The peers among themselves: that each does what the tests of the product rely on.

use std::thread;
use std::time::Duration;

use testkit::call::{Answer, Cancel};
use testkit::peer::{Identity, SipPeer};
use testkit::ports::Protocol;
use testkit::{GIVE_UP, uninterrupted};

use convoke_tests::audio::{Law, from_mu_law, level_dbfs, write_wav};
use convoke_tests::ladder::Ladder;
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::kamailio::Kamailio;
use convoke_tests::peers::python;
use convoke_tests::peers::sipp::{Sipp, Trunk, ending};
use convoke_tests::peers::tests_dir;

const DOMAIN: &str = "example.test";

fn person(user: &str) -> Identity {
    Identity::new(user, DOMAIN, &format!("{user}-secret"))
}

fn kamailio() -> Kamailio {
    Kamailio::start(DOMAIN, &[("alice", "alice-secret"), ("bob", "bob-secret")]).unwrap()
}

/// Takes the next MESSAGE, answers 200, and gives its body's length and the identity that was asserted.
fn take_message(mut peer: SipPeer) -> (SipPeer, usize, Vec<String>) {
    let message = peer.expect("MESSAGE").unwrap();
    peer.reply(&message, 200, "OK", &[], b"").unwrap();
    let asserted = message
        .all("P-Asserted-Identity")
        .map(str::to_owned)
        .collect();
    let length = message.body.len();
    (peer, length, asserted)
}

#[test]
fn kamailio_relays_large_messages_to_all_devices_and_to_one_gruu() {
    let server = kamailio();
    for (protocol, size) in [
        (Protocol::Udp, 200),
        (Protocol::Udp, 20_000),
        (Protocol::Tcp, 20_000),
        (Protocol::Tcp, 65_536),
    ] {
        let peer = |user, seed| match protocol {
            Protocol::Udp => SipPeer::udp(person(user), server.sip(), seed).unwrap(),
            Protocol::Tcp => SipPeer::tcp(person(user), server.sip(), seed).unwrap(),
        };
        let (mut alice, mut desk, mut mobile) = (peer("alice", 1), peer("bob", 2), peer("bob", 3));
        for device in [&mut alice, &mut desk, &mut mobile] {
            assert_eq!(device.register("").unwrap().status(), Some(200));
        }
        let gruu = desk.gruu().unwrap().to_owned();
        let body = vec![b'a'; size];
        let claimed = "P-Asserted-Identity: <sip:bob@example.test>";
        let devices = [desk, mobile].map(|device| thread::spawn(move || take_message(device)));
        let bob = "sip:bob@example.test";
        let response = alice
            .request(
                "MESSAGE",
                bob,
                bob,
                &["Content-Type: text/xml", claimed],
                &body,
            )
            .unwrap();
        assert_eq!(response.status(), Some(200), "{protocol:?} {size}");
        let [desk, mut mobile] = devices.map(|device| {
            let (peer, length, asserted) = device.join().unwrap();
            assert_eq!(
                (length, asserted),
                (size, vec!["<sip:alice@example.test>".to_owned()])
            );
            peer
        });

        let only = thread::spawn(move || take_message(desk));
        let response = alice
            .request("MESSAGE", &gruu, &gruu, &["Content-Type: text/xml"], &body)
            .unwrap();
        assert_eq!(response.status(), Some(200));
        let (mut desk, length, _) = only.join().unwrap();
        assert_eq!(length, size);
        assert!(
            mobile.receive_within(Duration::from_millis(200)).is_err(),
            "the GRUU is the other device's"
        );

        desk.unregister_all().unwrap();
        let response = alice
            .request("MESSAGE", &gruu, &gruu, &["Content-Type: text/plain"], b"x")
            .unwrap();
        assert_eq!(response.status(), Some(480));
    }
}

#[test]
fn kamailio_refuses_forgers() {
    let server = kamailio();
    let mut alice = SipPeer::tcp(person("alice"), server.sip(), 1).unwrap();
    assert_eq!(alice.register("").unwrap().status(), Some(200));
    let bob = "sip:bob@example.test";
    let response = alice
        .request_as(
            bob,
            "MESSAGE",
            bob,
            bob,
            &["Content-Type: text/plain"],
            b"x",
        )
        .unwrap();
    assert_eq!(response.status(), Some(403));
    let liar = Identity::new("bob", DOMAIN, "guessed");
    let mut liar = SipPeer::tcp(liar, server.sip(), 2).unwrap();
    assert_eq!(liar.register("").unwrap().status(), Some(401));
}

/// An offer for one audio stream, and the socket behind it.
fn offer(payload_types: &str) -> (std::net::UdpSocket, Vec<u8>) {
    let rtp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    rtp.set_read_timeout(Some(GIVE_UP)).unwrap();
    let port = rtp.local_addr().unwrap().port();
    let sdp = format!(
        "v=0\r\no=test 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {payload_types}\r\n\
         a=rtpmap:101 telephone-event/8000\r\n"
    );
    (rtp, sdp.into_bytes())
}

/// Calls, listens for one RTP packet when answered, and hangs up or waits until the other side does; gives the final status.
fn call(peer: &mut SipPeer, uri: &str, cancel: Cancel, hang_up: bool) -> Answer {
    let (rtp, sdp) = offer("8 0 101");
    let answer = peer.invite(uri, &sdp, cancel).unwrap();
    if answer.status() == 200 {
        uninterrupted(|| rtp.recv(&mut [0; 2048])).unwrap();
        if hang_up {
            assert_eq!(peer.bye(&answer).unwrap(), 200);
        } else {
            let bye = peer.expect("BYE").unwrap();
            peer.reply(&bye, 200, "OK", &[], b"").unwrap();
        }
    }
    answer
}

#[test]
fn sipp_is_a_trunk_with_telephones_of_eight_tempers() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let trunk = Trunk {
            calls: 8,
            protocol,
            hangup_after: Duration::from_millis(300),
            rings_for: Duration::from_millis(100),
            ..Trunk::default()
        };
        let sipp = Sipp::start(trunk).unwrap();
        let caller = Identity::new("trunk", "trunk.example", "trunk-secret");
        let mut peer = match protocol {
            Protocol::Udp => SipPeer::udp(caller, sipp.addr(), 5),
            Protocol::Tcp => SipPeer::tcp(caller, sipp.addr(), 5),
        }
        .unwrap();
        let expected = [
            (ending::ANSWERS, 200, vec![180]),
            (ending::BUSY, 486, vec![180]),
            (ending::SILENT, 487, vec![180]),
            (ending::DECLINES, 603, vec![180]),
            (ending::HANGS_UP, 200, vec![180]),
            (ending::SLOW, 200, vec![180]),
            (ending::DIGEST, 200, vec![180]),
            (ending::EARLY, 200, vec![180, 183]),
        ];
        for (number, status, provisional) in expected {
            let cancel = if number == ending::SILENT {
                Cancel::WhenRinging
            } else {
                Cancel::Never
            };
            let uri = format!("sip:+155501{number}@{}", sipp.addr());
            let answer = call(&mut peer, &uri, cancel, number != ending::HANGS_UP);
            assert_eq!(
                (answer.status(), answer.provisional),
                (status, provisional),
                "{number}"
            );
        }
        let outcome = sipp.finish(GIVE_UP).unwrap();
        assert_eq!(
            (outcome.ok, outcome.successful, outcome.failed),
            (true, 8, 0),
            "{}",
            outcome.errors
        );
        let came = outcome.messages.iter().filter(|spoken| !spoken.sent);
        let invites = came.filter(|spoken| spoken.message.method() == Some("INVITE"));
        assert_eq!(invites.count(), 9, "eight calls, one of them challenged");
        let ladder = Ladder::new(&["caller", "trunk"])
            .add("caller", "trunk", peer.transcript())
            .render();
        for expected in ["INVITE", "180 Ringing", "486 Busy Here", "CANCEL", "BYE"] {
            assert!(ladder.contains(expected), "{expected} is not in\n{ladder}");
        }
        let heard = outcome
            .messages
            .iter()
            .map(|spoken| spoken.message.start.as_str());
        assert_eq!(
            heard
                .clone()
                .filter(|start| start.starts_with("INVITE"))
                .count(),
            9
        );
        let skew = outcome.messages[0]
            .at_us
            .abs_diff(peer.transcript()[0].at_us);
        assert!(
            skew < 5_000_000,
            "both logs count in the same time: {skew} µs"
        );
    }
}

#[test]
fn baresip_is_a_telephone_that_speaks_hears_and_hangs_up() {
    for (protocol, law) in [(Protocol::Udp, Law::A), (Protocol::Tcp, Law::Mu)] {
        let telephone = Telephone {
            answers: false,
            law,
            ..Telephone::default()
        };
        let mut baresip = Baresip::start(telephone).unwrap();
        let caller = Identity::new("caller", "example.test", "");
        let mut peer = match protocol {
            Protocol::Udp => SipPeer::udp(caller, baresip.sip(), 5),
            Protocol::Tcp => SipPeer::tcp(caller, baresip.sip(), 5),
        }
        .unwrap();
        let uri = format!("sip:telephone@{}", baresip.sip());
        let (rtp, sdp) = offer("8 0 101");
        let calling = thread::spawn(move || {
            let answer = peer.invite(&uri, &sdp, Cancel::Never).unwrap();
            (peer, answer)
        });
        baresip.wait_event("CALL_INCOMING").unwrap();
        baresip.answer().unwrap();
        let (mut peer, answer) = calling.join().unwrap();
        assert_eq!(answer.status(), 200);

        // Everything it says comes back to it: it must hear its own tone.
        let mut packet = [0; 2048];
        for _ in 0..100 {
            let (length, from) = uninterrupted(|| rtp.recv_from(&mut packet)).unwrap();
            rtp.send_to(&packet[..length], from).unwrap();
        }
        baresip.wait_event("CALL_RTPESTAB").unwrap();
        baresip.press('1').unwrap();
        let mut key = None;
        while key.is_none() {
            let length = uninterrupted(|| rtp.recv(&mut packet)).unwrap();
            key = (packet[1] & 0x7f == 101 && length >= 16).then(|| packet[12]);
        }
        assert_eq!(key, Some(1));
        baresip.hang_up().unwrap();
        let bye = peer.expect("BYE").unwrap();
        peer.reply(&bye, 200, "OK", &[], b"").unwrap();
        baresip.wait_event("CALL_CLOSED").unwrap();
        let heard = baresip.heard().unwrap();
        assert!(heard.len() > 8_000, "{} samples", heard.len());
        let level = level_dbfs(&heard, 700.0);
        assert!((-16.0..-8.0).contains(&level), "{level} dBFS");
    }
}

#[test]
fn the_python_tools_are_there() {
    let versions = python::run("versions.py", &[], GIVE_UP).unwrap();
    for package in ["zeep", "xmlschema", "pesq", "numpy"] {
        assert!(versions[package].is_string(), "{package}: {versions}");
    }
}

#[test]
fn pesq_tells_clean_speech_from_speech_with_a_hole() {
    let dir = tempfile::tempdir().unwrap();
    let voice = tests_dir().join("../crates/phones/voices/alice.ulaw");
    let speech = from_mu_law(&std::fs::read(voice).unwrap());
    let loudest = (0..speech.len() - 800).max_by_key(|at| {
        speech[*at..at + 800]
            .iter()
            .map(|s| u64::from(s.unsigned_abs()))
            .sum::<u64>()
    });
    let mut holed = speech.clone();
    holed[loudest.unwrap()..][..800].fill(0);
    let mut late = vec![0; 1_000];
    late.extend_from_slice(&speech);
    let score = |heard: &[i16]| {
        let (reference, degraded) = (
            dir.path().join("reference.wav"),
            dir.path().join("heard.wav"),
        );
        write_wav(&reference, &speech, Law::Linear).unwrap();
        write_wav(&degraded, heard, Law::Linear).unwrap();
        let paths = [reference.to_str().unwrap(), degraded.to_str().unwrap()];
        let said = python::run("pesq_score.py", &paths, GIVE_UP).unwrap();
        (
            said["pesq"].as_f64().unwrap(),
            said["longest_gap_ms"].as_u64().unwrap(),
        )
    };
    let (clean, no_gap) = score(&late);
    assert!(clean > 4.0 && no_gap < 20, "{clean}, {no_gap} ms");
    let (spoilt, gap) = score(&holed);
    assert!(
        spoilt < clean && (70..=110).contains(&gap),
        "{spoilt}, {gap} ms"
    );
}

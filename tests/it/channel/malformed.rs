//! Malformed SIP, SOAP, SDP and RTP on the wire of a whole server: a clear error or silence, never a crash; and the same
//! process serves on.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;

use convoke_tests::peers::tests_dir;
use convoke_tests::rest::{Administrator, request};
use testkit::peer::SipPeer;
use testkit::{GIVE_UP, ports, uninterrupted};

use super::soap::{SoapClient, create, envelope, fresh, leaf, on, person};
use super::stage::{DOMAIN, ImServer, Stage, aor, base};
use super::trunk::{Trunk, sdp};
use super::words::Person;

/// How long an answer to what deserves none is waited for.
const SILENCE: Duration = Duration::from_millis(50);

/// The files of a directory of the repository, by name.
fn corpus(directory: &str) -> Vec<(String, Vec<u8>)> {
    let path: PathBuf = tests_dir().join("..").join(directory);
    let mut files: Vec<_> = fs::read_dir(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (name_of(&path), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() > 5, "{}", path.display());
    files
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The process is the same and serves: words are answered in words.
fn serves_on(stage: &Stage, pid: i32) {
    assert_eq!(
        stage.convoke.program().pid(),
        Some(pid),
        "the process has not died"
    );
    Person::new(stage.device("alice", 99)).ask("help", "call bob");
    for line in stage.convoke.program().lines() {
        assert!(!line.text.contains("panicked"), "{}", line.text);
    }
}

/// Every message of RFC 4475 and RFC 5118, and noise, to each port that speaks SIP: IM server, gateway and trunk side.
#[test]
fn malformed_sip_is_answered_or_passed_over_and_the_server_serves_on() {
    let gateway = ports::reserve().unwrap();
    let nowhere = ports::reserve().unwrap();
    let config = base(nowhere.addr()).set("gateway", "listen", gateway.addr().to_string());
    let stage = Stage::configured(ImServer::Ours, config);
    let pid = stage.convoke.program().pid().unwrap();
    let mut messages = corpus("crates/sip-proto/tests/corpus/rfc4475");
    messages.extend(corpus("crates/sip-proto/tests/corpus/rfc5118"));
    messages.push(("noise".to_owned(), (0..=255).cycle().take(1_300).collect()));
    messages.push(("lines".to_owned(), b"\r\n\r\n".repeat(300)));
    messages.push((
        "cut".to_owned(),
        b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP".to_vec(),
    ));
    for name in ["sip_udp", "trunk_udp"] {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = stage.convoke.addr(name).unwrap();
        for (_, bytes) in &messages {
            socket.send_to(bytes, to).unwrap();
        }
        // This one has a fault that is said clearly: no CSeq (RFC 3261 §8.1.1).
        let local = socket.local_addr().unwrap();
        let faulty = format!(
            "OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKfaulty\r\nMax-Forwards: 70\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: faulty\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(faulty.as_bytes(), to).unwrap();
        socket.set_read_timeout(Some(GIVE_UP)).unwrap();
        let mut answer = [0; 4_096];
        loop {
            let length = uninterrupted(|| socket.recv(&mut answer)).unwrap();
            let text = String::from_utf8_lossy(&answer[..length]).into_owned();
            if text.contains("z9hG4bKfaulty") {
                assert!(text.starts_with("SIP/2.0 400"), "{name}: {text}");
                break;
            }
        }
    }
    let streams = [
        stage.sip(),
        gateway.addr(),
        stage.convoke.addr("trunk_tcp").unwrap(),
    ];
    for to in streams {
        for (name, bytes) in &messages {
            let mut peer = SipPeer::tcp(stage.identity("bob"), to, 5).unwrap();
            peer.send_raw(bytes).unwrap();
            // An answer, an end, or silence for a message that is not whole yet; but nothing of it is taken for a command.
            if let Ok(answer) = peer.receive_within(SILENCE) {
                assert_ne!(answer.status(), Some(202), "{name}");
            }
        }
    }
    // A message without end: the connection is closed, and nothing grows.
    let mut peer = SipPeer::tcp(stage.identity("bob"), stage.sip(), 5).unwrap();
    let head = "MESSAGE sip:bob@example.test SIP/2.0\r\nContent-Length: 99999999999\r\nSubject: ";
    peer.send_raw(head.as_bytes()).unwrap();
    let filler = vec![b'x'; 64 * 1024];
    let closed = (0..1_000).any(|_| peer.send_raw(&filler).is_err());
    assert!(closed, "the server goes on reading a message without end");
    serves_on(&stage, pid);
}

/// Envelopes that are not, each refused by a typed fault to the device that sent it.
#[test]
fn malformed_soap_is_refused_with_a_typed_fault() {
    let mut trunk = Trunk::start();
    for server in [ImServer::Ours, ImServer::Kamailio] {
        let stage = Stage::start(server, trunk.addr());
        let pid = stage.convoke.program().pid().unwrap();
        let mut alice = SoapClient::new(stage.device("alice", 1));
        let reply_to = alice.peer.gruu().unwrap().to_owned();
        let good = |id: &str, body: &str| envelope(id, &reply_to, &fresh(), body);
        let call = create(&person("alice"), &[person("bob")]);
        let cases = [
            (
                "unknown element",
                good("m-1", &call.replace("c:title", "c:caption")),
                "bad-request",
            ),
            (
                "unknown operation",
                good("m-2", "<c:explode/>"),
                "unknown-operation",
            ),
            (
                "a second body",
                good("m-3", &format!("{call}{call}")),
                "bad-request",
            ),
            ("nobody", good("m-4", "<c:create/>"), "bad-request"),
            (
                "no namespace",
                good("m-5", &call.replace("c:create", "create")),
                "unknown-operation",
            ),
        ];
        for (what, envelope, code) in cases {
            assert!(matches!(alice.send(&envelope), 200 | 202), "{what}");
            let answer = alice.fault();
            assert!(answer.contains("<s:Fault>"), "{what}: {answer}");
            assert_eq!(leaf(&answer, "c:code"), code, "{what}: {answer}");
        }
        // SOAP 1.1 §4.4.1 has codes of its own for these, from the gateway as over HTTP.
        let administrator = Administrator::of(&stage.convoke).unwrap();
        let token = administrator.token("alice").unwrap();
        for (what, envelope, faultcode) in of_other_makes(&good("m-6", &call)) {
            assert!(matches!(alice.send(&envelope), 200 | 202), "{what}");
            let answer = alice.fault();
            assert_eq!(leaf(&answer, "faultcode"), faultcode, "{what}: {answer}");
            let over_http = posted(&stage, &token, &envelope);
            assert_eq!(
                leaf(&over_http, "faultcode"),
                faultcode,
                "{what}: {over_http}"
            );
        }
        // These have no headers that could be read: the fault goes to the address of record.
        for (name, bytes) in corpus("crates/soap-proto/tests/seeds") {
            if !name.starts_with("odd-") || is_wellformed(&name) {
                continue;
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(matches!(alice.send(&text), 200 | 202), "{name}");
            let answer = alice.fault();
            assert_eq!(leaf(&answer, "c:code"), "bad-request", "{name}: {answer}");
        }
        let large = "x".repeat(65 * 1024);
        assert_eq!(alice.send(&large), 413);
        let to = aor("conference");
        let kind = "Content-Type: application/octet-stream";
        let response = alice
            .peer
            .request("MESSAGE", &to, &to, &[kind], b"\0\xff")
            .unwrap();
        assert_eq!(response.status(), Some(415));
        serves_on(&stage, pid);
    }
    assert!(!trunk.hears_within(SILENCE), "nobody's telephone rings");
}

/// An envelope of SOAP 1.2, and one with a header that must be understood, with what they are answered.
fn of_other_makes(good: &str) -> [(&'static str, String, &'static str); 2] {
    let soap_11 = "http://schemas.xmlsoap.org/soap/envelope/";
    let soap_12 = "http://www.w3.org/2003/05/soap-envelope";
    let signed = "<s:Header><x:Security xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"/>";
    [
        (
            "SOAP 1.2",
            good.replace(soap_11, soap_12),
            "s:VersionMismatch",
        ),
        (
            "a header to be understood",
            good.replace("<s:Header>", signed),
            "s:MustUnderstand",
        ),
    ]
}

/// What the conference web service answers to an envelope over HTTP; a fault comes with 500 (SOAP 1.1 §6.2).
fn posted(stage: &Stage, token: &str, envelope: &str) -> String {
    let bearer = format!("Authorization: Bearer {token}");
    let headers = [&*bearer, "Content-Type: text/xml; charset=utf-8"];
    let http = stage.convoke.addr("http").unwrap();
    let body = envelope.as_bytes();
    let answer = request(http, "POST", "/soap/conference", &headers, body).unwrap();
    assert_eq!(answer.status, 500);
    answer.body
}

/// Seeds whose oddness is allowed.
fn is_wellformed(name: &str) -> bool {
    [
        "odd-cdata.xml",
        "odd-comment.xml",
        "odd-prefixes.xml",
        "odd-references.xml",
    ]
    .contains(&name)
}

/// The telephone answers with a description that cannot be used: the leg fails in words, and the call is hung up.
#[test]
fn malformed_sdp_fails_the_leg_in_words_and_hangs_up() {
    let mut trunk = Trunk::start();
    let stage = Stage::start(ImServer::Ours, trunk.addr());
    let pid = stage.convoke.program().pid().unwrap();
    let mut alice = SoapClient::new(stage.device("alice", 1));
    let good = sdp(4_000);
    for (what, answer) in [
        ("no SDP", "this is no SDP\r\n".to_owned()),
        ("no media", good.split("m=").next().unwrap().to_owned()),
        ("refused media", good.replace("m=audio 4000", "m=audio 0")),
        ("another codec", good.replace("RTP/AVP 0", "RTP/AVP 96")),
        ("no address", good.replace("c=IN IP4 127.0.0.1\r\n", "")),
        (
            "a wild port",
            good.replace("m=audio 4000", "m=audio 99999999"),
        ),
    ] {
        alice.changes.clear();
        alice.command(&create(&person("alice"), &[]));
        let invite = trunk.expect("INVITE");
        trunk.reply(&invite, "180 Ringing", "");
        trunk.reply(&invite, "200 OK", &answer);
        trunk.expect("ACK");
        let bye = trunk.expect("BYE");
        trunk.reply(&bye, "200 OK", "");
        let failed = alice.until("alice", "failed");
        let cause = failed.xml.split("<c:cause>").nth(1).unwrap();
        assert!(leaf(cause, "c:words").len() > 5, "{what}: {}", failed.xml);
        alice.until("", "ended owner-left");
    }
    serves_on(&stage, pid);
}

/// Noise on the RTP port of a joined leg changes nothing.
#[test]
fn malformed_rtp_is_passed_over() {
    let mut trunk = Trunk::start();
    let stage = Stage::start(ImServer::Ours, trunk.addr());
    let pid = stage.convoke.program().pid().unwrap();
    let mut alice = SoapClient::new(stage.device("alice", 1));
    let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
    rtp.set_read_timeout(Some(GIVE_UP)).unwrap();
    let answer = alice.command(&create(&person("alice"), &[]));
    let invite = trunk.expect("INVITE");
    let (port, _) = invite.sdp_audio().unwrap();
    trunk.reply(&invite, "200 OK", &sdp(rtp.local_addr().unwrap().port()));
    trunk.expect("ACK");
    alice.until("alice", "joined");
    let to = ("127.0.0.1", port);
    let good = |seq: u16| -> Vec<u8> {
        let mut packet = vec![0x80, 0];
        packet.extend(seq.to_be_bytes());
        packet.extend((u32::from(seq) * 160).to_be_bytes());
        packet.extend(7_u32.to_be_bytes());
        packet.extend([0xff; 160]);
        packet
    };
    for seq in 0..200 {
        let packet = good(seq);
        for length in [0, 1, 11, 12, 13] {
            rtp.send_to(&packet[..length], to).unwrap();
        }
        for first in [0x00, 0x8f, 0x9f, 0xbf, 0xff] {
            let mut odd = packet.clone();
            odd[0] = first;
            rtp.send_to(&odd, to).unwrap();
        }
        let mut other = packet.clone();
        other[1] = 0x7f;
        rtp.send_to(&other, to).unwrap();
        // Keys (RFC 4733) that are cut off, padding that is longer than its packet, a payload of a whole datagram.
        other[1] = 101;
        rtp.send_to(&other[..14], to).unwrap();
        let mut padded = packet.clone();
        padded[0] |= 0x20;
        rtp.send_to(&padded, to).unwrap();
        rtp.send_to(
            &[&packet[..12], &vec![seq.to_be_bytes()[1]; 9_000][..]].concat(),
            to,
        )
        .unwrap();
        rtp.send_to(&packet, to).unwrap();
    }
    // The mix still comes, and the leg is still in the call until it is hung up.
    let heard = uninterrupted(|| rtp.recv(&mut [0; 2_048])).unwrap();
    assert_eq!(heard, 172);
    let conference = leaf(&answer, "c:id").to_owned();
    let state = alice.command(&on("get", &conference, None));
    assert_eq!(leaf(&state, "c:state"), "running", "{state}");
    assert!(state.contains("<c:state>joined</c:state>"), "{state}");
    alice.command(&on("end", &conference, None));
    let bye = trunk.expect("BYE");
    trunk.reply(&bye, "200 OK", "");
    alice.until("", "ended by-command");
    serves_on(&stage, pid);
}

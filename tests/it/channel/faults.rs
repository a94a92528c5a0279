//! What may go wrong on the channel: who is not who they say, what comes too late or twice, and parts that are away.

use std::time::Duration;

use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::baresip::{Account, Baresip};
use convoke_tests::peers::python;
use convoke_tests::peers::sipp::{Sipp, Trunk as SippTrunk};
use convoke_tests::rest::Administrator;
use testkit::GIVE_UP;
use testkit::peer::{Identity, SipPeer};
use testkit::ports;

use super::soap::{SoapClient, create, envelope, expires, fresh, leaf, number, on, person};
use super::stage::{DOMAIN, ImServer, Stage, aor, await_gateway, base, for_old_clients};
use super::trunk::{Trunk, sdp};
use super::words::Person;

/// How long a telephone that must not ring is listened to.
const SILENCE: Duration = Duration::from_millis(500);
const TEXT: &str = "Content-Type: text/plain";
const BOTH: [ImServer; 2] = [ImServer::Ours, ImServer::Kamailio];

#[test]
fn a_wrong_password_is_refused() {
    let nowhere = ports::reserve().unwrap();
    let stage = Stage::start(ImServer::Ours, nowhere.addr());
    for user in ["alice", "nobody-here"] {
        let liar = Identity::new(user, DOMAIN, "guessed");
        let mut liar = SipPeer::tcp(liar, stage.sip(), 1).unwrap();
        assert_eq!(liar.register("").unwrap().status(), Some(401), "{user}");
        let to = aor("conference");
        let response = liar.request("MESSAGE", &to, &to, &[TEXT], b"help").unwrap();
        assert_eq!(response.status(), Some(407), "{user}");
    }
    Person::new(stage.device("alice", 2)).ask("help", "call bob");
}

/// baresip guesses a password, once a person's and once the gateway's: again and again, until it is not heard any more.
#[test]
fn a_wrong_password_of_a_client_of_another_make_is_refused() {
    let nowhere = ports::reserve().unwrap();
    let stage = Stage::configured(ImServer::Ours, for_old_clients(nowhere.addr()));
    let certificate = stage.convoke.ready()["certificate"].as_str().unwrap();
    let account = |user: &str, password: &str| Account {
        user: user.to_owned(),
        domain: DOMAIN.to_owned(),
        password: password.to_owned(),
        transport: "tls",
        server: stage.convoke.addr("sip_tls").unwrap(),
        certificate: certificate.into(),
        contact: "bob".to_owned(),
    };
    for user in ["alice", "conference"] {
        let liar = Baresip::try_register(&account(user, "guessed")).unwrap();
        for answer in ["SIP/2.0 401 Unauthorized", "SIP/2.0 403 Forbidden"] {
            liar.program()
                .wait_line(answer, |line| line.text == answer)
                .unwrap();
        }
    }
    Baresip::register(&account("bob", &stage.identity("bob").password)).unwrap();
    let logged = |line: &testkit::process::Line| line.text.contains("wrong password");
    stage
        .convoke
        .program()
        .wait_line("who guessed", logged)
        .unwrap();
}

#[test]
fn unknown_people_and_numbers_are_refused_with_a_typed_fault() {
    let mut trunk = Trunk::start();
    for server in BOTH {
        let stage = Stage::start(server, trunk.addr());
        let mut alice = SoapClient::new(stage.device("alice", 1));
        let cases = [
            (person("nobody-here"), "unknown-person"),
            (person("mallory@elsewhere.test"), "unknown-person"),
            (number("+4930123456"), "number-refused"),
            (number("12"), "number-refused"),
            (
                "<c:sip>sip:bob@elsewhere.test</c:sip>".to_owned(),
                "number-refused",
            ),
        ];
        for (party, code) in cases {
            let answer = alice.command(&create(&person("alice"), &[party]));
            assert_eq!(leaf(&answer, "c:code"), code, "{answer}");
            assert!(!leaf(&answer, "c:expected").is_empty());
        }
        let answer = alice.command(&on("end", "no-such-conference", None));
        assert_eq!(leaf(&answer, "c:code"), "unknown-conference", "{answer}");
    }
    let stage = Stage::start(ImServer::Ours, trunk.addr());
    let mut stranger = stage.device("alice", 1);
    let to = aor("nobody-here");
    let response = stranger
        .request("MESSAGE", &to, &to, &[TEXT], b"hello")
        .unwrap();
    assert_eq!(response.status(), Some(404));
    assert!(!trunk.hears_within(SILENCE), "nobody's telephone rings");
}

/// A forged From, an asserted identity of one's own, and a MESSAGE past the IM server straight to the gateway.
fn forgers_are_refused(server: ImServer) {
    let gateway = ports::reserve().unwrap();
    let mut trunk = Trunk::start();
    let config = base(trunk.addr()).set("gateway", "listen", gateway.addr().to_string());
    let stage = Stage::configured(server, config);
    let to = aor("conference");
    let mut bob = stage.device("bob", 1);
    let forged = bob
        .request_as(&aor("alice"), "MESSAGE", &to, &to, &[TEXT], b"call carol")
        .unwrap();
    assert_eq!(forged.status(), Some(403), "a forged From");

    // What a client says of itself there is taken away: bob is answered as bob, alice hears nothing.
    let mut alice = stage.device("alice", 2);
    let claimed = "P-Asserted-Identity: <sip:alice@example.test>";
    let response = bob
        .request("MESSAGE", &to, &to, &[TEXT, claimed], b"who")
        .unwrap();
    assert!(matches!(response.status(), Some(200 | 202)));
    let answer = bob.expect("MESSAGE").unwrap();
    bob.reply(&answer, 200, "OK", &[], b"").unwrap();
    assert!(alice.receive_within(SILENCE).is_err());

    // The gateway has a connection to its IM server, and over TLS where that is elsewhere: what comes by another, and be it
    // from this machine, is from somebody else.
    let mallory = Identity::new("alice", DOMAIN, "");
    let mut mallory = SipPeer::tcp(mallory, gateway.addr(), 3).unwrap();
    let claimed = "P-Asserted-Identity: <sip:alice@example.test>";
    let straight = mallory.request("MESSAGE", &to, &to, &[TEXT, claimed], b"call carol");
    assert_eq!(straight.unwrap().status(), Some(403));
    let mut nobody = SipPeer::tcp(Identity::new("alice", DOMAIN, ""), gateway.addr(), 4).unwrap();
    let straight = nobody.request("MESSAGE", &to, &to, &[TEXT], b"call carol");
    assert_eq!(
        straight.unwrap().status(),
        Some(403),
        "without an asserted identity"
    );
    assert!(!trunk.hears_within(SILENCE), "nobody's telephone rings");
    Person::new(alice).ask("help", "call bob");
}

#[test]
fn forgers_are_refused_behind_our_im_server() {
    forgers_are_refused(ImServer::Ours);
}

#[test]
fn forgers_are_refused_behind_kamailio() {
    forgers_are_refused(ImServer::Kamailio);
}

/// The same command twice, also with a restart in between: one answer, one call.
fn a_repeated_command_dials_once(server: ImServer) {
    let sipp = Sipp::start(SippTrunk {
        calls: 1,
        ..SippTrunk::default()
    })
    .unwrap();
    let stage = Stage::start(server, sipp.addr());
    let mut alice = SoapClient::new(stage.device("alice", 1));
    let reply_to = alice.peer.gruu().unwrap().to_owned();
    // Busy, so that the conference is over soon.
    let body = create(&number("+15550902"), &[person("bob")]);
    let command = envelope("repeat-1", &reply_to, &fresh(), &body);
    let mut answers = Vec::new();
    for _ in 0..2 {
        assert!(matches!(alice.send(&command), 200 | 202));
        answers.push(alice.answer_to("repeat-1"));
    }
    alice.until("alice", "busy");
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert_eq!(outcome.successful, 1, "{}", outcome.errors);
    let stage = stage.restart();
    let mut alice = SoapClient::new(stage.device("alice", 1));
    assert!(matches!(alice.send(&command), 200 | 202));
    answers.push(alice.answer_to("repeat-1"));
    let ids: Vec<_> = answers.iter().map(|answer| leaf(answer, "c:id")).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    let other = create(&person("alice"), &[person("carol")]);
    let other = envelope("repeat-1", &reply_to, &fresh(), &other);
    assert!(matches!(alice.send(&other), 200 | 202));
    let answer = alice.answer_to("repeat-1");
    assert_eq!(leaf(&answer, "c:code"), "command-id-reused", "{answer}");
}

#[test]
fn a_repeated_command_dials_once_also_across_a_restart() {
    a_repeated_command_dials_once(ImServer::Ours);
}

#[test]
fn a_repeated_command_through_kamailio_dials_once_also_across_a_restart() {
    a_repeated_command_dials_once(ImServer::Kamailio);
}

#[test]
fn an_expired_command_rings_nobody() {
    let mut trunk = Trunk::start();
    for server in BOTH {
        let stage = Stage::start(server, trunk.addr());
        let mut alice = SoapClient::new(stage.device("alice", 1));
        let reply_to = alice.peer.gruu().unwrap().to_owned();
        let body = create(&person("alice"), &[person("bob")]);
        for (n, late) in [
            expires(Duration::from_secs(40), 30),
            expires(Duration::from_secs(3), 1),
        ]
        .iter()
        .enumerate()
        {
            let id = format!("late-{n}");
            assert!(matches!(
                alice.send(&envelope(&id, &reply_to, late, &body)),
                200 | 202
            ));
            let answer = alice.answer_to(&id);
            assert_eq!(leaf(&answer, "c:code"), "expired", "{answer}");
        }
        assert!(matches!(
            alice.send(&envelope("timeless", &reply_to, "", &body)),
            200 | 202
        ));
        let answer = alice.answer_to("timeless");
        assert_eq!(leaf(&answer, "c:code"), "bad-request", "{answer}");
    }
    assert!(!trunk.hears_within(SILENCE), "nobody's telephone rings");
}

/// Two processes: the IM server in one, gateway and conferences in the other. While the other is away a command is refused at
/// once, and is not carried out when it is back.
#[test]
fn a_command_while_the_gateway_is_away_is_refused_and_rings_nobody_later() {
    let mut trunk = Trunk::start();
    let ours = |config: Config| {
        config
            .set("server", "roles", vec!["im"])
            .set("gateway", "password", "shared-word")
    };
    let im = Convoke::start(ours(base(trunk.addr()))).unwrap();
    let administrator = Administrator::of(&im).unwrap();
    administrator.person("alice", "alice", &[]).unwrap();
    let password = administrator.device("alice").unwrap();
    let server = im.addr("sip_tcp").unwrap();
    let mut peer = SipPeer::tcp(Identity::new("alice", DOMAIN, &password), server, 1).unwrap();
    assert_eq!(peer.register("").unwrap().status(), Some(200));
    let mut alice = SoapClient::new(peer);
    let reply_to = alice.peer.gruu().unwrap().to_owned();
    let body = create(&person("alice"), &[person("bob")]);
    let command = envelope("away-1", &reply_to, &fresh(), &body);
    assert_eq!(alice.send(&command), 480);
    let to = aor("conference");
    let words = alice
        .peer
        .request("MESSAGE", &to, &to, &[TEXT], b"call +15550201")
        .unwrap();
    assert_eq!(words.status(), Some(480));

    let certificate = im.ready()["certificate"].as_str().unwrap().to_owned();
    let tls = im.addr("sip_tls").unwrap();
    let pin = std::path::Path::new(&certificate);
    let config = base(trunk.addr()).foreign_im(tls, "tls", Some(pin), "conference", "shared-word");
    let other = Convoke::start(config).unwrap();
    let administrator = Administrator::of(&other).unwrap();
    for (user, number) in super::stage::PEOPLE {
        administrator
            .person(user, user, &[("work", number)])
            .unwrap();
    }
    await_gateway(&other);
    assert!(
        !trunk.hears_within(SILENCE),
        "nobody's telephone rings later"
    );
    let list = alice.command("<c:list/>");
    assert!(!list.contains("<c:conference>"), "{list}");
    // Now the same words work, so it was only the absence.
    alice.command(&body);
    let invite = trunk.expect("INVITE");
    trunk.reply(&invite, "486 Busy Here", "");
    trunk.expect("ACK");
    alice.until("alice", "busy");
    let (code, _) = other.stop().unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(
        alice.send(&envelope("away-2", &reply_to, &fresh(), &body)),
        480
    );
    assert!(!trunk.hears_within(SILENCE), "nobody's telephone rings");
}

#[test]
fn an_unreachable_trunk_fails_the_leg_with_code_and_words() {
    let closed = ports::reserve().unwrap();
    let config = Config::new(DOMAIN)
        .unwrap()
        .trunk("gone", closed.addr(), "tcp", &[]);
    let stage = Stage::configured(ImServer::Ours, config);
    let mut alice = SoapClient::new(stage.device("alice", 1));
    alice.command(&create(&person("alice"), &[person("bob")]));
    let failed = alice.until("alice", "failed");
    let code: u16 = leaf(&failed.xml, "c:sip").parse().unwrap();
    assert!((400..700).contains(&code), "{}", failed.xml);
    let cause = failed.xml.split("<c:cause>").nth(1).unwrap();
    assert!(leaf(cause, "c:words").len() > 10, "{}", failed.xml);
    alice.until("", "ended owner-left");
    alice.assert_complete();
}

/// The person hangs up in the window while the telephone is being answered: CANCEL and 200 cross.
#[test]
fn an_answer_after_cancel_is_hung_up() {
    let mut trunk = Trunk::start();
    let stage = Stage::start(ImServer::Ours, trunk.addr());
    let mut alice = SoapClient::new(stage.device("alice", 1));
    let answer = alice.command(&create(&person("alice"), &[person("bob")]));
    let invite = trunk.expect("INVITE");
    trunk.reply(&invite, "180 Ringing", "");
    alice.until("alice", "ringing");
    alice.command(&on("end", leaf(&answer, "c:id"), None));
    let cancel = trunk.expect("CANCEL");
    // Answered in this moment.
    trunk.reply(&invite, "200 OK", &sdp(9));
    trunk.reply(&cancel, "200 OK", "");
    trunk.expect("ACK");
    let bye = trunk.expect("BYE");
    trunk.reply(&bye, "200 OK", "");
    alice.until("alice", "left");
    alice.until("", "ended by-command");
    alice.assert_complete();
}

#[test]
fn records_of_calls_under_way_are_closed_when_a_killed_process_starts_again() {
    let sipp = Sipp::start(SippTrunk {
        calls: 2,
        ..SippTrunk::default()
    })
    .unwrap();
    let stage = Stage::start(ImServer::Ours, sipp.addr());
    let mut alice = Person::new(stage.device("alice", 1));
    alice.ask("call bob", "I ring you first");
    alice.until("bob is in the call");
    let stage = stage.crash();
    let mut alice = Person::new(stage.device("alice", 1));
    alice.ask("who", "no conference");
    let data = stage.convoke.data();
    let (code, _place) = stage.convoke.stop().unwrap();
    assert_eq!(code, Some(0));
    let read = python::run("records.py", &[data.to_str().unwrap()], GIVE_UP).unwrap();
    let read = read.as_object().unwrap();
    assert_eq!(
        (&read["conferences"], &read["legs"]),
        (&1.into(), &2.into()),
        "{read:?}"
    );
    assert_eq!(
        (&read["open_conferences"], &read["open_legs"]),
        (&0.into(), &0.into()),
        "{read:?}"
    );
}

/// SIGTERM: the telephones are hung up, and the devices of a client are told why before the process ends.
fn sigterm_drains_and_tells_clients(server: ImServer) {
    let sipp = Sipp::start(SippTrunk {
        calls: 2,
        ..SippTrunk::default()
    })
    .unwrap();
    let stage = Stage::start(server, sipp.addr());
    let mut alice = SoapClient::new(stage.device("alice", 1));
    alice.command(&create(&person("alice"), &[person("bob")]));
    alice.until("bob", "joined");
    stage.convoke.program().terminate();
    let ended = alice.until("", "ended shutdown");
    assert!(
        alice.place("bob", "left") < alice.place("", "ended shutdown"),
        "{ended:?}"
    );
    alice.assert_complete();
    let (code, _) = stage.convoke.stop().unwrap();
    assert_eq!(code, Some(0));
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert_eq!(
        (outcome.ok, outcome.successful),
        (true, 2),
        "{}",
        outcome.errors
    );
}

#[test]
fn sigterm_drains_calls_and_tells_clients() {
    sigterm_drains_and_tells_clients(ImServer::Ours);
}

#[test]
fn sigterm_drains_calls_and_tells_clients_through_kamailio() {
    sigterm_drains_and_tells_clients(ImServer::Kamailio);
}

#[test]
fn a_gateway_that_does_not_trust_the_certificate_does_not_register() {
    use convoke_tests::peers::kamailio::Kamailio;
    let theirs = Kamailio::start(DOMAIN, &[("conference", "gateway-secret")]).unwrap();
    let other = Kamailio::start(DOMAIN, &[]).unwrap();
    let nowhere = ports::reserve().unwrap();
    let pin = other.certificate();
    let config = base(nowhere.addr()).foreign_im(
        theirs.tls(),
        "tls",
        Some(pin.as_path()),
        "conference",
        "gateway-secret",
    );
    let convoke = Convoke::start(config).unwrap();
    let refused = |line: &testkit::process::Line| line.text.contains("gateway not registered");
    convoke
        .program()
        .wait_line("that it does not register", refused)
        .unwrap();
    assert!(
        !convoke
            .program()
            .lines()
            .iter()
            .any(|line| line.text.contains("gateway registered"))
    );
}

/// A command by SOAP whose replies would go to somebody else, or nowhere.
#[test]
fn a_command_without_a_reply_address_of_ones_own_is_refused() {
    let mut trunk = Trunk::start();
    for server in BOTH {
        let stage = Stage::start(server, trunk.addr());
        let mut bob = stage.device("bob", 2);
        let mut alice = SoapClient::new(stage.device("alice", 1));
        let body = create(&person("alice"), &[person("bob")]);
        let theirs = bob.gruu().unwrap().to_owned();
        for (id, reply_to) in [
            ("r-1", theirs.as_str()),
            ("r-2", "sip:alice@elsewhere.test;gr=x"),
        ] {
            assert!(matches!(
                alice.send(&envelope(id, reply_to, &fresh(), &body)),
                200 | 202
            ));
            let answer = alice.answer_to(id);
            assert_eq!(leaf(&answer, "c:code"), "no-reply-to", "{answer}");
        }
        let asserted = envelope("r-3", alice.peer.gruu().unwrap(), &fresh(), &body).replace(
            "</s:Header>",
            "<c:asserted>bob@example.test</c:asserted></s:Header>",
        );
        assert!(matches!(alice.send(&asserted), 200 | 202));
        let answer = alice.answer_to("r-3");
        assert_eq!(leaf(&answer, "c:code"), "not-allowed", "{answer}");
        assert!(bob.receive_within(SILENCE).is_err(), "nobody else is told");
    }
    assert!(!trunk.hears_within(SILENCE), "nobody's telephone rings");
}

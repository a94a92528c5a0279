//! Plain words from any IM client, answered in words.

use std::time::Duration;

use convoke_tests::peers::baresip::{Account, Baresip};
use convoke_tests::peers::sipp::{Sipp, Trunk};
use testkit::GIVE_UP;
use testkit::peer::SipPeer;

use super::stage::{DOMAIN, ImServer, Stage, aor, for_old_clients};

/// A number of nobody that answers.
const OUTSIDE: &str = "+15550801";
/// How long a message that must not come is waited for.
const SILENCE: Duration = Duration::from_millis(300);

/// A person with an IM client.
pub struct Person {
    pub peer: SipPeer,
    said: Vec<String>,
}

impl Person {
    pub fn new(peer: SipPeer) -> Self {
        Self {
            peer,
            said: Vec::new(),
        }
    }

    /// Writes to the gateway; the final SIP status.
    pub fn write(&mut self, words: &str) -> u16 {
        let to = aor("conference");
        let kind = "Content-Type: text/plain";
        let response = self
            .peer
            .request("MESSAGE", &to, &to, &[kind], words.as_bytes());
        response.unwrap().status().unwrap()
    }

    /// Writes to the gateway and waits for these words, said after it; gives the message.
    pub fn ask(&mut self, words: &str, expected: &str) -> String {
        self.said.clear();
        assert!(matches!(self.write(words), 200 | 202));
        self.until(expected)
    }

    /// The first message, since the last question, with these words.
    pub fn until(&mut self, expected: &str) -> String {
        loop {
            if let Some(text) = self.said.iter().find(|text| text.contains(expected)) {
                return text.clone();
            }
            let message = self.peer.expect("MESSAGE");
            let message = message
                .unwrap_or_else(|error| panic!("{error}: {expected:?}; told: {:#?}", self.said));
            self.peer.reply(&message, 200, "OK", &[], b"").unwrap();
            self.said.push(message.text());
        }
    }
}

/// `call`, `who`, `mute`, `drop`, `add`, `help` and `end`, and what nobody understands.
fn words_set_up_and_control(server: ImServer) {
    let sipp = Sipp::start(Trunk {
        calls: 4,
        ..Trunk::default()
    })
    .unwrap();
    let stage = Stage::start(server, sipp.addr());
    let mut alice = Person::new(stage.device("alice", 1));
    // Words are for the person: every device of hers is told.
    let mut desk = Person::new(stage.device("alice", 2));
    alice.ask("help", "call bob");
    desk.until("call bob");
    alice.ask("who", "no conference");
    alice.ask(&format!("call bob {OUTSIDE}"), "I ring you first");
    alice.until("bob is in the call");
    alice.until("Number …01 is in the call");
    let who = alice.ask("who", "bob (work): in the call");
    assert!(who.contains("alice") && who.contains("Number …01"), "{who}");
    alice.ask("mute bob", "bob is muted");
    alice.ask("who", "muted");
    alice.ask("unmute bob", "bob can be heard again");
    alice.ask("add carol", "Calling carol too");
    alice.until("carol is in the call");
    alice.ask("drop carol", "Hanging up on carol");
    alice.until("carol left");
    alice.ask("frobnicate bob", "I do not know");
    alice.ask("call nobody-here", "I know nobody called");
    alice.ask("end", "Ending the conference");
    alice.until("The conference has ended");
    desk.until("The conference has ended");
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert_eq!(
        (outcome.ok, outcome.successful),
        (true, 4),
        "{}",
        outcome.errors
    );
}

#[test]
fn plain_words_set_up_and_control_a_conference() {
    words_set_up_and_control(ImServer::Ours);
}

#[test]
fn plain_words_through_kamailio_set_up_and_control_a_conference() {
    words_set_up_and_control(ImServer::Kamailio);
}

#[test]
fn answers_to_soap_go_to_the_device_that_asked() {
    use super::soap::{SoapClient, create, person};
    let sipp = Sipp::start(Trunk {
        calls: 1,
        ..Trunk::default()
    })
    .unwrap();
    for server in [ImServer::Ours, ImServer::Kamailio] {
        let stage = Stage::start(server, sipp.addr());
        let mut desk = stage.device("alice", 2);
        let mut alice = SoapClient::new(stage.device("alice", 1));
        let answer = alice.command(&create(&person("nobody-here"), &[]));
        assert!(
            answer.contains("<c:code>unknown-person</c:code>"),
            "{answer}"
        );
        assert!(
            desk.receive_within(SILENCE).is_err(),
            "the other device is told nothing"
        );
    }
}

/// baresip by TLS: it knows nothing of conferences, and its person types words.
fn baresip_types(server: ImServer) {
    let sipp = Sipp::start(Trunk {
        calls: 2,
        ..Trunk::default()
    })
    .unwrap();
    let stage = Stage::configured(server, for_old_clients(sipp.addr()));
    let (tls, certificate) = match &stage.kamailio {
        None => {
            let certificate = stage.convoke.ready()["certificate"].as_str().unwrap();
            (stage.convoke.addr("sip_tls").unwrap(), certificate.into())
        }
        Some(theirs) => (theirs.tls(), theirs.certificate()),
    };
    let identity = stage.identity("alice");
    let mut baresip = Baresip::register(&Account {
        user: identity.user,
        domain: DOMAIN.to_owned(),
        password: identity.password,
        transport: "tls",
        server: tls,
        certificate,
        contact: "conference".to_owned(),
    })
    .unwrap();
    let mut from = 0;
    let mut ask = |baresip: &mut Baresip, words: Option<&str>, expected: &str| {
        if let Some(words) = words {
            baresip.write(words).unwrap();
        }
        let (next, _) = baresip
            .program()
            .wait_line_from(from, expected, |line| line.text.contains(expected))
            .unwrap();
        from = next;
    };
    ask(&mut baresip, Some("help"), "call bob");
    ask(&mut baresip, Some("call +15550201"), "I ring you first");
    ask(&mut baresip, None, "alice is in the call");
    ask(&mut baresip, None, "Number …01 is in the call");
    ask(&mut baresip, Some("mute +15550201"), "is muted");
    ask(&mut baresip, Some("who"), "muted");
    ask(&mut baresip, Some("end"), "Ending the conference");
    ask(&mut baresip, None, "The conference has ended");
    sipp.finish(GIVE_UP).unwrap();
}

#[test]
fn baresip_by_tls_commands_in_words() {
    baresip_types(ImServer::Ours);
}

#[test]
fn baresip_by_tls_commands_in_words_through_kamailio() {
    baresip_types(ImServer::Kamailio);
}

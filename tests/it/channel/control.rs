//! A conference is set up and controlled by SOAP in MESSAGEs, behind either IM server; telephones of sipp ring.

use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::peers::sipp_im::{ImClients, Text, instance};
use testkit::GIVE_UP;

use super::soap::{SoapClient, changes, create, envelope, fresh, leaf, number, on, person};
use super::stage::{DOMAIN, ImServer, Stage, for_old_clients};

const BUSY: &str = "+15550902";

/// The id of the participant of this name, by an answer's snapshot.
pub fn participant(answer: &str, name: &str) -> String {
    let wanted = format!("<c:name>{name}</c:name>");
    let all = answer.split("<c:participant>").skip(1);
    let mut theirs = all.filter(|participant| participant.contains(&wanted));
    let found = theirs
        .next()
        .unwrap_or_else(|| panic!("no {name} in {answer}"));
    leaf(found, "c:id").to_owned()
}

/// Create, mute, unmute, add, disconnect, remove, get, end: each answered, each effect reported in order.
fn soap_sets_up_and_controls(server: ImServer) {
    let sipp = Sipp::start(Trunk {
        calls: 4,
        ..Trunk::default()
    })
    .unwrap();
    let stage = Stage::start(server, sipp.addr());
    let mut alice = SoapClient::new(stage.device("alice", 1));
    let answer = alice.command(&create(&person("alice"), &[person("bob"), number(BUSY)]));
    assert!(answer.contains("<c:createResponse>"), "{answer}");
    let conference = leaf(&answer, "c:id").to_owned();
    let bob = participant(&answer, "bob");
    alice.until("bob", "joined");
    alice.until("Number …02", "busy");
    let order = ["queued", "dialling", "ringing", "answered", "joined"];
    let places: Vec<_> = order.map(|state| alice.place("bob", state)).into();
    assert!(places.is_sorted(), "{:#?}", alice.told());
    assert!(alice.place("alice", "joined") < alice.place("bob", "dialling"));

    for (operation, expected) in [("mute", "muted on"), ("unmute", "muted off")] {
        let answer = alice.command(&on(operation, &conference, Some(&bob)));
        assert!(
            answer.contains(&format!("<c:{operation}Response>")),
            "{answer}"
        );
        alice.until("bob", expected);
    }
    let add = format!(
        "<c:add><c:conference>{conference}</c:conference><c:participant>{}</c:participant></c:add>",
        person("carol")
    );
    let answer = alice.command(&add);
    let carol = participant(&answer, "carol");
    alice.until("carol", "joined");
    let answer = alice.command(&on("disconnect", &conference, Some(&carol)));
    assert!(answer.contains("<c:disconnectResponse>"), "{answer}");
    alice.until("carol", "left");
    alice.command(&on("remove", &conference, Some(&carol)));
    alice.until("carol", "removed");
    let state = alice.command(&on("get", &conference, None));
    assert_eq!(leaf(&state, "c:state"), "running");
    assert_eq!(leaf(&state, "c:count"), "3", "{state}");

    let answer = alice.command(&on("end", &conference, None));
    assert!(answer.contains("<c:endResponse>"), "{answer}");
    alice.until("", "ended by-command");
    assert!(alice.place("bob", "left") < alice.place("alice", "left"));
    assert!(alice.place("alice", "left") < alice.place("", "ended by-command"));
    alice.assert_complete();
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert_eq!(
        (outcome.ok, outcome.successful),
        (true, 4),
        "{}",
        outcome.errors
    );
}

#[test]
fn soap_in_messages_sets_up_and_controls_a_conference() {
    soap_sets_up_and_controls(ImServer::Ours);
}

#[test]
fn soap_in_messages_through_kamailio_sets_up_and_controls_a_conference() {
    soap_sets_up_and_controls(ImServer::Kamailio);
}

/// sipp is the client: it knows SIP, digest and our published envelope, and nothing else of ours.
fn sipp_commands(server: ImServer) {
    let trunk = Sipp::start(Trunk {
        calls: 3,
        ..Trunk::default()
    })
    .unwrap();
    let stage = Stage::configured(server, for_old_clients(trunk.addr()));
    let reply_to = format!("sip:alice@{DOMAIN};gr={}", instance(7));
    let body = create(&person("alice"), &[person("bob"), number(BUSY)]);
    let text = Text {
        content_type: "text/xml; charset=utf-8".to_owned(),
        body: envelope("sipp-1", &reply_to, &fresh(), &body),
    };
    let client = stage.client("alice", "conference", 7);
    let mut sipp = ImClients::start(stage.sip(), DOMAIN, &[client], &[text]).unwrap();
    let told = |messages: &[testkit::peer::Spoken]| -> Vec<_> {
        let incoming = ImClients::incoming(messages, "alice");
        incoming
            .iter()
            .flat_map(|message| changes(&message.text()))
            .collect()
    };
    let messages = sipp
        .wait("the reports that both are in", |messages| {
            let told = told(messages);
            let is = |who, what| {
                told.iter()
                    .any(|change| change.who == who && change.what == what)
            };
            is("bob", "joined") && is("Number …02", "busy")
        })
        .unwrap();
    let texts: Vec<_> = ImClients::incoming(&messages, "alice")
        .iter()
        .map(|message| message.text())
        .collect();
    let answer = texts
        .iter()
        .find(|text| {
            text.contains("<a:RelatesTo>sipp-1</a:RelatesTo>") && text.contains("createResponse")
        })
        .unwrap_or_else(|| panic!("no answer in {texts:#?}"));
    // Another device of hers ends it: the reports still go to the one that asked.
    let mut other = SoapClient::new(stage.device("alice", 2));
    other.command(&on("end", leaf(answer, "c:id"), None));
    let messages = sipp
        .wait("the end", |messages| {
            told(messages)
                .last()
                .is_some_and(|change| change.what == "ended by-command")
        })
        .unwrap();
    let versions: Vec<u64> = told(&messages)
        .iter()
        .map(|change| change.version)
        .collect();
    let expected: Vec<u64> = (1..).take(versions.len()).collect();
    assert_eq!(versions, expected, "every report once, in order");
    assert!(other.changes.is_empty(), "{:#?}", other.told());
    trunk.finish(GIVE_UP).unwrap();
}

#[test]
fn a_client_of_another_make_commands_by_soap() {
    sipp_commands(ImServer::Ours);
}

#[test]
fn a_client_of_another_make_commands_by_soap_through_kamailio() {
    sipp_commands(ImServer::Kamailio);
}

/// 120 participants: the command, its answer and the state are over 16 kB each.
fn envelopes_over_16_kb_pass(server: ImServer) {
    const OTHERS: usize = 120;
    let calls = u32::try_from(OTHERS).unwrap() + 1;
    let sipp = Sipp::start(Trunk {
        calls,
        ..Trunk::default()
    })
    .unwrap();
    let stage = Stage::start(server, sipp.addr());
    let mut alice = SoapClient::new(stage.device("alice", 1));
    let others: Vec<_> = (0..OTHERS)
        .map(|n| {
            let name = format!("{n:03} {}", "x".repeat(56));
            format!(
                "{}<c:name>{name}</c:name>",
                number(&format!("+1555{:03}02", 100 + n))
            )
        })
        .collect();
    let id = alice.next_id();
    let reply_to = alice.peer.gruu().unwrap().to_owned();
    let command = envelope(&id, &reply_to, &fresh(), &create(&person("alice"), &others));
    assert!(command.len() > 16_384, "{}", command.len());
    assert!(matches!(alice.send(&command), 200 | 202));
    let answer = alice.answer_to(&id);
    assert!(answer.len() > 16_384, "{} {answer:.2000}", answer.len());
    for n in 0..OTHERS {
        alice.until(&format!("{n:03} {}", "x".repeat(56)), "busy");
    }
    let conference = leaf(&answer, "c:id").to_owned();
    let state = alice.command(&on("get", &conference, None));
    assert!(state.len() > 16_384, "{}", state.len());
    assert_eq!(state.matches("<c:state>busy</c:state>").count(), OTHERS);
    alice.command(&on("end", &conference, None));
    alice.until("", "ended by-command");
    alice.assert_complete();
    sipp.finish(GIVE_UP).unwrap();
}

#[test]
fn envelopes_over_16_kb_pass_our_im_server() {
    envelopes_over_16_kb_pass(ImServer::Ours);
}

#[test]
fn envelopes_over_16_kb_pass_kamailio() {
    envelopes_over_16_kb_pass(ImServer::Kamailio);
}

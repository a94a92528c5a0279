//! What the conference service reports becomes a SIP MESSAGE to a client of another make (C6): every state by name, each brought
//! about by telephones of other makes, and what a program of another make posts to the reporting service itself.

use std::time::Duration;

use convoke_tests::config::Config;
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::peers::sipp_im::{ImClients, Text, instance};
use convoke_tests::peers::zeep::Zeep;
use convoke_tests::rest::Administrator;
use serde_json::json;
use testkit::peer::Spoken;
use testkit::ports;

use super::soap::{SoapClient, changes, create, envelope, fresh, leaf, number, on, person};
use super::stage::{DOMAIN, ImServer, Stage, base};

/// Bob's telephone, which is a baresip, and that of somebody without an account.
const BOB: &str = "+15550201";
const OUTSIDE: &str = "+15550199";
/// The telephone that holds; the others are as in `PEOPLE`.
const ERIN: &str = "+15550511";

/// Which changes came to alice, as `who what`.
fn told(messages: &[Spoken]) -> Vec<String> {
    let incoming = ImClients::incoming(messages, "alice");
    let changes = incoming.iter().flat_map(|message| changes(&message.text()));
    changes
        .map(|one| format!("{} {}", one.who, one.what))
        .collect()
}

fn wait(sipp: &mut ImClients, wanted: &[&str]) -> Vec<Spoken> {
    let come = |messages: &[Spoken]| {
        let told = told(messages);
        wanted.iter().all(|one| told.iter().any(|told| told == one))
    };
    let came = sipp.wait("the reports", come);
    came.unwrap_or_else(|_| {
        let told = told(&sipp.messages());
        panic!("{wanted:?} did not all come, but {told:#?}")
    })
}

fn every_report_becomes_a_message(server: ImServer) {
    let trunk = Sipp::start(Trunk {
        calls: 7,
        ..Trunk::default()
    })
    .unwrap();
    let telephone = |number| {
        let tone_hz = 700.0;
        let telephone = Telephone {
            number,
            tone_hz,
            ..Telephone::default()
        };
        Baresip::start(telephone).unwrap()
    };
    let (mut bob, mut guest) = (telephone(BOB), telephone(OUTSIDE));
    // Nobody listens there.
    let dead = ports::reserve().unwrap();
    let prefix = |prefix: &str| [("prefixes", toml::Value::from(vec![prefix.to_owned()]))];
    // Every number has one way, so that what fails is not tried over another.
    let config = Config::new(DOMAIN)
        .unwrap()
        .set("im", "digest", vec!["md5"])
        .set("conference", "ring_timeout_s", 5)
        .trunk("sipp", trunk.addr(), "udp", &prefix("+1555"))
        .trunk("bob", bob.sip(), "udp", &prefix(BOB))
        .trunk("guest", guest.sip(), "udp", &prefix(OUTSIDE))
        .trunk("dead", dead.addr(), "tcp", &prefix("+1666"));
    let stage = Stage::configured(server, config);
    let administrator = Administrator::of(&stage.convoke).unwrap();
    administrator
        .person("erin", "erin", &[("work", ERIN)])
        .unwrap();

    let reply_to = format!("sip:alice@{DOMAIN};gr={}", instance(7));
    let others = [
        person("bob"),
        person("carol"),
        person("erin"),
        number(OUTSIDE),
        number("+15550902"),
        number("+15550903"),
        number("+15550904"),
        number("+15550910"),
        number("+16660908"),
    ];
    let body = create(&person("alice"), &others);
    let text = Text {
        content_type: "text/xml; charset=utf-8".to_owned(),
        body: envelope("sipp-1", &reply_to, &fresh(), &body),
    };
    let client = stage.client("alice", "conference", 7);
    let mut sipp = ImClients::start(stage.sip(), DOMAIN, &[client], &[text]).unwrap();
    let messages = wait(
        &mut sipp,
        &[
            " created",
            "bob added",
            "bob queued",
            "bob dialling",
            "bob ringing",
            "bob answered",
            "bob joined",
            "bob talking on",
            "erin held",
            "Number …02 busy",
            "Number …03 no-answer",
            "Number …04 declined",
            "Number …10 unreachable",
            "Number …08 failed",
            "Number …99 confirming",
        ],
    );
    let answers = ImClients::incoming(&messages, "alice");
    let answers = answers.iter().map(|message| message.text());
    let answer = answers
        .into_iter()
        .find(|text| text.contains("createResponse"))
        .unwrap();
    let conference = leaf(&answer, "c:id").to_owned();
    let participant = |name: &str| {
        let all = answer.split("<c:participant>");
        let mut theirs = all.filter(|one| one.contains(&format!("<c:name>{name}</c:name>")));
        leaf(theirs.next().unwrap(), "c:id").to_owned()
    };

    guest.press('1').unwrap();
    bob.type_code("*5").unwrap();
    wait(&mut sipp, &["Number …99 joined", "bob hand on"]);
    // Another device of hers commands; what comes of it is told to the one that asked for the conference.
    let mut other = SoapClient::new(stage.device("alice", 2));
    let carol = participant("carol");
    for operation in ["mute", "makeModerator"] {
        other.command(&on(operation, &conference, Some(&carol)));
    }
    other.command(&on("lock", &conference, None));
    wait(&mut sipp, &["carol muted on", "carol role", " locked on"]);
    other.command(&on("remove", &conference, Some(&carol)));
    bob.hang_up().unwrap();
    wait(
        &mut sipp,
        &["carol left", "carol removed", "bob hand off", "bob left"],
    );
    other.command(&on("end", &conference, None));
    let messages = wait(&mut sipp, &["alice left", " ended by-command"]);
    let incoming = ImClients::incoming(&messages, "alice");
    let all = incoming.iter().flat_map(|message| changes(&message.text()));
    let versions: Vec<u64> = all.map(|change| change.version).collect();
    let expected: Vec<u64> = (1..).take(versions.len()).collect();
    assert_eq!(versions, expected, "every report once, in order");
    trunk.finish(Duration::from_secs(20)).unwrap();
}

#[test]
fn every_report_becomes_a_message_to_a_client_of_another_make() {
    every_report_becomes_a_message(ImServer::Ours);
}

#[test]
fn every_report_becomes_a_message_to_a_client_of_another_make_through_kamailio() {
    every_report_becomes_a_message(ImServer::Kamailio);
}

/// The gateway's reporting service by its WSDL alone: what zeep posts there with the shared secret reaches sipp as a MESSAGE; with
/// another secret it is refused.
#[test]
fn the_gateway_runs_a_reporting_service_that_toolkits_can_use() {
    let stage = Stage::configured(
        ImServer::Ours,
        base(ports::reserve().unwrap().addr()).set("im", "digest", vec!["md5"]),
    );
    let text = Text {
        content_type: "text/plain".to_owned(),
        body: "help".to_owned(),
    };
    let client = stage.client("alice", "conference", 7);
    let mut sipp = ImClients::start(stage.sip(), DOMAIN, &[client], &[text]).unwrap();
    let arrived = |messages: &[Spoken]| !ImClients::incoming(messages, "alice").is_empty();
    sipp.wait("the answer in words", arrived).unwrap();

    let url = stage.convoke.ready()["url"].as_str().unwrap().to_owned();
    let wsdl = format!("{url}/soap/report?wsdl");
    let arguments = json!({
        "user": format!("alice@{DOMAIN}"),
        "address": format!("sip:alice@{DOMAIN};gr={}", instance(7)),
        "entry": [
            { "conference": "elsewhere", "version": 1, "created": "yes" },
            {
                "conference": "elsewhere",
                "version": 2,
                "participant": {
                    "id": "p1", "name": "Zoe", "place": "mobile", "role": "participant",
                },
                "hand": "on",
            },
        ],
    });
    let secret = stage.convoke.data().join("gateway-conference.secret");
    let secret = std::fs::read_to_string(secret).unwrap();
    let mut service = Zeep::load(&wsdl, secret.trim()).unwrap();
    let taken = service.accepted("report", arguments.clone()).unwrap();
    assert_eq!(taken, 2, "both were taken");
    wait(&mut sipp, &[" created", "Zoe hand on"]);

    let mut forger = Zeep::load(&wsdl, "guessed").unwrap();
    let fault = forger.ask("report", arguments).unwrap().unwrap_err();
    assert_eq!(fault.code, "unauthenticated");
}

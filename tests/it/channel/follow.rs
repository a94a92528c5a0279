//! Conferences followed by a client of another make (sipp): who is in one is told whole and then what changes, in documents that are
//! valid by RFC 4575's schema; to a stranger there is no conference; and a friend who is not in it sees who is on the phone.

use convoke_tests::peers::python;
use convoke_tests::peers::sipp::{Sipp, Trunk};
use testkit::GIVE_UP;
use testkit::sip_text::SipText;

use super::control::participant;
use super::soap::{SoapClient, create, leaf, on, person};
use super::stage::{DOMAIN, ImServer, Stage, aor, for_old_clients};

const CONFERENCE_INFO: &str = "application/conference-info+xml";
const PIDF: &str = "application/pidf+xml";

/// The server with conferences, and two telephones that answer.
fn two_telephones(server: ImServer) -> (Sipp, Stage) {
    let trunk = Sipp::start(Trunk {
        calls: 2,
        ..Trunk::default()
    })
    .unwrap();
    let stage = Stage::configured(server, for_old_clients(trunk.addr()));
    stage.await_conferences();
    (trunk, stage)
}

/// Whether one of them says this.
fn says(told: &[SipText], words: &str) -> bool {
    told.iter().any(|notify| notify.text().contains(words))
}

/// Every document is valid by this schema.
fn judge(schema: &str, told: &[SipText]) {
    let directory = tempfile::tempdir().unwrap();
    let mut arguments = vec![schema.to_owned()];
    for (number, notify) in told.iter().enumerate() {
        let path = directory.path().join(format!("{number}.xml"));
        std::fs::write(&path, notify.text()).unwrap();
        arguments.push(path.to_str().unwrap().to_owned());
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let verdicts = python::run("schema.py", &arguments, GIVE_UP).unwrap();
    let verdicts = verdicts.as_object().unwrap();
    assert_eq!(verdicts.len(), told.len());
    for (name, verdict) in verdicts {
        assert!(verdict.is_null(), "{name}: {verdict}\n{told:#?}");
    }
}

/// The value of an attribute of the document's first element.
fn root<'a>(document: &'a str, name: &str) -> &'a str {
    let element = document.split_once("<conference-info").unwrap().1;
    let begin = format!(" {name}=\"");
    let value = element.split_once(begin.as_str()).unwrap().1;
    value.split('"').next().unwrap()
}

fn a_participant_follows_and_a_stranger_does_not(server: ImServer) {
    let (trunk, stage) = two_telephones(server);
    let mut alice = SoapClient::new(stage.device("alice", 1));
    let answer = alice.command(&create(&person("alice"), &[person("bob")]));
    let conference = leaf(&answer, "c:id").to_owned();
    let bob = participant(&answer, "bob");
    let target = format!("sip:conf-{conference}@{DOMAIN}");
    let mut watcher = stage.watcher("bob", &target, "conference", CONFERENCE_INFO);
    let mut stranger = stage.watcher("dave", &target, "conference", CONFERENCE_INFO);
    watcher.subscribed().unwrap();
    stranger.refused().unwrap();
    watcher
        .wait("the first document", |told| !told.is_empty())
        .unwrap();
    alice.until("bob", "joined");
    alice.command(&on("mute", &conference, Some(&bob)));
    let muted = "<status>muted-via-focus</status>";
    watcher
        .wait("that bob is muted", |told| says(told, muted))
        .unwrap();
    alice.command(&on("end", &conference, None));
    let told = watcher
        .wait("the end", |told| says(told, " state=\"deleted\""))
        .unwrap();
    trunk.finish(GIVE_UP).unwrap();

    judge("conference-info.xsd", &told);
    let kinds: Vec<_> = told
        .iter()
        .map(|notify| root(&notify.text(), "state").to_owned())
        .collect();
    assert_eq!(kinds.first().map(String::as_str), Some("full"));
    assert_eq!(kinds.last().map(String::as_str), Some("deleted"));
    let between = &kinds[1..kinds.len() - 1];
    assert!(!between.is_empty() && between.iter().all(|kind| kind == "partial"));
    for (number, notify) in (1..).zip(&told) {
        let document = notify.text();
        assert_eq!(root(&document, "entity"), target);
        assert_eq!(
            root(&document, "version"),
            number.to_string(),
            "none was missed"
        );
    }
    let last = told.last().unwrap();
    assert_eq!(
        last.header("Subscription-State"),
        Some("terminated;reason=noresource")
    );
    // What bob dials is nobody's business, not even bob's own document shows it.
    assert!(!says(&told, "+1555"), "{told:#?}");
}

#[test]
fn a_participant_follows_their_conference_and_a_stranger_does_not() {
    a_participant_follows_and_a_stranger_does_not(ImServer::Ours);
}

#[test]
fn a_participant_follows_their_conference_through_kamailio() {
    a_participant_follows_and_a_stranger_does_not(ImServer::Kamailio);
}

#[test]
fn a_friend_who_is_not_in_the_call_sees_who_is_on_the_phone() {
    let (trunk, stage) = two_telephones(ImServer::Ours);
    let mut watcher = stage.watcher("carol", &aor("bob"), "presence", PIDF);
    let telephones = |notify: &SipText| notify.text().contains("on-the-phone");
    let told = watcher
        .wait("bob's presence", |told| !told.is_empty())
        .unwrap();
    assert!(!telephones(&told[0]));

    let mut alice = SoapClient::new(stage.device("alice", 1));
    let answer = alice.command(&create(&person("alice"), &[person("bob")]));
    let conference = leaf(&answer, "c:id").to_owned();
    alice.until("bob", "joined");
    watcher
        .wait("that bob is on the phone", |told| {
            told.last().is_some_and(telephones)
        })
        .unwrap();
    let bob = participant(&answer, "bob");
    alice.command(&on("disconnect", &conference, Some(&bob)));
    let told = watcher
        .wait("that he is not any more", |told| {
            told.iter().any(telephones) && !told.last().is_some_and(telephones)
        })
        .unwrap();
    alice.command(&on("end", &conference, None));
    trunk.finish(GIVE_UP).unwrap();
    judge("pidf.xsd", &told);
    // Only that: not with whom, and not where.
    assert!(!says(&told, &conference) && !says(&told, "alice") && !says(&told, "+1555"));
}

#[test]
fn a_conference_by_telephone_has_a_presence_until_its_end_for_who_knows_its_address() {
    let (trunk, stage) = two_telephones(ImServer::Ours);
    let mut alice = SoapClient::new(stage.device("alice", 1));
    let answer = alice.command(&create(&person("alice"), &[person("bob")]));
    let conference = leaf(&answer, "c:id").to_owned();
    // Carol is not in it.
    let target = format!("sip:conf-{conference}@{DOMAIN}");
    let mut watcher = stage.watcher("carol", &target, "presence", PIDF);
    alice.until("bob", "joined");
    let two = |notify: &SipText| notify.text().contains(" in=\"2\" media=\"audio\"");
    watcher
        .wait("that two are in", |told| told.last().is_some_and(two))
        .unwrap();
    alice.command(&on("lock", &conference, None));
    let locked = |notify: &SipText| notify.text().contains(" locked=\"true\"");
    watcher
        .wait("that it is locked", |told| told.last().is_some_and(locked))
        .unwrap();
    alice.command(&on("end", &conference, None));
    let closed = |notify: &SipText| notify.text().contains("<basic>closed</basic>");
    let told = watcher
        .wait("its end", |told| {
            told.iter().any(locked) && told.last().is_some_and(closed)
        })
        .unwrap();
    trunk.finish(GIVE_UP).unwrap();
    judge("pidf.xsd", &told);
    assert!(!says(&told, "+1555"));
}

#[test]
fn what_a_device_registers_that_it_can_is_seen_by_who_watches() {
    let (_trunk, stage) = two_telephones(ImServer::Ours);
    let mut carol = stage.watcher("carol", &aor("bob"), "presence", PIDF);
    let closed = |notify: &SipText| notify.text().contains("<basic>closed</basic>");
    let told = carol
        .wait("that bob is not there", |told| {
            told.last().is_some_and(closed)
        })
        .unwrap();
    assert!(!says(&told, "servcaps"), "{told:#?}");
    // Bob's device is a sipp too: it registers as `tests/peers/sipp/watch.xml` says, with sound, without pictures.
    let mut bob = stage.watcher("bob", &aor("carol"), "presence", PIDF);
    bob.subscribed().unwrap();
    let caps = "<caps:audio>true</caps:audio><caps:methods><caps:supported><caps:MESSAGE/><caps:NOTIFY/></caps:supported></caps:methods>\
                <caps:video>false</caps:video></caps:servcaps>";
    let told = carol
        .wait("what bob's device can", |told| says(told, caps))
        .unwrap();
    judge("pidf.xsd", &told);
    // And of her own device he sees the same.
    let told = bob
        .wait("what carol's device can", |told| says(told, caps))
        .unwrap();
    judge("pidf.xsd", &told);
}

//! People who call their conference from a client of other makes (SIP by websockets, sound by aiortc), through the IM server, and
//! telephones in it: everybody hears the others and nobody himself.

use std::path::PathBuf;

use convoke_tests::again::alone;
use convoke_tests::audio::{RATE, level_at, level_dbfs};
use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::python;
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::rest::Administrator;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::GIVE_UP;
use testkit::process::Program;

use super::word;
use crate::calls::stage::{DOMAIN, Stage, baresips, party};

const BOB: &str = "+15550102";
/// At sipp's trunk, where it is answered.
const CAROL: &str = "+15550301";

/// What each says, at −10 dBFS: alice in her browser, bob at baresip, carol at sipp.
pub const ALICE_HZ: u16 = 1_700;
pub const BOB_HZ: u16 = 440;
const CAROL_HZ: u16 = 1_000;
const DBFS: f64 = -10.0;

/// Samples a second of what a browser hears.
const WEB_RATE: usize = 48_000;

/// A person's client in a browser, which says a tone of [`ALICE_HZ`].
pub struct Browser {
    program: Program,
    next: usize,
    heard: PathBuf,
    _directory: TempDir,
}

impl Browser {
    /// Registers at the IM server.
    pub fn start(convoke: &Convoke, administrator: &Administrator, user: &str) -> Self {
        let password = administrator.device(user).unwrap();
        let http = convoke.addr("http").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let heard = directory.path().join("heard");
        let (url, hertz) = (format!("ws://{http}/sip"), ALICE_HZ.to_string());
        let path = heard.to_str().unwrap();
        let arguments = [&*url, DOMAIN, user, &password, &hertz, path];
        let program = python::start("web_client.py", &arguments).unwrap();
        let mut browser = Self {
            program,
            next: 0,
            heard,
            _directory: directory,
        };
        assert_eq!(browser.word("registered"), 200);
        browser
    }

    /// Does something, and gives what came of it.
    pub fn ask(&mut self, what: &Value, outcome: &str) -> Value {
        self.program.say(&what.to_string()).unwrap();
        self.word(outcome)
    }

    /// Calls a conference, and is in it.
    pub fn call(&mut self, conference: &str) {
        let status = self.ask(&json!({ "call": conference }), "answered");
        assert_eq!(status, 200);
        assert_eq!(self.word("connected"), true);
    }

    /// When its newest INVITE went, in microseconds since 1970.
    pub fn invited_at(&self) -> u64 {
        let lines = self.program.lines();
        let told = lines
            .iter()
            .rev()
            .find(|line| line.text.starts_with("{\"invites\""));
        let told: Value = serde_json::from_str(&told.expect("it has invited").text).unwrap();
        told["invites"].as_u64().unwrap()
    }

    fn word(&mut self, name: &str) -> Value {
        let (said, next) = word(&self.program, name, self.next);
        self.next = next;
        said
    }

    /// The level of a tone in the two seconds before the end of its call.
    pub fn level(&self, hertz: u16) -> f64 {
        self.program.wait_exit(GIVE_UP).unwrap();
        let bytes = std::fs::read(&self.heard).unwrap();
        let pairs = bytes.chunks_exact(2);
        let samples: Vec<i16> = pairs
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        // What is on its way when it hangs up is no longer heard whole.
        let end = samples.len().checked_sub(WEB_RATE / 10).unwrap();
        let begin = end.checked_sub(2 * WEB_RATE).expect("it heard two seconds");
        level_at(&samples[begin..end], 48_000, hertz.into())
    }
}

/// A conference of alice with her browser and others; nobody is in it yet.
fn stage(trunk: Option<&Sipp>) -> (Stage, Baresip) {
    let telephone = Telephone {
        number: BOB,
        tone_hz: BOB_HZ.into(),
        ..Telephone::default()
    };
    let (config, [bob]) = baresips(Config::new(DOMAIN).unwrap(), [telephone]);
    let config = match trunk {
        Some(sipp) => config.trunk("sipp", sipp.addr(), "udp", &[]),
        None => config,
    };
    let people = [
        ("alice", "+15550101"),
        ("bob", BOB),
        ("carol", CAROL),
        ("dave", "+15550401"),
    ];
    let stage = Stage::start(config, &people);
    let program = stage.convoke.program();
    let registered = program.wait_line("the registration of conferences", |line| {
        line.text.contains("conferences registered")
    });
    registered.unwrap();
    (stage, bob)
}

fn create(others: &[&str]) -> Value {
    let others: Vec<_> = others.iter().map(|who| party(who)).collect();
    json!({ "initiator": { "person": "alice", "place": "browser" }, "participant": others })
}

/// The level of a tone in what the telephone heard in the last two seconds.
pub fn level(telephone: &Baresip, hertz: u16) -> f64 {
    let heard = telephone.heard().unwrap();
    let begin = heard.len().checked_sub(2 * RATE as usize);
    level_dbfs(&heard[begin.expect("it heard two seconds")..], hertz.into())
}

#[track_caller]
pub fn assert_heard(level: f64, who: &str) {
    assert!(
        (level - DBFS).abs() <= 1.0,
        "{who} is heard at {level} dBFS"
    );
}

#[track_caller]
pub fn assert_unheard(level: f64, who: &str) {
    assert!(level < -50.0, "{who} is heard at {level} dBFS");
}

/// C9, C10, T2: one mix of a browser and of two telephones of different makes.
#[test]
fn a_browser_and_telephones_hear_each_other_in_one_conference() {
    let _alone = alone();
    let sipp = Sipp::start(Trunk {
        tone_hz: CAROL_HZ.into(),
        ..Trunk::default()
    });
    let sipp = sipp.unwrap();
    let (mut stage, bob) = stage(Some(&sipp));
    let mut alice = Browser::start(&stage.convoke, &stage.administrator, "alice");
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create(&["bob", "carol"])).unwrap();
    alice.call(&conference.id);
    for name in ["alice", "bob", "carol"] {
        conference.until_leg(zeep, name, "joined").unwrap();
    }
    bob.listen(3).unwrap();
    assert_heard(level(&bob, ALICE_HZ), "alice");
    assert_heard(level(&bob, CAROL_HZ), "carol");
    assert_unheard(level(&bob, BOB_HZ), "bob by himself");
    let talks =
        |report: &Value| report["participant"]["name"] == "alice" && report["talking"] == "on";
    conference.until(zeep, "alice talks", talks).unwrap();
    let status = alice.ask(&json!({ "hang_up": true }), "over");
    assert_eq!(status, 200);
    assert_heard(alice.level(BOB_HZ), "bob");
    assert_heard(alice.level(CAROL_HZ), "carol");
    assert_unheard(alice.level(ALICE_HZ), "alice by herself");
    let at = conference.until_leg(zeep, "alice", "left").unwrap();
    let cause = &conference.reports[at]["leg"]["cause"];
    assert_eq!(cause["reason"], "hung-up", "{cause}");
    // She is the initiator.
    conference.until_ended(zeep).unwrap();
    assert!(sipp.finish(GIVE_UP).unwrap().ok);
}

/// A browser whose network has changed keeps its place and its mute; whoever is not on the roster is not let in; the end of the
/// conference is the end of the call.
#[test]
fn a_browser_changes_its_network_is_muted_and_strangers_stay_outside() {
    let _alone = alone();
    let (mut stage, bob) = stage(None);
    let mut alice = Browser::start(&stage.convoke, &stage.administrator, "alice");
    let mut dave = Browser::start(&stage.convoke, &stage.administrator, "dave");
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create(&["bob"])).unwrap();
    alice.call(&conference.id);
    conference.until_leg(zeep, "bob", "joined").unwrap();
    let status = dave.ask(&json!({ "call": conference.id }), "answered");
    assert!(status == 403 || status == 404, "{status}");
    let status = dave.ask(&json!({ "call": "nosuchconference" }), "answered");
    assert!(status == 403 || status == 404, "{status}");
    let whom = json!({ "conference": conference.id, "participant": conference.participant("alice").unwrap() });
    zeep.accepted("mute", whom.clone()).unwrap();
    let status = alice.ask(&json!({ "fresh": true }), "changed");
    assert_eq!(status, 200);
    assert_eq!(alice.word("connected"), true);
    bob.listen(4).unwrap();
    assert_unheard(level(&bob, ALICE_HZ), "alice, who is muted,");
    zeep.accepted("unmute", whom).unwrap();
    bob.listen(3).unwrap();
    assert_heard(level(&bob, ALICE_HZ), "alice");
    let end = json!({ "conference": conference.id });
    zeep.accepted("end", end).unwrap();
    let reason = alice.word("ended");
    assert!(reason.as_str().unwrap().contains("cause=16"), "{reason}");
    assert_heard(alice.level(BOB_HZ), "bob");
    conference.until_ended(zeep).unwrap();
    let states = conference.states("alice");
    let joined = states.iter().filter(|state| *state == "joined").count();
    assert_eq!(
        (joined, &**states.last().unwrap()),
        (1, "left"),
        "{states:?}"
    );
}

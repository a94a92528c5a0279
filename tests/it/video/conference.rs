//! Pictures in a conference, from end to end: people's calls through the IM server to the conference role, its commands to a real Janus,
//! and browsers that decode what they receive.

use std::time::Duration;

use convoke_tests::config::Config;
use convoke_tests::convoke::{self, Convoke};
use convoke_tests::netns::ALONE;
use convoke_tests::peers::janus::Janus;
use convoke_tests::peers::pictures::{Pictures, number};
use convoke_tests::rest::{Administrator, request};
use runtime::clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::ports::{self, Ports};
use testkit::process::Program;

use super::janus::in_a_network;
use super::people::{DOMAIN, Person};

const PEOPLE: [(&str, &str); 3] = [
    ("alice", "+15550101"),
    ("bob", "+15550102"),
    ("carol", "+15550103"),
];

/// The simulated network with the telephones of all, which are picked up at once.
pub(super) struct Carrier {
    pub at: Ports,
    _program: Program,
    _dir: TempDir,
}

impl Carrier {
    pub fn start(people: &[(&str, &str)]) -> Self {
        let (dir, at) = (tempfile::tempdir().unwrap(), ports::reserve().unwrap());
        let file = dir.path().join("telephones.toml");
        let telephone = |(user, number): &(&str, &str)| {
            format!(
                "[[phone]]\nnumber = \"{number}\"\nowner = \"{user}\"\n\
                 behaviour = {{ does = \"answer\", after_ms = 10, says = {{ tone = {{ hz = 440.0 }} }} }}\n"
            )
        };
        let telephones: Vec<String> = people.iter().map(telephone).collect();
        std::fs::write(&file, telephones.concat()).unwrap();
        let mut command = convoke::command(&["phones", "--listen", &at.addr().to_string()]);
        command.arg("--network").arg(file);
        let program = Program::start(command).unwrap();
        let ready = "The carrier takes calls";
        let came = program.wait_line(ready, |line| line.text.contains(ready));
        came.unwrap();
        Self {
            at,
            _program: program,
            _dir: dir,
        }
    }
}

/// The server with its people, whose sound goes over their telephones; an adapter in the same process, and a Janus.
pub struct Stage {
    janus: Janus,
    pub convoke: Convoke,
    pub administrator: Administrator,
    token: String,
    _carrier: Carrier,
    _bridge: Ports,
}

impl Stage {
    pub fn start(set: impl FnOnce(Config) -> Config) -> Self {
        let carrier = Carrier::start(&PEOPLE);
        let janus = Janus::start(ALONE.parse().unwrap()).unwrap();
        let bridge = ports::reserve().unwrap();
        let roles = vec!["im", "gateway", "conference", "janus"];
        let config = Config::new(DOMAIN)
            .unwrap()
            .set("server", "roles", toml::Value::from(roles))
            .set("janus", "capacity", 200)
            .video_server("janus", bridge.addr())
            .trunk("carrier", carrier.at.addr(), "udp", &[]);
        let config = janus.commanded_by(config, &bridge.addr().to_string());
        let convoke = Convoke::start(set(config)).unwrap();
        let administrator = Administrator::of(&convoke).unwrap();
        for (user, number) in PEOPLE {
            administrator
                .person(user, user, &[("work", number)])
                .unwrap();
        }
        for line in [
            "conferences registered",
            "bridge is there",
            "Janus is there",
        ] {
            let program = convoke.program();
            let came = program.wait_line(line, |said| said.text.contains(line));
            came.unwrap();
        }
        let token = administrator.token("alice").unwrap();
        Self {
            janus,
            convoke,
            administrator,
            token,
            _carrier: carrier,
            _bridge: bridge,
        }
    }

    /// What alice does over REST.
    #[track_caller]
    pub fn rest(&self, path: &str, body: &Value) -> Value {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let headers = [&*bearer, "Content-Type: application/json"];
        let server = self.convoke.addr("http").unwrap();
        let body = body.to_string();
        let answer = request(server, "POST", path, &headers, body.as_bytes()).unwrap();
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.json().unwrap()
    }

    pub fn enter(&self, user: &str, conference: &str) -> Person {
        Person::enter(&self.convoke, &self.administrator, user, conference)
    }
}

/// Items 4, 5 and 8: each decodes the other's picture, a third who comes later sees both, who leaves is gone; when Janus dies the sound
/// goes on, and once it is back people see each other again.
#[test]
fn people_see_each_other_come_and_go_and_outlive_their_video_server() {
    let path =
        "video::conference::people_see_each_other_come_and_go_and_outlive_their_video_server";
    in_a_network(path, || {
        let mut stage = Stage::start(|config| config);
        let others = json!({ "title": "Plan", "participants": [{ "person": "bob" }] });
        let made = stage.rest("/api/v1/conferences", &others);
        let id = made["conference"]["id"].as_str().unwrap().to_owned();
        let mut alice = stage.enter("alice", &id);
        let mut bob = stage.enter("bob", &id);
        for person in [&mut alice, &mut bob] {
            person.until("sound", |person| person.joined() == ["p1", "p2"]);
        }
        let (mut her, mut his) = (Pictures::start(3).unwrap(), Pictures::start(6).unwrap());

        let none = bob.invite("watch", None);
        assert_eq!((none.status, &*none.words), (480, "Nobody shows a picture"));
        alice.show(&mut her);
        bob.show(&mut his);
        for person in [&mut alice, &mut bob] {
            person.until("pictures", |person| person.labels() == ["p1-1", "p2-1"]);
        }
        let hers = alice.look(&mut her);
        assert_eq!(hers.keys().collect::<Vec<_>>(), ["p2-1"]);
        assert_eq!(her.see("watch", &hers["p2-1"]).unwrap(), number(6));
        let his_view = bob.look(&mut his);
        assert_eq!(his.see("watch", &his_view["p1-1"]).unwrap(), number(3));

        // A third, whom nobody expected, sees both and is seen.
        let people = json!({ "participants": [{ "person": "carol" }] });
        stage.rest(&format!("/api/v1/conferences/{id}/participants"), &people);
        alice.until("carol", |alice| alice.joined() == ["p1", "p2", "p3"]);
        let mut carol = stage.enter("carol", &id);
        let mut third = Pictures::start(5).unwrap();
        let view = carol.look(&mut third);
        assert_eq!(third.see("watch", &view["p1-1"]).unwrap(), number(3));
        assert_eq!(third.see("watch", &view["p2-1"]).unwrap(), number(6));
        carol.show(&mut third);
        let all = ["p1-1", "p2-1", "p3-1"];
        alice.until("carol's picture", |alice| alice.labels() == all);
        let hers = alice.look(&mut her);
        assert_eq!(her.see("watch", &hers["p3-1"]).unwrap(), number(5));
        assert_eq!(her.see("watch", &hers["p2-1"]).unwrap(), number(6));

        // One takes her picture away, another is put out.
        alice.hang_up("show");
        her.close("show").unwrap();
        let out = format!("/api/v1/conferences/{id}/participants/p3/disconnect");
        stage.rest(&out, &json!({}));
        bob.until("that two are gone", |bob| bob.labels() == ["p2-1"]);
        carol.until("the end", |carol| carol.ended.len() == 2);
        for reason in carol.ended.values() {
            assert!(reason.contains("You have left the conference"), "{reason}");
        }
        let refused = carol.invite("watch", None);
        assert_eq!(
            (refused.status, &*refused.words),
            (403, "Join the conference first")
        );

        // Janus dies: pictures end, the sound does not.
        alice.show(&mut her);
        alice.until("her picture", |alice| alice.labels() == ["p1-1", "p2-1"]);
        let begin = clock::now();
        stage.janus.crash().unwrap();
        bob.until("the end", |bob| bob.ended.len() == 2);
        println!(
            "{:?} after the crash: {:?}",
            clock::now() - begin,
            bob.ended
        );
        assert!(clock::now() - begin < Duration::from_secs(2));
        alice.until("no pictures", |alice| alice.labels().is_empty());
        assert_eq!(alice.joined(), ["p1", "p2"]);

        // And it comes back.
        stage.janus.restart().unwrap();
        for (person, browser) in [(&mut alice, &mut her), (&mut bob, &mut his)] {
            let offer = browser.offer("again").unwrap();
            let answer = person.invite_in_time("again", Some(&offer)).sdp;
            browser.answered("again", &answer).unwrap();
        }
        bob.until("pictures", |bob| bob.labels() == ["p1-1", "p2-1"]);
        his.close("watch").unwrap();
        let his_view = bob.look(&mut his);
        assert_eq!(his.see("watch", &his_view["p1-1"]).unwrap(), number(3));
    });
}

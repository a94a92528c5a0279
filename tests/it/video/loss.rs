//! A video server dies with conferences running, and another is there: the allocator places them there, everybody sees the others again,
//! and is told what happened. Then that one dies too, and sound goes on alone until the first is back.

use std::time::Duration;

use convoke_tests::clock::{Lateness, Run};
use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::netns::ALONE;
use convoke_tests::peers::janus::Janus;
use convoke_tests::peers::pictures::{Pictures, number};
use convoke_tests::rest::{Administrator, request};
use runtime::clock;
use testkit::peer::{Identity, SipPeer};

use super::allocator::{ask, file};
use super::conference::Carrier;
use super::janus::judged_in_a_network;
use super::people::{DOMAIN, Person, whole_record};

/// Two conferences of two each.
const PEOPLE: [(&str, &str); 4] = [
    ("alice", "+15550101"),
    ("bob", "+15550102"),
    ("carol", "+15550103"),
    ("dave", "+15550104"),
];
/// What everybody is promised: so long it may take until all see the others again.
pub(super) const BACK_WITHIN: Duration = Duration::from_secs(5);
/// A machine that is itself later than this tells nothing of it.
pub(super) const LATE: Duration = Duration::from_millis(100);

/// Everybody was back after so long, on a machine that was so late.
pub(super) fn back(took: Duration, late: Duration) -> Run {
    println!("everybody was back {took:?} after the loss; this machine was up to {late:?} late");
    let faults = (took >= BACK_WITHIN).then(|| format!("everybody was back only after {took:?}"));
    Run {
        faults: faults.into_iter().collect(),
        late,
    }
}

/// A Janus and its adapter, a process each; done when the adapter has it.
pub(super) struct Server {
    pub janus: Janus,
    pub adapter: Convoke,
}

impl Server {
    pub fn start(capacity: i64) -> Self {
        Self::of(Janus::start(ALONE.parse().unwrap()).unwrap(), capacity)
    }

    /// One that mixes sound as well.
    pub fn both(capacity: i64) -> Self {
        Self::of(Janus::both(ALONE.parse().unwrap()).unwrap(), capacity)
    }

    fn of(janus: Janus, capacity: i64) -> Self {
        let config = Config::new(DOMAIN)
            .unwrap()
            .set("server", "roles", toml::Value::from(vec!["janus"]))
            .set("janus", "capacity", capacity);
        let adapter = Convoke::start(janus.commanded_by(config, "127.0.0.1:0")).unwrap();
        let there = "Janus is there";
        let program = adapter.program();
        let told = program.wait_line(there, |line| line.text.contains(there));
        told.unwrap();
        Self { janus, adapter }
    }

    /// As a video server of this configuration.
    pub fn entry(&self, config: Config, name: &str) -> Config {
        self.entry_as("video_server", config, name)
    }

    pub fn entry_as(&self, section: &str, config: Config, name: &str) -> Config {
        let at = self.adapter.addr("bridge").unwrap();
        let keys = [
            ("name", name.into()),
            ("url", format!("ws://{at}/bridge").into()),
            ("secret", file(&self.adapter, "bridge.secret").into()),
        ];
        config.entry(section, &keys)
    }
}

/// Waits until so many links lead to each of these servers: that of the allocator, that of who has the calls, and that of who has the sound
/// where they mix.
#[track_caller]
pub(super) fn await_links(convoke: &Convoke, servers: &[&str], links: usize) {
    for server in servers {
        let named = format!("bridge=\"{server}\"");
        let mut next = 0;
        for _ in 0..links {
            let there = convoke.program().wait_line_from(next, &named, |line| {
                line.text.contains("bridge is there") && line.text.contains(&named)
            });
            next = there.unwrap().0;
        }
    }
}

/// Somebody, beside a browser that somebody of the other conference uses too.
struct Guest {
    person: Person,
    user: &'static str,
    /// Which browser.
    beside: usize,
    /// The label of the other's picture, which is that of the other browser.
    other: &'static str,
}

/// The numbers that the cameras of the two browsers show.
const CAMERAS: [u8; 2] = [3, 6];

impl Guest {
    /// Shows the camera.
    fn show(&mut self, browsers: &mut [Pictures; 2]) {
        let name = format!("{} shows", self.user);
        self.person.show_by(&mut browsers[self.beside], &name);
    }

    /// Waits until both show, and sees the other.
    fn see(&mut self, browsers: &mut [Pictures; 2]) {
        self.person
            .until("pictures", |person| person.labels() == ["p1-1", "p2-1"]);
        let name = format!("{} sees", self.user);
        let browser = &mut browsers[self.beside];
        let seen = self.person.look_by(browser, &name);
        let came = browser.see(&name, &seen[self.other]).unwrap();
        assert_eq!(came, number(CAMERAS[1 - self.beside]));
    }

    /// Both calls are over: they are made anew, as a window does by itself.
    fn lose(&mut self, browsers: &mut [Pictures; 2]) {
        self.person
            .until("the end", |person| person.ended.len() == 2);
        for does in ["shows", "sees"] {
            let name = format!("{} {does}", self.user);
            browsers[self.beside].close(&name).unwrap();
        }
        self.person.ended.clear();
    }
}

#[test]
fn conferences_move_when_their_video_server_dies_and_everybody_sees_the_others_again() {
    let path = "video::loss::conferences_move_when_their_video_server_dies_and_everybody_sees_the_others_again";
    judged_in_a_network(path, LATE, || {
        let carrier = Carrier::start(&PEOPLE);
        // The larger one has both conferences.
        let (mut one, two) = (Server::start(200), Server::start(100));
        let roles = vec!["im", "gateway", "conference", "allocator"];
        let config = Config::new(DOMAIN)
            .unwrap()
            .set("server", "roles", toml::Value::from(roles))
            .trunk("carrier", carrier.at.addr(), "udp", &[]);
        let config = two.entry(one.entry(config, "one"), "two");
        let convoke = Convoke::start(config).unwrap();
        let administrator = Administrator::of(&convoke).unwrap();
        for (user, number) in PEOPLE {
            let telephones = [("work", number)];
            administrator.person(user, user, &telephones).unwrap();
        }
        for line in [
            "conferences registered",
            "allocator registered",
            "modes service registered",
        ] {
            let program = convoke.program();
            let came = program.wait_line(line, |said| said.text.contains(line));
            came.unwrap();
        }
        await_links(&convoke, &["one", "two"], 2);
        let mut browsers = CAMERAS.map(|number| Pictures::start(number).unwrap());
        let all = |guests: &mut [Guest],
                   browsers: &mut [Pictures; 2],
                   act: fn(&mut Guest, &mut [Pictures; 2])| {
            guests.iter_mut().for_each(|guest| act(guest, browsers));
        };
        let mut guests = Vec::new();
        let mut ids = Vec::new();
        for (at, (asker, other)) in [("alice", "bob"), ("carol", "dave")].iter().enumerate() {
            let password = administrator.device(asker).unwrap();
            let identity = Identity::new(asker, DOMAIN, &password);
            let seed = 90 + u64::try_from(at).unwrap();
            let mut device =
                SipPeer::tcp(identity, convoke.addr("sip_tcp").unwrap(), seed).unwrap();
            assert_eq!(device.register("").unwrap().status(), Some(200));
            let ready = ask(&mut device, &format!("ask-{at}"), &[other]).unwrap();
            assert_eq!(ready.server.as_str(), "one");
            let id = ready.conference.to_string();
            for (beside, user, other) in [(0, *asker, "p2-1"), (1, *other, "p1-1")] {
                let mut person = Person::enter(&convoke, &administrator, user, &id);
                person.until("sound", |person| person.joined() == ["p1", "p2"]);
                assert!(person.whole.contains("video=\"one\""), "{}", person.whole);
                guests.push(Guest {
                    person,
                    user,
                    beside,
                    other,
                });
            }
            ids.push(id);
        }
        all(&mut guests, &mut browsers, Guest::show);
        all(&mut guests, &mut browsers, Guest::see);

        // The first dies: everybody is at the second.
        let lateness = Lateness::watch();
        let begin = clock::now();
        one.janus.crash().unwrap();
        all(&mut guests, &mut browsers, Guest::lose);
        all(&mut guests, &mut browsers, Guest::show);
        all(&mut guests, &mut browsers, Guest::see);
        let took = clock::now() - begin;
        let run = back(took, lateness.end());
        for Guest { person, .. } in &mut guests {
            person.until("the move", |person| person.whole.contains("video=\"two\""));
            assert!(!person.whole.contains("pictures-lost"), "{}", person.whole);
            assert_eq!(person.joined(), ["p1", "p2"]);
        }

        // And so does the second: no other is there, which is told, and the sound goes on.
        two.janus.crash().unwrap();
        for guest in &mut guests {
            guest.lose(&mut browsers);
            guest.person.until("the loss", |person| {
                person.whole.contains("pictures-lost=\"true\"") && person.labels().is_empty()
            });
            assert_eq!(guest.person.joined(), ["p1", "p2"]);
        }
        one.janus.restart().unwrap();
        for Guest { person, .. } in &mut guests {
            person.until("the return", |person| {
                person.whole.contains("video=\"one\"") && !person.whole.contains("pictures-lost")
            });
        }
        all(&mut guests, &mut browsers, Guest::show);
        all(&mut guests, &mut browsers, Guest::see);

        // The records are those of one call each, in which everybody was all the time.
        let token = administrator.token("alice").unwrap();
        let bearer = format!("Authorization: Bearer {token}");
        let headers = [&*bearer, "Content-Type: application/json"];
        let path = format!("/api/v1/conferences/{}/end", ids[0]);
        let server = convoke.addr("http").unwrap();
        let ended = request(server, "POST", &path, &headers, b"{}").unwrap();
        assert!((200..300).contains(&ended.status), "{ended:?}");
        let call = whole_record(&convoke, "alice", &ids[0]);
        for one in call["people"].as_array().unwrap() {
            assert_eq!(one["state"], "left", "{call}");
        }
        run
    });
}

//! One Janus mixes the sound of a conference and forwards its pictures, and dies: with another one everybody is back at it with both, and
//! without any everybody is told that the conference ended, and by which error.

use std::time::Duration;

use convoke_tests::audio::{Law, RATE, level_dbfs};
use convoke_tests::clock::{Lateness, Run};
use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::pictures::{Pictures, number};
use convoke_tests::rest::{Administrator, request};
use runtime::clock;
use serde_json::Value;
use testkit::peer::{Identity, SipPeer};

use super::allocator::ask;
use super::janus::judged_in_a_network;
use super::loss::{LATE, Server, await_links, back};
use super::people::{DOMAIN, Person, whole_record};
use crate::bridges::look;
use crate::bridges::stage::await_bridge;
use crate::calls::stage::baresips;

/// Who takes part, where they are called, which tone they say, and the number that their camera shows.
const PEOPLE: [(&str, &str, f64, u8); 2] = [
    ("alice", "+15550101", 700.0, 3),
    ("bob", "+15550201", 1_100.0, 6),
];
/// So soon everybody is told where nothing is left.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// How often a telephone is listened to for a second until it hears the other.
const LISTENS_MAX: usize = 10;

struct Stage {
    convoke: Convoke,
    token: String,
    telephones: [Baresip; 2],
    id: String,
    /// With the label of the other's picture.
    people: Vec<(Person, Pictures, &'static str)>,
}

impl Stage {
    /// Both take part by telephone in a conference of these servers, and see each other.
    fn start(servers: &[(&str, &Server)]) -> Self {
        let telephones = PEOPLE.map(|(_, number, tone_hz, _)| Telephone {
            number,
            tone_hz,
            law: Law::A,
            ..Telephone::default()
        });
        let roles = vec!["im", "gateway", "conference", "allocator"];
        let config = Config::new(DOMAIN)
            .unwrap()
            .set("server", "roles", toml::Value::from(roles))
            .set("conference", "guard_outside", false);
        let (config, telephones) = baresips(config, telephones);
        let config = servers.iter().fold(config, |config, (name, server)| {
            let config = server.entry(config, name);
            server.entry_as("media_bridge", config, name)
        });
        let convoke = Convoke::start(config).unwrap();
        let administrator = Administrator::of(&convoke).unwrap();
        for (user, number, ..) in PEOPLE {
            administrator
                .person(user, user, &[("work", number)])
                .unwrap();
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
        for (name, _) in servers {
            await_links(&convoke, &[*name], 3);
            await_bridge(&convoke, name);
        }
        let token = administrator.token("alice").unwrap();
        let id = {
            let password = administrator.device("alice").unwrap();
            let identity = Identity::new("alice", DOMAIN, &password);
            let server = convoke.addr("sip_tcp").unwrap();
            let mut alice = SipPeer::tcp(identity, server, 90).unwrap();
            assert_eq!(alice.register("").unwrap().status(), Some(200));
            let ready = ask(&mut alice, "ask-1", &["bob"]).unwrap();
            assert_eq!(ready.server.as_str(), servers[0].0);
            ready.conference.to_string()
        };
        let mut people = Vec::new();
        for ((user, _, _, camera), other) in PEOPLE.into_iter().zip(["p2-1", "p1-1"]) {
            let mut person = Person::enter(&convoke, &administrator, user, &id);
            person.until("sound", |person| person.joined() == ["p1", "p2"]);
            people.push((person, Pictures::start(camera).unwrap(), other));
        }
        let mut stage = Self {
            convoke,
            token,
            telephones,
            id,
            people,
        };
        stage.assert_see_each_other();
        stage.assert_hear_each_other();
        stage
    }

    #[track_caller]
    fn assert_see_each_other(&mut self) {
        for (person, browser, _) in &mut self.people {
            person.show(browser);
        }
        let seen = PEOPLE.iter().rev().map(|(.., camera)| *camera);
        for ((person, browser, other), camera) in self.people.iter_mut().zip(seen) {
            person.until("pictures", |person| person.labels() == ["p1-1", "p2-1"]);
            let view = person.look(browser);
            assert_eq!(browser.see("watch", &view[*other]).unwrap(), number(camera));
        }
    }

    /// What is heard from now on.
    #[track_caller]
    fn assert_hear_each_other(&self) {
        let tones = PEOPLE.iter().rev().map(|(_, _, hz, _)| *hz);
        for (telephone, hz) in self.telephones.iter().zip(tones) {
            let mut listens = (0..LISTENS_MAX).map(|_| {
                telephone.listen(1).unwrap();
                let heard = telephone.heard().unwrap();
                level_dbfs(&heard[heard.len() - RATE as usize / 2..], hz)
            });
            let level = listens.find(|level| (-13.0..-7.0).contains(level));
            assert!(level.is_some(), "nobody hears {hz} Hz");
        }
    }

    /// Both calls of each are over, and are made anew as a window does by itself.
    #[track_caller]
    fn lose(&mut self) {
        for (person, browser, _) in &mut self.people {
            person.until("the end of the pictures", |person| person.ended.len() == 2);
            for call in ["show", "watch"] {
                browser.close(call).unwrap();
            }
            person.ended.clear();
        }
    }

    #[track_caller]
    fn get(&self) -> Value {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let path = format!("/api/v1/conferences/{}?since=0", self.id);
        let server = self.convoke.addr("http").unwrap();
        let answer = request(server, "GET", &path, &[&bearer], b"").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json().unwrap()
    }
}

#[test]
fn sound_and_pictures_are_back_within_five_seconds_where_one_janus_had_both() {
    let path =
        "video::both::sound_and_pictures_are_back_within_five_seconds_where_one_janus_had_both";
    judged_in_a_network(path, LATE, || {
        let (one, two) = (Server::both(200), Server::both(100));
        let mut stage = Stage::start(&[("one", &one), ("two", &two)]);
        let rooms = |of: &Server, plugin| look::rooms(&of.janus, plugin);
        for plugin in ["janus.plugin.audiobridge", "janus.plugin.videoroom"] {
            assert_eq!(
                (rooms(&one, plugin), rooms(&two, plugin)),
                (1, 0),
                "{plugin}"
            );
        }

        let (lateness, begin) = (Lateness::watch(), clock::now());
        one.janus.crash().unwrap();
        stage.lose();
        stage.assert_see_each_other();
        println!("all saw each other after {:?}", clock::now() - begin);
        stage.assert_hear_each_other();
        let run = back(clock::now() - begin, lateness.end());
        for plugin in ["janus.plugin.audiobridge", "janus.plugin.videoroom"] {
            assert_eq!(rooms(&two, plugin), 1, "{plugin}");
        }
        for (person, ..) in &mut stage.people {
            person.until("the move of both", |person| {
                person.whole.contains("video=\"two\"") && person.whole.contains("sound-moves=\"1\"")
            });
            assert!(!person.whole.contains("pictures-lost"), "{}", person.whole);
            assert_eq!(person.joined(), ["p1", "p2"]);
        }
        // The board of other clients says the same, and what the bridge that has the sound now cannot do.
        let now = stage.get();
        assert_eq!(now["conference"]["video"], "two", "{now}");
        assert_eq!(now["conference"]["soundMoves"], 1, "{now}");
        assert_eq!(
            now["conference"]["absent"],
            serde_json::json!(["recording"]),
            "{now}"
        );
        // The record is that of one call, in which both were all the time.
        stage.telephones[0].hang_up().unwrap();
        let call = whole_record(&stage.convoke, "alice", &stage.id);
        for one in call["people"].as_array().unwrap() {
            assert_eq!(one["state"], "left", "{call}");
        }
        run
    });
}

#[test]
fn everybody_is_told_the_error_within_two_seconds_where_one_janus_had_both_and_no_other_is_there() {
    let path = "video::both::everybody_is_told_the_error_within_two_seconds_where_one_janus_had_both_and_no_other_is_there";
    judged_in_a_network(path, LATE, || {
        let one = Server::both(200);
        let mut stage = Stage::start(&[("one", &one)]);
        let (lateness, begin) = (Lateness::watch(), clock::now());
        one.janus.crash().unwrap();
        for (person, ..) in &mut stage.people {
            person.until("the end", |person| person.over);
        }
        let took = clock::now() - begin;
        println!("everybody was told after {took:?}");
        let faults =
            (took >= TOLD_WITHIN).then(|| format!("everybody was told only after {took:?}"));
        let late = lateness.end();
        for telephone in &mut stage.telephones {
            telephone.wait_event("CALL_CLOSED").unwrap();
        }
        // Their pictures' calls end with it.
        for (person, ..) in &mut stage.people {
            person.until("the end of the pictures", |person| person.ended.len() == 2);
        }
        let told = stage.get();
        let reports = told["reports"].as_array().unwrap();
        let ended = &reports.last().unwrap()["change"];
        assert_eq!(ended["what"], "ended", "{told}");
        assert_eq!(ended["cause"]["reason"], "error", "{told}");
        let words = ended["cause"]["words"].as_str().unwrap();
        let lost = "the connection to the bridge was lost: ";
        assert!(
            words.starts_with(lost) && words.len() > lost.len(),
            "{words}"
        );
        let causes = reports
            .iter()
            .filter(|report| report["change"]["cause"]["reason"] == "bridge");
        assert_eq!(causes.count(), PEOPLE.len(), "{told}");
        let call = whole_record(&stage.convoke, "alice", &stage.id);
        for one in call["people"].as_array().unwrap() {
            assert_eq!(one["state"], "failed", "{call}");
        }
        Run {
            faults: faults.into_iter().collect(),
            late,
        }
    });
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in self.convoke.program().lines() {
                println!("{}", line.text);
            }
        }
    }
}

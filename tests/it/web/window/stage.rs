//! What these tests stand on: the server with alice and bob, alice's window, and bob's telephone, a baresip.

use std::net::SocketAddr;

use convoke_tests::audio::{self, LOOK_MS, RATE, from_mu_law, tone, tone_in};
use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::chromium::{Chromium, Microphone, Sound, Visit};
use convoke_tests::peers::tests_dir;
use convoke_tests::rest::{Administrator, request};
use serde_json::{Value, json};

use crate::calls::stage::{DOMAIN, with_telephone};

pub const BOB: &str = "+15550102";
pub const PASSWORD: &str = "correct horse battery";
/// What alice's microphone and bob's telephone say where it is no speech, at −10 dBFS.
pub const ALICE_HZ: f64 = 1_700.0;
pub const BOB_HZ: f64 = 440.0;
pub const DBFS: f64 = -10.0;

pub struct Stage {
    pub convoke: Convoke,
    pub administrator: Administrator,
}

impl Stage {
    /// The server with its people; bob's telephone is taken to be at this address.
    pub fn start(config: Config, bob: SocketAddr) -> Self {
        let convoke = Convoke::start(with_telephone(config, BOB, bob)).unwrap();
        Self::of(convoke)
    }

    /// Of a server that was just started; done when conferences are registered.
    pub fn of(convoke: Convoke) -> Self {
        let administrator = Administrator::of(&convoke).unwrap();
        let people = [
            ("alice", "Alice Martin", "+15550101"),
            ("bob", "Bob Keller", BOB),
        ];
        for (user, name, number) in people {
            let telephones = [("work", number)];
            administrator.person(user, name, &telephones).unwrap();
            let path = format!("/api/v1/users/{user}/password");
            administrator
                .call("PUT", &path, &json!({ "password": PASSWORD }))
                .unwrap();
        }
        await_conferences(&convoke);
        Self {
            convoke,
            administrator,
        }
    }

    /// Where the window is.
    pub fn url(&self) -> String {
        format!("http://{}", self.convoke.addr("http").unwrap())
    }

    /// The legs of the one conference that runs, as the service tells them: the name, the leg's id and its state.
    pub fn legs(&self) -> Vec<(String, String, String)> {
        let conference = self.conference();
        let word = |of: &Value| of.as_str().unwrap_or_default().to_owned();
        let people = conference["participants"].as_array().unwrap();
        people
            .iter()
            .map(|one| {
                let leg = &one["leg"];
                (word(&one["name"]), word(&leg["id"]), word(&leg["state"]))
            })
            .collect()
    }

    /// Alice ends the one conference that runs.
    pub fn end(&self) {
        let conference = self.conference();
        let id = conference["id"].as_str().unwrap();
        self.alice("POST", &format!("/api/v1/conferences/{id}/end"));
    }

    fn conference(&self) -> Value {
        let mut told = self.alice("GET", "/api/v1/conferences");
        let conferences = told["conferences"].as_array_mut().unwrap();
        assert_eq!(conferences.len(), 1, "{conferences:?}");
        conferences.remove(0)
    }

    /// What alice is answered.
    fn alice(&self, method: &str, path: &str) -> Value {
        let token = self.administrator.token("alice").unwrap();
        let server = self.convoke.addr("http").unwrap();
        let bearer = format!("Authorization: Bearer {token}");
        let told = request(server, method, path, &[&bearer], &[]).unwrap();
        told.json().unwrap()
    }
}

/// Conferences and the gateway are registered: the window can command them.
pub fn await_conferences(convoke: &Convoke) {
    for part in ["conferences registered", "gateway registered"] {
        let program = convoke.program();
        let registered = program.wait_line(part, |line| line.text.contains(part));
        registered.unwrap();
    }
}

/// Nothing special.
pub fn config() -> Config {
    Config::new(DOMAIN).unwrap()
}

/// Bob's telephone, which says its tone.
pub fn bob() -> Baresip {
    Baresip::start(Telephone {
        number: BOB,
        tone_hz: BOB_HZ,
        ..Telephone::default()
    })
    .unwrap()
}

/// A microphone that hums alice's tone for longer than any of this takes: Chromium stumbles where it begins a file anew.
pub fn alices_tone() -> Microphone {
    Microphone::Hums(tone(ALICE_HZ, DBFS, 300))
}

/// Alice at her window, signed in.
pub fn signed_in(visit: &Visit) -> Chromium {
    let mut alice = Chromium::start(visit).unwrap();
    alice.sign_in("alice", PASSWORD).unwrap();
    alice
}

/// Alice calls bob from her browser; both are in, and hear each other.
pub fn call_bob(alice: &mut Chromium, bob: &mut Baresip) {
    alice.call(&["bob"], "This browser").unwrap();
    bob.wait_event("CALL_ESTABLISHED").unwrap();
    assert_talking(alice, bob);
}

/// Each hears the other's tone now, for a second and more.
#[track_caller]
pub fn assert_talking(alice: &mut Chromium, bob: &Baresip) {
    until_alice_hears(alice);
    until_bob_hears(bob);
    assert_board(alice);
}

/// How often somebody listens for a second before it is given up that they hear anything.
const SECONDS_MAX: usize = 20;

/// Waits until the page hears bob's tone for a second.
#[track_caller]
pub fn until_alice_hears(alice: &mut Chromium) {
    let mut there = Vec::new();
    for _ in 0..SECONDS_MAX {
        alice.listen(1).unwrap();
        there = hears(&alice.sounds().unwrap());
        if lasts(&there) {
            return;
        }
    }
    panic!("alice does not hear bob: {}", drawn(&there));
}

/// Waits until bob's telephone hears alice's tone for a second.
#[track_caller]
pub fn until_bob_hears(bob: &Baresip) {
    let mut there = Vec::new();
    for _ in 0..SECONDS_MAX {
        bob.listen(1).unwrap();
        there = bob_hears(bob);
        if lasts(&there) {
            return;
        }
    }
    panic!("bob does not hear alice: {}", drawn(&there));
}

/// Waits until bob's telephone hears alice's tone at all from now on: PulseAudio's source of tones stutters.
#[track_caller]
pub fn until_bob_hears_some(bob: &Baresip) {
    let before = bob.heard().unwrap().len();
    let mut there = Vec::new();
    for _ in 0..SECONDS_MAX {
        bob.listen(1).unwrap();
        there = tone_in(&bob.heard().unwrap()[before..], RATE, ALICE_HZ, DBFS);
        if there.contains(&true) {
            return;
        }
    }
    panic!("bob does not hear alice: {}", drawn(&there));
}

/// Whether nine tenths of the last second have it: a browser on a busy machine loses its step now and then.
pub fn lasts(there: &[bool]) -> bool {
    let looks = 1_000 / LOOK_MS as usize;
    let last = &there[there.len().saturating_sub(looks)..];
    last.iter().filter(|there| **there).count() >= looks * 9 / 10
}

/// Whether alice's tone came to bob's telephone, in each 20 ms of its call.
pub fn bob_hears(bob: &Baresip) -> Vec<bool> {
    tone_in(&bob.heard().unwrap(), RATE, ALICE_HZ, DBFS)
}

/// A mark for each look.
pub fn drawn(there: &[bool]) -> String {
    let mark = |there: &bool| if *there { '#' } else { '.' };
    there.iter().map(mark).collect()
}

/// Whether bob's tone comes to the page, in each 20 ms since it was loaded, over whatever connection.
pub fn hears(sounds: &[Sound]) -> Vec<bool> {
    tone_heard(sounds, BOB_HZ)
}

/// The same of whatever tone.
pub fn tone_heard(sounds: &[Sound], hz: f64) -> Vec<bool> {
    let heard = sounds.iter().filter(|sound| !sound.own);
    let begun = |sound: &&Sound| sound.blocks.first().map(|(at, _)| *at);
    let start = heard.clone().filter_map(|sound| begun(&sound));
    let start = start.fold(f64::INFINITY, f64::min);
    let mut there = Vec::new();
    for sound in heard {
        // Blocks of 10 ms; two are one look.
        for pair in sound.blocks.chunks_exact(2) {
            let (at, from) = pair[0];
            let look = (sound.rate * LOOK_MS / 1_000) as usize;
            let Some(samples) = sound.samples.get(from..from + look) else {
                continue;
            };
            let is_there = tone_in(samples, sound.rate, hz, DBFS) == [true];
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place in a recording of seconds"
            )]
            let place = ((at - start) / f64::from(LOOK_MS)).round() as usize;
            if there.len() <= place {
                there.resize(place + 1, false);
            }
            there[place] |= is_there;
        }
    }
    there
}

/// The board has both in the call, under their headings.
#[track_caller]
pub fn assert_board(alice: &mut Chromium) {
    alice.until_board("2 in the call").unwrap();
    alice.until_board_not("No connection").unwrap();
    let board = alice.board().unwrap();
    let rows: Vec<_> = board
        .rows
        .iter()
        .map(|row| (&*row.group, &*row.name, &*row.state))
        .collect();
    assert_eq!(board.me, "joined", "{}", board.text);
    assert_eq!(
        rows,
        [("In the call", "Bob Keller", "joined")],
        "{}",
        board.text
    );
}

/// Nothing went wrong in the page that a person would not see.
#[track_caller]
pub fn assert_faultless(alice: &mut Chromium) {
    assert_eq!(alice.faults().unwrap(), Vec::<String>::new());
}

/// Voices that are shipped with the simulated telephones, one after the other.
pub fn speech(voices: &[&str]) -> Vec<i16> {
    let mut speech = Vec::new();
    for voice in voices {
        let path = tests_dir().join(format!("../crates/phones/voices/{voice}.ulaw"));
        speech.extend(from_mu_law(&std::fs::read(path).unwrap()));
    }
    speech
}

/// So many seconds of silence at a telephone's rate.
pub fn silence(seconds: usize) -> Vec<i16> {
    vec![0; seconds * audio::RATE as usize]
}

//! A WebRTC end of another make (aiortc) in a conference of the media bridge, with a telephone (V1, C9): levels both ways.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use ::media::{Config, Engine, Events};
use convoke_tests::again::alone;
use convoke_tests::audio::level_at;
use convoke_tests::peers::python;
use convoke_types::LegKey;
use convoke_types::media::{Codec, MediaCommand, MediaEvent, StreamParams};
use media_core::g711::{self, Law};
use media_core::rtp::{RtpPacket, RtpSender};
use serde_json::json;
use testkit::{GIVE_UP, uninterrupted};

use super::word;

/// What both say.
const WEB_HZ: u16 = 1_000;
const PHONE_HZ: u16 = 440;
const DBFS: f64 = -10.0;

struct Bridge {
    engine: Engine,
    events: Events,
}

fn key(leg: &str) -> LegKey {
    LegKey {
        conference: "c1".parse().unwrap(),
        leg: leg.parse().unwrap(),
    }
}

impl Bridge {
    fn start() -> Self {
        let config = Config {
            threads: 1,
            ..Config::default()
        };
        let (engine, events) = Engine::start(&config).unwrap();
        Self { engine, events }
    }

    /// Gives a command and waits for the event that it leads to.
    fn ask<T>(&mut self, command: MediaCommand, wanted: impl Fn(MediaEvent) -> Option<T>) -> T {
        self.engine.command(command).unwrap();
        self.wait(wanted)
    }

    fn wait<T>(&mut self, wanted: impl Fn(MediaEvent) -> Option<T>) -> T {
        loop {
            let event = self.events.wait(GIVE_UP).expect("an event in time");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    }

    fn answer(&mut self, command: MediaCommand) -> String {
        self.ask(command, |event| match event {
            MediaEvent::OpenedWeb { answer, .. } => Some(answer),
            MediaEvent::Failed { words, .. } => panic!("{words}"),
            _ => None,
        })
    }

    fn join(&mut self, leg: &LegKey) {
        let joined = MediaEvent::Joined { leg: leg.clone() };
        let command = MediaCommand::Join { leg: leg.clone() };
        self.ask(command, |event| (event == joined).then_some(()));
    }
}

/// A telephone that says its tone for each packet that it gets.
struct Phone {
    socket: UdpSocket,
    bridge: SocketAddr,
    sender: RtpSender,
    said: u32,
    heard: Vec<i16>,
}

impl Phone {
    fn dial(bridge: &mut Bridge) -> Self {
        let leg = key("tel");
        let local = bridge.ask(
            MediaCommand::Open { leg: leg.clone() },
            |event| match event {
                MediaEvent::Opened { local, .. } => Some(local),
                _ => None,
            },
        );
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.set_read_timeout(Some(GIVE_UP)).unwrap();
        let params = StreamParams {
            remote: socket.local_addr().unwrap(),
            codec: Codec::Pcma,
            payload_type: 8,
            dtmf_payload_type: None,
            ptime_ms: 20,
            send: true,
            receive: true,
        };
        let command = MediaCommand::Connect {
            leg: leg.clone(),
            params,
        };
        bridge.engine.command(command).unwrap();
        bridge.join(&leg);
        Self {
            socket,
            bridge: local,
            sender: RtpSender::new(1, 1, 1),
            said: 0,
            heard: Vec::new(),
        }
    }

    fn talk(&mut self, packets: usize) {
        for _ in 0..packets {
            let mut datagram = [0; 1_500];
            let came = uninterrupted(|| self.socket.recv(&mut datagram));
            let length = came.expect("a packet in time");
            let packet = RtpPacket::parse(&datagram[..length]).unwrap();
            let codes = packet.payload.iter();
            self.heard
                .extend(codes.map(|&code| g711::decode(Law::A, code)));
            let mut packet = self.sender.next_header(8, 160).to_vec();
            for _ in 0..160 {
                let turns = f64::from(self.said % 8_000) / 8_000.0 * f64::from(PHONE_HZ);
                let sample =
                    32_767.0 * 10_f64.powf(DBFS / 20.0) * (turns * std::f64::consts::TAU).sin();
                #[expect(clippy::cast_possible_truncation, reason = "within i16")]
                packet.push(g711::encode(Law::A, sample as i16));
                self.said += 1;
            }
            self.socket.send_to(&packet, self.bridge).unwrap();
        }
    }

    /// The last two seconds.
    fn level(&self, hertz: u16) -> f64 {
        level_at(
            &self.heard[self.heard.len() - 16_000..],
            8_000,
            hertz.into(),
        )
    }
}

fn heard_by(path: &Path, hertz: u16) -> f64 {
    let bytes = std::fs::read(path).unwrap();
    let samples: Vec<i16> = bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    assert!(samples.len() >= 96_000 + 4_800, "{} samples", samples.len());
    // Before the end, since the telephone may have stopped a little earlier.
    let end = samples.len() - 4_800;
    level_at(&samples[end - 96_000..end], 48_000, hertz.into())
}

fn assert_both_ways(phone: &Phone, path: &Path) {
    let (there, back) = (phone.level(WEB_HZ), heard_by(path, PHONE_HZ));
    assert!(
        (there - DBFS).abs() <= 1.0,
        "the telephone hears {there} dBFS"
    );
    assert!((back - DBFS).abs() <= 1.0, "the browser hears {back} dBFS");
    let (own, own_web) = (phone.level(PHONE_HZ), heard_by(path, WEB_HZ));
    assert!(
        own < -50.0 && own_web < -50.0,
        "own voices: {own}, {own_web} dBFS"
    );
}

#[test]
fn a_webrtc_end_of_another_make_and_a_telephone_hear_each_other() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heard");
    let arguments = [&WEB_HZ.to_string(), "4", path.to_str().unwrap()];
    let mut peer = python::start("web_peer.py", &arguments).unwrap();
    let mut bridge = Bridge::start();
    let mut phone = Phone::dial(&mut bridge);
    let web = key("web");
    let (offer, next) = word(&peer, "offer", 0);
    let answer = bridge.answer(MediaCommand::OpenWeb {
        leg: web.clone(),
        offer: offer.as_str().unwrap().to_owned(),
    });
    peer.say(&json!({ "answer": answer }).to_string()).unwrap();
    let (_, next) = word(&peer, "connected", next);
    bridge.join(&web);
    // The telephone is silent until now, and so is all that the browser hears.
    phone.talk(190);
    let (said, _) = word(&peer, "said", next);
    assert!(said.as_u64().unwrap() >= 190, "{said}");
    assert_both_ways(&phone, &path);
    let stats = bridge.ask(MediaCommand::Close { leg: web }, |event| match event {
        MediaEvent::Closed { stats, .. } => Some(stats),
        _ => None,
    });
    assert!(stats.received >= 190 && stats.lost == 0, "{stats:?}");
    assert!(peer.wait_exit(Duration::from_secs(10)).unwrap().success());
}

#[test]
fn a_fresh_peer_connection_takes_over_and_sound_returns() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heard");
    let arguments = [&WEB_HZ.to_string(), "4", path.to_str().unwrap()];
    let mut peer = python::start("web_peer.py", &arguments).unwrap();
    let mut bridge = Bridge::start();
    let mut phone = Phone::dial(&mut bridge);
    let web = key("web");
    let (offer, next) = word(&peer, "offer", 0);
    let answer = bridge.answer(MediaCommand::OpenWeb {
        leg: web.clone(),
        offer: offer.as_str().unwrap().to_owned(),
    });
    peer.say(&json!({ "answer": answer }).to_string()).unwrap();
    let (_, next) = word(&peer, "connected", next);
    bridge.join(&web);
    phone.talk(50);
    peer.say(r#"{"fresh":true}"#).unwrap();
    let (offer, next) = word(&peer, "offer", next);
    let answer = bridge.answer(MediaCommand::Reoffer {
        leg: web.clone(),
        offer: offer.as_str().unwrap().to_owned(),
    });
    peer.say(&json!({ "answer": answer }).to_string()).unwrap();
    let (_, next) = word(&peer, "connected", next);
    phone.talk(10);
    phone.heard.clear();
    phone.talk(180);
    word(&peer, "said", next);
    assert_both_ways(&phone, &path);
}

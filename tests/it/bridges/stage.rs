//! A media bridge as the owner of dialogs sees it: ours in this process, or Janus through link and adapter; and telephones.

use std::time::{Duration, Instant};

use bridges::link::LinkEvent;
use convoke_tests::audio::{Law, level_dbfs};
use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::janus::Janus;
use convoke_tests::telephone::{DTMF, LEVEL_DBFS, Telephone};
use convoke_types::bridge_protocol::{Announcement, Feature, ToBridge};
use convoke_types::media::{Codec, MediaCommand, MediaEvent, StreamParams, StreamStats};
use convoke_types::video::VideoEvent;
use convoke_types::{ConferenceId, LegKey};
use media::{Engine, Events};
use runtime::clock;

use super::linked::{Linked, secret_of, url_of};

/// Nothing here takes so long.
const LIMIT: Duration = Duration::from_secs(30);
/// How much louder or softer than it was said a tone may be heard.
const TOLERANCE_DB: f64 = 3.0;
/// What is softer than this is not heard.
pub const UNHEARD_DBFS: f64 = -45.0;

/// The bridges that there are.
enum Kind {
    Embedded {
        /// `None` once it was dropped.
        engine: Option<Box<Engine>>,
        events: Box<Events>,
    },
    Janus {
        janus: Box<Janus>,
        adapter: Option<Box<Convoke>>,
        linked: Box<Linked>,
        announced: Option<Announcement>,
        videos: Vec<VideoEvent>,
    },
}

/// A bridge under the contract.
pub struct Bridge {
    kind: Kind,
    /// Events that came while another was waited for.
    kept: Vec<MediaEvent>,
}

impl Bridge {
    /// Ours, in this process.
    pub fn embedded() -> Self {
        let config = media::Config {
            threads: 1,
            pin: false,
            ..media::Config::default()
        };
        let (engine, events) = Engine::start(&config).unwrap();
        Self {
            kind: Kind::Embedded {
                engine: Some(Box::new(engine)),
                events: Box::new(events),
            },
            kept: Vec::new(),
        }
    }

    /// Janus, behind a process of ours that is nothing but its adapter.
    pub fn janus() -> Self {
        let janus = Janus::mixer().unwrap();
        let adapter = Convoke::start(adapter(&janus)).unwrap();
        let mut bridge = Self {
            kind: Kind::Janus {
                janus: Box::new(janus),
                linked: Box::new(Linked::to(&adapter)),
                adapter: Some(Box::new(adapter)),
                announced: None,
                videos: Vec::new(),
            },
            kept: Vec::new(),
        };
        bridge.until_ready(true);
        bridge
    }

    /// What it says that it can do; ours says nothing of itself.
    pub fn features(&self) -> Option<&[Feature]> {
        match &self.kind {
            Kind::Embedded { .. } => None,
            Kind::Janus { announced, .. } => announced.as_ref().map(|said| &*said.features),
        }
    }

    pub fn command(&self, command: MediaCommand) {
        match &self.kind {
            Kind::Embedded { engine, .. } => engine.as_ref().unwrap().command(command).unwrap(),
            Kind::Janus { linked, .. } => linked.sender.media(command).unwrap(),
        }
    }

    /// Something that is no command of sound, of a bridge that is elsewhere.
    pub fn ask(&self, asks: ToBridge) {
        if let Kind::Janus { linked, .. } = &self.kind {
            linked.sender.send(asks).unwrap();
        }
    }

    /// The next event of pictures.
    #[track_caller]
    pub fn video(&mut self) -> VideoEvent {
        loop {
            if let Kind::Janus { videos, .. } = &mut self.kind
                && let Some(event) = videos.pop()
            {
                return event;
            }
            assert!(self.hear(LIMIT), "nothing was told");
        }
    }

    /// Waits until what is behind it is there, or is not any more.
    #[track_caller]
    pub fn until_ready(&mut self, ready: bool) {
        let is = |bridge: &Self| match &bridge.kind {
            Kind::Embedded { .. } => Some(ready),
            Kind::Janus { announced, .. } => announced.as_ref().map(|said| said.ready),
        };
        while is(self) != Some(ready) {
            assert!(self.hear(LIMIT), "nothing was told");
        }
    }

    /// The first event, come already or still to come, in which something is found.
    #[track_caller]
    pub fn wait<T>(&mut self, what: &str, mut found: impl FnMut(&MediaEvent) -> Option<T>) -> T {
        let mut next = 0;
        loop {
            while let Some(event) = self.kept.get(next) {
                if let Some(wanted) = found(event) {
                    self.kept.remove(next);
                    return wanted;
                }
                next += 1;
            }
            assert!(
                self.hear(LIMIT),
                "no {what} came; there are {:#?}",
                self.kept
            );
        }
    }

    /// Waits for exactly this.
    #[track_caller]
    pub fn expect(&mut self, expected: &MediaEvent) {
        self.wait(&format!("{expected:?}"), |event| {
            (event == expected).then_some(())
        });
    }

    /// Whether there was such an event, of those that were not waited for.
    pub fn has_told(&self, fits: impl Fn(&MediaEvent) -> bool) -> bool {
        self.kept.iter().any(fits)
    }

    /// Takes what comes next; `false` when nothing did.
    fn hear(&mut self, limit: Duration) -> bool {
        match &mut self.kind {
            Kind::Embedded { events, .. } => match events.wait(limit) {
                Some(event) => self.kept.push(event),
                None => return false,
            },
            Kind::Janus {
                linked,
                announced,
                videos,
                ..
            } => match linked.next(limit) {
                None => return false,
                Some(LinkEvent::Up(said) | LinkEvent::Announce(said)) => *announced = Some(said),
                Some(LinkEvent::Media(event)) => self.kept.push(event),
                Some(LinkEvent::Video(event)) => videos.push(event),
                // Whoever owns dialogs takes it so.
                Some(LinkEvent::Down { words }) => self.kept.push(MediaEvent::Gone { words }),
            },
        }
        true
    }

    /// Opens a leg; gives where its telephone shall send to.
    #[track_caller]
    pub fn open(&mut self, name: &str) -> std::net::SocketAddr {
        self.command(MediaCommand::Open { leg: leg(name) });
        self.wait("port", |event| match event {
            MediaEvent::Opened { leg: of, local } if *of == leg(name) => Some(*local),
            MediaEvent::Failed { leg: of, words } if *of == leg(name) => panic!("{words}"),
            _ => None,
        })
    }

    /// Opens a leg and connects it to a telephone, which is not in the mix yet.
    #[track_caller]
    pub fn call(&mut self, name: &str, law: Law, tone_hz: f64) -> Telephone {
        let local = self.open(name);
        let telephone = Telephone::answer(local, law, tone_hz).unwrap();
        let params = params(&telephone);
        let leg = leg(name);
        self.command(MediaCommand::Connect { leg, params });
        telephone
    }

    #[track_caller]
    pub fn join(&mut self, name: &str) {
        self.command(MediaCommand::Join { leg: leg(name) });
        self.expect(&MediaEvent::Joined { leg: leg(name) });
    }

    /// A telephone in the mix.
    #[track_caller]
    pub fn joined(&mut self, name: &str, law: Law, tone_hz: f64) -> Telephone {
        let telephone = self.call(name, law, tone_hz);
        self.join(name);
        telephone
    }

    #[track_caller]
    pub fn until_talking(&mut self, name: &str, on: bool) {
        self.expect(&MediaEvent::Talking { leg: leg(name), on });
    }

    /// Waits for the end of a leg that was closed.
    #[track_caller]
    pub fn closed(&mut self, name: &str) -> StreamStats {
        self.wait("end", |event| match event {
            MediaEvent::Closed { leg: of, stats } if *of == leg(name) => Some(stats.clone()),
            _ => None,
        })
    }

    /// Ends what mixes, a program as a crash would; gives what is told, and how long it took.
    #[track_caller]
    pub fn end(&mut self) -> (String, Duration) {
        let begin = clock::now();
        match &mut self.kind {
            Kind::Embedded { engine, .. } => drop(engine.take()),
            Kind::Janus { janus, .. } => janus.crash().unwrap(),
        }
        self.gone(begin)
    }

    /// Ends the adapter as a crash would, where there is one.
    #[track_caller]
    pub fn crash_adapter(&mut self) -> Option<(String, Duration)> {
        let Kind::Janus { adapter, .. } = &mut self.kind else {
            return None;
        };
        let begin = clock::now();
        adapter.take()?.crash().unwrap();
        Some(self.gone(begin))
    }

    #[track_caller]
    fn gone(&mut self, begin: Instant) -> (String, Duration) {
        let words = match &mut self.kind {
            Kind::Embedded { events, .. } => {
                // That there are no more events is what tells it.
                while let Some(event) = events.wait(LIMIT) {
                    self.kept.push(event);
                }
                "the media bridge has stopped".into()
            }
            Kind::Janus { .. } => self.wait("word of the crash", |event| match event {
                MediaEvent::Gone { words } => Some(words.clone()),
                _ => None,
            }),
        };
        (words, clock::now() - begin)
    }

    /// The program that mixes, if it is one.
    pub fn program(&mut self) -> Option<&mut Janus> {
        match &mut self.kind {
            Kind::Embedded { .. } => None,
            Kind::Janus { janus, .. } => Some(janus),
        }
    }
}

/// A process of ours that is nothing but the adapter of this Janus.
pub fn adapter(janus: &Janus) -> Config {
    let config = Config::new("example.test").unwrap();
    let roles = toml::Value::from(vec!["janus"]);
    janus.commanded_by(config.set("server", "roles", roles), "127.0.0.1:0")
}

/// Janus, and its adapter in a process of its own, which says what each of them says that it can carry.
pub fn mixer() -> (Janus, Convoke) {
    let janus = Janus::mixer().unwrap();
    let adapter = Convoke::start(adapter(&janus).set("janus", "capacity", 200)).unwrap();
    (janus, adapter)
}

/// Conferences of this configuration have their sound mixed there.
pub fn mixed_by(config: Config, adapter: &Convoke) -> Config {
    mixed_by_all(config, &[("janus", adapter)])
}

/// The same by several, each under a name.
pub fn mixed_by_all(config: Config, adapters: &[(&str, &Convoke)]) -> Config {
    let with = |config: Config, (name, adapter): &(&str, &Convoke)| {
        let keys = [
            ("name", (*name).into()),
            ("url", url_of(adapter).into()),
            ("secret", secret_of(adapter).into()),
        ];
        config.entry("media_bridge", &keys)
    };
    adapters.iter().fold(config, with)
}

/// Waits until the server has this bridge.
#[track_caller]
pub fn await_bridge(convoke: &Convoke, name: &str) {
    let ready = "the media bridge is ready";
    let named = format!("bridge=\"{name}\"");
    let program = convoke.program();
    let line = program.wait_line(ready, |line| {
        line.text.contains(ready) && line.text.contains(&named)
    });
    line.unwrap();
}

pub fn conference() -> ConferenceId {
    "c1".parse().unwrap()
}

pub fn leg(name: &str) -> LegKey {
    LegKey {
        conference: conference(),
        leg: name.parse().unwrap(),
    }
}

fn params(telephone: &Telephone) -> StreamParams {
    let (codec, payload_type) = match telephone.law() {
        Law::A => (Codec::Pcma, 8),
        Law::Mu | Law::Linear => (Codec::Pcmu, 0),
    };
    StreamParams {
        remote: telephone.local(),
        codec,
        payload_type,
        dtmf_payload_type: Some(DTMF),
        ptime_ms: 20,
        send: true,
        receive: true,
    }
}

/// In what a telephone hears, these tones are there at the level that they were said with, and those are not.
#[track_caller]
pub fn assert_heard(who: &str, heard: &[i16], there: &[f64], absent: &[f64]) {
    let level = |hz: &f64| level_dbfs(heard, *hz);
    let levels = |tones: &[f64]| tones.iter().map(level).collect::<Vec<_>>();
    let (found, stray) = (levels(there), levels(absent));
    println!("{who} hears {there:?} at {found:.1?} and {absent:?} at {stray:.1?} dBFS");
    let right = |dbfs: &f64| (dbfs - LEVEL_DBFS).abs() < TOLERANCE_DB;
    assert!(found.iter().all(right), "{who}: {found:?}");
    let unheard = |dbfs: &f64| *dbfs < UNHEARD_DBFS;
    assert!(stray.iter().all(unheard), "{who}: {stray:?}");
}

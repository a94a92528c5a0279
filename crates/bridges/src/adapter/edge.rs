//! The edge of a foreign mixer that can do less for a telephone than our media bridge can: pure. Each leg is one here, at our own media
//! bridge, in a conference of two: the telephone (or browser), and the mixer. So the port that the telephone is told is ours and is known
//! before anybody knows where the telephone is, which Janus cannot do (`crate::janus::sound`); keys, prompts, who talks, silence, laws and
//! packet times are ours as well, for which Janus has no ear. What Janus does is to mix: each hears all others of the conference.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use convoke_types::media::{Codec, MediaCommand, MediaEvent, StreamParams, StreamStats};
use convoke_types::{ConferenceId, LegKey};

use crate::janus::{SoundCommand, SoundEvent};

/// RTP payload type of µ-law (RFC 3551 §6), and the packet time that Janus wants.
const PAYLOAD_TYPE: u8 = 0;
const PACKET_MS: u8 = 20;

/// What the edge wants done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum EdgeOutput {
    /// By our media bridge.
    Engine(MediaCommand),
    /// By Janus.
    Janus(SoundCommand),
    /// Tell who made the leg.
    Tell(MediaEvent),
    /// The leg is over, and its name is free.
    Over(LegKey),
}

/// All legs.
pub(super) struct Edge {
    /// Where Janus reaches our sockets.
    inner_ip: IpAddr,
    lines: BTreeMap<LegKey, Line>,
    /// The legs by the conferences of two.
    names: BTreeMap<ConferenceId, LegKey>,
    numbers: u64,
    outputs: VecDeque<EdgeOutput>,
}

/// A leg.
struct Line {
    /// As our media bridge knows the telephone, and Janus.
    outer: LegKey,
    inner: LegKey,
    /// What is told once all is there.
    opened: Option<MediaEvent>,
    opened_told: bool,
    /// Janus has let it in.
    in_mix: bool,
    joined: Joined,
    /// It is being closed; what its stream amounted to is awaited.
    closing: bool,
    /// Nobody waits to hear of it.
    silent: bool,
    /// Halves that our media bridge still has.
    halves: u8,
    stats: Option<StreamStats>,
}

/// Which halves hear each other.
#[derive(Default)]
struct Joined {
    outer: bool,
    inner: bool,
    told: bool,
}

impl Edge {
    pub(super) fn new(inner_ip: IpAddr) -> Self {
        Self {
            inner_ip,
            lines: BTreeMap::new(),
            names: BTreeMap::new(),
            numbers: 0,
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do; asked until there is none.
    pub(super) fn poll_output(&mut self) -> Option<EdgeOutput> {
        self.outputs.pop_front()
    }

    /// Whether there is such a leg.
    #[cfg(test)]
    pub(super) fn has(&self, leg: &LegKey) -> bool {
        self.lines.contains_key(leg)
    }

    /// The legs of a conference.
    pub(super) fn legs_of(&self, conference: &ConferenceId) -> Vec<LegKey> {
        let legs = self.lines.keys();
        let legs = legs.filter(|leg| leg.conference == *conference);
        legs.cloned().collect()
    }

    /// Whether a leg is over for who made it, and only our halves of it are not yet: its name is free.
    pub(super) fn is_closing(&self, leg: &LegKey) -> bool {
        self.lines.get(leg).is_some_and(|line| line.closing)
    }

    /// Does what who made the leg asks for. Commands for unknown legs, and `Open` for one that is open, are ignored.
    pub(super) fn command(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::Open { leg } => self.open(leg, |leg| MediaCommand::Open { leg }),
            MediaCommand::OpenWeb { leg, offer } => {
                self.open(leg, |leg| MediaCommand::OpenWeb { leg, offer });
            }
            MediaCommand::Reoffer { leg, offer } => {
                self.pass(&leg, |leg| MediaCommand::Reoffer { leg, offer });
            }
            MediaCommand::Connect { leg, params } => {
                self.pass(&leg, |leg| MediaCommand::Connect { leg, params });
            }
            MediaCommand::Play {
                leg,
                prompt,
                language,
                repeat,
            } => self.pass(&leg, |leg| MediaCommand::Play {
                leg,
                prompt,
                language,
                repeat,
            }),
            MediaCommand::Join { leg } => self.join(&leg),
            MediaCommand::Mute { leg, on } => {
                // At once here, and so that whoever looks at Janus sees it too.
                self.pass(&leg, |leg| MediaCommand::Mute { leg, on });
                let mute = SoundCommand::Mute {
                    leg: leg.clone(),
                    on,
                };
                self.ask_janus(&leg, mute);
            }
            MediaCommand::Close { leg } => self.close(&leg, false),
            MediaCommand::CloseMix { conference } => {
                for leg in self.legs_of(&conference) {
                    self.close(&leg, false);
                }
            }
        }
    }

    fn open(&mut self, leg: LegKey, outer: impl FnOnce(LegKey) -> MediaCommand) {
        match self.lines.get(&leg) {
            Some(line) if !line.closing => return,
            // A conference may come back before its former legs are over. Their halves have other names, and end by themselves.
            Some(line) => {
                self.names.remove(&line.outer.conference);
                self.lines.remove(&leg);
            }
            None => {}
        }
        self.numbers += 1;
        let Some((outer_key, inner_key)) = halves(self.numbers) else {
            return;
        };
        self.names.insert(outer_key.conference.clone(), leg.clone());
        self.engine(outer(outer_key.clone()));
        self.engine(MediaCommand::Open {
            leg: inner_key.clone(),
        });
        let line = Line {
            outer: outer_key,
            inner: inner_key,
            opened: None,
            opened_told: false,
            in_mix: false,
            joined: Joined::default(),
            closing: false,
            silent: false,
            halves: 2,
            stats: None,
        };
        self.lines.insert(leg, line);
    }

    /// Hands on what concerns the telephone alone.
    fn pass(&mut self, leg: &LegKey, command: impl FnOnce(LegKey) -> MediaCommand) {
        if let Some(line) = self.lines.get(leg).filter(|line| !line.closing) {
            let command = command(line.outer.clone());
            self.engine(command);
        }
    }

    fn ask_janus(&mut self, leg: &LegKey, command: SoundCommand) {
        if self.lines.get(leg).is_some_and(|line| !line.closing) {
            self.outputs.push_back(EdgeOutput::Janus(command));
        }
    }

    fn join(&mut self, leg: &LegKey) {
        let line = self.lines.get(leg);
        let Some(line) = line.filter(|line| line.opened_told && !line.closing) else {
            return;
        };
        for leg in [line.inner.clone(), line.outer.clone()] {
            self.engine(MediaCommand::Join { leg });
        }
    }

    fn close(&mut self, leg: &LegKey, silent: bool) {
        let Some(line) = self.lines.get_mut(leg) else {
            return;
        };
        line.silent |= silent;
        if std::mem::replace(&mut line.closing, true) {
            return;
        }
        let keys = [line.outer.clone(), line.inner.clone()];
        let leave = SoundCommand::Leave { leg: leg.clone() };
        self.outputs.push_back(EdgeOutput::Janus(leave));
        for leg in keys {
            self.engine(MediaCommand::Close { leg });
        }
    }

    fn fail(&mut self, leg: &LegKey, words: String) {
        if self.lines.get(leg).is_some_and(|line| !line.closing) {
            let leg = leg.clone();
            self.tell(MediaEvent::Failed { leg, words });
        }
        self.close(leg, true);
    }

    // What is told.

    /// Our media bridge tells something.
    pub(super) fn engine_event(&mut self, event: MediaEvent) {
        let Some(half) = event.leg() else { return };
        let Some(leg) = self.names.get(&half.conference).cloned() else {
            return;
        };
        let Some(line) = self.lines.get_mut(&leg) else {
            return;
        };
        let is_outer = *half == line.outer;
        match event {
            MediaEvent::Closed { stats, .. } => return self.half_closed(&leg, is_outer, stats),
            // A half that was never there is not closed either.
            MediaEvent::Failed { words, .. } => {
                if is_outer && line.opened_told {
                    // Only what was offered anew failed.
                    return self.tell(MediaEvent::Failed { leg, words });
                }
                line.halves = line.halves.saturating_sub(1);
                self.fail(&leg, words);
                return self.over(&leg);
            }
            _ if line.closing => return,
            _ => {}
        }
        match (event, is_outer) {
            (MediaEvent::Opened { local, .. }, true) => {
                line.opened = Some(MediaEvent::Opened {
                    leg: leg.clone(),
                    local,
                });
                self.settle_open(&leg);
            }
            (MediaEvent::OpenedWeb { answer, .. }, true) => {
                let opened = MediaEvent::OpenedWeb {
                    leg: leg.clone(),
                    answer,
                };
                if line.opened_told {
                    return self.tell(opened);
                }
                line.opened = Some(opened);
                self.settle_open(&leg);
            }
            (MediaEvent::Opened { local, .. }, false) => {
                // What is advertised is for others: Janus is beside us.
                let to = SocketAddr::new(self.inner_ip, local.port());
                let join = SoundCommand::Join { leg, to };
                self.outputs.push_back(EdgeOutput::Janus(join));
            }
            (MediaEvent::Joined { .. }, outer) => {
                let joined = &mut line.joined;
                *(if outer {
                    &mut joined.outer
                } else {
                    &mut joined.inner
                }) = true;
                let all = joined.outer && joined.inner;
                if all && !std::mem::replace(&mut joined.told, true) {
                    self.tell(MediaEvent::Joined { leg });
                }
            }
            (MediaEvent::PromptDone { .. }, true) => self.tell(MediaEvent::PromptDone { leg }),
            (MediaEvent::Key { key, .. }, true) => self.tell(MediaEvent::Key { leg, key }),
            (MediaEvent::Talking { on, .. }, true) => self.tell(MediaEvent::Talking { leg, on }),
            (MediaEvent::Silent { on, .. }, true) => self.tell(MediaEvent::Silent { leg, on }),
            (MediaEvent::Lost { on, .. }, true) => self.tell(MediaEvent::Lost { leg, on }),
            // It sends each 20 ms whatever anybody says.
            (MediaEvent::Silent { on: true, .. }, false) if line.joined.told => {
                self.fail(&leg, "nothing is heard from Janus for 5 s".into());
            }
            // Of Janus' own half nothing else is of interest.
            _ => {}
        }
    }

    /// Our media bridge has no room for a command: that ends its leg, or else nobody would know what became of it. Only the end of one is the
    /// caller's to keep until there is room.
    pub(super) fn overloaded(&mut self, command: MediaCommand) {
        let words = String::from("the media bridge of Janus' adapter is overloaded");
        if let Some(leg) = command.answered().cloned() {
            return self.engine_event(MediaEvent::Failed { leg, words });
        }
        if let MediaCommand::Connect { leg, .. }
        | MediaCommand::Play { leg, .. }
        | MediaCommand::Join { leg }
        | MediaCommand::Mute { leg, .. } = &command
            && let Some(leg) = self.names.get(&leg.conference).cloned()
        {
            self.fail(&leg, words);
        }
    }

    /// Our media bridge has ended: all legs are over, without further word.
    pub(super) fn engine_gone(&mut self) {
        self.names.clear();
        for leg in std::mem::take(&mut self.lines).into_keys() {
            let leave = SoundCommand::Leave { leg: leg.clone() };
            self.outputs.push_back(EdgeOutput::Janus(leave));
            self.outputs.push_back(EdgeOutput::Over(leg));
        }
    }

    /// Janus tells something.
    pub(super) fn sound_event(&mut self, event: SoundEvent) {
        match event {
            SoundEvent::Joined { leg, at } => {
                let Some(line) = self.lines.get_mut(&leg).filter(|line| !line.closing) else {
                    return;
                };
                line.in_mix = true;
                let inner = line.inner.clone();
                self.engine(MediaCommand::Connect {
                    leg: inner,
                    params: beside(at),
                });
                self.settle_open(&leg);
            }
            SoundEvent::Failed { leg, words } => self.fail(&leg, words),
            SoundEvent::Gone { .. } => {
                for leg in self.lines.keys().cloned().collect::<Vec<_>>() {
                    self.close(&leg, true);
                }
            }
        }
    }

    /// A leg is open once both halves are, and Janus has let it in.
    fn settle_open(&mut self, leg: &LegKey) {
        let Some(line) = self.lines.get_mut(leg).filter(|line| line.in_mix) else {
            return;
        };
        if let Some(opened) = line.opened.take() {
            line.opened_told = true;
            self.tell(opened);
        }
    }

    fn half_closed(&mut self, leg: &LegKey, is_outer: bool, stats: StreamStats) {
        if let Some(line) = self.lines.get_mut(leg) {
            line.halves = line.halves.saturating_sub(1);
            if is_outer {
                line.stats = Some(stats);
            }
        }
        self.over(leg);
    }

    /// Forgets a leg once both its halves are gone.
    fn over(&mut self, leg: &LegKey) {
        if self.lines.get(leg).is_none_or(|line| line.halves > 0) {
            return;
        }
        let Some(line) = self.lines.remove(leg) else {
            return;
        };
        self.names.remove(&line.outer.conference);
        if !line.silent {
            let (leg, stats) = (leg.clone(), line.stats.unwrap_or_default());
            self.tell(MediaEvent::Closed { leg, stats });
        }
        self.outputs.push_back(EdgeOutput::Over(leg.clone()));
    }

    fn engine(&mut self, command: MediaCommand) {
        self.outputs.push_back(EdgeOutput::Engine(command));
    }

    fn tell(&mut self, event: MediaEvent) {
        self.outputs.push_back(EdgeOutput::Tell(event));
    }
}

/// The names of a leg's two halves.
fn halves(number: u64) -> Option<(LegKey, LegKey)> {
    let conference: ConferenceId = format!("edge-{number}").parse().ok()?;
    let half = |name: &str| {
        Some(LegKey {
            conference: conference.clone(),
            leg: name.parse().ok()?,
        })
    };
    Some((half("outer")?, half("inner")?))
}

/// The stream between us and Janus.
fn beside(at: SocketAddr) -> StreamParams {
    StreamParams {
        remote: at,
        codec: Codec::Pcmu,
        payload_type: PAYLOAD_TYPE,
        dtmf_payload_type: None,
        ptime_ms: PACKET_MS,
        send: true,
        receive: true,
    }
}

#[cfg(test)]
mod tests;

//! The legs of the telephone network: what comes in is handed to the part of a leg's life that it belongs to, in the modules below.

mod dialling;
mod ending;
mod joining;
mod moving;
mod reinvited;
mod sight;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::media::{MediaCommand, MediaEvent};
use convoke_types::sight::SightCommand;
use convoke_types::{Cause, ConferenceId, EndReason, LegKey, LegState};
use sip_proto::call::{CallEvent, CallKey, Calls, CallsConfig, key_of_info};
use sip_proto::endpoint::{self, Endpoint, Event, SendToken};
use sip_proto::{FlowId, Message, ParseError, Source, Target};

use crate::cause;
use crate::config::{Config, Trunk};
use crate::incoming;
use crate::leg::Leg;

/// What telephony wants done.
#[derive(Debug)]
pub enum Output {
    /// Send a SIP message.
    Send {
        /// To where.
        target: Target,
        /// The message.
        bytes: Bytes,
        /// For `handle_send_failed`.
        token: SendToken,
    },
    /// For the media bridge.
    Media(MediaCommand),
    /// For whoever carries the pictures of video rooms; what is told comes by `handle_sight`.
    Sight(SightCommand),
    /// For the focus.
    Bridge(BridgeEvent),
}

/// See the module. After every call of a `handle_*` take outputs with `poll_output` until there is none.
#[derive(Debug)]
pub struct Telephony {
    config: Config,
    endpoint: Endpoint,
    calls: Calls,
    legs: HashMap<LegKey, Leg>,
    by_call: HashMap<CallKey, LegKey>,
    deadlines: BTreeSet<(Instant, LegKey)>,
    /// When legs whose sound moves are looked at next.
    moves: BTreeSet<(Instant, LegKey)>,
    sessions: u64,
    /// Servers of trunks that failed, and until when the others are tried first.
    avoided: HashMap<Target, Instant>,
    /// Nobody carries pictures any more.
    sight_lost: bool,
    outputs: VecDeque<Output>,
}

impl Telephony {
    /// No legs yet. `seed` is fresh randomness for tags, branches and Call-IDs.
    pub fn new(seed: [u8; 32], config: Config) -> Self {
        let mut calls = CallsConfig::new(config.local.clone(), config.product.clone());
        calls.max_calls = config.legs_max;
        Self {
            endpoint: Endpoint::new(seed, endpoint::Config::default()),
            calls: Calls::new(calls),
            legs: HashMap::new(),
            by_call: HashMap::new(),
            deadlines: BTreeSet::new(),
            moves: BTreeSet::new(),
            avoided: HashMap::new(),
            sessions: u64::from_be_bytes([
                0, 0, seed[0], seed[1], seed[2], seed[3], seed[4], seed[5],
            ]),
            sight_lost: false,
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Legs that are not over.
    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// A trunk is to be reached elsewhere, or is new. Calls under way stay as they are.
    pub fn set_trunk(&mut self, trunk: Trunk) {
        // In place: legs know their trunk by its position.
        let mut known = self.config.trunks.iter_mut();
        match known.find(|known| known.name == trunk.name) {
            Some(known) => *known = trunk,
            None => self.config.trunks.push(trunk),
        }
    }

    /// Does what the focus asks for.
    pub fn handle_command(&mut self, command: BridgeCommand, now: Instant) {
        match command {
            BridgeCommand::Dial {
                leg,
                to,
                trunk,
                guard,
                inviter,
                language,
                ring_timeout_ms,
                sight,
            } => {
                self.dial(
                    leg,
                    &to,
                    trunk.as_deref(),
                    (guard, inviter, language, ring_timeout_ms, sight),
                    now,
                );
            }
            BridgeCommand::Release { leg } => {
                let outcome = cause::own(LegState::Left, EndReason::ByModerator, "Disconnected.");
                self.give_up(&leg, outcome, now);
            }
            // Of browsers' legs we hear as well, and leave them alone.
            BridgeCommand::Mute { leg, on } => {
                if self.legs.contains_key(&leg) {
                    self.media(MediaCommand::Mute { leg, on });
                }
            }
            BridgeCommand::Announce {
                leg,
                prompt,
                language,
            } => self.announce(leg, prompt, language),
            // No call arrives by telephony, so these are about somebody else's.
            BridgeCommand::Admit { .. } | BridgeCommand::Refuse { .. } => {}
            BridgeCommand::Close { conference } => {
                self.media(MediaCommand::CloseMix { conference })
            }
        }
        self.settle(now);
    }

    /// Takes in what the media bridge tells.
    pub fn handle_media(&mut self, event: MediaEvent, now: Instant) {
        match event {
            MediaEvent::Opened { leg, local } => self.opened(&leg, local, now),
            MediaEvent::Failed { leg, words } => {
                let outcome = (
                    LegState::Failed,
                    Cause {
                        reason: EndReason::Media,
                        sip: None,
                        q850: None,
                        words,
                    },
                );
                self.give_up(&leg, outcome, now);
            }
            MediaEvent::Joined { leg } => self.joined(&leg),
            MediaEvent::PromptDone { leg } => self.prompt_done(&leg, now),
            MediaEvent::Key { leg, key } => self.key(&leg, key, now),
            MediaEvent::Talking { leg, on } => self.in_the_mix(leg, LegEvent::Talking { on }),
            MediaEvent::Silent { leg, on } => self.in_the_mix(leg, LegEvent::Silent { on }),
            // What the stream amounted to goes to the leg's record with the quality figures, later. Browsers' legs are not ours.
            MediaEvent::Closed { .. } | MediaEvent::OpenedWeb { .. } | MediaEvent::Lost { .. } => {}
            MediaEvent::Gone { words } => self.handle_media_lost(None, &words, now),
        }
        self.settle(now);
    }

    /// The media bridge is gone, for one conference or for all: their legs end, their calls are hung up.
    pub fn handle_media_lost(
        &mut self,
        conference: Option<&ConferenceId>,
        words: &str,
        now: Instant,
    ) {
        // Before the legs: a conference whose owner's leg ended first would end because the owner left (C12).
        self.bridge(BridgeEvent::Lost {
            conference: conference.cloned(),
            words: words.to_owned(),
        });
        let lost = |leg: &&LegKey| conference.is_none_or(|lost| leg.conference == *lost);
        let legs: Vec<LegKey> = self.legs.keys().filter(lost).cloned().collect();
        for leg in legs {
            let cause = Cause {
                reason: EndReason::Bridge,
                sip: None,
                q850: None,
                words: words.to_owned(),
            };
            self.give_up(&leg, (LegState::Failed, cause), now);
        }
        self.settle(now);
    }

    /// A SIP message came.
    pub fn handle_message(&mut self, source: Source, message: Message, now: Instant) {
        self.endpoint.handle_message(source, message, now);
        self.settle(now);
    }

    /// Something came that is not SIP, or not all of it.
    pub fn handle_malformed(&mut self, source: Source, error: &ParseError, now: Instant) {
        self.endpoint.handle_malformed(source, error);
        self.settle(now);
    }

    /// A connection is gone.
    pub fn handle_flow_closed(&mut self, flow: FlowId, now: Instant) {
        self.endpoint.handle_flow_closed(flow, now);
        self.settle(now);
    }

    /// A message could not be sent.
    pub fn handle_send_failed(&mut self, token: SendToken, now: Instant) {
        self.endpoint.handle_send_failed(token, now);
        self.settle(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.calls.handle_timeout(&mut self.endpoint, now);
        while let Some((at, key)) = self.deadlines.first().cloned() {
            if at > now {
                break;
            }
            self.deadlines.remove(&(at, key.clone()));
            self.overdue(&key, now);
        }
        while let Some((at, key)) = self.moves.first().cloned() {
            if at > now {
                break;
            }
            self.moves.remove(&(at, key.clone()));
            self.move_is_due(&key, now);
        }
        self.settle(now);
    }

    /// When `handle_timeout` is to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let legs = self.deadlines.first().into_iter().chain(self.moves.first());
        self.endpoint
            .poll_timeout()
            .into_iter()
            .chain(self.calls.poll_timeout())
            .chain(legs.map(|(at, _)| *at))
            .min()
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    // -- plumbing

    /// Carries events from the endpoint to the calls to the legs until nothing moves any more.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.endpoint.poll_output() {
                match output {
                    endpoint::Output::Send {
                        target,
                        bytes,
                        token,
                    } => {
                        self.outputs.push_back(Output::Send {
                            target,
                            bytes,
                            token,
                        });
                    }
                    endpoint::Output::Event(event) => self.sip_event(event, now),
                }
            }
            let Some((call, event)) = self.calls.poll_event() else {
                break;
            };
            self.call_event(call, event, now);
        }
    }

    fn sip_event(&mut self, event: Event, now: Instant) {
        let from_outside = match event {
            // Nobody can dial in yet, so a stranger's INVITE never becomes a call.
            Event::Request { ref message, .. } if incoming::is_call(message) => Some(event),
            event => self.calls.handle(&mut self.endpoint, event, now),
        };
        // Neither a stray response nor a failed answer to a stray request has consequences.
        if let Some(Event::Request { tx, message, .. }) = from_outside {
            let tag = self.endpoint.tokens().tag();
            let response = incoming::answer(&message, &tag);
            // Strangers take no memory, and whose address they forge gets no repetitions.
            self.endpoint.respond_and_forget(tx, &response, now);
        }
    }

    fn call_event(&mut self, call: CallKey, event: CallEvent, now: Instant) {
        let Some(key) = self.by_call.get(&call).cloned() else {
            return;
        };
        match event {
            CallEvent::Trying => self.heard(&key),
            CallEvent::Ringing { status, .. } => self.ringing(&key, status),
            CallEvent::Answered { sdp } => self.answered(&key, sdp.as_ref(), now),
            CallEvent::Reinvite { offer } => self.reinvited(&key, offer.as_ref(), now),
            CallEvent::Reinvited { status, sdp } => self.moved(&key, status, sdp.as_ref(), now),
            CallEvent::Info { content_type, body } => {
                if let Some(pressed) = key_of_info(&content_type, &body) {
                    self.key(&key, pressed, now);
                }
            }
            CallEvent::Ended(ended) => self.ended(&key, &ended, now),
            CallEvent::ChangeAnswered { sdp } => self.change_answered(&key, &sdp, now),
            CallEvent::Incoming { .. } | CallEvent::Confirmed { .. } | CallEvent::Probed { .. } => {
            }
        }
    }

    fn set_deadline(&mut self, key: &LegKey, at: Option<Instant>) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut leg.deadline, at) {
            self.deadlines.remove(&(before, key.clone()));
        }
        if let Some(at) = at {
            self.deadlines.insert((at, key.clone()));
        }
    }

    fn tell(&mut self, leg: &LegKey, event: LegEvent) {
        self.bridge(BridgeEvent::Leg {
            leg: leg.clone(),
            event,
        });
    }

    fn bridge(&mut self, event: BridgeEvent) {
        self.outputs.push_back(Output::Bridge(event));
    }

    fn media(&mut self, command: MediaCommand) {
        self.outputs.push_back(Output::Media(command));
    }
}

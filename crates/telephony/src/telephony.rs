//! The legs of the telephone network.

mod moving;
mod sight;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::media::{MediaCommand, MediaEvent, Prompt};
use convoke_types::sight::{Sight, SightCommand};
use convoke_types::{Address, Cause, ConferenceId, EndReason, LegKey, LegState};
use sip_proto::call::{
    CallEvent, CallKey, Calls, CallsConfig, Ended, EndedBy, Outgoing, key_of_info,
};
use sip_proto::endpoint::{self, Endpoint, Event, SendToken};
use sip_proto::sdp::{self, Direction, Sdp, SessionId, Side};
use sip_proto::{FlowId, Message, NameAddr, ParseError, Source, Target, Uri};

use crate::cause;
use crate::config::{Config, GUARD_GRACE, GUARD_MAX, GUARD_REPEATS, MEDIA_MAX, Trunk};
use crate::incoming;
use crate::leg::{Dialled, Leg, Moving, Order, Pictures, Stage};

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

    // -- the stages, in the order of a leg's life

    fn dial(
        &mut self,
        key: LegKey,
        to: &Address,
        trunk: Option<&str>,
        (guard, inviter, language, ring_timeout_ms, sight): (
            bool,
            String,
            String,
            u64,
            Option<Sight>,
        ),
        now: Instant,
    ) {
        if self.legs.contains_key(&key) {
            return; // a repeated command
        }
        let refuse = |reason, words: &str| {
            (
                LegState::Failed,
                Cause {
                    reason,
                    sip: None,
                    q850: None,
                    words: words.to_owned(),
                },
            )
        };
        let trunk = self
            .config
            .trunks
            .iter()
            .position(|known| trunk == Some(known.name.as_str()));
        let dialled = match to {
            Address::Number(number) => Some(Dialled::Number(number.to_string())),
            Address::Sip(uri) => Some(Dialled::Uri(uri.clone())),
            Address::Client => None,
        };
        let (Some(dialled), Some(trunk)) = (dialled, trunk) else {
            let (state, cause) =
                refuse(EndReason::Trunk, "No trunk is configured for this address.");
            return self.bridge(BridgeEvent::Leg {
                leg: key,
                event: LegEvent::Ended { state, cause },
            });
        };
        if self.legs.len() >= self.config.legs_max {
            let (state, cause) = refuse(
                EndReason::NoLine,
                "This server has no room for another call.",
            );
            return self.bridge(BridgeEvent::Leg {
                leg: key,
                event: LegEvent::Ended { state, cause },
            });
        }
        self.sessions = self.sessions.wrapping_add(1);
        // Pictures would pass as soon as the call is answered, and who answers is in only with key 1.
        let sight = sight.filter(|_| !guard);
        let leg = Leg {
            key: key.clone(),
            order: Order {
                to: dialled,
                trunk,
                guard,
                inviter,
                language,
                ring_timeout_ms,
                sight,
            },
            stage: Stage::Opening,
            call: None,
            session: SessionId {
                id: self.sessions,
                version: 1,
            },
            sound_at: None,
            moving: Moving::No,
            move_due: None,
            move_until: None,
            pictures: Pictures::None,
            seen: None,
            ours: None,
            rang: false,
            held: false,
            outcome: None,
            deadline: None,
        };
        self.legs.insert(key.clone(), leg);
        self.set_deadline(&key, Some(now + MEDIA_MAX));
        self.open_sight(&key);
        self.media(MediaCommand::Open { leg: key });
    }

    fn opened(&mut self, key: &LegKey, local: std::net::SocketAddr, now: Instant) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        if leg.call.is_some() {
            return self.opened_elsewhere(key, local, now);
        }
        leg.sound_at.get_or_insert(local);
        self.invite(key, now);
    }

    /// Sends the INVITE once all ports are there.
    fn invite(&mut self, key: &LegKey, now: Instant) {
        let Some(leg) = self
            .legs
            .get_mut(key)
            .filter(|leg| matches!(leg.stage, Stage::Opening))
            .filter(|leg| leg.pictures != Pictures::Awaited)
        else {
            return;
        };
        let Some(local) = leg.sound_at else {
            return;
        };
        let Some(trunk) = self.config.trunks.get(leg.order.trunk) else {
            return;
        };
        let mut offer = sdp::offer(local, leg.session, &trunk.codecs);
        if let Some(at) = leg.pictures.at() {
            sdp::offer_pictures(&mut offer, at);
        }
        let Some(outgoing) = outgoing(trunk, &leg.order, &offer) else {
            let outcome = cause::own(
                LegState::Failed,
                EndReason::Trunk,
                "The trunk's configuration gives no usable address.",
            );
            return self.give_up(key, outcome, now);
        };
        match self.calls.invite(&mut self.endpoint, outgoing, now) {
            Ok(call) => {
                leg.ours = Some(offer);
                leg.call = Some(call);
                leg.stage = Stage::Calling;
                let ring = Duration::from_millis(leg.order.ring_timeout_ms);
                self.by_call.insert(call, key.clone());
                self.set_deadline(key, Some(now + ring));
                self.tell(key, LegEvent::Dialling);
            }
            Err(_) => {
                let outcome = cause::own(
                    LegState::Failed,
                    EndReason::NoLine,
                    "This server has no room for another call.",
                );
                self.give_up(key, outcome, now);
            }
        }
    }

    fn ringing(&mut self, key: &LegKey, status: u16) {
        let Some(leg) = self
            .legs
            .get_mut(key)
            .filter(|leg| matches!(leg.stage, Stage::Calling))
        else {
            return;
        };
        leg.rang = true;
        self.tell(key, LegEvent::Ringing { sip: status });
    }

    fn answered(&mut self, key: &LegKey, answer: Option<&Bytes>, now: Instant) {
        let Some(leg) = self
            .legs
            .get_mut(key)
            .filter(|leg| matches!(leg.stage, Stage::Calling))
        else {
            return;
        };
        let both = answer
            .and_then(|body| Sdp::parse(body).ok())
            .zip(leg.ours.clone());
        let params = both
            .as_ref()
            .and_then(|(answer, offer)| sdp::negotiated(offer, answer, Side::Offerer).ok());
        let Some((params, (answer, offer))) = params.zip(both) else {
            let outcome = cause::own(
                LegState::Failed,
                EndReason::Media,
                "The telephone answered without an audio format in common with us.",
            );
            return self.give_up(key, outcome, now);
        };
        let guard = leg.order.guard;
        leg.stage = if guard {
            Stage::Guarding
        } else {
            Stage::Joining
        };
        self.tell(key, LegEvent::Answered);
        self.media(MediaCommand::Connect {
            leg: key.clone(),
            params,
        });
        self.connect_sight(key, &offer, &answer, Side::Offerer);
        if guard {
            self.ask_for_key(key, now);
            self.tell(key, LegEvent::Confirming);
        } else {
            self.join(key, now);
        }
        self.offer_elsewhere(key, now);
    }

    /// The guard's sentence, for as long as it may take.
    fn ask_for_key(&mut self, key: &LegKey, now: Instant) {
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        let language = leg.order.language.clone();
        self.set_deadline(key, Some(now + GUARD_MAX));
        self.media(MediaCommand::Play {
            leg: key.clone(),
            prompt: Prompt::PressOneToJoin,
            language,
            repeat: GUARD_REPEATS,
        });
    }

    fn join(&mut self, key: &LegKey, now: Instant) {
        if let Some(leg) = self.legs.get_mut(key) {
            leg.stage = Stage::Joining;
            // While the sound moves nothing comes of it; then the time begins.
            let stays = matches!(leg.moving, Moving::No);
            self.set_deadline(key, stays.then(|| now + MEDIA_MAX));
            self.media(MediaCommand::Join { leg: key.clone() });
        }
    }

    fn joined(&mut self, key: &LegKey) {
        let Some(leg) = self
            .legs
            .get_mut(key)
            .filter(|leg| matches!(leg.stage, Stage::Joining))
        else {
            return;
        };
        leg.stage = Stage::Joined;
        self.set_deadline(key, None);
        self.tell(key, LegEvent::Joined);
    }

    fn prompt_done(&mut self, key: &LegKey, now: Instant) {
        if self
            .legs
            .get(key)
            .is_some_and(|leg| matches!(leg.stage, Stage::Guarding))
        {
            self.set_deadline(key, Some(now + GUARD_GRACE));
        }
    }

    fn key(&mut self, key: &LegKey, pressed: char, now: Instant) {
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        match leg.stage {
            Stage::Guarding if pressed == '1' => self.join(key, now),
            Stage::Joined => self.tell(key, LegEvent::Key { key: pressed }),
            _ => {}
        }
    }

    fn in_the_mix(&mut self, key: LegKey, event: LegEvent) {
        if self
            .legs
            .get(&key)
            .is_some_and(|leg| matches!(leg.stage, Stage::Joined))
        {
            self.tell(&key, event);
        }
    }

    /// Speaks a sentence to a leg in the mix. Before that the guard's sentence must not be replaced.
    fn announce(&mut self, leg: LegKey, prompt: Prompt, language: String) {
        let known = self.legs.get(&leg);
        if known.is_some_and(|known| matches!(known.stage, Stage::Joined)) {
            self.media(MediaCommand::Play {
                leg,
                prompt,
                language,
                repeat: 1,
            });
        }
    }

    /// The other side puts us on hold, takes us back, or moves its media (RFC 3264 §8).
    fn reinvited(&mut self, key: &LegKey, offer: Option<&Bytes>, now: Instant) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let (Some(call), Some(local)) = (leg.call, leg.sound_at) else {
            return;
        };
        let Some(trunk) = self.config.trunks.get(leg.order.trunk) else {
            return;
        };
        let (next, pictures) = (leg.session.next(), leg.pictures.at());
        let accepted = match offer.map(|body| Sdp::parse(body)) {
            // An INVITE without offer asks for ours (RFC 3261 §14.2); what comes in its ACK keeps the session as it is.
            None => {
                let mut ours = sdp::offer(local, next, &trunk.codecs);
                if let Some(at) = pictures {
                    sdp::offer_pictures(&mut ours, at);
                }
                Some((ours, None))
            }
            Some(Ok(offer)) => sdp::answer(&offer, local, next, &trunk.codecs, Direction::SendRecv)
                .ok()
                .and_then(|mut answer| {
                    let params = sdp::negotiated(&offer, &answer, Side::Answerer).ok()?;
                    if let Some(at) = pictures {
                        sdp::answer_pictures(&offer, &mut answer, at);
                    }
                    Some((answer, Some((params, offer))))
                }),
            Some(Err(_)) => None,
        };
        let Some((ours, change)) = accepted else {
            // A change that is already withdrawn needs no refusal.
            let _ =
                self.calls
                    .reject_change(&mut self.endpoint, call, 488, "Not Acceptable Here", now);
            return;
        };
        leg.session = next;
        let body = Bytes::from(ours.to_string());
        leg.ours = Some(ours.clone());
        if self
            .calls
            .accept_change(&mut self.endpoint, call, body, now)
            .is_err()
        {
            return;
        }
        let Some((params, offer)) = change else {
            return;
        };
        let held = offer.is_hold();
        let was_held = std::mem::replace(&mut leg.held, held);
        let joined = matches!(leg.stage, Stage::Joined);
        self.media(MediaCommand::Connect {
            leg: key.clone(),
            params,
        });
        self.connect_sight(key, &offer, &ours, Side::Answerer);
        // Our answer has told the port.
        self.moved_by_answer(key, now);
        if joined && was_held != held {
            self.tell(key, LegEvent::Held { on: held });
        }
    }

    /// Ends a leg from our side, wherever it stands.
    fn give_up(&mut self, key: &LegKey, outcome: (LegState, Cause), now: Instant) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        if leg.outcome.is_none() {
            leg.outcome = Some(outcome);
        }
        let Some(call) = leg.call else {
            return self.over(key);
        };
        if matches!(leg.stage, Stage::Calling) {
            leg.stage = Stage::Cancelling;
        }
        self.set_deadline(key, None);
        self.set_move_due(key, None);
        self.calls.hang_up(
            &mut self.endpoint,
            call,
            Some("Q.850;cause=16;text=\"Normal call clearing\""),
            now,
        );
    }

    fn overdue(&mut self, key: &LegKey, now: Instant) {
        if self.opens_without_sight(key, now) {
            return;
        }
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        let outcome = match leg.stage {
            Stage::Calling if leg.rang => cause::own(
                LegState::NoAnswer,
                EndReason::RingTimeout,
                "Nobody answered.",
            ),
            Stage::Calling => cause::own(
                LegState::Unreachable,
                EndReason::Unreachable,
                "The telephone did not respond.",
            ),
            Stage::Guarding => voicemail(),
            Stage::Opening | Stage::Joining => cause::own(
                LegState::Failed,
                EndReason::Media,
                "The media bridge did not respond.",
            ),
            Stage::Cancelling | Stage::Joined => return,
        };
        self.give_up(key, outcome, now);
    }

    fn ended(&mut self, key: &LegKey, ended: &Ended) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        match &mut leg.outcome {
            None => leg.outcome = Some(outcome(leg, ended)),
            // Not even the CANCEL led to an answer: it is the trunk that is not there, not the telephone.
            Some((LegState::Unreachable, _)) if ended.by == EndedBy::Network => {
                leg.outcome = Some(outcome(leg, ended));
            }
            Some((_, cause)) => cause.sip = cause.sip.or(ended.status),
        }
        self.over(key);
    }

    /// The leg's last moment: media is freed, the focus is told.
    fn over(&mut self, key: &LegKey) {
        self.set_deadline(key, None);
        self.set_move_due(key, None);
        self.close_sight(key);
        let Some(leg) = self.legs.remove(key) else {
            return;
        };
        if let Some(call) = leg.call {
            self.by_call.remove(&call);
        }
        self.media(MediaCommand::Close {
            leg: leg.key.clone(),
        });
        let (state, cause) = leg
            .outcome
            .unwrap_or_else(|| cause::own(LegState::Failed, EndReason::Network, "The call ended."));
        self.bridge(BridgeEvent::Leg {
            leg: leg.key,
            event: LegEvent::Ended { state, cause },
        });
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
            CallEvent::Ringing { status, .. } => self.ringing(&key, status),
            CallEvent::Answered { sdp } => self.answered(&key, sdp.as_ref(), now),
            CallEvent::Reinvite { offer } => self.reinvited(&key, offer.as_ref(), now),
            CallEvent::Reinvited { status, sdp } => self.moved(&key, status, sdp.as_ref(), now),
            CallEvent::Info { content_type, body } => {
                if let Some(pressed) = key_of_info(&content_type, &body) {
                    self.key(&key, pressed, now);
                }
            }
            CallEvent::Ended(ended) => self.ended(&key, &ended),
            CallEvent::Incoming { .. }
            | CallEvent::Confirmed { .. }
            | CallEvent::ChangeAnswered { .. }
            | CallEvent::Probed { .. } => {}
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

fn voicemail() -> (LegState, Cause) {
    cause::own(
        LegState::NoAnswer,
        EndReason::Voicemail,
        "Answered, but nobody pressed 1; perhaps a mailbox.",
    )
}

/// How a leg ended that its other side or the network ended.
fn outcome(leg: &Leg, ended: &Ended) -> (LegState, Cause) {
    let mut outcome = match (ended.by, ended.status) {
        _ if matches!(leg.stage, Stage::Guarding) => voicemail(),
        (EndedBy::Network, _) if !leg.is_answered() => cause::own(
            LegState::Failed,
            EndReason::Trunk,
            "The trunk does not answer.",
        ),
        (EndedBy::Network, _) => cause::own(
            LegState::Failed,
            EndReason::Network,
            "The connection to the trunk was lost.",
        ),
        (_, Some(status)) if !leg.is_answered() => {
            return cause::of_answer(status, ended.q850, leg.rang);
        }
        _ => cause::own(LegState::Left, EndReason::HungUp, "Hung up."),
    };
    outcome.1.sip = ended.status;
    outcome.1.q850 = ended.q850;
    outcome
}

fn outgoing(trunk: &Trunk, order: &Order, offer: &Sdp) -> Option<Outgoing> {
    let uri = match &order.to {
        Dialled::Number(number) => Uri::sip(Some(number), &trunk.domain).ok()?,
        Dialled::Uri(uri) => Uri::parse(uri.as_str()).ok()?,
    };
    let from = Uri::sip(Some(&trunk.caller), &trunk.domain).ok()?;
    Some(Outgoing {
        uri,
        to: None,
        from: NameAddr::new(&from).with_display(&order.inviter),
        target: trunk.target.clone(),
        offer: Bytes::from(offer.to_string()),
        login: trunk.login.clone(),
        local: Some(trunk.local.clone()),
        headers: Vec::new(),
    })
}

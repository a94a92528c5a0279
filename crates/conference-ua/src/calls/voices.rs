//! Calls with sound: a person's client takes part in a conference. The focus says whether it may; the media bridge answers the offer of
//! a browser (WebRTC), and [`super::plain`] that of any other client; the dialog is ours.
//!
//! ```text
//!  INVITE ──► Arrived ──► focus ──► Admit ──► OpenWeb ──► media bridge ──► OpenedWeb ──► 200 OK
//!                                └► Refuse ──► failure                                   Join ──► Joined
//!  re-INVITE (hold, or a change of network) ──► Reoffer ──► OpenedWeb ──► 200 OK
//!  BYE, CANCEL ──► Close, Ended
//! ```
//!
//! A browser that is gone without a word is given up after a while (`LOST_MAX`), unless it comes back before.
//!
//! Every admitted call ends with exactly one `Ended`, also one that was over before the focus had answered.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::media::{MediaCommand, MediaEvent, StreamParams};
use convoke_types::{Cause, ConferenceId, EndReason, LegKey, LegState};
use sip_proto::call::{self, CallEvent, CallKey, Ended, EndedBy};

use super::line::{Deadlines, Due, Line};
use super::plain::Plain;
use super::{Arrival, PACE, TOO_SOON};
use crate::pictures::Wish;
use crate::ports::Output;

/// How long the focus may take to say whether a call may come in.
const ASK_MAX: Duration = Duration::from_secs(10);
/// How long the media bridge may take to answer an offer.
pub(super) const MEDIA_MAX: Duration = Duration::from_secs(5);
/// How long a browser may take to connect after our answer: its own checks give up after that.
const CONNECT_MAX: Duration = Duration::from_secs(30);
/// How long a call is kept whose browser is lost; the media bridge has then missed it for some 15 s.
pub(super) const LOST_MAX: Duration = Duration::from_secs(45);
/// How a call ends that nobody ended.
pub(super) const CONNECTION_LOST: &str = "The connection was lost.";
/// Reason of our BYE (RFC 3326).
const CLEARING: &str = "Q.850;cause=16;text=\"Normal call clearing\"";

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The focus is asked.
    Asked,
    /// The media bridge is asked for an answer to the offer.
    Opening,
    /// Answered; the browser connects.
    Joining,
    /// In the mix.
    Joined,
}

#[derive(Debug)]
pub(super) struct Call {
    name: String,
    pub(super) stage: Stage,
    /// Once it is admitted.
    pub(super) leg: Option<LegKey>,
    /// A browser's, until the media bridge is asked.
    offer: String,
    /// Of one over plain RTP.
    pub(super) plain: Option<Box<Plain>>,
    /// When the client may ask for a change again.
    change_from: Instant,
    /// How it ends, if we end it.
    pub(super) outcome: Option<(LegState, Cause)>,
    deadline: Option<Instant>,
    /// A change waits for the media bridge, until then.
    changing: Option<Instant>,
    /// Answers of the media bridge that nobody waits for any more: those of changes that it was too slow for.
    stale: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Voices {
    max: usize,
    pub(super) known: HashMap<CallKey, Call>,
    by_name: HashMap<String, CallKey>,
    by_leg: HashMap<LegKey, CallKey>,
    pub(super) deadlines: Deadlines,
    next_name: u64,
    outputs: VecDeque<Output>,
}

impl Voices {
    /// At most so many calls.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            known: HashMap::new(),
            by_name: HashMap::new(),
            by_leg: HashMap::new(),
            deadlines: Deadlines::default(),
            next_name: 0,
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    pub(super) fn handle_timeout(&mut self, line: &mut Line<'_>) {
        while let Some((key, what)) = self.deadlines.pop(line.now) {
            let Some(call) = self.known.get_mut(&key) else {
                continue;
            };
            match what {
                Due::Probe => {
                    self.ask_whether_there(line, key);
                    continue;
                }
                Due::Change if call.plain.is_some() => {
                    call.changing = None;
                    self.offer_elsewhere(line, key);
                    continue;
                }
                Due::Change => {
                    call.changing = None;
                    call.stale += 1;
                    refuse_change(line, key, 488);
                    continue;
                }
                Due::Call => call.deadline = None,
            }
            let too_late = call.plain.as_ref().and_then(|plain| plain.too_late());
            let (reason, words) = match call.stage {
                Stage::Asked => (EndReason::Network, "Nobody could answer."),
                _ if let Some(words) = too_late => (EndReason::Media, words),
                Stage::Joined => (EndReason::Network, CONNECTION_LOST),
                Stage::Joining if call.plain.is_none() => {
                    (EndReason::Media, "The browser did not connect.")
                }
                Stage::Opening | Stage::Joining => {
                    (EndReason::Media, "The media bridge does not answer.")
                }
            };
            self.give_up(line, key, own(LegState::Failed, reason, words));
        }
    }

    /// What the focus asks for; what is meant for telephones is nothing to us.
    pub(super) fn command(&mut self, line: &mut Line<'_>, command: BridgeCommand) {
        match command {
            BridgeCommand::Admit { call, leg, .. } => self.admit(&call, leg, line.now),
            BridgeCommand::Refuse { call, sip, words } => {
                if let Some(key) = self.by_name.get(&call).copied() {
                    line.reject(key, sip, &words);
                }
            }
            BridgeCommand::Release { leg } => {
                if let Some(key) = self.by_leg.get(&leg).copied() {
                    let outcome = own(LegState::Left, EndReason::ByModerator, "Disconnected.");
                    self.give_up(line, key, outcome);
                }
            }
            BridgeCommand::Mute { leg, on } => {
                if self.by_leg.contains_key(&leg) {
                    self.media(MediaCommand::Mute { leg, on });
                }
            }
            BridgeCommand::Announce {
                leg,
                prompt,
                language,
            } => {
                if self.by_leg.contains_key(&leg) {
                    self.media(MediaCommand::Play {
                        leg,
                        prompt,
                        language,
                        repeat: 1,
                    });
                }
            }
            BridgeCommand::Dial { .. } | BridgeCommand::Close { .. } => {}
        }
    }

    /// What the media bridge tells; of telephones' legs nothing is taken.
    pub(super) fn media_event(&mut self, line: &mut Line<'_>, event: MediaEvent) {
        match event {
            MediaEvent::OpenedWeb { leg, answer } => self.opened(line, &leg, answer),
            MediaEvent::Opened { leg, local } => self.reserved(line, &leg, local),
            MediaEvent::Failed { leg, words } => self.failed(line, &leg, &words),
            MediaEvent::Joined { leg } => {
                if let Some((key, call)) = self.call_of(&leg)
                    && call.stage == Stage::Joining
                {
                    call.stage = Stage::Joined;
                    let held = call.plain.as_ref().is_some_and(|plain| plain.is_held());
                    self.set_deadline(key, None);
                    self.begin_probes(key, line.now);
                    self.tell(&leg, LegEvent::Joined);
                    if held {
                        self.tell(&leg, LegEvent::Held { on: true });
                    }
                }
            }
            MediaEvent::Key { leg, key } => self.in_the_mix(&leg, LegEvent::Key { key }),
            MediaEvent::Talking { leg, on } => self.in_the_mix(&leg, LegEvent::Talking { on }),
            MediaEvent::Silent { leg, on } => {
                if let Some(key) = self.by_leg.get(&leg).copied() {
                    self.is_silent(key, on, line.now);
                }
                self.in_the_mix(&leg, LegEvent::Silent { on });
            }
            MediaEvent::Lost { leg, on } => {
                // Who has not connected yet has a deadline already.
                if let Some((key, call)) = self.call_of(&leg)
                    && call.stage == Stage::Joined
                {
                    let until = line.now.checked_add(LOST_MAX).filter(|_| on);
                    self.set_deadline(key, until);
                }
            }
            // That all are gone was heard of before (`ConferenceUa::handle_media`).
            MediaEvent::PromptDone { .. } | MediaEvent::Closed { .. } | MediaEvent::Gone { .. } => {
            }
        }
    }

    /// Another media bridge has a conference: calls that wait for an answer to their offers wait for it from now on.
    pub(super) fn bridge_moved(&mut self, conference: &ConferenceId, now: Instant) {
        let waits = |call: &Call| {
            let of = call.leg.as_ref().map(|leg| &leg.conference);
            call.stage == Stage::Opening && of == Some(conference)
        };
        let known = self.known.iter().filter(|(_, call)| waits(call));
        for key in known.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.set_deadline(key, now.checked_add(MEDIA_MAX));
        }
        self.plain_moves(conference, now);
    }

    /// The media bridge is gone, for one conference or for all: their calls end.
    pub(super) fn bridge_lost(
        &mut self,
        line: &mut Line<'_>,
        conference: Option<&ConferenceId>,
        words: &str,
    ) {
        let lost = |call: &Call| {
            conference
                .is_none_or(|lost| call.leg.as_ref().is_some_and(|leg| leg.conference == *lost))
        };
        let known = self.known.iter().filter(|(_, call)| lost(call));
        let mut all: Vec<CallKey> = known.map(|(key, _)| *key).collect();
        all.sort_unstable();
        if !all.is_empty() {
            // Before the legs: a conference whose owner's leg ended first would end because the owner left (C12).
            self.bridge(BridgeEvent::Lost {
                conference: conference.cloned(),
                words: words.to_owned(),
            });
        }
        for key in all {
            self.give_up(line, key, own(LegState::Failed, EndReason::Bridge, words));
        }
    }

    /// Something about a call of ours.
    pub(super) fn on_call(&mut self, line: &mut Line<'_>, key: CallKey, event: CallEvent) {
        match event {
            CallEvent::Reinvite { offer } => self.changed(line, key, offer),
            CallEvent::Ended(ended) => self.ended(key, &ended),
            CallEvent::Info { content_type, body } => {
                let leg = self.known.get(&key).and_then(|call| call.leg.clone());
                if let Some((leg, key)) = leg.zip(call::key_of_info(&content_type, &body)) {
                    self.in_the_mix(&leg, LegEvent::Key { key });
                }
            }
            CallEvent::Reinvited { status, sdp } => self.followed(line, key, status, sdp.as_ref()),
            CallEvent::Probed { status } => self.is_there(line, key, status),
            CallEvent::ChangeAnswered { sdp } => self.change_is_answered(line, key, &sdp),
            CallEvent::Incoming { .. }
            | CallEvent::Confirmed { .. }
            | CallEvent::Trying
            | CallEvent::Ringing { .. }
            | CallEvent::Answered { .. } => {}
        }
    }

    /// Somebody calls.
    pub(super) fn arrived(&mut self, line: &mut Line<'_>, key: CallKey, arrival: Arrival) {
        let Wish::BeHeard(offer) = arrival.wish else {
            return;
        };
        if self.known.len() >= self.max {
            return line.reject(key, 503, "Service Unavailable");
        }
        self.next_name = self.next_name.wrapping_add(1);
        let name = format!("call-{}", self.next_name);
        let call = Call {
            name: name.clone(),
            stage: Stage::Asked,
            leg: None,
            plain: Plain::of(&offer, self.next_name),
            offer,
            change_from: line.now,
            outcome: None,
            deadline: None,
            changing: None,
            stale: 0,
        };
        self.known.insert(key, call);
        self.by_name.insert(name.clone(), key);
        self.set_deadline(key, line.now.checked_add(ASK_MAX));
        self.bridge(BridgeEvent::Arrived {
            call: name,
            conference: arrival.conference,
            user: arrival.user,
        });
    }
}

impl Voices {
    fn admit(&mut self, name: &str, leg: LegKey, now: Instant) {
        let key = self.by_name.get(name).copied();
        let call = key.and_then(|key| Some((key, self.known.get_mut(&key)?)));
        let Some((key, call)) = call.filter(|(_, call)| call.stage == Stage::Asked) else {
            // It hung up while the focus decided.
            let (state, cause) = own(LegState::Left, EndReason::HungUp, "Hung up.");
            return self.tell(&leg, LegEvent::Ended { state, cause });
        };
        call.stage = Stage::Opening;
        call.leg = Some(leg.clone());
        let offer = std::mem::take(&mut call.offer);
        let is_plain = call.plain.is_some();
        self.by_leg.insert(leg.clone(), key);
        self.set_deadline(key, now.checked_add(MEDIA_MAX));
        self.media(match is_plain {
            true => MediaCommand::Open { leg },
            false => MediaCommand::OpenWeb { leg, offer },
        });
    }

    /// The media bridge has answered an offer.
    fn opened(&mut self, line: &mut Line<'_>, leg: &LegKey, answer: String) {
        let Some((key, call)) = self.call_of(leg) else {
            return;
        };
        if call.stage != Stage::Opening {
            if self.change_is_done(key) {
                line.accept_change(key, answer);
            }
            return;
        }
        self.answered(line, key, leg, answer, None);
    }

    /// Answers a call whose place at the media bridge is there; over plain RTP with what was agreed. False when it is over at this moment,
    /// as its end tells next.
    pub(super) fn answered(
        &mut self,
        line: &mut Line<'_>,
        key: CallKey,
        leg: &LegKey,
        answer: String,
        params: Option<StreamParams>,
    ) -> bool {
        if let Some(call) = self.known.get_mut(&key) {
            call.stage = Stage::Joining;
        }
        if !line.answer(key, answer) {
            return false;
        }
        self.set_deadline(key, line.now.checked_add(CONNECT_MAX));
        self.tell(leg, LegEvent::Answered);
        if let Some(params) = params {
            let leg = leg.clone();
            self.media(MediaCommand::Connect { leg, params });
        }
        self.media(MediaCommand::Join { leg: leg.clone() });
        true
    }

    fn failed(&mut self, line: &mut Line<'_>, leg: &LegKey, words: &str) {
        let Some((key, call)) = self.call_of(leg) else {
            return;
        };
        let outcome = own(LegState::Failed, EndReason::Media, words);
        let is_plain = call.plain.is_some();
        match call.stage {
            Stage::Opening => {
                call.outcome = Some(outcome);
                // What a client offers over plain RTP the media bridge has not seen.
                match is_plain {
                    true => line.reject(key, 503, "Service Unavailable"),
                    false => line.reject(key, 488, "Not Acceptable Here"),
                }
            }
            // It has no longer the leg, or no port for it where it moves to.
            _ if is_plain => self.give_up(line, key, outcome),
            _ => {
                if self.change_is_done(key) {
                    refuse_change(line, key, 488);
                }
            }
        }
    }

    /// The client offers a change.
    fn changed(&mut self, line: &mut Line<'_>, key: CallKey, offer: Option<Bytes>) {
        let call = self.known.get_mut(&key);
        let call = call.filter(|call| matches!(call.stage, Stage::Joining | Stage::Joined));
        let Some(call) = call else {
            return refuse_change(line, key, 488);
        };
        if line.now < call.change_from {
            return refuse_change(line, key, 500);
        }
        let change_from = line.now.checked_add(PACE).unwrap_or(line.now);
        if call.plain.is_some() {
            call.change_from = change_from;
            return self.changed_plainly(line, key, offer.as_ref());
        }
        let offer = offer.and_then(|offer| String::from_utf8(offer.to_vec()).ok());
        // Without an offer of theirs there is nothing to answer: ours would need the browser to have none.
        let Some(offer) = offer else {
            return refuse_change(line, key, 488);
        };
        call.change_from = change_from;
        if let Some(leg) = call.leg.clone() {
            self.set_changing(key, line.now.checked_add(MEDIA_MAX));
            self.media(MediaCommand::Reoffer { leg, offer });
        }
    }

    /// Ends a call from our side, wherever it stands.
    pub(super) fn give_up(
        &mut self,
        line: &mut Line<'_>,
        key: CallKey,
        outcome: (LegState, Cause),
    ) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        let (state, _) = call.outcome.get_or_insert(outcome);
        // Whoever was not answered yet is told that it was no "no" of the others (RFC 3261 §21.6.2).
        let fails = *state == LegState::Failed;
        let unanswered = matches!(call.stage, Stage::Asked | Stage::Opening);
        self.set_deadline(key, None);
        match unanswered && fails {
            true => line.reject(key, 503, "Service Unavailable"),
            false => line.hang_up(key, CLEARING),
        }
    }

    fn ended(&mut self, key: CallKey, ended: &Ended) {
        self.set_deadline(key, None);
        self.set_changing(key, None);
        self.set_probe(key, None);
        let Some(call) = self.known.remove(&key) else {
            return;
        };
        self.by_name.remove(&call.name);
        let Some(leg) = call.leg else { return };
        self.by_leg.remove(&leg);
        self.media(MediaCommand::Close { leg: leg.clone() });
        let (state, mut cause) = call.outcome.unwrap_or_else(|| match ended.by {
            EndedBy::Network => own(LegState::Failed, EndReason::Network, CONNECTION_LOST),
            EndedBy::Us | EndedBy::Peer => own(LegState::Left, EndReason::HungUp, "Hung up."),
        });
        cause.q850 = cause.q850.or(ended.q850);
        self.tell(&leg, LegEvent::Ended { state, cause });
    }

    pub(super) fn in_the_mix(&mut self, leg: &LegKey, event: LegEvent) {
        if self
            .call_of(leg)
            .is_some_and(|(_, call)| call.stage == Stage::Joined)
        {
            self.tell(leg, event);
        }
    }

    pub(super) fn call_of(&mut self, leg: &LegKey) -> Option<(CallKey, &mut Call)> {
        let key = *self.by_leg.get(leg)?;
        Some((key, self.known.get_mut(&key)?))
    }

    pub(super) fn set_deadline(&mut self, key: CallKey, at: Option<Instant>) {
        if let Some(call) = self.known.get_mut(&key) {
            self.deadlines.set(&mut call.deadline, (key, Due::Call), at);
        }
    }

    /// Sets until when a change waits; tells whether one did.
    pub(super) fn set_changing(&mut self, key: CallKey, until: Option<Instant>) -> bool {
        let Some(call) = self.known.get_mut(&key) else {
            return false;
        };
        let what = (key, Due::Change);
        self.deadlines.set(&mut call.changing, what, until)
    }

    /// The media bridge, which answers changes in their order, has answered one; tells whether it is the one that waits.
    fn change_is_done(&mut self, key: CallKey) -> bool {
        match self.known.get_mut(&key) {
            Some(call) if call.stale > 0 => {
                call.stale -= 1;
                false
            }
            _ => self.set_changing(key, None),
        }
    }

    pub(super) fn tell(&mut self, leg: &LegKey, event: LegEvent) {
        self.bridge(BridgeEvent::Leg {
            leg: leg.clone(),
            event,
        });
    }

    fn bridge(&mut self, event: BridgeEvent) {
        self.outputs.push_back(Output::Bridge(event));
    }

    pub(super) fn media(&mut self, command: MediaCommand) {
        self.outputs.push_back(Output::Media(command));
    }
}

pub(super) fn refuse_change(line: &mut Line<'_>, key: CallKey, status: u16) {
    let reason = match status {
        488 => "Not Acceptable Here",
        _ => TOO_SOON,
    };
    line.reject_change(key, status, reason);
}

pub(super) fn own(state: LegState, reason: EndReason, words: &str) -> (LegState, Cause) {
    let cause = Cause {
        reason,
        sip: None,
        q850: None,
        words: words.to_owned(),
    };
    (state, cause)
}

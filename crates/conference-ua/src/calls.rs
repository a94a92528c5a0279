//! Calls to a conference: a person's client calls `sip:conf-ID@DOMAIN` to take part by sound (WebRTC). The focus says whether it may;
//! the media bridge answers its offer; the dialog is ours.
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

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use conference_core::event_package;
use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::media::{MediaCommand, MediaEvent};
use convoke_types::{Aor, Cause, ConferenceId, EndReason, LegKey, LegState};
use sip_proto::call::{self, CallEvent, CallKey, CallsConfig, Ended, EndedBy, Local};
use sip_proto::endpoint::{self, Endpoint};
use sip_proto::{Message, Source};

use crate::identity::asserted;
use crate::ports::Output;

/// How long the focus may take to say whether a call may come in.
const ASK_MAX: Duration = Duration::from_secs(10);
/// How long the media bridge may take to answer an offer.
const MEDIA_MAX: Duration = Duration::from_secs(5);
/// How long a browser may take to connect after our answer: its own checks give up after that.
const CONNECT_MAX: Duration = Duration::from_secs(30);
/// How long a call is kept whose browser is lost; the media bridge has then missed it for some 15 s.
const LOST_MAX: Duration = Duration::from_secs(45);
/// A person may call a conference, and change a call, once in this time: each costs a transport, and a leg or a port.
const PACE: Duration = Duration::from_secs(1);

/// How a call ends that nobody ended.
const CONNECTION_LOST: &str = "The connection was lost.";
/// The phrase of a 500 for what comes before its `PACE` is over; its Retry-After says when to come again.
const TOO_SOON: &str = "Too Soon";
/// Reason of our BYE (RFC 3326).
const CLEARING: &str = "Q.850;cause=16;text=\"Normal call clearing\"";

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
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
struct Call {
    name: String,
    stage: Stage,
    /// Once it is admitted.
    leg: Option<LegKey>,
    offer: String,
    /// When the client may ask for a change again.
    change_from: Instant,
    /// How it ends, if we end it.
    outcome: Option<(LegState, Cause)>,
    deadline: Option<Instant>,
    /// A change waits for the media bridge, until then.
    changing: Option<Instant>,
    /// Answers of the media bridge that nobody waits for any more: those of changes that it was too slow for.
    stale: u32,
}

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Call,
    Change,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Calls {
    domain: String,
    calls: call::Calls,
    known: HashMap<CallKey, Call>,
    by_name: HashMap<String, CallKey>,
    by_leg: HashMap<LegKey, CallKey>,
    deadlines: BTreeSet<(Instant, CallKey, Due)>,
    /// Who called what within the last `PACE`, in that order.
    recent: VecDeque<(Instant, (ConferenceId, Aor))>,
    recently: HashSet<(ConferenceId, Aor)>,
    next_name: u64,
    outputs: VecDeque<Output>,
}

impl Calls {
    pub(crate) fn new(domain: &str, local: Local, product: &str, calls_max: usize) -> Self {
        let mut config = CallsConfig::new(local, product);
        config.max_calls = calls_max;
        Self {
            domain: domain.to_ascii_lowercase(),
            calls: call::Calls::new(config),
            known: HashMap::new(),
            by_name: HashMap::new(),
            by_leg: HashMap::new(),
            deadlines: BTreeSet::new(),
            recent: VecDeque::new(),
            recently: HashSet::new(),
            next_name: 0,
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let ours = self.deadlines.first().map(|(at, ..)| *at);
        ours.into_iter().chain(self.calls.poll_timeout()).min()
    }

    pub(crate) fn handle_timeout(&mut self, endpoint: &mut Endpoint, now: Instant) {
        self.calls.handle_timeout(endpoint, now);
        while let Some(due) = self.deadlines.first().copied().filter(|due| due.0 <= now) {
            self.deadlines.remove(&due);
            let (_, key, what) = due;
            let Some(call) = self.known.get_mut(&key) else {
                continue;
            };
            if what == Due::Change {
                call.changing = None;
                call.stale += 1;
                self.refuse_change(endpoint, key, 488, now);
                continue;
            }
            call.deadline = None;
            let (reason, words) = match call.stage {
                Stage::Asked => (EndReason::Network, "Nobody could answer."),
                Stage::Joined => (EndReason::Network, CONNECTION_LOST),
                Stage::Opening => (EndReason::Media, "The media bridge does not answer."),
                Stage::Joining => (EndReason::Media, "The browser did not connect."),
            };
            self.give_up(endpoint, key, own(LegState::Failed, reason, words), now);
        }
        self.settle(endpoint, now);
    }

    /// Takes an endpoint's event; gives it back when it is not about a call. `believes` says whether who sent a request may say who
    /// asks.
    pub(crate) fn handle(
        &mut self,
        endpoint: &mut Endpoint,
        event: endpoint::Event,
        believes: impl Fn(&Source) -> bool,
        draining: bool,
        now: Instant,
    ) -> Option<endpoint::Event> {
        let event = self.calls.handle(endpoint, event, now);
        while let Some((key, event)) = self.calls.poll_event() {
            self.on_call(endpoint, key, event, &believes, draining, now);
        }
        event
    }

    /// What the focus asks for; what is meant for telephones is nothing to us.
    pub(crate) fn command(
        &mut self,
        endpoint: &mut Endpoint,
        command: BridgeCommand,
        now: Instant,
    ) {
        match command {
            BridgeCommand::Admit { call, leg, .. } => self.admit(&call, leg, now),
            BridgeCommand::Refuse { call, sip, words } => {
                if let Some(key) = self.by_name.get(&call).copied() {
                    // A caller who has gone meanwhile needs no answer.
                    let _ = self.calls.reject(endpoint, key, sip, &words, now);
                }
            }
            BridgeCommand::Release { leg } => {
                if let Some(key) = self.by_leg.get(&leg).copied() {
                    let outcome = own(LegState::Left, EndReason::ByModerator, "Disconnected.");
                    self.give_up(endpoint, key, outcome, now);
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
        self.settle(endpoint, now);
    }

    /// What the media bridge tells; of telephones' legs nothing is taken.
    pub(crate) fn media_event(&mut self, endpoint: &mut Endpoint, event: MediaEvent, now: Instant) {
        match event {
            MediaEvent::OpenedWeb { leg, answer } => self.opened(endpoint, &leg, answer, now),
            MediaEvent::Failed { leg, words } => self.failed(endpoint, &leg, words, now),
            MediaEvent::Joined { leg } => {
                if let Some((key, call)) = self.call_of(&leg)
                    && call.stage == Stage::Joining
                {
                    call.stage = Stage::Joined;
                    self.set_deadline(key, None);
                    self.tell(&leg, LegEvent::Joined);
                }
            }
            MediaEvent::Key { leg, key } => self.in_the_mix(&leg, LegEvent::Key { key }),
            MediaEvent::Talking { leg, on } => self.in_the_mix(&leg, LegEvent::Talking { on }),
            MediaEvent::Silent { leg, on } => self.in_the_mix(&leg, LegEvent::Silent { on }),
            MediaEvent::Lost { leg, on } => {
                // Who has not connected yet has a deadline already.
                if let Some((key, call)) = self.call_of(&leg)
                    && call.stage == Stage::Joined
                {
                    let until = now.checked_add(LOST_MAX).filter(|_| on);
                    self.set_deadline(key, until);
                }
            }
            MediaEvent::Opened { .. }
            | MediaEvent::PromptDone { .. }
            | MediaEvent::Closed { .. } => {}
        }
        self.settle(endpoint, now);
    }

    /// The media bridge is gone, or the server goes down: all calls end.
    pub(crate) fn end_all(
        &mut self,
        endpoint: &mut Endpoint,
        reason: EndReason,
        words: &str,
        now: Instant,
    ) {
        let mut all: Vec<CallKey> = self.known.keys().copied().collect();
        all.sort_unstable();
        for key in all {
            self.give_up(endpoint, key, own(LegState::Failed, reason, words), now);
        }
        self.settle(endpoint, now);
    }
}

impl Calls {
    fn on_call(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        event: CallEvent,
        believes: &impl Fn(&Source) -> bool,
        draining: bool,
        now: Instant,
    ) {
        match event {
            CallEvent::Incoming {
                source,
                invite,
                offer,
            } => {
                let verdict = match (draining, believes(&source)) {
                    (true, _) => Err((503, "Service Unavailable")),
                    (_, false) => Err((403, "Forbidden")),
                    _ => self.read(&invite, offer),
                };
                let verdict = verdict.and_then(|arrival| self.paced(arrival, now));
                match verdict {
                    Ok(arrival) => self.arrived(key, arrival, now),
                    Err((status, reason)) => {
                        // It has just come, so it can be refused.
                        let _ = self.calls.reject(endpoint, key, status, reason, now);
                    }
                }
            }
            CallEvent::Reinvite { offer } => self.changed(endpoint, key, offer, now),
            CallEvent::Ended(ended) => self.ended(key, &ended),
            CallEvent::Info { content_type, body } => {
                let leg = self.known.get(&key).and_then(|call| call.leg.clone());
                if let Some((leg, key)) = leg.zip(call::key_of_info(&content_type, &body)) {
                    self.in_the_mix(&leg, LegEvent::Key { key });
                }
            }
            CallEvent::Confirmed { .. }
            | CallEvent::Ringing { .. }
            | CallEvent::Answered { .. }
            | CallEvent::Reinvited { .. } => {}
        }
    }

    /// Who calls which conference with what.
    fn read(&self, invite: &Message, offer: Option<Bytes>) -> Result<Arrival, (u16, &'static str)> {
        let user = asserted(invite, &self.domain).and_then(|account| account.parse::<Aor>().ok());
        let user = user.ok_or((403, "Forbidden"))?;
        let conference = invite.uri().ok().and_then(|uri| {
            let ours = uri.is_sip() && uri.host().eq_ignore_ascii_case(&self.domain);
            event_package::conference_of(&uri.user_decoded().filter(|_| ours)?)
        });
        let conference = conference.ok_or((404, "Not Found"))?;
        let offer = offer.and_then(|offer| String::from_utf8(offer.to_vec()).ok());
        let offer = offer.ok_or((488, "Not Acceptable Here"))?;
        Ok(Arrival {
            conference,
            user,
            offer,
        })
    }

    /// Refuses who has called the same just now.
    fn paced(&mut self, arrival: Arrival, now: Instant) -> Result<Arrival, (u16, &'static str)> {
        while let Some((at, who)) = self.recent.front()
            && now.saturating_duration_since(*at) >= PACE
        {
            self.recently.remove(who);
            self.recent.pop_front();
        }
        let who = (arrival.conference.clone(), arrival.user.clone());
        if !self.recently.insert(who.clone()) {
            return Err((500, TOO_SOON));
        }
        self.recent.push_back((now, who));
        Ok(arrival)
    }

    fn arrived(&mut self, key: CallKey, arrival: Arrival, now: Instant) {
        self.next_name = self.next_name.wrapping_add(1);
        let name = format!("web-{}", self.next_name);
        let call = Call {
            name: name.clone(),
            stage: Stage::Asked,
            leg: None,
            offer: arrival.offer,
            change_from: now,
            outcome: None,
            deadline: None,
            changing: None,
            stale: 0,
        };
        self.known.insert(key, call);
        self.by_name.insert(name.clone(), key);
        self.set_deadline(key, now.checked_add(ASK_MAX));
        self.bridge(BridgeEvent::Arrived {
            call: name,
            conference: arrival.conference,
            user: arrival.user,
        });
    }

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
        self.by_leg.insert(leg.clone(), key);
        self.set_deadline(key, now.checked_add(MEDIA_MAX));
        self.media(MediaCommand::OpenWeb { leg, offer });
    }

    /// The media bridge has answered an offer.
    fn opened(&mut self, endpoint: &mut Endpoint, leg: &LegKey, answer: String, now: Instant) {
        let Some((key, call)) = self.call_of(leg) else {
            return;
        };
        let answer = Bytes::from(answer);
        if call.stage != Stage::Opening {
            if self.change_is_done(key) {
                // A change that was taken back needs no answer.
                let _ = self.calls.accept_change(endpoint, key, answer, now);
            }
            return;
        }
        call.stage = Stage::Joining;
        if self.calls.answer(endpoint, key, answer, now).is_err() {
            // Cancelled at this moment: its end is told next.
            return;
        }
        self.set_deadline(key, now.checked_add(CONNECT_MAX));
        self.tell(leg, LegEvent::Answered);
        self.media(MediaCommand::Join { leg: leg.clone() });
    }

    fn failed(&mut self, endpoint: &mut Endpoint, leg: &LegKey, words: String, now: Instant) {
        let Some((key, call)) = self.call_of(leg) else {
            return;
        };
        if call.stage != Stage::Opening {
            if self.change_is_done(key) {
                self.refuse_change(endpoint, key, 488, now);
            }
        } else {
            call.outcome = Some(own(LegState::Failed, EndReason::Media, &words));
            let _ = self
                .calls
                .reject(endpoint, key, 488, "Not Acceptable Here", now);
        }
    }

    /// The client offers a change.
    fn changed(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        offer: Option<Bytes>,
        now: Instant,
    ) {
        let offer = offer.and_then(|offer| String::from_utf8(offer.to_vec()).ok());
        let call = self.known.get_mut(&key);
        let call = call.filter(|call| matches!(call.stage, Stage::Joining | Stage::Joined));
        // Without an offer of theirs there is nothing to answer: ours would need the browser to have none.
        let Some((call, offer)) = call.zip(offer) else {
            return self.refuse_change(endpoint, key, 488, now);
        };
        if now < call.change_from {
            return self.refuse_change(endpoint, key, 500, now);
        }
        call.change_from = now.checked_add(PACE).unwrap_or(now);
        if let Some(leg) = call.leg.clone() {
            self.set_changing(key, now.checked_add(MEDIA_MAX));
            self.media(MediaCommand::Reoffer { leg, offer });
        }
    }

    fn refuse_change(&mut self, endpoint: &mut Endpoint, key: CallKey, status: u16, now: Instant) {
        let reason = match status {
            488 => "Not Acceptable Here",
            _ => TOO_SOON,
        };
        // One that was taken back needs no answer.
        let _ = self.calls.reject_change(endpoint, key, status, reason, now);
    }

    /// Ends a call from our side, wherever it stands.
    fn give_up(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        outcome: (LegState, Cause),
        now: Instant,
    ) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        call.outcome.get_or_insert(outcome);
        self.set_deadline(key, None);
        self.calls.hang_up(endpoint, key, Some(CLEARING), now);
    }

    /// Takes in what came of our own acts.
    fn settle(&mut self, endpoint: &mut Endpoint, now: Instant) {
        while let Some((key, event)) = self.calls.poll_event() {
            self.on_call(endpoint, key, event, &|_: &Source| false, false, now);
        }
    }

    fn ended(&mut self, key: CallKey, ended: &Ended) {
        self.set_deadline(key, None);
        self.set_changing(key, None);
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

    fn in_the_mix(&mut self, leg: &LegKey, event: LegEvent) {
        if self
            .call_of(leg)
            .is_some_and(|(_, call)| call.stage == Stage::Joined)
        {
            self.tell(leg, event);
        }
    }

    fn call_of(&mut self, leg: &LegKey) -> Option<(CallKey, &mut Call)> {
        let key = *self.by_leg.get(leg)?;
        Some((key, self.known.get_mut(&key)?))
    }

    fn set_deadline(&mut self, key: CallKey, at: Option<Instant>) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut call.deadline, at) {
            self.deadlines.remove(&(before, key, Due::Call));
        }
        self.deadlines.extend(at.map(|at| (at, key, Due::Call)));
    }

    /// Sets until when a change waits; tells whether one did.
    fn set_changing(&mut self, key: CallKey, until: Option<Instant>) -> bool {
        let Some(call) = self.known.get_mut(&key) else {
            return false;
        };
        let before = std::mem::replace(&mut call.changing, until);
        if let Some(before) = before {
            self.deadlines.remove(&(before, key, Due::Change));
        }
        self.deadlines
            .extend(until.map(|at| (at, key, Due::Change)));
        before.is_some()
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

/// A call that may ask to come in.
struct Arrival {
    conference: ConferenceId,
    user: Aor,
    offer: String,
}

fn own(state: LegState, reason: EndReason, words: &str) -> (LegState, Cause) {
    let cause = Cause {
        reason,
        sip: None,
        q850: None,
        words: words.to_owned(),
    };
    (state, cause)
}

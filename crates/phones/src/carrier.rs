//! The simulated telephone network's SIP side, pure: a carrier that wants digest credentials and rings its telephones.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::E164;
use convoke_types::media::Codec;
use runtime::driver::{CoreOutput, SipCore};
use runtime::sip::TransportEvent;
use sip_proto::auth::{Credential, DigestResponse, Login, Verifier, VerifierConfig};
use sip_proto::call::{CallEvent, CallKey, Calls, CallsConfig, Ended, EndedBy, Local};
use sip_proto::endpoint::{self, Endpoint, Event};
use sip_proto::sdp::{self, Direction, Sdp, SessionId, Side};
use sip_proto::{HeaderName, Message, Method, ResponseBuilder, ServerTx};

use crate::behaviour::{Behaviour, Law, Phone, Says, Voice};
use crate::line::{Heard, Order};
use crate::microphone::Sound;

#[cfg(test)]
mod tests;

/// Calls at once on the whole network.
const CALLS_MAX: usize = 10_000;
const REALM: &str = "carrier";
/// The status of a call that somebody did not want (RFC 3261 §21.6.2).
const DECLINE: u16 = 603;

/// What a person does with a simulated telephone.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Picks up.
    Answer,
    /// Refuses while it rings.
    Decline,
    /// Hangs up.
    HangUp,
    /// Presses a key.
    Press(char),
    /// Says something else from now on.
    Say(Says),
    /// Puts the other side on hold, or takes it back.
    Hold(bool),
}

/// What a simulated telephone did.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// It rings; who calls, as shown.
    Rings {
        /// Display name or number of the caller.
        caller: String,
    },
    /// It was picked up.
    Answered,
    /// The other side acknowledged.
    Connected,
    /// The other side pressed a key.
    Key(char),
    /// It heard something other than silence, for the first time.
    Hears,
    /// The call is over.
    Ended(End),
    /// It was called and refused at once; who called, as shown.
    Refused {
        /// Display name or number of the caller.
        caller: String,
    },
    /// It does something else from now on.
    Became(Behaviour),
}

/// How a call on a simulated telephone ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was declined while it rang.
    Declined,
    /// It hung up, after it had been picked up.
    HungUp,
    /// The caller hung up or gave up, or the two lost each other.
    ByCaller,
}

impl End {
    /// As the end of a call shows it to whoever was called.
    fn of(ended: &Ended) -> Self {
        match (ended.by, ended.status) {
            (EndedBy::Us, Some(DECLINE)) => Self::Declined,
            (EndedBy::Us, None) => Self::HungUp,
            // A description that the two do not agree on, too, is nothing that anybody did at the telephone.
            (EndedBy::Us | EndedBy::Peer | EndedBy::Network, _) => Self::ByCaller,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Input {
    LineOpen {
        call: CallKey,
        local: Option<SocketAddr>,
    },
    Heard {
        call: CallKey,
        heard: Heard,
    },
    Act {
        number: E164,
        act: Act,
    },
    Behave {
        number: E164,
        behaviour: Behaviour,
    },
}

#[derive(Debug)]
pub(crate) enum Output {
    OpenLine {
        call: CallKey,
        number: E164,
        sound: Sound,
    },
    Line {
        call: CallKey,
        order: Order,
    },
    CloseLine {
        call: CallKey,
    },
    Event {
        /// The call that it is about, if one.
        call: Option<CallKey>,
        number: E164,
        what: What,
    },
}

/// One call on a telephone.
struct Ringing {
    phone: Phone,
    offer: Option<Sdp>,
    /// Our description, once the line is open.
    ours: Option<Sdp>,
    session: SessionId,
    answered: bool,
    /// What happens next by itself.
    due: Option<Instant>,
}

pub(crate) struct Carrier {
    endpoint: Endpoint,
    calls: Calls,
    verifier: Verifier,
    credential: Option<(String, Credential)>,
    phones: HashMap<String, Phone>,
    active: HashMap<CallKey, Ringing>,
    due: BTreeSet<(Instant, CallKey)>,
    sessions: u64,
    outputs: VecDeque<CoreOutput<Output>>,
}

/// What a carrier is told once.
pub(crate) struct Config {
    pub local: Local,
    pub phones: Vec<Phone>,
    pub login: Option<Login>,
    pub seed: [u8; 32],
    pub nonce_key: [u8; 32],
}

impl Carrier {
    pub fn new(config: Config, now: Instant) -> Self {
        let mut calls = CallsConfig::new(config.local, "Convoke-Phones");
        calls.max_calls = CALLS_MAX;
        Self {
            endpoint: Endpoint::new(config.seed, endpoint::Config::default()),
            calls: Calls::new(calls),
            verifier: Verifier::new(REALM, config.nonce_key, VerifierConfig::default(), now),
            credential: config.login.map(|login| {
                let credential = Credential::from_password(&login.username, REALM, &login.password);
                (login.username, credential)
            }),
            phones: config
                .phones
                .into_iter()
                .map(|phone| (phone.number.to_string(), phone))
                .collect(),
            active: HashMap::new(),
            due: BTreeSet::new(),
            sessions: 1,
            outputs: VecDeque::new(),
        }
    }

    // -- who calls

    /// Whether an INVITE that begins a call may pass; otherwise it is challenged.
    fn admits(&mut self, tx: ServerTx, message: &Message, now: Instant) -> bool {
        let Some((username, credential)) = &self.credential else {
            return true;
        };
        let offered = message
            .header(HeaderName::ProxyAuthorization)
            .map(DigestResponse::parse);
        let refusal = match offered {
            Some(Ok(response)) => {
                let known = (response.username == *username).then_some(credential);
                self.verifier.verify(&response, "INVITE", known, now).err()
            }
            Some(Err(_)) | None => Some(sip_proto::auth::Refusal::Wrong),
        };
        let Some(refusal) = refusal else { return true };
        let stale = refusal == sip_proto::auth::Refusal::Stale;
        let tag = self.endpoint.tokens().tag();
        let mut response =
            ResponseBuilder::reply(message, 407, "Proxy Authentication Required").to_tag(&tag);
        for challenge in self.verifier.challenges(stale, now) {
            response = response.header(HeaderName::ProxyAuthenticate, challenge);
        }
        self.endpoint.respond(tx, &response.build(), now);
        false
    }

    fn sip_event(&mut self, event: Event, now: Instant) {
        if let Event::Request { tx, message, .. } = &event
            && message.method_ref() == Some(&Method::Invite)
            && message.to().is_ok_and(|to| to.tag().is_none())
        {
            let (tx, message) = (*tx, message.clone());
            if !self.admits(tx, &message, now) {
                return;
            }
        }
        if let Some(Event::Request { tx, message, .. }) =
            self.calls.handle(&mut self.endpoint, event, now)
        {
            let answer = match message.method() {
                Some(Method::Options) => ResponseBuilder::reply(&message, 200, "OK"),
                Some(Method::Bye) => {
                    ResponseBuilder::reply(&message, 481, "Call/Transaction Does Not Exist")
                }
                _ => ResponseBuilder::reply(&message, 405, "Method Not Allowed"),
            };
            self.endpoint.respond(tx, &answer.build(), now);
        }
    }

    // -- what happens to a telephone

    fn call_event(&mut self, call: CallKey, event: CallEvent, now: Instant) {
        match event {
            CallEvent::Incoming { invite, offer, .. } => {
                self.incoming(call, &invite, offer.as_ref(), now)
            }
            CallEvent::Confirmed { .. } => self.event(call, What::Connected),
            CallEvent::Reinvite { offer } => self.reinvited(call, offer.as_ref(), now),
            CallEvent::Ended(ended) => self.ended(call, End::of(&ended)),
            CallEvent::Trying
            | CallEvent::Ringing { .. }
            | CallEvent::Answered { .. }
            | CallEvent::Reinvited { .. }
            | CallEvent::Probed { .. }
            | CallEvent::ChangeAnswered { .. }
            | CallEvent::Info { .. } => {}
        }
    }

    fn incoming(&mut self, call: CallKey, invite: &Message, offer: Option<&Bytes>, now: Instant) {
        let number = invite
            .uri()
            .ok()
            .and_then(|uri| uri.user_decoded().map(|user| user.into_owned()));
        let phone = number.and_then(|number| self.phones.get(&number)).cloned();
        let offer = offer.and_then(|body| Sdp::parse(body).ok());
        let caller = invite.from().ok().map_or_else(String::new, |from| {
            from.display_name()
                .unwrap_or_else(|| from.uri().user().unwrap_or_default().to_owned())
        });
        let refusal = match &phone {
            None => Some((404, "Not Found")),
            Some(_) if offer.is_none() => Some((488, "Not Acceptable Here")),
            Some(phone) => match phone.behaviour {
                Behaviour::Busy => Some((486, "Busy Here")),
                Behaviour::Refuse { status } => Some((status, "Refused")),
                _ => None,
            },
        };
        let called = phone.as_ref().map(|phone| phone.number.clone());
        let Some(phone) = phone.filter(|_| refusal.is_none()) else {
            let (status, reason) = refusal.unwrap_or((404, "Not Found"));
            if let Some(number) = called {
                let what = What::Refused { caller };
                self.app(Output::Event {
                    call: None,
                    number,
                    what,
                });
            }
            // The caller may have given up meanwhile.
            let _ = self
                .calls
                .reject(&mut self.endpoint, call, status, reason, now);
            return;
        };
        let early = matches!(&phone.behaviour, Behaviour::Answer(answer) if answer.early_media);
        let after_ms = match &phone.behaviour {
            Behaviour::Answer(answer) => Some(answer.after_ms),
            Behaviour::Decline { after_ms } | Behaviour::Voicemail { after_ms } => Some(*after_ms),
            _ => None,
        };
        self.sessions += 1;
        let number = phone.number.clone();
        let session = SessionId {
            id: self.sessions,
            version: 1,
        };
        self.active.insert(
            call,
            Ringing {
                phone,
                offer,
                ours: None,
                session,
                answered: false,
                due: None,
            },
        );
        self.set_due(call, after_ms.map(|ms| now + Duration::from_millis(ms)));
        self.event(call, What::Rings { caller });
        if early {
            self.app(Output::OpenLine {
                call,
                number,
                sound: Sound::Ringback,
            });
        } else {
            let _ = self.calls.ring(&mut self.endpoint, call, 180, None, now);
        }
    }

    fn overdue(&mut self, call: CallKey, now: Instant) {
        let Some(ringing) = self.active.get_mut(&call) else {
            return;
        };
        ringing.due = None;
        match (&ringing.phone.behaviour, ringing.answered) {
            (Behaviour::Decline { .. }, _) => self.decline(call, now),
            (_, false) => self.pick_up(call, now),
            (_, true) => self.calls.hang_up(&mut self.endpoint, call, None, now),
        }
    }

    fn decline(&mut self, call: CallKey, now: Instant) {
        // The caller may have given up meanwhile.
        let _ = self
            .calls
            .reject(&mut self.endpoint, call, DECLINE, "Decline", now);
    }

    /// Answers, if the line is open; otherwise opens it first.
    fn pick_up(&mut self, call: CallKey, now: Instant) {
        let Some(ringing) = self.active.get_mut(&call) else {
            return;
        };
        if ringing.answered {
            return;
        }
        let sound = said_after_answer(&ringing.phone);
        let Some(ours) = ringing.ours.clone() else {
            ringing.answered = true;
            let number = ringing.phone.number.clone();
            return self.app(Output::OpenLine {
                call,
                number,
                sound,
            });
        };
        ringing.answered = true;
        self.line(call, Order::Say(sound));
        self.answer(call, &ours, now);
    }

    fn line_open(&mut self, call: CallKey, local: Option<SocketAddr>, now: Instant) {
        let Some(ringing) = self.active.get_mut(&call) else {
            return self.app(Output::CloseLine { call });
        };
        let codecs = codecs(ringing.phone.law);
        let agreed = local
            .zip(ringing.offer.as_ref())
            .and_then(|(local, offer)| {
                let ours = sdp::answer(offer, local, ringing.session, &codecs, Direction::SendRecv)
                    .ok()?;
                let params = sdp::negotiated(offer, &ours, Side::Answerer).ok()?;
                Some((ours, params))
            });
        let Some((ours, params)) = agreed else {
            let _ = self
                .calls
                .reject(&mut self.endpoint, call, 488, "Not Acceptable Here", now);
            return;
        };
        ringing.ours = Some(ours.clone());
        let answered = ringing.answered;
        self.line(call, Order::Connect(params));
        if answered {
            self.answer(call, &ours, now);
        } else {
            let _ = self.calls.ring(
                &mut self.endpoint,
                call,
                183,
                Some(ours.to_string().into()),
                now,
            );
        }
    }

    fn answer(&mut self, call: CallKey, ours: &Sdp, now: Instant) {
        if self
            .calls
            .answer(&mut self.endpoint, call, ours.to_string().into(), now)
            .is_err()
        {
            return;
        }
        self.event(call, What::Answered);
        let Some(ringing) = self.active.get(&call) else {
            return;
        };
        if let Behaviour::Answer(answer) = ringing.phone.behaviour.clone() {
            if let Some(key) = answer.presses {
                self.line(call, Order::PressAfterPrompt(key));
            }
            self.set_due(
                call,
                answer
                    .hangs_up_after_ms
                    .map(|ms| now + Duration::from_millis(ms)),
            );
        }
    }

    fn reinvited(&mut self, call: CallKey, offer: Option<&Bytes>, now: Instant) {
        let Some(ringing) = self.active.get_mut(&call) else {
            return;
        };
        let local = ringing.ours.as_ref().and_then(|ours| {
            let audio = ours.audio()?;
            Some(SocketAddr::new(ours.address_of(audio)?, audio.port))
        });
        let offer = offer.and_then(|body| Sdp::parse(body).ok());
        let codecs = codecs(ringing.phone.law);
        let next = ringing.session.next();
        let agreed = offer.as_ref().zip(local).and_then(|(offer, local)| {
            let ours = sdp::answer(offer, local, next, &codecs, Direction::SendRecv).ok()?;
            let params = sdp::negotiated(offer, &ours, Side::Answerer).ok()?;
            Some((ours, params))
        });
        let Some((ours, params)) = agreed else {
            let _ =
                self.calls
                    .reject_change(&mut self.endpoint, call, 488, "Not Acceptable Here", now);
            return;
        };
        ringing.session = next;
        ringing.ours = Some(ours.clone());
        let _ = self
            .calls
            .accept_change(&mut self.endpoint, call, ours.to_string().into(), now);
        self.line(call, Order::Connect(params));
    }

    fn ended(&mut self, call: CallKey, end: End) {
        self.set_due(call, None);
        self.event(call, What::Ended(end));
        if self.active.remove(&call).is_some() {
            self.app(Output::CloseLine { call });
        }
    }

    // -- what people do

    fn act(&mut self, number: &E164, act: Act, now: Instant) {
        let call = self
            .active
            .iter()
            .find(|(_, ringing)| ringing.phone.number == *number)
            .map(|(call, _)| *call);
        let Some(call) = call else { return };
        match act {
            Act::Answer => {
                self.set_due(call, None);
                self.pick_up(call, now);
            }
            Act::Decline => self.decline(call, now),
            Act::HangUp => self.calls.hang_up(&mut self.endpoint, call, None, now),
            Act::Press(key) => self.line(call, Order::Press(key)),
            Act::Say(says) => self.line(call, Order::Say(Sound::Says(says))),
            Act::Hold(on) => self.hold(call, on, now),
        }
    }

    /// From the next call on; calls under way go on as they began.
    fn set_behaviour(&mut self, number: &E164, behaviour: Behaviour) {
        if let Some(phone) = self.phones.get_mut(number.as_str()) {
            phone.behaviour = behaviour.clone();
            self.app(Output::Event {
                call: None,
                number: number.clone(),
                what: What::Became(behaviour),
            });
        }
    }

    fn hold(&mut self, call: CallKey, on: bool, now: Instant) {
        let Some(ringing) = self.active.get_mut(&call) else {
            return;
        };
        let Some(ours) = &mut ringing.ours else {
            return;
        };
        ringing.session = ringing.session.next();
        ours.origin.version = ringing.session.version;
        ours.set_direction(if on {
            Direction::SendOnly
        } else {
            Direction::SendRecv
        });
        let body = ours.to_string().into();
        // Before the answer, or while another change is under way, nothing is held.
        let _ = self.calls.change(&mut self.endpoint, call, body, now);
    }

    // -- plumbing

    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.endpoint.poll_output() {
                match output {
                    endpoint::Output::Send {
                        target,
                        bytes,
                        token,
                    } => {
                        self.outputs.push_back(CoreOutput::Send {
                            target,
                            bytes,
                            token: Some(token),
                        });
                    }
                    endpoint::Output::Event(event) => self.sip_event(event, now),
                }
            }
            let Some((call, event)) = self.calls.poll_event() else {
                return;
            };
            self.call_event(call, event, now);
        }
    }

    fn set_due(&mut self, call: CallKey, at: Option<Instant>) {
        let Some(ringing) = self.active.get_mut(&call) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut ringing.due, at) {
            self.due.remove(&(before, call));
        }
        if let Some(at) = at {
            self.due.insert((at, call));
        }
    }

    fn event(&mut self, call: CallKey, what: What) {
        if let Some(ringing) = self.active.get(&call) {
            let number = ringing.phone.number.clone();
            self.app(Output::Event {
                call: Some(call),
                number,
                what,
            });
        }
    }

    fn line(&mut self, call: CallKey, order: Order) {
        self.app(Output::Line { call, order });
    }

    fn app(&mut self, output: Output) {
        self.outputs.push_back(CoreOutput::App(output));
    }
}

impl SipCore for Carrier {
    type Input = Input;
    type Output = Output;

    fn handle_transport(&mut self, event: TransportEvent, now: Instant) {
        match event {
            TransportEvent::Message { source, message } => {
                self.endpoint.handle_message(source, message, now)
            }
            TransportEvent::Bad { source, error } => self.endpoint.handle_malformed(source, &error),
            TransportEvent::FlowClosed { flow } => self.endpoint.handle_flow_closed(flow, now),
            TransportEvent::SendFailed { token, .. } => {
                self.endpoint.handle_send_failed(token, now)
            }
        }
        self.settle(now);
    }

    fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::LineOpen { call, local } => self.line_open(call, local, now),
            Input::Heard {
                call,
                heard: Heard::Key(key),
            } => self.event(call, What::Key(key)),
            Input::Heard {
                call,
                heard: Heard::Sound,
            } => self.event(call, What::Hears),
            Input::Act { number, act } => self.act(&number, act, now),
            Input::Behave { number, behaviour } => self.set_behaviour(&number, behaviour),
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.calls.handle_timeout(&mut self.endpoint, now);
        while let Some((at, call)) = self.due.first().copied() {
            if at > now {
                break;
            }
            self.due.remove(&(at, call));
            self.overdue(call, now);
        }
        self.settle(now);
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let due = self.due.first().map(|(at, _)| *at);
        self.endpoint
            .poll_timeout()
            .into_iter()
            .chain(self.calls.poll_timeout())
            .chain(due)
            .min()
    }

    fn poll_output(&mut self) -> Option<CoreOutput<Output>> {
        self.outputs.pop_front()
    }
}

fn codecs(law: Law) -> [Codec; 2] {
    match law {
        Law::Mu => [Codec::Pcmu, Codec::Pcma],
        Law::A => [Codec::Pcma, Codec::Pcmu],
    }
}

fn said_after_answer(phone: &Phone) -> Sound {
    Sound::Says(match &phone.behaviour {
        Behaviour::Answer(answer) => answer.says.clone(),
        Behaviour::Voicemail { .. } => Says::Voice(Voice::Voicemail),
        _ => Says::Nothing,
    })
}

//! Calls over plain RTP, as SIP telephones and clients make them that know no WebRTC. Their offers are answered here, and the media
//! bridge gives a port, as for a telephone that is dialled.
//!
//! ```text
//!  INVITE ──► Arrived ──► focus ──► Admit ──► Open ──► media bridge ──► Opened ──► 200 OK, Connect, Join ──► Joined
//!  re-INVITE (hold, other media) ──► 200 OK, Connect
//!  Opened once more (another media bridge goes on) ──► our re-INVITE ──► Connect
//! ```
//!
//! Nothing on a path over UDP tells that a client is gone; one of which nothing is heard is asked within its call whether it is there.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::bridge::LegEvent;
use convoke_types::media::{Codec, MediaCommand, StreamParams};
use convoke_types::{ConferenceId, EndReason, LegKey, LegState};
use sip_proto::call::CallKey;
use sip_proto::sdp::{self, Direction, Sdp, SessionId, Side};

use super::line::{Due, Line};
use super::voices::{
    CONNECTION_LOST, Call, LOST_MAX, MEDIA_MAX, Stage, Voices, own, refuse_change,
};
use crate::probing::{PROBE_AGAIN, PROBE_EVERY, is_away};

/// What is taken of an offer, in the offer's order.
const CODECS: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];
/// The pause before an offer of ours that a change of theirs stood in the way of.
const AGAIN: Duration = Duration::from_millis(500);
/// The pause after one that was refused for the moment: who was called waits up to 2 s (RFC 3261 §14.1).
const AGAIN_AFTER_REFUSAL: Duration = Duration::from_secs(2);
/// How long a client may take to follow its sound to another media bridge.
const MOVE_MAX: Duration = Duration::from_secs(32);
const NO_PORT: &str = "The media bridge does not answer.";
const NOT_FOLLOWED: &str = "The client did not follow its sound to another media bridge.";

/// The sound of such a call.
#[derive(Debug)]
pub(super) struct Plain {
    /// Theirs, to be answered when the port is there.
    offer: Sdp,
    session: SessionId,
    /// Where their sound is received.
    at: Option<SocketAddr>,
    /// Our description in force.
    ours: Option<Sdp>,
    /// Our offer, where they had left it to us, with the place that it tells, until their answer comes in the ACK.
    asked: Option<(Sdp, SocketAddr)>,
    held: bool,
    moving: Moving,
    /// They have agreed to send.
    sends: bool,
    /// Nothing arrives.
    silent: bool,
    /// Since when it has not answered whether it is there.
    unheard: Option<Instant>,
    probe: Option<Instant>,
}

/// The sound goes to another media bridge.
#[derive(Debug, PartialEq)]
enum Moving {
    /// It stays.
    No,
    /// That bridge reserves a port.
    Awaited,
    /// The port is to be offered.
    Due,
    /// It is offered.
    Offered(Sdp),
}

/// What both have agreed on.
struct Agreed {
    params: StreamParams,
    /// They put us on hold, or take us back.
    holds: Option<bool>,
}

impl Plain {
    /// Of an offer with sound over plain RTP. `id`: of our session, unique for us.
    pub(super) fn of(offer: &str, id: u64) -> Option<Box<Self>> {
        let offer = Sdp::parse(offer.as_bytes()).ok()?;
        offer.audio()?;
        Some(Box::new(Self {
            offer,
            session: SessionId { id, version: 1 },
            at: None,
            ours: None,
            asked: None,
            held: false,
            moving: Moving::No,
            sends: false,
            silent: false,
            unheard: None,
            probe: None,
        }))
    }

    /// Words for the end of one that is on its way to another media bridge still.
    pub(super) fn too_late(&self) -> Option<&'static str> {
        match self.moving {
            Moving::No => None,
            Moving::Awaited => Some(NO_PORT),
            Moving::Due | Moving::Offered(_) => Some(NOT_FOLLOWED),
        }
    }

    /// Whether they had put themselves on hold when they called.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Whether it is no wonder that nothing arrives, or it is one.
    fn is_quiet(&self) -> bool {
        self.silent || !self.sends
    }

    /// Ours is the answer to their offer, or its answer has come.
    fn agree(&mut self, ours: Sdp, theirs: &Sdp, side: Side) -> Option<Agreed> {
        let (offer, answer) = match side {
            Side::Answerer => (theirs, &ours),
            Side::Offerer => (&ours, theirs),
        };
        let params = sdp::negotiated(offer, answer, side).ok()?;
        let local = self.at?;
        if !may_be_sent_to(params.remote, local) {
            return None;
        }
        self.sends = params.receive;
        self.ours = Some(ours);
        let held = theirs.is_hold();
        let holds = (std::mem::replace(&mut self.held, held) != held).then_some(held);
        Some(Agreed { params, holds })
    }

    /// Our answer to their offer.
    fn answer(&mut self, offer: &Sdp, session: SessionId) -> Option<(String, Agreed)> {
        let local = self.at?;
        let answer = sdp::answer(offer, local, session, &CODECS, Direction::SendRecv).ok()?;
        let text = answer.to_string();
        let agreed = self.agree(answer, offer, Side::Answerer)?;
        self.session = session;
        Some((text, agreed))
    }

    /// Our offer, which they have left to us: all that we can, as in a new call (RFC 3261 §14.2).
    fn offer(&mut self) -> Option<String> {
        let (at, session) = (self.at?, self.session.next());
        let offer = sdp::offer_again(self.ours.as_ref()?, at, session, &CODECS);
        self.session = session;
        let text = offer.to_string();
        self.asked = Some((offer, at));
        Some(text)
    }

    /// They know that we receive there.
    fn is_told(&mut self, at: Option<SocketAddr>) -> bool {
        let due = self.moving == Moving::Due && self.at == at;
        if due {
            self.moving = Moving::No;
        }
        due
    }
}

impl Voices {
    /// The port is there: of a call that is to be answered, or with another media bridge of one that goes on.
    pub(super) fn reserved(&mut self, line: &mut Line<'_>, leg: &LegKey, local: SocketAddr) {
        let Some((key, call)) = self.call_of(leg) else {
            return;
        };
        let Some(plain) = &mut call.plain else { return };
        if call.stage != Stage::Opening {
            if plain.moving == Moving::Awaited {
                plain.at = Some(local);
                plain.moving = Moving::Due;
                self.set_deadline(key, line.now.checked_add(MOVE_MAX));
                self.offer_elsewhere(line, key);
            }
            return;
        }
        plain.at = Some(local);
        let (offer, session) = (plain.offer.clone(), plain.session);
        if let Some((answer, agreed)) = plain.answer(&offer, session) {
            self.answered(line, key, leg, answer, Some(agreed.params));
            return;
        }
        let words = "The client offers no sound in common with us: G.711 over RTP.";
        call.outcome = Some(own(LegState::Failed, EndReason::Media, words));
        line.reject(key, 488, "Not Acceptable Here");
    }

    /// The client offers a change, or asks for our offer.
    pub(super) fn changed_plainly(
        &mut self,
        line: &mut Line<'_>,
        key: CallKey,
        offer: Option<&Bytes>,
    ) {
        let Some(plain) = self.plain_of(key) else {
            return;
        };
        let Some(offer) = offer else {
            let Some(ours) = plain.offer() else {
                return refuse_change(line, key, 488);
            };
            return line.accept_change(key, ours);
        };
        let session = plain.session.next();
        let offer = Sdp::parse(offer).ok();
        let Some((ours, agreed)) = offer.and_then(|offer| plain.answer(&offer, session)) else {
            return refuse_change(line, key, 488);
        };
        let told = plain.is_told(plain.at);
        line.accept_change(key, ours);
        self.agreed(key, agreed);
        if told {
            self.has_followed(line, key);
        }
    }

    /// The answer to the offer that they had left to us; one that cannot be taken leaves all as it is.
    pub(super) fn change_is_answered(&mut self, line: &Line<'_>, key: CallKey, answer: &Bytes) {
        let Some(plain) = self.plain_of(key) else {
            return;
        };
        let both = plain.asked.take().zip(Sdp::parse(answer).ok());
        let Some(((ours, at), theirs)) = both else {
            return;
        };
        let Some(agreed) = plain.agree(ours, &theirs, Side::Offerer) else {
            return;
        };
        let told = plain.is_told(Some(at));
        self.agreed(key, agreed);
        if told {
            self.has_followed(line, key);
        }
    }

    fn agreed(&mut self, key: CallKey, Agreed { params, holds }: Agreed) {
        let leg = self.known.get(&key).and_then(|call| call.leg.clone());
        let Some(leg) = leg else { return };
        self.media(MediaCommand::Connect {
            leg: leg.clone(),
            params,
        });
        if let Some(on) = holds {
            self.in_the_mix(&leg, LegEvent::Held { on });
        }
    }

    /// Another media bridge has a conference: ports follow.
    pub(super) fn plain_moves(&mut self, conference: &ConferenceId, now: Instant) {
        let moves = |call: &Call| {
            let of = call.leg.as_ref().map(|leg| &leg.conference);
            call.plain.is_some() && call.stage != Stage::Opening && of == Some(conference)
        };
        let moving = self.known.iter().filter(|(_, call)| moves(call));
        for key in moving.map(|(key, _)| *key).collect::<Vec<_>>() {
            if let Some(plain) = self.plain_of(key) {
                plain.moving = Moving::Awaited;
            }
            self.set_changing(key, None);
            self.set_deadline(key, now.checked_add(MEDIA_MAX));
        }
    }

    /// Offers the port at the other media bridge, now or as soon as the call lets us.
    pub(super) fn offer_elsewhere(&mut self, line: &mut Line<'_>, key: CallKey) {
        let Some(plain) = self.plain_of(key) else {
            return;
        };
        let (Some(local), Some(ours)) = (plain.at, &plain.ours) else {
            return;
        };
        if plain.moving != Moving::Due {
            return;
        }
        let session = plain.session.next();
        let offer = sdp::received_at(ours, local, session);
        if line.change(key, offer.to_string()) {
            plain.session = session;
            plain.moving = Moving::Offered(offer);
        } else {
            self.set_changing(key, line.now.checked_add(AGAIN));
        }
    }

    /// The client has answered the offer.
    pub(super) fn followed(
        &mut self,
        line: &mut Line<'_>,
        key: CallKey,
        status: u16,
        answer: Option<&Bytes>,
    ) {
        let Some(plain) = self.plain_of(key) else {
            return;
        };
        // One that is overtaken: the bridge at that port is lost too.
        let offer = match std::mem::replace(&mut plain.moving, Moving::No) {
            Moving::Offered(offer) => offer,
            other => {
                plain.moving = other;
                return;
            }
        };
        // §14.1, §21.5.1, §21.5.4: they are busy with a change of their own, or with other calls; or they are on their way back.
        if matches!(status, 491 | 500 | 503) || is_away(status) {
            plain.moving = Moving::Due;
            self.set_changing(key, line.now.checked_add(AGAIN_AFTER_REFUSAL));
            return;
        }
        let answer = answer.filter(|_| (200..300).contains(&status));
        let answer = answer.and_then(|answer| Sdp::parse(answer).ok());
        let agreed = answer.and_then(|theirs| plain.agree(offer, &theirs, Side::Offerer));
        let Some(agreed) = agreed else {
            let outcome = own(LegState::Failed, EndReason::Media, NOT_FOLLOWED);
            return self.give_up(line, key, outcome);
        };
        self.agreed(key, agreed);
        self.has_followed(line, key);
    }

    /// Of a call whose sound was on its way nothing more is awaited, but the first mixed packet where that was.
    fn has_followed(&mut self, line: &Line<'_>, key: CallKey) {
        let joining = self
            .known
            .get(&key)
            .is_some_and(|call| call.stage == Stage::Joining);
        let until = line.now.checked_add(MEDIA_MAX).filter(|_| joining);
        self.set_changing(key, None);
        self.set_deadline(key, until);
    }

    /// It is in the mix.
    pub(super) fn begin_probes(&mut self, key: CallKey, now: Instant) {
        self.set_probe(key, now.checked_add(PROBE_EVERY));
    }

    /// Nothing arrives of a client, or again something.
    pub(super) fn is_silent(&mut self, key: CallKey, on: bool, now: Instant) {
        let Some(plain) = self.plain_of(key) else {
            return;
        };
        plain.silent = on;
        plain.unheard = None;
        match on {
            true => self.set_probe(key, Some(now)),
            false => self.begin_probes(key, now),
        }
    }

    /// It is time to ask a client of which nothing is heard whether it is there.
    pub(super) fn ask_whether_there(&mut self, line: &mut Line<'_>, key: CallKey) {
        let now = line.now;
        let Some(plain) = self.plain_of(key) else {
            return;
        };
        plain.probe = None;
        if plain.is_quiet() && line.probe(key) {
            plain.unheard.get_or_insert(now);
        } else {
            plain.unheard = None;
            self.begin_probes(key, now);
        }
    }

    /// It has answered, or it was not reached.
    pub(super) fn is_there(&mut self, line: &mut Line<'_>, key: CallKey, status: u16) {
        let now = line.now;
        let Some(plain) = self.plain_of(key) else {
            return;
        };
        let quiet = plain.is_quiet();
        let Some(since) = plain.unheard.filter(|_| quiet && is_away(status)) else {
            plain.unheard = None;
            return self.begin_probes(key, now);
        };
        if now.saturating_duration_since(since) >= LOST_MAX {
            let outcome = own(LegState::Failed, EndReason::Network, CONNECTION_LOST);
            return self.give_up(line, key, outcome);
        }
        self.set_probe(key, now.checked_add(PROBE_AGAIN));
    }

    fn plain_of(&mut self, key: CallKey) -> Option<&mut Plain> {
        self.known.get_mut(&key)?.plain.as_deref_mut()
    }

    pub(super) fn set_probe(&mut self, key: CallKey, at: Option<Instant>) {
        let Some(plain) = self
            .known
            .get_mut(&key)
            .and_then(|call| call.plain.as_mut())
        else {
            return;
        };
        self.deadlines.set(&mut plain.probe, (key, Due::Probe), at);
    }
}

/// Whoever has an account says where their sound shall go: never into our own machine or the link beside it, unless that is where we are heard,
/// too.
fn may_be_sent_to(remote: SocketAddr, local: SocketAddr) -> bool {
    let near = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
    };
    !near(remote) || near(local)
}

//! Calls over plain RTP, as SIP telephones and clients make them that know no WebRTC. Their offers are answered here, and the media
//! bridge gives a port, as for a telephone that is dialled.
//!
//! ```text
//!  INVITE ──► Arrived ──► focus ──► Admit ──► Open ──► media bridge ──► Opened ──► 200 OK, Connect, Join ──► Joined
//!  re-INVITE (hold, other media) ──► 200 OK, Connect
//!  Opened once more (another media bridge goes on) ──► our re-INVITE ──► Connect
//! ```
//!
//! Nothing on a path over UDP tells that a client is gone; one that sends nothing is asked within its call whether it is there.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::bridge::LegEvent;
use convoke_types::media::{Codec, MediaCommand, StreamParams};
use convoke_types::{ConferenceId, EndReason, LegKey, LegState};
use sip_proto::call::CallKey;
use sip_proto::sdp::{self, Direction, Sdp, SdpError, SessionId, Side};

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
    held: bool,
    moving: Moving,
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

/// A change of theirs, taken.
struct Taken {
    ours: String,
    /// None where they had left the offer to us: all stays.
    params: Option<StreamParams>,
    /// They put us on hold, or take us back.
    holds: Option<bool>,
    /// It has told them the port that was to be offered.
    moved: bool,
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
            held: false,
            moving: Moving::No,
            silent: false,
            unheard: None,
            probe: None,
        }))
    }

    /// Words for the end of one that is on its way to another media bridge still.
    pub(super) fn not_followed(&self) -> Option<&'static str> {
        (self.moving != Moving::No).then_some(NOT_FOLLOWED)
    }

    fn answer(&mut self, local: SocketAddr) -> Result<(String, StreamParams), SdpError> {
        let answer = sdp::answer(
            &self.offer,
            local,
            self.session,
            &CODECS,
            Direction::SendRecv,
        )?;
        let params = sdp::negotiated(&self.offer, &answer, Side::Answerer)?;
        self.at = Some(local);
        self.held = self.offer.is_hold();
        let text = answer.to_string();
        self.ours = Some(answer);
        Ok((text, params))
    }

    /// `offer`: theirs, or none, which asks for ours (RFC 3261 §14.2); what comes in its ACK keeps the session as it is. `None`: it
    /// cannot be taken.
    fn take(&mut self, offer: Option<&Bytes>) -> Option<Taken> {
        let (local, before) = (self.at?, self.ours.as_ref()?);
        let session = self.session.next();
        let Some(offer) = offer else {
            let ours = sdp::received_at(before, local, session);
            self.session = session;
            let text = ours.to_string();
            self.ours = Some(ours);
            return Some(Taken {
                ours: text,
                params: None,
                holds: None,
                moved: false,
            });
        };
        let offer = Sdp::parse(offer).ok()?;
        let answer = sdp::answer(&offer, local, session, &CODECS, Direction::SendRecv).ok()?;
        let params = sdp::negotiated(&offer, &answer, Side::Answerer).ok()?;
        let held = offer.is_hold();
        let holds = (std::mem::replace(&mut self.held, held) != held).then_some(held);
        self.session = session;
        let ours = answer.to_string();
        self.ours = Some(answer);
        let moved = self.moving == Moving::Due;
        if moved {
            self.moving = Moving::No;
        }
        Some(Taken {
            ours,
            params: Some(params),
            holds,
            moved,
        })
    }

    /// What they have answered to the offer that moves them.
    fn moved(&mut self, offer: Sdp, answer: &Bytes) -> Option<(StreamParams, Option<bool>)> {
        let answer = Sdp::parse(answer).ok()?;
        let params = sdp::negotiated(&offer, &answer, Side::Offerer).ok()?;
        self.ours = Some(offer);
        let held = answer.is_hold();
        let holds = (std::mem::replace(&mut self.held, held) != held).then_some(held);
        Some((params, holds))
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
        match plain.answer(local) {
            Ok((answer, params)) => {
                self.answered(line, key, leg, answer, Some(params));
            }
            Err(_) => {
                let words = "The client offers no sound in common with us: G.711 over RTP.";
                call.outcome = Some(own(LegState::Failed, EndReason::Media, words));
                line.reject(key, 488, "Not Acceptable Here");
            }
        }
    }

    /// The client offers a change, or asks for our offer.
    pub(super) fn changed_plainly(
        &mut self,
        line: &mut Line<'_>,
        key: CallKey,
        offer: Option<&Bytes>,
    ) {
        let call = self.known.get_mut(&key);
        let Some((leg, plain)) = call.and_then(|call| call.leg.clone().zip(call.plain.as_mut()))
        else {
            return;
        };
        let Some(taken) = plain.take(offer) else {
            return refuse_change(line, key, 488);
        };
        line.accept_change(key, taken.ours);
        if let Some(params) = taken.params {
            let leg = leg.clone();
            self.media(MediaCommand::Connect { leg, params });
        }
        if taken.moved {
            self.has_followed(line, key);
        }
        if let Some(on) = taken.holds {
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
        // §14.1, §21.5.1, §21.5.4: they are busy with a change of their own, or with other calls.
        if matches!(status, 491 | 500 | 503) {
            plain.moving = Moving::Due;
            self.set_changing(key, line.now.checked_add(AGAIN_AFTER_REFUSAL));
            return;
        }
        let answer = answer.filter(|_| (200..300).contains(&status));
        let Some((params, holds)) = answer.and_then(|answer| plain.moved(offer, answer)) else {
            let outcome = own(LegState::Failed, EndReason::Media, NOT_FOLLOWED);
            return self.give_up(line, key, outcome);
        };
        let leg = self.known.get(&key).and_then(|call| call.leg.clone());
        let Some(leg) = leg else { return };
        self.media(MediaCommand::Connect {
            leg: leg.clone(),
            params,
        });
        self.has_followed(line, key);
        if let Some(on) = holds {
            self.in_the_mix(&leg, LegEvent::Held { on });
        }
    }

    /// Of a call in whose sound is on its way nothing more is awaited, but the first mixed packet where it was.
    fn has_followed(&mut self, line: &Line<'_>, key: CallKey) {
        let joining = self
            .known
            .get(&key)
            .is_some_and(|call| call.stage == Stage::Joining);
        let until = line.now.checked_add(MEDIA_MAX).filter(|_| joining);
        self.set_changing(key, None);
        self.set_deadline(key, until);
    }

    /// Nothing arrives of a client, or again something.
    pub(super) fn is_silent(&mut self, key: CallKey, on: bool, now: Instant) {
        let Some(plain) = self.plain_of(key) else {
            return;
        };
        plain.silent = on;
        plain.unheard = None;
        self.set_probe(key, Some(now).filter(|_| on));
    }

    /// It is time to ask a silent client whether it is there.
    pub(super) fn ask_whether_there(&mut self, line: &mut Line<'_>, key: CallKey) {
        let now = line.now;
        let Some(plain) = self.plain_of(key).filter(|plain| plain.silent) else {
            return;
        };
        if line.probe(key) {
            plain.unheard.get_or_insert(now);
        } else {
            self.set_probe(key, now.checked_add(PROBE_EVERY));
        }
    }

    /// It has answered, or it was not reached.
    pub(super) fn is_there(&mut self, line: &mut Line<'_>, key: CallKey, status: u16) {
        let now = line.now;
        let Some(plain) = self.plain_of(key).filter(|plain| plain.silent) else {
            return;
        };
        let Some(since) = plain.unheard.filter(|_| is_away(status)) else {
            plain.unheard = None;
            return self.set_probe(key, now.checked_add(PROBE_EVERY));
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

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

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::bridge::LegEvent;
use convoke_types::media::{Codec, MediaCommand};
use convoke_types::{ConferenceId, EndReason, LegKey, LegState};
use sip_proto::call::CallKey;
use sip_proto::sdp::{
    Agreed, MOVE_MAX, Moving, OFFER_AGAIN, Peer, Sdp, Session, is_for_the_moment,
};

use super::line::{Due, Line};
use super::voices::{
    CONNECTION_LOST, Call, LOST_MAX, MEDIA_MAX, Stage, Voices, own, refuse_change,
};
use crate::probing::{PROBE_AGAIN, PROBE_EVERY, is_away};

/// What is taken of an offer, in the offer's order.
const CODECS: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];
/// The pause after one that was refused for the moment: who was called waits up to 2 s (RFC 3261 §14.1).
const AGAIN_AFTER_REFUSAL: Duration = Duration::from_secs(2);
const NO_PORT: &str = "The media bridge does not answer.";
const NOT_FOLLOWED: &str = "The client did not follow its sound to another media bridge.";

/// The sound of such a call.
#[derive(Debug)]
pub(super) struct Plain {
    /// Theirs, to be answered when the port is there.
    offer: Sdp,
    session: Session,
    /// They have agreed to send.
    sends: bool,
    /// Nothing arrives.
    silent: bool,
    /// Since when it has not answered whether it is there.
    unheard: Option<Instant>,
    probe: Option<Instant>,
}

impl Plain {
    /// Of an offer with sound over plain RTP. `id`: of our session, unique for us.
    pub(super) fn of(offer: &str, id: u64) -> Option<Box<Self>> {
        let offer = Sdp::parse(offer.as_bytes()).ok()?;
        offer.audio()?;
        Some(Box::new(Self {
            offer,
            session: Session::new(id, &CODECS, Peer::Anyone),
            sends: false,
            silent: false,
            unheard: None,
            probe: None,
        }))
    }

    /// Words for the end of one that is on its way to another media bridge still.
    pub(super) fn too_late(&self) -> Option<&'static str> {
        match self.session.moving() {
            Moving::No => None,
            Moving::Awaited => Some(NO_PORT),
            Moving::Due | Moving::Offered => Some(NOT_FOLLOWED),
        }
    }

    /// Whether they had put themselves on hold when they called.
    pub(super) fn is_held(&self) -> bool {
        self.session.is_held()
    }

    /// Whether it is no wonder that nothing arrives, or it is one.
    fn is_quiet(&self) -> bool {
        self.silent || !self.sends
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
            if plain.session.opened_elsewhere(local) {
                self.set_deadline(key, line.now.checked_add(MOVE_MAX));
                self.offer_elsewhere(line, key);
            }
            return;
        }
        plain.session.set_sound_at(Some(local));
        if let Ok((answer, agreed)) = plain.session.answer(&plain.offer) {
            plain.sends = agreed.sound.receive;
            self.answered(line, key, leg, answer, Some(agreed.sound));
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
            let Some(ours) = plain.session.offer() else {
                return refuse_change(line, key, 488);
            };
            return line.accept_change(key, ours);
        };
        let offer = Sdp::parse(offer);
        let Ok((ours, agreed)) = offer.and_then(|offer| plain.session.answer(&offer)) else {
            return refuse_change(line, key, 488);
        };
        line.accept_change(key, ours);
        self.agreed(line, key, agreed);
    }

    /// The answer to the offer that they had left to us; one that cannot be taken leaves all as it is.
    pub(super) fn change_is_answered(&mut self, line: &Line<'_>, key: CallKey, answer: &Bytes) {
        let plain = self.plain_of(key).zip(Sdp::parse(answer).ok());
        let agreed = plain.and_then(|(plain, answer)| plain.session.answered(&answer).ok());
        if let Some(agreed) = agreed {
            self.agreed(line, key, agreed);
        }
    }

    fn agreed(&mut self, line: &Line<'_>, key: CallKey, agreed: Agreed) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        let (Some(leg), Some(plain)) = (call.leg.clone(), &mut call.plain) else {
            return;
        };
        plain.sends = agreed.sound.receive;
        self.media(MediaCommand::Connect {
            leg: leg.clone(),
            params: agreed.sound,
        });
        if let Some(on) = agreed.holds {
            self.in_the_mix(&leg, LegEvent::Held { on });
        }
        if agreed.followed {
            self.has_followed(line, key);
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
                plain.session.must_move();
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
        let sent = plain
            .session
            .offer_elsewhere(|offer| line.change(key, offer));
        if sent == Some(false) {
            self.set_changing(key, line.now.checked_add(OFFER_AGAIN));
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
        // One that is overtaken: the bridge at that port is lost too.
        let offered = |plain: &&mut Plain| plain.session.moving() == Moving::Offered;
        let Some(plain) = self.plain_of(key).filter(offered) else {
            return;
        };
        if is_for_the_moment(status) || is_away(status) {
            plain.session.postpone();
            self.set_changing(key, line.now.checked_add(AGAIN_AFTER_REFUSAL));
            return;
        }
        let answer = answer.filter(|_| (200..300).contains(&status));
        let answer = answer.and_then(|answer| Sdp::parse(answer).ok());
        match answer.and_then(|answer| plain.session.answered(&answer).ok()) {
            Some(agreed) => self.agreed(line, key, agreed),
            None => {
                let outcome = own(LegState::Failed, EndReason::Media, NOT_FOLLOWED);
                self.give_up(line, key, outcome);
            }
        }
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

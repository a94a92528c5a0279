//! A call's other side changes its media.

use std::time::Instant;

use bytes::Bytes;
use convoke_types::LegKey;
use convoke_types::bridge::LegEvent;
use convoke_types::media::{MediaCommand, StreamParams};
use sip_proto::sdp::{self, Direction, Sdp, Side};

use super::Telephony;
use crate::leg::Stage;

impl Telephony {
    /// The other side puts us on hold, takes us back, or moves its media (RFC 3264 §8).
    pub(super) fn reinvited(&mut self, key: &LegKey, offer: Option<&Bytes>, now: Instant) {
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
            // An INVITE without offer asks for ours (RFC 3261 §14.2), and its ACK has the answer.
            None => {
                let mut ours = match &leg.ours {
                    Some(ours) => sdp::offer_again(ours, local, next, &trunk.codecs),
                    None => sdp::offer(local, next, &trunk.codecs),
                };
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
        self.connect_anew(key, params, (&offer, &ours), (&offer, Side::Answerer));
        // Our answer has told the port.
        self.moved_by_answer(key, now);
    }

    /// The answer to our offer, which they had asked for; one that cannot be taken leaves all as it is.
    pub(super) fn change_answered(&mut self, key: &LegKey, answer: &Bytes) {
        let offer = self.legs.get(key).and_then(|leg| leg.ours.clone());
        let Some((offer, answer)) = offer.zip(Sdp::parse(answer).ok()) else {
            return;
        };
        if let Ok(params) = sdp::negotiated(&offer, &answer, Side::Offerer) {
            self.connect_anew(key, params, (&offer, &answer), (&answer, Side::Offerer));
        }
    }

    /// Goes on with what both descriptions agree on; theirs says whether we are on hold.
    fn connect_anew(
        &mut self,
        key: &LegKey,
        params: StreamParams,
        (offer, answer): (&Sdp, &Sdp),
        (theirs, side): (&Sdp, Side),
    ) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let held = theirs.is_hold();
        let changed = std::mem::replace(&mut leg.held, held) != held;
        let tells = changed && matches!(leg.stage, Stage::Joined);
        self.media(MediaCommand::Connect {
            leg: key.clone(),
            params,
        });
        self.connect_sight(key, offer, answer, side);
        if tells {
            self.tell(key, LegEvent::Held { on: held });
        }
    }
}

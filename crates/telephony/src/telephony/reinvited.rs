//! A call's other side changes its media.

use std::time::Instant;

use bytes::Bytes;
use convoke_types::LegKey;
use convoke_types::bridge::LegEvent;
use convoke_types::media::MediaCommand;
use sip_proto::sdp::{Agreed, Sdp};

use super::Telephony;
use crate::leg::Stage;

impl Telephony {
    /// The other side puts us on hold, takes us back, or moves its media (RFC 3264 §8).
    pub(super) fn reinvited(&mut self, key: &LegKey, offer: Option<&Bytes>, now: Instant) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let Some(call) = leg.call else { return };
        let ours = match offer.map(|body| Sdp::parse(body)) {
            // An INVITE without offer asks for ours (RFC 3261 §14.2), and its ACK has the answer.
            None => leg.session.offer().map(|offer| (offer, None)),
            Some(Ok(offer)) => {
                let answer = leg.session.answer(&offer).ok();
                answer.map(|(answer, agreed)| (answer, Some(agreed)))
            }
            Some(Err(_)) => None,
        };
        // A change that is already withdrawn needs neither answer nor refusal.
        let Some((ours, agreed)) = ours else {
            let _ =
                self.calls
                    .reject_change(&mut self.endpoint, call, 488, "Not Acceptable Here", now);
            return;
        };
        let body = Bytes::from(ours);
        let _ = self
            .calls
            .accept_change(&mut self.endpoint, call, body, now);
        if let Some(agreed) = agreed {
            self.agreed(key, agreed, now);
        }
    }

    /// The answer to our offer, which they had asked for; one that cannot be taken leaves all as it is.
    pub(super) fn change_answered(&mut self, key: &LegKey, answer: &Bytes, now: Instant) {
        let leg = self.legs.get_mut(key).zip(Sdp::parse(answer).ok());
        let agreed = leg.and_then(|(leg, answer)| leg.session.answered(&answer).ok());
        if let Some(agreed) = agreed {
            self.agreed(key, agreed, now);
        }
    }

    /// Goes on with what both descriptions agree on.
    pub(super) fn agreed(&mut self, key: &LegKey, agreed: Agreed, now: Instant) {
        self.media(MediaCommand::Connect {
            leg: key.clone(),
            params: agreed.sound,
        });
        self.connect_sight(key, agreed.pictures);
        if agreed.followed {
            self.has_followed(key, now);
        }
        let leg = self.legs.get(key);
        let joined = leg.is_some_and(|leg| matches!(leg.stage, Stage::Joined));
        if let Some(on) = agreed.holds.filter(|_| joined) {
            self.tell(key, LegEvent::Held { on });
        }
    }
}

//! What was agreed on with a browser over its transport, as far as the next offer has to be compared with it, and the answers that
//! follow from that. Kept on the tokio side; the transport itself lives on its media thread.

use std::net::SocketAddr;

use str0m::config::Fingerprint;
use str0m::{Candidate, IceCreds};

use super::answer::{Offer, Ours};

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Of the session description: the id never changes, the version counts up with each answer (RFC 3264 §8).
    pub id: u64,
    pub version: u64,
    /// Theirs.
    pub origin: u64,
    pub remote: IceCreds,
    pub remote_fingerprint: Fingerprint,
    pub mid: String,
    pub opus: u8,
    /// Payload type of telephone-event.
    pub events: Option<u8>,
    /// Ours.
    pub creds: IceCreds,
    pub fingerprint: Fingerprint,
    pub candidates: Vec<Candidate>,
    pub local: SocketAddr,
    pub ssrc: u32,
    /// We began the DTLS handshake.
    pub active: bool,
}

/// What an offer asks of the transport that is there.
#[derive(Debug, Clone)]
pub(crate) struct Renewal {
    /// Our direction from now on.
    pub send: bool,
    pub receive: bool,
    /// ICE begins anew with these credentials, ours and theirs.
    pub restart: Option<(IceCreds, IceCreds)>,
}

impl Session {
    /// What the offer asks of this transport; `None` when it is about another one. Another fingerprint is another DTLS association
    /// (RFC 8842 §4), other credentials are an ICE restart (RFC 8839 §4.4).
    ///
    /// # Errors
    /// In words, when the stream itself is another one.
    pub(crate) fn renew(&mut self, offer: &Offer) -> Result<Option<Renewal>, String> {
        if offer.fingerprint != self.remote_fingerprint || offer.origin != self.origin {
            return Ok(None);
        }
        // Within a session a payload type keeps its meaning (RFC 3264 §8.3.2); keys may be taken back, but not come by another one.
        let has_other_keys = offer.events.is_some() && offer.events != self.events;
        if offer.mid != self.mid || offer.opus != self.opus || has_other_keys {
            return Err("expected the stream that is there, came another one".to_owned());
        }
        self.version += 1;
        let restart = (offer.remote != self.remote).then(|| {
            self.creds = IceCreds::new();
            self.remote = offer.remote.clone();
            (self.creds.clone(), self.remote.clone())
        });
        Ok(Some(Renewal {
            send: offer.direction.sends(),
            receive: offer.direction.receives(),
            restart,
        }))
    }

    /// One whose transport is called so, for tests.
    #[cfg(test)]
    pub(crate) fn of(name: &str) -> Self {
        let creds = IceCreds {
            ufrag: name.to_owned(),
            pass: String::new(),
        };
        let fingerprint = Fingerprint {
            hash_func: "sha-256".to_owned(),
            bytes: vec![0; 32],
        };
        Self {
            id: 1,
            version: 1,
            origin: 1,
            remote: creds.clone(),
            remote_fingerprint: fingerprint.clone(),
            mid: "0".to_owned(),
            opus: 111,
            events: None,
            creds,
            fingerprint,
            candidates: Vec::new(),
            local: SocketAddr::from(([127, 0, 0, 1], 20_000)),
            ssrc: 1,
            active: false,
        }
    }

    pub(crate) fn answer(&self, offer: &Offer) -> String {
        offer.answer(&Ours {
            session_id: self.id,
            version: self.version,
            creds: &self.creds,
            fingerprint: &self.fingerprint,
            candidates: &self.candidates,
            local: self.local,
            ssrc: self.ssrc,
            active: self.active,
        })
    }
}

//! A leg until it is answered: its port, its INVITE, its ringing.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::bridge::{BridgeEvent, LegEvent};
use convoke_types::media::MediaCommand;
use convoke_types::sight::Sight;
use convoke_types::{Address, Cause, EndReason, LegKey, LegState};
use sip_proto::call::Outgoing;
use sip_proto::sdp::{Peer, Session};
use sip_proto::{NameAddr, Uri};

use super::Telephony;
use crate::cause;
use crate::config::{AVOIDED_FOR, MEDIA_MAX, SERVERS_MAX, SILENT_MAX, Server, Trunk};
use crate::leg::{Dialled, Leg, Order, Stage};

impl Telephony {
    pub(super) fn dial(
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
        let servers = self.servers_of(trunk, now);
        self.sessions = self.sessions.wrapping_add(1);
        let codecs = &self.config.trunks[trunk].codecs;
        let session = Session::new(self.sessions, codecs, Peer::Configured);
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
            servers,
            server: None,
            heard: false,
            rings_until: None,
            session,
            move_due: None,
            move_until: None,
            sight_awaited: false,
            seen: None,
            rang: false,
            outcome: None,
            deadline: None,
        };
        self.legs.insert(key.clone(), leg);
        self.set_deadline(&key, Some(now + MEDIA_MAX));
        self.open_sight(&key);
        self.media(MediaCommand::Open { leg: key });
    }

    /// The servers that a leg may try, in the order of DNS but for those that failed lately.
    fn servers_of(&self, trunk: usize, now: Instant) -> VecDeque<Server> {
        let servers = self.config.trunks.get(trunk).into_iter();
        let mut servers: Vec<&Server> = servers.flat_map(|trunk| &trunk.servers).collect();
        servers.sort_by_key(|server| {
            let until = self.avoided.get(&server.target);
            until.is_some_and(|until| *until > now)
        });
        servers.into_iter().take(SERVERS_MAX).cloned().collect()
    }

    pub(super) fn opened(&mut self, key: &LegKey, local: SocketAddr, now: Instant) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        if leg.call.is_some() {
            return self.opened_elsewhere(key, local, now);
        }
        if leg.session.sound_at().is_none() {
            leg.session.set_sound_at(Some(local));
        }
        self.invite(key, now);
    }

    /// Sends the INVITE once all ports are there.
    pub(super) fn invite(&mut self, key: &LegKey, now: Instant) {
        let ready = self.legs.get(key).is_some_and(|leg| {
            matches!(leg.stage, Stage::Opening)
                && !leg.sight_awaited
                && leg.session.sound_at().is_some()
        });
        if ready {
            self.call_next(key, now);
        }
    }

    /// Calls over the next server of the trunk.
    fn call_next(&mut self, key: &LegKey, now: Instant) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let trunk = self.config.trunks.get(leg.order.trunk);
        let Some((trunk, offer)) = trunk.zip(leg.session.offer()) else {
            return;
        };
        let server = leg.servers.pop_front();
        let Some(outgoing) = server.and_then(|server| outgoing(trunk, server, &leg.order, offer))
        else {
            let outcome = cause::own(
                LegState::Failed,
                EndReason::Trunk,
                "The trunk's configuration gives no usable address.",
            );
            return self.give_up(key, outcome, now);
        };
        leg.server = Some(outgoing.target.clone());
        match self.calls.invite(&mut self.endpoint, outgoing, now) {
            Ok(call) => {
                let again = matches!(leg.stage, Stage::Calling);
                leg.call = Some(call);
                leg.stage = Stage::Calling;
                let ring = Duration::from_millis(leg.order.ring_timeout_ms);
                leg.rings_until = Some(now + ring);
                let last = leg.servers.is_empty();
                let wait = if last { ring } else { ring.min(SILENT_MAX) };
                self.by_call.insert(call, key.clone());
                self.set_deadline(key, Some(now + wait));
                if !again {
                    self.tell(key, LegEvent::Dialling);
                }
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

    /// A server that is not there, or has no room, is left for the trunk's next one (RFC 3263 §4.3), by this leg and
    /// for a while by those after it. Whether there is one.
    pub(super) fn call_elsewhere(&mut self, key: &LegKey, now: Instant) -> bool {
        let Some(leg) = self
            .legs
            .get_mut(key)
            .filter(|leg| matches!(leg.stage, Stage::Calling) && leg.outcome.is_none())
        else {
            return false;
        };
        if let Some(failed) = leg.server.clone() {
            self.avoided.retain(|_, until| *until > now);
            self.avoided.insert(failed, now + AVOIDED_FOR);
        }
        if leg.servers.is_empty() {
            return false;
        }
        leg.heard = false;
        // Whatever it answers yet, nobody waits for: a late yes is hung up.
        if let Some(call) = leg.call.take() {
            self.by_call.remove(&call);
            self.calls.hang_up(&mut self.endpoint, call, None, now);
        }
        self.call_next(key, now);
        true
    }

    /// The server is there; the telephone may take its time.
    pub(super) fn heard(&mut self, key: &LegKey) {
        let Some(leg) = self
            .legs
            .get_mut(key)
            .filter(|leg| matches!(leg.stage, Stage::Calling) && !leg.heard)
        else {
            return;
        };
        leg.heard = true;
        let until = leg.rings_until;
        self.set_deadline(key, until);
    }

    pub(super) fn ringing(&mut self, key: &LegKey, status: u16) {
        self.heard(key);
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
}

fn outgoing(trunk: &Trunk, server: Server, order: &Order, offer: String) -> Option<Outgoing> {
    let uri = match &order.to {
        Dialled::Number(number) => Uri::sip(Some(number), &trunk.domain).ok()?,
        Dialled::Uri(uri) => Uri::parse(uri.as_str()).ok()?,
    };
    let from = Uri::sip(Some(&trunk.caller), &trunk.domain).ok()?;
    Some(Outgoing {
        uri,
        to: None,
        from: NameAddr::new(&from).with_display(&order.inviter),
        target: server.target,
        offer: Bytes::from(offer),
        login: trunk.login.clone(),
        local: Some(server.local),
        headers: Vec::new(),
    })
}

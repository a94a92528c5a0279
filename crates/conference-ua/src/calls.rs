//! Calls to a conference, `sip:conf-ID@DOMAIN`, of people's clients. Which kind a call is, its offer tells: with sound it takes part
//! ([`voices`], over plain RTP [`plain`]); with pictures alone it shows one, and without an offer it wants to see the others' ([`crate::pictures`]).
//!
//! Here stands what all have in common: who calls which conference, and how often they may.

pub(crate) mod line;
mod plain;
mod voices;

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use conference_core::event_package;
use convoke_types::bridge::BridgeCommand;
use convoke_types::media::MediaEvent;
use convoke_types::{Aor, ConferenceId};
use sip_proto::call::{self, CallEvent, CallKey, CallsConfig, Local};
use sip_proto::endpoint::{self, Endpoint};
use sip_proto::{Message, Source};

use crate::identity::asserted;
use crate::pictures::{Kind, Pictures, Wish};
use crate::ports::{Limits, Output};
use line::Line;
use voices::Voices;

/// A person may call a conference for the same, and change a call, once in this time: each costs a transport, and a leg or a port.
pub(crate) const PACE: Duration = Duration::from_secs(1);

/// The phrase of a 500 for what comes before its `PACE` is over; its Retry-After says when to come again.
pub(crate) const TOO_SOON: &str = "Too Soon";

/// What somebody calls for; `None`: to be heard.
type Called = (ConferenceId, Aor, Option<Kind>);

/// A call that may ask to come in.
pub(crate) struct Arrival {
    pub conference: ConferenceId,
    pub user: Aor,
    pub wish: Wish,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Calls {
    domain: String,
    calls: call::Calls,
    voices: Voices,
    pub(crate) pictures: Pictures,
    /// Who called what within the last `PACE`, in that order.
    recent: VecDeque<(Instant, Called)>,
    recently: HashSet<Called>,
}

impl Calls {
    /// `video_servers`: their names.
    pub(crate) fn new(
        domain: &str,
        local: Local,
        product: &str,
        limits: &Limits,
        video_servers: Vec<String>,
    ) -> Self {
        let mut config = CallsConfig::new(local, product);
        config.max_calls = limits.calls.saturating_add(limits.pictures);
        Self {
            domain: domain.to_ascii_lowercase(),
            calls: call::Calls::new(config),
            voices: Voices::new(limits.calls),
            pictures: Pictures::new(video_servers, limits.pictures),
            recent: VecDeque::new(),
            recently: HashSet::new(),
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        let voices = self.voices.poll_output();
        voices.or_else(|| self.pictures.poll_output())
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let ours = [self.voices.poll_timeout(), self.pictures.poll_timeout()];
        let ours = ours.into_iter().flatten();
        ours.chain(self.calls.poll_timeout()).min()
    }

    pub(crate) fn handle_timeout(&mut self, endpoint: &mut Endpoint, now: Instant) {
        self.calls.handle_timeout(endpoint, now);
        self.act(endpoint, now, |voices, pictures, line| {
            voices.handle_timeout(line);
            pictures.handle_timeout(line);
        });
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
        self.act(endpoint, now, |voices, _, line| {
            voices.command(line, command);
        });
    }

    /// What the media bridge tells; of telephones' legs nothing is taken.
    pub(crate) fn media_event(&mut self, endpoint: &mut Endpoint, event: MediaEvent, now: Instant) {
        self.act(endpoint, now, |voices, _, line| {
            voices.media_event(line, event);
        });
    }

    /// Another media bridge has a conference.
    pub(crate) fn bridge_moved(
        &mut self,
        endpoint: &mut Endpoint,
        conference: &ConferenceId,
        now: Instant,
    ) {
        self.act(endpoint, now, |voices, _, line| {
            voices.bridge_moved(conference, line.now);
        });
    }

    /// The media bridge is gone, for one conference or for all.
    pub(crate) fn bridge_lost(
        &mut self,
        endpoint: &mut Endpoint,
        conference: Option<&ConferenceId>,
        words: &str,
        now: Instant,
    ) {
        self.act(endpoint, now, |voices, _, line| {
            voices.bridge_lost(line, conference, words);
        });
    }

    /// Something about pictures.
    pub(crate) fn pictures(
        &mut self,
        endpoint: &mut Endpoint,
        now: Instant,
        what: impl FnOnce(&mut Pictures, &mut Line<'_>),
    ) {
        self.act(endpoint, now, |_, pictures, line| what(pictures, line));
    }
}

impl Calls {
    /// Does something, and takes in what comes of our own acts.
    fn act(
        &mut self,
        endpoint: &mut Endpoint,
        now: Instant,
        what: impl FnOnce(&mut Voices, &mut Pictures, &mut Line<'_>),
    ) {
        let mut line = Line {
            calls: &mut self.calls,
            endpoint,
            now,
        };
        what(&mut self.voices, &mut self.pictures, &mut line);
        while let Some((key, event)) = self.calls.poll_event() {
            self.on_call(endpoint, key, event, &|_: &Source| false, false, now);
        }
    }

    fn on_call(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        event: CallEvent,
        believes: &impl Fn(&Source) -> bool,
        draining: bool,
        now: Instant,
    ) {
        if let CallEvent::Incoming {
            source,
            invite,
            offer,
        } = &event
        {
            let verdict = match (draining, believes(source)) {
                (true, _) => Err((503, "Service Unavailable")),
                (_, false) => Err((403, "Forbidden")),
                _ => self.read(invite, offer.as_ref()),
            };
            let verdict = verdict.and_then(|arrival| self.paced(arrival, now));
            let mut line = Line {
                calls: &mut self.calls,
                endpoint,
                now,
            };
            return match verdict {
                Err((status, reason)) => line.reject(key, status, reason),
                Ok(arrival) => match arrival.wish {
                    Wish::BeHeard(_) => self.voices.arrived(&mut line, key, arrival),
                    Wish::Show(..) | Wish::See => self.pictures.arrived(&mut line, key, arrival),
                },
            };
        }
        let mut line = Line {
            calls: &mut self.calls,
            endpoint,
            now,
        };
        if self.pictures.has(key) {
            self.pictures.on_call(&mut line, key, event);
        } else {
            self.voices.on_call(&mut line, key, event);
        }
    }

    /// Who calls which conference with what.
    fn read(
        &self,
        invite: &Message,
        offer: Option<&Bytes>,
    ) -> Result<Arrival, (u16, &'static str)> {
        let user = asserted(invite, &self.domain).and_then(|account| account.parse::<Aor>().ok());
        let user = user.ok_or((403, "Forbidden"))?;
        let conference = invite.uri().ok().and_then(|uri| {
            let ours = uri.is_sip() && uri.host().eq_ignore_ascii_case(&self.domain);
            event_package::conference_of(&uri.user_decoded().filter(|_| ours)?)
        });
        let conference = conference.ok_or((404, "Not Found"))?;
        let wish = Wish::of(offer)?;
        Ok(Arrival {
            conference,
            user,
            wish,
        })
    }

    /// Refuses who has called for the same just now.
    fn paced(&mut self, arrival: Arrival, now: Instant) -> Result<Arrival, (u16, &'static str)> {
        while let Some((at, called)) = self.recent.front()
            && now.saturating_duration_since(*at) >= PACE
        {
            self.recently.remove(called);
            self.recent.pop_front();
        }
        let kind = arrival.wish.kind();
        let called = (arrival.conference.clone(), arrival.user.clone(), kind);
        if !self.recently.insert(called.clone()) {
            return Err((500, TOO_SOON));
        }
        self.recent.push_back((now, called));
        Ok(arrival)
    }
}

//! The conference service is asked for the conference of a request that is prepared, and answers, or does not.

use std::time::Instant;

use convoke_types::report::Report;
use convoke_types::video::VideoGuest;
use convoke_types::{ConferenceId, Fault, FaultCode, VideoServerName};
use service_core::faults::Whom;
use soap_proto::{Create, Snapshot, UtcMillis};

use super::{Ask, Stage};
use crate::allocator::Allocator;
use crate::reasons::{Reason, Service};
use crate::running::Running;

/// Reports that may come before the answer that a conference was created.
const EARLY_REPORTS_MAX: usize = 256;

impl Allocator {
    /// A server has prepared the request.
    pub(crate) fn on_prepared(
        &mut self,
        id: &ConferenceId,
        server: &VideoServerName,
        now: Instant,
    ) {
        let Some(ask) = self.asks.get(id) else {
            return;
        };
        let (create, wall) = (ask.create(id, server), ask.wall_at(now));
        self.stage(id, Stage::Creating(server.clone()), None, now);
        if let Some(create) = create {
            self.ask_create(id, create, wall, now);
        }
    }

    /// The conference service answered.
    pub(crate) fn on_created(
        &mut self,
        id: &ConferenceId,
        answer: Result<Snapshot, Fault>,
        wall: UtcMillis,
        now: Instant,
    ) {
        let is_creating = |ask: &&Ask| matches!(ask.stage, Stage::Creating(_));
        if self.asks.get(id).filter(is_creating).is_none() {
            // It was given up meanwhile.
            if answer.is_ok() {
                self.ask_end(id, wall, now);
            }
            return;
        }
        match answer {
            Err(fault) => {
                let refused = fault.code == FaultCode::NumberRefused;
                if !refused || !self.without_refused(id, &fault, now) {
                    let reason = self.create_refused(id, fault);
                    self.refuse_ask(id, reason, now);
                }
            }
            Ok(snapshot) => {
                let Some(ask) = self.leave(id) else { return };
                let Stage::Creating(server) = ask.stage.clone() else {
                    return;
                };
                let guests = ask.guests();
                let reports = ask.reports.clone();
                self.run(id, ask.into_running(server, snapshot, guests, now), now);
                for report in &reports {
                    self.on_report(report, wall, now);
                }
            }
        }
    }

    /// The conference service calls nobody where it was asked to call one of them, and has made nothing: who is meant is left out, and told.
    /// False: it does not say who.
    fn without_refused(&mut self, id: &ConferenceId, fault: &Fault, now: Instant) -> bool {
        let Some(ask) = self.asks.get_mut(id) else {
            return false;
        };
        let Stage::Creating(server) = ask.stage.clone() else {
            return false;
        };
        if !ask.leave_out(fault.index) {
            return false;
        }
        self.judge(id, Some(server), now);
        true
    }

    /// Why there is no conference that the conference service was asked for.
    pub(crate) fn create_refused(&self, id: &ConferenceId, fault: Fault) -> Reason {
        let ask = self.asks.get(id);
        let person = ask.and_then(|ask| ask.named(fault.index));
        let whom = match person {
            Some(person) if person.place == 0 => Whom::You,
            Some(person) => Whom::Named(person.shown().to_owned()),
            None => Whom::One,
        };
        // It counts those alone who have a way.
        let index = person.map(|person| person.place);
        Reason::Refused(Service::Conference, Fault { index, ..fault }, whom)
    }

    /// The conference service did not answer: whatever it did is taken back.
    pub(crate) fn on_not_created(&mut self, id: &ConferenceId, reason: Reason, now: Instant) {
        let Some(ask) = self.asks.get_mut(id) else {
            return;
        };
        ask.wanted.may_ring = true;
        let wall = ask.wall_at(now);
        self.refuse_ask(id, reason, now);
        self.ask_end(id, wall, now);
    }

    /// A report of a conference whose creation was not answered yet.
    pub(crate) fn early_report(&mut self, report: &Report) -> bool {
        let Some(ask) = self.asks.get_mut(&report.conference) else {
            return false;
        };
        if ask.reports.len() < EARLY_REPORTS_MAX {
            ask.reports.push(report.clone());
        }
        true
    }
}

impl Ask {
    fn create(&self, conference: &ConferenceId, server: &VideoServerName) -> Option<Create> {
        let mut parties = self.people.iter().filter_map(|person| {
            let way = person.way.as_ref().ok()?;
            Some(way.party(person))
        });
        Some(Create {
            title: Some(self.wanted.title.clone()).filter(|title| !title.is_empty()),
            initiator: parties.next()?,
            participants: parties.collect(),
            policy: None,
            payer: None,
            account: None,
            conference: Some(conference.clone()),
            owner: Some(self.asker.clone()),
            video: Some(server.clone()),
        })
    }

    fn into_running(
        self,
        server: VideoServerName,
        board: Snapshot,
        guests: Vec<VideoGuest>,
        now: Instant,
    ) -> Running {
        let wall = self.wall_at(now);
        let mut people = self.people;
        // Whom only a number names has got a name.
        let with_way = people.iter_mut().filter(|person| person.way.is_ok());
        for (person, on_roster) in with_way.zip(&board.participants) {
            if person.name.is_empty() {
                person.name.clone_from(&on_roster.name);
            }
        }
        Running::begin(
            self.asker,
            self.wanted,
            people,
            server,
            board,
            guests,
            (wall, now),
        )
    }
}

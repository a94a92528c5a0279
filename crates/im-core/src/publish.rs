//! PUBLISH (RFC 3903) of presence: people publish for themselves; a service, such as the gateway to conferences, may publish
//! for anybody here what they are doing (*on the phone*), and nothing else. The presence of conferences, `sip:conf-…`, is published by
//! the video allocator, which made them, or by the conference service itself, and nobody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_proto::auth::Proof;
use sip_proto::events::EventHeader;
use sip_proto::{HeaderName, ParseError};

use crate::aor::key_of;
use crate::caps::ServiceCaps;
use crate::pidf::{self, Presence};
use crate::presence::Publication;
use crate::registrar::FlowKey;
use crate::server::{ImServer, PRESENCE, Request, Stop};

/// Life of a publication that names none, in seconds.
const DEFAULT_S: u32 = 3600;
/// The shortest, as for registrations.
const MIN_S: u32 = 60;
/// The longest.
const MAX_S: u32 = 3600;
/// Most publications of one person: one for each device, and those of services.
const PER_PERSON_MAX: usize = 32;

struct Plan {
    aor: Arc<str>,
    by: Arc<str>,
    of_conference: bool,
    proof: Proof,
    expires_s: u32,
    /// The publication that it changes.
    tag: Option<Arc<str>>,
    /// `None`: what was said goes on.
    says: Option<Presence>,
}

impl ImServer {
    pub(crate) fn on_publish(&mut self, request: Request, now: Instant) {
        match self.plan_publication(&request, now) {
            Ok(plan) => self.publish(&request, plan, now),
            Err(Stop::Refuse(423)) => {
                let answer = self
                    .reply(&request.message, 423)
                    .header(HeaderName::MinExpires, MIN_S);
                self.respond(&request, answer, now);
            }
            Err(Stop::Refuse(415)) => {
                let answer = self
                    .reply(&request.message, 415)
                    .header(HeaderName::Accept, pidf::CONTENT_TYPE);
                self.respond(&request, answer, now);
            }
            Err(stop) => self.stop(request, stop, now),
        }
    }

    /// The checks of RFC 3903 §6, in its order.
    fn plan_publication(&mut self, request: &Request, now: Instant) -> Result<Plan, Stop> {
        let message = &request.message;
        let bad = |_: ParseError| Stop::Refuse(400);
        let uri = message.uri().map_err(bad)?;
        let aor = key_of(&uri).filter(|_| self.serves(&uri));
        let aor = aor.ok_or(Stop::Refuse(404))?;
        if EventHeader::of(message).is_none_or(|event| event.package != PRESENCE) {
            return Err(Stop::Refuse(489));
        }
        let sender = self.sender(request, HeaderName::Authorization, now)?;
        let (by, service) = (sender.aor.clone(), sender.service);
        let of_conference = self.names_conference(&uri);
        let own = *by == *aor || of_conference;
        let may = match of_conference {
            true => service && [&self.allocator, &self.service].contains(&&Some(by.clone())),
            false => own || service,
        };
        if !may {
            return Err(Stop::Refuse(403));
        }
        if !own {
            self.exists(&aor)?;
        }
        let asked = message.expires().map_err(bad)?.unwrap_or(DEFAULT_S);
        if asked > 0 && asked < MIN_S {
            return Err(Stop::Refuse(423));
        }
        let tag = match message.header(HeaderName::SipIfMatch) {
            None => None,
            Some(tag) => {
                let known = self.publications.get(tag);
                // Of somebody else: as unknown as any.
                let mine = known.filter(|known| *known.aor == *aor && known.by == by);
                mine.filter(|known| known.until > now)
                    .ok_or(Stop::Refuse(412))?;
                Some(Arc::from(tag))
            }
        };
        let body = message.body();
        let says = match (body.is_empty(), &tag) {
            // §6, step 5: a publication without body changes or ends one that is there.
            (true, None) => return Err(Stop::Refuse(400)),
            (true, Some(_)) => None,
            (false, _) if body.len() > pidf::DOCUMENT_MAX_BYTES => return Err(Stop::Refuse(413)),
            (false, _) if !message.content_type_is(pidf::CONTENT_TYPE) => {
                return Err(Stop::Refuse(415));
            }
            (false, _) => {
                let mut says = pidf::read(&body).map_err(|_| Stop::Refuse(400))?;
                if !own {
                    (says.open, says.note, says.caps) = (None, None, ServiceCaps::default());
                }
                if !of_conference {
                    says.conference = None;
                }
                Some(says)
            }
        };
        let limits = &self.config.limits;
        let full = self.publications.len() >= limits.publications
            || self.publications.of_person(&aor) >= PER_PERSON_MAX;
        if tag.is_none() && full {
            return Err(Stop::Refuse(503));
        }
        Ok(Plan {
            aor: Arc::from(aor),
            by,
            of_conference,
            expires_s: sender.at_most(asked.min(MAX_S), now),
            proof: sender.proof,
            tag,
            says,
        })
    }

    fn publish(&mut self, request: &Request, plan: Plan, now: Instant) {
        let before = plan.tag.and_then(|tag| self.publications.remove(&tag));
        // §6, step 6: every success gives a new tag.
        let tag: Arc<str> = self.endpoint.tokens().tag().into();
        let life = Duration::from_secs(u64::from(plan.expires_s));
        let says = plan.says.or(before.map(|before| before.says));
        if let (Some(says), true) = (says, plan.expires_s > 0) {
            let turn = self.publications.next_turn();
            let key = FlowKey::of(&request.source);
            let on_flow = self.registrar.authenticated(key, &plan.by, now).is_some()
                && request.source.transport.is_reliable();
            let publication = Publication {
                aor: plan.aor.clone(),
                by: plan.by,
                of_conference: plan.of_conference,
                proof: plan.proof,
                says,
                until: now.checked_add(life).unwrap_or(now),
                turn,
                flow: on_flow.then_some(request.source.flow),
            };
            self.publications.insert(tag.clone(), publication);
        }
        self.presence_changed(&plan.aor);
        let answer = self
            .reply(&request.message, 200)
            .header(HeaderName::SipEtag, tag)
            .header(HeaderName::Expires, plan.expires_s);
        self.respond(request, answer, now);
    }
}

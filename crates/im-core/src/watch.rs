//! SUBSCRIBE to presence (RFC 3856): who may watch whom, and what the watchers are told.
//!
//! People of the same domain may watch each other. Subscriptions end with the process, as connections do; a client whose
//! refresh is answered 481 subscribes anew.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sip_proto::events::{Asked, Refusal, Wanted, Watch};
use sip_proto::{HeaderName, ParseError, Transport};

use crate::aor::key_of;
use crate::caps::ServiceCaps;
use crate::pidf;
use crate::presence::takes_messages;
use crate::server::{ImServer, Request, Stop};

impl ImServer {
    pub(crate) fn on_subscribe(&mut self, request: Request, now: Instant) {
        let outcome = match self.notifier.read(&request.message) {
            Ok(asked) => self.take_subscription(&request, &asked, now),
            Err(refusal) => Err(stop_of(refusal)),
        };
        match outcome {
            Ok(()) => {}
            Err(Halt::Brief(least)) => {
                let answer = self
                    .reply(&request.message, 423)
                    .header(HeaderName::MinExpires, least);
                // It was read before anybody was asked who sends it.
                self.respond_to_anybody(&request, answer, now);
            }
            Err(Halt::Stop(stop)) => self.stop(request, stop, now),
        }
    }

    fn take_subscription(
        &mut self,
        request: &Request,
        asked: &Asked,
        now: Instant,
    ) -> Result<(), Halt> {
        let bad = |_: ParseError| Halt::Stop(Stop::Refuse(400));
        let message = &request.message;
        let sender = self.sender(request, HeaderName::Authorization, now)?;
        let (watcher, proof) = (sender.aor.clone(), sender.proof);
        let asked = &sender.shortened(asked, now);
        if let Some(sub) = asked.known {
            let watch = self.notifier.watch(sub);
            if watch.is_none_or(|watch| watch.watcher != watcher) {
                return Err(Stop::Refuse(403).into());
            }
            let request = (request.tx, &request.source, message);
            let renewed = self
                .notifier
                .refresh(&mut self.endpoint, request, asked, proof, now);
            return renewed.map_err(stop_of);
        }
        let uri = message.uri().map_err(bad)?;
        if !self.serves(&uri) {
            return Err(Stop::Refuse(403).into());
        }
        let resource = key_of(&uri).ok_or(Stop::Refuse(404))?;
        // Of conferences there are no accounts: one that is not, or not any more, is closed.
        if !self.names_conference(&uri) {
            self.exists(&resource)?;
        }
        // RFC 3903 and RFC 3856 §6.5: what the watcher takes must be what we write.
        let accepts = !message.has(HeaderName::Accept)
            || [pidf::CONTENT_TYPE, "application/*", "*/*"]
                .iter()
                .any(|kind| message.lists(HeaderName::Accept, kind));
        if !accepts {
            return Err(Stop::Refuse(406).into());
        }
        let watch = Watch {
            resource: Arc::from(resource),
            watcher,
            proof,
            contact: self.own_contact(request.source.transport),
        };
        let request = (request.tx, &request.source, message);
        self.notifier
            .subscribe(&mut self.endpoint, request, asked, watch, now)
            .map_err(stop_of)?;
        Ok(())
    }

    /// Where requests within a subscription reach us.
    fn own_contact(&self, transport: Transport) -> String {
        let host = self.config.via.of(transport);
        format!("sip:{host};transport={}", transport.param_word())
    }

    /// Refuses who has no account.
    pub(crate) fn exists(&mut self, aor: &str) -> Result<(), Stop> {
        match self.accounts.get(aor) {
            None => Err(Stop::Lookup(Arc::from(aor))),
            Some(None) => Err(Stop::Refuse(404)),
            Some(Some(_)) => Ok(()),
        }
    }

    /// Something about this person changed; the watchers hear of it when everything at hand is dealt with.
    pub(crate) fn presence_changed(&mut self, aor: &Arc<str>) {
        if self.notifier.is_watched(aor) {
            self.changed_presence.insert(aor.clone());
        }
    }

    /// Sends the notifications that are due.
    pub(crate) fn notify(&mut self, now: Instant) {
        for aor in std::mem::take(&mut self.changed_presence) {
            self.notifier.changed(&aor, now);
        }
        while let Some(wanted) = self.notifier.poll_wanted() {
            self.notify_one(&wanted, now);
        }
    }

    fn notify_one(&mut self, wanted: &Wanted, now: Instant) {
        let (mut reached, mut caps) = (false, ServiceCaps::default());
        let bindings = self.registrar.find(&wanted.resource, now);
        for binding in bindings.into_iter().flat_map(|(_, bindings)| bindings) {
            reached |= takes_messages(&binding.address);
            caps.add(&binding.caps);
        }
        let presence = self.publications.compose(&wanted.resource, reached, caps);
        let document = Bytes::from(pidf::write(&wanted.resource, &presence));
        let host = self.config.via.of(wanted.target.transport);
        self.notifier.send(
            &mut self.endpoint,
            wanted.sub,
            Some((pidf::CONTENT_TYPE, document)),
            host,
            now,
        );
    }
}

/// Why a SUBSCRIBE does not go on.
enum Halt {
    Brief(u32),
    Stop(Stop),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Halt::Stop(stop)
    }
}

fn stop_of(refusal: Refusal) -> Halt {
    match refusal {
        Refusal::TooBrief(least) => Halt::Brief(least),
        other => Halt::Stop(Stop::Refuse(other.status())),
    }
}

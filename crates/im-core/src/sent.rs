//! What a person writes at one device stands at their others at once: those that say so when they register get a copy. There is no
//! standard for it with MESSAGE; XMPP has message carbons (XEP-0280). A copy is of no consequence: it is not stored, kept or copied
//! itself, and who misses it has the message in the history.

use std::time::Instant;

use sip_proto::endpoint::UDP_REQUEST_MAX_BYTES;
use sip_proto::{Edit, HeaderName, NameAddr, Source};

use crate::kept::VIA_ROOM;
use crate::message::Plan;
use crate::registrar::{Binding, FlowKey};
use crate::relay::{Fork, Leg, addressed, choose, opened};
use crate::server::{ImServer, Request};

/// Stands in a copy alone, and says to whom the message was sent.
pub const SENT_TO: HeaderName = HeaderName::from_static("Convoke-Sent-To");
/// The feature tag of a Contact whose device takes copies.
const TAKES_COPIES: &str = "+g.convoke.sent";

impl ImServer {
    /// Copies what somebody says to their other devices: words between people alone. `copies` is the message as its recipient's
    /// devices get it.
    pub(crate) fn copy_to_own_devices(
        &mut self,
        request: &Request,
        plan: &Plan,
        copies: &Edit,
        now: Instant,
    ) {
        // Who writes to themselves has it at every device.
        if !plan.words || plan.from == plan.to {
            return;
        }
        for leg in self.other_devices(&plan.from, &request.source, now) {
            let copy = opened(copies.clone(), plan, &leg);
            let copy = copy.append(SENT_TO, format!("<sip:{}>", plan.to));
            let message = addressed(copy, &leg);
            let bytes = message.as_bytes().len();
            let fits = bytes.saturating_add(VIA_ROOM) <= UDP_REQUEST_MAX_BYTES
                || leg.target.transport.is_reliable();
            let limits = &self.config.limits;
            if !fits || !self.own_copies.admits(&plan.from, bytes, limits) {
                continue;
            }
            let host = self.config.via.of(leg.target.transport);
            let sent = self.endpoint.send_request(&message, &leg.target, host, now);
            if let Ok(tx) = sent {
                let from = plan.from.clone();
                self.own_copies.begin(&from, bytes, false);
                self.forks.insert(tx, Fork::Copy { from, bytes });
            }
        }
    }

    /// The devices of a person that take copies, without those that stand behind `source`: a MESSAGE does not say which of them sent it.
    fn other_devices(&self, aor: &str, source: &Source, now: Instant) -> Vec<Leg> {
        let Some((_, bindings)) = self.registrar.find(aor, now) else {
            return Vec::new();
        };
        let flow = Some(FlowKey::of(source));
        let (here, others): (Vec<&Binding>, Vec<_>) =
            bindings.partition(|binding| binding.flow_key() == flow);
        // It may have another connection as well.
        let is_here = |one: &Binding| {
            one.instance.is_some() && here.iter().any(|here| here.instance == one.instance)
        };
        let mut chosen = Vec::new();
        for binding in others {
            if takes_copies(&binding.address) && !is_here(binding) {
                choose(&mut chosen, binding);
            }
        }
        chosen.into_iter().map(Leg::of).collect()
    }
}

fn takes_copies(contact: &NameAddr) -> bool {
    contact.param(TAKES_COPIES).is_some()
}

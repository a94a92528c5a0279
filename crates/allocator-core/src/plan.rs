//! What may be called from here: the modes service is asked, which judges by the dial plan that calling itself obeys.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use convoke_types::{ConferenceId, NetworkAddress};
use soap_proto::{CALLEES_MAX, Callee, Invite, Invited, KnownPerson};

use crate::allocator::Allocator;
use crate::gateways::{GatewayRoute, dial_string};
use crate::reasons::Reason;
use crate::ways::NoWay;

/// Where gateways lead, and what of it may not be called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub gateways: Vec<GatewayRoute>,
    pub refused: BTreeSet<Callee>,
}

impl Plan {
    /// The SIP URI by which an address of another network is called.
    pub fn through_gateway(&self, address: &NetworkAddress) -> Result<String, NoWay> {
        let dialled = dial_string(&self.gateways, address);
        let uri = dialled.ok_or(NoWay::NoGateway(address.mode()))?;
        match self.refused.contains(&Callee::Sip(uri.clone())) {
            true => Err(NoWay::NotCalled(address.mode())),
            false => Ok(uri),
        }
    }

    pub fn may_call(&self, callee: &Callee) -> bool {
        !self.refused.contains(callee)
    }
}

/// What might be called of those whom a request names. Of people's own telephones and rooms the modes service has said already whether
/// they may be called; what gateways make of an address only the allocator knows.
pub(crate) fn callees<'a>(
    invites: impl Iterator<Item = &'a Invite>,
    known: impl Iterator<Item = &'a KnownPerson>,
    gateways: &[GatewayRoute],
) -> BTreeSet<Callee> {
    let dialled = |address: &NetworkAddress| dial_string(gateways, address).map(Callee::Sip);
    let bare = invites.filter_map(|invite| match &invite.who {
        Invited::Person(_) => None,
        Invited::Number(number) => Some(Callee::Number(number.clone())),
        Invited::Sip(uri) => Some(Callee::Sip(uri.clone())),
        Invited::Network(address) => dialled(address),
    });
    let modes = known.flat_map(|person| &person.modes);
    let behind = modes.filter_map(|one| {
        let here = one.here && one.mode.is_through_gateway();
        dialled(&one.address.as_deref().filter(|_| here)?.parse().ok()?)
    });
    bare.chain(behind).collect()
}

impl Allocator {
    /// The modes of a request's people are known: what might be called is judged, then everybody's way is worked out.
    pub(crate) fn judge_callees(&mut self, id: &ConferenceId, now: Instant) {
        let Some(ask) = self.asks.get_mut(id) else {
            return;
        };
        let known = ask.known.values().flatten();
        let callees = callees(ask.wanted.invites.iter(), known, &self.config.gateways);
        let callees: Vec<Callee> = callees.into_iter().collect();
        ask.waiting = callees.len().div_ceil(CALLEES_MAX);
        if callees.is_empty() {
            return self.work_out(id, now);
        }
        for some in callees.chunks(CALLEES_MAX) {
            self.ask_callable(id, some.to_vec(), now);
        }
    }

    /// The modes service has judged these, or has not.
    pub(crate) fn on_callable(
        &mut self,
        id: &ConferenceId,
        answer: Result<BTreeMap<Callee, bool>, Reason>,
        now: Instant,
    ) {
        let Some(ask) = self.learning(id) else {
            return;
        };
        match answer {
            Err(reason) => self.refuse_ask(id, reason, now),
            Ok(judged) => {
                ask.waiting = ask.waiting.saturating_sub(1);
                let refused = judged.into_iter().filter(|(_, may)| !may);
                ask.refused.extend(refused.map(|(callee, _)| callee));
                if ask.waiting == 0 {
                    self.work_out(id, now);
                }
            }
        }
    }
}

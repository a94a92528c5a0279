//! Contacts that outlive the process: those reached by datagrams. A connection ends with the process, and with it its contacts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_proto::auth::Proof;
use sip_proto::{NameAddr, Target, Transport};

use crate::caps::ServiceCaps;
use crate::contact::split_path;
use crate::ports::{SavedBinding, StoreOp};
use crate::registrar::Binding;
use crate::server::{ImServer, Storing};

impl ImServer {
    /// Contacts that a former process saved, in force until they end. Call it before anything else.
    pub fn restore_bindings(
        &mut self,
        saved: impl IntoIterator<Item = (Arc<str>, SavedBinding)>,
        now: Instant,
    ) {
        let wall_now = self.config.wall.unix_ms(now);
        for (aor, saved) in saved {
            let left_ms = saved.expires_at_unix_ms.saturating_sub(wall_now);
            let Some(left_ms) = u64::try_from(left_ms).ok().filter(|left| *left > 0) else {
                continue;
            };
            let (Ok(address), Ok(remote)) = (NameAddr::parse(saved.contact), saved.flow.parse())
            else {
                continue;
            };
            let binding = Binding {
                id: self.registrar.new_id(),
                caps: ServiceCaps::of_contact(&address),
                address,
                instance: Some(saved.instance)
                    .filter(|instance| !instance.is_empty())
                    .map(Arc::from),
                reg_id: saved.reg_id,
                q_permille: saved.q_permille,
                call_id: saved.call_id,
                cseq: saved.cseq,
                expires: now
                    .checked_add(Duration::from_millis(left_ms))
                    .unwrap_or(now),
                path: split_path(&saved.path),
                target: Target::new(Transport::Udp, remote),
                user_agent: saved.user_agent,
                proof: saved.password.map(Proof::Password),
            };
            self.saved.insert(aor.clone());
            self.registrar.entry(&aor).bindings.push(binding);
            self.registrar.settle(&aor, &[]);
        }
    }

    /// Has the contacts saved that can outlive the process: those reached by datagrams.
    pub(crate) fn save_bindings(&mut self, aor: &Arc<str>, now: Instant) {
        let wall_now = self.config.wall.unix_ms(now);
        let person = self.registrar.get(aor);
        let mut bindings = Vec::new();
        for binding in person.iter().flat_map(|person| &person.bindings) {
            if binding.target.transport.is_reliable() {
                continue;
            }
            // A token is a sign-in of now: what it registered ends with the process.
            let password = match binding.proof {
                Some(Proof::Password(id)) => Some(id),
                None => None,
                Some(Proof::Token(_) | Proof::Asserted) => continue,
            };
            let left = binding.expires.saturating_duration_since(now).as_millis();
            bindings.push(SavedBinding {
                contact: binding.address.as_str().to_owned(),
                instance: binding.instance.as_deref().unwrap_or_default().to_owned(),
                reg_id: binding.reg_id,
                q_permille: binding.q_permille,
                call_id: binding.call_id.clone(),
                cseq: binding.cseq,
                expires_at_unix_ms: wall_now
                    .saturating_add(i64::try_from(left).unwrap_or(i64::MAX)),
                path: binding.path.join(","),
                flow: binding.target.addr.to_string(),
                user_agent: binding.user_agent.clone(),
                password,
            });
        }
        // Somebody who only ever came over connections has nothing saved, and nothing to remove.
        let had = self.saved.contains(aor);
        if bindings.is_empty() && !had {
            return;
        }
        if bindings.is_empty() {
            self.saved.remove(aor);
        } else {
            self.saved.insert(aor.clone());
        }
        let aor = aor.clone();
        self.store(StoreOp::SaveBindings { aor, bindings }, Storing::Quiet);
    }
}

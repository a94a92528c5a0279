//! REGISTER (RFC 3261 §10.3), with outbound flows (RFC 5626), Path (RFC 3327) and public GRUUs (RFC 5627).

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_proto::auth::Proof;
use sip_proto::{HeaderName, Message, ParseError, Source, Uri};

use crate::aor::key_of;
use crate::caps::ServiceCaps;
use crate::contact::{Capabilities, Wanted, path_of};
use crate::date::sip_date;
use crate::ports::{Event, Gone};
use crate::registrar::{Binding, FlowKey, FlowUser};
use crate::server::{ImServer, Request, SUPPORTED, Stop};

/// Bytes of User-Agent that are kept.
const USER_AGENT_MAX_CHARS: usize = 128;
/// The extensions that a REGISTER may require.
const KNOWN_EXTENSIONS: [&str; 3] = ["path", "outbound", "gruu"];

enum Change {
    Query,
    RemoveAll,
    Contacts(Vec<Wanted>),
}

struct Registration {
    aor: Arc<str>,
    service: bool,
    /// What it was authenticated with.
    proof: Proof,
    /// When that ends, if it does by itself: no contact outlasts it.
    ends: Option<Instant>,
    change: Change,
    call_id: String,
    cseq: u32,
    path: Vec<String>,
}

impl ImServer {
    pub(crate) fn on_register(&mut self, request: Request, now: Instant) {
        let outcome = self
            .plan_registration(&request, now)
            .and_then(|plan| self.apply(&request, plan, now));
        if let Err(stop) = outcome {
            match stop {
                Stop::Refuse(423) => {
                    let least = self.config.limits.min_expires_s;
                    let answer = self
                        .reply(&request.message, 423)
                        .header(HeaderName::MinExpires, least);
                    self.respond(&request, answer, now);
                }
                stop => self.stop(request, stop, now),
            }
        }
    }

    fn plan_registration(&mut self, request: &Request, now: Instant) -> Result<Registration, Stop> {
        let message = &request.message;
        let bad = |_: ParseError| Stop::Refuse(400);
        let unknown: Vec<&str> = message
            .headers(HeaderName::Require)
            .filter(|word| {
                !KNOWN_EXTENSIONS
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(word))
            })
            .collect();
        if !unknown.is_empty() {
            return Err(Stop::Unsupported(unknown.join(", ")));
        }
        if !self.serves(&message.uri().map_err(bad)?) {
            return Err(Stop::Refuse(403));
        }
        let to = message.to().map_err(bad)?;
        let aor = key_of(to.uri())
            .filter(|_| self.serves(to.uri()))
            .ok_or(Stop::Refuse(404))?;
        // Nobody registers for somebody else here.
        let from = message.from().map_err(bad)?;
        if key_of(from.uri()).as_deref() != Some(aor.as_str()) {
            return Err(Stop::Refuse(403));
        }
        let known = self.authenticate(request, HeaderName::Authorization, &aor, now)?;
        Ok(Registration {
            aor: Arc::from(aor),
            service: known.account.service,
            proof: known.proof,
            ends: known.ends,
            change: self.change_of(message)?,
            call_id: message.call_id().unwrap_or_default().to_owned(),
            cseq: message.cseq().map_err(bad)?.seq,
            path: path_of(message)?,
        })
    }

    fn change_of(&self, message: &Message) -> Result<Change, Stop> {
        if !message.has(HeaderName::Contact) {
            return Ok(Change::Query);
        }
        let limits = &self.config.limits;
        let header_expires = message.expires().ok().flatten();
        if message.contact_is_wildcard() {
            // RFC 3261 §10.2.2: `*` stands alone, with Expires: 0.
            let alone = message.headers(HeaderName::Contact).count() == 1;
            return if alone && header_expires == Some(0) {
                Ok(Change::RemoveAll)
            } else {
                Err(Stop::Refuse(400))
            };
        }
        let contacts = message.contacts().map_err(|_| Stop::Refuse(400))?;
        if contacts.len() > limits.bindings_per_aor {
            return Err(Stop::Refuse(403));
        }
        let mut wanted = Vec::with_capacity(contacts.len());
        for contact in &contacts {
            // RFC 3261 §20.10: an `expires` that cannot be read counts as 3600.
            let asked = match contact.param("expires") {
                Some(text) => text.parse().unwrap_or(3600),
                None => header_expires.unwrap_or(limits.default_expires_s),
            };
            if asked > 0 && asked < limits.min_expires_s {
                return Err(Stop::Refuse(423));
            }
            wanted.push(Wanted::of(contact, asked.min(limits.max_expires_s))?);
        }
        Ok(Change::Contacts(wanted))
    }

    fn apply(&mut self, request: &Request, plan: Registration, now: Instant) -> Result<(), Stop> {
        let aor = plan.aor.clone();
        let known = self.registrar.find(&aor, now).is_some();
        let offer = match &plan.change {
            Change::Query => None,
            Change::RemoveAll => {
                self.refuse_out_of_order(&plan, |_| true)?;
                self.remove_all(&aor);
                None
            }
            Change::Contacts(wanted) => {
                let uris = |binding: &Binding| {
                    wanted.iter().any(|w| {
                        binding.is_the_same(w.address.uri(), w.instance.as_deref(), w.reg_id)
                    })
                };
                self.refuse_out_of_order(&plan, uris)?;
                let limits = &self.config.limits;
                let key = FlowKey::of(&request.source);
                if (!known && self.registrar.len() >= limits.registered)
                    || self.registrar.is_full(key, &aor, limits.users_per_flow)
                {
                    return Err(Stop::Refuse(503));
                }
                self.change_contacts(request, &plan, wanted, now)?
            }
        };
        if !matches!(plan.change, Change::Query) {
            self.save_bindings(&aor, now);
        }
        self.answer_registration(request, &aor, now);
        if let Some(binding) = offer {
            self.offer_kept(&aor, binding);
        }
        Ok(())
    }

    /// RFC 3261 §10.3, step 7: what comes later on the same Call-ID must count higher, else nothing at all is changed.
    fn refuse_out_of_order(
        &mut self,
        plan: &Registration,
        concerned: impl Fn(&Binding) -> bool,
    ) -> Result<(), Stop> {
        let Some(person) = self.registrar.get(&plan.aor) else {
            return Ok(());
        };
        let late = person.bindings.iter().any(|binding| {
            concerned(binding) && binding.call_id == plan.call_id && binding.cseq >= plan.cseq
        });
        if late { Err(Stop::Refuse(500)) } else { Ok(()) }
    }

    fn remove_all(&mut self, aor: &Arc<str>) {
        let removed = std::mem::take(&mut self.registrar.entry(aor).bindings);
        self.registrar.settle(aor, &removed);
        if !removed.is_empty() {
            self.event(Event::Unregistered {
                aor: aor.clone(),
                why: Gone::Removed,
            });
        }
    }

    /// Makes the changes; gives back the contact to offer kept messages to, if any.
    fn change_contacts(
        &mut self,
        request: &Request,
        plan: &Registration,
        wanted: &[Wanted],
        now: Instant,
    ) -> Result<Option<u64>, Stop> {
        let aor = &plan.aor;
        let ids: Vec<u64> = wanted.iter().map(|_| self.registrar.new_id()).collect();
        let most = self.config.limits.bindings_per_aor;
        let target = request.source.reply_target();
        let user_agent = request.message.header(HeaderName::UserAgent);
        let user_agent: String = user_agent
            .unwrap_or_default()
            .chars()
            .take(USER_AGENT_MAX_CHARS)
            .collect();
        let hinted = self.maybe_kept.contains(aor);
        let person = self.registrar.entry(aor);
        let mut bindings = person.bindings.clone();
        let (mut removed, mut events, mut offer) = (Vec::new(), Vec::new(), None);
        let mut longest = None;
        for (wanted, new_id) in wanted.iter().zip(ids) {
            let at = bindings.iter().position(|b| {
                b.is_the_same(
                    wanted.address.uri(),
                    wanted.instance.as_deref(),
                    wanted.reg_id,
                )
            });
            let before = at.map(|at| bindings.swap_remove(at));
            if wanted.expires_s == 0 {
                if before.is_some() {
                    events.push(Event::Unregistered {
                        aor: aor.clone(),
                        why: Gone::Removed,
                    });
                }
                removed.extend(before);
                continue;
            }
            let renewed = before.as_ref().filter(|b| b.target == target);
            let id = renewed.map_or(new_id, |before| before.id);
            let life = Duration::from_secs(u64::from(wanted.expires_s));
            let expires = now.checked_add(life).unwrap_or(now);
            let expires = plan.ends.map_or(expires, |ends| expires.min(ends));
            longest = longest.max(Some(expires));
            events.push(Event::Registered {
                aor: aor.clone(),
                transport: target.transport,
                remote: target.addr,
                expires_s: seconds_until(expires, now),
                new: renewed.is_none(),
                can: Capabilities::of(&wanted.address, target.transport),
            });
            if renewed.is_none() || hinted || !person.asked_for_kept {
                offer = Some(id);
            }
            removed.extend(before.filter(|b| b.target != target));
            bindings.push(Binding {
                id,
                address: wanted.address.clone(),
                caps: ServiceCaps::of_contact(&wanted.address),
                instance: wanted.instance.clone(),
                reg_id: wanted.reg_id,
                q_permille: wanted.q_permille,
                call_id: plan.call_id.clone(),
                cseq: plan.cseq,
                expires,
                path: plan.path.clone(),
                target: target.clone(),
                user_agent: user_agent.clone(),
                proof: Some(plan.proof),
            });
        }
        if bindings.len() > most {
            // A device that lost its former contacts makes room for its new one.
            let replaced = |b: &Binding| {
                b.instance.is_some()
                    && !(b.call_id == plan.call_id && b.cseq == plan.cseq)
                    && wanted.iter().any(|wanted| wanted.instance == b.instance)
            };
            let (old, current) = bindings.into_iter().partition(replaced);
            removed.extend::<Vec<Binding>>(old);
            bindings = current;
        }
        let fits = bindings.len() <= most;
        if fits {
            person.bindings = bindings;
            person.asked_for_kept |= offer.is_some();
        } else {
            removed.clear();
        }
        self.registrar.settle(aor, &removed);
        if !fits {
            return Err(Stop::Refuse(403));
        }
        if let Some(until) = longest {
            self.trust_flow(&request.source, plan, until);
        }
        for event in events {
            self.event(event);
        }
        Ok(offer)
    }

    /// From now on the connection speaks for this user, without a digest for every message.
    fn trust_flow(&mut self, source: &Source, plan: &Registration, until: Instant) {
        if source.transport.is_reliable() || self.config.udp_address_authenticates {
            let user = FlowUser {
                until,
                service: plan.service,
                proof: plan.proof,
                proof_ends: plan.ends,
                trusted: true,
            };
            self.registrar
                .authenticate(FlowKey::of(source), &plan.aor, user);
        }
    }

    fn answer_registration(&mut self, request: &Request, aor: &Arc<str>, now: Instant) {
        let message = &request.message;
        let wants_gruu = message.lists(HeaderName::Supported, "gruu");
        let mut answer = self.reply(message, 200);
        let mut outbound = false;
        if let Some((_, bindings)) = self.registrar.find(aor, now) {
            for binding in bindings {
                let left = binding.expires.saturating_duration_since(now).as_secs();
                let mut contact = binding.address.with_param("expires", &left.to_string());
                if let Some(instance) = binding.instance.as_deref().filter(|_| wants_gruu)
                    && let Some(gruu) = public_gruu(aor, instance)
                {
                    contact = contact.with_param("pub-gruu", gruu.as_str());
                }
                answer = answer.header(HeaderName::Contact, contact);
                outbound |= binding.reg_id.is_some() && binding.path.is_empty();
            }
        }
        if outbound && message.lists(HeaderName::Supported, "outbound") {
            // RFC 5626 §6: tells the client that its flow is used.
            answer = answer.header(HeaderName::Require, "outbound");
        }
        for path in message.headers(HeaderName::Path) {
            answer = answer.header(HeaderName::Path, path);
        }
        let date = sip_date(self.config.wall.unix_ms(now));
        answer = answer
            .header(HeaderName::Supported, SUPPORTED)
            .header(HeaderName::Date, date);
        self.respond(request, answer, now);
    }
}

fn seconds_until(then: Instant, now: Instant) -> u32 {
    let left = then.saturating_duration_since(now).as_secs();
    u32::try_from(left).unwrap_or(u32::MAX)
}

/// `sip:user@domain;gr=INSTANCE` (RFC 5627 §3.1.1).
fn public_gruu(aor: &str, instance: &str) -> Option<Uri> {
    let uri = Uri::parse(format!("sip:{aor}")).ok()?;
    Some(uri.with_param("gr", instance))
}

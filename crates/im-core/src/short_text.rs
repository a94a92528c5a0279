//! Chat too large for a datagram, to somebody whose devices have no connections: each gets a short text that tells of the message and
//! leads to it, once, while the message itself is kept for a connection (architecture, SIP rules; RFC 3428 §8).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use sip_proto::Message;
use sip_proto::endpoint::UDP_REQUEST_MAX_BYTES;

use crate::kept::VIA_ROOM;
use crate::ports::Event;
use crate::relay::{Fork, Leg};
use crate::server::ImServer;

/// Type of the short text.
const WORDS_TYPE: &str = "text/plain; charset=utf-8";
/// Longest name of a sender in it, in characters.
const NAME_MAX_CHARS: usize = 64;
/// Devices of which it is remembered what they were told. When there are more, all is forgotten: then something is told twice.
const REMEMBERED_MAX: usize = 100_000;

/// What devices were told: of each the newest message. The log's numbers grow, so the older ones were told too, or delivered.
#[derive(Debug, Default)]
pub(crate) struct Told {
    people: HashMap<Arc<str>, HashMap<Arc<str>, i64>>,
    devices: usize,
}

impl Told {
    /// Notes that a device is told of a message; `false` when it was told before.
    pub(crate) fn note(&mut self, aor: &Arc<str>, device: &Arc<str>, id: i64) -> bool {
        let known = self.people.get_mut(aor).and_then(|of| of.get_mut(device));
        if let Some(newest) = known {
            let is_news = id > *newest;
            *newest = id.max(*newest);
            return is_news;
        }
        if self.devices >= REMEMBERED_MAX {
            self.people.clear();
            self.devices = 0;
        }
        self.devices = self.devices.saturating_add(1);
        let of = self.people.entry(aor.clone()).or_default();
        of.insert(device.clone(), id);
        true
    }

    /// The device heard nothing of this message, nor of what came after it.
    fn take_back(&mut self, aor: &str, device: &str, id: i64) {
        let known = self.people.get_mut(aor).and_then(|of| of.get_mut(device));
        if let Some(newest) = known {
            *newest = id.saturating_sub(1).min(*newest);
        }
    }
}

impl ImServer {
    /// Tells a device without a connection that a message is kept; `false` when it was told before.
    pub(crate) fn tell_of_kept(
        &mut self,
        aor: &Arc<str>,
        id: i64,
        from: &str,
        leg: &Leg,
        now: Instant,
    ) -> bool {
        if !self.told.note(aor, &leg.device, id) {
            return false;
        }
        let Some(message) = self.short_text(aor, from, leg) else {
            return true;
        };
        let host = self.config.via.of(leg.target.transport);
        let Ok(tx) = self.endpoint.send_request(&message, &leg.target, host, now) else {
            self.told.take_back(aor, &leg.device, id);
            return true;
        };
        let fork = Fork::ShortText {
            aor: aor.clone(),
            device: leg.device.clone(),
            id,
        };
        self.forks.insert(tx, fork);
        self.event(Event::ToldOfKept { id });
        true
    }

    /// A device answered a short text. One that did not is told again when it registers anew; one that refused is not asked twice.
    pub(crate) fn short_text_answered(
        &mut self,
        aor: &Arc<str>,
        device: &str,
        id: i64,
        answered: bool,
    ) {
        if !answered {
            self.told.take_back(aor, device, id);
        }
    }

    /// The request; without a link where that would be too large again.
    fn short_text(&mut self, aor: &str, from: &str, leg: &Leg) -> Option<Message> {
        let words = self.words(aor, from);
        let linked = self.link(from).map(|link| format!("{words}: {link}"));
        for text in linked.into_iter().chain([format!("{words}.")]) {
            let request = self.request_of(aor, from, leg)?;
            let message = request.body(WORDS_TYPE, text).build();
            if message.as_bytes().len().saturating_add(VIA_ROOM) <= UDP_REQUEST_MAX_BYTES {
                return Some(message);
            }
        }
        None
    }

    /// In the recipient's language, with the name that the sender's account has.
    fn words(&mut self, aor: &str, from: &str) -> String {
        let account = self.accounts.get(from).flatten();
        let user = from.split('@').next().unwrap_or(from);
        let name = account.as_ref().map_or("", |account| account.name.trim());
        let name: String = if name.is_empty() { user } else { name }
            .chars()
            .filter(|c| !c.is_control())
            .take(NAME_MAX_CHARS)
            .collect();
        let account = self.accounts.get(aor).flatten();
        let language = account.as_ref().and_then(|a| a.language.as_deref());
        match language.unwrap_or(&self.config.language) {
            "de" => format!("Eine lange Nachricht von {name} wartet auf dich"),
            _ => format!("A long message from {name} is kept for you"),
        }
    }

    /// Where the chat with somebody is shown.
    fn link(&self, with: &str) -> Option<String> {
        let window = self.config.window.as_deref()?;
        let mut link = format!("{}/chat/", window.trim_end_matches('/'));
        for byte in with.bytes() {
            // RFC 3986 §3.3: of what a path may hold, what our addresses have and pages leave as it is.
            if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
                link.push(char::from(byte));
            } else {
                link.push_str(&format!("%{byte:02X}"));
            }
        }
        Some(link)
    }
}

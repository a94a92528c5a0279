//! Chat too large for a datagram, to somebody whose devices have no connections: each gets a short text that tells of the message and
//! leads to it, once, while the message itself is kept for a connection (architecture, SIP rules; RFC 3428 §8).

use std::time::Instant;

use sip_proto::Message;
use sip_proto::endpoint::UDP_REQUEST_MAX_BYTES;

use crate::kept::VIA_ROOM;
use crate::ports::Event;
use crate::relay::{Fork, Leg};
use crate::server::ImServer;
use crate::told::Telling;

/// Type of the short text.
const WORDS_TYPE: &str = "text/plain; charset=utf-8";
/// Longest name of a sender in it, in characters.
const NAME_MAX_CHARS: usize = 64;

impl ImServer {
    /// Tells a device without a connection that a message is kept, unless a text of the same sender is on its way to it; `false` when
    /// it was told before, or cannot be told now: then it is when it registers anew. `name` is that of the sender's account.
    pub(crate) fn tell_of_kept(
        &mut self,
        telling: &Telling,
        name: &str,
        id: i64,
        leg: &Leg,
        now: Instant,
    ) -> bool {
        if !self.told.is_news(telling, id) {
            return false;
        }
        if self.told.is_under_way(telling) {
            self.told.note(telling, id);
            return true;
        }
        let in_flight = self.in_flight();
        let limits = &self.config.limits;
        if !self.told.admits(&telling.from, in_flight, limits) {
            return false;
        }
        let Some(message) = self.short_text(telling, name, leg) else {
            self.told.note(telling, id);
            return true;
        };
        let host = self.config.via.of(leg.target.transport);
        let Ok(tx) = self.endpoint.send_request(&message, &leg.target, host, now) else {
            return false;
        };
        self.told.note(telling, id);
        self.told.begin(telling);
        let telling = telling.clone();
        self.forks.insert(tx, Fork::ShortText { telling, id });
        self.event(Event::ToldOfKept { id });
        true
    }

    /// A device answered a short text. One that did not is told again when it registers anew; one that refused is not asked twice.
    pub(crate) fn short_text_answered(&mut self, telling: &Telling, id: i64, answered: bool) {
        self.told.end(telling);
        if !answered {
            self.told.take_back(telling, id);
        }
    }

    /// The request; without a link where that would be too large again.
    fn short_text(&mut self, telling: &Telling, name: &str, leg: &Leg) -> Option<Message> {
        let (aor, from) = (&telling.aor, &telling.from);
        let words = self.words(aor, from, name);
        let linked = self.link(from).map(|link| format!("{words}: {link}"));
        for text in linked.into_iter().chain([format!("{words}.")]) {
            let request = self.request_of(aor, from, None, leg)?;
            let message = request.body(WORDS_TYPE, text).build();
            if message.as_bytes().len().saturating_add(VIA_ROOM) <= UDP_REQUEST_MAX_BYTES {
                return Some(message);
            }
        }
        None
    }

    /// The name that somebody's account has, as far as it is remembered: of who writes now it is.
    pub(crate) fn remembered_name(&mut self, aor: &str) -> String {
        let account = self.accounts.get(aor).flatten();
        account.map_or_else(String::new, |account| account.name.clone())
    }

    /// In the recipient's language, with the sender's name, or without one the user of their address.
    fn words(&mut self, aor: &str, from: &str, name: &str) -> String {
        let user = from.split('@').next().unwrap_or(from);
        let name = name.trim();
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

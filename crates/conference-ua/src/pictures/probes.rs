//! Whether the clients of calls are there still of whose pictures nothing shows it: who only sees sends nothing, and who is hidden may send
//! nothing. Such a client is asked within its call (OPTIONS, RFC 3261 §11) now and then, and when it has not answered for long, the call
//! ends, and with it what the video server has of it. A client whose connection is made anew answers the next time.

use std::time::Instant;

use sip_proto::call::CallKey;

use super::{Kind, LOST_MAX, Pictures, Stage};
use crate::calls::line::{Due, Line};
use crate::probing::{PROBE_AGAIN, PROBE_EVERY, is_away};

impl Pictures {
    /// The client has connected, perhaps anew.
    pub(super) fn begin_probes(&mut self, key: CallKey, now: Instant) {
        self.set_probe(key, now.checked_add(PROBE_EVERY));
    }

    /// It is time to ask, if the call is one of those.
    pub(super) fn probe(&mut self, line: &mut Line<'_>, key: CallKey) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        let silent = call.kind == Kind::Watch || call.hidden;
        let asks = silent && call.stage == Stage::Connected && line.probe(key);
        match asks {
            true => {
                call.unheard.get_or_insert(line.now);
            }
            false => {
                call.unheard = None;
                self.begin_probes(key, line.now);
            }
        }
    }

    /// It has answered, or it was not reached.
    pub(super) fn probed(&mut self, line: &mut Line<'_>, key: CallKey, status: u16) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        let since = call.unheard.filter(|_| is_away(status));
        let Some(since) = since else {
            call.unheard = None;
            return self.begin_probes(key, line.now);
        };
        if line.now.saturating_duration_since(since) >= LOST_MAX {
            return self.end(line, key, 408, "The connection was lost");
        }
        self.set_probe(key, line.now.checked_add(PROBE_AGAIN));
    }

    pub(super) fn set_probe(&mut self, key: CallKey, at: Option<Instant>) {
        if let Some(call) = self.known.get_mut(&key) {
            self.deadlines.set(&mut call.probe, (key, Due::Probe), at);
        }
    }
}

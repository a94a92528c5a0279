//! Messages to people's clients: invitations. Of what comes from a service the IM server keeps nothing: who is not there sees the call among
//! those missed.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use convoke_types::letter::Letter;
use sip_proto::endpoint::Endpoint;
use sip_proto::ua::{MessageToken, Ua};
use sip_proto::{HeaderName, Uri};

/// That wait for their turn; those beyond are lost.
const WAITING_MAX: usize = 1_000;

/// All that are to be sent, or are without an answer.
#[derive(Debug)]
pub(crate) struct Letters {
    waiting: VecDeque<Letter>,
    under_way: BTreeSet<MessageToken>,
    under_way_max: usize,
}

impl Letters {
    pub(crate) fn new(under_way_max: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            under_way: BTreeSet::new(),
            under_way_max: under_way_max.max(1),
        }
    }

    /// Takes one; false when too many wait.
    pub(crate) fn post(&mut self, letter: Letter) -> bool {
        let room = self.waiting.len() < WAITING_MAX;
        if room {
            self.waiting.push_back(letter);
        }
        room
    }

    /// Sends what may go now.
    pub(crate) fn send(&mut self, ua: &mut Ua, endpoint: &mut Endpoint, now: Instant) {
        while self.under_way.len() < self.under_way_max
            && let Some(letter) = self.waiting.pop_front()
        {
            let Ok(to) = Uri::parse(letter.to.to_uri()) else {
                continue;
            };
            let life = letter.life_s.to_string();
            let extra = [(HeaderName::Expires, life.as_str())];
            // What cannot go now is of no use later: a telephone rings meanwhile.
            let body = Bytes::from(letter.body);
            let sent = ua.message(endpoint, &to, letter.content_type, body, &extra, now);
            self.under_way.extend(sent.ok());
        }
    }

    /// A message has its final status.
    pub(crate) fn answered(&mut self, token: MessageToken) {
        self.under_way.remove(&token);
    }
}

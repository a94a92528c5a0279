//! A conference's own presence (V9): the document, and its publication (RFC 3903) as it is made, renewed and ended.

use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::LegState;
use soap_proto::{Snapshot, names};

use crate::config::{PRESENCE_GAP, PRESENCE_LIFE_S, PRESENCE_PAUSE};
use crate::invitation::escaped;
use crate::speak;

/// Most people that are named as talking.
const TALKING_MAX: usize = 4;

/// Writes the document of a conference at `uri` (RFC 3863, RFC 4479); what programs want to know stands in an element of our own
/// namespace.
pub(crate) fn document(uri: &str, board: &Snapshot, video: bool) -> String {
    let is_in = |state: LegState| matches!(state, LegState::Joined | LegState::Held);
    let people = || {
        board
            .participants
            .iter()
            .filter(|one| one.leg.as_ref().is_some_and(|leg| is_in(leg.state)))
    };
    let count = people().count();
    let talks: Vec<String> = people()
        .filter(|one| one.talking)
        .take(TALKING_MAX)
        .map(|one| one.name.clone())
        .collect();
    let note = speak::presence(count, &talks, video, board.locked);
    let named: String = talks
        .iter()
        .map(|name| format!("<v:talks>{}</v:talks>", escaped(name)))
        .collect();
    let (uri, title) = (escaped(uri), escaped(&board.title));
    let media = if video { "video" } else { "audio" };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:v=\"{}\" entity=\"{uri}\">\n \
         <tuple id=\"conference\"><status><basic>open</basic></status><contact>{uri}</contact></tuple>\n \
         <v:conference title=\"{title}\" in=\"{count}\" media=\"{media}\" locked=\"{}\">{named}</v:conference>\n \
         <dm:person id=\"c\"><dm:note>{}</dm:note></dm:person>\n</presence>\n",
        names::VIDEO_NS,
        board.locked,
        escaped(&note),
    )
}

/// What is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Publishing {
    pub tag: Option<String>,
    pub body: Option<Bytes>,
    pub life_s: u32,
}

/// One conference's publication.
#[derive(Debug, Default)]
pub(crate) struct Publication {
    /// The server's name for it.
    tag: Option<String>,
    /// What it shall say.
    wanted: Option<String>,
    /// Whether that was not said yet.
    dirty: bool,
    /// Whether it shall end.
    ending: bool,
    under_way: bool,
    /// When it was last said.
    said_at: Option<Instant>,
    /// When to renew it.
    due: Option<Instant>,
    /// After a failure, nothing is said before this.
    pause: Option<Instant>,
}

impl Publication {
    /// It shall say this from now on.
    pub fn say(&mut self, document: String) {
        if self.wanted.as_ref() != Some(&document) {
            self.wanted = Some(document);
            self.dirty = true;
        }
    }

    /// It shall end.
    pub fn end(&mut self) {
        self.ending = true;
        self.due = None;
    }

    /// The server has forgotten it, as after another registration: it is to be said anew.
    pub fn forgotten(&mut self) {
        self.tag = None;
        self.dirty = self.wanted.is_some();
        self.under_way = false;
        self.due = None;
        self.pause = None;
    }

    /// Nothing is published any more, and nothing will be.
    pub fn is_over(&self) -> bool {
        self.ending && !self.under_way && self.tag.is_none()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.under_way || self.is_over() {
            return None;
        }
        match self.dirty && !self.ending {
            true => self.free_at().max(self.pause),
            false => self.due,
        }
    }

    /// When something else may be said.
    fn free_at(&self) -> Option<Instant> {
        self.said_at.and_then(|at| at.checked_add(PRESENCE_GAP))
    }

    /// What is to be sent now.
    pub fn poll(&mut self, now: Instant) -> Option<Publishing> {
        // A pause after a failure is kept whatever changes.
        let pauses = !self.ending && self.pause.is_some_and(|until| until > now);
        if self.under_way || pauses {
            return None;
        }
        let publishing = if self.ending {
            let tag = self.tag.clone()?;
            Publishing {
                tag: Some(tag),
                body: None,
                life_s: 0,
            }
        } else if self.dirty {
            if self.free_at().is_some_and(|at| at > now) {
                return None;
            }
            self.dirty = false;
            self.said_at = Some(now);
            Publishing {
                tag: self.tag.clone(),
                body: self.wanted.clone().map(Bytes::from),
                life_s: PRESENCE_LIFE_S,
            }
        } else if self.due.is_some_and(|due| due <= now) {
            Publishing {
                tag: Some(self.tag.clone()?),
                body: None,
                life_s: PRESENCE_LIFE_S,
            }
        } else {
            return None;
        };
        self.due = None;
        self.under_way = true;
        Some(publishing)
    }

    /// The answer to the last one.
    pub fn answered(
        &mut self,
        status: u16,
        tag: Option<&str>,
        granted_s: Option<u32>,
        now: Instant,
    ) {
        if !std::mem::replace(&mut self.under_way, false) {
            return;
        }
        match status {
            // However the end was answered, the server's own clock ends it.
            _ if self.ending && self.tag.is_some() && tag.is_none() => self.tag = None,
            200..=299 if tag.is_some() => {
                self.tag = tag.map(str::to_owned);
                self.pause = None;
                let life_s = granted_s
                    .unwrap_or(PRESENCE_LIFE_S)
                    .clamp(1, PRESENCE_LIFE_S);
                // At three quarters of its life: a lost renewal can be repeated.
                let life = Duration::from_millis(u64::from(life_s).saturating_mul(750));
                self.due = now.checked_add(life);
                if self.ending {
                    // It is ended as soon as it is there.
                    self.due = None;
                }
            }
            // Conditional Request Failed (RFC 3903 §11.2.1): it ended before.
            412 if self.tag.is_some() => self.forgotten(),
            // Also a success without SIP-ETag (RFC 3903 §11.3.1), by which it can be neither renewed nor ended.
            status => {
                if (200..=299).contains(&status) {
                    self.tag = None;
                }
                self.dirty = true;
                self.due = None;
                self.pause = now.checked_add(PRESENCE_PAUSE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any moment; what counts is the distance from it.
    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "a beginning for virtual time")]
        Instant::now()
    }
    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn it_is_made_changed_renewed_and_ended() {
        let t0 = start();
        let mut publication = Publication::default();
        assert_eq!(publication.poll(t0), None);
        publication.say("one".to_owned());
        let first = publication.poll(t0).unwrap();
        assert_eq!((first.tag, first.body), (None, Some(Bytes::from("one"))));
        publication.say("two".to_owned());
        assert_eq!(publication.poll(t0), None, "one at a time");
        publication.answered(200, Some("t1"), Some(120), t0);
        assert_eq!(publication.poll(t0), None, "not twice within a second");
        let next = publication.poll_timeout().unwrap();
        assert!(next <= t0 + secs(90));
        let second = publication.poll(t0 + PRESENCE_GAP).unwrap();
        assert_eq!(second.tag.as_deref(), Some("t1"));
        publication.answered(200, Some("t2"), Some(120), t0 + secs(1));
        assert_eq!(publication.poll_timeout(), Some(t0 + secs(91)));
        let renewal = publication.poll(t0 + secs(91)).unwrap();
        assert_eq!((renewal.body, renewal.tag.as_deref()), (None, Some("t2")));
        publication.answered(200, Some("t3"), None, t0 + secs(91));
        publication.end();
        let end = publication.poll(t0 + secs(92)).unwrap();
        assert_eq!((end.life_s, end.tag.as_deref()), (0, Some("t3")));
        publication.answered(200, None, None, t0 + secs(92));
        assert!(publication.is_over() && publication.poll_timeout().is_none());
    }

    #[test]
    fn a_success_without_a_name_for_it_is_a_failure_and_each_failure_is_followed_by_a_pause() {
        let t0 = start();
        let mut publication = Publication::default();
        publication.say("one".to_owned());
        publication.poll(t0).unwrap();
        publication.answered(200, None, Some(120), t0);
        assert_eq!(publication.poll_timeout(), Some(t0 + PRESENCE_PAUSE));
        assert_eq!(publication.poll(t0 + secs(9)), None);
        let anew = publication.poll(t0 + PRESENCE_PAUSE).unwrap();
        assert_eq!((anew.tag, anew.body), (None, Some(Bytes::from("one"))));
        publication.answered(200, Some("t1"), Some(120), t0 + secs(10));
        assert_eq!(publication.poll_timeout(), Some(t0 + secs(100)));
        // So too where it is there already, and its renewal fails.
        publication.poll(t0 + secs(100)).unwrap();
        publication.answered(503, None, None, t0 + secs(100));
        assert_eq!(publication.poll_timeout(), Some(t0 + secs(110)));
        assert_eq!(publication.poll(t0 + secs(101)), None);
        assert!(publication.poll(t0 + secs(110)).is_some());
        // The end does not wait.
        publication.answered(503, None, None, t0 + secs(110));
        publication.end();
        assert_eq!(publication.poll(t0 + secs(111)).unwrap().life_s, 0);
    }

    #[test]
    fn what_fails_is_tried_again_and_what_is_forgotten_is_said_anew() {
        let t0 = start();
        let mut publication = Publication::default();
        publication.say("one".to_owned());
        publication.poll(t0).unwrap();
        publication.answered(503, None, None, t0);
        assert_eq!(publication.poll(t0 + secs(1)), None);
        assert_eq!(publication.poll_timeout(), Some(t0 + PRESENCE_PAUSE));
        publication.poll(t0 + PRESENCE_PAUSE).unwrap();
        publication.answered(200, Some("t1"), None, t0 + secs(10));
        publication.poll(t0 + secs(200)).unwrap();
        publication.answered(412, None, None, t0 + secs(200));
        let anew = publication.poll(t0 + secs(201)).unwrap();
        assert_eq!((anew.tag, anew.body), (None, Some(Bytes::from("one"))));
        // Ended while it is being made: the end follows.
        publication.end();
        publication.answered(200, Some("t2"), None, t0 + secs(202));
        assert_eq!(publication.poll(t0 + secs(202)).unwrap().life_s, 0);
        publication.answered(500, None, None, t0 + secs(202));
        assert!(publication.is_over());
    }
}

//! A conference's own presence (V9): the document, and its publication (RFC 3903) as it is made, renewed and ended. The allocator publishes it
//! for the conferences that it made, the conference service for all others.

use std::time::{Duration, Instant};

use convoke_types::xml::escaped;
use sip_proto::{HeaderName, Message};
use soap_proto::names::VIDEO_NS;

use crate::words::{Language, join};

/// Life of a published presence, in seconds: what a crash leaves ends so. A server may insist on a longer one.
pub const LIFE_S: u32 = 120;
/// Longest life that a server may grant or insist on, in seconds.
const LIFE_MAX_S: u32 = 3600;
/// Least time between two publications of one conference.
pub const GAP: Duration = Duration::from_secs(1);
/// Pause after a publication that failed.
pub const PAUSE: Duration = Duration::from_secs(10);
/// Most people that are named as talking.
const TALKING_MAX: usize = 4;

/// What a conference looks like from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Face {
    /// Its title; may be empty.
    pub title: String,
    /// How many are in.
    pub count: usize,
    /// Who talks; a few are named.
    pub talks: Vec<String>,
    /// Whether it has pictures.
    pub video: bool,
    /// Whether participants may add nobody.
    pub locked: bool,
}

impl Face {
    /// Writes the document of the conference at `uri` (RFC 3863, RFC 4479); what programs want to know stands in an element of our own
    /// namespace.
    pub fn document(&self, uri: &str) -> String {
        let talks = self
            .talks
            .get(..TALKING_MAX.min(self.talks.len()))
            .unwrap_or_default();
        let named: String = talks
            .iter()
            .map(|name| format!("<v:talks>{}</v:talks>", escaped(name)))
            .collect();
        let (uri, title) = (escaped(uri), escaped(&self.title));
        let media = if self.video { "video" } else { "audio" };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:v=\"{VIDEO_NS}\" entity=\"{uri}\">\n \
             <tuple id=\"conference\"><status><basic>open</basic></status><contact>{uri}</contact></tuple>\n \
             <v:conference title=\"{title}\" in=\"{}\" media=\"{media}\" locked=\"{}\">{named}</v:conference>\n \
             <dm:person id=\"c\"><dm:note>{}</dm:note></dm:person>\n</presence>\n",
            self.count,
            self.locked,
            escaped(&self.note(talks)),
        )
    }

    /// For clients that show notes alone.
    fn note(&self, talks: &[String]) -> String {
        let mut text = format!("{} in", self.count);
        if !talks.is_empty() {
            let verb = if talks.len() == 1 { "talks" } else { "talk" };
            text.push_str(&format!(", {} {verb}", join(talks, Language::English)));
        }
        text.push_str(if self.video { ", video" } else { ", audio" });
        if self.locked {
            text.push_str(", locked");
        }
        text
    }
}

/// What is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Publishing {
    /// The server's name for what is renewed, changed or ended.
    pub tag: Option<String>,
    /// The document; `None`: what was said goes on, or ends.
    pub body: Option<String>,
    /// For how long, in seconds; 0 ends it.
    pub life_s: u32,
}

/// What the server answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status; 408 and 503 also stand for none (RFC 3261 §8.1.3.1).
    pub status: u16,
    /// Its name for what is published (SIP-ETag).
    pub tag: Option<String>,
    /// How long that lasts, in seconds (Expires); of what is too brief, how long it has to (Min-Expires).
    pub life_s: Option<u32>,
}

impl Answer {
    /// Reads it; headers that cannot be understood are as good as absent.
    pub fn read(status: u16, response: Option<&Message>) -> Self {
        let tag = response.and_then(|response| response.header(HeaderName::SipEtag));
        let header = match status {
            423 => HeaderName::MinExpires,
            _ => HeaderName::Expires,
        };
        let life = response.map(|response| response.number(header, u32::MAX, "seconds"));
        Self {
            status,
            tag: tag.map(str::to_owned),
            life_s: life.and_then(|life| life.ok().flatten()),
        }
    }
}

/// One conference's publication.
#[derive(Debug, Default)]
pub struct Publication {
    /// The server's name for it.
    tag: Option<String>,
    /// What it shall say.
    wanted: Option<String>,
    /// Whether that was not said yet.
    dirty: bool,
    /// Whether it shall end.
    ending: bool,
    under_way: bool,
    /// The shortest life that the server takes, in seconds; `None`: it takes ours.
    least_s: Option<u32>,
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

    /// When `poll` may have something.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.under_way || self.is_over() {
            return None;
        }
        match self.dirty && !self.ending {
            true => self.free_at().max(self.pause),
            false => self.due,
        }
    }

    /// For how long it is published, in seconds.
    fn life_s(&self) -> u32 {
        self.least_s.unwrap_or(LIFE_S)
    }

    /// When something else may be said.
    fn free_at(&self) -> Option<Instant> {
        self.said_at.and_then(|at| at.checked_add(GAP))
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
                body: self.wanted.clone(),
                life_s: self.life_s(),
            }
        } else if self.due.is_some_and(|due| due <= now) {
            Publishing {
                tag: Some(self.tag.clone()?),
                body: None,
                life_s: self.life_s(),
            }
        } else {
            return None;
        };
        self.due = None;
        self.under_way = true;
        Some(publishing)
    }

    /// The answer to the last one.
    pub fn answered(&mut self, answer: Answer, now: Instant) {
        let Answer {
            status,
            tag,
            life_s,
        } = answer;
        if !std::mem::replace(&mut self.under_way, false) {
            return;
        }
        match status {
            // However the end was answered, the server's own clock ends it.
            _ if self.ending && self.tag.is_some() && tag.is_none() => self.tag = None,
            200..=299 if tag.is_some() => {
                self.tag = tag;
                self.pause = None;
                let life_s = life_s.map_or(self.life_s(), |life_s| life_s.clamp(1, self.life_s()));
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
            // Interval Too Brief (RFC 3903 §6): once more with the life that the server insists on.
            423 if life_s
                .is_some_and(|least_s| self.life_s() < least_s && least_s <= LIFE_MAX_S) =>
            {
                self.least_s = life_s;
                self.dirty = true;
                self.due = None;
            }
            // Also a success without SIP-ETag (RFC 3903 §11.3.1), by which it can be neither renewed nor ended.
            status => {
                if (200..=299).contains(&status) {
                    self.tag = None;
                }
                self.dirty = true;
                self.due = None;
                self.pause = now.checked_add(PAUSE);
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

    fn answer(status: u16, tag: Option<&str>, life_s: Option<u32>) -> Answer {
        Answer {
            status,
            tag: tag.map(str::to_owned),
            life_s,
        }
    }

    #[test]
    fn the_document_says_what_people_and_programs_want_to_know() {
        let face = Face {
            title: "Plan <B>".to_owned(),
            count: 3,
            talks: vec!["Bob & Co".to_owned(), "Carol".to_owned()],
            video: false,
            locked: true,
        };
        let document = face.document("sip:conf-c1@example.org");
        for part in [
            "entity=\"sip:conf-c1@example.org\"",
            "title=\"Plan &lt;B&gt;\" in=\"3\" media=\"audio\" locked=\"true\"><v:talks>Bob &amp; Co</v:talks><v:talks>Carol",
            "<dm:note>3 in, Bob &amp; Co and Carol talk, audio, locked</dm:note>",
        ] {
            assert!(document.contains(part), "{document}");
        }
    }

    #[test]
    fn it_is_made_changed_renewed_and_ended() {
        let t0 = start();
        let mut publication = Publication::default();
        assert_eq!(publication.poll(t0), None);
        publication.say("one".to_owned());
        let first = publication.poll(t0).unwrap();
        assert_eq!((first.tag, first.body), (None, Some("one".to_owned())));
        publication.say("two".to_owned());
        assert_eq!(publication.poll(t0), None, "one at a time");
        publication.answered(answer(200, Some("t1"), Some(120)), t0);
        assert_eq!(publication.poll(t0), None, "not twice within a second");
        let next = publication.poll_timeout().unwrap();
        assert!(next <= t0 + secs(90));
        let second = publication.poll(t0 + GAP).unwrap();
        assert_eq!(second.tag.as_deref(), Some("t1"));
        publication.answered(answer(200, Some("t2"), Some(120)), t0 + secs(1));
        assert_eq!(publication.poll_timeout(), Some(t0 + secs(91)));
        let renewal = publication.poll(t0 + secs(91)).unwrap();
        assert_eq!((renewal.body, renewal.tag.as_deref()), (None, Some("t2")));
        publication.answered(answer(200, Some("t3"), None), t0 + secs(91));
        publication.end();
        let end = publication.poll(t0 + secs(92)).unwrap();
        assert_eq!((end.life_s, end.tag.as_deref()), (0, Some("t3")));
        publication.answered(answer(200, None, None), t0 + secs(92));
        assert!(publication.is_over() && publication.poll_timeout().is_none());
    }

    #[test]
    fn a_success_without_a_name_for_it_is_a_failure_and_each_failure_is_followed_by_a_pause() {
        let t0 = start();
        let mut publication = Publication::default();
        publication.say("one".to_owned());
        publication.poll(t0).unwrap();
        publication.answered(answer(200, None, Some(120)), t0);
        assert_eq!(publication.poll_timeout(), Some(t0 + PAUSE));
        assert_eq!(publication.poll(t0 + secs(9)), None);
        let anew = publication.poll(t0 + PAUSE).unwrap();
        assert_eq!((anew.tag, anew.body), (None, Some("one".to_owned())));
        publication.answered(answer(200, Some("t1"), Some(120)), t0 + secs(10));
        assert_eq!(publication.poll_timeout(), Some(t0 + secs(100)));
        // So too where it is there already, and its renewal fails.
        publication.poll(t0 + secs(100)).unwrap();
        publication.answered(answer(503, None, None), t0 + secs(100));
        assert_eq!(publication.poll_timeout(), Some(t0 + secs(110)));
        assert_eq!(publication.poll(t0 + secs(101)), None);
        assert!(publication.poll(t0 + secs(110)).is_some());
        // The end does not wait.
        publication.answered(answer(503, None, None), t0 + secs(110));
        publication.end();
        assert_eq!(publication.poll(t0 + secs(111)).unwrap().life_s, 0);
    }

    #[test]
    fn a_server_that_insists_on_a_longer_life_gets_it() {
        let t0 = start();
        let mut publication = Publication::default();
        publication.say("one".to_owned());
        assert_eq!(publication.poll(t0).unwrap().life_s, LIFE_S);
        publication.answered(answer(423, None, Some(600)), t0);
        assert_eq!(publication.poll_timeout(), Some(t0 + GAP));
        let longer = publication.poll(t0 + GAP).unwrap();
        assert_eq!((longer.life_s, longer.body.as_deref()), (600, Some("one")));
        publication.answered(answer(200, Some("t1"), Some(600)), t0 + GAP);
        assert_eq!(publication.poll_timeout(), Some(t0 + secs(451)));
        let renewal = publication.poll(t0 + secs(451)).unwrap();
        assert_eq!((renewal.life_s, renewal.body), (600, None));
        // One that does not say which, or insists on what it was given, or on more than is sensible, has failed.
        for least_s in [None, Some(600), Some(LIFE_MAX_S + 1)] {
            publication.say(format!("{least_s:?}"));
            let failed = publication.poll_timeout().unwrap_or(t0 + secs(500));
            publication.poll(failed);
            publication.answered(answer(423, None, least_s), failed);
            assert_eq!(publication.poll_timeout(), Some(failed + PAUSE));
        }
    }

    #[test]
    fn what_fails_is_tried_again_and_what_is_forgotten_is_said_anew() {
        let t0 = start();
        let mut publication = Publication::default();
        publication.say("one".to_owned());
        publication.poll(t0).unwrap();
        publication.answered(answer(503, None, None), t0);
        assert_eq!(publication.poll(t0 + secs(1)), None);
        assert_eq!(publication.poll_timeout(), Some(t0 + PAUSE));
        publication.poll(t0 + PAUSE).unwrap();
        publication.answered(answer(200, Some("t1"), None), t0 + secs(10));
        publication.poll(t0 + secs(200)).unwrap();
        publication.answered(answer(412, None, None), t0 + secs(200));
        let anew = publication.poll(t0 + secs(201)).unwrap();
        assert_eq!((anew.tag, anew.body), (None, Some("one".to_owned())));
        // Ended while it is being made: the end follows.
        publication.end();
        publication.answered(answer(200, Some("t2"), None), t0 + secs(202));
        assert_eq!(publication.poll(t0 + secs(202)).unwrap().life_s, 0);
        publication.answered(answer(500, None, None), t0 + secs(202));
        assert!(publication.is_over());
    }
}

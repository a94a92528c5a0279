//! Requests as they come, by SOAP or in words; their answers; and what a repeated request gets.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::limits::COMMAND_REPEAT_WINDOW_S;
use convoke_types::{Aor, CommandId, ConferenceId, Fault, FaultCode};
use service_core::address::is_device_of;
use service_core::words::Language;
use sha2::{Digest, Sha256};
use soap_proto::{
    Headers, Invite, Requested, VideoAnswer, VideoOperation, VideoRequest, VideoResponse, names,
    parse_video_request, write_video_request, write_video_response,
};

use crate::allocator::{Allocator, Caller, Duty, WORDS_TYPE, after};
use crate::asks::{Goal, Wanted};
use crate::config::ANSWERS_MAX;
use crate::reasons::Reason;
use crate::speak;
use crate::words::{Said, Word, parse};

/// Where and how an asker is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// SOAP to the device that asked, and the same for a repeat.
    Device {
        key: Key,
        headers: Box<Headers>,
        address: String,
    },
    /// Words to the address of record; in `None` the asker's own language, English until it is known.
    Words(Option<Language>),
}

impl Reply {
    /// The language that is answered in while the asker's own is not known.
    pub fn language(&self) -> Language {
        match self {
            Reply::Device { .. } => Language::default(),
            Reply::Words(language) => language.unwrap_or_default(),
        }
    }

    /// The language that is answered in, of an asker whose own is this one: that of their words, where these tell one.
    pub fn learn(&self, own: Language) -> Language {
        match self {
            Reply::Device { .. } => own,
            Reply::Words(language) => language.unwrap_or(own),
        }
    }
}

/// The asker and the command's id.
type Key = (Aor, CommandId);
type Fingerprint = [u8; 32];

/// What became of a command.
#[derive(Debug)]
enum Fate {
    UnderWay,
    Answered(Box<Result<VideoAnswer, Fault>>),
}

/// The commands of the last ten minutes.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    known: BTreeMap<Key, (Fingerprint, Fate)>,
    ends: VecDeque<(Instant, Key)>,
}

impl Replies {
    fn forget(&mut self, key: &Key) {
        self.known.remove(key);
    }

    fn begin(&mut self, key: Key, fingerprint: Fingerprint, now: Instant) {
        if self.ends.len() >= ANSWERS_MAX
            && let Some((_, oldest)) = self.ends.pop_front()
        {
            self.known.remove(&oldest);
        }
        let window = Duration::from_secs(COMMAND_REPEAT_WINDOW_S);
        self.ends.push_back((after(now, window), key.clone()));
        self.known.insert(key, (fingerprint, Fate::UnderWay));
    }

    fn answered(&mut self, key: &Key, outcome: Result<VideoAnswer, Fault>) {
        if let Some((_, fate)) = self.known.get_mut(key) {
            *fate = Fate::Answered(Box::new(outcome));
        }
    }

    pub fn expire(&mut self, now: Instant) {
        while self.ends.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.ends.pop_front() {
                self.known.remove(&key);
            }
        }
    }
}

impl Allocator {
    pub(crate) fn on_soap(&mut self, caller: &Caller, body: &Bytes, now: Instant) {
        let request = match parse_video_request(body) {
            Ok(request) => request,
            Err(error) => {
                let headers = error.headers.clone().map(|headers| *headers);
                return self.refuse(caller, &headers.unwrap_or_default(), error.into(), now);
            }
        };
        let headers = request.headers.clone();
        if let Err(fault) = self.take_request(caller, request, now) {
            self.refuse(caller, &headers, fault, now);
        }
    }

    fn take_request(
        &mut self,
        caller: &Caller,
        request: VideoRequest,
        now: Instant,
    ) -> Result<(), Fault> {
        let (address, id) = check(&request, caller)?;
        let fingerprint = fingerprint(&request);
        let key = (caller.user.clone(), id);
        if let Some((before, fate)) = self.replies.known.get(&key) {
            if *before != fingerprint {
                let expected = "a command id that was not used for something else";
                return Err(Fault::new(
                    FaultCode::CommandIdReused,
                    expected,
                    key.1.as_str(),
                ));
            }
            if let Fate::Answered(outcome) = fate {
                let outcome = outcome.as_ref().clone();
                self.tell_device((&request.headers, &address), &outcome, Duty::Word, now);
            }
            // Of one that is under way the answer is coming.
            return Ok(());
        }
        let late = request
            .headers
            .expires
            .is_some_and(|expires| expires.is_over(caller.wall));
        if late {
            let came = caller.wall.to_string();
            return Err(Fault::new(
                FaultCode::Expired,
                "a command in time on our clock",
                came,
            ));
        }
        let (title, invites, goal) = match request.operation {
            VideoOperation::Request { title, invites } => (title, invites, Goal::Conference),
            VideoOperation::Ways(invites) => (None, invites, Goal::Ways),
            other @ (VideoOperation::Modes(_) | VideoOperation::Callable(_)) => {
                let expected = "v:request or v:ways; modes are told by another service";
                let came = format!("v:{}", other.name());
                return Err(Fault::new(FaultCode::UnknownOperation, expected, came));
            }
        };
        self.replies.begin(key.clone(), fingerprint, now);
        let wanted = Wanted {
            title: title.unwrap_or_default(),
            invites,
            reply: Reply::Device {
                key,
                headers: Box::new(request.headers),
                address,
            },
            may_ring: false,
            goal,
        };
        self.begin(caller, wanted, now);
        Ok(())
    }

    pub(crate) fn on_words(&mut self, caller: &Caller, body: &Bytes, now: Instant) {
        let (language, said) = match std::str::from_utf8(body) {
            Ok(text) => parse(text),
            Err(_) => return self.answer_word(caller, None, Word::NotText, now),
        };
        match said {
            Ok(Said::Help) => self.answer_word(caller, language, Word::Help, now),
            Err(confusion) => {
                self.answer_word(caller, language, Word::Confused(confusion), now);
            }
            Ok(Said::Video(invites)) => {
                self.begin(caller, in_words(language, invites, Goal::Conference), now);
            }
        }
    }

    /// In the language of what was said, or, where that is of none or of several, in the person's own, which is asked for first.
    fn answer_word(
        &mut self,
        caller: &Caller,
        language: Option<Language>,
        word: Word,
        now: Instant,
    ) {
        match language {
            Some(language) => self.say(&caller.user, speak::word(&word, language), now),
            None => self.begin(caller, in_words(None, vec![], Goal::Word(word)), now),
        }
    }

    /// Tells the asker what came of it, in their language, and remembers that for repeats.
    pub(crate) fn tell(
        &mut self,
        (asker, wanted, language): (&Aor, &Wanted, Language),
        outcome: Result<VideoAnswer, Reason>,
        duty: Duty,
        now: Instant,
    ) {
        match &wanted.reply {
            Reply::Device {
                key,
                headers,
                address,
            } => {
                let outcome = outcome.map_err(|reason| reason.fault(language));
                self.tell_device((headers, address), &outcome, duty, now);
                self.replies.answered(key, outcome);
            }
            Reply::Words(_) => {
                let words = match outcome {
                    Ok(VideoAnswer::Requested(requested)) => self.ready_words(&requested, language),
                    // Nobody asks for these in words.
                    Ok(VideoAnswer::Ways(_) | VideoAnswer::Modes(_) | VideoAnswer::Callable(_)) => {
                        return;
                    }
                    Err(reason) => reason.words(wanted.may_ring, language),
                };
                self.send(asker.to_uri(), WORDS_TYPE, words.into(), duty, None, now);
            }
        }
    }

    /// Nobody was there to be told: a repeat is a new request.
    pub(crate) fn forget_reply(&mut self, wanted: &Wanted) {
        if let Reply::Device { key, .. } = &wanted.reply {
            self.replies.forget(key);
        }
    }

    fn tell_device(
        &mut self,
        (headers, address): (&Headers, &str),
        outcome: &Result<VideoAnswer, Fault>,
        duty: Duty,
        now: Instant,
    ) {
        let envelope = write_video_response(&VideoResponse::to(headers, outcome.clone()));
        let to = address.to_owned();
        self.send(to, names::CONTENT_TYPE, envelope.into(), duty, None, now);
    }

    fn ready_words(&self, requested: &Requested, language: Language) -> String {
        let running = self.conferences.get(&requested.conference);
        let people = running.map(|running| running.people.as_slice());
        let title = running.map_or("", |running| running.board.title.as_str());
        let link = requested.link.as_deref();
        speak::ready(
            title,
            people.unwrap_or_default(),
            link,
            &requested.uri,
            language,
        )
    }

    /// A fault for the sender: to its device if it named it rightly, else to its address of record.
    fn refuse(&mut self, caller: &Caller, headers: &Headers, fault: Fault, now: Instant) {
        let named = headers.reply_to.clone();
        let to = named
            .filter(|address| is_device_of(address, &caller.user))
            .unwrap_or_else(|| caller.user.to_uri());
        let mut response = VideoResponse::to(headers, Err(fault));
        response.headers.to = Some(to.clone());
        let envelope = write_video_response(&response);
        self.send(
            to,
            names::CONTENT_TYPE,
            envelope.into(),
            Duty::Word,
            None,
            now,
        );
    }
}

/// What somebody wants who wrote words.
fn in_words(language: Option<Language>, invites: Vec<Invite>, goal: Goal) -> Wanted {
    Wanted {
        title: String::new(),
        invites,
        reply: Reply::Words(language),
        may_ring: false,
        goal,
    }
}

/// The rules for a command on its way through the IM server (architecture, decision 7); gives the ReplyTo and the id.
fn check(request: &VideoRequest, caller: &Caller) -> Result<(String, CommandId), Fault> {
    let headers = &request.headers;
    if headers.asserted.is_some() {
        let expected = "no c:asserted: the IM server says who speaks";
        return Err(Fault::new(FaultCode::NotAllowed, expected, "c:asserted"));
    }
    let address = match &headers.reply_to {
        Some(address) if is_device_of(address, &caller.user) => address.clone(),
        came => {
            let expected = format!("wsa:ReplyTo with a GRUU of {}", caller.user);
            let came = came.clone().unwrap_or_else(|| "none".to_owned());
            return Err(Fault::new(FaultCode::NoReplyTo, expected, came));
        }
    };
    let missing = |what: &str| Fault::new(FaultCode::BadRequest, what, "none");
    let id = headers
        .message_id
        .clone()
        .ok_or_else(|| missing("wsa:MessageID"))?;
    if headers.expires.is_none() {
        return Err(missing("c:expires"));
    }
    Ok((address, id))
}

/// What makes two requests the same command.
fn fingerprint(request: &VideoRequest) -> Fingerprint {
    let bare = VideoRequest {
        headers: Headers::default(),
        operation: request.operation.clone(),
    };
    // What was read can be written.
    Sha256::digest(write_video_request(&bare).unwrap_or_default()).into()
}

/// What the asker is told of a conference that is ready.
pub(crate) fn requested(
    conference: ConferenceId,
    uri: String,
    server: convoke_types::VideoServerName,
    link: Option<String>,
    people: &[crate::ways::Person],
    language: Language,
) -> Requested {
    Requested {
        conference,
        uri,
        server,
        link,
        guests: guests(people, language),
    }
}

/// How each person takes part, as the asker is told.
pub(crate) fn guests(people: &[crate::ways::Person], language: Language) -> Vec<soap_proto::Guest> {
    let guest = |person: &crate::ways::Person| soap_proto::Guest {
        name: person.shown().to_owned(),
        user: person.user.clone(),
        way: match &person.way {
            Ok(chosen) => Ok(soap_proto::Way {
                mode: chosen.mode,
                shows: chosen.pictures,
                words: speak::way(person, chosen, language),
            }),
            Err(none) => Err(soap_proto::NoWay {
                words: speak::no_way(none, language),
                why: Some(none.why()),
                mode: none.mode(),
            }),
        },
    };
    people.iter().map(guest).collect()
}

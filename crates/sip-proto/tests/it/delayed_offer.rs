//! Calls that come in without an offer: ours goes out in the 200, and their answer comes with the ACK (RFC 3261 §13.2.1, §14.1).

use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_proto::call::{CallEvent, CallKey, Calls, CallsConfig, Ended, EndedBy, Local};
use sip_proto::endpoint::{Config, Endpoint, Output};
use sip_proto::{FlowId, HeaderName, Message, Source, Transport, Uri};

use crate::net::{addr, some_instant};

const SECOND: Duration = Duration::from_secs(1);
const OFFER: &str = "v=0\r\ns=offer\r\n";
const ANSWER: &str = "v=0\r\ns=answer\r\n";

/// The called side; the test is the caller, word for word.
struct Callee {
    endpoint: Endpoint,
    calls: Calls,
    now: Instant,
    tag: String,
    sent: Vec<Message>,
    log: Vec<String>,
    ended: Vec<Ended>,
    key: Option<CallKey>,
}

impl Callee {
    fn new() -> Self {
        let local = Local {
            via_host: addr(1).to_string(),
            contact: Uri::parse("sip:phone@192.0.2.2").unwrap(),
        };
        Self {
            endpoint: Endpoint::new([7; 32], Config::default()),
            calls: Calls::new(CallsConfig::new(local, "test")),
            now: some_instant(),
            tag: String::new(),
            sent: Vec::new(),
            log: Vec::new(),
            ended: Vec::new(),
            key: None,
        }
    }

    /// Answered with an offer, and not acknowledged yet.
    fn offered() -> Self {
        let mut callee = Self::new();
        callee.give("INVITE", 1, "", "");
        let key = callee.key.unwrap();
        let offer = Bytes::from_static(OFFER.as_bytes());
        let (calls, endpoint) = (&mut callee.calls, &mut callee.endpoint);
        calls.answer(endpoint, key, offer, callee.now).unwrap();
        callee.pump();
        let ok = callee.sent.pop().unwrap();
        assert_eq!((ok.status(), ok.body()), (Some(200), OFFER.into()));
        ok.to().unwrap().tag().unwrap().clone_into(&mut callee.tag);
        callee
    }

    /// Acknowledged with an answer, and asked for an offer again, which is sent.
    fn offered_again() -> Self {
        let mut callee = Self::offered();
        callee.give("ACK", 1, "application/sdp", ANSWER);
        callee.give("INVITE", 2, "", "");
        assert_eq!(callee.log.pop().unwrap(), "reinvite None");
        let key = callee.key.unwrap();
        let offer = Bytes::from_static(OFFER.as_bytes());
        let (calls, endpoint) = (&mut callee.calls, &mut callee.endpoint);
        let accepted = calls.accept_change(endpoint, key, offer, callee.now);
        accepted.unwrap();
        callee.pump();
        let ok = callee.sent.pop().unwrap();
        assert_eq!((ok.status(), ok.body()), (Some(200), OFFER.into()));
        callee.log.clear();
        callee.sent.clear();
        callee
    }

    fn give(&mut self, method: &str, seq: u32, kind: &str, body: &str) {
        let tag = match self.tag.as_str() {
            "" => String::new(),
            tag => format!(";tag={tag}"),
        };
        let kind = match kind {
            "" => String::new(),
            kind => format!("Content-Type: {kind}\r\n"),
        };
        let text = format!(
            "{method} sip:phone@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK{method}{seq}\r\nMax-Forwards: 70\r\n\
             From: <sip:a@example.org>;tag=a\r\nTo: <sip:b@example.org>{tag}\r\nCall-ID: c\r\nCSeq: {seq} {method}\r\n\
             Contact: <sip:a@192.0.2.1;transport=tcp>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let source = Source {
            transport: Transport::Tcp,
            remote: addr(0),
            local: addr(1),
            flow: FlowId(1),
        };
        let message = Message::parse_datagram(Bytes::from(text)).unwrap();
        self.endpoint.handle_message(source, message, self.now);
        self.pump();
    }

    fn pump(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Event(event) => {
                    let stray = self.calls.handle(&mut self.endpoint, event, self.now);
                    assert!(stray.is_none(), "{stray:?}");
                }
                Output::Send { bytes, .. } => {
                    let message = Message::parse_datagram(bytes).unwrap();
                    if message.status() != Some(100) {
                        self.sent.push(message);
                    }
                }
            }
        }
        while let Some((key, event)) = self.calls.poll_event() {
            let text = |sdp: &Bytes| String::from_utf8_lossy(sdp).into_owned();
            self.log.push(match event {
                CallEvent::Incoming { offer, .. } => {
                    self.key = Some(key);
                    format!("incoming {:?}", offer.as_ref().map(text))
                }
                CallEvent::Confirmed { sdp } => format!("confirmed {:?}", sdp.as_ref().map(text)),
                CallEvent::Reinvite { offer } => {
                    format!("reinvite {:?}", offer.as_ref().map(text))
                }
                CallEvent::ChangeAnswered { sdp } => format!("change answered {:?}", text(&sdp)),
                CallEvent::Ended(ended) => {
                    self.ended.push(ended);
                    "ended".to_owned()
                }
                other => panic!("{other:?}"),
            });
        }
    }

    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        loop {
            let due = [self.endpoint.poll_timeout(), self.calls.poll_timeout()];
            let Some(at) = due.into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            self.calls.handle_timeout(&mut self.endpoint, self.now);
            self.pump();
        }
        self.now = end;
    }

    /// It was told that the call is over, and has said BYE and why.
    fn is_over_for_want_of_an_answer(&mut self) {
        assert_eq!(self.log.pop().unwrap(), "ended");
        let ended = &self.ended[0];
        assert_eq!((ended.by, ended.status), (EndedBy::Network, Some(488)));
        let bye = self.sent.pop().unwrap();
        assert!(bye.as_bytes().starts_with(b"BYE "), "{bye:?}");
        let reason = bye.header(HeaderName::Reason).unwrap();
        assert_eq!(reason, "SIP;cause=488;text=\"No answer came in the ACK\"");
        self.advance(60 * SECOND);
        assert!(self.calls.is_empty());
        assert_eq!(self.endpoint.transactions(), 0);
    }
}

#[test]
fn the_answer_comes_with_the_ack() {
    let mut callee = Callee::offered();
    assert_eq!(callee.log, ["incoming None"]);
    callee.give("ACK", 1, "application/sdp", ANSWER);
    let confirmed = format!("confirmed {:?}", Some(ANSWER));
    assert_eq!(callee.log.pop().unwrap(), confirmed);
    // Repeated, or with other words, it says nothing new.
    callee.give("ACK", 1, "application/sdp", ANSWER);
    callee.give("ACK", 1, "", "");
    callee.advance(60 * SECOND);
    assert_eq!(callee.log, ["incoming None"]);
    assert!(callee.sent.is_empty() && callee.ended.is_empty());
}

#[test]
fn an_offer_that_is_lost_is_sent_again_until_it_is_answered() {
    let mut callee = Callee::offered();
    callee.advance(2 * SECOND);
    let again = std::mem::take(&mut callee.sent);
    assert_eq!(again.len(), 2, "after 0.5 and 1.5 s");
    for ok in again {
        assert_eq!((ok.status(), ok.body()), (Some(200), OFFER.into()));
    }
    callee.give("ACK", 1, "application/sdp", ANSWER);
    callee.give("ACK", 1, "application/sdp", ANSWER);
    assert_eq!(callee.log.len(), 2, "{:?}", callee.log);
    callee.advance(60 * SECOND);
    assert!(callee.sent.is_empty());
}

#[test]
fn an_ack_without_an_answer_ends_the_call() {
    for (kind, body) in [("", ""), ("text/plain", "yes"), ("application/sdp", "")] {
        let mut callee = Callee::offered();
        callee.give("ACK", 1, kind, body);
        callee.is_over_for_want_of_an_answer();
    }
}

#[test]
fn a_change_without_offer_is_answered_with_the_ack_likewise() {
    let mut callee = Callee::offered_again();
    callee.give("ACK", 2, "application/sdp", ANSWER);
    callee.give("ACK", 2, "application/sdp", ANSWER);
    // Of the first INVITE, late.
    callee.give("ACK", 1, "", "");
    assert_eq!(callee.log, [format!("change answered {ANSWER:?}")]);
    callee.advance(60 * SECOND);
    assert!(callee.sent.is_empty() && callee.ended.is_empty());

    let mut callee = Callee::offered_again();
    callee.give("ACK", 2, "", "");
    callee.is_over_for_want_of_an_answer();
}

#[test]
fn who_offers_has_their_answer_in_the_200_and_the_ack_need_not_say_more() {
    let mut callee = Callee::offered();
    callee.give("ACK", 1, "application/sdp", ANSWER);
    callee.give("INVITE", 2, "application/sdp", OFFER);
    let key = callee.key.unwrap();
    let answer = Bytes::from_static(ANSWER.as_bytes());
    let (calls, endpoint) = (&mut callee.calls, &mut callee.endpoint);
    let accepted = calls.accept_change(endpoint, key, answer, callee.now);
    accepted.unwrap();
    callee.pump();
    callee.log.clear();
    callee.sent.clear();
    callee.give("ACK", 2, "", "");
    callee.advance(60 * SECOND);
    assert!(callee.log.is_empty() && callee.sent.is_empty());
}

#[test]
fn nothing_is_offered_while_an_offer_of_ours_is_open() {
    let mut callee = Callee::offered_again();
    callee.give("UPDATE", 3, "application/sdp", OFFER);
    assert_eq!(callee.sent.pop().unwrap().status(), Some(491));
    // Who asks for an offer anew gets one that takes its place.
    callee.give("INVITE", 4, "", "");
    assert_eq!(callee.log, ["reinvite None"]);
    // Its ACK is that of nothing now.
    callee.give("ACK", 2, "", "");
    assert!(callee.ended.is_empty());
}

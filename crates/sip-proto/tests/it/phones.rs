//! Two telephones in virtual time: what each does by itself, and what it was told.

use std::time::Instant;

use bytes::Bytes;
use sip_proto::auth::{Credential, DigestResponse, Verifier};
use sip_proto::call::{CallEvent, CallKey, Calls, CallsConfig, Ended, Local, Outgoing};
use sip_proto::endpoint::{Config, Endpoint, Event};
use sip_proto::{HeaderName, Message, NameAddr, ResponseBuilder, Target, Uri};

use crate::net::{Net, User, addr};

/// What a side does by itself.
#[derive(Default, Clone, Copy)]
pub struct Manners {
    pub ring: bool,
    pub answer: bool,
    pub accept_changes: bool,
}

/// One side, with what it was told so far.
pub struct Phone {
    pub calls: Calls,
    pub manners: Manners,
    pub verifier: Option<Verifier>,
    pub key: Option<CallKey>,
    pub log: Vec<String>,
    pub ended: Vec<Ended>,
    pub invites: Vec<Message>,
    pub stray: usize,
}

impl Phone {
    pub fn new(index: usize, manners: Manners) -> Self {
        let local = Local {
            via_host: addr(index).to_string(),
            contact: Uri::parse(format!("sip:phone@{}", addr(index)).as_str()).unwrap(),
        };
        Phone {
            calls: Calls::new(CallsConfig::new(local, "test")),
            manners,
            verifier: None,
            key: None,
            log: Vec::new(),
            ended: Vec::new(),
            invites: Vec::new(),
            stray: 0,
        }
    }

    /// Whether the request may pass; answers a challenge otherwise.
    fn admit(&mut self, endpoint: &mut Endpoint, event: &Event, now: Instant) -> bool {
        let Some(verifier) = self.verifier.as_mut() else {
            return true;
        };
        let Event::Request { tx, message, .. } = event else {
            return true;
        };
        let credential = Credential::from_password("alice", "phones", "secret");
        let passed = message
            .header(HeaderName::Authorization)
            .is_some_and(|value| {
                let answer = DigestResponse::parse(value).unwrap();
                let method = message.method().unwrap();
                verifier
                    .verify(&answer, method.as_str(), Some(&credential), now)
                    .is_ok()
            });
        if !passed {
            let mut response = ResponseBuilder::reply(message, 401, "Unauthorized").to_tag("x");
            for challenge in verifier.challenges(false, now) {
                response = response.header(HeaderName::WwwAuthenticate, challenge);
            }
            endpoint.respond(*tx, &response.build(), now);
        }
        passed
    }

    fn on_call(&mut self, endpoint: &mut Endpoint, key: CallKey, event: CallEvent, now: Instant) {
        let line = match event {
            CallEvent::Incoming { invite, .. } => {
                self.key = Some(key);
                self.invites.push(invite);
                if self.manners.ring {
                    self.calls.ring(endpoint, key, 180, None, now).unwrap();
                }
                if self.manners.answer {
                    self.calls
                        .answer(endpoint, key, sdp("answer"), now)
                        .unwrap();
                }
                "incoming".to_owned()
            }
            CallEvent::Trying => return,
            CallEvent::Ringing { status, .. } => format!("ringing {status}"),
            CallEvent::Answered { sdp } => format!("answered {}", text(sdp)),
            CallEvent::Confirmed { .. } => "confirmed".to_owned(),
            CallEvent::ChangeAnswered { sdp } => format!("change answered {}", text(Some(sdp))),
            CallEvent::Reinvite { offer } => {
                if self.manners.accept_changes {
                    self.calls
                        .accept_change(endpoint, key, sdp("changed"), now)
                        .unwrap();
                }
                format!("reinvite {}", text(offer))
            }
            CallEvent::Reinvited { status, sdp } => format!("reinvited {status} {}", text(sdp)),
            CallEvent::Probed { status } => format!("probed {status}"),
            CallEvent::Info { content_type, .. } => format!("info {content_type}"),
            CallEvent::Ended(ended) => {
                self.ended.push(ended);
                "ended".to_owned()
            }
        };
        self.log.push(line);
    }

    pub fn drain(&mut self, endpoint: &mut Endpoint, now: Instant) {
        while let Some((key, event)) = self.calls.poll_event() {
            self.on_call(endpoint, key, event, now);
        }
    }
}

impl User for Phone {
    fn on_event(&mut self, endpoint: &mut Endpoint, event: Event, now: Instant) {
        if self.admit(endpoint, &event, now) && self.calls.handle(endpoint, event, now).is_some() {
            self.stray += 1;
        }
        self.drain(endpoint, now);
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.calls.poll_timeout()
    }
    fn on_timeout(&mut self, endpoint: &mut Endpoint, now: Instant) {
        self.calls.handle_timeout(endpoint, now);
        self.drain(endpoint, now);
    }
}

pub fn sdp(name: &str) -> Bytes {
    Bytes::from(format!("v=0\r\ns={name}\r\n"))
}

pub fn text(sdp: Option<Bytes>) -> String {
    let sdp = sdp.unwrap_or_default();
    String::from_utf8_lossy(&sdp)
        .trim()
        .replace("v=0\r\ns=", "")
}

pub fn endpoint(seed: u8) -> Endpoint {
    Endpoint::new([seed; 32], Config::default())
}

pub fn net(seed: u64, manners: Manners) -> Net<Phone> {
    Net::new(
        seed,
        vec![
            (
                endpoint(1),
                Phone::new(
                    0,
                    Manners {
                        accept_changes: true,
                        ..Manners::default()
                    },
                ),
            ),
            (endpoint(2), Phone::new(1, manners)),
        ],
    )
}

pub const POLITE: Manners = Manners {
    ring: true,
    answer: true,
    accept_changes: true,
};

pub fn outgoing(target: Target) -> Outgoing {
    Outgoing {
        uri: Uri::parse("sip:bob@192.0.2.2").unwrap(),
        to: None,
        from: NameAddr::parse("<sip:alice@192.0.2.1>").unwrap(),
        target,
        offer: sdp("offer"),
        login: None,
        local: None,
        headers: Vec::new(),
    }
}

/// Does something at one side, then tells its user what came of it.
pub fn at<T>(
    net: &mut Net<Phone>,
    node: usize,
    what: impl FnOnce(&mut Calls, &mut Endpoint, Instant) -> T,
) -> T {
    let now = net.now;
    let node = &mut net.nodes[node];
    let done = what(&mut node.user.calls, &mut node.endpoint, now);
    node.user.drain(&mut node.endpoint, now);
    done
}

pub fn invite(net: &mut Net<Phone>) -> CallKey {
    let outgoing = outgoing(net.target(1));
    let key = at(net, 0, |calls, ep, now| calls.invite(ep, outgoing, now)).unwrap();
    net.nodes[0].user.key = Some(key);
    key
}

pub fn hang_up(net: &mut Net<Phone>, node: usize) {
    let key = net.nodes[node].user.key.unwrap();
    at(net, node, |calls, ep, now| {
        calls.hang_up(ep, key, None, now)
    });
}

/// Each side that had a call was told once that it ended, and nothing is left.
pub fn all_over(net: &Net<Phone>) {
    for (index, node) in net.nodes.iter().enumerate() {
        let expected = usize::from(node.user.key.is_some());
        assert_eq!(
            node.user.ended.len(),
            expected,
            "side {index}: {:?}",
            node.user.log
        );
        assert!(
            node.user.calls.is_empty(),
            "side {index}: {:?}",
            node.user.log
        );
        assert_eq!(node.endpoint.transactions(), 0, "side {index}");
    }
}

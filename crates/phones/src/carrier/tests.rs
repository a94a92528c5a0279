//! How the end of a call is told of a telephone, by messages as a caller sends them.

use runtime::clock;
use sip_proto::{FlowId, Source, Transport, Uri};

use super::*;

const NUMBER: &str = "+15550100";

/// Somebody who calls one telephone, which is used by hand.
struct Caller {
    carrier: Carrier,
    now: Instant,
}

impl Caller {
    fn ringing() -> Self {
        let now = clock::now();
        let config = Config {
            local: Local {
                via_host: "192.0.2.1:5060".into(),
                contact: Uri::sip(Some("carrier"), "192.0.2.1:5060").unwrap(),
            },
            phones: vec![Phone {
                number: NUMBER.parse().unwrap(),
                owner: "Alice".into(),
                behaviour: Behaviour::ByHand,
                law: Law::Mu,
            }],
            login: None,
            seed: [1; 32],
            nonce_key: [2; 32],
        };
        let mut caller = Self {
            carrier: Carrier::new(config, now),
            now,
        };
        let sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";
        caller.sends("INVITE", "INVITE", "", sdp);
        let rings = What::Rings {
            caller: "Bob".into(),
        };
        assert_eq!(caller.told(), [rings]);
        caller
    }

    /// A request of the call; `transaction` is the method of the one that it belongs to, `tag` the telephone's.
    fn sends(&mut self, method: &str, transaction: &str, tag: &str, body: &str) {
        let text = format!(
            "{method} sip:{NUMBER}@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{transaction}\r\n\
             Max-Forwards: 70\r\nFrom: Bob <sip:bob@192.0.2.9>;tag=bob\r\nTo: <sip:{NUMBER}@192.0.2.1>{tag}\r\nCall-ID: call\r\n\
             CSeq: {} {method}\r\nContact: <sip:bob@192.0.2.9>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            if method == "BYE" { 2 } else { 1 },
            body.len(),
        );
        let source = Source {
            transport: Transport::Udp,
            remote: "192.0.2.9:5060".parse().unwrap(),
            local: "192.0.2.1:5060".parse().unwrap(),
            flow: FlowId(1),
        };
        let message = Message::parse_datagram(Bytes::from(text)).unwrap();
        let event = TransportEvent::Message { source, message };
        self.carrier.handle_transport(event, self.now);
    }

    fn does(&mut self, act: Act) {
        let number = NUMBER.parse().unwrap();
        self.carrier
            .handle_input(Input::Act { number, act }, self.now);
    }

    /// Picks the telephone up; returns the parameter of To in the call from then on.
    fn picks_up(&mut self) -> String {
        self.does(Act::Answer);
        let mut tag = None;
        let mut told = Vec::new();
        while let Some(output) = self.carrier.poll_output() {
            match output {
                CoreOutput::App(Output::OpenLine { call, .. }) => {
                    let local = Some("192.0.2.1:30000".parse().unwrap());
                    let open = Input::LineOpen { call, local };
                    self.carrier.handle_input(open, self.now);
                }
                CoreOutput::App(Output::Event { what, .. }) => told.push(what),
                CoreOutput::Send { bytes, .. } => {
                    let sent = Message::parse_datagram(bytes).unwrap();
                    if sent.status() == Some(200) {
                        tag = sent.to().unwrap().tag().map(|tag| format!(";tag={tag}"));
                    }
                }
                CoreOutput::App(Output::Line { .. } | Output::CloseLine { .. }) => {}
            }
        }
        let tag = tag.unwrap();
        self.sends("ACK", "ACK", &tag, "");
        told.extend(self.told());
        assert_eq!(told, [What::Answered, What::Connected]);
        tag
    }

    /// What is told of the telephone since the last time.
    fn told(&mut self) -> Vec<What> {
        let outputs = std::iter::from_fn(|| self.carrier.poll_output());
        let events = outputs.filter_map(|output| match output {
            CoreOutput::App(Output::Event { what, .. }) => Some(what),
            _ => None,
        });
        events.collect()
    }
}

#[test]
fn declined_by_hand_is_told_from_a_caller_who_gave_up() {
    let mut declined = Caller::ringing();
    declined.does(Act::Decline);
    assert_eq!(declined.told(), [What::Ended(End::Declined)]);

    let mut given_up = Caller::ringing();
    given_up.sends("CANCEL", "INVITE", "", "");
    assert_eq!(given_up.told(), [What::Ended(End::ByCaller)]);
}

#[test]
fn hung_up_by_hand_is_told_from_a_caller_who_hung_up() {
    let mut hung_up = Caller::ringing();
    hung_up.picks_up();
    hung_up.does(Act::HangUp);
    assert_eq!(hung_up.told(), [What::Ended(End::HungUp)]);

    let mut by_caller = Caller::ringing();
    let tag = by_caller.picks_up();
    by_caller.sends("BYE", "BYE", &tag, "");
    assert_eq!(by_caller.told(), [What::Ended(End::ByCaller)]);
}

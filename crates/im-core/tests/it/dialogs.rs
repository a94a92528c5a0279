//! Both ends of a dialog between a client and the service of conferences.

use sip_proto::{HeaderName, Message, NameAddr, ResponseBuilder};

use crate::world::*;

pub const CONFERENCE: &str = "sip:conf-c1@example.org";

/// One end of a dialog, as its user agent keeps it.
pub struct End {
    pub call: String,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub routes: Vec<String>,
    pub cseq: u32,
}

impl End {
    /// The client's end before it knows of any dialog.
    pub fn new(device: &Device, call: &str) -> Self {
        Self {
            call: call.to_owned(),
            local: format!("<sip:{}@{DOMAIN}>;tag=client", device.user),
            remote: format!("<{CONFERENCE}>"),
            target: CONFERENCE.to_owned(),
            routes: Vec::new(),
            cseq: 0,
        }
    }

    /// The service's end, from the request that began it.
    pub fn of_request(request: &Message) -> Self {
        let routes = request.record_routes().unwrap();
        Self {
            call: request.call_id().unwrap().to_owned(),
            local: request.to().unwrap().with_tag("service").to_string(),
            remote: request.from().unwrap().to_string(),
            target: request.contacts().unwrap()[0].uri().to_string(),
            routes: routes.iter().map(NameAddr::to_string).collect(),
            cseq: 100,
        }
    }

    /// Takes what an answer says of the other end.
    pub fn learn(&mut self, answer: &Message) {
        self.remote = answer.to().unwrap().to_string();
        self.target = answer.contacts().unwrap()[0].uri().to_string();
        let routes = answer.record_routes().unwrap();
        self.routes = routes.iter().rev().map(NameAddr::to_string).collect();
    }

    pub fn next(
        &mut self,
        world: &mut World,
        device: &mut Device,
        method: &str,
        rest: &str,
    ) -> String {
        self.cseq += 1;
        self.write(world, device, method, rest)
    }

    pub fn write(
        &self,
        world: &mut World,
        device: &mut Device,
        method: &str,
        rest: &str,
    ) -> String {
        let uri = &self.target;
        let authorization = match method {
            "ACK" => String::new(),
            _ => device.authorization("Proxy-Authorization", method, uri),
        };
        let via = world.via(&device.source);
        let routes: String = self
            .routes
            .iter()
            .map(|route| format!("Route: {route}\r\n"))
            .collect();
        let (call, cseq, own) = (&self.call, self.cseq, device.uri());
        let (from, to) = (&self.local, &self.remote);
        format!(
            "{method} {uri} SIP/2.0\r\n{via}{routes}From: {from}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n\
             Max-Forwards: 70\r\nContact: <{own}>\r\n{rest}{authorization}Content-Length: 0\r\n\r\n"
        )
    }
}

pub const SUBSCRIBE: &str = "Event: conference\r\nExpires: 600\r\n";

pub fn statuses(messages: &[Message]) -> Vec<u16> {
    messages.iter().filter_map(Message::status).collect()
}

/// The service answers, as the end of a dialog.
pub fn serve(world: &mut World, service: &Device, request: &Message, status: u16) {
    let contact = format!("<{}>", service.uri());
    let answer = ResponseBuilder::reply(request, status, "As It Is")
        .to_tag("service")
        .record_route()
        .header(HeaderName::Contact, contact)
        .header(HeaderName::RetryAfter, 5)
        .build();
    world.send_bytes(&service.source, answer.as_bytes().clone());
}

/// Sends a client's request through the challenge, if there is one: what the service got.
pub fn through(
    world: &mut World,
    end: &mut End,
    client: &mut Device,
    service: &Device,
    method: &str,
    rest: &str,
) -> Message {
    let request = end.next(world, client, method, rest);
    world.send(&client.source, &request);
    let answers = world.received(client);
    if statuses(&answers) == [407] {
        assert!(client.take_challenge(&answers[0]));
        let request = end.next(world, client, method, rest);
        world.send(&client.source, &request);
        assert!(world.received(client).is_empty());
    }
    world.request(service)
}

/// A dialog of this method between a client and the service: both ends.
pub fn dialog(
    world: &mut World,
    client: &mut Device,
    service: &Device,
    method: &str,
    rest: &str,
) -> (End, End) {
    let call = format!("call-{}", world.word());
    let mut end = End::new(client, &call);
    let request = through(world, &mut end, client, service, method, rest);
    let theirs = End::of_request(&request);
    serve(world, service, &request, 200);
    let answers = world.received(client);
    assert_eq!(statuses(&answers), [200]);
    end.learn(&answers[0]);
    (end, theirs)
}

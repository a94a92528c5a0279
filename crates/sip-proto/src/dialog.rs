//! Dialogs (RFC 3261 §12): what both sides of a call know of each other, and the requests within it.

use crate::build::RequestBuilder;
use crate::error::ParseError;
use crate::flow::{Target, Transport};
use crate::message::Message;
use crate::name::{HeaderName, Method};
use crate::uri::{NameAddr, Scheme, Uri};

/// Max-Forwards of requests within a dialog.
const MAX_FORWARDS: u8 = 70;
/// Most hops of a route set; longer ones are refused.
pub const ROUTES_MAX: usize = 32;

/// Why a message makes no dialog.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DialogError {
    /// A header field that it needs cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ParseError),
    /// A header field that it needs is not there.
    #[error("expected {0}, came none")]
    Missing(&'static str),
    /// More Record-Route values than [`ROUTES_MAX`].
    #[error("expected at most {ROUTES_MAX} Record-Route values, came more")]
    TooManyRoutes,
}

/// A request whose CSeq is lower than one before (RFC 3261 §12.2.2): to be answered 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a CSeq of at least {at_least}, came {came}")]
pub struct OutOfOrder {
    /// The highest so far.
    pub at_least: u32,
    /// What came.
    pub came: u32,
}

/// One dialog, early or confirmed. The texts share the bytes of the messages that they were read from.
#[derive(Debug, Clone)]
pub struct Dialog {
    call_id: Box<str>,
    local: NameAddr,
    remote: NameAddr,
    local_seq: u32,
    remote_seq: Option<u32>,
    remote_target: Uri,
    route_set: Vec<NameAddr>,
    secure: bool,
}

impl Dialog {
    /// The caller's: from its request and a response with a To tag (§12.1.2). A provisional response may lack Contact.
    ///
    /// # Errors
    /// See [`DialogError`].
    pub fn uac(request: &Message, response: &Message) -> Result<Self, DialogError> {
        let remote = response.to()?;
        remote.tag().ok_or(DialogError::Missing("a To tag"))?;
        let provisional = response.status().is_some_and(|status| status < 200);
        let remote_target = match response.contacts()?.first() {
            Some(contact) => contact.uri().clone(),
            None if provisional => request.uri()?,
            None => return Err(DialogError::Missing("Contact")),
        };
        // The proxies wrote Record-Route from the callee's end; we go the other way.
        let mut route_set = route_set(response)?;
        route_set.reverse();
        Ok(Self {
            call_id: response.call_id().unwrap_or_default().into(),
            local: request.from()?,
            remote,
            local_seq: request.cseq()?.seq,
            remote_seq: None,
            remote_target,
            route_set,
            secure: request.uri()?.scheme() == Scheme::Sips,
        })
    }

    /// The caller's, from a further 2xx alone (another fork's, §13.2.2.4), when the request is no longer at hand.
    ///
    /// # Errors
    /// See [`DialogError`].
    pub fn of_fork(response: &Message) -> Result<Self, DialogError> {
        let contacts = response.contacts()?;
        let contact = contacts.first().ok_or(DialogError::Missing("Contact"))?;
        let mut route_set = route_set(response)?;
        route_set.reverse();
        Ok(Self {
            call_id: response.call_id().unwrap_or_default().into(),
            local: response.from()?,
            remote: response.to()?,
            local_seq: response.cseq()?.seq,
            remote_seq: None,
            remote_target: contact.uri().clone(),
            route_set,
            secure: contact.uri().scheme() == Scheme::Sips,
        })
    }

    /// The callee's: from the request and the tag that we give (§12.1.1).
    ///
    /// # Errors
    /// See [`DialogError`].
    pub fn uas(request: &Message, local_tag: &str) -> Result<Self, DialogError> {
        let contacts = request.contacts()?;
        let contact = contacts.first().ok_or(DialogError::Missing("Contact"))?;
        Ok(Self {
            call_id: request.call_id().unwrap_or_default().into(),
            local: request.to()?.with_tag(local_tag),
            remote: request.from()?,
            local_seq: 0,
            remote_seq: Some(request.cseq()?.seq),
            remote_target: contact.uri().clone(),
            route_set: route_set(request)?,
            secure: request.uri()?.scheme() == Scheme::Sips,
        })
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }
    /// Our tag.
    pub fn local_tag(&self) -> &str {
        self.local.tag().unwrap_or_default()
    }
    /// The other side's tag; empty for a client of RFC 2543.
    pub fn remote_tag(&self) -> &str {
        self.remote.tag().unwrap_or_default()
    }
    /// The other side's address, with its tag.
    pub fn remote(&self) -> &NameAddr {
        &self.remote
    }
    /// The other side's Contact.
    pub fn remote_target(&self) -> &Uri {
        &self.remote_target
    }
    /// Whether every hop has to be secure (`sips:`).
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the other side sent this message within this dialog.
    pub fn owns(&self, message: &Message) -> bool {
        let (ours, theirs) = if message.is_request() {
            (message.to(), message.from())
        } else {
            (message.from(), message.to())
        };
        let tag_is = |address: Result<NameAddr, ParseError>, tag: &str| {
            address.is_ok_and(|address| address.tag().unwrap_or_default() == tag)
        };
        message.call_id() == Some(self.call_id())
            && tag_is(ours, self.local_tag())
            && tag_is(theirs, self.remote_tag())
    }

    /// The 2xx confirms the dialog: route set and target are taken from it (§13.2.2.4).
    pub fn confirm(&mut self, response: &Message) {
        if let Ok(mut routes) = route_set(response) {
            routes.reverse();
            self.route_set = routes;
        }
        self.refresh(response);
    }

    /// A request within the dialog came: checks its order and takes a new target (§12.2.2).
    ///
    /// # Errors
    /// When its CSeq is lower than one before.
    pub fn receive(&mut self, request: &Message) -> Result<(), OutOfOrder> {
        let (Some(method), Ok(cseq)) = (request.method_ref(), request.cseq()) else {
            return Ok(());
        };
        // ACK and CANCEL repeat the number of their INVITE.
        if matches!(method, Method::Ack | Method::Cancel) {
            return Ok(());
        }
        if let Some(at_least) = self.remote_seq.filter(|highest| cseq.seq < *highest) {
            let came = cseq.seq;
            return Err(OutOfOrder { at_least, came });
        }
        self.remote_seq = Some(cseq.seq);
        if matches!(method, Method::Invite | Method::Update) {
            self.refresh(request);
        }
        Ok(())
    }

    /// Takes the Contact of a target refresh request or of its 2xx (§12.2).
    pub fn refresh(&mut self, message: &Message) {
        if let Some(contact) = message
            .contacts()
            .ok()
            .and_then(|list| list.into_iter().next())
        {
            self.remote_target = contact.uri().clone();
        }
    }

    /// The next request within the dialog (§12.2.1.1), with the next CSeq: without Contact, Via and body.
    pub fn request(&mut self, method: Method) -> RequestBuilder {
        self.local_seq = self.local_seq.saturating_add(1);
        self.builder(method, self.local_seq)
    }

    /// The ACK of a 2xx: the CSeq number is that of its INVITE (§13.2.2.4).
    pub fn ack(&self, invite_seq: u32) -> RequestBuilder {
        self.builder(Method::Ack, invite_seq)
    }

    /// The CSeq number last used.
    pub fn local_seq(&self) -> u32 {
        self.local_seq
    }

    /// Where the next request goes: to the first route, or the remote target, when that is written as an IP address; to
    /// `known`, where the dialog began, when it is a name (which this layer cannot resolve). A connection or socket of
    /// `known` is kept where it leads to the same host.
    pub fn next_hop(&self, known: &Target) -> Target {
        let uri = self
            .route_set
            .first()
            .map_or(&self.remote_target, NameAddr::uri);
        // Nobody listens behind a WebSocket: there is only the open flow (RFC 7118 §5).
        let Some(ip) = uri.host_ip().filter(|_| !known.transport.is_websocket()) else {
            return known.clone();
        };
        let transport = match uri.param("transport").map(str::parse::<Transport>) {
            Some(Ok(transport)) if !transport.is_websocket() => transport,
            Some(Ok(_) | Err(_)) => return known.clone(),
            None if uri.scheme() == Scheme::Sips => Transport::Tls,
            None => known.transport,
        };
        let port = uri.port().unwrap_or_else(|| transport.default_port());
        let same_host =
            transport == known.transport && (ip == known.addr.ip() || transport == Transport::Udp);
        Target {
            transport,
            addr: (ip, port).into(),
            flow: known.flow.filter(|_| same_host),
            server_name: known.server_name.clone().filter(|_| ip == known.addr.ip()),
        }
    }

    fn builder(&self, method: Method, seq: u32) -> RequestBuilder {
        let strict = self
            .route_set
            .first()
            .filter(|route| route.uri().param("lr").is_none());
        let uri = strict.map_or(&self.remote_target, NameAddr::uri);
        let mut builder = RequestBuilder::new(method, uri).max_forwards(MAX_FORWARDS);
        // A strict router (RFC 2543) wants itself in the Request-URI and the target as the last route.
        for route in self.route_set.iter().skip(usize::from(strict.is_some())) {
            builder = builder.header(HeaderName::Route, route);
        }
        if strict.is_some() {
            builder = builder.header(HeaderName::Route, NameAddr::new(&self.remote_target));
        }
        builder
            .from(&self.local)
            .to(&self.remote)
            .call_id(&self.call_id)
            .cseq(seq)
    }
}

fn route_set(message: &Message) -> Result<Vec<NameAddr>, DialogError> {
    let routes = message.record_routes()?;
    if routes.len() > ROUTES_MAX {
        return Err(DialogError::TooManyRoutes);
    }
    Ok(routes)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn message(text: &str) -> Message {
        Message::parse_datagram(Bytes::from(text.replace('\n', "\r\n"))).unwrap()
    }

    fn invite() -> Message {
        message(
            "INVITE sip:bob@b SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nFrom: <sip:alice@a>;tag=A\nTo: <sip:bob@b>\n\
             Call-ID: c\nCSeq: 7 INVITE\nContact: <sip:alice@192.0.2.1>\nRecord-Route: <sip:p2;lr>, <sip:p1;lr>\n\n",
        )
    }

    fn ok(contact: &str, routes: &str) -> Message {
        message(&format!(
            "SIP/2.0 200 OK\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nFrom: <sip:alice@a>;tag=A\nTo: <sip:bob@b>;tag=B\n\
             Call-ID: c\nCSeq: 7 INVITE\n{contact}{routes}\n"
        ))
    }

    #[test]
    fn the_caller_reverses_the_routes_and_the_callee_does_not() {
        let routes = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\n";
        let mut uac = Dialog::uac(
            &invite(),
            &ok("Contact: <sip:bob@192.0.2.2:5070>\n", routes),
        )
        .unwrap();
        let bye = uac.request(Method::Bye).build();
        assert_eq!(bye.request_uri(), Some("sip:bob@192.0.2.2:5070"));
        assert_eq!(bye.cseq().unwrap().seq, 8);
        assert_eq!(bye.header(HeaderName::To), Some("<sip:bob@b>;tag=B"));
        let hops: Vec<_> = bye.headers(HeaderName::Route).collect();
        assert_eq!(hops, ["<sip:p1;lr>", "<sip:p2;lr>"]);
        assert_eq!(uac.ack(7).build().cseq().unwrap().seq, 7);

        let mut uas = Dialog::uas(&invite(), "B").unwrap();
        let bye = uas.request(Method::Bye).build();
        assert_eq!(bye.request_uri(), Some("sip:alice@192.0.2.1"));
        assert_eq!(bye.header(HeaderName::From), Some("<sip:bob@b>;tag=B"));
        let hops: Vec<_> = bye.headers(HeaderName::Route).collect();
        assert_eq!(hops, ["<sip:p2;lr>", "<sip:p1;lr>"]);
        assert!(uac.owns(&ok("", "")) && !uas.owns(&invite()));
    }

    #[test]
    fn a_strict_router_stands_in_the_request_uri() {
        let routes = "Record-Route: <sip:p2;lr>, <sip:p1>\n";
        let mut dialog = Dialog::uac(&invite(), &ok("Contact: <sip:bob@h>\n", routes)).unwrap();
        let bye = dialog.request(Method::Bye).build();
        assert_eq!(bye.request_uri(), Some("sip:p1"));
        let hops: Vec<_> = bye.headers(HeaderName::Route).collect();
        assert_eq!(hops, ["<sip:p2;lr>", "<sip:bob@h>"]);
    }

    #[test]
    fn the_next_hop_is_the_written_address_and_keeps_the_socket() {
        let mut known = Target::new(Transport::Udp, "198.51.100.1:5060".parse().unwrap());
        known.flow = Some(crate::FlowId(3));
        let hop = |contact: &str| {
            let contact = format!("Contact: <{contact}>\n");
            Dialog::uac(&invite(), &ok(&contact, ""))
                .unwrap()
                .next_hop(&known)
        };
        let direct = hop("sip:b@192.0.2.2:5070");
        assert_eq!(
            (direct.addr, direct.flow),
            ("192.0.2.2:5070".parse().unwrap(), known.flow)
        );
        let stream = hop("sip:b@192.0.2.2;transport=tcp");
        assert_eq!((stream.transport, stream.flow), (Transport::Tcp, None));
        assert_eq!(hop("sip:b@host.example"), known);
    }

    #[test]
    fn lower_numbers_are_out_of_order_and_invites_move_the_target() {
        let mut uas = Dialog::uas(&invite(), "B").unwrap();
        let within = |method: &str, seq: u32| {
            message(&format!(
                "{method} sip:x SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nFrom: <sip:alice@a>;tag=A\n\
                 To: <sip:bob@b>;tag=B\nCall-ID: c\nCSeq: {seq} {method}\nContact: <sip:moved@h>\n\n"
            ))
        };
        assert!(uas.owns(&within("INFO", 8)));
        assert_eq!(uas.receive(&within("INFO", 9)), Ok(()));
        assert_eq!(uas.remote_target().as_str(), "sip:alice@192.0.2.1");
        let error = OutOfOrder {
            at_least: 9,
            came: 8,
        };
        assert_eq!(uas.receive(&within("INVITE", 8)), Err(error));
        assert_eq!(uas.receive(&within("ACK", 7)), Ok(()));
        assert_eq!(uas.receive(&within("INVITE", 10)), Ok(()));
        assert_eq!(uas.remote_target().as_str(), "sip:moved@h");
    }

    #[test]
    fn without_tag_or_contact_there_is_no_dialog() {
        assert_eq!(
            Dialog::uac(&invite(), &ok("", "")).err(),
            Some(DialogError::Missing("Contact"))
        );
        let untagged = message(
            "SIP/2.0 180 Ringing\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nFrom: <sip:alice@a>;tag=A\nTo: <sip:bob@b>\n\
             Call-ID: c\nCSeq: 7 INVITE\n\n",
        );
        assert_eq!(
            Dialog::uac(&invite(), &untagged).err(),
            Some(DialogError::Missing("a To tag"))
        );
    }
}

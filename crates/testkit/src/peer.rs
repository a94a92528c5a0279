//! A SIP peer on a real socket that says and expects exactly what a test tells it, right or wrong. Blocking, with an end to
//! every wait.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sip_proto::auth::{self, Challenge, Login};

use crate::rng::Rng;
use crate::sip_text::SipText;
use crate::websocket::Ws;
use crate::{GIVE_UP, uninterrupted};

/// Largest message a peer takes.
const MESSAGE_MAX_BYTES: usize = 1024 * 1024;

/// Most messages a transcript keeps.
const TRANSCRIPT_MAX: usize = 10_000;

/// One message of a peer's transcript.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// When, in microseconds since 1970: comparable with other programs' logs on this machine.
    pub at_us: u64,
    /// Sent by the peer; otherwise received.
    pub sent: bool,
    /// The message.
    pub message: SipText,
}

enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Ws(Box<Ws>),
}

/// Who a peer is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// User part of the address of record.
    pub user: String,
    /// Domain of the address of record.
    pub domain: String,
    /// Password for digest.
    pub password: String,
}

impl Identity {
    /// Joins the three.
    pub fn new(user: &str, domain: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            domain: domain.to_owned(),
            password: password.to_owned(),
        }
    }
    /// `sip:user@domain`.
    pub fn uri(&self) -> String {
        format!("sip:{}@{}", self.user, self.domain)
    }
}

/// The peer.
pub struct SipPeer {
    wire: Wire,
    local: SocketAddr,
    /// What stands in Via and Contact.
    host: String,
    identity: Identity,
    instance: String,
    gruu: Option<String>,
    rng: Rng,
    cseq: u32,
    buffer: Vec<u8>,
    /// Requests that arrived while a response was awaited.
    inbox: Vec<SipText>,
    transcript: Vec<Spoken>,
}

impl SipPeer {
    /// A peer that talks UDP with one server.
    ///
    /// # Errors
    /// What the socket gave.
    pub fn udp(identity: Identity, server: SocketAddr, seed: u64) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        let local = socket.local_addr()?;
        Ok(Self::new(Wire::Udp(socket), local, identity, seed))
    }

    /// A peer with a TCP connection to one server.
    ///
    /// # Errors
    /// What the socket gave.
    pub fn tcp(identity: Identity, server: SocketAddr, seed: u64) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Ok(Self::new(Wire::Tcp(stream), local, identity, seed))
    }

    /// A peer with a WebSocket to one server, as a page has it (RFC 7118).
    ///
    /// # Errors
    /// What the socket gave, or that the server does not speak SIP there.
    pub fn websocket(identity: Identity, server: SocketAddr, seed: u64) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        let socket = stream.try_clone()?;
        Self::websocket_over(identity, stream, socket, false, seed)
    }

    /// The same over a stream that is there, such as one of TLS (`secure`), on this socket.
    ///
    /// # Errors
    /// What the socket gave, or that the server does not speak SIP there.
    pub fn websocket_over(
        identity: Identity,
        stream: impl Read + Write + Send + 'static,
        socket: TcpStream,
        secure: bool,
        seed: u64,
    ) -> io::Result<Self> {
        let local = socket.local_addr()?;
        let ws = Ws::open(stream, socket, secure)?;
        let mut peer = Self::new(Wire::Ws(Box::new(ws)), local, identity, seed);
        // RFC 7118 §5, as pages do that know no address of theirs.
        peer.host = format!("{:012x}.invalid", peer.random());
        Ok(peer)
    }

    fn new(wire: Wire, local: SocketAddr, identity: Identity, seed: u64) -> Self {
        // The instance is the device's own, by the seed; branches and Call-IDs are of this socket, so that a second peer of
        // the same seed does not repeat the transactions of the first.
        let mut rng = Rng::new(seed);
        let (a, b) = (rng.bits(), rng.bits());
        let instance = format!(
            "urn:uuid:{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            (b >> 48) & 0xfff,
            b & 0xffff_ffff_ffff
        );
        let rng = Rng::new(rng.bits() ^ (u64::from(local.port()) << 32));
        Self {
            wire,
            local,
            host: local.to_string(),
            identity,
            instance,
            gruu: None,
            rng,
            cseq: 0,
            buffer: Vec::new(),
            inbox: Vec::new(),
            transcript: Vec::new(),
        }
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
    /// Its own address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }
    /// The public GRUU (RFC 5627) that the registrar gave it.
    pub fn gruu(&self) -> Option<&str> {
        self.gruu.as_deref()
    }
    /// The URN of its instance (RFC 5626 §4.1).
    pub fn instance(&self) -> &str {
        &self.instance
    }

    pub(crate) fn random(&mut self) -> u64 {
        self.rng.bits()
    }

    pub(crate) fn next_cseq(&mut self) -> u32 {
        self.cseq += 1;
        self.cseq
    }

    pub(crate) fn keep(&mut self, request: SipText) {
        self.inbox.push(request);
    }

    pub(crate) fn transport(&self) -> &'static str {
        match &self.wire {
            Wire::Udp(_) => "UDP",
            Wire::Tcp(_) => "TCP",
            Wire::Ws(ws) if ws.is_secure() => "WSS",
            Wire::Ws(_) => "WS",
        }
    }

    /// Sends these bytes as they are.
    ///
    /// # Errors
    /// What the socket gave.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(message) = SipText::take(&mut bytes.to_vec()) {
            self.transcribe(true, &message);
        }
        match &mut self.wire {
            Wire::Udp(socket) => socket.send(bytes).map(|_| ()),
            Wire::Tcp(stream) => stream.write_all(bytes),
            Wire::Ws(ws) => ws.send(bytes),
        }
    }

    /// The next message, within `limit`.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] or `TimedOut` when none came, `UnexpectedEof` when the server closed.
    pub fn receive_within(&mut self, limit: Duration) -> io::Result<SipText> {
        let mut chunk = vec![0; 65_536];
        loop {
            if let Some(message) = SipText::take(&mut self.buffer) {
                self.transcribe(false, &message);
                return Ok(message);
            }
            let length = match &mut self.wire {
                Wire::Udp(socket) => {
                    socket.set_read_timeout(Some(limit))?;
                    self.buffer.clear();
                    uninterrupted(|| socket.recv(&mut chunk))?
                }
                Wire::Tcp(stream) => {
                    stream.set_read_timeout(Some(limit))?;
                    match uninterrupted(|| stream.read(&mut chunk))? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        length => length,
                    }
                }
                Wire::Ws(ws) => {
                    self.buffer.extend_from_slice(&ws.receive_within(limit)?);
                    0
                }
            };
            self.buffer
                .extend_from_slice(chunk.get(..length).unwrap_or_default());
            if self.buffer.len() > MESSAGE_MAX_BYTES {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a message without end",
                ));
            }
        }
    }

    /// The next request of this method; requests of others that come first stay in the inbox, stray responses are dropped.
    ///
    /// # Errors
    /// When none came within [`GIVE_UP`].
    pub fn expect(&mut self, method: &str) -> io::Result<SipText> {
        if let Some(at) = self
            .inbox
            .iter()
            .position(|message| message.method() == Some(method))
        {
            return Ok(self.inbox.remove(at));
        }
        loop {
            let message = self.receive_within(GIVE_UP)?;
            match message.method() {
                Some(came) if came == method => return Ok(message),
                Some(_) => self.inbox.push(message),
                None => {}
            }
        }
    }

    /// The next response with a final status to the request with this CSeq number; requests that come first stay in the inbox.
    fn final_response(&mut self, cseq: u32) -> io::Result<SipText> {
        loop {
            let message = self.receive_within(GIVE_UP)?;
            match message.status() {
                None => self.inbox.push(message),
                Some(100..=199) => {}
                Some(_) => {
                    let number = message
                        .header("CSeq")
                        .and_then(|cseq| cseq.split(' ').next());
                    if number.and_then(|number| number.parse().ok()) == Some(cseq) {
                        return Ok(message);
                    }
                }
            }
        }
    }

    /// Requests that arrived while responses were awaited, oldest first.
    pub fn take_inbox(&mut self) -> Vec<SipText> {
        std::mem::take(&mut self.inbox)
    }

    /// Everything it sent and received so far, oldest first.
    pub fn transcript(&self) -> &[Spoken] {
        &self.transcript
    }

    fn transcribe(&mut self, sent: bool, message: &SipText) {
        #[expect(
            clippy::disallowed_methods,
            reason = "only for the times in a transcript; nothing is decided by it"
        )]
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        if self.transcript.len() < TRANSCRIPT_MAX {
            self.transcript.push(Spoken {
                at_us: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
                sent,
                message: message.clone(),
            });
        }
    }

    /// Answers a request; `extra` are whole header lines.
    ///
    /// # Errors
    /// What the socket gave.
    pub fn reply(
        &mut self,
        request: &SipText,
        status: u16,
        reason: &str,
        extra: &[&str],
        body: &[u8],
    ) -> io::Result<()> {
        let mut out = format!("SIP/2.0 {status} {reason}\r\n");
        for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
            for value in request.all(name) {
                out.push_str(&format!("{name}: {value}"));
                if name == "To" && status > 100 && SipText::param(value, "tag").is_none() {
                    out.push_str(&format!(";tag={:x}", self.rng.bits()));
                }
                out.push_str("\r\n");
            }
        }
        for line in extra {
            out.push_str(&format!("{line}\r\n"));
        }
        out.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut wire = out.into_bytes();
        wire.extend_from_slice(body);
        self.send_raw(&wire)
    }

    /// Sends a request to `to` in a call of its own, answers one digest challenge, and gives the final response. `extra` are
    /// whole header lines.
    ///
    /// # Errors
    /// What the socket gave, or no final response within [`GIVE_UP`].
    pub fn request(
        &mut self,
        method: &str,
        uri: &str,
        to: &str,
        extra: &[&str],
        body: &[u8],
    ) -> io::Result<SipText> {
        let from = self.identity.uri();
        self.request_as(&from, method, uri, to, extra, body)
    }

    /// The same with another From URI than its own: a forger.
    ///
    /// # Errors
    /// As [`SipPeer::request`].
    pub fn request_as(
        &mut self,
        from: &str,
        method: &str,
        uri: &str,
        to: &str,
        extra: &[&str],
        body: &[u8],
    ) -> io::Result<SipText> {
        let call = format!("{:x}@test", self.rng.bits());
        let tag = format!("{:x}", self.rng.bits());
        let mut authorization = None;
        loop {
            self.cseq += 1;
            let mut out = format!(
                "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bK{:x};rport\r\nMax-Forwards: 70\r\n\
                 From: <{from}>;tag={tag}\r\nTo: <{to}>\r\nCall-ID: {call}\r\nCSeq: {} {method}\r\n",
                self.transport(),
                self.host,
                self.rng.bits(),
                self.cseq,
            );
            for line in extra.iter().copied().chain(authorization.as_deref()) {
                out.push_str(&format!("{line}\r\n"));
            }
            out.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
            let mut wire = out.into_bytes();
            wire.extend_from_slice(body);
            self.send_raw(&wire)?;
            let response = self.final_response(self.cseq)?;
            match (response.status(), &authorization) {
                (Some(401 | 407), None) => {
                    authorization = Some(self.authorize(&response, method, uri)?);
                }
                _ => return Ok(response),
            }
        }
    }

    pub(crate) fn authorize(
        &mut self,
        response: &SipText,
        method: &str,
        uri: &str,
    ) -> io::Result<String> {
        let (asks, answers) = match response.status() {
            Some(407) => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => ("WWW-Authenticate", "Authorization"),
        };
        let challenges: Vec<_> = response
            .all(asks)
            .filter_map(|value| Challenge::parse(value).ok())
            .collect();
        let login = Login {
            username: self.identity.user.clone(),
            password: self.identity.password.clone(),
        };
        let cnonce = format!("{:x}", self.rng.bits());
        auth::answer(&challenges, &login, method, uri, &cnonce, 1)
            .map(|value| format!("{answers}: {value}"))
            .ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "a challenge nobody can answer")
            })
    }

    /// Registers with instance and GRUU; `params` are added to the Contact (`;+feature`). Keeps the public GRUU.
    ///
    /// # Errors
    /// As [`SipPeer::request`].
    pub fn register(&mut self, params: &str) -> io::Result<SipText> {
        let contact = format!(
            "Contact: <sip:{}@{};transport={}>;+sip.instance=\"<{}>\"{params};expires=600",
            self.identity.user,
            self.host,
            match self.transport() {
                "WSS" => "ws".to_owned(),
                other => other.to_ascii_lowercase(),
            },
            self.instance,
        );
        let registrar = format!("sip:{}", self.identity.domain);
        let aor = self.identity.uri();
        let response = self.request(
            "REGISTER",
            &registrar,
            &aor,
            &[&contact, "Supported: gruu, path"],
            b"",
        )?;
        let mine = response
            .all("Contact")
            .flat_map(|value| value.split(", <"))
            .find(|contact| contact.contains(&self.instance));
        self.gruu = mine
            .and_then(|contact| SipText::param(contact, "pub-gruu"))
            .map(str::to_owned);
        Ok(response)
    }

    /// Removes all its registrations.
    ///
    /// # Errors
    /// As [`SipPeer::request`].
    pub fn unregister_all(&mut self) -> io::Result<SipText> {
        let registrar = format!("sip:{}", self.identity.domain);
        let aor = self.identity.uri();
        self.request(
            "REGISTER",
            &registrar,
            &aor,
            &["Contact: *", "Expires: 0"],
            b"",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// A registrar of a few lines that wants a digest and gives a GRUU.
    fn registrar(listener: &TcpListener) -> (usize, Option<String>) {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut buffer, mut chunk) = (Vec::new(), [0; 4096]);
        let mut seen = 0;
        let mut authorization = None;
        while let Ok(length @ 1..) = stream.read(&mut chunk) {
            buffer.extend_from_slice(&chunk[..length]);
            while let Some(request) = SipText::take(&mut buffer) {
                seen += 1;
                let echo: String = ["Via", "From", "To", "Call-ID", "CSeq"]
                    .iter()
                    .map(|name| format!("{name}: {}\r\n", request.header(name).unwrap()))
                    .collect();
                authorization = request.header("Authorization").map(str::to_owned);
                let answer = if authorization.is_none() {
                    format!(
                        "SIP/2.0 401 No\r\n{echo}WWW-Authenticate: Digest realm=\"x\", nonce=\"n\", qop=\"auth\"\r\nContent-Length: 0\r\n\r\n"
                    )
                } else {
                    let contact = request.header("Contact").unwrap();
                    format!(
                        "SIP/2.0 200 OK\r\n{echo}Contact: {contact};pub-gruu=\"sip:a@x;gr=1\"\r\nContent-Length: 0\r\n\r\n"
                    )
                };
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
        (seen, authorization)
    }

    #[test]
    fn a_peer_registers_with_digest_and_keeps_its_gruu() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || registrar(&listener));
        let mut peer = SipPeer::tcp(Identity::new("a", "x", "pw"), address, 1).unwrap();
        assert_eq!(peer.register(";+feature").unwrap().status(), Some(200));
        assert_eq!(peer.gruu(), Some("sip:a@x;gr=1"));
        drop(peer);
        let (seen, authorization) = server.join().unwrap();
        assert_eq!(seen, 2);
        assert!(authorization.unwrap().contains("username=\"a\""));
    }

    #[test]
    fn two_peers_talk_and_the_reply_has_a_tag() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut caller =
            SipPeer::udp(Identity::new("a", "x", ""), socket.local_addr().unwrap(), 1).unwrap();
        socket.connect(caller.local()).unwrap();
        let local = socket.local_addr().unwrap();
        let mut called = SipPeer::new(Wire::Udp(socket), local, Identity::new("b", "x", ""), 2);
        let answering = thread::spawn(move || {
            let request = called.expect("MESSAGE").unwrap();
            called.reply(&request, 180, "Ringing", &[], b"").unwrap();
            called
                .reply(&request, 486, "Busy Here", &["Retry-After: 5"], b"")
                .unwrap();
            request.text()
        });
        let response = caller
            .request("MESSAGE", "sip:b@x", "sip:b@x", &["X: y"], b"hello")
            .unwrap();
        assert_eq!(
            (response.status(), response.header("Retry-After")),
            (Some(486), Some("5"))
        );
        assert!(SipText::param(response.header("To").unwrap(), "tag").is_some());
        assert_eq!(answering.join().unwrap(), "hello");
    }
}

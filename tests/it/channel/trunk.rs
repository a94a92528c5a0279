//! A trunk that does exactly what a test tells it, right or wrong: one UDP socket, one call at a time.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use testkit::sip_text::SipText;
use testkit::{GIVE_UP, uninterrupted};

/// A good answer to an offer, towards this RTP port.
pub fn sdp(port: u16) -> String {
    format!(
        "v=0\r\no=t 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n\
         a=rtpmap:0 PCMU/8000\r\n"
    )
}

pub struct Trunk {
    socket: UdpSocket,
    peer: Option<SocketAddr>,
}

impl Trunk {
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(GIVE_UP)).unwrap();
        Self { socket, peer: None }
    }

    pub fn addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// The next request of this method; others and responses are passed over.
    pub fn expect(&mut self, method: &str) -> SipText {
        loop {
            let message = self.receive();
            if message.method() == Some(method) {
                return message;
            }
        }
    }

    fn receive(&mut self) -> SipText {
        let mut datagram = vec![0; 65_536];
        loop {
            let came = uninterrupted(|| self.socket.recv_from(&mut datagram));
            let (length, from) = came.unwrap();
            self.peer = Some(from);
            if let Some(message) = SipText::take(&mut datagram[..length].to_vec()) {
                return message;
            }
        }
    }

    /// Whether any request comes within `limit`.
    pub fn hears_within(&mut self, limit: Duration) -> bool {
        self.socket.set_read_timeout(Some(limit)).unwrap();
        let heard = uninterrupted(|| self.socket.recv_from(&mut [0; 65_536])).is_ok();
        self.socket.set_read_timeout(Some(GIVE_UP)).unwrap();
        heard
    }

    /// Answers a request; a body is SDP.
    pub fn reply(&self, request: &SipText, status: &str, body: &str) {
        let mut out = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in request.all(name) {
                let tag = match name == "To" && SipText::param(value, "tag").is_none() {
                    true => ";tag=trunk",
                    false => "",
                };
                out.push_str(&format!("{name}: {value}{tag}\r\n"));
            }
        }
        out.push_str(&format!("Contact: <sip:{}>\r\n", self.addr()));
        if !body.is_empty() {
            out.push_str("Content-Type: application/sdp\r\n");
        }
        out.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.send(out.as_bytes());
    }

    /// Sends these bytes to where the last datagram came from.
    pub fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.peer.unwrap()).unwrap();
    }
}

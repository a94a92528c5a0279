//! Outgoing calls of a scripted peer: INVITE, provisional answers, one digest, ACK, CANCEL, BYE.

use std::io;

use crate::GIVE_UP;
use crate::peer::SipPeer;
use crate::sip_text::SipText;

/// When a call is given up with CANCEL (RFC 3261 §9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// Never.
    Never,
    /// At the first 180.
    WhenRinging,
}

/// What came of an INVITE.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status codes of the provisional responses, in their order.
    pub provisional: Vec<u16>,
    /// The final response.
    pub response: SipText,
    call: String,
    from: String,
    uri: String,
    cseq: u32,
}

impl Answer {
    /// The final status.
    pub fn status(&self) -> u16 {
        self.response.status().unwrap_or(0)
    }
    /// The Request-URI of requests within the dialog: the Contact of the response.
    fn target(&self) -> &str {
        self.response
            .header("Contact")
            .and_then(|contact| contact.split('<').nth(1)?.split('>').next())
            .unwrap_or(&self.uri)
    }
}

/// One request of a call, before it is written.
struct Step<'a> {
    method: &'a str,
    uri: &'a str,
    branch: &'a str,
    to: &'a str,
    cseq: u32,
    extra: Option<&'a str>,
    body: &'a [u8],
}

impl SipPeer {
    /// Calls `uri` with this SDP offer, answers one challenge, acknowledges whatever the final response is.
    ///
    /// # Errors
    /// What the socket gave, or no final response within [`GIVE_UP`].
    pub fn invite(&mut self, uri: &str, offer: &[u8], cancel: Cancel) -> io::Result<Answer> {
        let call = format!("{:x}@test", self.random());
        let from = format!("<{}>;tag={:x}", self.identity().uri(), self.random());
        let mut authorization: Option<String> = None;
        let mut provisional = Vec::new();
        loop {
            let branch = format!("z9hG4bK{:x}", self.random());
            let to = format!("<{uri}>");
            let cseq = self.next_cseq();
            let invite = Step {
                method: "INVITE",
                uri,
                branch: &branch,
                to: &to,
                cseq,
                extra: authorization.as_deref(),
                body: offer,
            };
            self.send_step(&call, &from, &invite)?;
            let response = loop {
                let message = self.receive_within(GIVE_UP)?;
                match message.status() {
                    None => self.keep(message),
                    Some(_) if !is_answer(&message, cseq, "INVITE") => {}
                    Some(status @ 100..=199) => {
                        provisional.push(status);
                        if status == 180 && cancel == Cancel::WhenRinging {
                            let cancel = Step {
                                method: "CANCEL",
                                body: b"",
                                extra: None,
                                ..invite
                            };
                            self.send_step(&call, &from, &cancel)?;
                        }
                    }
                    Some(_) => break message,
                }
            };
            let status = response.status().unwrap_or(0);
            let remote = response.header("To").unwrap_or(&to).to_owned();
            let answer = Answer {
                provisional: provisional.clone(),
                response,
                call: call.clone(),
                from: from.clone(),
                uri: uri.to_owned(),
                cseq,
            };
            // The ACK of a 2xx is a transaction of its own, towards the Contact (RFC 3261 §13.2.2.4, §17.1.1.3).
            let own_branch = format!("z9hG4bK{:x}", self.random());
            let ack = Step {
                method: "ACK",
                uri: if status < 300 { answer.target() } else { uri },
                branch: if status < 300 { &own_branch } else { &branch },
                to: &remote,
                cseq,
                extra: None,
                body: b"",
            };
            self.send_step(&call, &from, &ack)?;
            if matches!(status, 401 | 407) && authorization.is_none() {
                authorization = Some(self.authorize(&answer.response, "INVITE", uri)?);
                continue;
            }
            return Ok(answer);
        }
    }

    /// Hangs up, and gives the status of the answer.
    ///
    /// # Errors
    /// What the socket gave, or no final response within [`GIVE_UP`].
    pub fn bye(&mut self, answer: &Answer) -> io::Result<u16> {
        let branch = format!("z9hG4bK{:x}", self.random());
        let remote = answer.response.header("To").unwrap_or_default().to_owned();
        let cseq = answer.cseq + 1;
        let bye = Step {
            method: "BYE",
            uri: answer.target(),
            branch: &branch,
            to: &remote,
            cseq,
            extra: None,
            body: b"",
        };
        self.send_step(&answer.call, &answer.from, &bye)?;
        loop {
            let message = self.receive_within(GIVE_UP)?;
            match message.status() {
                None => self.keep(message),
                Some(status @ 200..) if is_answer(&message, cseq, "BYE") => return Ok(status),
                Some(_) => {}
            }
        }
    }

    fn send_step(&mut self, call: &str, from: &str, step: &Step<'_>) -> io::Result<()> {
        let local = self.local();
        let transport = self.transport();
        let mut out = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{user}@{local};transport={word}>\r\n",
            method = step.method,
            uri = step.uri,
            branch = step.branch,
            to = step.to,
            cseq = step.cseq,
            user = self.identity().user,
            word = transport.to_ascii_lowercase(),
        );
        if let Some(extra) = step.extra {
            out.push_str(&format!("{extra}\r\n"));
        }
        if !step.body.is_empty() {
            out.push_str("Content-Type: application/sdp\r\n");
        }
        out.push_str(&format!("Content-Length: {}\r\n\r\n", step.body.len()));
        let mut wire = out.into_bytes();
        wire.extend_from_slice(step.body);
        self.send_raw(&wire)
    }
}

fn is_answer(message: &SipText, cseq: u32, method: &str) -> bool {
    message.header("CSeq") == Some(format!("{cseq} {method}").as_str())
}

//! Requests of ours out of dialogs: MESSAGE, and any other that a user wants to send.

use std::time::Instant;

use bytes::Bytes;

use super::{Extra, MESSAGES_MAX, MessageError, MessageToken, Ua, UaEvent, VIA_BYTES};
use crate::auth::ClientAuth;
use crate::build::RequestBuilder;
use crate::edit::Edit;
use crate::endpoint::{Endpoint, UDP_REQUEST_MAX_BYTES};
use crate::message::Message;
use crate::name::{HeaderName, Method};
use crate::transaction::ClientTx;
use crate::uri::{NameAddr, Uri};

/// How often one request is answered to a challenge: once for the password, once more for a stale nonce.
pub(super) const CHALLENGES_MAX: u8 = 2;

/// How the end of a request is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    /// By its status alone.
    Result,
    /// With the whole response.
    Answer,
}

/// What is to be sent.
pub(super) struct Asked<'a> {
    pub method: Method,
    pub tells: Tells,
    pub body: Option<(&'a str, Bytes)>,
}

/// A request that waits for its final response.
#[derive(Debug)]
pub(super) struct Outstanding {
    token: MessageToken,
    /// As built, for another try with credentials.
    request: Message,
    tells: Tells,
    challenged: u8,
}

impl Ua {
    pub(super) fn send(
        &mut self,
        endpoint: &mut Endpoint,
        to: &Uri,
        asked: Asked<'_>,
        extra: &[Extra<'_>],
        now: Instant,
    ) -> Result<MessageToken, MessageError> {
        let Asked {
            method,
            tells,
            body,
        } = asked;
        if self.outstanding.len() >= MESSAGES_MAX {
            return Err(MessageError::Full);
        }
        let tag = endpoint.tokens().tag();
        let host = self.config.via_host.split(':').next().unwrap_or_default();
        let call_id = endpoint.tokens().call_id(host);
        let mut builder = RequestBuilder::new(method.clone(), to).max_forwards(70);
        for route in &self.registration.service_route {
            builder = builder.header(HeaderName::Route, route);
        }
        builder = builder
            .from(&NameAddr::new(&self.config.aor).with_tag(&tag))
            .to(&NameAddr::new(to))
            .call_id(&call_id)
            .cseq(1)
            .header(HeaderName::UserAgent, &self.config.product);
        for (name, value) in extra {
            builder = builder.header(name.clone(), value);
        }
        if let Some((name, value)) = authorization(&mut self.auth, endpoint, &method, to.as_str()) {
            builder = builder.header(name, value);
        }
        if let Some((content_type, body)) = body {
            builder = builder.body(content_type, body);
        }
        let request = builder.build();
        let length = request.as_bytes().len().saturating_add(VIA_BYTES);
        if !self.config.target.transport.is_reliable() && length > UDP_REQUEST_MAX_BYTES {
            return Err(MessageError::TooLongForUdp);
        }
        let tx =
            endpoint.send_request(&request, &self.config.target, &self.config.via_host, now)?;
        let token = MessageToken(self.next_token);
        self.next_token = self.next_token.wrapping_add(1);
        self.outstanding.insert(
            tx,
            Outstanding {
                token,
                request,
                tells,
                challenged: 0,
            },
        );
        Ok(token)
    }

    /// Whether the response was to a request of ours.
    pub(super) fn on_message_response(
        &mut self,
        endpoint: &mut Endpoint,
        tx: ClientTx,
        response: &Message,
        now: Instant,
    ) -> bool {
        let status = response.status().unwrap_or(500);
        if status < 200 {
            return self.outstanding.contains_key(&tx);
        }
        let Some(asked) = self.outstanding.remove(&tx) else {
            return false;
        };
        let again = matches!(status, 401 | 407)
            && take_challenge(&mut self.auth, status, response, asked.challenged);
        if again && self.again(endpoint, &asked, now) {
            return true;
        }
        let token = asked.token;
        self.events.push_back(match asked.tells {
            Tells::Result => UaEvent::MessageResult {
                token,
                status,
                words: response.reason().unwrap_or_default().into_owned(),
            },
            Tells::Answer => UaEvent::Answered {
                token,
                status,
                response: Some(response.clone()),
            },
        });
        true
    }

    /// Whether what got no response was a request of ours.
    pub(super) fn on_message_lost(&mut self, tx: ClientTx, status: u16, words: &str) -> bool {
        let Some(asked) = self.outstanding.remove(&tx) else {
            return false;
        };
        let token = asked.token;
        self.events.push_back(match asked.tells {
            Tells::Result => UaEvent::MessageResult {
                token,
                status,
                words: words.to_owned(),
            },
            Tells::Answer => UaEvent::Answered {
                token,
                status,
                response: None,
            },
        });
        true
    }

    fn again(&mut self, endpoint: &mut Endpoint, asked: &Outstanding, now: Instant) -> bool {
        let uri = asked.request.request_uri().unwrap_or_default();
        let Some(method) = asked.request.method_ref() else {
            return false;
        };
        let Some((name, value)) = authorization(&mut self.auth, endpoint, method, uri) else {
            return false;
        };
        let seq = asked.request.cseq().map_or(1, |cseq| cseq.seq);
        let request = Edit::of(&asked.request)
            .set(
                HeaderName::CSeq,
                format_args!("{} {method}", seq.saturating_add(1)),
            )
            .set(name, value)
            .finish();
        let sent = endpoint.send_request(&request, &self.config.target, &self.config.via_host, now);
        let Ok(tx) = sent else { return false };
        self.outstanding.insert(
            tx,
            Outstanding {
                token: asked.token,
                request,
                tells: asked.tells,
                challenged: asked.challenged.saturating_add(1),
            },
        );
        true
    }
}

/// The header field that authorises a request, once there was a challenge.
pub(super) fn authorization(
    auth: &mut ClientAuth,
    endpoint: &mut Endpoint,
    method: &Method,
    uri: &str,
) -> Option<(HeaderName, String)> {
    let cnonce = endpoint.tokens().tag();
    let (name, value) = auth.authorize(method.as_str(), uri, &cnonce)?;
    Some((HeaderName::parse(name)?, value))
}

/// Takes the challenges of a 401 or 407; false when trying again is of no use.
pub(super) fn take_challenge(
    auth: &mut ClientAuth,
    status: u16,
    response: &Message,
    before: u8,
) -> bool {
    let proxy = status == 407;
    let name = if proxy {
        HeaderName::ProxyAuthenticate
    } else {
        HeaderName::WwwAuthenticate
    };
    let known = auth.challenged(response.headers(name), proxy).is_ok();
    known && (before == 0 || (before < CHALLENGES_MAX && auth.was_stale()))
}

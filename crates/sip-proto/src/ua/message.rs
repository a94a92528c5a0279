//! MESSAGE requests of ours.

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

/// A message that waits for its final response.
#[derive(Debug)]
pub(super) struct Outstanding {
    token: MessageToken,
    /// As built, for another try with credentials.
    request: Message,
    challenged: u8,
}

impl Ua {
    pub(super) fn send_message(
        &mut self,
        endpoint: &mut Endpoint,
        to: &Uri,
        content_type: &str,
        body: Bytes,
        extra: &[Extra<'_>],
        now: Instant,
    ) -> Result<MessageToken, MessageError> {
        if self.outstanding.len() >= MESSAGES_MAX {
            return Err(MessageError::Full);
        }
        let tag = endpoint.tokens().tag();
        let host = self.config.via_host.split(':').next().unwrap_or_default();
        let call_id = endpoint.tokens().call_id(host);
        let mut builder = RequestBuilder::new(Method::Message, to).max_forwards(70);
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
        if let Some((name, value)) =
            authorization(&mut self.auth, endpoint, &Method::Message, to.as_str())
        {
            builder = builder.header(name, value);
        }
        let request = builder.body(content_type, body).build();
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
                challenged: 0,
            },
        );
        Ok(token)
    }

    /// Whether the response was to a message of ours.
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
        let Some(message) = self.outstanding.remove(&tx) else {
            return false;
        };
        let again = matches!(status, 401 | 407)
            && take_challenge(&mut self.auth, status, response, message.challenged);
        if again && self.message_again(endpoint, &message, now) {
            return true;
        }
        let words = response.reason().unwrap_or_default().into_owned();
        self.events.push_back(UaEvent::MessageResult {
            token: message.token,
            status,
            words,
        });
        true
    }

    /// Whether what got no response was a message of ours.
    pub(super) fn on_message_lost(&mut self, tx: ClientTx, status: u16, words: &str) -> bool {
        let Some(message) = self.outstanding.remove(&tx) else {
            return false;
        };
        self.events.push_back(UaEvent::MessageResult {
            token: message.token,
            status,
            words: words.to_owned(),
        });
        true
    }

    fn message_again(
        &mut self,
        endpoint: &mut Endpoint,
        message: &Outstanding,
        now: Instant,
    ) -> bool {
        let uri = message.request.request_uri().unwrap_or_default();
        let Some((name, value)) = authorization(&mut self.auth, endpoint, &Method::Message, uri)
        else {
            return false;
        };
        let seq = message.request.cseq().map_or(1, |cseq| cseq.seq);
        let request = Edit::of(&message.request)
            .set(
                HeaderName::CSeq,
                format_args!("{} MESSAGE", seq.saturating_add(1)),
            )
            .set(name, value)
            .finish();
        let sent = endpoint.send_request(&request, &self.config.target, &self.config.via_host, now);
        let Ok(tx) = sent else { return false };
        self.outstanding.insert(
            tx,
            Outstanding {
                token: message.token,
                request,
                challenged: message.challenged.saturating_add(1),
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

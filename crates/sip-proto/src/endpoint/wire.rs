//! What the endpoint reads from messages and builds itself: keys, Via, ACK, CANCEL, plain answers.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::build::{RequestBuilder, ResponseBuilder};
use crate::edit::Edit;
use crate::flow::{Source, Target};
use crate::message::Message;
use crate::name::{HeaderName, Method};
use crate::token::BRANCH_COOKIE;
use crate::via::Via;

/// Max-Forwards of our own requests (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u8 = 70;

/// Composes the key of a server transaction: branch, sent-by and method (RFC 3261 §17.2.3). For clients of RFC 2543, without
/// the cookie: what stays the same among a request, its retransmissions and its ACK.
pub(super) fn key(out: &mut String, message: &Message, via: &Via, method: &Method) {
    out.clear();
    match via
        .branch()
        .filter(|branch| branch.starts_with(BRANCH_COOKIE))
    {
        Some(branch) => {
            out.push_str(branch);
            out.push(' ');
            out.extend(via.host().chars().map(|c| c.to_ascii_lowercase()));
            push(out, format_args!(":{}", via.port_or_default()));
        }
        None => {
            let call_id = message.call_id().unwrap_or_default();
            let seq = message.cseq().map_or(0, |cseq| cseq.seq);
            let from = message.from().ok();
            let from_tag = from
                .as_ref()
                .and_then(|from| from.tag())
                .unwrap_or_default();
            let uri = message.request_uri().unwrap_or_default();
            push(out, format_args!("{call_id} {seq} {from_tag} {uri} {via}"));
        }
    }
    out.push(' ');
    out.push_str(method.as_str());
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    out.write_fmt(text).unwrap_or_default();
}

/// Where responses to what came from `source` go (RFC 3261 §18.2.2, RFC 3581 §4): over a stream the same connection, or a new
/// one to sent-by's port; by UDP to the port it came from if the client asked for that, else to sent-by's. `maddr` is
/// not followed: it would let anyone direct our answers at others.
pub(super) fn reply_target(source: Source, via: &Via) -> Target {
    let mut target = source.reply_target();
    if source.transport.is_reliable() || via.rport().is_none() {
        target.addr.set_port(via.port_or_default());
    }
    target
}

/// The request with `received` and `rport` in its top Via.
pub(super) fn stamped(message: Message, via: &Via, remote: SocketAddr) -> Message {
    let stamped = via.stamped(remote);
    if stamped.as_str() == via.as_str() {
        return message;
    }
    Edit::of(&message)
        .replace_first(HeaderName::Via, stamped)
        .finish()
}

/// The request with our Via on top.
pub(super) fn under_via(message: &Message, via: &Via) -> Message {
    Edit::of(message)
        .push_front(HeaderName::Via, via)
        .ensure_content_length()
        .finish()
}

/// A plain answer.
pub(super) fn reply(
    request: &Message,
    status: u16,
    reason: &str,
    to_tag: Option<&str>,
    retry_after_s: Option<u32>,
) -> Message {
    let mut builder = ResponseBuilder::reply(request, status, reason);
    if let Some(tag) = to_tag {
        builder = builder.to_tag(tag);
    }
    if let Some(seconds) = retry_after_s {
        builder = builder.header(HeaderName::RetryAfter, seconds);
    }
    builder.build()
}

/// The ACK of a final response other than 2xx (RFC 3261 §17.1.1.3): the INVITE's Request-URI, top Via, From, Call-ID, CSeq
/// number and Route, the response's To.
pub(super) fn ack_for(invite: &Message, response: &Message) -> Option<Message> {
    let to = response.header(HeaderName::To)?;
    companion(invite, Method::Ack, to)
}

/// The CANCEL of an INVITE (RFC 3261 §9.1): everything as in the INVITE, To too.
pub(super) fn cancel_for(invite: &Message) -> Option<Message> {
    companion(invite, Method::Cancel, invite.header(HeaderName::To)?)
}

fn companion(invite: &Message, method: Method, to: &str) -> Option<Message> {
    let mut builder = RequestBuilder::new(method, &invite.uri().ok()?)
        .via(&invite.top_via().ok()?)
        .max_forwards(MAX_FORWARDS);
    for route in invite.headers(HeaderName::Route) {
        builder = builder.header(HeaderName::Route, route);
    }
    let message = builder
        .header(HeaderName::From, invite.header(HeaderName::From)?)
        .header(HeaderName::To, to)
        .call_id(invite.call_id()?)
        .cseq(invite.cseq().ok()?.seq)
        .build();
    Some(message)
}

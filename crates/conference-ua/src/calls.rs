//! Calls to a conference: INVITE and what belongs to its dialog. None is taken: the conference calls people, it is not called. Everything
//! that a call would need to pass (the IM server's proxy, identities, dialogs) is there; whoever takes calls begins here.

use std::time::Instant;

use sip_proto::endpoint::{Endpoint, ServerTx};
use sip_proto::{Message, Method, ResponseBuilder};

/// Answers a request of a call; false when it is none.
pub(crate) fn on_request(
    endpoint: &mut Endpoint,
    tx: ServerTx,
    request: &Message,
    now: Instant,
) -> bool {
    let within = request.to().is_ok_and(|to| to.tag().is_some());
    let (status, reason) = match request.method_ref() {
        Some(Method::Invite) if !within => (488, "Not Acceptable Here"),
        Some(
            Method::Invite
            | Method::Bye
            | Method::Update
            | Method::Info
            | Method::Prack
            | Method::Refer,
        ) => (481, "Call/Transaction Does Not Exist"),
        _ => return false,
    };
    let tag = endpoint.tokens().tag();
    let answer = ResponseBuilder::reply(request, status, reason).to_tag(&tag);
    endpoint.respond(tx, &answer.build(), now);
    true
}

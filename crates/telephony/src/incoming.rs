//! Requests that are not about a leg of ours.

use sip_proto::call::ALLOW;
use sip_proto::{HeaderName, Message, Method, ResponseBuilder};

/// Whether somebody calls us: an INVITE that is not within a call.
pub(crate) fn is_call(request: &Message) -> bool {
    let within = request.to().is_ok_and(|to| to.tag().is_some());
    request.method_ref() == Some(&Method::Invite) && !within
}

/// The answer to a request outside every leg. Nobody can dial in yet, so an INVITE finds nobody.
pub(crate) fn answer(request: &Message, tag: &str) -> Message {
    let answer = match request.method() {
        Some(Method::Options) => {
            ResponseBuilder::reply(request, 200, "OK").header(HeaderName::Allow, ALLOW)
        }
        Some(Method::Invite) => ResponseBuilder::reply(request, 404, "Not Found"),
        Some(
            Method::Bye
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Refer
            | Method::Notify,
        ) => ResponseBuilder::reply(request, 481, "Call/Transaction Does Not Exist"),
        _ => ResponseBuilder::reply(request, 405, "Method Not Allowed")
            .header(HeaderName::Allow, ALLOW),
    };
    answer.to_tag(tag).build()
}

//! Requests that are not about a leg of ours.

use sip_proto::call::ALLOW;
use sip_proto::{HeaderName, Message, Method, ResponseBuilder};

/// The answer to a request outside every leg. Nobody can dial in yet, so an INVITE finds nobody.
pub(crate) fn answer(request: &Message) -> Message {
    match request.method() {
        Some(Method::Options) => ResponseBuilder::reply(request, 200, "OK")
            .header(HeaderName::Allow, ALLOW)
            .build(),
        Some(
            Method::Bye
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Refer
            | Method::Notify,
        ) => ResponseBuilder::reply(request, 481, "Call/Transaction Does Not Exist").build(),
        _ => ResponseBuilder::reply(request, 405, "Method Not Allowed")
            .header(HeaderName::Allow, ALLOW)
            .build(),
    }
}

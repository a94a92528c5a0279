//! Each received message as one line of the log at level `trace` of the target `sip.wire`: its first line, who it is from
//! and what it belongs to, never its body or credentials. Ladders in the docs are drawn from these lines.

use sip_proto::{HeaderName, Message, Source};

/// The log target.
pub const TARGET: &str = "sip.wire";

/// A message came.
pub(super) fn received(source: &Source, message: &Message) {
    if !tracing::enabled!(target: TARGET, tracing::Level::TRACE) {
        return;
    }
    let from = message.from().ok();
    let user = from
        .as_ref()
        .and_then(|from| from.uri().user())
        .unwrap_or_default();
    tracing::trace!(
        target: TARGET,
        transport = %source.transport,
        remote = %source.remote,
        local = %source.local,
        method = message.method_ref().map(ToString::to_string),
        status = message.status(),
        reason = message.reason().as_deref(),
        of = message.cseq().ok().map(|cseq| cseq.method.to_string()),
        from = user,
        to = message.to().ok().map(|to| to.uri().to_string()),
        call_id = message.call_id(),
        content_type = message.header(HeaderName::ContentType),
        body_bytes = message.body().len(),
    );
}

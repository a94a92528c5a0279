//! What went wrong with Janus, as a person reads it.

use std::time::Duration;

use convoke_types::loggable;

use super::wire::code;

/// It has not answered.
pub(super) fn late(limit: Duration) -> String {
    format!("Janus does not answer within {} s", limit.as_secs())
}

/// It said something that makes no sense here.
pub(super) const NONSENSE: &str = "what Janus answers makes no sense";

/// It cannot carry pictures.
pub(super) const NO_VIDEOROOM: &str = "Janus has no VideoRoom plugin";

/// A session description has what none may have (RFC 8866 §9).
pub(super) const CONTROLS: &str = "the session description has control characters";

/// Whether a session description has NUL or another control character than TAB and the ends of lines. For one NUL Janus does not read a
/// request at all, and its answer does not say which request that was.
pub(super) fn has_controls(sdp: &str) -> bool {
    sdp.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n'))
}

/// A name as Janus can read it.
pub(super) fn printable(name: &str) -> String {
    let printed = |c: char| if c.is_control() { ' ' } else { c };
    name.chars().map(printed).collect()
}

/// It refused something. Its own reason is told where it cannot quote a session description.
pub(super) fn refused(code: u32, reason: &str) -> String {
    match code {
        code::UNAUTHORIZED => "Janus refuses our API secret: look at janus.api_secret".into(),
        code::ROOM_UNAUTHORIZED | code::MIX_UNAUTHORIZED => {
            "Janus refuses our key for rooms: look at janus.admin_key".into()
        }
        code::NO_SUCH_ROOM | code::NO_SUCH_MIX => {
            "Janus no longer has the conference's room".into()
        }
        code::NO_SUCH_FEED => "somebody left while they were looked for".into(),
        code::PUBLISHERS_FULL => "as many show themselves already as may".into(),
        code::NO_SUCH_PLUGIN => NO_VIDEOROOM.into(),
        code::INVALID_SDP | code::BAD_SDP => {
            "Janus does not understand the session description".into()
        }
        _ => format!("Janus refuses it ({code}: {})", loggable(reason)),
    }
}

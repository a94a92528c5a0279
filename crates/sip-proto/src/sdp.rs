//! Session descriptions (RFC 8866) and their offer and answer (RFC 3264) for one audio stream of the telephone network.

mod model;
mod negotiate;
mod parse;

pub use model::{Attribute, Direction, Media, Origin, Sdp};
pub use negotiate::{SessionId, Side, answer, negotiated, offer};
pub use parse::{SDP_MAX_BYTES, SdpError};

//! Session descriptions (RFC 8866) and their offer and answer (RFC 3264) for one audio stream of the telephone network,
//! and beside it the pictures of a video room.

mod model;
mod negotiate;
mod parse;
mod picture;
mod session;

pub use model::{Attribute, Direction, Media, Origin, Sdp};
pub use negotiate::{SessionId, Side, answer, negotiated};
pub use parse::{SDP_MAX_BYTES, SdpError};
pub use session::{Agreed, MOVE_MAX, Moving, OFFER_AGAIN, Peer, Session, is_for_the_moment};

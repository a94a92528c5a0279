//! Session descriptions (RFC 8866) and their offer and answer (RFC 3264) for one audio stream of the telephone network,
//! and beside it the pictures of a video room.

mod model;
mod negotiate;
mod parse;
mod picture;

pub use model::{Attribute, Direction, Media, Origin, Sdp};
pub use negotiate::{SessionId, Side, answer, negotiated, offer, offer_again, received_at};
pub use parse::{SDP_MAX_BYTES, SdpError};
pub use picture::{answer_pictures, negotiated_pictures, offer_pictures, refuse_pictures};

//! Bodies that come compressed (Content-Encoding, RFC 3261 §20.12). They are unpacked once, here, so that the log, its readers and every
//! device have what was written: Linphone compresses its notices unasked, and a browser's client would not know what they say.

use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};
use sip_proto::{Edit, HeaderName, Message};

use crate::server::Stop;

/// What is unpacked: zlib's format (RFC 9110 §8.4.1.2).
pub(crate) const ACCEPTED: &str = "deflate";
/// Nothing was done to the body.
const IDENTITY: &str = "identity";

/// The message with its body of this type unpacked; `None` when it is as it was written.
///
/// # Errors
/// 415 in any other encoding (RFC 3261 §8.2.3), 400 when it is not in the one that is said, 413 when more than so many bytes come out.
pub(crate) fn unpacked(
    message: &Message,
    content_type: &str,
    most_bytes: usize,
) -> Result<Option<Message>, Stop> {
    let values = message.headers(HeaderName::ContentEncoding);
    let mut encodings = values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|coding| !coding.eq_ignore_ascii_case(IDENTITY));
    match (encodings.next(), encodings.next()) {
        (None, _) => return Ok(None),
        (Some(only), None) if only.eq_ignore_ascii_case(ACCEPTED) => {}
        _ => return Err(Stop::Refuse(415)),
    }
    let body = decompress_to_vec_zlib_with_limit(&message.body(), most_bytes).map_err(|error| {
        Stop::Refuse(match error.status {
            TINFLStatus::HasMoreOutput => 413,
            _ => 400,
        })
    })?;
    let edit = Edit::of(message).remove_all(HeaderName::ContentEncoding);
    Ok(Some(edit.body(content_type, body).finish()))
}

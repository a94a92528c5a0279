//! From datagrams to messages.

use bytes::Bytes;
use sip_proto::{ErrorKind, Message, ParseError};

/// Bytes of a datagram that are a keep-alive when they are nothing but line ends or zeros.
const KEEPALIVE_MAX_BYTES: usize = 4;

/// A datagram's message; `None` for a keep-alive.
pub(super) fn datagram(bytes: Bytes) -> Result<Option<Message>, ParseError> {
    let is_padding = |byte: &u8| matches!(byte, b'\r' | b'\n' | b' ' | 0);
    if bytes.len() <= KEEPALIVE_MAX_BYTES && bytes.iter().all(is_padding) {
        return Ok(None);
    }
    match Message::parse_datagram(bytes) {
        Ok(message) => Ok(Some(message)),
        Err(error) if *error.kind() == ErrorKind::Empty => Ok(None),
        Err(error) => Err(error),
    }
}

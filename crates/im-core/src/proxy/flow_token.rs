//! Flow tokens (RFC 5626 §5.2): a Record-Route of ours names the connection to a client, in words that only we can make. Nothing is
//! kept for it.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use sip_proto::auth::hmac_sha256;
use sip_proto::{FlowId, Source, Target, Transport};

/// What tells these from other words made with the same key.
const PURPOSE: &[u8] = b"flow token 1";
/// Bytes of the keyed hash that are kept: 128 bits.
const TAG_BYTES: usize = 16;
/// Longest token, in hexadecimal digits: transport, flow, address (IPv6) and port, hash.
const TOKEN_MAX_CHARS: usize = 2 * (1 + 8 + 16 + 2 + TAG_BYTES);

const TRANSPORTS: [Transport; 5] = [
    Transport::Udp,
    Transport::Tcp,
    Transport::Tls,
    Transport::Ws,
    Transport::Wss,
];

/// The token of the connection that a request came over.
pub(super) fn seal(key: &[u8; 32], source: &Source) -> String {
    let number = TRANSPORTS.iter().position(|t| *t == source.transport);
    let mut data = vec![
        number
            .and_then(|n| u8::try_from(n).ok())
            .unwrap_or_default(),
    ];
    data.extend_from_slice(&source.flow.0.to_be_bytes());
    match source.remote.ip() {
        IpAddr::V4(ip) => data.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => data.extend_from_slice(&ip.octets()),
    }
    data.extend_from_slice(&source.remote.port().to_be_bytes());
    let tag = tag(key, &data);
    data.extend_from_slice(&tag);
    let mut out = String::with_capacity(data.len().saturating_mul(2));
    for byte in data {
        // Writing to a String does not fail.
        write!(out, "{byte:02x}").unwrap_or_default();
    }
    out
}

/// The way to the client that a token names; `None` when the token is not ours.
pub(super) fn open(key: &[u8; 32], token: &str) -> Option<Target> {
    if token.len() > TOKEN_MAX_CHARS || !token.len().is_multiple_of(2) {
        return None;
    }
    let data = bytes_of(token)?;
    let (data, given) = data.split_at_checked(data.len().checked_sub(TAG_BYTES)?)?;
    if !same(&tag(key, data), given) {
        return None;
    }
    let (transport, rest) = data.split_first()?;
    let (flow, rest) = rest.split_first_chunk::<8>()?;
    let (ip, port) = rest.split_last_chunk::<2>()?;
    let ip = match ip.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(ip).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(ip).ok()?),
    };
    Some(Target {
        transport: *TRANSPORTS.get(usize::from(*transport))?,
        addr: SocketAddr::new(ip, u16::from_be_bytes(*port)),
        flow: Some(FlowId(u64::from_be_bytes(*flow))),
        server_name: None,
    })
}

fn tag(key: &[u8; 32], data: &[u8]) -> [u8; TAG_BYTES] {
    let whole = hmac_sha256(key, &[PURPOSE, data]);
    let mut tag = [0; TAG_BYTES];
    for (to, from) in tag.iter_mut().zip(whole) {
        *to = from;
    }
    tag
}

/// Compares without telling by the time it takes where the difference is.
fn same(ours: &[u8; TAG_BYTES], given: &[u8]) -> bool {
    let difference = ours.iter().zip(given).fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == TAG_BYTES && std::hint::black_box(difference) == 0
}

/// Hexadecimal digits in lower case, as we write them.
fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn source(transport: Transport, remote: &str) -> Source {
        Source {
            transport,
            remote: remote.parse().unwrap(),
            local: "192.0.2.1:5060".parse().unwrap(),
            flow: FlowId(u64::MAX - 2),
        }
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_alone() {
        for transport in TRANSPORTS {
            for remote in ["192.0.2.7:40000", "[2001:db8::7]:1"] {
                let source = source(transport, remote);
                let token = seal(&KEY, &source);
                assert!(token.len() <= TOKEN_MAX_CHARS);
                assert_eq!(open(&KEY, &token), Some(source.reply_target()));
                assert_eq!(open(&[8; 32], &token), None);
            }
        }
    }

    #[test]
    fn nothing_else_opens() {
        let token = seal(&KEY, &source(Transport::Wss, "192.0.2.7:40000"));
        for at in 0..token.len() {
            let mut spoiled = token.clone().into_bytes();
            spoiled[at] = if spoiled[at] == b'0' { b'1' } else { b'0' };
            let spoiled = String::from_utf8(spoiled).unwrap();
            assert_eq!(open(&KEY, &spoiled), None, "{at}");
            assert_eq!(open(&KEY, token.get(..at).unwrap()), None, "{at}");
        }
        let longer = format!("{token}00");
        for other in ["", "ab", "zz", "äöü", &longer, &token.to_uppercase()] {
            assert_eq!(open(&KEY, other), None, "{other}");
        }
    }
}

//! The signature of a delivery: who has the secret can tell that it is ours, whole, and not an old one told again.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header that carries it.
pub(super) const HEADER: &str = "Convoke-Signature";

/// `t=SECONDS,v1=HEX`: HMAC-SHA256 (RFC 2104) with the webhook's secret over `SECONDS.BODY`, seconds since 1970.
#[must_use]
pub fn signature(secret: &str, unix_s: i64, body: &[u8]) -> String {
    let mut text = format!("t={unix_s},v1=");
    // HMAC takes keys of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        mac.update(format!("{unix_s}.").as_bytes());
        mac.update(body);
        for byte in mac.finalize().into_bytes() {
            text.push_str(&format!("{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_secret_time_and_body() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac s3cret
        let expected =
            "t=1700000000,v1=1698a50bc74d1ff1db85c4e0a5297c2ad9fdba245d5737cdb789e4cc6e098940";
        assert_eq!(signature("s3cret", 1_700_000_000, b"{\"a\":1}"), expected);
        assert_ne!(signature("s3cret", 1_700_000_001, b"{\"a\":1}"), expected);
        assert_ne!(signature("other", 1_700_000_000, b"{\"a\":1}"), expected);
    }
}

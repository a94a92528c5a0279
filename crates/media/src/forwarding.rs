//! What a core can forward of pictures, measured: the part of the work of a packet that no video server can do without. Each packet is
//! encrypted for one who sees it, as browsers want it (SRTP, AES-CM-128 and HMAC-SHA1-80, RFC 3711 §4), sent by UDP and taken on the other side,
//! over the loopback. What counts is the time that the processor gave to it, not what passed: other programs may run beside.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};
use str0m::crypto::Aes128CmSha1_80;

/// Length of a packet of a picture, in bytes: what Chromium's packets have nearly always.
pub const PACKET_BYTES: usize = 1_200;
/// Length of an RTP header without extensions (RFC 3550 §5.1), in bytes: it stays as it is.
const HEADER_BYTES: usize = 12;
/// Length of the authentication tag, in bytes (RFC 3711 §4.2.1).
const TAG_BYTES: usize = 10;
/// Packets between two looks at the clock.
const BATCH: u32 = 64;
/// Passed time after which it is enough, in spans: other programs may leave us next to nothing.
const PASSED_MAX: u32 = 5;

/// Packets that one core forwards in a second in which it does nothing else; measured with `span` of the processor's time, on one core.
///
/// # Errors
/// When no sockets can be had on the loopback, or the measure does not get any time.
pub fn packets_per_second(span: Duration) -> io::Result<u32> {
    let measuring = std::thread::Builder::new().name("measure".to_owned());
    let measured = measuring.spawn(move || {
        crate::engine::pin_to_one();
        measure(span)
    })?;
    let died = |_| io::Error::other("the measure did not come to its end");
    measured.join().map_err(died)?
}

fn measure(span: Duration) -> io::Result<u32> {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    receiver.set_read_timeout(Some(span))?;
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    sender.connect(receiver.local_addr()?)?;
    let mut packet = Packet::new();
    let mut taken = [0; PACKET_BYTES + TAG_BYTES];
    let (used, passed) = (clock(ClockId::ThreadCPUTime), clock(ClockId::Monotonic));
    let mut count: u32 = 0;
    loop {
        for _ in 0..BATCH {
            sender.send(packet.encrypt(count)?)?;
            receiver.recv(&mut taken)?;
            count = count.wrapping_add(1);
        }
        let time = clock(ClockId::ThreadCPUTime).saturating_sub(used);
        let enough = clock(ClockId::Monotonic).saturating_sub(passed) >= span * PASSED_MAX;
        if time >= span || enough {
            let micros = time.as_micros().max(1);
            let each_second = u128::from(count) * 1_000_000 / micros;
            return Ok(u32::try_from(each_second).unwrap_or(u32::MAX));
        }
    }
}

/// A packet that is encrypted again and again.
struct Packet {
    cipher: Box<dyn str0m::crypto::Aes128CmSha1_80Cipher>,
    crypto: str0m::crypto::CryptoProvider,
    plain: [u8; PACKET_BYTES],
    secret: [u8; PACKET_BYTES + TAG_BYTES],
}

impl Packet {
    fn new() -> Self {
        let crypto = str0m::crypto::from_feature_flags();
        let srtp = crypto.srtp_provider.aes_128_cm_sha1_80();
        Self {
            cipher: srtp.create_cipher([7; 16], true),
            crypto,
            plain: [0x5a; PACKET_BYTES],
            secret: [0; PACKET_BYTES + TAG_BYTES],
        }
    }

    fn encrypt(&mut self, number: u32) -> io::Result<&[u8]> {
        let Self {
            cipher,
            crypto,
            plain,
            secret,
        } = self;
        let (header, payload) = plain.split_at(HEADER_BYTES);
        let (open, tag) = secret.split_at_mut(PACKET_BYTES);
        let (to_header, to_payload) = open.split_at_mut(HEADER_BYTES);
        to_header.copy_from_slice(header);
        let iv = Aes128CmSha1_80::rtp_iv([3; 14], 1, u64::from(number));
        cipher
            .encrypt(&iv, payload, to_payload)
            .map_err(io::Error::other)?;
        let rollover = 0_u32.to_be_bytes();
        let hmac = crypto
            .sha1_hmac_provider
            .sha1_hmac(&[9; 20], &[open, &rollover]);
        tag.copy_from_slice(hmac.get(..TAG_BYTES).unwrap_or_default());
        Ok(secret)
    }
}

fn clock(id: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(id);
    let seconds = u64::try_from(tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_forwards_some_and_not_any_number_of_packets() {
        let measured = packets_per_second(Duration::from_millis(50)).unwrap();
        println!("{measured} packets for each second of a core");
        assert!((1_000..100_000_000).contains(&measured), "{measured}");
    }

    #[test]
    fn what_is_sent_is_authenticated_and_not_the_picture_itself() {
        let mut packet = Packet::new();
        let first = packet.encrypt(0).unwrap().to_vec();
        let second = packet.encrypt(1).unwrap().to_vec();
        assert_eq!(first.len(), PACKET_BYTES + TAG_BYTES);
        assert_eq!(first[..HEADER_BYTES], second[..HEADER_BYTES]);
        for part in [
            HEADER_BYTES..HEADER_BYTES + 16,
            PACKET_BYTES..PACKET_BYTES + TAG_BYTES,
        ] {
            assert_ne!(first[part.clone()], second[part.clone()]);
            assert!(first[part].iter().any(|byte| *byte != 0x5a));
        }
    }
}

#![no_main]
//! A datagram through the RTP header, the keys and the levels: the jitter buffer has property tests of its own.
use media_core::g711::{self, Law};
use media_core::{dtmf::DtmfReceiver, rtp::RtpPacket};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(packet) = RtpPacket::parse(data) {
        let mut keys = DtmfReceiver::new();
        keys.packet(packet.timestamp, packet.payload);
        keys.packet(packet.timestamp.wrapping_add(160), packet.payload);
        for law in [Law::Mu, Law::A] {
            let _level = g711::mean_square(law, packet.payload);
        }
    }
});

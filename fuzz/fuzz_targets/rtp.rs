#![no_main]
//! A datagram through the RTP header, the keys and the levels: the jitter buffer has property tests of its own.
use convoke_types::media::Codec;
use media_core::{dtmf::DtmfReceiver, g711, rtp::RtpPacket};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(packet) = RtpPacket::parse(data) {
        let mut keys = DtmfReceiver::new();
        keys.packet(packet.timestamp, packet.payload);
        keys.packet(packet.timestamp.wrapping_add(160), packet.payload);
        for codec in [Codec::Pcmu, Codec::Pcma] {
            let _level = g711::mean_square(codec, packet.payload);
        }
    }
});

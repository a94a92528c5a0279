//! Arbitrary bytes from the network: typed errors, never a panic.

use media_core::dtmf::DtmfReceiver;
use media_core::rtp::RtpPacket;
use media_core::stats::ReceiveStats;
use proptest::prelude::*;

proptest! {
    #[test]
    fn arbitrary_datagrams_never_panic(datagram in prop::collection::vec(any::<u8>(), 0..200), now in any::<u32>()) {
        if let Ok(packet) = RtpPacket::parse(&datagram) {
            prop_assert!(packet.payload.len() + 12 <= datagram.len());
            ReceiveStats::new().count(&packet, now, true);
            DtmfReceiver::new().packet(packet.timestamp, packet.payload);
        }
    }

    #[test]
    fn datagrams_that_look_like_rtp_never_panic(
        first in 0x80_u8..=0xBF, rest in prop::collection::vec(any::<u8>(), 11..80), now in any::<u32>(),
    ) {
        let mut datagram = vec![first];
        datagram.extend(rest);
        let mut stats = ReceiveStats::new();
        let mut keys = DtmfReceiver::new();
        for cut in 0..=datagram.len() {
            if let Ok(packet) = RtpPacket::parse(&datagram[..cut]) {
                stats.count(&packet, now, true);
                keys.packet(packet.timestamp, packet.payload);
            }
        }
        prop_assert!(stats.summary(0).jitter_ms.is_finite());
    }

    #[test]
    fn sequences_in_any_order_keep_the_counts_sane(sequences in prop::collection::vec(any::<u16>(), 1..300)) {
        let mut stats = ReceiveStats::new();
        let count = sequences.len();
        for sequence in sequences {
            let header = media_core::rtp::header(false, 0, sequence, 0, 1);
            stats.count(&RtpPacket::parse(&header).unwrap(), 0, true);
        }
        prop_assert_eq!(stats.summary(0).received, u64::try_from(count).unwrap());
    }
}

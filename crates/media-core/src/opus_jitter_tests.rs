//! The web legs' jitter buffer against a scripted network, in virtual time.

use super::*;
use ::opus::{Application, Channels};
use proptest::prelude::*;

/// A 440 Hz tone of 8,000, coded at 16 kHz in packets of so many milliseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "test signal"
)]
fn tone(packets: usize, ms: usize, redundant: bool) -> Vec<Vec<u8>> {
    let mut encoder = ::opus::Encoder::new(16_000, Channels::Mono, Application::Voip).unwrap();
    encoder.set_inband_fec(redundant).unwrap();
    encoder
        .set_packet_loss_perc(if redundant { 20 } else { 0 })
        .unwrap();
    (0..packets)
        .map(|n| {
            let count = ms * 16;
            let samples: Vec<i16> = (n * count..(n + 1) * count)
                .map(|i| {
                    (8_000.0 * (i as f32 * 440.0 / 16_000.0 * std::f32::consts::TAU).sin()) as i16
                })
                .collect();
            encoder.encode_vec(&samples, 400).unwrap()
        })
        .collect()
}

fn buffer() -> OpusBuffer<Vec<u8>> {
    OpusBuffer::new(Decoder::new().unwrap())
}

/// The power of each tick's frame, or 0; ticks at multiples of 160.
struct Ears {
    buffer: OpusBuffer<Vec<u8>>,
    now: SampleClock,
    powers: Vec<u32>,
    samples: Vec<i16>,
}

impl Ears {
    fn new() -> Self {
        Self {
            buffer: buffer(),
            now: 0,
            powers: Vec::new(),
            samples: Vec::new(),
        }
    }

    fn tick(&mut self) {
        self.now += 160;
        self.buffer.due(self.now);
        let mut frame = [0; WIDE_SAMPLES];
        self.buffer.take(&mut frame);
        self.powers.push(opus::mean_square(&frame));
        self.samples.extend(frame);
    }

    /// Packet `n` of so many milliseconds comes in the middle between two ticks.
    fn hear(&mut self, n: usize, ms: u32, packet: &[u8]) -> Pushed {
        let at = u32::try_from(n).unwrap() * ms * 8;
        self.buffer.push(at, packet.to_vec(), None, self.now + 80)
    }

    fn full(&self, from: usize) -> bool {
        self.powers[from..]
            .iter()
            .all(|p| (20_000_000..45_000_000).contains(p))
    }
}

#[test]
fn a_steady_stream_is_heard_without_a_gap() {
    for ms in [10, 20, 40, 60] {
        let mut ears = Ears::new();
        let packets = tone(1_200 / ms as usize * 2, ms as usize, false);
        let mut sent = 0;
        for n in 0..100 {
            while sent < packets.len() && sent * ms as usize <= n * 20 {
                assert_eq!(ears.hear(sent, ms, &packets[sent]), Pushed::Stored);
                sent += 1;
            }
            ears.tick();
        }
        assert!(ears.full(12), "{ms} ms: {:?}", ears.powers);
        assert_eq!(ears.buffer.counts().concealed, 0, "{ms} ms");
    }
}

#[test]
fn losses_are_concealed_and_redundancy_mends_them() {
    for redundant in [false, true] {
        let mut ears = Ears::new();
        for (n, packet) in tone(400, 20, redundant).iter().enumerate() {
            if n % 10 != 7 {
                ears.hear(n, 20, packet);
            }
            ears.tick();
        }
        let counts = ears.buffer.counts();
        assert!(
            ears.powers[10..].iter().all(|p| *p > 1_000_000),
            "{:?}",
            ears.powers
        );
        // Since packets are lost, one more is held, so that the end of a loss is known.
        assert!(counts.recovered > 4_000, "{counts:?}");
        if redundant {
            // libopus takes a steady tone for noise after a while, and then adds no redundancy.
            ears.powers.truncate(58);
            assert!(ears.full(10), "{:?}", ears.powers);
        }
    }
}

#[test]
fn a_stream_that_ends_fades_within_60_ms_and_begins_anew() {
    let mut ears = Ears::new();
    let packets = tone(120, 20, false);
    for (n, packet) in packets.iter().enumerate().take(50) {
        ears.hear(n, 20, packet);
        ears.tick();
    }
    for _ in 0..60 {
        ears.tick();
    }
    assert!(
        ears.powers[56..].iter().all(|p| *p == 0),
        "{:?}",
        ears.powers
    );
    assert!(ears.buffer.counts().concealed <= 480);
    for (n, packet) in packets.iter().enumerate().skip(60) {
        ears.hear(n + 50, 20, packet);
        ears.tick();
    }
    assert!(ears.full(124), "{:?}", &ears.powers[110..]);
}

#[test]
fn a_silent_sender_is_no_loss() {
    let mut ears = Ears::new();
    let packets = tone(50, 20, false);
    for n in 0..250 {
        match packets.get(n) {
            Some(packet) => {
                ears.hear(n, 20, packet);
            }
            // Every 400 ms a word that all is silent (RFC 7587 §3.1.3).
            None if n % 20 == 10 => {
                ears.hear(n, 20, &opus::DTX_FRAME);
            }
            None => {}
        }
        if n == 50 {
            ears.hear(n, 20, &opus::DTX_FRAME);
        }
        ears.tick();
    }
    assert_eq!(ears.buffer.counts().concealed, 0);
    assert!(
        ears.powers[70..].iter().all(|p| *p == 0),
        "{:?}",
        ears.powers
    );
}

#[test]
fn who_was_not_heard_is_decoded_from_the_next_packet_on() {
    let mut ears = Ears::new();
    let packets = tone(100, 20, false);
    for (n, packet) in packets.iter().enumerate() {
        let at = u32::try_from(n).unwrap() * 160;
        ears.buffer
            .push(at, packet.clone(), Some(15), ears.now + 80);
        if n < 50 {
            ears.now += 160;
            if ears.buffer.due(ears.now).is_some() {
                assert_eq!(ears.buffer.due(ears.now), Some(opus::power_of_level(15)));
            }
            ears.buffer.skip();
        } else {
            ears.tick();
        }
    }
    assert!(ears.buffer.counts().decoded >= 48);
    assert!(ears.full(2), "{:?}", ears.powers);
}

#[test]
fn late_packets_move_play_back_and_then_nothing_is_late() {
    let mut ears = Ears::new();
    let packets = tone(400, 20, false);
    for n in 0..400_usize {
        ears.tick();
        // From the hundredth on each packet takes 50 ms longer.
        let delayed = if n < 100 {
            Some(n)
        } else {
            n.checked_sub(3).filter(|n| *n >= 100)
        };
        if let Some(n) = delayed {
            ears.hear(n, 20, &packets[n]);
        }
    }
    let counts = ears.buffer.counts();
    assert!(counts.moves > 0 && counts.late < 12, "{counts:?}");
    assert!(ears.full(200), "{:?}", ears.powers);
}

#[test]
fn swapped_packets_are_put_in_order() {
    let mut ears = Ears::new();
    let packets = tone(300, 20, false);
    for n in (0..300).step_by(2) {
        ears.hear(n + 1, 20, &packets[n + 1]);
        ears.tick();
        ears.hear(n, 20, &packets[n]);
        ears.tick();
    }
    assert!(ears.full(40), "{:?}", ears.powers);
}

proptest! {
    #[test]
    fn nothing_from_the_network_panics_or_grows(
        packets in prop::collection::vec(
            (any::<u16>(), prop::collection::vec(any::<u8>(), 0..40), any::<Option<u8>>(), 0..4_u8),
            0..200,
        ),
    ) {
        let mut buffer = buffer();
        let mut now = 0_u32;
        let mut frame = [0; WIDE_SAMPLES];
        for (at, payload, level, then) in packets {
            buffer.push(u32::from(at).wrapping_mul(7), payload, level, now);
            now += 60;
            if then > 0 {
                buffer.due(now);
            }
            match then {
                0 => {}
                1 => buffer.skip(),
                _ => { buffer.take(&mut frame); }
            }
            prop_assert!(buffer.held.len() <= MAX_HELD);
            prop_assert!(buffer.ready.len() <= MAX_DECODED);
        }
    }
}

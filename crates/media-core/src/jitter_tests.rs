//! The jitter buffer against a scripted network, in virtual time.

use super::*;
use proptest::prelude::*;

const LAW: Law = Law::A;

/// A 440 Hz tone by timestamp, so that any sample tells whether it stands where it should.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "test signal"
)]
fn tone(timestamp: u32) -> u8 {
    let phase = (timestamp % 8_000) as f32 * 440.0 / 8_000.0 * std::f32::consts::TAU;
    g711::encode(LAW, (9_000.0 * phase.sin()) as i16)
}

fn packet(timestamp: u32, samples: u32) -> Vec<u8> {
    (0..samples)
        .map(|i| tone(timestamp.wrapping_add(i)))
        .collect()
}

/// Feeds `(arrival, timestamp, samples)` in order of arrival and pulls every 20 ms; returns the frames.
fn run(mut arrivals: Vec<(u32, u32, u32)>, ticks: u32) -> (Vec<u8>, JitterBuffer) {
    let mut buffer = JitterBuffer::new(LAW);
    arrivals.sort_by_key(|a| a.0);
    let mut arrivals = arrivals.into_iter().peekable();
    let mut heard = Vec::new();
    for tick in 0..ticks {
        let now = tick * FRAME_STEP;
        while let Some((at, timestamp, samples)) = arrivals.next_if(|a| a.0 <= now) {
            buffer.push(timestamp, &packet(timestamp, samples), at);
        }
        let mut frame = [g711::silence(LAW); FRAME_SAMPLES];
        buffer.pull(now, &mut frame);
        heard.extend_from_slice(&frame);
    }
    (heard, buffer)
}

fn is_tone_throughout(heard: &[u8], first: u32) {
    for (i, &code) in heard.iter().enumerate() {
        assert_eq!(code, tone(first.wrapping_add(count(i))), "sample {i}");
    }
}

#[test]
fn a_clean_stream_passes_unchanged_for_every_packet_time() {
    for samples in [80, 160, 240, 320, 480] {
        let first = u32::MAX - 1_000;
        let arrivals = (0..100)
            .map(|i| {
                (
                    100 + (i + 1) * samples,
                    first.wrapping_add(i * samples),
                    samples,
                )
            })
            .collect();
        let (heard, buffer) = run(arrivals, 40);
        let begin = heard.iter().position(|&c| c != g711::silence(LAW)).unwrap() / 160 * 160;
        is_tone_throughout(&heard[begin..], first);
        assert_eq!(buffer.counts().late, 0);
    }
}

/// How long each packet waits until its first sample leaves, for a stream of one packet every 20 ms; the last 300 ms of
/// each second are quiet.
fn waits(phase: u32, packets: u32) -> Vec<u32> {
    let mut buffer = JitterBuffer::new(LAW);
    let mut waits = Vec::new();
    let mut arrivals = (0..packets).map(|i| (phase + i * 160, i)).peekable();
    for tick in 0..packets {
        let now = tick * FRAME_STEP;
        while let Some((at, i)) = arrivals.next_if(|a| a.0 <= now) {
            // Each packet says its number, and a quiet one nothing.
            let quiet = i % 50 >= 35;
            let code = if quiet {
                g711::silence(LAW)
            } else {
                0x80 | u8::try_from(i % 7).unwrap()
            };
            buffer.push(5_000 + i * 160, &[code; 160], at);
        }
        let play = buffer.play;
        if buffer.pull(now, &mut [0; FRAME_SAMPLES]) == Pulled::Frame {
            // The first sample of the frame, and when its packet came.
            let came = phase + play.wrapping_sub(5_000) / 160 * 160;
            waits.push(now - came);
        }
    }
    waits
}

#[test]
fn the_delay_of_a_clean_stream_is_40_ms_at_first_and_soon_25() {
    for phase in 0..160 {
        let waits = waits(phase, 400);
        let most = waits.iter().max().unwrap();
        assert!(*most <= 2 * FRAME_STEP, "{phase}: {most}");
        // The trial, and up to a second until a pause is long enough.
        let later = waits[205..].iter().max().unwrap();
        assert!(
            *later <= FRAME_STEP + SPARE.cast_unsigned(),
            "{phase}: {later}"
        );
    }
}

#[test]
fn duplicates_and_reordering_within_the_buffer_change_nothing() {
    let mut arrivals = Vec::new();
    for i in 0..100_u32 {
        let at = 60 + i * 160;
        arrivals.push((at, i * 160, 160));
        arrivals.push((at + 10, i * 160, 160));
        arrivals.push((at + 300, i * 160, 160));
    }
    let (heard, buffer) = run(arrivals, 90);
    is_tone_throughout(&heard[320..], 0);
    assert_eq!(buffer.counts().late, 0);
    assert!(buffer.counts().duplicate >= 170, "{:?}", buffer.counts());
}

#[test]
fn swapped_packets_cost_nothing() {
    // Every 50th packet is overtaken by the next one.
    let arrivals = (0..1_000_u32)
        .map(|i| {
            (
                60 + i * 160 + if i % 50 == 20 { 161 } else { 0 },
                i * 160,
                160,
            )
        })
        .collect();
    let (_, buffer) = run(arrivals, 1_000);
    let counts = buffer.counts();
    assert_eq!((counts.late, counts.concealed), (0, 0), "{counts:?}");
    assert_eq!(counts.moves, 0, "{counts:?}");
}

#[test]
fn after_a_clean_beginning_the_first_swap_is_the_last_that_costs() {
    // Clean for ten seconds, then every 50th packet is overtaken by the next one; 300 ms of each second are quiet.
    let mut buffer = JitterBuffer::new(LAW);
    let mut arrivals: Vec<_> = (0..1_500_u32)
        .map(|i| {
            (
                60 + i * 160 + if i > 500 && i % 50 == 20 { 161 } else { 0 },
                i,
            )
        })
        .collect();
    arrivals.sort_unstable();
    let mut arrivals = arrivals.into_iter().peekable();
    for tick in 0..1_500 {
        let now = tick * FRAME_STEP;
        while let Some((at, i)) = arrivals.next_if(|a| a.0 <= now) {
            let codes = if i % 50 < 15 {
                vec![0xD5; 160]
            } else {
                packet(i * 160, 160)
            };
            buffer.push(i * 160, &codes, at);
        }
        buffer.pull(now, &mut [0; FRAME_SAMPLES]);
    }
    let counts = buffer.counts();
    // Forward after the trial, back after the first swap.
    assert_eq!((counts.late, counts.moves), (1, 2), "{counts:?}");
}

#[test]
fn one_hiccup_moves_nothing() {
    // Four packets come at once with the next one.
    let arrivals = (0..500_u32)
        .map(|i| {
            (
                if (100..104).contains(&i) {
                    16_690
                } else {
                    60 + i * 160
                },
                i * 160,
                160,
            )
        })
        .collect();
    let (_, buffer) = run(arrivals, 500);
    assert_eq!(buffer.counts().moves, 0);
}

#[test]
fn losses_are_concealed_without_gaps() {
    let arrivals = (0..500_u32)
        .filter(|i| i % 33 != 7)
        .map(|i| (60 + i * 160, i * 160, 160))
        .collect();
    let (heard, buffer) = run(arrivals, 500);
    assert_eq!(buffer.counts().concealed, 15 * 160);
    let loud = |part: &[u8]| {
        part.iter()
            .any(|&c| g711::decode(LAW, c).unsigned_abs() > 3_000)
    };
    assert!(heard[320..499 * 160].chunks(40).all(loud));
}

#[test]
fn clock_drift_is_followed_both_ways() {
    // 500 ppm is five times what a bad telephone does.
    for (per_packet, name) in [(159.92, "fast"), (160.08, "slow")] {
        let mut buffer = JitterBuffer::new(LAW);
        let mut late = 0;
        let (mut next, mut sent) = (60.0_f64, 0_u32);
        let ticks = 50 * 120;
        for tick in 0..ticks {
            let now = tick * FRAME_STEP;
            while next <= f64::from(now) {
                // One second of talk, one second of quiet.
                let codes = if sent / 50 % 2 == 0 {
                    packet(sent * 160, 160)
                } else {
                    vec![0xD5; 160]
                };
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "small"
                )]
                let pushed = buffer.push(sent * 160, &codes, next as u32);
                late += u32::from(pushed == Pushed::Late);
                sent += 1;
                next += per_packet;
            }
            buffer.pull(now, &mut [0; FRAME_SAMPLES]);
        }
        let counts = buffer.counts();
        let held = distance(sent * 160, buffer.play);
        assert!(late <= 3, "{name}: {late} late, {counts:?}");
        assert!(held <= 480, "{name}: {held} held, {counts:?}");
        assert!(counts.moves >= 1, "{name}: {counts:?}");
    }
}

#[test]
fn a_restart_and_a_pause_are_followed() {
    let mut arrivals: Vec<_> = (0..50).map(|i| (60 + i * 160, i * 160, 160)).collect();
    arrivals.extend((0..50).map(|i| (16_060 + i * 160, 900_000 + i * 160, 160)));
    let (heard, _) = run(arrivals, 150);
    is_tone_throughout(&heard[102 * 160..140 * 160], 900_000);
    assert!(heard[60 * 160..101 * 160].iter().all(|&c| c == 0xD5));
}

#[test]
fn a_jump_without_a_pause_is_followed_after_three_packets() {
    let mut arrivals: Vec<_> = (0..50).map(|i| (60 + i * 160, i * 160, 160)).collect();
    arrivals.extend((50..100).map(|i| (60 + i * 160, 3_000_000_000 + i * 160, 160)));
    let (heard, _) = run(arrivals, 100);
    is_tone_throughout(&heard[60 * 160..61 * 160], 3_000_000_000 + 58 * 160);
}

proptest! {
    #[test]
    fn nothing_from_the_network_panics_and_the_buffer_stays_bounded(
        packets in prop::collection::vec((any::<u32>(), 0_usize..700, 0_u32..400), 0..200),
        near in any::<u32>(),
    ) {
        let mut buffer = JitterBuffer::new(Law::Mu);
        let mut now = near;
        for (timestamp, length, wait) in packets {
            // Half of them near each other, half anywhere.
            let timestamp = if timestamp % 2 == 0 { near.wrapping_add(timestamp % 5_000) } else { timestamp };
            buffer.push(timestamp, &vec![0x11; length], now);
            now = now.wrapping_add(wait);
            buffer.pull(now, &mut [0; FRAME_SAMPLES]);
        }
    }

    #[test]
    fn loss_and_swaps_never_silence_more_than_60_ms(seed in any::<u64>()) {
        let mut state = seed | 1;
        let mut chance = |percent: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % 100 < percent
        };
        let mut lost_in_row = 0;
        let mut arrivals = Vec::new();
        for i in 0..500_u32 {
            // Three in a row is what 60 ms can bridge.
            if chance(3) && lost_in_row < 2 {
                lost_in_row += 1;
                continue;
            }
            lost_in_row = 0;
            arrivals.push((60 + i * 160 + if chance(2) { 161 } else { 0 }, i * 160, 160));
        }
        let (heard, _) = run(arrivals, 500);
        let quiet = |part: &[u8]| part.iter().all(|&c| g711::decode(LAW, c).unsigned_abs() < 500);
        let longest = heard[480..498 * 160].chunks(80).fold((0, 0), |(run, longest), part| {
            let run = if quiet(part) { run + 1 } else { 0 };
            (run, longest.max(run))
        }).1;
        prop_assert!(longest <= 6, "{longest} times 10 ms");
    }
}

//! Laws of the mix.

use super::*;
use proptest::prelude::*;

fn joined(mixer: &mut Mixer, law: Law) -> SlotId {
    let id = mixer.add(law);
    mixer.set_isolated(id, false);
    id
}

fn codes(law: Law, samples: &[i16; FRAME_SAMPLES]) -> [u8; FRAME_SAMPLES] {
    let mut codes = [0; FRAME_SAMPLES];
    g711::encode_into(law, samples, &mut codes);
    codes
}

fn put(mixer: &mut Mixer, id: SlotId, frame: [u8; FRAME_SAMPLES]) {
    mixer.input(id, |to| {
        *to = frame;
        true
    });
}

fn constant(law: Law, sample: i16) -> [u8; FRAME_SAMPLES] {
    [g711::encode(law, sample); FRAME_SAMPLES]
}

fn heard(mixer: &mut Mixer, id: SlotId) -> [u8; FRAME_SAMPLES] {
    *mixer.output(id).last_chunk().unwrap()
}

const BOTH: [Law; 2] = [Law::Mu, Law::A];

proptest! {
    /// Up to five speakers and some listeners: everybody hears the saturated sum of all others' decoded samples,
    /// coded in his own law. This is the sum law and minus-self at once, A and µ in one call.
    #[test]
    fn everybody_hears_the_sum_of_the_others(
        speakers in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<i16>(), FRAME_SAMPLES)), 0..=5),
        listeners in prop::collection::vec(any::<bool>(), 0..4),
    ) {
        let law = |a: bool| BOTH[usize::from(a)];
        let mut mixer = Mixer::new();
        let mut legs = Vec::new();
        for (a, samples) in &speakers {
            let frame = codes(law(*a), samples.as_slice().try_into().unwrap());
            let mut decoded = [0; FRAME_SAMPLES];
            g711::decode_into(law(*a), &frame, &mut decoded);
            let silent = g711::mean_square(law(*a), &frame) == 0;
            legs.push((joined(&mut mixer, law(*a)), law(*a), Some(frame), if silent { [0; FRAME_SAMPLES] } else { decoded }));
        }
        for a in &listeners {
            legs.push((joined(&mut mixer, law(*a)), law(*a), None, [0; FRAME_SAMPLES]));
        }
        for (id, _, frame, _) in &legs {
            if let Some(frame) = frame { put(&mut mixer, *id, *frame); }
        }
        mixer.mix();
        for (i, (id, law, _, _)) in legs.iter().enumerate() {
            let mut wanted = [0; FRAME_SAMPLES];
            for (k, sample) in wanted.iter_mut().enumerate() {
                let sum: i32 = legs.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, l)| i32::from(l.3[k])).sum();
                *sample = saturate(sum);
            }
            prop_assert_eq!(heard(&mut mixer, *id), codes(*law, &wanted));
        }
    }
}

#[test]
fn a_sole_talker_hears_silence_and_listeners_share_one_packet() {
    let mut mixer = Mixer::new();
    let talker = joined(&mut mixer, Law::A);
    let listeners: Vec<_> = (0..4).map(|_| joined(&mut mixer, Law::Mu)).collect();
    put(&mut mixer, talker, constant(Law::A, 1_000));
    mixer.mix();
    assert_eq!(
        heard(&mut mixer, talker),
        [g711::ALAW_SILENCE; FRAME_SAMPLES]
    );
    let first: *const Packet = mixer.output(listeners[0]);
    assert!(
        listeners
            .iter()
            .all(|&l| std::ptr::eq(mixer.output(l), first))
    );
    let value = g711::decode(Law::A, g711::encode(Law::A, 1_000));
    assert_eq!(heard(&mut mixer, listeners[0]), constant(Law::Mu, value));
}

#[test]
fn a_single_quiet_speaker_is_heard_unchanged() {
    let mut mixer = Mixer::new();
    let quiet = joined(&mut mixer, Law::Mu);
    let listener = joined(&mut mixer, Law::Mu);
    // −66 dBFS, under any gate.
    let frame = constant(Law::Mu, 16);
    put(&mut mixer, quiet, frame);
    mixer.mix();
    assert_eq!(heard(&mut mixer, listener), frame);
}

#[test]
fn muted_and_isolated_legs_are_not_heard_and_the_isolated_hear_nobody() {
    let mut mixer = Mixer::new();
    let muted = joined(&mut mixer, Law::Mu);
    let outside = mixer.add(Law::Mu);
    let talker = joined(&mut mixer, Law::Mu);
    mixer.set_muted(muted, true);
    for _ in 0..10 {
        put(&mut mixer, muted, constant(Law::Mu, 9_000));
        put(&mut mixer, outside, constant(Law::Mu, 5_000));
        put(&mut mixer, talker, constant(Law::Mu, 2_000));
        mixer.mix();
        assert_eq!(
            heard(&mut mixer, talker),
            [g711::ULAW_SILENCE; FRAME_SAMPLES]
        );
        assert_eq!(
            heard(&mut mixer, outside),
            [g711::ULAW_SILENCE; FRAME_SAMPLES]
        );
        assert_eq!(heard(&mut mixer, muted), constant(Law::Mu, 2_000));
    }
    mixer.set_muted(muted, false);
    put(&mut mixer, muted, constant(Law::Mu, 9_000));
    mixer.mix();
    assert_eq!(heard(&mut mixer, talker), constant(Law::Mu, 9_000));
}

#[test]
fn the_loudest_five_are_heard_with_hysteresis() {
    let mut mixer = Mixer::new();
    let legs: Vec<_> = (0..20).map(|_| joined(&mut mixer, Law::A)).collect();
    let listener = joined(&mut mixer, Law::A);
    let level = |i: usize| 200 * i16::try_from(i + 1).unwrap();
    let tick = |mixer: &mut Mixer, extra: Option<(usize, i16)>| {
        for (i, &leg) in legs.iter().enumerate() {
            let sample = extra.filter(|e| e.0 == i).map_or(level(i), |e| e.1);
            put(mixer, leg, constant(Law::A, sample));
        }
        mixer.mix();
        i32::from(g711::decode(Law::A, heard(mixer, listener)[0]))
    };
    let five: i32 = (15..20).map(|i| i32::from(level(i))).sum();
    assert!((tick(&mut mixer, None) - five).abs() < 600);
    // Leg 14 becomes a little louder than leg 15: still not heard. Much louder: heard instead of it.
    let louder = tick(&mut mixer, Some((14, 3_400)));
    assert!((louder - five).abs() < 600);
    let much = tick(&mut mixer, Some((14, 8_000)));
    assert!(
        (much - (five - i32::from(level(15)) + 8_000)).abs() < 900,
        "{much} {five}"
    );
}

#[test]
fn talking_is_told_within_200_ms_and_at_most_five_times_a_second() {
    let mut mixer = Mixer::new();
    let legs: Vec<_> = (0..12).map(|_| joined(&mut mixer, Law::Mu)).collect();
    let mut told = Vec::new();
    for tick in 0..250 {
        for &leg in &legs {
            put(
                &mut mixer,
                leg,
                constant(Law::Mu, if tick < 50 { 0 } else { 6_000 }),
            );
        }
        mixer.mix();
        while let Some((leg, on)) = mixer.poll_talking() {
            told.push((tick, leg, on));
        }
    }
    assert!(told[0].0 <= 60, "{told:?}");
    assert_eq!(told.len(), 12, "all in the end: {told:?}");
    assert!(told.iter().all(|t| t.2));
    for window in told.windows(MAX_CHANGES_PER_SECOND + 1) {
        assert!(
            window[MAX_CHANGES_PER_SECOND].0 - window[0].0 >= 50,
            "{told:?}"
        );
    }
    mixer.set_muted(legs[3], true);
    for _ in 0..51 {
        mixer.mix();
    }
    assert_eq!(mixer.poll_talking().map(|t| t.1), Some(false));
}

#[test]
fn a_leg_that_left_leaves_nothing_behind() {
    let mut mixer = Mixer::new();
    let talker = joined(&mut mixer, Law::Mu);
    let listener = joined(&mut mixer, Law::Mu);
    put(&mut mixer, talker, constant(Law::Mu, 9_000));
    mixer.mix();
    mixer.remove(talker);
    assert_eq!(
        heard(&mut mixer, listener),
        [g711::ULAW_SILENCE; FRAME_SAMPLES]
    );
    let next = joined(&mut mixer, Law::A);
    assert_eq!(next, talker, "the place is used again");
    mixer.mix();
    assert_eq!(heard(&mut mixer, next), [g711::ALAW_SILENCE; FRAME_SAMPLES]);
    assert_eq!(
        heard(&mut mixer, listener),
        [g711::ULAW_SILENCE; FRAME_SAMPLES]
    );
}

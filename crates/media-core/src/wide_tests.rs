//! Laws of a mix with browsers in it.

use std::sync::Arc;

use super::*;
use crate::opus::{Decoder, MAX_PACKET_SAMPLES, WIDE_SAMPLES};

struct Scene {
    mixer: Mixer,
    tick: usize,
}

/// What one wide leg hears, decoded as a browser would.
struct Listener {
    id: SlotId,
    decoder: Decoder,
    heard: Vec<f64>,
    frames: usize,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "test signal"
)]
fn tone<const N: usize>(hertz: f64, tick: usize) -> [i16; N] {
    let rate = (N * 50) as f64;
    std::array::from_fn(|i| {
        let at = (tick * N + i) as f64 / rate;
        (8_000.0 * (hertz * std::f64::consts::TAU * at).sin()) as i16
    })
}

/// Decibels of a tone of 8,000 that samples at this rate hold of a frequency.
fn level(samples: &[f64], hertz: f64, rate: f64) -> f64 {
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (i, sample) in samples.iter().enumerate() {
        let phase = f64::from(u32::try_from(i).unwrap()) * hertz / rate * std::f64::consts::TAU;
        sine += sample * phase.sin();
        cosine += sample * phase.cos();
    }
    let count = f64::from(u32::try_from(samples.len()).unwrap());
    20.0 * (2.0 * sine.hypot(cosine) / count / 8_000.0 + 1e-9).log10()
}

impl Scene {
    fn new() -> Self {
        let mut mixer = Mixer::new();
        mixer.widen(Box::new(Wide::new().unwrap()));
        Self { mixer, tick: 0 }
    }

    fn wide(&mut self) -> Listener {
        let id = self.mixer.add_wide().unwrap();
        self.mixer.set_isolated(id, false);
        Listener {
            id,
            decoder: Decoder::new().unwrap(),
            heard: Vec::new(),
            frames: 0,
        }
    }

    fn narrow(&mut self, law: Law) -> SlotId {
        let id = self.mixer.add(law);
        self.mixer.set_isolated(id, false);
        id
    }

    /// One tick, in which telephones and browsers say tones.
    fn tick(&mut self, narrow: &[(SlotId, Law, f64)], wide: &[(SlotId, f64)]) {
        for (id, law, hertz) in narrow {
            let samples: [i16; FRAME_SAMPLES] = tone(*hertz, self.tick);
            self.mixer.input(*id, |codes| {
                g711::encode_into(*law, &samples, codes);
                true
            });
        }
        for (id, _) in wide {
            self.mixer.offer(*id, 32_000_000);
        }
        self.mixer.choose();
        for (id, hertz) in wide {
            let samples = tone(*hertz, self.tick);
            self.mixer.fill(*id, |frame| {
                *frame = samples;
                true
            });
        }
        self.mixer.mix();
        self.tick += 1;
    }
}

impl Listener {
    fn hear(&mut self, mixer: &mut Mixer) {
        let mut samples = [0; MAX_PACKET_SAMPLES];
        if let WideSound::Frame(frame) = mixer.output_wide(self.id) {
            assert_eq!(self.decoder.decode(&frame, &mut samples), WIDE_SAMPLES);
            self.frames += 1;
        }
        self.heard
            .extend(samples[..WIDE_SAMPLES].iter().map(|&s| f64::from(s)));
    }

    fn level(&self, hertz: f64) -> f64 {
        level(&self.heard[16_000..], hertz, 16_000.0)
    }
}

#[test]
fn telephones_and_browsers_hear_each_other_and_nobody_himself() {
    let mut scene = Scene::new();
    let phone = scene.narrow(Law::A);
    let listening_phone = scene.narrow(Law::Mu);
    let (mut one, mut two) = (scene.wide(), scene.wide());
    let mut listener = scene.wide();
    let mut phones: [Vec<f64>; 2] = Default::default();
    for _ in 0..150 {
        scene.tick(
            &[(phone, Law::A, 600.0)],
            &[(one.id, 1_000.0), (two.id, 1_700.0)],
        );
        for browser in [&mut one, &mut two, &mut listener] {
            browser.hear(&mut scene.mixer);
        }
        for ((id, law), heard) in [(phone, Law::A), (listening_phone, Law::Mu)]
            .into_iter()
            .zip(&mut phones)
        {
            let codes = scene.mixer.output(id).last_chunk::<160>().unwrap();
            heard.extend(codes.iter().map(|&c| f64::from(g711::decode(law, c))));
        }
    }
    for (browser, own) in [(&one, 1_000.0), (&two, 1_700.0), (&listener, 0.0)] {
        for hertz in [600.0, 1_000.0, 1_700.0] {
            let level = browser.level(hertz);
            if hertz == own {
                assert!(level < -40.0, "{own}: {level}");
            } else {
                assert!(level.abs() < 1.0, "{own} hears {hertz}: {level}");
            }
        }
    }
    for (heard, own) in phones.iter().zip([600.0, 0.0]) {
        for hertz in [600.0, 1_000.0, 1_700.0] {
            let level = level(&heard[8_000..], hertz, 8_000.0);
            if hertz == own {
                assert!(level < -40.0, "{level}");
            } else {
                assert!(level.abs() < 0.5, "{level}");
            }
        }
    }
}

#[test]
fn what_telephones_say_among_themselves_is_the_same_to_the_bit() {
    let mut scene = Scene::new();
    let mut plain = Mixer::new();
    let _browser = scene.wide();
    let laws = [Law::A, Law::Mu, Law::A, Law::Mu];
    let legs = laws.map(|law| {
        let id = plain.add(law);
        plain.set_isolated(id, false);
        (scene.narrow(law), id)
    });
    for tick in 0..40 {
        let talks: Vec<_> = legs[..3]
            .iter()
            .zip([300.0, 900.0, 2_100.0])
            .zip(laws)
            .map(|((leg, hertz), law)| (leg.0, law, hertz))
            .collect();
        for ((leg, hertz), law) in legs[..3].iter().zip([300.0, 900.0, 2_100.0]).zip(laws) {
            let samples: [i16; FRAME_SAMPLES] = tone(hertz, tick);
            plain.input(leg.1, |codes| {
                g711::encode_into(law, &samples, codes);
                true
            });
        }
        scene.tick(&talks, &[]);
        plain.mix();
        for (mixed, alone) in legs {
            assert_eq!(scene.mixer.output(mixed), plain.output(alone));
        }
    }
}

#[test]
fn listeners_share_one_frame_and_a_sole_talker_hears_silence() {
    let mut scene = Scene::new();
    let talker = scene.wide();
    let listeners: Vec<_> = (0..5).map(|_| scene.wide()).collect();
    for _ in 0..10 {
        scene.tick(&[], &[(talker.id, 700.0)]);
        assert_eq!(scene.mixer.output_wide(talker.id), WideSound::Silence);
        let frames: Vec<_> = listeners
            .iter()
            .map(|listener| match scene.mixer.output_wide(listener.id) {
                WideSound::Frame(frame) => frame,
                WideSound::Silence => panic!("nothing to be heard"),
            })
            .collect();
        assert!(frames.iter().all(|frame| Arc::ptr_eq(frame, &frames[0])));
    }
}

#[test]
fn silence_is_not_coded() {
    let mut scene = Scene::new();
    let (mut one, phone) = (scene.wide(), scene.narrow(Law::Mu));
    for _ in 0..20 {
        scene.tick(&[(phone, Law::Mu, 500.0)], &[]);
        one.hear(&mut scene.mixer);
    }
    assert_eq!(one.frames, 20);
    // The telephone sends on, but nothing can be heard of it: some milliseconds are left in the filter.
    for _ in 0..200 {
        scene.tick(&[(phone, Law::Mu, 0.0)], &[]);
        one.hear(&mut scene.mixer);
    }
    assert!(one.frames <= 21, "{}", one.frames);
    // The browser alone, muted, is heard by nobody.
    let two = scene.wide();
    scene.mixer.set_muted(two.id, true);
    for _ in 0..20 {
        scene.tick(&[], &[(two.id, 500.0)]);
        assert_eq!(scene.mixer.output_wide(one.id), WideSound::Silence);
    }
}

#[test]
fn who_is_heard_no_more_hears_the_shared_frame_again() {
    let mut scene = Scene::new();
    let (talker, other) = (scene.wide(), scene.wide());
    let listener = scene.wide();
    for _ in 0..5 {
        scene.tick(&[], &[(talker.id, 700.0), (other.id, 900.0)]);
        let (a, b) = (
            scene.mixer.output_wide(other.id),
            scene.mixer.output_wide(listener.id),
        );
        assert_ne!(a, b);
    }
    for _ in 0..300 {
        scene.tick(&[], &[(talker.id, 700.0)]);
    }
    let (a, b) = (
        scene.mixer.output_wide(other.id),
        scene.mixer.output_wide(listener.id),
    );
    assert_eq!(a, b);
    scene.mixer.remove(talker.id);
    scene.tick(&[], &[]);
    assert_eq!(scene.mixer.output_wide(listener.id), WideSound::Silence);
    assert_eq!(scene.mixer.output_wide(talker.id), WideSound::Silence);
}

//! Who hears whom.

use std::collections::HashMap;
use std::thread;

use convoke_types::media::{Codec, MediaCommand, MediaEvent, Prompt};
use media::Config;

use crate::phone::{Bridge, Phone, key};
use crate::signal::{Spectrum, Tone};

const TONES: [u16; 3] = [440, 1_000, 1_700];
const CODECS: [Codec; 3] = [Codec::Pcma, Codec::Pcmu, Codec::Pcma];
/// Two seconds to be judged, and some for the beginning.
const PACKETS: usize = 125;

fn three(bridge: &mut Bridge) -> Vec<Phone> {
    (0..3)
        .map(|i| {
            let leg = key("c1", &format!("l{i}"));
            let phone = bridge.dial(&leg, CODECS[i]);
            bridge.join(&leg);
            phone
        })
        .collect()
}

/// All telephones send their tones for a while.
fn talk(phones: Vec<Phone>, packets: usize) -> Vec<Phone> {
    let threads: Vec<_> = phones
        .into_iter()
        .zip(TONES)
        .map(|(mut phone, hertz)| {
            thread::spawn(move || {
                let mut tone = Tone::new(hertz);
                phone.talk(packets, || tone.frame());
                phone
            })
        })
        .collect();
    threads.into_iter().map(|t| t.join().unwrap()).collect()
}

#[test]
fn everybody_hears_the_others_and_not_himself_in_a_and_mu_law() {
    let mut bridge = Bridge::start();
    let phones = three(&mut bridge);
    let phones = talk(phones, PACKETS);
    for (i, phone) in phones.iter().enumerate() {
        let spectrum = Spectrum::of(&phone.heard);
        for (j, &hertz) in TONES.iter().enumerate() {
            if i == j {
                spectrum.assert_not_heard(hertz);
            } else {
                spectrum.assert_heard(hertz);
            }
        }
    }
    let mut talking: Vec<_> = (0..3)
        .map(|_| {
            bridge.wait_for(|event| match event {
                MediaEvent::Talking { leg, on: true } => Some(leg.leg.to_string()),
                _ => None,
            })
        })
        .collect();
    talking.sort();
    assert_eq!(talking, ["l0", "l1", "l2"]);
    let counters = bridge.engine.counters();
    assert_eq!(
        (
            counters.malformed,
            counters.unexpected,
            counters.send_errors
        ),
        (0, 0, 0)
    );
}

#[test]
fn a_muted_leg_is_not_heard_until_it_is_unmuted() {
    let mut bridge = Bridge::start();
    let phones = three(&mut bridge);
    let mute = |on| MediaCommand::Mute {
        leg: key("c1", "l1"),
        on,
    };
    bridge.command(mute(true));
    let phones = talk(phones, PACKETS);
    Spectrum::of(&phones[0].heard).assert_not_heard(TONES[1]);
    Spectrum::of(&phones[0].heard).assert_heard(TONES[2]);
    Spectrum::of(&phones[1].heard).assert_heard(TONES[0]);
    bridge.command(mute(false));
    let phones = talk(phones, PACKETS);
    Spectrum::of(&phones[0].heard).assert_heard(TONES[1]);
}

#[test]
fn conferences_do_not_hear_each_other() {
    let mut bridge = Bridge::start();
    let phones: Vec<_> = (0..3)
        .map(|i| {
            let leg = key(["c1", "c1", "c2"][i], &format!("l{i}"));
            let phone = bridge.dial(&leg, CODECS[i]);
            bridge.join(&leg);
            phone
        })
        .collect();
    let phones = talk(phones, PACKETS);
    Spectrum::of(&phones[0].heard).assert_heard(TONES[1]);
    Spectrum::of(&phones[0].heard).assert_not_heard(TONES[2]);
    assert!(phones[2].heard.iter().all(|s| s.abs() <= 8));
}

#[test]
fn an_isolated_leg_hears_its_prompt_and_is_heard_by_nobody() {
    let mut tone = Tone::new(2_500);
    let own = (0..75).flat_map(|_| tone.frame::<160>()).collect();
    let prompts = HashMap::from([((Prompt::Goodbye, "de".to_owned()), own)]);
    let mut bridge = Bridge::with(&Config {
        prompts,
        threads: 1,
        ..Config::default()
    });
    let (inside, outside) = (key("c1", "l1"), key("c1", "l2"));
    let one = bridge.dial(&inside, Codec::Pcma);
    bridge.join(&inside);
    let two = bridge.dial(&outside, Codec::Pcmu);
    bridge.command(MediaCommand::Play {
        leg: outside.clone(),
        prompt: Prompt::Goodbye,
        language: "de-DE".into(),
        repeat: 1,
    });
    let phones = talk(vec![one, two], PACKETS);
    assert!(
        phones[0].heard.iter().all(|s| s.abs() <= 8),
        "heard before it joined"
    );
    let spectrum = Spectrum::of(&phones[1].heard[..16_000 + 1_600]);
    spectrum.assert_not_heard(TONES[0]);
    spectrum.assert_heard(2_500);
    bridge.wait_for(|event| {
        matches!(event, MediaEvent::PromptDone { leg } if *leg == outside).then_some(())
    });
    bridge.join(&outside);
    let phones = talk(phones, PACKETS);
    Spectrum::of(&phones[0].heard).assert_heard(TONES[1]);
    Spectrum::of(&phones[1].heard).assert_heard(TONES[0]);
}

#[test]
fn a_sentence_takes_the_place_of_the_mix_for_one_leg_which_is_heard_meanwhile() {
    let mut tone = Tone::new(2_500);
    // Longer than what is judged, with some for the beginning.
    let own = (0..PACKETS + 25)
        .flat_map(|_| tone.frame::<160>())
        .collect();
    let prompts = HashMap::from([((Prompt::HandUp, "en".to_owned()), own)]);
    let mut bridge = Bridge::with(&Config {
        prompts,
        threads: 1,
        ..Config::default()
    });
    let phones = three(&mut bridge);
    let asker = key("c1", "l0");
    bridge.command(MediaCommand::Play {
        leg: asker.clone(),
        prompt: Prompt::HandUp,
        language: "en".into(),
        repeat: 1,
    });
    let phones = talk(phones, PACKETS);
    let spectrum = Spectrum::of(&phones[0].heard);
    spectrum.assert_heard(2_500);
    spectrum.assert_not_heard(TONES[1]);
    for other in &phones[1..] {
        let spectrum = Spectrum::of(&other.heard);
        spectrum.assert_heard(TONES[0]);
        spectrum.assert_not_heard(2_500);
    }
    let phones = talk(phones, 25);
    bridge.wait_for(|event| {
        matches!(event, MediaEvent::PromptDone { leg } if *leg == asker).then_some(())
    });
    let phones = talk(phones, PACKETS);
    Spectrum::of(&phones[0].heard).assert_heard(TONES[1]);
}

#[test]
fn a_prompt_stops_when_the_leg_joins() {
    let mut bridge = Bridge::start();
    let leg = key("c1", "l1");
    let mut phone = bridge.dial(&leg, Codec::Pcmu);
    bridge.command(MediaCommand::Play {
        leg: leg.clone(),
        prompt: Prompt::PressOneToJoin,
        language: "en".into(),
        repeat: 3,
    });
    let loud = |samples: &[i16]| samples.iter().any(|s| s.abs() > 500);
    phone.talk(50, || [0; 160]);
    assert!(loud(&phone.heard));
    bridge.join(&leg);
    // What was on its way when the leg joined.
    phone.talk(10, || [0; 160]);
    phone.heard.clear();
    phone.talk(50, || [0; 160]);
    assert!(!loud(&phone.heard));
}

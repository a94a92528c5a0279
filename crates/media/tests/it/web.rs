//! Browsers and telephones in one conference.

use std::thread;

use convoke_types::media::{Codec, MediaCommand, MediaEvent, Prompt};

use crate::browser::Browser;
use crate::phone::{Bridge, Phone, key};
use crate::signal::{Spectrum, Tone};

/// Two seconds to be judged, and some for the beginning.
const FRAMES: usize = 150;

/// Browser and telephone say their tones for a while.
fn talk(browser: &mut Browser, hertz: Option<u16>, phone: Phone, phone_hertz: Option<u16>) -> Phone {
    talk_for(FRAMES, browser, hertz, phone, phone_hertz)
}

fn talk_for(frames: usize, browser: &mut Browser, hertz: Option<u16>, mut phone: Phone, phone_hertz: Option<u16>) -> Phone {
    let phone = thread::spawn(move || {
        let mut tone = phone_hertz.map(Tone::new);
        phone.talk(frames, || tone.as_mut().map_or([0; 160], Tone::frame));
        phone
    });
    let mut tone = hertz.map(|hertz| Tone::at_rate(hertz, 16_000));
    browser.talk(frames, || tone.as_mut().map(Tone::frame));
    phone.join().unwrap()
}

#[test]
fn a_browser_and_a_telephone_hear_each_other_and_nobody_himself() {
    let mut bridge = Bridge::start();
    let (web, tel) = (key("c1", "web"), key("c1", "tel"));
    let phone = bridge.dial(&tel, Codec::Pcma);
    bridge.join(&tel);
    let mut browser = Browser::dial(&mut bridge, &web);
    bridge.join(&web);
    let phone = talk(&mut browser, Some(1_000), phone, Some(440));

    let heard = Spectrum::of(&phone.heard);
    heard.assert_level(1_000);
    heard.assert_not_heard(440);
    let heard = Spectrum::at_rate(&browser.heard, 16_000);
    heard.assert_level(440);
    heard.assert_not_heard(1_000);

    let mut talking: Vec<_> = (0..2)
        .map(|_| {
            bridge.wait_for(|event| match event {
                MediaEvent::Talking { leg, on: true } => Some(leg.leg.to_string()),
                _ => None,
            })
        })
        .collect();
    talking.sort();
    assert_eq!(talking, ["tel", "web"]);
    let counters = bridge.engine.counters();
    assert_eq!((counters.malformed, counters.send_errors), (0, 0), "{counters:?}");

    bridge.command(MediaCommand::Close { leg: web.clone() });
    let stats = bridge.wait_for(|event| match event {
        MediaEvent::Closed { leg, stats } if *leg == web => Some(stats.clone()),
        _ => None,
    });
    assert!(stats.received >= 149 && stats.lost == 0 && stats.sent >= 140, "{stats:?}");
    assert!(stats.jitter_ms < 20.0, "{stats:?}");
}

//! Browsers and telephones in one conference.

use std::thread;

use convoke_types::media::{Codec, MediaCommand, MediaEvent, Prompt};
use str0m::media::Direction;

use crate::browser::Browser;
use crate::phone::{Bridge, Phone, key};
use crate::signal::{Spectrum, Tone};

/// Two seconds to be judged, and some for the beginning.
const FRAMES: usize = 150;

/// Browser and telephone say their tones for a while.
fn talk(
    browser: &mut Browser,
    hertz: Option<u16>,
    phone: Phone,
    phone_hertz: Option<u16>,
) -> Phone {
    talk_for(FRAMES, browser, hertz, phone, phone_hertz)
}

fn talk_for(
    frames: usize,
    browser: &mut Browser,
    hertz: Option<u16>,
    mut phone: Phone,
    phone_hertz: Option<u16>,
) -> Phone {
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
    assert_eq!(
        (counters.malformed, counters.send_errors),
        (0, 0),
        "{counters:?}"
    );

    bridge.command(MediaCommand::Close { leg: web.clone() });
    let stats = bridge.wait_for(|event| match event {
        MediaEvent::Closed { leg, stats } if *leg == web => Some(stats.clone()),
        _ => None,
    });
    // A busy machine leaves out ticks, and with them packets.
    assert!(
        stats.received >= 149 && stats.lost == 0 && stats.sent >= 100,
        "{stats:?}"
    );
    assert!(stats.jitter_ms < 20.0, "{stats:?}");
}

#[test]
fn three_browsers_and_a_telephone_share_one_mix() {
    let mut bridge = Bridge::start();
    let phone = bridge.dial(&key("c1", "tel"), Codec::Pcmu);
    bridge.join(&key("c1", "tel"));
    let tones = [700, 1_300, 2_300];
    let mut browsers: Vec<_> = (0..3)
        .map(|i| {
            let leg = key("c1", &format!("w{i}"));
            let browser = Browser::dial(&mut bridge, &leg);
            bridge.join(&leg);
            browser
        })
        .collect();
    // One of them tells no level: it is weighed by what was heard of it.
    for browser in browsers.iter_mut().skip(1) {
        browser.level = Some(-13);
    }
    let threads: Vec<_> = browsers
        .into_iter()
        .zip(tones)
        .map(|(mut browser, hertz)| {
            thread::spawn(move || {
                let mut tone = Tone::at_rate(hertz, 16_000);
                browser.talk(FRAMES, || Some(tone.frame()));
                browser
            })
        })
        .collect();
    let mut phone = phone;
    phone.talk(FRAMES, || [0; 160]);
    let browsers: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    for (i, browser) in browsers.iter().enumerate() {
        let heard = Spectrum::at_rate(&browser.heard, 16_000);
        for (j, hertz) in tones.into_iter().enumerate() {
            if i == j {
                heard.assert_not_heard(hertz);
            } else {
                heard.assert_heard(hertz);
            }
        }
    }
    for hertz in tones {
        Spectrum::of(&phone.heard).assert_level(hertz);
    }
}

#[test]
fn a_muted_browser_is_not_heard_until_it_is_unmuted() {
    let mut bridge = Bridge::start();
    let (web, tel) = (key("c1", "web"), key("c1", "tel"));
    let phone = bridge.dial(&tel, Codec::Pcma);
    bridge.join(&tel);
    let mut browser = Browser::dial(&mut bridge, &web);
    bridge.join(&web);
    let mute = |on| MediaCommand::Mute {
        leg: web.clone(),
        on,
    };
    bridge.command(mute(true));
    let mut phone = talk(&mut browser, Some(1_000), phone, Some(440));
    Spectrum::of(&phone.heard).assert_not_heard(1_000);
    Spectrum::at_rate(&browser.heard, 16_000).assert_level(440);
    bridge.command(mute(false));
    phone.heard.clear();
    let phone = talk(&mut browser, Some(1_000), phone, None);
    Spectrum::of(&phone.heard).assert_level(1_000);
}

#[test]
fn silence_costs_a_browser_two_packets_a_second_and_no_sound_is_lost_after_it() {
    let mut bridge = Bridge::start();
    let (web, tel) = (key("c1", "web"), key("c1", "tel"));
    let phone = bridge.dial(&tel, Codec::Pcma);
    bridge.join(&tel);
    let mut browser = Browser::dial(&mut bridge, &web);
    bridge.join(&web);
    let phone = talk(&mut browser, None, phone, None);
    assert!(browser.packets.len() <= 12, "{:?}", browser.packets);
    assert!(browser.heard.iter().all(|s| s.abs() <= 8));
    let before = browser.packets.len();
    let phone = talk(&mut browser, None, phone, Some(440));
    assert!(
        browser.packets.len() - before >= 140,
        "{:?}",
        browser.packets
    );
    Spectrum::at_rate(&browser.heard, 16_000).assert_level(440);
    // And the telephone hears the browser after its own pause.
    let phone = talk(&mut browser, Some(1_000), phone, None);
    Spectrum::of(&phone.heard).assert_level(1_000);
}

#[test]
fn no_packets_of_a_browser_for_five_seconds_are_told_and_their_return() {
    let mut bridge = Bridge::start();
    let web = key("c1", "web");
    let mut browser = Browser::dial(&mut bridge, &web);
    bridge.join(&web);
    browser.talk(10, || Some([0; 320]));
    let silent = |event: &MediaEvent| match event {
        MediaEvent::Silent { leg, on } if *leg == web => Some(*on),
        _ => None,
    };
    browser.talk(260, || None);
    assert!(bridge.wait_for(silent));
    browser.talk(5, || Some([0; 320]));
    assert!(!bridge.wait_for(silent));
}

#[test]
fn a_browser_hears_its_prompt_in_place_of_the_mix() {
    let mut tone = Tone::new(2_500);
    let own = (0..110).flat_map(|_| tone.frame::<160>()).collect();
    let mut bridge = Bridge::with(&media::Config {
        prompts: [((Prompt::Goodbye, "de".to_owned()), own)].into(),
        threads: 1,
        ..media::Config::default()
    });
    let (web, tel) = (key("c1", "web"), key("c1", "tel"));
    let phone = bridge.dial(&tel, Codec::Pcma);
    bridge.join(&tel);
    let mut browser = Browser::dial(&mut bridge, &web);
    bridge.join(&web);
    bridge.command(MediaCommand::Play {
        leg: web.clone(),
        prompt: Prompt::Goodbye,
        language: "de-DE".into(),
        repeat: 1,
    });
    // The prompt is 2.2 s long.
    let mut phone = talk_for(105, &mut browser, Some(1_000), phone, Some(440));
    let heard = Spectrum::at_rate(&browser.heard, 16_000);
    heard.assert_heard(2_500);
    heard.assert_not_heard(440);
    bridge.wait_for(|event| (*event == MediaEvent::PromptDone { leg: web.clone() }).then_some(()));
    phone.heard.clear();
    let phone = talk(&mut browser, Some(1_000), phone, Some(440));
    let heard = Spectrum::at_rate(&browser.heard, 16_000);
    heard.assert_level(440);
    heard.assert_not_heard(2_500);
    Spectrum::of(&phone.heard).assert_level(1_000);
}

#[test]
fn keys_of_a_browser_are_told_once() {
    let mut bridge = Bridge::start();
    let web = key("c1", "web");
    let mut browser = Browser::dial(&mut bridge, &web);
    bridge.join(&web);
    let pressed = |event: &MediaEvent| match event {
        MediaEvent::Key { leg, key } if *leg == web => Some(*key),
        _ => None,
    };
    for (event, wanted) in [(10, '*'), (5, '5'), (11, '#')] {
        browser.talk(5, || Some([0; 320]));
        browser.press(event);
        browser.talk(5, || Some([0; 320]));
        assert_eq!(bridge.wait_for(pressed), wanted);
    }
    browser.talk(10, || None);
    while let Some(event) = bridge.events.try_next() {
        assert_eq!(pressed(&event), None);
    }
}

#[test]
fn a_camera_is_refused_and_a_bad_offer_told_in_words() {
    let mut bridge = Bridge::start();
    let web = key("c1", "web");
    let mut browser = Browser::new();
    let offer = browser.offer(true);
    let answer = bridge.open_web(&web, &offer);
    let streams: Vec<_> = answer
        .lines()
        .filter(|line| line.starts_with("m="))
        .collect();
    assert_eq!(streams.len(), 2);
    assert!(streams[1].starts_with("m=video 0 "), "{streams:?}");
    browser.answered(&answer);
    browser.connect();
    let failed = |bridge: &mut Bridge, command| {
        bridge.command(command);
        bridge.wait_for(|event| match event {
            MediaEvent::Failed { words, .. } => Some(words.clone()),
            _ => None,
        })
    };
    let leg = key("c1", "other");
    let words = failed(
        &mut bridge,
        MediaCommand::OpenWeb {
            leg,
            offer: "v=0".into(),
        },
    );
    assert!(
        words.starts_with("expected a session description"),
        "{words}"
    );
    let plain = offer.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP");
    let words = failed(
        &mut bridge,
        MediaCommand::Reoffer {
            leg: web.clone(),
            offer: plain,
        },
    );
    assert!(
        words.starts_with("expected audio over DTLS-SRTP"),
        "{words}"
    );
    // Keys by a payload type that was not agreed on at the beginning.
    let keys = offer.replace("SAVPF 111 110", "SAVPF 111 126");
    let keys = keys.replace("a=rtpmap:110 ", "a=rtpmap:126 ");
    assert_ne!(keys, offer);
    let words = failed(
        &mut bridge,
        MediaCommand::Reoffer {
            leg: web.clone(),
            offer: keys,
        },
    );
    assert!(words.contains("came another one"), "{words}");
    // The leg is as it was, and the name of the one that failed is free.
    bridge.join(&web);
    bridge.open(&key("c1", "other"));
}

#[test]
fn a_closed_leg_frees_its_port_and_the_mix_is_the_telephones_again() {
    let mut bridge = Bridge::start();
    let (web, one, two) = (key("c1", "web"), key("c1", "t1"), key("c1", "t2"));
    let mut listener = bridge.dial(&one, Codec::Pcmu);
    let mut talker = bridge.dial(&two, Codec::Pcmu);
    bridge.join(&one);
    bridge.join(&two);
    let mut browser = Browser::new();
    let answer = bridge.open_web(&web, &browser.offer(false));
    browser.answered(&answer);
    browser.connect();
    bridge.join(&web);
    browser.talk(20, || Some(Tone::at_rate(500, 16_000).frame()));
    bridge.command(MediaCommand::Close { leg: web.clone() });
    bridge.wait_for(|event| {
        matches!(event, MediaEvent::Closed { leg, .. } if *leg == web).then_some(())
    });
    let line = answer
        .lines()
        .find(|line| line.starts_with("m=audio"))
        .unwrap();
    let port: u16 = line.split(' ').nth(1).unwrap().parse().unwrap();
    std::net::UdpSocket::bind(("127.0.0.1", port)).expect("the port is free again");
    let mut tone = Tone::new(440);
    let mut said = Vec::new();
    for _ in 0..120 {
        listener.hear();
        talker.hear();
        let frame = tone.frame();
        said.extend_from_slice(&frame);
        talker.say(&frame);
    }
    Spectrum::of(&listener.heard).assert_level(440);
}

#[test]
fn a_fresh_transport_keeps_the_place_in_the_mix_and_sound_returns() {
    let mut bridge = Bridge::start();
    let (web, tel) = (key("c1", "web"), key("c1", "tel"));
    let phone = bridge.dial(&tel, Codec::Pcma);
    bridge.join(&tel);
    let mut old = Browser::dial(&mut bridge, &web);
    bridge.join(&web);
    let mut phone = talk(&mut old, Some(1_000), phone, Some(440));
    Spectrum::of(&phone.heard).assert_level(1_000);

    let (mut fresh, offer) = old.fresh();
    let answer = bridge.reoffer(&web, &offer);
    fresh.answered(&answer);
    // The old transport carries sound until the new one has connected.
    let before = old.packets.len();
    let mut tone = Tone::new(440);
    for _ in 0..25 {
        phone.hear();
        phone.say(&tone.frame());
    }
    old.connect();
    old.talk(5, || None);
    assert!(
        old.packets.len() > before + 15,
        "{}",
        old.packets.len() - before
    );
    fresh.connect();
    phone.heard.clear();
    let phone = talk(&mut fresh, Some(1_300), phone, Some(440));
    Spectrum::of(&phone.heard).assert_level(1_300);
    let heard = Spectrum::at_rate(&fresh.heard, 16_000);
    heard.assert_level(440);
    heard.assert_not_heard(1_300);
    // The old one is dead.
    old.connect();
    old.talk(1, || None);
    let before = old.packets.len();
    old.talk(10, || None);
    assert_eq!(old.packets.len(), before);
    // Nobody joined or left for it.
    assert!(
        !bridge
            .seen
            .iter()
            .any(|event| matches!(event, MediaEvent::Joined { .. } | MediaEvent::Closed { .. }))
    );
    drop(phone);
    bridge.command(MediaCommand::Close { leg: web.clone() });
    let stats = bridge.wait_for(|event| match event {
        MediaEvent::Closed { leg, stats } if *leg == web => Some(stats.clone()),
        _ => None,
    });
    assert!(stats.received >= 290, "{stats:?}");
}

#[test]
fn tcp_alone_carries_sound_both_ways() {
    let mut bridge = Bridge::with(&media::Config {
        tcp_port: Some(0),
        threads: 1,
        ..media::Config::default()
    });
    let (web, tel) = (key("c1", "web"), key("c1", "tel"));
    let phone = bridge.dial(&tel, Codec::Pcma);
    bridge.join(&tel);
    let tcp = bridge.tcp();
    let mut browser = Browser::over_tcp(tcp);
    let answer = bridge.open_web(&web, &browser.offer(false));
    let offered = format!(" 127.0.0.1 {} typ host tcptype passive", tcp.port());
    assert!(answer.contains(&offered), "{answer}");
    browser.answered(&answer);
    browser.connect();
    bridge.join(&web);
    let phone = talk(&mut browser, Some(1_000), phone, Some(440));
    Spectrum::of(&phone.heard).assert_level(1_000);
    Spectrum::at_rate(&browser.heard, 16_000).assert_level(440);
}

/// What the answer says of this.
fn line<'a>(answer: &'a str, beginning: &str) -> &'a str {
    let mut lines = answer.lines();
    lines.find_map(|line| line.strip_prefix(beginning)).unwrap()
}

#[test]
fn hold_and_back_are_answered_from_the_transport_that_is_there() {
    let mut bridge = Bridge::start();
    let (web, tel) = (key("c1", "web"), key("c1", "tel"));
    let phone = bridge.dial(&tel, Codec::Pcma);
    bridge.join(&tel);
    let mut browser = Browser::new();
    let first = bridge.open_web(&web, &browser.offer(false));
    browser.answered(&first);
    browser.connect();
    bridge.join(&web);
    let phone = talk(&mut browser, Some(1_000), phone, Some(440));

    let held = bridge.reoffer(&web, &browser.turn(Direction::SendOnly));
    for same in ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "m=audio "] {
        assert_eq!(line(&held, same), line(&first, same));
    }
    assert!(held.contains("a=recvonly"), "{held}");
    // RFC 3264 §8: the same session, one version on.
    let id = |answer: &str| line(answer, "o=- ").split(' ').next().map(str::to_owned);
    assert_eq!(id(&held), id(&first));
    assert!(line(&first, "o=- ").contains(" 1 IN") && line(&held, "o=- ").contains(" 2 IN"));
    browser.answered(&held);
    browser.talk(5, || None);
    let before = browser.packets.len();
    let mut phone = talk(&mut browser, Some(1_000), phone, Some(440));
    // Some may still have been on their way.
    let held = browser.packets.len();
    assert!(held < before + FRAMES / 2, "{before}, {held}");
    Spectrum::of(&phone.heard).assert_level(1_000);

    let back = bridge.reoffer(&web, &browser.turn(Direction::SendRecv));
    assert!(line(&back, "o=- ").contains(" 3 IN"));
    browser.answered(&back);
    browser.heard.clear();
    phone.heard.clear();
    let phone = talk(&mut browser, Some(1_000), phone, Some(440));
    Spectrum::of(&phone.heard).assert_level(1_000);
    assert!(browser.packets.len() > held + FRAMES - 30);
}

#[test]
fn an_ice_restart_from_another_address_keeps_keys_and_sound() {
    let mut bridge = Bridge::start();
    let (web, tel) = (key("c1", "web"), key("c1", "tel"));
    let phone = bridge.dial(&tel, Codec::Pcma);
    bridge.join(&tel);
    let mut browser = Browser::new();
    let first = bridge.open_web(&web, &browser.offer(false));
    browser.answered(&first);
    browser.connect();
    bridge.join(&web);
    let mut phone = talk(&mut browser, Some(1_000), phone, Some(440));

    let restarted = bridge.reoffer(&web, &browser.move_on());
    assert_ne!(
        line(&restarted, "a=ice-ufrag:"),
        line(&first, "a=ice-ufrag:")
    );
    assert_ne!(line(&restarted, "a=ice-pwd:"), line(&first, "a=ice-pwd:"));
    for same in ["a=fingerprint:", "m=audio "] {
        assert_eq!(line(&restarted, same), line(&first, same));
    }
    browser.answered(&restarted);
    browser.arrive();
    let before = browser.packets.len();
    phone.heard.clear();
    let phone = talk(&mut browser, Some(1_300), phone, Some(440));
    Spectrum::of(&phone.heard).assert_level(1_300);
    let heard = browser.packets.len() - before;
    assert!(heard > FRAMES - 30, "{heard}");
}

#[test]
fn a_browser_that_goes_is_told_as_lost_until_a_fresh_one_has_come() {
    let mut bridge = Bridge::start();
    let web = key("c1", "web");
    let mut browser = Browser::dial(&mut bridge, &web);
    bridge.join(&web);
    browser.talk(10, || Some([0; 320]));
    let lost = |event: &MediaEvent| match event {
        MediaEvent::Lost { leg, on } if *leg == web => Some(*on),
        _ => None,
    };
    browser.close();
    assert!(bridge.wait_for(lost));
    let (mut fresh, offer) = browser.fresh();
    let answer = bridge.reoffer(&web, &offer);
    fresh.answered(&answer);
    fresh.connect();
    assert!(!bridge.wait_for(lost));
}

#[test]
fn an_ice_restart_of_a_transport_that_has_ended_is_refused_and_a_fresh_one_taken() {
    let mut bridge = Bridge::start();
    let web = key("c1", "web");
    let mut browser = Browser::new();
    let offer = browser.offer(false);
    let answer = bridge.open_web(&web, &offer);
    browser.answered(&answer);
    browser.connect();
    bridge.join(&web);
    browser.talk(10, || Some([0; 320]));
    let lost = |event: &MediaEvent| match event {
        MediaEvent::Lost { leg, on } if *leg == web => Some(*on),
        _ => None,
    };
    browser.close();
    assert!(bridge.wait_for(lost));
    // The same keys and other credentials: that is an ICE restart.
    let restart = offer
        .replace(line(&offer, "a=ice-ufrag:"), "again")
        .replace(line(&offer, "a=ice-pwd:"), "anotherpasswordthatislong");
    bridge.command(MediaCommand::Reoffer {
        leg: web.clone(),
        offer: restart,
    });
    let words = bridge.wait_for(|event| match event {
        MediaEvent::Failed { leg, words } if *leg == web => Some(words.clone()),
        _ => None,
    });
    assert!(words.contains("has ended"), "{words}");
    let (mut fresh, offer) = browser.fresh();
    let answer = bridge.reoffer(&web, &offer);
    fresh.answered(&answer);
    fresh.connect();
    assert!(!bridge.wait_for(lost));
}

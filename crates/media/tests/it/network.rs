//! What networks and peers do: loss, order, rubbish, other addresses, packet times, hold.

use std::net::UdpSocket;
use std::time::Duration;

use convoke_types::LegKey;
use convoke_types::media::{Codec, MediaCommand};
use media_core::g711::Law;
use media_core::rtp::RtpSender;

use crate::phone::{Bridge, DEADLINE, Phone, key};
use crate::signal::{Spectrum, Tone, longest_gap_ms};

/// A seeded dice.
struct Dice(u64);

impl Dice {
    fn percent(&mut self, chance: u64) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % 100 < chance
    }
}

fn pair(bridge: &mut Bridge) -> (Phone, Phone, [LegKey; 2]) {
    let legs = [key("c1", "l1"), key("c1", "l2")];
    let one = bridge.dial(&legs[0], Codec::Pcma);
    let two = bridge.dial(&legs[1], Codec::Pcmu);
    bridge.join(&legs[0]);
    bridge.join(&legs[1]);
    (one, two, legs)
}

#[test]
fn loss_and_swapped_packets_leave_no_gap_over_60_ms() {
    let mut bridge = Bridge::start();
    let (mut talker, mut listener, _) = pair(&mut bridge);
    let mut dice = Dice(20_251_120);
    let mut tone = Tone::new(440);
    let (mut lost_in_row, mut lost, mut swapped) = (0, 0, 0);
    for _ in 0..500 {
        talker.hear();
        listener.hear();
        let packet = talker.packet(&tone.frame());
        // Three in a row and more are a gap of 60 ms by themselves.
        if dice.percent(3) && lost_in_row < 2 {
            lost_in_row += 1;
            lost += 1;
        } else if talker.held.is_empty() && dice.percent(2) {
            talker.held.push_back(packet);
            swapped += 1;
        } else {
            lost_in_row = 0;
            talker.send(&packet);
            while let Some(held) = talker.held.pop_front() {
                talker.send(&held);
            }
        }
    }
    assert!(
        lost >= 8 && swapped >= 4,
        "{lost} lost, {swapped} swapped: not the network meant"
    );
    let heard = &listener.heard[160 * 20..];
    assert!(longest_gap_ms(heard) <= 60, "{} ms", longest_gap_ms(heard));
    // Concealment keeps the tone what it is: most power stays within 20 Hz of it.
    let spectrum = Spectrum::of(heard);
    let near = (420..=460)
        .step_by(4)
        .map(|h| spectrum.at(h))
        .fold(-200.0, f32::max);
    assert!((-14.0..=-9.0).contains(&near), "{near}");
    assert!(
        spectrum.median() < near - 40.0,
        "{} {near}",
        spectrum.median()
    );
}

#[test]
fn rubbish_is_ignored_and_counted() {
    let mut bridge = Bridge::start();
    let (mut talker, mut listener, _) = pair(&mut bridge);
    let mut tone = Tone::new(1_000);
    let mut dice = Dice(7);
    for i in 0..130_usize {
        talker.hear();
        listener.hear();
        talker.say(&tone.frame());
        let rubbish: Vec<u8> = (0..i)
            .map(|_| if dice.percent(50) { 0x80 } else { 0xC8 })
            .collect();
        if i % 3 == 0 {
            talker.send(&rubbish);
        }
    }
    Spectrum::of(&listener.heard).assert_heard(1_000);
    let counters = bridge.engine.counters();
    assert!(
        counters.malformed + counters.unexpected >= 20,
        "{counters:?}"
    );
}

#[test]
fn strangers_are_not_heard_once_the_peer_is_known() {
    let mut bridge = Bridge::start();
    let (mut talker, mut listener, _) = pair(&mut bridge);
    let stranger = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let mut forger = Phone::new(talker.bridge, Codec::Pcma);
    let (mut tone, mut other) = (Tone::new(440), Tone::new(1_700));
    for _ in 0..125 {
        talker.hear();
        listener.hear();
        talker.say(&tone.frame());
        let forged = forger.packet(&other.frame());
        stranger.send_to(&forged, talker.bridge).unwrap();
    }
    let spectrum = Spectrum::of(&listener.heard);
    spectrum.assert_heard(440);
    spectrum.assert_not_heard(1_700);
}

#[test]
fn a_peer_behind_another_address_is_followed() {
    let mut bridge = Bridge::start();
    let leg = key("c1", "l1");
    let local = bridge.open(&leg);
    let nowhere = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let mut phone = Phone::new(local, Codec::Pcmu);
    let mut params = phone.params();
    params.remote = nowhere.local_addr().unwrap();
    bridge.command(MediaCommand::Connect {
        leg: leg.clone(),
        params,
    });
    // The first packet goes where was negotiated; then ours tells where we really are.
    nowhere.set_read_timeout(Some(DEADLINE)).unwrap();
    nowhere.recv(&mut [0; 500]).unwrap();
    phone.say(&[0; 160]);
    phone.talk(20, || [0; 160]);
}

#[test]
fn a_stranger_who_came_first_gives_way_to_the_peer() {
    let mut bridge = Bridge::start();
    let (mut talker, mut listener, _) = pair(&mut bridge);
    let stranger = UdpSocket::bind(("127.0.0.2", 0)).unwrap();
    let mut forger = Phone::new(talker.bridge, Codec::Pcma);
    forger.sender = RtpSender::new(666, 1, 900_000);
    let (mut tone, mut other) = (Tone::new(440), Tone::new(1_700));
    for i in 0..150 {
        listener.hear();
        let forged = forger.packet(&other.frame());
        stranger.send_to(&forged, talker.bridge).unwrap();
        if i == 20 {
            // What is sent has gone to the stranger; the first word from the right address brings it back.
            talker.say(&tone.frame());
        }
        if i > 20 {
            talker.hear();
            talker.say(&tone.frame());
        }
    }
    let spectrum = Spectrum::of(&listener.heard[160 * 40..]);
    spectrum.assert_heard(440);
    spectrum.assert_not_heard(1_700);
}

#[test]
fn a_peer_behind_a_router_is_followed_and_replaced() {
    let mut bridge = Bridge::start();
    let leg = key("c1", "l1");
    let local = bridge.open(&leg);
    // Both say an address that they do not send from; the second has another source and comes by a new offer.
    for port in [40_000_u16, 40_002] {
        let mut phone = Phone::new(local, Codec::Pcmu);
        phone.sender = RtpSender::new(port.into(), 1, 1);
        let mut params = phone.params();
        params.remote = format!("127.0.0.2:{port}").parse().unwrap();
        bridge.command(MediaCommand::Connect {
            leg: leg.clone(),
            params,
        });
        // All orders before a new leg's have been carried out when it is open.
        bridge.open(&key("c1", &format!("after-{port}")));
        // The last words of the one before may hold it up for a moment.
        let moment = Duration::from_millis(20);
        phone.socket.set_read_timeout(Some(moment)).unwrap();
        let heard = (0..50).any(|_| {
            phone.say(&[0; 160]);
            phone.socket.recv(&mut [0; 500]).is_ok()
        });
        assert!(heard, "{port}");
        phone.socket.set_read_timeout(Some(DEADLINE)).unwrap();
        phone.talk(60, || [0; 160]);
    }
}

#[test]
fn packet_times_of_10_30_40_and_60_ms_are_sent_and_received() {
    let mut bridge = Bridge::start();
    for ptime_ms in [10_u8, 30, 40, 60] {
        let legs = [
            key("c1", &format!("a{ptime_ms}")),
            key("c1", &format!("b{ptime_ms}")),
        ];
        let mut listener = bridge.dial(&legs[0], Codec::Pcmu);
        let local = bridge.open(&legs[1]);
        let mut phone = Phone::new(local, Codec::Pcma);
        let mut params = phone.params();
        params.ptime_ms = ptime_ms;
        bridge.command(MediaCommand::Connect {
            leg: legs[1].clone(),
            params,
        });
        for leg in &legs {
            bridge.join(leg);
        }
        let samples = usize::from(ptime_ms) * 8;
        let mut tone = Tone::new(440);
        let mut ready = Vec::new();
        let mut heard = 0;
        while listener.heard.len() < 19_200 {
            let got = phone.hear();
            assert_eq!(got, samples);
            heard += got;
            while ready.len() < samples {
                ready.extend_from_slice(&tone.frame::<160>());
            }
            let step = u32::try_from(samples).unwrap();
            let mut packet = phone.sender.next_header(8, step).to_vec();
            let frame = ready.drain(..samples);
            packet.extend(frame.map(|s| media_core::g711::encode(Law::A, s)));
            phone.send(&packet);
            while listener.heard.len() < heard {
                listener.hear();
            }
        }
        Spectrum::of(&listener.heard).assert_heard(440);
        assert!(
            longest_gap_ms(&listener.heard[1_600..]) < 2,
            "{ptime_ms} ms"
        );
        for leg in legs {
            bridge.command(MediaCommand::Close { leg });
        }
    }
}

#[test]
fn a_peer_on_hold_gets_nothing_until_it_is_resumed() {
    let mut bridge = Bridge::start();
    let (mut one, mut two, legs) = pair(&mut bridge);
    one.talk(5, || [0; 160]);
    let mut params = one.params();
    params.send = false;
    params.receive = false;
    bridge.command(MediaCommand::Connect {
        leg: legs[0].clone(),
        params: params.clone(),
    });
    // All orders before a new leg's have been carried out when it is open.
    bridge.open(&key("c1", "l3"));
    one.socket.set_nonblocking(true).unwrap();
    while one.socket.recv(&mut [0; 500]).is_ok() {}
    for _ in 0..25 {
        two.hear();
    }
    assert!(
        one.socket.recv(&mut [0; 500]).is_err(),
        "sent while on hold"
    );
    params.send = true;
    params.receive = true;
    bridge.command(MediaCommand::Connect {
        leg: legs[0].clone(),
        params,
    });
    one.socket.set_nonblocking(false).unwrap();
    one.talk(5, || [0; 160]);
}

//! What networks and strangers do to a browser's leg.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use convoke_types::media::{Codec, MediaCommand, MediaEvent};
use media_core::rtp::RtpSender;
use testkit::relay::{Spoil, UdpRelay};

use crate::browser::Browser;
use crate::phone::{Bridge, DEADLINE, Phone, key};
use crate::signal::{Spectrum, Tone, longest_gap_ms};

const FRAMES: usize = 150;

/// The UDP address in an answer.
fn port_of(answer: &str) -> SocketAddr {
    let line = answer
        .lines()
        .find(|line| line.starts_with("m=audio"))
        .unwrap();
    let port: u16 = line.split(' ').nth(1).unwrap().parse().unwrap();
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn talk(browser: &mut Browser, phone: &mut Phone, frames: usize) {
    let (mut high, mut low) = (Tone::at_rate(1_000, 16_000), Tone::new(440));
    std::thread::scope(|scope| {
        scope.spawn(|| phone.talk(frames, || low.frame()));
        browser.talk(frames, || Some(high.frame()));
    });
}

fn scene(bridge: &mut Bridge) -> (Browser, Phone, SocketAddr) {
    let (web, tel) = (key("c1", "web"), key("c1", "tel"));
    let phone = bridge.dial(&tel, Codec::Pcma);
    bridge.join(&tel);
    let mut browser = Browser::new();
    let answer = bridge.open_web(&web, &browser.offer(false));
    browser.answered(&answer);
    browser.connect();
    bridge.join(&web);
    (browser, phone, port_of(&answer))
}

#[test]
fn loss_and_swapped_packets_leave_no_gap_over_60_ms() {
    let mut bridge = Bridge::start();
    let (web, tel) = (key("c1", "web"), key("c1", "tel"));
    let mut phone = bridge.dial(&tel, Codec::Pcma);
    bridge.join(&tel);
    let mut browser = Browser::new();
    let answer = bridge.open_web(&web, &browser.offer(false));
    let spoil = |seed| Spoil {
        loss_permille: 50,
        loss_run_max: 2,
        swap_permille: 20,
        seed,
    };
    let far = port_of(&answer);
    let relay = UdpRelay::start(far, spoil(11), spoil(12)).unwrap();
    let (there, here) = (
        format!(" {} typ host", far.port()),
        format!(" {} typ host", relay.near().port()),
    );
    browser.answered(&answer.replace(&there, &here));
    browser.connect();
    bridge.join(&web);
    talk(&mut browser, &mut phone, 400);
    assert!(
        relay.to_far().lost >= 8 && relay.to_near().lost >= 8,
        "{:?}",
        relay.to_far()
    );
    let heard = &phone.heard[8_000..];
    assert!(longest_gap_ms(heard) <= 60, "{} ms", longest_gap_ms(heard));
    let spectrum = Spectrum::of(heard);
    let level = spectrum.at(1_000);
    assert!((-13.0..-9.0).contains(&level), "{level}");
    // What the browser hears is its own to conceal; what came is right.
    Spectrum::at_rate(&browser.heard, 16_000).assert_heard(440);
    bridge.command(MediaCommand::Close { leg: web.clone() });
    let stats = bridge.wait_for(|event| match event {
        MediaEvent::Closed { leg, stats } if *leg == web => Some(stats.clone()),
        _ => None,
    });
    assert!((8..60).contains(&stats.lost), "{stats:?}");
}

/// Seeded rubbish.
struct Rubbish(u64);

impl Rubbish {
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length)
            .map(|_| {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                self.0.to_le_bytes()[0]
            })
            .collect()
    }
}

/// A STUN binding request for a name, with a checksum made of the wrong password.
fn stun(name: &str) -> Vec<u8> {
    let mut attributes = vec![0, 6, 0, u8::try_from(name.len()).unwrap()];
    attributes.extend(name.as_bytes());
    attributes.resize(attributes.len().next_multiple_of(4), 0);
    attributes.extend([0, 0x24, 0, 4, 1, 2, 3, 4]);
    attributes.extend([0, 8, 0, 20]);
    attributes.extend([7; 20]);
    let mut request = vec![
        0,
        1,
        0,
        u8::try_from(attributes.len()).unwrap(),
        0x21,
        0x12,
        0xA4,
        0x42,
    ];
    request.extend([9; 12]);
    request.extend(attributes);
    request
}

#[test]
fn strangers_at_a_browsers_port_are_not_heard_and_do_no_harm() {
    let mut bridge = Bridge::start();
    let (mut browser, mut phone, port) = scene(&mut bridge);
    let stranger = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let mut rubbish = Rubbish(42);
    let mut rtp = RtpSender::new(1_234, 1, 1);
    let (mut high, mut low) = (Tone::at_rate(1_000, 16_000), Tone::new(440));
    for n in 0..250 {
        let mut packets = vec![
            rubbish.bytes(n),
            stun("nobody:nothing"),
            stun(&"x".repeat(200)),
            [&[22, 254, 253][..], &rubbish.bytes(60)].concat(),
            [&rtp.next_header(111, 960)[..], &rubbish.bytes(50)].concat(),
            [&[0x80, 200, 0, 6][..], &rubbish.bytes(24)].concat(),
            Vec::new(),
        ];
        packets.push([&[0, 1][..], &rubbish.bytes(30)].concat());
        for packet in packets {
            stranger.send_to(&packet, port).unwrap();
        }
        browser.talk(1, || Some(high.frame()));
        phone.hear();
        phone.say(&low.frame());
    }
    Spectrum::of(&phone.heard).assert_level(1_000);
    Spectrum::at_rate(&browser.heard, 16_000).assert_level(440);
    // Nothing was answered.
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv(&mut [0; 2_000]).is_err());
    // Once the browser has been heard for half a second, the system keeps strangers out.
    let counters = bridge.engine.counters();
    let seen = counters.malformed + counters.unexpected;
    assert!((1..1_000).contains(&seen), "{counters:?}");
}

#[test]
fn a_flood_before_the_browser_has_come_does_not_keep_it_out() {
    let mut bridge = Bridge::start();
    let (web, tel) = (key("c1", "web"), key("c1", "tel"));
    let mut phone = bridge.dial(&tel, Codec::Pcma);
    bridge.join(&tel);
    let mut browser = Browser::new();
    let answer = bridge.open_web(&web, &browser.offer(false));
    let port = port_of(&answer);
    let stranger = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let name = answer
        .lines()
        .find_map(|line| line.strip_prefix("a=ice-ufrag:"))
        .unwrap();
    let mut rubbish = Rubbish(7);
    for n in 0..2_000 {
        // Also in our own name, and handshakes from nobody.
        stranger
            .send_to(&stun(&format!("{name}:guessed")), port)
            .unwrap();
        stranger
            .send_to(
                &[&[22, 254, 253][..], &rubbish.bytes(n % 300)].concat(),
                port,
            )
            .unwrap();
        if n % 50 == 0 {
            // The conference goes on meanwhile.
            phone.hear();
            phone.say(&[0; 160]);
        }
    }
    browser.answered(&answer);
    browser.connect();
    bridge.join(&web);
    talk(&mut browser, &mut phone, FRAMES);
    Spectrum::of(&phone.heard).assert_level(1_000);
    let counters = bridge.engine.counters();
    assert!(counters.unexpected > 100, "{counters:?}");
}

#[test]
fn hostile_tcp_connections_are_bounded_and_harm_nobody() {
    let mut bridge = Bridge::with(&media::Config {
        tcp_port: Some(0),
        threads: 1,
        ..media::Config::default()
    });
    let tcp = bridge.tcp();
    // More than may wait say nothing, some say nonsense.
    let mut silent: Vec<_> = (0..140).map(|_| TcpStream::connect(tcp).unwrap()).collect();
    for nonsense in [
        &[255, 255, 1, 2][..],
        &[0, 4, 1, 2, 3, 4],
        &[0, 20, 0, 1][..],
    ] {
        let mut socket = TcpStream::connect(tcp).unwrap();
        socket.write_all(nonsense).unwrap();
        let _already_closed = socket.write_all(&stun("nobody:nothing"));
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut buffer = [0; 100];
        let ended = matches!(socket.read(&mut buffer), Ok(0)) || socket.read(&mut buffer).is_err();
        assert!(ended, "{nonsense:?} was answered");
    }
    // One in the name of a leg, with a wrong checksum, keeps the leg's browser from nothing.
    let web = key("c1", "web");
    let mut browser = Browser::over_tcp(tcp);
    let answer = bridge.open_web(&web, &browser.offer(false));
    let name = answer
        .lines()
        .find_map(|line| line.strip_prefix("a=ice-ufrag:"))
        .unwrap();
    let mut thief = TcpStream::connect(tcp).unwrap();
    let request = stun(&format!("{name}:guessed"));
    let length = u16::try_from(request.len()).unwrap();
    thief.write_all(&length.to_be_bytes()).unwrap();
    thief.write_all(&request).unwrap();
    // The first of those who say nothing have given their places to who came later.
    silent.truncate(1);
    silent[0].set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(matches!(silent[0].read(&mut [0; 1]), Ok(0) | Err(_)));
    browser.answered(&answer);
    browser.connect();
    bridge.join(&web);
    browser.talk(20, || Some([0; 320]));
    thief
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    assert!(thief.read(&mut [0; 100]).is_err(), "a thief was answered");
}

#[test]
fn the_first_request_over_tcp_is_answered_without_waiting_for_another() {
    let mut bridge = Bridge::with(&media::Config {
        tcp_port: Some(0),
        threads: 1,
        ..media::Config::default()
    });
    let mut browser = Browser::over_tcp(bridge.tcp());
    let answer = bridge.open_web(&key("c1", "web"), &browser.offer(false));
    browser.answered(&answer);
    assert!(browser.is_answered_within(DEADLINE));
}

#[test]
fn floods_at_ports_whose_browsers_never_come_keep_no_other_out() {
    let mut bridge = Bridge::start();
    let ports: Vec<_> = (0..5)
        .map(|n| {
            let leg = key("c1", &format!("w{n}"));
            port_of(&bridge.open_web(&leg, &Browser::new().offer(false)))
        })
        .collect();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let stranger = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
            let request = stun("nobody:nothing");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for port in &ports {
                    stranger.send_to(&request, port).unwrap();
                }
            }
        });
        let ended = Stop(&stop);
        // Fails when it has not connected in time.
        let mut browser = Browser::dial(&mut bridge, &key("c1", "web"));
        browser.talk(5, || Some([0; 320]));
        drop(ended);
    });
}

/// Ends the flood, also when the test fails.
struct Stop<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

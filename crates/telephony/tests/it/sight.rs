//! Video rooms: pictures are offered in the call of the sound, and pass as the room wants them, or not at all.

use std::time::Duration;

use convoke_types::bridge::{BridgeCommand, LegEvent};
use convoke_types::media::MediaEvent;
use convoke_types::sight::{Sight, SightCommand, SightEvent, SightParams};
use convoke_types::{Address, LegKey};
use sip_proto::call::CallEvent;
use sip_proto::sdp::Sdp;

use crate::stage::{Stage, leg};

const PICTURES: &str = "m=video 7002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 profile-level-id=42e01f;packetization-mode=1\r\n";

fn sight() -> Sight {
    Sight {
        participant: "p2".parse().unwrap(),
        server: "janus".parse().unwrap(),
    }
}

/// A room is to be called, with pictures.
fn dial(stage: &mut Stage, leg: LegKey, guard: bool) {
    stage.command(BridgeCommand::Dial {
        leg: leg.clone(),
        to: Address::Sip("sip:room@rooms.example".into()),
        trunk: Some("carrier".into()),
        guard,
        inviter: "Alice".into(),
        language: "en".into(),
        ring_timeout_ms: 45_000,
        sight: Some(sight()),
    });
    stage.media(MediaEvent::Opened {
        leg,
        local: "127.0.0.1:6000".parse().unwrap(),
    });
}

/// A room is dialled, and both ports but that of its pictures are there.
fn dialled() -> Stage {
    let mut stage = Stage::new();
    dial(&mut stage, leg(), false);
    let open = SightCommand::Open {
        leg: leg(),
        sight: sight(),
    };
    assert_eq!(std::mem::take(&mut stage.sight), [open]);
    assert!(stage.trunk_events.is_empty(), "no INVITE without them");
    stage
}

/// The streams of the offer: kinds and ports.
fn offered(stage: &Stage) -> Vec<(String, u16)> {
    let Some((_, CallEvent::Incoming { offer, .. })) = stage.trunk_events.first() else {
        panic!("{:?}", stage.trunk_events)
    };
    let offer = Sdp::parse(offer.as_ref().unwrap()).unwrap();
    let streams = offer.media.into_iter();
    streams.map(|stream| (stream.kind, stream.port)).collect()
}

fn opened(stage: &mut Stage) {
    stage.sight(SightEvent::Opened {
        leg: leg(),
        local: "127.0.0.1:6002".parse().unwrap(),
    });
    let both = [("audio".to_owned(), 6000), ("video".to_owned(), 6002)];
    assert_eq!(offered(stage), both);
}

#[test]
fn a_rooms_pictures_pass_until_it_hangs_up() {
    let mut stage = dialled();
    opened(&mut stage);
    stage.trunk_answers_with(PICTURES);
    let params = SightParams {
        remote: "127.0.0.2:7002".parse().unwrap(),
        sent_as: 97,
        comes_as: 97,
        send: true,
        receive: true,
    };
    let connect = SightCommand::Connect { leg: leg(), params };
    assert_eq!(std::mem::take(&mut stage.sight), [connect]);
    stage.media(MediaEvent::Joined { leg: leg() });
    assert_eq!(stage.events.last(), Some(&LegEvent::Joined));
    stage.trunk_hangs_up();
    assert_eq!(stage.sight, [SightCommand::Close { leg: leg() }]);
}

#[test]
fn a_room_that_refuses_its_picture_while_it_holds_has_it_back_afterwards() {
    let mut stage = dialled();
    opened(&mut stage);
    stage.trunk_answers_with(PICTURES);
    stage.media(MediaEvent::Joined { leg: leg() });
    let Some(SightCommand::Connect { params, .. }) = stage.sight.pop() else {
        panic!("{:?}", stage.sight)
    };
    let off = SightParams {
        send: false,
        receive: false,
        ..params
    };
    let streams = [
        ("a=sendonly\r\nm=video 0 RTP/AVP 97\r\n", off),
        (PICTURES, params),
    ];
    for ((streams, expected), version) in streams.into_iter().cycle().take(4).zip(2..) {
        stage.trunk_changes(version, streams);
        let (leg, params) = (leg(), expected);
        let connect = SightCommand::Connect { leg, params };
        assert_eq!(std::mem::take(&mut stage.sight), [connect]);
    }
    stage.trunk_hangs_up();
    assert_eq!(stage.sight, [SightCommand::Close { leg: leg() }]);
}

#[test]
fn a_gateway_that_answers_with_sound_only_is_joined_with_sound() {
    for streams in ["", "m=video 0 RTP/AVP 97\r\n"] {
        let mut stage = dialled();
        opened(&mut stage);
        stage.trunk_answers_with(streams);
        let close = SightCommand::Close { leg: leg() };
        assert_eq!(stage.sight, [close], "the ports are free again");
        stage.media(MediaEvent::Joined { leg: leg() });
        assert_eq!(stage.events.last(), Some(&LegEvent::Joined));
        stage.trunk_hangs_up();
        assert_eq!(stage.sight.len(), 1);
    }
}

#[test]
fn without_a_port_for_pictures_sound_is_offered() {
    let mut stage = dialled();
    stage.sight(SightEvent::Failed {
        leg: leg(),
        words: "all are taken".into(),
    });
    assert_eq!(offered(&stage), [("audio".to_owned(), 6000)]);

    let mut stage = dialled();
    stage.ours.handle_sight_lost(stage.now);
    stage.pump();
    assert_eq!(offered(&stage), [("audio".to_owned(), 6000)]);
    // What comes too late changes nothing.
    stage.sight(SightEvent::Opened {
        leg: leg(),
        local: "127.0.0.1:6002".parse().unwrap(),
    });
    assert_eq!(stage.trunk_events.len(), 1);
    assert!(stage.sight.is_empty());
}

#[test]
fn pictures_that_are_given_up_leave_the_sound() {
    let mut stage = dialled();
    opened(&mut stage);
    stage.sight(SightEvent::Failed {
        leg: leg(),
        words: "they were given up".into(),
    });
    // What the room says of them is no longer asked of anybody.
    stage.trunk_answers_with(PICTURES);
    stage.media(MediaEvent::Joined { leg: leg() });
    assert_eq!(stage.events.last(), Some(&LegEvent::Joined));
    stage.trunk_hangs_up();
    assert!(stage.sight.is_empty());
}

#[test]
fn who_carries_pictures_and_does_not_answer_keeps_nobody_out() {
    let mut stage = dialled();
    stage.run(Duration::from_secs(6));
    assert_eq!(offered(&stage), [("audio".to_owned(), 6000)]);
    assert_eq!(stage.sight, [SightCommand::Close { leg: leg() }]);
    // What comes after all changes nothing.
    stage.sight(SightEvent::Opened {
        leg: leg(),
        local: "127.0.0.1:6002".parse().unwrap(),
    });
    stage.trunk_answers_with("");
    stage.media(MediaEvent::Joined { leg: leg() });
    assert_eq!(stage.events.last(), Some(&LegEvent::Joined));
    assert_eq!(stage.sight.len(), 1);
}

#[test]
fn later_calls_have_sound_where_nobody_carries_pictures_any_more() {
    let mut stage = Stage::new();
    stage.ours.handle_sight_lost(stage.now);
    dial(&mut stage, leg(), false);
    assert_eq!(offered(&stage), [("audio".to_owned(), 6000)]);
    assert!(stage.sight.is_empty());
}

#[test]
fn who_has_to_press_a_key_first_is_called_with_sound() {
    let mut stage = Stage::new();
    dial(&mut stage, leg(), true);
    assert_eq!(offered(&stage), [("audio".to_owned(), 6000)]);
    assert!(stage.sight.is_empty());
}

//! What becomes of one telephone.

use std::time::Duration;

use convoke_types::bridge::{BridgeCommand, LegEvent};
use convoke_types::media::{Codec, MediaCommand, MediaEvent, Prompt};
use convoke_types::{Address, EndReason, LegState};
use sip_proto::call::{CallEvent, EndedBy};

use crate::stage::{Stage, leg};

/// The end that was told: exactly one, as the last event, with the media closed.
fn end(stage: &Stage) -> (LegState, EndReason, Option<u16>) {
    let ends: Vec<_> = stage
        .events
        .iter()
        .filter_map(|event| match event {
            LegEvent::Ended { state, cause } => Some((*state, cause.reason, cause.sip)),
            _ => None,
        })
        .collect();
    assert_eq!(ends.len(), 1, "{:?}", stage.events);
    assert!(matches!(stage.events.last(), Some(LegEvent::Ended { .. })));
    assert_eq!(
        stage.media.last(),
        Some(&MediaCommand::Close { leg: leg() })
    );
    assert!(stage.ours.is_empty());
    ends[0]
}

fn joined() -> Stage {
    let mut stage = Stage::new();
    stage.dial(false);
    stage.trunk_rings(180);
    stage.trunk_answers();
    stage.media(MediaEvent::Joined { leg: leg() });
    stage
}

#[test]
fn a_telephone_rings_is_answered_joins_and_hangs_up() {
    let mut stage = joined();
    let joining = [
        LegEvent::Dialling,
        LegEvent::Ringing { sip: 180 },
        LegEvent::Answered,
        LegEvent::Joined,
    ];
    assert_eq!(stage.events, joining);
    let Some(MediaCommand::Connect { params, .. }) = stage.media.get(1) else {
        panic!("{:?}", stage.media)
    };
    assert_eq!(
        (params.codec, params.remote.port(), params.dtmf_payload_type),
        (Codec::Pcma, 7000, Some(101))
    );
    stage.trunk_hangs_up();
    assert_eq!(end(&stage), (LegState::Left, EndReason::HungUp, None));
}

#[test]
fn a_release_hangs_up_by_bye() {
    let mut stage = joined();
    stage.command(BridgeCommand::Release { leg: leg() });
    assert_eq!(end(&stage).0, LegState::Left);
    let Some((_, CallEvent::Ended(ended))) = stage.trunk_events.last() else {
        panic!("{:?}", stage.trunk_events)
    };
    assert_eq!((ended.by, ended.q850), (EndedBy::Peer, Some(16)));
}

#[test]
fn refusals_become_their_states() {
    for (status, state, reason) in [
        (486, LegState::Busy, EndReason::Busy),
        (603, LegState::Declined, EndReason::Declined),
        (404, LegState::Unreachable, EndReason::Unreachable),
        (503, LegState::Failed, EndReason::Trunk),
        (488, LegState::Failed, EndReason::Media),
    ] {
        let mut stage = Stage::new();
        stage.dial(false);
        stage.trunk_rejects(status);
        assert_eq!(end(&stage), (state, reason, Some(status)));
    }
}

#[test]
fn a_telephone_that_rings_too_long_is_cancelled() {
    let mut stage = Stage::new();
    stage.dial(false);
    stage.trunk_rings(180);
    stage.run(Duration::from_millis(44_900));
    assert_eq!(stage.events.len(), 2);
    stage.run(Duration::from_millis(200));
    assert_eq!(
        end(&stage),
        (LegState::NoAnswer, EndReason::RingTimeout, Some(487))
    );
}

#[test]
fn an_answer_that_crosses_the_cancel_is_hung_up_at_once() {
    let mut stage = Stage::new();
    stage.dial(false);
    stage.trunk_rings(180);
    stage.cut = true;
    stage.command(BridgeCommand::Release { leg: leg() });
    stage.cut = false;
    stage.trunk_answers();
    assert_eq!(end(&stage).0, LegState::Left);
    assert!(!stage.events.contains(&LegEvent::Joined));
    stage.run(Duration::from_secs(40));
    let Some((_, CallEvent::Ended(ended))) = stage.trunk_events.last() else {
        panic!("{:?}", stage.trunk_events)
    };
    assert_eq!(ended.by, EndedBy::Peer, "acknowledged, then BYE");
}

#[test]
fn a_trunk_that_does_not_answer_fails_the_leg_in_words() {
    let mut stage = Stage::new();
    stage.cut = true;
    stage.dial(false);
    stage.run(Duration::from_secs(33));
    assert_eq!(end(&stage), (LegState::Failed, EndReason::Trunk, Some(408)));
}

#[test]
fn a_trunk_that_does_not_even_answer_the_cancel_is_at_fault_not_the_telephone() {
    let mut stage = Stage::new();
    stage.cut = true;
    stage.dial_for(false, 8_000);
    stage.run(Duration::from_secs(33));
    assert_eq!(end(&stage), (LegState::Failed, EndReason::Trunk, Some(408)));
}

#[test]
fn strangers_are_answered_once_and_forgotten() {
    let mut stage = Stage::new();
    for (method, status) in [
        ("INVITE", 404),
        ("OPTIONS", 200),
        ("BYE", 481),
        ("MESSAGE", 405),
    ] {
        let request = format!(
            "{method} sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9:5060;branch=z9hG4bK{method}\r\n\
             From: <sip:y@127.0.0.9>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: {method}\r\n\
             CSeq: 1 {method}\r\nContact: <sip:y@127.0.0.9>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let answers = stage.stranger(&request);
        // Once: the address that it goes to may be forged.
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status()).collect();
        assert_eq!(statuses, [Some(status)], "{method}");
        // RFC 3261 §8.2.6.2.
        assert!(answers[0].to().unwrap().tag().is_some(), "{method}");
    }
}

#[test]
fn the_guard_lets_in_who_presses_1() {
    let mut stage = Stage::new();
    stage.dial(true);
    stage.trunk_answers();
    assert_eq!(stage.events.last(), Some(&LegEvent::Confirming));
    assert!(stage.media.iter().any(|command| matches!(
        command,
        MediaCommand::Play {
            prompt: Prompt::PressOneToJoin,
            ..
        }
    )));
    stage.media(MediaEvent::Key {
        leg: leg(),
        key: '5',
    });
    assert!(!stage.media.contains(&MediaCommand::Join { leg: leg() }));
    stage.media(MediaEvent::Key {
        leg: leg(),
        key: '1',
    });
    assert!(stage.media.contains(&MediaCommand::Join { leg: leg() }));
    stage.media(MediaEvent::Joined { leg: leg() });
    assert_eq!(stage.events.last(), Some(&LegEvent::Joined));
    stage.media(MediaEvent::Key {
        leg: leg(),
        key: '#',
    });
    assert_eq!(stage.events.last(), Some(&LegEvent::Key { key: '#' }));
}

#[test]
fn the_guard_hangs_up_on_voicemail() {
    let mut stage = Stage::new();
    stage.dial(true);
    stage.trunk_answers();
    stage.run(Duration::from_secs(20));
    stage.media(MediaEvent::PromptDone { leg: leg() });
    stage.run(Duration::from_secs(5));
    assert_eq!(stage.events.last(), Some(&LegEvent::Confirming));
    stage.run(Duration::from_secs(2));
    assert_eq!(end(&stage).1, EndReason::Voicemail);
    assert_eq!(end(&stage).0, LegState::NoAnswer);
}

#[test]
fn a_mailbox_that_hangs_up_first_was_no_answer_either() {
    let mut stage = Stage::new();
    stage.dial(true);
    stage.trunk_answers();
    stage.trunk_hangs_up();
    assert_eq!(end(&stage).1, EndReason::Voicemail);
}

#[test]
fn hold_and_resume_are_told_and_followed_by_the_media() {
    let mut stage = joined();
    let held = crate::stage::PHONE_SDP.replace("o=- 9 1", "o=- 9 2") + "a=sendonly\r\n";
    stage
        .trunk
        .change(
            &mut stage.endpoint,
            stage.trunk_events[0].0,
            held.into(),
            stage.now,
        )
        .unwrap();
    stage.pump();
    assert_eq!(stage.events.last(), Some(&LegEvent::Held { on: true }));
    let Some(MediaCommand::Connect { params, .. }) = stage.media.last() else {
        panic!("{:?}", stage.media)
    };
    assert!(!params.send);
    let back = crate::stage::PHONE_SDP.replace("o=- 9 1", "o=- 9 3");
    stage
        .trunk
        .change(
            &mut stage.endpoint,
            stage.trunk_events[0].0,
            back.into(),
            stage.now,
        )
        .unwrap();
    stage.pump();
    assert_eq!(stage.events.last(), Some(&LegEvent::Held { on: false }));
    let Some(MediaCommand::Connect { params, .. }) = stage.media.last() else {
        panic!("{:?}", stage.media)
    };
    assert!(params.send);
}

/// It may put us on hold before it is in, while the guard's sentence is spoken, say.
#[test]
fn who_held_before_they_were_in_is_shown_on_hold_when_they_are() {
    let mut stage = Stage::new();
    stage.dial(true);
    stage.trunk_answers();
    stage.media(MediaEvent::Key {
        leg: leg(),
        key: '1',
    });
    let held = crate::stage::PHONE_SDP.replace("o=- 9 1", "o=- 9 2") + "a=sendonly\r\n";
    stage.trunk_offers(held.into());
    assert_eq!(stage.events.last(), Some(&LegEvent::Confirming));
    stage.media(MediaEvent::Joined { leg: leg() });
    let told = &stage.events[stage.events.len() - 2..];
    assert_eq!(told, [LegEvent::Joined, LegEvent::Held { on: true }]);
}

#[test]
fn a_sentence_is_spoken_once_to_who_is_in_the_mix_and_to_nobody_else() {
    let announce = || BridgeCommand::Announce {
        leg: leg(),
        prompt: Prompt::HandUp,
        language: "de".into(),
    };
    let play = MediaCommand::Play {
        leg: leg(),
        prompt: Prompt::HandUp,
        language: "de".into(),
        repeat: 1,
    };
    let mut stage = Stage::new();
    stage.command(announce());
    stage.dial(true);
    stage.trunk_answers();
    // The guard's sentence goes on.
    stage.command(announce());
    assert!(!stage.media.contains(&play));
    let mut stage = joined();
    stage.command(announce());
    assert_eq!(stage.media.last(), Some(&play));
    stage.media(MediaEvent::PromptDone { leg: leg() });
    assert_eq!(stage.events.last(), Some(&LegEvent::Joined));
}

#[test]
fn answers_to_calls_of_others_are_nothing_to_telephones() {
    let mut stage = joined();
    let (events, media) = (stage.events.clone(), stage.media.clone());
    stage.command(BridgeCommand::Admit {
        call: "c1".into(),
        leg: leg(),
        language: "en".into(),
    });
    stage.command(BridgeCommand::Refuse {
        call: "c2".into(),
        sip: 404,
        words: "no conference".into(),
    });
    assert_eq!((stage.events, stage.media), (events, media));
}

#[test]
fn a_media_bridge_that_fails_or_is_silent_ends_the_leg() {
    let mut stage = Stage::new();
    stage.dial(false);
    stage.trunk_answers();
    stage.run(Duration::from_secs(6));
    assert_eq!(end(&stage).1, EndReason::Media);

    let mut stage = joined();
    stage
        .ours
        .handle_media_lost(None, "The bridge died.", stage.now);
    stage.pump();
    assert_eq!(end(&stage), (LegState::Failed, EndReason::Bridge, None));
}

#[test]
fn a_repeated_dial_calls_nobody_twice() {
    let mut stage = joined();
    let invites = stage.trunk_events.len();
    stage.command(BridgeCommand::Dial {
        leg: leg(),
        to: convoke_types::Address::Number("+15550102".parse().unwrap()),
        trunk: Some("carrier".into()),
        guard: false,
        inviter: "Alice".into(),
        language: "en".into(),
        ring_timeout_ms: 45_000,
        sight: None,
    });
    stage.run(Duration::from_secs(1));
    assert_eq!(stage.trunk_events.len(), invites);
}

#[test]
fn a_gateway_is_dialled_by_its_own_uri_over_the_trunk_that_leads_there() {
    let mut stage = Stage::new();
    let uri = "sip:47%23@gw.example;transport=tcp";
    stage.dial_to(Address::Sip(uri.to_owned()), false, 45_000);
    let Some((_, CallEvent::Incoming { invite, .. })) = stage.trunk_events.first() else {
        panic!("{:?}", stage.trunk_events)
    };
    assert_eq!(invite.request_uri(), Some(uri));
    stage.trunk_rings(180);
    stage.trunk_answers();
    stage.media(MediaEvent::Joined { leg: leg() });
    let states = [
        LegEvent::Dialling,
        LegEvent::Ringing { sip: 180 },
        LegEvent::Answered,
        LegEvent::Joined,
    ];
    assert_eq!(stage.events, states);
}

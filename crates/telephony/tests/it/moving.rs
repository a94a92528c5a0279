//! The sound of a call goes on at another bridge.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use convoke_types::bridge::LegEvent;
use convoke_types::media::{MediaCommand, MediaEvent};
use convoke_types::{EndReason, LegState};
use sip_proto::call::CallEvent;

use crate::stage::{PHONE_SDP, Stage, leg};

fn elsewhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 7], 6100))
}

/// Another bridge has the conference; its port follows at once.
fn move_away(stage: &mut Stage) {
    stage.moved("bridge a is lost");
    stage.media(MediaEvent::Opened {
        leg: leg(),
        local: elsewhere(),
    });
}

fn joined() -> Stage {
    let mut stage = Stage::new();
    stage.dial(false);
    stage.trunk_answers();
    stage.media(MediaEvent::Joined { leg: leg() });
    stage
}

/// The last offer that the telephone got.
fn offered(stage: &Stage) -> String {
    let offers = stage
        .trunk_events
        .iter()
        .filter_map(|(_, event)| match event {
            CallEvent::Reinvite { offer } => offer.clone(),
            _ => None,
        });
    String::from_utf8(offers.last().unwrap().to_vec()).unwrap()
}

fn answer(port: u16) -> Bytes {
    Bytes::from(PHONE_SDP.replace("audio 7000", &format!("audio {port}")))
}

/// Where the bridge was told to send, each time.
fn connected(stage: &Stage) -> Vec<u16> {
    let commands = stage.media.iter();
    let ports = commands.filter_map(|command| match command {
        MediaCommand::Connect { params, .. } => Some(params.remote.port()),
        _ => None,
    });
    ports.collect()
}

fn failed(stage: &Stage) -> Option<(LegState, EndReason)> {
    match stage.events.last() {
        Some(LegEvent::Ended { state, cause }) => Some((*state, cause.reason)),
        _ => None,
    }
}

#[test]
fn a_telephone_is_offered_the_other_port_and_stays_in() {
    let mut stage = joined();
    let before = stage.events.clone();
    move_away(&mut stage);
    let offer = offered(&stage);
    assert!(offer.contains("m=audio 6100 RTP/AVP"), "{offer}");
    assert!(offer.contains("c=IN IP4 127.0.0.7"), "{offer}");
    stage.trunk_accepts(answer(7002));
    assert_eq!(connected(&stage), [7000, 7002]);
    stage.run(Duration::from_secs(60));
    assert_eq!(stage.events, before, "nothing is told of the leg");
    // A further change of theirs is answered with where it is now.
    stage.trunk_offers(answer(7004));
    assert_eq!(connected(&stage), [7000, 7002, 7004]);
    let CallEvent::Reinvited { sdp, .. } = &stage.trunk_events.last().unwrap().1 else {
        panic!("{:?}", stage.trunk_events)
    };
    let ours = String::from_utf8(sdp.as_ref().unwrap().to_vec()).unwrap();
    assert!(ours.contains("m=audio 6100"), "{ours}");
}

#[test]
fn one_that_rings_is_offered_it_when_it_is_answered() {
    let mut stage = Stage::new();
    stage.dial(false);
    stage.trunk_rings(180);
    move_away(&mut stage);
    // However long that takes.
    stage.run(Duration::from_secs(40));
    stage.trunk_answers();
    assert_eq!(connected(&stage), [7000], "it can hear at once");
    assert!(offered(&stage).contains("m=audio 6100"));
    stage.run(Duration::from_millis(100));
    stage.trunk_accepts(answer(7000));
    assert_eq!(connected(&stage), [7000, 7000]);
    stage.media(MediaEvent::Joined { leg: leg() });
    assert_eq!(stage.events.last(), Some(&LegEvent::Joined));
}

#[test]
fn one_that_was_not_called_yet_is_called_with_it() {
    let mut stage = Stage::new();
    stage.ask_for_port(false);
    move_away(&mut stage);
    let Some((_, CallEvent::Incoming { offer, .. })) = stage.trunk_events.last() else {
        panic!("{:?}", stage.trunk_events)
    };
    let offer = String::from_utf8(offer.as_ref().unwrap().to_vec()).unwrap();
    assert!(offer.contains("m=audio 6100"), "{offer}");
}

#[test]
fn their_change_at_the_same_moment_comes_first() {
    let mut stage = joined();
    stage.moved("bridge a is lost");
    // Before the port is known: it is answered with the old one, and the new one is offered after that.
    stage.trunk_offers(answer(7002));
    stage.media(MediaEvent::Opened {
        leg: leg(),
        local: elsewhere(),
    });
    stage.run(Duration::from_secs(1));
    assert!(offered(&stage).contains("m=audio 6100"));
    // Both at once: each is refused, and ours comes again later.
    stage.trunk_rejects_change(491);
    assert_eq!(connected(&stage), [7000, 7002]);
    let before = stage.trunk_events.len();
    stage.run(Duration::from_millis(2_000));
    assert_eq!(stage.trunk_events.len(), before);
    stage.run(Duration::from_millis(200));
    stage.trunk_accepts(answer(7004));
    assert_eq!(connected(&stage), [7000, 7002, 7004]);
    assert_eq!(stage.events.last(), Some(&LegEvent::Joined));
}

#[test]
fn one_that_is_busy_is_offered_it_again_and_for_half_a_minute_at_most() {
    let mut stage = joined();
    move_away(&mut stage);
    for status in [503, 500, 491] {
        stage.trunk_rejects_change(status);
        stage.run(Duration::from_millis(2_200));
    }
    stage.trunk_accepts(answer(7002));
    assert_eq!(connected(&stage), [7000, 7002]);
    // Always.
    move_away(&mut stage);
    for _ in 0..15 {
        assert_eq!(failed(&stage), None);
        stage.trunk_rejects_change(491);
        stage.run(Duration::from_millis(2_200));
    }
    assert_eq!(failed(&stage), Some((LegState::Failed, EndReason::Media)));
    // One that says nothing at all is as good as gone.
    let mut stage = joined();
    stage.cut = true;
    move_away(&mut stage);
    stage.run(Duration::from_secs(40));
    assert!(failed(&stage).is_some());
    assert!(stage.ours.is_empty());
}

#[test]
fn who_is_asked_for_a_key_is_asked_again_and_nothing_runs_out_meanwhile() {
    let asked = |stage: &Stage| {
        let plays = stage.media.iter();
        let plays = plays.filter(|command| matches!(command, MediaCommand::Play { .. }));
        plays.count()
    };
    let mut stage = Stage::new();
    stage.dial(true);
    stage.trunk_answers();
    stage.media(MediaEvent::PromptDone { leg: leg() });
    stage.run(Duration::from_secs(5));
    move_away(&mut stage);
    stage.run(Duration::from_secs(4));
    assert_eq!((failed(&stage), asked(&stage)), (None, 1));
    stage.trunk_accepts(answer(7002));
    assert_eq!(asked(&stage), 2);
    // A key that came by SIP meanwhile waits for the move as well.
    move_away(&mut stage);
    stage.media(MediaEvent::Key {
        leg: leg(),
        key: '1',
    });
    assert_eq!(stage.media.last(), Some(&MediaCommand::Join { leg: leg() }));
    stage.run(Duration::from_secs(10));
    assert_eq!(failed(&stage), None);
    stage.trunk_accepts(answer(7002));
    stage.run(Duration::from_millis(4_900));
    stage.media(MediaEvent::Joined { leg: leg() });
    assert_eq!(stage.events.last(), Some(&LegEvent::Joined));
}

#[test]
fn one_that_will_not_go_there_is_hung_up_and_says_why() {
    let mut stage = joined();
    move_away(&mut stage);
    stage.trunk_rejects_change(488);
    assert_eq!(failed(&stage), Some((LegState::Failed, EndReason::Media)));
    assert!(stage.ours.is_empty());
    // So is one of which the other bridge says nothing.
    let mut stage = joined();
    stage.moved("bridge a is lost");
    stage.run(Duration::from_millis(4_900));
    assert_eq!(failed(&stage), None);
    stage.run(Duration::from_millis(200));
    assert_eq!(failed(&stage), Some((LegState::Failed, EndReason::Media)));
}

#[test]
fn a_second_loss_before_the_answer_leads_to_the_third_bridge() {
    let mut stage = joined();
    move_away(&mut stage);
    stage.moved("bridge b is lost");
    stage.trunk_accepts(answer(7002));
    assert_eq!(connected(&stage), [7000], "nobody is at that port any more");
    stage.media(MediaEvent::Opened {
        leg: leg(),
        local: SocketAddr::from(([127, 0, 0, 1], 6200)),
    });
    assert!(offered(&stage).contains("m=audio 6200"));
    stage.trunk_accepts(answer(7004));
    assert_eq!(connected(&stage), [7000, 7004]);
}

#[test]
fn who_is_on_hold_stays_on_hold() {
    let mut stage = joined();
    let hold = PHONE_SDP.replace("a=rtpmap:8", "a=sendonly\r\na=rtpmap:8");
    stage.trunk_offers(hold.clone().into());
    assert_eq!(stage.events.last(), Some(&LegEvent::Held { on: true }));
    move_away(&mut stage);
    assert!(offered(&stage).contains("a=recvonly"));
    stage.trunk_accepts(hold.into());
    assert_eq!(stage.events.last(), Some(&LegEvent::Held { on: true }));
    let Some(MediaCommand::Connect { params, .. }) = stage.media.last() else {
        panic!("{:?}", stage.media)
    };
    assert!(!params.send && params.receive);
}

/// Its INVITE at the trunk's next server tells the new port already: nothing is to be offered once more, and who answers is asked once.
#[test]
fn who_is_called_at_the_next_server_after_the_move_is_asked_for_a_key_once() {
    let mut stage = Stage::over(&[2, 3]);
    stage.dial(true);
    move_away(&mut stage);
    stage.trunk_rejects(503);
    stage.trunk_answers();
    let asks = |command: &&MediaCommand| matches!(command, MediaCommand::Play { .. });
    assert_eq!(stage.media.iter().filter(asks).count(), 1);
    let offers = |(_, event): &&(_, CallEvent)| matches!(event, CallEvent::Reinvite { .. });
    assert_eq!(stage.trunk_events.iter().filter(offers).count(), 0);
}

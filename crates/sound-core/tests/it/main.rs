//! Conferences on bridges that come and go; what is asked of each is looked at, in order.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod stage;
mod storm;

use convoke_types::bridge_protocol::Feature;
use convoke_types::media::{MediaCommand, MediaEvent, Prompt};
use sound_core::News;

use stage::{Stage, conference, key, local, params};

fn mute(leg: &str, on: bool) -> MediaCommand {
    MediaCommand::Mute { leg: key(leg), on }
}

fn join(leg: &str) -> MediaCommand {
    MediaCommand::Join { leg: key(leg) }
}

fn open(leg: &str) -> MediaCommand {
    MediaCommand::Open { leg: key(leg) }
}

fn offer(leg: &str, offer: &str) -> MediaCommand {
    let offer = offer.to_owned();
    MediaCommand::OpenWeb {
        leg: key(leg),
        offer,
    }
}

fn connect(leg: &str) -> MediaCommand {
    MediaCommand::Connect {
        leg: key(leg),
        params: params(),
    }
}

fn reoffer(leg: &str, offer: &str) -> MediaCommand {
    let offer = offer.to_owned();
    MediaCommand::Reoffer {
        leg: key(leg),
        offer,
    }
}

fn opened(leg: &str, last: u8) -> MediaEvent {
    MediaEvent::Opened {
        leg: key(leg),
        local: local(last),
    }
}

fn talks(leg: &str, on: bool) -> MediaEvent {
    MediaEvent::Talking { leg: key(leg), on }
}

#[test]
fn a_conference_stays_where_it_began_and_the_next_goes_where_there_is_more_room() {
    let mut stage = Stage::new(["a", "b"]);
    stage.up(0, 10);
    stage.up(1, 12);
    assert_eq!(stage.command(open("1.x")), [(1, open("1.x"))]);
    assert_eq!(stage.command(open("1.y")), [(1, open("1.y"))]);
    assert_eq!(stage.command(open("1.z")), [(1, open("1.z"))]);
    assert_eq!(stage.command(open("2.x")), [(0, open("2.x"))]);
    // What is over takes no room.
    let close = MediaCommand::CloseMix {
        conference: conference("1"),
    };
    assert_eq!(stage.command(close.clone()), [(1, close)]);
    assert_eq!(stage.command(open("3.x")), [(1, open("3.x"))]);
}

#[test]
fn where_no_bridge_is_there_it_is_said_which_and_why() {
    let mut stage = Stage::new(["a", "b"]);
    assert_eq!(stage.command(open("1.x")), []);
    let [News::Event(MediaEvent::Failed { leg, words })] = &stage.news()[..] else {
        panic!("it fails");
    };
    assert_eq!(
        (leg, &**words),
        (&key("1.x"), "a was not reached yet; b was not reached yet")
    );
    stage.up(0, 10);
    stage.sound.handle_down(1, "refused");
    assert_eq!(stage.command(open("1.x")), [(0, open("1.x"))]);
    // One that is there and mixes nothing says so itself.
    stage.event(
        0,
        MediaEvent::Gone {
            words: "dead".into(),
        },
    );
    assert_eq!(stage.command(open("1.x")), [(0, open("1.x"))]);
}

#[test]
fn the_one_on_standby_is_asked_while_no_other_can_be() {
    let mut stage = Stage::new(["standby", "a"]);
    stage.up(0, 1_000);
    stage.up(1, 10);
    assert_eq!(stage.command(open("1.x")), [(1, open("1.x"))]);
    stage.sound.handle_down(1, "cut");
    assert_eq!(stage.commands(), [(0, open("1.x"))]);
    stage.up(1, 10);
    assert_eq!(stage.command(open("1.y")), [(0, open("1.y"))]);
    assert_eq!(stage.command(open("2.x")), [(1, open("2.x"))]);
}

#[test]
fn what_the_bridge_of_a_conference_cannot_do_is_told_wherever_it_goes() {
    let mut stage = Stage::new(["a", "b"]);
    let all = [
        Feature::Audio,
        Feature::ListenerMix,
        Feature::Prompts,
        Feature::Recording,
    ];
    stage.up_with(0, 20, &all);
    stage.up_with(1, 10, &[Feature::Audio, Feature::Prompts]);
    stage.command(open("1.x"));
    stage.command(open("1.y"));
    let told = |absent: &[Feature]| vec![(conference("1"), absent.to_vec())];
    assert_eq!(std::mem::take(&mut stage.mixes), told(&[]));
    stage.sound.handle_down(0, "cut");
    stage.commands();
    let lacks = [Feature::ListenerMix, Feature::Recording];
    assert_eq!(stage.mixes, told(&lacks));
}

#[test]
fn a_telephone_in_the_mix_is_given_another_port_and_is_as_it_was() {
    let mut stage = Stage::new(["a", "b"]);
    stage.up(0, 20);
    stage.up(1, 10);
    stage.command(open("1.x"));
    stage.event(
        0,
        MediaEvent::Opened {
            leg: key("1.x"),
            local: local(1),
        },
    );
    for command in [connect("1.x"), join("1.x"), mute("1.x", true)] {
        assert_eq!(stage.command(command.clone()), [(0, command)]);
    }
    stage.event(0, talks("1.x", true));
    stage.news();

    stage.sound.handle_down(0, "cut");
    assert_eq!(stage.commands(), [(1, open("1.x"))]);
    let moved = News::Moved {
        conference: conference("1"),
        words: "a is lost: cut; b mixes now".into(),
    };
    assert_eq!(stage.news(), [moved, News::Event(talks("1.x", false))]);

    // What is asked meanwhile is asked later; what the lost one still says is of nobody.
    assert_eq!(stage.command(mute("1.x", false)), []);
    stage.event(0, talks("1.x", true));
    assert_eq!(stage.news(), []);
    let opened = MediaEvent::Opened {
        leg: key("1.x"),
        local: local(2),
    };
    assert_eq!(stage.event(1, opened.clone()), []);
    assert_eq!(stage.news(), [News::Event(opened)]);
    assert_eq!(stage.command(mute("1.x", true)), []);
    assert_eq!(
        stage.command(connect("1.x")),
        [
            (1, connect("1.x")),
            (1, mute("1.x", true)),
            (1, join("1.x"))
        ]
    );
    // Like any other from here on.
    assert_eq!(stage.command(mute("1.x", false)), [(1, mute("1.x", false))]);
}

#[test]
fn who_rings_or_hears_the_guard_hears_it_from_the_other_bridge() {
    let mut stage = Stage::new(["a", "b"]);
    stage.up(0, 20);
    stage.up(1, 10);
    let play = |leg: &str| MediaCommand::Play {
        leg: key(leg),
        prompt: Prompt::PressOneToJoin,
        language: "en".into(),
        repeat: 3,
    };
    for leg in ["1.asked", "1.rings", "1.guarded", "1.heard"] {
        stage.command(open(leg));
    }
    for leg in ["1.rings", "1.guarded", "1.heard"] {
        stage.event(
            0,
            MediaEvent::Opened {
                leg: key(leg),
                local: local(1),
            },
        );
    }
    for leg in ["1.guarded", "1.heard"] {
        stage.command(connect(leg));
        stage.command(play(leg));
    }
    stage.event(
        0,
        MediaEvent::PromptDone {
            leg: key("1.heard"),
        },
    );
    let gone = MediaEvent::Gone {
        words: "its mixer died".into(),
    };
    let asked = stage.event(0, gone);
    let all = ["1.asked", "1.guarded", "1.heard", "1.rings"];
    assert_eq!(asked, all.map(|leg| (1, open(leg))));
    // A call that is answered, or changed, before the port is there is connected once its telephone knows the port.
    assert_eq!(stage.command(connect("1.guarded")), []);
    for leg in all {
        stage.event(1, opened(leg, 2));
    }
    assert_eq!(
        stage.command(connect("1.guarded")),
        [(1, connect("1.guarded")), (1, play("1.guarded"))]
    );
    for leg in ["1.heard", "1.rings"] {
        assert_eq!(stage.command(connect(leg)), [(1, connect(leg))]);
    }
}

#[test]
fn a_browser_is_lost_until_its_fresh_offer_is_answered_elsewhere() {
    let mut stage = Stage::new(["a", "b"]);
    stage.up(0, 20);
    stage.up(1, 10);
    stage.command(offer("1.in", "one"));
    stage.event(
        0,
        MediaEvent::OpenedWeb {
            leg: key("1.in"),
            answer: "yes".into(),
        },
    );
    stage.command(join("1.in"));
    stage.command(offer("1.new", "two"));
    stage.news();

    stage.sound.handle_down(0, "cut");
    assert_eq!(stage.commands(), [(1, offer("1.new", "two"))]);
    let lost = |on| {
        News::Event(MediaEvent::Lost {
            leg: key("1.in"),
            on,
        })
    };
    assert_eq!(stage.news()[1..], [lost(true)]);
    // One that the other bridge refuses changes nothing.
    assert_eq!(
        stage.command(reoffer("1.in", "bad")),
        [(1, offer("1.in", "bad"))]
    );
    stage.event(
        1,
        MediaEvent::Failed {
            leg: key("1.in"),
            words: "no".into(),
        },
    );
    assert_eq!(stage.command(mute("1.in", true)), []);
    assert_eq!(
        stage.command(reoffer("1.in", "three")),
        [(1, offer("1.in", "three"))]
    );
    let answered = MediaEvent::OpenedWeb {
        leg: key("1.in"),
        answer: "yes".into(),
    };
    assert_eq!(
        stage.event(1, answered),
        [(1, mute("1.in", true)), (1, join("1.in"))]
    );
    stage.news();
    let joined = MediaEvent::Joined { leg: key("1.in") };
    stage.event(1, joined.clone());
    assert_eq!(stage.news(), [News::Event(joined), lost(false)]);
    // From here on a change is a change.
    assert_eq!(
        stage.command(reoffer("1.in", "four")),
        [(1, reoffer("1.in", "four"))]
    );
}

#[test]
fn with_no_other_bridge_each_conference_is_lost_and_those_elsewhere_are_not() {
    let mut stage = Stage::new(["a", "b"]);
    stage.up(0, 20);
    stage.up(1, 10);
    stage.command(open("1.x"));
    stage.sound.handle_down(0, "cut");
    assert_eq!(stage.commands(), [(1, open("1.x"))]);
    stage.command(open("2.x"));
    stage.up(0, 20);
    assert_eq!(stage.command(open("3.x")), [(0, open("3.x"))]);
    stage.news();
    // It says so itself, and is not asked although its connection stands.
    stage.event(
        1,
        MediaEvent::Gone {
            words: "dead".into(),
        },
    );
    let moved: Vec<_> = stage.news();
    assert!(
        matches!(&moved[..], [News::Moved { .. }, News::Moved { .. }]),
        "{moved:?}"
    );
    stage.sound.handle_down(0, "cut again");
    let words = || "a is lost: cut again".to_owned();
    let lost = ["1", "2", "3"].map(|id| News::Lost {
        conference: conference(id),
        words: words(),
    });
    assert_eq!(stage.news(), lost);
    // What is closed then is of no bridge.
    assert_eq!(stage.command(MediaCommand::Close { leg: key("1.x") }), []);
}

#[test]
fn a_change_that_the_lost_bridge_did_not_answer_is_answered_by_the_other() {
    let mut stage = Stage::new(["a", "b", "c"]);
    stage.up(0, 30);
    stage.up(1, 20);
    stage.up(2, 10);
    let answered = || MediaEvent::OpenedWeb {
        leg: key("1.in"),
        answer: "yes".into(),
    };
    stage.command(offer("1.in", "one"));
    stage.event(0, answered());
    stage.command(join("1.in"));
    let change = reoffer("1.in", "two");
    assert_eq!(stage.command(change.clone()), [(0, change)]);
    stage.sound.handle_down(0, "cut");
    assert_eq!(stage.commands(), [(1, offer("1.in", "two"))]);
    // Another one, while that is under way, and the next bridge is lost too: each has its answer, in order.
    let change = reoffer("1.in", "three");
    assert_eq!(stage.command(change.clone()), [(1, change)]);
    stage.news();
    stage.sound.handle_down(1, "cut");
    assert_eq!(stage.commands(), [(2, offer("1.in", "three"))]);
    let failed = |news: &News| matches!(news, News::Event(MediaEvent::Failed { .. }));
    assert_eq!(stage.news().iter().filter(|news| failed(news)).count(), 1);
    assert_eq!(stage.event(2, answered()), [(2, join("1.in"))]);
    stage.event(2, answered());
}

#[test]
fn who_was_muted_before_the_port_was_there_is_muted_at_the_other_bridge() {
    let mut stage = Stage::new(["a", "b"]);
    stage.up(0, 20);
    stage.up(1, 10);
    stage.command(open("1.x"));
    stage.command(mute("1.x", true));
    stage.sound.handle_down(0, "cut");
    assert_eq!(stage.commands(), [(1, open("1.x"))]);
    assert_eq!(stage.event(1, opened("1.x", 1)), [(1, mute("1.x", true))]);
}

#[test]
fn what_a_full_bridge_has_no_room_for_goes_to_the_one_on_standby() {
    let mut stage = Stage::new(["a", "b", "standby"]);
    stage.up(0, 3);
    stage.up(1, 1);
    stage.up(2, 1_000);
    for leg in ["1.x", "1.y"] {
        assert_eq!(stage.command(open(leg)), [(0, open(leg))]);
    }
    stage.sound.handle_down(0, "cut");
    assert_eq!(stage.commands(), [(2, open("1.x")), (2, open("1.y"))]);
    assert_eq!(stage.command(open("2.x")), [(1, open("2.x"))]);
    assert_eq!(stage.command(open("3.x")), [(2, open("3.x"))]);
}

#[test]
fn a_conference_that_nobody_is_in_is_nowhere() {
    let mut stage = Stage::new(["a", "b"]);
    stage.up(0, 20);
    stage.up(1, 10);
    let close = MediaCommand::Close { leg: key("1.x") };
    stage.command(open("1.x"));
    stage.command(close.clone());
    stage.event(
        0,
        MediaEvent::Gone {
            words: "dead".into(),
        },
    );
    assert_eq!(stage.news(), [], "it has nothing to lose");
    assert_eq!(stage.command(open("1.x")), [(1, open("1.x"))]);
    // Where there is more room by the time that somebody comes back.
    stage.command(close);
    stage.up(0, 20);
    let over = MediaCommand::CloseMix {
        conference: conference("1"),
    };
    assert_eq!(stage.command(open("1.x")), [(1, over), (0, open("1.x"))]);
}

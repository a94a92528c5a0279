//! People: words in, words back to the address of record.

use convoke_types::report::{Change, ConferenceEnd, ConferenceEndReason};
use convoke_types::{Cause, EndReason, Fault, FaultCode, LegState, NumberRefusal};
use gateway_core::words::Language;
use gateway_core::words_address;
use soap_proto::{Answer, Operation, OperationName, Snapshot, Who};

use crate::scene::{Scene, conference, done, leg, report, with_leg};

const ALICE: &str = "sip:alice@example.org";

impl Scene {
    /// What the gateway tells alice next.
    fn hears(&mut self) -> String {
        let (to, body) = self.delivered();
        assert_eq!(to, ALICE);
        body
    }
    /// Alice says something that is answered after her conferences are learnt.
    fn says_with(&mut self, words: &str, conferences: Vec<Snapshot>) {
        assert_eq!(self.says("alice", words), 202);
        let (token, request) = self.call();
        assert_eq!(request.operation, Operation::List);
        self.service_answers(token, &request, Ok(Answer::List { conferences }));
    }
}

#[test]
fn a_conference_by_words_from_call_to_end() {
    let mut scene = Scene::new();
    assert_eq!(scene.says("alice", "call bob \"Carol Jones\""), 202);
    let (token, request) = scene.call();
    let Operation::Create(create) = &request.operation else {
        panic!("{request:?}")
    };
    assert_eq!(
        create.initiator.who,
        Who::Person("alice@example.org".into())
    );
    assert_eq!(create.participants.len(), 2);
    let address = words_address(&"alice@example.org".parse().unwrap(), Language::English);
    assert_eq!(request.headers.reply_to.as_ref(), Some(&address));
    assert_eq!(request.headers.expires.unwrap().seconds, 30);
    let snapshot = conference("c1", &[("Bob", "mobile"), ("Carol Jones", "work")]);
    scene.service_answers(token, &request, done(OperationName::Create, snapshot));
    assert_eq!(
        scene.hears(),
        "Calling Bob (mobile) and Carol Jones (work). I ring you first."
    );

    let create_id = request.headers.message_id.clone();
    let mut added = report(2, Some("Bob"), Change::Added);
    added.command = create_id;
    scene.reports(
        Some(&address),
        vec![report(1, None, Change::Created), added],
    );
    assert!(scene.sent.is_empty(), "the answer said so already");
    for (state, words) in [
        (LegState::Queued, None),
        (LegState::Dialling, None),
        (LegState::Ringing, Some("Bob: ringing")),
        (LegState::Confirming, Some("Bob: asked to press 1")),
        (LegState::Joined, Some("Bob is in the call.")),
        (LegState::Busy, Some("Bob: busy")),
        (LegState::Left, Some("Bob left.")),
    ] {
        scene.reports(Some(&address), vec![report(3, Some("Bob"), leg(state))]);
        match words {
            Some(words) => assert_eq!(scene.hears(), words),
            None => assert!(scene.sent.is_empty(), "{state}"),
        }
    }
    // Who is in and is called at another place stays in when they are not reached there.
    for (state, words) in [
        (LegState::Queued, None),
        (LegState::Ringing, Some("Bob (mobile): ringing")),
        (
            LegState::Busy,
            Some("Bob (mobile): busy; Bob stays in the call."),
        ),
        (LegState::Left, None),
    ] {
        let moving = match leg(state) {
            Change::Leg {
                leg, state, cause, ..
            } => Change::Leg {
                leg,
                state,
                cause,
                moving: true,
            },
            other => other,
        };
        scene.reports(Some(&address), vec![report(8, Some("Bob"), moving)]);
        match words {
            Some(words) => assert_eq!(scene.hears(), words),
            None => assert!(scene.sent.is_empty(), "{state}"),
        }
    }
    scene.reports(
        Some(&address),
        vec![report(9, Some("Bob"), Change::Talking { on: true })],
    );
    assert!(scene.sent.is_empty());
    let ended = Change::Ended {
        cause: ConferenceEnd {
            reason: ConferenceEndReason::OwnerLeft,
            words: "The owner left.".into(),
        },
    };
    scene.reports(Some(&address), vec![report(10, None, ended)]);
    assert_eq!(
        scene.hears(),
        "The conference has ended: whoever started it left."
    );
}

#[test]
fn an_owner_who_was_not_reached_is_told_from_one_who_left() {
    let alice = "alice@example.org".parse().unwrap();
    for (language, words, said) in [
        (
            Language::English,
            "Alice left",
            "The conference has ended: whoever started it left.",
        ),
        (
            Language::English,
            "Alice was not reached: busy (486)",
            "The conference has ended: whoever started it was not reached.",
        ),
        (
            Language::German,
            "Alice left",
            "Die Konferenz ist zu Ende: wer sie begann, ist weg.",
        ),
        (
            Language::German,
            "Alice was not reached: busy (486)",
            "Die Konferenz ist zu Ende: wer sie begann, wurde nicht erreicht.",
        ),
    ] {
        let mut scene = Scene::new();
        let ended = Change::Ended {
            cause: ConferenceEnd {
                reason: ConferenceEndReason::OwnerLeft,
                words: words.into(),
            },
        };
        scene.reports(
            Some(&words_address(&alice, language)),
            vec![report(3, None, ended)],
        );
        assert_eq!(scene.hears(), said, "{words}");
    }
}

#[test]
fn reports_in_words_survive_a_restart_of_the_gateway() {
    let address = words_address(&"alice@example.org".parse().unwrap(), Language::German);
    let mut scene = Scene::new();
    assert_eq!(
        scene.reports(
            Some(&address),
            vec![report(3, Some("Bob"), leg(LegState::Joined))]
        ),
        200
    );
    assert_eq!(scene.hears(), "Bob ist im Gespräch.");
}

#[test]
fn a_name_is_found_in_the_only_conference() {
    let people = [
        ("Bob Miller", "mobile"),
        ("Carol", "work"),
        ("number …07", "number …07"),
        ("Number …08", "outside"),
    ];
    for (words, operation, answer) in [
        (
            "mute +15550108",
            OperationName::Mute,
            "Number …08 is muted.",
        ),
        ("mute bob", OperationName::Mute, "Bob Miller is muted."),
        (
            "unmute Bob Miller",
            OperationName::Unmute,
            "Bob Miller can be heard again, unless they muted themselves.",
        ),
        (
            "drop carol@example.org",
            OperationName::Disconnect,
            "Hanging up on Carol.",
        ),
        (
            "remove car",
            OperationName::Remove,
            "Carol is off the list.",
        ),
        (
            "redial +15550107",
            OperationName::Call,
            "Calling number …07 again.",
        ),
        ("stumm mich", OperationName::Mute, "Alice ist stumm."),
        (
            "add dave (mobile)",
            OperationName::Add,
            "Calling dave (mobile) too.",
        ),
        (
            "floor bob",
            OperationName::GiveFloor,
            "Bob Miller has the floor.",
        ),
        (
            "lower carol",
            OperationName::LowerHand,
            "Carol's hand is down.",
        ),
        (
            "ernenne carol",
            OperationName::MakeModerator,
            "Carol moderiert jetzt mit.",
        ),
        (
            "hand over to carol",
            OperationName::HandOver,
            "The conference is Carol's now.",
        ),
        ("lock", OperationName::Lock, "The conference is locked."),
        ("öffne", OperationName::Unlock, "Die Konferenz ist offen."),
        (
            "mute all",
            OperationName::MuteAll,
            "All participants are muted.",
        ),
        (
            "laut alle",
            OperationName::UnmuteAll,
            "Alle Teilnehmer sind wieder zu hören, außer bei eigener Stummschaltung.",
        ),
        (
            "drop all",
            OperationName::DisconnectAll,
            "Hanging up on everybody else.",
        ),
        ("end", OperationName::End, "Ending the conference."),
    ] {
        let mut scene = Scene::new();
        let snapshot = conference("c1", &people);
        scene.says_with(words, vec![snapshot.clone()]);
        let (token, request) = scene.call();
        assert_eq!(request.operation.name(), operation, "{words}");
        assert_eq!(request.operation.conference().unwrap().as_str(), "c1");
        assert!(request.headers.message_id.is_some() && request.headers.expires.is_some());
        scene.service_answers(token, &request, done(operation, snapshot));
        assert_eq!(scene.hears(), answer, "{words}");
    }
}

#[test]
fn ones_own_mute_is_told_once_and_another_persons_is_told_too() {
    let mut scene = Scene::new();
    let address = words_address(&"alice@example.org".parse().unwrap(), Language::English);
    let snapshot = conference("c1", &[("Bob", "mobile")]);
    for (user, heard_again) in [("alice", false), ("bob", true)] {
        assert_eq!(scene.says(user, "mute bob"), 202);
        let (token, request) = scene.call();
        let conferences = vec![snapshot.clone()];
        scene.service_answers(token, &request, Ok(Answer::List { conferences }));
        let (token, request) = scene.call();
        scene.service_answers(token, &request, done(OperationName::Mute, snapshot.clone()));
        assert_eq!(scene.delivered().0, format!("sip:{user}@example.org"));
        let mut muted = report(7, Some("Bob"), Change::Muted { on: true, by: None });
        muted.command = request.headers.message_id;
        scene.reports(Some(&address), vec![muted]);
        assert_eq!(!scene.sent.is_empty(), heard_again, "{user}");
    }
}

#[test]
fn what_is_not_clear_is_asked_back() {
    let one = || {
        conference(
            "c1",
            &[
                ("Bob", "mobile"),
                ("Bob Miller", "work"),
                ("Eva Miller", "home"),
            ],
        )
    };
    let two = || conference("c2", &[("Bob", "mobile"), ("Dave", "work")]);
    for (words, conferences, answer) in [
        ("mute bob", vec![], "You are in no conference."),
        (
            "mute zoe",
            vec![one()],
            "Nobody here is called \"zoe\". There are: Alice, Bob, Bob Miller, Eva Miller",
        ),
        (
            "mute miller",
            vec![one()],
            "p3 – Bob Miller (work)\np4 – Eva Miller (home)",
        ),
        (
            "mute bob",
            vec![one(), two()],
            "say which, for example \"in 1\"",
        ),
        ("end", vec![one(), two()], "say which"),
        ("end in 3", vec![one(), two()], "say which"),
        ("stumm bob", vec![], "Du bist in keiner Konferenz."),
    ] {
        let mut scene = Scene::new();
        scene.says_with(words, conferences);
        assert!(scene.calls.is_empty(), "{words}");
        let heard = scene.hears();
        assert!(heard.contains(answer), "{words}: {heard}");
    }
    // Clear after all: only one of them has a Dave; or it is said which.
    for (words, id) in [
        ("mute dave", "c2"),
        ("mute bob in 2", "c2"),
        ("end in 1", "c1"),
    ] {
        let mut scene = Scene::new();
        scene.says_with(words, vec![one(), two()]);
        assert_eq!(
            scene.call().1.operation.conference().unwrap().as_str(),
            id,
            "{words}"
        );
    }
}

#[test]
fn what_concerns_oneself_is_said_without_a_name_and_meant_where_it_fits() {
    let now = soap_proto::UtcMillis(0);
    let here = |id: &str, state, hand| {
        let mut conference = conference(id, &[("Bob", "mobile")]);
        let alice = conference.participants[0].clone();
        conference.participants[0] = with_leg(alice, state, now);
        conference.participants[0].hand = hand;
        conference
    };
    let in_one = || {
        vec![
            here("c1", LegState::Joined, None),
            here("c2", LegState::Left, None),
        ]
    };
    let rung = || {
        vec![
            here("c1", LegState::Left, None),
            here("c2", LegState::Ringing, None),
        ]
    };
    let up = || vec![here("c1", LegState::Joined, Some(1))];
    for (words, conferences, id, operation, answer) in [
        (
            "hand",
            in_one(),
            "c1",
            OperationName::RaiseHand,
            "Your hand is up.",
        ),
        (
            "senken",
            up(),
            "c1",
            OperationName::LowerHand,
            "Deine Hand ist unten.",
        ),
        (
            "decline in a meeting",
            rung(),
            "c2",
            OperationName::Decline,
            "You are not called any more.",
        ),
    ] {
        let mut scene = Scene::new();
        let snapshot = conferences[0].clone();
        scene.says_with(words, conferences);
        let (token, request) = scene.call();
        assert_eq!(request.operation.name(), operation, "{words}");
        assert_eq!(request.operation.conference().unwrap().as_str(), id);
        if let Operation::Decline { words, .. } = &request.operation {
            assert_eq!(words.as_deref(), Some("in a meeting"));
        }
        scene.service_answers(token, &request, done(operation, snapshot));
        assert_eq!(scene.hears(), answer, "{words}");
    }
    for (words, conferences, answer) in [
        ("hand", rung(), "You are not in a call"),
        ("lower", in_one(), "Your hand is not up."),
        ("ablehnen", in_one(), "Dich ruft gerade niemand an."),
        ("raise bob's hand", vec![], "Only bob can do that."),
    ] {
        let mut scene = Scene::new();
        match conferences.is_empty() {
            true => assert_eq!(scene.says("alice", words), 202),
            false => scene.says_with(words, conferences),
        }
        assert!(scene.calls.is_empty(), "{words}");
        let heard = scene.hears();
        assert!(heard.contains(answer), "{words}: {heard}");
    }
}

#[test]
fn hands_roles_and_the_lock_are_told_to_who_did_not_ask_for_them() {
    let address = words_address(&"alice@example.org".parse().unwrap(), Language::English);
    let mut scene = Scene::new();
    for (who, change, words) in [
        (Some("Bob"), Change::Hand { on: true }, "Bob raises a hand."),
        (
            Some("Bob"),
            Change::Hand { on: false },
            "Bob's hand is down.",
        ),
        (Some("Bob"), Change::Role, "Bob takes part now."),
        (
            None,
            Change::Locked { on: true },
            "The conference is locked.",
        ),
        (
            None,
            Change::Locked { on: false },
            "The conference is open.",
        ),
    ] {
        scene.reports(Some(&address), vec![report(3, who, change)]);
        assert_eq!(scene.hears(), words);
    }
    let mut appointed = report(4, Some("Bob"), Change::Role);
    appointed.participant.as_mut().unwrap().role = convoke_types::Role::Moderator;
    scene.reports(Some(&address), vec![appointed]);
    assert_eq!(scene.hears(), "Bob is a moderator now.");
}

#[test]
fn who_lists_states_and_times() {
    let mut scene = Scene::new();
    scene.wait(200_000);
    let mut snapshot = conference("c1", &[("Bob", "mobile"), ("Carol", "")]);
    snapshot.title = "Plan".to_owned();
    let now = scene.wall();
    let before = |ms: u64| soap_proto::UtcMillis(now.0 - ms);
    snapshot.participants[0] = with_leg(
        snapshot.participants[0].clone(),
        LegState::Joined,
        before(130_000),
    );
    snapshot.participants[0].talking = true;
    snapshot.participants[0].hand = Some(1);
    snapshot.locked = true;
    snapshot.participants[1] = with_leg(
        snapshot.participants[1].clone(),
        LegState::Ringing,
        before(5_000),
    );
    let mut leg = snapshot.participants[0].leg.clone().unwrap();
    leg.state = LegState::Ringing;
    let place = "home".to_owned();
    let moving = |leg| Some(soap_proto::MovingSnapshot { place, leg });
    let mut ringing = snapshot.clone();
    ringing.participants[0].moving = moving.clone()(leg.clone());
    scene.says_with("who", vec![ringing]);
    assert!(scene.hears().contains("hand up (1), home: ringing"));
    // That nobody answered there is not told for ever.
    leg.state = LegState::NoAnswer;
    snapshot.participants[0].moving = moving(leg);
    scene.says_with("who", vec![snapshot]);
    assert_eq!(
        scene.hears(),
        "Plan (locked):\n  Alice (mobile): in the call 2:10, talking, hand up (1)\n  Bob (mobile): ringing 0:05\n  Carol: not called"
    );
}

#[test]
fn a_long_roster_is_fetched_in_pages_until_the_name_is_found() {
    let people: Vec<(String, String)> = (0..40)
        .map(|n| (format!("Person{n}"), "work".to_owned()))
        .collect();
    let people: Vec<(&str, &str)> = people
        .iter()
        .map(|(n, p)| (n.as_str(), p.as_str()))
        .collect();
    let whole = conference("c1", &people);
    let mut first = whole.clone();
    first.participants.truncate(15);
    let mut scene = Scene::new();
    scene.says_with("mute person39", vec![first]);
    for from in [15, 30] {
        let (token, request) = scene.call();
        let Operation::Get { first, .. } = request.operation else {
            panic!("{request:?}")
        };
        assert_eq!(first, Some(from));
        let from_index = usize::try_from(from).unwrap();
        let mut page = whole.clone();
        page.first = from;
        page.participants = whole
            .participants
            .iter()
            .skip(from_index)
            .take(15)
            .cloned()
            .collect();
        let answer = Answer::Get {
            conference: page,
            reports: Vec::new(),
        };
        scene.service_answers(token, &request, Ok(answer));
    }
    let (_, request) = scene.call();
    assert!(
        matches!(request.operation, Operation::Mute { participant, .. } if participant.as_str() == "p41")
    );
}

#[test]
fn faults_are_told_in_the_language_of_the_words_and_name_who_is_meant() {
    let mut scene = Scene::new();
    let none = || Fault::new(FaultCode::NoTelephone, "a telephone", "zoe without one");
    let state = || Fault::new(FaultCode::WrongState, "somebody else", "Bob, In the call");
    let abroad = "a number at home or in a permitted country";
    for (words, fault, answer) in [
        (
            "call zoe",
            Fault::new(
                FaultCode::UnknownPerson,
                "a person",
                "a name of several people",
            )
            .about(1),
            "I know nobody called zoe, or several people. Try user@domain",
        ),
        (
            "ruf zoe (mobile) an",
            none().about(1),
            "Für zoe (mobile) ist kein Telefon bekannt.",
        ),
        (
            "ruf zoe an",
            none().about(0),
            "So ein Telefon ist von dir nicht bekannt",
        ),
        (
            "call bob +88212345678",
            Fault::number(NumberRefusal::Abroad, abroad, "•••78 abroad").about(2),
            "I may not call +88212345678: the number is abroad",
        ),
        (
            "ruf +88212345678 an",
            Fault::number(NumberRefusal::Abroad, abroad, "•••78 abroad").about(1),
            "Ich darf +88212345678 nicht anrufen: die Nummer liegt im Ausland",
        ),
        (
            "ruf bob an",
            Fault::new(FaultCode::LimitReached, "at most 9 participants", "10"),
            "Das ist zu viel: 10 statt höchstens 9.",
        ),
        (
            "ruf bob an",
            Fault::new(FaultCode::BadRequest, "a name", "none"),
            "So, wie es gesagt wurde, geht es nicht: „expected a name, came none“",
        ),
        ("ruf bob an", state(), "Das passt gerade nicht. Sag \"wer\""),
        (
            "call bob",
            Fault::new(FaultCode::Overloaded, "", ""),
            "Nobody was called",
        ),
        (
            "ruf bob an",
            Fault::new(FaultCode::Overloaded, "", ""),
            "Niemand wurde angerufen",
        ),
    ] {
        scene.says("alice", words);
        let (token, request) = scene.call();
        scene.service_answers(token, &request, Err(fault));
        let heard = scene.hears();
        assert!(heard.contains(answer), "{words}: {heard}");
    }
    // Who is added is named, too, and who is called again.
    for (words, answer) in [
        ("dazu dave", "Für dave ist kein Telefon bekannt."),
        ("redial bob", "No telephone is known for Bob."),
    ] {
        scene.says_with(words, vec![conference("c1", &[("Bob", "mobile")])]);
        let (token, request) = scene.call();
        scene.service_answers(token, &request, Err(none().about(0)));
        assert_eq!(scene.hears(), answer, "{words}");
    }
    // What no schema takes is refused here, before anything is called.
    scene.says("alice", &format!("call {}", "1".repeat(50)));
    assert!(scene.calls.is_empty());
    let heard = scene.hears();
    assert!(heard.contains("expected a telephone number"), "{heard}");
}

#[test]
fn what_fails_is_told_in_the_language_of_who_is_told() {
    let alice = "alice@example.org".parse().unwrap();
    let failed = |reason| Change::Leg {
        leg: "l2".parse().unwrap(),
        state: LegState::Failed,
        cause: Some(Cause {
            reason,
            sip: None,
            q850: None,
            words: "Janus refuses it (499: words of its own)".into(),
        }),
        moving: false,
    };
    let ended = |reason, words: String| Change::Ended {
        cause: ConferenceEnd { reason, words },
    };
    let lost = format!("{}Janus was restarted", ConferenceEnd::BRIDGE_LOST);
    let error = ConferenceEndReason::Error;
    for (change, english, german) in [
        (
            failed(EndReason::Media),
            "Bob: failed (no sound could be set up)",
            "Bob: gescheitert (der Ton kam nicht zustande)",
        ),
        (
            failed(EndReason::NoLine),
            "Bob: failed (all lines are in use)",
            "Bob: gescheitert (alle Leitungen sind belegt)",
        ),
        (
            ended(error, lost),
            "The conference has ended: the connection to the conference bridge was lost.",
            "Die Konferenz ist zu Ende: die Verbindung zur Konferenzbrücke ging verloren.",
        ),
        (
            ended(error, format!("{}10 min", ConferenceEnd::NOBODY_SPOKE)),
            "The conference has ended: nobody spoke for 10 min.",
            "Die Konferenz ist zu Ende: 10 min lang sprach niemand.",
        ),
        (
            ended(error, "another one".to_owned()),
            "The conference has ended: there was a fault.",
            "Die Konferenz ist zu Ende: es gab einen Fehler.",
        ),
        (
            ended(
                ConferenceEndReason::Shutdown,
                "the server is going down".to_owned(),
            ),
            "The conference has ended: the server is going down.",
            "Die Konferenz ist zu Ende: der Server wird angehalten.",
        ),
    ] {
        for (language, said) in [(Language::English, english), (Language::German, german)] {
            let mut scene = Scene::new();
            let address = words_address(&alice, language);
            scene.reports(Some(&address), vec![report(3, Some("Bob"), change.clone())]);
            assert_eq!(scene.hears(), said);
        }
    }
}

#[test]
fn words_that_a_foreign_server_kept_too_long_ring_nobody() {
    let mut scene = Scene::new();
    let wall = scene.wall();
    let mut message = scene.message("alice", "text/plain", "call bob");
    message.sent = Some(soap_proto::UtcMillis(wall.0 - 31_000));
    assert_eq!(scene.give(message), 202);
    assert!(scene.calls.is_empty());
    assert!(scene.hears().contains("too late"));
    let mut message = scene.message("alice", "text/plain", "call bob");
    message.sent = Some(soap_proto::UtcMillis(wall.0 - 6_000));
    message.expires_s = Some(5);
    scene.give(message);
    assert!(scene.hears().contains("too late"));
    let mut message = scene.message("alice", "text/plain", "call bob");
    message.sent = Some(soap_proto::UtcMillis(wall.0 - 2_000));
    scene.give(message);
    assert_eq!(scene.calls.len(), 1);
}

#[test]
fn what_is_not_text_is_answered_kindly() {
    let mut scene = Scene::new();
    let message = scene.message("alice", "text/plain", vec![0xff, 0xfe]);
    assert_eq!(scene.give(message), 202);
    assert!(scene.hears().contains("UTF-8"));
    scene.says("alice", "cal bob");
    assert_eq!(
        scene.hears(),
        "I do not know \"cal\". Did you mean \"call\"? \"help\" lists what I know."
    );
    scene.says("alice", "hilfe");
    assert!(scene.hears().contains("ruf bob"));
}

#[test]
fn lines_that_wait_are_sent_together() {
    let mut scene = Scene::new();
    let address = words_address(&"alice@example.org".parse().unwrap(), Language::English);
    for name in ["Bob", "Carol", "Dave"] {
        scene.reports(
            Some(&address),
            vec![report(3, Some(name), leg(LegState::Ringing))],
        );
    }
    assert_eq!(scene.hears(), "Bob: ringing");
    assert_eq!(scene.hears(), "Carol: ringing\nDave: ringing");
}

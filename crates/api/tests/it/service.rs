//! Commands, their repeats, refusals, and what is left after the end.

use api::Caller;
use convoke_types::bridge::{BridgeCommand, LegEvent};
use convoke_types::report::Change;
use convoke_types::{Cause, EndReason, FaultCode, LegKey, LegState};
use soap_proto::{
    Answer, CallAt, ConferenceState, Expires, Operation, Party, Request, UtcMillis, Who,
};
use store::Store;

use crate::stage::{Stage, aor, create, people, snapshot};

fn hung_up() -> LegEvent {
    let cause = Cause {
        reason: EndReason::HungUp,
        sip: None,
        q850: None,
        words: "Hung up.".into(),
    };
    LegEvent::Ended {
        state: LegState::Left,
        cause,
    }
}

#[tokio::test]
async fn a_conference_runs_from_creation_to_its_remembered_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    people(&store).await;
    let mut stage = Stage::start(&store);

    let made = snapshot(stage.ask(&create("m1", &["bob", "carol"]), "alice").await);
    assert_eq!(
        (made.state, made.participants.len()),
        (ConferenceState::Starting, 3)
    );
    let (alice, number) = stage.next_dial().await;
    assert_eq!(number, "+15550101", "the initiator first");
    assert!(
        stage.dialled.try_recv().is_err(),
        "nobody else before she has joined"
    );
    stage.join(&alice).await;
    let (bob, _) = stage.next_dial().await;
    let (carol, _) = stage.next_dial().await;
    stage.happen(&carol, LegEvent::Dialling).await;
    stage.join(&bob).await;

    let wait = Operation::Get {
        conference: made.id.clone(),
        since: Some(made.version),
        wait_ms: Some(25_000),
        first: None,
    };
    let news = stage
        .ask(&Request::new(wait, "g1".parse().unwrap()), "alice")
        .await;
    let Answer::Get { reports, .. } = news.outcome.unwrap() else {
        panic!("expected the answer to get")
    };
    assert_eq!(
        reports.first().map(|report| report.version),
        Some(made.version + 1)
    );

    stage.happen(&alice, hung_up()).await;
    let mut released = Vec::new();
    while released.len() < 2 {
        if let BridgeCommand::Release { leg } = stage.dialled.recv().await.unwrap() {
            released.push(leg);
        }
    }
    assert!(released.contains(&bob) && released.contains(&carol));
    for leg in released {
        stage.happen(&leg, hung_up()).await;
    }
    let mut since = made.version;
    let last = loop {
        let get = Operation::Get {
            conference: made.id.clone(),
            since: Some(since),
            wait_ms: Some(25_000),
            first: None,
        };
        let answer = stage
            .ask(&Request::new(get, "g2".parse().unwrap()), "bob")
            .await;
        let Answer::Get {
            conference,
            reports,
        } = answer.outcome.unwrap()
        else {
            panic!("expected the answer to get")
        };
        for report in reports {
            assert_eq!(report.version, since + 1, "no gap");
            since = report.version;
        }
        if conference.state == ConferenceState::Ended {
            break conference;
        }
    };
    assert!(
        last.participants
            .iter()
            .all(|p| p.leg.as_ref().is_some_and(|leg| leg.state.is_end()))
    );
    let outsider = Operation::Get {
        conference: made.id.clone(),
        since: None,
        wait_ms: None,
        first: None,
    };
    let refused = stage
        .ask(&Request::new(outsider, "g3".parse().unwrap()), "dave")
        .await;
    assert_eq!(
        refused.outcome.unwrap_err().code,
        FaultCode::UnknownConference
    );

    stage.tasks.shutdown_token().cancel();
    let record = store.conference(&made.id).await.unwrap().unwrap();
    assert_eq!(record.owner, aor("alice"));
    assert!(record.ended.is_some());
    let legs = store.legs(&made.id).await.unwrap();
    assert_eq!(legs.len(), 3);
    assert!(
        legs.iter()
            .all(|leg| leg.ended.is_some() && leg.times.dialled.is_some())
    );
}

#[tokio::test]
async fn a_repeated_command_gets_the_first_answer_and_dials_nobody_twice_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    people(&store).await;
    let mut stage = Stage::start(&store);
    let command = create("m1", &["bob"]);
    let (first, twin) = tokio::join!(stage.ask(&command, "alice"), stage.ask(&command, "alice"));
    assert_eq!(first, twin, "two at the same moment");
    assert_eq!(stage.ask(&command, "alice").await, first);
    // A repeat that comes after the command's time, too: it calls nobody.
    let mut late = command.clone();
    late.headers.expires = Some(Expires {
        sent: UtcMillis(1_000),
        seconds: 30,
    });
    assert_eq!(stage.ask(&late, "alice").await, first);
    stage.next_dial().await;

    let other = stage.ask(&create("m1", &["carol"]), "alice").await;
    assert_eq!(other.outcome.unwrap_err().code, FaultCode::CommandIdReused);
    let anothers = stage.ask(&create("m1", &[]), "bob").await;
    assert_eq!(
        anothers.outcome.unwrap_err().code,
        FaultCode::NotAllowed,
        "bob's m1 is another command"
    );
    stage.tasks.shutdown_token().cancel();

    let mut again = Stage::start(&store);
    assert_eq!(again.ask(&command, "alice").await, first, "after a restart");
    assert!(again.dialled.try_recv().is_err());
}

/// A window whose server was killed asks, once it is back, what became of its conference.
#[tokio::test]
async fn after_a_crash_those_who_were_in_it_are_told_how_their_conference_ended() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    people(&store).await;
    let mut stage = Stage::start(&store);
    let made = snapshot(stage.ask(&create("m1", &["bob"]), "alice").await);
    let (alice, _) = stage.next_dial().await;
    stage.join(&alice).await;
    let (bob, _) = stage.next_dial().await;
    stage.join(&bob).await;
    stage.tasks.shutdown_token().cancel();
    store.close_open_records(5_000, "it crashed").await.unwrap();

    let again = Stage::start(&store);
    let get = |since| {
        let operation = Operation::Get {
            conference: made.id.clone(),
            since: Some(since),
            wait_ms: None,
            first: None,
        };
        Request::new(operation, "g1".parse().unwrap())
    };
    for (who, since) in [("alice", 40), ("bob", 0)] {
        let answer = again.ask(&get(since), who).await;
        let Answer::Get {
            conference,
            reports,
        } = answer.outcome.unwrap()
        else {
            panic!("expected the answer to get")
        };
        assert_eq!(conference.state, ConferenceState::Ended);
        let legs = conference.participants.iter().map(|one| one.leg.as_ref());
        assert!(legs.clone().all(|leg| leg.unwrap().state.is_end()));
        assert_eq!(legs.count(), 2);
        let [last] = &*reports else {
            panic!("one report, not {reports:?}")
        };
        assert!(last.version > since && last.version == conference.version);
        let Change::Ended { cause } = &last.change else {
            panic!("it says how it ended, not {last:?}")
        };
        assert_eq!(cause.words, "it crashed");
    }
    let refused = again.ask(&get(0), "carol").await;
    assert_eq!(
        refused.outcome.unwrap_err().code,
        FaultCode::UnknownConference
    );
}

#[tokio::test]
async fn what_is_late_unknown_or_not_asserted_is_refused_and_dials_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    people(&store).await;
    let mut stage = Stage::start(&store);

    let mut late = create("late", &["bob"]);
    late.headers.expires = Some(Expires {
        sent: UtcMillis(1_000),
        seconds: 30,
    });
    assert_eq!(
        stage.ask(&late, "alice").await.outcome.unwrap_err().code,
        FaultCode::Expired
    );
    let nobody = stage.ask(&create("x1", &["zoe"]), "alice").await;
    assert_eq!(nobody.outcome.unwrap_err().code, FaultCode::UnknownPerson);

    let unasserted = stage.raw(&create("x2", &["bob"]), Caller::Gateway).await;
    let fault = soap_proto::parse_response(&unasserted.envelope)
        .unwrap()
        .outcome
        .unwrap_err();
    assert_eq!(fault.code, FaultCode::Unauthenticated);
    let mut forged = create("x3", &["bob"]);
    forged.headers.asserted = Some(aor("alice"));
    let eve = Caller::Person {
        aor: aor("bob"),
        scopes: vec![api::SCOPE_CONFERENCE.into()],
        token: None,
    };
    let refused = stage.raw(&forged, eve).await;
    let fault = soap_proto::parse_response(&refused.envelope)
        .unwrap()
        .outcome
        .unwrap_err();
    assert_eq!(fault.code, FaultCode::NotAllowed);

    let broken = stage
        .service
        .handle(b"<nonsense", Ok(Caller::Gateway))
        .await;
    let fault = soap_proto::parse_response(&broken.envelope)
        .unwrap()
        .outcome
        .unwrap_err();
    assert_eq!(fault.code, FaultCode::BadRequest);
    assert!(stage.dialled.try_recv().is_err());
}

/// The leg that the bridge is told to take for a call.
async fn admitted(stage: &mut Stage) -> LegKey {
    loop {
        if let BridgeCommand::Admit { leg, .. } = stage.dialled.recv().await.unwrap() {
            return leg;
        }
    }
}

#[tokio::test]
async fn somebody_is_called_where_they_say_or_calls_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    people(&store).await;
    let mut stage = Stage::start(&store);
    let mut command = create("m1", &["bob", "carol"]);
    if let Operation::Create(create) = &mut command.operation {
        create.initiator.place = Some("Browser".into());
    }
    let made = snapshot(stage.ask(&command, "alice").await);
    let alice = &made.participants[0];
    assert_eq!(alice.place, "browser");
    let state = alice.leg.as_ref().map(|leg| leg.state);
    assert_eq!(state, Some(LegState::Dialling), "nobody dials her");
    stage.arrive("call-1", &made.id, "alice").await;
    let alice = admitted(&mut stage).await;
    stage.happen(&alice, LegEvent::Answered).await;
    stage.happen(&alice, LegEvent::Joined).await;
    let (bob, number) = stage.next_dial().await;
    assert_eq!(number, "+15550102");
    stage.happen(&bob, hung_up()).await;
    let bob = made.participants[1].id.clone();
    let call = |id: &str, at: Option<CallAt>| {
        let call = Operation::Call {
            conference: made.id.clone(),
            participant: bob.clone(),
            at,
        };
        Request::new(call, id.parse().unwrap())
    };
    // That bob's telephone is free again may still be on its way; a command that is refused needs another id.
    let mut tries = 0;
    let called = loop {
        tries += 1;
        let at = CallAt::Number("555-0199".into());
        let answer = stage
            .ask(&call(&format!("n{tries}"), Some(at)), "bob")
            .await;
        match &answer.outcome {
            Err(fault) if fault.code == FaultCode::WrongState => tokio::task::yield_now().await,
            _ => break snapshot(answer),
        }
    };
    assert_eq!(called.participants[1].place, "number …99");
    assert_eq!(called.participants[1].name, "BOB Test");
    loop {
        let (leg, number) = stage.next_dial().await;
        if number == "+15550199" {
            stage.happen(&leg, LegEvent::Dialling).await;
            break;
        }
    }
    // His own client is quicker than that telephone.
    stage.arrive("call-2", &made.id, "bob").await;
    let bobs = admitted(&mut stage).await;
    stage.happen(&bobs, LegEvent::Answered).await;
    for (id, at, user, code) in [
        ("m4", CallAt::Place("yacht".into()), "bob", "no-telephone"),
        (
            "m5",
            CallAt::Number("+442079460199".into()),
            "bob",
            "number-refused",
        ),
        (
            "m6",
            CallAt::Place("yacht".into()),
            "dave",
            "unknown-conference",
        ),
        ("m7", CallAt::Place("work".into()), "alice", "wrong-state"),
    ] {
        let answer = stage.ask(&call(id, Some(at)), user).await;
        assert_eq!(answer.outcome.unwrap_err().code.as_str(), code, "{id}");
    }
    stage.arrive("call-3", &made.id, "dave").await;
    let refused = loop {
        if let BridgeCommand::Refuse { call, sip, .. } = stage.dialled.recv().await.unwrap() {
            break (call, sip);
        }
    };
    assert_eq!(refused, ("call-3".to_owned(), 404));
    let legs = store.legs(&made.id).await.unwrap();
    let open = legs.iter().filter(|leg| leg.address == "client").count();
    assert_eq!(open, 2, "{legs:?}");
}

#[tokio::test]
async fn hands_roles_and_the_lock_are_commanded_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    people(&store).await;
    let mut stage = Stage::start(&store);
    let made = snapshot(stage.ask(&create("m1", &["bob"]), "alice").await);
    let (alice, _) = stage.next_dial().await;
    stage.join(&alice).await;
    let (bob, _) = stage.next_dial().await;
    stage.join(&bob).await;
    let conference = made.id.clone();
    let get = Operation::Get {
        conference: conference.clone(),
        since: None,
        wait_ms: None,
        first: None,
    };
    let get = Request::new(get, "g1".parse().unwrap());
    while !joined(&snapshot(stage.ask(&get, "alice").await)) {
        tokio::task::yield_now().await;
    }
    let (alice, bob) = (
        made.participants[0].id.clone(),
        made.participants[1].id.clone(),
    );
    let raise = Operation::RaiseHand {
        conference: conference.clone(),
        participant: bob.clone(),
    };
    let lock = Operation::Lock {
        conference: conference.clone(),
    };
    let hand_over = Operation::HandOver {
        conference: conference.clone(),
        participant: bob,
    };
    let after = snapshot(
        stage
            .ask(&Request::new(raise, "m2".parse().unwrap()), "bob")
            .await,
    );
    let hand = &after.participants[1];
    assert_eq!(hand.hand, Some(1));
    assert!(
        hand.hand_since
            .is_some_and(|since| since.0 > 1_000_000_000_000)
    );
    let after = snapshot(
        stage
            .ask(&Request::new(lock, "m3".parse().unwrap()), "alice")
            .await,
    );
    assert!(after.locked);
    let over = Request::new(hand_over, "m4".parse().unwrap());
    let after = snapshot(stage.ask(&over, "alice").await);
    let roles: Vec<_> = after
        .participants
        .iter()
        .map(|one| one.role.as_str())
        .collect();
    assert_eq!(roles, ["moderator", "owner"]);
    // The reports say the same as the answers.
    let since = Operation::Get {
        conference: conference.clone(),
        since: Some(made.version),
        wait_ms: None,
        first: None,
    };
    let answer = stage
        .ask(&Request::new(since, "g2".parse().unwrap()), "bob")
        .await;
    let Answer::Get { reports, .. } = answer.outcome.unwrap() else {
        panic!("expected the answer to get")
    };
    let mut board = made.clone();
    for report in &reports {
        board.apply(report, UtcMillis(1));
    }
    assert_eq!((board.version, board.locked), (after.version, true));
    for (one, told) in after.participants.iter().zip(&board.participants) {
        assert_eq!((one.role, one.hand), (told.role, told.hand));
    }
    let decline = Operation::Decline {
        conference,
        participant: alice,
        words: None,
    };
    let refused = stage
        .ask(&Request::new(decline, "m5".parse().unwrap()), "alice")
        .await;
    assert_eq!(refused.outcome.unwrap_err().code, FaultCode::WrongState);
}

#[tokio::test]
async fn a_command_whose_asker_hangs_up_comes_to_its_end_and_its_repeat_gets_that_answer() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    people(&store).await;
    let mut stage = Stage::start(&store);
    let command = create("m1", &["bob"]);
    tokio::select! {
        biased;
        _ = stage.ask(&command, "alice") => panic!("no disk is that fast"),
        // The HTTP server drops the answer's future when the connection closes.
        () = std::future::ready(()) => {}
    }
    let first = stage.ask(&command, "alice").await;
    let made = snapshot(first.clone());
    let (dialled, _) = stage.next_dial().await;
    assert_eq!(dialled.conference, made.id);
    assert_eq!(stage.ask(&command, "alice").await, first);
    assert!(stage.dialled.try_recv().is_err(), "nobody is dialled twice");
}

#[tokio::test]
async fn a_command_that_calls_nobody_and_cannot_be_stored_leaves_the_conference_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    people(&store).await;
    let mut stage = Stage::start(&store);
    let made = snapshot(stage.ask(&create("m1", &["bob"]), "alice").await);
    let (alice, _) = stage.next_dial().await;
    stage.join(&alice).await;
    let (bob, _) = stage.next_dial().await;
    stage.join(&bob).await;
    let state = |id: &str| {
        let get = Operation::Get {
            conference: made.id.clone(),
            since: None,
            wait_ms: None,
            first: None,
        };
        Request::new(get, id.parse().unwrap())
    };
    while !joined(&snapshot(stage.ask(&state("g1"), "alice").await)) {
        tokio::task::yield_now().await;
    }

    sqlite_refuses_answers(dir.path());
    let mute = Operation::Mute {
        conference: made.id.clone(),
        participant: made.participants[1].id.clone(),
    };
    let mute = Request::new(mute, "m2".parse().unwrap());
    let refused = stage.ask(&mute, "alice").await;
    assert_eq!(refused.outcome.unwrap_err().code, FaultCode::Internal);
    let after = snapshot(stage.ask(&state("g2"), "alice").await);
    assert!(joined(&after), "{after:?}");
    while let Ok(command) = stage.dialled.try_recv() {
        let hangs_up = matches!(command, BridgeCommand::Release { .. });
        assert!(!hangs_up, "{command:?}");
    }
}

#[tokio::test]
async fn whom_a_command_calls_that_cannot_be_stored_is_not_dialled_and_the_others_talk_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    people(&store).await;
    let mut stage = Stage::start(&store);
    let made = snapshot(stage.ask(&create("m1", &["bob"]), "alice").await);
    for _ in 0..2 {
        let (leg, _) = stage.next_dial().await;
        stage.join(&leg).await;
    }
    sqlite_refuses_answers(dir.path());
    let add = Operation::Add {
        conference: made.id.clone(),
        participants: vec![Party::of(Who::Person("carol".to_owned()))],
    };
    let add = Request::new(add, "m2".parse().unwrap());
    let refused = stage.ask(&add, "alice").await;
    assert_eq!(refused.outcome.unwrap_err().code, FaultCode::Internal);
    let get = |id: &str| {
        let get = Operation::Get {
            conference: made.id.clone(),
            since: None,
            wait_ms: None,
            first: None,
        };
        Request::new(get, id.parse().unwrap())
    };
    let state = |snapshot: &soap_proto::Snapshot, n: usize| {
        let leg = snapshot.participants[n].leg.clone();
        leg.map(|leg| leg.state)
    };
    let mut after = snapshot(stage.ask(&get("g1"), "alice").await);
    while state(&after, 2) != Some(LegState::Failed) || !joined_first(&after, 2) {
        tokio::task::yield_now().await;
        after = snapshot(stage.ask(&get("g2"), "alice").await);
    }
    let commands: Vec<_> = std::iter::from_fn(|| stage.dialled.try_recv().ok()).collect();
    assert_eq!(commands, []);
}

/// Finding somebody by name costs no more where there are many.
#[tokio::test]
async fn a_person_is_found_by_name_behind_ten_thousand_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    people(&store).await;
    let database = rusqlite::Connection::open(dir.path().join("convoke.db")).unwrap();
    database
        .execute_batch(
            "INSERT INTO accounts (aor, display_name, name_key, kind, language, ports, created_at)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10100)
             SELECT 'a' || i || '@example.org', 'One Of Many', 'one of many', 'person', 'en', 10, 1
             FROM n",
        )
        .unwrap();
    let stage = Stage::start(&store);
    let made = stage.ask(&create("m1", &["carol test"]), "alice").await;
    assert_eq!(snapshot(made).count, 2);
    let several = stage.ask(&create("m2", &["one of many"]), "alice").await;
    let fault = several.outcome.unwrap_err();
    assert_eq!(fault.code, FaultCode::UnknownPerson);
    assert!(fault.came.contains("several"), "{fault:?}");
}

fn joined(snapshot: &soap_proto::Snapshot) -> bool {
    joined_first(snapshot, usize::MAX)
}

/// Whether the first `count` people are in.
fn joined_first(snapshot: &soap_proto::Snapshot, count: usize) -> bool {
    let legs = snapshot.participants.iter().take(count);
    legs.map(|p| p.leg.as_ref())
        .all(|leg| leg.is_some_and(|leg| leg.state == LegState::Joined))
}

/// From now on no answer can be made durable.
fn sqlite_refuses_answers(directory: &std::path::Path) {
    let database = rusqlite::Connection::open(directory.join("convoke.db")).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON command_answers
             BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
        )
        .unwrap();
}

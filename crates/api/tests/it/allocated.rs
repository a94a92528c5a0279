//! Conferences that the video allocator asks for in somebody's name: from it alone, and with no more rights than it needs.

use convoke_types::{FaultCode, Mode, ModeSource};
use soap_proto::{Operation, Request};
use store::{PersonMode, Store};

use crate::stage::{Stage, aor, create, snapshot};

/// As the allocator asks: for Alice, under an id of its own, with the pictures at a server.
fn allocated(id: &str) -> Request {
    let mut request = create(id, &["bob"]);
    if let Operation::Create(create) = &mut request.operation {
        create.conference = "v1".parse().ok();
        create.owner = Some(aor("alice"));
        create.video = "janus".parse().ok();
    }
    request
}

async fn stage(directory: &tempfile::TempDir) -> Stage {
    let store = Store::open(directory.path()).unwrap();
    crate::stage::people(&store).await;
    Stage::start(&store)
}

fn of(operation: fn(convoke_types::ConferenceId) -> Operation, id: &str) -> Request {
    Request::new(operation("v1".parse().unwrap()), id.parse().unwrap())
}

fn get(conference: convoke_types::ConferenceId) -> Operation {
    Operation::Get {
        conference,
        since: None,
        wait_ms: None,
        first: None,
    }
}

#[tokio::test]
async fn the_allocator_asks_for_a_conference_in_its_owners_name() {
    let directory = tempfile::tempdir().unwrap();
    let mut stage = stage(&directory).await;
    let made = snapshot(stage.ask(&allocated("a1"), "video").await);
    assert_eq!(made.id.as_str(), "v1");
    assert_eq!(made.video.as_ref().map(|name| name.as_str()), Some("janus"));
    let owner = &made.participants[0];
    assert_eq!(owner.user, Some(aor("alice")));
    assert_eq!(owner.role, convoke_types::Role::Owner);
    // The owner is called first, as in a conference that she asked for herself.
    assert_eq!(stage.next_dial().await.1, "+15550101");
    // A repeat is answered as before, and calls nobody.
    assert_eq!(snapshot(stage.ask(&allocated("a1"), "video").await), made);
    // Whoever is in it reads where the pictures are, and so may the allocator.
    for user in ["alice", "bob", "video"] {
        let read = snapshot(stage.ask(&of(get, "g1"), user).await);
        assert_eq!(read.video, made.video, "{user}");
    }
}

#[tokio::test]
async fn nobody_else_asks_in_somebody_elses_name() {
    let directory = tempfile::tempdir().unwrap();
    let stage = stage(&directory).await;
    let refused = stage.ask(&allocated("b1"), "bob").await.outcome;
    assert_eq!(refused.unwrap_err().code, FaultCode::NotAllowed);
    // Not even for themselves under an id of their own, or with a video server.
    let mut own_id = create("b2", &["bob"]);
    let mut own_video = create("b3", &["bob"]);
    if let (Operation::Create(by_id), Operation::Create(by_video)) =
        (&mut own_id.operation, &mut own_video.operation)
    {
        by_id.conference = "v2".parse().ok();
        by_video.video = "janus".parse().ok();
    }
    for request in [own_id, own_video] {
        let refused = stage.ask(&request, "alice").await.outcome;
        assert_eq!(refused.unwrap_err().code, FaultCode::NotAllowed);
    }
    // And the allocator asks for nothing that is nobody's.
    let refused = stage.ask(&create("b4", &["bob"]), "video").await.outcome;
    assert_eq!(refused.unwrap_err().code, FaultCode::BadRequest);
}

#[tokio::test]
async fn the_allocator_may_end_what_it_asked_for_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let stage = stage(&directory).await;
    let made = snapshot(stage.ask(&allocated("c1"), "video").await);
    let lock = |conference| Operation::Lock { conference };
    let refused = stage.ask(&of(lock, "c2"), "video").await.outcome;
    assert_eq!(refused.unwrap_err().code, FaultCode::UnknownConference);
    // Somebody else's conference does not exist for it.
    let other = snapshot(stage.ask(&create("c3", &["bob"]), "alice").await);
    let end = Request::new(
        Operation::End {
            conference: other.id,
        },
        "c4".parse().unwrap(),
    );
    let refused = stage.ask(&end, "video").await.outcome;
    assert_eq!(refused.unwrap_err().code, FaultCode::UnknownConference);
    let end = |conference| Operation::End { conference };
    assert!(stage.ask(&of(end, "c5"), "video").await.outcome.is_ok());
    // An id that was used is not used again.
    let mut again = allocated("c6");
    again.headers.message_id = "c7".parse().ok();
    let refused = stage.ask(&again, "video").await.outcome;
    assert_eq!(refused.unwrap_err().code, FaultCode::WrongState);
    assert_eq!(made.id.as_str(), "v1");
}

#[tokio::test]
async fn the_allocator_alone_says_where_the_pictures_are_and_everybody_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let stage = stage(&directory).await;
    snapshot(stage.ask(&allocated("e1"), "video").await);
    let pictures = |id: &str, conference: &str, video: Option<&str>| {
        let operation = Operation::Pictures {
            conference: conference.parse().unwrap(),
            video: video.map(|name| name.parse().unwrap()),
            words: Some("janus: the connection broke".to_owned()),
        };
        Request::new(operation, id.parse().unwrap())
    };
    let at = |read: &soap_proto::Snapshot| {
        let name = read.video.as_ref().map(ToString::to_string);
        (name.unwrap_or_default(), read.pictures_lost)
    };
    let moved = snapshot(
        stage
            .ask(&pictures("e2", "v1", Some("other")), "video")
            .await,
    );
    assert_eq!(at(&moved), ("other".to_owned(), false));
    let lost = snapshot(stage.ask(&pictures("e3", "v1", None), "video").await);
    assert_eq!(at(&lost), ("other".to_owned(), true));
    for user in ["alice", "bob", "video"] {
        let read = snapshot(stage.ask(&of(get, "e4"), user).await);
        assert_eq!(at(&read), ("other".to_owned(), true), "{user}");
    }
    // Not the owner, and not of conferences that it did not ask for.
    let refused = stage
        .ask(&pictures("e5", "v1", None), "alice")
        .await
        .outcome;
    assert_eq!(refused.unwrap_err().code, FaultCode::NotAllowed);
    let other = snapshot(stage.ask(&create("e6", &["bob"]), "alice").await);
    let id = other.id.as_str();
    let refused = stage.ask(&pictures("e7", id, None), "video").await.outcome;
    assert_eq!(refused.unwrap_err().code, FaultCode::UnknownConference);
}

#[tokio::test]
async fn a_person_of_the_allocators_name_is_a_person() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    crate::stage::people(&store).await;
    let stage = Stage::start(&store);
    let account = |kind| store::Account {
        aor: aor("video"),
        display_name: "Vi Deo".into(),
        kind,
        language: None,
        ports: 10,
        created_at: 1,
    };
    let person = account(store::AccountKind::Person);
    store.save_account(person).await.unwrap();
    let refused = stage.ask(&allocated("f1"), "video").await.outcome;
    assert_eq!(refused.unwrap_err().code, FaultCode::NotAllowed);
    let service = account(store::AccountKind::Service);
    store.save_account(service).await.unwrap();
    snapshot(stage.ask(&allocated("f2"), "video").await);
}

#[tokio::test]
async fn rooms_and_gateways_are_called_where_a_trunk_leads_and_nowhere_else() {
    use convoke_types::bridge::{BridgeCommand, LegEvent};
    use soap_proto::{Party, Who};

    let directory = tempfile::tempdir().unwrap();
    let mut stage = stage(&directory).await;
    let with = |id: &str, uri: &str| {
        let mut request = create(id, &[]);
        if let Operation::Create(create) = &mut request.operation {
            let mut room = Party::of(Who::Sip(uri.to_owned()));
            room.place = Some("isdn".to_owned());
            create.participants.push(room);
        }
        request
    };
    let made = snapshot(
        stage
            .ask(&with("d1", "sip:493012345@gw.example"), "alice")
            .await,
    );
    assert_eq!(made.participants[1].place, "isdn");
    let (alice, _) = stage.next_dial().await;
    for event in [LegEvent::Dialling, LegEvent::Answered, LegEvent::Joined] {
        stage.happen(&alice, event).await;
    }
    loop {
        if let BridgeCommand::Dial { to, .. } = stage.dialled.recv().await.unwrap() {
            assert_eq!(to.to_string(), "sip:493012345@gw.example");
            break;
        }
    }
    for (id, uri) in [
        ("d2", "sip:1@elsewhere.example"),
        ("d3", "sip:1@gw.example.evil.example"),
        ("d4", "sip:gw.example@evil.example"),
        ("d5", "sip:1@gw.example?Route=%3Csip:evil.example%3E"),
    ] {
        let refused = stage.ask(&with(id, uri), "alice").await.outcome;
        let fault = refused.unwrap_err();
        assert_eq!(fault.code, FaultCode::NumberRefused, "{uri}");
        // Whose address it is may be nobody's concern.
        let user = uri.split('@').next().unwrap();
        assert!(!fault.to_string().contains(user), "{fault}");
    }
}

#[test]
fn what_may_be_called_is_known_before_anybody_is_called() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let directory = crate::stage::directory(&store);
    for (mode, address, may) in [
        (Mode::Mobile, "+15550101", true),
        (Mode::Pstn, "+4930123456", false),
        (Mode::Pstn, "", false),
        (Mode::Sip, "sip:room@gw.example", true),
        (Mode::Sip, "sip:room@elsewhere.example", false),
        (Mode::Computer, "", true),
        (Mode::Isdn, "isdn:+4930123456", true),
    ] {
        let known = PersonMode {
            mode,
            address: address.to_owned(),
            place: String::new(),
            source: ModeSource::ByHand,
            video: false,
            last_seen: 0,
        };
        assert_eq!(directory.may_call(&known), may, "{mode} {address}");
    }
}

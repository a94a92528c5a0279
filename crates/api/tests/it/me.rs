//! Oneself: profile, telephones, the directory, contacts, chats, calls.

use std::sync::Arc;

use convoke_types::{Address, LegKey, LegState};
use runtime::clock::{unix_ms, wall};
use serde_json::{Value, json};
use store::{ConferenceRecord, Direction, LegRecord, LegTimes, NewMessage};

use crate::site::{KEY, Site};
use crate::stage::aor;

#[tokio::test]
async fn a_profile_keeps_everything_of_each_telephone_in_order() {
    let site = Site::start().await;
    let alice = site.sign_in("alice").await;
    let line = "PUT /api/v1/me/telephones";
    let two = json!([
        { "label": "boat", "number": "+1 555 0177", "kind": "mobile", "whenToUse": "in summer" },
        { "label": "Home", "number": "+15550178", "default": true, "guard": true },
    ]);
    let expected = json!([
        { "label": "boat", "number": "+15550177", "kind": "mobile", "default": false, "guard": null,
          "whenToUse": "in summer" },
        { "label": "Home", "number": "+15550178", "kind": "home", "default": true, "guard": true,
          "whenToUse": "" },
    ]);
    assert_eq!(site.good(&alice, line, two).await, expected);
    let read = site
        .good(&alice, "GET /api/v1/me/telephones", Value::Null)
        .await;
    assert_eq!(read, expected);
    let by_administrator = "GET /api/v1/users/alice/telephones";
    assert_eq!(
        site.good(KEY, by_administrator, Value::Null).await,
        expected
    );
    // What was read can be written.
    assert_eq!(site.good(&alice, line, read).await, expected);
    let one = |number: &str| json!({ "label": "work", "number": number });
    for (refused, code) in [
        (json!([one("12")]), "number-refused"),
        (json!([one("sip:alice@elsewhere")]), "number-refused"),
        (json!([one("+15550101"), one("+15550102")]), "bad-request"),
        (
            json!([{ "label": "", "number": "+15550101" }]),
            "bad-request",
        ),
        (
            json!([{ "label": "x".repeat(65), "number": "+15550101" }]),
            "bad-request",
        ),
        (
            json!([{ "label": "x", "number": "+15550101", "kind": "yacht" }]),
            "bad-request",
        ),
        (
            json!([{ "label": "x", "number": "+15550101", "default": true },
                { "label": "y", "number": "+15550102", "default": true }]),
            "bad-request",
        ),
        (json!({}), "bad-request"),
    ] {
        assert_eq!(
            site.refused(&alice, line, refused.clone()).await.1,
            code,
            "{refused}"
        );
    }
    let read = site
        .good(&alice, "GET /api/v1/me/telephones", Value::Null)
        .await;
    assert_eq!(read, expected, "what is refused changes nothing");
    // A SIP address that an administrator put there stays.
    let mut rows = site.store.telephones(&aor("alice")).await.unwrap();
    rows[0].address = Address::Sip("sip:room@example.org".into());
    site.store
        .save_telephones(&aor("alice"), rows)
        .await
        .unwrap();
    let read = site
        .good(&alice, "GET /api/v1/me/telephones", Value::Null)
        .await;
    assert_eq!(site.good(&alice, line, read.clone()).await, read);
}

#[tokio::test]
async fn a_number_that_nobody_may_call_is_refused_when_it_is_entered() {
    let site = Site::start().await;
    let alice = site.sign_in("alice").await;
    let line = "PUT /api/v1/me/telephones";
    let at = |number: &str| json!({ "label": number, "number": number });
    let wanted = json!([at("+15550101"), at("+44209460000"), at("+4930901820")]);
    let answer = site.ask(&alice, line, wanted).await;
    let body = answer.json();
    assert_eq!(answer.code().0, 422, "{body}");
    let error = &body["error"];
    assert_eq!(
        (&error["code"], &error["why"], &error["index"]),
        (&json!("number-refused"), &json!("abroad"), &json!(2)),
        "{body}"
    );
    assert!(!body.to_string().contains("4930"), "{body}");
    let permitted = json!([at("+15550101"), at("+44209460000")]);
    site.good(&alice, line, permitted).await;
    // One that the administrator put there stays, whatever else is changed.
    let put = json!([at("+4930901820")]);
    site.good(KEY, "PUT /api/v1/users/alice/telephones", put)
        .await;
    let both = json!([at("+4930901820"), at("+15550101")]);
    let saved = site.good(&alice, line, both).await;
    assert_eq!(saved[0]["number"], "+4930901820");
}

#[tokio::test]
async fn a_person_changes_their_name_and_language() {
    let site = Site::start().await;
    let alice = site.sign_in("alice").await;
    let profile = json!({ "name": " Alice  Martín ", "language": "de-CH" });
    let expected =
        json!({ "user": "alice@example.org", "name": "Alice Martín", "language": "de-CH" });
    assert_eq!(site.good(&alice, "PUT /api/v1/me", profile).await, expected);
    assert_eq!(
        site.good(&alice, "GET /api/v1/me", Value::Null).await,
        expected
    );
    // Without one the browser's is followed, as at first.
    let profile = json!({ "name": "Alice Martín" });
    let expected = json!({ "user": "alice@example.org", "name": "Alice Martín" });
    assert_eq!(site.good(&alice, "PUT /api/v1/me", profile).await, expected);
    for refused in [
        json!({ "name": "", "language": "de" }),
        json!({ "name": "A", "language": "d" }),
        json!({ "name": "A", "language": "de_CH" }),
        json!({ "language": "de" }),
    ] {
        assert_eq!(site.refused(&alice, "PUT /api/v1/me", refused).await.0, 400);
    }
}

#[tokio::test]
async fn the_directory_shows_places_and_no_numbers_but_ones_own() {
    let site = Site::start().await;
    let alice = site.sign_in("alice").await;
    let get = async |query: &str| {
        let line = format!("GET /api/v1/directory{query}");
        site.good(&alice, &line, Value::Null).await
    };
    let all = get("").await;
    let users: Vec<_> = all["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["user"])
        .collect();
    assert_eq!(
        users,
        ["alice@example.org", "bob@example.org", "carol@example.org"]
    );
    assert_eq!(
        all["people"][0]["places"],
        json!([{ "label": "work", "kind": "work", "default": true, "number": "+15550101" }])
    );
    assert_eq!(
        all["people"][1],
        json!({ "user": "bob@example.org", "name": "BOB Test",
                "places": [{ "label": "work", "kind": "work", "default": true }] })
    );
    assert_eq!(
        get("?q=bo%20te").await["people"].as_array().unwrap().len(),
        1
    );
    assert_eq!(
        get("?q=bob@example.org").await["people"][0]["user"],
        "bob@example.org"
    );
    assert_eq!(get("?q=zoe").await, json!({ "people": [] }));
    let first = get("?q=test&limit=2").await;
    assert_eq!(first["next"], "bob@example.org");
    let rest = get("?q=test&limit=2&after=bob@example.org").await;
    assert_eq!(rest["people"][0]["user"], "carol@example.org");
    assert_eq!(rest.get("next"), None);
    for wrong in ["?limit=0", "?limit=201", "?after=%20"] {
        let line = format!("GET /api/v1/directory{wrong}");
        assert_eq!(site.refused(&alice, &line, Value::Null).await.0, 400);
    }
}

#[tokio::test]
async fn contacts_are_people_and_numbers() {
    let site = Site::start().await;
    let alice = site.sign_in("alice").await;
    let line = |contact: &str| format!("PUT /api/v1/me/contacts/{contact}");
    let bob = site
        .good(&alice, &line("bob"), json!({ "favourite": true }))
        .await;
    assert_eq!(
        bob,
        json!({ "key": "bob@example.org", "user": "bob@example.org", "name": "BOB Test",
                "favourite": true, "numbers": [],
                "places": [{ "label": "work", "kind": "work", "default": true }] })
    );
    let friend = json!({ "name": "Friend", "numbers": [
        { "label": "boat", "kind": "other", "number": "+1 555 0198" }] });
    let friend = site.good(&alice, &line("+15550199"), friend).await;
    assert_eq!(friend["numbers"][0]["number"], "+15550198");
    let list = site
        .good(&alice, "GET /api/v1/me/contacts", Value::Null)
        .await;
    let keys: Vec<_> = list["contacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["key"])
        .collect();
    assert_eq!(keys, ["+15550199", "bob@example.org"]);
    let first = site
        .good(&alice, "GET /api/v1/me/contacts?limit=1", Value::Null)
        .await;
    assert_eq!(first["next"], "+15550199");
    let rest = "GET /api/v1/me/contacts?limit=1&after=%2B15550199";
    assert_eq!(
        site.good(&alice, rest, Value::Null).await["contacts"][0]["key"],
        "bob@example.org"
    );
    for (contact, body, code) in [
        ("zoe", json!({}), "unknown-person"),
        ("+15550197", json!({}), "bad-request"),
        ("+12", json!({ "name": "x" }), "number-refused"),
        (
            "bob",
            json!({ "numbers": [{ "label": "x", "kind": "home", "number": "1" }] }),
            "number-refused",
        ),
    ] {
        assert_eq!(
            site.refused(&alice, &line(contact), body).await.1,
            code,
            "{contact}"
        );
    }
    let of_bob = site.sign_in("bob").await;
    let theirs = site
        .good(&of_bob, "GET /api/v1/me/contacts", Value::Null)
        .await;
    assert_eq!(theirs["contacts"], json!([]));
    let remove = "DELETE /api/v1/me/contacts/bob@example.org";
    site.good(&alice, remove, Value::Null).await;
    assert_eq!(
        site.refused(&alice, remove, Value::Null).await.1,
        "unknown-person"
    );
    let gone = "GET /api/v1/me/contacts/bob";
    assert_eq!(site.refused(&alice, gone, Value::Null).await.0, 404);
}

#[tokio::test]
async fn chats_show_what_people_wrote_and_what_became_of_it() {
    let site = Site::start().await;
    let write = async |from: &str, to: &str, content_type: &str, body: &str, control: bool| {
        let message = NewMessage {
            at: 1_000,
            from: Arc::from(aor(from).to_string()),
            to: Arc::from(aor(to).to_string()),
            device: None,
            content_type: content_type.to_owned(),
            body: body.to_owned().into(),
            direction: Direction::Relayed,
            control,
            keep: !control,
        };
        site.store.log_message(message).await.unwrap().0
    };
    write("alice", "conference", "text/xml", "<soap/>", true).await;
    let cpim = "NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m-1\r\n\r\n\
                Content-Type: text/plain\r\n\r\nhello";
    let hello = write("alice", "bob", "message/cpim", cpim, false).await;
    let receipt = "<imdn><message-id>m-1</message-id><display-notification><status><displayed/>\
                   </status></display-notification></imdn>";
    write("bob", "alice", "message/imdn+xml", receipt, false).await;
    let invitation = "<invitation xmlns=\"urn:convoke:invitation:1\" id=\"i1\"/>";
    let kind = "application/vnd.convoke.invitation+xml";
    let invited = write("bob", "alice", kind, invitation, false).await;

    let alice = site.sign_in("alice").await;
    let chats = site.good(&alice, "GET /api/v1/me/chats", Value::Null).await;
    let shown = json!({
        "id": invited, "at": 1_000, "from": "bob@example.org", "to": "alice@example.org",
        "type": "invitation", "document": invitation, "delivered": false, "read": false,
    });
    assert_eq!(
        chats,
        json!({ "chats": [{ "with": "bob@example.org", "last": shown, "unread": 1 }] })
    );
    let line = "GET /api/v1/me/chats/bob";
    let messages = site.good(&alice, line, Value::Null).await;
    assert_eq!(
        messages["messages"][1],
        json!({ "id": hello, "at": 1_000, "from": "alice@example.org", "to": "bob@example.org",
                "type": "text", "text": "hello", "imdnId": "m-1", "delivered": true, "read": true })
    );
    assert_eq!(messages["messages"].as_array().unwrap().len(), 2);
    let page = site
        .good(&alice, "GET /api/v1/me/chats/bob?limit=1", Value::Null)
        .await;
    assert_eq!(page["next"], invited);
    let older = format!("GET /api/v1/me/chats/bob?limit=1&before={invited}");
    let older = site.good(&alice, &older, Value::Null).await;
    assert_eq!(older["messages"][0]["text"], "hello");
    let read = json!({ "upTo": invited });
    site.good(&alice, "PUT /api/v1/me/chats/bob/read", read)
        .await;
    let chats = site.good(&alice, "GET /api/v1/me/chats", Value::Null).await;
    assert_eq!(chats["chats"][0]["unread"], 0);
    assert_eq!(chats["chats"][0]["last"]["read"], true);
    let bob = site.sign_in("bob").await;
    let theirs = site
        .good(&bob, "GET /api/v1/me/chats/alice", Value::Null)
        .await;
    assert_eq!(
        theirs["messages"].as_array().unwrap().len(),
        2,
        "seen from the other side"
    );
    let carol = site.sign_in("carol").await;
    let nothing = site.good(&carol, "GET /api/v1/me/chats", Value::Null).await;
    assert_eq!(nothing, json!({ "chats": [] }));
}

#[tokio::test]
async fn invitations_that_came_lately_are_told_whoever_sent_them() {
    let site = Site::start().await;
    let now = unix_ms(wall());
    let write = async |(from, to): (&str, &str), at: i64, body: &str, control: bool| {
        let message = NewMessage {
            at,
            from: Arc::from(aor(from).to_string()),
            to: Arc::from(aor(to).to_string()),
            device: None,
            content_type: "application/vnd.convoke.invitation+xml".to_owned(),
            body: body.to_owned().into(),
            direction: Direction::Relayed,
            control,
            keep: false,
        };
        site.store.log_message(message).await.unwrap().0
    };
    let invitation = "<invitation xmlns=\"urn:convoke:invitation:1\" id=\"i1\"/>";
    let answer = "<invitation-answer xmlns=\"urn:convoke:invitation:1\" invitation=\"i1\"/>";
    let too_old = now - 310_000;
    write(("alice", "bob"), too_old, invitation, false).await;
    let invited = write(("conference", "bob"), now - 2, invitation, true).await;
    let answered = write(("bob", "alice"), now - 1, answer, false).await;
    let bob = site.sign_in("bob").await;
    let line = "GET /api/v1/me/invitations";
    let told = site.good(&bob, line, Value::Null).await;
    let expected = json!({ "invitations": [
        { "id": answered, "at": now - 1, "from": "bob@example.org", "to": "alice@example.org", "document": answer },
        { "id": invited, "at": now - 2, "from": "conference@example.org", "to": "bob@example.org", "document": invitation },
    ] });
    assert_eq!(told, expected);
    let carol = site.sign_in("carol").await;
    let nothing = site.good(&carol, line, Value::Null).await;
    assert_eq!(nothing, json!({ "invitations": [] }));
}

#[tokio::test]
async fn calls_are_ones_own() {
    let site = Site::start().await;
    let record = ConferenceRecord {
        id: "c1".parse().unwrap(),
        owner: aor("alice"),
        title: "Plan".into(),
        created_at: 1_000,
        ended: None,
    };
    site.store.save_conference(record).await.unwrap();
    for (leg, user, name) in [("l1", Some("alice"), "Alice"), ("l2", None, "Friend")] {
        let record = LegRecord {
            key: LegKey {
                conference: "c1".parse().unwrap(),
                leg: leg.parse().unwrap(),
            },
            participant: leg.replace('l', "p").parse().unwrap(),
            name: name.into(),
            user: user.map(aor),
            place: "work".into(),
            address: "+15550199".into(),
            trunk: None,
            state: LegState::Joined,
            times: LegTimes {
                created: 1_000,
                joined: Some(2_000),
                ..LegTimes::default()
            },
            ended: None,
            stats: convoke_types::media::StreamStats::default(),
        };
        site.store.save_leg(record).await.unwrap();
    }
    let alice = site.sign_in("alice").await;
    let calls = site.good(&alice, "GET /api/v1/me/calls", Value::Null).await;
    assert_eq!(
        calls,
        json!({ "calls": [{
            "conference": "c1", "title": "Plan", "startedBy": "alice@example.org", "startedAt": 1_000,
            "durationMs": 0, "missed": false,
            "people": [
                { "name": "Alice", "user": "alice@example.org", "joined": true, "inMs": 0, "state": "joined" },
                { "name": "Friend", "joined": true, "inMs": 0, "state": "joined" },
            ] }] })
    );
    assert!(
        !calls.to_string().contains("5550199"),
        "a number is nobody's business"
    );
    let with = site
        .good(&alice, "GET /api/v1/me/calls?with=bob", Value::Null)
        .await;
    assert_eq!(with, json!({ "calls": [] }));
    let one = site
        .good(&alice, "GET /api/v1/me/calls?limit=1", Value::Null)
        .await;
    let line = format!(
        "GET /api/v1/me/calls?before={}",
        one["next"].as_str().unwrap()
    );
    assert_eq!(
        site.good(&alice, &line, Value::Null).await,
        json!({ "calls": [] })
    );
    let wrong = site.refused(&alice, "GET /api/v1/me/calls?before=x", Value::Null);
    assert_eq!(wrong.await.0, 400);
    let bob = site.sign_in("bob").await;
    assert_eq!(
        site.good(&bob, "GET /api/v1/me/calls", Value::Null).await,
        json!({ "calls": [] })
    );
}

#[tokio::test]
async fn modes_are_seen_in_their_order_and_edited() {
    let site = Site::start().await;
    let alice = site.sign_in("alice").await;
    let read = "GET /api/v1/me/modes";
    let line = "PUT /api/v1/me/modes";
    // The profile has filled them.
    let work = json!({ "mode": "pstn", "address": "+15550101", "place": "work", "video": false, "source": "profile",
        "lastSeen": null });
    assert_eq!(site.good(&alice, read, Value::Null).await, json!([work]));
    let wanted = json!([
        { "mode": "computer" },
        { "mode": "isdn", "address": "+493012345" },
        { "mode": "sip", "address": "sip:room@video.example", "video": false },
        { "mode": "pstn", "address": "+1 555 0101" },
    ]);
    let by_hand = |mode: &str, address: Value, video: bool| json!({ "mode": mode, "address": address, "place": null, "video": video, "source": "by-hand", "lastSeen": null });
    let expected = json!([
        by_hand("computer", Value::Null, true),
        by_hand("isdn", json!("isdn:+493012345"), true),
        by_hand("sip", json!("sip:room@video.example"), false),
        work,
    ]);
    assert_eq!(site.good(&alice, line, wanted.clone()).await, expected);
    assert_eq!(site.good(&alice, read, Value::Null).await, expected);
    // What was left out comes back as what it was: a telephone of the profile by itself, what was heard of as it was told.
    let room = json!({ "mode": "h323", "address": "h323:4711", "video": true, "source": "conference", "lastSeen": 1_000 });
    let all = json!([room, { "mode": "computer", "source": "profile", "lastSeen": 5 }, { "mode": "pstn", "address": "+15550101", "source": "conference", "lastSeen": 2_000 }]);
    site.good(&alice, line, json!([])).await;
    let mut back = room.clone();
    back["place"] = Value::Null;
    let mut called = work.clone();
    called["lastSeen"] = json!(2_000);
    let computer = by_hand("computer", Value::Null, true);
    assert_eq!(
        site.good(&alice, line, all).await,
        json!([back, computer, called])
    );
    let mut late = room;
    late["lastSeen"] = json!(i64::MAX);
    site.good(&alice, line, json!([])).await;
    let told = site.good(&alice, line, json!([late])).await;
    assert!(told[0]["lastSeen"].as_i64().unwrap() < 4_000_000_000_000);
    site.good(&alice, line, wanted).await;
    for refused in [
        json!([{ "mode": "fax", "address": "+15550101" }]),
        json!([{ "mode": "computer", "address": "x" }]),
        json!([{ "mode": "pstn", "address": "12" }]),
        json!([{ "mode": "sip", "address": "room@video.example" }]),
        json!([{ "mode": "h323", "address": "a b" }]),
        json!([{ "mode": "computer" }, { "mode": "computer" }]),
        json!([{ "mode": "computer", "wish": 1 }]),
    ] {
        let code = site.refused(&alice, line, refused.clone()).await.1;
        assert_eq!(code, "bad-request", "{refused}");
    }
    assert_eq!(
        site.good(&alice, read, Value::Null).await,
        expected,
        "what is refused changes nothing"
    );
}

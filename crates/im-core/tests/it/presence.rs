//! Presence: what watchers see of people who register, publish, telephone and leave.

use std::time::Duration;

use im_core::pidf::{self, Activity, ConferencePresence, Presence};
use im_core::{Capabilities, Feature, ServiceCaps};
use sip_proto::events::{End, SubscriptionState};
use sip_proto::{HeaderName, Message, NameAddr, Transport};

use crate::world::*;

/// One subscription, as its watcher keeps it.
struct Watching {
    call: u32,
    cseq: u32,
    tag: Option<String>,
}

impl Watching {
    fn new(call: u32) -> Self {
        Self {
            call,
            cseq: 0,
            tag: None,
        }
    }

    fn request(&mut self, world: &mut World, device: &mut Device, to: &str, rest: &str) -> String {
        self.cseq += 1;
        let uri = format!("sip:{to}@{DOMAIN}");
        let authorization = device.authorization("Authorization", "SUBSCRIBE", &uri);
        let via = world.via(&device.source);
        let tag = self
            .tag
            .as_ref()
            .map_or(String::new(), |t| format!(";tag={t}"));
        let (user, own, call, cseq) = (&device.user, device.uri(), self.call, self.cseq);
        format!(
            "SUBSCRIBE {uri} SIP/2.0\r\n{via}From: <sip:{user}@{DOMAIN}>;tag=w{call}\r\nTo: <{uri}>{tag}\r\n\
             Call-ID: watch-{call}\r\nCSeq: {cseq} SUBSCRIBE\r\nMax-Forwards: 70\r\nContact: <{own}>\r\n\
             {rest}{authorization}Content-Length: 0\r\n\r\n"
        )
    }

    /// Subscribes, or renews; through the challenge when there is one.
    fn ask(&mut self, world: &mut World, device: &mut Device, to: &str, rest: &str) -> Message {
        let request = self.request(world, device, to, rest);
        let mut answer = world.ask(device, &request);
        if answer.status() == Some(401) && device.take_challenge(&answer) {
            let request = self.request(world, device, to, rest);
            answer = world.ask(device, &request);
        }
        if answer.status() == Some(200) {
            self.tag = answer.to().unwrap().tag().map(str::to_owned);
        }
        answer
    }
}

const PRESENCE: &str = "Event: presence\r\n";

/// The one NOTIFY that came, answered: its state and what it says.
fn told(world: &mut World, device: &Device) -> (SubscriptionState, Presence) {
    let notify = world.request(device);
    world.answer(device, &notify, 200);
    read(&notify)
}

fn read(notify: &Message) -> (SubscriptionState, Presence) {
    assert_eq!(notify.method_ref(), Some(&sip_proto::Method::Notify));
    assert_eq!(notify.header(HeaderName::Event), Some("presence"));
    assert!(notify.content_type_is(pidf::CONTENT_TYPE));
    let state = SubscriptionState::of(notify).unwrap();
    (state, pidf::read(&notify.body()).unwrap())
}

fn second(world: &mut World) {
    world.advance(Duration::from_secs(1));
}

/// Publishes; the final answer.
fn publish(world: &mut World, device: &mut Device, about: &str, rest: &str, body: &str) -> Message {
    let uri = format!("sip:{about}@{DOMAIN}");
    let mut ask = |device: &mut Device| {
        let authorization = device.authorization("Authorization", "PUBLISH", &uri);
        let (via, word) = (world.via(&device.source), world.word());
        let (user, length) = (&device.user, body.len());
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/pidf+xml\r\n"
        };
        let request = format!(
            "PUBLISH {uri} SIP/2.0\r\n{via}From: <sip:{user}@{DOMAIN}>;tag=p\r\nTo: <{uri}>\r\nCall-ID: publish-{word}\r\n\
             CSeq: 1 PUBLISH\r\nMax-Forwards: 70\r\n{PRESENCE}{kind}{rest}{authorization}Content-Length: {length}\r\n\r\n{body}"
        );
        world.ask(device, &request)
    };
    let answer = ask(device);
    if answer.status() == Some(401) && device.take_challenge(&answer) {
        return ask(device);
    }
    answer
}

fn says(open: bool, activities: &[Activity], note: Option<&str>) -> String {
    let presence = Presence {
        open: Some(open),
        activities: activities.iter().copied().collect(),
        note: note.map(str::to_owned),
        ..Presence::default()
    };
    pidf::write("bob@example.org", &presence)
}

fn tag_of(answer: &Message) -> String {
    assert_eq!(answer.status(), Some(200), "{}", text(answer));
    answer.header(HeaderName::SipEtag).unwrap().to_owned()
}

#[test]
fn who_has_a_device_that_takes_messages_is_open_without_publishing() {
    for transport in [Transport::Tcp, Transport::Udp, Transport::Wss] {
        let mut world = World::new();
        let mut alice = world.registered("alice", transport);
        let mut watching = Watching::new(1);
        let answer = watching.ask(&mut world, &mut alice, "bob", PRESENCE);
        assert_eq!(answer.status(), Some(200), "{}", text(&answer));
        assert_eq!(answer.header(HeaderName::Expires), Some("3600"));
        let (state, presence) = told(&mut world, &alice);
        assert_eq!(state, SubscriptionState::Active(3600));
        assert_eq!(presence.open, Some(false), "nobody is there");

        second(&mut world);
        let bob = world.registered("bob", Transport::Tcp);
        assert_eq!(told(&mut world, &alice).1.open, Some(true));
        second(&mut world);
        world.close(&bob);
        assert_eq!(told(&mut world, &alice).1.open, Some(false));

        second(&mut world);
        let mut desk = world.device("bob", Transport::Tcp);
        let contact = format!("<{}>;methods=\"INVITE, BYE\"", desk.uri());
        world.register_contact(&mut desk, &contact, "");
        let presence = told(&mut world, &alice).1;
        assert_eq!(presence.open, Some(false), "it takes no messages");
    }
}

#[test]
fn a_registration_that_ends_closes() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut bob = world.device("bob", Transport::Udp);
    world.register(&mut bob, "", 60);
    Watching::new(1).ask(&mut world, &mut alice, "bob", PRESENCE);
    assert_eq!(told(&mut world, &alice).1.open, Some(true));
    world.advance(Duration::from_secs(60));
    assert_eq!(told(&mut world, &alice).1.open, Some(false));
}

#[test]
fn a_publication_is_made_renewed_changed_and_taken_back_by_its_tag() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut bob = world.registered("bob", Transport::Tcp);
    Watching::new(1).ask(&mut world, &mut alice, "bob", PRESENCE);
    told(&mut world, &alice);

    second(&mut world);
    let document = says(true, &[Activity::Busy], Some("until noon"));
    let made = tag_of(&publish(&mut world, &mut bob, "bob", "", &document));
    let (_, presence) = told(&mut world, &alice);
    assert_eq!(presence.activities, [Activity::Busy].into());
    assert_eq!(presence.note.as_deref(), Some("until noon"));

    second(&mut world);
    let with = format!("SIP-If-Match: {made}\r\nExpires: 120\r\n");
    let renewed = tag_of(&publish(&mut world, &mut bob, "bob", &with, ""));
    assert_ne!(made, renewed);
    second(&mut world);
    assert!(world.received(&alice).is_empty(), "it says the same");
    let late = publish(&mut world, &mut bob, "bob", &with, "");
    assert_eq!(late.status(), Some(412), "the former tag");

    let with = format!("SIP-If-Match: {renewed}\r\nExpires: 120\r\n");
    let changed = says(false, &[], None);
    let changed = tag_of(&publish(&mut world, &mut bob, "bob", &with, &changed));
    assert_eq!(
        told(&mut world, &alice).1,
        Presence {
            open: Some(false),
            ..Presence::default()
        },
        "who says to be closed is, with a device or without"
    );
    second(&mut world);
    let with = format!("SIP-If-Match: {changed}\r\nExpires: 0\r\n");
    tag_of(&publish(&mut world, &mut bob, "bob", &with, ""));
    assert_eq!(told(&mut world, &alice).1.open, Some(true));

    second(&mut world);
    let document = says(true, &[Activity::Away], None);
    tag_of(&publish(
        &mut world,
        &mut bob,
        "bob",
        "Expires: 60\r\n",
        &document,
    ));
    assert_eq!(
        told(&mut world, &alice).1.activities,
        [Activity::Away].into()
    );
    world.advance(Duration::from_secs(60));
    assert!(told(&mut world, &alice).1.activities.is_empty(), "it ended");
}

#[test]
fn what_a_device_published_ends_with_its_connection() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut tab = world.registered("bob", Transport::Ws);
    let _desk = world.registered("bob", Transport::Udp);
    Watching::new(1).ask(&mut world, &mut alice, "bob", PRESENCE);
    told(&mut world, &alice);
    second(&mut world);
    let document = says(true, &[Activity::Busy], None);
    let tag = tag_of(&publish(&mut world, &mut tab, "bob", "", &document));
    assert_eq!(
        told(&mut world, &alice).1.activities,
        [Activity::Busy].into()
    );
    second(&mut world);
    world.close(&tab);
    let (_, presence) = told(&mut world, &alice);
    assert_eq!((presence.open, presence.activities.len()), (Some(true), 0));
    let mut tab = world.registered("bob", Transport::Ws);
    let with = format!("SIP-If-Match: {tag}\r\n");
    let again = publish(&mut world, &mut tab, "bob", &with, "");
    assert_eq!(again.status(), Some(412), "it publishes anew");
}

#[test]
fn a_service_says_that_somebody_telephones_and_nothing_else() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut service = world.registered("conference", Transport::Tcp);
    let mut bob = world.registered("bob", Transport::Tcp);
    Watching::new(1).ask(&mut world, &mut alice, "bob", PRESENCE);
    told(&mut world, &alice);
    second(&mut world);
    let own = says(true, &[Activity::Busy], Some("mine"));
    tag_of(&publish(&mut world, &mut bob, "bob", "", &own));
    told(&mut world, &alice);
    second(&mut world);
    let document = says(false, &[Activity::OnThePhone], Some("not theirs to say"));
    let tag = tag_of(&publish(&mut world, &mut service, "bob", "", &document));
    let (_, presence) = told(&mut world, &alice);
    let both = [Activity::Busy, Activity::OnThePhone];
    assert_eq!(presence.activities, both.into());
    assert_eq!(presence.open, Some(true));
    assert_eq!(presence.note.as_deref(), Some("mine"));

    let with = format!("SIP-If-Match: {tag}\r\nExpires: 0\r\n");
    let theft = publish(&mut world, &mut bob, "bob", &with, "");
    assert_eq!(theft.status(), Some(412), "it is not bob's to take back");
    second(&mut world);
    tag_of(&publish(&mut world, &mut service, "bob", &with, ""));
    assert_eq!(
        told(&mut world, &alice).1.activities,
        [Activity::Busy].into()
    );

    let forged = publish(&mut world, &mut alice, "bob", "", &own);
    assert_eq!(forged.status(), Some(403), "people publish for themselves");
    let nobody = publish(&mut world, &mut service, "nobody", "", &own);
    assert_eq!(nobody.status(), Some(404));
}

#[test]
fn what_cannot_be_published_is_refused_as_rfc_3903_says() {
    let mut world = World::new();
    let mut bob = world.registered("bob", Transport::Tcp);
    let document = says(true, &[], None);
    let brief = publish(&mut world, &mut bob, "bob", "Expires: 5\r\n", &document);
    assert_eq!(brief.status(), Some(423));
    assert_eq!(brief.header(HeaderName::MinExpires), Some("60"));
    let empty = publish(&mut world, &mut bob, "bob", "", "");
    assert_eq!(empty.status(), Some(400));
    let nonsense = publish(&mut world, &mut bob, "bob", "", "<not presence/>");
    assert_eq!(nonsense.status(), Some(400));
    let unknown = publish(
        &mut world,
        &mut bob,
        "bob",
        "SIP-If-Match: x\r\n",
        &document,
    );
    assert_eq!(unknown.status(), Some(412));
    // Nobody's connection: the digest is asked for, as by a server.
    let mut stranger = world.device("bob", Transport::Udp);
    stranger.password = "wrong".into();
    let refused = publish(&mut world, &mut stranger, "bob", "", &document);
    assert_eq!(refused.status(), Some(401));
}

#[test]
fn subscriptions_are_fetched_renewed_given_up_and_end() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let _bob = world.registered("bob", Transport::Tcp);
    let fetch = format!("{PRESENCE}Expires: 0\r\n");
    let answer = Watching::new(1).ask(&mut world, &mut alice, "bob", &fetch);
    assert_eq!(answer.status(), Some(200));
    let (state, presence) = told(&mut world, &alice);
    assert_eq!(state, SubscriptionState::Terminated(End::Timeout));
    assert_eq!(presence.open, Some(true));
    assert_eq!(world.server.watched(), 0);

    let mut watching = Watching::new(2);
    let short = format!("{PRESENCE}Expires: 60\r\n");
    watching.ask(&mut world, &mut alice, "bob", &short);
    let first = world.request(&alice);
    world.answer(&alice, &first, 200);
    world.advance(Duration::from_secs(50));
    let renewed = watching.ask(&mut world, &mut alice, "bob", &short);
    assert_eq!(renewed.status(), Some(200));
    let next = world.request(&alice);
    world.answer(&alice, &next, 200);
    assert_eq!(read(&next).0, SubscriptionState::Active(60));
    assert_eq!(next.cseq().unwrap().seq, first.cseq().unwrap().seq + 1);
    assert_eq!(next.call_id(), Some("watch-2"));
    world.advance(Duration::from_secs(60));
    let (state, _) = told(&mut world, &alice);
    assert_eq!(state, SubscriptionState::Terminated(End::Timeout));
    let late = watching.ask(&mut world, &mut alice, "bob", &short);
    assert_eq!(late.status(), Some(481));

    let mut watching = Watching::new(3);
    watching.ask(&mut world, &mut alice, "bob", PRESENCE);
    told(&mut world, &alice);
    watching.ask(&mut world, &mut alice, "bob", &fetch);
    let (state, _) = told(&mut world, &alice);
    assert_eq!(state, SubscriptionState::Terminated(End::Timeout));
    assert_eq!(world.server.watched(), 0);
}

#[test]
fn subscriptions_that_are_not_allowed_are_refused() {
    let mut world = World::with(|config| config.limits.subscriptions_per_watcher = 2);
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut status = |world: &mut World, call, to, rest: &str| {
        let answer = Watching::new(call).ask(world, &mut alice, to, rest);
        world.received(&alice);
        answer
    };
    let other = status(&mut world, 1, "bob", "Event: dialog\r\n");
    assert_eq!(other.status(), Some(489));
    assert_eq!(other.header(HeaderName::AllowEvents), Some("presence"));
    assert_eq!(status(&mut world, 2, "bob", "").status(), Some(489));
    let brief = status(&mut world, 3, "bob", "Event: presence\r\nExpires: 1\r\n");
    assert_eq!(brief.status(), Some(423));
    let nobody = status(&mut world, 4, "nobody", PRESENCE);
    assert_eq!(nobody.status(), Some(404));
    let other = format!("{PRESENCE}Accept: text/plain\r\n");
    assert_eq!(status(&mut world, 5, "bob", &other).status(), Some(406));
    assert_eq!(status(&mut world, 6, "bob", PRESENCE).status(), Some(200));
    assert_eq!(status(&mut world, 7, "alice", PRESENCE).status(), Some(200));
    let full = status(&mut world, 8, "bob", PRESENCE);
    assert_eq!(full.status(), Some(503));
}

#[test]
fn many_changes_are_one_notification_and_an_unanswered_one_holds_the_next() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut bob = world.registered("bob", Transport::Tcp);
    Watching::new(1).ask(&mut world, &mut alice, "bob", PRESENCE);
    let first = world.request(&alice);
    for turn in 0..10 {
        let document = says(true, &[], Some(&format!("note {turn}")));
        tag_of(&publish(&mut world, &mut bob, "bob", "", &document));
    }
    world.advance(Duration::from_secs(5));
    assert!(
        world.received(&alice).is_empty(),
        "the first is not answered"
    );
    world.answer(&alice, &first, 200);
    let (_, presence) = told(&mut world, &alice);
    assert_eq!(presence.note.as_deref(), Some("note 9"));
    for turn in 10..20 {
        let document = says(true, &[], Some(&format!("note {turn}")));
        tag_of(&publish(&mut world, &mut bob, "bob", "", &document));
        world.advance(Duration::from_millis(50));
    }
    assert!(world.received(&alice).is_empty(), "not within the pace");
    second(&mut world);
    let (_, presence) = told(&mut world, &alice);
    assert_eq!(presence.note.as_deref(), Some("note 19"));
}

#[test]
fn watchers_who_are_gone_are_forgotten() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    Watching::new(1).ask(&mut world, &mut alice, "bob", PRESENCE);
    let notify = world.request(&alice);
    world.answer(&alice, &notify, 481);
    assert_eq!(world.server.watched(), 0, "it knows nothing of it");

    Watching::new(2).ask(&mut world, &mut alice, "bob", PRESENCE);
    world.received(&alice);
    world.advance(Duration::from_secs(40));
    assert_eq!(world.server.watched(), 0, "it never answered");

    Watching::new(3).ask(&mut world, &mut alice, "bob", PRESENCE);
    told(&mut world, &alice);
    world.close(&alice);
    assert_eq!(world.server.watched(), 0, "its connection closed");
    let _bob = world.registered("bob", Transport::Tcp);
    second(&mut world);
    assert!(world.received(&alice).is_empty());
}

#[test]
fn a_revoked_password_ends_what_was_subscribed_and_published_with_it() {
    let mut world = World::new();
    let mut stolen = world.registered("alice", Transport::Ws);
    let mut other = world.device("alice", Transport::Ws);
    other.password = "another device's".to_owned();
    assert_eq!(world.register(&mut other, "", 600).status(), Some(200));
    let mut bob = world.registered("bob", Transport::Ws);
    Watching::new(1).ask(&mut world, &mut stolen, "bob", PRESENCE);
    told(&mut world, &stolen);
    Watching::new(2).ask(&mut world, &mut other, "bob", PRESENCE);
    told(&mut world, &other);
    Watching::new(3).ask(&mut world, &mut bob, "alice", PRESENCE);
    told(&mut world, &bob);
    for (device, note) in [(&mut other, "me"), (&mut stolen, "a thief")] {
        let document = says(true, &[], Some(note));
        tag_of(&publish(&mut world, device, "alice", "", &document));
    }
    second(&mut world);
    let (_, presence) = told(&mut world, &bob);
    assert_eq!(presence.note.as_deref(), Some("a thief"));

    second(&mut world);
    world.revoke("alice", PASSWORD);
    let (_, presence) = told(&mut world, &bob);
    assert_eq!(presence.note.as_deref(), Some("me"));
    assert_eq!(world.server.watched(), 2);
    let document = says(false, &[], None);
    tag_of(&publish(&mut world, &mut bob, "bob", "", &document));
    let (_, presence) = told(&mut world, &other);
    assert_eq!(presence.open, Some(false));
    assert!(world.received(&stolen).is_empty());
}

/// The documents that people are told, where xmlschema judges them (`tests/schema/samples`); `UPDATE=1` writes them anew.
#[test]
fn the_documents_are_those_that_the_schema_was_asked_about() {
    let note = Some("<in> a \"tent\" & \u{1f3d5}".to_owned());
    for (name, presence) in [
        ("presence-closed.xml", Presence::default()),
        (
            "presence-open.xml",
            Presence {
                open: Some(true),
                activities: [
                    Activity::Away,
                    Activity::Busy,
                    Activity::OnThePhone,
                    Activity::Meeting,
                    Activity::Meal,
                    Activity::Vacation,
                    Activity::Working,
                ]
                .into(),
                note,
                ..Presence::default()
            },
        ),
        ("presence-conference.xml", of_conference(3).0),
        (
            "presence-capabilities.xml",
            Presence {
                open: Some(true),
                caps: caps(
                    ";application=\"FALSE\";audio;automata=\"FALSE\";control;data;isfocus=\"FALSE\";+sip.message;\
                     methods=\"INVITE,ACK,CANCEL,BYE,OPTIONS,INFO,MESSAGE,NOTIFY,SUBSCRIBE,PRACK,UPDATE,REFER,PUBLISH,REGISTER\";text;video",
                ),
                ..Presence::default()
            },
        ),
    ] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/schema/samples")
            .join(name);
        let document = pidf::write("bob&co@example.org", &presence);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &document).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(there, document, "{name} is stale; run with UPDATE=1");
    }
}

/// What the allocator says of a conference.
fn of_conference(count: u32) -> (Presence, String) {
    let presence = Presence {
        open: Some(true),
        note: Some(format!("{count} in, BOB talks, video")),
        conference: Some(ConferencePresence {
            title: "Plan".to_owned(),
            count,
            video: true,
            locked: false,
            talks: vec!["BOB".to_owned()],
        }),
        ..Presence::default()
    };
    let document = pidf::write("conf-c1@example.org", &presence);
    (presence, document)
}

#[test]
fn a_conference_has_a_presence_that_its_services_alone_publish() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut video = world.registered("video", Transport::Tcp);
    // Nobody has said anything of it yet, and there is no account of this name.
    let mut watching = Watching::new(1);
    let answer = watching.ask(&mut world, &mut alice, "conf-c1", PRESENCE);
    assert_eq!(answer.status(), Some(200), "{}", text(&answer));
    assert_eq!(told(&mut world, &alice).1.open, Some(false));

    let (said, document) = of_conference(2);
    let tag = tag_of(&publish(&mut world, &mut video, "conf-c1", "", &document));
    second(&mut world);
    assert_eq!(told(&mut world, &alice).1, said);
    let (said, document) = of_conference(3);
    let renewal = format!("SIP-If-Match: {tag}\r\n");
    let tag = tag_of(&publish(
        &mut world, &mut video, "conf-c1", &renewal, &document,
    ));
    second(&mut world);
    assert_eq!(told(&mut world, &alice).1, said);

    // Neither people nor other services speak for conferences.
    let mut conference = world.registered("conference", Transport::Tcp);
    for device in [&mut alice, &mut conference] {
        let answer = publish(&mut world, device, "conf-c1", "", &document);
        assert_eq!(answer.status(), Some(403), "{}", device.user);
    }
    // The conference service does, for those that the allocator did not make.
    let mut focus = world.registered("focus", Transport::Tcp);
    let (said, document) = of_conference(1);
    let own = tag_of(&publish(&mut world, &mut focus, "conf-c1", "", &document));
    second(&mut world);
    assert_eq!(told(&mut world, &alice).1, said);
    let taken = format!("SIP-If-Match: {own}\r\nExpires: 0\r\n");
    let answer = publish(&mut world, &mut video, "conf-c1", &taken, "");
    assert_eq!(answer.status(), Some(412), "it is not the allocator's");
    let answer = publish(&mut world, &mut focus, "conf-c1", &taken, "");
    assert_eq!(answer.status(), Some(200));
    second(&mut world);
    told(&mut world, &alice);
    // And of people the allocator may say no more than any service.
    let answer = publish(&mut world, &mut video, "bob", "", &document);
    assert_eq!(answer.status(), Some(200));
    let mut of_bob = Watching::new(2);
    let answer = of_bob.ask(&mut world, &mut alice, "bob", PRESENCE);
    assert_eq!(answer.status(), Some(200));
    let bob = told(&mut world, &alice).1;
    assert_eq!(
        (bob.open, bob.note, bob.conference),
        (Some(false), None, None)
    );

    let end = format!("SIP-If-Match: {tag}\r\nExpires: 0\r\n");
    assert_eq!(
        publish(&mut world, &mut video, "conf-c1", &end, "").status(),
        Some(200)
    );
    second(&mut world);
    let (_, over) = told(&mut world, &alice);
    assert_eq!((over.open, over.conference), (Some(false), None));
}

/// A conference is published once, and alice is told of it.
fn published(world: &mut World) -> (Device, Device) {
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut video = world.registered("video", Transport::Tcp);
    let (said, document) = of_conference(1);
    publish(world, &mut video, "conf-c1", "Expires: 120\r\n", &document);
    let mut watching = Watching::new(1);
    watching.ask(world, &mut alice, "conf-c1", PRESENCE);
    assert_eq!(told(world, &alice).1, said);
    (alice, video)
}

#[test]
fn what_a_crash_leaves_of_a_conference_ends() {
    let mut world = World::new();
    let (alice, video) = published(&mut world);
    world.close(&video);
    second(&mut world);
    assert_eq!(told(&mut world, &alice).1.open, Some(false));
}

/// The machine is gone, and nobody closes its connections (RFC 3903 §6).
#[test]
fn a_conference_that_is_published_no_more_ends_with_its_time() {
    let mut world = World::new();
    let (alice, _video) = published(&mut world);
    world.advance(Duration::from_secs(119));
    assert!(world.received(&alice).is_empty());
    world.advance(Duration::from_secs(2));
    assert_eq!(told(&mut world, &alice).1.open, Some(false));
}

/// What a Contact with these parameters says.
fn caps(params: &str) -> ServiceCaps {
    ServiceCaps::of_contact(&NameAddr::parse(format!("<sip:bob@192.0.2.9>{params}")).unwrap())
}

#[test]
fn what_devices_registered_that_they_can_is_told_to_watchers() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut watching = Watching::new(1);
    watching.ask(&mut world, &mut alice, "bob", PRESENCE);
    assert_eq!(
        told(&mut world, &alice).1.caps,
        ServiceCaps::default(),
        "nothing is said"
    );

    let mut desk = world.device("bob", Transport::Tcp);
    let says = ";audio;video=\"FALSE\";methods=\"INVITE,MESSAGE\"";
    let contact = format!("<{}>{says}", desk.uri());
    world.register_contact(&mut desk, &contact, "");
    second(&mut world);
    let notify = world.request(&alice);
    world.answer(&alice, &notify, 200);
    assert_eq!(read(&notify).1.caps, caps(says));
    let document = text(&notify);
    assert!(
        document.contains(
            "<basic>open</basic></status><caps:servcaps xmlns:caps=\"urn:ietf:params:xml:ns:pidf:caps\"><caps:audio>true"
        ),
        "{document}"
    );

    // Of several devices what any of them can; with the device it goes.
    let mut page = world.device("bob", Transport::Ws);
    let contact = format!("<{}>;audio;video;text", page.uri());
    world.register_contact(&mut page, &contact, "");
    second(&mut world);
    let both = told(&mut world, &alice).1.caps;
    assert_eq!(both.get(Feature::Video), Some(true));
    assert_eq!(both.methods().collect::<Vec<_>>(), ["INVITE", "MESSAGE"]);
    let flow = page.source.flow;
    world.server.handle_flow_closed(flow, world.now);
    second(&mut world);
    assert_eq!(told(&mut world, &alice).1.caps, caps(says));

    // And what a client publishes of itself.
    let document = pidf::write(
        "bob@example.org",
        &Presence {
            open: Some(true),
            caps: caps(";text"),
            ..Presence::default()
        },
    );
    publish(&mut world, &mut desk, "bob", "", &document);
    second(&mut world);
    let known = told(&mut world, &alice).1.caps;
    assert_eq!(known.get(Feature::Text), Some(true));
    assert_eq!(known.get(Feature::Video), Some(false));
}

#[test]
fn the_server_knows_how_devices_can_take_part() {
    let mut world = World::new();
    let bob = |world: &World| world.server.capabilities("bob@example.org", world.now);
    let can = |calls, video| Capabilities { calls, video };
    assert_eq!(bob(&world), can(false, false));
    for (params, expected) in [
        ("", can(false, false)),
        (";audio", can(true, false)),
        (";methods=\"INVITE,MESSAGE\"", can(true, false)),
        (";audio;video", can(true, true)),
        (";audio;video;methods=\"MESSAGE\"", can(false, false)),
        // Nobody could tell it of a conference.
        (";audio;methods=\"INVITE,BYE\"", can(false, false)),
        (";audio;video=\"FALSE\"", can(true, false)),
    ] {
        let mut world = World::new();
        let mut device = world.device("bob", Transport::Tcp);
        let contact = format!("<{}>{params}", device.uri());
        world.register_contact(&mut device, &contact, "");
        assert_eq!(bob(&world), expected, "{params}");
        let told = world.events.iter().any(
            |event| matches!(event, im_core::Event::Registered { can, .. } if *can == expected),
        );
        assert!(told, "{params}");
    }
    // A page that says nothing is a page.
    let mut page = world.device("bob", Transport::Ws);
    world.register(&mut page, "", 600);
    assert_eq!(bob(&world), can(true, true));
}

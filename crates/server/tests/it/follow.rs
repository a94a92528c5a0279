//! Conferences followed over real sockets: who is in one sees it change, who is not sees who is on the phone and no more.

use im_core::pidf::{self, Activity};
use phones::Act;
use testkit::peer::SipPeer;
use testkit::sip_text::SipText;

use crate::bench::*;
use crate::conference::*;
use crate::gateway::when_registered;

/// Subscribes; the final status. Until the conferences' own account has registered there is nobody to ask (480).
pub fn follow(peer: &mut SipPeer, uri: &str, event: &str) -> Option<u16> {
    let contact = format!("Contact: <sip:x@{}>", peer.local());
    let event = format!("Event: {event}");
    let lines = [event.as_str(), contact.as_str(), "Expires: 600"];
    for _ in 0..10_000 {
        let answer = peer.request("SUBSCRIBE", uri, uri, &lines, b"").unwrap();
        if answer.status() != Some(480) {
            return answer.status();
        }
    }
    Some(480)
}

/// The next NOTIFY, answered.
fn notified(peer: &mut SipPeer) -> SipText {
    let notify = peer.expect("NOTIFY").unwrap();
    peer.reply(&notify, 200, "OK", &[], b"").unwrap();
    notify
}

/// Takes notifications until one says this.
fn until_told(peer: &mut SipPeer, words: &str) -> SipText {
    loop {
        let notify = notified(peer);
        if notify.text().contains(words) {
            return notify;
        }
    }
}

fn until_telephoning(peer: &mut SipPeer, expected: bool) {
    loop {
        let presence = pidf::read(&notified(peer).body).unwrap();
        if presence.activities.contains(&Activity::OnThePhone) == expected {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn participants_follow_their_conference_and_friends_see_who_telephones() {
    let mut road = Road::start().await;
    let mut alice = road.person("alice", ALICE).await;
    let (identity, http) = (
        road.bench.identity("bob").await,
        road.bench.server.addresses.http.unwrap(),
    );
    drop(road.person("bob", BOB).await);
    let page = block(move || SipPeer::websocket(identity, http, 7).unwrap()).await;
    let mut bob = registered(page).await;
    let mut carol = registered(road.bench.peer("carol").await).await;
    let mut alice = block(move || {
        when_registered(&mut alice, "call bob");
        until(&mut alice, "alice is in the call");
        alice
    })
    .await;
    let store = road.bench.server.store.clone();
    let running = store.conferences(None, 10).await.unwrap().remove(0).id;
    let conference = format!("sip:conf-{running}@{DOMAIN}");
    let uri = conference.clone();
    let (mut alice, bob, carol) = block(move || {
        let bobs = format!("sip:bob@{DOMAIN}");
        assert_eq!(follow(&mut carol, &bobs, "presence"), Some(200));
        assert_eq!(follow(&mut carol, &uri, "conference"), Some(404));
        assert_eq!(follow(&mut bob, &uri, "conference"), Some(200));
        let first = notified(&mut bob);
        assert!(
            first.text().contains(" state=\"full\" version=\"1\""),
            "{}",
            first.text()
        );
        assert!(
            first
                .header("Subscription-State")
                .unwrap()
                .starts_with("active;expires=")
        );
        // Bob may have joined before he looked.
        if !first.text().contains("<display-text>bob</display-text>") {
            panic!("bob is not on it: {}", first.text());
        }
        if first.text().matches("state=\"joined\"").count() < 2 {
            until_told(&mut bob, "state=\"joined\"");
        }
        until_telephoning(&mut carol, true);
        assert!(matches!(
            say(&mut alice, "conference", "mute bob"),
            Some(200 | 202)
        ));
        let muted = until_told(&mut bob, "muted-via-focus");
        assert!(
            muted.text().contains("state=\"partial\""),
            "{}",
            muted.text()
        );
        (alice, bob, carol)
    })
    .await;
    road.network.act(&BOB.parse().unwrap(), Act::HangUp).await;
    let (mut bob, mut carol) = (bob, carol);
    block(move || {
        until_told(
            &mut bob,
            "<disconnection-method>departed</disconnection-method>",
        );
        until_telephoning(&mut carol, false);
        assert!(matches!(
            say(&mut alice, "conference", "end"),
            Some(200 | 202)
        ));
        let last = until_told(&mut bob, "state=\"deleted\"");
        let state = last.header("Subscription-State").unwrap();
        assert_eq!(state, "terminated;reason=noresource");
        assert_eq!(follow(&mut bob, &conference, "conference"), Some(404));
    })
    .await;
    road.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_down_tells_who_follows() {
    let mut road = Road::start().await;
    let mut alice = road.person("alice", ALICE).await;
    let _bob = road.person("bob", BOB).await;
    let mut alice = block(move || {
        when_registered(&mut alice, "call bob");
        until(&mut alice, "bob is in the call");
        alice
    })
    .await;
    let store = road.bench.server.store.clone();
    let running = store.conferences(None, 10).await.unwrap().remove(0).id;
    let conference = format!("sip:conf-{running}@{DOMAIN}");
    let told = tokio::task::spawn_blocking(move || {
        assert_eq!(follow(&mut alice, &conference, "conference"), Some(200));
        let first = notified(&mut alice);
        assert!(first.text().contains("state=\"joined\""));
        alice
    });
    let mut alice = told.await.unwrap();
    let last = tokio::task::spawn_blocking(move || until_told(&mut alice, "state=\"deleted\""));
    road.stop().await;
    let last = last.await.unwrap();
    assert_eq!(
        last.header("Subscription-State"),
        Some("terminated;reason=noresource")
    );
}

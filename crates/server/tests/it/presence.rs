//! Presence over real sockets: a page watches, a telephone comes, says that it is busy, and goes.

use im_core::pidf::{self, Activity, Presence};
use testkit::peer::SipPeer;
use testkit::sip_text::SipText;

use crate::bench::*;

/// The next NOTIFY, answered: Subscription-State and what it says.
fn told(peer: &mut SipPeer) -> (String, Presence) {
    let notify: SipText = peer.expect("NOTIFY").unwrap();
    peer.reply(&notify, 200, "OK", &[], b"").unwrap();
    let state = notify.header("Subscription-State").unwrap().to_owned();
    (state, pidf::read(&notify.body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_sees_a_telephone_come_say_that_it_is_busy_and_go() {
    let mut bench = Bench::start("").await;
    let (identity, http) = (bench.identity("alice").await, bench.server.addresses.http);
    let page = block(move || SipPeer::websocket(identity, http.unwrap(), 7).unwrap()).await;
    let mut alice = registered(page).await;
    let mut bob = bench.peer("bob").await;
    block(move || {
        let uri = format!("sip:bob@{DOMAIN}");
        let contact = format!("Contact: <sip:alice@{};transport=ws>", alice.local());
        let lines = ["Event: presence", contact.as_str(), "Expires: 600"];
        let answer = alice.request("SUBSCRIBE", &uri, &uri, &lines, b"").unwrap();
        assert_eq!(answer.status(), Some(200), "{}", answer.text());
        let (state, presence) = told(&mut alice);
        assert!(state.starts_with("active;expires="), "{state}");
        assert_eq!(presence.open, Some(false));

        assert_eq!(bob.register("").unwrap().status(), Some(200));
        assert_eq!(told(&mut alice).1.open, Some(true));

        let busy = Presence {
            open: Some(true),
            activities: [Activity::Busy].into(),
            ..Presence::default()
        };
        let document = pidf::write(&format!("bob@{DOMAIN}"), &busy);
        let lines = ["Event: presence", "Content-Type: application/pidf+xml"];
        let made = bob
            .request("PUBLISH", &uri, &uri, &lines, document.as_bytes())
            .unwrap();
        assert_eq!(made.status(), Some(200), "{}", made.text());
        assert!(made.header("SIP-ETag").is_some());
        assert_eq!(told(&mut alice).1, busy);

        // Its connection takes along what it registered and what it published.
        drop(bob);
        let (_, presence) = told(&mut alice);
        assert_eq!((presence.open, presence.activities.len()), (Some(false), 0));
    })
    .await;
    bench.stop().await;
}

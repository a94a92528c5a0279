//! The IM role: chat, kept chat, refusals, restart.

use std::io::ErrorKind;
use std::time::Duration;

use server::files::Addresses;
use store::AccountKind;
use testkit::peer::{Identity, SipPeer};

use crate::bench::*;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn chat_is_relayed_to_who_is_there_and_logged() {
    let mut bench = Bench::start("").await;
    let mut alice = registered(bench.peer("alice").await).await;
    let mut bob = registered(bench.peer("bob").await).await;
    block(move || {
        assert_eq!(say(&mut alice, "bob", "hello bob"), Some(202));
        let message = bob.expect("MESSAGE").unwrap();
        assert!(message.text().ends_with("hello bob"));
        bob.reply(&message, 200, "OK", &[], b"").unwrap();
    })
    .await;
    let log = bench.server.store.log_newest(10).await.unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(&*log[0].logged.from, "alice@test.example");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_for_the_absent_survives_a_restart() {
    let mut bench = Bench::start("").await;
    let mut alice = registered(bench.peer("alice").await).await;
    let carol = bench.identity("carol").await;
    block(move || assert_eq!(say(&mut alice, "carol", "are you there?"), Some(202))).await;
    let directory = bench.stop().await;
    assert!(Addresses::read(&directory.path().join("data")).is_err());

    let bench = Bench::start_in(directory, "").await;
    let server = bench.tcp();
    let read = Addresses::read(&bench.directory.path().join("data")).unwrap();
    assert_eq!(read, bench.server.addresses);
    let peer = block(move || SipPeer::tcp(carol, server, 9).unwrap()).await;
    let mut carol = registered(peer).await;
    block(move || {
        let message = carol.expect("MESSAGE").unwrap();
        assert!(message.text().ends_with("are you there?"));
        carol.reply(&message, 200, "OK", &[], b"").unwrap();
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_message_is_told_of_by_its_senders_name_also_after_a_restart() {
    let mut bench = Bench::start("").await;
    let mut alice = registered(bench.peer("alice").await).await;
    let carol = bench.identity("carol").await;
    let long = "word ".repeat(400);
    block(move || assert_eq!(say(&mut alice, "carol", &long), Some(202))).await;
    let accounts = &bench.server.accounts;
    let alice = accounts.aor("alice").unwrap();
    let saved = accounts.save(&alice, "Alice Weber", AccountKind::Person);
    saved.await.unwrap();

    // Nobody has spoken to this one for alice.
    let bench = Bench::start_in(bench.stop().await, "").await;
    let server = bench.server.addresses.sip_udp[0];
    let peer = block(move || SipPeer::udp(carol, server, 9).unwrap()).await;
    let mut carol = registered(peer).await;
    block(move || {
        let message = carol.expect("MESSAGE").unwrap();
        let told = "A long message from Alice Weber is kept for you.";
        assert!(message.text().ends_with(told), "{}", message.text());
        carol.reply(&message, 200, "OK", &[], b"").unwrap();
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_stranger_are_refused() {
    let bench = Bench::start("").await;
    let mut alice = bench.identity("alice").await;
    alice.password = "wrong".into();
    let server = bench.tcp();
    block(move || {
        let mut peer = SipPeer::tcp(alice, server, 1).unwrap();
        assert!(matches!(
            peer.register("").unwrap().status(),
            Some(401 | 403)
        ));
        let nobody = Identity::new("nobody", DOMAIN, "x");
        let mut peer = SipPeer::tcp(nobody, server, 2).unwrap();
        assert!(matches!(
            peer.register("").unwrap().status(),
            Some(401 | 403)
        ));
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_password_ends_its_registration_and_no_other() {
    let mut bench = Bench::start("").await;
    let mut alice = registered(bench.peer("alice").await).await;
    let stolen = registered(bench.peer("bob").await).await;
    let mut kept = registered(bench.peer("bob").await).await;
    let bob = "bob@test.example".parse().unwrap();
    let devices = bench.server.store.devices(&bob).await.unwrap();
    let revoked = bench.server.accounts.revoke_device(&bob, devices[0].id);
    revoked.await.unwrap();
    block(move || {
        assert_eq!(say(&mut alice, "bob", "between us"), Some(202));
        let message = kept.expect("MESSAGE").unwrap();
        assert!(message.text().ends_with("between us"));
        kept.reply(&message, 200, "OK", &[], b"").unwrap();
        let mut stolen = stolen;
        assert_eq!(say(&mut stolen, "alice", "I am bob"), Some(407));
        assert!(stolen.take_inbox().is_empty());
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_lasts_as_long_as_somebody_is_registered_on_it() {
    let mut bench = Bench::start("idle_s = 1\n").await;
    let mut alice = registered(bench.peer("alice").await).await;
    let mut stranger = bench.peer("bob").await;
    block(move || {
        let uri = format!("sip:{DOMAIN}");
        let answer = stranger.request("OPTIONS", &uri, &uri, &[], b"");
        assert_eq!(answer.unwrap().status(), Some(200));
        let closed = |peer: &mut SipPeer| peer.receive_within(PATIENCE).unwrap_err().kind();
        assert_eq!(closed(&mut stranger), ErrorKind::UnexpectedEof);
        // She has been silent for longer.
        assert_eq!(say(&mut alice, "bob", "are you there?"), Some(202));
        assert_eq!(alice.unregister_all().unwrap().status(), Some(200));
        assert_eq!(closed(&mut alice), ErrorKind::UnexpectedEof);
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_does_not_start() {
    let bench = Bench::start("").await;
    let second = server::Server::start(config(bench.directory.path(), "")).await;
    let words = second.unwrap_err().to_string();
    assert!(words.contains("in use"), "{words}");
    bench.stop().await;
}

/// What a device says when it registers (RFC 3840) fills the database of modes.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_kept_as_a_way_to_take_part() {
    let mut bench = Bench::start("").await;
    let mut peer = bench.peer("alice").await;
    let registered = block(move || peer.register(";audio;video").unwrap().status()).await;
    assert_eq!(registered, Some(200));
    let alice = bench.server.accounts.aor("alice").unwrap();
    let directory = bench.stop().await;
    let store = store::Store::open(&directory.path().join("data")).unwrap();
    let modes = store.modes(&alice).await.unwrap();
    assert_eq!(modes.len(), 1, "{modes:?}");
    let kept = (modes[0].mode, modes[0].source, modes[0].video);
    let expected = (
        convoke_types::Mode::Computer,
        convoke_types::ModeSource::Registration,
        true,
    );
    assert_eq!(kept, expected);
}

//! The gateway beside our own IM server: words in, words out.

use testkit::peer::SipPeer;

use crate::bench::*;

/// Sends words to the gateway; the control channel answers when the gateway has them.
pub fn command(peer: &mut SipPeer, words: &str) -> Option<u16> {
    say(peer, "conference", words)
}

/// Until the gateway has registered, it is absent (480).
pub fn when_registered(peer: &mut SipPeer, words: &str) {
    for _ in 0..10_000 {
        match command(peer, words) {
            Some(480) => {}
            Some(200 | 202) => return,
            other => panic!("unexpected answer {other:?}"),
        }
    }
    panic!("the gateway never registered");
}

pub fn answer(peer: &mut SipPeer) -> String {
    let message = peer.expect("MESSAGE").unwrap();
    peer.reply(&message, 200, "OK", &[], b"").unwrap();
    message.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_answered_in_words() {
    let mut bench = Bench::start("").await;
    let mut alice = registered(bench.peer("alice").await).await;
    let (help, who) = block(move || {
        when_registered(&mut alice, "help");
        let help = answer(&mut alice);
        assert!(matches!(command(&mut alice, "who"), Some(200 | 202)));
        (help, answer(&mut alice))
    })
    .await;
    assert!(help.contains("call bob"), "{help}");
    assert!(!who.is_empty(), "{who}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_telephone_is_refused_in_words() {
    let mut bench = Bench::start("").await;
    let mut alice = registered(bench.peer("alice").await).await;
    bench.identity("bob").await;
    let said = block(move || {
        when_registered(&mut alice, "call bob");
        answer(&mut alice)
    })
    .await;
    assert!(said.to_lowercase().contains("telephone"), "{said}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_is_told_who_takes_commands() {
    let bench = Bench::start("[gateway]\nuser = \"rooms\"\n").await;
    let told = bench.server.addresses.gateway.clone();
    assert_eq!(told.unwrap().user(), "rooms");
    bench.stop().await;
}

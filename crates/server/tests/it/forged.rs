//! Who may say who is speaking (architecture, decision 6): forged senders and asserted identities are refused.

use testkit::peer::SipPeer;

use crate::bench::*;
use crate::gateway::{command, when_registered};

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_from_is_refused_and_a_forged_assertion_is_taken_away() {
    let mut bench = Bench::start("").await;
    let mut alice = registered(bench.peer("alice").await).await;
    let mut eve = registered(bench.peer("eve").await).await;
    block(move || {
        when_registered(&mut alice, "help");
        let to = format!("sip:conference@{DOMAIN}");
        let text = "Content-Type: text/plain";
        let response = eve
            .request_as(
                &format!("sip:alice@{DOMAIN}"),
                "MESSAGE",
                &to,
                &to,
                &[text],
                b"who",
            )
            .unwrap();
        assert_eq!(response.status(), Some(403));

        // What eve says of herself in the header is worth nothing: she is asserted as eve.
        let forged = format!("P-Asserted-Identity: <sip:alice@{DOMAIN}>");
        let response = eve
            .request("MESSAGE", &to, &to, &[text, &forged], b"help")
            .unwrap();
        assert!(matches!(response.status(), Some(200 | 202)));
        let answer = eve.expect("MESSAGE").unwrap();
        assert!(answer.text().contains("call bob"));
        assert!(alice.take_inbox().iter().all(|message| {
            message.method() != Some("MESSAGE") || message.text().contains("call bob")
        }));
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_to_the_gateway_past_the_im_server_is_refused_when_not_trusted() {
    // Nobody is trusted here, not even the IM server on the loopback.
    let mut bench = Bench::start("[gateway]\ntrusted_servers = [\"192.0.2.1\"]\n").await;
    let mut alice = registered(bench.peer("alice").await).await;
    block(move || {
        for _ in 0..10_000 {
            match command(&mut alice, "help") {
                Some(480) => {}
                other => return assert_eq!(other, Some(403)),
            }
        }
        panic!("the gateway never registered");
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_to_the_gateway_past_our_im_server_is_refused_also_on_this_machine() {
    let listen = "127.77.0.1:5066";
    let mut bench = Bench::start(&format!("[gateway]\nlisten = \"{listen}\"\n")).await;
    let mut alice = registered(bench.peer("alice").await).await;
    let eve = bench.identity("eve").await;
    block(move || {
        when_registered(&mut alice, "help");
        let mut eve = SipPeer::tcp(eve, listen.parse().unwrap(), 9).unwrap();
        let from = format!("sip:alice@{DOMAIN}");
        let to = format!("sip:conference@{DOMAIN}");
        let forged = format!("P-Asserted-Identity: <sip:alice@{DOMAIN}>");
        let extra = ["Content-Type: text/plain", &forged];
        let response = eve.request_as(&from, "MESSAGE", &to, &to, &extra, b"who");
        assert_eq!(response.unwrap().status(), Some(403));
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_while_the_gateway_is_away_is_refused_at_once_and_never_kept() {
    let directory = tempfile::tempdir().unwrap();
    let text = config_text("").replace("[server]", "[server]\nroles = [\"im\"]");
    let config = server::config::parse(&text, directory.path()).unwrap();
    let server = server::Server::start(config).await.unwrap();
    let accounts = &server.accounts;
    let gateway = accounts.aor("conference").unwrap();
    let kind = store::AccountKind::Service;
    accounts.save(&gateway, "Conferences", kind).await.unwrap();
    let alice = accounts.aor("alice").unwrap();
    let kind = store::AccountKind::Person;
    accounts.save(&alice, "Alice", kind).await.unwrap();
    let device = accounts.mint_device(&alice, "test").await.unwrap();
    let identity = testkit::peer::Identity::new("alice", DOMAIN, &device.password);
    let addr = server.addresses.sip_tcp[0];
    let peer = block(move || SipPeer::tcp(identity, addr, 5).unwrap()).await;
    let mut alice = registered(peer).await;
    block(move || assert_eq!(command(&mut alice, "call bob"), Some(480))).await;
    let aor = format!("conference@{DOMAIN}");
    let pending = server.store.pending_for(&aor, None, 10).await.unwrap();
    assert!(pending.is_empty(), "nobody's telephone rings later");
    assert!(server.shutdown().await);
}

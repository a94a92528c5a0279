//! The parts in two servers: the IM server in one, gateway and conference service in another, TLS between them; the
//! second treats the first as foreign and keeps its own log. Both parts of the second have their accounts at the first.

use server::Server;
use server::config;
use store::{AccountKind, Direction};
use testkit::peer::SipPeer;

use crate::bench::*;
use crate::follow::follow;
use crate::gateway::{answer, command, when_registered};

async fn server(directory: &tempfile::TempDir, text: String) -> Server {
    let config = config::parse(&text, directory.path()).unwrap();
    Server::start(config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_works_behind_an_im_server_elsewhere() {
    let im_directory = tempfile::tempdir().unwrap();
    let text = config_text("").replace("[server]", "[server]\nroles = [\"im\"]");
    let im = server(&im_directory, text).await;
    let gateway = im.accounts.aor("conference").unwrap();
    im.accounts
        .save(&gateway, "Conferences", AccountKind::Service)
        .await
        .unwrap();
    im.accounts
        .save_device(&gateway, "gateway", "its password")
        .await
        .unwrap();
    let alice = im.accounts.aor("alice").unwrap();
    im.accounts
        .save(&alice, "Alice", AccountKind::Person)
        .await
        .unwrap();
    let device = im.accounts.mint_device(&alice, "test").await.unwrap();

    let other_directory = tempfile::tempdir().unwrap();
    let pin = im.addresses.certificate.as_ref().unwrap().display();
    let port = im.addresses.sip_tls[0].port();
    let rest = format!(
        "[gateway]\nim_server = \"127.0.0.1:{port}\"\ntransport = \"tls\"\ntls_pin = \"{pin}\"\nforeign = true\n\
         password = \"its password\"\n[conference]\nim_server = \"127.0.0.1:{port}\"\nim_transport = \"tls\"\n\
         im_tls_pin = \"{pin}\"\nim_password = \"file:{}\"\n",
        im_directory.path().join("data/focus.password").display(),
    );
    let text = config_text(&rest).replace(
        "[server]",
        "[server]\nroles = [\"gateway\", \"conference\"]",
    );
    let other = server(&other_directory, text).await;
    assert!(other.addresses.sip_tcp.is_empty());

    let identity = testkit::peer::Identity::new("alice", DOMAIN, &device.password);
    let addr = im.addresses.sip_tcp[0];
    let peer = block(move || SipPeer::tcp(identity, addr, 3).unwrap()).await;
    let mut alice = registered(peer).await;
    let help = block(move || {
        when_registered(&mut alice, "help");
        let help = answer(&mut alice);
        // Nothing is dialled where there is no trunk; the refusal comes in words.
        assert!(matches!(
            command(&mut alice, "call +15550199"),
            Some(200 | 202)
        ));
        answer(&mut alice);
        // Somebody is there for conferences, and knows none of this name.
        let nobodys = format!("sip:conf-none@{DOMAIN}");
        assert_eq!(follow(&mut alice, &nobodys, "conference"), Some(404));
        help
    })
    .await;
    assert!(help.contains("call bob"), "{help}");
    let log = other.store.log_newest(10).await.unwrap();
    let directions: Vec<Direction> = log.iter().map(|entry| entry.logged.direction).collect();
    assert!(directions.contains(&Direction::Received), "{directions:?}");
    assert!(directions.contains(&Direction::Sent), "{directions:?}");
    assert!(other.shutdown().await);
    assert!(im.shutdown().await);
}

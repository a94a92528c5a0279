//! A conference in the contact list of a client of another make (Linphone's console client).

use convoke_tests::peers::linphone::Linphone;
use convoke_tests::rest::Administrator;
use soap_proto::{Invited, Operation};

use super::allocator::{DOMAIN, Stage, WITH_VIDEO, ask_for, conference, letter};

/// V9: alice's second client is Linphone. She adds the address of the invitation as a friend, and sees the conference until its end.
#[test]
fn linphone_shows_the_conference_of_an_invitation_until_its_end() {
    // Linphone gives up when SHA-512-256 is offered first.
    let stage = Stage::with(|config| config.set("im", "digest", vec!["sha-256", "md5"]));
    let mut bob = stage.device("bob", WITH_VIDEO, 1);
    let mut alice = stage.device("alice", WITH_VIDEO, 2);
    let administrator = Administrator::of(&stage.im).unwrap();
    let password = administrator.device("alice").unwrap();
    let sip = stage.im.addr("sip_tcp").unwrap();
    let mut linphone = Linphone::register(sip, DOMAIN, "alice", &password).unwrap();

    let people = vec![Invited::Person("alice".to_owned())];
    let ready = ask_for(&mut bob, "ask-1", people).unwrap();
    let invitation = letter(&mut alice).text();
    let uri = invitation.split("uri=\"").nth(1).unwrap();
    let uri = uri.split('"').next().unwrap();
    assert_eq!(uri, ready.uri);

    linphone.add_friend("Plan", uri).unwrap();
    linphone.until_friend(uri, "Online").unwrap();
    let log = linphone.log();
    assert!(log.contains("0 in, video"), "it was told the note: {log}");
    let end = Operation::End {
        conference: ready.conference,
    };
    conference(&mut bob, "end-1", end);
    linphone.until_friend(uri, "Offline").unwrap();
}

//! Who may come in, and with what.

use crate::scene::{Scene, command, create};

#[test]
fn only_an_identity_that_the_trusted_server_asserts_comes_in() {
    let mut scene = Scene::new();
    let request = soap_proto::write_request(&command(&scene, create())).unwrap();
    let mut untrusted = scene.message("alice", "text/xml", request.clone());
    untrusted.trusted = false;
    assert_eq!(scene.give(untrusted), 403);
    let mut nobody = scene.message("alice", "text/xml", request.clone());
    nobody.asserted = None;
    assert_eq!(scene.give(nobody), 403);
    let mut forged = scene.message("alice", "text/xml", request.clone());
    forged.asserted = Some("<sip:mallory@example.org>".to_owned());
    assert_eq!(scene.give(forged), 403);
    let mut telephone = scene.message("alice", "text/xml", request.clone());
    telephone.asserted = Some("<tel:+15550100>".to_owned());
    assert_eq!(scene.give(telephone), 403);
    let itself = scene.message("conference", "text/plain", "who");
    assert_eq!(scene.give(itself), 403);
    assert!(scene.calls.is_empty() && scene.sent.is_empty());
    let right = scene.message("alice", "text/xml", request);
    assert_eq!(scene.give(right), 202);
    assert_eq!(
        scene.call().1.headers.asserted.unwrap().to_string(),
        "alice@example.org"
    );
}

#[test]
fn size_and_type_are_checked_before_anything_is_read() {
    let mut scene = Scene::new();
    for (content_type, length, status) in [
        ("text/plain", 65_536, 202),
        ("text/plain", 65_537, 413),
        ("TEXT/XML;charset=UTF-8", 65_537, 413),
        ("text/html", 10, 415),
        ("application/im-iscomposing+xml", 10, 202),
    ] {
        let message = scene.message("alice", content_type, vec![b'x'; length]);
        assert_eq!(scene.give(message), status, "{content_type} {length}");
    }
    assert!(scene.calls.is_empty());
    // Only the 65,536 letters are answered; a typing notice is not.
    assert!(scene.delivered().1.contains("I do not know"));
}

#[test]
fn too_many_calls_of_one_user_are_refused_and_others_are_not() {
    let mut scene = Scene::new();
    for _ in 0..16 {
        assert_eq!(scene.says("alice", "who"), 202);
    }
    assert_eq!(scene.says("alice", "who"), 503);
    assert_eq!(scene.says("bob", "who"), 202);
    let token = scene.calls[0].0;
    scene.service_says(token, 0, b"");
    assert_eq!(scene.says("alice", "who"), 202);
}

#[test]
fn behind_a_foreign_server_the_log_is_written_before_the_answer_and_before_each_sending() {
    let mut scene = Scene::with_log(true);
    scene.says("alice", "help");
    assert_eq!(scene.order, ["log", "answer", "log", "send"]);
    assert_eq!(scene.logged[0].from, "sip:alice@example.org");
    assert_eq!(scene.logged[0].body.as_ref(), b"help");
    assert_eq!(scene.logged[1].to, "sip:alice@example.org");
    assert_eq!(scene.logged[1].from, "sip:conference@example.org");
    let mut forged = scene.message("alice", "text/plain", "help");
    forged.trusted = false;
    scene.give(forged);
    assert_eq!(
        scene.logged.len(),
        2,
        "what has no identity is not beside one in the log"
    );
}

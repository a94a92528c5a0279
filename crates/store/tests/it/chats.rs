//! Chats: the same whether their messages are indexed already or not.

use std::path::Path;

use bytes::Bytes;
use store::{ChatMessage, Content, MessageId, NewMessage, UNREAD_MAX};

use crate::{Bench, chat};

pub fn cpim(from: &str, to: &str, at: i64, id: &str, content_type: &str, body: &str) -> NewMessage {
    let body = format!(
        "NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {id}\r\n\r\nContent-Type: {content_type}\r\n\r\n{body}"
    );
    NewMessage {
        content_type: "message/cpim".to_owned(),
        body: Bytes::from(body.into_bytes()),
        ..chat(from, to, at, "")
    }
}

fn receipt(from: &str, to: &str, at: i64, of: &str, status: &str) -> NewMessage {
    let imdn =
        format!("<imdn><message-id>{of}</message-id><x><status><{status}/></status></x></imdn>");
    cpim(from, to, at, "r", "message/imdn+xml", &imdn)
}

/// Waits until the writer has indexed everything: it does so when it is idle.
pub fn indexed(path: &Path) {
    let conn = rusqlite::Connection::open(path.join("convoke.db")).unwrap();
    let behind = || -> bool {
        conn.query_row(
            "SELECT (SELECT MAX(id) FROM messages) > (SELECT indexed FROM log_state)",
            [],
            |row| row.get(0),
        )
        .unwrap()
    };
    while behind() {
        std::thread::yield_now();
    }
}

fn texts(messages: &[ChatMessage]) -> Vec<String> {
    let words = |message: &ChatMessage| match &message.content {
        Content::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    messages.iter().map(words).collect()
}

#[test]
fn a_chat_is_what_two_people_wrote_to_each_other_and_nothing_else() {
    let bench = Bench::new();
    let (a, b, c) = ("a@x", "b@x", "c@x");
    let mut command = chat(a, b, 3, "<soap/>");
    command.control = true;
    command.content_type = "text/xml".to_owned();
    let answer = NewMessage {
        content_type: "application/vnd.convoke.invitation+xml".to_owned(),
        ..chat(b, a, 8, "<invitation-answer/>")
    };
    let typing = NewMessage {
        content_type: "application/im-iscomposing+xml".to_owned(),
        ..chat(b, a, 9, "<isComposing/>")
    };
    let all = [
        chat(a, b, 1, "one"),
        chat(c, a, 2, "from c"),
        command,
        cpim(b, a, 4, "m-4", "text/plain", "two"),
        cpim(a, b, 5, "m-5", "text/plain", "three"),
        receipt(b, a, 6, "m-5", "delivered"),
        receipt(b, a, 7, "m-5", "displayed"),
        answer,
        typing,
        // Somebody else cannot tell what became of it.
        receipt(c, a, 10, "m-4", "displayed"),
    ];
    let mut ids = Vec::new();
    for message in all {
        ids.push(bench.ask(bench.store.log_message(message)).unwrap());
    }
    let check = |bench: &Bench| {
        let store = &bench.store;
        let of_a = bench.ask(store.chat(a, b, None, 10)).unwrap();
        let answer = "InvitationAnswer(\"<invitation-answer/>\")";
        assert_eq!(texts(&of_a), [answer, "three", "two", "one"]);
        let three = &of_a[1];
        assert_eq!(three.imdn.as_deref(), Some("m-5"));
        assert_eq!((three.delivered_at, three.read), (Some(6), true));
        assert_eq!((of_a[3].delivered_at, of_a[3].read), (None, false));
        let older = bench.ask(store.chat(a, b, Some(ids[4]), 1)).unwrap();
        assert_eq!(texts(&older), ["two"]);
        assert_eq!(bench.ask(store.chat(a, "d@x", None, 10)).unwrap(), []);
        assert_eq!(bench.ask(store.chat(b, c, None, 10)).unwrap(), []);

        let list = bench.ask(store.chats(a, None, 10)).unwrap();
        let with: Vec<_> = list
            .iter()
            .map(|chat| (&*chat.with, chat.unread, chat.last.message.id))
            .collect();
        assert_eq!(with, [(b, 1, ids[7]), (c, 1, ids[1])]);
        let first = bench.ask(store.chats(a, None, 1)).unwrap();
        let rest = bench
            .ask(store.chats(a, Some(first[0].last.message.id), 10))
            .unwrap();
        assert_eq!(rest, list[1..]);
        assert_eq!(bench.ask(store.chats("d@x", None, 10)).unwrap(), []);
    };
    check(&bench);
    indexed(bench.path());
    check(&bench);
    let bench = bench.reopen();
    check(&bench);
}

#[test]
fn words_with_a_service_are_a_chat_and_its_envelopes_are_not() {
    let bench = Bench::new();
    let (a, service) = ("a@x", "conference@x");
    let control = |mut message: NewMessage, content_type: &str| {
        message.control = true;
        message.keep = false;
        message.content_type = content_type.to_owned();
        message
    };
    let words = "text/plain;charset=utf-8";
    let mut enveloped = cpim(a, service, 3, "m-3", "text/plain", "who");
    enveloped.control = true;
    for message in [
        control(chat(a, service, 1, "call bob"), words),
        control(chat(service, a, 2, "Bob: ringing"), words),
        enveloped,
        control(chat(a, service, 4, "<soap/>"), "text/xml"),
        control(chat(service, a, 5, "<soap/>"), "text/xml"),
    ] {
        bench.ask(bench.store.log_message(message)).unwrap();
    }
    let check = |bench: &Bench| {
        let found = bench.ask(bench.store.chat(a, service, None, 10)).unwrap();
        assert_eq!(texts(&found), ["who", "Bob: ringing", "call bob"]);
        let list = bench.ask(bench.store.chats(a, None, 10)).unwrap();
        let with: Vec<_> = list.iter().map(|chat| (&*chat.with, chat.unread)).collect();
        assert_eq!(with, [(service, 1)]);
    };
    check(&bench);
    indexed(bench.path());
    check(&bench);
}

#[test]
fn what_was_read_stays_read_and_what_comes_is_unread() {
    let bench = Bench::new();
    let store = &bench.store;
    let (a, b) = ("a@x", "b@x");
    let write = |from, to, text: &str| {
        bench
            .ask(store.log_message(chat(from, to, 1, text)))
            .unwrap()
    };
    let unread = || {
        let chats = bench.ask(store.chats(a, None, 10)).unwrap();
        chats.iter().map(|chat| chat.unread).collect::<Vec<_>>()
    };
    let first = write(b, a, "one");
    let second = write(b, a, "two");
    write(a, b, "mine is not unread to me");
    assert_eq!(unread(), [2]);
    let read = |up_to: MessageId| bench.ask(store.mark_chat_read(a, b, up_to)).unwrap();
    read(second);
    read(first);
    bench
        .ask(store.mark_chat_read("b@x", a, MessageId(i64::MAX)))
        .unwrap();
    assert_eq!(unread(), [0], "an earlier mark changes nothing");
    indexed(bench.path());
    assert_eq!(unread(), [0]);
    write(b, a, "three");
    assert_eq!(unread(), [1]);
    write(a, b, "what comes is unread, whatever was said to be read");
    let of_b = bench.ask(store.chats(b, None, 10)).unwrap();
    assert_eq!(of_b[0].unread, 1);
    let messages = bench.ask(store.chat(a, b, None, 10)).unwrap();
    let marks: Vec<_> = messages.iter().map(|message| message.read).collect();
    assert_eq!(marks, [false, false, false, true, true]);
    bench
        .ask(store.mark_chat_read(a, "nobody@x", first))
        .unwrap();
    for n in 0..UNREAD_MAX {
        store.log_message_then(chat(b, a, 2, &n.to_string()), |_| {});
    }
    write(b, a, "last");
    assert_eq!(unread(), [UNREAD_MAX]);
    indexed(bench.path());
    assert_eq!(unread(), [UNREAD_MAX]);
}

#[test]
fn what_the_log_forgets_is_forgotten_in_chats() {
    let bench = Bench::new();
    let store = &bench.store;
    for (from, at) in [("b@x", 1), ("c@x", 2), ("b@x", 3), ("d@x", 4)] {
        let mut message = chat(from, "a@x", at, "hello");
        message.keep = false;
        bench.ask(store.log_message(message)).unwrap();
    }
    indexed(bench.path());
    bench.ask(store.purge_messages(3, None)).unwrap();
    let list = bench.ask(store.chats("a@x", None, 10)).unwrap();
    let with: Vec<_> = list.iter().map(|chat| (&*chat.with, chat.unread)).collect();
    assert_eq!(with, [("d@x", 1), ("b@x", 1)]);
    let b = bench.ask(store.chat("a@x", "b@x", None, 10)).unwrap();
    assert_eq!(b.len(), 1);
}

#[test]
fn messages_of_an_earlier_version_are_in_their_chats() {
    let bench = Bench::new();
    let (a, b) = ("a@x", "b@x");
    for message in [
        chat(a, b, 1, "one"),
        receipt(b, a, 2, "m-1", "delivered"),
        cpim(b, a, 3, "m-2", "text/plain", "two"),
    ] {
        bench.ask(bench.store.log_message(message)).unwrap();
    }
    indexed(bench.path());
    let before = bench.ask(bench.store.chats(a, None, 10)).unwrap();
    bench.store.close();
    let Bench {
        store, directory, ..
    } = bench;
    drop(store);
    // As the fifth version left it.
    let conn = rusqlite::Connection::open(directory.path().join("convoke.db")).unwrap();
    conn.execute_batch(
        "DROP TABLE chat_index; DROP TABLE chat_pairs; DROP TABLE chat_reads; DROP TABLE receipts;
         DROP TABLE webhook_deliveries; DROP TABLE webhooks; ALTER TABLE legs DROP COLUMN removed;
         DROP TABLE modes;
         DELETE FROM schema_version WHERE version > 5;",
    )
    .unwrap();
    drop(conn);
    let store = store::Store::open(directory.path()).unwrap();
    let after = crate::runtime().block_on(store.chats(a, None, 10)).unwrap();
    assert_eq!(after, before);
    assert_eq!(after.len(), 1);
}

//! Invitations that came lately: the same whether their messages are indexed already or not.

use store::{Invited, NewMessage};

use crate::chats::{cpim, indexed};
use crate::{Bench, chat};

const TYPE: &str = "application/vnd.convoke.invitation+xml";
const BOB: &str = "bob@x";

fn invitation(from: &str, to: &str, at: i64, id: &str) -> NewMessage {
    let body = format!("<invitation xmlns=\"urn:convoke:invitation:1\" id=\"{id}\"/>");
    NewMessage {
        content_type: TYPE.to_owned(),
        keep: false,
        ..chat(from, to, at, &body)
    }
}

fn answer(from: &str, to: &str, at: i64, id: &str) -> NewMessage {
    let body = format!("<invitation-answer invitation=\"{id}\"/>");
    NewMessage {
        content_type: TYPE.to_owned(),
        ..chat(from, to, at, &body)
    }
}

/// From whom, at what time.
fn told(found: &[Invited]) -> Vec<(&str, i64)> {
    let told = found.iter().map(|one| &one.message.logged);
    told.map(|logged| (&*logged.from, logged.at)).collect()
}

#[test]
fn those_of_people_and_of_services_are_told_with_ones_own_answers() {
    let bench = Bench::new();
    let focus = "focus@x";
    let mut by_service = invitation(focus, BOB, 5, "i5");
    by_service.control = true;
    let mut report = chat(focus, BOB, 7, "<soap/>");
    report.control = true;
    report.content_type = "text/xml".to_owned();
    for message in [
        invitation("alice@x", BOB, 2, "too-old"),
        invitation("alice@x", BOB, 3, "i3"),
        chat("alice@x", BOB, 4, "<invitation/>"),
        by_service,
        answer(BOB, "alice@x", 6, "i3"),
        report,
        // Of others, and what bob himself sent and was answered.
        invitation(BOB, "alice@x", 8, "i8"),
        answer("alice@x", BOB, 9, "i8"),
        invitation("alice@x", "carol@x", 10, "i10"),
        cpim("alice@x", BOB, 11, "m", TYPE, "<invitation id=\"i11\"/>"),
    ] {
        bench.ask(bench.store.log_message(message)).unwrap();
    }
    let check = |bench: &Bench| {
        let store = &bench.store;
        let found = bench.ask(store.invitations(BOB, 3, 10)).unwrap();
        let all = [("alice@x", 11), (BOB, 6), (focus, 5), ("alice@x", 3)];
        assert_eq!(told(&found), all);
        assert_eq!(found[0].document, "<invitation id=\"i11\"/>");
        assert!(found[1].document.starts_with("<invitation-answer "));
        assert!(found[2].document.contains("id=\"i5\""));
        let newest = bench.ask(store.invitations(BOB, 3, 2)).unwrap();
        assert_eq!(told(&newest), all[..2]);
        assert_eq!(bench.ask(store.invitations("dave@x", 3, 10)).unwrap(), []);
        // The service has no chat by it, and nothing of it is unread.
        assert_eq!(bench.ask(store.chat(BOB, focus, None, 10)).unwrap(), []);
        let chats = bench.ask(store.chats(BOB, None, 10)).unwrap();
        let with: Vec<_> = chats.iter().map(|chat| &*chat.with).collect();
        assert_eq!(with, ["alice@x"]);
    };
    check(&bench);
    indexed(bench.path());
    check(&bench);
}

#[test]
fn only_so_many_messages_are_looked_through() {
    const LOOKED: i64 = 500;
    let bench = Bench::new();
    let one = invitation("alice@x", BOB, 0, "i0");
    bench.store.log_message_then(one, drop);
    for at in 1..LOOKED - 1 {
        let message = cpim("alice@x", BOB, at, "m", "text/plain", "Hello");
        bench.store.log_message_then(message, drop);
    }
    let found = |at: i64| {
        let message = chat("alice@x", BOB, at, "Hello");
        bench.ask(bench.store.log_message(message)).unwrap();
        bench.ask(bench.store.invitations(BOB, 0, 10)).unwrap()
    };
    assert_eq!(told(&found(LOOKED - 1)), [("alice@x", 0)]);
    assert_eq!(found(LOOKED), []);
}

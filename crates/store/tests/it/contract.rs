//! What every database behind the store must do.

use convoke_types::leg::EndReason;
use convoke_types::media::StreamStats;
use convoke_types::report::{ConferenceEnd, ConferenceEndReason};
use convoke_types::{Address, Aor, Cause, LegKey, LegState};
use store::{
    Account, AccountKind, Answered, ApiToken, AuditEntry, ClosedRecords, CommandAnswer,
    ConferenceRecord, DEVICES_MAX, Ha1, LegRecord, LegTimes, MessageId, NewDevice, Purged,
    StoreError, StoredBinding, Telephone, TelephoneKind,
};

use crate::{Bench, chat};

fn aor(text: &str) -> Aor {
    text.parse().unwrap()
}

fn account(text: &str) -> Account {
    Account {
        aor: aor(text),
        display_name: "Älice".to_owned(),
        kind: AccountKind::Person,
        language: Some("en".to_owned()),
        ports: 10,
        created_at: 1000,
    }
}

fn device(text: &str, label: &str) -> NewDevice {
    NewDevice {
        aor: aor(text),
        label: label.to_owned(),
        ha1: Ha1 {
            md5: format!("md5-{label}"),
            sha256: format!("sha256-{label}"),
            sha512_256: format!("sha512-256-{label}"),
        },
        created_at: 2000,
    }
}

#[test]
fn accounts_are_saved_changed_listed_and_removed() {
    let bench = Bench::new();
    let store = &bench.store;
    bench.ask(store.save_account(account("bob@x.org"))).unwrap();
    bench
        .ask(store.save_account(account("alice@x.org")))
        .unwrap();
    let mut changed = account("alice@x.org");
    changed.kind = AccountKind::Administrator;
    changed.created_at = 9999;
    bench.ask(store.save_account(changed.clone())).unwrap();
    changed.created_at = 1000;
    assert_eq!(
        bench.ask(store.account(&aor("alice@x.org"))).unwrap(),
        Some(changed.clone())
    );
    assert_eq!(bench.ask(store.account(&aor("carol@x.org"))).unwrap(), None);
    let all = bench.ask(store.accounts(None, 10)).unwrap();
    assert_eq!(all, [changed, account("bob@x.org")]);
    let second = bench
        .ask(store.accounts(Some(&aor("alice@x.org")), 10))
        .unwrap();
    assert_eq!(second, [account("bob@x.org")]);
    assert!(bench.ask(store.remove_account(&aor("bob@x.org"))).unwrap());
    assert!(!bench.ask(store.remove_account(&aor("bob@x.org"))).unwrap());
}

#[test]
fn people_are_found_by_their_names_in_any_case_and_services_are_not() {
    let bench = Bench::new();
    let store = &bench.store;
    let mut service = account("service@x.org");
    service.kind = AccountKind::Service;
    for made in [account("b@x.org"), account("a@x.org"), service] {
        bench.ask(store.save_account(made)).unwrap();
    }
    let named = |name: &str, limit| bench.ask(store.accounts_named(name, limit)).unwrap();
    assert_eq!(named("älICE", 10), [account("a@x.org"), account("b@x.org")]);
    assert_eq!(named("Älice", 1), [account("a@x.org")]);
    assert_eq!(named("lice", 10), []);
    let mut renamed = account("a@x.org");
    renamed.display_name = "Åsa".to_owned();
    bench.ask(store.save_account(renamed.clone())).unwrap();
    assert_eq!(named("åsa", 10), [renamed]);
    assert_eq!(named("älice", 10), [account("b@x.org")]);
}

#[test]
fn device_passwords_are_in_force_until_revoked() {
    let bench = Bench::new();
    let store = &bench.store;
    let alice = aor("alice@x.org");
    assert!(matches!(
        bench.ask(store.add_device(device("alice@x.org", "desk"))),
        Err(StoreError::Conflict { .. })
    ));
    bench
        .ask(store.save_account(account("alice@x.org")))
        .unwrap();
    let desk = bench
        .ask(store.add_device(device("alice@x.org", "desk")))
        .unwrap();
    let pocket = bench
        .ask(store.add_device(device("alice@x.org", "pocket")))
        .unwrap();
    assert!(bench.ask(store.revoke_device(desk, 3000)).unwrap());
    assert!(!bench.ask(store.revoke_device(desk, 4000)).unwrap());
    let (who, in_force) = bench.ask(store.credentials(&alice)).unwrap().unwrap();
    assert_eq!(who, account("alice@x.org"));
    assert_eq!(in_force, [(pocket, device("alice@x.org", "pocket").ha1)]);
    let all = bench.ask(store.devices(&alice)).unwrap();
    assert_eq!(all[0].revoked_at, Some(3000));
    assert_eq!(all[1].revoked_at, None);
    for n in 1..DEVICES_MAX {
        bench
            .ask(store.add_device(device("alice@x.org", &n.to_string())))
            .unwrap();
    }
    assert!(matches!(
        bench.ask(store.add_device(device("alice@x.org", "one too many"))),
        Err(StoreError::Conflict { .. })
    ));
    assert!(!format!("{in_force:?}").contains("pocket"));
    bench.ask(store.remove_account(&alice)).unwrap();
    assert!(bench.ask(store.devices(&alice)).unwrap().is_empty());
}

#[test]
fn telephones_keep_their_order() {
    let bench = Bench::new();
    let store = &bench.store;
    bench
        .ask(store.save_account(account("alice@x.org")))
        .unwrap();
    let alice = aor("alice@x.org");
    let mobile = Telephone {
        label: "pocket".to_owned(),
        address: Address::Number("+15550101".parse().unwrap()),
        kind: TelephoneKind::Mobile,
        is_default: true,
        guard: Some(false),
        when_to_use: "on the road".to_owned(),
    };
    let desk = Telephone {
        label: "desk".to_owned(),
        address: Address::Sip("sip:desk@x.org".to_owned()),
        kind: TelephoneKind::Work,
        is_default: false,
        guard: None,
        when_to_use: String::new(),
    };
    bench
        .ask(store.save_telephones(&alice, vec![desk.clone(), mobile.clone()]))
        .unwrap();
    let both = vec![mobile, desk];
    bench
        .ask(store.save_telephones(&alice, both.clone()))
        .unwrap();
    assert_eq!(bench.ask(store.telephones(&alice)).unwrap(), both);
    // A refused change leaves what was there.
    let nobody = bench.ask(store.save_telephones(&aor("nobody@x.org"), both.clone()));
    assert!(matches!(nobody, Err(StoreError::Conflict { .. })));
    assert_eq!(bench.ask(store.telephones(&alice)).unwrap(), both);
}

#[test]
fn tokens_expire_and_are_removed() {
    let bench = Bench::new();
    let store = &bench.store;
    bench
        .ask(store.save_account(account("alice@x.org")))
        .unwrap();
    let token = ApiToken {
        hash: [7; 32],
        aor: aor("alice@x.org"),
        label: "script".to_owned(),
        scopes: "conference".to_owned(),
        created_at: 1000,
        expires_at: Some(2000),
    };
    let id = bench.ask(store.add_token(token.clone())).unwrap();
    let there = (id, token);
    let found = |hash: u8, now| bench.ask(store.token([hash; 32], now)).unwrap();
    let list = |user, now| bench.ask(store.tokens(&aor(user), now)).unwrap();
    assert_eq!(found(7, 1999), Some(there.clone()));
    assert_eq!(list("alice@x.org", 1999), [there]);
    assert_eq!(list("bob@x.org", 1999), []);
    assert_eq!(found(7, 2000), None);
    assert_eq!(list("alice@x.org", 2000), []);
    assert_eq!(found(8, 1000), None);
    let remove = |user| bench.ask(store.remove_token(&aor(user), id)).unwrap();
    assert!(!remove("bob@x.org"), "not theirs");
    assert!(remove("alice@x.org") && !remove("alice@x.org"));
    assert_eq!(found(7, 1000), None);
}

fn binding(contact: &str, expires_at: i64) -> StoredBinding {
    StoredBinding {
        contact: contact.to_owned(),
        instance: "<urn:uuid:1>".to_owned(),
        reg_id: Some(1),
        q_permille: 1000,
        call_id: "c1".to_owned(),
        cseq: 4_000_000_000,
        expires_at,
        path: String::new(),
        flow: "udp 127.0.0.1:5060 127.0.0.1:40000".to_owned(),
        user_agent: "phone/1".to_owned(),
        password: Some(7),
    }
}

#[test]
fn bindings_survive_a_restart_until_they_expire() {
    let bench = Bench::new();
    let alice = aor("alice@x.org");
    let first = vec![binding("sip:a@1", 5000), binding("sip:a@2", 9000)];
    bench
        .ask(
            bench
                .store
                .save_bindings(&alice, vec![binding("sip:a@0", 9000)]),
        )
        .unwrap();
    bench.ask(bench.store.save_bindings(&alice, first)).unwrap();
    let bench = bench.reopen();
    let found = bench.ask(bench.store.bindings(5000)).unwrap();
    assert_eq!(found, [(alice.clone(), binding("sip:a@2", 9000))]);
    assert_eq!(bench.ask(bench.store.purge_bindings(5000)).unwrap(), 1);
    bench
        .ask(bench.store.save_bindings(&alice, Vec::new()))
        .unwrap();
    assert!(bench.ask(bench.store.bindings(0)).unwrap().is_empty());
}

#[test]
fn old_messages_are_forgotten_but_not_what_is_kept_nor_the_newest() {
    let bench = Bench::new();
    let log = |at, body, keep| {
        let mut message = chat("a@x", "b@x", at, body);
        message.keep = keep;
        bench.ask(bench.store.log_message(message)).unwrap()
    };
    log(1, "old", false);
    let waits = log(2, "old, kept", true);
    let taken = log(3, "old, taken", true);
    log(4, "old", false);
    let young = log(10, "young", false);
    let newest = log(5, "old, newest", false);
    let marked = bench.store.mark_delivered(taken, "phone", 6);
    bench.ask(marked).unwrap();
    let purge = |bench: &Bench| bench.ask(bench.store.purge_messages(10, None)).unwrap();
    assert_eq!(
        purge(&bench),
        Purged {
            count: 3,
            next: None
        }
    );
    let ids = |messages: Vec<store::Message>| messages.iter().map(|m| m.id).collect::<Vec<_>>();
    let left = bench.ask(bench.store.log_from(None, 10)).unwrap();
    assert_eq!(ids(left), [waits, young, newest]);
    for person in ["a@x", "b@x"] {
        let history = bench.ask(bench.store.history(person, None, 10)).unwrap();
        assert_eq!(ids(history), [newest, young, waits]);
    }
    let kept = bench.ask(bench.store.pending_for("b@x", None, 10)).unwrap();
    assert_eq!(ids(kept), [waits]);

    // What is taken goes with the next purge, and no id is used twice, not after a restart either.
    let marked = bench.store.mark_delivered(waits, "phone", 11);
    bench.ask(marked).unwrap();
    assert_eq!(purge(&bench).count, 1);
    let bench = bench.reopen();
    bench
        .ask(bench.store.purge_messages(i64::MAX, None))
        .unwrap();
    let bench = bench.reopen();
    let next = bench.store.log_message(chat("a@x", "b@x", 12, "next"));
    assert_eq!(bench.ask(next).unwrap().0, newest.0 + 1);
}

#[test]
fn a_message_is_kept_until_a_device_took_it() {
    let bench = Bench::new();
    let store = &bench.store;
    let first = bench
        .ask(store.log_message(chat("a@x", "b@x", 1, "one")))
        .unwrap();
    let second = bench
        .ask(store.log_message(chat("a@x", "b@x", 2, "two")))
        .unwrap();
    bench
        .ask(store.log_message(chat("a@x", "c@x", 3, "other")))
        .unwrap();
    let mut control = chat("a@x", "b@x", 4, "command");
    control.keep = false;
    control.control = true;
    bench.ask(store.log_message(control.clone())).unwrap();
    assert!(first < second);
    let ids = |bench: &Bench, after| -> Vec<MessageId> {
        bench
            .ask(bench.store.pending_for("b@x", after, 10))
            .unwrap()
            .iter()
            .map(|message| message.id)
            .collect()
    };
    assert_eq!(ids(&bench, None), [first, second]);
    assert_eq!(ids(&bench, Some(first)), [second]);
    bench.ask(store.mark_delivered(first, "phone", 50)).unwrap();
    bench.ask(store.mark_delivered(first, "desk", 60)).unwrap();
    assert_eq!(ids(&bench, None), [second]);
    let bench = bench.reopen();
    assert_eq!(ids(&bench, None), [second]);
    let message = bench.ask(bench.store.message(first)).unwrap().unwrap();
    assert_eq!(message.delivered_at, Some(50));
    assert_eq!(message.logged, chat("a@x", "b@x", 1, "one"));
    bench
        .ask(bench.store.mark_delivered(second, "phone", 70))
        .unwrap();
    assert_eq!(ids(&bench, None), []);
    let logged = bench.ask(bench.store.log_from(None, 10)).unwrap();
    assert_eq!(logged[3].logged, control);
}

/// More messages than stay unindexed, so that both halves of every query hold some.
#[test]
fn kept_messages_and_history_reach_across_the_index() {
    const COUNT: i64 = 9000;
    let bench = Bench::new();
    let (done, answers) = std::sync::mpsc::channel();
    for n in 0..COUNT {
        let to = if n % 3 == 0 { "b@x" } else { "c@x" };
        let done = done.clone();
        let message = chat("a@x", to, n, &n.to_string());
        bench.store.log_message_then(message, move |id| {
            done.send((n, id.unwrap())).unwrap();
        });
    }
    let (marked, marks) = std::sync::mpsc::channel();
    for (n, id) in answers.iter().take(usize::try_from(COUNT).unwrap()) {
        if n % 3 == 0 && n < COUNT - 300 {
            let marked = marked.clone();
            let done = move |done: Result<(), StoreError>| marked.send(done).unwrap();
            bench.store.mark_delivered_then(id, "phone", n, done);
        }
    }
    drop(marked);
    assert!(marks.iter().all(|done| done.is_ok()));
    let check = |bench: &Bench| {
        let pending = bench
            .ask(bench.store.pending_for("b@x", None, 500))
            .unwrap();
        assert_eq!(pending.len(), 100);
        assert!(pending.windows(2).all(|pair| pair[0].id < pair[1].id));
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = bench.ask(bench.store.history("b@x", before, 499)).unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page.iter().map(|message| message.logged.at));
        }
        let expected: Vec<i64> = (0..COUNT).rev().filter(|n| n % 3 == 0).collect();
        assert_eq!(seen, expected);
    };
    check(&bench);
    check(&bench.reopen());
}

#[test]
fn what_is_kept_for_one_person_is_bounded_and_the_rest_is_history() {
    const KEPT: usize = 1000;
    const COUNT: usize = KEPT + 300;
    let bench = Bench::new();
    for n in 0..i64::try_from(COUNT).unwrap() {
        let message = chat("a@x", "b@x", n, "");
        bench.store.log_message_then(message, drop);
    }
    let bench = bench.reopen();
    // The writer counts when it is idle.
    let all = |bench: &Bench| {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = bench
                .ask(bench.store.pending_for("b@x", after, 500))
                .unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            ids.extend(page.iter().map(|message| message.logged.at));
        }
        ids
    };
    let mut kept = all(&bench);
    while kept.len() > KEPT {
        kept = all(&bench);
    }
    assert_eq!(
        kept,
        (300..i64::try_from(COUNT).unwrap()).collect::<Vec<_>>()
    );
    assert_eq!(
        bench.ask(bench.store.log_from(None, 500)).unwrap().len(),
        500
    );
}

#[test]
fn a_repeated_command_gets_the_first_answer_for_ten_minutes() {
    let bench = Bench::new();
    let answer = |actor: &str, text: &str, at| CommandAnswer {
        command: "cmd-1".parse().unwrap(),
        actor: aor(actor),
        fingerprint: vec![1, 2, 3],
        answer: text.as_bytes().to_vec(),
        at,
    };
    let first = answer("alice@x.org", "first", 1_000_000);
    assert_eq!(
        bench.ask(bench.store.save_answer(first.clone())).unwrap(),
        Answered::First
    );
    let bench = bench.reopen();
    let store = &bench.store;
    assert_eq!(
        bench
            .ask(store.save_answer(answer("alice@x.org", "second", 1_599_999)))
            .unwrap(),
        Answered::Before(first.clone())
    );
    assert_eq!(
        bench
            .ask(store.save_answer(answer("bob@x.org", "his own", 1_100_000)))
            .unwrap(),
        Answered::First
    );
    let alice = aor("alice@x.org");
    assert_eq!(
        bench
            .ask(store.answer(&first.command, &alice, 1_599_999))
            .unwrap(),
        Some(first.clone())
    );
    assert_eq!(
        bench
            .ask(store.answer(&first.command, &alice, 1_600_000))
            .unwrap(),
        None
    );
    assert_eq!(bench.ask(store.purge_answers(1_600_000)).unwrap(), 1);
    assert_eq!(
        bench
            .ask(store.save_answer(answer("alice@x.org", "later", 1_600_000)))
            .unwrap(),
        Answered::First
    );
}

fn leg(conference: &str, leg: &str) -> LegRecord {
    LegRecord {
        key: LegKey {
            conference: conference.parse().unwrap(),
            leg: leg.parse().unwrap(),
        },
        participant: "p1".parse().unwrap(),
        name: "Bob".to_owned(),
        user: Some(aor("bob@x.org")),
        place: "mobile".to_owned(),
        address: "+15550101".to_owned(),
        trunk: Some("demo".to_owned()),
        state: LegState::Joined,
        times: LegTimes {
            created: 10,
            dialled: Some(11),
            ringing: None,
            answered: Some(13),
            joined: Some(14),
        },
        ended: None,
        stats: StreamStats::default(),
    }
}

#[test]
fn open_records_are_closed_after_a_crash_and_ended_ones_kept() {
    let bench = Bench::new();
    let store = &bench.store;
    let orphan = bench.ask(store.save_leg(leg("c9", "l1")));
    assert!(matches!(orphan, Err(StoreError::Conflict { .. })));
    let record = |id: &str, created_at| ConferenceRecord {
        id: id.parse().unwrap(),
        owner: aor("alice@x.org"),
        title: "Monday".to_owned(),
        created_at,
        ended: None,
    };
    bench.ask(store.save_conference(record("c1", 10))).unwrap();
    bench.ask(store.save_conference(record("c2", 20))).unwrap();
    let mut over = record("c1", 10);
    over.ended = Some((
        99,
        ConferenceEnd {
            reason: ConferenceEndReason::OwnerLeft,
            words: "The owner hung up".to_owned(),
        },
    ));
    bench.ask(store.save_conference(over.clone())).unwrap();
    let mut busy = leg("c2", "l1");
    busy.state = LegState::Busy;
    busy.ended = Some((
        15,
        Cause {
            reason: EndReason::Busy,
            sip: Some(486),
            q850: Some(17),
            words: "Busy".to_owned(),
        },
    ));
    busy.stats.received = 5;
    bench.ask(store.save_leg(leg("c2", "l1"))).unwrap();
    bench.ask(store.save_leg(busy.clone())).unwrap();
    bench.ask(store.save_leg(leg("c2", "l2"))).unwrap();

    let bench = bench.reopen();
    let store = &bench.store;
    let closed = bench
        .ask(store.close_open_records(500, "The server was stopped"))
        .unwrap();
    assert_eq!(
        closed,
        ClosedRecords {
            conferences: 1,
            legs: 1
        }
    );
    let newest_first = bench.ask(store.conferences(None, 10)).unwrap();
    assert_eq!(newest_first.len(), 2);
    assert_eq!(newest_first[1], over);
    let (at, end) = newest_first[0].ended.clone().unwrap();
    assert_eq!((at, end.reason), (500, ConferenceEndReason::Shutdown));
    assert_eq!(
        bench
            .ask(store.conference(&"c2".parse().unwrap()))
            .unwrap()
            .as_ref(),
        newest_first.first()
    );
    let legs = bench.ask(store.legs(&"c2".parse().unwrap())).unwrap();
    assert_eq!(legs[0], busy);
    assert_eq!(legs[1].state, LegState::Failed);
    let (at, cause) = legs[1].ended.clone().unwrap();
    assert_eq!(at, 500);
    assert_eq!(cause.reason, EndReason::Shutdown);
    assert_eq!(cause.words, "The server was stopped");
    assert_eq!(legs[1].times, leg("c2", "l2").times);
}

#[test]
fn the_audit_log_reads_backwards() {
    let bench = Bench::new();
    let entry = |at| AuditEntry {
        at,
        actor: "alice@x.org".to_owned(),
        action: "mute".to_owned(),
        target: "c1/p2".to_owned(),
        detail: String::new(),
        request: Some("r1".to_owned()),
    };
    for at in 1..=3 {
        bench.ask(bench.store.audit(entry(at))).unwrap();
    }
    let page = bench.ask(bench.store.audit_log(None, 2)).unwrap();
    assert_eq!(page.iter().map(|(_, e)| e.at).collect::<Vec<_>>(), [3, 2]);
    let rest = bench
        .ask(bench.store.audit_log(Some(page[1].0), 2))
        .unwrap();
    assert_eq!(rest, [(rest[0].0, entry(1))]);
}

#[test]
fn one_bad_write_does_not_undo_the_others_of_its_group() {
    let bench = Bench::new();
    let store = &bench.store;
    bench
        .ask(store.save_account(account("alice@x.org")))
        .unwrap();
    let nobody = aor("nobody@x.org");
    let results = bench.ask(async {
        tokio::join!(
            store.log_message(chat("a@x", "b@x", 1, "before")),
            store.save_telephones(
                &nobody,
                vec![Telephone {
                    label: String::new(),
                    address: Address::Sip("sip:x".to_owned()),
                    kind: TelephoneKind::Other,
                    is_default: false,
                    guard: None,
                    when_to_use: String::new(),
                }]
            ),
            store.log_message(chat("a@x", "b@x", 2, "after")),
        )
    });
    assert!(results.0.is_ok() && results.1.is_err() && results.2.is_ok());
    assert_eq!(bench.ask(store.log_from(None, 10)).unwrap().len(), 2);
}

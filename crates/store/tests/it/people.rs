//! Finding people, contacts, and somebody's calls.

use std::sync::Arc;

use convoke_types::{Address, Aor, LegKey, LegState};
use store::{
    CONTACT_NUMBERS_MAX, ConferenceRecord, Contact, ContactKey, ContactNumber, LegRecord, LegTimes,
    StoreError, Telephone, TelephoneKind,
};

use crate::{Bench, account, aor};

fn users(found: &[store::Person]) -> Vec<&str> {
    found
        .iter()
        .map(|(account, _)| account.aor.user())
        .collect()
}

#[test]
fn the_names_of_several_accounts_are_read_at_once() {
    let bench = Bench::new();
    let store = &bench.store;
    for (user, name) in [("alice", "Alice Martin"), ("bob", "Bob Keller")] {
        bench.ask(store.save_account(account(user, name))).unwrap();
    }
    let asked = ["alice", "bob", "nobody"].map(|user| Arc::from(aor(user).to_string()));
    let names = bench.ask(store.display_names(asked.into())).unwrap();
    let names: Vec<_> = names.iter().map(|(aor, name)| (&**aor, &**name)).collect();
    let [alice, bob] = ["alice", "bob"].map(|user| aor(user).to_string());
    let expected = [(&*alice, "Alice Martin"), (&*bob, "Bob Keller")];
    assert_eq!(names, expected);
}

#[test]
fn people_are_found_by_the_beginnings_of_words() {
    let bench = Bench::new();
    let store = &bench.store;
    for (user, name) in [
        ("alice", "Alice Martin"),
        ("b.keller", "Bob Keller"),
        ("carol", "Carol Martínez-Ödegaard"),
    ] {
        bench.ask(store.save_account(account(user, name))).unwrap();
    }
    let mut service = account("martha", "Martha");
    service.kind = store::AccountKind::Service;
    bench.ask(store.save_account(service)).unwrap();
    let telephone = Telephone {
        label: "work".to_owned(),
        address: Address::Number("+15550101".parse().unwrap()),
        kind: TelephoneKind::Work,
        is_default: true,
        guard: None,
        when_to_use: "by day".to_owned(),
    };
    bench
        .ask(store.save_telephones(&aor("alice"), vec![telephone.clone()]))
        .unwrap();
    let find = |query: &str, after: Option<&Aor>, limit| {
        bench.ask(store.people(query, after, limit)).unwrap()
    };
    for (query, expected) in [
        ("", &["alice", "b.keller", "carol"][..]),
        ("MART", &["alice", "carol"]),
        ("mart ali", &["alice"]),
        ("öde", &["carol"]),
        ("martínez-ö", &["carol"]),
        ("b.kel", &["b.keller"]),
        ("kell", &["b.keller"]),
        ("artin", &[]),
        ("alice bob", &[]),
        ("' OR 1=1", &[]),
    ] {
        assert_eq!(users(&find(query, None, 10)), expected, "{query:?}");
    }
    assert_eq!(users(&find("mart", None, 1)), ["alice"]);
    assert_eq!(users(&find("mart", Some(&aor("alice")), 1)), ["carol"]);
    assert_eq!(find("alice", None, 1)[0].1, [telephone]);
    bench
        .ask(store.save_account(account("alice", "Ann Smith")))
        .unwrap();
    assert_eq!(users(&find("mart", None, 10)), ["carol"]);
    assert_eq!(users(&find("smith", None, 10)), ["alice"]);
    bench.ask(store.remove_account(&aor("alice"))).unwrap();
    assert!(find("smith", None, 10).is_empty());
}

#[test]
fn contacts_are_each_persons_own() {
    let bench = Bench::new();
    let store = &bench.store;
    let friend = |favourite| Contact {
        key: ContactKey::Number("+15550199".parse().unwrap()),
        name: "Friend".to_owned(),
        favourite,
        numbers: vec![
            ContactNumber {
                label: "home".to_owned(),
                kind: TelephoneKind::Home,
                number: "+15550199".parse().unwrap(),
            },
            ContactNumber {
                label: "boat".to_owned(),
                kind: TelephoneKind::Other,
                number: "+15550198".parse().unwrap(),
            },
        ],
    };
    let bob = Contact {
        key: ContactKey::User(aor("bob")),
        name: String::new(),
        favourite: true,
        numbers: vec![],
    };
    let nobody = bench.ask(store.save_contact(&aor("alice"), friend(false)));
    assert!(matches!(nobody, Err(StoreError::Conflict { .. })));
    for user in ["alice", "bob"] {
        bench.ask(store.save_account(account(user, user))).unwrap();
    }
    for contact in [friend(true), bob.clone(), friend(false)] {
        bench
            .ask(store.save_contact(&aor("alice"), contact))
            .unwrap();
    }
    let list = |user, after: Option<&ContactKey>, limit| {
        bench.ask(store.contacts(&aor(user), after, limit)).unwrap()
    };
    assert_eq!(list("alice", None, 10), [friend(false), bob.clone()]);
    assert_eq!(list("alice", None, 1), [friend(false)]);
    assert_eq!(
        list("alice", Some(&friend(false).key), 1),
        std::slice::from_ref(&bob)
    );
    assert!(list("bob", None, 10).is_empty());
    let one = |key: &ContactKey| bench.ask(store.contact(&aor("alice"), key)).unwrap();
    assert_eq!(one(&bob.key), Some(bob.clone()));
    let mut many = friend(false);
    many.numbers = vec![many.numbers[0].clone(); CONTACT_NUMBERS_MAX + 1];
    let refused = bench.ask(store.save_contact(&aor("alice"), many));
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    let remove = |key: &ContactKey| bench.ask(store.remove_contact(&aor("alice"), key)).unwrap();
    let gone = friend(false).key;
    assert!(remove(&gone) && !remove(&gone));
    assert_eq!(list("alice", None, 10), [bob]);
    bench.ask(store.remove_account(&aor("alice"))).unwrap();
    assert!(list("alice", None, 10).is_empty());
}

#[test]
fn calls_are_those_that_somebody_started_or_was_called_into() {
    let bench = Bench::new();
    let store = &bench.store;
    let conference = |id: &str, owner: &str, created_at| ConferenceRecord {
        id: id.parse().unwrap(),
        owner: aor(owner),
        title: id.to_owned(),
        created_at,
        ended: None,
    };
    let leg = |conference: &str, leg: &str, user: Option<&str>| LegRecord {
        key: LegKey {
            conference: conference.parse().unwrap(),
            leg: leg.parse().unwrap(),
        },
        participant: "p1".parse().unwrap(),
        name: "Somebody".to_owned(),
        user: user.map(aor),
        place: "work".to_owned(),
        address: "+15550101".to_owned(),
        trunk: None,
        state: LegState::Joined,
        times: LegTimes {
            created: 5,
            ..LegTimes::default()
        },
        ended: None,
        stats: convoke_types::media::StreamStats::default(),
    };
    for record in [
        conference("c1", "alice", 10),
        conference("c2", "bob", 20),
        conference("c3", "carol", 30),
        conference("c4", "alice", 40),
    ] {
        bench.ask(store.save_conference(record)).unwrap();
    }
    for record in [
        leg("c1", "l1", Some("alice")),
        leg("c1", "l2", Some("bob")),
        leg("c2", "l1", Some("alice")),
        leg("c2", "l2", Some("alice")),
        leg("c2", "l3", None),
        leg("c3", "l1", Some("bob")),
    ] {
        bench.ask(store.save_leg(record)).unwrap();
    }
    let calls = |who: &str, with: Option<&str>, before: Option<(i64, &str)>, limit| {
        let with = with.map(aor);
        let before = before.map(|(at, id)| (at, id.to_owned()));
        let found = bench.ask(store.calls(&aor(who), with.as_ref(), before, limit));
        let found = found.unwrap();
        found
            .iter()
            .map(|call| (call.conference.title.clone(), call.legs.len()))
            .collect::<Vec<_>>()
    };
    let named = |list: &[(&str, usize)]| {
        list.iter()
            .map(|(id, legs)| ((*id).to_owned(), *legs))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        calls("alice", None, None, 10),
        named(&[("c4", 0), ("c2", 3), ("c1", 2)])
    );
    assert_eq!(calls("alice", None, Some((40, "")), 1), named(&[("c2", 3)]));
    assert_eq!(
        calls("alice", Some("bob"), None, 10),
        named(&[("c2", 3), ("c1", 2)])
    );
    assert_eq!(calls("carol", Some("alice"), None, 10), named(&[]));

    // Of calls that began in the same millisecond a page may end between two.
    for id in ["c5", "c6", "c7"] {
        bench
            .ask(store.save_conference(conference(id, "dave", 50)))
            .unwrap();
    }
    let page = |before| calls("dave", None, before, 2);
    assert_eq!(page(None), named(&[("c7", 0), ("c6", 0)]));
    assert_eq!(page(Some((50, "c6"))), named(&[("c5", 0)]));
    assert_eq!(page(Some((50, "c5"))), named(&[]));
}

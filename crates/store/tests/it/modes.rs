//! The database of modes fills from profiles, registrations and conferences, and keeps the order that its person wants.

use convoke_types::{Address, Mode, ModeSource};
use store::{MODES_MAX, PersonMode, Telephone, TelephoneKind};

use crate::{Bench, account, aor};

fn mode(mode: Mode, address: &str, source: ModeSource, last_seen: i64) -> PersonMode {
    PersonMode {
        mode,
        address: address.to_owned(),
        place: String::new(),
        source,
        video: mode == Mode::Computer,
        last_seen,
    }
}

fn telephone(label: &str, number: &str, kind: TelephoneKind, is_default: bool) -> Telephone {
    Telephone {
        label: label.to_owned(),
        address: Address::Number(number.parse().unwrap()),
        kind,
        is_default,
        guard: None,
        when_to_use: String::new(),
    }
}

fn shown(modes: &[PersonMode]) -> Vec<String> {
    let one = |mode: &PersonMode| format!("{} {} {}", mode.mode, mode.address, mode.place);
    modes
        .iter()
        .map(|mode| one(mode).trim_end().to_owned())
        .collect()
}

#[test]
fn profiles_registrations_and_conferences_fill_it() {
    let bench = Bench::new();
    let store = &bench.store;
    let alice = aor("alice");
    bench
        .ask(store.save_account(account("alice", "Alice")))
        .unwrap();
    let work = telephone("work", "+15550101", TelephoneKind::Work, false);
    let mobile = telephone("mobile", "+15550102", TelephoneKind::Mobile, true);
    bench
        .ask(store.save_telephones(&alice, vec![work.clone(), mobile.clone()]))
        .unwrap();
    // The default telephone first.
    let filled = bench.ask(store.modes(&alice)).unwrap();
    assert_eq!(
        shown(&filled),
        ["mobile +15550102 mobile", "pstn +15550101 work"]
    );
    assert!(
        filled
            .iter()
            .all(|one| one.source == ModeSource::Profile && !one.video)
    );

    // Their own client comes first of all; a number that they were called at last.
    let computer = |at| mode(Mode::Computer, "", ModeSource::Registration, at);
    bench.ask(store.note_mode(&alice, computer(5))).unwrap();
    let called = mode(Mode::Pstn, "+15550199", ModeSource::Conference, 6);
    bench.ask(store.note_mode(&alice, called.clone())).unwrap();
    let expected = [
        "computer",
        "mobile +15550102 mobile",
        "pstn +15550101 work",
        "pstn +15550199",
    ];
    assert_eq!(shown(&bench.ask(store.modes(&alice)).unwrap()), expected);

    // Heard of again, nothing moves and nothing doubles.
    bench.ask(store.note_mode(&alice, computer(9))).unwrap();
    let known = mode(Mode::Pstn, "+15550101", ModeSource::Conference, 9);
    bench.ask(store.note_mode(&alice, known)).unwrap();
    let again = bench.ask(store.modes(&alice)).unwrap();
    assert_eq!(shown(&again), expected);
    assert_eq!(
        (again[0].last_seen, again[2].last_seen, again[2].source),
        (9, 9, ModeSource::Profile)
    );

    // A new profile takes the place of the old one, and what stays keeps its place.
    bench
        .ask(store.save_telephones(&alice, vec![mobile]))
        .unwrap();
    let expected = ["computer", "mobile +15550102 mobile", "pstn +15550199"];
    assert_eq!(shown(&bench.ask(store.modes(&alice)).unwrap()), expected);
    // Nobody without an account has modes.
    bench
        .ask(store.note_mode(&aor("nobody"), computer(1)))
        .unwrap();
    assert!(bench.ask(store.modes(&aor("nobody"))).unwrap().is_empty());
}

#[test]
fn what_was_written_in_stays_and_room_is_bounded() {
    let bench = Bench::new();
    let store = &bench.store;
    let alice = aor("alice");
    bench
        .ask(store.save_account(account("alice", "Alice")))
        .unwrap();
    let room = PersonMode {
        video: true,
        ..mode(Mode::Isdn, "isdn:+493012345", ModeSource::ByHand, 0)
    };
    bench
        .ask(store.save_modes(&alice, vec![room.clone()]))
        .unwrap();
    for n in 0..MODES_MAX + 5 {
        let number = format!("+1555{:07}", n);
        let at = i64::try_from(n).unwrap();
        let called = mode(Mode::Pstn, &number, ModeSource::Conference, at + 1);
        bench.ask(store.note_mode(&alice, called)).unwrap();
    }
    let modes = bench.ask(store.modes(&alice)).unwrap();
    assert_eq!(modes.len(), MODES_MAX);
    assert_eq!(modes[0], room, "nobody forgets what somebody wrote");
    assert!(
        !modes.iter().any(|one| one.address == "+15550000000"),
        "the oldest went"
    );
    let too_many = vec![room; MODES_MAX + 1];
    assert!(bench.ask(store.save_modes(&alice, too_many)).is_err());
}

//! A soak (`make test-long`): conferences come and go for as long as `SOAK_SECONDS` says, and the server is no larger for it.

use std::time::Duration;

use convoke_tests::clock::now_us;
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::peers::zeep::Followed;

use super::stage::{Stage, config, create};

/// How long without `SOAK_SECONDS`: ten minutes.
const SECONDS: u64 = 600;
/// Conferences at once.
const AT_ONCE: usize = 4;
/// Alice hangs up after two seconds, and that is the end. Of the others one stays, one is busy, one declines, one hangs up before her, and one is
/// in no telephone's book.
const ALICE: &str = "+15550105";
const OTHERS: [&str; 5] = [
    "+15551101",
    "+15551102",
    "+15551104",
    "+15551105",
    "+15551110",
];
/// More calls than there can be.
const CALLS_MAX: u32 = 10_000_000;
/// What the server may have more at the end than at half the time, besides this for each conference since then. The last 256 that have ended
/// are remembered (`api`, history), some 30 KiB each: the first take new memory, later ones that of the oldest. From then on nothing else grew
/// than the page cache of the database, as each allocation of a running server told: of 894 kB more in 140 conferences 888 kB were its pages,
/// 1.4 a conference (its records, and the answer to its command, which is kept for ten minutes). It ends at 16 MiB (`store`, schema), after some
/// 2500 conferences. The process had 10 KiB more a conference, for an allocator gives back late.
const MEMORY_MAX_KIB: u64 = 2 * 1024;
const REMEMBERED: u64 = 256;
const MEMORY_PER_REMEMBERED_MAX_KIB: u64 = 40;
const MEMORY_PER_CONFERENCE_MAX_KIB: u64 = 14;
const FILES_MAX: u64 = 4;
const THREADS_MAX: u64 = 2;

/// What a process has.
#[derive(Debug, Clone, Copy)]
struct Size {
    memory_kib: u64,
    files: u64,
    threads: u64,
}

fn size(process: i32) -> Size {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).unwrap()
    };
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    Size {
        memory_kib: of("VmRSS:"),
        files: files.count() as u64,
        threads: of("Threads:"),
    }
}

#[test]
#[ignore = "ten minutes"]
fn conferences_come_and_go_and_the_server_is_no_larger() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let sipp = Sipp::start(Trunk {
        calls: CALLS_MAX,
        hangup_after: Duration::from_secs(2),
        ..Trunk::default()
    })
    .unwrap();
    let lines = [("lines", 400.into())];
    let config = config().set("conference", "guard_outside", false).trunk(
        "sipp",
        sipp.addr(),
        "udp",
        &lines,
    );
    let mut stage = Stage::start(config, &[("alice", ALICE)]);
    let process = stage.convoke.program().pid().unwrap();
    let (begin, length) = (now_us(), seconds * 1_000_000);
    let (mut held, mut half) = (0_u64, None);
    let last = loop {
        let made: Vec<Followed> = (0..AT_ONCE)
            .map(|_| stage.zeep.create(create("alice", &OTHERS)).unwrap())
            .collect();
        for mut conference in made {
            let reason = conference.until_ended(&mut stage.zeep).unwrap();
            assert_eq!(reason, "owner-left", "after {held} conferences");
            for (name, state) in [
                ("alice", "joined"),
                (OTHERS[0], "joined"),
                (OTHERS[1], "busy"),
            ] {
                let place = conference.place(name, state);
                assert!(place.is_some(), "{name} {state} after {held} conferences");
            }
            held += 1;
        }
        // Nobody is in a conference now.
        let now = size(process);
        let passed = now_us() - begin;
        if half.is_none() && passed >= length / 2 {
            println!("after {held} conferences: {now:?}");
            half = Some((held, now));
        }
        if passed >= length {
            break now;
        }
    };
    println!("after {held} conferences: {last:?}");
    let (held_by_half, half) = half.expect("a soak of more than one round");
    let remembered = held.min(REMEMBERED) - held_by_half.min(REMEMBERED);
    let memory_max = MEMORY_MAX_KIB
        + MEMORY_PER_REMEMBERED_MAX_KIB * remembered
        + MEMORY_PER_CONFERENCE_MAX_KIB * (held - held_by_half);
    assert!(
        last.memory_kib <= half.memory_kib + memory_max,
        "{half:?}, {last:?}"
    );
    assert!(last.files <= half.files + FILES_MAX, "{half:?}, {last:?}");
    assert!(
        last.threads <= half.threads + THREADS_MAX,
        "{half:?}, {last:?}"
    );
}

//! How many messages a second the group commit takes, and what CPU time each costs: `throughput [seconds] [in flight] [body bytes]`.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use store::{Direction, NewMessage, Store};

/// People who write to each other in turn.
const PEOPLE: usize = 1000;

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement of real time, outside of the product"
)]
fn main() {
    let mut args = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse::<usize>().ok());
    let seconds = args.next().unwrap_or(10);
    let in_flight = args.next().unwrap_or(1000);
    let body = Bytes::from(vec![b'x'; args.next().unwrap_or(100)]);
    // Not in /tmp, which may be memory.
    let directory = tempfile::tempdir_in(".").expect("a directory for the database");
    let store = Store::open(directory.path()).expect("a store");
    let names: Vec<Arc<str>> = (0..PEOPLE)
        .map(|n| Arc::from(format!("user{n}@example.org")))
        .collect();
    let (done, answers) = mpsc::channel();
    let mut sent = 0_usize;
    let mut send = |deliver: Option<store::MessageId>| {
        if let Some(id) = deliver {
            store.mark_delivered_then(id, "", 1, |_| {});
        }
        sent += 1;
        let message = NewMessage {
            at: 1,
            from: names[sent * 7 % PEOPLE].clone(),
            to: names[sent * 13 % PEOPLE].clone(),
            device: None,
            content_type: "text/plain".to_owned(),
            body: body.clone(),
            direction: Direction::Relayed,
            control: false,
            keep: true,
        };
        let done = done.clone();
        store.log_message_then(message, move |id| drop(done.send(id)));
    };
    let cpu_before = cpu_time();
    let start = Instant::now();
    let end = start + Duration::from_secs(u64::try_from(seconds).unwrap_or(10));
    (0..in_flight).for_each(|_| send(None));
    let mut answered = 0_u32;
    for id in answers {
        answered += 1;
        if answered.is_multiple_of(256) && Instant::now() >= end {
            break;
        }
        send(Some(id.expect("a durable message")));
    }
    let took = start.elapsed();
    let cpu = cpu_time().saturating_sub(cpu_before);
    println!(
        "{answered} messages logged and marked delivered in {:.1} s: {:.0} a second, {:.1} µs CPU each",
        took.as_secs_f64(),
        f64::from(answered) / took.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / f64::from(answered),
    );
}

/// User and system time of this process so far.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap_or_default(),
        time.tv_nsec.try_into().unwrap_or_default(),
    )
}

//! No acknowledged message is lost when the process is killed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use store::Store;

use crate::{chat, runtime};

const DIRECTORY: &str = "CONVOKE_STORE_CRASH_DIR";
/// Acknowledgements after which the child is killed, in the middle of its next writes.
const KILL_AFTER: usize = 3000;
/// Writes that the child keeps in flight.
const IN_FLIGHT: usize = 64;

#[test]
fn every_acknowledged_message_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::child_writes_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(DIRECTORY, directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        // What stands in the pipe was acknowledged before the kill; a torn last line was not printed whole.
        let Ok(line) = line else { break };
        if let Some((id, number)) = line.strip_prefix("ack ").and_then(|l| l.split_once(' ')) {
            acknowledged.push((
                id.parse::<i64>().unwrap(),
                number.trim_end_matches('.').to_owned(),
                number.ends_with('.'),
            ));
        }
        if acknowledged.len() == KILL_AFTER {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged.retain(|(_, _, whole)| *whole);
    assert!(acknowledged.len() >= KILL_AFTER);

    let store = Store::open(directory.path()).unwrap();
    let runtime = runtime();
    for (id, number, _) in acknowledged {
        let message = runtime
            .block_on(store.message(store::MessageId(id)))
            .unwrap()
            .unwrap_or_else(|| panic!("message {number} was acknowledged as {id} and is gone"));
        assert_eq!(message.logged.body, number.as_bytes());
    }
}

#[test]
#[ignore = "the child of every_acknowledged_message_survives_a_kill"]
fn child_writes_until_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let store = Store::open(directory.as_ref()).unwrap();
    let (done, acknowledged) = mpsc::channel();
    let mut number = 0_u64;
    let mut send = || {
        number += 1;
        let body = number.to_string();
        let message = chat("alice@example.org", "bob@example.org", 1, &body);
        let done = done.clone();
        store.log_message_then(message, move |result| {
            done.send((result.unwrap(), body)).unwrap();
        });
    };
    (0..IN_FLIGHT).for_each(|_| send());
    let mut out = std::io::stdout().lock();
    for (id, number) in acknowledged {
        writeln!(out, "ack {id} {number}.").unwrap();
        out.flush().unwrap();
        send();
    }
}

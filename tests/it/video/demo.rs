//! The video server of the demo: there from the start, back when it has died, and gone with the demo.

use std::path::Path;
use std::process::Command;

use convoke_tests::convoke;
use testkit::GIVE_UP;
use testkit::process::Program;

use super::janus::in_a_network;

/// Video conferences are asked for in words, and work at once.
#[test]
fn the_demo_has_a_video_server_of_its_own_that_comes_back_and_ends_with_it() {
    let path =
        "video::demo::the_demo_has_a_video_server_of_its_own_that_comes_back_and_ends_with_it";
    in_a_network(path, || {
        let data = tempfile::tempdir().unwrap();
        let mut command = convoke::command(&["demo", "--any-ports", "--ready-line", "--data"]);
        command.arg(data.path()).env("CONVOKE_LOG", "info");
        let demo = Program::start(command).unwrap();
        // Both who prepares and who shows command it.
        let first = after(&demo, 0, "bridge is there");
        after(&demo, first, "bridge is there");
        for line in ["\"ready\"", "allocator registered", SERVES] {
            after(&demo, 0, line);
        }
        let answer = ask(data.path(), "video bob carol");
        assert!(
            answer.contains("The video conference is ready. Your telephone (work) rings."),
            "{answer}"
        );
        assert!(
            answer.contains("Bob Keller: is called on the telephone (mobile)"),
            "{answer}"
        );
        assert!(
            answer.contains("Carol Diaz: is called on the telephone (work)"),
            "{answer}"
        );

        let before = janus_of(&demo).unwrap();
        let heard = demo.lines().len();
        kill(before);
        for line in ["Janus has ended", SERVES] {
            after(&demo, heard, line);
        }
        let fresh = janus_of(&demo).unwrap();
        assert_ne!(before, fresh);
        let answer = ask(data.path(), "video bob");
        assert!(answer.contains("is ready"), "{answer}");

        // Also when nobody can say goodbye.
        demo.kill();
        let pid = format!("--pid={fresh}");
        let mut waits = Command::new("tail");
        waits.args([&pid, "-f", "/dev/null"]);
        let end = Program::start(waits).unwrap().wait_exit(GIVE_UP);
        assert!(end.unwrap().success());
    });
}

/// What the adapter says when it has found it.
const SERVES: &str = "Janus is there";

/// Waits for a line from this one on that says so; gives the number of the next.
#[track_caller]
fn after(demo: &Program, line: usize, words: &str) -> usize {
    let said = demo.wait_line_from(line, words, |line| line.text.contains(words));
    said.unwrap().0
}

/// Asks the allocator as alice does at a terminal; gives what it answers.
#[track_caller]
fn ask(data: &Path, words: &str) -> String {
    let mut command = convoke::command(&["send", "video", words, "--as", "alice", "--data"]);
    command.arg(data);
    let send = Program::start(command).unwrap();
    let status = send.wait_exit(GIVE_UP).unwrap();
    let lines = send.lines().into_iter().map(|line| line.text);
    let said = lines.collect::<Vec<_>>().join("\n");
    assert!(status.success(), "{said}");
    said
}

/// The process that is its child and is called so.
fn janus_of(demo: &Program) -> Option<i32> {
    let parent = demo.pid()?.to_string();
    let mut processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes.find_map(|entry| {
        // proc(5): its number, its name in parentheses, its state, and whose child it is.
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let (pid, rest) = stat.split_once(" (janus) ")?;
        let of = rest.split(' ').nth(1)?;
        (of == parent).then(|| pid.parse().ok())?
    })
}

fn kill(pid: i32) {
    let mut command = Command::new("kill");
    let done = command.args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(done.success());
}

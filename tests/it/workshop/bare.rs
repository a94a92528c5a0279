//! A machine without Node: what the workshop says to whoever tries it there.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use convoke_tests::peers::tests_dir;
use testkit::GIVE_UP;
use testkit::process::Program;

/// Programs that come with Node.
const OF_NODE: [&str; 5] = ["node", "nodejs", "npm", "npx", "corepack"];

/// A directory with everything that this machine has but Node.
fn without_node() -> tempfile::TempDir {
    without(&OF_NODE)
}

/// A directory with everything that this machine has but these programs.
fn without(absent: &[&str]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for directory in std::env::split_paths(&path) {
        let Ok(entries) = std::fs::read_dir(directory) else {
            continue;
        };
        for entry in entries.map(Result::unwrap) {
            let name = entry.file_name();
            if absent.iter().all(|absent| name != *absent) {
                // The first of a name is the one that is found.
                symlink(entry.path(), place.path().join(name)).ok();
            }
        }
    }
    place
}

/// What it writes to both its streams, and whether it went well. One that goes on all the same is ended, with whatever it started.
fn say(path: &Path, words: &[&str]) -> (String, bool) {
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .current_dir(tests_dir().join(".."))
        .env("PATH", path);
    let mut program = Program::start(command).unwrap();
    program.close_stdin();
    let status = program
        .wait_exit(GIVE_UP)
        .unwrap_or_else(|late| panic!("{late}"));
    let mut said = String::new();
    for line in program.lines() {
        said.push_str(&line.text);
        said.push('\n');
    }
    (said, status.success())
}

/// It is said first, before anything is installed or built.
#[test]
fn make_demo_says_that_node_is_missing_and_stops() {
    let path = without_node();
    let (said, good) = say(path.path(), &["make", "demo"]);
    assert!(!good, "{said}");
    for words in [
        "Node 20.19.0 or later: MISSING; see https://nodejs.org",
        "stopped, for want of: node",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    for words in ["installing", "npm packages", "Compiling", "Finished"] {
        assert!(!said.contains(words), "{words}: {said}");
    }
}

/// The binary is built there all the same, without the window.
#[test]
fn the_window_is_left_out_where_node_is_missing() {
    let path = without_node();
    let (said, good) = say(path.path(), &["tools/window"]);
    assert!(good, "{said}");
    assert_eq!(said, "no Node: the binary is built without the window\n");
}

/// Debian's own Node comes without npm: it is to be installed too, and nothing goes on without it. Without dpkg nothing is installed here.
#[test]
fn npm_is_asked_for_where_only_node_is_there() {
    let path = without(&["npm", "npx", "apt-get", "dpkg-query"]);
    let (said, good) = say(path.path(), &["make", "demo"]);
    assert!(!good, "{said}");
    assert!(said.contains("npm: not there, to be installed"), "{said}");
    for words in ["without the window", "ready for", "Compiling", "Finished"] {
        assert!(!said.contains(words), "{words}: {said}");
    }
    let (said, good) = say(path.path(), &["tools/window"]);
    assert!(good, "{said}");
    assert_eq!(
        said,
        "no npm beside Node: the binary is built without the window\n"
    );
}

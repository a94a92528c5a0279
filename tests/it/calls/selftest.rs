//! `convoke selftest`: the promised steps, also for who may do nothing and has no network; and that it says so when one does not hold.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use convoke_tests::convoke::{binary, command};
use convoke_tests::netns::Bare;
use convoke_tests::skipped;
use serde_json::Value;
use tempfile::TempDir;
use testkit::process::{Line, Program};

/// The promise: these steps, in this order.
const STEPS: [&str; 16] = [
    "im.register",
    "im.message",
    "gateway.command",
    "command.repeat",
    "leg.ringing",
    "leg.joined",
    "leg.busy",
    "leg.no-answer",
    "audio.others",
    "audio.not-self",
    "audio.mute",
    "talking",
    "leg.left",
    "owner.end-order",
    "report.order",
    "log",
];
/// It takes at most so long.
const SELFTEST_MAX: Duration = Duration::from_secs(120);

/// What a command said, and its exit code.
fn run(command: Command) -> (Vec<Line>, Option<i32>) {
    let program = Program::start(command).unwrap();
    let status = program.wait_exit(SELFTEST_MAX).unwrap();
    (program.lines(), status.code())
}

/// The last line of a self-test, which sums up.
fn sum(lines: &[Line]) -> Value {
    let mut said = lines.iter().filter(|line| line.stdout);
    let last = said.next_back().unwrap_or_else(|| panic!("{lines:?}"));
    serde_json::from_str(&last.text).unwrap()
}

/// Every step was made and held.
fn assert_holds((lines, code): (Vec<Line>, Option<i32>)) {
    let said: Vec<&Line> = lines.iter().filter(|line| line.stdout).collect();
    for line in &said {
        serde_json::from_str::<Value>(&line.text).unwrap();
    }
    let last = sum(&lines);
    assert_eq!((code, &last["ok"]), (Some(0), &Value::Bool(true)), "{last}");
    let steps = last["steps"].as_array().unwrap();
    let names: Vec<_> = steps
        .iter()
        .map(|step| step["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, STEPS);
    for step in steps {
        assert_eq!(step["ok"], true, "{step}");
        assert!(step["ms"].is_u64() && step["detail"].is_string(), "{step}");
    }
    let keys: Vec<_> = last.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["ok", "steps"]);
}

#[test]
fn selftest_proves_the_whole_road_in_the_promised_form() {
    assert_holds(run(command(&["selftest", "--json"])));
}

/// What a user has who may do nothing: the program, and a directory that is theirs.
struct Belongings {
    program: PathBuf,
    own: PathBuf,
    _dir: TempDir,
}

impl Belongings {
    /// The program is copied: where it was built may be closed to others.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("convoke");
        fs::copy(binary(), &program).unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let own = dir.path().join("own");
        fs::create_dir(&own).unwrap();
        fs::set_permissions(&own, Permissions::from_mode(0o777)).unwrap();
        Self {
            program,
            own,
            _dir: dir,
        }
    }

    /// The self-test by that user in that network.
    fn selftest(&self, network: &Bare) -> Command {
        let mut command = network.command(&self.program, &["selftest", "--json"]);
        command.env("TMPDIR", &self.own);
        command
    }
}

/// A network with nothing in it, or none with words why.
fn bare(test: &str, word: &str) -> Option<Bare> {
    let network = Bare::make(word).inspect_err(|why| {
        skipped(
            &format!("it::calls::selftest::{test}"),
            &format!("network namespaces cannot be made here: {why}"),
        );
    });
    network.ok()
}

#[test]
fn it_holds_for_a_user_without_rights_and_without_a_network() {
    let test = "it_holds_for_a_user_without_rights_and_without_a_network";
    let Some(network) = bare(test, "loopback") else {
        return;
    };
    network.take_up().unwrap();
    assert_eq!(network.up().unwrap(), ["lo"], "nothing leads out of it");
    assert_holds(run(Belongings::new().selftest(&network)));
}

/// The first step does not hold, for a reason with these words, and all is summed up.
fn fails_at_once((lines, code): (Vec<Line>, Option<i32>), words: &str) {
    let last = sum(&lines);
    assert_eq!(
        (code, &last["ok"]),
        (Some(1), &Value::Bool(false)),
        "{last}"
    );
    let steps = last["steps"].as_array().unwrap();
    assert_eq!(
        (&steps[0]["name"], &steps[0]["ok"]),
        (&STEPS[0].into(), &false.into())
    );
    let why = steps[0]["detail"].as_str().unwrap();
    assert!(!why.is_empty() && why.contains(words), "why is said: {why}");
    assert_eq!(steps.len(), STEPS.len());
}

#[test]
fn a_step_that_does_not_hold_is_said_and_fails_it() {
    let test = "a_step_that_does_not_hold_is_said_and_fails_it";
    let Some(network) = bare(test, "nothing") else {
        return;
    };
    // Where not even the loopback interface is up nobody can register.
    let no_network: [String; 0] = [];
    assert_eq!(network.up().unwrap(), no_network);
    let belongings = Belongings::new();
    fails_at_once(run(belongings.selftest(&network)), "");

    // Nor does it hold where nothing can be written.
    network.take_up().unwrap();
    fs::set_permissions(&belongings.own, Permissions::from_mode(0o555)).unwrap();
    fails_at_once(run(belongings.selftest(&network)), "Permission denied");
}

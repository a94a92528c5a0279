//! The binary's own commands, as an operator types them: selftest, check, call.

use std::time::Duration;

use convoke_tests::convoke::command;
use convoke_tests::peers::python;
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::peers::tests_dir;
use serde_json::Value;
use testkit::GIVE_UP;
use testkit::process::Program;

use super::stage::{Stage, behind};

/// The promise of `convoke selftest`: these steps, in this order.
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

/// What a command wrote to standard output, line by line, and its exit code.
fn run(arguments: &[&str], limit: Duration) -> (Vec<String>, Option<i32>) {
    let program = Program::start(command(arguments)).unwrap();
    let status = program.wait_exit(limit).unwrap();
    let lines = program.lines();
    let said = lines
        .into_iter()
        .filter(|line| line.stdout)
        .map(|line| line.text);
    (said.collect(), status.code())
}

#[test]
fn selftest_proves_the_whole_road_in_the_promised_form() {
    let (said, code) = run(&["selftest", "--json"], SELFTEST_MAX);
    let lines: Vec<Value> = said
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines.last().unwrap();
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

/// What `convoke check --json` says of a configuration: keys with what is proposed, and the exit code.
fn check(text: &str) -> (Vec<Value>, Option<i32>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("convoke.toml");
    std::fs::write(&path, text).unwrap();
    let (said, code) = run(
        &["check", "--json", "--config", path.to_str().unwrap()],
        GIVE_UP,
    );
    (
        said.iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        code,
    )
}

#[test]
fn check_explains_every_fault_and_passes_what_is_right() {
    let (findings, code) = check("[server]\ndomian = \"example.test\"\n");
    assert_eq!(code, Some(1));
    assert_eq!(findings[0]["key"], "server.domian");
    assert_eq!(findings[0]["fix"], "did you mean \"domain\"?");

    let trunk = "[[trunk]]\nname = \"carrier\"\nserver = \"127.0.0.1\"\n";
    let (findings, code) = check(trunk);
    assert_eq!(code, Some(1));
    let about = |key: &str| {
        findings
            .iter()
            .find(|finding| finding["key"].as_str().unwrap().contains(key))
    };
    let missing = about("home_country").unwrap();
    assert_eq!(missing["severity"], "error", "{missing}");

    let (findings, code) =
        check("[media]\nport_min = 30000\nport_max = 20000\n[server]\nroles = [\"gatway\"]\n");
    assert_eq!(code, Some(1));
    assert!(!findings.is_empty());
    let (findings, code) = check("not toml at all [");
    assert_eq!((code, findings.len()), (Some(1), 1), "{findings:?}");

    let good = format!("[dialplan]\nhome_country = \"49\"\n{trunk}");
    let (findings, code) = check(&good);
    assert_eq!(code, Some(0), "{findings:?}");
    assert!(
        findings
            .iter()
            .all(|finding| finding["severity"] != "error"),
        "{findings:?}"
    );

    let (example, code) = run(&["check", "--example"], GIVE_UP);
    assert_eq!(code, Some(0));
    let committed = std::fs::read_to_string(tests_dir().join("../convoke.example.toml")).unwrap();
    assert_eq!(example, committed.lines().collect::<Vec<_>>());
}

/// `convoke call` from the administrator's key to sipp's telephones: one JSON event a line until the conference ends.
#[test]
fn call_rings_telephones_and_tells_every_event_as_json() {
    let sipp = Sipp::start(Trunk {
        calls: 3,
        hangup_after: Duration::from_secs(2),
        ..Trunk::default()
    })
    .unwrap();
    let people = [
        ("alice", "+15550105"),
        ("bob", "+15550201"),
        ("carol", "+15550302"),
    ];
    let stage = Stage::start(behind(&sipp), &people);
    let call = stage
        .convoke
        .command(&[
            "call",
            "bob",
            "+15550302",
            "--as",
            "alice",
            "--title",
            "Plan",
            "--json",
        ])
        .unwrap();
    let status = call.wait_exit(GIVE_UP).unwrap();
    let events: Vec<Value> = call
        .lines()
        .iter()
        .filter(|line| line.stdout)
        .map(|line| serde_json::from_str(&line.text).unwrap())
        .collect();
    assert_eq!(status.code(), Some(0), "{events:?}");
    assert_eq!(
        (&events[0]["event"], &events[0]["title"]),
        (&"answer".into(), &"Plan".into())
    );
    let versions: Vec<_> = events
        .iter()
        .filter_map(|event| event["version"].as_u64())
        .skip(1)
        .collect();
    assert!(
        versions.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "{versions:?}"
    );
    let reached = |name: &str, state: &str| {
        events.iter().any(|event| {
            event["event"] == "report"
                && event["participant"]["name"]
                    .as_str()
                    .is_some_and(|found| found.contains(name))
                && event["change"]["state"] == state
        })
    };
    for (name, state) in [
        ("alice", "ringing"),
        ("alice", "joined"),
        ("bob", "joined"),
        ("02", "busy"),
        ("alice", "left"),
    ] {
        assert!(
            reached(name, state),
            "{name} was never {state}: {events:#?}"
        );
    }
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["reason"]),
        (&"ended".into(), &"owner-left".into())
    );
    assert_eq!(last["participants"].as_array().unwrap().len(), 3);
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert!(outcome.ok, "{}", outcome.errors);
}

/// The parser accepts exactly what the schema does (PyPI's xmlschema), and zeep reads all that the writer writes.
#[test]
fn the_parser_agrees_with_the_schema() {
    let example = soapcheck();
    let py = tests_dir().join("../crates/soap-proto/tests/py");
    for (script, arguments) in [("agree.py", &["600"][..]), ("zeep_reads.py", &[])] {
        let mut command = std::process::Command::new(python::interpreter().unwrap());
        command.arg(py.join(script)).arg(&example).args(arguments);
        let program = Program::start(command).unwrap();
        let status = program.wait_exit(Duration::from_secs(60)).unwrap();
        assert!(status.success(), "{}", program.unmet(script));
    }
}

/// soap-proto's example that writes and judges envelopes, built by cargo like the binary.
fn soapcheck() -> std::path::PathBuf {
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "build",
            "-q",
            "--locked",
            "-p",
            "soap-proto",
            "--example",
            "soapcheck",
        ])
        .arg("--message-format=json")
        .current_dir(tests_dir())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "soapcheck")
        .find_map(|message| message["executable"].as_str().map(Into::into))
        .unwrap()
}

//! The binary's own commands, as an operator types them: check, call, send, watch, log.

use std::time::Duration;

use convoke_tests::convoke::{Convoke, command};
use convoke_tests::peers::python;
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::peers::tests_dir;
use convoke_tests::rest::Administrator;
use serde_json::Value;
use testkit::GIVE_UP;
use testkit::process::Program;

use super::stage::{Stage, behind, config};

/// What a command wrote to standard output, line by line, and its exit code.
fn run(arguments: &[&str], limit: Duration) -> (Vec<String>, Option<i32>) {
    ended(&Program::start(command(arguments)).unwrap(), limit)
}

/// The same of one that runs already.
fn ended(program: &Program, limit: Duration) -> (Vec<String>, Option<i32>) {
    let status = program.wait_exit(limit).unwrap();
    let lines = program.lines();
    let said = lines
        .into_iter()
        .filter(|line| line.stdout)
        .map(|line| line.text);
    (said.collect(), status.code())
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

/// A message from one command line to another, and in the log: there with its body only where that is asked for.
#[test]
fn what_one_sends_another_watches_and_the_log_lists() {
    const WORDS: &str = "Lot 7 is confirmed.";
    let convoke = Convoke::start(config()).unwrap();
    let administrator = Administrator::of(&convoke).unwrap();
    for user in ["alice", "bob"] {
        administrator.person(user, user, &[]).unwrap();
    }
    let watch = convoke.command(&["watch", "--as", "bob"]).unwrap();
    watch
        .wait_line("that it watches", |line| {
            line.text
                .contains("Watching what bob@example.test receives")
        })
        .unwrap();
    let send = ["send", "bob", WORDS, "--as", "alice"];
    let send = convoke.command(&send).unwrap();
    assert_eq!(ended(&send, GIVE_UP), (vec![], Some(0)));
    let line = format!("  alice@example.test  {WORDS}");
    let seen = watch.wait_line(&line, |said| said.stdout && said.text.ends_with(&line));
    seen.unwrap();
    watch.terminate();
    let (said, code) = ended(&watch, GIVE_UP);
    assert_eq!((said.len(), code), (1, Some(0)), "{said:?}");

    let log = |more: &[&str]| {
        let log = convoke.command(&[&["log"][..], more].concat()).unwrap();
        let (said, code) = ended(&log, GIVE_UP);
        assert_eq!(code, Some(0), "{said:?}");
        said
    };
    let line = format!(
        "alice@example.test → bob@example.test  text/plain; charset=utf-8, {} bytes, delivered",
        WORDS.len()
    );
    let listed = log(&[]);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert!(listed[0].ends_with(&line), "{listed:?}");
    let with_body = log(&["--bodies"]);
    assert_eq!(with_body, [listed[0].clone(), format!("    {WORDS}")]);
    assert_eq!(log(&["--user", "bob"]), listed);
    let object: Value = serde_json::from_str(&log(&["--json"])[0]).unwrap();
    assert_eq!(object["from"], "alice@example.test");
    assert!(object["body"].is_null(), "{object}");
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

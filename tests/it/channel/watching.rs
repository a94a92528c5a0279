//! What a person reads of conferences on a command line: `convoke watch` as it happens, `convoke log` afterwards.

use convoke_tests::convoke::{Convoke, command};
use convoke_tests::peers::sipp::{Sipp, Trunk};
use serde_json::Value;
use testkit::GIVE_UP;
use testkit::process::Program;

use super::soap::{TYPE, create, envelope, fresh, leaf, number, on};
use super::stage::{ImServer, Stage, aor};
use super::words::Person;

/// At the trunk of sipp it is busy.
const BUSY: &str = "+15550902";
/// What the gateway says as.
const SERVICE: &str = "conference@example.test";

/// `convoke watch` of a person.
struct Watch(Program);

impl Watch {
    fn start(stage: &Stage, user: &str, more: &[&str]) -> Self {
        let words = [&["watch", "--as", user][..], more].concat();
        Self(stage.convoke.command(&words).unwrap())
    }

    /// Waits until it says so to whoever reads; gives the whole line.
    #[track_caller]
    fn until(&self, ends: &str) -> String {
        let fits = |text: &str| text.ends_with(ends);
        let line = self
            .0
            .wait_line(ends, |line| line.stdout && fits(&line.text));
        line.unwrap().text
    }

    /// Waits for a message as an object.
    #[track_caller]
    fn until_object(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let line = self
            .0
            .wait_line(what, |line| line.stdout && fits(&read(&line.text)));
        read(&line.unwrap().text)
    }

    /// Ends it as Ctrl-C does.
    #[track_caller]
    fn end(self) {
        self.0.terminate();
        let status = self.0.wait_exit(GIVE_UP).unwrap();
        assert_eq!(status.code(), Some(0), "{}", self.0.unmet("its end"));
    }
}

/// What a command writes to its two streams, and its exit code.
#[track_caller]
fn ended(program: &Program) -> (Vec<String>, Vec<String>, Option<i32>) {
    let code = program.wait_exit(GIVE_UP).unwrap().code();
    let (out, err): (Vec<_>, Vec<_>) = program.lines().into_iter().partition(|line| line.stdout);
    let texts = |lines: Vec<testkit::process::Line>| lines.into_iter().map(|line| line.text);
    (texts(out).collect(), texts(err).collect(), code)
}

#[track_caller]
fn log(convoke: &Convoke, more: &[&str]) -> Vec<String> {
    let (out, err, code) = ended(&convoke.command(&[&["log"][..], more].concat()).unwrap());
    assert_eq!((code, err.len()), (Some(0), 0), "{err:#?}");
    out
}

/// Alice commands in words: each line of the answers and of how it goes stands in her watch with time and sender, in the JSON of another
/// watch of hers too, and the log has command and answers as such.
#[test]
fn a_conference_in_words_is_read_as_it_goes_and_in_the_log() {
    let trunk = Sipp::start(Trunk {
        calls: 3,
        ..Trunk::default()
    })
    .unwrap();
    let stage = Stage::start(ImServer::Ours, trunk.addr());
    let objects = Watch::start(&stage, "alice", &["--json"]);
    // It says nothing until there is something to read: chat waits for its first device, and no longer than for that.
    let mut bob = stage.device("bob", 2);
    let lunch = bob.request("MESSAGE", &aor("alice"), &aor("alice"), &[], b"Lunch?");
    assert_eq!(lunch.unwrap().status(), Some(202));
    let seen = objects.until_object("lunch", |one| one["text"] == "Lunch?");
    assert_eq!(
        (&seen["event"], &seen["from"]),
        (&"message".into(), &"bob@example.test".into())
    );
    let watch = Watch::start(&stage, "alice", &[]);
    let says = "Watching what alice@example.test receives; Ctrl-C ends it.";
    watch
        .0
        .wait_line(says, |line| !line.stdout && line.text == says)
        .unwrap();

    let mut alice = Person::new(stage.device("alice", 1));
    // There is no conference to speak of yet, and that is said to every device too.
    let none = alice.ask("mute bob", "no conference");
    let line = watch.until(none.lines().last().unwrap());
    let (moment, rest) = line.split_at("2026-11-20 15:04:38Z".len());
    assert!(
        moment.ends_with('Z') && rest.starts_with(&format!("  {SERVICE}  ")),
        "{line}"
    );
    alice.ask(&format!("call bob {BUSY}"), "I ring you first");
    for words in ["bob is in the call", "Number …02: busy"] {
        let words = alice.until(words);
        let words = words.lines().last().unwrap();
        watch.until(&format!("  {SERVICE}  {words}"));
        let seen = objects.until_object(words, |one| {
            one["text"]
                .as_str()
                .is_some_and(|text| text.contains(words))
        });
        assert_eq!(
            (&seen["from"], &seen["contentType"]),
            (&SERVICE.into(), &"text/plain; charset=utf-8".into())
        );
    }
    alice.ask("end", "Ending the conference");
    alice.until("The conference has ended");
    watch
        .0
        .wait_line("the end", |line| {
            line.text.contains("The conference has ended")
        })
        .unwrap();
    watch.end();
    objects.end();
    trunk.finish(GIVE_UP).unwrap();

    let command = "alice@example.test → conference@example.test  text/plain, 3 bytes, control";
    let lines = log(&stage.convoke, &["--user", "alice"]);
    assert!(
        lines.iter().any(|line| line.ends_with(command)),
        "{lines:#?}"
    );
    let with_bodies = log(&stage.convoke, &["--bodies"]);
    assert!(
        with_bodies.contains(&"    end".to_owned()),
        "{with_bodies:#?}"
    );
    // The last two, newest last.
    let all = log(&stage.convoke, &[]);
    assert_eq!(log(&stage.convoke, &["-n", "2"]), all[all.len() - 2..]);
    let objects = log(&stage.convoke, &["--json", "--user", "bob"]);
    let objects: Vec<Value> = objects
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects.len(), 1, "{objects:#?}");
    assert_eq!(
        (&objects[0]["control"], &objects[0]["bytes"]),
        (&false.into(), &6.into())
    );
    let (out, err, code) = ended(&stage.convoke.command(&["log", "--user", "dave"]).unwrap());
    assert_eq!((out, code), (vec![], Some(0)));
    assert_eq!(err, ["No message of dave has passed yet."]);
}

/// SOAP is for programs; whoever watches an account that gets some reads it in words: reports, answers, and the refusal of a command to a
/// conference that is not there.
#[test]
fn soap_is_read_in_words_and_an_unknown_conference_as_a_refusal() {
    let trunk = Sipp::start(Trunk {
        calls: 1,
        ..Trunk::default()
    })
    .unwrap();
    let stage = Stage::start(ImServer::Ours, trunk.addr());
    let watch = Watch::start(&stage, "bob", &[]);
    watch
        .0
        .wait_line("that it watches", |line| !line.stdout)
        .unwrap();
    let objects = Watch::start(&stage, "carol", &["--json"]);
    let mut alice = stage.device("alice", 1);
    let kind = format!("Content-Type: {TYPE}");
    let hello = alice.request("MESSAGE", &aor("carol"), &aor("carol"), &[], b"Hello");
    assert_eq!(hello.unwrap().status(), Some(202));
    objects.until_object("hello", |one| one["text"] == "Hello");

    // Alice's program passes on what it gets, to the end of a conference that nobody answers.
    let busy = number(BUSY);
    let mut commands = 0;
    let mut pass_on = |body: &str, last: &str| {
        commands += 1;
        let reply_to = alice.gruu().unwrap().to_owned();
        let command = envelope(&format!("w-{commands}"), &reply_to, &fresh(), body);
        let to = aor("conference");
        let sent = alice.request("MESSAGE", &to, &to, &[&kind], command.as_bytes());
        assert!(matches!(sent.unwrap().status(), Some(200 | 202)));
        let mut got = Vec::new();
        while !got.last().is_some_and(|text: &String| text.contains(last)) {
            let message = alice.expect("MESSAGE").unwrap();
            alice.reply(&message, 200, "OK", &[], b"").unwrap();
            got.push(message.text());
            for to in [aor("bob"), aor("carol")] {
                let sent = alice.request("MESSAGE", &to, &to, &[&kind], message.text().as_bytes());
                assert!(matches!(sent.unwrap().status(), Some(200 | 202)));
            }
        }
        got
    };
    let got = pass_on(&create(&busy, &[]), "<c:ended>");
    // Reports may come before the answer.
    let answer = got.iter().find(|text| !text.contains("<r:entry>")).unwrap();
    let conference = leaf(answer, "c:id").to_owned();
    watch.until("  alice@example.test  answer to create");
    let created = watch.until(" 1] The conference is being started");
    assert!(
        created.contains(&format!("  alice@example.test  [{conference} 1] ")),
        "{created}"
    );
    watch.until("] alice (outside)  Busy: The line is busy.");
    let ended = watch.0.wait_line("the end", |line| {
        line.text.contains("] The conference has ended: ")
    });
    assert!(ended.unwrap().text.contains(&format!("[{conference} ")));
    let busy = objects.until_object("busy", |one| {
        let reports = one["reports"].as_array();
        reports.is_some_and(|all| all.iter().any(|one| one["change"]["state"] == "busy"))
    });
    assert!(
        busy["text"].is_null(),
        "not the same once more as text: {busy}"
    );

    let unknown = on("end", "0000000000000000", None);
    pass_on(&unknown, "Fault>");
    let refusal = watch.0.wait_line("the refusal", |line| {
        line.text.contains("  alice@example.test  refusal: ")
    });
    let refusal = refusal.unwrap().text;
    assert!(
        refusal.contains("unknown-conference: expected ")
            && refusal.ends_with("came 0000000000000000"),
        "{refusal}"
    );
    watch.end();
    objects.end();
    trunk.finish(GIVE_UP).unwrap();
}

/// Whoever may not, or asks for what is not there, reads why, and the exit code is that of a failure.
#[test]
fn who_may_not_watch_or_read_the_log_is_told_why() {
    let convoke = Convoke::start(crate::calls::stage::config()).unwrap();
    let administrator = convoke_tests::rest::Administrator::of(&convoke).unwrap();
    for user in ["alice", "bob"] {
        administrator.person(user, user, &[]).unwrap();
    }
    let (out, err, code) = ended(&convoke.command(&["watch", "--as", "nobody"]).unwrap());
    assert_eq!((out, code), (vec![], Some(1)));
    let people = "convoke: there is no account nobody@example.test; there are alice, bob (make one with `convoke user add nobody`)";
    assert_eq!(err, [people]);
    // Nothing of it is left: no device was made for whom there is not, and that of a watch goes with it.
    let watch = convoke.command(&["watch", "--as", "alice"]).unwrap();
    watch
        .wait_line("that it watches", |line| !line.stdout)
        .unwrap();
    let devices = || {
        administrator
            .call("GET", "/api/v1/users/alice/devices", &Value::Null)
            .unwrap()
    };
    assert_eq!(devices().as_array().unwrap().len(), 1);
    watch.terminate();
    assert_eq!(ended(&watch).2, Some(0));
    assert_eq!(devices().as_array().unwrap().len(), 0);

    // A copy of what tells where the server is, with a key that it never made.
    let other = tempfile::tempdir().unwrap();
    let key = other.path().join("administrator.key");
    let addresses = "addresses.json";
    std::fs::copy(convoke.data().join(addresses), other.path().join(addresses)).unwrap();
    std::fs::write(&key, "0".repeat(64)).unwrap();
    let data = other.path().to_str().unwrap();
    let commands = [
        &["watch", "--as", "alice"][..],
        &["watch", "--as", "alice", "--json"],
        &["log"],
        &["log", "--json", "--bodies"],
    ];
    let at = |data: &str, words: &[&str]| {
        let program = Program::start(command(&[words, &["--data", data]].concat()));
        ended(&program.unwrap())
    };
    for words in commands {
        let (out, err, code) = at(data, words);
        assert_eq!((out, code), (vec![], Some(1)), "{words:?}");
        let refused = format!(
            "convoke: the server does not take the key in {}",
            key.display()
        );
        assert_eq!(err, [refused], "{words:?}");
    }
    // And where no server is.
    std::fs::remove_file(other.path().join(addresses)).unwrap();
    for words in commands {
        let (out, err, code) = at(data, words);
        assert_eq!((out, code), (vec![], Some(1)), "{words:?}");
        assert!(
            err.len() == 1 && err[0].starts_with("convoke: no server runs on data directory "),
            "{err:?}"
        );
    }
}

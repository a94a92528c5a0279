//! A Janus of another version, or with other plugins: a real one, of which only what it says of itself is told otherwise. Who asks for a
//! conference reads why there is none, in Janus' adapter's own words, and has one once Janus is of use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use convoke_tests::peers::janus::Janus;
use convoke_types::FaultCode;
use runtime::clock;
use serde_json::{Value, json};
use testkit::GIVE_UP;

use super::allocator::{Stage, WITH_VIDEO, ask};

/// Asks at a Janus that pretends, and is refused with these words; then it does not pretend any more.
fn told_until_it_is_of_use(janus: Janus, change: fn(&mut Value), words: &str) {
    let pretends = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&pretends);
    let pretending = janus.pretend(move |said| {
        if still.load(Ordering::Relaxed) {
            change(said);
        }
    });
    let stage = Stage::by(pretending.unwrap(), None, |config| config);
    let mut alice = stage.device("alice", WITH_VIDEO, 1);
    let _bob = stage.device("bob", WITH_VIDEO, 2);
    let adapter = stage.adapter.program();
    adapter
        .wait_line(words, |line| line.text.contains(words))
        .unwrap();
    let fault = ask(&mut alice, "ask-1", &["bob"]).unwrap_err();
    assert_eq!(fault.code, FaultCode::Overloaded);
    let expected = format!("janus: it cannot be used (“{words}”)");
    assert_eq!(fault.came, expected);

    pretends.store(false, Ordering::Relaxed);
    adapter
        .wait_line("that it is of use", |line| {
            line.text.contains("Janus is there")
        })
        .unwrap();
    // What the adapter announces reaches the allocator a moment later.
    let begin = clock::now();
    let in_time = (2..).take_while(|_| clock::now() - begin < GIVE_UP);
    let mut asks = in_time.map(|n| ask(&mut alice, &format!("ask-{n}"), &["bob"]));
    let ready = asks.find_map(Result::ok).expect("a conference");
    assert_eq!(ready.server.as_str(), "janus");
}

#[test]
fn a_janus_that_is_too_old_is_named_to_the_asker() {
    let janus = Janus::start("127.0.0.1".parse().unwrap()).unwrap();
    let old = |said: &mut Value| {
        said["version"] = json!(142);
        said["version_string"] = json!("0.14.2");
    };
    told_until_it_is_of_use(
        janus,
        old,
        "Janus 0.14.2 is too old: 1.0 or later is needed",
    );
}

#[test]
fn a_janus_that_has_lost_its_plugin_is_named_to_the_asker() {
    let janus = Janus::start("127.0.0.1".parse().unwrap()).unwrap();
    let bare = |said: &mut Value| {
        let plugins = said["plugins"].as_object_mut().unwrap();
        plugins.remove("janus.plugin.videoroom").unwrap();
    };
    told_until_it_is_of_use(janus, bare, "Janus has neither VideoRoom nor AudioBridge");
}

//! A call and a reload of its window, a cut of its WebSocket, and a restart of its server.

use convoke_tests::again::{alone, on_time};
use convoke_tests::audio::{RATE, longest_gap_ms, tone_in};
use convoke_tests::cut::CutLine;
use convoke_tests::peers::chromium::Visit;
use testkit::ports;

use super::stage::{
    ALICE_HZ, DBFS, Stage, alices_tone, assert_board, assert_faultless, assert_talking,
    await_conferences, bob, call_bob, config, hears, signed_in, until_alice_hears, until_bob_hears,
};
use convoke_tests::convoke::Convoke;

/// No stretch without sound is longer, where sound goes on: 20 ms each for a packet that comes late and for how it is looked at, and as
/// much again for a machine that is busy with browsers.
const GAP_MAX_MS: u32 = 80;

/// The window comes back into the call, with a board that is right, and both hear each other again.
#[test]
fn a_reloaded_window_is_back_in_its_call() {
    let _alone = alone();
    let mut bob = bob();
    let stage = Stage::start(config(), bob.sip());
    let mut alice = signed_in(&Visit::to(stage.url(), alices_tone()));
    call_bob(&mut alice, &mut bob);
    let before = stage.legs();
    alice.reload().unwrap();
    assert_talking(&mut alice, &bob);
    let after = stage.legs();
    let states: Vec<_> = after.iter().map(|(_, _, state)| &**state).collect();
    assert_eq!(states, ["joined"; 2], "{after:?}");
    assert_eq!(before.last(), after.last(), "bob has noticed nothing");
    assert_faultless(&mut alice);
}

/// The signalling is away for a second, and for half a minute: the voices never stop, and the board is right afterwards.
#[test]
fn a_call_outlives_a_cut_of_its_websocket() {
    on_time(
        "web::window::interruptions::a_call_outlives_a_cut_of_its_websocket",
        cut,
    );
}

fn cut() {
    let mut bob = bob();
    let stage = Stage::start(config(), bob.sip());
    let line = CutLine::before(stage.convoke.addr("http").unwrap()).unwrap();
    let url = format!("http://{}", line.near());
    let mut alice = signed_in(&Visit::to(url, alices_tone()));
    call_bob(&mut alice, &mut bob);
    let before = stage.legs();
    alice.forget().unwrap();
    let heard = bob.heard().unwrap().len();
    for seconds in [1, 30] {
        line.cut();
        bob.listen(seconds).unwrap();
        if seconds > 1 {
            alice.until_window("No connection").unwrap();
        }
        line.mend();
        if seconds > 1 {
            alice.online().unwrap();
        }
        assert_board(&mut alice);
        assert_eq!(stage.legs(), before, "the same legs after {seconds} s");
    }
    // The board follows what happens now.
    until_alice_hears(&mut alice);
    until_bob_hears(&bob);
    let page = longest_gap_ms(&hears(&alice.sounds().unwrap()));
    let telephone = bob.heard().unwrap();
    let telephone = longest_gap_ms(&tone_in(&telephone[heard..], RATE, ALICE_HZ, DBFS));
    println!("without sound: at the telephone {telephone} ms, in the page {page} ms");
    assert!(telephone <= GAP_MAX_MS && page <= GAP_MAX_MS);
    bob.hang_up().unwrap();
    alice.until_board("Left").unwrap();
    alice.until_board("1 in the call").unwrap();
    assert_faultless(&mut alice);
}

/// The server is killed and comes back: the call is over, the window says why, and chat goes on by itself.
#[test]
fn after_a_restart_of_the_server_the_window_says_why_its_call_is_over() {
    let _alone = alone();
    let mut bob = bob();
    let http = ports::reserve().unwrap();
    let config = config().set("http", "listen", http.addr().to_string());
    let stage = Stage::start(config, bob.sip());
    let mut alice = signed_in(&Visit::to(stage.url(), alices_tone()));
    call_bob(&mut alice, &mut bob);

    let Stage { convoke, .. } = stage;
    let place = convoke.crash().unwrap();
    alice.until_window("No connection").unwrap();
    let convoke = Convoke::restart(place).unwrap();
    await_conferences(&convoke);
    alice
        .until_board("The server stopped while the call was under way")
        .unwrap();
    alice.until_window_not("No connection").unwrap();
    let board = alice.board().unwrap();
    assert!(
        !board.text.contains("Sound could not be set up") && !board.text.contains("In the call"),
        "{}",
        board.text
    );
    alice.write("Bob Keller", "are you still there?").unwrap();
    alice.until_window("^Sent$").unwrap();

    // And they can talk again.
    bob.hang_up().unwrap();
    alice.press("Call them again").unwrap();
    alice.press("Call 1 person").unwrap();
    bob.wait_event("CALL_ESTABLISHED").unwrap();
    assert_talking(&mut alice, &bob);
    assert_faultless(&mut alice);
}

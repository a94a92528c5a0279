//! Two people at their windows, whose video server dies while another one is there.

use convoke_tests::clock::{Lateness, Run};
use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::netns::ALONE;
use convoke_tests::peers::chromium::{Chromium, Microphone, Visit};
use convoke_tests::rest::Administrator;
use runtime::clock;
use serde_json::json;

use super::janus::judged_in_a_network;
use super::loss::{LATE, Server, await_links, back};
use super::people::DOMAIN;

const PASSWORD: &str = "correct horse battery";
/// The user, what the others see of them, and what their camera shows.
const PEOPLE: [(&str, &str, u8); 2] = [("alice", "Alice Martin", 3), ("bob", "Bob Keller", 6)];

/// Each sees the other's camera again, without a hand, and is told what happened.
#[test]
fn two_windows_see_each_other_again_by_another_video_server() {
    let path = "video::windows::two_windows_see_each_other_again_by_another_video_server";
    judged_in_a_network(path, LATE, lose_a_server);
}

fn lose_a_server() -> Run {
    // The larger one is asked first.
    let servers = [("one", 200), ("two", 100)].map(|(name, room)| (name, Server::start(room)));
    let roles = vec!["im", "gateway", "conference", "allocator"];
    let config = Config::new(DOMAIN)
        .unwrap()
        .set("server", "roles", toml::Value::from(roles))
        .set("media", "bind", ALONE);
    let entries = servers.iter();
    let config = entries.fold(config, |config, (name, server)| server.entry(config, name));
    let convoke = Convoke::start(config).unwrap();
    let [(_, one), _two] = servers;
    until_ready(&convoke);

    let mut windows = windows(&convoke, [(); 2].map(|()| Microphone::Says(vec![0; 8_000])));
    let [alice, bob] = &mut windows;
    alice.video(&["bob"]).unwrap();
    bob.until_window("^Video ·").unwrap();
    bob.press("Join with picture").unwrap();
    see_each_other(&mut windows);

    let lateness = Lateness::watch();
    let begin = clock::now();
    one.janus.crash().unwrap();
    for window in &mut windows {
        window
            .until_board("The pictures come from another one")
            .unwrap();
    }
    see_each_other(&mut windows);
    let took = clock::now() - begin;
    let late = lateness.end();

    for window in &mut windows {
        window.until_board("2 in the call").unwrap();
        assert_eq!(window.faults().unwrap(), Vec::<String>::new());
    }
    back(took, late)
}

/// Waits until a conference can be asked for, and both servers can be had.
fn until_ready(convoke: &Convoke) {
    let program = convoke.program();
    for line in [
        "conferences registered",
        "gateway registered",
        "allocator registered",
        "modes service registered",
    ] {
        let came = program.wait_line(line, |said| said.text.contains(line));
        came.unwrap();
    }
    await_links(convoke, &["one", "two"], 2);
}

/// Everybody at their window, signed in, with a camera and one of these microphones.
pub(super) fn windows(convoke: &Convoke, microphones: [Microphone; 2]) -> [Chromium; 2] {
    let administrator = Administrator::of(convoke).unwrap();
    for (user, name, _) in PEOPLE {
        administrator.person(user, name, &[]).unwrap();
        let path = format!("/api/v1/users/{user}/password");
        let password = json!({ "password": PASSWORD });
        administrator.call("PUT", &path, &password).unwrap();
    }
    let mut microphones = microphones.into_iter();
    PEOPLE.map(|(user, _, camera)| {
        let url = format!("http://{}", convoke.addr("http").unwrap());
        let mut window = Chromium::start(&Visit {
            camera: Some(camera),
            ..Visit::to(url, microphones.next().unwrap())
        })
        .unwrap();
        window.sign_in(user, PASSWORD).unwrap();
        window
    })
}

/// Waits until each sees what the other's camera shows.
#[track_caller]
pub(super) fn see_each_other(windows: &mut [Chromium; 2]) {
    for (window, (_, name, number)) in windows.iter_mut().zip(PEOPLE.iter().rev()) {
        window.until_sees(name, *number).unwrap();
    }
}

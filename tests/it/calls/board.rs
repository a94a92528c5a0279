//! The board of `convoke call` in a terminal: what it shows, and that its keys do what they say.

use std::net::SocketAddr;

use convoke_tests::convoke::Convoke;
use convoke_tests::rest::{Administrator, request};
use convoke_tests::terminal::{DOWN, ENTER, Terminal};
use serde_json::Value;

/// Of the demo's telephones: a driver, and one who hangs up after 20 seconds. Both press 1.
const DRIVER: &str = "+15550107";
const ANOTHER: &str = "+15550109";

/// What the server tells alice.
struct Told {
    http: SocketAddr,
    bearer: String,
}

impl Told {
    fn get(&self, path: &str) -> Value {
        let path = format!("/api/v1/conferences{path}");
        let answer = request(self.http, "GET", &path, &[&self.bearer], b"");
        answer.unwrap().json().unwrap()
    }

    /// Of her only conference.
    fn conference(&self) -> Value {
        let list = self.get("");
        let all = list["conferences"].as_array().unwrap();
        assert_eq!(all.len(), 1, "{list}");
        let id = all[0]["id"].as_str().unwrap();
        self.get(&format!("/{id}"))["conference"].take()
    }
}

#[test]
fn the_board_shows_a_call_and_its_keys_mute_drop_add_and_end() {
    let demo = Convoke::demo().unwrap();
    let token = Administrator::of(&demo).unwrap().token("alice").unwrap();
    let told = Told {
        http: demo.addr("http").unwrap(),
        bearer: format!("Authorization: Bearer {token}"),
    };
    let words = ["call", "bob", DRIVER, "--as", "alice", "--title", "Plan"];
    let mut board = Terminal::start(&demo, &words).unwrap();
    for row in ["▸ Alice Martin", "  Bob Keller", "  Number …07"] {
        board.until_row(row, "● In the call").unwrap();
    }
    board.until_row("Plan", "running").unwrap();
    let running = told.conference();
    assert_eq!(running["state"], "running");
    let bob = &running["participants"][1];
    assert_eq!(
        (&bob["name"], &bob["muted"]),
        (&"Bob Keller".into(), &false.into())
    );

    // Who talks: the demo's people speak and pause by themselves.
    for row in ["▸ Alice Martin", "  Bob Keller"] {
        board.until_row(row, "♪ talks").unwrap();
    }

    // Mute.
    board.press(DOWN).unwrap();
    board.until_row("▸ Bob Keller", "").unwrap();
    board.press("m").unwrap();
    board.until_row("▸ Bob Keller", "muted").unwrap();
    let muted = told.conference();
    let who = muted["participants"].as_array().unwrap();
    let who: Vec<_> = who.iter().map(|one| &one["muted"]).collect();
    assert_eq!(who, [false, true, false]);

    // Drop.
    board.press(DOWN).unwrap();
    board.until_row("▸ Number …07", "").unwrap();
    board.press("d").unwrap();
    board.until_row("▸ Number …07", "Left").unwrap();
    let dropped = told.conference();
    assert_eq!(dropped["participants"][2]["leg"]["state"], "left");
    assert_eq!(dropped["participants"][1]["leg"]["state"], "joined");

    // Add.
    board.press("a").unwrap();
    board.until_row("Add (name or +number): ▏", "").unwrap();
    board.press(ANOTHER).unwrap();
    let typed = format!("Add (name or +number): {ANOTHER}▏");
    board.until_row(&typed, "").unwrap();
    board.press(ENTER).unwrap();
    board.until_row("  Number …09", "● In the call").unwrap();
    let added = told.conference();
    assert_eq!(added["count"], 4);
    assert_eq!(added["participants"][3]["leg"]["state"], "joined");

    // End, once it is confirmed.
    let question = "End the conference for everybody? y/n";
    board.press("e").unwrap();
    board.until_row(question, "").unwrap();
    board.press("n").unwrap();
    board
        .until("the keys again", |rows| {
            !rows.iter().any(|row| row == question)
        })
        .unwrap();
    assert_eq!(told.conference()["state"], "running");
    board.press("e").unwrap();
    board.until_row(question, "").unwrap();
    board.press("y").unwrap();
    let (code, said) = board.end().unwrap();
    assert_eq!(code, 0, "{said:#?}");
    let ended = said
        .iter()
        .any(|line| line.starts_with("The conference has ended after "));
    assert!(ended, "{said:#?}");
    for name in [
        "  Alice Martin",
        "  Bob Keller",
        "  Number …07",
        "  Number …09",
    ] {
        assert!(
            said.iter()
                .any(|line| line.starts_with(name) && line.contains("Left")),
            "{name}: {said:#?}"
        );
    }
    // It may be listed for a moment still.
    let list = told.get("");
    let mut all = list["conferences"].as_array().unwrap().iter();
    assert!(all.all(|one| one["state"] == "ended"), "{list}");
}

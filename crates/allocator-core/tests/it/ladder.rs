//! The ladder of both channels in `docs/video.md`, as the allocator climbs it here: `UPDATE=1 cargo test -p allocator-core ladder`.

use std::path::Path;

use crate::world::{World, person};

const BEGIN: &str = "```text\n";
const END: &str = "```\n";
/// Who stands where.
const COLUMNS: [&str; 7] = [
    "alice",
    "bob",
    "IM server",
    "modes",
    "conference",
    "allocator",
    "video server",
];
/// Characters between two of them.
const WIDTH: usize = 18;

fn place(name: &str) -> usize {
    let column = COLUMNS.iter().position(|column| *column == name);
    column.unwrap_or_else(|| panic!("{name} has no place")) * WIDTH + 4
}

/// One line: an arrow from one to the other, with what is said over it.
fn line(from: &str, to: &str, what: &str) -> String {
    let width = COLUMNS.len() * WIDTH;
    let mut over: Vec<char> = vec![' '; width];
    let mut arrow = over.clone();
    for name in COLUMNS {
        over[place(name)] = '|';
        arrow[place(name)] = '|';
    }
    let (left, right) = (place(from).min(place(to)), place(from).max(place(to)));
    arrow[left + 1..right].fill('-');
    match place(from) < place(to) {
        true => arrow[right - 1] = '>',
        false => arrow[left + 1] = '<',
    }
    for (n, character) in what.chars().enumerate() {
        over[left + 2 + n] = character;
    }
    let text = |row: Vec<char>| row.into_iter().collect::<String>().trim_end().to_owned();
    format!("{}\n{}\n", text(over), text(arrow))
}

#[test]
fn the_ladder_of_both_channels_is_the_one_in_the_documents() {
    let mut world = World::new();
    world.ladder.clear();
    let id = world.ask("alice", vec![person("bob")]);
    let conference = world.ready(&id).conference;
    world.join(&conference, 0);
    world.pass(std::time::Duration::from_secs(2));
    world.end(&conference);
    let mut drawn = String::new();
    for column in COLUMNS {
        drawn.push_str(&format!("{column:<WIDTH$}"));
    }
    let mut drawn = format!("{}\n", drawn.trim_end());
    for (from, to, what) in &world.ladder {
        drawn.push_str(&line(from, to, what));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/video.md");
    let there = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = there.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let fresh = format!("{before}{BEGIN}{drawn}{END}{after}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap();
    assert_eq!(there, fresh, "stale; run with UPDATE=1");
}

//! The board's picture: a pure function of its model, the time and the size of the terminal.

use convoke_types::{LegState, Role};
use soap_proto::{ConferenceState, ParticipantSnapshot, UtcMillis};

use super::model::{Model, Prompt};
use super::paint::{Line, Paint, cut, left, right, width};
use crate::words::{self, one_line};

/// The terminal, in columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

/// From so many columns on there is a column for the place.
const PLACE_FROM: usize = 64;
/// Widest column of names.
const NAME_MAX: usize = 28;
/// Column of places.
const PLACE_COLUMNS: usize = 12;
/// Icon and state: `● In the call`, `✕ Unreachable`.
const STATE_COLUMNS: usize = 13;
/// Time in the state: `1:02:03`.
const TIME_COLUMNS: usize = 7;
/// Least room for what stands beside a state; with less it goes below.
const DETAIL_MIN: usize = 16;

/// The keys, in the order of the key line.
const KEYS: [(&str, &str); 10] = [
    ("↑↓", "select"),
    ("m", "mute"),
    ("d", "disconnect"),
    ("c", "call again"),
    ("h", "hand"),
    ("f", "floor"),
    ("a", "add"),
    ("l", "lock"),
    ("e", "end"),
    ("q", "stop watching"),
];

/// The whole picture, at most `size.rows` lines of at most `size.columns` columns.
pub fn board(model: &Model, now: UtcMillis, size: Size) -> Vec<Line> {
    let mut top = vec![header(model, now, size.columns), Line::new()];
    let mut bottom = vec![Line::new()];
    if let Some(why) = &model.offline {
        let words = format!("No connection ({}); trying again.", one_line(why));
        bottom.push(Line::new().with(Paint::Warn, cut(&words, size.columns)));
    }
    if let Some(notice) = &model.notice {
        let paint = if notice.bad { Paint::Bad } else { Paint::Busy };
        for line in wrap(&one_line(&notice.words), size.columns) {
            bottom.push(Line::new().with(paint, line));
        }
    }
    bottom.extend(foot(model, size.columns));
    let room = size.rows.saturating_sub(top.len() + bottom.len()).max(1);
    top.extend(roster(model, now, size.columns, room));
    top.extend(bottom);
    top.truncate(size.rows.max(1));
    // Below 30 columns or so something has to give.
    top.into_iter().map(|line| line.cut(size.columns)).collect()
}

fn header(model: &Model, now: UtcMillis, columns: usize) -> Line {
    let snapshot = model.followed.snapshot();
    let title = match one_line(&snapshot.title) {
        title if title.is_empty() => "Conference".to_owned(),
        title => title,
    };
    let (state, paint) = match snapshot.state {
        ConferenceState::Starting => ("starting", Paint::Busy),
        ConferenceState::Running => ("running", Paint::Good),
        ConferenceState::Ending => ("ending", Paint::Warn),
        ConferenceState::Ended => ("ended", Paint::Faint),
    };
    let time = words::span(now.0.saturating_sub(model.began.0));
    let locked = if snapshot.locked { "locked " } else { "" };
    let tail = width(locked) + width(state) + 1 + width(&time);
    Line::new()
        .with(
            Paint::Strong,
            left(&title, columns.saturating_sub(tail + 1)),
        )
        .with(Paint::Plain, " ")
        .with(Paint::Warn, locked)
        .with(paint, state)
        .with(Paint::Plain, format!(" {time}"))
}

/// The lines of the roster that fit, with the selected one among them.
fn roster(model: &Model, now: UtcMillis, columns: usize, room: usize) -> Vec<Line> {
    let people = model.participants();
    if people.is_empty() {
        let words = cut("Nobody is on the list yet.", columns);
        return vec![Line::new().with(Paint::Faint, words)];
    }
    let selected = model.selected().map(|participant| participant.id.clone());
    let names = people.iter().map(|p| width(&name(p))).max().unwrap_or(0);
    let layout = Layout::of(columns, names);
    let blocks: Vec<Vec<Line>> = people
        .iter()
        .map(|p| row(p, Some(&p.id) == selected.as_ref(), now, &layout))
        .collect();
    let all: usize = blocks.iter().map(Vec::len).sum();
    if all <= room {
        return blocks.concat();
    }
    // One line says how many are not shown.
    let position = people
        .iter()
        .position(|p| Some(&p.id) == selected.as_ref())
        .unwrap_or(0);
    let (from, to) = window(&blocks, position, room.saturating_sub(1));
    let mut lines = blocks.get(from..to).unwrap_or_default().concat();
    lines.truncate(room.saturating_sub(1));
    let (above, below) = (from, people.len().saturating_sub(to));
    let words = match (above, below) {
        (0, below) => format!("↓ {below} more"),
        (above, 0) => format!("↑ {above} more"),
        (above, below) => format!("↑ {above} more, ↓ {below} more"),
    };
    lines.push(Line::new().with(Paint::Faint, cut(&words, columns)));
    lines
}

/// The people around `position` whose lines fit into `room`.
fn window(blocks: &[Vec<Line>], position: usize, room: usize) -> (usize, usize) {
    let height = |n: usize| blocks.get(n).map_or(0, Vec::len);
    let (mut from, mut to) = (position, position + 1);
    let mut used = height(position);
    loop {
        if to < blocks.len() && used + height(to) <= room {
            used += height(to);
            to += 1;
        } else if from > 0 && used + height(from - 1) <= room {
            from -= 1;
            used += height(from);
        } else {
            return (from, to);
        }
    }
}

struct Layout {
    columns: usize,
    name: usize,
    place: bool,
    detail: usize,
}

impl Layout {
    fn of(columns: usize, names: usize) -> Self {
        let place = columns >= PLACE_FROM;
        let marker = 2;
        let place_columns = if place { PLACE_COLUMNS + 1 } else { 0 };
        let fixed = marker + 1 + STATE_COLUMNS + TIME_COLUMNS + place_columns;
        let most = if place {
            NAME_MAX
        } else {
            NAME_MAX.min(columns / 2)
        };
        let name = names
            .max(4)
            .min(most)
            .min(columns.saturating_sub(fixed).max(4));
        let detail = columns.saturating_sub(fixed + name + 2);
        Self {
            columns,
            name,
            place,
            detail: if detail >= DETAIL_MIN { detail } else { 0 },
        }
    }
}

fn name(participant: &ParticipantSnapshot) -> String {
    let name = match one_line(&participant.name) {
        name if name.is_empty() => one_line(&participant.place),
        name => name,
    };
    match participant.role {
        Role::Owner => format!("{name} *"),
        Role::Moderator => format!("{name} +"),
        Role::Participant | Role::Outsider | Role::Administrator => name,
    }
}

fn row(p: &ParticipantSnapshot, selected: bool, now: UtcMillis, layout: &Layout) -> Vec<Line> {
    let state = p.leg.as_ref().map(|leg| leg.state);
    // Where there is no room beside the state, talking and the like take its place, so that nothing jumps.
    let in_place = flag(p).filter(|_| layout.detail == 0 && state == Some(LegState::Joined));
    let (icon, words, paint) = in_place.unwrap_or_else(|| {
        let (icon, paint) = icon(state);
        (icon, state.map_or("Not called", LegState::words), paint)
    });
    let time = match &p.leg {
        Some(leg) if !leg.state.is_end() => words::span(now.0.saturating_sub(leg.since.0)),
        Some(_) | None => String::new(),
    };
    let name_paint = if selected {
        Paint::Strong
    } else {
        Paint::Plain
    };
    let mut line = Line::new()
        .with(Paint::Strong, if selected { "▸ " } else { "  " })
        .with(name_paint, left(&name(p), layout.name));
    if layout.place {
        line = line.with(
            Paint::Faint,
            format!(" {}", left(&one_line(&p.place), PLACE_COLUMNS)),
        );
    }
    line = line
        .with(Paint::Plain, " ")
        .with(paint, left(&format!("{icon} {words}"), STATE_COLUMNS))
        .with(Paint::Plain, right(&time, TIME_COLUMNS));
    let (detail, detail_paint) = detail(p);
    if detail.is_empty() || in_place.is_some() {
        return vec![line];
    }
    if layout.detail > 0 && width(&detail) <= layout.detail {
        return vec![line.with(Paint::Plain, "  ").with(detail_paint, detail)];
    }
    let below = wrap(&detail, layout.columns.saturating_sub(4));
    let mut lines = vec![line];
    for words in below {
        lines.push(
            Line::new()
                .with(Paint::Plain, "    ")
                .with(detail_paint, words),
        );
    }
    lines
}

/// Icon and colour of a state.
fn icon(state: Option<LegState>) -> (char, Paint) {
    match state {
        None => ('·', Paint::Faint),
        Some(LegState::Queued) => ('○', Paint::Faint),
        Some(LegState::Dialling) => ('◔', Paint::Busy),
        Some(LegState::Ringing) => ('◑', Paint::Busy),
        Some(LegState::Answered) => ('◕', Paint::Busy),
        Some(LegState::Confirming) => ('?', Paint::Warn),
        Some(LegState::Joined) => ('●', Paint::Good),
        Some(LegState::Held) => ('‖', Paint::Warn),
        Some(LegState::Left) => ('–', Paint::Faint),
        Some(
            LegState::Busy
            | LegState::NoAnswer
            | LegState::Declined
            | LegState::Unreachable
            | LegState::Failed,
        ) => ('✕', Paint::Bad),
    }
}

/// The one thing to know about somebody in the call: icon, word and colour.
fn flag(p: &ParticipantSnapshot) -> Option<(char, &'static str, Paint)> {
    if p.hand.is_some() {
        Some(('↑', "Hand up", Paint::Warn))
    } else if p.muted {
        Some(('⊘', "Muted", Paint::Warn))
    } else if p.silent {
        Some(('!', "No sound", Paint::Warn))
    } else if p.talking {
        Some(('♪', "Talks", Paint::Good))
    } else {
        None
    }
}

/// What stands beside the state: hand up, talks, muted, no sound, or why.
fn detail(p: &ParticipantSnapshot) -> (String, Paint) {
    let mut parts = Vec::new();
    let mut paint = Paint::Faint;
    let is_over = p.leg.as_ref().is_none_or(|leg| leg.state.is_end());
    if let Some(place) = p.hand {
        parts.push(format!("hand up ({place})"));
        paint = Paint::Warn;
    }
    if p.silent {
        parts.push("no sound from them".to_owned());
        paint = Paint::Warn;
    }
    if p.muted && !is_over {
        parts.push("muted".to_owned());
        paint = Paint::Warn;
    }
    if p.talking {
        parts.push("♪ talks".to_owned());
        paint = Paint::Good;
    }
    let why = p
        .leg
        .as_ref()
        .and_then(|leg| words::detail(leg.state, leg.cause.as_ref()));
    parts.extend(why);
    // Why that came to nothing is news, and told as such; it does not stay on the board.
    if let Some(moving) = &p.moving
        && !moving.leg.state.is_end()
    {
        let state = moving.leg.state.words().to_lowercase();
        parts.push(format!("{}: {state}", one_line(&moving.place)));
    }
    (parts.join(", "), paint)
}

fn foot(model: &Model, columns: usize) -> Vec<Line> {
    match &model.prompt {
        Prompt::None if model.followed.is_over() => vec![],
        Prompt::None => keys(columns),
        Prompt::End => ask("End the conference for everybody?", "y/n", columns),
        Prompt::Add(typed) => {
            let question = "Add (name or +number): ";
            // What is typed last must be seen.
            let room = columns.saturating_sub(width(question) + 1);
            let hidden = typed.chars().count().saturating_sub(room);
            let seen: String = typed.chars().skip(hidden).collect();
            let line = Line::new()
                .with(Paint::Strong, cut(question, columns))
                .with(
                    Paint::Plain,
                    cut(&format!("{seen}▏"), columns.saturating_sub(width(question))),
                );
            vec![line]
        }
    }
}

fn ask(question: &str, answers: &str, columns: usize) -> Vec<Line> {
    let words = wrap(&format!("{question} {answers}"), columns);
    let lines = words
        .into_iter()
        .map(|line| Line::new().with(Paint::Strong, line));
    lines.collect()
}

/// The key line, on as many rows as it takes.
fn keys(columns: usize) -> Vec<Line> {
    let mut lines = vec![Line::new()];
    for (key, words) in KEYS {
        let taken = lines.last().map_or(0, Line::width);
        let gap = if taken == 0 { 0 } else { 2 };
        let needs = gap + width(key) + 1 + width(words);
        if taken > 0 && taken + needs > columns {
            lines.push(Line::new());
        }
        let Some(line) = lines.pop() else { continue };
        let gap = if line.spans.is_empty() { "" } else { "  " };
        lines.push(
            line.with(Paint::Plain, gap)
                .with(Paint::Strong, key)
                .with(Paint::Faint, format!(" {words}")),
        );
    }
    lines
}

/// Words on as many lines as they take; a longer word is cut.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, columns)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::model::Key;
    use super::super::model::tests::{model, person};
    use super::*;
    use convoke_types::{Cause, EndReason};
    use soap_proto::MovingSnapshot;

    fn sample() -> Model {
        let mut alice = person("p1", "Alice Martin", "work", Some(LegState::Joined));
        alice.role = Role::Owner;
        alice.talking = true;
        let bob = person("p2", "Bob Keller", "mobile", Some(LegState::Ringing));
        let mut carol = person("p3", "Carol Diaz", "work", Some(LegState::NoAnswer));
        if let Some(leg) = &mut carol.leg {
            leg.cause = Some(Cause {
                reason: EndReason::Voicemail,
                sip: None,
                q850: None,
                words: "answered, but nobody pressed 1".into(),
            });
        }
        let guest = person("p4", "Number …07", "number …07", Some(LegState::Confirming));
        model(vec![alice, bob, carol, guest])
    }

    fn picture(model: &Model, columns: usize, rows: usize) -> Vec<String> {
        let lines = board(model, UtcMillis(22_000), Size { columns, rows });
        assert!(lines.len() <= rows, "{} lines in {rows} rows", lines.len());
        for line in &lines {
            assert!(
                line.width() <= columns,
                "{:?} in {columns} columns",
                line.text()
            );
        }
        lines
            .iter()
            .map(|line| line.text().trim_end().to_owned())
            .collect()
    }

    #[test]
    fn a_wide_board_has_a_line_for_each() {
        assert_eq!(
            picture(&sample(), 100, 24),
            [
                "Plan                                                                                    running 0:22",
                "",
                "▸ Alice Martin * work         ● In the call   0:12  ♪ talks",
                "  Bob Keller     mobile       ◑ Ringing       0:12",
                "  Carol Diaz     work         ✕ No answer           answered, but nobody pressed 1",
                "  Number …07     number …07   ? Confirming    0:12  asked to press 1",
                "",
                "↑↓ select  m mute  d disconnect  c call again  h hand  f floor  a add  l lock  e end",
                "q stop watching",
            ]
        );
    }

    #[test]
    fn hands_roles_and_the_lock_are_shown() {
        let mut people = sample().participants().to_vec();
        people[0].hand = Some(2);
        people[0].talking = false;
        people[1].role = Role::Moderator;
        let mut snapshot = sample().followed.snapshot().clone();
        snapshot.participants = people;
        snapshot.locked = true;
        let mut model = sample();
        model.followed = client::Followed::resume(snapshot);
        let lines = picture(&model, 80, 24);
        assert!(lines[0].ends_with("locked running 0:22"), "{}", lines[0]);
        assert!(lines[2].ends_with("hand up (2)"), "{}", lines[2]);
        assert!(lines[3].starts_with("  Bob Keller +"), "{}", lines[3]);
        let lines = picture(&model, 40, 24);
        assert!(lines[2].contains("↑ Hand up"), "{}", lines[2]);
    }

    #[test]
    fn another_place_is_shown_while_somebody_is_called_there() {
        for (state, shown) in [(LegState::Ringing, true), (LegState::Busy, false)] {
            let mut snapshot = sample().followed.snapshot().clone();
            let mut leg = snapshot.participants[0].leg.clone().unwrap();
            leg.state = state;
            let place = "home".to_owned();
            snapshot.participants[0].moving = Some(MovingSnapshot { place, leg });
            let mut model = sample();
            model.followed = client::Followed::resume(snapshot);
            let line = &picture(&model, 100, 24)[2];
            assert_eq!(line.contains("home: ringing"), shown, "{line}");
            assert!(!line.contains("busy"), "{line}");
        }
    }

    #[test]
    fn forty_columns_are_enough() {
        assert_eq!(
            picture(&sample(), 40, 24),
            [
                "Plan                        running 0:22",
                "",
                "▸ Alice Martin * ♪ Talks         0:12",
                "  Bob Keller     ◑ Ringing       0:12",
                "  Carol Diaz     ✕ No answer",
                "    answered, but nobody pressed 1",
                "  Number …07     ? Confirming    0:12",
                "    asked to press 1",
                "",
                "↑↓ select  m mute  d disconnect",
                "c call again  h hand  f floor  a add",
                "l lock  e end  q stop watching",
            ]
        );
    }

    #[test]
    fn a_low_terminal_shows_the_selected_line() {
        let people = (1..=30)
            .map(|n| person(&format!("p{n}"), &format!("Person {n}"), "work", None))
            .collect();
        let mut model = model(people);
        for _ in 0..20 {
            model.key(Key::Down);
        }
        let lines = picture(&model, 80, 10);
        assert!(
            lines.iter().any(|line| line.starts_with("▸ Person 21")),
            "{lines:#?}"
        );
        assert!(lines.iter().any(|line| line.contains("more")), "{lines:#?}");
        assert!(
            lines
                .last()
                .is_some_and(|line| line.contains("stop watching"))
        );
    }

    #[test]
    fn any_size_is_drawn() {
        let mut model = sample();
        model.complain("Calling dave did not work: unknown-person");
        model.offline = Some("cannot connect".into());
        for columns in 1..120 {
            for rows in 1..30 {
                picture(&model, columns, rows);
            }
        }
    }

    #[test]
    fn prompts_take_the_place_of_the_keys() {
        let mut model = sample();
        model.key(Key::Char('a'));
        model.key(Key::Char('d'));
        let last = picture(&model, 40, 24).pop();
        assert_eq!(last.as_deref(), Some("Add (name or +number): d▏"));
        model.key(Key::Escape);
        model.key(Key::Char('e'));
        let last = picture(&model, 60, 24).pop();
        assert_eq!(
            last.as_deref(),
            Some("End the conference for everybody? y/n")
        );
    }
}

//! Draws who said what to whom, in the order of time: a SIP ladder in plain text, for the docs and for failed tests.

use std::fmt::Write;

use testkit::peer::Spoken;

/// Width of the space between two lifelines, in characters.
const GAP: usize = 38;

struct Step {
    at_us: u64,
    from: usize,
    to: usize,
    words: String,
}

/// A ladder in the making.
pub struct Ladder {
    columns: Vec<String>,
    steps: Vec<Step>,
}

impl Ladder {
    /// A ladder between these parties, from left to right.
    pub fn new(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            steps: Vec::new(),
        }
    }

    /// Adds what `one` sent to `other` and received from it.
    ///
    /// # Panics
    /// When a party is not among the columns.
    #[must_use]
    pub fn add(mut self, one: &str, other: &str, spoken: &[Spoken]) -> Self {
        let (one, other) = (self.find(one), self.find(other));
        self.steps.extend(spoken.iter().map(|spoken| Step {
            at_us: spoken.at_us,
            from: if spoken.sent { one } else { other },
            to: if spoken.sent { other } else { one },
            words: words(spoken),
        }));
        self
    }

    /// Adds one arrow with words of its own, after all that are there.
    ///
    /// # Panics
    /// When a party is not among the columns.
    pub fn arrow(&mut self, from: &str, to: &str, words: &str) {
        let at_us = self.steps.last().map_or(0, |step| step.at_us + 1);
        let step = Step {
            at_us,
            from: self.find(from),
            to: self.find(to),
            words: words.to_owned(),
        };
        self.steps.push(step);
    }

    fn find(&self, name: &str) -> usize {
        let found = self.columns.iter().position(|column| column == name);
        found.expect("a party of the ladder")
    }

    /// The drawing without times: what is the same in every run.
    pub fn render_timeless(self) -> String {
        let drawn = self.render();
        let lines = drawn
            .lines()
            .map(|line| line.chars().skip(10).collect::<String>());
        lines.map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// The drawing: milliseconds since the first message, the lifelines, an arrow a message.
    pub fn render(mut self) -> String {
        self.steps.sort_by_key(|step| step.at_us);
        let start = self.steps.first().map_or(0, |step| step.at_us);
        let mut out = format!("{:>9} ", "ms");
        for name in &self.columns {
            let _ = write!(out, "{name:<width$}", width = GAP + 1);
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
        for step in &self.steps {
            let (left, right) = (step.from.min(step.to), step.from.max(step.to));
            let _ = write!(out, "{:>9} ", (step.at_us - start) / 1_000);
            for column in 0..self.columns.len().saturating_sub(1) {
                out.push('|');
                if (left..right).contains(&column) {
                    let words = if column == left {
                        step.words.as_str()
                    } else {
                        ""
                    };
                    let rightwards = step.from < step.to;
                    out.push_str(&arrow(
                        words,
                        rightwards,
                        column == left,
                        column + 1 == right,
                    ));
                } else {
                    out.push_str(&" ".repeat(GAP));
                }
            }
            out.push('|');
            out.push('\n');
        }
        out
    }
}

/// One gap's part of an arrow, with its words in the middle of the first.
fn arrow(words: &str, rightwards: bool, first: bool, last: bool) -> String {
    let tail = |tip: bool, sign: char| if tip { sign } else { '-' };
    let head = tail(first && !rightwards, '<');
    let end = tail(last && rightwards, '>');
    let shown: String = words.chars().take(GAP - 6).collect();
    let middle = if shown.is_empty() {
        String::new()
    } else {
        format!(" {shown} ")
    };
    format!("{head}{middle:-^width$}{end}", width = GAP - 2)
}

/// A request's method, or a response's status line, and for a MESSAGE the kind of its body.
fn words(spoken: &Spoken) -> String {
    let message = &spoken.message;
    match (message.method(), message.header("Content-Type")) {
        (Some(method), Some(kind)) if method == "MESSAGE" => format!("{method} ({kind})"),
        (Some(method), _) => method.to_owned(),
        (None, _) => message
            .start
            .strip_prefix("SIP/2.0 ")
            .unwrap_or(&message.start)
            .to_owned(),
    }
}

#[test]
fn arrows_point_from_the_sender_across_the_parties_between() {
    let spoken = |at_us, sent, start: &str| Spoken {
        at_us,
        sent,
        message: testkit::sip_text::SipText {
            start: start.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        },
    };
    let ladder = Ladder::new(&["a", "b", "c"])
        .add("c", "a", &[spoken(2_000, true, "SIP/2.0 200 OK")])
        .add("a", "b", &[spoken(1_000, true, "INVITE sip:b SIP/2.0")])
        .render();
    let lines: Vec<_> = ladder.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].contains("0 |--") && lines[1].contains(" INVITE -") && lines[1].contains("->|"),
        "{ladder}"
    );
    assert!(
        lines[2].contains("1 |<--") && lines[2].contains(" 200 OK ") && lines[2].ends_with("--|"),
        "{ladder}"
    );
}

//! What the client commands say: times, reports and states in words.

use convoke_types::report::{Change, Report};
use convoke_types::{Cause, LegState, MutedBy, Role};

/// `3:41`, `1:02:03`.
pub fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A time of day as `2026-11-20 15:04:38Z`, for logs.
pub fn moment(unix_ms: i64) -> String {
    let ms = u64::try_from(unix_ms).unwrap_or(0);
    let text = soap_proto::UtcMillis(ms).to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {}Z", time.get(..8).unwrap_or(time))
}

/// A text from outside as it may stand on a terminal: control characters are replaced, and so are those that turn the order
/// of what stands behind them; line breaks are kept.
pub fn safe(text: &str) -> String {
    let shown = text.chars().map(|c| match c {
        '\n' => c,
        '\t' => ' ',
        // Unicode Standard Annex #9: explicit directional embeddings, overrides and isolates.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    });
    shown.collect()
}

/// As `safe`, in one line.
pub fn one_line(text: &str) -> String {
    safe(text).replace('\n', " ")
}

/// What stands beside a state: why it came about, or what is asked.
pub fn detail(state: LegState, cause: Option<&Cause>) -> Option<String> {
    match (state, cause) {
        (LegState::Confirming, _) => Some("asked to press 1".to_owned()),
        (_, Some(cause)) if state.is_end() => {
            let words = one_line(&cause.words);
            let said = words.eq_ignore_ascii_case(state.words());
            (!words.is_empty() && !said).then_some(words)
        }
        _ => None,
    }
}

/// One change, for people who read lines; every change has one.
pub fn report(report: &Report) -> String {
    let who = match &report.participant {
        Some(whom) if whom.place.is_empty() || whom.name.ends_with(&whom.place) => {
            one_line(&whom.name)
        }
        Some(whom) => format!("{} ({})", one_line(&whom.name), one_line(&whom.place)),
        None => "The conference".to_owned(),
    };
    let what = match &report.change {
        Change::Created => "is being started".to_owned(),
        Change::Added => "is on the list".to_owned(),
        Change::Leg {
            state,
            cause,
            moving,
            ..
        } => {
            let stays = match *moving && state.is_end() {
                true => ", stays where they were",
                false => "",
            };
            match detail(*state, cause.as_ref()) {
                Some(why) => format!("{}: {why}{stays}", state.words()),
                None => format!("{}{stays}", state.words()),
            }
        }
        Change::Muted { on: true, by } => match by {
            None | Some(MutedBy::Moderator) => "is muted".to_owned(),
            Some(MutedBy::Themselves) => "is muted, by themselves".to_owned(),
            Some(MutedBy::Both) => "is muted, by a moderator and by themselves".to_owned(),
        },
        Change::Muted { on: false, .. } => "can be heard again".to_owned(),
        Change::Talking { on: true } => "talks".to_owned(),
        Change::Talking { on: false } => "stopped talking".to_owned(),
        Change::Hidden { on: true } => "is not seen any more".to_owned(),
        Change::Hidden { on: false } => "can be seen again".to_owned(),
        Change::Silent { on: true } => "sends no sound".to_owned(),
        Change::Silent { on: false } => "sends sound again".to_owned(),
        Change::Hand { on: true } => "raises a hand".to_owned(),
        Change::Hand { on: false } => "has the hand down".to_owned(),
        Change::Role => match report.participant.as_ref().map(|whom| whom.role) {
            Some(Role::Owner) => "owns the conference now".to_owned(),
            Some(Role::Moderator) => "moderates now".to_owned(),
            _ => "takes part now".to_owned(),
        },
        Change::Locked { on: true } => "is locked".to_owned(),
        Change::Locked { on: false } => "is open".to_owned(),
        Change::Pictures {
            video: Some(video), ..
        } => format!("has its pictures from video server {video} now"),
        Change::Pictures { video: None, words } if words.is_empty() => {
            "has lost its pictures; sound goes on".to_owned()
        }
        Change::Pictures { video: None, words } => {
            format!("has lost its pictures; sound goes on ({})", one_line(words))
        }
        Change::Sound { words } if words.is_empty() => {
            "has its sound from another bridge now".to_owned()
        }
        Change::Sound { words } => {
            format!(
                "has its sound from another bridge now ({})",
                one_line(words)
            )
        }
        Change::Removed => "is off the list".to_owned(),
        Change::Ended { cause } => format!("has ended: {}", one_line(&cause.words)),
    };
    match &report.change {
        Change::Leg { .. } => format!("{who}  {what}"),
        _ => format!("{who} {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convoke_types::EndReason;
    use convoke_types::report::ParticipantRef;

    #[test]
    fn times_are_short() {
        assert_eq!(span(0), "0:00");
        assert_eq!(span(221_999), "3:41");
        assert_eq!(span(3_723_000), "1:02:03");
        assert_eq!(moment(1_700_000_000_123), "2023-11-14 22:13:20Z");
    }

    #[test]
    fn no_text_takes_over_the_terminal() {
        assert_eq!(safe("\u{1b}[2J\u{202e}\ta\nä"), "\u{fffd}[2J\u{fffd} a\nä");
    }

    #[test]
    fn reports_say_who_and_why() {
        let cause = |words: &str| {
            Some(Cause {
                reason: EndReason::Busy,
                sip: Some(486),
                q850: Some(17),
                words: words.to_owned(),
            })
        };
        let change = |state, cause| Report {
            conference: "c1".parse().unwrap(),
            version: 1,
            participant: Some(ParticipantRef {
                id: "p1".parse().unwrap(),
                name: "Bob\u{1b}[2J".into(),
                user: None,
                place: "mobile".into(),
                role: Role::Participant,
            }),
            change: Change::Leg {
                leg: "l1".parse().unwrap(),
                state,
                cause,
                moving: false,
            },
            command: None,
        };
        assert_eq!(
            report(&change(LegState::Ringing, None)),
            "Bob\u{fffd}[2J (mobile)  Ringing"
        );
        assert_eq!(
            report(&change(LegState::Busy, cause("busy"))),
            "Bob\u{fffd}[2J (mobile)  Busy"
        );
        assert_eq!(
            report(&change(
                LegState::NoAnswer,
                cause("answered, but nobody pressed 1")
            )),
            "Bob\u{fffd}[2J (mobile)  No answer: answered, but nobody pressed 1"
        );
    }
}

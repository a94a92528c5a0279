//! What is printed without a board: a line or a JSON object for each event, and the summary at the end.

use std::io::Write;

use anyhow::Result;
use client::Followed;
use convoke_types::Fault;
use convoke_types::report::Report;
use serde_json::{Value, json};
use soap_proto::{ParticipantSnapshot, Snapshot};

use crate::words::{self, one_line};

/// One line of standard output, at once.
pub fn print(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// The answer to `create`.
pub fn answer(conference: &Snapshot) -> Value {
    let absent: Vec<&str> = conference.absent.iter().map(|one| one.as_str()).collect();
    json!({
        "event": "answer",
        "operation": "create",
        "conference": conference.id,
        "title": conference.title,
        "version": conference.version,
        "locked": conference.locked,
        "video": conference.video,
        "picturesLost": conference.pictures_lost,
        "soundMoves": conference.sound_moves,
        "absent": absent,
    })
}

/// A refusal.
pub fn fault(fault: &Fault) -> Value {
    json!({ "event": "fault", "code": fault.code, "expected": fault.expected, "came": fault.came })
}

/// A report: the fields of `convoke_types::report::Report` beside `"event":"report"`.
pub fn report(report: &Report) -> Result<Value> {
    let mut object = serde_json::to_value(report)?;
    if let Some(fields) = object.as_object_mut() {
        fields.insert("event".to_owned(), "report".into());
    }
    Ok(object)
}

/// A chat message that came meanwhile.
pub fn message(from: &str, text: &str) -> Value {
    json!({ "event": "message", "from": from, "text": text })
}

/// We stop watching; the conference goes on.
pub fn left(conference: &Snapshot) -> Value {
    json!({ "event": "left", "conference": conference.id })
}

/// The end, with how each one ended.
pub fn ended(followed: &Followed) -> Value {
    let snapshot = followed.snapshot();
    let participants: Vec<Value> = snapshot.participants.iter().map(participant).collect();
    json!({
        "event": "ended",
        "conference": snapshot.id,
        "reason": followed.ended().map(|end| end.reason),
        "words": followed.ended().map(|end| end.words.as_str()),
        "participants": participants,
    })
}

fn participant(p: &ParticipantSnapshot) -> Value {
    let leg = p.leg.as_ref();
    json!({
        "id": p.id,
        "name": p.name,
        "user": p.user,
        "place": p.place,
        "role": p.role,
        "muted": p.muted,
        "mutedBy": p.muted_by,
        "hand": p.hand,
        "state": leg.map(|leg| leg.state),
        "cause": leg.and_then(|leg| leg.cause.as_ref()),
        "moving": p.moving.as_ref().map(|moving| json!({
            "place": moving.place,
            "state": moving.leg.state,
            "cause": moving.leg.cause,
        })),
    })
}

/// The end in words: a line for the conference and one for each of its people.
pub fn summary(followed: &Followed, lasted_ms: u64) -> Vec<String> {
    let why = followed
        .ended()
        .map(|end| one_line(&end.words))
        .map_or_else(String::new, |words| {
            format!(": {}", words.trim_end_matches('.'))
        });
    let mut lines = vec![format!(
        "The conference has ended after {}{why}.",
        words::span(lasted_ms)
    )];
    let people = &followed.snapshot().participants;
    let widest = people.iter().map(|p| p.name.chars().count()).max();
    for p in people {
        let state = match &p.leg {
            None => "was not called".to_owned(),
            Some(leg) => match words::detail(leg.state, leg.cause.as_ref()) {
                Some(why) => format!("{}: {why}", leg.state.words()),
                None => leg.state.words().to_owned(),
            },
        };
        let name = one_line(&p.name);
        lines.push(format!("  {name:<0$}  {state}", widest.unwrap_or(0)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::{model, person};
    use super::*;
    use convoke_types::report::Change;
    use convoke_types::{Cause, EndReason, LegState};

    #[test]
    fn a_report_keeps_its_fields() {
        let given = Report {
            conference: "c1".parse().unwrap(),
            version: 3,
            participant: None,
            change: Change::Created,
            command: Some("m1".parse().unwrap()),
        };
        let object = report(&given).unwrap();
        assert_eq!(object["event"], "report");
        assert_eq!(object["change"]["what"], "created");
        assert_eq!(serde_json::from_value::<Report>(object).unwrap(), given);
    }

    #[test]
    fn the_summary_says_how_each_one_ended() {
        let mut bob = person("p1", "Bob", "mobile", Some(LegState::Left));
        if let Some(leg) = &mut bob.leg {
            leg.cause = Some(Cause {
                reason: EndReason::HungUp,
                sip: None,
                q850: Some(16),
                words: "hung up".into(),
            });
        }
        let carol = person("p2", "Carol", "work", Some(LegState::Busy));
        let model = model(vec![bob, carol]);
        assert_eq!(
            summary(&model.followed, 65_000),
            [
                "The conference has ended after 1:05.",
                "  Bob    Left: hung up",
                "  Carol  Busy"
            ]
        );
        let object = ended(&model.followed);
        assert_eq!(object["participants"][0]["cause"]["reason"], "hung-up");
        assert_eq!(object["participants"][1]["state"], "busy");
    }
}

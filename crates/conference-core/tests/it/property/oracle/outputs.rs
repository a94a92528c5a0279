//! The reports, records and bridge commands of the focus, each held against what was seen before.

use std::time::Instant;

use conference_core::LegRecord;
use convoke_types::bridge::BridgeCommand;
use convoke_types::media::Prompt;
use convoke_types::report::{Change, Report};
use convoke_types::{Address, EndReason, LegKey, LegState, Role};

use super::{Input, LegChange, Oracle, SeenLeg, SeenParticipant, Verdict};

impl Oracle {
    pub(super) fn report(&mut self, now: Instant, report: &Report) -> Verdict {
        let name = report.conference.to_string();
        let Some(seen) = self.conferences.get_mut(&name) else {
            return Err(format!("a report of an unknown conference: {report:?}"));
        };
        hold!(!seen.ended, "a report after the end: {report:?}");
        let due = u64::try_from(seen.log.len()).unwrap() + 1;
        hold!(report.version == due, "version {due} expected: {report:?}");
        let is_first = matches!(report.change, Change::Created);
        hold!(is_first == (due == 1), "created is first, once: {report:?}");
        seen.log.push(report.clone());
        let Some(reference) = &report.participant else {
            return match &report.change {
                Change::Created => Ok(()),
                Change::Locked { on } => {
                    hold!(seen.locked != *on, "locked {on} twice");
                    seen.locked = *on;
                    self.note(if *on { "locked" } else { "open" });
                    Ok(())
                }
                Change::Pictures { video, words } => {
                    let lost = video.is_none();
                    let at = (video.clone().or(seen.pictures.0.clone()), lost);
                    hold!(seen.pictures != at, "pictures {video:?} twice");
                    hold!(words == "it is gone", "other words: {words}");
                    seen.pictures = at;
                    self.note(if lost {
                        "pictures lost"
                    } else {
                        "pictures moved"
                    });
                    Ok(())
                }
                Change::Sound { words } => {
                    hold!(words == "mixed elsewhere", "other words: {words}");
                    self.note("sound moved");
                    Ok(())
                }
                Change::Ended { cause } => {
                    seen.end(cause.reason)?;
                    hold!(!cause.words.is_empty(), "an end without words");
                    self.note(&format!("ended {}", cause.reason.as_str()));
                    Ok(())
                }
                other => Err(format!("nobody's change: {other:?}")),
            };
        };
        let id = reference.id.to_string();
        if let Change::Added = &report.change {
            hold!(!seen.roster.contains_key(&id), "{id} added twice");
            let participant = SeenParticipant {
                user: reference.user.clone(),
                role: Some(reference.role),
                ..SeenParticipant::default()
            };
            seen.roster.insert(id, participant);
            return Ok(());
        }
        let Some(participant) = seen.roster.get_mut(&id) else {
            return Err(format!("somebody not on the roster: {report:?}"));
        };
        let change = &report.change;
        if matches!(change, Change::Role) {
            hold!(
                participant.role != Some(reference.role),
                "{id} got the role that they have"
            );
            participant.role = Some(reference.role);
        }
        hold!(
            participant.role == Some(reference.role),
            "{id} is {:?}, told {:?}",
            reference.role,
            participant.role
        );
        match change {
            Change::Role => {
                let leg = seen.legs.get(&participant.leg);
                if reference.role == Role::Owner {
                    hold!(leg.is_some_and(SeenLeg::is_in), "an owner who is not in");
                    // What the others were waiting for.
                    seen.owner_joined = true;
                }
                self.note(&format!("role {}", reference.role.as_str()));
            }
            Change::Hand { on } => {
                let leg = seen.legs.get(&participant.leg);
                let place = seen.hands.iter().position(|whose| *whose == id);
                hold!(place.is_none() == *on, "{id} hand {on} twice");
                hold!(
                    !*on || leg.is_some_and(SeenLeg::is_in),
                    "a hand of somebody who is not in"
                );
                match place {
                    Some(place) => {
                        seen.hands.remove(place);
                    }
                    None => seen.hands.push(id),
                }
                self.note(if *on { "hand up" } else { "hand down" });
            }
            Change::Leg {
                leg,
                state,
                cause,
                moving,
            } => {
                let leg = leg.to_string();
                let is_owner = reference.role == Role::Owner;
                let news = LegChange {
                    key: &leg,
                    state: *state,
                    cause: cause.as_ref(),
                    client: reference.place == "browser",
                    moving: *moving,
                };
                let reason = cause.as_ref().map(|cause| cause.reason);
                let goes_on = *moving || reason == Some(EndReason::JoinedElsewhere);
                hold!(
                    goes_on || !state.is_end() || !seen.hands.contains(&id),
                    "{id} ends with a hand up"
                );
                let awaits = news.client && *state == LegState::Ringing;
                let what = seen.leg(now, &id, is_owner, news)?;
                if awaits {
                    self.note("awaited");
                }
                if let Some(trunk) = what.freed {
                    let trunk = self
                        .trunks
                        .iter_mut()
                        .find(|one| one.name == trunk)
                        .unwrap();
                    hold!(trunk.used > 0, "a line of {} freed twice", trunk.name);
                    trunk.used -= 1;
                }
                if reference.role == Role::Owner && id != "p1" {
                    self.note("handed over");
                }
                match cause {
                    Some(cause) => self.note(&format!("leg {state} {}", cause.reason.as_str())),
                    None => self.note(&format!("leg {state}")),
                }
                if *moving {
                    self.note(&format!("moving {state}"));
                }
                if let Some(moved) = what.moved {
                    self.note(moved);
                }
                if what.over_another_trunk {
                    self.note("called over another trunk");
                }
            }
            Change::Muted { on, by } => {
                hold!(by.is_some() == *on, "muted {on} by {by:?}");
                hold!(participant.muted_by != *by, "muted by {by:?} twice");
                participant.muted = *on;
                participant.muted_by = *by;
            }
            Change::Talking { on } => {
                hold!(participant.talking != *on, "talking {on} twice");
                participant.talking = *on;
                seen.talked(now)?;
                self.note("talking");
            }
            Change::Hidden { on } => {
                hold!(participant.hidden != *on, "hidden {on} twice");
                participant.hidden = *on;
                self.note(if *on { "hidden" } else { "seen" });
            }
            Change::Silent { on } => {
                hold!(participant.silent != *on, "silent {on} twice");
                participant.silent = *on;
            }
            Change::Removed => {
                let live = seen
                    .legs
                    .get(&participant.leg)
                    .is_some_and(SeenLeg::is_live);
                hold!(!live, "removed with a live leg");
                seen.roster.remove(&id);
                self.note("removed");
            }
            Change::Created
            | Change::Added
            | Change::Locked { .. }
            | Change::Pictures { .. }
            | Change::Sound { .. }
            | Change::Ended { .. } => {
                return Err(format!("not a participant's change: {report:?}"));
            }
        }
        Ok(())
    }

    pub(super) fn record(&mut self, now: Instant, record: &LegRecord) -> Verdict {
        let seen = self.conferences.get_mut(record.conference.as_str());
        let leg = seen.and_then(|seen| seen.legs.get_mut(record.leg.as_str()));
        let Some(leg) = leg else {
            return Err(format!("a record of an unknown leg: {record:?}"));
        };
        hold!(!leg.recorded, "a second record: {record:?}");
        leg.recorded = true;
        hold!(
            leg.state == record.state,
            "recorded {}, told {}",
            record.state,
            leg.state
        );
        hold!(
            leg.cause.as_ref() == Some(&record.cause),
            "another cause: {record:?}"
        );
        hold!(leg.trunk == record.trunk, "another trunk: {record:?}");
        hold!(record.ended == now, "ended at another time: {record:?}");
        let times = [
            Some(record.queued),
            record.dialled,
            record.answered,
            record.joined,
            Some(record.ended),
        ];
        let known: Vec<Instant> = times.into_iter().flatten().collect();
        hold!(known.is_sorted(), "times out of order: {record:?}");
        Ok(())
    }

    pub(super) fn bridge(
        &mut self,
        now: Instant,
        input: &Input,
        command: &BridgeCommand,
    ) -> Verdict {
        match command {
            BridgeCommand::Dial { leg, to, trunk, .. } => self.dial(now, leg, to, trunk.as_deref()),
            BridgeCommand::Release { leg: key } => {
                let seen = self.conferences.get_mut(key.conference.as_str());
                let Some(seen) = seen else {
                    let ghost = matches!(input, Input::Leg(said, _) if *said == key);
                    hold!(ghost, "{key} of no conference released");
                    return Ok(());
                };
                seen.release(now, input, key)
            }
            BridgeCommand::Mute { leg: key, .. } => {
                let seen = self.conferences.get(key.conference.as_str());
                let leg = seen.and_then(|seen| seen.legs.get(key.leg.as_str()));
                let known = leg.is_some_and(|leg| leg.is_placed() && leg.is_live());
                hold!(known, "{key} is not there to be muted");
                Ok(())
            }
            BridgeCommand::Announce {
                leg: key, prompt, ..
            } => self.said(input, key, *prompt),
            BridgeCommand::Admit { call, leg: key, .. } => {
                hold!(
                    matches!(input, Input::Arrived(arrived) if arrived == call),
                    "{call} admitted, but it never came"
                );
                let seen = self.conferences.get_mut(key.conference.as_str());
                let leg = seen.and_then(|seen| seen.legs.get_mut(key.leg.as_str()));
                let Some(leg) = leg.filter(|leg| leg.is_live() && leg.client) else {
                    return Err(format!("{key} admitted, but not awaited"));
                };
                hold!(!leg.released, "{key} admitted while it is released");
                match &leg.admitted {
                    None => {
                        leg.admitted = Some(call.clone());
                        leg.since = Some(now);
                        self.note("admitted");
                    }
                    Some(before) => {
                        hold!(before == call, "{key} admitted twice");
                        self.note("admitted again");
                    }
                }
                Ok(())
            }
            BridgeCommand::Refuse { call, sip, words } => {
                hold!(
                    matches!(input, Input::Arrived(arrived) if arrived == call),
                    "{call} refused, but it never came"
                );
                hold!(!words.is_empty(), "refused without words");
                self.note(&format!("refused {sip}"));
                Ok(())
            }
            BridgeCommand::Close { conference } => {
                let Some(seen) = self.conferences.get_mut(conference.as_str()) else {
                    return Err(format!("unknown {conference} closed"));
                };
                hold!(
                    seen.ended && !seen.closed,
                    "{conference} closed at the wrong time"
                );
                seen.closed = true;
                Ok(())
            }
        }
    }

    /// A sentence is true when it is said, and said to who is in.
    fn said(&mut self, input: &Input, key: &LegKey, prompt: Prompt) -> Verdict {
        let seen = self.conferences.get(key.conference.as_str());
        let heard = seen.and_then(|seen| {
            let leg = seen.legs.get(key.leg.as_str())?;
            let participant = seen.roster.get(&leg.participant)?;
            Some((seen, leg, participant))
        });
        let Some((seen, leg, participant)) = heard else {
            return Err(format!("{prompt:?} said to nobody"));
        };
        hold!(leg.is_in() && !leg.released, "{prompt:?} said to {key}");
        let up = seen.hands.contains(&leg.participant);
        let holds = match prompt {
            Prompt::HandUp => up,
            Prompt::HandDown => !up,
            Prompt::Muted | Prompt::MutedByModerator => participant.muted,
            Prompt::Unmuted => !participant.muted,
            Prompt::KeyHelp => true,
            Prompt::PressOneToJoin | Prompt::Goodbye => false,
        };
        hold!(holds, "{prompt:?} said to {key}, which is not so");
        if let Input::Command { .. } = input {
            let tells = prompt == Prompt::Unmuted && !leg.client;
            hold!(tells, "{prompt:?} said to {key}");
        }
        self.note(&format!("said {prompt:?}"));
        Ok(())
    }

    fn dial(&mut self, now: Instant, key: &LegKey, to: &Address, trunk: Option<&str>) -> Verdict {
        let seen = self.conferences.get_mut(key.conference.as_str());
        let Some(seen) = seen.filter(|seen| !seen.ended) else {
            return Err(format!("{key} dialled in no conference"));
        };
        let may_go = seen.all_at_once || seen.owner_joined;
        let mut others = seen.legs.values();
        let same = others.any(|leg| leg.is_live() && leg.at.as_ref() == Some(to));
        hold!(!same, "{key}: {to} is being called already");
        let Some(leg) = seen.legs.get_mut(key.leg.as_str()) else {
            return Err(format!("{key} dialled, but never queued"));
        };
        hold!(*to != Address::Client, "{key}: a client was dialled");
        leg.at = Some(to.clone());
        leg.since = Some(now);
        hold!(!leg.dialled, "{key} dialled twice");
        hold!(
            leg.state == LegState::Queued,
            "{key} dialled while {}",
            leg.state
        );
        hold!(
            may_go || leg.participant == "p1",
            "{key} dialled before the owner joined"
        );
        leg.dialled = true;
        leg.trunk = trunk.map(str::to_owned);
        let Some(trunk) = trunk else {
            hold!(
                matches!(to, Address::Sip(_)),
                "{to} dialled without a trunk"
            );
            return Ok(());
        };
        let trunk = self
            .trunks
            .iter_mut()
            .find(|one| one.name == trunk)
            .unwrap();
        trunk.used += 1;
        hold!(
            trunk.used <= trunk.lines,
            "more calls than lines on {}",
            trunk.name
        );
        if let Some(last) = trunk.last_dial.replace(now) {
            let gap = now - last;
            hold!(
                gap >= trunk.interval,
                "{} dialled again after {gap:?}",
                trunk.name
            );
        }
        Ok(())
    }
}

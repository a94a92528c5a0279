//! The model of one conference: what each report of a leg, of talking or of the end does to it.

use std::time::Instant;

use conference_core::limits::{OWNER_RELEASE_WAIT, TALKING_CHANGES_MAX, TALKING_WINDOW};
use convoke_types::report::{Change, ConferenceEndReason, Report};
use convoke_types::{EndReason, LegKey, LegState, Role};

use super::{Input, LegChange, LegNews, Seen, SeenLeg, Verdict};

impl Seen {
    pub(super) fn leg(
        &mut self,
        now: Instant,
        id: &str,
        is_owner: bool,
        LegChange {
            key,
            state,
            cause,
            client,
            moving,
        }: LegChange,
    ) -> Verdict<LegNews> {
        hold!(
            cause.is_some() == state.is_end(),
            "{key} {state}: cause {cause:?}"
        );
        hold!(
            cause.is_none_or(|cause| !cause.words.is_empty()),
            "{key} ends without words"
        );
        let goes_on = !moving && self.legs.contains_key(key);
        if state == LegState::Queued && !goes_on {
            return self.new_leg(id, key, client, moving);
        }
        let Some(leg) = self.legs.get_mut(key) else {
            return Err(format!("{key} {state} before it was queued"));
        };
        hold!(
            leg.participant == id,
            "{key} is {}'s, not {id}'s",
            leg.participant
        );
        hold!(leg.is_live(), "{key} {state} after it ended {}", leg.state);
        let before = leg.state;
        let moved = self.moves(id, key, state, moving)?;
        let leg = self.legs.get_mut(key).unwrap();
        hold!(
            follows(before, state) || (moved == Some("goes on") && before == state),
            "{key} {state} after {before}"
        );
        let awaited = leg.client && matches!(state, LegState::Dialling | LegState::Ringing);
        if awaited {
            leg.since.get_or_insert(now);
        }
        let needs_bridge = !state.is_end() && !awaited && moved != Some("goes on");
        hold!(
            leg.is_placed() || !needs_bridge,
            "{key} {state}, and the bridge was never told"
        );
        leg.state = state;
        leg.cause = cause.cloned();
        leg.ended = cause.map(|_| now);
        let freed = leg.trunk.clone().filter(|_| state.is_end());
        if is_owner && state == LegState::Joined {
            self.owner_joined = true;
        }
        if let Some(cause) = cause {
            if let Some(participant) = self.roster.get_mut(id).filter(|_| !moving) {
                participant.talking = false;
                participant.silent = false;
            }
            if cause.reason == EndReason::ConferenceEnded && !moving {
                self.owner_goes_last(now, id, key)?;
            }
        }
        Ok(LegNews {
            freed,
            over_another_trunk: false,
            moved,
        })
    }

    /// Whether a leg may be told of as the one that somebody has, or as the one with which they are to go on. Nobody is in twice: one that
    /// joins has taken the other one's place.
    pub(super) fn moves(
        &mut self,
        id: &str,
        key: &str,
        state: LegState,
        moving: bool,
    ) -> Verdict<Option<&'static str>> {
        let participant = self.roster.get_mut(id).unwrap();
        let is_theirs = participant.moving.as_deref() == Some(key);
        if moving {
            hold!(is_theirs, "{key} is not where {id} goes");
            let here = self.legs.get(&participant.leg);
            hold!(
                here.is_some_and(SeenLeg::is_live) || state.is_end(),
                "{id} goes from nowhere"
            );
            hold!(
                !matches!(state, LegState::Joined | LegState::Held),
                "{id} is in twice"
            );
            let stays = here.is_some_and(|here| here.is_in() && !here.released);
            let missed = state.is_end() && state != LegState::Left;
            if state == LegState::Left {
                participant.moving = None;
            }
            return Ok((missed && stays).then_some("stayed"));
        }
        if !is_theirs {
            hold!(participant.leg == key, "{key} is not {id}'s any more");
            let over = |leg: &String| self.legs.get(leg).is_none_or(|leg| !leg.is_live());
            if state.is_end() {
                participant.moving.take_if(|moving| over(moving));
            }
            return Ok(None);
        }
        let here = self.legs.get(&participant.leg);
        hold!(
            here.is_some_and(|here| !here.is_live()),
            "{id} has {key} beside {}",
            participant.leg
        );
        participant.moving = None;
        participant.leg = key.to_owned();
        Ok(Some(match state {
            LegState::Joined => "moved",
            _ => "goes on",
        }))
    }

    pub(super) fn new_leg(
        &mut self,
        id: &str,
        key: &str,
        client: bool,
        moving: bool,
    ) -> Verdict<LegNews> {
        hold!(!self.legs.contains_key(key), "{key} queued twice");
        let participant = self.roster.get_mut(id).unwrap();
        if moving {
            let here = self.legs.get(&participant.leg);
            hold!(here.is_some_and(SeenLeg::is_live), "{id} goes from nowhere");
        }
        let last = match moving {
            true => participant
                .moving
                .as_ref()
                .and_then(|leg| self.legs.get(leg)),
            false => self.legs.get(&participant.leg),
        };
        hold!(
            last.is_none_or(|last| !last.is_live()),
            "{id} called while being called"
        );
        let reason = last
            .and_then(|last| last.cause.as_ref())
            .map(|cause| cause.reason);
        match moving {
            true => participant.moving = Some(key.to_owned()),
            false => participant.leg = key.to_owned(),
        }
        let leg = SeenLeg {
            participant: id.to_owned(),
            state: LegState::Queued,
            cause: None,
            dialled: false,
            admitted: None,
            client,
            star: None,
            code: None,
            released: false,
            taken_back: false,
            at: None,
            since: None,
            ended: None,
            trunk: None,
            recorded: false,
        };
        self.legs.insert(key.to_owned(), leg);
        Ok(LegNews {
            freed: None,
            over_another_trunk: reason == Some(EndReason::Trunk),
            moved: None,
        })
    }

    /// C11: ended by command, the owner's leg neither is released nor ends for it while others are still there
    /// (unless it was never picked up and its own time is over).
    pub(super) fn owner_goes_last(&self, now: Instant, id: &str, key: &str) -> Verdict {
        let roster = self.roster.get(id);
        let moving = roster.and_then(|one| one.moving.as_deref()) == Some(key);
        if let Some((since, owner)) = &self.end_commanded
            && owner == id
            && !moving
            && !self.legs[key].taken_back
            && now - *since < OWNER_RELEASE_WAIT
            && !self.legs[key].rang_out(now)
        {
            let mut others = self.legs.iter();
            let left = others.find(|(_, leg)| leg.participant != id && leg.is_live());
            hold!(
                left.is_none(),
                "the owner goes before {:?}",
                left.map(|(other, _)| other)
            );
        }
        Ok(())
    }

    pub(super) fn release(&mut self, now: Instant, input: &Input, key: &LegKey) -> Verdict {
        let said = matches!(input, Input::Leg(said, _) if *said == key);
        // Their legs are given up at once; that they are released lets whoever has the call hang up.
        let given_up = matches!(
            input,
            Input::Lost(_) | Input::Arrived(_) | Input::Command { name: "call", .. }
        );
        // Another leg of theirs has joined in its place.
        let replaced = match input {
            Input::Leg(joined, _) => {
                let of = |key: &LegKey| Some(&self.legs.get(key.leg.as_str())?.participant);
                let joined = self.legs.get(joined.leg.as_str()).filter(|leg| leg.is_in());
                joined.is_some_and(|joined| of(key) == Some(&joined.participant))
            }
            _ => false,
        };
        let participant = match self.legs.get_mut(key.leg.as_str()) {
            Some(leg) if leg.is_live() => {
                hold!(
                    leg.is_placed(),
                    "{key} released, but the bridge has no call"
                );
                hold!(!leg.released, "{key} released twice");
                leg.released = true;
                let roster = self.roster.get(&leg.participant);
                let moving = roster.and_then(|one| one.moving.as_deref());
                leg.taken_back = moving == Some(key.leg.as_str());
                leg.participant.clone()
            }
            _ => {
                hold!(said || given_up || replaced, "{key} released after its end");
                return Ok(());
            }
        };
        self.owner_goes_last(now, &participant, key.leg.as_str())
    }

    pub(super) fn talked(&mut self, now: Instant) -> Verdict {
        self.talking.push(now);
        let count = self.talking.len();
        if let Some(before) = count.checked_sub(TALKING_CHANGES_MAX + 1) {
            let gap = now - self.talking[before];
            hold!(gap >= TALKING_WINDOW, "six changes of talking in {gap:?}");
        }
        Ok(())
    }

    pub(super) fn end(&mut self, reason: ConferenceEndReason) -> Verdict {
        let live = self.legs.iter().find(|(_, leg)| leg.is_live());
        hold!(
            live.is_none(),
            "ended while {:?} is there",
            live.map(|(id, _)| id)
        );
        self.ended = true;
        if reason == ConferenceEndReason::OwnerLeft {
            let ends_for_it = |report: &Report| {
                matches!(&report.change,
                Change::Leg { cause: Some(cause), .. } if cause.reason == EndReason::ConferenceEnded)
            };
            let owner_ends = |report: &Report| {
                let is_owner =
                    |one: &convoke_types::report::ParticipantRef| one.role == Role::Owner;
                let is_end = matches!(&report.change, Change::Leg { state, .. } if state.is_end());
                report.participant.as_ref().is_some_and(is_owner) && is_end
            };
            let owner = self.log.iter().rposition(owner_ends);
            let others = self.log.iter().position(ends_for_it);
            hold!(owner.is_some(), "the owner left, but nobody was told");
            hold!(
                others.is_none_or(|at| Some(at) > owner),
                "others went before the owner left"
            );
        }
        Ok(())
    }
}

/// The legal paths, written out once more and apart from the focus.
fn follows(before: LegState, after: LegState) -> bool {
    use LegState::{Answered, Confirming, Dialling, Held, Joined, Queued, Ringing};
    let next: &[LegState] = match before {
        Queued => &[Dialling, Ringing, Answered, Confirming, Joined],
        Dialling => &[Ringing, Answered, Confirming, Joined],
        Ringing => &[Answered, Confirming, Joined],
        Answered => &[Confirming, Joined],
        Confirming => &[Joined],
        Joined => &[Held],
        Held => &[Joined],
        _ => return false,
    };
    after.is_end() || next.contains(&after)
}

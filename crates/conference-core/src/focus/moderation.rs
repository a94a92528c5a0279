//! Commands about who speaks, who is what, and everybody at once.

use convoke_types::{CommandId, ConferenceId, Fault, ParticipantId, Role, VideoServerName};

use super::Focus;
use super::checks::{is_actor, target, wrong_state};
use crate::authority::Right;
use crate::causes;
use crate::command::{Actor, Reply};
use crate::conference::{Number, Seat};

impl Focus {
    pub(super) fn raise_hand(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<Reply, Fault> {
        let (number, _) = self.permitted(actor, conference, participant, Right::RaiseHand)?;
        let (cx, found) = self.parts(conference)?;
        if !found.raise_hand(cx, number, Some(id.clone())) {
            let expected = "somebody who is in the call";
            return Err(wrong_state(expected, found, number));
        }
        self.done_in(conference, vec![number])
    }

    pub(super) fn hide(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
        on: bool,
    ) -> Result<Reply, Fault> {
        let right = match on {
            true => Right::Hide,
            false => Right::Unhide,
        };
        let (number, _) = self.permitted(actor, conference, participant, right)?;
        let (cx, found) = self.parts(conference)?;
        found.set_hidden(cx, number, on, id.clone());
        self.done_in(conference, vec![number])
    }

    pub(super) fn lower_hand(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<Reply, Fault> {
        let (number, _) = self.permitted(actor, conference, participant, Right::LowerHand)?;
        let (cx, found) = self.parts(conference)?;
        // A hand that is down already is what they want.
        found.lower_hand(cx, number, Some(id.clone()));
        self.done_in(conference, vec![number])
    }

    pub(super) fn give_floor(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<Reply, Fault> {
        let (number, _) = self.permitted(actor, conference, participant, Right::GiveFloor)?;
        let (cx, found) = self.parts(conference)?;
        found.give_floor(cx, number, id.clone());
        self.done_in(conference, vec![number])
    }

    pub(super) fn set_locked(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        on: bool,
    ) -> Result<Reply, Fault> {
        let right = match on {
            true => Right::Lock,
            false => Right::Unlock,
        };
        self.moderates(actor, conference, right)?;
        let (cx, found) = self.parts(conference)?;
        found.set_locked(cx, on, id.clone());
        self.done_in(conference, Vec::new())
    }

    /// The video allocator says where the pictures are, or that they are lost.
    pub(super) fn pictures(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        (video, words): (Option<VideoServerName>, Option<&str>),
    ) -> Result<Reply, Fault> {
        self.moderates(actor, conference, Right::Pictures)?;
        let (cx, found) = self.parts(conference)?;
        found.set_pictures(cx, video, words, id.clone());
        self.done_in(conference, Vec::new())
    }

    pub(super) fn make_moderator(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<Reply, Fault> {
        let (number, _) = self.permitted(actor, conference, participant, Right::MakeModerator)?;
        let (cx, found) = self.parts(conference)?;
        found.make_moderator(cx, number, Some(id.clone()));
        self.done_in(conference, vec![number])
    }

    /// To somebody who is in: an owner who is not would leave the conference without one who can end it by leaving.
    pub(super) fn hand_over(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<Reply, Fault> {
        let (number, _) = self.permitted(actor, conference, participant, Right::HandOver)?;
        let found = self.conference(conference)?;
        let heir = target(found, participant)?;
        if heir.party.user.is_none() {
            let expected = "somebody with an account";
            return Err(wrong_state(expected, found, number));
        }
        if !heir.leg.stage.is_in() {
            let expected = "somebody who is in the call";
            return Err(wrong_state(expected, found, number));
        }
        let (cx, found) = self.parts(conference)?;
        if found.owner != number {
            found.pass_on(cx, number, Some(id.clone()));
        }
        self.done_in(conference, vec![number])
    }

    pub(super) fn mute_all(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        on: bool,
    ) -> Result<Reply, Fault> {
        let right = match on {
            true => Right::MuteAll,
            false => Right::UnmuteAll,
        };
        self.moderates(actor, conference, right)?;
        let (cx, found) = self.parts(conference)?;
        found.mute_all(cx, on, id);
        self.done_in(conference, Vec::new())
    }

    /// The others first, the owner last: where the administrator asks. A moderator's leaves the owner in, whose leaving would end it for
    /// the moderator as well.
    pub(super) fn disconnect_all(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
    ) -> Result<Reply, Fault> {
        let role = self.moderates(actor, conference, Right::DisconnectAll)?;
        let outcome = causes::by_moderator(&self.who(conference, actor));
        let (cx, found) = self.parts(conference)?;
        let mut all: Vec<Number> = found.others_live();
        all.extend((role != Role::Moderator).then_some(found.owner));
        for number in all {
            let one = found.roster.get(&number);
            if one.is_some_and(|one| !is_actor(actor, &one.party.user)) {
                found.release(cx, number, outcome.clone(), Some(id.clone()));
            }
        }
        self.done_in(conference, Vec::new())
    }

    pub(super) fn decline(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
        words: Option<&str>,
    ) -> Result<Reply, Fault> {
        let (number, _) = self.permitted(actor, conference, participant, Right::Decline)?;
        let found = self.conference(conference)?;
        let called = target(found, participant)?;
        // Who is in and wants to stay there takes back that they are called elsewhere.
        let (seat, outcome) = match called.is_moving() {
            true => (Seat::moving(number), causes::by_themselves()),
            false => (Seat::current(number), causes::declined(words)),
        };
        if !called.is_moving() && !called.leg.stage.is_unanswered() {
            let expected = "somebody who is being called and has not answered";
            return Err(wrong_state(expected, found, number));
        }
        let (cx, found) = self.parts(conference)?;
        found.release_leg(cx, seat, outcome, Some(id.clone()));
        self.done_in(conference, vec![number])
    }
}

//! What a command has to pass before anything changes: who asks, in which role, about whom; and the faults that refuse it.

use convoke_types::limits::NAME_MAX_BYTES;
use convoke_types::{Address, Aor, ConferenceId, Fault, FaultCode, ParticipantId, Role};

use super::Focus;
use crate::authority::{Right, may};
use crate::command::{Actor, ConferenceState, Party};
use crate::conference::{Conference, Number, Participant};
use crate::context::Context;

/// Longest URI of an address, in bytes.
const URI_MAX_BYTES: usize = 1_024;
/// Longest language tag, in bytes.
const LANGUAGE_MAX_BYTES: usize = 35;

impl Focus {
    /// The target's number and whether it is the actor, where this right is theirs and the conference goes on.
    pub(super) fn permitted(
        &self,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
        right: Right,
    ) -> Result<(Number, bool), Fault> {
        let role = self.role_in(conference, actor)?;
        let found = self.conference(conference)?;
        let Some((number, target)) = found.find(participant) else {
            return Err(unknown_participant(participant));
        };
        let own = is_actor(actor, &target.party.user);
        allow(found, role, right, own)?;
        still_going_on(found)?;
        Ok((number, own))
    }

    pub(super) fn conference(&self, id: &ConferenceId) -> Result<&Conference, Fault> {
        self.conferences
            .get(id)
            .ok_or_else(|| unknown_conference(id))
    }

    /// The actor's role; outsiders get the answer that they would get if there were no such conference.
    pub(super) fn role_in(&self, id: &ConferenceId, actor: &Actor) -> Result<Role, Fault> {
        let found = self.conference(id)?;
        if actor.administrator {
            return Ok(Role::Administrator);
        }
        let user = actor.user.as_ref();
        match user.and_then(|user| found.find_user(user)) {
            Some((_, participant)) => Ok(participant.role),
            None => Err(unknown_conference(id)),
        }
    }

    /// The actor by name.
    pub(super) fn who(&self, id: &ConferenceId, actor: &Actor) -> String {
        let Some(user) = &actor.user else {
            return "the administrator".to_owned();
        };
        let found = self.conferences.get(id);
        match found.and_then(|found| found.find_user(user)) {
            Some((_, participant)) => participant.party.name.clone(),
            None => user.to_string(),
        }
    }

    /// The role of an actor who may do this to the conference as a whole, if it goes on.
    pub(super) fn moderates(
        &self,
        actor: &Actor,
        conference: &ConferenceId,
        right: Right,
    ) -> Result<Role, Fault> {
        let role = self.role_in(conference, actor)?;
        let found = self.conference(conference)?;
        allow(found, role, right, false)?;
        still_going_on(found)?;
        Ok(role)
    }

    /// What a change of one conference needs.
    pub(super) fn parts(
        &mut self,
        conference: &ConferenceId,
    ) -> Result<(&mut Context, &mut Conference), Fault> {
        match self.conferences.get_mut(conference) {
            Some(found) => Ok((&mut self.cx, found)),
            None => Err(unknown_conference(conference)),
        }
    }
}

pub(super) fn is_actor(actor: &Actor, user: &Option<Aor>) -> bool {
    actor.user.is_some() && actor.user == *user
}

pub(super) fn allow(
    conference: &Conference,
    role: Role,
    right: Right,
    own: bool,
) -> Result<(), Fault> {
    let by_policy = conference.policy.participants_may_add;
    let adds = matches!(right, Right::Add | Right::Appoint);
    if may(role, right, own, by_policy && !(adds && conference.locked)) {
        Ok(())
    } else if may(role, right, own, by_policy) {
        let expected = "an open conference, or somebody who moderates it";
        Err(Fault::new(FaultCode::NotAllowed, expected, "a locked one"))
    } else {
        Err(not_allowed(role, right))
    }
}

pub(super) fn still_going_on(conference: &Conference) -> Result<(), Fault> {
    match conference.state {
        ConferenceState::Starting | ConferenceState::Running => Ok(()),
        ConferenceState::Ending | ConferenceState::Ended => {
            let expected = "a conference that is not ending";
            let came = conference.state.as_str();
            Err(Fault::new(FaultCode::WrongState, expected, came))
        }
    }
}

/// The participant that a party is, if on the roster; a fault if they, or their number, are being called or in.
pub(super) fn match_party(conference: &Conference, party: &Party) -> Result<Option<Number>, Fault> {
    let mut same_user = None;
    let mut same_address = None;
    for (number, one) in &conference.roster {
        let user = party.user.is_some() && one.party.user == party.user;
        // Everybody's clients have the same address.
        let address = party.address != Address::Client && one.is_at(&party.address);
        let busy = !one.leg.stage.is_over() || one.removing.is_some();
        if (user || address) && busy {
            let expected = "somebody who is not being called or in";
            return Err(wrong_state(expected, conference, *number));
        }
        if user {
            same_user = Some(*number);
        }
        let nobody_else = one.party.user.is_none() || party.user.is_none();
        if address && nobody_else && same_address.is_none() {
            same_address = Some(*number);
        }
    }
    Ok(same_user.or(same_address))
}

pub(super) fn check_party(party: &Party) -> Result<(), Fault> {
    if party.name.is_empty() {
        let expected = "a person's name";
        return Err(Fault::new(FaultCode::BadRequest, expected, "an empty one"));
    }
    check_lengths(&[("a name", NAME_MAX_BYTES, party.name.len())])?;
    check_place(&party.address, &party.user, &party.place, &party.language)
}

/// Checks where somebody is to be called.
pub(super) fn check_place(
    address: &Address,
    user: &Option<Aor>,
    place: &str,
    language: &str,
) -> Result<(), Fault> {
    let uri = match address {
        Address::Sip(uri) => uri.len(),
        Address::Number(_) | Address::Client => 0,
    };
    check_lengths(&[
        ("a place", NAME_MAX_BYTES, place.len()),
        ("a language tag", LANGUAGE_MAX_BYTES, language.len()),
        ("a SIP URI", URI_MAX_BYTES, uri),
    ])?;
    if *address == Address::Client && user.is_none() {
        let expected = "an account whose client can call in";
        return Err(Fault::new(
            FaultCode::NoTelephone,
            expected,
            "somebody without one",
        ));
    }
    Ok(())
}

/// Checks what something is called, its longest length, and the one that came.
fn check_lengths(lengths: &[(&str, usize, usize)]) -> Result<(), Fault> {
    match lengths.iter().find(|(_, max, came)| came > max) {
        Some((what, max, came)) => Err(too_long(what, *max, *came)),
        None => Ok(()),
    }
}

pub(super) fn target<'c>(
    conference: &'c Conference,
    id: &ParticipantId,
) -> Result<&'c Participant, Fault> {
    let found = conference.find(id).map(|(_, participant)| participant);
    found.ok_or_else(|| unknown_participant(id))
}

pub(super) fn unknown_conference(id: &ConferenceId) -> Fault {
    let expected = "a conference that is going on and that you are part of";
    Fault::new(FaultCode::UnknownConference, expected, id.as_str())
}

pub(super) fn unknown_participant(id: &ParticipantId) -> Fault {
    let expected = "somebody on the roster";
    Fault::new(FaultCode::UnknownParticipant, expected, id.as_str())
}

pub(super) fn not_allowed(role: Role, right: Right) -> Fault {
    let expected = format!("somebody who may {}", right.words());
    let came = match role {
        Role::Owner => "the owner",
        Role::Moderator => "a moderator",
        Role::Participant => "a participant",
        Role::Outsider => "an account",
        Role::Administrator => "the administrator",
    };
    Fault::new(FaultCode::NotAllowed, expected, came)
}

pub(super) fn wrong_state(expected: &str, conference: &Conference, number: Number) -> Fault {
    let came = conference
        .roster
        .get(&number)
        .map_or_else(String::new, |one| {
            format!("{}, {}", one.party.name, one.leg.stage.shown().words())
        });
    Fault::new(FaultCode::WrongState, expected, came)
}

pub(super) fn limit_reached(limit: usize, what: &str, came: usize) -> Fault {
    let expected = format!("at most {limit} {what}");
    Fault::new(FaultCode::LimitReached, expected, came.to_string())
}

pub(super) fn twice(party: &Party) -> Fault {
    let expected = "each person and each number once";
    Fault::new(FaultCode::BadRequest, expected, party.name.as_str())
}

pub(super) fn too_long(what: &str, max: usize, came: usize) -> Fault {
    let expected = format!("{what} of at most {max} bytes");
    Fault::new(FaultCode::BadRequest, expected, format!("{came} bytes"))
}

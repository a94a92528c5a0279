//! Commands: who they come from, whether they are allowed and fit the state, and what they do.

use convoke_types::limits::{NAME_MAX_BYTES, PARTIES_MAX};
use convoke_types::{
    Address, Aor, CommandId, ConferenceId, Fault, FaultCode, NumberRefusal, ParticipantId, Role,
};

use super::Focus;
use super::checks::{
    allow, check_party, check_place, is_actor, limit_reached, match_party, not_allowed,
    still_going_on, target, too_long, twice, wrong_state,
};
use crate::authority::{Right, may};
use crate::causes;
use crate::command::{Actor, Changes, Command, Create, Destination, Operation, Party, Reply};
use crate::conference::{Attempt, Conference, Enlisting, Founding, Muted, Number, Seat, role_of};
use crate::limits::{CONFERENCES_MAX, OUTPUTS_MAX, PARTICIPANTS_MAX};
use crate::trunks::Path;

impl Focus {
    /// Checks a command and carries it out, or refuses it and changes nothing.
    pub(super) fn operate(&mut self, command: Command) -> Result<Reply, Fault> {
        let Command {
            id,
            actor,
            operation,
        } = command;
        if actor.user.is_none() && !actor.administrator {
            let expected = "an authenticated account or an administrator";
            return Err(Fault::new(FaultCode::Unauthenticated, expected, "nobody"));
        }
        let harmless = matches!(operation, Operation::Get { .. } | Operation::End { .. });
        if self.shutting_down && !harmless {
            let expected = "a server that is not going down";
            return Err(Fault::new(FaultCode::ShuttingDown, expected, "a command"));
        }
        if self.cx.outputs_waiting() > OUTPUTS_MAX {
            let expected = "fewer results waiting to be carried out";
            return Err(Fault::new(FaultCode::Overloaded, expected, "a command"));
        }
        match operation {
            Operation::Create(create) => self.create(&id, &actor, create),
            Operation::Add {
                conference,
                parties,
            } => self.add(&id, &actor, &conference, parties),
            Operation::Call {
                conference,
                participant,
                at,
            } => self.call(&id, &actor, &conference, &participant, at),
            Operation::Disconnect {
                conference,
                participant,
            } => self.disconnect(&id, &actor, &conference, &participant),
            Operation::Remove {
                conference,
                participant,
            } => self.remove(&id, &actor, &conference, &participant),
            Operation::Mute {
                conference,
                participant,
            } => self.mute(&id, &actor, &conference, &participant),
            Operation::Unmute {
                conference,
                participant,
            } => self.unmute(&id, &actor, &conference, &participant),
            Operation::Hide {
                conference,
                participant,
            } => self.hide(&id, &actor, &conference, &participant, true),
            Operation::Unhide {
                conference,
                participant,
            } => self.hide(&id, &actor, &conference, &participant, false),
            Operation::RaiseHand {
                conference,
                participant,
            } => self.raise_hand(&id, &actor, &conference, &participant),
            Operation::LowerHand {
                conference,
                participant,
            } => self.lower_hand(&id, &actor, &conference, &participant),
            Operation::GiveFloor {
                conference,
                participant,
            } => self.give_floor(&id, &actor, &conference, &participant),
            Operation::Lock { conference } => self.set_locked(&id, &actor, &conference, true),
            Operation::Unlock { conference } => self.set_locked(&id, &actor, &conference, false),
            Operation::MakeModerator {
                conference,
                participant,
            } => self.make_moderator(&id, &actor, &conference, &participant),
            Operation::HandOver {
                conference,
                participant,
            } => self.hand_over(&id, &actor, &conference, &participant),
            Operation::MuteAll { conference } => self.mute_all(&id, &actor, &conference, true),
            Operation::UnmuteAll { conference } => self.mute_all(&id, &actor, &conference, false),
            Operation::DisconnectAll { conference } => {
                self.disconnect_all(&id, &actor, &conference)
            }
            Operation::Decline {
                conference,
                participant,
                words,
            } => self.decline(&id, &actor, &conference, &participant, words.as_deref()),
            Operation::End { conference } => self.end(&id, &actor, &conference),
            Operation::Pictures {
                conference,
                video,
                words,
            } => self.pictures(&id, &actor, &conference, (video, words.as_deref())),
            Operation::Get { conference, since } => {
                let role = self.role_in(&conference, &actor)?;
                let found = self.conference(&conference)?;
                allow(found, role, Right::Get, false)?;
                let changes = found.changes(since);
                Ok(Reply {
                    snapshot: found.snapshot(self.cx.now),
                    participants: Vec::new(),
                    changes,
                })
            }
        }
    }

    fn create(&mut self, id: &CommandId, actor: &Actor, create: Create) -> Result<Reply, Fault> {
        let role = match actor.administrator {
            true => Role::Administrator,
            false => Role::Outsider,
        };
        let own = actor.user.is_some() && actor.user == create.initiator.user;
        if !may(role, Right::Create, own, false) {
            return Err(not_allowed(role, Right::Create));
        }
        if self.conferences.contains_key(&create.conference) {
            let expected = "a conference id that is not in use";
            return Err(Fault::new(
                FaultCode::WrongState,
                expected,
                create.conference.as_str(),
            ));
        }
        let limit = self.config.conferences_max.min(CONFERENCES_MAX);
        if self.conferences.len() >= limit {
            return Err(limit_reached(
                limit,
                "conferences",
                self.conferences.len() + 1,
            ));
        }
        if create.title.len() > NAME_MAX_BYTES {
            return Err(too_long("a title", NAME_MAX_BYTES, create.title.len()));
        }
        let everybody = std::iter::once(&create.initiator).chain(&create.participants);
        self.check_parties(0, create.participants.len() + 1, everybody)?;
        let initiator = self.routed(0, create.initiator)?;
        let participants = create.participants.into_iter();
        let participants = (1..)
            .zip(participants)
            .map(|(at, party)| self.routed(at, party))
            .collect::<Result<Vec<_>, _>>()?;
        let conference = Conference::found(
            &mut self.cx,
            Founding {
                id: create.conference.clone(),
                title: create.title,
                policy: create.policy.over(&self.config.policy),
                payer: create.payer,
                account: create.account,
                video: create.video,
                initiator,
                own,
                participants,
                command: id.clone(),
            },
        );
        let named = conference.roster.keys().copied().collect();
        let reply = self.done(&conference, named);
        self.conferences.insert(create.conference, conference);
        Ok(reply)
    }

    fn add(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        parties: Vec<Party>,
    ) -> Result<Reply, Fault> {
        let role = self.role_in(conference, actor)?;
        let found = self.conference(conference)?;
        let alone = parties.iter().all(|party| is_actor(actor, &party.user));
        allow(found, role, Right::Add, alone)?;
        if parties.iter().any(|party| party.moderator) {
            allow(found, role, Right::Appoint, alone)?;
        }
        still_going_on(found)?;
        if parties.is_empty() {
            let expected = "at least one person";
            return Err(Fault::new(FaultCode::BadRequest, expected, "none"));
        }
        let mut plan = Vec::new();
        let mut fresh = 0;
        for party in &parties {
            let known = match_party(found, party)?;
            if known.is_some() && plan.contains(&known) {
                return Err(twice(party));
            }
            fresh += usize::from(known.is_none());
            plan.push(known);
        }
        self.check_parties(found.roster.len(), fresh, &parties)?;
        let routed = parties.into_iter().enumerate();
        let routed = routed.map(|(at, party)| self.routed(at, party));
        let routed = routed.collect::<Result<Vec<_>, _>>()?;
        let inviter = self.inviter(conference, actor);
        let (cx, found) = self.parts(conference)?;
        let mut named = Vec::new();
        for (known, (party, path)) in plan.into_iter().zip(routed) {
            let number = match known {
                None => {
                    let role = role_of(&party);
                    let enlisting = Enlisting {
                        inviter: &inviter,
                        command: id,
                        own: is_actor(actor, &party.user),
                    };
                    found.enlist(cx, (party, path), role, enlisting)
                }
                Some(number) => {
                    found.rename(cx, number, party);
                    let known = found.roster.get(&number);
                    let own = known.is_some_and(|known| is_actor(actor, &known.party.user));
                    let again = Attempt::new(path, id.clone(), own);
                    found.redial(cx, Seat::current(number), again);
                    number
                }
            };
            named.push(number);
        }
        self.done_in(conference, named)
    }

    fn call(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
        at: Option<Destination>,
    ) -> Result<Reply, Fault> {
        let (number, own) = self.permitted(actor, conference, participant, Right::Call)?;
        let found = self.conference(conference)?;
        let target = target(found, participant)?;
        // One's own leg may go on at another place.
        let moves = own && at.is_some() && target.leg.stage.is_movable();
        let free = target.leg.stage.is_over() || moves;
        if !free || target.removing.is_some() {
            let expected = "somebody who is not being called or in";
            return Err(wrong_state(expected, found, number));
        }
        if let Some(at) = &at {
            check_place(&at.address, &target.party.user, &at.place, &at.language)?;
        }
        let address = at.as_ref().map_or(&target.party.address, |at| &at.address);
        if let Some(other) = found.live_at(address) {
            let expected = "a number that is not being called or in";
            return Err(wrong_state(expected, found, other));
        }
        let path = self.path(address)?;
        let (cx, found) = self.parts(conference)?;
        let attempt = Attempt::new(path, id.clone(), own);
        match at {
            Some(at) if moves => {
                found.change_place(cx, number, at, attempt);
            }
            at => {
                if let Some(at) = at {
                    found.readdress(number, at);
                }
                found.redial(cx, Seat::current(number), attempt);
            }
        }
        self.done_in(conference, vec![number])
    }

    fn disconnect(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<Reply, Fault> {
        let (number, own) = self.permitted(actor, conference, participant, Right::Disconnect)?;
        let outcome = match own {
            true => causes::by_themselves(),
            false => causes::by_moderator(&self.who(conference, actor)),
        };
        let (cx, found) = self.parts(conference)?;
        if !found.release(cx, number, outcome, Some(id.clone())) {
            let expected = "somebody who is being called or in";
            return Err(wrong_state(expected, found, number));
        }
        self.done_in(conference, vec![number])
    }

    fn remove(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<Reply, Fault> {
        let (number, own) = self.permitted(actor, conference, participant, Right::Remove)?;
        let outcome = match own {
            true => causes::by_themselves(),
            false => causes::by_moderator(&self.who(conference, actor)),
        };
        let (cx, found) = self.parts(conference)?;
        if let Some(leaving) = found.roster.get_mut(&number) {
            if leaving.removing.is_some() {
                let expected = "somebody who is not being removed already";
                return Err(wrong_state(expected, found, number));
            }
            leaving.removing = Some(id.clone());
            if leaving.leg.stage.is_over() {
                found.strike_removed(cx, number);
            } else {
                found.release(cx, number, outcome, Some(id.clone()));
            }
        }
        let mut reply = self.done_in(conference, Vec::new())?;
        reply.participants.push(participant.clone());
        Ok(reply)
    }

    fn mute(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<Reply, Fault> {
        let (number, own) = self.permitted(actor, conference, participant, Right::Mute)?;
        let muted = target(self.conference(conference)?, participant)?.muted;
        let muted = match own {
            true => Muted {
                by_themselves: true,
                ..muted
            },
            false => Muted {
                by_moderator: true,
                ..muted
            },
        };
        self.set_muted(id, conference, number, muted)
    }

    /// Their own mute is theirs to lift, a moderator's any moderator's; whoever is both lifts both.
    fn unmute(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<Reply, Fault> {
        let (number, own) = self.permitted(actor, conference, participant, Right::Unmute)?;
        let found = self.conference(conference)?;
        let moderates = may(
            self.role_in(conference, actor)?,
            Right::Unmute,
            false,
            false,
        );
        let muted = target(found, participant)?.muted;
        if muted.by_moderator && !moderates {
            let came = "somebody whom a moderator muted";
            return Err(Fault::new(FaultCode::NotAllowed, "a moderator", came));
        }
        if muted.by_themselves && !muted.by_moderator && !own {
            let came = "somebody who muted themselves; only they can unmute";
            let expected = "somebody whom a moderator muted";
            return Err(Fault::new(FaultCode::NotAllowed, expected, came));
        }
        let muted = Muted {
            by_themselves: muted.by_themselves && !own,
            by_moderator: false,
        };
        self.set_muted(id, conference, number, muted)
    }

    fn set_muted(
        &mut self,
        id: &CommandId,
        conference: &ConferenceId,
        number: Number,
        muted: Muted,
    ) -> Result<Reply, Fault> {
        let (cx, found) = self.parts(conference)?;
        found.set_muted(cx, number, muted, Some(id.clone()));
        self.done_in(conference, vec![number])
    }

    fn end(
        &mut self,
        id: &CommandId,
        actor: &Actor,
        conference: &ConferenceId,
    ) -> Result<Reply, Fault> {
        let role = self.role_in(conference, actor)?;
        allow(self.conference(conference)?, role, Right::End, false)?;
        let end = causes::conference_by_command(&self.who(conference, actor));
        let (cx, found) = self.parts(conference)?;
        found.end(cx, end, Some(id.clone()));
        self.done_in(conference, Vec::new())
    }

    /// In whose name people are added by this actor: their own, or (administrators) the owner's.
    fn inviter(&self, id: &ConferenceId, actor: &Actor) -> String {
        let Some(found) = self.conferences.get(id) else {
            return String::new();
        };
        let user = actor.user.as_ref();
        let owner = || Some((found.owner, found.roster.get(&found.owner)?));
        let inviter = user.and_then(|user| found.find_user(user)).or_else(owner);
        inviter.map_or_else(String::new, |(_, one)| one.party.name.clone())
    }

    /// Checks each of these, and that `fresh` of them still fit on a roster of `present`.
    fn check_parties<'p>(
        &self,
        present: usize,
        fresh: usize,
        parties: impl IntoIterator<Item = &'p Party>,
    ) -> Result<(), Fault> {
        let mut users: Vec<&Aor> = Vec::new();
        let mut addresses: Vec<&Address> = Vec::new();
        for party in parties {
            check_party(party)?;
            let same_user = party
                .user
                .as_ref()
                .is_some_and(|user| users.contains(&user));
            // Everybody's clients have the same address.
            let one_telephone = party.address != Address::Client;
            if same_user || (one_telephone && addresses.contains(&&party.address)) {
                return Err(twice(party));
            }
            users.extend(&party.user);
            addresses.push(&party.address);
        }
        let named = addresses.len();
        // The initiator does not count as one of the people named.
        if named > PARTIES_MAX + 1 {
            return Err(limit_reached(PARTIES_MAX, "people in one command", named));
        }
        let limit = self.config.participants_max.min(PARTICIPANTS_MAX);
        if present + fresh > limit {
            return Err(limit_reached(limit, "participants", present + fresh));
        }
        Ok(())
    }

    /// `at`: which of those whom the command names it is.
    fn routed(&self, at: usize, party: Party) -> Result<(Party, Path), Fault> {
        let path = self.path(&party.address);
        let path = path.map_err(|fault| fault.about(at))?;
        Ok((party, path))
    }

    fn path(&self, address: &Address) -> Result<Path, Fault> {
        self.cx.trunks.path(address).ok_or_else(|| {
            let masked = match address {
                Address::Number(number) => number.masked(),
                Address::Sip(_) | Address::Client => address.to_string(),
            };
            let expected = "a number that a trunk's route leads to";
            Fault::number(NumberRefusal::NoRoute, expected, masked)
        })
    }

    pub(super) fn done_in(&self, id: &ConferenceId, named: Vec<Number>) -> Result<Reply, Fault> {
        Ok(self.done(self.conference(id)?, named))
    }

    fn done(&self, conference: &Conference, named: Vec<Number>) -> Reply {
        let ids = named
            .iter()
            .filter_map(|number| conference.roster.get(number));
        Reply {
            participants: ids.map(|participant| participant.id.clone()).collect(),
            snapshot: conference.snapshot(self.cx.now),
            changes: Changes::NotAsked,
        }
    }
}

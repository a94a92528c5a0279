//! One conference: its roster, its reports, its state. How legs live, how it ends, who speaks and what is heard stand in the
//! modules below.

mod arrivals;
mod ending;
mod hands;
mod keys;
mod legs;
mod moving;
mod outline;
mod roles;
mod sound;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use convoke_types::VideoServerName;
use convoke_types::bridge_protocol::Feature;
use convoke_types::report::{Change, ConferenceEnd, ParticipantRef, Report};
use convoke_types::{
    Address, Aor, CommandId, ConferenceId, LegId, LegKey, Mode, MutedBy, ParticipantId, Role,
};

use crate::command::{
    Changes, ConferenceState, Destination, LegView, Party, RosterEntry, Snapshot,
};
use crate::config::Policy;
use crate::context::Context;
use crate::leg::Stage;
use crate::limits::REPORTS_KEPT;
use crate::talking::TalkingPace;
use crate::timers::TimerId;
use crate::trunks::{Path, Ticket, TrunkIndex};
use hands::Hands;
use keys::Keys;
use moving::Moving;
pub(crate) use moving::Seat;

pub use outline::Outline;

/// A participant's number: the `1` of `p1`.
pub(crate) type Number = u32;

/// One conference.
#[derive(Debug)]
pub(crate) struct Conference {
    pub(crate) id: ConferenceId,
    pub(crate) policy: Policy,
    pub(crate) state: ConferenceState,
    pub(crate) roster: BTreeMap<Number, Participant>,
    pub(crate) owner: Number,
    pub(crate) locked: bool,
    title: String,
    payer: Option<String>,
    account: Option<String>,
    video: Option<VideoServerName>,
    pictures_lost: bool,
    /// How often the sound has gone to another bridge.
    sound_moves: u32,
    /// What the bridge that has the sound cannot do.
    pub(crate) absent: Vec<Feature>,
    created: Instant,
    version: u64,
    reports: VecDeque<Report>,
    /// Legs that are not over: the leg's number and its participant's.
    live: BTreeMap<u32, Number>,
    last_participant: Number,
    last_leg: u32,
    /// Whether legs of others than the owner may be dialled.
    others_due: bool,
    /// The owner's leg ended and nothing has been made of it yet.
    owner_left: bool,
    ending: Option<Ending>,
    idle: Option<TimerId>,
    linger: Option<TimerId>,
    talking: TalkingPace,
    hands: Hands,
}

#[derive(Debug)]
struct Ending {
    end: ConferenceEnd,
    command: Option<CommandId>,
    /// Set while the owner's leg waits for the others' end.
    owner_wait: Option<TimerId>,
    owner_may_go: bool,
}

/// Somebody on the roster, with their current or last leg.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) id: ParticipantId,
    pub(crate) party: Party,
    pub(crate) role: Role,
    pub(crate) muted: Muted,
    /// A moderator lets nobody see their pictures.
    pub(crate) hidden: bool,
    pub(crate) leg: Leg,
    /// The command that takes them off the roster once their leg has ended.
    pub(crate) removing: Option<CommandId>,
    /// Where else they are being called while they are in.
    moving: Option<Moving>,
    inviter: String,
    /// As last reported.
    talking: bool,
    silent: bool,
}

/// Who muted somebody; either makes them unheard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Muted {
    pub(crate) by_themselves: bool,
    pub(crate) by_moderator: bool,
}

impl Muted {
    pub(crate) fn is_muted(self) -> bool {
        self.by_themselves || self.by_moderator
    }

    pub(crate) fn by(self) -> Option<MutedBy> {
        match (self.by_moderator, self.by_themselves) {
            (true, false) => Some(MutedBy::Moderator),
            (false, true) => Some(MutedBy::Themselves),
            (true, true) => Some(MutedBy::Both),
            (false, false) => None,
        }
    }
}

/// One attempt to connect a participant.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) stage: Stage,
    number: u32,
    id: LegId,
    path: Path,
    /// Trunks that failed on earlier legs of the same call.
    tried: Vec<TrunkIndex>,
    /// The command that had it called, if one did.
    command: Option<CommandId>,
    /// Whether the person whom it calls asked for it.
    own: bool,
    /// They were in with another leg when this one was begun, and that one has ended.
    was_in: bool,
    /// What the bridge calls the call that was admitted for it.
    call: Option<String>,
    keys: Keys,
    /// The command that had it released, if one did.
    released_by: Option<CommandId>,
    ticket: Option<Ticket>,
    trunk: Option<TrunkIndex>,
    timer: Option<TimerId>,
    /// As the bridge last said.
    talking: bool,
    since: Instant,
    queued: Instant,
    dialled: Option<Instant>,
    answered: Option<Instant>,
    joined: Option<Instant>,
}

/// What a conference is made of, checked by the caller.
pub(crate) struct Founding {
    pub(crate) id: ConferenceId,
    pub(crate) title: String,
    pub(crate) policy: Policy,
    pub(crate) payer: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) video: Option<VideoServerName>,
    pub(crate) initiator: (Party, Path),
    /// Whether the initiator asked for it, and nobody in their name.
    pub(crate) own: bool,
    pub(crate) participants: Vec<(Party, Path)>,
    pub(crate) command: CommandId,
}

/// By whom and by what somebody is put on the roster.
#[derive(Clone, Copy)]
pub(crate) struct Enlisting<'e> {
    pub(crate) inviter: &'e str,
    pub(crate) command: &'e CommandId,
    /// Whether they asked for it themselves.
    pub(crate) own: bool,
}

/// What a new leg is made from.
pub(crate) struct Attempt {
    pub(crate) path: Path,
    pub(crate) tried: Vec<TrunkIndex>,
    pub(crate) command: Option<CommandId>,
    pub(crate) own: bool,
}

impl Attempt {
    /// A first try.
    pub(crate) fn new(path: Path, command: CommandId, own: bool) -> Self {
        Self {
            path,
            tried: Vec::new(),
            command: Some(command),
            own,
        }
    }
}

impl Conference {
    /// Reports the conference and its roster as queued; the initiator is due, the others with it or once they have joined.
    pub(crate) fn found(cx: &mut Context, founding: Founding) -> Self {
        let inviter = founding.initiator.0.name.clone();
        let mut conference = Self {
            id: founding.id,
            others_due: founding.policy.call_all_at_once,
            policy: founding.policy,
            state: ConferenceState::Starting,
            roster: BTreeMap::new(),
            owner: 1,
            locked: false,
            title: founding.title,
            payer: founding.payer,
            account: founding.account,
            video: founding.video,
            pictures_lost: false,
            sound_moves: 0,
            absent: Feature::absent(&Feature::OURS),
            created: cx.now,
            version: 0,
            reports: VecDeque::new(),
            live: BTreeMap::new(),
            last_participant: 0,
            last_leg: 0,
            owner_left: false,
            ending: None,
            idle: None,
            linger: None,
            talking: TalkingPace::default(),
            hands: Hands::default(),
        };
        let command = Some(founding.command.clone());
        conference.report(cx, None, Change::Created, command);
        let enlisting = Enlisting {
            inviter: &inviter,
            command: &founding.command,
            own: founding.own,
        };
        conference.enlist(cx, founding.initiator, Role::Owner, enlisting);
        for (party, path) in founding.participants {
            let role = role_of(&party);
            let enlisting = Enlisting {
                own: false,
                ..enlisting
            };
            conference.enlist(cx, (party, path), role, enlisting);
        }
        conference
    }

    /// Puts somebody on the roster and queues their first leg.
    pub(crate) fn enlist(
        &mut self,
        cx: &mut Context,
        (party, path): (Party, Path),
        role: Role,
        enlisting: Enlisting,
    ) -> Number {
        self.last_participant += 1;
        let number = self.last_participant;
        let command = enlisting.command;
        let leg = self.new_leg(cx.now, Attempt::new(path, command.clone(), enlisting.own));
        let participant = Participant {
            id: id(format!("p{number}")),
            party,
            role,
            muted: Muted::default(),
            hidden: false,
            leg,
            removing: None,
            moving: None,
            inviter: enlisting.inviter.to_owned(),
            talking: false,
            silent: false,
        };
        self.roster.insert(number, participant);
        self.report(cx, Some(number), Change::Added, Some(command.clone()));
        self.queued(cx, Seat::current(number));
        number
    }

    /// The participant of this id.
    pub(crate) fn find(&self, wanted: &ParticipantId) -> Option<(Number, &Participant)> {
        let number = wanted.as_str().strip_prefix('p')?.parse().ok()?;
        let found = self.roster.get(&number)?;
        (found.id == *wanted).then_some((number, found))
    }

    /// The participant with this account.
    pub(crate) fn find_user(&self, user: &Aor) -> Option<(Number, &Participant)> {
        let mut all = self.roster.iter();
        let found = all.find(|(_, participant)| participant.party.user.as_ref() == Some(user));
        found.map(|(number, participant)| (*number, participant))
    }

    /// Who is being called or in at an address that is one telephone's.
    pub(crate) fn live_at(&self, address: &Address) -> Option<Number> {
        if *address == Address::Client {
            return None;
        }
        let mut all = self.live.values().copied();
        all.find(|number| {
            let one = self.roster.get(number);
            one.is_some_and(|one| one.is_at(address))
        })
    }

    /// Somebody on the roster is to be called as they are named now.
    pub(crate) fn rename(&mut self, cx: &mut Context, number: Number, party: Party) {
        if let Some(known) = self.roster.get_mut(&number) {
            let user = party.user.clone().or_else(|| known.party.user.take());
            let appointed = party.moderator;
            known.party = Party { user, ..party };
            if appointed {
                let command = cx.command.clone();
                self.make_moderator(cx, number, command);
            }
        }
    }

    /// Somebody on the roster is to be called at another place from now on.
    pub(crate) fn readdress(&mut self, number: Number, at: Destination) {
        if let Some(known) = self.roster.get_mut(&number) {
            let party = &mut known.party;
            party.address = at.address;
            party.mode = at.mode;
            party.place = at.place;
            party.guard = at.guard.unwrap_or(false);
            party.language = at.language;
        }
    }

    /// The key of a leg of this conference.
    fn key_of(&self, leg: &Leg) -> LegKey {
        LegKey {
            conference: self.id.clone(),
            leg: leg.id.clone(),
        }
    }

    /// The conference as it is now.
    pub(crate) fn snapshot(&self, now: Instant) -> Snapshot {
        Snapshot {
            conference: self.id.clone(),
            title: self.title.clone(),
            state: self.state,
            version: self.version,
            owner: id(format!("p{}", self.owner)),
            age_ms: ms_since(now, self.created),
            locked: self.locked,
            video: self.video.clone(),
            pictures_lost: self.pictures_lost,
            sound_moves: self.sound_moves,
            absent: self.absent.clone(),
            roster: self.entries(now),
        }
    }

    fn entries(&self, now: Instant) -> Vec<RosterEntry> {
        let hands = self.hands.places();
        let entry = |(number, one): (&Number, &Participant)| {
            let hand = hands.get(number);
            RosterEntry {
                hand: hand.map(|hand| hand.place),
                hand_ms: hand.map(|hand| ms_since(now, hand.since)),
                ..one.entry(now)
            }
        };
        self.roster.iter().map(entry).collect()
    }

    /// What was reported after a version.
    pub(crate) fn changes(&self, since: Option<u64>) -> Changes {
        let Some(since) = since else {
            return Changes::NotAsked;
        };
        let Some(missing) = self.version.checked_sub(since) else {
            return Changes::TooOld;
        };
        match usize::try_from(missing) {
            Ok(missing) if missing <= self.reports.len() => {
                let known = self.reports.len() - missing;
                Changes::Since(self.reports.iter().skip(known).cloned().collect())
            }
            _ => Changes::TooOld,
        }
    }

    /// Numbers a change and gives it out.
    fn report(
        &mut self,
        cx: &mut Context,
        number: Option<Number>,
        change: Change,
        command: Option<CommandId>,
    ) {
        let whom = number.and_then(|number| self.roster.get(&number));
        let whom = whom.map(Participant::reference);
        self.report_of(cx, whom, change, command);
    }

    fn report_of(
        &mut self,
        cx: &mut Context,
        participant: Option<ParticipantRef>,
        change: Change,
        command: Option<CommandId>,
    ) {
        self.version += 1;
        let report = Report {
            conference: self.id.clone(),
            version: self.version,
            participant,
            change,
            command,
        };
        if self.reports.len() == REPORTS_KEPT {
            self.reports.pop_front();
        }
        self.reports.push_back(report.clone());
        cx.report(report);
    }
}

impl Participant {
    /// As reports name them.
    pub(crate) fn reference(&self) -> ParticipantRef {
        ParticipantRef {
            id: self.id.clone(),
            name: self.party.name.clone(),
            user: self.party.user.as_ref().map(Aor::to_string),
            place: self.party.place.clone(),
            role: self.role,
        }
    }

    fn entry(&self, now: Instant) -> RosterEntry {
        RosterEntry {
            participant: self.reference(),
            muted: self.muted.is_muted(),
            muted_by: self.muted.by(),
            hidden: self.hidden,
            talking: self.talking,
            silent: self.silent,
            hand: None,
            hand_ms: None,
            leg: self.leg.view(self.party.mode, now),
            moving: self.moving_view(now),
            pictures: Vec::new(),
        }
    }

    /// Talks so that the others can hear it.
    fn is_heard(&self) -> bool {
        self.leg.talking && !self.muted.is_muted() && !self.leg.stage.is_over()
    }
}

impl Leg {
    fn view(&self, mode: Mode, now: Instant) -> LegView {
        LegView {
            id: self.id.clone(),
            mode,
            state: self.stage.shown(),
            cause: self.stage.outcome().map(|how| how.cause.clone()),
            since_ms: ms_since(now, self.since),
            joined_ms: self.joined.map(|at| ms_since(now, at)),
        }
    }
}

/// The role that somebody is added with.
pub(crate) fn role_of(party: &Party) -> Role {
    if party.moderator {
        Role::Moderator
    } else {
        Role::Participant
    }
}

/// Makes an identifier of our own: a letter and a number, which every identifier's rules allow.
fn id<T: TryFrom<String, Error: std::fmt::Debug>>(text: String) -> T {
    T::try_from(text).expect("a letter and a number are a valid identifier")
}

fn ms_since(now: Instant, then: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(then).as_millis()).unwrap_or(u64::MAX)
}

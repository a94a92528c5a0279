//! A snapshot brought forward by reports: what a client's board, and the service's memory of ended conferences, are made of.

use convoke_types::limits::MOVE_TOLD_MS;
use convoke_types::report::{Change, ParticipantRef, Report};
use convoke_types::{ConferenceId, LegState};

use crate::model::{ConferenceState, LegSnapshot, MovingSnapshot, ParticipantSnapshot, Snapshot};
use crate::time::UtcMillis;

/// What `Snapshot::apply` did with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The snapshot is now at the report's version.
    New,
    /// The snapshot had it already; nothing changed.
    Known,
    /// Reports are missing in between: ask `get` with the snapshot's version. Nothing changed.
    Gap,
}

impl Snapshot {
    /// A conference before its first report.
    pub fn begin(id: ConferenceId, title: String) -> Self {
        Self {
            id,
            title,
            state: ConferenceState::Starting,
            locked: false,
            video: None,
            pictures_lost: false,
            sound_moves: 0,
            absent: Vec::new(),
            version: 0,
            count: 0,
            first: 0,
            participants: Vec::new(),
        }
    }

    /// Brings the snapshot to the report's version. `at` is the time of day of the change, as far as known.
    pub fn apply(&mut self, report: &Report, at: UtcMillis) -> Applied {
        if report.version <= self.version {
            return Applied::Known;
        }
        if report.version > self.version + 1 {
            return Applied::Gap;
        }
        self.version = report.version;
        for one in &mut self.participants {
            // It was told.
            one.moving.take_if(|moving| {
                let age_ms = at.0.saturating_sub(moving.leg.since.0);
                moving.leg.state.is_end() && age_ms >= MOVE_TOLD_MS
            });
        }
        if let Some(whom) = &report.participant {
            self.apply_to(whom, &report.change, at);
        }
        match &report.change {
            Change::Ended { .. } => self.state = ConferenceState::Ended,
            Change::Locked { on } => self.locked = *on,
            Change::Pictures { video, .. } => {
                self.pictures_lost = video.is_none();
                self.video = video.clone().or(self.video.take());
            }
            Change::Sound { .. } => self.sound_moves = self.sound_moves.saturating_add(1),
            Change::Hand { on } => self.move_hands(report.participant.as_ref(), *on, at),
            _ => {}
        }
        self.count = u32::try_from(self.participants.len()).unwrap_or(u32::MAX);
        Applied::New
    }

    /// A hand goes to the end of the queue, or leaves it and all behind it move up.
    fn move_hands(&mut self, whose: Option<&ParticipantRef>, up: bool, at: UtcMillis) {
        let last = self.participants.iter().filter_map(|one| one.hand).max();
        let mut left = None;
        for one in &mut self.participants {
            if whose.is_some_and(|whose| whose.id == one.id) {
                left = one.hand;
                one.hand = up.then(|| left.unwrap_or(last.unwrap_or(0).saturating_add(1)));
                one.hand_since = up.then(|| one.hand_since.unwrap_or(at));
            }
        }
        for one in self.participants.iter_mut().filter(|_| !up) {
            one.hand = one.hand.map(|place| match left {
                Some(left) if place > left => place.saturating_sub(1),
                _ => place,
            });
        }
    }

    fn apply_to(&mut self, whom: &ParticipantRef, change: &Change, at: UtcMillis) {
        if *change == Change::Removed {
            self.participants
                .retain(|participant| participant.id != whom.id);
            return;
        }
        let position = match self
            .participants
            .iter()
            .position(|participant| participant.id == whom.id)
        {
            Some(position) => position,
            None => {
                self.participants.push(ParticipantSnapshot {
                    id: whom.id.clone(),
                    name: whom.name.clone(),
                    user: None,
                    place: whom.place.clone(),
                    role: whom.role,
                    muted: false,
                    muted_by: None,
                    talking: false,
                    silent: false,
                    hidden: false,
                    hand: None,
                    hand_since: None,
                    leg: None,
                    moving: None,
                });
                self.participants.len() - 1
            }
        };
        let Some(participant) = self.participants.get_mut(position) else {
            return;
        };
        participant.name.clone_from(&whom.name);
        participant.user = whom.user.as_deref().and_then(|user| user.parse().ok());
        participant.role = whom.role;
        // Where somebody is called who is somewhere else.
        if !matches!(change, Change::Leg { moving: true, .. }) {
            participant.place.clone_from(&whom.place);
        }
        match change {
            Change::Leg {
                leg,
                state,
                cause,
                moving,
            } => {
                let leg = LegSnapshot {
                    id: leg.clone(),
                    state: *state,
                    cause: cause.clone(),
                    since: at,
                };
                if *moving {
                    // Taken back, or replaced: nothing is left to be told of it.
                    participant.moving = (*state != LegState::Left).then(|| MovingSnapshot {
                        place: whom.place.clone(),
                        leg,
                    });
                    return;
                }
                if state.is_end() {
                    participant.talking = false;
                    participant.silent = false;
                }
                let goes_on = participant.moving.take_if(|moving| moving.leg.id == leg.id);
                if goes_on.is_none() && state.is_end() {
                    participant
                        .moving
                        .take_if(|moving| moving.leg.state.is_end());
                }
                participant.leg = Some(leg);
                if *state == LegState::Joined && self.state == ConferenceState::Starting {
                    self.state = ConferenceState::Running;
                }
            }
            Change::Muted { on, by } => {
                participant.muted = *on;
                participant.muted_by = *by;
            }
            Change::Talking { on } => participant.talking = *on,
            Change::Silent { on } => participant.silent = *on,
            Change::Hidden { on } => participant.hidden = *on,
            Change::Created
            | Change::Added
            | Change::Hand { .. }
            | Change::Role
            | Change::Locked { .. }
            | Change::Pictures { .. }
            | Change::Sound { .. }
            | Change::Removed
            | Change::Ended { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convoke_types::{MutedBy, Role};

    fn report(version: u64, change: Change) -> Report {
        about("p1", version, change)
    }

    fn about(id: &str, version: u64, change: Change) -> Report {
        Report {
            conference: "c1".parse().unwrap(),
            version,
            participant: Some(ParticipantRef {
                id: id.parse().unwrap(),
                name: "Bob".into(),
                user: Some("bob@x".into()),
                place: "mobile".into(),
                role: Role::Participant,
            }),
            change,
            command: None,
        }
    }

    #[test]
    fn who_was_not_reached_elsewhere_is_told_so_for_a_minute() {
        let mut board = Snapshot::begin("c1".parse().unwrap(), "Plan".into());
        let leg = |leg: &str, state, moving| Change::Leg {
            leg: leg.parse().unwrap(),
            state,
            cause: None,
            moving,
        };
        let told = [
            (Change::Added, 5, None),
            (leg("l1", LegState::Joined, false), 6, None),
            (
                leg("l2", LegState::Ringing, true),
                7,
                Some(LegState::Ringing),
            ),
            (
                Change::Muted {
                    on: true,
                    by: Some(MutedBy::Moderator),
                },
                90_000,
                Some(LegState::Ringing),
            ),
            (
                leg("l2", LegState::Busy, true),
                100_000,
                Some(LegState::Busy),
            ),
            (
                Change::Muted {
                    on: false,
                    by: None,
                },
                159_999,
                Some(LegState::Busy),
            ),
            (Change::Talking { on: true }, 160_000, None),
        ];
        for (version, (change, at, state)) in (1..).zip(told) {
            board.apply(&report(version, change), UtcMillis(at));
            let moving = board.participants[0].moving.as_ref();
            assert_eq!(moving.map(|moving| moving.leg.state), state, "{version}");
        }
    }

    #[test]
    fn reports_bring_a_snapshot_forward_and_gaps_are_seen() {
        let mut board = Snapshot::begin("c1".parse().unwrap(), "Plan".into());
        let joined = Change::Leg {
            leg: "l1".parse().unwrap(),
            state: LegState::Joined,
            cause: None,
            moving: false,
        };
        assert_eq!(
            board.apply(&report(1, Change::Added), UtcMillis(5)),
            Applied::New
        );
        assert_eq!(
            board.apply(&report(3, joined.clone()), UtcMillis(6)),
            Applied::Gap
        );
        assert_eq!(board.apply(&report(2, joined), UtcMillis(7)), Applied::New);
        assert_eq!(
            board.apply(&report(2, Change::Removed), UtcMillis(8)),
            Applied::Known
        );
        assert_eq!(
            (board.state, board.version, board.count),
            (ConferenceState::Running, 2, 1)
        );
        let bob = &board.participants[0];
        assert_eq!(
            bob.leg.as_ref().map(|leg| (leg.state, leg.since)),
            Some((LegState::Joined, UtcMillis(7)))
        );
        board.apply(&report(3, Change::Removed), UtcMillis(9));
        assert!(board.participants.is_empty());
    }

    #[test]
    fn the_queue_of_hands_moves_up() {
        let mut board = Snapshot::begin("c1".parse().unwrap(), String::new());
        let hand = |on| Change::Hand { on };
        let mut version = 0;
        let mut tell = |board: &mut Snapshot, id: &str, change: Change| {
            version += 1;
            let applied = board.apply(&about(id, version, change), UtcMillis(version));
            assert_eq!(applied, Applied::New);
        };
        for id in ["p1", "p2", "p3"] {
            tell(&mut board, id, Change::Added);
            tell(&mut board, id, hand(true));
        }
        let places = |board: &Snapshot| -> Vec<Option<u32>> {
            board.participants.iter().map(|one| one.hand).collect()
        };
        assert_eq!(places(&board), [Some(1), Some(2), Some(3)]);
        assert_eq!(board.participants[1].hand_since, Some(UtcMillis(4)));
        tell(&mut board, "p1", hand(false));
        assert_eq!(places(&board), [None, Some(1), Some(2)]);
        tell(&mut board, "p1", hand(true));
        assert_eq!(places(&board), [Some(3), Some(1), Some(2)]);
        tell(&mut board, "p2", hand(false));
        assert_eq!(places(&board), [Some(2), None, Some(1)]);
        assert_eq!(board.participants[1].hand_since, None);
        tell(&mut board, "p1", Change::Locked { on: true });
        assert!(board.locked);
    }

    #[test]
    fn pictures_move_and_are_lost_and_where_they_were_is_remembered() {
        let mut board = Snapshot::begin("c1".parse().unwrap(), String::new());
        let pictures = |video: Option<&str>| Change::Pictures {
            video: video.map(|name| name.parse().unwrap()),
            words: String::new(),
        };
        for (version, video, shown) in [
            (1, Some("two"), ("two", false)),
            (2, None, ("two", true)),
            (3, Some("one"), ("one", false)),
        ] {
            board.apply(&report(version, pictures(video)), UtcMillis(version));
            let at = board.video.as_ref().map_or("", |name| name.as_str());
            assert_eq!((at, board.pictures_lost), shown);
        }
    }
}

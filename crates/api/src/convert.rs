//! From the focus's types to those of the SOAP schema. The focus counts spans, the schema carries times of day.

use conference_core as core;
use convoke_types::{Fault, FaultCode};
use soap_proto::{self as soap, UtcMillis};

/// A snapshot as the schema has it. `wall_ms` is the time of day at which the snapshot was made.
pub(crate) fn snapshot(of: &core::Snapshot, wall_ms: u64) -> soap::Snapshot {
    let participants = of
        .roster
        .iter()
        .map(|entry| soap::ParticipantSnapshot {
            id: entry.participant.id.clone(),
            name: entry.participant.name.clone(),
            user: entry
                .participant
                .user
                .as_deref()
                .and_then(|user| user.parse().ok()),
            place: entry.participant.place.clone(),
            role: entry.participant.role,
            muted: entry.muted,
            muted_by: entry.muted_by,
            talking: entry.talking,
            silent: entry.silent,
            hidden: entry.hidden,
            hand: entry.hand,
            hand_since: entry
                .hand_ms
                .map(|ms| UtcMillis(wall_ms.saturating_sub(ms))),
            leg: Some(leg(&entry.leg, wall_ms)),
            moving: entry.moving.as_ref().map(|moving| soap::MovingSnapshot {
                place: moving.place.clone(),
                leg: leg(&moving.leg, wall_ms),
            }),
        })
        .collect();
    soap::Snapshot {
        id: of.conference.clone(),
        title: of.title.clone(),
        state: state(of.state),
        locked: of.locked,
        video: of.video.clone(),
        pictures_lost: of.pictures_lost,
        sound_moves: of.sound_moves,
        absent: of.absent.clone(),
        version: of.version,
        count: u32::try_from(of.roster.len()).unwrap_or(u32::MAX),
        first: 0,
        participants,
    }
}

fn leg(of: &core::LegView, wall_ms: u64) -> soap::LegSnapshot {
    soap::LegSnapshot {
        id: of.id.clone(),
        state: of.state,
        cause: of.cause.clone(),
        since: UtcMillis(wall_ms.saturating_sub(of.since_ms)),
    }
}

fn state(state: core::ConferenceState) -> soap::ConferenceState {
    match state {
        core::ConferenceState::Starting => soap::ConferenceState::Starting,
        core::ConferenceState::Running => soap::ConferenceState::Running,
        core::ConferenceState::Ending => soap::ConferenceState::Ending,
        core::ConferenceState::Ended => soap::ConferenceState::Ended,
    }
}

/// What a request wants different from the usual policy.
pub(crate) fn policy(asked: Option<soap::Policy>) -> core::PolicyOverrides {
    let asked = asked.unwrap_or_default();
    core::PolicyOverrides {
        call_all_at_once: asked.call_all_at_once,
        on_owner_left: asked.on_owner_left.map(|what| match what {
            soap::OnOwnerLeft::End => core::OnOwnerLeft::End,
            soap::OnOwnerLeft::HandOver => core::OnOwnerLeft::HandOver,
        }),
        ..core::PolicyOverrides::default()
    }
}

/// An operation that names people only by their ids, which needs nothing to be found out; `None` for the others.
pub(crate) fn plain(asked: &soap::Operation) -> Option<core::Operation> {
    macro_rules! of {
        ($($operation:ident { $($field:ident),+ }),+ $(,)?) => {
            match asked {
                $(soap::Operation::$operation { $($field),+ } => Some(core::Operation::$operation {
                    $($field: $field.clone()),+
                }),)+
                soap::Operation::Get { conference, since, .. } => Some(core::Operation::Get {
                    conference: conference.clone(),
                    since: *since,
                }),
                soap::Operation::Create(_)
                | soap::Operation::Add { .. }
                | soap::Operation::Call { .. }
                | soap::Operation::List => None,
            }
        };
    }
    of!(
        Disconnect {
            conference,
            participant
        },
        Remove {
            conference,
            participant
        },
        Mute {
            conference,
            participant
        },
        Unmute {
            conference,
            participant
        },
        Hide {
            conference,
            participant
        },
        Unhide {
            conference,
            participant
        },
        RaiseHand {
            conference,
            participant
        },
        LowerHand {
            conference,
            participant
        },
        GiveFloor {
            conference,
            participant
        },
        Lock { conference },
        Unlock { conference },
        MakeModerator {
            conference,
            participant
        },
        HandOver {
            conference,
            participant
        },
        MuteAll { conference },
        UnmuteAll { conference },
        DisconnectAll { conference },
        Decline {
            conference,
            participant,
            words
        },
        End { conference },
        Pictures {
            conference,
            video,
            words
        },
    )
}

/// The answer of a good reply.
pub(crate) fn answer(
    operation: soap::OperationName,
    reply: &core::Reply,
    wall_ms: u64,
) -> soap::Answer {
    let conference = snapshot(&reply.snapshot, wall_ms);
    match operation {
        soap::OperationName::Get => soap::Answer::Get {
            conference,
            reports: match &reply.changes {
                core::Changes::Since(reports) => reports.clone(),
                core::Changes::NotAsked | core::Changes::TooOld => Vec::new(),
            },
        },
        _ => soap::Answer::Done {
            operation,
            conference,
        },
    }
}

/// The answer without the participants that a `get` skips: those who read a large roster in pages have them already.
pub(crate) fn paged(mut answer: soap::Answer, asked: &soap::Operation) -> soap::Answer {
    if let soap::Operation::Get {
        first: Some(first), ..
    } = asked
        && let soap::Answer::Get { conference, .. } = &mut answer
    {
        let skipped = usize::try_from(*first)
            .unwrap_or(usize::MAX)
            .min(conference.participants.len());
        conference.participants.drain(..skipped);
        conference.first = u32::try_from(skipped).unwrap_or(u32::MAX);
    }
    answer
}

/// Whether a fault comes from the moment and not from the command: it is not remembered, a repeat is tried anew.
pub(crate) fn is_passing(fault: &Fault) -> bool {
    matches!(
        fault.code,
        FaultCode::Overloaded | FaultCode::ShuttingDown | FaultCode::Internal | FaultCode::Expired
    )
}

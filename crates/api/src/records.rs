//! Call detail records: opened when a telephone is dialled, so that a crash leaves a record to close, and completed at the
//! leg's end. A record that cannot be stored is said in the log; the conference goes on.

use std::collections::HashMap;
use std::time::Instant;

use conference_core as core;
use convoke_types::bridge::BridgeCommand;
use convoke_types::report::{Change, ParticipantRef, Report};
use convoke_types::{Address, LegKey, LegState, Mode, ModeSource};
use runtime::clock;
use store::{ConferenceRecord, LegRecord, LegTimes, PersonMode, Store, UnixMs};

use std::sync::Arc;

use crate::history::History;

/// Writes records as the sequencer goes along.
pub(crate) struct Records {
    store: Store,
    history: Arc<History>,
    /// Whose leg each open leg is, and when it rang: what dial commands and core records do not say.
    open: HashMap<LegKey, Open>,
}

struct Open {
    whom: ParticipantRef,
    created: UnixMs,
    ringing: Option<UnixMs>,
}

impl Records {
    pub fn new(store: Store, history: Arc<History>) -> Self {
        Self {
            store,
            history,
            open: HashMap::new(),
        }
    }

    /// Follows the reports: conferences begin and end, legs ring, people are taken off the roster.
    pub async fn see(&mut self, report: &Report) {
        let at = now();
        match &report.change {
            Change::Created => self.conference(report, None).await,
            Change::Ended { cause } => self.conference(report, Some((at, cause.clone()))).await,
            Change::Leg { leg, state, .. } => {
                let key = LegKey {
                    conference: report.conference.clone(),
                    leg: leg.clone(),
                };
                match (state, &report.participant) {
                    (LegState::Queued, Some(whom)) => {
                        self.open.insert(
                            key,
                            Open {
                                whom: whom.clone(),
                                created: at,
                                ringing: None,
                            },
                        );
                    }
                    (LegState::Ringing, _) => {
                        if let Some(open) = self.open.get_mut(&key) {
                            open.ringing = Some(at);
                        }
                    }
                    _ => {}
                }
            }
            Change::Added
            | Change::Muted { .. }
            | Change::Talking { .. }
            | Change::Silent { .. }
            | Change::Hidden { .. }
            | Change::Hand { .. }
            | Change::Role
            | Change::Locked { .. }
            | Change::Pictures { .. }
            | Change::Sound { .. } => {}
            Change::Removed => {
                if let Some(whom) = &report.participant {
                    let conference = &report.conference;
                    said(self.store.mark_removed(conference, &whom.id).await);
                }
            }
        }
    }

    async fn conference(
        &self,
        report: &Report,
        ended: Option<(UnixMs, convoke_types::report::ConferenceEnd)>,
    ) {
        let Some((owner, title, created_at)) = self.history.heading(&report.conference) else {
            return;
        };
        let record = ConferenceRecord {
            id: report.conference.clone(),
            owner,
            title,
            created_at,
            ended,
        };
        said(self.store.save_conference(record).await);
    }

    /// A telephone is dialled, or a client that called in is admitted: opens its record.
    pub async fn placed(&self, command: &BridgeCommand) {
        let (leg, to, trunk) = match command {
            BridgeCommand::Dial { leg, to, trunk, .. } => (leg, to, trunk.clone()),
            BridgeCommand::Admit { leg, .. } => (leg, &Address::Client, None),
            BridgeCommand::Release { .. }
            | BridgeCommand::Mute { .. }
            | BridgeCommand::Announce { .. }
            | BridgeCommand::Refuse { .. }
            | BridgeCommand::Close { .. } => return,
        };
        let Some(open) = self.open.get(leg) else {
            return;
        };
        let record = LegRecord {
            key: leg.clone(),
            participant: open.whom.id.clone(),
            name: open.whom.name.clone(),
            user: open.whom.user.as_deref().and_then(|user| user.parse().ok()),
            place: open.whom.place.clone(),
            address: to.to_string(),
            trunk,
            state: LegState::Dialling,
            times: LegTimes {
                created: open.created,
                dialled: Some(now()),
                ..LegTimes::default()
            },
            ended: None,
            stats: convoke_types::media::StreamStats::default(),
        };
        said(self.store.save_leg(record).await);
    }

    /// A leg is over: completes its record.
    pub async fn leg(&mut self, record: core::LegRecord) {
        let key = LegKey {
            conference: record.conference.clone(),
            leg: record.leg.clone(),
        };
        let ringing = self.open.remove(&key).and_then(|open| open.ringing);
        self.note_mode(&record).await;
        let completed = LegRecord {
            key,
            participant: record.participant,
            name: record.name,
            user: record.user,
            place: record.place,
            address: record.whom.to_string(),
            trunk: record.trunk,
            state: record.state,
            times: LegTimes {
                created: wall_of(record.queued),
                dialled: record.dialled.map(wall_of),
                ringing,
                answered: record.answered.map(wall_of),
                joined: record.joined.map(wall_of),
            },
            ended: Some((wall_of(record.ended), record.cause)),
            stats: convoke_types::media::StreamStats::default(),
        };
        said(self.store.save_leg(completed).await);
    }
}

impl Records {
    /// Who was in a conference can take part so again (requirement V7).
    async fn note_mode(&self, record: &core::LegRecord) {
        let (Some(user), Some(joined)) = (&record.user, record.joined) else {
            return;
        };
        let mode = PersonMode {
            mode: record.mode,
            address: match &record.whom {
                Address::Client => String::new(),
                Address::Number(_) | Address::Sip(_) => record.whom.to_string(),
            },
            place: String::new(),
            source: ModeSource::Conference,
            // Of clients their registrations tell.
            video: matches!(record.mode, Mode::Computer | Mode::Sip),
            last_seen: wall_of(joined),
        };
        said(self.store.note_mode(user, mode).await);
    }
}

fn said(stored: Result<(), store::StoreError>) {
    if let Err(error) = stored {
        tracing::error!(%error, "a record could not be stored");
    }
}

fn now() -> UnixMs {
    clock::unix_ms(clock::wall())
}

/// The time of day of a moment of the monotonic clock.
fn wall_of(at: Instant) -> UnixMs {
    let ago = clock::now().saturating_duration_since(at);
    now().saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))
}

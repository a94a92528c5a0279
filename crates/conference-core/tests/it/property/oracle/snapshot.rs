//! A snapshot says what the reports before it said.

use std::time::Instant;

use conference_core::{Changes, Reply};

use super::{MOVE_TOLD, Oracle, SeenLeg, Verdict};

impl Oracle {
    pub(super) fn snapshot(&self, now: Instant, reply: &Reply) -> Verdict {
        let snapshot = &reply.snapshot;
        let Some(seen) = self.conferences.get(snapshot.conference.as_str()) else {
            return Err("a snapshot of an unknown conference".to_owned());
        };
        let version = u64::try_from(seen.log.len()).unwrap();
        hold!(
            snapshot.version == version,
            "version {} of {version}",
            snapshot.version
        );
        let ids = snapshot
            .roster
            .iter()
            .map(|entry| entry.participant.id.to_string());
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        hold!(
            snapshot.locked == seen.locked,
            "shown locked {}",
            snapshot.locked
        );
        // A removed owner stays in the last snapshot, since the conference ends with their removal.
        if !seen.ended {
            let known: Vec<String> = seen.roster.keys().cloned().collect();
            hold!(ids == known, "roster {ids:?}, told {known:?}");
        }
        for entry in &snapshot.roster {
            let id = entry.participant.id.as_str();
            let Some(known) = seen.roster.get(id) else {
                continue;
            };
            hold!(entry.muted == known.muted, "{id} muted {}", entry.muted);
            let by = entry.muted_by;
            hold!(by == known.muted_by, "{id} muted by {by:?}");
            hold!(
                entry.talking == known.talking,
                "{id} talking {}",
                entry.talking
            );
            hold!(entry.silent == known.silent, "{id} silent {}", entry.silent);
            let place = seen.hands.iter().position(|whose| whose == id);
            let place = place.map(|place| u32::try_from(place).unwrap() + 1);
            hold!(entry.hand == place, "{id} hand {:?}", entry.hand);
            hold!(
                entry.hand.is_some() == entry.hand_ms.is_some(),
                "{id} hand since {:?}",
                entry.hand_ms
            );
            let role = Some(entry.participant.role);
            hold!(role == known.role, "{id} role {role:?}");
            hold!(
                entry.leg.id.as_str() == known.leg,
                "{id} has {}",
                entry.leg.id
            );
            let leg = &seen.legs[&known.leg];
            hold!(
                entry.leg.state == leg.state,
                "{id} shown {}",
                entry.leg.state
            );
            hold!(
                entry.leg.cause == leg.cause,
                "{id} shown {:?}",
                entry.leg.cause
            );
            let moving = entry.moving.as_ref();
            let moving = moving.map(|moving| (moving.leg.id.as_str(), moving.leg.state));
            // Why it came to nothing is let go after a while, and not before.
            let let_go = |leg: &SeenLeg| leg.ended.is_some_and(|at| now - at >= MOVE_TOLD);
            let told = known.moving.as_deref();
            let told = told.map(|leg| (leg, &seen.legs[leg]));
            let told = told.filter(|(_, leg)| !let_go(leg));
            let told = told.map(|(name, leg)| (name, leg.state));
            hold!(moving == told, "{id} moves {moving:?}, told {told:?}");
        }
        if let Changes::Since(changes) = &reply.changes {
            let from = seen.log.len() - changes.len();
            hold!(
                seen.log[from..] == changes[..],
                "changes that were not told so"
            );
        }
        Ok(())
    }
}

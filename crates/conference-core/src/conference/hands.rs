//! The queue of raised hands, and the floor.

use std::collections::BTreeMap;
use std::time::Instant;

use convoke_types::CommandId;
use convoke_types::media::Prompt;
use convoke_types::report::Change;

use super::{Conference, Muted, Number};
use crate::context::Context;

/// Whose hands are up, in the order in which they were raised; at most one a participant.
#[derive(Debug, Default)]
pub(super) struct Hands {
    queue: Vec<(Number, Instant)>,
}

/// One raised hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hand {
    /// Its place in the queue, from 1.
    pub(super) place: u32,
    pub(super) since: Instant,
}

impl Hands {
    pub(super) fn is_up(&self, whose: Number) -> bool {
        self.queue.iter().any(|(number, _)| *number == whose)
    }

    /// All that are up, by participant.
    pub(super) fn places(&self) -> BTreeMap<Number, Hand> {
        let hand = |(place, (whose, since)): (u32, &(Number, Instant))| {
            let since = *since;
            (*whose, Hand { place, since })
        };
        (1..).zip(&self.queue).map(hand).collect()
    }

    fn raise(&mut self, whose: Number, now: Instant) -> bool {
        let raises = !self.is_up(whose);
        if raises {
            self.queue.push((whose, now));
        }
        raises
    }

    fn lower(&mut self, whose: Number) -> bool {
        let before = self.queue.len();
        self.queue.retain(|(number, _)| *number != whose);
        self.queue.len() < before
    }
}

impl Conference {
    /// Puts somebody who is in at the end of the queue; false if they are not in.
    pub(crate) fn raise_hand(
        &mut self,
        cx: &mut Context,
        number: Number,
        command: Option<CommandId>,
    ) -> bool {
        let participant = self.roster.get(&number);
        if !participant.is_some_and(|one| one.leg.stage.is_in()) {
            return false;
        }
        if self.hands.raise(number, cx.now) {
            self.report(cx, Some(number), Change::Hand { on: true }, command);
        }
        true
    }

    /// Takes somebody out of the queue; false if they were not in it.
    pub(crate) fn lower_hand(
        &mut self,
        cx: &mut Context,
        number: Number,
        command: Option<CommandId>,
    ) -> bool {
        let lowers = self.hands.lower(number);
        if lowers {
            self.report(cx, Some(number), Change::Hand { on: false }, command);
        }
        lowers
    }

    /// Lets somebody speak. Lifts their own mute only if they asked to speak: then they know that they will be heard. On a
    /// telephone, where nothing shows it, they are told.
    pub(crate) fn give_floor(&mut self, cx: &mut Context, number: Number, command: CommandId) {
        let asked = self.lower_hand(cx, number, Some(command.clone()));
        let Some(participant) = self.roster.get(&number) else {
            return;
        };
        let before = participant.muted;
        let muted = Muted {
            by_themselves: before.by_themselves && !asked,
            by_moderator: false,
        };
        self.set_muted(cx, number, muted, Some(command));
        if before.is_muted() && !muted.is_muted() {
            self.tell_telephone(cx, number, Prompt::Unmuted);
        }
    }
}

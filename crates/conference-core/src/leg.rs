//! The one leg state machine (architecture, decision 5).
//!
//! ```text
//! waiting → ordered → dialling → ringing → answered → confirming → joined ⇄ held
//!    ╎ └───────┴──────────┴─────────┴──────────┴──────────┴───────────┴──────┴──► [releasing] ──► over
//!    └╌╌╌╌► awaited ╌╌╌╌╌►┘
//! ```
//!
//! A leg at a person's own client is not dialled but *awaited*: it shows as `dialling` or `ringing`, the bridge knows
//! nothing of it, and when the client calls in and is admitted, the leg goes on as if it had been dialled.
//! Steps forward may be left out (a bridge that places its own calls may know only *joined*), steps back are illegal.
//! *Waiting* and *ordered* (the bridge was told to dial, the INVITE is not out yet) both show as `queued`. A leg that is
//! being released shows the state it had, and what happens to it meanwhile is no longer of interest: only its end is.

use convoke_types::{Cause, LegState};

/// How a leg ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The end state.
    pub state: LegState,
    /// Why.
    pub cause: Cause,
}

/// Where a leg stands, consumed by each step.
#[derive(Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nobody has been told to dial it.
    Waiting,
    /// The person's own client is to call in; meanwhile it shows this state.
    Awaited(LegState),
    /// The bridge was told to dial.
    Ordered,
    /// The INVITE is out.
    Dialling,
    /// It rings.
    Ringing,
    /// Picked up.
    Answered,
    /// Asked to press 1.
    Confirming,
    /// In the mix.
    Joined,
    /// On hold.
    Held,
    /// The bridge was told to end it.
    Releasing {
        /// The state it had.
        shown: LegState,
        /// How it will have ended.
        outcome: Outcome,
    },
    /// Ended, for good.
    Over(Outcome),
}

/// What happens to a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The person's client is to call in; until then this state is shown.
    Await(LegState),
    /// The person's client has called, and the bridge was told to take it.
    Admit,
    /// We tell the bridge to dial.
    Order,
    /// The bridge dials.
    Dialling,
    /// It rings.
    Ringing,
    /// Picked up.
    Answered,
    /// Asked to press 1.
    Confirming,
    /// In the mix.
    Joined,
    /// On hold.
    Hold,
    /// No longer on hold.
    Resume,
    /// We want it to end like this.
    Release(Outcome),
    /// The bridge says it has ended like this.
    End(Outcome),
    /// We end it without the bridge's word (it was lost, or did not answer in time).
    GiveUp(Outcome),
}

impl Stage {
    /// The stage after a step; or, where the step is illegal, the stage as it was.
    pub fn next(self, step: Step) -> Result<Stage, Stage> {
        use Stage::{
            Answered, Awaited, Confirming, Dialling, Held, Joined, Ordered, Over, Releasing,
            Ringing, Waiting,
        };
        match (self, step) {
            (Waiting, Step::Order) => Ok(Ordered),
            (Waiting, Step::Await(shown)) => Ok(Awaited(shown)),
            (Awaited(LegState::Ringing), Step::Admit) => Ok(Ringing),
            (Waiting | Awaited(_), Step::Admit) => Ok(Dialling),
            (Ordered, Step::Dialling) => Ok(Dialling),
            (Ordered | Dialling, Step::Ringing) => Ok(Ringing),
            (Ordered | Dialling | Ringing, Step::Answered) => Ok(Answered),
            (Ordered | Dialling | Ringing | Answered, Step::Confirming) => Ok(Confirming),
            (Ordered | Dialling | Ringing | Answered | Confirming, Step::Joined) => Ok(Joined),
            (Joined, Step::Hold) => Ok(Held),
            (Held, Step::Resume) => Ok(Joined),

            (stage @ (Over(_) | Releasing { .. }), Step::Release(_)) => Err(stage),
            (Waiting | Awaited(_), Step::Release(outcome)) => Ok(Over(outcome)),
            (stage, Step::Release(outcome)) => Ok(Releasing {
                shown: stage.shown(),
                outcome,
            }),

            // What we wanted when we released it explains the end better than what the far end made of that.
            (Releasing { outcome, .. }, Step::End(_)) => Ok(Over(outcome)),
            (stage @ (Waiting | Awaited(_) | Over(_)), Step::End(_)) => Err(stage),
            (_, Step::End(outcome)) => Ok(Over(outcome)),

            (stage @ Over(_), Step::GiveUp(_)) => Err(stage),
            (_, Step::GiveUp(outcome)) => Ok(Over(outcome)),

            (
                stage,
                Step::Await(_)
                | Step::Admit
                | Step::Order
                | Step::Dialling
                | Step::Ringing
                | Step::Answered
                | Step::Confirming
                | Step::Joined
                | Step::Hold
                | Step::Resume,
            ) => Err(stage),
        }
    }

    /// The state that everybody sees.
    pub fn shown(&self) -> LegState {
        match self {
            Stage::Waiting | Stage::Ordered => LegState::Queued,
            Stage::Awaited(shown) => *shown,
            Stage::Dialling => LegState::Dialling,
            Stage::Ringing => LegState::Ringing,
            Stage::Answered => LegState::Answered,
            Stage::Confirming => LegState::Confirming,
            Stage::Joined => LegState::Joined,
            Stage::Held => LegState::Held,
            Stage::Releasing { shown, .. } => *shown,
            Stage::Over(outcome) => outcome.state,
        }
    }

    /// How it ended, if it did.
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Stage::Over(outcome) => Some(outcome),
            Stage::Waiting
            | Stage::Awaited(_)
            | Stage::Ordered
            | Stage::Dialling
            | Stage::Ringing
            | Stage::Answered
            | Stage::Confirming
            | Stage::Joined
            | Stage::Held
            | Stage::Releasing { .. } => None,
        }
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.outcome().is_some()
    }

    /// Whether it is in the mix and nobody has released it.
    pub fn is_in(&self) -> bool {
        matches!(self, Stage::Joined | Stage::Held)
    }

    /// Whether another leg can take its place: it is not over, and nobody has released it.
    pub fn is_movable(&self) -> bool {
        !matches!(self, Stage::Releasing { .. } | Stage::Over(_))
    }

    /// Whether the bridge knows of it: told to dial or to admit, and not over.
    pub fn is_placed(&self) -> bool {
        !matches!(self, Stage::Waiting | Stage::Awaited(_) | Stage::Over(_))
    }

    /// Whether the person is still being called: neither answered, nor being released, nor over.
    pub fn is_unanswered(&self) -> bool {
        match self {
            Stage::Waiting
            | Stage::Awaited(_)
            | Stage::Ordered
            | Stage::Dialling
            | Stage::Ringing => true,
            Stage::Answered
            | Stage::Confirming
            | Stage::Joined
            | Stage::Held
            | Stage::Releasing { .. }
            | Stage::Over(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convoke_types::EndReason;

    fn outcome(state: LegState) -> Outcome {
        Outcome {
            state,
            cause: Cause {
                reason: EndReason::Network,
                sip: None,
                q850: None,
                words: String::new(),
            },
        }
    }

    fn stages() -> [Stage; 12] {
        [
            Stage::Waiting,
            Stage::Awaited(LegState::Dialling),
            Stage::Awaited(LegState::Ringing),
            Stage::Ordered,
            Stage::Dialling,
            Stage::Ringing,
            Stage::Answered,
            Stage::Confirming,
            Stage::Joined,
            Stage::Held,
            Stage::Releasing {
                shown: LegState::Ringing,
                outcome: outcome(LegState::Left),
            },
            Stage::Over(outcome(LegState::Busy)),
        ]
    }

    fn letter(result: &Result<Stage, Stage>) -> char {
        match result {
            Err(_) => '.',
            Ok(Stage::Waiting) => 'w',
            Ok(Stage::Awaited(_)) => 'A',
            Ok(Stage::Ordered) => 'o',
            Ok(Stage::Dialling) => 'd',
            Ok(Stage::Ringing) => 'r',
            Ok(Stage::Answered) => 'a',
            Ok(Stage::Confirming) => 'c',
            Ok(Stage::Joined) => 'j',
            Ok(Stage::Held) => 'h',
            Ok(Stage::Releasing { .. }) => 'R',
            Ok(Stage::Over(outcome)) if outcome.state == LegState::Left => 'L',
            Ok(Stage::Over(_)) => 'X',
        }
    }

    /// A row for each stage, a column for each step; `L` is the outcome of the release, `X` another's.
    #[test]
    fn every_step_from_every_stage() {
        let rows = [
            // Await Admit Order Dialling Ringing Answered Confirming Joined Hold Resume Release End GiveUp
            // The bridge cannot end what it was never told to dial or to admit.
            ("waiting", "Ado.......L.X"),
            ("awaited, dialling", ".d........L.X"),
            ("awaited, ringing", ".r........L.X"),
            ("ordered", "...dracj..RXX"),
            ("dialling", "....racj..RXX"),
            ("ringing", ".....acj..RXX"),
            ("answered", "......cj..RXX"),
            ("confirming", ".......j..RXX"),
            ("joined", "........h.RXX"),
            ("held", ".........jRXX"),
            ("releasing", "...........LX"),
            ("over", "............."),
        ];
        let steps = [
            Step::Await(LegState::Ringing),
            Step::Admit,
            Step::Order,
            Step::Dialling,
            Step::Ringing,
            Step::Answered,
            Step::Confirming,
            Step::Joined,
            Step::Hold,
            Step::Resume,
            Step::Release(outcome(LegState::Left)),
            Step::End(outcome(LegState::Failed)),
            Step::GiveUp(outcome(LegState::Failed)),
        ];
        for (index, (name, expected)) in rows.into_iter().enumerate() {
            let came: String = steps
                .iter()
                .map(|step| letter(&stages().into_iter().nth(index).unwrap().next(step.clone())))
                .collect();
            assert_eq!(came, expected, "{name}");
        }
    }

    #[test]
    fn an_illegal_step_leaves_the_stage_as_it_was() {
        for (stage, same) in stages().into_iter().zip(stages()) {
            if let Err(left) = stage.next(Step::Order) {
                assert_eq!(left, same);
            }
        }
    }
}

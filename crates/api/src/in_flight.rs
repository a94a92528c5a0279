//! Commands whose first answer is still being made: a repeat that comes meanwhile waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use convoke_types::{Aor, CommandId, Fault, FaultCode};
use tokio::sync::watch;

use crate::role::Given;

/// Commands whose first answer is still being made.
const IN_FLIGHT_MAX: usize = 4_096;

/// What tells commands apart: ids are each person's own.
pub(crate) type Key = (CommandId, Aor);

/// All of them. Clones are one.
#[derive(Clone, Default)]
pub(crate) struct InFlight {
    commands: Arc<Mutex<HashMap<Key, Command>>>,
}

struct Command {
    fingerprint: Vec<u8>,
    answer: watch::Receiver<Option<Given>>,
}

/// How a command stands to those before it.
pub(crate) enum Entered {
    /// It is the first of its id.
    First(Place),
    /// Its twin is being answered; the answer comes here.
    Repeat(watch::Receiver<Option<Given>>),
}

/// A command's mark, taken back when it is dropped, however the command ends.
pub(crate) struct Place {
    key: Key,
    among: InFlight,
    publish: watch::Sender<Option<Given>>,
}

impl InFlight {
    /// Marks a command as being answered, or finds the answer that is being made for its twin.
    ///
    /// # Errors
    /// `command-id-reused` for another command of that id, `overloaded` when there are too many.
    pub(crate) fn enter(&self, key: &Key, fingerprint: &[u8]) -> Result<Entered, Fault> {
        let mut commands = self.lock();
        if let Some(twin) = commands.get(key) {
            return if twin.fingerprint == fingerprint {
                Ok(Entered::Repeat(twin.answer.clone()))
            } else {
                Err(reused())
            };
        }
        if commands.len() >= IN_FLIGHT_MAX {
            return Err(Fault::new(
                FaultCode::Overloaded,
                "a command in a quieter moment",
                "too many at once",
            ));
        }
        let (publish, answer) = watch::channel(None);
        let command = Command {
            fingerprint: fingerprint.to_vec(),
            answer,
        };
        commands.insert(key.clone(), command);
        Ok(Entered::First(Place {
            key: key.clone(),
            among: self.clone(),
            publish,
        }))
    }

    /// A poisoned lock only means that a task panicked while it held it; the map is valid between any two statements.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Command>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Gives the answer to the repeats that wait for it.
    pub(crate) fn answered(self, answer: Given) {
        self.publish.send_replace(Some(answer));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.among.lock().remove(&self.key);
    }
}

/// The same id, another command.
pub(crate) fn reused() -> Fault {
    Fault::new(
        FaultCode::CommandIdReused,
        "a new MessageID for a new command",
        "one used within ten minutes for another",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_panics_may_be_asked_again() {
        let in_flight = InFlight::default();
        let key: Key = (
            "c-1".parse().unwrap(),
            Aor::new("alice", "example.org").unwrap(),
        );
        let Ok(Entered::First(place)) = in_flight.enter(&key, b"create") else {
            panic!("expected the first of its id");
        };
        let Ok(Entered::Repeat(mut answer)) = in_flight.enter(&key, b"create") else {
            panic!("expected a repeat");
        };
        let tasks = runtime::tasks::Tasks::new(runtime::tasks::Shutdown::new());
        tasks.spawn("command", async move {
            let _place = place;
            panic!("a fault of ours");
        });
        assert!(answer.wait_for(Option::is_some).await.is_err());
        assert!(matches!(
            in_flight.enter(&key, b"create"),
            Ok(Entered::First(_))
        ));
    }

    #[test]
    fn a_repeat_hears_the_answer_that_came_while_it_waited() {
        let in_flight = InFlight::default();
        let key: Key = (
            "c-1".parse().unwrap(),
            Aor::new("alice", "example.org").unwrap(),
        );
        let Ok(Entered::First(place)) = in_flight.enter(&key, b"create") else {
            panic!("expected the first of its id");
        };
        let Ok(Entered::Repeat(answer)) = in_flight.enter(&key, b"create") else {
            panic!("expected a repeat");
        };
        assert_eq!(
            in_flight.enter(&key, b"end").err().map(|fault| fault.code),
            Some(FaultCode::CommandIdReused)
        );
        place.answered(Given {
            envelope: "done".into(),
            is_fault: false,
        });
        assert!(
            answer
                .borrow()
                .as_ref()
                .is_some_and(|given| !given.is_fault)
        );
        assert!(in_flight.lock().is_empty());
    }
}

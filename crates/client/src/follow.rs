//! One conference as its reports build it up. Pure: [`ConferenceClient`](crate::ConferenceClient) asks for what is missing.

use convoke_types::report::{Change, ConferenceEnd, Report};
use soap_proto::{Applied, ConferenceState, Snapshot, UtcMillis};

/// A conference that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    snapshot: Snapshot,
    /// The newest version that we know there is.
    announced: u64,
    ended: Option<ConferenceEnd>,
}

impl Followed {
    /// From its first report on, so that every change is seen; `answer` is that of the `create`.
    pub fn begin(answer: &Snapshot) -> Self {
        Self {
            snapshot: Snapshot::begin(answer.id.clone(), answer.title.clone()),
            announced: answer.version,
            ended: None,
        }
    }

    /// From a state on: only what comes after it is seen.
    pub fn resume(snapshot: Snapshot) -> Self {
        Self {
            announced: snapshot.version,
            snapshot,
            ended: None,
        }
    }

    /// The conference as far as the reports have come.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Why it ended, once it has.
    pub fn ended(&self) -> Option<&ConferenceEnd> {
        self.ended.as_ref()
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.ended.is_some() || self.snapshot.state == ConferenceState::Ended
    }

    /// Whether there are reports that we have not seen.
    pub fn is_behind(&self) -> bool {
        self.announced > self.snapshot.version
    }

    /// Takes a report that came at this time of day. Reports of other conferences are [`Applied::Known`].
    pub fn report(&mut self, report: &Report, at: UtcMillis) -> Applied {
        if report.conference != self.snapshot.id {
            return Applied::Known;
        }
        self.announced = self.announced.max(report.version);
        let applied = self.snapshot.apply(report, at);
        if applied == Applied::New
            && let Change::Ended { cause } = &report.change
        {
            self.ended = Some(cause.clone());
        }
        applied
    }

    /// An answer told this state: it is known that there is so much to be seen.
    pub fn heard_of(&mut self, snapshot: &Snapshot) {
        if snapshot.id == self.snapshot.id {
            self.announced = self.announced.max(snapshot.version);
        }
    }

    /// Takes a whole state in place of reports that can no longer be had.
    pub fn adopt(&mut self, snapshot: Snapshot) {
        if snapshot.id == self.snapshot.id && snapshot.version > self.snapshot.version {
            self.announced = self.announced.max(snapshot.version);
            self.snapshot = snapshot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convoke_types::report::ConferenceEndReason;

    fn report(version: u64, change: Change) -> Report {
        Report {
            conference: "c1".parse().unwrap(),
            version,
            participant: None,
            change,
            command: None,
        }
    }

    #[test]
    fn a_gap_is_seen_and_the_end_is_kept() {
        let mut answer = Snapshot::begin("c1".parse().unwrap(), "Plan".into());
        answer.version = 2;
        let mut followed = Followed::begin(&answer);
        assert!(followed.is_behind(), "two reports are still to come");
        let at = UtcMillis(1);
        assert_eq!(
            followed.report(&report(1, Change::Created), at),
            Applied::New
        );
        let cause = ConferenceEnd {
            reason: ConferenceEndReason::Empty,
            words: "everybody left".into(),
        };
        let ended = report(
            3,
            Change::Ended {
                cause: cause.clone(),
            },
        );
        assert_eq!(followed.report(&ended, at), Applied::Gap);
        assert!(!followed.is_over());
        assert_eq!(followed.report(&report(2, Change::Added), at), Applied::New);
        assert_eq!(followed.report(&ended, at), Applied::New);
        assert_eq!(followed.ended(), Some(&cause));
        assert!(followed.is_over() && !followed.is_behind());
    }

    #[test]
    fn a_newer_state_is_adopted_and_an_older_one_is_not() {
        let mut state = Snapshot::begin("c1".parse().unwrap(), String::new());
        state.version = 5;
        let mut followed = Followed::resume(state.clone());
        state.version = 4;
        state.title = "old".into();
        followed.adopt(state.clone());
        assert_eq!(followed.snapshot().title, "");
        state.version = 6;
        state.title = "new".into();
        followed.heard_of(&state);
        assert!(followed.is_behind());
        followed.adopt(state);
        assert_eq!(
            (followed.snapshot().title.as_str(), followed.is_behind()),
            ("new", false)
        );
    }
}
